use std::collections::{BTreeSet, HashMap};

use _native::replay::{Key, Refused, ReplaySet, Result, Seen};
use proptest::prelude::*;

fn key(number: u64) -> Key {
    let mut key = [7; 32];
    key[8..16].copy_from_slice(&number.to_be_bytes());
    key
}

#[test]
fn a_key_counts_once_until_it_can_no_longer_be_accepted() {
    let mut seen = ReplaySet::new(10);
    assert_eq!(Ok(true), seen.add(&key(1), 1_000, 0, None));
    assert_eq!(Ok(false), seen.add(&key(1), 1_000, 999, None));
    assert_eq!(Ok(false), seen.add(&key(1), 1_000, 1_000_000, None));
}

#[test]
fn keys_that_differ_in_any_one_bit_are_two_keys() {
    let mut seen = ReplaySet::new(1_000);
    for bit in 0..256 {
        let mut other = key(1);
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Ok(true), seen.add(&other, 1_000, 0, None), "bit {bit}");
    }
}

/// Failure history E12: the clock steps back after entries were dropped.
#[test]
fn a_clock_that_is_set_back_accepts_nothing_again() {
    let mut seen = ReplaySet::new(10);
    assert_eq!(Ok(true), seen.add(&key(1), 1_000, 900, None));
    assert_eq!(Ok(true), seen.add(&key(2), 5_000, 4_000, None));
    assert_eq!(1, seen.len());
    assert_eq!(Ok(false), seen.add(&key(1), 1_000, 900, None));
    assert_eq!(Ok(Seen::Spent), seen.begin(&key(1), 1_000, 900, None));
}

/// Failure history E9: a full store that evicts re-opens replay.
#[test]
fn a_full_set_refuses_and_forgets_nothing() {
    let mut seen = ReplaySet::new(2);
    assert_eq!(Ok(true), seen.add(&key(1), 1_000, 0, None));
    assert_eq!(Ok(Seen::New), seen.begin(&key(2), 1_000, 0, None));
    assert_eq!(Err(Refused::Full), seen.add(&key(3), 1_000, 0, None));
    assert_eq!(Err(Refused::Full), seen.begin(&key(3), 1_000, 0, None));
    assert_eq!(Ok(false), seen.add(&key(1), 1_000, 0, None));
    assert_eq!(Ok(Seen::Begun), seen.begin(&key(2), 1_000, 0, None));
    assert_eq!(Ok(true), seen.add(&key(3), 9_000, 8_000, None));
}

/// Segments grow and are swept; what was released leaves words behind; slices come and go, and their tags come again.
#[test]
fn a_hundred_thousand_keys_at_a_time_are_each_known_while_they_count() {
    const KEYS: u64 = 30_000;
    let mut seen = ReplaySet::new(200_000);
    for turn in 0..8 {
        let now = turn * 128;
        let turn = u64::try_from(turn).expect("small");
        for number in 0..KEYS {
            let expires = now + 361;
            assert_eq!(Ok(Seen::New), seen.begin(&key(turn * KEYS + number), expires, now, None));
            match number % 3 {
                0 => seen.release(&key(turn * KEYS + number), expires, None),
                1 => seen.finish(&key(turn * KEYS + number), expires, true),
                _ => {}
            }
        }
        for number in 0..(turn + 1) * KEYS {
            let turn = i64::try_from(number / KEYS).expect("small");
            let (expires, wanted) = (turn * 128 + 361, [Seen::New, Seen::Done, Seen::Begun][(number % 3) as usize]);
            // What was released is new to whoever asks first; asking makes it begun, so it is released again.
            let wanted = if expires <= seen_until(now) { Seen::Spent } else { wanted };
            assert_eq!(Ok(wanted), seen.begin(&key(number), expires, now, None), "key {number} at {now}");
            if wanted == Seen::New {
                seen.release(&key(number), expires, None);
            }
        }
        let live = (0..=turn).filter(|turn| i64::try_from(turn * 128 + 361).expect("small") > seen_until(now)).count();
        assert_eq!(live as u64 * KEYS * 2 / 3, seen.len() as u64);
    }
}

