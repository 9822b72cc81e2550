//! How a party signs, as data, and the one pipeline: `Scheme` reads a `Claim`, the claim is proven, `Verified` follows.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::digest::{self, ContentDigest};
use crate::error::{Code, Error, Result};
use crate::mac::{Hash, Key, KeyRing, Signature, Signer};
use crate::message_signature::{self as message, Covered, Policy, SignatureInput};
use crate::request::{Component, FieldName, Fields, Origin, Request, Target, is_token};
use crate::template::{ClaimName, Claims, SignatureBase, Source, Template};

/// Octets of a field of ours.
const LONGEST_FIELD: usize = 8 * 1024;
/// Seconds for which a replay key outlives its message: clocks of several hosts differ.
const REPLAY_MARGIN: i64 = 60;

/// How a party signs.
pub struct Scheme {
    name: String,
    hash: Hash,
    form: Form,
    coverage: Coverage,
    empty_body: bool,
}

enum Form {
    Template { base: Template, fields: Vec<OwnField> },
    Message { policy: Policy, input: FieldName, signature: FieldName, digest: FieldName },
}

struct OwnField {
    name: FieldName,
    written: String,
    grammar: Grammar,
}

/// The form of a field that carries claims.
pub enum Grammar {
    /// One template for the whole value.
    Whole(Template),
    /// Members between separators, in any order; those that no template starts are ignored.
    Members(char, Vec<Template>),
}

/// What the signature covers: the one source of `covered`, weaknesses and replay class.
struct Coverage {
    names: Vec<String>,
    method: bool,
    path: bool,
    query: bool,
    authority: bool,
    body: bool,
    digest: bool,
    created: bool,
    nonce: bool,
    adjacent: bool,
    lossy: bool,
}

/// What keeps a message from being accepted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayClass {
    /// A covered nonce, new for each attempt.
    Nonce,
    /// The signed octets themselves, which a covered time bounds.
    Base,
    /// No signed time, so no protection is claimed.
    None,
}

impl ReplayClass {
    /// As printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Base => "base",
            Self::None => "none",
        }
    }
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
    names: Vec<String>,
    digest: Option<ContentDigest>,
    query_is_empty: bool,
    max_age: i64,
}

