//! Text and octets, as Python has them.

use std::borrow::Cow;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// A str as UTF-8; lone surrogates become U+FFFD, which no part of a message may hold.
pub(super) fn text<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    text.to_str().map_or_else(|_| Cow::Owned(text.to_string_lossy().into_owned()), Cow::Borrowed)
}

/// A str of octets, as WSGI has it (PEP 3333, "Unicode Issues").
pub(super) fn latin1<'a>(octets: &'a Bound<'_, PyString>) -> Cow<'a, [u8]> {
    match octets.to_str() {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
        _ => Cow::Owned(foreign(&text(octets))),
    }
}

/// The octets of characters up to U+00FF; others, of which no message is, in UTF-8.
#[cold]
fn foreign(text: &str) -> Vec<u8> {
    let mut buffer = [0; 4];
    let octets = text.chars().flat_map(|character| match u8::try_from(character) {
        Ok(octet) => vec![octet],
        Err(_) => character.encode_utf8(&mut buffer).as_bytes().to_vec(),
    });
    octets.collect()
}

pub(super) fn latin1_text(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

pub(super) fn octets_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(octets) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(octets.as_bytes()));
    }
    match value.cast::<PyString>() {
        Ok(text) => Ok(latin1(text)),
        Err(_) => Err(PyTypeError::new_err("expected str or bytes")),
    }
}
