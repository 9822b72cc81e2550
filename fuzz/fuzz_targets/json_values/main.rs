//! Python's values against their texts: a program of lines pushes values, and the last one is canonicalized.
//!
//! The judges are `json.dumps` and `json.loads`; what a text cannot tell is judged in `judge.py`. CPython's objects
//! come from malloc, so that AddressSanitizer knows when one dies; a reference too many or too few shows in the counts;
//! and garbage may lie in wait, to empty a container as soon as the collector runs.
#![no_main]

mod stack;

use std::ffi::CString;
use std::sync::OnceLock;

use _native as _;
use libfuzzer_sys::fuzz_target;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList, PyModule, PyString, PyTuple, PyType};
use pyo3::{ffi, intern};

use crate::stack::Stack;

unsafe extern "C" {
    /// The product's module, linked in.
    fn PyInit__native() -> *mut ffi::PyObject;
    /// AddressSanitizer's own account.
    safe fn __sanitizer_get_current_allocated_bytes() -> usize;
}

fuzz_target!(init: start(), |program: &[u8]| {
    Python::attach(|py| {
        if let Err(error) = judged(py, program) {
            error.print(py);
            panic!("an exception that is no refusal");
        }
    });
});

/// What is called.
struct Called {
    judge: Py<PyModule>,
    collector: Py<PyModule>,
    canonicalize: Py<PyAny>,
    canonicalize_json: Py<PyAny>,
    sign: Py<PyAny>,
    sign_json: Py<PyAny>,
    refusal: Py<PyType>,
}

static CALLED: OnceLock<Called> = OnceLock::new();

fn start() {
    // SAFETY: nothing else runs yet, and the name stands for ever.
    unsafe {
        std::env::set_var("PYTHONMALLOC", "malloc");
        std::env::set_var("PYTHONHASHSEED", "0");
        assert_eq!(0, ffi::PyImport_AppendInittab(c"_native".as_ptr(), Some(PyInit__native)));
    }
    Python::initialize();
    let called = Python::attach(Called::import).expect("an interpreter with sealgate");
    assert!(CALLED.set(called).is_ok());
}

impl Called {
    fn import(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        sys.setattr("dont_write_bytecode", true)?;
        sys.getattr("path")?.call_method1("append", (concat!(env!("CARGO_MANIFEST_DIR"), "/../python"),))?;
        let native = py.import("_native")?;
        sys.getattr("modules")?.set_item("sealgate._native", &native)?;
        let code = CString::new(include_str!("judge.py")).expect("a text");
        let judge = PyModule::from_code(py, &code, c"judge.py", c"judge")?;
        let key = native.getattr("Key")?.call1((PyBytes::new(py, b"a key of no fewer than 16 octets"),))?;
        let refusal = py.import("sealgate.exceptions")?.getattr("CanonicalizationError")?;
        judge.call_method0("prepare")?;
        Ok(Self {
            judge: judge.unbind(),
            collector: py.import("gc")?.unbind(),
            canonicalize: native.getattr("canonicalize")?.unbind(),
            canonicalize_json: native.getattr("canonicalize_json")?.unbind(),
            sign: key.getattr("sign")?.unbind(),
            sign_json: key.getattr("sign_json")?.unbind(),
            refusal: refusal.cast_into::<PyType>()?.unbind(),
        })
    }
}

fn judged(py: Python<'_>, program: &[u8]) -> PyResult<()> {
    let called = CALLED.get().expect("started");
    let mut stack = Stack::run(py, called, program)?;
    let (all, has_cycle, is_sabotaged) = (std::mem::take(&mut stack.all), stack.has_cycle, stack.is_sabotaged);
    let Some(value) = stack.into_last() else { return Ok(()) };
    if is_sabotaged {
        // What is emptied must be all that holds its items.
        drop(all);
        Check { py, called, value, all: Vec::new() }.sabotaged()?;
    } else {
        Check { py, called, value, all }.all_ways()?;
    }
    if has_cycle {
        called.collector.bind(py).call_method0(intern!(py, "collect"))?;
    }
    Ok(())
}

