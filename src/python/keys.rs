//! Keys and rings, from Python's bytes and str.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyMapping, PyString, PyTuple};
use zeroize::Zeroizing;

use super::claim::milliseconds;
use super::detached;
use super::text::text;
use super::values::write_value;
use crate::error::{Code, Error};
use crate::json::Options;
use crate::jwk::Jwk;
use crate::key::{self, KeyForm, Lifetime};
use crate::mac::{Hash, Signature};
use crate::ring;

/// An HMAC key (RFC 2104). Never printed, never pickled, wiped on drop.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Key(pub(super) Arc<key::Key>);

#[pymethods]
impl Key {
    #[new]
    #[pyo3(signature = (octets, *, form = "text", short_ok = false, published_ok = false, not_before = None, not_after = None))]
    fn new(
        octets: &Bound<'_, PyAny>,
        form: &str,
        short_ok: bool,
        published_ok: bool,
        not_before: Option<&Bound<'_, PyAny>>,
        not_after: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let lifetime = Lifetime::new(second(not_before)?, second(not_after)?)?;
        let octets = KeyForm::parse(form)?.decode(key_octets(octets)?)?;
        let key = key::Key::new(octets, short_ok, published_ok)?;
        Ok(Self(Arc::new(key.within(lifetime))))
    }

    /// The key in a symmetric JSON Web Key (RFC 7517), its `kid` and its `alg`.
    #[staticmethod]
    fn from_jwk(text: &[u8]) -> PyResult<(Self, Option<String>, Option<String>)> {
        let jwk = Jwk::parse(text)?;
        jwk.check(None, &[])?;
        let key = key::Key::new(jwk.octets, false, false)?.within(jwk.lifetime);
        Ok((Self(Arc::new(key)), jwk.key_id, jwk.algorithm))
    }

    /// The keys of a JSON Web Key Set, or of one JSON Web Key, each with its `kid`.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // what is converted from Python is owned
    #[pyo3(signature = (text, *, hash = None, operations = Vec::new()))]
    fn from_jwks(text: &[u8], hash: Option<&str>, operations: Vec<String>) -> PyResult<Vec<(Self, Option<String>)>> {
        let hash = hash.map(Hash::parse).transpose()?;
        let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
        let read = Jwk::parse_set(text)?.into_iter().map(|jwk| {
            jwk.check(hash, &operations)?;
            let key = key::Key::new(jwk.octets, false, false)?.within(jwk.lifetime);
            Ok((Self(Arc::new(key)), jwk.key_id))
        });
        read.collect()
    }

    #[getter]
    fn not_before(&self) -> Option<i64> {
        self.0.lifetime().not_before()
    }

    #[getter]
    fn not_after(&self) -> Option<i64> {
        self.0.lifetime().not_after()
    }

    /// The signature octets of `message`.
    #[pyo3(signature = (message, hash = "sha256"))]
    fn sign<'py>(&self, py: Python<'py>, message: &[u8], hash: &str) -> PyResult<Bound<'py, PyBytes>> {
        let hash = Hash::parse(hash)?;
        let signature = detached(py, message.len(), || self.0.sign(hash, message));
        Ok(PyBytes::new(py, signature.octets()))
    }

    /// Returns if `signature` (octets, or lower-case hex as str) is right; raises `InvalidSignature` if not.
    #[pyo3(signature = (message, signature, hash = "sha256"))]
    fn verify(&self, py: Python<'_>, message: &[u8], signature: &Bound<'_, PyAny>, hash: &str) -> PyResult<()> {
        let hash = Hash::parse(hash)?;
        let given = received(signature, hash)?;
        Ok(detached(py, message.len(), || self.0.verify(hash, message, &given))?)
    }

    /// The signature octets of the canonical form of `value`, which is written nowhere but into the MAC.
    #[pyo3(signature = (value, hash = "sha256"))]
    fn sign_json<'py>(&self, value: &Bound<'py, PyAny>, hash: &str) -> PyResult<Bound<'py, PyBytes>> {
        let mut mac = self.0.mac(Hash::parse(hash)?);
        write_value(value, Options::default(), &mut mac)?;
        Ok(PyBytes::new(value.py(), mac.finish().octets()))
    }

    /// Returns if `signature` is right for the canonical form of `value`; raises `InvalidSignature` if not.
    #[pyo3(signature = (value, signature, hash = "sha256"))]
    fn verify_json(&self, value: &Bound<'_, PyAny>, signature: &Bound<'_, PyAny>, hash: &str) -> PyResult<()> {
        let hash = Hash::parse(hash)?;
        let given = received(signature, hash)?;
        let mut mac = self.0.mac(hash);
        write_value(value, Options::default(), &mut mac)?;
        Ok(mac.verify(&given)?)
    }

    /// A key for one purpose: HKDF-SHA256 (RFC 5869) of this one, without salt, `label` as its info.
    fn derive(&self, label: &[u8]) -> PyResult<Self> {
        Ok(Self(Arc::new(self.0.derive(label)?)))
    }

    #[allow(clippy::unused_self)] // Python calls it on an object
    fn __repr__(&self) -> &'static str {
        "<Key>"
    }
}

/// A signature as octets, or as lower-case hex in a str.
fn received(signature: &Bound<'_, PyAny>, hash: Hash) -> PyResult<Signature> {
    let given = if let Ok(text) = signature.cast::<PyString>() {
        let mut octets = [0; 64];
        let text = text.to_str().unwrap_or_default();
        base16ct::lower::decode(text, &mut octets).ok().and_then(|octets| Signature::received(octets, hash))
    } else {
        Signature::received(signature.cast::<PyBytes>()?.as_bytes(), hash)
    };
    given.ok_or_else(|| Error::new(Code::InvalidSignature, "the signature does not have this hash's form").into())
}

