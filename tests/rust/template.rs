use std::collections::BTreeSet;

use _native::claims::Claims;
use _native::content::Content;
use _native::error::Code;
use _native::fields::FieldPairs;
use _native::grammar::Grammar;
use _native::key::KeyForm;
use _native::mac::{Hash, Signature};
use _native::request::Request;
use _native::target::Target;
use _native::template::Template;
use _native::templates::Carriers;
use proptest::prelude::*;

fn read(template: &str, value: &[u8]) -> Result<Claims, Code> {
    let mut claims = Claims::default();
    let template = Template::parse_field(template).expect("a template");
    template.read(value, Hash::Sha256, &mut claims).map(|()| claims).map_err(|error| error.code)
}

#[test]
fn a_typo_is_found_at_construction_with_its_index() {
    for (base, index) in [("ab{nope}", 2), ("{body", 0), ("body}", 4), ("{body}{@metod}", 6), ("{body:md5}", 0)] {
        let error = Template::parse_base(base).expect_err("a typo");
        assert_eq!((Code::Configuration, Some(index)), (error.code, error.index), "{base}");
    }
    for base in ["{signature:hex}", "{body:sorted}", "{@path:sorted}", "{@query:canonical}", "{created:ms}"] {
        assert!(Template::parse_base(base).is_err(), "{base}");
    }
    for field in
        ["{signature}", "{signature:hex:base64}", "{body}", "{created}{nonce}", "", "{nonce:hex}", "{created:hex}"]
    {
        assert!(Template::parse_field(field).is_err(), "{field}");
    }
}

#[test]
fn claims_are_read_from_a_field() {
    let claims =
        read("t={created},id={key_id},v1={signature:hex}", &[b"t=12,id=acme,v1=".to_vec(), vec![b'a'; 64]].concat());
    let claims = claims.expect("the right form");
    assert_eq!(Some("acme"), claims.key_id.as_deref());
    assert_eq!(Some(12_000), claims.created.map(|created| created.milliseconds));
    assert_eq!([0xAA; 32][..], claims.signatures[0].octets()[..]);
}

/// Failure history E2, E3: liberal number parsing gives one time many spellings.
#[test]
fn a_time_has_one_spelling() {
    let long = "1".repeat(13);
    for text in ["", "123abc", "1e9", "nan", "-5", "+5", " 5", "5 ", "5_0", "0x5", "٣", "5.0", long.as_str()] {
        assert_eq!(Some(Code::SignatureMalformed), read("{created}", text.as_bytes()).err(), "{text:?}");
    }
    assert!(read("{created}", b"999999999999").is_ok());
    assert!(read("{created:ms}", b"999999999999999").is_ok());
    assert!(read("{created:ms}", b"9999999999999999").is_err());
}

/// Failure history A6: base64 and hex with more than one text for the same octets.
#[test]
fn a_signature_has_one_text() {
    let right = [0x5A; 32];
    let hex = base16ct::lower::encode_string(&right);
    let base64 = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";
    let taken =
        |template: &str, text: &str| read(template, text.as_bytes()).map_or(0, |claims| claims.signatures.len());
    assert_eq!(1, taken("{signature:hex}", &hex));
    assert_eq!(1, taken("{signature:base64}", base64));
    assert_eq!(1, taken("{signature:base64url}", base64.trim_end_matches('=')));
    let others = [
        hex.to_uppercase(),
        format!("{hex} "),
        format!(" {hex}"),
        hex[1..].to_owned(),
        format!("{hex}00"),
        hex.replace('5', "g"),
        String::new(),
    ];
    for text in others {
        assert_eq!(0, taken("{signature:hex}", &text), "{text}");
    }
    let tails = [
        "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlp=",
        "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo",
        "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo==",
        "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlq=",
    ];
    for text in tails {
        assert_eq!(0, taken("{signature:base64}", text), "{text}");
    }
}

