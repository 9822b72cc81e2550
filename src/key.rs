//! Keys: what is taken for one, for how long it counts, and what is derived from it.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use base64ct::{Base64Unpadded, Encoding as _};
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::mac::{Hash, Mac, Signature, invalid};

const NEVER: i64 = i64::MIN;
/// RFC 2104, 3: a key shorter than the output weakens the function; 16 octets is the least we take unasked.
const SHORTEST_KEY: usize = 16;

/// The largest second that is written anywhere: twelve digits.
const LAST_SECOND: i64 = 999_999_999_999;

/// When a key counts, in Unix seconds, as RFC 7519 has it of `nbf` and `exp` (4.1.5, 4.1.4): from `not_before` on, and
/// no longer on or after `not_after`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    not_before: Option<i64>,
    not_after: Option<i64>,
}

impl Lifetime {
    /// Twelve digits at most, and the end after the beginning.
    pub fn new(not_before: Option<i64>, not_after: Option<i64>) -> Result<Self> {
        let written = |second: &i64| (0..=LAST_SECOND).contains(second);
        if !not_before.iter().chain(&not_after).all(written) {
            return Err(Error::configuration("key: not_before and not_after are Unix seconds of up to 12 digits"));
        }
        if not_before.zip(not_after).is_some_and(|(begin, end)| begin >= end) {
            return Err(Error::configuration("key: not_after is not later than not_before"));
        }
        Ok(Self { not_before, not_after })
    }

    /// Whether it holds at `now`, in Unix milliseconds.
    #[must_use]
    pub fn holds(self, now: i64) -> bool {
        self.not_before.is_none_or(|second| now >= second * 1000)
            && self.not_after.is_none_or(|second| now < second * 1000)
    }

    /// The first second, where there is one.
    #[must_use]
    pub fn not_before(self) -> Option<i64> {
        self.not_before
    }

    /// The second in which it has ended.
    #[must_use]
    pub fn not_after(self) -> Option<i64> {
        self.not_after
    }

    /// Whether it ends, or begins.
    #[must_use]
    pub fn is_bounded(self) -> bool {
        self != Self::default()
    }
}

/// How a party writes its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// The octets of the text.
    Text,
    /// Hexadecimal.
    Hex,
    /// Base64 (RFC 4648, 4).
    Base64,
    /// Base64 behind `whsec_`, 24 to 64 octets (Standard Webhooks).
    Whsec,
}

impl KeyForm {
    /// `text`, `hex`, `base64` or `whsec`.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::Text, Self::Hex, Self::Base64, Self::Whsec]
            .into_iter()
            .find(|form| form.name() == name)
            .ok_or_else(|| Error::configuration("key: expected text, hex, base64 or whsec"))
    }

    /// As `parse` reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Whsec => "whsec",
        }
    }

    /// The octets that a key's text stands for.
    pub fn decode(self, text: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
        let wrong = |expected| Error::configuration(format!("key: expected {expected}"));
        match self {
            Self::Text => Ok(text),
            Self::Hex => {
                let octets = base16ct::mixed::decode_vec(text.trim_ascii()).map(Zeroizing::new);
                octets.map_err(|_| wrong("hexadecimal text"))
            }
            Self::Base64 => base64(text.trim_ascii()).ok_or_else(|| wrong("base64")),
            Self::Whsec => {
                let text = text.trim_ascii();
                let octets = base64(text.strip_prefix(b"whsec_").unwrap_or(text));
                let sized = octets.filter(|octets| (24..=64).contains(&octets.len()));
                sized.ok_or_else(|| wrong("whsec_ and the base64 of 24 to 64 bytes"))
            }
        }
    }
}

/// Padded or not, and whatever the last character's spare bits: a key is the operator's text, and not a message's.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Zeroizing::new(std::str::from_utf8(text).ok()?.trim_end_matches('=').as_bytes().to_vec());
    let spare = [0, 0, 0b1111, 0b11][text.len() % 4];
    let last = text.last_mut()?;
    *last = ALPHABET[ALPHABET.iter().position(|digit| digit == last)? & !spare];
    Base64Unpadded::decode_vec(std::str::from_utf8(&text).ok()?).ok().map(Zeroizing::new)
}

