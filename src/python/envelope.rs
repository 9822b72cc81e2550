//! Envelopes, from Python's dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::claim::milliseconds;
use super::detached;
use super::json::Limit;
use super::kept::{Kept, Same};
use super::keys::KeyRing;
use super::purpose::Signing;
use super::values::with_canonical;
use crate::envelope::{self, Facts};
use crate::error::{Code, Error};
use crate::json::{Form, Options, write_string};

/// The payload and the signature's text of a document, which has exactly these two members.
#[pyfunction]
pub(super) fn sealed_members<'py>(
    document: &Bound<'py, PyAny>,
    payload: &Bound<'py, PyString>,
    signature: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyString>)> {
    let malformed = |message| Error::new(Code::BodyMalformed, message);
    // Of a dict itself, with names that are str themselves: a subclass answers with code of its own.
    let document = document.cast_exact::<PyDict>().map_err(|_| malformed("expected an object"))?;
    if !document.iter().all(|(name, _)| name.is_exact_instance_of::<PyString>()) {
        return Err(malformed("expected an object").into());
    }
    let text = document.get_item(signature)?;
    let text = text.ok_or_else(|| Error::new(Code::SignatureMissing, "no member with a signature"))?;
    let value = document.get_item(payload)?.filter(|_| document.len() == 2);
    let value = value.ok_or_else(|| malformed("expected the payload, its signature, and nothing else"))?;
    let text = text.cast_into_exact().map_err(|_| Error::malformed("the signature is no text"))?;
    Ok((value, text))
}

/// An envelope as received, unproven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Seal {
    seal: envelope::Seal,
    payload: Py<PyAny>,
}

#[pymethods]
impl Seal {
    #[new]
    fn new(
        document: &Bound<'_, PyAny>,
        payload: &Bound<'_, PyString>,
        signature: &Bound<'_, PyString>,
    ) -> PyResult<Self> {
        let (payload, text) = sealed_members(document, payload, signature)?;
        Ok(Self { seal: envelope::Seal::read(text.to_str().unwrap_or_default())?, payload: payload.unbind() })
    }

