//! Canonical JSON: published examples, and what must hold between its ways out. Foreign judges are asked from Python.

use _native::error::Code;
use _native::json::{Canonical, DEPTH, Form, Options, canonicalize, write_float};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn form(form: Form) -> Options {
    Options { form, ..Options::default() }
}

fn canonical(text: &str) -> String {
    String::from_utf8(canonicalize(text.as_bytes(), Options::default()).expect("canonical")).expect("UTF-8")
}

fn refused(text: &[u8], options: Options) -> usize {
    let error = canonicalize(text, options).expect_err("refused");
    assert_eq!(Code::Canonicalization, error.code);
    error.index.expect("an index")
}

/// RFC 8785, 3.2.2 and 3.2.3.
#[test]
fn the_examples_of_rfc_8785_are_what_it_says() {
    let literals = r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(expected, canonical(literals));
    let names = r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"#;
    let order = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let written = canonical(names);
    let places: Vec<_> = order.iter().map(|value| written.find(value).expect("there")).collect();
    assert!(places.is_sorted(), "{written}");
}

#[test]
fn pythons_layout_of_numbers_is_its_own() {
    let written = |number| {
        let mut out = Vec::new();
        write_float(number, Form::Pyjson, &mut out);
        String::from_utf8(out).expect("ASCII")
    };
    let expected = [
        (1.0, "1.0"),
        (1e16, "1e+16"),
        (1e15, "1000000000000000.0"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (-0.0, "-0.0"),
    ];
    for (number, text) in expected {
        assert_eq!(text, written(number));
    }
}

#[test]
fn the_second_of_two_equal_names_is_the_culprit() {
    assert_eq!(7, refused(br#"{"a":1,"a":2}"#, Options::default()));
    assert_eq!(13, refused(br#"{"b":0,"a":1,"\u0061":2}"#, Options::default()));
    assert_eq!(8, refused(br#"[{"a":1,"a":2}]"#, form(Form::Pyjson)));
}

#[test]
fn halves_of_surrogate_pairs_are_refused_where_they_stand() {
    for half in [r"\ud83d", r"\ud83d\u0041", r"\ud83d\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83d\n", r"\ud83dA"] {
        for form in [Form::Jcs, Form::Pyjson, Form::PyjsonUtf8] {
            assert_eq!(3, refused(format!("[\"a{half}\"]").as_bytes(), self::form(form)), "{half}");
            assert_eq!(2, refused(format!("{{\"{half}\":1}}").as_bytes(), self::form(form)), "{half}");
        }
    }
    for unit in 0xD800..0xE000 {
        for text in [format!(r#"["a\u{unit:04x}"]"#), format!(r#"["a\u{unit:04X}\u0041"]"#)] {
            assert_eq!(3, refused(text.as_bytes(), Options::default()), "{text}");
        }
    }
    assert_eq!("\"\u{1f600}\"", canonical(r#""\uD83D\uDE00""#));
}

#[test]
fn every_escape_of_one_unit_is_its_character() {
    for character in (0..=0xFFFF).filter_map(char::from_u32) {
        let expected = serde_json::to_string(&character).expect("JSON");
        assert_eq!(expected, canonical(&format!(r#""\u{:04X}""#, character as u32)));
    }
}

#[test]
fn both_sides_of_every_limit() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert_eq!(nested(DEPTH), canonical(&nested(DEPTH)));
    assert_eq!(DEPTH, refused(nested(DEPTH + 1).as_bytes(), Options::default()));
    let options = Options { limit: 3, ..Options::default() };
    assert!(canonicalize(b"123", options).is_ok());
    assert_eq!(3, refused(b"1234", options));
    assert!(canonicalize(b"9007199254740992", Options::default()).is_ok());
    assert_eq!(0, refused(b"9007199254740993", Options::default()));
    let rounding = Options { round_integers: true, ..Options::default() };
    assert_eq!(b"9007199254740992".to_vec(), canonicalize(b"9007199254740993", rounding).expect("rounded"));
}

#[test]
fn what_is_canonical_as_it_stands_is_not_copied() {
    for (text, is_whole) in
        [("{\"a\":1}", true), ("{\"a\":1}\n", false), ("{\"b\":1,\"a\":2}", false), ("[1.0]", false)]
    {
        let canonical = Canonical::read(text.as_bytes(), Options::default()).expect("canonical");
        assert_eq!(is_whole, canonical.is_whole(text.as_bytes()), "{text}");
    }
}

/// Texts from tokens: many are JSON, and most of the others nearly so.
fn texts() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        Just(" ".to_owned()),
        r#""[a-c\u{e9}\u{1f600}]{0,3}""#,
        r#""(\\u00[0-9a-f]{2}|\\n|x){0,3}""#,
        "-?[0-9]{1,18}(\\.[0-9]{1,3})?(e[+-]?[0-9]{1,2})?",
    ];
    let leaf = prop_oneof![r#""[a-c\u{e9}]{0,12}""#, "-?[1-9][0-9]{0,5}", "-?0\\.[0-9]{1,20}", Just("null".to_owned())];
    let json = leaf.prop_recursive(4, 32, 4, |inner| {
        let members = prop::collection::vec((r#""[a-f]{0,9}""#, inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(" , "))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("{name} :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    prop_oneof![prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat()), json]
}

proptest! {
    #[test]
    fn every_way_out_gives_the_same_octets(text in texts()) {
        for form in [Form::Jcs, Form::Pyjson, Form::PyjsonUtf8] {
            let options = self::form(form);
            let Ok(canonical) = Canonical::read(text.as_bytes(), options) else { continue };
            let octets = canonical.octets(text.as_bytes()).into_owned();
            prop_assert_eq!(canonical.size(), octets.len());
            let mut written = Vec::new();
            canonical.write(text.as_bytes(), &mut written);
            prop_assert_eq!(&octets, &written);
            let mut digest = Sha256::new();
            canonical.feed(text.as_bytes(), &mut digest);
            prop_assert_eq!(Sha256::digest(&octets), digest.finalize());
            let again = canonical.read_again(&octets, options).expect("canonical again");
            prop_assert!(again.is_whole(&octets));
        }
    }

    #[test]
    fn any_octets_give_a_form_or_a_place(octets: Vec<u8>) {
        if let Err(error) = canonicalize(&octets, Options::default()) {
            prop_assert_eq!(Code::Canonicalization, error.code);
            prop_assert!(error.index.is_some_and(|index| index <= octets.len()));
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused(text in texts()) {
        if serde_json::from_str::<serde_json::Value>(&text).is_err() {
            prop_assert!(canonicalize(text.as_bytes(), Options::default()).is_err());
        }
    }
}