/// A key and its prepared HMAC states. Wiped on drop; it has no `Debug` that shows it and no `==`.
pub struct Key {
    octets: Zeroizing<Vec<u8>>,
    lifetime: Lifetime,
    /// Unix seconds; `NEVER` before the first.
    last_used: AtomicI64,
    sha1: OnceLock<Hmac<Sha1>>,
    sha256: OnceLock<Hmac<Sha256>>,
    sha384: OnceLock<Hmac<Sha384>>,
    sha512: OnceLock<Hmac<Sha512>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key of 16 octets or more that no documentation shows; the flags lift each of these.
    pub fn new(octets: Zeroizing<Vec<u8>>, short_ok: bool, published_ok: bool) -> Result<Self> {
        // A key of zeros is the empty key: HMAC pads with zeros (RFC 2104, 2).
        if octets.iter().all(|octet| *octet == 0 || b" \t\r\n".contains(octet)) {
            return Err(Error::configuration("key: empty"));
        }
        if octets.len() < SHORTEST_KEY && !short_ok {
            return Err(Error::configuration("key: shorter than 16 bytes (short_ok=True takes it all the same)"));
        }
        if PUBLISHED.contains(&octets.as_slice()) && !published_ok {
            return Err(Error::configuration(
                "key: published in documentation, so no secret (published_ok=True takes it)",
            ));
        }
        let (lifetime, last_used) = (Lifetime::default(), AtomicI64::new(NEVER));
        let (sha1, sha256, sha384, sha512) = Default::default();
        Ok(Self { octets, lifetime, last_used, sha1, sha256, sha384, sha512 })
    }

    /// The same key, for a time.
    #[must_use]
    pub fn within(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// When it counts: a ring asks, and not the key itself.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// The Unix second of the latest message that a ring has found to be signed with it.
    #[must_use]
    pub fn last_used(&self) -> Option<i64> {
        Some(self.last_used.load(Ordering::Relaxed)).filter(|second| *second != NEVER)
    }

    /// A message of the Unix second `now` was signed with it.
    pub(crate) fn used(&self, now: i64) {
        self.last_used.fetch_max(now, Ordering::Relaxed);
    }

    /// Its octets.
    #[must_use]
    pub fn size(&self) -> usize {
        self.octets.len()
    }

    /// A MAC under this key, ready for the first octet.
    pub fn mac(&self, hash: Hash) -> Mac {
        match hash {
            Hash::Sha1 => Mac::Sha1(self.ready(&self.sha1)),
            Hash::Sha256 => Mac::Sha256(self.ready(&self.sha256)),
            Hash::Sha384 => Mac::Sha384(self.ready(&self.sha384)),
            Hash::Sha512 => Mac::Sha512(self.ready(&self.sha512)),
        }
    }

    /// The signature of `message`.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Signature {
        match hash {
            Hash::Sha1 => Signature::from_octets(&self.ready(&self.sha1).chain_update(message).finalize().into_bytes()),
            Hash::Sha256 => {
                Signature::from_octets(&self.ready(&self.sha256).chain_update(message).finalize().into_bytes())
            }
            Hash::Sha384 => {
                Signature::from_octets(&self.ready(&self.sha384).chain_update(message).finalize().into_bytes())
            }
            Hash::Sha512 => {
                Signature::from_octets(&self.ready(&self.sha512).chain_update(message).finalize().into_bytes())
            }
        }
    }

    /// A key for one purpose: 32 octets of HKDF-SHA256 (RFC 5869), without salt, `label` as its info.
    ///
    /// Whoever may have chosen octets signed under this key, a label among them, holds no key derived from it: HKDF
    /// extracts first, and no signature is what it extracts.
    pub fn derive(&self, label: &[u8]) -> Result<Self> {
        // RFC 5869, 2.2: no salt is a salt of zeros, and so the empty key.
        let extracted =
            Zeroizing::new(<[u8; 32]>::from(keyed(&[]).chain_update(self.octets.as_slice()).finalize().into_bytes()));
        // RFC 5869, 2.3: the first block.
        let expanded = Zeroizing::new(<[u8; 32]>::from(
            keyed(extracted.as_slice()).chain_update(label).chain_update([1]).finalize().into_bytes(),
        ));
        Ok(Self::new(Zeroizing::new(expanded.to_vec()), false, false)?.within(self.lifetime))
    }

