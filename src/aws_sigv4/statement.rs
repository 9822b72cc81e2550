//! What a message says of its signature: in its Authorization field, or in its query.

use std::sync::LazyLock;

use crate::error::{Code, Error, Result};
use crate::fields::FieldName;

/// The one algorithm; a message names it and never chooses it.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Names that one signature may list.
const MOST_FIELDS: usize = 64;

pub(super) static AUTHORIZATION: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("authorization"));
pub(super) static DATE: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("x-amz-date"));
pub(super) static CONTENT_SHA256: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("x-amz-content-sha256"));

/// The parameters of a presigned target, in the order in which they are written; the last is not signed.
pub const PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];
/// Where a presigned target states what its body is.
pub(super) const PAYLOAD: &str = "X-Amz-Content-Sha256";

/// As received, and decoded where it stood in a query.
pub(super) struct Given {
    pub(super) credential: Vec<u8>,
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) time: Vec<u8>,
    /// Seconds.
    pub(super) lasts: Option<Vec<u8>>,
}

impl Given {
    /// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`: each of the three once, in any order.
    pub(super) fn in_field(value: &[u8], time: Vec<u8>) -> Result<Self> {
        let wrong = |message| Err(Error::malformed(message));
        let Some(rest) = value.strip_prefix(ALGORITHM.as_bytes()).filter(|rest| rest.starts_with(b" ")) else {
            return wrong("authorization is not AWS4-HMAC-SHA256");
        };
        let mut found: [Option<&[u8]>; 3] = [None; 3];
        for member in rest.split(|octet| *octet == b',') {
            let member = member.trim_ascii();
            let names: [&[u8]; 3] = [b"Credential=", b"SignedHeaders=", b"Signature="];
            let known = names.iter().enumerate().find_map(|(nth, name)| Some((nth, member.strip_prefix(*name)?)));
            match known {
                Some((nth, text)) if found[nth].is_none() => found[nth] = Some(text),
                _ => return wrong("authorization: an unknown member, or one that occurs twice"),
            }
        }
        let [Some(credential), Some(signed), Some(signature)] = found.map(|text| text.map(<[u8]>::to_vec)) else {
            return wrong("authorization: not all of Credential, SignedHeaders and Signature");
        };
        Ok(Self { credential, signed, signature, time, lasts: None })
    }

    /// Each of `PARAMETERS` once.
    pub(super) fn in_query(parameters: &[(Vec<u8>, Vec<u8>)]) -> Result<Self> {
        let one = |name: &str| {
            only(parameters, name)?
                .ok_or_else(|| Error::new(Code::SignatureMissing, format!("no parameter {name}")))
                .map(<[u8]>::to_vec)
        };
        let signature = one("X-Amz-Signature")?;
        if one("X-Amz-Algorithm")? != ALGORITHM.as_bytes() {
            return Err(Error::malformed("X-Amz-Algorithm is not AWS4-HMAC-SHA256"));
        }
        let (credential, signed) = (one("X-Amz-Credential")?, one("X-Amz-SignedHeaders")?);
        Ok(Self { credential, signed, signature, time: one("X-Amz-Date")?, lasts: Some(one("X-Amz-Expires")?) })
    }
}

/// The one value of a parameter, if it is there. A second one, or another spelling of its name, which some readers
/// take for it, is refused.
pub(super) fn only<'a>(parameters: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Result<Option<&'a [u8]>> {
    let mut like = parameters.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
    match (like.next(), like.next()) {
        (None, _) => Ok(None),
        (Some((other, value)), None) if other == name.as_bytes() => Ok(Some(value)),
        _ => Err(Error::malformed(format!("the parameter {name} occurs twice, or in another spelling"))),
    }
}

/// `SignedHeaders`: in lower case, in order, each once, and `host` among them.
pub(super) fn signed_fields(text: &[u8]) -> Result<Vec<FieldName>> {
    let wrong = || Error::malformed("signed headers: lower-case names in order, each once, at most 64");
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let mut fields: Vec<FieldName> = Vec::new();
    for name in text.split(';') {
        let field = FieldName::parse(name).map_err(|_| wrong())?;
        if field.lower() != name
            || fields.last().is_some_and(|last| last.lower() >= name)
            || fields.len() == MOST_FIELDS
        {
            return Err(wrong());
        }
        fields.push(field);
    }
    if fields.iter().any(|field| field.lower() == "host") {
        return Ok(fields);
    }
    Err(Error::new(Code::NotCovered, "host is not signed"))
}
