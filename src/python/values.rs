//! The canonical form of Python's own values (RFC 8785). The only file with unsafe code.
//!
//! Why: through the safe interface every look at an element costs two calls of the interpreter to count references,
//! and a list asks for its length each time. Documents of small values took 1.5 to 2.5 times as long.
//!
//! Why it holds: references and texts are borrowed from the value that was passed in, which its caller keeps. A
//! borrowed reference dies if its container changes, and a container changes only if Python code runs. During a walk
//! * the interpreter's lock is held, and never given up;
//! * no Python code is called: only an object's exact type is looked at, or, of a subclass of str, int, float, list or
//!   tuple, what `CPython` keeps for it. A subclass of dict may answer for its members with code of its own, and is
//!   refused, but for the two of the standard library that keep them where dict does;
//! * nothing that the garbage collector tracks is made, so no finalizer runs; but for the exceptions by which `CPython`
//!   itself tells of a lone surrogate or of an integer beyond the doubles, and these end the walk.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use super::rows::{KnownNames, Rows, Shape};
use crate::error::{Code, Error};
use crate::json::{DEPTH, Form, Options, compare, prefix, write_characters, write_float, write_integer, write_string};
use crate::mac::Sink;

/// Octets that are written before they are handed on.
const STAGE: usize = 1024;
/// Members of a dict for which room is made at once: what grows step by step takes up to twice what it needs.
const LARGE: usize = 1024;
/// Members of a dict for which as little room is made as can be.
const HUGE: usize = 16 * 1024;
/// Characters of a str that are looked at together, where what is written is handed on.
const PIECE: isize = 128;

/// Octets of memory that a thread keeps from one value to the next: fresh memory costs as much as what is written into it.
const KEPT: usize = 4 * 1024 * 1024;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The canonical form of `value`.
pub(super) fn canonical_bytes<'py>(value: &Bound<'py, PyAny>, options: Options) -> PyResult<Bound<'py, PyBytes>> {
    let mut writer = Writer::new(value.py(), options, None)?;
    writer.out = ROOM.take();
    writer.out.clear();
    writer.walk(value)?;
    let bytes = PyBytes::new(value.py(), &writer.out);
    if writer.out.capacity() <= KEPT {
        ROOM.set(writer.out);
    }
    Ok(bytes)
}

/// Writes the canonical form of `value`, some kilobytes at a time.
pub(super) fn write_value(value: &Bound<'_, PyAny>, options: Options, sink: &mut dyn Sink) -> PyResult<()> {
    let mut writer = Writer::new(value.py(), options, Some(sink))?;
    writer.walk(value)?;
    writer.hand_on();
    Ok(())
}

/// A value while it is written: one that lives for `'a`, and does not change in that time.
struct Writer<'a, 'py, 's> {
    options: Options,
    out: Vec<u8>,
    sink: Option<&'s mut dyn Sink>,
    /// Octets that the sink has.
    passed: usize,
    /// Octets that `out` may hold.
    room: usize,
    /// Members of the open objects that are not written yet; the next one is the last.
    members: Vec<Member<'a, 'py>>,
    known: KnownNames,
    like_dict: &'py [Py<PyType>; 2],
}

struct Member<'a, 'py> {
    prefix: u64,
    name: &'a str,
    value: Borrowed<'a, 'py, PyAny>,
}

/// Why a value has no canonical form; of `class` the name is told.
struct Refusal<'py> {
    message: &'static str,
    index: usize,
    class: Option<Bound<'py, PyType>>,
}

type Written<'py> = Result<(), Box<Refusal<'py>>>;

impl<'a, 'py, 's> Writer<'a, 'py, 's> {
    fn new(py: Python<'py>, options: Options, sink: Option<&'s mut dyn Sink>) -> PyResult<Self> {
        let room = if sink.is_some() { STAGE.min(options.limit) } else { options.limit };
        Ok(Self {
            options,
            room,
            out: Vec::new(),
            sink,
            passed: 0,
            members: Vec::with_capacity(32),
            known: KnownNames::default(),
            like_dict: like_dict(py)?,
        })
    }

