//! Content-Digest (RFC 9530): written for signing, checked against the body after the signature holds.

// A digest is no secret, so it need not be read in constant time, for which `base64ct` takes five times as long.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never};
use sfv::{BareItemFromInput, KeyRef, Parser};
use sha2::{Digest, Sha256, Sha512};

use crate::error::{Code, Error, Result};
use crate::mac::Hash;
use crate::structured::{NoParameters, has_member};

/// The field that carries digests of the content.
pub const FIELD: &str = "Content-Digest";

/// RFC 9530, 2: the digests that a message states, of the algorithms that are fit for hostile input (5).
#[derive(Clone, Default)]
pub struct ContentDigest {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl ContentDigest {
    /// RFC 9530, 2: a Dictionary of Byte Sequences. Unknown and weak algorithms do not count; one that counts is needed.
    pub fn parse(field: &[u8]) -> Result<Self> {
        // What nearly every message states, and nothing else.
        let only = field.strip_prefix(b"sha-256=:").and_then(|rest| rest.strip_suffix(b":"));
        if let Some(Ok(octets)) = only.map(|text| BASE64_STANDARD.decode(text))
            && octets.len() == 32
        {
            return Ok(Self { sha256: Some(octets), sha512: None });
        }
        let digest = Parser::new(field)
            .parse_dictionary_with_visitor(Self::default())
            .map_err(|_| Error::malformed("content-digest does not have the form of RFC 9530"))?;
        if digest.sha256.is_none() && digest.sha512.is_none() {
            return Err(Error::malformed("content-digest: neither sha-256 nor sha-512"));
        }
        for (name, octets) in [("sha-256=:", &digest.sha256), ("sha-512=:", &digest.sha512)] {
            // Structured fields tolerate non-zero padding bits; two texts of one digest are not for us.
            let text = octets.as_ref().map(|octets| [name, &BASE64_STANDARD.encode(octets), ":"].concat());
            if text.is_some_and(|text| !has_member(field, text.as_bytes())) {
                return Err(Error::malformed("content-digest: not strict base64"));
            }
        }
        Ok(digest)
    }

    /// The digest with SHA-256 or SHA-512, by its size; None where it has another.
    #[must_use]
    pub fn of_octets(octets: &[u8]) -> Option<Self> {
        match octets.len() {
            32 => Some(Self { sha256: Some(octets.to_vec()), sha512: None }),
            64 => Some(Self { sha256: None, sha512: Some(octets.to_vec()) }),
            _ => None,
        }
    }

    /// As `check`, of a body that is not here: `made` gives its digest by a hash.
    pub fn check_made<E: From<Error>>(
        &self,
        mut made: impl FnMut(Hash) -> std::result::Result<Vec<u8>, E>,
    ) -> std::result::Result<(), E> {
        for (hash, stated) in [(Hash::Sha256, &self.sha256), (Hash::Sha512, &self.sha512)] {
            if let Some(stated) = stated
                && *stated != made(hash)?
            {
                return Err(mismatch().into());
            }
        }
        Ok(())
    }

    /// Every digest stated must be the body's: one right and one wrong is a downgrade (RFC 9530, 6.6).
    pub fn check(&self, body: &[u8]) -> Result<()> {
        let holds = self.sha256.as_ref().is_none_or(|digest| digest[..] == Sha256::digest(body)[..])
            && self.sha512.as_ref().is_none_or(|digest| digest[..] == Sha512::digest(body)[..]);
        if holds {
            return Ok(());
        }
        Err(mismatch())
    }
}

fn mismatch() -> Error {
    Error::new(Code::DigestMismatch, "the body is not the one whose digest was signed")
}

/// The field's value for a body.
#[must_use]
pub fn write(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(body)))
}

/// A member while it is parsed: the place of its digest, None for an algorithm that does not count.
struct Member<'a>(Option<(&'a mut Option<Vec<u8>>, usize)>);

impl<'de> DictionaryVisitor<'de> for ContentDigest {
    type Out = Self;
    type Error = Error;

    fn entry(&mut self, algorithm: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        Ok(Member(match algorithm.as_str() {
            "sha-256" => Some((&mut self.sha256, 32)),
            "sha-512" => Some((&mut self.sha512, 64)),
            _ => None,
        }))
    }

    fn finish(self) -> Result<Self> {
        Ok(self)
    }
}

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>> {
        Ok(move |value: BareItemFromInput<'de>| {
            match (self.0, value) {
                // A string could hold the text of a digest, and let another text of it pass for strict.
                (None, BareItemFromInput::String(_) | BareItemFromInput::DisplayString(_)) => {
                    return Err(Error::malformed("content-digest: a string"));
                }
                (None, _) => {}
                // A map would keep the last of two, another reader the first.
                (Some((place @ None, size)), BareItemFromInput::ByteSequence(octets)) if octets.len() == size => {
                    *place = Some(octets);
                }
                _ => return Err(Error::malformed("content-digest: not one digest of this algorithm's size")),
            }
            Ok(NoParameters)
        })
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>> {
        Err::<Never, _>(Error::malformed("content-digest: a list"))
    }
}
