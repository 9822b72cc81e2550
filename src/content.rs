//! The body, as a scheme reads it: as it was received, its canonical form, or some of its members.

use std::borrow::Cow;

use sha2::{Digest, Sha256, Sha512};

use crate::claims::Claims;
use crate::error::{Code, Error, Result};
use crate::fields::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, Fields};
use crate::form::FormBody;
use crate::json::{Canonical, Document, Form, Options, Selected};
use crate::mac::Sink;
use crate::request::declared_length;
use crate::target::percent_encode_segment;
use crate::transform::{Transform, transformed};

/// What was read of a body, where it is not signed as received.
pub enum ReadBody {
    /// Its canonical form.
    Canonical(Canonical),
    /// Some of its members.
    Members(Selected),
    /// Its pairs.
    Form(FormBody),
}

/// What is signed of a body, and what the application is handed.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    received: &'a [u8],
    read: Option<&'a ReadBody>,
}

impl<'a> Content<'a> {
    /// The body as received.
    #[must_use]
    pub fn received(body: &'a [u8]) -> Self {
        Self::new(body, None)
    }

    /// A body, and what was read of it.
    #[must_use]
    pub fn new(body: &'a [u8], read: Option<&'a ReadBody>) -> Self {
        Self { received: body, read }
    }

    /// Its octets.
    #[must_use]
    pub fn octets(&self) -> Cow<'a, [u8]> {
        match self.read {
            None => Cow::Borrowed(self.received),
            Some(ReadBody::Canonical(canonical)) => canonical.octets(self.received),
            Some(ReadBody::Members(selected)) => Cow::Borrowed(selected.object()),
            Some(ReadBody::Form(form)) => Cow::Borrowed(form.canonical()),
        }
    }

    /// What is signed of the nth member, where members were read.
    #[must_use]
    pub fn member(&self, nth: usize) -> Option<Cow<'a, [u8]>> {
        match self.read {
            Some(ReadBody::Members(selected)) => selected.value(nth),
            _ => None,
        }
    }

    /// What is signed of a form, where one was read.
    #[must_use]
    pub fn form(&self) -> Option<&'a [u8]> {
        match self.read {
            Some(ReadBody::Form(form)) => Some(form.signed()),
            _ => None,
        }
    }

    /// Writes what the transforms make of it, without a copy where they allow.
    pub fn write(&self, transforms: &[Transform], sink: &mut impl Sink) {
        match transforms {
            [] => self.write_all(sink),
            [Transform::Sha256, rest @ ..] => sink.put(&transformed(self.digest::<Sha256>(), rest)),
            [Transform::Sha512, rest @ ..] => sink.put(&transformed(self.digest::<Sha512>(), rest)),
            _ => sink.put(&transformed(self.octets(), transforms)),
        }
    }

    fn digest<D: Digest + Sink>(&self) -> Cow<'static, [u8]> {
        let mut digest = D::new();
        self.write_all(&mut digest);
        Cow::Owned(digest.finalize().to_vec())
    }

    fn write_all(&self, sink: &mut impl Sink) {
        match self.read {
            None => sink.put(self.received),
            Some(ReadBody::Canonical(canonical)) => canonical.feed(self.received, sink),
            Some(ReadBody::Members(selected)) => sink.put(selected.object()),
            Some(ReadBody::Form(form)) => sink.put(form.canonical()),
        }
    }
}

/// The canonical form of a body that was received. What cannot be read is a refusal like any other.
pub fn read_json(body: &[u8], form: Form) -> Result<Canonical> {
    Canonical::read(body, Options { form, ..Options::default() }).map_err(malformed)
}

/// The same, to find members in.
pub fn read_document(body: &[u8], form: Form) -> Result<Document> {
    Document::read(body, form).map_err(malformed)
}

/// The same, of a body that is handed on as received.
pub fn look_into(body: &[u8]) -> Result<Document> {
    Document::look_into(body).map_err(malformed)
}

fn malformed(error: Error) -> Error {
    Error { code: Code::BodyMalformed, ..error }
}

