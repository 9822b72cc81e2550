//! The replay set, for stores in memory.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::{Code, Error};
use crate::replay::{Key, Refused, Seen, SharedReplaySet};

/// The system's clock, which costs a third of an insert, is looked at for every 64th key, and before any refusal: with a
/// `now` that is late it forgets later and takes nothing twice, and a key that has ended meanwhile, which a verifier has
/// refused before, may be new once. Another clock may be a test's, and is always asked.
const LOOKS: u32 = 64;

/// A bounded, expiring set of replay keys, for one process.
#[pyclass(frozen, subclass, module = "sealgate._native")]
pub(super) struct ReplaySet {
    set: SharedReplaySet,
    clock: Py<PyAny>,
    is_system: bool,
    calls: AtomicU32,
    /// What the clock said last, in Unix seconds.
    last: AtomicI64,
    /// Called once, before the first key: by then the server has started its workers.
    at_first: Py<PyAny>,
    asked: AtomicBool,
}

#[pymethods]
impl ReplaySet {
    #[new]
    #[pyo3(signature = (capacity, clock, at_first))]
    fn new(py: Python<'_>, capacity: usize, clock: Py<PyAny>, at_first: Py<PyAny>) -> PyResult<Self> {
        let is_system = py.import("time")?.getattr("time")?.is(&clock);
        Ok(Self {
            set: SharedReplaySet::new(capacity),
            clock,
            is_system,
            calls: AtomicU32::new(0),
            last: AtomicI64::new(0),
            at_first,
            asked: AtomicBool::new(false),
        })
    }

    /// True if `key` (32 octets) is new, False if it is known or has ended, by what the clock said last.
    #[pyo3(signature = (key, expires, key_id=None, /))]
    pub(super) fn add(&self, py: Python<'_>, key: &[u8], expires: i64, key_id: Option<&str>) -> PyResult<bool> {
        let key = whole(key)?;
        self.entered(py, true, |now| self.set.add(key, expires, now, key_id))
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
        let key = whole(key)?;
        Ok(match self.entered(py, Seen::New, |now| self.set.begin(key, expires, now, key_id))? {
            Seen::New => intern!(py, "new"),
            Seen::Begun => intern!(py, "begun"),
            Seen::Done => intern!(py, "done"),
            Seen::Spent => intern!(py, "spent"),
        })
    }

    /// Of what this caller began: from here on it is `done`, or else `spent`.
    #[pyo3(signature = (key, expires, done, /))]
    fn finish(&self, key: &[u8], expires: i64, done: bool) -> PyResult<()> {
        Ok(self.set.finish(whole(key)?, expires, done).map_err(Error::from)?)
    }

    /// Of what this caller began: it is as if it had never been seen.
    #[pyo3(signature = (key, expires, key_id=None, /))]
    fn release(&self, key: &[u8], expires: i64, key_id: Option<&str>) -> PyResult<()> {
        Ok(self.set.release(whole(key)?, expires, key_id).map_err(Error::from)?)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.set.count().map_err(Error::from)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.clock)?;
        visit.call(&self.at_first)
    }
}

impl ReplaySet {
    /// What `enter` says at this time; whatever it says but `new`, it says by the clock.
    #[inline]
    fn entered<T: Copy + PartialEq>(
        &self,
        py: Python<'_>,
        new: T,
        enter: impl Fn(i64) -> Result<T, Refused>,
    ) -> PyResult<T> {
        let calls = self.calls.load(Ordering::Relaxed);
        self.calls.store(calls.wrapping_add(1), Ordering::Relaxed); // one that is lost between threads is no loss
        if self.is_system && !calls.is_multiple_of(LOOKS) {
            match enter(self.last.load(Ordering::Relaxed)) {
                Ok(seen) if seen == new => return Ok(seen),
                _ => {}
            }
        }
        Ok(enter(self.now(py)?).map_err(Error::from)?)
    }

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
        let now = now as i64;
        self.last.store(now, Ordering::Relaxed);
        Ok(now)
    }
}

fn whole(key: &[u8]) -> PyResult<&Key> {
    key.try_into().map_err(|_| Error::new(Code::Configuration, "replay: a key has 32 octets").into())
}
