//! What tokens and envelopes have in common, from Python's values.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::claim::milliseconds;
use super::keys::KeyRing;
use super::text::text;
use crate::error::Error;
use crate::key::Key;

/// Who signs, and when.
pub(super) struct Signing<'a> {
    pub(super) key: &'a Arc<Key>,
    pub(super) key_id: Option<String>,
    /// Unix seconds.
    pub(super) created: u64,
}

impl<'a> Signing<'a> {
    /// By the key that `KeyRing.newest` gives. `now`: Unix seconds.
    pub(super) fn new(ring: &'a KeyRing, key_id: Option<&Bound<'_, PyString>>, now: f64) -> PyResult<Self> {
        if !(0.0..1e12).contains(&now) {
            return Err(Error::configuration("clock: expected Unix seconds").into());
        }
        let (key_id, now) = (key_id.map(text), milliseconds(now));
        let key = ring.0.newest(key_id.as_deref(), Some(now))?;
        let created = now.div_euclid(1000).cast_unsigned();
        Ok(Self { key, key_id: key_id.map(std::borrow::Cow::into_owned), created })
    }
}
