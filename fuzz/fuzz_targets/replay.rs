//! The replay set against a model that never forgets. A step has six octets: key, scale, expiry (2), clock (2).
#![no_main]

use _native::replay::{Refused, ReplaySet};
use libfuzzer_sys::fuzz_target;

const CAPACITY: usize = 24;
/// Seconds for which a key may stay after its end: whole slices are dropped, not keys.
const SLACK: i64 = 600;

struct Accepted {
    key: u8,
    expires: i64,
    /// The latest the clock has shown since then: it may step back, and what was dropped stays dropped.
    latest: i64,
}

impl Accepted {
    fn must_be_known(&self) -> bool {
        self.latest < self.expires
    }

    fn may_be_known(&self) -> bool {
        self.latest < self.expires.saturating_add(SLACK)
    }
}

fuzz_target!(|text: &[u8]| {
    let mut set = ReplaySet::new(CAPACITY);
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut latest = i64::MIN;
    for step in text.chunks_exact(6) {
        let scaled = |high: u8, low: u8| i64::from(i16::from_be_bytes([high, low])) << (step[1] % 49);
        let (key, expires, now) = (step[0], scaled(step[2], step[3]), scaled(step[4], step[5]));
        latest = latest.max(now);
        for one in &mut accepted {
            one.latest = one.latest.max(now);
        }
        let least = accepted.iter().filter(|one| one.must_be_known()).count();
        let most = accepted.iter().filter(|one| one.may_be_known()).count();
        let mut known = accepted.iter().filter(|one| one.key == key);
        match set.add(&[key; 32], expires, now, None) {
            Ok(true) => {
                assert!(known.all(|one| one.expires != expires && !one.must_be_known()), "one message twice");
                assert!(least < CAPACITY, "more than it may hold");
                accepted.push(Accepted { key, expires, latest: i64::MIN });
            }
            Ok(false) => assert!(known.next().is_some() || expires <= latest, "a new message refused"),
            Err(refused) => {
                assert_eq!(Refused::Full, refused);
                assert!(most >= CAPACITY, "full, though it is not");
            }
        }
        assert!((least..=most + 1).contains(&set.len()), "{} known, {least} to {most} expected", set.len());
        assert!(set.len() <= CAPACITY);
    }
});
