//! The set of replay keys of one process: bounded, expiring, and it never forgets what could still be accepted.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use crate::error::{Code, Error, Result};

/// Seconds of expiry that share one table. A table is dropped whole, so nothing is walked entry by entry; wide slices,
/// because each live one is asked for each key: a message that comes again with another expiry is the same message.
const SLICE: i64 = 128;

/// Replay keys by the time they may be forgotten, as keyed 64-bit fingerprints.
///
/// A collision refuses a fresh message (at ten million live keys, once in 10^12 messages) and never accepts an old one.
/// The fingerprint is keyed, so nobody can choose keys that collide.
pub struct ReplaySet {
    slices: BTreeMap<i64, HashSet<u64, BuildHasherDefault<Fingerprint>>>,
    fingerprint: RandomState,
    capacity: usize,
    size: usize,
    /// Everything that ends before this has been forgotten, so nothing that ends before it is new.
    floor: i64,
}

impl ReplaySet {
    /// Holds at most `capacity` keys.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { slices: BTreeMap::new(), fingerprint: RandomState::new(), capacity, size: 0, floor: i64::MIN }
    }

    /// Whether `key` is new; afterwards it is not. Times are Unix seconds. What has ended is not new.
    ///
    /// A clock that was set back finds the floor where it was: what has been forgotten is refused, not accepted again.
    pub fn add(&mut self, key: &[u8], expires: i64, now: i64) -> Result<bool> {
        self.forget(now);
        if expires <= self.floor.max(now) {
            return Ok(false);
        }
        let fingerprint = self.fingerprint.hash_one(key);
        if self.slices.values().any(|keys| keys.contains(&fingerprint)) {
            return Ok(false);
        }
        if self.size >= self.capacity {
            return Err(Error::new(Code::StoreFull, "the replay set is full"));
        }
        self.slices.entry(expires.div_euclid(SLICE)).or_default().insert(fingerprint);
        self.size += 1;
        Ok(true)
    }

    /// Live keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    fn forget(&mut self, now: i64) {
        while let Some(first) = self.slices.first_entry() {
            let end = (first.key() + 1).saturating_mul(SLICE);
            if end > now {
                break;
            }
            self.size -= first.get().len();
            self.floor = self.floor.max(end - 1);
            first.remove();
        }
    }
}

/// The fingerprint is a keyed hash already: the table need not hash it again.
#[derive(Default)]
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole fingerprints are stored")
    }
    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}