/// Keys by key id, or one anonymous key.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct KeyRing(pub(super) ring::KeyRing);

#[pymethods]
impl KeyRing {
    #[new]
    fn new(keys: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut entries = Vec::new();
        if let Ok(mapping) = keys.cast::<PyMapping>() {
            for pair in mapping.items()?.iter() {
                let (id, keys): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
                let id = id.cast::<PyString>().map_err(|_| Error::configuration("keys: a key id is a str"))?;
                entries.push((Some(text(id).into_owned()), several_keys(&keys)?));
            }
        } else {
            entries.push((None, vec![one_key(keys)?]));
        }
        let decoy = keys.py().import("os")?.call_method1("urandom", (32,))?;
        Ok(Self(ring::KeyRing::new(entries, key_octets(&decoy)?)?))
    }

    /// The same ids, each key derived as `Key.derive` does.
    fn derive(&self, label: &[u8]) -> PyResult<Self> {
        Ok(Self(self.0.derive(label)?))
    }

    /// The newest key of `key_id`, or of the ring's first, that counts at `now` (Unix seconds).
    #[pyo3(signature = (key_id = None, now = None))]
    fn newest(&self, key_id: Option<&Bound<'_, PyString>>, now: Option<f64>) -> PyResult<Key> {
        Ok(Key(Arc::clone(self.0.newest(key_id.map(text).as_deref(), now.map(milliseconds))?)))
    }

    /// The signature octets of `message`, by the key that `newest` gives.
    #[pyo3(signature = (message, key_id = None, hash = "sha256", now = None))]
    fn sign<'py>(
        &self,
        py: Python<'py>,
        message: &[u8],
        key_id: Option<&Bound<'_, PyString>>,
        hash: &str,
        now: Option<f64>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let hash = Hash::parse(hash)?;
        let key = self.0.newest(key_id.map(text).as_deref(), now.map(milliseconds))?;
        let signature = detached(py, message.len(), || key.sign(hash, message));
        Ok(PyBytes::new(py, signature.octets()))
    }

    /// The ring's id of the key that gives `signature`; raises `UnknownKey` or `InvalidSignature`.
    #[pyo3(signature = (message, signature, key_id = None, hash = "sha256", now = None))]
    fn verify(
        &self,
        py: Python<'_>,
        message: &[u8],
        signature: &Bound<'_, PyAny>,
        key_id: Option<&Bound<'_, PyString>>,
        hash: &str,
        now: Option<f64>,
    ) -> PyResult<Option<String>> {
        let hash = Hash::parse(hash)?;
        let given = [received(signature, hash)?];
        let key_id = key_id.map(text);
        let signer = detached(py, message.len(), || {
            let sign = |key: &key::Key, made: &mut dyn FnMut(&Signature)| made(&key.sign(hash, message));
            self.0.authenticate(key_id.as_deref(), now.map(milliseconds), &given, sign)
        })?;
        Ok(self.0.key_id(signer).map(str::to_owned))
    }

    /// Octets of the shortest key.
    #[getter]
    fn shortest(&self) -> usize {
        self.0.shortest()
    }

    /// Whether a key of this ring is one of the other's as well.
    fn shares_key(&self, other: &Self) -> bool {
        self.0.shares_key(&other.0)
    }

    #[getter]
    fn key_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.key_ids().collect::<Vec<_>>())
    }

    /// The latest Unix second in which each key has proven a message here, by key id and place among the id's keys.
    #[getter]
    fn last_used(&self) -> HashMap<(Option<&str>, usize), i64> {
        self.0.last_used().map(|(key_id, place, second)| ((key_id, place), second)).collect()
    }

    /// How many key ids there are.
    fn __len__(&self) -> usize {
        self.0.key_ids().len()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<KeyRing {}>", self.key_ids(py)?.repr()?))
    }
}

fn one_key(key: &Bound<'_, PyAny>) -> PyResult<Arc<key::Key>> {
    if let Ok(key) = key.cast::<Key>() {
        return Ok(Arc::clone(&key.get().0));
    }
    Ok(Arc::new(key::Key::new(key_octets(key)?, false, false)?))
}

fn several_keys(keys: &Bound<'_, PyAny>) -> PyResult<Vec<Arc<key::Key>>> {
    if keys.is_instance_of::<PyList>() || keys.is_instance_of::<PyTuple>() {
        return keys.try_iter()?.map(|key| one_key(&key?)).collect();
    }
    Ok(vec![one_key(keys)?])
}

/// A setting in Unix seconds: an `int`, and no `bool`.
fn second(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<i64>> {
    given
        .map(|given| {
            let second = given.cast_exact::<PyInt>().ok().and_then(|given| given.extract().ok());
            second.ok_or_else(|| Error::configuration("key: not_before and not_after are whole Unix seconds").into())
        })
        .transpose()
}

fn key_octets(key: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Vec<u8>>> {
    if let Ok(octets) = key.cast::<PyBytes>() {
        return Ok(Zeroizing::new(octets.as_bytes().to_vec()));
    }
    match key.cast::<PyString>().map(|text| text.to_str()) {
        // The name of a secret is no secret, and as a key it would verify; a JSON Web Key is not its own text.
        Ok(Ok(text)) if names_source(text) => Err(Error::configuration(
            "key: names a source that is not read here, or is a JSON Web Key (Key.from_jwk reads one)",
        )
        .into()),
        Ok(Ok(text)) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        _ => Err(Error::configuration("key: expected bytes or str").into()),
    }
}

fn names_source(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    ["env:", "file:", "dir:", "env=", "file=", "dir="].iter().any(|kind| text.starts_with(kind))
        || text.starts_with('{')
        || text.contains("://")
}
