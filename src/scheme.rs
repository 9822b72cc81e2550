//! How a party signs, as data, and the one pipeline: `Scheme` reads a `Claim`, the claim is proven, `Verified` follows.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::claims::{ClaimName, Claims};
use crate::content::{Content, check_json_fields, read_json};
use crate::coverage::{Aspect, Coverage, ReplayClass};
use crate::digest::{self, ContentDigest};
use crate::error::{Code, Error, Result};
use crate::grammar::Grammar;
use crate::json::{Canonical, Form as JsonForm};
use crate::mac::{Hash, KeyRing, Signer};
use crate::message_signature::{self as message, Covered, Policy, SignatureInput};
use crate::request::{FieldName, Fields, Request, check_length, check_method, own_origin};
use crate::target::{Origin, Target};
use crate::template::{SignatureBase, Source, Template};

/// Octets of a field of ours.
const LONGEST_FIELD: usize = 8 * 1024;
/// Seconds for which a replay key outlives its message: clocks of several hosts differ.
const REPLAY_MARGIN: i64 = 60;

/// How a party signs.
pub struct Scheme {
    name: String,
    pub(crate) hash: Hash,
    pub(crate) form: Form,
    pub(crate) coverage: Coverage,
    empty_body: bool,
}

pub(crate) enum Form {
    Template { base: Template, fields: Vec<OwnField> },
    Message { policy: Policy, input: FieldName, signature: FieldName, digest: FieldName },
}

pub(crate) struct OwnField {
    pub(crate) name: FieldName,
    pub(crate) written: String,
    pub(crate) grammar: Grammar,
}

/// What a request is read with: the service's own choices.
#[derive(Clone, Copy)]
pub struct Terms {
    /// Unix milliseconds.
    pub now: i64,
    /// Seconds, either way.
    pub max_age: i64,
    /// Octets.
    pub body_limit: u64,
}

/// What a request says of itself, unproven.
pub struct Claim {
    claims: Claims,
    base: SignatureBase,
    /// Where the message itself lists what it covers.
    components: Option<Vec<Covered>>,
    digest: Option<ContentDigest>,
    query_is_empty: bool,
    /// Whether the fields let a body be read as JSON, where the scheme does.
    is_json: Result<()>,
    max_age: i64,
}

impl Scheme {
    /// A scheme made of templates. `accept`: the weaknesses the user takes, exactly; None: another party's facts.
    pub fn template(
        name: String,
        hash: Hash,
        base: &str,
        fields: Vec<(String, Grammar)>,
        accept: Option<&BTreeSet<String>>,
        empty_body: bool,
    ) -> Result<Self> {
        let base = Template::parse_base(base)?;
        let fields = fields
            .into_iter()
            .map(|(written, grammar)| Ok(OwnField { name: FieldName::parse(&written)?, written, grammar }))
            .collect::<Result<Vec<_>>>()?;
        let holes: Vec<&Source> = fields
            .iter()
            .flat_map(|field| field.grammar.templates())
            .flat_map(Template::holes)
            .map(|hole| &hole.source)
            .collect();
        if !holes.contains(&&Source::Signature) {
            return Err(Error::configuration("fields: no field has a {signature:…}"));
        }
        for hole in base.holes() {
            if matches!(hole.source, Source::Claim(_)) && !holes.contains(&&hole.source) {
                return Err(Error::configuration("base: a claim that no field carries"));
            }
        }
        for hole in &holes {
            // What is shown as proven must be signed; of the key id the ring is the proof.
            let signed = base.holes().any(|part| part.source == **hole);
            if !signed && matches!(hole, Source::Claim(name) if *name != ClaimName::KeyId) {
                return Err(Error::configuration("fields: a claim that the base does not sign"));
            }
        }
        let coverage = Coverage::of_template(&base, hash);
        let scheme = Self { name, hash, form: Form::Template { base, fields }, coverage, empty_body };
        scheme.check_accepted(accept)?;
        Ok(scheme)
    }

    /// HTTP Message Signatures (RFC 9421) with hmac-sha256.
    pub fn message(
        name: String,
        components: &[String],
        label: String,
        tag: Option<String>,
        accept: Option<&BTreeSet<String>>,
    ) -> Result<Self> {
        let components = components
            .iter()
            .map(|name| {
                Covered::parse(name)
                    .ok_or_else(|| Error::configuration(format!("components: unknown component {name:?}")))
            })
            .collect::<Result<Vec<_>>>()?;
        let starts = label.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        if !starts
            || !label
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.*".contains(&octet))
        {
            return Err(Error::configuration(format!("label: not a key of a structured field: {label:?}")));
        }
        let coverage = Coverage::of_components(&components);
        let form = Form::Message {
            policy: Policy { components, label, tag },
            input: FieldName::parse(message::INPUT)?,
            signature: FieldName::parse(message::SIGNATURE)?,
            digest: FieldName::parse(digest::FIELD)?,
        };
        let scheme = Self { name, hash: Hash::Sha256, form, coverage, empty_body: false };
        scheme.check_accepted(accept)?;
        Ok(scheme)
    }

