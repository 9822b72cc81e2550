//! The shared set under a model checker: each test runs every order in which its threads can take the lock.

use _native::replay::{Key, Lock, ReplaySet, Result, Seen, SharedReplaySet};
use loom::sync::{Arc, Mutex};
use loom::thread;

const KEY: Key = [7; 32];
const END: i64 = 1_000;

struct Watched<T>(Mutex<T>);

impl<T> Lock<T> for Watched<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, call: impl FnOnce(&mut T) -> R) -> Result<R> {
        Ok(call(&mut self.0.lock().expect("nobody panics")))
    }
}

type Set = SharedReplaySet<Watched<ReplaySet>>;

/// What each of the threads found, in every order; `check` judges one order, and `orders` counts them.
fn in_every_order<T: Send + 'static>(threads: &'static [fn(&Set) -> T], check: fn(&[T], &Set)) -> usize {
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = orders.clone();
    loom::model(move || {
        let set = Arc::new(Set::new(4));
        let others: Vec<_> = threads[1..]
            .iter()
            .map(|run| {
                let set = set.clone();
                thread::spawn(move || run(&set))
            })
            .collect();
        let mut found = vec![threads[0](&set)];
        found.extend(others.into_iter().map(|other| other.join().expect("no thread panics")));
        check(&found, &set);
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    orders.load(std::sync::atomic::Ordering::Relaxed)
}

fn add(set: &Set) -> Seen {
    if set.add(&KEY, END, 0, Some("a")).expect("not full") { Seen::New } else { Seen::Spent }
}

fn begin(set: &Set) -> Seen {
    set.begin(&KEY, END, 0, Some("a")).expect("not full")
}

fn news(found: &[Seen]) -> usize {
    found.iter().filter(|seen| **seen == Seen::New).count()
}

#[test]
fn of_callers_that_add_and_begin_one_is_the_first() {
    let orders = in_every_order(&[add, begin, add], |found, set| {
        assert_eq!(1, news(found), "{found:?}");
        assert_eq!(Ok(1), set.count());
    });
    assert!(orders > 3, "{orders} orders are not all");
}

#[test]
fn a_delivery_that_is_finished_stays_one_delivery() {
    const DELIVER: fn(&Set) -> Seen = |set| {
        let found = begin(set);
        if found == Seen::New {
            set.finish(&KEY, END, true).expect("sound");
        }
        found
    };
    let orders = in_every_order(&[DELIVER, DELIVER], |found, set| {
        assert_eq!(1, news(found), "{found:?}");
        assert!(found.iter().all(|seen| matches!(seen, Seen::New | Seen::Begun | Seen::Done)), "{found:?}");
        assert_eq!(Seen::Done, begin(set));
    });
    assert!(orders > 2, "{orders} orders are not all");
}

/// A release makes the key new again, to one of the others, and never while the first still has it.
#[test]
fn two_deliveries_are_never_in_progress_at_once() {
    use loom::sync::atomic::{AtomicUsize, Ordering};
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = orders.clone();
    loom::model(move || {
        let (set, running) = (Arc::new(Set::new(4)), Arc::new(AtomicUsize::new(0)));
        let deliver = |set: Arc<Set>, running: Arc<AtomicUsize>| {
            let found = begin(&set);
            if found == Seen::New {
                assert_eq!(0, running.fetch_add(1, Ordering::SeqCst), "two at once");
                running.fetch_sub(1, Ordering::SeqCst);
                set.release(&KEY, END, Some("a")).expect("sound");
            }
            found
        };
        let other = {
            let (set, running) = (set.clone(), running.clone());
            thread::spawn(move || deliver(set, running))
        };
        let found = [deliver(set.clone(), running), other.join().expect("no thread panics")];
        assert!(news(&found) >= 1 && !found.contains(&Seen::Done), "{found:?}");
        assert_eq!(Ok(0), set.count());
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(orders.load(std::sync::atomic::Ordering::Relaxed) > 2);
}

/// The last place goes to one.
#[test]
fn the_bound_holds_whoever_comes_first() {
    const FILL: [fn(&Set) -> usize; 2] = [|set| fill(set, 0..3), |set| fill(set, 3..6)];
    let orders = in_every_order(&FILL, |found, set| {
        assert_eq!(4, found.iter().sum::<usize>());
        assert_eq!(Ok(4), set.count());
    });
    assert!(orders > 2, "{orders} orders are not all");
}

fn fill(set: &Set, numbers: std::ops::Range<u8>) -> usize {
    numbers.filter(|number| set.add(&[*number; 32], END, 0, None).is_ok()).count()
}