    fn walk(&mut self, value: &'a Bound<'py, PyAny>) -> PyResult<()> {
        self.value(value.as_borrowed(), 0).map_err(|refusal| {
            let message: Cow<'static, str> = match refusal.class.map(|class| class.name()).transpose() {
                Ok(Some(name)) => format!("{}, not {name}", refusal.message).into(),
                Ok(None) => refusal.message.into(),
                Err(error) => return error,
            };
            Error::at(Code::Canonicalization, message, refusal.index).into()
        })
    }

    /// Exact types first, and the frequent ones before the others.
    fn value(&mut self, value: Borrowed<'a, 'py, PyAny>, depth: usize) -> Written<'py> {
        if value.is_exact_instance_of::<PyString>() {
            self.string(value)?;
        } else if value.is_exact_instance_of::<PyInt>() {
            self.integer(value)?;
        } else if value.is_exact_instance_of::<PyFloat>() {
            self.float(value)?;
        } else if value.is_exact_instance_of::<PyDict>() {
            self.dict(value, depth)?;
        } else if value.is_exact_instance_of::<PyList>() {
            self.list(value, depth)?;
        } else if value.is_none() {
            self.out.extend_from_slice(b"null");
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.out.extend_from_slice(if truth.is_true() { b"true" } else { b"false" });
        } else {
            self.subclass(value, depth)?;
        }
        self.check_size()
    }

    #[inline]
    fn check_size(&mut self) -> Written<'py> {
        if self.out.len() > self.room { self.make_room() } else { Ok(()) }
    }

    #[cold]
    fn make_room(&mut self) -> Written<'py> {
        let index = self.options.limit;
        if self.written() > index {
            return Err(Box::new(Refusal { index, ..*self.refused("the canonical form is over the limit") }));
        }
        self.hand_on();
        self.room = STAGE.min(index - self.passed);
        Ok(())
    }

    #[cold]
    fn subclass(&mut self, value: Borrowed<'a, 'py, PyAny>, depth: usize) -> Written<'py> {
        if value.is_instance_of::<PyString>() {
            self.string(value)
        } else if value.is_instance_of::<PyInt>() {
            self.integer(value)
        } else if value.is_instance_of::<PyFloat>() {
            self.float(value)
        } else if value.is_instance_of::<PyList>() {
            self.list(value, depth)
        } else if value.is_instance_of::<PyTuple>() {
            self.tuple(value, depth)
        } else if self.like_dict.iter().any(|class| class.as_ptr() == value.get_type_ptr().cast()) {
            self.dict(value, depth)
        } else {
            Err(self.refused_type("expected what JSON has", value))
        }
    }

    fn list(&mut self, list: Borrowed<'a, 'py, PyAny>, depth: usize) -> Written<'py> {
        // SAFETY: `list` is a list, so there is a size, and the items below it are borrowed from what does not change.
        let size = unsafe { ffi::PyList_Size(list.as_ptr()) };
        self.array(depth, size, |index| unsafe {
            Borrowed::from_ptr(list.py(), ffi::PyList_GetItem(list.as_ptr(), index))
        })
    }

    fn tuple(&mut self, tuple: Borrowed<'a, 'py, PyAny>, depth: usize) -> Written<'py> {
        // SAFETY: as for a list.
        let size = unsafe { ffi::PyTuple_Size(tuple.as_ptr()) };
        self.array(depth, size, |index| unsafe {
            Borrowed::from_ptr(tuple.py(), ffi::PyTuple_GetItem(tuple.as_ptr(), index))
        })
    }

    #[inline]
    fn array(&mut self, depth: usize, size: isize, item: impl Fn(isize) -> Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        self.enter(depth)?;
        self.out.push(b'[');
        let mut rows = self.known.open(size.unsigned_abs());
        for index in 0..size {
            if index > 0 {
                self.out.push(b',');
            }
            let item = item(index);
            if item.is_exact_instance_of::<PyDict>() {
                self.row(item, depth + 1, &mut rows, index > 0)?;
                self.check_size()?;
            } else {
                self.value(item, depth + 1)?;
            }
        }
        self.known.close(&rows);
        self.out.push(b']');
        Ok(())
    }

    fn dict(&mut self, dict: Borrowed<'a, 'py, PyAny>, depth: usize) -> Written<'py> {
        self.enter(depth)?;
        self.object(dict, depth + 1, None)
    }

    /// A dict in a list. `learn`: its names are remembered, if no row before had as many.
    fn row(&mut self, dict: Borrowed<'a, 'py, PyAny>, depth: usize, rows: &mut Rows, learn: bool) -> Written<'py> {
        self.enter(depth)?;
        let first = self.members.len();
        // SAFETY: `dict` is a dict.
        let size = unsafe { ffi::PyDict_Size(dict.as_ptr()) }.unsigned_abs();
        let shape = rows.of_size(size);
        if let Some(shape) = shape
            && self.has_names(shape, Pairs::of(dict))
        {
            return self.known_object(shape, first, depth + 1);
        }
        self.members.truncate(first);
        self.object(dict, depth + 1, Some(rows).filter(|_| learn && shape.is_none()))
    }

    /// Takes the members as the dict gives them, as long as their names are those of `shape`.
    fn has_names(&mut self, shape: Shape, mut pairs: Pairs<'a, 'py>) -> bool {
        self.known.addresses(shape).all(|address| {
            let pair = pairs.next().filter(|(name, _)| name.as_ptr().addr() == address);
            pair.is_some_and(|(_, value)| {
                self.members.push(Member { prefix: 0, name: "", value });
                true
            })
        })
    }

    /// The members from `first` on, whose names are those of `shape`.
    fn known_object(&mut self, shape: Shape, first: usize, depth: usize) -> Written<'py> {
        self.out.push(b'{');
        for nth in 0..shape.size {
            let (name, place) = self.known.in_order(shape, nth);
            self.out.extend_from_slice(name);
            self.value(self.members[first + place].value, depth)?;
        }
        self.members.truncate(first);
        self.out.push(b'}');
        Ok(())
    }

    fn object(&mut self, dict: Borrowed<'a, 'py, PyAny>, depth: usize, learn: Option<&mut Rows>) -> Written<'py> {
        // SAFETY: `dict` is a dict.
        let size = unsafe { ffi::PyDict_Size(dict.as_ptr()) }.unsigned_abs();
        if size > HUGE {
            return self.huge_object(dict, size, depth);
        }
        let first = self.members.len();
        if size > LARGE {
            self.members.reserve_exact(size);
        }
        self.out.push(b'{');
        for (name, value) in Pairs::of(dict) {
            let name = self.name(name)?;
            self.members.push(Member { prefix: prefix(name.as_bytes(), Form::Jcs), name, value });
        }
        // From the last to the first, and so taken from the end.
        let members = &mut self.members[first..];
        members.sort_unstable_by(|a, b| b.order(a));
        // Two equal names in a dict: subclasses of str may hash as they like.
        if members.windows(2).any(|pair| pair[0].order(&pair[1]) == Ordering::Equal) {
            return Err(self.refused("a name occurs twice"));
        }
        if let Some(rows) = learn {
            let text = |name| utf8(name).map_or(0, |text| text.as_ptr().addr());
            let given = Pairs::of(dict).map(|(name, _)| (name.as_ptr().addr(), text(name)));
            self.known.learn(rows, &given, self.members[first..].iter().rev().map(|member| member.name));
        }
        while self.members.len() > first
            && let Some(member) = self.members.pop()
        {
            write_string(member.name, Form::Jcs, &mut self.out);
            self.out.push(b':');
            self.value(member.value, depth)?;
            if self.members.len() > first {
                self.out.push(b',');
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    /// The same, where each octet of a member counts: texts are asked for again.
    #[inline(never)]
    fn huge_object(&mut self, dict: Borrowed<'a, 'py, PyAny>, size: usize, depth: usize) -> Written<'py> {
        self.out.push(b'{');
        let mut members = Vec::with_capacity(size);
        for (name, value) in Pairs::of(dict) {
            members.push((prefix(self.name(name)?.as_bytes(), Form::Jcs), name, value));
        }
        let order = |a: &(u64, Borrowed<'a, 'py, PyAny>, _), b: &(u64, Borrowed<'a, 'py, PyAny>, _)| {
            let text = |name| utf8(name).unwrap_or_default().as_bytes();
            a.0.cmp(&b.0).then_with(|| compare(text(a.1), text(b.1), Form::Jcs))
        };
        members.sort_unstable_by(|a, b| order(a, b));
        if members.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
            return Err(self.refused("a name occurs twice"));
        }
        for (nth, (_, name, value)) in members.into_iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            write_string(self.text(name)?, Form::Jcs, &mut self.out);
            self.out.push(b':');
            self.value(value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn name(&self, name: Borrowed<'a, 'py, PyAny>) -> Result<&'a str, Box<Refusal<'py>>> {
        if !name.is_exact_instance_of::<PyString>() && !name.is_instance_of::<PyString>() {
            return Err(self.refused_type("expected a name that is a str", name));
        }
        self.text(name)
    }

    fn enter(&self, depth: usize) -> Written<'py> {
        if depth == DEPTH { Err(self.refused("deeper than 128 levels")) } else { Ok(()) }
    }

    fn string(&mut self, text: Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        if self.sink.is_some() {
            return self.pieces(text);
        }
        let text = self.text(text)?;
        write_string(text, Form::Jcs, &mut self.out);
        Ok(())
    }

    /// A str piece by piece, and none of it kept: asked for its UTF-8 as a whole, a str of more than ASCII keeps it.
    fn pieces(&mut self, text: Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        let (py, index) = (text.py(), self.written());
        // SAFETY: `text` is a str, so there is a length, and a new reference to each part of it, and to its UTF-8 where
        // it has one; null and an exception where not.
        let size = unsafe { ffi::PyUnicode_GetLength(text.as_ptr()) };
        self.out.push(b'"');
        for start in (0..size).step_by(PIECE.unsigned_abs()) {
            let utf8 = unsafe {
                let piece = ffi::PyUnicode_Substring(text.as_ptr(), start, size.min(start + PIECE));
                let piece = Bound::from_owned_ptr_or_err(py, piece);
                piece.and_then(|piece| Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_AsUTF8String(piece.as_ptr())))
            };
            let utf8 = utf8.as_ref().ok().and_then(|utf8| utf8.cast::<PyBytes>().ok());
            let Some(piece) = utf8.and_then(|utf8| std::str::from_utf8(utf8.as_bytes()).ok()) else {
                return Err(Box::new(Refusal { index, ..*self.refused("a lone surrogate") }));
            };
            write_characters(piece, 0, Form::Jcs, &mut self.out);
            self.check_size()?;
        }
        self.out.push(b'"');
        Ok(())
    }

    #[inline]
    fn text(&self, text: Borrowed<'a, 'py, PyAny>) -> Result<&'a str, Box<Refusal<'py>>> {
        utf8(text).ok_or_else(|| self.refused("a lone surrogate"))
    }

    fn integer(&mut self, integer: Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        let mut overflow = 0;
        // SAFETY: `integer` is an int; where it does not fit, `overflow` says so, and no exception is set.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(integer.as_ptr(), &raw mut overflow) };
        if overflow != 0 {
            return self.large_integer(integer);
        }
        let (index, round) = (self.written(), self.options.round_integers);
        let written = write_integer(itoa::Buffer::new().format(small), Form::Jcs, round, index, &mut self.out);
        written.map_err(|_| self.refused("an integer that a double does not hold"))
    }

    /// Beyond 64 bits few are what their doubles say, and beyond 10^21 none.
    #[cold]
    fn large_integer(&mut self, integer: Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        let py = integer.py();
        // SAFETY: `integer` is an int; beyond the doubles the answer is -1, and an exception is set.
        let number = unsafe { ffi::PyLong_AsDouble(integer.as_ptr()) };
        if PyErr::take(py).is_some() {
            return Err(self.refused("a number beyond the doubles"));
        }
        if self.options.round_integers {
            write_float(number, Form::Jcs, &mut self.out);
            return Ok(());
        }
        let held = if number.abs() < 1e21 {
            // SAFETY: a new reference to the decimal digits, or null; CPython writes them itself, also of a subclass.
            let digits = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyNumber_ToBase(integer.as_ptr(), 10)) };
            let digits: Option<String> = digits.and_then(|digits| digits.extract().ok());
            digits.and_then(|digits| write_integer(&digits, Form::Jcs, false, 0, &mut self.out).ok())
        } else {
            None
        };
        held.ok_or_else(|| self.refused("an integer that a double does not hold"))
    }

    fn float(&mut self, float: Borrowed<'a, 'py, PyAny>) -> Written<'py> {
        // SAFETY: `float` is a float.
        let number = unsafe { ffi::PyFloat_AsDouble(float.as_ptr()) };
        if !number.is_finite() {
            return Err(self.refused("a number beyond the doubles"));
        }
        write_float(number, Form::Jcs, &mut self.out);
        Ok(())
    }

    fn hand_on(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.put(&self.out);
            self.passed += self.out.len();
            self.out.clear();
        }
    }

    fn written(&self) -> usize {
        self.passed + self.out.len()
    }

    #[cold]
    #[allow(clippy::unnecessary_box_returns)] // an error of one word keeps the walk fast
    fn refused(&self, message: &'static str) -> Box<Refusal<'py>> {
        Box::new(Refusal { message, index: self.written(), class: None })
    }

    #[cold]
    #[allow(clippy::unnecessary_box_returns)] // as above
    fn refused_type(&self, message: &'static str, value: Borrowed<'a, 'py, PyAny>) -> Box<Refusal<'py>> {
        Box::new(Refusal { message, index: self.written(), class: Some(value.get_type()) })
    }
}

impl Member<'_, '_> {
    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        let names = || compare(self.name.as_bytes(), other.name.as_bytes(), Form::Jcs);
        self.prefix.cmp(&other.prefix).then_with(names)
    }
}

