//! What a walk over a value keeps of it: nothing; or what it needs to build the same value once more, out of what was
//! written and of nothing else. A document may change between its proof and its use; a str, a number or a truth does not.

use std::cell::Cell;
use std::vec::Drain;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::LARGE;
use super::still::{PausedCollector, Still};

/// Keeps of the values that are walked, in the order in which they are written; by itself nothing.
pub(super) trait Keep<'a, 'py> {
    /// What is kept of a member's name until its turn.
    type Name: Copy;

    /// Of a name.
    fn of_name(name: Still<'a, 'py>) -> Self::Name;

    /// The name of the next member.
    #[inline]
    fn name(&mut self, _: Self::Name) {}

    /// A str, an int, a float, a bool or None, and no subclass of these.
    #[inline]
    fn value(&mut self, _: Still<'a, 'py>) {}

    /// An array of so many items, which follow.
    #[inline]
    fn array(&mut self, _: usize) {}

    /// An object of so many members, which follow; and the dict that it is, where that has them in this order.
    #[inline]
    fn object(&mut self, _: usize, _: Option<Still<'a, 'py, PyDict>>) {}

    /// Whether it takes what JSON does not give back: a tuple, or a subclass.
    #[inline]
    fn takes_another(&mut self) -> bool {
        true
    }

    /// Whether it takes a float that is written as an integer is.
    #[inline]
    fn takes_whole_float(&mut self) -> bool {
        true
    }
}

impl<'a, 'py> Keep<'a, 'py> for () {
    type Name = ();

    #[inline]
    fn of_name(_: Still<'a, 'py>) {}
}

/// Keeps nothing, of a value that JSON gives back as it was.
pub(super) struct Same {
    /// In a form that writes them as floats.
    pub(super) whole_floats: bool,
}

impl<'a, 'py> Keep<'a, 'py> for Same {
    type Name = ();

    fn of_name(_: Still<'a, 'py>) {}

    fn takes_another(&mut self) -> bool {
        false
    }

    fn takes_whole_float(&mut self) -> bool {
        self.whole_floats
    }
}

/// A value in the order in which it was written, to be built again.
pub(super) struct Kept {
    steps: Vec<Step>,
    /// Refuses what would be built as something else.
    is_strict: bool,
    /// Whether there was none of that.
    is_same: bool,
}

/// Steps for which a thread keeps room from one value to the next.
const ROOM: usize = 16 * 1024;

thread_local! {
    static STEPS: Cell<Vec<Step>> = const { Cell::new(Vec::new()) };
}

enum Step {
    Value(Py<PyAny>),
    Array(usize),
    Object(usize),
    /// The same, after the dict that it is.
    Sorted(usize),
}

impl Kept {
    /// Of a value that comes back as it is, or is refused.
    pub(super) fn same() -> Self {
        Self::new(true)
    }

    /// Of a value that comes back as its canonical form says.
    pub(super) fn alike() -> Self {
        Self::new(false)
    }

    fn new(is_strict: bool) -> Self {
        Self { steps: STEPS.take(), is_strict, is_same: true }
    }

    /// What `octets`, which were written of it, say.
    pub(super) fn build<'py>(mut self, py: Python<'py>, octets: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        if !self.is_same {
            return loads(py, octets);
        }
        // To make a dict may start the collector, and so code of anybody: in the middle of `dict.copy()` too, of which
        // `CPython` 3.11 takes the size after the members, so that what changes meanwhile is half copied.
        let _paused = PausedCollector::new(py);
        Builder { py, steps: self.steps.drain(..), is_unchanged: octets.len() < LARGE }.value()
    }

    fn other(&mut self) -> bool {
        self.is_same = false;
        !self.is_strict
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut steps = std::mem::take(&mut self.steps);
        if steps.capacity() <= ROOM {
            steps.clear();
            STEPS.set(steps);
        }
    }
}

impl<'a, 'py> Keep<'a, 'py> for Kept {
    type Name = Still<'a, 'py>;

    #[inline]
    fn of_name(name: Still<'a, 'py>) -> Still<'a, 'py> {
        name
    }

    #[inline]
    fn name(&mut self, name: Still<'a, 'py>) {
        self.value(name);
    }

    #[inline]
    fn value(&mut self, value: Still<'a, 'py>) {
        self.steps.push(Step::Value(value.owned()));
    }

    #[inline]
    fn array(&mut self, items: usize) {
        self.steps.push(Step::Array(items));
    }

    #[inline]
    fn object(&mut self, members: usize, dict: Option<Still<'a, 'py, PyDict>>) {
        match dict {
            Some(dict) => self.steps.extend([Step::Sorted(members), Step::Value(dict.owned().into_any())]),
            None => self.steps.push(Step::Object(members)),
        }
    }

    fn takes_another(&mut self) -> bool {
        self.other()
    }

    fn takes_whole_float(&mut self) -> bool {
        self.other()
    }
}

/// Builds a value once more, while no other code runs.
struct Builder<'s, 'py> {
    py: Python<'py>,
    steps: Drain<'s, Step>,
    /// Nor has it since the value was written: the interpreter's lock was not given up.
    is_unchanged: bool,
}

impl<'py> Builder<'_, 'py> {
    fn value(&mut self) -> PyResult<Bound<'py, PyAny>> {
        match self.steps.next() {
            Some(Step::Value(value)) => Ok(value.into_bound(self.py)),
            Some(Step::Array(items)) => self.array(items),
            Some(Step::Object(members)) => self.object(members),
            Some(Step::Sorted(members)) => self.sorted(members),
            None => Ok(self.py.None().into_bound(self.py)),
        }
    }

    fn array(&mut self, items: usize) -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(self.py);
        for _ in 0..items {
            list.append(self.value()?)?;
        }
        Ok(list.into_any())
    }

    /// Where its members hold no others, a copy of the dict takes half as long as to insert each.
    fn sorted(&mut self, members: usize) -> PyResult<Bound<'py, PyAny>> {
        let dict = self.steps.next();
        let (pairs, _) = self.steps.as_slice()[..2 * members].as_chunks();
        let holds_others = pairs.iter().any(|[_, value]| !matches!(value, Step::Value(_)));
        match dict {
            Some(Step::Value(dict)) if self.is_unchanged && !holds_others => {
                self.steps.by_ref().take(2 * members).for_each(drop);
                Ok(dict.bind(self.py).cast::<PyDict>()?.copy()?.into_any())
            }
            _ => self.object(members),
        }
    }

    fn object(&mut self, members: usize) -> PyResult<Bound<'py, PyAny>> {
        let (py, dict) = (self.py, PyDict::new(self.py));
        for _ in 0..members {
            // Most values hold no others, and are taken as they are.
            match (self.steps.next(), self.steps.next()) {
                (Some(Step::Value(name)), Some(Step::Value(value))) => {
                    dict.set_item(name.into_bound(py), value.into_bound(py))?;
                }
                (Some(Step::Value(name)), Some(Step::Object(members))) => {
                    dict.set_item(name.into_bound(py), self.object(members)?)?;
                }
                (Some(Step::Value(name)), Some(Step::Sorted(members))) => {
                    dict.set_item(name.into_bound(py), self.sorted(members)?)?;
                }
                (Some(Step::Value(name)), Some(Step::Array(items))) => {
                    dict.set_item(name.into_bound(py), self.array(items)?)?;
                }
                _ => break,
            }
        }
        Ok(dict.into_any())
    }
}

/// What a JSON text says.
pub(super) fn loads<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "json"))?.call_method1(intern!(py, "loads"), (PyBytes::new(py, text),))
}
