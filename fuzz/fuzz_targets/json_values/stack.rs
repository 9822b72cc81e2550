//! A program of lines makes a value. The first octet of a line says what is pushed:
//!
//! `N` `T` `F`, `i` and `f` from decimal text, `d` from the octets of a double, `s` a str, `^2 63 -1` a power and what is
//! added, `J` what is in a JSON text, `x3` something that JSON has not.
//! Of the last ones: `[3` `(3` a list and a tuple, `{3` `O3` `D3` dicts of as many pairs, `P` a named tuple, `<0` a subclass
//! that tells when it is asked, `<1` an enum, `t` a str that hashes as it likes, `m9` a str again and again, `+` two of
//! them, `*9` one item again and again, `K9` a dict with one value, `R9` rows, `w9` `W9` as deep in lists or dicts.
//! `=2` the second last again, `@` the last one put into itself, `!` the last one to be emptied.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use sealgate_fuzz::json::DEPTH;

use crate::Called;

/// Octets that a value may grow to, where a shared one counts each time.
const LONGEST: usize = 32 * 1024;

/// A value, and about how many octets it takes.
struct Value<'py> {
    object: Bound<'py, PyAny>,
    size: usize,
}

pub struct Stack<'a, 'py> {
    py: Python<'py>,
    called: &'a Called,
    values: Vec<Value<'py>>,
    /// What was ever on the stack.
    pub all: Vec<Bound<'py, PyAny>>,
    /// Whether there may be something for the collector.
    pub has_cycle: bool,
    /// Whether a container is emptied when it runs.
    pub is_sabotaged: bool,
}

impl<'a, 'py> Stack<'a, 'py> {
    pub fn run(py: Python<'py>, called: &'a Called, program: &[u8]) -> PyResult<Self> {
        let mut stack = Self { py, called, values: Vec::new(), all: Vec::new(), has_cycle: false, is_sabotaged: false };
        for line in program.split(|octet| *octet == b'\n') {
            match line.split_first() {
                Some((b'J', text)) => stack.text(text)?,
                Some((kind, argument)) => stack.made(*kind, argument).into_iter().for_each(|value| stack.push(value)),
                None => {}
            }
        }
        Ok(stack)
    }

