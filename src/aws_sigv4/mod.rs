//! AWS Signature Version 4: a key derived for a day, a region and a service, a canonical request, and its signature in
//! the Authorization field or in the query (docs.aws.amazon.com, IAM User Guide, "Create a signed AWS API request").

mod canonical;
mod scope;
mod sign;
mod statement;

use sha2::{Digest, Sha256};

use crate::claims::{ClaimName, Claims};
use crate::content::Content;
use crate::digest::ContentDigest;
use crate::error::{Code, Error, Result};
use crate::fields::{CONTENT_TYPE, FieldName, Fields, own_field, required};
use crate::framing::Edge;
use crate::key::Key;
use crate::mac::{Hash, Signature};
use crate::request::Request;
use crate::signature_base::{Filling, SignatureBase};
use crate::target::Target;
use crate::times::{Time, TimeForm};
use crate::transform::Transform;
use canonical::{canonical_query, collapsed, parameters};
use scope::{Names, Scope};
use statement::{ALGORITHM, AUTHORIZATION, CONTENT_SHA256, DATE, Given, PAYLOAD, only, signed_fields};

pub use canonical::PathRule;
pub use sign::Written;
pub use statement::PARAMETERS;

/// Where a message states that its body is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Fields of AWS's own, which act.
const OWN: &str = "x-amz-";
/// What the CDN of AWS adds to each request that it hands on: an opaque name of it, for its log.
const CLOUDFRONT_ID: &str = "x-amz-cf-id";
/// Seconds that a presigned target may last: seven days.
const LONGEST_LIFE: i64 = 604_800;

/// What a service takes, and what its clients sign.
pub struct AwsSigV4 {
    regions: Names,
    services: Names,
    path: PathRule,
    presigned: Option<i64>,
    unsigned_payload: bool,
}

/// What a message says of its signature.
pub struct Statement {
    scope: Scope,
    time: String,
    signed: Vec<FieldName>,
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A canonical request but for a body that is still to be read, and what it means for that.
pub struct Rendered {
    /// The canonical request.
    pub base: SignatureBase,
    /// Of the body, where the message states it.
    pub digest: Option<ContentDigest>,
    /// It has a Content-Type that is not signed.
    pub leaves_type: bool,
}

/// What the canonical request has in the place of the body.
enum Payload {
    Received,
    Stated([u8; 32]),
    Unsigned,
}

impl AwsSigV4 {
    /// `regions`, `services`: None takes any. `presigned`: the seconds that a presigned target may last, and that ours
    /// do; None: the signature is in the Authorization field.
    pub fn new(
        regions: Option<Vec<String>>,
        services: Option<Vec<String>>,
        path: PathRule,
        presigned: Option<i64>,
        unsigned_payload: bool,
    ) -> Result<Self> {
        if presigned.is_some_and(|seconds| !(1..=LONGEST_LIFE).contains(&seconds)) {
            return Err(Error::configuration("presigned: expected 1 to 604800 seconds"));
        }
        if path == PathRule::S3 && presigned.is_some() && !unsigned_payload {
            return Err(Error::configuration(
                "unsigned_payload: a presigned target of S3 does not sign the body, so it has to be True",
            ));
        }
        let (regions, services) = (Names::new("region", regions)?, Names::new("service", services)?);
        Ok(Self { regions, services, path, presigned, unsigned_payload })
    }

    /// Seconds of the window, where nothing else is asked for.
    #[must_use]
    pub fn max_age(&self) -> i64 {
        if self.path == PathRule::S3 { 900 } else { 300 }
    }

    /// Whether the signature is in the query.
    #[must_use]
    pub fn is_presigned(&self) -> bool {
        self.presigned.is_some()
    }

    /// Whether a message may leave its body unsigned.
    #[must_use]
    pub fn takes_unsigned(&self) -> bool {
        self.unsigned_payload
    }

    /// Whether the same octets may come again: a presigned target is made to, and SDKs repeat a reading request byte
    /// for byte within the second that its time is written in.
    #[must_use]
    pub fn is_reusable(&self, method: &[u8]) -> bool {
        self.is_presigned() || method == b"GET" || method == b"HEAD"
    }