/// Refuses a content that the message is not for, where it says of which type and how long it may be; and one over the
/// limit. The limit that then holds.
pub(crate) fn check_stated_content(fields: &dyn Fields, claims: &Claims, limit: u64) -> Result<u64> {
    let refused = |message: &'static str| Err(Error::new(Code::NotCovered, message));
    if let Some(stated) = &claims.content_type {
        let given = fields.get(&CONTENT_TYPE)?.map(|given| percent_encode_segment(&given));
        if given.as_deref() != Some(stated.as_bytes()) {
            return refused("signed for content of another type");
        }
        // What a coding makes of it has another length; a range of it is another content (RFC 9110, 8.4 and 14.5).
        if fields.get(&CONTENT_ENCODING)?.is_some() || fields.get(&CONTENT_RANGE)?.is_some() {
            return refused("signed for all of a content, in no coding");
        }
    }
    let Some(stated) = &claims.content_length else {
        return declared_length(fields, limit).map(|_| limit);
    };
    let limit = limit.min(stated.most());
    match declared_length(fields, limit)? {
        Some(length) if !stated.admits(length) => refused("signed for content of another length"),
        _ => Ok(limit),
    }
}

/// RFC 9110, 8.3.1, without a look at the parameters.
pub(crate) fn is_media_type(text: &[u8]) -> bool {
    let is_token = |text: &[u8]| !text.is_empty() && text.iter().copied().all(crate::fields::is_token);
    let essence = text.split(|octet| *octet == b';').next().unwrap_or_default();
    let mut parts = essence.trim_ascii_end().splitn(2, |octet| *octet == b'/');
    parts.next().is_some_and(is_token) && parts.next().is_some_and(is_token)
}

/// A body that is read as JSON says that it is JSON, and nothing that makes it another text to another reader: a
/// coding, or a charset. RFC 8259, 11, knows no charset; `utf-8` changes nothing.
pub fn check_json_fields(fields: &dyn Fields) -> Result<()> {
    let refused = |message: &'static str| Err(Error::new(Code::BodyMalformed, message));
    if fields.get(&CONTENT_ENCODING)?.is_some() {
        return refused("a Content-Encoding, where the body is read as JSON");
    }
    match fields.get(&CONTENT_TYPE)? {
        Some(value) if is_json(&value) => Ok(()),
        _ => refused("the Content-Type is not that of JSON in UTF-8"),
    }
}

/// A body that is read as a form says that it is one, and nothing that makes it another to another reader. Its charset
/// is UTF-8, whatever else it may say (WHATWG URL, 5).
pub fn check_form_fields(fields: &dyn Fields) -> Result<()> {
    let refused = |message: &'static str| Err(Error::new(Code::BodyMalformed, message));
    if fields.get(&CONTENT_ENCODING)?.is_some() {
        return refused("a Content-Encoding, where the body is read as a form");
    }
    match fields.get(&CONTENT_TYPE)? {
        Some(value) if is_form(&value) => Ok(()),
        _ => refused("the Content-Type is not that of a form in UTF-8"),
    }
}

fn is_form(value: &[u8]) -> bool {
    let text: String = String::from_utf8_lossy(value).to_ascii_lowercase();
    let (media_type, parameter) = text.split_once(';').unwrap_or((&text, "charset=utf-8"));
    media_type.trim_end() == "application/x-www-form-urlencoded" && parameter.trim() == "charset=utf-8"
}

/// RFC 9110, 8.3.1, with `application/json` or a structured suffix `+json` (RFC 6839, 3.1).
fn is_json(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
    let subtype = parts.next().and_then(|media_type| media_type.strip_prefix("application/")).unwrap_or_default();
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(crate::fields::is_token);
    let mut charsets = 0;
    let are_harmless = parts.all(|parameter| {
        if parameter.is_empty() {
            return true;
        }
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        charsets += usize::from(name == "charset");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        // `charset*=` is another way to say it (RFC 2231, 4), for some readers.
        is_token(name) && !name.contains('*') && is_token(value) && (name != "charset" || value == "utf-8")
    });
    is_token(subtype) && (subtype == "json" || subtype.ends_with("+json")) && are_harmless && charsets < 2
}
