//! Content-Digest (RFC 9530): written for signing, checked against the body after the signature holds.

use base64ct::{Base64, Encoding};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha2::{Digest, Sha256, Sha512};

use crate::error::{Code, Error, Result};

/// The field that carries digests of the content.
pub const FIELD: &str = "Content-Digest";

/// RFC 9530, 2: the digests that a message states, of the algorithms that are fit for hostile input (5).
pub struct ContentDigest {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl ContentDigest {
    /// RFC 9530, 2: a Dictionary of Byte Sequences. Unknown and weak algorithms do not count; one that counts is needed.
    pub fn parse(field: &[u8]) -> Result<Self> {
        let members: Dictionary =
            Parser::new(field).parse().map_err(|_| Error::malformed("content-digest is not a dictionary"))?;
        let of = |name: &str, size: usize| match members.get(name) {
            None => Ok(None),
            Some(ListEntry::Item(item)) if item.params.is_empty() => match &item.bare_item {
                BareItem::ByteSequence(octets) if octets.len() == size => {
                    // Structured fields tolerate non-zero padding bits; two texts of one digest are not for us.
                    let text = format!("{name}=:{}:", Base64::encode_string(octets));
                    let canonical = field.windows(text.len()).any(|window| window == text.as_bytes());
                    // A map keeps the last of two members, another reader the first.
                    let prefix = format!("{name}=");
                    let once = field.windows(prefix.len()).filter(|window| *window == prefix.as_bytes()).count() == 1;
                    (canonical && once)
                        .then(|| Some(octets.clone()))
                        .ok_or_else(|| Error::malformed("content-digest: base64"))
                }
                _ => Err(Error::malformed("content-digest: not a digest of this algorithm's size")),
            },
            Some(_) => Err(Error::malformed("content-digest: not a byte sequence")),
        };
        let digest = Self { sha256: of("sha-256", 32)?, sha512: of("sha-512", 64)? };
        if digest.sha256.is_none() && digest.sha512.is_none() {
            return Err(Error::malformed("content-digest: neither sha-256 nor sha-512"));
        }
        Ok(digest)
    }

    /// Every digest stated must be the body's: one right and one wrong is a downgrade (RFC 9530, 6.6).
    pub fn check(&self, body: &[u8]) -> Result<()> {
        let holds = self.sha256.as_ref().is_none_or(|digest| digest[..] == Sha256::digest(body)[..])
            && self.sha512.as_ref().is_none_or(|digest| digest[..] == Sha512::digest(body)[..]);
        if holds {
            return Ok(());
        }
        Err(Error::new(Code::DigestMismatch, "the body is not the one whose digest was signed"))
    }
}

/// The field's value for a body.
#[must_use]
pub fn write(body: &[u8]) -> String {
    format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)))
}
