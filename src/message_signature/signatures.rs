//! Signature, read (RFC 9421, 4.2): the octets of the one that counts.

// What was received is no secret, so it need not be read in constant time, for which `base64ct` takes three times as long.
use base64::prelude::BASE64_STANDARD;
use base64::{DecodeSliceError, Engine as _};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never};
use sfv::{BareItemFromInput, KeyRef, Parser};

use crate::claims::Claims;
use crate::error::{Error, Result};
use crate::mac::Hash;
use crate::structured::{NoParameters, has_member};

/// Octets of a signature that is read at all: what is longer can be none of ours, whatever is in it.
const LONGEST_SIGNATURE: usize = 96;

/// RFC 9421, 4.2: a Dictionary of Byte Sequences, here of one. Structured fields tolerate missing padding and non-zero
/// padding bits; one signature has one text here.
pub(super) fn take_only(field: &[u8], label: &str, claims: &mut Claims) -> Result<()> {
    let text = field
        .strip_prefix(label.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"=:"))
        .and_then(|rest| rest.strip_suffix(b":"))
        .ok_or_else(|| Error::malformed("signature is not one byte sequence under the label of signature-input"))?;
    let mut octets = [0; LONGEST_SIGNATURE];
    let octets = match BASE64_STANDARD.decode_slice(text, &mut octets) {
        Ok(size) => Some(&octets[..size]),
        Err(DecodeSliceError::OutputSliceTooSmall) => None,
        Err(DecodeSliceError::DecodeError(_)) => return Err(Error::malformed("signature is not strict base64")),
    };
    claims.take_signature(octets, Hash::Sha256)
}

/// The same of several, each of which has its twin in Signature-Input.
pub(super) fn take_one_of(field: &[u8], labels: &[String], label: &str, claims: &mut Claims) -> Result<()> {
    let signatures = Parser::new(field)
        .parse_dictionary_with_visitor(Signatures { labels, seen: Vec::new(), label, octets: Vec::new() })
        .map_err(|_| {
            Error::malformed("signature is not a dictionary of byte sequences under signature-input's labels")
        })?;
    if signatures.seen.len() != labels.len() {
        return Err(Error::malformed("a label of signature-input is not in signature"));
    }
    if !has_member(field, format!("{label}=:{}:", BASE64_STANDARD.encode(&signatures.octets)).as_bytes()) {
        return Err(Error::malformed("signature is not strict base64"));
    }
    claims.take_signature(Some(&signatures.octets), Hash::Sha256)
}

/// Signature while it is parsed, where there are several.
struct Signatures<'a> {
    labels: &'a [String],
    seen: Vec<String>,
    label: &'a str,
    octets: Vec<u8>,
}

/// Where the octets go, for the one that counts.
struct Octets<'a>(Option<&'a mut Vec<u8>>);

impl<'de> DictionaryVisitor<'de> for Signatures<'_> {
    type Out = Self;
    type Error = Error;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        let label = label.as_str().to_owned();
        if !self.labels.contains(&label) || self.seen.contains(&label) {
            return Err(Error::malformed("a label twice, or one that signature-input does not have"));
        }
        let octets = Octets((label == self.label).then_some(&mut self.octets));
        self.seen.push(label);
        Ok(octets)
    }

    fn finish(self) -> Result<Self> {
        Ok(self)
    }
}

impl<'de> EntryVisitor<'de> for Octets<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>> {
        Ok(move |value: BareItemFromInput<'de>| match value {
            BareItemFromInput::ByteSequence(octets) => {
                if let Some(place) = self.0 {
                    *place = octets;
                }
                Ok(NoParameters)
            }
            _ => Err(Error::malformed("a signature is not a byte sequence")),
        })
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>> {
        Err::<Never, _>(Error::malformed("a signature is a list"))
    }
}
