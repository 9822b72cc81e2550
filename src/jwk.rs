//! Symmetric JSON Web Keys (RFC 7517, 4; RFC 7518, 6.4).

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A key as it is passed on: `kty` is `oct`.
pub struct Jwk {
    /// The key.
    pub octets: Zeroizing<Vec<u8>>,
    /// `kid`
    pub key_id: Option<String>,
    /// `alg`
    pub algorithm: Option<String>,
}

/// Other members are somebody else's; one of these twice is an error, as it is of RFC 7517.
#[derive(Deserialize)]
struct Members {
    kty: String,
    k: Zeroizing<String>,
    kid: Option<String>,
    alg: Option<String>,
}

impl Jwk {
    /// Strict: base64url without padding. The error says nothing of the text, which holds a key.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let wrong = || Error::configuration("not a JSON Web Key of the type oct");
        let members: Members = serde_json::from_slice(text).map_err(|_| wrong())?;
        let octets = Zeroizing::new(Base64UrlUnpadded::decode_vec(&members.k).map_err(|_| wrong())?);
        if members.kty != "oct" {
            return Err(wrong());
        }
        Ok(Self { octets, key_id: members.kid, algorithm: members.alg })
    }
}
