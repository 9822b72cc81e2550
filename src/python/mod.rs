//! The Python face: the only folder that knows Python. It converts, calls the core, and raises.

mod claim;
mod envelope;
mod fields;
mod grammar;
mod json;
mod kept;
mod keys;
mod prover;
mod purpose;
mod replay;
mod request;
mod response;
#[cfg(unix)]
mod root;
mod rows;
mod scheme;
mod still;
mod text;
mod token;
mod values;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::{Code, Error};

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
            Code::BodyUnreadable => "BodyUnreadable",
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

/// Runs `call`, without the interpreter's lock where the body is large.
fn detached<T: Send>(py: Python<'_>, size: usize, call: impl FnOnce() -> T + Send) -> T {
    if size < LARGE { call() } else { py.detach(call) }
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::{
        claim::Claim, claim::Verified, envelope::Opened, envelope::Seal, envelope::sealed_members, grammar::Members,
        json::canonicalize, json::canonicalize_json, json::canonicalize_same, keys::Key, keys::KeyRing, prover::Prover,
        replay::ReplaySet, request::Origins, request::Request, response::Response, scheme::Scheme, token::Granted,
        token::Token,
    };

    #[cfg(unix)]
    #[pymodule_export]
    use super::root::Root;

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
