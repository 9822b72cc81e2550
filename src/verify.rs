//! Verifying, in one order: a claim is read from a request, proven with a key ring, and concluded with the body.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::claims::Claims;
use crate::content::{Content, ReadBody, check_json_fields, read_document, read_json};
use crate::coverage::{Aspect, ReplayClass};
use crate::digest::ContentDigest;
use crate::error::{Code, Error, Result};
use crate::grammar::Grammar;
use crate::json::{Document, Pointer, string_of};
use crate::message_signature::{Covered, SignatureInput};
use crate::request::{CONTENT_TYPE, FieldName, Fields, Params, Request, check_length, check_method, own_origin};
use crate::ring::{KeyRing, Signer};
use crate::scheme::{Form, OwnMember, Scheme};
use crate::signature_base::SignatureBase;
use crate::target::{Origin, Target};

/// Octets of a field of ours, or of a member.
const LONGEST_FIELD: usize = 8 * 1024;
/// Seconds for which a replay key outlives its message: clocks of several hosts differ.
const REPLAY_MARGIN: i64 = 60;

/// A request as it was received.
pub struct Received<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target, or why it is none.
    pub target: Result<&'a Target>,
    /// The header fields.
    pub fields: &'a dyn Fields,
    /// The origin that the request object states, where it does.
    pub origin: Option<&'a Origin>,
    /// What the route matched.
    pub params: &'a Params,
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
    /// Takes a query that the signature does not cover.
    pub uncovered_query: bool,
    /// Takes a body that the signature does not cover.
    pub uncovered_body: bool,
}

/// What a request says of itself, unproven.
pub struct Claim {
    claims: Claims,
    base: SignatureBase,
    /// Where the message itself lists what it covers.
    components: Option<Vec<Covered>>,
    digest: Option<ContentDigest>,
    /// Whether the fields let a body be read as JSON, where the scheme does.
    is_json: Result<()>,
    /// Unix milliseconds.
    now: i64,
    max_age: i64,
    uncovered_body: bool,
}

impl Scheme {
    /// Reads what a request says of itself, and refuses what needs no key to be refused. `origins`: the service's own.
    pub fn claim(&self, received: Received<'_>, origins: &[Origin], terms: Terms) -> Result<Claim> {
        let (claims, input) = self.read(received.fields)?;
        let is_json = self.body_form().map_or(Ok(()), |_| check_json_fields(received.fields));
        let mut claim = Claim {
            claims,
            base: SignatureBase::default(),
            components: None,
            digest: None,
            is_json,
            now: terms.now,
            max_age: terms.max_age,
            uncovered_body: terms.uncovered_body,
        };
        match self.examine(&mut claim, input, received, origins, terms) {
            Ok(()) => Ok(claim),
            Err(error) => Err(Error { key_id: claim.claims.key_id, ..error }),
        }
    }

    fn examine(
        &self,
        claim: &mut Claim,
        input: Option<SignatureInput>,
        received: Received<'_>,
        origins: &[Origin],
        terms: Terms,
    ) -> Result<()> {
        let Received { method, target, fields, origin: named, params } = received;
        claim.claims.check_window(terms.now, terms.max_age)?;
        check_length(fields, terms.body_limit)?;
        check_method(method)?;
        let target = target?;
        let origin = own_origin(fields, origins, named)?;
        let request = Request { method, target, fields, origin, params };
        let check_query = |covered: bool| {
            if covered || terms.uncovered_query || target.query().is_empty() {
                return Ok(());
            }
            Err(Error::new(Code::NotCovered, "the query is not covered"))
        };
        match (&self.form, input) {
            (Form::Template { base, .. }, _) => {
                claim.base = base.render(&request, &claim.claims)?;
                check_query(self.coverage.has(Aspect::Query))?;
                // Without a body there is no type to be wrong; whether there is one is not known yet.
                if base.selection().is_some() && fields.get(&CONTENT_TYPE)?.is_some() {
                    claim.is_json.clone()?;
                }
            }
            (Form::Message { policy, digest, .. }, Some(input)) => {
                input.check_coverage(policy)?;
                check_query(input.components.iter().any(|component| match component {
                    Covered::Derived(derived) => derived.names_query(),
                    Covered::Field(_) => false,
                }))?;
                claim.base = input.signature_base(&request)?;
                if input.components.iter().any(Covered::is_digest) {
                    let field = own_field(fields, digest)?;
                    claim.digest = field.as_deref().map(ContentDigest::parse).transpose()?;
                }
                claim.components = Some(input.components);
            }
            (Form::Message { .. }, None) => unreachable!("a message signature is read with its input"),
        }
        Ok(())
    }

