//! The set of replay keys of one process: bounded, expiring, and it never forgets what could still be accepted.

mod fingerprint;
mod quota;
mod shared;
mod slices;
mod table;

pub use shared::{Lock, SharedReplaySet};

use self::fingerprint::Fingerprints;
use self::quota::Quotas;
use self::slices::Slices;
use self::table::{State, Table};
use crate::error::{Code, Error};

/// A SHA-256 of what makes the message this one.
pub type Key = [u8; 32];

/// What was known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    New,
    /// Its delivery is in progress.
    Begun,
    /// It was answered with success.
    Done,
    /// It was accepted, or answered without success, or has ended.
    Spent,
}

/// Why nothing was added. The store refuses then: nothing that counts is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full for all.
    Full,
    /// It is full for this key id.
    ShareUsed,
    /// A call before panicked.
    Damaged,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let message = match refused {
            Refused::Full => "the replay set is full",
            Refused::ShareUsed => "the key id's share of the replay set is used up",
            Refused::Damaged => "the replay set is damaged",
        };
        Self::new(Code::StoreFull, message)
    }
}

/// The result of a call; in registers, since it is asked of each message.
pub type Result<T> = std::result::Result<T, Refused>;

/// Replay keys by the time they may be forgotten, as keyed fingerprints in one table.
///
/// A collision refuses a fresh message (in a full set once in 2 x 10^11 messages) and never accepts an old one. The
/// fingerprint is keyed, so nobody can choose keys that collide. No call walks all keys, however many there are.
///
/// Times are Unix seconds. A clock that was set back finds the floor where it was: what has been forgotten is refused,
/// not accepted again.
pub struct ReplaySet {
    fingerprints: Fingerprints,
    table: Table,
    slices: Slices,
    quotas: Quotas,
    capacity: usize,
}

impl ReplaySet {
    /// Holds at most `capacity` keys.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            fingerprints: Fingerprints::new(),
            table: Table::new(capacity),
            slices: Slices::new(),
            quotas: Quotas::default(),
            capacity,
        }
    }

    /// Whether `key` is new; afterwards it is not. What has ended is not new.
    ///
    /// Full, for all or for `key_id`, is an error: nothing that counts is evicted. What one key id holds must be less
    /// than what is left for all, so the greediest of n leaves the others one part in n + 1.
    pub fn add(&mut self, key: &Key, expires: i64, now: i64, key_id: Option<&str>) -> Result<bool> {
        Ok(self.enter(key, expires, now, key_id, State::Spent)? == Seen::New)
    }

    /// What was known of `key`; if nothing, its delivery is in progress from here on. Errors as [`Self::add`].
    pub fn begin(&mut self, key: &Key, expires: i64, now: i64, key_id: Option<&str>) -> Result<Seen> {
        self.enter(key, expires, now, key_id, State::Begun)
    }

    /// The delivery that the caller began has ended: with success, or without. What was forgotten meanwhile stays so.
    pub fn finish(&mut self, key: &Key, expires: i64, done: bool) {
        if expires > self.slices.floor() {
            let place = self.table.find(self.fingerprints.of(key));
            if self.slices.live(place.tag()) && place.state() == State::Begun {
                self.table.set_state(&place, if done { State::Done } else { State::Spent });
            }
        }
    }

    /// What the caller began is as if it had never been seen. `key_id`: as when it was begun.
    pub fn release(&mut self, key: &Key, expires: i64, key_id: Option<&str>) {
        // Only what ends after the floor can still be there: another key in its place was refused while it was.
        if expires > self.slices.floor() {
            let place = self.table.find(self.fingerprints.of(key));
            let tag = place.tag();
            if self.slices.live(tag) {
                self.table.bury(&place);
                self.slices.leave(tag);
                if let Some(key_id) = key_id {
                    self.quotas.leave(key_id, tag);
                }
            }
        }
    }

    /// Live keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices.size()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn enter(&mut self, key: &Key, expires: i64, now: i64, key_id: Option<&str>, state: State) -> Result<Seen> {
        if self.slices.must_forget(now) {
            self.slices.forget(now, |tag| self.quotas.forget(tag));
        }
        if expires <= self.slices.floor().max(now) {
            return Ok(Seen::Spent);
        }
        if self.slices.must_sweep() {
            self.slices.sweep(&mut self.table);
        }
        let place = self.table.find(self.fingerprints.of(key));
        if self.slices.live(place.tag()) {
            return Ok(place.state().seen());
        }
        let free = self.capacity.saturating_sub(self.len());
        if free == 0 {
            return Err(Refused::Full);
        }
        if key_id.is_some_and(|key_id| self.quotas.held(key_id) >= free) {
            return Err(Refused::ShareUsed);
        }
        let tag = self.slices.enter(expires);
        if let Some(key_id) = key_id {
            self.quotas.enter(key_id, tag);
        }
        self.table.put(&place, tag, state, |tag| self.slices.live(tag));
        Ok(Seen::New)
    }
}
