//! Symmetric JSON Web Keys and sets of them (RFC 7517, 4 and 5; RFC 7518, 6.4).

use std::fmt;
use std::marker::PhantomData;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::key::Lifetime;
use crate::mac::Hash;

/// RFC 7518, 3.1.
const ALGORITHMS: [(&str, Hash); 3] = [("HS256", Hash::Sha256), ("HS384", Hash::Sha384), ("HS512", Hash::Sha512)];

/// A key as it is passed on: `kty` is `oct`.
pub struct Jwk {
    /// The key.
    pub octets: Zeroizing<Vec<u8>>,
    /// `kid`
    pub key_id: Option<String>,
    /// `alg`
    pub algorithm: Option<String>,
    /// `nbf` and `exp`: RFC 7517 has no members for these, so they are those of a JSON Web Token (RFC 7519, 4.1).
    pub lifetime: Lifetime,
    /// `use`
    purpose: Option<String>,
    /// `key_ops`
    operations: Option<Vec<String>>,
}

/// Other members are somebody else's; one of these twice is an error, as it is of RFC 7517.
#[derive(Deserialize)]
struct Members {
    kty: String,
    k: Zeroizing<String>,
    kid: Option<String>,
    alg: Option<String>,
    nbf: Option<i64>,
    exp: Option<i64>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
}

/// What tells a set from a key.
#[derive(Deserialize)]
struct Kind {
    kty: Option<IgnoredAny>,
    keys: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Object<Members>>,
}

impl Jwk {
    /// Strict: base64url without padding. The error says nothing of the text, which holds a key.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let wrong = || Error::configuration("not a JSON Web Key of the type oct");
        let Object(members) = serde_json::from_slice(text).map_err(|_| wrong())?;
        Self::of(members).ok_or_else(wrong)?
    }

    /// The keys of a set, or the one of a text that is a key.
    pub fn parse_set(text: &[u8]) -> Result<Vec<Self>> {
        let wrong = || Error::configuration("not a JSON Web Key, nor a set of such, of the type oct");
        let Object(kind) = serde_json::from_slice(text).map_err(|_| wrong())?;
        match kind {
            Kind { kty: None, keys: Some(_) } => {
                let Object(Set { keys }) = serde_json::from_slice(text).map_err(|_| wrong())?;
                keys.into_iter().map(|Object(members)| Self::of(members).ok_or_else(wrong)?).collect()
            }
            Kind { kty: Some(_), keys: None } => Ok(vec![Self::parse(text)?]),
            _ => Err(wrong()),
        }
    }

    /// Whether it may be used for all of `operations` (RFC 7517, 4.3) with `hash`.
    pub fn check(&self, hash: Option<Hash>, operations: &[&str]) -> Result<()> {
        if let Some(algorithm) = &self.algorithm {
            let named = ALGORITHMS.iter().find(|(name, _)| name == algorithm).map(|(_, hash)| *hash);
            if named.is_none() || hash.is_some_and(|hash| named != Some(hash)) {
                return Err(self.refused("alg: not the scheme's hash"));
            }
        }
        // RFC 7517, 4.2.
        if self.purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
            return Err(self.refused("use: not sig"));
        }
        if let Some(listed) = &self.operations {
            // RFC 7517, 4.3: "Duplicate key operation values MUST NOT be present in the array."
            if listed.iter().enumerate().any(|(at, one)| listed[..at].contains(one)) {
                return Err(self.refused("key_ops: one twice"));
            }
            if let Some(missing) = operations.iter().find(|wanted| !listed.iter().any(|one| one == *wanted)) {
                return Err(self.refused(&format!("key_ops: no {missing}")));
            }
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> Error {
        let key_id = self.key_id.as_deref().unwrap_or_default();
        Error::configuration(format!("JSON Web Key {key_id:?}: {why}"))
    }

    /// None where it is no symmetric key; an error where that key cannot be.
    fn of(members: Members) -> Option<Result<Self>> {
        let octets = Zeroizing::new(Base64UrlUnpadded::decode_vec(&members.k).ok()?);
        if members.kty != "oct" {
            return None;
        }
        Some(Lifetime::new(members.nbf, members.exp).map(|lifetime| Self {
            octets,
            key_id: members.kid,
            algorithm: members.alg,
            lifetime,
            purpose: members.purpose,
            operations: members.key_ops,
        }))
    }
}

/// An object and nothing else: what serde derives takes an array of the members' values as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}
