//! Verifying, in one order: a claim is read from a request, proven with a key ring, and concluded with the body.

mod body;
mod proof;
mod proven;
mod response;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::aws_sigv4;
use crate::claims::Claims;
use crate::content::{Content, check_form_fields, check_json_fields, check_stated_content};
use crate::coverage::{Aspect, ReplayClass};
use crate::digest::ContentDigest;
use crate::error::{Code, Error, Result};
use crate::fields::{CONTENT_TYPE, Fields};
use crate::mac::{Hash, Sink as _};
use crate::message_signature::{Covered, Message, SignatureInput};
use crate::request::{Params, Request, check_method, own_origin};
use crate::ring::{KeyRing, Signer};
use crate::scheme::{Form, Scheme};
use crate::signature_base::SignatureBase;
use crate::target::{Origin, Target};

pub use proof::Proof;
pub use proven::Proven;
pub use response::ReceivedResponse;

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

/// What a scheme has read of a signature, beside its claims.
enum Stated {
    InTemplates,
    Message(SignatureInput),
    AwsSigV4(Arc<aws_sigv4::Statement>),
}

/// What a request says of itself, unproven.
pub struct Claim {
    claims: Box<Claims>,
    base: SignatureBase,
    /// Others that the signature may be of.
    others: Vec<SignatureBase>,
    /// Where the message itself lists what it covers.
    components: Option<Arc<[Covered]>>,
    /// Where the key is derived, and the base is of a digest of the canonical request.
    aws_sigv4: Option<Arc<aws_sigv4::Statement>>,
    digest: Option<ContentDigest>,
    /// The type of the body is stated, and not covered with it.
    leaves_type: bool,
    subject: Subject,
    /// Whether the fields let a body be read as the scheme reads it.
    is_readable: Result<()>,
    /// Unix milliseconds.
    now: i64,
    max_age: i64,
    uncovered_body: bool,
    /// Where parameters were left out of what is proven: the rest.
    proven_target: Option<Box<Target>>,
    /// Octets that the body may have at most.
    body_limit: u64,
}

/// What is claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Request,
    /// A request made to be sent again, or by clients who do.
    ReusableRequest,
    Response,
}

impl Scheme {
    /// Reads what a request says of itself, and refuses what needs no key to be refused. `origins`: the service's own.
    pub fn claim(&self, received: Received<'_>, origins: &[Origin], terms: Terms) -> Result<Claim> {
        let proven_target = self.without_ignored(&received.target)?;
        let received = match &proven_target {
            Some(target) => Received { target: Ok(target), ..received },
            None => received,
        };
        let (claims, stated) = self.read(&received)?;
        let is_readable = match (self.reads_form(), self.body_form().is_some() || self.claims_in_body()) {
            (true, _) => check_form_fields(received.fields),
            (_, true) => check_json_fields(received.fields),
            _ => Ok(()),
        };
        let mut claim = Claim {
            claims,
            base: SignatureBase::default(),
            others: Vec::new(),
            components: None,
            aws_sigv4: None,
            digest: None,
            leaves_type: false,
            subject: Subject::Request,
            is_readable,
            now: terms.now,
            max_age: terms.max_age,
            uncovered_body: terms.uncovered_body,
            proven_target: None,
            body_limit: terms.body_limit,
        };
        match self.examine(&mut claim, stated, received, origins, terms) {
            Ok(()) => {
                claim.proven_target = proven_target.map(Box::new);
                Ok(claim)
            }
            Err(error) => Err(Error { key_id: claim.claims.key_id, ..error }),
        }
    }

