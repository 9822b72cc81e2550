//! What is signed for one purpose, a token or an envelope: whose key it says, from when to when it counts, and octets as
//! text.

// Nothing that is written here is secret, so it need not be read in constant time, for which `base64ct` takes five
// times as long.
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::error::{Code, Error, Result};
use crate::mac::{Hash, Signature};
use crate::structured::is_printable;

/// Octets of a key id.
pub(crate) const KEY_ID: usize = 256;
/// Octets of a signature, of HMAC-SHA256.
pub(crate) const SIGNATURE: usize = 32;
/// Seconds have at most 12 digits.
pub(crate) const LATEST: u64 = 1_000_000_000_000;

/// Whose key has signed it: nothing says an anonymous one.
pub(crate) fn key_id(octets: &[u8]) -> Result<Option<String>> {
    if octets.len() > KEY_ID || !is_printable(octets) {
        return Err(Error::malformed("key id: 1 to 256 printable characters"));
    }
    Ok((!octets.is_empty()).then(|| String::from_utf8_lossy(octets).into_owned()))
}

/// Octets as base64url (RFC 4648, 5), without padding.
pub(crate) fn encoded(octets: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

/// The same, after what a text has.
pub(crate) fn encode_into(octets: &[u8], text: &mut String) {
    BASE64_URL_SAFE_NO_PAD.encode_string(octets, text);
}

/// The signature that a text of 43 characters is.
pub(crate) fn signature(text: &str) -> Option<Signature> {
    let mut octets = [0; SIGNATURE + 4]; // more than the size that is guessed before it is decoded
    let size = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut octets).ok()?;
    Signature::received(&octets[..size], Hash::Sha256)
}

/// The octets of a text, of which there is one for them. RFC 4648, 3.5: bits that say nothing must be zero.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// Unix seconds in which something counts, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Window {
    /// `now`: Unix milliseconds; `i64::MAX`, of a clock that says nothing, is past every end.
    pub(crate) fn check(self, now: i64) -> Result<()> {
        if now >= self.first.saturating_mul(1000) && now <= self.last.saturating_mul(1000) && now < i64::MAX {
            return Ok(());
        }
        Err(Error::new(Code::Expired, "too old, from the future, or past its own end"))
    }
}
