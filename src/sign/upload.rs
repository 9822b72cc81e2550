//! What a link says of the content that may be uploaded by it.

use std::borrow::Cow;

use super::ToSign;
use crate::claims::{ClaimName, Claims};
use crate::content::is_media_type;
use crate::error::{Error, Result};
use crate::fields::CONTENT_TYPE;
use crate::mac::Hash;
use crate::part::Source;
use crate::structured::is_printable;
use crate::target::percent_encode_segment;
use crate::templates::Templates;
use crate::times::TimeForm;
use crate::transform::transformed;

/// What may be uploaded, where it is not there yet.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    /// Its Content-Type (RFC 9110, 8.3).
    pub content_type: &'a str,
    /// Its octets: `N`, or `0-N` for at most so many.
    pub content_length: &'a str,
    /// Its digest, as the scheme makes it, in octets.
    pub content_digest: Option<&'a [u8]>,
}

impl ToSign<'_> {
    /// Takes what a message says of its content: of the upload it is for, or else of its own body.
    pub(super) fn state_content(&self, templates: &Templates, hash: Hash, claims: &mut Claims) -> Result<()> {
        let refused = |message: &'static str| Err(Error::configuration(message));
        let states = |name| templates.carried().any(|hole| hole.source == Source::Claim(name));
        if self.upload.is_some() && !(states(ClaimName::ContentType) && states(ClaimName::ContentLength)) {
            return refused("content_type: the links of this scheme are for no uploads");
        }
        let digest = self.upload.map(|upload| upload.content_digest);
        if digest.is_some_and(|digest| digest.is_some() != states(ClaimName::Digest)) {
            return refused("content_digest: signed where the scheme has one, and only there");
        }
        for hole in templates.carried() {
            match hole.source {
                Source::Claim(ClaimName::Digest) => {
                    let text = match digest.flatten() {
                        Some(digest) => transformed(digest.into(), &hole.transforms[1..]),
                        None => transformed(self.body.into(), &hole.transforms),
                    };
                    hole.read(&text, hash, claims)?;
                }
                Source::Claim(name @ ClaimName::ContentType) => {
                    let encoded = percent_encode_segment(&self.content_type()?);
                    claims.take(name, &encoded, TimeForm::Seconds)?;
                }
                Source::Claim(name @ ClaimName::ContentLength) => {
                    let own = self.body.len().to_string();
                    let length = self.upload.map_or(own.as_str(), |upload| upload.content_length);
                    claims.take(name, length.as_bytes(), TimeForm::Seconds)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn content_type(&self) -> Result<Cow<'_, [u8]>> {
        let given = match self.upload {
            Some(upload) => Some(upload.content_type.as_bytes().into()),
            None => self.fields.get(&CONTENT_TYPE)?,
        };
        // As a field is received: without blanks around it.
        let is_field = |text: &[u8]| is_printable(text) && text.trim_ascii() == text;
        given.filter(|given| is_media_type(given) && is_field(given)).ok_or_else(|| {
            Error::configuration("content_type: a link for an upload says of which type, such as image/png")
        })
    }
}
