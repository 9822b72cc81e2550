//! A JSON text in each canonical form against serde_json, and against a writer by other hands; and looked into, which reads
//! what has a form to that form.
#![no_main]

use _native::error::Code;
use _native::json::{Document, Form, Options, canonicalize};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::json::{FORMS, Tree};

fuzz_target!(|text: &[u8]| {
    let tree = Tree::read(text);
    for (form, round_integers) in FORMS {
        let expected = tree.as_ref().and_then(|tree| tree.canonical(form, round_integers));
        match canonicalize(text, Options { form, round_integers, ..Options::default() }) {
            Err(error) => {
                assert_eq!(None, expected, "{form:?}: refused, {error}");
                assert_eq!(Code::Canonicalization, error.code);
                assert!(error.index.is_some_and(|index| index <= text.len()), "{error}, of {} octets", text.len());
            }
            Ok(octets) => {
                assert_eq!(expected.as_deref(), std::str::from_utf8(&octets).ok(), "{form:?}");
                let again = Tree::read(&octets).expect("canonical JSON is JSON");
                assert_eq!(tree.as_ref().map(|tree| tree.value(form)), Some(again.value(form)), "{form:?}");
            }
        }
    }
    let seen = Document::look_into(text).map(|document| document.octets().to_vec());
    if let Ok(document) = Document::read(text, Form::PyjsonUtf8) {
        assert_eq!(Ok(document.octets()), seen.as_deref());
    }
});