/// Octets, or a refusal and its index.
type Verdict = Result<Vec<u8>, usize>;

impl Called {
    fn verdict(&self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<Verdict> {
        match result {
            Ok(octets) => Ok(Ok(octets.cast::<PyBytes>()?.as_bytes().to_vec())),
            Err(error) if error.is_instance(py, self.refusal.bind(py)) => {
                Ok(Err(error.value(py).getattr(intern!(py, "index"))?.extract()?))
            }
            Err(error) => Err(error),
        }
    }

    fn text<'py>(&self, text: &Bound<'py, PyAny>, option: &str, value: impl IntoPyObject<'py>) -> PyResult<Verdict> {
        let py = text.py();
        let options = PyDict::new(py);
        options.set_item(option, value)?;
        self.verdict(py, self.canonicalize_json.bind(py).call((text,), Some(&options)))
    }

    /// A text in each form, as str and as bytes; gives what `json.loads` makes of it.
    fn judged_text<'py>(&self, text: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, judge) = (text.py(), self.judge.bind(text.py()));
        let value = judge.call_method1(intern!(py, "loaded"), (text,))?;
        let value = value.cast::<PyList>().ok().map(|list| list.get_item(0)).transpose()?;
        let octets = text.call_method1(intern!(py, "encode"), ("utf-8", "surrogatepass"))?;
        let plain = octets.cast::<PyBytes>()?.as_bytes();
        for form in ["jcs", "pyjson", "pyjson-utf8"] {
            let by_text = self.text(text.as_any(), "form", form)?;
            let by_octets = self.text(&octets, "form", form)?;
            let counted = |index| String::from_utf8_lossy(&plain[..index]).chars().count();
            match std::str::from_utf8(plain) {
                Ok(_) => assert_eq!(by_octets.map_err(counted), by_text),
                Err(_) => assert!(by_octets.is_err() && by_text.is_err(), "lone surrogates"),
            }
            let expected = match &value {
                None => None,
                Some(value) if form == "jcs" => self.verdict(py, self.canonicalize.bind(py).call1((value,)))?.ok(),
                Some(value) => judge.call_method1(intern!(py, "pyjson"), (value, form == "pyjson"))?.extract()?,
            };
            assert_eq!(expected, by_text.ok(), "{form}");
        }
        Ok(value)
    }
}

/// The value that was built, and how it is looked at.
struct Check<'a, 'py> {
    py: Python<'py>,
    called: &'a Called,
    value: Bound<'py, PyAny>,
    all: Vec<Bound<'py, PyAny>>,
}

