//! Tokens, from Python's str.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::claim::milliseconds;
use super::keys::KeyRing;
use super::request::text;
use crate::error::Error;
use crate::token::{self, Facts};

/// A token as received, unproven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Token(token::Token);

#[pymethods]
impl Token {
    #[new]
    fn new(text: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = text.cast_exact::<PyString>().ok().and_then(|text| text.to_str().ok());
        let text = text.ok_or_else(|| Error::malformed("token: expected a text"))?;
        Ok(Self(token::Token::read(text)?))
    }

    /// The text of a token for `subject`, by the key that `KeyRing.newest` gives.
    #[staticmethod]
    fn sign(
        ring: &KeyRing,
        subject: &str,
        key_id: Option<&Bound<'_, PyString>>,
        now: f64,
        life: u32,
        nonce: Option<[u8; 16]>,
        claims: &[u8],
    ) -> PyResult<String> {
        if !(0.0..1e12).contains(&now) {
            return Err(Error::configuration("clock: expected Unix seconds").into());
        }
        let (key_id, now) = (key_id.map(text), milliseconds(now));
        let key = ring.0.newest(key_id.as_deref(), Some(now))?;
        let facts = Facts {
            key_id: key_id.map(std::borrow::Cow::into_owned),
            created: now.div_euclid(1000).cast_unsigned(),
            life,
            nonce,
            claims: claims.to_vec(),
        };
        Ok(facts.sign(key, subject.as_bytes()))
    }

    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.0.facts().key_id.as_deref()
    }

    /// The last Unix second in which it can be accepted.
    fn end(&self, max_age: u32) -> i64 {
        self.0.end(max_age)
    }

    /// Raises `Expired`.
    fn check_window(&self, now: f64, max_age: u32) -> PyResult<()> {
        // A clock that says nothing, which is NaN, is past every end.
        Ok(self.0.check_window(if now.is_nan() { i64::MAX } else { milliseconds(now) }, max_age)?)
    }

    /// Raises `UnknownKey`, `InvalidSignature` or, of proven claims that are not canonical, `SignatureMalformed`.
    fn authenticate(
        slf: &Bound<'_, Self>,
        ring: &KeyRing,
        subject: &Bound<'_, PyString>,
        now: f64,
    ) -> PyResult<Granted> {
        let signer = slf.get().0.authenticate(&ring.0, text(subject).as_bytes(), milliseconds(now))?;
        Ok(Granted {
            token: slf.clone().unbind(),
            subject: subject.clone().unbind(),
            key_id: ring.0.key_id(signer).map(str::to_owned),
            claims: PyOnceLock::new(),
        })
    }

    #[allow(clippy::unused_self)] // Python calls it on an object
    fn __repr__(&self) -> &'static str {
        "<Token>"
    }
}

/// What a token permits, proven.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Granted {
    token: Py<Token>,
    subject: Py<PyString>,
    key_id: Option<String>,
    claims: PyOnceLock<Py<PyDict>>,
}

#[pymethods]
impl Granted {
    #[getter]
    fn subject(&self, py: Python<'_>) -> Py<PyString> {
        self.subject.clone_ref(py)
    }

    #[getter]
    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    #[getter]
    fn created(&self) -> u64 {
        self.facts().created
    }

    #[getter]
    fn expires(&self) -> u64 {
        self.facts().created + u64::from(self.facts().life)
    }

    #[getter]
    fn nonce(&self) -> Option<String> {
        self.facts().nonce.map(|nonce| Base64UrlUnpadded::encode_string(&nonce))
    }

    #[getter]
    fn claims(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let read = || {
            let octets = &self.facts().claims;
            if octets.is_empty() {
                return Ok(PyDict::new(py).unbind());
            }
            let object = py.import("json")?.call_method1("loads", (PyBytes::new(py, octets),))?;
            Ok::<_, PyErr>(object.cast_into::<PyDict>()?.unbind())
        };
        Ok(self.claims.get_or_try_init(py, read)?.clone_ref(py))
    }

    fn __repr__(&self) -> String {
        let (key_id, facts) = (self.key_id.as_deref().unwrap_or("anonymous"), self.facts());
        format!("<Granted by {key_id:?}, created {}, for {} s>", facts.created, facts.life)
    }
}

impl Granted {
    fn facts(&self) -> &Facts {
        self.token.get().0.facts()
    }
}
