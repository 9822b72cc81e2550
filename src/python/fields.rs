//! Header fields, as Python's servers and clients have them: pairs, or a WSGI environment.

use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyMapping, PyString, PyTuple};

use super::text::{latin1, octets_of, text};
use crate::error::{Code, Error};
use crate::fields::{FieldName, FieldPairs, Fields, field_value};

/// The fields of a WSGI environment (PEP 3333).
pub(super) struct EnvironFields<'py>(pub(super) Bound<'py, PyDict>);

impl Fields for EnvironFields<'_> {
    fn get(&self, name: &FieldName) -> crate::error::Result<Option<Cow<'_, [u8]>>> {
        let Ok(Some(value)) = self.0.get_item(name.environ()) else { return Ok(None) };
        let Ok(value) = value.cast_into::<PyString>() else {
            return Err(Error::new(Code::SignatureMalformed, "a field is not text"));
        };
        let octets = latin1(&value);
        // PEP 3333: these two may be empty where the request has none.
        if octets.is_empty() && matches!(name.environ(), "CONTENT_TYPE" | "CONTENT_LENGTH") {
            return Ok(None);
        }
        field_value(&octets).map(|value| Some(Cow::Owned(value.to_vec())))
    }

    fn starting(&self, prefix: &str) -> Vec<String> {
        let names = self.0.keys().into_iter().filter_map(|name| {
            let name =
                text(name.cast::<PyString>().ok()?).strip_prefix("HTTP_")?.to_ascii_lowercase().replace('_', "-");
            name.starts_with(prefix).then_some(name)
        });
        names.collect()
    }
}

/// Pairs of name and value. A mapping is not taken: it would lose the second of two fields, and a text of two
/// characters is not a pair.
pub(super) fn pairs_of(headers: &Bound<'_, PyAny>) -> PyResult<FieldPairs> {
    // Servers give a list; whether something else is a mapping is a slow question.
    if let Ok(list) = headers.cast::<PyList>() {
        if let Some(pairs) = plain_pairs(list) {
            return Ok(pairs);
        }
        return pairs_in(list.iter().map(Ok));
    }
    if headers.cast::<PyMapping>().is_ok() || headers.cast::<PyString>().is_ok() || headers.cast::<PyBytes>().is_ok() {
        return Err(no_pairs());
    }
    pairs_in(headers.try_iter()?)
}

/// A list of tuples, if every octet in them is ASCII, which one look tells: then their text is their octets.
fn plain_pairs(list: &Bound<'_, PyList>) -> Option<FieldPairs> {
    let mut pairs = FieldPairs::with_capacity(list.len());
    for pair in list {
        let pair = pair.cast_exact::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let (name, value) = (pair.get_borrowed_item(0).ok()?, pair.get_borrowed_item(1).ok()?);
        pairs.push(plain_octets(&name)?, plain_octets(&value)?);
    }
    pairs.look().then_some(pairs)
}

fn plain_octets<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    match value.cast_exact::<PyString>() {
        Ok(text) => text.to_str().ok().map(str::as_bytes),
        Err(_) => value.cast_exact::<PyBytes>().ok().map(PyBytesMethods::as_bytes),
    }
}

fn pairs_in<'py>(items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>) -> PyResult<FieldPairs> {
    let mut pairs = FieldPairs::default();
    for pair in items {
        let pair = pair?;
        let (name, value) = if let Ok(pair) = pair.cast::<PyTuple>()
            && pair.len() == 2
        {
            (pair.get_item(0)?, pair.get_item(1)?)
        } else if let Ok(pair) = pair.cast::<PyList>()
            && pair.len() == 2
        {
            (pair.get_item(0)?, pair.get_item(1)?)
        } else {
            return Err(no_pairs());
        };
        pairs.push(&octets_of(&name)?, &octets_of(&value)?);
    }
    Ok(pairs)
}

fn no_pairs() -> PyErr {
    PyTypeError::new_err("headers: expected pairs of name and value")
}
