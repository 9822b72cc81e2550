//! Signing: the field or the target that `read` reads.

use sha2::{Digest, Sha256};

use super::canonical::{canonical_query, parameters};
use super::scope::Scope;
use super::statement::{ALGORITHM, CONTENT_SHA256, DATE, PARAMETERS, PAYLOAD, only};
use super::{AwsSigV4, OWN, PathRule, Payload, Statement, listed, refuse_signed};
use crate::claims::{ClaimName, Claims};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::fields::{CONTENT_TYPE, FieldName, Fields, HOST, WithField};
use crate::key::Key;
use crate::request::Request;
use crate::target::{Target, percent_encode_segment};
use crate::times::TimeForm;

/// A signature base, and what is added to the request or replaces its target.
pub struct Written {
    /// The octets that were signed.
    pub base: Vec<u8>,
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// The presigned target.
    pub target: Option<Vec<u8>>,
}

impl AwsSigV4 {
    /// Signs a request: its Host, its Content-Type, and all fields of AWS's own.
    pub fn sign(
        &self,
        request: &Request<'_>,
        body: &[u8],
        key: &Key,
        key_id: Option<&str>,
        created: i64,
    ) -> Result<Written> {
        let time = TimeForm::AmzDate.write(created)?.text;
        let scope = Scope::of(&time[..8], &self.regions, &self.services)?;
        let mut claims = Claims::default();
        claims.take(ClaimName::KeyId, key_id.unwrap_or_default().as_bytes(), TimeForm::AmzDate)?;
        let credential = format!("{}/{}", claims.key_id.unwrap_or_default(), scope.text());
        match self.presigned {
            None => self.sign_fields(request, body, key, &credential, &Statement::ours(scope, time)),
            Some(life) => self.sign_target(request, body, key, &credential, life, &Statement::ours(scope, time)),
        }
    }

    fn sign_fields(
        &self,
        request: &Request<'_>,
        body: &[u8],
        key: &Key,
        credential: &str,
        own: &Statement,
    ) -> Result<Written> {
        if credential.contains([',', ' ']) {
            return Err(Error::configuration("key_id: cannot be told from the text around it"));
        }
        let digest = base16ct::lower::encode_string(&Sha256::digest(body));
        let dated = WithField { fields: request.fields, name: &DATE, value: own.time.clone() };
        let with_digest = WithField { fields: &dated, name: &CONTENT_SHA256, value: digest.clone() };
        let states_digest = self.path == PathRule::S3 || request.fields.get(&CONTENT_SHA256)?.is_some();
        let fields: &dyn Fields = if states_digest { &with_digest } else { &dated };
        let signed = fields_to_sign(fields)?;
        let parameters = parameters(request.target.query())?;
        refuse_signed(&parameters)?;
        let payload = if states_digest { Payload::Stated(Sha256::digest(body).into()) } else { Payload::Received };
        let request = Request { fields, ..*request };
        let rendered = self.canonical_request(&request, &canonical_query(&parameters), &signed, &payload)?;
        let base = own.signature_base(&rendered, Content::received(body));
        let signature = base16ct::lower::encode_string(own.sign(key, &base).octets());
        let list = listed(&signed);
        let authorization = format!("{ALGORITHM} Credential={credential}, SignedHeaders={list}, Signature={signature}");
        let mut fields = vec![("X-Amz-Date".to_owned(), own.time.clone())];
        if states_digest {
            fields.push(("X-Amz-Content-Sha256".to_owned(), digest));
        }
        fields.push(("Authorization".to_owned(), authorization));
        Ok(Written { base, fields, target: None })
    }

    fn sign_target(
        &self,
        request: &Request<'_>,
        body: &[u8],
        key: &Key,
        credential: &str,
        life: i64,
        own: &Statement,
    ) -> Result<Written> {
        if request.fields.get(&DATE)?.is_some() {
            return Err(Error::configuration("x-amz-date: a presigned target has the time in its query"));
        }
        let signed = fields_to_sign(request.fields)?;
        let life = life.to_string();
        let values = [ALGORITHM, credential, &own.time, &life, &listed(&signed)].map(|text| text.as_bytes().to_vec());
        let is_own = |name: &[u8]| PARAMETERS.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()));
        let mut text = request.target.path()?.to_vec();
        let mut mark = b'?';
        for piece in request.target.query().split(|octet| *octet == b'&').filter(|piece| !piece.is_empty()) {
            if !parameters(piece)?.iter().any(|(name, _)| is_own(name)) {
                text.push(mark);
                text.extend_from_slice(piece);
                mark = b'&';
            }
        }
        for (name, value) in PARAMETERS.iter().zip(&values) {
            text.push(mark);
            text.extend_from_slice(name.as_bytes());
            text.push(b'=');
            text.extend_from_slice(&percent_encode_segment(value));
            mark = b'&';
        }
        let target = Target::parse(&text)?;
        let parameters = parameters(target.query())?;
        let payload = match (request.fields.get(&CONTENT_SHA256)?, only(&parameters, PAYLOAD)?) {
            (Some(_), Some(_)) => return Err(Error::malformed("the digest of the body is stated twice")),
            (Some(text), None) => self.payload(Some(&text))?,
            (None, text) => self.payload(text)?,
        };
        let request = Request { target: &target, ..*request };
        let rendered = self.canonical_request(&request, &canonical_query(&parameters), &signed, &payload)?;
        let base = own.signature_base(&rendered, Content::received(body));
        let signature = base16ct::lower::encode_string(own.sign(key, &base).octets());
        text.extend_from_slice(format!("&X-Amz-Signature={signature}").as_bytes());
        Ok(Written { base, fields: Vec::new(), target: Some(text) })
    }
}

fn fields_to_sign(fields: &dyn Fields) -> Result<Vec<FieldName>> {
    let mut names = fields.starting(OWN);
    names.extend([&HOST, &CONTENT_TYPE].map(|field| field.lower().to_owned()));
    names.sort();
    names.dedup();
    let mut signed = Vec::new();
    for name in names {
        let field = FieldName::parse(&name)?;
        if field == *HOST || fields.get(&field)?.is_some() {
            signed.push(field);
        }
    }
    Ok(signed)
}
