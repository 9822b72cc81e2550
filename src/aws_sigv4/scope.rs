//! The credential scope: on which day, in which region and for which service a signature counts.

use crate::error::{Error, Result};
use crate::key::Key;
use crate::mac::Signature;

/// What ends every scope.
const TERMINATION: &str = "aws4_request";

/// The regions or the services that are taken: those named, or any.
pub(super) struct Names(Option<Vec<String>>);

impl Names {
    /// `None`: any.
    pub(super) fn new(what: &str, names: Option<Vec<String>>) -> Result<Self> {
        let is_name = |name: &String| {
            let plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
            (1..=64).contains(&name.len()) && name.bytes().all(plain)
        };
        if names.as_ref().is_some_and(|names| names.is_empty() || !names.iter().all(is_name)) {
            return Err(Error::configuration(format!("{what}: 1 to 64 lower-case letters, digits and hyphens")));
        }
        Ok(Self(names))
    }

    fn take(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|known| known == name))
    }

    /// The one to sign with.
    fn first(&self, what: &str) -> Result<&str> {
        let none = || Error::configuration(format!("{what}: any is taken, so there is none to sign with"));
        Ok(self.0.as_ref().and_then(|names| names.first()).ok_or_else(none)?)
    }
}

/// `20150830/us-east-1/iam/aws4_request`.
#[derive(Clone)]
pub(super) struct Scope {
    day: String,
    region: String,
    service: String,
}

impl Scope {
    /// `Credential`: a key id and a scope, which must be of the `day` and of what is taken. A key id may hold slashes.
    pub(super) fn parse<'a>(
        credential: &'a [u8],
        day: &str,
        regions: &Names,
        services: &Names,
    ) -> Result<(&'a [u8], Self)> {
        let mut parts = credential.rsplitn(5, |octet| *octet == b'/');
        let mut next = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
        let (Some(TERMINATION), Some(service), Some(region), Some(stated)) = (next(), next(), next(), next()) else {
            return Err(Error::malformed("the credential has no scope that ends in aws4_request"));
        };
        let key_id = parts.next().ok_or_else(|| Error::malformed("the credential names no key"))?;
        if stated != day {
            return Err(Error::malformed("the credential scope is of another day than x-amz-date"));
        }
        if !regions.take(region) || !services.take(service) {
            return Err(Error::malformed("the credential scope is of another region or service than configured"));
        }
        Ok((key_id, Self { day: day.to_owned(), region: region.to_owned(), service: service.to_owned() }))
    }

    /// The scope of our own signatures.
    pub(super) fn of(day: &str, regions: &Names, services: &Names) -> Result<Self> {
        let (region, service) = (regions.first("region")?.to_owned(), services.first("service")?.to_owned());
        Ok(Self { day: day.to_owned(), region, service })
    }

    /// As it stands in the credential and in the signature base.
    pub(super) fn text(&self) -> String {
        [&self.day, &self.region, &self.service, TERMINATION].join("/")
    }

    /// The signature of `base`, under the key that is derived from `key` for this scope.
    pub(super) fn sign(&self, key: &Key, base: &[u8]) -> Signature {
        let steps = [&self.day, &self.region, &self.service, TERMINATION].map(str::as_bytes);
        key.sign_chained(b"AWS4", &steps, base)
    }
}
