//! Files below a directory, as descriptors that Python owns.

use std::os::fd::IntoRawFd as _;
use std::path::PathBuf;

use pyo3::exceptions::{PyFileNotFoundError, PyOSError};
use pyo3::prelude::*;

use crate::beneath::{self, Refusal};
use crate::error::Error;

/// A directory, below which files are opened.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Root(beneath::Root);

#[pymethods]
impl Root {
    #[new]
    #[pyo3(signature = (path, *, walk = false))]
    fn new(py: Python<'_>, path: PathBuf, walk: bool) -> PyResult<Self> {
        let root = py.detach(|| beneath::Root::new(path, walk));
        Ok(Self(root.map_err(|refusal| Error::configuration(refusal.to_string()))?))
    }

    #[getter]
    fn walks(&self) -> bool {
        self.0.walks()
    }

    /// A descriptor, which is the caller's to close.
    fn open(&self, py: Python<'_>, name: &str) -> PyResult<i32> {
        match py.detach(|| self.0.open(name)) {
            Ok(opened) => Ok(opened.into_raw_fd()),
            Err(Refusal::Absent(what)) => Err(PyFileNotFoundError::new_err(what)),
            Err(refusal) => Err(PyOSError::new_err(refusal.to_string())),
        }
    }

    #[allow(clippy::unused_self)] // Python calls it on an object
    fn __repr__(&self) -> &'static str {
        "<Root>"
    }
}
