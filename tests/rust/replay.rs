use std::collections::BTreeMap;

use _native::error::Code;
use _native::replay::ReplaySet;
use proptest::prelude::*;

#[test]
fn a_key_counts_once_until_it_can_no_longer_be_accepted() {
    let mut seen = ReplaySet::new(10);
    assert_eq!(Ok(true), seen.add(b"k", 1_000, 0));
    assert_eq!(Ok(false), seen.add(b"k", 1_000, 999));
    assert_eq!(Ok(false), seen.add(b"k", 1_000, 1_000_000));
}

/// Failure history E12: the clock steps back after entries were dropped.
#[test]
fn a_clock_that_is_set_back_accepts_nothing_again() {
    let mut seen = ReplaySet::new(10);
    assert_eq!(Ok(true), seen.add(b"k", 1_000, 900));
    assert_eq!(Ok(true), seen.add(b"later", 5_000, 4_000));
    assert_eq!(1, seen.len());
    assert_eq!(Ok(false), seen.add(b"k", 1_000, 900));
}

/// Failure history E9: a full store that evicts re-opens replay.
#[test]
fn a_full_set_refuses_and_forgets_nothing() {
    let mut seen = ReplaySet::new(2);
    assert_eq!(Ok(true), seen.add(b"a", 1_000, 0));
    assert_eq!(Ok(true), seen.add(b"b", 1_000, 0));
    assert_eq!(Some(Code::StoreFull), seen.add(b"c", 1_000, 0).err().map(|error| error.code));
    assert_eq!(Ok(false), seen.add(b"a", 1_000, 0));
    assert_eq!(Ok(true), seen.add(b"c", 9_000, 8_000));
}

proptest! {
    /// Against a map that never forgets: what it has seen is refused, whatever the clock does.
    #[test]
    fn nothing_is_ever_accepted_twice(steps in proptest::collection::vec((0u8..20, 0i64..500, 0i64..700), 1..200)) {
        let mut seen = ReplaySet::new(1_000);
        let mut all: BTreeMap<(u8, i64), bool> = BTreeMap::new();
        for (key, expires, now) in steps {
            let new = seen.add(&[key], expires, now).expect("not full");
            // One message has one expiry: it is derived from what was signed.
            let before = all.insert((key, expires), true);
            prop_assert!(!(new && before.is_some()));
        }
    }
}