    fn examine(
        &self,
        claim: &mut Claim,
        stated: Stated,
        received: Received<'_>,
        origins: &[Origin],
        terms: Terms,
    ) -> Result<()> {
        let Received { method, target, fields, origin: named, params } = received;
        claim.claims.check_window(terms.now, terms.max_age)?;
        claim.body_limit = check_stated_content(fields, &claim.claims, terms.body_limit)?;
        check_method(method)?;
        claim.claims.check_method(method)?;
        let target = target?;
        let origin = own_origin(fields, origins, named)?;
        let request = Request { method, target, fields, origin, params };
        let check_query = |covered: bool| {
            if covered || terms.uncovered_query || target.query().is_empty() {
                return Ok(());
            }
            Err(Error::new(Code::NotCovered, "the query is not covered"))
        };
        match (&self.form, stated) {
            (Form::Template(templates), _) => {
                let signed = templates.signed_of(target)?;
                let request = Request { target: &signed, ..request };
                let (base, others) = templates.coarsest_first();
                claim.base = base.render(&request, &claim.claims)?;
                claim.others = others.map(|base| base.render(&request, &claim.claims)).collect::<Result<_>>()?;
                claim.digest = claim.claims.digest.as_ref().map(|(_, digest)| digest.clone());
                check_query(self.coverage.has(Aspect::Query))?;
                // Without a body there is no type to be wrong; whether there is one is not known yet.
                if templates.base().selection().is_some() && fields.get(&CONTENT_TYPE)?.is_some() {
                    claim.is_readable.clone()?;
                }
            }
            (Form::Message(policy), Stated::Message(input)) => {
                (claim.base, claim.digest) = policy.examine(&input, &Message::Request(request))?;
                check_query(input.covers_query())?;
                claim.components = Some(input.components);
            }
            (Form::AwsSigV4(own), Stated::AwsSigV4(stated)) => {
                let rendered = own.render(&stated, &request)?;
                (claim.base, claim.digest, claim.leaves_type) = (rendered.base, rendered.digest, rendered.leaves_type);
                if own.is_reusable(method) {
                    claim.subject = Subject::ReusableRequest;
                }
                claim.aws_sigv4 = Some(stated);
            }
            _ => unreachable!("what is stated is read by the form"),
        }
        Ok(())
    }

    fn read(&self, received: &Received<'_>) -> Result<(Box<Claims>, Stated)> {
        match &self.form {
            Form::Template(templates) => {
                Ok((templates.read(received.fields, &received.target, self.hash)?, Stated::InTemplates))
            }
            Form::Message(policy) => {
                policy.read(received.fields).map(|(input, claims)| (claims, Stated::Message(input)))
            }
            Form::AwsSigV4(own) => {
                let (claims, stated) = own.read(received.fields, received.target.clone()?)?;
                Ok((claims, Stated::AwsSigV4(Arc::new(stated))))
            }
        }
    }

    /// Who signed, with a key that counted when the claim was read. `body`: for a scheme that signs it.
    pub fn authenticate(&self, claim: &Claim, ring: &KeyRing, body: Content<'_>) -> Result<Signer> {
        let bases = || std::iter::once(&claim.base).chain(&claim.others);
        bases().try_for_each(|base| base.check(body))?;
        let key_id = claim.claims.key_id.as_deref();
        if let Some(stated) = &claim.aws_sigv4 {
            let base = stated.signature_base(&claim.base, body);
            let given = &claim.claims.signatures;
            return ring.authenticate(key_id, Some(claim.now), given, |key, made| made(&stated.sign(key, &base)));
        }
        ring.authenticate(key_id, Some(claim.now), &claim.claims.signatures, |key, made| {
            let derived = self.link_key(key);
            let key = derived.as_ref().unwrap_or(key);
            for base in bases() {
                let mut mac = key.mac(self.hash);
                base.write(body, &mut mac);
                made(&mac.finish());
            }
        })
    }

