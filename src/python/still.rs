//! A Python value that does not change while it is looked at. All of the unsafe code but the one promise that this is
//! so, which `values.rs` gives.
//!
//! Why: through the safe interface every look at an element costs two calls of the interpreter to count references,
//! and a list asks for its length each time. Documents of small values took 1.5 to 2.5 times as long.
//!
//! Why it holds: references and texts are borrowed from the value that was passed in, which its caller keeps. A
//! borrowed reference dies if its container changes, and a container changes only if Python code runs; so nothing here
//! runs any. Only an object's exact type is looked at, or, of a subclass of str, int, float, list or tuple, what
//! `CPython` keeps for it. Nothing that the garbage collector tracks is made, so that no finalizer runs; but for the
//! exceptions by which `CPython` itself tells of a lone surrogate or of an integer beyond the doubles.
#![allow(unsafe_code)]

use pyo3::PyTypeInfo;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

/// An object of the type `T`, which lives for `'a`, and does not change in that time. That a `Still` exists is what
/// every block below relies on: the reference in it is good, the interpreter's lock is held (`'py`), and what it holds
/// is `Still` too.
pub(super) struct Still<'a, 'py, T = PyAny>(Borrowed<'a, 'py, T>);

impl<T> Clone for Still<'_, '_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Still<'_, '_, T> {}

impl<'a, 'py> Still<'a, 'py> {
    /// # Safety
    /// As long as this is used, or anything that was got from it, the interpreter's lock is not given up, and no Python
    /// code runs: no method, no finalizer, no import.
    pub(super) unsafe fn new(value: &'a Bound<'py, PyAny>) -> Self {
        Self(value.as_borrowed())
    }

    /// The same as what it is, if its type is `T` itself.
    #[inline]
    pub(super) fn exactly<T: PyTypeInfo>(self) -> Option<Still<'a, 'py, T>> {
        // SAFETY: that is its type.
        self.0.is_exact_instance_of::<T>().then(|| Still(unsafe { self.0.cast_unchecked() }))
    }

    /// The same, if its type is `T` or made from it.
    #[inline]
    pub(super) fn any<T: PyTypeInfo>(self) -> Option<Still<'a, 'py, T>> {
        let is_any = self.0.is_exact_instance_of::<T>() || self.0.is_instance_of::<T>();
        // SAFETY: that is its type, or one whose instances begin as those of `T` do.
        is_any.then(|| Still(unsafe { self.0.cast_unchecked() }))
    }

    /// The same, if its type is this one.
    pub(super) fn is_of(self, class: &Py<PyType>) -> bool {
        class.as_ptr() == self.0.get_type_ptr().cast()
    }

    pub(super) fn is_none(self) -> bool {
        self.0.is_none()
    }

    pub(super) fn class(self) -> Bound<'py, PyType> {
        self.0.get_type()
    }
}

impl<T> Still<'_, '_, T> {
    /// The object itself, which lives on when the walk is over.
    #[inline]
    pub(super) fn owned(self) -> Py<T> {
        self.0.to_owned().unbind()
    }

    /// Where it is; no other object is there as long as it lives.
    #[inline]
    pub(super) fn address(self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl<'a, 'py> Still<'a, 'py, PyList> {
    #[inline]
    pub(super) fn items(self) -> impl ExactSizeIterator<Item = Still<'a, 'py>> {
        (0..self.0.len()).map(move |index| {
            // SAFETY: this is a list, and has as many items, since it does not change; so the index is within it, and
            // what is returned is an item that the list keeps, as long as it does not change.
            Still(unsafe { Borrowed::from_ptr(self.0.py(), ffi::PyList_GetItem(self.0.as_ptr(), index.cast_signed())) })
        })
    }
}

impl<'a, 'py> Still<'a, 'py, PyTuple> {
    #[inline]
    pub(super) fn items(self) -> impl ExactSizeIterator<Item = Still<'a, 'py>> {
        (0..self.0.len()).map(move |index| {
            // SAFETY: this is a tuple of as many items, so the index is within it, and what is returned is an item that
            // the tuple keeps.
            Still(unsafe {
                Borrowed::from_ptr(self.0.py(), ffi::PyTuple_GetItem(self.0.as_ptr(), index.cast_signed()))
            })
        })
    }
}

impl<'a, 'py> Still<'a, 'py, PyDict> {
    #[inline]
    pub(super) fn size(self) -> usize {
        self.0.len()
    }

    /// Names and values, in its order.
    #[inline]
    pub(super) fn pairs(self) -> Pairs<'a, 'py> {
        Pairs { dict: self, at: 0 }
    }
}

#[derive(Clone)]
pub(super) struct Pairs<'a, 'py> {
    dict: Still<'a, 'py, PyDict>,
    at: isize,
}

impl<'a, 'py> Iterator for Pairs<'a, 'py> {
    type Item = (Still<'a, 'py>, Still<'a, 'py>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        let (dict, py) = (self.dict.0.as_ptr(), self.dict.0.py());
        // SAFETY: this is a dict, and `at` is 0 or what the last call left there. It does not change between two calls,
        // so every pair is given once.
        if unsafe { ffi::PyDict_Next(dict, &raw mut self.at, &raw mut name, &raw mut value) } == 0 {
            return None;
        }
        // SAFETY: there was a pair, so both are references, and borrowed from the dict, which keeps them as long as it
        // does not change.
        Some(unsafe { (Still(Borrowed::from_ptr(py, name)), Still(Borrowed::from_ptr(py, value))) })
    }
}

/// As long as this lives the garbage collector does not run, and with it no finalizer.
pub(super) struct PausedCollector<'py> {
    _py: Python<'py>,
    was_on: bool,
}

impl<'py> PausedCollector<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        // SAFETY: the interpreter's lock is held (`py`), which is all that this asks for; it says what was before.
        Self { _py: py, was_on: unsafe { ffi::PyGC_Disable() } != 0 }
    }
}