    /// The fields that carry the signature.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        match (self.presigned, self.path) {
            (Some(_), _) => Vec::new(),
            (None, PathRule::General) => vec!["X-Amz-Date", "Authorization"],
            (None, PathRule::S3) => vec!["X-Amz-Date", "X-Amz-Content-Sha256", "Authorization"],
        }
    }

    /// The parameters of the query that do.
    #[must_use]
    pub fn parameters(&self) -> &'static [&'static str] {
        if self.is_presigned() { &PARAMETERS } else { &[] }
    }

    /// Reads what a message says of itself.
    pub fn read(&self, fields: &dyn Fields, target: &Target) -> Result<(Box<Claims>, Statement)> {
        let parameters = parameters(target.query())?;
        let given = if self.is_presigned() {
            let given = Given::in_query(&parameters)?;
            let own = own_field(fields, &AUTHORIZATION)?.is_some_and(|value| value.starts_with(b"AWS4-"));
            if own || own_field(fields, &DATE)?.is_some() {
                return Err(Error::malformed("a signature in the query, and part of one in the fields"));
            }
            given
        } else {
            let authorization = required(fields, &AUTHORIZATION)?;
            refuse_signed(&parameters)?;
            // A Date field says when the message was made, and not when it was signed.
            Given::in_field(&authorization, required(fields, &DATE)?.into_owned())?
        };
        let created = TimeForm::AmzDate.parse(&given.time)?;
        let (key_id, scope) = Scope::parse(&given.credential, &created.text[..8], &self.regions, &self.services)?;
        let mut claims = Box::<Claims>::default();
        claims.take(ClaimName::KeyId, key_id, TimeForm::AmzDate)?;
        if let Some((lasts, longest)) = given.lasts.zip(self.presigned) {
            claims.expires = Some(end_of(&created, &lasts, longest)?);
            claims.ends_itself = true;
        }
        let mut octets = [0; 32];
        let decoded = base16ct::lower::decode(&given.signature, &mut octets).ok();
        claims.take_signature(decoded, Hash::Sha256)?;
        if claims.signatures.is_empty() {
            return Err(Error::malformed("the signature is not 64 lower-case hexadecimal digits"));
        }
        let (time, signed) = (created.text.clone(), signed_fields(&given.signed)?);
        claims.created = Some(created);
        Ok((claims, Statement { scope, time, signed, parameters }))
    }

    /// The canonical request of a message.
    pub fn render(&self, stated: &Statement, request: &Request<'_>) -> Result<Rendered> {
        let is_signed = |name: &str| stated.signed.iter().any(|field| field.lower() == name);
        let acts = |name: &&String| name.as_str() != CLOUDFRONT_ID && !is_signed(name);
        if let Some(name) = request.fields.starting(OWN).iter().find(acts) {
            return Err(Error::new(Code::NotCovered, format!("the field {name} is not signed")));
        }
        let stated_in_field = own_field(request.fields, &CONTENT_SHA256)?;
        let stated_in_query = if self.is_presigned() { only(&stated.parameters, PAYLOAD)? } else { None };
        let payload = match (stated_in_field.as_deref(), stated_in_query) {
            (Some(_), Some(_)) => return Err(Error::malformed("the digest of the body is stated twice")),
            (text, None) | (None, text) => self.payload(text)?,
        };
        let leaves_type = !is_signed(CONTENT_TYPE.lower()) && request.fields.get(&CONTENT_TYPE)?.is_some();
        let signed: Vec<_> = stated.parameters.iter().filter(|(name, _)| name != b"X-Amz-Signature").cloned().collect();
        let base = self.canonical_request(request, &canonical_query(&signed), &stated.signed, &payload)?;
        let digest = if let Payload::Stated(digest) = payload { ContentDigest::of_octets(&digest) } else { None };
        Ok(Rendered { base, digest, leaves_type })
    }

    fn payload(&self, text: Option<&[u8]>) -> Result<Payload> {
        let mut digest = [0; 32];
        match text {
            None if self.is_presigned() && self.path == PathRule::S3 => Ok(Payload::Unsigned),
            None => Ok(Payload::Received),
            Some(text) if text == UNSIGNED.as_bytes() && self.unsigned_payload => Ok(Payload::Unsigned),
            Some(text) if text == UNSIGNED.as_bytes() => Err(Error::new(Code::NotCovered, "the body is not signed")),
            Some(text) if text.starts_with(b"STREAMING-") => {
                Err(Error::malformed("a body that is signed in chunks is not taken"))
            }
            Some(text) if base16ct::lower::decode(text, &mut digest).is_ok_and(|digest| digest.len() == 32) => {
                Ok(Payload::Stated(digest))
            }
            Some(_) => Err(Error::malformed("x-amz-content-sha256 is not 64 lower-case hexadecimal digits")),
        }
    }

    fn canonical_request(
        &self,
        request: &Request<'_>,
        query: &[u8],
        signed: &[FieldName],
        payload: &Payload,
    ) -> Result<SignatureBase> {
        let mut text = [request.method, &self.path.of(request.target)?, query, b""].join(&b'\n');
        for field in signed {
            let absent = || Error::new(Code::NotCovered, format!("the signed field {} is absent", field.lower()));
            let value = request.fields.get(field)?.ok_or_else(absent)?;
            text.extend_from_slice(field.lower().as_bytes());
            text.push(b':');
            text.extend_from_slice(&collapsed(&value));
            text.push(b'\n');
        }
        text.push(b'\n');
        text.extend_from_slice(listed(signed).as_bytes());
        text.push(b'\n');
        let mut base = SignatureBase::default();
        base.put_literal(&text);
        match payload {
            Payload::Received => base.keep_place(Filling::Body, vec![Transform::Sha256, Transform::Hex], Edge::None),
            Payload::Stated(digest) => base.put_literal(base16ct::lower::encode_string(digest).as_bytes()),
            Payload::Unsigned => base.put_literal(UNSIGNED.as_bytes()),
        }
        Ok(base)
    }
}

