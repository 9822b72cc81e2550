//! Canonical JSON, from texts and from Python's own values.

use std::cell::Cell;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use super::detached;
use super::kept::Same;
use super::values::{canonical_bytes, with_canonical};
use crate::error::{Code, Error};
use crate::json::{Canonical, Form, LONGEST, Options};
use crate::mac::Sink;

/// The canonical form of a JSON text.
#[pyfunction]
#[pyo3(signature = (text, *, form = "jcs", round_integers = false, limit = Limit(LONGEST)), text_signature = "(text, *, form='jcs', round_integers=False, limit=268435456)")]
pub(super) fn canonicalize_json<'py>(
    text: &Bound<'py, PyAny>,
    form: &str,
    round_integers: bool,
    limit: Limit,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = text.py();
    let options = options(form, round_integers, limit)?;
    if let Ok(octets) = text.cast::<PyBytes>() {
        let octets = octets.as_bytes();
        let canonical = read(py, octets, options)?;
        let bytes = bytes_of(py, &canonical, octets);
        keep(canonical);
        return bytes;
    }
    let text = text.cast::<PyString>().map_err(|_| PyTypeError::new_err("text: expected bytes or str"))?;
    let utf8 = text.to_str().map_err(|error| lone_surrogate(py, &error))?;
    match read(py, utf8.as_bytes(), options) {
        Ok(canonical) => {
            let bytes = bytes_of(py, &canonical, utf8.as_bytes());
            keep(canonical);
            bytes
        }
        Err(error) => {
            let characters = |index: usize| utf8.char_indices().take_while(|(at, _)| *at < index).count();
            Err(Error { index: error.index.map(characters), ..error }.into())
        }
    }
}

/// The canonical form of a value (RFC 8785).
#[pyfunction]
#[pyo3(signature = (value, *, round_integers = false, limit = Limit(LONGEST)), text_signature = "(value, *, round_integers=False, limit=268435456)")]
pub(super) fn canonicalize<'py>(
    value: &Bound<'py, PyAny>,
    round_integers: bool,
    limit: Limit,
) -> PyResult<Bound<'py, PyBytes>> {
    canonical_bytes(value, options("jcs", round_integers, limit)?)
}

/// The canonical form of a value (RFC 8785) that comes back from JSON as it was.
#[pyfunction]
#[pyo3(signature = (value, *, whole_floats = false, round_integers = false, limit = Limit(LONGEST)), text_signature = "(value, *, whole_floats=False, round_integers=False, limit=268435456)")]
pub(super) fn canonicalize_same<'py>(
    value: &Bound<'py, PyAny>,
    whole_floats: bool,
    round_integers: bool,
    limit: Limit,
) -> PyResult<Bound<'py, PyBytes>> {
    let (options, same) = (options("jcs", round_integers, limit)?, Same { whole_floats });
    with_canonical(value, options, same, |octets, _| Ok(PyBytes::new(value.py(), octets)), PyErr::from)
}

/// The bytes of the canonical form of `text`, which was read into `canonical`.
pub(super) fn bytes_of<'py>(py: Python<'py>, canonical: &Canonical, text: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, canonical.size(), |octets| {
        canonical.write(text, &mut Filling(octets));
        Ok(())
    })
}

fn read(py: Python<'_>, text: &[u8], options: Options) -> Result<Canonical, Error> {
    let room = ROOM.take();
    detached(py, text.len(), || room.read_again(text, options))
}

/// Octets of memory that a thread keeps from one text to the next.
const KEPT: usize = 4 * 1024 * 1024;

thread_local! {
    static ROOM: Cell<Canonical> = Cell::default();
}

fn keep(canonical: Canonical) {
    if canonical.memory() <= KEPT {
        ROOM.set(canonical);
    }
}

/// Octets, from 1 to `LONGEST`.
#[derive(Clone, Copy)]
pub(super) struct Limit(usize);

impl Limit {
    pub(super) fn octets(self) -> usize {
        self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Limit {
    type Error = PyErr;

    fn extract(limit: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let octets = if limit.is_exact_instance_of::<PyInt>() { limit.extract().unwrap_or(0) } else { 0 };
        if (1..=LONGEST).contains(&octets) {
            return Ok(Self(octets));
        }
        Err(Error::configuration("limit: expected octets, from 1 to 268435456").into())
    }
}

fn options(form: &str, round_integers: bool, limit: Limit) -> Result<Options, Error> {
    let form = Form::parse(form).ok_or_else(|| Error::configuration("form: expected jcs, pyjson or pyjson-utf8"))?;
    if round_integers && form != Form::Jcs {
        return Err(Error::configuration("round_integers: only jcs rounds"));
    }
    Ok(Options { form, round_integers, limit: limit.0, ..Options::default() })
}

/// The index of a `UnicodeEncodeError` is in characters.
fn lone_surrogate(py: Python<'_>, error: &PyErr) -> PyErr {
    let start = error.value(py).getattr(intern!(py, "start")).and_then(|start| start.extract());
    match start {
        Ok(index) => Error::at(Code::Canonicalization, "a lone surrogate", index).into(),
        Err(other) => other,
    }
}

/// Octets that are filled from the front.
struct Filling<'a>(&'a mut [u8]);

impl Sink for Filling<'_> {
    fn put(&mut self, octets: &[u8]) {
        let (filled, rest) = std::mem::take(&mut self.0).split_at_mut(octets.len());
        filled.copy_from_slice(octets);
        self.0 = rest;
    }
}