    /// The replay key of a proven claim, and the Unix second from which it may be forgotten; `key_id`: the ring's.
    ///
    /// SHA-256 over length-framed parts. Where no nonce is covered, the base stands for itself: a message may carry
    /// several right signatures, and is the same message with any of them.
    #[must_use]
    pub fn replay_key(&self, claim: &Claim, key_id: Option<&str>, body: Content<'_>) -> Option<([u8; 32], i64)> {
        if claim.subject == Subject::ReusableRequest {
            return None;
        }
        let base: [u8; 32];
        let unique = match self.coverage.replay_class() {
            ReplayClass::Nonce => claim.claims.nonce.as_deref()?.as_bytes(),
            ReplayClass::Base => {
                let mut digest = Sha256::new();
                claim.base.write(body, &mut digest);
                base = digest.finalize().into();
                &base
            }
            ReplayClass::Reusable | ReplayClass::None => return None,
        };
        let created = claim.claims.created.as_ref()?;
        let mut key = Sha256::new();
        for part in [self.name().as_bytes(), key_id.unwrap_or_default().as_bytes(), unique, created.text.as_bytes()] {
            key.put_framed(part);
        }
        // The nonce of a request may come back in the response.
        if claim.subject == Subject::Response {
            key.update(b"response");
        }
        let end = claim.claims.end(claim.max_age).map_or(i64::MAX, |end| end.div_euclid(1000) + 1);
        Some((key.finalize().into(), end.saturating_add(REPLAY_MARGIN)))
    }

    /// The last checks, on the body that was received: digest, coverage, and the window again.
    pub fn conclude(&self, claim: &Claim, body: &[u8], now: i64) -> Result<()> {
        if let Some(digest) = &claim.digest {
            digest.check(body)?;
        }
        self.check_coverage(claim, body.len() as u64, now)
    }

    /// As `conclude`, of a body of `size` octets that is not here: `made` gives its digest by a hash. Only for a claim
    /// that does not sign the body itself.
    pub fn conclude_digests<E: From<Error>>(
        &self,
        claim: &Claim,
        size: u64,
        made: impl FnMut(Hash) -> std::result::Result<Vec<u8>, E>,
        now: i64,
    ) -> std::result::Result<(), E> {
        if let Some(digest) = &claim.digest {
            digest.check_made(made)?;
        }
        Ok(self.check_coverage(claim, size, now)?)
    }

    fn check_coverage(&self, claim: &Claim, size: u64, now: i64) -> Result<()> {
        if claim.claims.content_length.as_ref().is_some_and(|stated| !stated.admits(size)) {
            return Err(Error::new(Code::NotCovered, "signed for content of another length"));
        }
        let is_empty = size == 0;
        let covers_body = claim.digest.is_some() || self.signs_body(claim);
        if !is_empty && !covers_body && !claim.uncovered_body {
            return Err(Error::new(Code::NotCovered, "the body is not covered"));
        }
        if !is_empty && covers_body && claim.leaves_type {
            return Err(Error::new(Code::NotCovered, "the type of the body is not covered"));
        }
        // The signature of nothing at all would open every route. One that the body itself carries is of that kind with
        // some providers; it opens those routes that say so.
        let carries = self.claims_in_body() && claim.uncovered_body;
        let says_something = if is_empty { self.empty_body } else { covers_body || carries };
        if !says_something && claim.subject != Subject::Response && !self.coverage.is_addressed() {
            return Err(Error::new(Code::NotCovered, "no body is covered, and nothing else"));
        }
        claim.claims.check_window(now, claim.max_age)
    }

    /// Whether the body itself is signed, and so has to be read before the signature can be checked.
    #[must_use]
    pub fn signs_body(&self, claim: &Claim) -> bool {
        if claim.aws_sigv4.is_some() { claim.base.has_places() } else { self.coverage.has(Aspect::Body) }
    }
}

impl Claim {
    /// Which key the message names.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.claims.key_id.as_deref()
    }

    /// Octets that the body may have at most: the service's own limit, or the message's.
    #[must_use]
    pub fn body_limit(&self) -> u64 {
        self.body_limit
    }

    /// What of the query is proven, where that is not all of it.
    #[must_use]
    pub fn proven_query(&self) -> Option<&[u8]> {
        self.proven_target.as_deref().map(Target::query)
    }

    /// What it says of itself; proven once `authenticate` and `conclude` have passed.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}
