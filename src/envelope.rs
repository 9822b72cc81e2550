//! Envelopes: the text of a signature over a payload, which stands beside it.
//!
//! Six members between dots: `v1`; key id, base64url (RFC 4648, 5), nothing for an anonymous key; created and expires,
//! Unix seconds in decimal, the latter perhaps nothing; a nonce of 16 to 256 characters of base64url's; and 32 octets of
//! HMAC-SHA256, base64url without padding, by a key for this purpose alone. Signed are `v1`, the purpose, key id, created,
//! expires and nonce, each after its length in 8 octets, and then the canonical JSON of the payload (RFC 8785). Every
//! member has one spelling, so no two texts say the same.

use crate::error::{Error, Result};
use crate::key::Key;
use crate::mac::{Hash, Signature, Sink as _};
use crate::purpose::{self, KEY_ID, LATEST, SIGNATURE, Window};
use crate::ring::{KeyRing, Signer};

const VERSION: &str = "v1";
/// Digits of a second.
const DIGITS: usize = 12;
/// Characters of a nonce.
const NONCE: std::ops::RangeInclusive<usize> = 16..=256;
/// Characters of a text whose members are as long as they may be.
const LONGEST: usize = VERSION.len() + encoded(KEY_ID) + 2 * DIGITS + *NONCE.end() + encoded(SIGNATURE) + 5;

/// Characters of so many octets.
const fn encoded(octets: usize) -> usize {
    (octets * 4).div_ceil(3)
}

/// What an envelope says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// None for an anonymous key.
    pub key_id: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// The last Unix second in which it counts, where it says one.
    pub expires: Option<u64>,
    /// 16 to 256 characters of base64url's.
    pub nonce: String,
}

impl Facts {
    /// The text of the signature by `key`, which is for `purpose` alone. `payload`: canonical JSON.
    #[must_use]
    pub fn sign(&self, key: &Key, purpose: &str, payload: &[u8]) -> String {
        let signature = signature(key, &self.head(purpose), payload);
        let mut text = String::with_capacity(LONGEST);
        text.push_str(VERSION);
        text.push('.');
        purpose::encode_into(self.key_id.as_deref().unwrap_or_default().as_bytes(), &mut text);
        let (mut created, mut expires) = (itoa::Buffer::new(), itoa::Buffer::new());
        for part in [created.format(self.created), self.expires(&mut expires), &self.nonce] {
            text.push('.');
            text.push_str(part);
        }
        text.push('.');
        purpose::encode_into(signature.octets(), &mut text);
        text
    }

    /// What is signed before the payload.
    fn head(&self, purpose: &str) -> Vec<u8> {
        let key_id = self.key_id.as_deref().unwrap_or_default();
        let mut head = Vec::with_capacity(LONGEST);
        let (mut created, mut expires) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (created, expires) = (created.format(self.created), self.expires(&mut expires));
        for part in [VERSION, purpose, key_id, created, expires, &self.nonce] {
            head.put_framed(part.as_bytes());
        }
        head
    }

    /// Nothing where it says none.
    fn expires<'a>(&self, buffer: &'a mut itoa::Buffer) -> &'a str {
        self.expires.map_or("", |second| buffer.format(second))
    }
}

/// The text of a signature as received, unproven.
#[derive(Clone)]
pub struct Seal {
    facts: Facts,
    signature: Signature,
}

impl Seal {
    /// The signature of a text, which has one spelling.
    pub fn read(text: &str) -> Result<Self> {
        let seal =
            Self::members(text).ok_or_else(|| Error::malformed("expected a version, and five members between dots"))?;
        if seal.facts.expires.is_some_and(|expires| expires < seal.facts.created) {
            return Err(Error::malformed("it ends before it begins"));
        }
        Ok(seal)
    }

    fn members(text: &str) -> Option<Self> {
        let mut members = text.split('.').filter(|_| text.len() <= LONGEST);
        members.next().filter(|version| *version == VERSION)?;
        let key_id = purpose::key_id(&purpose::decoded(members.next()?)?).ok()?;
        let created = seconds(members.next()?)?;
        let expires = members.next()?;
        let expires = if expires.is_empty() { None } else { Some(seconds(expires)?) };
        let nonce =
            members.next().filter(|nonce| NONCE.contains(&nonce.len()) && nonce.bytes().all(is_of_base64url))?;
        let signature = purpose::signature(members.next()?)?;
        if members.next().is_some() {
            return None;
        }
        Some(Self { facts: Facts { key_id, created, expires, nonce: nonce.to_owned() }, signature })
    }

    /// What it says of itself.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The last Unix second in which it can be accepted where nothing is older than `max_age` seconds.
    #[must_use]
    pub fn end(&self, max_age: u64) -> u64 {
        let end = self.facts.created.saturating_add(max_age);
        self.facts.expires.map_or(end, |expires| expires.min(end))
    }

    /// Refuses what is from the future, too old, or past its own end; clocks may differ by `max_age` seconds. `now`: Unix
    /// milliseconds.
    pub fn check_window(&self, now: i64, max_age: u64) -> Result<()> {
        let first = self.facts.created.cast_signed().saturating_sub_unsigned(max_age);
        Window { first, last: self.end(max_age).try_into().unwrap_or(i64::MAX) }.check(now)
    }

    /// Whose key of `ring`, whose keys are for `purpose` alone, has signed `payload`, which is canonical JSON. `now`: Unix
    /// milliseconds.
    pub fn authenticate(&self, ring: &KeyRing, purpose: &str, payload: &[u8], now: i64) -> Result<Signer> {
        let head = self.facts.head(purpose);
        let sign = |key: &Key, made: &mut dyn FnMut(&Signature)| made(&signature(key, &head, payload));
        ring.authenticate(self.facts.key_id.as_deref(), Some(now), std::slice::from_ref(&self.signature), sign)
    }
}

fn signature(key: &Key, head: &[u8], payload: &[u8]) -> Signature {
    let mut mac = key.mac(Hash::Sha256);
    mac.put(head);
    mac.put(payload);
    mac.finish()
}

/// Unix seconds, without a zero before them.
fn seconds(text: &str) -> Option<u64> {
    let is_plain = text.len() <= DIGITS && text.bytes().all(|octet| octet.is_ascii_digit());
    let has_one_spelling = text.len() == 1 || !text.starts_with('0');
    text.parse().ok().filter(|second| is_plain && has_one_spelling && *second < LATEST)
}

fn is_of_base64url(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}