/// Who signed, and the replay key; the body and the coverage are still to be checked.
#[derive(Clone)]
pub struct Proof {
    /// The ring's entry.
    pub signer: Signer,
    /// The replay key, and the Unix second from which it may be forgotten.
    pub replay: Option<([u8; 32], i64)>,
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
        let holes: Vec<&Source> =
            fields.iter().flat_map(|field| field.grammar.templates()).flat_map(Template::holes).map(|hole| &hole.source).collect();
        if !holes.contains(&&Source::Signature) {
            return Err(Error::configuration("fields: no field has a {signature:…}"));
        }
        for hole in base.holes() {
            if matches!(hole.source, Source::Claim(_)) && !holes.contains(&&hole.source) {
                return Err(Error::configuration("base: a claim that no field carries"));
            }
        }
        let coverage = Coverage::of_template(&base);
        let scheme = Self { name, hash, form: Form::Template { base, fields }, coverage, empty_body };
        scheme.check_accepted(accept)?;
        Ok(scheme)
    }

    /// HTTP Message Signatures (RFC 9421) with hmac-sha256.
    pub fn message(name: String, components: &[String], label: String, tag: Option<String>, accept: Option<&BTreeSet<String>>) -> Result<Self> {
        let components = components
            .iter()
            .map(|name| Covered::parse(name).ok_or_else(|| Error::configuration(format!("components: unknown component {name:?}"))))
            .collect::<Result<Vec<_>>>()?;
        let starts = label.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        if !starts || !label.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.*".contains(&octet)) {
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

    /// The parts that a signature covers.
    #[must_use]
    pub fn covered(&self) -> &[String] {
        &self.coverage.names
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

    /// Whether the service must say what its origin is.
    #[must_use]
    pub fn needs_origin(&self) -> bool {
        self.coverage.authority
    }

    /// Whether the body itself is signed, and must be read before the signature can be checked.
    #[must_use]
    pub fn signs_body(&self) -> bool {
        self.coverage.body
    }

    /// What keeps a message from being accepted twice.
    #[must_use]
    pub fn replay_class(&self) -> ReplayClass {
        match (self.coverage.created, self.coverage.nonce) {
            (true, true) => ReplayClass::Nonce,
            (true, false) => ReplayClass::Base,
            (false, _) => ReplayClass::None,
        }
    }

    /// What the scheme cannot promise, as codes.
    #[must_use]
    pub fn weaknesses(&self) -> BTreeSet<&'static str> {
        let coverage = &self.coverage;
        [
            (!coverage.created, "no-time"),
            (coverage.created && !coverage.nonce, "no-nonce"),
            (!coverage.method, "method-not-covered"),
            (!coverage.path, "target-not-covered"),
            (!coverage.query, "query-not-covered"),
            (!coverage.body && !coverage.digest, "body-not-covered"),
            (!coverage.authority, "audience"),
            (coverage.adjacent, "adjacent-parts"),
            (coverage.lossy, "lossy-transform"),
            (self.hash == Hash::Sha1, "sha1"),
        ]
        .into_iter()
        .filter_map(|(holds, code)| holds.then_some(code))
        .collect()
    }

    fn check_accepted(&self, accept: Option<&BTreeSet<String>>) -> Result<()> {
        let weaknesses = self.weaknesses();
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
        claims.check_window(terms)?;
        check_length(fields, terms)?;
        if method.is_empty() || !method.iter().all(|octet| is_token(*octet)) {
            return Err(Error::new(Code::TargetAmbiguous, "the method is not a token"));
        }
        let target = target?;
        let origin = own_origin(fields, origins, named)?;
        let request = Request { method, target, fields, origin };
        let query_is_empty = target.query().is_empty();
        let mut claim =
            Claim { claims, base: SignatureBase::default(), names: Vec::new(), digest: None, query_is_empty, max_age: terms.max_age };
        match (&self.form, input) {
            (Form::Template { base, .. }, _) => {
                claim.base = base.render(&request, &claim.claims)?;
                claim.names.clone_from(&self.coverage.names);
                claim.check_query(self.coverage.query)?;
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
                claim.names = input.components.iter().map(|component| component.name().to_owned()).collect();
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
                let (input, claims) = SignatureInput::read(&required(fields, input)?, &required(fields, signature)?, policy)?;
                Ok((claims, Some(input)))
            }
        }
    }

    /// Who signed. `body`: what was received, for a scheme that signs it.
    pub fn authenticate(&self, claim: &Claim, ring: &KeyRing, body: &[u8]) -> Result<Proof> {
        claim.base.check_framing(body)?;
        let key_id = claim.claims.key_id.as_deref();
        let (signer, computed) =
            ring.authenticate(self.hash, key_id, &claim.claims.signatures, |mac| claim.base.write(body, mac))?;
        Ok(Proof { signer, replay: self.replay_key(claim, ring.key_id(signer), &computed) })
    }

    /// SHA-256 over length-framed parts. Where no nonce is covered, the signature that we computed stands for the base:
    /// it is a function of exactly the key and the base, and never of the text received.
    fn replay_key(&self, claim: &Claim, key_id: Option<&str>, computed: &Signature) -> Option<([u8; 32], i64)> {
        let unique = match self.replay_class() {
            ReplayClass::Nonce => claim.claims.nonce.as_deref()?.as_bytes(),
            ReplayClass::Base => computed.octets(),
            ReplayClass::None => return None,
        };
        let created = claim.claims.created.as_ref()?;
        let mut key = Sha256::new();
        for part in [self.name.as_bytes(), key_id.unwrap_or_default().as_bytes(), unique, created.text.as_bytes()] {
            key.update((part.len() as u64).to_be_bytes());
            key.update(part);
        }
        let end = claim.end().map_or(i64::MAX, |end| end.div_euclid(1000) + 1);
        Some((key.finalize().into(), end.saturating_add(REPLAY_MARGIN)))
    }

    /// The last checks, on the body that was received: digest, coverage, and the window again.
    pub fn conclude(&self, claim: &Claim, body: &[u8], now: i64) -> Result<Vec<String>> {
        let mut names = claim.names.clone();
        let mut covered = self.coverage.body;
        if let Some(digest) = &claim.digest {
            digest.check(body)?;
            names.push("body".to_owned());
            covered = true;
        }
        if !body.is_empty() && !covered {
            return Err(Error::new(Code::NotCovered, "the body is not covered"));
        }
        // The signature of nothing at all would open every route that takes no body.
        let says_something = self.coverage.method || self.coverage.path || self.empty_body;
        if body.is_empty() && !says_something {
            return Err(Error::new(Code::NotCovered, "an empty body, and nothing else is covered"));
        }
        claim.claims.check_window(Terms { now, max_age: claim.max_age, body_limit: 0 })?;
        Ok(names)
    }

    /// The fields to add, and the signature base behind them.
    pub fn sign(&self, to_sign: ToSign<'_>, key: &Key, key_id: Option<&str>, created: i64, nonce: &str) -> Result<Signed> {
        let ToSign { method, target, fields, origin, body } = to_sign;
        let host_name = FieldName::parse("host")?;
        let host = fields.get(&host_name)?;
        let from_host = match (&origin, &host) {
            (None, Some(host)) => Some(Origin::parse(&format!("https://{}", String::from_utf8_lossy(host)))?),
            _ => None,
        };
        let origin = origin.or(from_host.as_ref());
        let with_host = WithField {
            fields,
            name: &host_name,
            value: origin.map(|origin| origin.authority().to_owned()).unwrap_or_default(),
        };
        let adds_host = self.coverage.authority && host.is_none() && origin.is_some();
        let fields: &dyn Fields = if adds_host { &with_host } else { fields };
        let request = &Request { method, target, fields, origin };
        let mut signed = self.sign_request(request, body, key, key_id, created, nonce)?;
        if adds_host {
            signed.fields.insert(0, ("Host".to_owned(), with_host.value.clone()));
        }
        Ok(signed)
    }

    fn sign_request(&self, request: &Request<'_>, body: &[u8], key: &Key, key_id: Option<&str>, created: i64, nonce: &str) -> Result<Signed> {
        match &self.form {
            Form::Template { base, fields } => {
                let templates: Vec<&Template> = fields.iter().flat_map(|field| field.grammar.templates()).collect();
                let claims = base.claims(&templates, key_id, created, nonce);
                let rendered = base.render(request, &claims)?;
                rendered.check_framing(body)?;
                let mut octets = Vec::new();
                rendered.write(body, &mut octets);
                let signature = key.sign(self.hash, &octets);
                let written = fields
                    .iter()
                    .map(|field| Ok((field.written.clone(), field.grammar.write(&claims, &signature)?)))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Signed { base: octets, fields: written })
            }
            Form::Message { policy, digest, .. } => {
                let mut claims = Claims::default();
                claims.take(ClaimName::Created, created.to_string().as_bytes(), false)?;
                claims.take(ClaimName::Nonce, nonce.as_bytes(), false)?;
                claims.take(ClaimName::KeyId, key_id.unwrap_or_default().as_bytes(), false)?;
                let mut components = policy.components.clone();
                let mut written = Vec::new();
                let with_digest = WithField { fields: request.fields, name: digest, value: digest::write(body) };
                let fields: &dyn Fields = if body.is_empty() {
                    request.fields
                } else {
                    if !components.iter().any(Covered::is_digest) {
                        components.push(Covered::Field(digest.clone()));
                    }
                    written.push((digest::FIELD.to_owned(), with_digest.value.clone()));
                    &with_digest
                };
                let input = SignatureInput::new(components, policy, &claims);
                let base = input.signature_base(&Request { fields, ..*request })?;
                let mut octets = Vec::new();
                base.write(&[], &mut octets);
                written.extend(input.write(&key.sign(self.hash, &octets)));
                Ok(Signed { base: octets, fields: written })
            }
        }
    }
}

