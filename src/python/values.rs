//! The canonical form of Python's own values (RFC 8785).

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use super::kept::Keep;
use super::rows::{KnownNames, Rows, Shape};
use super::still::{Pairs, Still};
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
const PIECE: usize = 128;

/// Up to it a double holds every integer (RFC 8259, 6).
const HELD: u64 = 1 << 53;
/// Octets of memory that a thread keeps from one value to the next: fresh memory costs as much as what is written into it.
const KEPT: usize = 4 * 1024 * 1024;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The canonical form of `value`.
pub(super) fn canonical_bytes<'py>(value: &Bound<'py, PyAny>, options: Options) -> PyResult<Bound<'py, PyBytes>> {
    with_canonical(value, options, (), |octets, ()| Ok(PyBytes::new(value.py(), octets)), Refusal::into)
}

/// What `call` makes of the canonical form of `value`, and of what was `kept` of it; or `refuse` of why there is none.
pub(super) fn with_canonical<'a, 'py, K: Keep<'a, 'py>, T>(
    value: &'a Bound<'py, PyAny>,
    options: Options,
    kept: K,
    call: impl FnOnce(&[u8], K) -> PyResult<T>,
    refuse: impl FnOnce(Refusal<'py>) -> PyErr,
) -> PyResult<T> {
    let mut writer = Writer::new(value.py(), options, None, kept)?;
    writer.out = ROOM.take();
    writer.out.clear();
    writer.walk(value).map_err(|refusal| refuse(*refusal))?;
    let made = call(&writer.out, writer.kept);
    if writer.out.capacity() <= KEPT {
        ROOM.set(writer.out);
    }
    made
}

/// Writes the canonical form of `value`, some kilobytes at a time.
pub(super) fn write_value(value: &Bound<'_, PyAny>, options: Options, sink: &mut dyn Sink) -> PyResult<()> {
    let mut writer = Writer::new(value.py(), options, Some(sink), ())?;
    writer.walk(value).map_err(|refusal| PyErr::from(*refusal))?;
    writer.hand_on();
    Ok(())
}

/// A value while it is written: one that lives for `'a`, and does not change in that time.
struct Writer<'a, 'py, 's, K: Keep<'a, 'py>> {
    options: Options,
    out: Vec<u8>,
    sink: Option<&'s mut dyn Sink>,
    /// Octets that the sink has.
    passed: usize,
    /// Octets that `out` may hold.
    room: usize,
    /// Members of the open objects that are not written yet; the next one is the last.
    members: Vec<Member<'a, 'py, K::Name>>,
    known: KnownNames,
    like_dict: &'py [Py<PyType>; 2],
    kept: K,
}

struct Member<'a, 'py, N> {
    prefix: u64,
    name: &'a str,
    value: Still<'a, 'py>,
    kept: N,
}

/// Why a value has no canonical form; of `class` the name is told.
pub(super) struct Refusal<'py> {
    message: &'static str,
    pub(super) index: usize,
    class: Option<Bound<'py, PyType>>,
}

type Written<'py> = Result<(), Box<Refusal<'py>>>;

impl From<Refusal<'_>> for PyErr {
    fn from(refusal: Refusal<'_>) -> Self {
        let message: Cow<'static, str> = match refusal.class.map(|class| class.name()).transpose() {
            Ok(Some(name)) => format!("{}, not {name}", refusal.message).into(),
            Ok(None) => refusal.message.into(),
            Err(error) => return error,
        };
        Error::at(Code::Canonicalization, message, refusal.index).into()
    }
}