    /// The HMAC-SHA256 of `message` under a key that is derived in steps: `prefix` and this key are that of the first,
    /// and what each gives is the key of the next. No derived key is kept, and all are wiped.
    pub(crate) fn sign_chained(&self, prefix: &[u8], steps: &[&[u8]], message: &[u8]) -> Signature {
        let mut key = Zeroizing::new([prefix, self.octets.as_slice()].concat());
        for step in steps {
            key = Zeroizing::new(keyed(&key).chain_update(step).finalize().into_bytes().to_vec());
        }
        Signature::from_octets(&keyed(&key).chain_update(message).finalize().into_bytes())
    }

    /// The prepared state, keyed at its first use.
    fn ready<M: KeyInit + Clone>(&self, state: &OnceLock<M>) -> M {
        // RFC 2104, 2: a key of any length is a key.
        let keyed =
            || M::new_from_slice(&self.octets).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        state.get_or_init(keyed).clone()
    }

    /// Whether `given` is the signature of `message`, in constant time.
    pub fn verify(&self, hash: Hash, message: &[u8], given: &Signature) -> Result<()> {
        if bool::from(self.sign(hash, message).ct_eq(given)) {
            return Ok(());
        }
        Err(invalid())
    }

    /// What tells this key from others under each hash: HMAC hashes a key longer than a block, and pads a shorter one
    /// with zeros (RFC 2104, 2), so that two different texts can be one key.
    pub(crate) fn identities(&self) -> [[u8; 32]; 4] {
        fn identity<D: Digest>(key: &[u8], block: usize) -> [u8; 32] {
            let form = Zeroizing::new(if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() });
            let end = form.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
            Sha256::digest(&form[..end]).into()
        }
        [
            identity::<Sha1>(&self.octets, 64),
            identity::<Sha256>(&self.octets, 64),
            identity::<Sha384>(&self.octets, 128),
            identity::<Sha512>(&self.octets, 128),
        ]
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// Keys that stand in documentation, so that everybody holds them.
const PUBLISHED: &[&[u8]] = &[
    b"It's a Secret to Everybody",
    b"8f742231b10e8888abcd99yyyzzz85a5",
    b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    b"whsec_test_secret",
    b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    b"pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh",
    b"Ibxx_5AKakO-3qeNVR61Dw",
    b"werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn",
    b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    b"SamplePrimaryKey",
    b"SampleSecondaryKey",
    // RFC 4231, 4: those that are long enough.
    &[0x0B; 20],
    &[0xAA; 20],
    &[0xAA; 131],
    b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
    // What whsec_ above decodes to.
    b"\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0",
    // Twilio's, and Zendesk's test secret, and what that decodes to.
    b"12345",
    b"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==",
    b"this_secret_is_for_testing_only",
    // That of Adyen's examples, decoded.
    b"\x44\x78\x2d\xef\x54\x7a\xaa\x06\xc9\x10\xc4\x39\x32\xb1\xeb\x0c\x71\xfc\x68\xd9\xd0\xc0\x57\x55\x0c\x48\xec\x2a\xcf\x6b\xa0\x56",
    // RFC 7515, A.1.1 and RFC 7517, A.3; RFC 7520, 3.5.
    b"\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\x0f\x84\xb2\xd2\x50\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5\x67\xd0\x80\xa3",
    b"\x19\xac\x20\x82\xe1\x72\x1a\xb5\x8a\x6a\xfe\xc0\x5f\x85\x4a\x52",
    b"\x84\x9b\x57\x21\x9d\xae\x48\xde\x64\x6d\x07\xdb\xb5\x33\x56\x6e\x97\x66\x86\x45\x7c\x14\x91\xbe\x3a\x76\xdc\xea\x6c\x42\x71\x88",
    // RFC 9421, B.1.5, in base64 and decoded.
    b"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    b"\xbb\x3b\xc9\x7c\x1e\x2e\xdc\xdd\x09\xcb\x84\xfb\x35\x9e\xf9\x30\x35\x5c\xaf\xcc\xd2\x4c\x89\xde\x74\x9b\x64\x81\xcb\xb8\xe9\x85\xb8\x5c\x1c\xb3\x34\x98\xf1\x05\xdb\x63\x52\x47\x49\x3c\x1b\x5b\x98\x78\x48\x0e\x2e\xa9\x72\x5f\x23\xb1\xab\x23\x95\x33\x2d\x0d",
];