/// What ends by then is over: the clock, or the end of the latest slice that is over.
fn seen_until(now: i64) -> i64 {
    now.max(now.div_euclid(128) * 128 - 1)
}

/// There are fewer tags than slices here: what shares one is remembered too long, not too short.
#[test]
fn lives_of_every_length_up_to_months_are_kept_at_once() {
    let mut seen = ReplaySet::new(20_000);
    let ends = |number: u64| i64::try_from(number * 7919 % 10_000).expect("small") * 1_000 + 50;
    for number in 0..10_000 {
        assert_eq!(Ok(true), seen.add(&key(number), ends(number), 0, None));
    }
    for now in (0..10_200_000).step_by(300_001) {
        for number in 0..10_000 {
            assert_eq!(Ok(false), seen.add(&key(number), ends(number), now, None), "key {number} at {now}");
        }
    }
    assert_eq!(Ok(true), seen.add(&key(1), 30_000_000, 20_000_000, None));
    assert_eq!(1, seen.len());
}

#[test]
fn tags_come_again_for_as_long_as_the_service_runs() {
    let mut seen = ReplaySet::new(100);
    for slice in 0u64..10_000 {
        let now = slice.cast_signed() * 128;
        assert_eq!(Ok(true), seen.add(&key(slice), now + 361, now, None), "slice {slice}");
        assert_eq!(Ok(false), seen.add(&key(slice), now + 361, now, None));
        assert!(seen.len() <= 4, "{} in slice {slice}", seen.len());
    }
}

#[test]
fn nobody_takes_more_than_what_is_left_for_all() {
    let mut seen = ReplaySet::new(1_000);
    let mut number = 0;
    let mut fill = |seen: &mut ReplaySet, who: &str| {
        let before = seen.len();
        while {
            number += 1;
            seen.add(&key(number), 1_000, 0, Some(who)).is_ok()
        } {}
        seen.len() - before
    };
    assert_eq!(500, fill(&mut seen, "greedy"));
    assert_eq!(250, fill(&mut seen, "also"));
    assert_eq!(125, fill(&mut seen, "third"));
    assert_eq!(0, fill(&mut seen, "greedy"));
    assert_eq!(Ok(true), seen.add(&key(0), 1_000, 0, Some("modest")));
    assert_eq!(Err(Refused::ShareUsed), seen.add(&key(9_999), 1_000, 0, Some("greedy")));
}

#[test]
fn all_that_is_left_is_for_who_has_no_key_id() {
    let mut seen = ReplaySet::new(10);
    for number in 0..10 {
        assert_eq!(Ok(true), seen.add(&key(number), 1_000, 0, None));
    }
    assert_eq!(Err(Refused::Full), seen.add(&key(10), 1_000, 0, None));
}

#[test]
fn a_share_is_given_back_by_time_and_by_release() {
    let mut seen = ReplaySet::new(4);
    assert_eq!(Ok(Seen::New), seen.begin(&key(1), 1_000, 0, Some("a")));
    assert_eq!(Ok(Seen::New), seen.begin(&key(2), 5_000, 0, Some("a")));
    assert_eq!(Err(Refused::ShareUsed), seen.begin(&key(3), 5_000, 0, Some("a")));
    seen.release(&key(2), 5_000, Some("a"));
    assert_eq!(Ok(true), seen.add(&key(3), 5_000, 0, Some("a")));
    assert_eq!(Err(Refused::ShareUsed), seen.add(&key(4), 5_000, 0, Some("a")));
    assert_eq!(Ok(true), seen.add(&key(4), 5_000, 2_000, Some("a")));
    assert_eq!(Err(Refused::ShareUsed), seen.add(&key(5), 5_000, 2_000, Some("a")));
}