/// The characters of a str, which keeps its UTF-8 as long as it lives; None where it has none.
#[inline]
fn utf8<'a>(text: Borrowed<'a, '_, PyAny>) -> Option<&'a str> {
    let mut size = 0;
    // SAFETY: `text` is a str; what is returned is its own UTF-8, of that many octets, or null and an exception.
    let octets = unsafe { ffi::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size) };
    if octets.is_null() {
        drop(PyErr::take(text.py()));
        return None;
    }
    Some(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(octets.cast(), size.unsigned_abs())) })
}

/// What a dict gives, in its order. It must not change meanwhile.
#[derive(Clone)]
struct Pairs<'a, 'py> {
    dict: Borrowed<'a, 'py, PyAny>,
    at: isize,
}

impl<'a, 'py> Pairs<'a, 'py> {
    fn of(dict: Borrowed<'a, 'py, PyAny>) -> Self {
        Self { dict, at: 0 }
    }
}

impl<'a, 'py> Iterator for Pairs<'a, 'py> {
    type Item = (Borrowed<'a, 'py, PyAny>, Borrowed<'a, 'py, PyAny>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        let py = self.dict.py();
        // SAFETY: `dict` is a dict that does not change, so every pair is given once, and both references are borrowed
        // from it.
        unsafe {
            (ffi::PyDict_Next(self.dict.as_ptr(), &raw mut self.at, &raw mut name, &raw mut value) != 0)
                .then(|| (Borrowed::from_ptr(py, name), Borrowed::from_ptr(py, value)))
        }
    }
}

/// `OrderedDict` and `defaultdict`, found before a walk: an import runs Python code.
fn like_dict(py: Python<'_>) -> PyResult<&[Py<PyType>; 2]> {
    static CLASSES: PyOnceLock<[Py<PyType>; 2]> = PyOnceLock::new();
    CLASSES.get_or_try_init(py, || {
        let collections = py.import("collections")?;
        let class = |name| PyResult::Ok(collections.getattr(name)?.cast_into::<PyType>()?.unbind());
        Ok([class("OrderedDict")?, class("defaultdict")?])
    })
}