    /// A copy of `value`, and the text of its signature, by the key that `KeyRing.newest` gives. `exact`: refuses a value
    /// of which the copy would be another.
    #[staticmethod]
    #[allow(clippy::too_many_arguments)] // of one caller
    fn sign<'py>(
        ring: &KeyRing,
        purpose: &str,
        value: &Bound<'py, PyAny>,
        limit: Limit,
        exact: bool,
        key_id: Option<&Bound<'_, PyString>>,
        now: f64,
        life: Option<u64>,
        nonce: String,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        let Signing { key, key_id, created } = Signing::new(ring, key_id, now)?;
        let facts = Facts { key_id, created, expires: life.map(|life| created + life), nonce };
        let (py, options) = (value.py(), Options { limit: limit.octets(), ..Options::default() });
        let sign = |octets: &[u8], kept: Kept| {
            let text = detached(py, octets.len(), || facts.sign(key, purpose, octets));
            Ok((kept.build(py, octets)?, text))
        };
        let kept = if exact { Kept::same() } else { Kept::alike() };
        with_canonical(value, options, kept, sign, PyErr::from)
    }

    /// The JSON text of a document of the members `payload` and `signature`, without a copy.
    #[staticmethod]
    #[allow(clippy::too_many_arguments)] // as above
    fn sign_json(
        ring: &KeyRing,
        purpose: &str,
        value: &Bound<'_, PyAny>,
        limit: Limit,
        exact: bool,
        key_id: Option<&Bound<'_, PyString>>,
        now: f64,
        life: Option<u64>,
        nonce: String,
        payload: &str,
        signature: &str,
    ) -> PyResult<String> {
        let Signing { key, key_id, created } = Signing::new(ring, key_id, now)?;
        let facts = Facts { key_id, created, expires: life.map(|life| created + life), nonce };
        let (py, options) = (value.py(), Options { limit: limit.octets(), ..Options::default() });
        let write = |octets: &[u8]| {
            let seal = detached(py, octets.len(), || facts.sign(key, purpose, octets));
            let mut text = Vec::with_capacity(octets.len() + seal.len() + payload.len() + signature.len() + 16);
            text.push(b'{');
            write_string(payload, Form::Jcs, &mut text);
            text.push(b':');
            text.extend_from_slice(octets);
            text.push(b',');
            write_string(signature, Form::Jcs, &mut text);
            text.push(b':');
            write_string(&seal, Form::Jcs, &mut text);
            text.push(b'}');
            String::from_utf8(text).unwrap_or_else(|_| unreachable!("canonical JSON is UTF-8"))
        };
        if exact {
            let same = Same { whole_floats: false };
            with_canonical(value, options, same, |octets, _| Ok(write(octets)), PyErr::from)
        } else {
            with_canonical(value, options, (), |octets, ()| Ok(write(octets)), PyErr::from)
        }
    }

    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.seal.facts().key_id.as_deref()
    }

    #[getter]
    fn created(&self) -> u64 {
        self.seal.facts().created
    }

    #[getter]
    fn nonce(&self) -> &str {
        &self.seal.facts().nonce
    }

    /// The last Unix second in which it can be accepted.
    fn end(&self, max_age: u64) -> u64 {
        self.seal.end(max_age)
    }

    /// Raises `Expired`.
    fn check_window(&self, now: f64, max_age: u64) -> PyResult<()> {
        Ok(self.seal.check_window(milliseconds(now), max_age)?)
    }

    /// Raises `BodyMalformed`, `BodyTooLarge`, `UnknownKey` or `InvalidSignature`.
    fn authenticate(&self, py: Python<'_>, ring: &KeyRing, purpose: &str, limit: Limit, now: f64) -> PyResult<Opened> {
        let limit = limit.octets();
        let prove = |octets: &[u8], kept: Kept| {
            let (seal, ring) = (&self.seal, &ring.0);
            let signer = detached(py, octets.len(), || seal.authenticate(ring, purpose, octets, milliseconds(now)))?;
            let Facts { created, expires, ref nonce, .. } = *seal.facts();
            Ok(Opened {
                payload: kept.build(py, octets)?.unbind(),
                key_id: ring.key_id(signer).map(str::to_owned),
                created: Some(created),
                expires,
                nonce: Some(nonce.clone()),
            })
        };
        let options = Options { limit, ..Options::default() };
        with_canonical(self.payload.bind(py), options, Kept::alike(), prove, |refusal| {
            if refusal.index >= limit {
                return Error::new(Code::BodyTooLarge, "the payload is over the limit").into(); // so many were canonical
            }
            Error::at(Code::BodyMalformed, "the payload has no canonical form", refusal.index).into()
        })
    }

    #[allow(clippy::unused_self)] // Python calls it on an object
    fn __repr__(&self) -> &'static str {
        "<Seal>"
    }
}

/// What an envelope held, proven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Opened {
    #[pyo3(get)]
    payload: Py<PyAny>,
    #[pyo3(get)]
    key_id: Option<String>,
    #[pyo3(get)]
    created: Option<u64>,
    #[pyo3(get)]
    expires: Option<u64>,
    #[pyo3(get)]
    nonce: Option<String>,
}

#[pymethods]
impl Opened {
    #[new]
    #[pyo3(signature = (payload, key_id = None, created = None, expires = None, nonce = None))]
    fn new(
        payload: Py<PyAny>,
        key_id: Option<String>,
        created: Option<u64>,
        expires: Option<u64>,
        nonce: Option<String>,
    ) -> Self {
        Self { payload, key_id, created, expires, nonce }
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        let said = |opened: &Self| (opened.key_id.clone(), opened.created, opened.expires, opened.nonce.clone());
        Ok(said(self) == said(other) && self.payload.bind(py).eq(&other.payload)?)
    }

    fn __repr__(&self) -> String {
        let by = self.key_id.as_deref().unwrap_or("anonymous");
        self.created.map_or("<Opened>".to_owned(), |created| format!("<Opened by {by:?}, created {created}>"))
    }
}
