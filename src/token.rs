//! Tokens: a text that permits one action on one subject, which is signed and not written in it.
//!
//! Base64url (RFC 4648, 5) without padding, of: the kind, an octet; created, Unix seconds in 5; life, seconds in 4; for
//! a single use a nonce of 16; the key id, and an octet of zeros; the claims, canonical JSON (RFC 8785), or nothing; and
//! 32 of HMAC-SHA256, by a key for this action alone. Numbers are big-endian. Signed are the subject, after its length in
//! 8 octets, and all that comes before the signature. Every part has a size of its own or an end, so no two lists of
//! parts give the same octets; and strict base64url gives no two texts the same.

use crate::error::{Error, Result};
use crate::json::{Canonical, Options};
use crate::key::Key;
use crate::mac::{Hash, Signature, Sink as _};
use crate::purpose::{self, KEY_ID, LATEST, SIGNATURE, Window};
use crate::ring::{KeyRing, Signer};

/// Octets of the canonical claims.
pub const CLAIMS: usize = 2048;
/// Octets of a nonce.
const NONCE: usize = 16;
/// Octets of what every token has.
const LEAST: usize = 1 + 5 + 4 + 1 + SIGNATURE;
/// Characters of a token whose parts are as long as they may be.
const LONGEST: usize = (LEAST + NONCE + KEY_ID + CLAIMS) * 4 / 3 + 1;
/// Seconds by which the clocks of those who sign and those who verify may differ.
const AHEAD: i64 = 60;

/// What may be used as often as it comes while it lives.
const REUSABLE: u8 = 1;
/// What may be used once.
const ONCE: u8 = 2;

/// What a token says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// None for an anonymous key.
    pub key_id: Option<String>,
    /// Unix seconds.
    pub created: u64,
    /// Seconds, of which the last still counts.
    pub life: u32,
    /// Of a token that may be used once.
    pub nonce: Option<[u8; NONCE]>,
    /// A JSON object with members, of at most 2048 octets in canonical form; or nothing. Whatever else is signed here is
    /// refused when it is read.
    pub claims: Vec<u8>,
}

impl Facts {
    /// The text that permits what `key` is for, on `subject`.
    #[must_use]
    pub fn sign(&self, key: &Key, subject: &[u8]) -> String {
        let mut octets = self.write();
        let signature = signature(key, subject, &octets);
        octets.extend_from_slice(signature.octets());
        purpose::encoded(&octets)
    }

    fn write(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(LEAST + NONCE + KEY_ID + self.claims.len());
        octets.push(if self.nonce.is_some() { ONCE } else { REUSABLE });
        octets.extend_from_slice(&self.created.to_be_bytes()[3..]);
        octets.extend_from_slice(&self.life.to_be_bytes());
        octets.extend_from_slice(self.nonce.as_ref().map_or(&[], |nonce| nonce));
        octets.extend_from_slice(self.key_id.as_deref().unwrap_or_default().as_bytes());
        octets.push(0);
        octets.extend_from_slice(&self.claims);
        octets
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let (&[kind, _, _, _, _, _], _) = octets.split_first_chunk::<6>()?;
        let (created, rest) = octets[1..].split_first_chunk::<5>()?;
        let (life, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, rest) = match kind {
            REUSABLE => (None, rest),
            ONCE => rest.split_first_chunk::<NONCE>().map(|(nonce, rest)| (Some(*nonce), rest))?,
            _ => return None,
        };
        let end = rest.iter().take(KEY_ID + 1).position(|octet| *octet == 0)?;
        let (key_id, claims) = (purpose::key_id(&rest[..end]).ok()?, &rest[end + 1..]);
        let created = created.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        (created < LATEST && claims.len() <= CLAIMS).then(|| Self {
            key_id,
            created,
            life: u32::from_be_bytes(*life),
            nonce,
            claims: claims.to_vec(),
        })
    }

    fn check_claims(&self) -> Result<()> {
        let whole = |text: &[u8]| {
            let canonical = Canonical::read(text, Options { limit: CLAIMS, ..Options::default() });
            text.starts_with(b"{") && text != b"{}" && canonical.is_ok_and(|canonical| canonical.is_whole(text))
        };
        if self.claims.is_empty() || whole(&self.claims) {
            return Ok(());
        }
        Err(Error::malformed("token: claims that are no object with members in canonical form"))
    }
}

/// A token as received, unproven.
#[derive(Clone)]
pub struct Token {
    facts: Facts,
    /// All that comes before the signature.
    signed: Vec<u8>,
    signature: Signature,
}

impl Token {
    /// The token of a text, which has one spelling.
    pub fn read(text: &str) -> Result<Self> {
        Self::parts(text).ok_or_else(|| Error::malformed("token: expected the base64url of a kind that is known"))
    }

    fn parts(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let octets = purpose::decoded(text)?;
        let (signed, signature) = octets.split_at_checked(octets.len().checked_sub(SIGNATURE)?)?;
        let signature = Signature::received(signature, Hash::Sha256)?;
        Some(Self { facts: Facts::read(signed)?, signed: signed.to_vec(), signature })
    }

    /// What it says of itself.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The last Unix second in which it can be accepted where nothing is older than `max_age` seconds.
    #[must_use]
    pub fn end(&self, max_age: u32) -> i64 {
        self.created() + i64::from(self.facts.life.min(max_age))
    }

    /// Refuses what is from the future, too old, or past its own end. `now`: Unix milliseconds.
    pub fn check_window(&self, now: i64, max_age: u32) -> Result<()> {
        Window { first: self.created() - AHEAD, last: self.end(max_age) }.check(now)
    }

    /// Whose key of `ring` has signed it, for `subject`. `now`: Unix milliseconds.
    pub fn authenticate(&self, ring: &KeyRing, subject: &[u8], now: i64) -> Result<Signer> {
        let sign = |key: &Key, made: &mut dyn FnMut(&Signature)| made(&signature(key, subject, &self.signed));
        let given = std::slice::from_ref(&self.signature);
        let signer = ring.authenticate(self.facts.key_id.as_deref(), Some(now), given, sign)?;
        self.facts.check_claims()?; // of what is proven only
        Ok(signer)
    }

    fn created(&self) -> i64 {
        self.facts.created.cast_signed()
    }
}

fn signature(key: &Key, subject: &[u8], signed: &[u8]) -> Signature {
    let mut mac = key.mac(Hash::Sha256);
    mac.put_framed(subject);
    mac.put(signed);
    mac.finish()
}