    /// The last one; then nothing else is held here, but for `all`.
    pub fn into_last(self) -> Option<Bound<'py, PyAny>> {
        self.values.into_iter().next_back().map(|value| value.object)
    }

    fn push(&mut self, value: Value<'py>) {
        if value.size <= LONGEST {
            self.all.push(value.object.clone());
            self.values.push(value);
        }
    }

    /// What a line makes; nothing where it cannot be made.
    fn made(&mut self, kind: u8, argument: &[u8]) -> Option<Value<'py>> {
        let py = self.py;
        let judge = self.called.judge.bind(py);
        let text = || std::str::from_utf8(argument).ok();
        let count = text().and_then(|text| text.parse().ok()).unwrap_or(1usize);
        let object = match kind {
            b'N' => py.None().into_bound(py),
            b'T' => true.into_pyobject(py).ok()?.to_owned().into_any(),
            b'F' => false.into_pyobject(py).ok()?.to_owned().into_any(),
            b'i' => py.get_type::<PyInt>().call1((text()?,)).ok()?,
            b'^' => judge.call_method1(intern!(py, "power"), (text()?,)).ok()?,
            b'f' => py.get_type::<PyFloat>().call1((text()?,)).ok()?,
            b'd' => PyFloat::new(py, f64::from_be_bytes(*argument.first_chunk()?)).into_any(),
            b's' => string(py, argument)?.into_any(),
            b'x' => judge.call_method1(intern!(py, "other"), (count,)).ok()?,
            b'=' => {
                let from = self.values.len().checked_sub(count)?;
                let Value { object, size } = self.values.get(from)?;
                return Some(Value { object: object.clone(), size: *size });
            }
            b'@' | b'!' => return self.prepared(kind),
            _ => return self.composed(kind, count),
        };
        let size = if kind == b'^' { 8 } else { argument.len() } + 8;
        Some(Value { object, size })
    }

    /// Made of the last `count`.
    fn composed(&mut self, kind: u8, count: usize) -> Option<Value<'py>> {
        let py = self.py;
        let judge = self.called.judge.bind(py);
        let taken = match kind {
            b'[' | b'(' => count,
            b'{' | b'O' | b'D' => count.checked_mul(2)?,
            b'P' | b'+' => 2,
            b'<' | b't' | b'*' | b'w' | b'W' | b'm' | b'R' | b'K' => 1,
            _ => return None,
        };
        let parts = self.values.split_off(self.values.len().checked_sub(taken)?);
        let sum = parts.iter().map(|part| part.size + 8).sum::<usize>() + 2;
        let size = match kind {
            b'*' | b'm' | b'R' | b'K' => sum.checked_mul(count)?,
            b'w' | b'W' => sum.checked_add(count.checked_mul(8)?)?,
            _ => sum,
        };
        if size > LONGEST {
            return None;
        }
        let objects: Vec<_> = parts.into_iter().map(|part| part.object).collect();
        let dict = |made: Bound<'py, PyAny>| {
            objects.chunks_exact(2).try_for_each(|pair| made.set_item(&pair[0], &pair[1])).ok()?;
            Some(made)
        };
        let object = match kind {
            b'[' => PyList::new(py, objects).ok()?.into_any(),
            b'(' => PyTuple::new(py, objects).ok()?.into_any(),
            b'{' => dict(PyDict::new(py).into_any())?,
            b'O' => dict(judge.call_method0(intern!(py, "ordered")).ok()?)?,
            b'D' => dict(judge.call_method0(intern!(py, "defaulted")).ok()?)?,
            b'P' => judge.call_method1(intern!(py, "Pair"), (&objects[0], &objects[1])).ok()?,
            b'<' => judge.call_method1(intern!(py, "subclassed"), (&objects[0], count)).ok()?,
            b't' => judge.call_method1(intern!(py, "Twin"), (&objects[0],)).ok()?,
            b'm' => objects[0].cast_exact::<PyString>().ok()?.mul(count).ok()?,
            b'+' => objects[0].cast_exact::<PyString>().ok()?.add(&objects[1]).ok()?,
            b'K' => judge.call_method1(intern!(py, "many"), (&objects[0], count)).ok()?,
            b'R' => judge.call_method1(intern!(py, "rows"), (&objects[0], count)).ok()?,
            b'*' => PyList::new(py, vec![&objects[0]; count]).ok()?.into_any(),
            b'w' => judge.call_method1(intern!(py, "wrapped"), (&objects[0], count, true)).ok()?,
            _ => judge.call_method1(intern!(py, "wrapped"), (&objects[0], count, false)).ok()?,
        };
        Some(Value { object, size })
    }

    /// The last one, a list or dict, put into itself, or about to be emptied. In itself it is written to the last level.
    fn prepared(&mut self, kind: u8) -> Option<Value<'py>> {
        let Value { object, size } = self.values.pop()?;
        if kind == b'!' {
            (self.has_cycle, self.is_sabotaged) = (true, true);
            self.called.judge.bind(self.py).call_method1(intern!(self.py, "sabotage"), (&object,)).ok()?;
            return Some(Value { object, size });
        }
        let size = size * DEPTH;
        if size > LONGEST {
            return None;
        }
        self.has_cycle = true;
        match object.cast::<PyList>() {
            Ok(list) => list.append(&object).ok()?,
            Err(_) => object.set_item("@", &object).ok()?,
        }
        Some(Value { object, size })
    }

    /// A text, which pushes its value if it has one.
    fn text(&mut self, octets: &[u8]) -> PyResult<()> {
        if let Some(text) = string(self.py, octets)
            && let Some(object) = self.called.judged_text(&text)?
        {
            self.push(Value { object, size: octets.len() });
        }
        Ok(())
    }
}

/// UTF-8, and lone surrogates in the same way.
fn string<'py>(py: Python<'py>, octets: &[u8]) -> Option<Bound<'py, PyString>> {
    let decoded = PyBytes::new(py, octets).call_method1(intern!(py, "decode"), ("utf-8", "surrogatepass"));
    decoded.ok()?.cast_into().ok()
}
