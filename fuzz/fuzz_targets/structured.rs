//! Structured fields as `sf` and `key` read them, and component identifiers: an identifier, a key and a field, a line each.
#![no_main]

use _native::error::Code;
use _native::message_signature::Covered;
use _native::structured::{Kind, member, strict};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::cut;

fuzz_target!(|text: &[u8]| {
    let (identifier, rest) = cut(text, b'\n');
    let (key, field) = cut(rest, b'\n');
    if let Ok(identifier) = std::str::from_utf8(identifier) {
        identified(identifier);
    }
    for kind in [Kind::Dictionary, Kind::List, Kind::Item] {
        serialized(field, kind);
    }
    if let Ok(key) = std::str::from_utf8(key) {
        chosen(field, key);
    }
});

/// An identifier is its own text.
fn identified(text: &str) {
    match Covered::parse(text) {
        Err(error) => assert_eq!(Code::SignatureMalformed, error.code),
        Ok(covered) => {
            let again = Covered::parse(covered.text()).expect("our own text");
            assert_eq!((&covered, covered.text()), (&again, again.text()));
            assert!(covered.derived().is_none() || covered.whole_field().is_none());
        }
    }
}

/// What was serialized anew is so already.
fn serialized(field: &[u8], kind: Kind) {
    match strict(field, kind) {
        Err(error) => assert_eq!(Code::SignatureMalformed, error.code),
        Ok(text) => assert_eq!(Ok(&text), strict(text.as_bytes(), kind).as_ref()),
    }
}

/// A member is there, and what it is, in both texts of the dictionary alike.
fn chosen(field: &[u8], key: &str) {
    let Ok(text) = strict(field, Kind::Dictionary) else {
        assert!(member(field, key).is_err());
        return;
    };
    let found = member(field, key).expect("a dictionary");
    assert_eq!(Ok(&found), member(text.as_bytes(), key).as_ref());
    if let Some(value) = found {
        assert_eq!(Ok(&value), strict(value.as_bytes(), Kind::List).as_ref());
    }
}