#[test]
fn members_come_in_any_order_and_unknown_ones_are_ignored() {
    let grammar = Grammar::Members(
        ",".to_owned(),
        vec![
            Template::parse_field("t={created}").expect("t"),
            Template::parse_field("v1={signature:hex}").expect("v1"),
        ],
    );
    let v1 = format!("v1={}", "ab".repeat(32));
    let verdict = |value: &str| {
        let mut claims = Claims::default();
        grammar
            .read(value.as_bytes(), Hash::Sha256, &mut claims)
            .map(|()| claims.signatures.len())
            .map_err(|error| error.code)
    };
    assert_eq!(Ok(1), verdict(&format!("t=5,{v1}")));
    assert_eq!(Ok(2), verdict(&format!("{v1},v0=zz, t=5,{v1}")));
    assert_eq!(
        Ok(1),
        verdict(&format!("t=5,v1=zz,{v1}")),
        "one that does not decode is no match, and no malformed message"
    );
    assert_eq!(Err(Code::SignatureMissing), verdict("t=5"));
    assert_eq!(Err(Code::SignatureMissing), verdict(&v1));
    assert_eq!(Err(Code::SignatureMalformed), verdict(&format!("t=5,t=6,{v1}")), "one time, not two");
    assert_eq!(Err(Code::SignatureMalformed), verdict(&format!("t=5,{}", vec![v1; 17].join(","))));
}