/// A request to sign.
#[derive(Clone, Copy)]
pub struct ToSign<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target.
    pub target: &'a Target,
    /// The header fields so far.
    pub fields: &'a dyn Fields,
    /// The origin it is for; where there is none, the Host field says so.
    pub origin: Option<&'a Origin>,
    /// The body.
    pub body: &'a [u8],
}

/// A signature base and the fields to add.
pub struct Signed {
    /// The octets that were signed.
    pub base: Vec<u8>,
    /// Names and values.
    pub fields: Vec<(String, String)>,
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

    /// The last millisecond in which the message can be accepted.
    fn end(&self) -> Option<i64> {
        let created = self.claims.created.as_ref()?.milliseconds;
        let end = created.saturating_add(self.max_age.saturating_mul(1000));
        Some(self.claims.expires.as_ref().map_or(end, |expires| expires.milliseconds.min(end)))
    }
}

impl Claims {
    /// Too old, from the future, or past its own end.
    fn check_window(&self, terms: Terms) -> Result<()> {
        let expired = |message| Err(Error::new(Code::Expired, message));
        let Some(created) = &self.created else { return Ok(()) };
        let tolerance = terms.max_age.saturating_mul(1000);
        if terms.now.saturating_sub(created.milliseconds) > tolerance {
            return expired("too old");
        }
        if created.milliseconds.saturating_sub(terms.now) > tolerance {
            return expired("from the future");
        }
        match &self.expires {
            Some(expires) if expires.milliseconds < created.milliseconds => Err(Error::malformed("it ends before it begins")),
            Some(expires) if terms.now > expires.milliseconds => expired("past its own end"),
            _ => Ok(()),
        }
    }
}

