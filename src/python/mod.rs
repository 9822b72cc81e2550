//! The Python face: the only folder that knows Python. It converts, calls the core, and raises.

mod claim;
mod json;
mod keys;
mod request;
mod rows;
mod scheme;
mod values;

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::{Code, Error};
use crate::replay;

/// From here on the lock of the interpreter is given up: below, taking it back costs more than the hash.
const LARGE: usize = 256 * 1024;

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let name = match error.code {
            Code::Configuration => "ConfigurationError",
            Code::SignatureMissing => "SignatureMissing",
            Code::SignatureMalformed => "SignatureMalformed",
            Code::UnknownKey => "UnknownKey",
            Code::InvalidSignature => "InvalidSignature",
            Code::DigestMismatch => "DigestMismatch",
            Code::NotCovered => "NotCovered",
            Code::Expired => "Expired",
            Code::TargetAmbiguous => "TargetAmbiguous",
            Code::BodyTooLarge => "BodyTooLarge",
            Code::Canonicalization => "CanonicalizationError",
            Code::BodyMalformed => "BodyMalformed",
            Code::StoreFull => "Unavailable",
        };
        Python::attach(|py| {
            static EXCEPTIONS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
            let class = EXCEPTIONS
                .get_or_try_init(py, || py.import("sealgate.exceptions").map(Bound::unbind))
                .and_then(|module| module.bind(py).getattr(name));
            let class = match class.map(Bound::cast_into::<PyType>) {
                Ok(Ok(class)) => class,
                Ok(Err(other)) => return other.into(),
                Err(other) => return other,
            };
            let has_index = !matches!(error.code, Code::Configuration | Code::StoreFull);
            let message = error.to_string();
            let raised = if has_index {
                PyErr::from_type(class, (message, error.index))
            } else {
                PyErr::from_type(class, message)
            };
            match error.key_id.map(|key_id| raised.value(py).setattr("key_id", key_id)) {
                Some(Err(other)) => other,
                _ => raised,
            }
        })
    }
}

/// Octets of a replay key, a SHA-256.
const KEY_LENGTH: usize = 32;

/// A bounded, expiring set of replay keys, for one process.
#[pyclass(frozen, module = "sealgate._native")]
struct ReplaySet(Mutex<replay::ReplaySet>);

#[pymethods]
impl ReplaySet {
    #[new]
    fn new(capacity: usize) -> Self {
        Self(Mutex::new(replay::ReplaySet::new(capacity)))
    }

    /// True if `key` (32 octets) is new, False if it is known or has ended, by `now` or what was forgotten.
    fn add(&self, key: &[u8], expires: i64, now: i64) -> PyResult<bool> {
        if key.len() != KEY_LENGTH {
            return Err(Error::new(Code::Configuration, "replay: a key has 32 octets").into());
        }
        Ok(self.lock()?.add(key, expires, now)?)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.lock()?.len())
    }
}

impl ReplaySet {
    fn lock(&self) -> PyResult<MutexGuard<'_, replay::ReplaySet>> {
        self.0.lock().map_err(|_| Error::new(Code::StoreFull, "the replay set is damaged").into())
    }
}

/// Runs `call`, without the interpreter's lock where the body is large.
fn detached<T: Send>(py: Python<'_>, size: usize, call: impl FnOnce() -> T + Send) -> T {
    if size < LARGE { call() } else { py.detach(call) }
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{
        ReplaySet, claim::Claim, claim::Verified, json::canonicalize, json::canonicalize_json, keys::Key,
        keys::KeyRing, request::Origins, request::Request, scheme::Members, scheme::Scheme,
    };

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
