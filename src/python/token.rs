//! Tokens, from Python's str.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use super::claim::milliseconds;
use super::kept::loads;
use super::keys::KeyRing;
use super::purpose::Signing;
use super::text::text;
use super::values::with_canonical;
use crate::error::Error;
use crate::json::Options;
use crate::token::{self, CLAIMS, Facts};

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
    #[allow(clippy::too_many_arguments)] // of one caller
    fn sign(
        ring: &KeyRing,
        subject: &str,
        key_id: Option<&Bound<'_, PyString>>,
        now: f64,
        life: u32,
        nonce: Option<[u8; 16]>,
        claims: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        let Signing { key, key_id, created } = Signing::new(ring, key_id, now)?;
        let options = Options { limit: CLAIMS, ..Options::default() };
        let write = |claims| with_canonical(claims, options, (), |octets, ()| Ok(octets.to_vec()), PyErr::from);
        let claims = claims.map(|claims| write(claims.as_any())).transpose()?.unwrap_or_default();
        Ok(Facts { key_id, created, life, nonce, claims }.sign(key, subject.as_bytes()))
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
        Ok(self.0.check_window(milliseconds(now), max_age)?)
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
            Ok::<_, PyErr>(loads(py, octets)?.cast_into::<PyDict>()?.unbind())
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
