use std::collections::BTreeMap;

use _native::content::read_document;
use _native::error::Code;
use _native::json::{Chosen, Document, Form, Pointer, Selection, canonicalize, string_of};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).expect("a pointer")
}

fn chosen(texts: &[&str]) -> Vec<Chosen> {
    texts.iter().map(|text| Chosen { pointer: pointer(text), is_bare: false }).collect()
}

/// RFC 6901, 5, of which the empty pointer points to no member.
#[test]
fn the_pointers_of_rfc_6901_find_their_members() {
    let text = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    let document = Document::read(text, Form::Jcs).expect("a document");
    let found = |text: &str| document.member(&pointer(text)).map(|value| String::from_utf8_lossy(value).into_owned());
    assert_eq!(Some(r#"["bar","baz"]"#.to_owned()), found("/foo"));
    assert_eq!(None, found("/foo/0"), "members of objects only");
    let names = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
    for (number, name) in names.iter().enumerate() {
        assert_eq!(Some(number.to_string()), found(name), "{name}");
    }
    for text in ["", "foo", "#/foo", "/~", "/a~", "/~2", "/m~n"] {
        assert_eq!(Some(Code::Configuration), Pointer::parse(text).err().map(|error| error.code), "{text}");
    }
}

#[test]
fn members_that_lie_in_each_other_are_no_selection() {
    for texts in [&["/a", "/a/b"][..], &["/a/b", "/a"], &["/a/b", "/a!", "/a-", "/a"], &["/", "//"]] {
        assert!(Selection::new(chosen(texts), Form::Jcs).is_err(), "{texts:?}");
    }
    let both = vec![
        Chosen { pointer: pointer("/a"), is_bare: false },
        Chosen { pointer: pointer("/b"), is_bare: false },
        Chosen { pointer: pointer("/a"), is_bare: true },
    ];
    assert!(Selection::new(both, Form::Jcs).is_err());
    assert!(Selection::new(chosen(&["/a", "/a", "/ab"]), Form::Jcs).is_ok());
}

#[test]
fn a_member_can_be_put_where_there_is_none() {
    let put = |text: &str, at: &str| {
        let document = Document::read(text.as_bytes(), Form::Jcs).expect("a document");
        let written = document.with(&pointer(at), b"9").expect("JSON");
        written.map(|document| String::from_utf8_lossy(document.octets()).into_owned())
    };
    for (text, at, expected) in [
        ("{}", "/a", r#"{"a":9}"#),
        (r#"{"b":1}"#, "/a", r#"{"a":9,"b":1}"#),
        (r#"{"b":1}"#, "/c", r#"{"b":1,"c":9}"#),
        (r#"{"a":{"x":[1]}}"#, "/a", r#"{"a":9}"#),
        (r#"{"a":{"x":[1]}}"#, "/a/b/c", r#"{"a":{"b":{"c":9},"x":[1]}}"#),
        (r#"{"a":{}}"#, "/a/~1/\"", r#"{"a":{"/":{"\"":9}}}"#),
    ] {
        assert_eq!(Some(expected.to_owned()), put(text, at), "{text} {at}");
    }
    for (text, at) in [("[]", "/a"), ("1", "/a"), (r#"{"a":[]}"#, "/a/b"), (r#"{"a":"x"}"#, "/a/b/c")] {
        assert_eq!(None, put(text, at), "{text} {at}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let name = "[ab/~\"\\\\é\u{e000}😀]{0,2}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        "[ab{}\\[\\],:\"\\\\\né😀]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4)
                .prop_map(|members: BTreeMap<String, Value>| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn pointers(value: &Value, before: &str, found: &mut Vec<String>) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        let pointer = format!("{before}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

fn canonical(value: &Value, form: Form) -> Vec<u8> {
    let options = _native::json::Options { form, ..Default::default() };
    canonicalize(value.to_string().as_bytes(), options).expect("canonical")
}

/// The document without all that no pointer leads to, by `serde_json`'s own pointers.
fn only(document: &Value, texts: &[String]) -> Value {
    let mut kept = Value::Object(Map::new());
    for text in texts {
        let mut inner = &mut kept;
        for name in text.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")) {
            let Value::Object(members) = inner else { panic!("one lies in another") };
            inner = members.entry(name).or_insert(Value::Object(Map::new()));
        }
        *inner = document.pointer(text).expect("it is there").clone();
    }
    kept
}

proptest! {
    #[test]
    fn every_member_is_found_and_nothing_else_is_selected(
        document in value(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
        form in prop_oneof![Just(Form::Jcs), Just(Form::Pyjson), Just(Form::PyjsonUtf8)],
    ) {
        let mut all = Vec::new();
        pointers(&document, "", &mut all);
        let text = document.to_string();
        let read = read_document(text.as_bytes(), form).expect("JSON");
        for text in &all {
            let expected = canonical(document.pointer(text).expect("it is there"), form);
            prop_assert_eq!(Some(expected.as_slice()), read.member(&pointer(text)));
            prop_assert_eq!(None, read.member(&pointer(&format!("{text}x"))).filter(|_| !all.contains(&format!("{text}x"))));
        }
        if !all.is_empty() {
            let mut texts: Vec<String> = picks.iter().map(|pick| pick.get(&all).clone()).collect();
            texts.sort();
            texts.dedup();
            let within = |text: &String| texts.iter().any(|other| text.starts_with(&format!("{other}/")));
            let texts: Vec<String> = texts.iter().filter(|text| !within(text)).cloned().collect();
            let selection = texts.iter().map(|text| Chosen { pointer: pointer(text), is_bare: false }).collect();
            let selected = Selection::new(selection, form).expect("a selection").of(&read).expect("all are there");
            prop_assert_eq!(canonical(&only(&document, &texts), form), selected.object());
        }
    }

    #[test]
    fn a_string_is_its_characters(text in any::<String>()) {
        for form in [Form::Jcs, Form::Pyjson, Form::PyjsonUtf8] {
            let written = canonical(&Value::from(text.as_str()), form);
            prop_assert_eq!(Some(text.clone()), string_of(&written).map(std::borrow::Cow::into_owned));
        }
    }

    /// In documents of whatever form: a value, or none, and never a panic.
    #[test]
    fn any_octets_are_a_document_or_a_refusal(octets in any::<Vec<u8>>(), text in "(/[a~]{0,2}){0,2}") {
        if let (Ok(read), Ok(pointer)) = (read_document(&octets, Form::Jcs), Pointer::parse(&text)) {
            let _ = read.member(&pointer);
            let _ = read.with(&pointer, b"1");
        }
    }
}