impl Coverage {
    fn of_template(base: &Template) -> Self {
        let mut coverage = Self {
            names: Vec::new(),
            method: false,
            path: false,
            query: false,
            authority: false,
            body: false,
            digest: false,
            created: false,
            nonce: false,
            adjacent: base.has_adjacent_parts(),
            lossy: base.is_lossy(),
        };
        for hole in base.holes() {
            let name = match &hole.source {
                Source::Component(component) => {
                    coverage.add(*component);
                    component.name()
                }
                Source::Field { name, .. } => {
                    coverage.authority |= name.lower() == "host";
                    name.lower()
                }
                Source::Body => {
                    coverage.body = true;
                    "body"
                }
                Source::Claim(ClaimName::Created) => {
                    coverage.created = true;
                    continue;
                }
                Source::Claim(ClaimName::Nonce) => {
                    coverage.nonce = true;
                    continue;
                }
                Source::Claim(_) | Source::Signature => continue,
            };
            if !coverage.names.iter().any(|known| known == name) {
                coverage.names.push(name.to_owned());
            }
        }
        coverage
    }

    fn of_components(components: &[Covered]) -> Self {
        let mut coverage = Self {
            names: components.iter().map(|component| component.name().to_owned()).collect(),
            method: false,
            path: false,
            query: false,
            authority: false,
            body: false,
            digest: true,
            created: true,
            nonce: true,
            adjacent: false,
            lossy: false,
        };
        for component in components {
            match component {
                Covered::Derived(derived) => coverage.add(*derived),
                Covered::Field(name) => coverage.authority |= name.lower() == "host",
            }
        }
        if !components.iter().any(Covered::is_digest) {
            coverage.names.push("content-digest".to_owned());
        }
        coverage
    }