    /// The scheme's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What a signature covers.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The fields that carry it.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        match &self.form {
            Form::Template { fields, .. } => fields.iter().map(|field| field.written.as_str()).collect(),
            Form::Message { .. } => vec![message::INPUT, message::SIGNATURE],
        }
    }

    /// Whether the signature carries a key id.
    #[must_use]
    pub fn names_key(&self) -> bool {
        match &self.form {
            Form::Template { fields, .. } => fields
                .iter()
                .flat_map(|field| field.grammar.templates())
                .flat_map(Template::holes)
                .any(|hole| hole.source == Source::Claim(ClaimName::KeyId)),
            Form::Message { .. } => true,
        }
    }

    fn check_accepted(&self, accept: Option<&BTreeSet<String>>) -> Result<()> {
        let weaknesses = self.coverage.weaknesses();
        match accept {
            Some(accepted) if !accepted.iter().map(String::as_str).eq(weaknesses.iter().copied()) => {
                let list = weaknesses.into_iter().collect::<Vec<_>>().join(", ");
                Err(Error::configuration(format!("accept_weaknesses: this scheme has exactly these: {list}")))
            }
            _ => Ok(()),
        }
    }

    /// Reads what a request says of itself, and refuses what needs no key to be refused.
    ///
    /// `origins`: the service's own; `named`: the origin that the request object states, where it does.
    pub fn claim(
        &self,
        method: &[u8],
        target: Result<&Target>,
        fields: &dyn Fields,
        origins: &[Origin],
        named: Option<&Origin>,
        terms: Terms,
    ) -> Result<Claim> {
        let (claims, input) = self.read(fields)?;
        claims.check_window(terms.now, terms.max_age)?;
        check_length(fields, terms.body_limit)?;
        check_method(method)?;
        let target = target?;
        let origin = own_origin(fields, origins, named)?;
        let request = Request { method, target, fields, origin };
        let query_is_empty = target.query().is_empty();
        let mut claim = Claim {
            claims,
            base: SignatureBase::default(),
            components: None,
            digest: None,
            query_is_empty,
            is_json: self.body_form().map_or(Ok(()), |_| check_json_fields(fields)),
            max_age: terms.max_age,
        };
        match (&self.form, input) {
            (Form::Template { base, .. }, _) => {
                claim.base = base.render(&request, &claim.claims)?;
                claim.check_query(self.coverage.has(Aspect::Query))?;
            }
            (Form::Message { policy, digest, .. }, Some(input)) => {
                input.check_coverage(policy)?;
                let covers_query = input.components.iter().any(|component| match component {
                    Covered::Derived(derived) => derived.names_query(),
                    Covered::Field(_) => false,
                });
                claim.check_query(covers_query)?;
                claim.base = input.signature_base(&request)?;
                if input.components.iter().any(Covered::is_digest) {
                    let field = own_field(fields, digest)?;
                    claim.digest = field.as_deref().map(ContentDigest::parse).transpose()?;
                }
                claim.components = Some(input.components);
            }
            (Form::Message { .. }, None) => unreachable!("a message signature is read with its input"),
        }
        Ok(claim)
    }

    fn read(&self, fields: &dyn Fields) -> Result<(Claims, Option<SignatureInput>)> {
        match &self.form {
            Form::Template { fields: own, .. } => {
                let mut claims = Claims::default();
                for field in own {
                    field.grammar.read(&required(fields, &field.name)?, self.hash, &mut claims)?;
                }
                if claims.signatures.is_empty() {
                    return Err(Error::malformed("no signature of the right form and size"));
                }
                Ok((claims, None))
            }
            Form::Message { policy, input, signature, .. } => {
                let (input, claims) =
                    SignatureInput::read(&required(fields, input)?, &required(fields, signature)?, policy)?;
                Ok((claims, Some(input)))
            }
        }
    }

    /// The canonical form in which the body is signed, if it is not signed as received.
    #[must_use]
    pub fn body_form(&self) -> Option<JsonForm> {
        match &self.form {
            Form::Template { base, .. } => base.body_form(),
            Form::Message { .. } => None,
        }
    }

    /// The canonical form of the body that was received, where the scheme signs that. No body has no form: it is signed
    /// as nothing, which is the form of no JSON text.
    pub fn read_body(&self, claim: &Claim, body: &[u8]) -> Result<Option<Canonical>> {
        let Some(form) = self.body_form().filter(|_| !body.is_empty()) else { return Ok(None) };
        claim.is_json.clone()?;
        read_json(body, form).map(Some)
    }

    /// Who signed. `body`: for a scheme that signs it.
    pub fn authenticate(&self, claim: &Claim, ring: &KeyRing, body: Content<'_>) -> Result<Signer> {
        claim.base.check_framing(body)?;
        let key_id = claim.claims.key_id.as_deref();
        ring.authenticate(self.hash, key_id, &claim.claims.signatures, |mac| claim.base.write(body, mac))
    }

    /// The replay key of a proven claim, and the Unix second from which it may be forgotten; `key_id`: the ring's.
    ///
    /// SHA-256 over length-framed parts. Where no nonce is covered, the base stands for itself: a message may carry
    /// several right signatures, and is the same message with any of them.
    #[must_use]
    pub fn replay_key(&self, claim: &Claim, key_id: Option<&str>, body: Content<'_>) -> Option<([u8; 32], i64)> {
        let base: [u8; 32];
        let unique = match self.coverage.replay_class() {
            ReplayClass::Nonce => claim.claims.nonce.as_deref()?.as_bytes(),
            ReplayClass::Base => {
                let mut digest = Sha256::new();
                claim.base.write(body, &mut digest);
                base = digest.finalize().into();
                &base
            }
            ReplayClass::None => return None,
        };
        let created = claim.claims.created.as_ref()?;
        let mut key = Sha256::new();
        for part in [self.name.as_bytes(), key_id.unwrap_or_default().as_bytes(), unique, created.text.as_bytes()] {
            key.update((part.len() as u64).to_be_bytes());
            key.update(part);
        }
        let end = claim.claims.end(claim.max_age).map_or(i64::MAX, |end| end.div_euclid(1000) + 1);
        Some((key.finalize().into(), end.saturating_add(REPLAY_MARGIN)))
    }

    /// The last checks, on the body that was received: digest, coverage, and the window again.
    pub fn conclude(&self, claim: &Claim, body: &[u8], now: i64) -> Result<()> {
        if let Some(digest) = &claim.digest {
            digest.check(body)?;
        } else if !body.is_empty() && !self.coverage.has(Aspect::Body) {
            return Err(Error::new(Code::NotCovered, "the body is not covered"));
        }
        // The signature of nothing at all would open every route that takes no body.
        let says_something = self.coverage.has(Aspect::Method) || self.coverage.has(Aspect::Path) || self.empty_body;
        if body.is_empty() && !says_something {
            return Err(Error::new(Code::NotCovered, "an empty body, and nothing else is covered"));
        }
        claim.claims.check_window(now, claim.max_age)
    }

    /// The parts that the claim's signature covers, by name.
    #[must_use]
    pub fn covered<'a>(&'a self, claim: &'a Claim) -> Vec<&'a str> {
        let mut names: Vec<&str> = match &claim.components {
            Some(components) => components.iter().map(Covered::name).collect(),
            None => self.coverage.names().iter().map(String::as_str).collect(),
        };
        if claim.digest.is_some() {
            names.push("body");
        }
        names
    }
}

impl Claim {
    /// Which key the message names.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.claims.key_id.as_deref()
    }

    /// What it says of itself; proven once `authenticate` and `conclude` have passed.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    fn check_query(&self, covered: bool) -> Result<()> {
        if covered || self.query_is_empty {
            return Ok(());
        }
        Err(Error::new(Code::NotCovered, "the query is not covered"))
    }
}

fn required(fields: &dyn Fields, name: &FieldName) -> Result<Vec<u8>> {
    match own_field(fields, name)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::new(Code::SignatureMissing, format!("no field {}", name.lower()))),
    }
}

fn own_field(fields: &dyn Fields, name: &FieldName) -> Result<Option<Vec<u8>>> {
    let value = fields.get(name)?;
    if value.as_ref().is_some_and(|value| value.len() > LONGEST_FIELD) {
        return Err(Error::malformed(format!("the field {} is over 8 KiB", name.lower())));
    }
    Ok(value.map(std::borrow::Cow::into_owned))
}