#[test]
fn what_is_released_twice_is_counted_once() {
    let mut seen = ReplaySet::new(4);
    assert_eq!(Ok(Seen::New), seen.begin(&key(1), 1_000, 0, Some("a")));
    assert_eq!(Ok(Seen::New), seen.begin(&key(2), 1_000, 0, Some("a")));
    for _ in 0..3 {
        seen.release(&key(1), 1_000, Some("a"));
        seen.release(&key(9), 1_000, Some("nobody"));
    }
    assert_eq!(1, seen.len());
    assert_eq!(Ok(Seen::Begun), seen.begin(&key(2), 1_000, 0, Some("a")));
}

proptest! {
    /// Against a map that never forgets: what it has seen is refused, whatever the clock does.
    #[test]
    fn nothing_is_ever_accepted_twice(steps in proptest::collection::vec((0u64..20, 0i64..500, 0i64..700), 1..200)) {
        let mut seen = ReplaySet::new(1_000);
        // One message has one expiry: it is derived from what was signed.
        let mut accepted: BTreeSet<(u64, i64)> = BTreeSet::new();
        for (number, expires, now) in steps {
            if seen.add(&key(number), expires, now, None).expect("not full") {
                prop_assert!(accepted.insert((number, expires)));
            }
        }
    }

    /// Against the rules, written as a map of whole entries: every answer and every count, also by key id.
    #[test]
    fn every_answer_is_the_rules(
        capacity in 1usize..12,
        steps in proptest::collection::vec((0u8..5, 0u64..12, 0i64..900, 0i64..60, 0usize..4), 1..150),
    ) {
        let mut seen = ReplaySet::new(capacity);
        let mut rules = Rules { capacity, ..Rules::default() };
        let mut now = 0;
        for (call, number, life, step, who) in steps {
            now += step;
            let (key, expires, who) = (key(number), now + life, [None, Some("a"), Some("b"), Some("c")][who]);
            match call {
                0 => prop_assert_eq!(
                    rules.enter(number, expires, now, who, Seen::Spent).map(|seen| seen == Seen::New),
                    seen.add(&key, expires, now, who)
                ),
                1 | 2 => prop_assert_eq!(
                    rules.enter(number, expires, now, who, Seen::Begun),
                    seen.begin(&key, expires, now, who)
                ),
                3 => {
                    let done = life % 2 == 0;
                    seen.finish(&key, expires, done);
                    if let Some(entry) = rules.entries.get_mut(&number)
                        && entry.state == Seen::Begun && expires > rules.floor
                    {
                        entry.state = if done { Seen::Done } else { Seen::Spent };
                    }
                }
                _ => {
                    // Whoever releases says whose it was, as when it was begun.
                    let owner = rules.entries.get(&number).and_then(|entry| entry.who);
                    seen.release(&key, expires, owner);
                    if expires > rules.floor {
                        rules.entries.remove(&number);
                    }
                }
            }
            prop_assert_eq!(rules.entries.len(), seen.len());
        }
    }
}

#[derive(Default)]
struct Rules {
    capacity: usize,
    entries: HashMap<u64, Entry>,
    floor: i64,
}

struct Entry {
    until: i64,
    who: Option<&'static str>,
    state: Seen,
}

impl Rules {
    fn enter(&mut self, number: u64, expires: i64, now: i64, who: Option<&'static str>, state: Seen) -> Result<Seen> {
        let over = self.entries.values().map(|entry| entry.until).filter(|until| *until <= now).max();
        self.floor = self.floor.max(over.map_or(i64::MIN, |until| until - 1));
        self.entries.retain(|_, entry| entry.until > now);
        if expires <= now.max(self.floor) {
            return Ok(Seen::Spent);
        }
        if let Some(entry) = self.entries.get(&number) {
            return Ok(entry.state);
        }
        let free = self.capacity - self.entries.len();
        let held = self.entries.values().filter(|entry| entry.who == who).count();
        if free == 0 {
            return Err(Refused::Full);
        }
        if who.is_some() && held >= free {
            return Err(Refused::ShareUsed);
        }
        self.entries.insert(number, Entry { until: (expires.div_euclid(128) + 1) * 128, who, state });
        Ok(Seen::New)
    }
}
