//! Signing a message, and what binds a response to its request.

use super::component::{Covered, Reading, What};
use super::input::SignatureInput;
use super::message::Message;
use super::policy::{Policy, with_content};
use super::{DIGEST_FIELD, INPUT_FIELD, SIGNATURE_FIELD};
use crate::claims::{ClaimName, Claims};
use crate::content::Content;
use crate::digest::{self, ContentDigest};
use crate::error::{Code, Error, Result};
use crate::fields::{CONTENT_TYPE, Fields, WithField, own_field};
use crate::key::Key;
use crate::mac::Hash;
use crate::request::Request;
use crate::signature_base::SignatureBase;
use crate::structured::push_quoted;
use crate::times::TimeForm;

/// The octets that were signed, and the fields to add.
pub type Written = (Vec<u8>, Vec<(String, String)>);

/// What a signature is checked against: its base, and the digest of the body where it covers one.
pub type Examined = (SignatureBase, Option<ContentDigest>);

impl Policy {
    /// Signs `message`, whose content is `body`; where that is empty, and the fields have a digest, it is of the content
    /// that will be sent, from elsewhere.
    pub fn sign(
        &self,
        message: Message<'_>,
        body: &[u8],
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> Result<Written> {
        let mut claims = Claims::default();
        claims.take(ClaimName::Created, created.to_string().as_bytes(), TimeForm::Seconds)?;
        if self.nonce {
            claims.take(ClaimName::Nonce, nonce.as_bytes(), TimeForm::Seconds)?;
        }
        claims.take(ClaimName::KeyId, key_id.unwrap_or_default().as_bytes(), TimeForm::Seconds)?;
        let mut components = self.needed(&message)?;
        let mut written = Vec::new();
        let fields = message.fields();
        let given = if body.is_empty() { own_field(fields, &DIGEST_FIELD)? } else { None };
        if let Some(given) = &given {
            ContentDigest::parse(given)?;
        }
        let with_digest = WithField { fields, name: &DIGEST_FIELD, value: digest::write(body) };
        let fields: &dyn Fields = if body.is_empty() && given.is_none() {
            fields
        } else {
            components = with_content(components, fields.get(&CONTENT_TYPE)?.is_some());
            if given.is_some() {
                fields
            } else {
                written.push((digest::FIELD.to_owned(), with_digest.value.clone()));
                &with_digest
            }
        };
        let input = SignatureInput::new(components, self, &claims);
        let mut octets = Vec::new();
        let base = input.signature_base(&message.with_fields(fields), self)?;
        base.write(Content::received(b""), &mut octets);
        written.extend(input.write(&key.sign(Hash::Sha256, &octets)));
        Ok((octets, written))
    }

    /// Refuses what covers too little of the message, and gives what to check the rest against.
    pub fn examine(&self, input: &SignatureInput, message: &Message<'_>) -> Result<Examined> {
        if let Message::Response { .. } = message {
            input.check_coverage(&self.needed(message)?)?;
        } else if !self.is_usual(&input.components) {
            input.check_coverage(&self.components)?;
        }
        let base = input.signature_base(message, self)?;
        let digest = if input.components.iter().any(Covered::is_digest) {
            own_field(message.fields(), &DIGEST_FIELD)?.as_deref().map(ContentDigest::parse).transpose()?
        } else {
            None
        };
        Ok((base, digest))
    }

    /// What a signature of the message must cover, whatever its content.
    fn needed(&self, message: &Message<'_>) -> Result<Vec<Covered>> {
        let Message::Response { request, request_body, .. } = message else { return Ok(self.components.clone()) };
        let mut needed = self.response_components.clone();
        let bond = self.bond(request, *request_body)?;
        needed.extend(bond.filter(|bond| !needed.contains(bond)));
        Ok(needed)
    }

    /// What tells the request from others with the same method and target (2.4): its signature, and if it has none of
    /// ours, the digest of its body. Of the signature only our own member, since a proxy may add others.
    fn bond(&self, request: &Request<'_>, body: Option<&[u8]>) -> Result<Option<Covered>> {
        let signed = own_field(request.fields, &INPUT_FIELD)?.is_some();
        if signed && own_field(request.fields, &SIGNATURE_FIELD)?.is_some() {
            let (input, _) = self.read(request.fields)?;
            let mut identifier = "\"signature\";req;key=".to_owned();
            push_quoted(&input.label, &mut identifier);
            let what = What::Field(SIGNATURE_FIELD.clone(), Reading::Member(input.label));
            return Ok(Some(Covered { what, of_request: true, identifier }));
        }
        match own_field(request.fields, &DIGEST_FIELD)? {
            Some(digest) => {
                let digest = ContentDigest::parse(&digest)?;
                body.map_or(Ok(()), |body| digest.check(body))?;
                Covered::parse("content-digest;req").map(Some)
            }
            None if body.unwrap_or_default().is_empty() => Ok(None),
            None => Err(Error::new(Code::NotCovered, "the request has a body, and neither signature nor digest")),
        }
    }
}