impl<'py> Check<'_, 'py> {
    fn all_ways(&self) -> PyResult<()> {
        let texts = self.texts()?;
        if let Some(texts) = &texts {
            self.called.judged_text(texts.get_item(0)?.cast()?)?;
        }
        for round_integers in [false, true] {
            let ours = self.value("round_integers", round_integers)?;
            for text in texts.iter().flatten() {
                same(&self.called.text(&text, "round_integers", round_integers)?, &ours);
            }
            assert!(texts.is_some() || ours.is_err(), "taken, against the rules");
        }
        self.leaves_nothing()?;
        match self.value("round_integers", false)? {
            Ok(octets) => {
                let limit = octets.len();
                assert_eq!(Ok(&octets), self.value("limit", limit)?.as_ref());
                assert!(limit == 1 || self.value("limit", limit - 1)?.is_err());
                let expected = self.called.sign.bind(self.py).call1((PyBytes::new(self.py, &octets),))?;
                assert!(expected.eq(self.called.sign_json.bind(self.py).call1((&self.value,))?)?, "another signature");
            }
            Err(index) => {
                let signature = self.called.sign_json.bind(self.py).call1((&self.value,));
                self.told(signature.as_ref().err());
                assert_eq!(Err(index), self.called.verdict(self.py, signature)?);
                self.told(self.called.canonicalize.bind(self.py).call1((&self.value,)).as_ref().err());
            }
        }
        Ok(())
    }

    /// A refusal for a surrogate is for one that there is.
    fn told(&self, refusal: Option<&PyErr>) {
        let message = refusal.expect("a refusal").to_string();
        let judge = self.called.judge.bind(self.py);
        let has_surrogate = judge.call_method1(intern!(self.py, "has_surrogate"), (&self.value,));
        let has_surrogate = has_surrogate.and_then(|has| has.is_truthy()).expect("an answer");
        assert!(has_surrogate || !message.contains("surrogate"), "{message}");
    }

    /// What is made is let go. The first time there may be something to keep: the UTF-8 of a str, a free list.
    fn leaves_nothing(&self) -> PyResult<()> {
        for function in [&self.called.canonicalize, &self.called.sign_json] {
            let function = function.bind(self.py);
            let arguments = PyTuple::new(self.py, [&self.value])?;
            let left = || {
                drop(function.call1(&arguments));
                // SAFETY: the interpreter is ours. This cache holds names that were looked up.
                unsafe { ffi::PyType_ClearCache() };
                __sanitizer_get_current_allocated_bytes()
            };
            let first = left();
            assert_eq!(first, left(), "octets are left behind");
        }
        Ok(())
    }

    /// The collector is on for the call and nothing else: it runs as soon as something is made that it keeps track of.
    fn sabotaged(&self) -> PyResult<()> {
        let py = self.py;
        let texts = self.texts()?;
        let arguments = PyTuple::new(py, [&self.value])?;
        let collector = self.called.collector.bind(py);
        let (enable, disable) = (collector.getattr("enable")?, collector.getattr("disable")?);
        let mut verdicts = Vec::new();
        for function in [&self.called.canonicalize, &self.called.sign_json] {
            let function = function.bind(py);
            enable.call0()?;
            let result = function.call1(&arguments);
            disable.call0()?;
            verdicts.push(self.called.verdict(py, result)?);
            if verdicts[0].is_err() {
                break;
            }
        }
        for text in texts.iter().flatten() {
            same(&self.called.text(&text, "round_integers", false)?, &verdicts[0]);
        }
        assert!(texts.is_some() || verdicts[0].is_err(), "taken, against the rules");
        if let [Ok(octets), Ok(signature)] = &verdicts[..] {
            let expected = self.called.sign.bind(py).call1((PyBytes::new(py, octets),))?;
            assert_eq!(expected.cast::<PyBytes>()?.as_bytes(), signature);
        }
        Ok(())
    }

    fn texts(&self) -> PyResult<Option<Bound<'py, PyList>>> {
        let texts = self.called.judge.bind(self.py).call_method1(intern!(self.py, "texts"), (&self.value,))?;
        Ok(texts.cast_into::<PyList>().ok())
    }

    /// Nobody was asked, and nobody was kept or let go.
    fn value(&self, option: &str, value: impl IntoPyObject<'py>) -> PyResult<Verdict> {
        let py = self.py;
        let options = PyDict::new(py);
        options.set_item(option, value)?;
        let asked = self.called.judge.bind(py).getattr(intern!(py, "CALLED"))?.cast_into::<PyList>()?;
        asked.call_method0(intern!(py, "clear"))?;
        let before = self.references();
        let verdict = self.called.verdict(py, self.called.canonicalize.bind(py).call((&self.value,), Some(&options)));
        assert_eq!(before, self.references());
        assert!(asked.is_empty(), "an object was asked: {asked}");
        verdict
    }

    /// But to None and its like, which come and go everywhere.
    fn references(&self) -> Vec<isize> {
        let own = self.all.iter().filter(|object| !object.is_none() && !object.is_exact_instance_of::<PyBool>());
        // SAFETY: an object that is held.
        own.map(|object| unsafe { ffi::Py_REFCNT(object.as_ptr()) }).collect()
    }
}

fn same(expected: &Verdict, ours: &Verdict) {
    assert_eq!(expected.as_ref().ok(), ours.as_ref().ok(), "{expected:?} and {ours:?}");
}