impl Drop for PausedCollector<'_> {
    fn drop(&mut self) {
        if self.was_on {
            // SAFETY: as above: this cannot outlive `'py`.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

impl<'a, 'py> Still<'a, 'py, PyString> {
    /// Its characters; None where it has half of a surrogate pair. A str of more than ASCII keeps its UTF-8 from then on.
    #[inline]
    pub(super) fn utf8(self) -> Option<&'a str> {
        let mut size = 0;
        // SAFETY: this is a str, and `size` is there to be written to.
        let octets = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.0.as_ptr(), &raw mut size) };
        if octets.is_null() {
            drop(PyErr::take(self.0.py()));
            return None;
        }
        // SAFETY: not null, so this is the UTF-8 of the str, of `size` octets, which the str keeps unchanged as long as
        // it lives. `CPython` writes no other UTF-8 than what Rust takes for such: it refuses surrogates.
        Some(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(octets.cast(), size.unsigned_abs())) })
    }

    /// Its UTF-8 piece by piece, each of at most so many characters, and none of it kept; None for a piece that has half
    /// of a surrogate pair.
    pub(super) fn pieces(self, most: usize) -> impl Iterator<Item = Option<Bound<'py, PyBytes>>> {
        let (text, py) = (self.0.as_ptr(), self.0.py());
        // SAFETY: this is a str; what `CPython` keeps is asked, and not the class.
        let size = unsafe { ffi::PyUnicode_GetLength(text) };
        (0..size).step_by(most).map(move |start| {
            let end = size.min(start + most.cast_signed());
            // SAFETY: this is a str, and the bounds are within it; a new reference to a str, or null and an exception.
            let piece = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_Substring(text, start, end)) }.ok()?;
            // SAFETY: what was cut out is a str; a new reference to bytes, or null and an exception.
            let utf8 = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_AsUTF8String(piece.as_ptr())) };
            utf8.ok()?.cast_into().ok()
        })
    }
}

impl Still<'_, '_, PyInt> {
    /// Its value, if 64 bits hold it.
    #[inline]
    pub(super) fn small(self) -> Option<i64> {
        let mut overflow = 0;
        // SAFETY: this is an int, and `overflow` is there to be written to. Of an int no code is asked for its value; where
        // that does not fit, `overflow` says so, and there is no exception: one would be tracked by the collector.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(self.0.as_ptr(), &raw mut overflow) };
        (overflow == 0).then_some(small)
    }

    /// The double next to it; None beyond the doubles.
    pub(super) fn double(self) -> Option<f64> {
        // SAFETY: this is an int, whose value `CPython` itself reads; beyond the doubles the answer is -1, and there is an
        // exception.
        let number = unsafe { ffi::PyLong_AsDouble(self.0.as_ptr()) };
        PyErr::take(self.0.py()).is_none().then_some(number)
    }

    /// Its decimal digits.
    pub(super) fn digits(self) -> Option<String> {
        // SAFETY: this is an int, whose digits `CPython` writes itself, also of a subclass; a new reference, or null and an
        // exception.
        let digits = unsafe { Bound::from_owned_ptr_or_err(self.0.py(), ffi::PyNumber_ToBase(self.0.as_ptr(), 10)) };
        digits.and_then(|digits| digits.extract()).ok()
    }
}

impl Still<'_, '_, PyFloat> {
    /// What `CPython` keeps, also of a subclass.
    #[inline]
    pub(super) fn number(self) -> f64 {
        self.0.value()
    }
}

impl Still<'_, '_, PyBool> {
    pub(super) fn is_true(self) -> bool {
        self.0.is_true()
    }
}
