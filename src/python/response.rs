//! Responses.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList};

use super::fields::pairs_of;
use super::text::latin1_text;
use crate::fields::FieldPairs;

/// A response as it is signed or received.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Response {
    /// 0 for what no status fits in.
    pub(super) status: u16,
    pub(super) fields: FieldPairs,
    pub(super) body: Py<PyBytes>,
}

#[pymethods]
impl Response {
    #[new]
    #[pyo3(signature = (status, headers = None, body = None))]
    fn new(
        status: &Bound<'_, PyInt>,
        headers: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyBytes>>,
    ) -> PyResult<Self> {
        let fields = headers.map(pairs_of).transpose()?.unwrap_or_default();
        let body = body.map_or_else(|| PyBytes::new(status.py(), b"").unbind(), |body| body.clone().unbind());
        Ok(Self { status: status.extract().unwrap_or_default(), fields, body })
    }

    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, value) in self.fields.iter() {
            list.append((latin1_text(name), latin1_text(value)))?;
        }
        Ok(list)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Py<PyBytes> {
        self.body.clone_ref(py)
    }

    fn __repr__(&self) -> String {
        format!("<Response {}>", self.status)
    }
}