impl Statement {
    fn ours(scope: Scope, time: String) -> Self {
        Self { scope, time, signed: Vec::new(), parameters: Vec::new() }
    }

    /// The signature base of a canonical request.
    #[must_use]
    pub fn signature_base(&self, request: &SignatureBase, body: Content<'_>) -> Vec<u8> {
        let mut digest = Sha256::new();
        request.write(body, &mut digest);
        let hashed = base16ct::lower::encode_string(&digest.finalize());
        [ALGORITHM, &self.time, &self.scope.text(), &hashed].join("\n").into_bytes()
    }

    /// The signature of a signature base.
    #[must_use]
    pub fn sign(&self, key: &Key, base: &[u8]) -> Signature {
        self.scope.sign(key, base)
    }

    /// The names of the fields that are signed.
    pub fn signed(&self) -> impl Iterator<Item = &str> {
        self.signed.iter().map(FieldName::lower)
    }
}

/// Two signatures on one message: one reader would check the other.
fn refuse_signed(parameters: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
    if PARAMETERS.iter().all(|name| matches!(only(parameters, name), Ok(None))) {
        return Ok(());
    }
    Err(Error::malformed("a signature in the query, and one in the authorization field"))
}

fn listed(signed: &[FieldName]) -> String {
    signed.iter().map(FieldName::lower).collect::<Vec<_>>().join(";")
}

/// X-Amz-Expires: seconds from x-amz-date on.
fn end_of(created: &Time, lasts: &[u8], longest: i64) -> Result<Time> {
    let seconds = TimeForm::Seconds.parse(lasts)?;
    if !(1..=longest * 1000).contains(&seconds.milliseconds) {
        return Err(Error::malformed("X-Amz-Expires is 0, or more than this service takes"));
    }
    Ok(Time { milliseconds: created.milliseconds + seconds.milliseconds, ..seconds })
}