impl<'a, 'py, 's, K: Keep<'a, 'py>> Writer<'a, 'py, 's, K> {
    fn new(py: Python<'py>, options: Options, sink: Option<&'s mut dyn Sink>, kept: K) -> PyResult<Self> {
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
            kept,
        })
    }

    #[allow(unsafe_code)]
    fn walk(&mut self, value: &'a Bound<'py, PyAny>) -> Written<'py> {
        // SAFETY: the caller keeps the value, and holds the interpreter's lock (`'py`), which a walk never gives up. Until
        // the walk ends no Python code runs: `Still` runs none, and the sinks are hashes. A subclass of dict may answer for
        // its members with code of its own, and is refused, but for the two of the standard library that keep them where
        // dict does. The exceptions that `Still` may meet are tracked by the collector, which may run finalizers; after one
        // the walk only returns its refusal, and looks at nothing.
        let still = unsafe { Still::new(value) };
        self.value(still, 0)
    }

    /// Exact types first, and the frequent ones before the others.
    fn value(&mut self, value: Still<'a, 'py>, depth: usize) -> Written<'py> {
        if let Some(text) = value.exactly::<PyString>() {
            self.string(text)?;
            self.kept.value(value);
        } else if let Some(integer) = value.exactly::<PyInt>() {
            self.integer(integer)?;
            self.kept.value(value);
        } else if let Some(float) = value.exactly::<PyFloat>() {
            self.float(float)?;
            self.kept.value(value);
        } else if let Some(dict) = value.exactly::<PyDict>() {
            self.dict(dict, depth)?;
        } else if let Some(list) = value.exactly::<PyList>() {
            self.array(depth, list.items())?;
        } else if value.is_none() {
            self.out.extend_from_slice(b"null");
            self.kept.value(value);
        } else if let Some(truth) = value.exactly::<PyBool>() {
            self.out.extend_from_slice(if truth.is_true() { b"true" } else { b"false" });
            self.kept.value(value);
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
    fn subclass(&mut self, value: Still<'a, 'py>, depth: usize) -> Written<'py> {
        if !self.kept.takes_another() {
            return Err(self.refused_type("expected what JSON gives back as it was", value));
        }
        if let Some(text) = value.any::<PyString>() {
            self.string(text)
        } else if let Some(integer) = value.any::<PyInt>() {
            self.integer(integer)
        } else if let Some(float) = value.any::<PyFloat>() {
            self.float(float)
        } else if let Some(list) = value.any::<PyList>() {
            self.array(depth, list.items())
        } else if let Some(tuple) = value.any::<PyTuple>() {
            self.array(depth, tuple.items())
        } else if let Some(dict) =
            value.any::<PyDict>().filter(|_| self.like_dict.iter().any(|class| value.is_of(class)))
        {
            self.dict(dict, depth)
        } else {
            Err(self.refused_type("expected what JSON has", value))
        }
    }

    #[inline]
    fn array(&mut self, depth: usize, items: impl ExactSizeIterator<Item = Still<'a, 'py>>) -> Written<'py> {
        self.enter(depth)?;
        self.out.push(b'[');
        self.kept.array(items.len());
        let mut rows = self.known.open(items.len());
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            if let Some(dict) = item.exactly() {
                self.row(dict, depth + 1, &mut rows, index > 0)?;
                self.check_size()?;
            } else {
                self.value(item, depth + 1)?;
            }
        }
        self.known.close(&rows);
        self.out.push(b']');
        Ok(())
    }

    fn dict(&mut self, dict: Still<'a, 'py, PyDict>, depth: usize) -> Written<'py> {
        self.enter(depth)?;
        self.object(dict, depth + 1, None)
    }

    /// A dict in a list. `learn`: its names are remembered, if no row before had as many.
    fn row(&mut self, dict: Still<'a, 'py, PyDict>, depth: usize, rows: &mut Rows, learn: bool) -> Written<'py> {
        self.enter(depth)?;
        let first = self.members.len();
        let shape = rows.of_size(dict.size());
        if let Some(shape) = shape
            && self.has_names(shape, dict.pairs())
        {
            return self.known_object(dict, shape, first, depth + 1);
        }
        self.members.truncate(first);
        self.object(dict, depth + 1, Some(rows).filter(|_| learn && shape.is_none()))
    }

    /// Takes the members as the dict gives them, as long as their names are those of `shape`.
    fn has_names(&mut self, shape: Shape, mut pairs: Pairs<'a, 'py>) -> bool {
        self.known.addresses(shape).all(|address| {
            let pair = pairs.next().filter(|(name, _)| name.address() == address);
            pair.is_some_and(|(name, value)| {
                self.members.push(Member { prefix: 0, name: "", value, kept: K::of_name(name) });
                true
            })
        })
    }

    /// The members from `first` on, whose names are those of `shape`.
    fn known_object(&mut self, dict: Still<'a, 'py, PyDict>, shape: Shape, first: usize, depth: usize) -> Written<'py> {
        self.out.push(b'{');
        self.kept.object(shape.size, shape.is_sorted.then_some(dict));
        for nth in 0..shape.size {
            let (name, place) = self.known.in_order(shape, nth);
            self.out.extend_from_slice(name);
            let Member { value, kept, .. } = self.members[first + place];
            self.kept.name(kept);
            self.value(value, depth)?;
        }
        self.members.truncate(first);
        self.out.push(b'}');
        Ok(())
    }

    fn object(&mut self, dict: Still<'a, 'py, PyDict>, depth: usize, learn: Option<&mut Rows>) -> Written<'py> {
        let size = dict.size();
        if size > HUGE {
            return self.huge_object(dict, size, depth);
        }
        let first = self.members.len();
        if size > LARGE {
            self.members.reserve_exact(size);
        }
        self.out.push(b'{');
        for (name, value) in dict.pairs() {
            let kept = K::of_name(name);
            let name = self.name(name)?;
            self.members.push(Member { prefix: prefix(name.as_bytes(), Form::Jcs), name, value, kept });
        }
        // From the last to the first, and so taken from the end.
        let members = &mut self.members[first..];
        let is_sorted = members.is_sorted_by(|a, b| a.order(b) == Ordering::Less);
        if is_sorted {
            members.reverse();
        } else {
            members.sort_unstable_by(|a, b| b.order(a));
            // Two equal names in a dict: subclasses of str may hash as they like.
            if members.windows(2).any(|pair| pair[0].order(&pair[1]) == Ordering::Equal) {
                return Err(self.refused("a name occurs twice"));
            }
        }
        self.kept.object(size, is_sorted.then_some(dict));
        if let Some(rows) = learn {
            let text = |name: Still<'a, 'py>| name.any().and_then(Still::utf8).map_or(0, |text| text.as_ptr().addr());
            let given = dict.pairs().map(|(name, _)| (name.address(), text(name)));
            self.known.learn(rows, is_sorted, &given, self.members[first..].iter().rev().map(|member| member.name));
        }
        while self.members.len() > first
            && let Some(member) = self.members.pop()
        {
            write_string(member.name, Form::Jcs, &mut self.out);
            self.out.push(b':');
            self.kept.name(member.kept);
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
    fn huge_object(&mut self, dict: Still<'a, 'py, PyDict>, size: usize, depth: usize) -> Written<'py> {
        self.out.push(b'{');
        self.kept.object(size, None);
        let mut members = Vec::with_capacity(size);
        for (name, value) in dict.pairs() {
            let kept = K::of_name(name);
            let name = self.named(name)?;
            members.push((prefix(self.text(name)?.as_bytes(), Form::Jcs), name, value, kept));
        }
        let order = |a: &(u64, Still<'a, 'py, PyString>, _, _), b: &(u64, Still<'a, 'py, PyString>, _, _)| {
            let text = |name: Still<'a, 'py, PyString>| name.utf8().unwrap_or_default().as_bytes();
            a.0.cmp(&b.0).then_with(|| compare(text(a.1), text(b.1), Form::Jcs))
        };
        members.sort_unstable_by(|a, b| order(a, b));
        if members.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
            return Err(self.refused("a name occurs twice"));
        }
        for (nth, (_, name, value, kept)) in members.into_iter().enumerate() {
            if nth > 0 {
                self.out.push(b',');
            }
            write_string(self.text(name)?, Form::Jcs, &mut self.out);
            self.out.push(b':');
            self.kept.name(kept);
            self.value(value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn name(&mut self, name: Still<'a, 'py>) -> Result<&'a str, Box<Refusal<'py>>> {
        let name = self.named(name)?;
        self.text(name)
    }

    #[inline]
    fn named(&mut self, name: Still<'a, 'py>) -> Result<Still<'a, 'py, PyString>, Box<Refusal<'py>>> {
        if let Some(name) = name.exactly() {
            return Ok(name);
        }
        let takes_another = self.kept.takes_another();
        let other = name.any().filter(|_| takes_another);
        other.ok_or_else(|| self.refused_type("expected a name that is a str", name))
    }

    fn enter(&self, depth: usize) -> Written<'py> {
        if depth == DEPTH { Err(self.refused("deeper than 128 levels")) } else { Ok(()) }
    }

    fn string(&mut self, text: Still<'a, 'py, PyString>) -> Written<'py> {
        if self.sink.is_some() {
            return self.pieces(text);
        }
        let text = self.text(text)?;
        write_string(text, Form::Jcs, &mut self.out);
        Ok(())
    }

    /// A str piece by piece, and none of it kept: asked for its UTF-8 as a whole, a str of more than ASCII keeps it.
    fn pieces(&mut self, text: Still<'a, 'py, PyString>) -> Written<'py> {
        let index = self.written();
        self.out.push(b'"');
        for piece in text.pieces(PIECE) {
            let Some(piece) = piece.as_ref().and_then(|utf8| std::str::from_utf8(utf8.as_bytes()).ok()) else {
                return Err(Box::new(Refusal { index, ..*self.refused("a lone surrogate") }));
            };
            write_characters(piece, 0, Form::Jcs, &mut self.out);
            self.check_size()?;
        }
        self.out.push(b'"');
        Ok(())
    }

    #[inline]
    fn text(&self, text: Still<'a, 'py, PyString>) -> Result<&'a str, Box<Refusal<'py>>> {
        text.utf8().ok_or_else(|| self.refused("a lone surrogate"))
    }

    fn integer(&mut self, integer: Still<'a, 'py, PyInt>) -> Written<'py> {
        let Some(small) = integer.small() else { return self.large_integer(integer) };
        if small.unsigned_abs() <= HELD {
            self.out.extend_from_slice(itoa::Buffer::new().format(small).as_bytes());
            return Ok(());
        }
        let (index, round) = (self.written(), self.options.round_integers);
        let written = write_integer(itoa::Buffer::new().format(small), Form::Jcs, round, index, &mut self.out);
        written.map_err(|_| self.refused("an integer that a double does not hold"))
    }

    /// Beyond 64 bits few are what their doubles say, and beyond 10^21 none.
    #[cold]
    fn large_integer(&mut self, integer: Still<'a, 'py, PyInt>) -> Written<'py> {
        let Some(number) = integer.double() else { return Err(self.refused("a number beyond the doubles")) };
        if self.options.round_integers {
            write_float(number, Form::Jcs, &mut self.out);
            return Ok(());
        }
        let digits = if number.abs() < 1e21 { integer.digits() } else { None };
        let held = digits.and_then(|digits| write_integer(&digits, Form::Jcs, false, 0, &mut self.out).ok());
        held.ok_or_else(|| self.refused("an integer that a double does not hold"))
    }

    fn float(&mut self, float: Still<'a, 'py, PyFloat>) -> Written<'py> {
        let number = float.number();
        if !number.is_finite() {
            return Err(self.refused("a number beyond the doubles"));
        }
        write_float(number, Form::Jcs, &mut self.out);
        // What is written without a fraction and without an exponent is read as an integer.
        if number.abs() < 1e21 && number.fract() == 0.0 && !self.kept.takes_whole_float() {
            return Err(self.refused("a float without a fraction, which would come back as an int"));
        }
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
    fn refused_type(&self, message: &'static str, value: Still<'a, 'py>) -> Box<Refusal<'py>> {
        Box::new(Refusal { message, index: self.written(), class: Some(value.class()) })
    }
}

impl<N> Member<'_, '_, N> {
    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        let names = || compare(self.name.as_bytes(), other.name.as_bytes(), Form::Jcs);
        self.prefix.cmp(&other.prefix).then_with(names)
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