fn base(template: &Template, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Option<Vec<u8>> {
    let mut pairs = FieldPairs::default();
    for (name, value) in fields {
        pairs.push(name.as_bytes(), value.as_bytes());
    }
    let target = Target::parse(target.as_bytes()).ok()?;
    let request = Request { method: method.as_bytes(), target: &target, fields: &pairs, origin: None, params: &[] };
    let base = template.render(&request, &Claims::default()).ok()?;
    base.check(Content::received(body)).ok()?;
    let mut octets = Vec::new();
    base.write(Content::received(body), &mut octets);
    Some(octets)
}

#[test]
fn an_absent_optional_field_writes_nothing_and_an_empty_one_is_refused() {
    let template = Template::parse_base("{@method}\n{header:content-type?}\n{body}").expect("a base");
    let rendered = |fields: &[(&str, &str)]| base(&template, "GET", "/", fields, b"x");
    assert_eq!(Some(b"GET\n\nx".to_vec()), rendered(&[]));
    assert_eq!(Some(b"GET\na/b\nx".to_vec()), rendered(&[("Content-Type", "a/b")]));
    assert_eq!(None, rendered(&[("Content-Type", "")]));
    assert_eq!(None, rendered(&[("Content-Type", "a"), ("content-type", "a")]), "twice");
    assert_eq!(None, rendered(&[("Content_Type", "a")]), "CGI reads it as the covered field");
}

#[test]
fn a_body_cannot_end_its_own_part() {
    let template = Template::parse_base("{body}--{@method}").expect("a base");
    assert_eq!(Some(b"ab--GET".to_vec()), base(&template, "GET", "/", &[], b"ab"));
    assert_eq!(None, base(&template, "GET", "/", &[], b"ab--POST"));
    assert_eq!(None, base(&template, "GET", "/", &[], b"ab-"), "the end would be found one octet early");
}

#[test]
fn behind_a_greedy_part_none_begins_early() {
    let template = Template::parse_base("{header:a}--{header:b:greedy}--{@method}--{body}").expect("a base");
    let rendered = |a: &str, b: &str, body: &[u8]| base(&template, "GET", "/", &[("a", a), ("b", b)], body);
    assert_eq!(Some(b"1--2--3---GET--x-".to_vec()), rendered("1", "2--3-", b"x-"));
    assert_eq!(None, rendered("1--", "2", b"x"), "in front of it a part ends at the first literal");
    assert_eq!(None, rendered("1-", "2", b"x"));
    assert_eq!(None, rendered("1", "2", b"x--y"), "and behind it begins at the last");
    assert_eq!(None, rendered("1", "2", b"-x"), "the beginning would be found one octet late");
    for other in ["{@method:greedy}{body}", "{@method:greedy}-{@path:greedy}", "{@method:greedy}-{@path}{body}"] {
        assert!(Template::parse_base(other).is_err(), "{other}");
    }
}

#[test]
fn a_written_field_reads_back() {
    let template =
        Template::parse_field("k={key_id};n={nonce};t={created:ms};s={signature:base64url}").expect("a field");
    let claims = Template::parse_base("{created}{nonce}")
        .expect("a base")
        .claims(&[&template], Some("acme"), (12, None), "", "0123456789abcdef")
        .expect("plain claims");
    let signature = Signature::received(&[9; 32], Hash::Sha256).expect("32 octets");
    let value = template.write(&claims, &signature).expect("written");
    let mut again = Claims::default();
    template.read(value.as_bytes(), Hash::Sha256, &mut again).expect("its own form");
    assert_eq!((claims.key_id, claims.nonce, claims.created), (again.key_id, again.nonce, again.created));
    assert_eq!([9; 32][..], again.signatures[0].octets()[..]);
}

/// Failure history C1: fields without delimiters, where two requests share one base.
#[test]
fn unequal_requests_never_share_a_base() {
    let template = Template::parse_base("{@method}\n{@path}\n{header:host}\n{header:content-type?}\n{@query}\n{body}")
        .expect("a base");
    let mut runner = proptest::test_runner::TestRunner::default();
    let part = "[aA/?&=\n :]{0,4}";
    let request = ("[A-B]{1,2}", "/[ab/%2F]{0,3}", "[ab]{1,2}", proptest::option::of("[ab]{1,2}"), "[ab&=]{0,3}", part);
    runner
        .run(&(request.clone(), request), |(one, other)| {
            let render =
                |(method, path, host, kind, query, body): &(String, String, String, Option<String>, String, String)| {
                    let mut fields = vec![("host", host.as_str())];
                    fields.extend(kind.as_ref().map(|kind| ("content-type", kind.as_str())));
                    base(&template, method, &format!("{path}?{query}"), &fields, body.as_bytes())
                };
            if let (Some(left), Some(right)) = (render(&one), render(&other)) {
                prop_assert_eq!(one == other, left == right);
            }
            Ok(())
        })
        .expect("injective");
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_a_configuration_error(text in any::<String>(), value in any::<Vec<u8>>()) {
        if let Ok(template) = Template::parse_field(&text) {
            let _ = template.read(&value, Hash::Sha256, &mut Claims::default());
        }
        if let Err(error) = Template::parse_base(&text) {
            prop_assert_eq!(Code::Configuration, error.code);
        }
    }

    #[test]
    fn any_octets_in_a_field_give_claims_or_a_refusal(value in any::<Vec<u8>>()) {
        for template in ["sha256={signature:hex}", "t={created},v1={signature:hex}", "{key_id}:{nonce}:{signature:base64}"] {
            if let Err(code) = read(template, &value) {
                prop_assert_eq!(Code::SignatureMalformed, code);
            }
        }
    }
}

#[test]
fn weaknesses_must_be_accepted_exactly() {
    let scheme = |accept: &[&str]| {
        let fields = vec![(
            "X-Signature".to_owned(),
            Grammar::Whole(Template::parse_field("{signature:hex}").expect("a field")),
        )];
        let accept: BTreeSet<String> = accept.iter().map(|code| (*code).to_owned()).collect();
        _native::scheme::Scheme::template(
            "own".into(),
            Hash::Sha256,
            KeyForm::Text,
            &["{@method} {@path}".to_owned()],
            Carriers { fields, ..Carriers::default() },
            Some(&accept),
            false,
        )
    };
    let own = ["audience", "body-not-covered", "no-time", "query-not-covered"];
    assert!(scheme(&own).is_ok());
    assert!(scheme(&own[1..]).is_err());
    assert!(scheme(&[&own[..], &["sha1"]].concat()).is_err());
}