    fn read(&self, fields: &dyn Fields) -> Result<(Claims, Option<SignatureInput>)> {
        match &self.form {
            Form::Template { fields: own, members, .. } => {
                let mut claims = Claims::default();
                for field in own {
                    field.grammar.read(&required(fields, &field.name)?, self.hash, &mut claims)?;
                }
                if members.is_empty() {
                    check_signed(&claims)?;
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

    /// Reads what a message says of itself in its body, and refuses what needs no key to be refused. Only for schemes
    /// that have `claims_in_body`. `now`: Unix milliseconds.
    pub fn read_claims(&self, claim: &Claim, body: &[u8], now: i64) -> Result<(Claim, ReadBody)> {
        let Form::Template { base, members, .. } = &self.form else { return Err(no_claims()) };
        let selection = base.selection().filter(|_| !members.is_empty()).ok_or_else(no_claims)?;
        if body.is_empty() {
            return Err(Error::new(Code::SignatureMissing, "no body, which would carry the signature"));
        }
        claim.is_json.clone()?;
        let document = read_document(body, selection.form())?;
        let mut claims = claim.claims.clone();
        let complete = (|| {
            for OwnMember { pointer, grammar } in members {
                grammar.read(&text_of(&document, pointer, grammar)?, self.hash, &mut claims)?;
            }
            check_signed(&claims)?;
            claims.check_window(now, claim.max_age)?;
            Ok((claim.base.with_claims(&claims)?, selection.of(&document)?))
        })();
        match complete {
            Ok((base, selected)) => {
                let claim = Claim {
                    claims,
                    base,
                    components: None,
                    digest: None,
                    is_json: Ok(()),
                    now,
                    max_age: claim.max_age,
                    uncovered_body: claim.uncovered_body,
                };
                Ok((claim, ReadBody::Members(selected)))
            }
            Err(error) => Err(Error { key_id: claims.key_id, ..error }),
        }
    }

    /// What is signed of the body that was received, where that is not the body as received. No body has no form: it is
    /// signed as nothing, which is the form of no JSON text, and it has no members.
    pub fn read_body(&self, claim: &Claim, body: &[u8]) -> Result<Option<ReadBody>> {
        claim.is_json.clone().or_else(|error| if body.is_empty() { Ok(()) } else { Err(error) })?;
        self.read_json(body)
    }

    /// The same, where the fields say that it is JSON, or where that is not asked.
    pub fn read_json(&self, body: &[u8]) -> Result<Option<ReadBody>> {
        let Form::Template { base, .. } = &self.form else { return Ok(None) };
        match (base.selection(), base.body_form()) {
            (Some(_), _) if body.is_empty() => {
                Err(Error::new(Code::BodyMalformed, "no body, whose members are signed"))
            }
            (Some(selection), _) => {
                let document = read_document(body, selection.form())?;
                Ok(Some(ReadBody::Members(selection.of(&document)?)))
            }
            (None, Some(form)) if !body.is_empty() => Ok(Some(ReadBody::Canonical(read_json(body, form)?))),
            _ => Ok(None),
        }
    }

    /// Who signed, with a key that counted when the claim was read. `body`: for a scheme that signs it.
    pub fn authenticate(&self, claim: &Claim, ring: &KeyRing, body: Content<'_>) -> Result<Signer> {
        claim.base.check(body)?;
        let key_id = claim.claims.key_id.as_deref();
        ring.authenticate(key_id, Some(claim.now), &claim.claims.signatures, |key, made| {
            let mut mac = key.mac(self.hash);
            claim.base.write(body, &mut mac);
            made(&mac.finish());
        })
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
        for part in [self.name().as_bytes(), key_id.unwrap_or_default().as_bytes(), unique, created.text.as_bytes()] {
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
        }
        let covers_body = claim.digest.is_some() || self.coverage.has(Aspect::Body);
        if !body.is_empty() && !covers_body && !claim.uncovered_body {
            return Err(Error::new(Code::NotCovered, "the body is not covered"));
        }
        // The signature of nothing at all would open every route.
        let says_something = if body.is_empty() { self.empty_body } else { covers_body };
        if !says_something && !self.coverage.is_addressed() {
            return Err(Error::new(Code::NotCovered, "no body is covered, and nothing else"));
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
}

fn no_claims() -> Error {
    Error::configuration("the scheme has no claims in the body")
}

fn check_signed(claims: &Claims) -> Result<()> {
    if claims.signatures.is_empty() {
        return Err(Error::malformed("no signature of the right form and size"));
    }
    Ok(())
}

/// What a member of ours says. Clients write times as numbers: where a member is a time and nothing else, it may be one.
fn text_of<'a>(document: &'a Document, pointer: &Pointer, grammar: &Grammar) -> Result<Cow<'a, [u8]>> {
    let missing = || Error::new(Code::SignatureMissing, format!("no member {}", pointer.text()));
    let value = document.member(pointer).ok_or_else(missing)?;
    let text = match string_of(value) {
        Some(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
        Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        None if matches!(grammar, Grammar::Whole(template) if template.is_time()) => Cow::Borrowed(value),
        None => return Err(Error::malformed(format!("the member {} is no string", pointer.text()))),
    };
    match text.len() {
        0 => Err(missing()),
        1..=LONGEST_FIELD => Ok(text),
        _ => Err(Error::malformed(format!("the member {} is over 8 KiB", pointer.text()))),
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
    Ok(value.map(Cow::into_owned))
}
