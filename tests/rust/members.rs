use std::collections::BTreeMap;

use _native::content::{look_into, read_document};
use _native::error::Code;
use _native::json::{Chosen, Document, Form, Pointer, Selection, canonicalize, string_of};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).expect("a pointer")
}

fn chosen(texts: &[&str]) -> Vec<Chosen> {
    texts.iter().map(|text| Chosen { pointer: pointer(text), is_bare: false, is_optional: false }).collect()
}

/// What a document has there; or the code of its refusal.
fn found(document: &Document, at: &str) -> Result<Option<String>, Code> {
    let text = |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
    document.member(&pointer(at)).map(text).map_err(|error| error.code)
}

/// RFC 6901, 5, of which the empty pointer points to no member.
#[test]
fn the_pointers_of_rfc_6901_find_their_members() {
    let text = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    let document = Document::read(text, Form::Jcs).expect("a document");
    assert_eq!(Ok(Some(r#"["bar","baz"]"#.to_owned())), found(&document, "/foo"));
    assert_eq!(Err(Code::BodyMalformed), found(&document, "/foo/0"), "others would be lost");
    let names = ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"];
    for (number, name) in names.iter().enumerate() {
        assert_eq!(Ok(Some(number.to_string())), found(&document, name), "{name}");
    }
    for text in ["", "foo", "#/foo", "/~", "/a~", "/~2", "/m~n"] {
        assert_eq!(Some(Code::Configuration), Pointer::parse(text).err().map(|error| error.code), "{text}");
    }
}

/// RFC 6901, 4, where the pointer says what is an array. Of an index it takes 0.
#[test]
fn the_only_element_of_an_array_is_found_and_never_a_member_of_its_name() {
    for (text, at, expected) in [
        ("[7]", "/0", Some("7")),
        ("[[[7]]]", "/0/0/0", Some("7")),
        (r#"{"a":[{"b":[1,2]}]}"#, "/a/0/b", Some("[1,2]")),
        (r#"{"a":["]","x"]}"#, "/a", Some(r#"["]","x"]"#)),
        (r#"{"a":["],\"{"]}"#, "/a/0", Some(r#""],\"{""#)),
        ("[]", "/0", None),
        ("[[]]", "/0/0", None),
        ("{}", "/0", None),
        (r#"{"0":7}"#, "/0", None),
        (r#"{"a":{"0":7}}"#, "/a/0", None),
        (r#"{"a":"0"}"#, "/a/0", None),
        ("[7]", "/-", None),
        ("[7]", "/00", None),
        ("[7]", "/٠", None),
        (r#"{"-":1,"00":2,"01":3,"1e0":4,"٠":5}"#, "/-", Some("1")),
        (r#"{"-":1,"00":2,"01":3,"1e0":4,"٠":5}"#, "/00", Some("2")),
        (r#"{"-":1,"00":2,"01":3,"1e0":4,"٠":5}"#, "/01", Some("3")),
        (r#"{"-":1,"00":2,"01":3,"1e0":4,"٠":5}"#, "/1e0", Some("4")),
        (r#"{"-":1,"00":2,"01":3,"1e0":4,"٠":5}"#, "/٠", Some("5")),
    ] {
        let document = Document::read(text.as_bytes(), Form::Jcs).expect("a document");
        assert_eq!(Ok(expected.map(str::to_owned)), found(&document, at), "{text} {at}");
    }
    for (text, at) in [("[7,8]", "/0"), ("[[],[]]", "/0/0"), (r#"{"a":[{"b":1},null]}"#, "/a/0/b")] {
        let document = Document::read(text.as_bytes(), Form::Jcs).expect("a document");
        assert_eq!(Err(Code::BodyMalformed), found(&document, at), "{text} {at}");
    }
    for text in ["/1", "/a/1", "/10", "/a/999999999999999999999/b"] {
        assert_eq!(Some(Code::Configuration), Pointer::parse(text).err().map(|error| error.code), "{text}");
    }
}

#[test]
fn members_that_no_document_has_together_are_no_selection() {
    for texts in [&["/a/0", "/a/b"][..], &["/a/0/x", "/b", "/a/-"], &["/0/x", "/x"], &["/a/0/0", "/a/0/00"]] {
        assert!(Selection::new(chosen(texts), Form::Jcs).is_err(), "{texts:?}");
        assert!(pointer(texts[0]).excludes(&pointer(texts[texts.len() - 1])));
        assert!(pointer(texts[texts.len() - 1]).excludes(&pointer(texts[0])));
    }
    let texts = ["/a/0/x", "/a/0/y/0/0", "/b/0", "/c", "/a/0/y/0/0"];
    assert!(Selection::new(chosen(&texts), Form::Jcs).is_ok());
    assert!(!texts.iter().any(|text| texts.iter().any(|other| pointer(text).excludes(&pointer(other)))));
}

#[test]
fn an_optional_member_is_signed_as_nothing_where_it_is_absent_or_empty() {
    let text = |at: &str, is_optional| Chosen { pointer: pointer(at), is_bare: true, is_optional };
    let selection = Selection::new(vec![text("/b/0/o", true), text("/c", false), text("/a", true)], Form::Jcs);
    let selection = selection.expect("a selection");
    let read = |body: &str| {
        let selected = selection.of(&read_document(body.as_bytes(), Form::Jcs).expect("JSON"));
        let selected = selected.map_err(|error| error.code)?;
        let values: Vec<_> = (0..3).filter_map(|nth| selected.value(nth)).map(std::borrow::Cow::into_owned).collect();
        let object = String::from_utf8_lossy(selected.object()).into_owned();
        Ok((object, String::from_utf8_lossy(&values.join(&b'|')).into_owned()))
    };
    for (body, object, values) in [
        (r#"{"c":"3"}"#, r#"{"c":"3"}"#, "||3"),
        (r#"{"c":"","x":{}}"#, r#"{"c":""}"#, "||"),
        (r#"{"c":"3","a":"1"}"#, r#"{"a":"1","c":"3"}"#, "1||3"),
        (r#"{"c":"3","b":[{"o":"2"}]}"#, r#"{"b":[{"o":"2"}],"c":"3"}"#, "|2|3"),
        (r#"{"c":"3","b":[{"o":"2","x":1}],"a":"1"}"#, r#"{"a":"1","b":[{"o":"2"}],"c":"3"}"#, "1|2|3"),
        (r#"{"c":"3","a":""}"#, r#"{"c":"3"}"#, "||3"),
        (r#"{"c":"3","b":[{"o":""}]}"#, r#"{"c":"3"}"#, "||3"),
        (r#"{"c":"3","b":[{}]}"#, r#"{"c":"3"}"#, "||3"),
        (r#"{"c":"3","b":[]}"#, r#"{"c":"3"}"#, "||3"),
        (r#"{"c":"3","b":{"0":{"o":"2"}}}"#, r#"{"c":"3"}"#, "||3"),
    ] {
        assert_eq!(Ok((object.to_owned(), values.to_owned())), read(body), "{body}");
    }
    for body in [
        "{}",
        r#"{"a":"1"}"#,
        r#"{"c":"3","a":null}"#,
        r#"{"c":"3","a":1}"#,
        r#"{"c":"3","b":[{"o":"2"},{}]}"#,
        r#"{"c":"3","b":[{},{"o":"2"}]}"#,
    ] {
        assert_eq!(Err(Code::BodyMalformed), read(body), "{body}");
    }
    assert!(Selection::new(vec![text("/a", true), text("/b", true)], Form::Jcs).is_err(), "the signature of nothing");
    assert!(Selection::new(vec![text("/a", true), text("/a", false)], Form::Jcs).is_err(), "two forms");
}

#[test]
fn members_that_lie_in_each_other_are_no_selection() {
    for texts in [&["/a", "/a/b"][..], &["/a/b", "/a"], &["/a/b", "/a!", "/a-", "/a"], &["/", "//"]] {
        assert!(Selection::new(chosen(texts), Form::Jcs).is_err(), "{texts:?}");
    }
    let both = vec![
        Chosen { pointer: pointer("/a"), is_bare: false, is_optional: false },
        Chosen { pointer: pointer("/b"), is_bare: false, is_optional: false },
        Chosen { pointer: pointer("/a"), is_bare: true, is_optional: false },
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
        ("[]", "/0", "[9]"),
        ("[1]", "/0", "[9]"),
        ("{}", "/a/0/0/b", r#"{"a":[[{"b":9}]]}"#),
        (r#"{"a":[]}"#, "/a/0/b", r#"{"a":[{"b":9}]}"#),
        (r#"{"a":[{"c":1}],"b":2}"#, "/a/0/b/0", r#"{"a":[{"b":[9],"c":1}],"b":2}"#),
    ] {
        assert_eq!(Some(expected.to_owned()), put(text, at), "{text} {at}");
    }
    for (text, at) in [
        ("[]", "/a"),
        ("1", "/a"),
        (r#"{"a":[]}"#, "/a/b"),
        (r#"{"a":"x"}"#, "/a/b/c"),
        ("[1,2]", "/0"),
        ("{}", "/0"),
        (r#"{"a":{"0":1}}"#, "/a/0"),
        (r#"{"a":[{},{}]}"#, "/a/0/b"),
    ] {
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
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (escaped(name), value)).collect(),
        Value::Array(elements) if elements.len() == 1 => vec![("0".to_owned(), &elements[0])],
        _ => return,
    };
    for (token, value) in inside {
        let pointer = format!("{before}/{token}");
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

/// RFC 6901, 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn canonical(value: &Value, form: Form) -> Vec<u8> {
    let options = _native::json::Options { form, ..Default::default() };
    canonicalize(value.to_string().as_bytes(), options).expect("canonical")
}

/// The document without all that no pointer leads to, by `serde_json`'s own pointers. No name here is an index.
fn only(document: &Value, texts: &[&str]) -> Value {
    let mut kept = Value::Null;
    for text in texts {
        let mut inner = &mut kept;
        for token in text.split('/').skip(1) {
            let empty = if token == "0" { Value::from(vec![Value::Null]) } else { Value::Object(Map::new()) };
            if inner.is_null() {
                *inner = empty;
            }
            inner = match inner {
                Value::Array(elements) => &mut elements[0],
                Value::Object(members) => {
                    members.entry(token.replace("~1", "/").replace("~0", "~")).or_insert(Value::Null)
                }
                _ => panic!("one lies in another"),
            };
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
            prop_assert_eq!(Ok(String::from_utf8(expected).ok()), found(&read, text));
            prop_assert_eq!(Ok(None), found(&read, &format!("{text}x")));
        }
        if !all.is_empty() {
            let mut texts: Vec<String> = picks.iter().map(|pick| pick.get(&all).clone()).collect();
            texts.sort();
            texts.dedup();
            let within = |text: &String| texts.iter().any(|other| text.starts_with(&format!("{other}/")));
            let texts: Vec<String> = texts.iter().filter(|text| !within(text)).cloned().collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let selected = Selection::new(chosen(&texts), form).expect("a selection").of(&read).expect("all are there");
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
    fn any_octets_are_a_document_or_a_refusal(octets in any::<Vec<u8>>(), text in "(/[a~0]{0,2}){0,3}") {
        if let (Ok(read), Ok(pointer)) = (read_document(&octets, Form::Jcs), Pointer::parse(&text)) {
            let _ = read.member(&pointer);
            let _ = read.with(&pointer, b"1");
        }
    }
}

#[test]
fn what_is_looked_into_keeps_what_has_no_form_and_is_else_read_as_ever() {
    for (text, kept) in [
        (r#"{"b":"\ud83d","a":1e400}"#, r#"{"a":1e400,"b":"\ud83d"}"#),
        (r#"["\ud83d\ud83d\ude00\"","\udfff\u00e9"]"#, "[\"\\ud83d😀\\\"\",\"\\udfffé\"]"),
        (r#"{"a":"\ud83d\\ude00"}"#, r#"{"a":"\ud83d\\ude00"}"#),
    ] {
        assert!(read_document(text.as_bytes(), Form::PyjsonUtf8).is_err(), "{text}");
        let document = look_into(text.as_bytes()).expect("JSON");
        assert_eq!(Ok(kept), std::str::from_utf8(document.octets()));
    }
    for text in [r#"{"\ud83d":1}"#, r#"["\ud83"]"#, r#"["\ud83g"]"#, r#"{"a":1,"\u0061":2}"#, "[1e]", "[NaN]"] {
        assert_eq!(Some(Code::BodyMalformed), look_into(text.as_bytes()).err().map(|error| error.code), "{text}");
    }
}

proptest! {
    #[test]
    fn what_has_a_form_is_looked_into_in_that_form(text in any::<Vec<u8>>(), value in r#"(["\\\\ud83e0,:{}\[\]1-]|\\\\u|dc00){0,12}"#) {
        for text in [text, [b"[\"", value.as_bytes(), b"\"]"].concat(), value.into_bytes()] {
            if let Ok(document) = read_document(&text, Form::PyjsonUtf8) {
                prop_assert_eq!(Some(document.octets().to_vec()), look_into(&text).ok().map(|seen| seen.octets().to_vec()));
            }
        }
    }
}
