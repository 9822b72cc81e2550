//! The replay set, for stores in memory.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::{Code, Error};
use crate::replay::{Key, Seen, SharedReplaySet};

/// A bounded, expiring set of replay keys, for one process.
#[pyclass(frozen, subclass, module = "sealgate._native")]
pub(super) struct ReplaySet {
    set: SharedReplaySet,
    clock: Py<PyAny>,
    /// Called once, before the first key: by then the server has started its workers.
    at_first: Py<PyAny>,
    asked: AtomicBool,
}

#[pymethods]
impl ReplaySet {
    #[new]
    #[pyo3(signature = (capacity, clock, at_first))]
    fn new(capacity: usize, clock: Py<PyAny>, at_first: Py<PyAny>) -> Self {
        Self { set: SharedReplaySet::new(capacity), clock, at_first, asked: AtomicBool::new(false) }
    }

    /// True if `key` (32 octets) is new, False if it is known or has ended, by the clock or what was forgotten.
    #[pyo3(signature = (key, expires, key_id=None, /))]
    fn add(&self, py: Python<'_>, key: &[u8], expires: i64, key_id: Option<&str>) -> PyResult<bool> {
        Ok(self.set.add(whole(key)?, expires, self.now(py)?, key_id)?)
    }

    /// What was known of `key`: `new`, `begun`, `done` or `spent`.
    #[pyo3(signature = (key, expires, key_id=None, /))]
    fn begin<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        expires: i64,
        key_id: Option<&str>,
    ) -> PyResult<&Bound<'py, PyString>> {
        Ok(match self.set.begin(whole(key)?, expires, self.now(py)?, key_id)? {
            Seen::New => intern!(py, "new"),
            Seen::Begun => intern!(py, "begun"),
            Seen::Done => intern!(py, "done"),
            Seen::Spent => intern!(py, "spent"),
        })
    }

    /// Of what this caller began: from here on it is `done`, or else `spent`.
    #[pyo3(signature = (key, expires, done, /))]
    fn finish(&self, key: &[u8], expires: i64, done: bool) -> PyResult<()> {
        Ok(self.set.finish(whole(key)?, expires, done)?)
    }

    /// Of what this caller began: it is as if it had never been seen.
    #[pyo3(signature = (key, expires, key_id=None, /))]
    fn release(&self, key: &[u8], expires: i64, key_id: Option<&str>) -> PyResult<()> {
        Ok(self.set.release(whole(key)?, expires, key_id)?)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.set.count()?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)?;
        visit.call(&self.at_first)
    }
}

impl ReplaySet {
    /// Whole Unix seconds.
    fn now(&self, py: Python<'_>) -> PyResult<i64> {
        if !self.asked.load(Ordering::Relaxed) && !self.asked.swap(true, Ordering::Relaxed) {
            self.at_first.call0(py)?;
        }
        let now: f64 = self.clock.call0(py)?.extract(py)?;
        if !now.is_finite() {
            return Err(Error::new(Code::Configuration, "replay: the clock gives no time").into());
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds; beyond all times it saturates")]
        Ok(now as i64)
    }
}

fn whole(key: &[u8]) -> PyResult<&Key> {
    key.try_into().map_err(|_| Error::new(Code::Configuration, "replay: a key has 32 octets").into())
}