    fn add(&mut self, component: Component) {
        self.method |= component == Component::Method;
        self.path |= component.names_path();
        self.query |= component.names_query();
        self.authority |= component.names_authority();
    }
}

impl Grammar {
    fn templates(&self) -> &[Template] {
        match self {
            Self::Whole(template) => std::slice::from_ref(template),
            Self::Members(_, templates) => templates,
        }
    }

    fn read(&self, value: &[u8], hash: Hash, claims: &mut Claims) -> Result<()> {
        let (separator, templates) = match self {
            // WSGI servers join a field that occurs twice with a comma.
            Self::Whole(template) if !template.has_comma() && value.contains(&b',') => {
                return Err(Error::malformed("the field occurs twice"));
            }
            Self::Whole(template) => return template.read(value, hash, claims),
            Self::Members(separator, templates) => (*separator, templates),
        };
        let mut seen = vec![false; templates.len()];
        for member in value.split(|octet| char::from(*octet) == separator) {
            let member = member.trim_ascii();
            let known = templates.iter().position(|template| member.starts_with(template.prefix()));
            if let Some(nth) = known {
                templates[nth].read(member, hash, claims)?;
                seen[nth] = true;
            }
        }
        if seen.iter().all(|seen| *seen) {
            return Ok(());
        }
        Err(Error::new(Code::SignatureMissing, "a member of the field is absent"))
    }

    fn write(&self, claims: &Claims, signature: &Signature) -> Result<String> {
        let values = self.templates().iter().map(|template| template.write(claims, signature)).collect::<Result<Vec<_>>>()?;
        Ok(match self {
            Self::Whole(_) => values.concat(),
            Self::Members(separator, _) => values.join(&separator.to_string()),
        })
    }
}

/// The fields of a request and one more, which replaces its namesake.
struct WithField<'a> {
    fields: &'a dyn Fields,
    name: &'a FieldName,
    value: String,
}

impl Fields for WithField<'_> {
    fn get(&self, name: &FieldName) -> Result<Option<std::borrow::Cow<'_, [u8]>>> {
        if name == self.name {
            return Ok(Some(self.value.as_bytes().into()));
        }
        self.fields.get(name)
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

/// RFC 9110, 8.6: a length that is over the limit is refused before a key is looked up or an octet read.
fn check_length(fields: &dyn Fields, terms: Terms) -> Result<()> {
    let Some(value) = fields.get(&FieldName::parse("content-length")?)? else { return Ok(()) };
    let length = std::str::from_utf8(&value).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    match length.map(str::parse::<u64>) {
        // WSGI servers give an empty length where there is none.
        Some(_) if value.is_empty() => Ok(()),
        Some(Ok(length)) if length <= terms.body_limit => Ok(()),
        Some(_) => Err(Error::new(Code::BodyTooLarge, "the content length is over the limit")),
        None => Err(Error::new(Code::TargetAmbiguous, "the content length is not a number")),
    }
}

/// The origin that a request is for. It is configured; what the request says of it may only agree.
fn own_origin<'a>(fields: &dyn Fields, origins: &'a [Origin], named: Option<&Origin>) -> Result<Option<&'a Origin>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let wrong = |message| Err(Error::new(Code::TargetAmbiguous, message));
    let host = match fields.get(&FieldName::parse("host")?) {
        Ok(host) => host,
        Err(_) => return wrong("the host can be read in two ways"),
    };
    let agrees = |origin: &&Origin| {
        host.as_deref().is_none_or(|host| origin.admits(host)) && named.is_none_or(|named| *origin == named)
    };
    let mut agreeing = origins.iter().filter(agrees);
    match (agreeing.next(), agreeing.next()) {
        (Some(origin), None) => Ok(Some(origin)),
        (None, _) => wrong("the host is not this service's origin"),
        (Some(_), Some(_)) => wrong("the request does not say which of the origins it is for"),
    }
}
