//! The set that threads share.

use std::sync::Mutex;

use super::{Key, Refused, ReplaySet, Result, Seen};

/// What gives one thread at a time the value; a parameter, so that a model checker can take its place.
pub trait Lock<T> {
    /// Holds `value`.
    fn new(value: T) -> Self;

    /// What `call` gives of the value, which nobody else has meanwhile. An error where a call before panicked.
    fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Result<R>;
}

impl<T> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    #[inline]
    fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Result<R> {
        let mut value = self.lock().map_err(|_| Refused::Damaged)?;
        Ok(call(&mut value))
    }
}

/// A [`ReplaySet`] for several threads: each call is one step, and no two callers get the same key as new.
pub struct SharedReplaySet<L: Lock<ReplaySet> = Mutex<ReplaySet>>(L);

impl<L: Lock<ReplaySet>> SharedReplaySet<L> {
    /// As [`ReplaySet::new`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(L::new(ReplaySet::new(capacity)))
    }

    /// As [`ReplaySet::add`].
    #[inline]
    pub fn add(&self, key: &Key, expires: i64, now: i64, key_id: Option<&str>) -> Result<bool> {
        self.0.with(|set| set.add(key, expires, now, key_id))?
    }

    /// As [`ReplaySet::begin`].
    pub fn begin(&self, key: &Key, expires: i64, now: i64, key_id: Option<&str>) -> Result<Seen> {
        self.0.with(|set| set.begin(key, expires, now, key_id))?
    }

    /// As [`ReplaySet::finish`].
    pub fn finish(&self, key: &Key, expires: i64, done: bool) -> Result<()> {
        self.0.with(|set| set.finish(key, expires, done))
    }

    /// As [`ReplaySet::release`].
    pub fn release(&self, key: &Key, expires: i64, key_id: Option<&str>) -> Result<()> {
        self.0.with(|set| set.release(key, expires, key_id))
    }

    /// As [`ReplaySet::len`].
    pub fn count(&self) -> Result<usize> {
        self.0.with(|set| set.len())
    }
}
