//! HMAC (RFC 2104): the hashes, a MAC in progress, a signature, and the one constant-time comparison.

use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::{Choice, ConstantTimeEq};

use crate::error::{Code, Error, Result};

/// The hash of an HMAC. A scheme names it; a message never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1 (RFC 3174): only for a provider that still signs with it.
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// `sha1`, `sha256`, `sha384` or `sha512`.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::Sha256, Self::Sha512, Self::Sha384, Self::Sha1]
            .into_iter()
            .find(|hash| hash.name() == name)
            .ok_or_else(|| Error::configuration("hash: expected sha256, sha384, sha512 or sha1"))
    }

    /// As `parse` reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Octets of a signature.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// What a signature base is written to: a MAC in progress, or a buffer to look at.
pub trait Sink {
    /// Appends octets.
    fn put(&mut self, octets: &[u8]);

    /// Appends a part after its length, in 8 octets: no two lists of parts give the same octets.
    fn put_framed(&mut self, part: &[u8]) {
        self.put(&(part.len() as u64).to_be_bytes());
        self.put(part);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

impl Sink for Sha256 {
    fn put(&mut self, octets: &[u8]) {
        self.update(octets);
    }
}

impl Sink for Sha512 {
    fn put(&mut self, octets: &[u8]) {
        self.update(octets);
    }
}

/// An HMAC in progress.
#[derive(Clone)]
pub enum Mac {
    /// HMAC-SHA-1.
    Sha1(Hmac<Sha1>),
    /// HMAC-SHA-256.
    Sha256(Hmac<Sha256>),
    /// HMAC-SHA-384.
    Sha384(Hmac<Sha384>),
    /// HMAC-SHA-512.
    Sha512(Hmac<Sha512>),
}

impl Sink for Mac {
    fn put(&mut self, octets: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(octets),
            Self::Sha256(mac) => mac.update(octets),
            Self::Sha384(mac) => mac.update(octets),
            Self::Sha512(mac) => mac.update(octets),
        }
    }
}

impl Mac {
    /// The signature of everything put.
    #[must_use]
    pub fn finish(self) -> Signature {
        match self {
            Self::Sha1(mac) => Signature::from_octets(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => Signature::from_octets(&mac.finalize().into_bytes()),
            Self::Sha384(mac) => Signature::from_octets(&mac.finalize().into_bytes()),
            Self::Sha512(mac) => Signature::from_octets(&mac.finalize().into_bytes()),
        }
    }

    /// Whether `given` is the signature of everything put, in constant time.
    pub fn verify(self, given: &Signature) -> Result<()> {
        if bool::from(self.finish().ct_eq(given)) {
            return Ok(());
        }
        Err(invalid())
    }
}

/// The octets of a signature, ours or theirs. It has no `==`: the only comparison takes constant time.
#[derive(Clone)]
pub struct Signature {
    octets: [u8; 64],
    size: usize,
}

impl Signature {
    /// At most 64 octets; what is longer can equal no signature and is cut to an impossible size.
    pub(crate) fn from_octets(from: &[u8]) -> Self {
        let mut octets = [0; 64];
        let size = from.len().min(64);
        octets[..size].copy_from_slice(&from[..size]);
        Self { octets, size }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.size]
    }

    /// Their signature, if it has the size that `hash` gives: the size is public, so this may branch.
    #[must_use]
    pub fn received(octets: &[u8], hash: Hash) -> Option<Self> {
        (octets.len() == hash.size()).then(|| Self::from_octets(octets))
    }

    /// In words: `subtle` takes a slice octet by octet, and this is four to eight comparisons instead of 32 to 64. What is
    /// beyond the size is zero in both.
    pub(crate) fn ct_eq(&self, other: &Self) -> Choice {
        let (ours, _) = self.octets.as_chunks::<8>();
        let (theirs, _) = other.octets.as_chunks::<8>();
        let same_size = Choice::from(u8::from(self.size == other.size));
        ours.iter().zip(theirs).take(self.size.div_ceil(8)).fold(same_size, |equal, (ours, theirs)| {
            equal & u64::from_ne_bytes(*ours).ct_eq(&u64::from_ne_bytes(*theirs))
        })
    }
}

/// What a message is told that no key has signed.
pub(crate) fn invalid() -> Error {
    Error::new(Code::InvalidSignature, "no candidate key gives this signature")
}
