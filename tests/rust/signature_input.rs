//! Signature-Input in the form that signers write is read as any other form of the same.

use _native::claims::Claims;
use _native::content::Content;
use _native::error::{Code, Error};
use _native::fields::FieldPairs;
use _native::message_signature::{Choices, Message, Policy, SignatureInput};
use _native::request::Request;
use _native::signature_base::SignatureBase;
use _native::target::{Origin, Target};
use proptest::prelude::*;

const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEEDED: &str = r#";created=1;keyid="k";nonce="0123456789abcdef""#;

fn policy(tag: Option<&str>) -> Policy {
    Policy::new(Choices { tag: tag.map(str::to_owned), ..Choices::default() }).expect("a policy")
}

/// All that is read of a field, or why it is refused.
#[derive(Debug, PartialEq)]
struct Reading {
    covered: Vec<String>,
    key_id: Option<String>,
    nonce: Option<String>,
    milliseconds: [Option<i64>; 2],
    texts: [Option<String>; 2],
    base: Result<Vec<u8>, Code>,
    /// What is signed, where the policy's demands are met.
    examined: Result<Vec<u8>, Code>,
}

fn reading(input: &[u8], tag: Option<&str>) -> Result<Reading, Code> {
    let (label, policy) = (input.split(|octet| *octet == b'=').next().unwrap_or_default(), policy(tag));
    let signature = [label, b"=:", ZEROS.as_bytes(), b":"].concat();
    let (read, claims) = SignatureInput::read(input, &signature, &policy).map_err(|error| error.code)?;
    let Claims { key_id, nonce, created, expires, .. } = *claims;
    Ok(Reading {
        covered: read.components.iter().map(|component| component.text().to_owned()).collect(),
        key_id,
        nonce,
        milliseconds: [&created, &expires].map(|time| time.as_ref().map(|time| time.milliseconds)),
        texts: [created, expires].map(|time| time.map(|time| time.text)),
        base: base(|message| read.signature_base(message, &policy)),
        examined: base(|message| policy.examine(&read, message).map(|(base, _)| base)),
    })
}

fn base(of: impl Fn(&Message<'_>) -> Result<SignatureBase, Error>) -> Result<Vec<u8>, Code> {
    let mut fields = FieldPairs::default();
    for (name, value) in [("Date", "Tue, 20 Apr 2021 02:07:55 GMT"), ("Content-Type", "text/plain"), ("X-b", "1")] {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    fields.push(b"Content-Digest", format!("sha-256=:{ZEROS}:").as_bytes());
    let target = Target::parse(b"/foo?a=b").expect("a target");
    let origin = Origin::parse("https://example.com").expect("an origin");
    let request = Request { method: b"POST", target: &target, fields: &fields, origin: Some(&origin), params: &[] };
    let mut octets = Vec::new();
    of(&Message::Request(request)).map_err(|error| error.code)?.write(Content::received(b""), &mut octets);
    Ok(octets)
}

/// A blank that means nothing, and which signers do not write, leaves the field to the parser of structured fields.
fn with_a_blank(input: &[u8]) -> Vec<u8> {
    let at = input.iter().position(|octet| *octet == b'(').map_or(input.len(), |place| place + 1);
    [&input[..at], b" ", &input[at..]].concat()
}

fn same_reading(input: &[u8]) -> Result<(), TestCaseError> {
    for tag in [None, Some("t"), Some("")] {
        prop_assert_eq!(reading(input, tag), reading(&with_a_blank(input), tag), "{:?}", tag);
    }
    Ok(())
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

/// A field as signers write it, and the tag that it has.
fn written() -> impl Strategy<Value = (String, Option<&'static str>)> {
    let label = one_of(&["sig1", "a", "*a.b-c_d"]);
    // In this order they are what a signer under the policy writes, without a body, and with one.
    let usual = vec!["@method", "@authority", "@path", "@query", "content-type", "content-digest"];
    let others = [&usual[..], &["@target-uri", "date", "x-b"]].concat();
    let components =
        prop_oneof![prop::sample::subsequence(others, 0..9).prop_shuffle(), prop::sample::subsequence(usual, 4..=6),];
    let needed = (
        one_of(&[";created=1", ";created=0", ";created=1700000000", ";created=123456789012"]),
        one_of(&[";keyid=\"k\"", ";keyid=\"k;a=(~ )\""]),
        one_of(&[";nonce=\"0123456789abcdef\"", ";nonce=\"= ;nonce=0123456789\""]),
    );
    let optional = prop::sample::subsequence(vec![";expires=2", ";expires=0", ";alg=\"hmac-sha256\""], 0..=1);
    let tag = prop::sample::select(vec![None, Some("t"), Some("")]);
    (label, components, needed, optional, tag).prop_flat_map(|(label, components, needed, optional, tag)| {
        let mut parameters = vec![needed.0.to_owned(), needed.1.to_owned(), needed.2.to_owned()];
        parameters.extend(optional.into_iter().map(str::to_owned));
        parameters.extend(tag.map(|tag| format!(";tag=\"{tag}\"")));
        let list: Vec<String> = components.iter().map(|name| format!("\"{name}\"")).collect();
        Just(parameters)
            .prop_shuffle()
            .prop_map(move |parameters| (format!("{label}=({}){}", list.join(" "), parameters.concat()), tag))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_signers_write_is_read(case in written()) {
        let (input, tag) = case;
        let read = reading(input.as_bytes(), tag).expect("what signers write");
        let (_, inner_list) = input.split_once('=').expect("a list");
        let last = format!("\"@signature-params\": {inner_list}");
        prop_assert!(read.base.clone().expect("a base").ends_with(last.as_bytes()));
        // 7.2.1: the default demands method, authority, path and query.
        let all = ["@method", "@authority", "@path", "@query"].iter().all(|name| {
            let stands = |own: &String| own == name || (own == "@target-uri" && *name != "@method");
            read.covered.iter().any(stands)
        });
        prop_assert_eq!(if all { read.base } else { Err(Code::NotCovered) }, read.examined);
        same_reading(input.as_bytes())?;
    }

    #[test]
    fn near_misses_are_read_in_one_way(
        case in written(),
        place in any::<prop::sample::Index>(),
        removed in 0usize..3,
        added in one_of(&[
            "", " ", "  ", "\t", "\"", "\\", "\\\"", ";", "=", "(", ")", ",", "0", "-", ".", "A", "\u{e9}", "\u{7f}", "?0", ":AA==:",
            "\"date\"", " \"date\"", " \"x-b\"", ";req", ";sf", ";created=1", ";created=007", ";tag=\"t\"", ";tag=t", ";a",
            ";alg=\"hmac-sha512\"", ";other=1", ", b=(\"date\");created=1", ", ",
        ]),
    ) {
        let input = case.0.as_bytes();
        let place = place.index(input.len());
        let after = &input[(place + removed).min(input.len())..];
        same_reading(&[&input[..place], added.as_bytes(), after].concat())?;
    }
}

#[test]
fn each_odd_form_is_read_in_one_way() {
    let list = r#"("@method" "date")"#;
    for odd in [
        format!("Sig1={list}{NEEDED}"),
        format!("1={list}{NEEDED}"),
        format!("={list}{NEEDED}"),
        format!("a b={list}{NEEDED}"),
        format!("sig1={list}{NEEDED}, b=(\"date\");created=1"),
        format!("sig1={list}{NEEDED}, "),
        format!("sig1={list}{NEEDED}{NEEDED}"),
        format!("sig1=(){NEEDED}"),
        format!("sig1=(\"@method\" \"@method\"){NEEDED}"),
        format!("sig1=(\"@method\"\"date\"){NEEDED}"),
        format!("sig1=(\"@method\"  \"date\"){NEEDED}"),
        format!("sig1=(\"@method\" ){NEEDED}"),
        format!("sig1=(\"@query-param\"){NEEDED}"),
        format!("sig1=(\"@query-param\";name=\"a\"){NEEDED}"),
        format!("sig1=(\"@status\"){NEEDED}"),
        format!("sig1=(\"@signature-params\"){NEEDED}"),
        format!("sig1=(\"Date\" \"\" \"a_b\" date){NEEDED}"),
        format!("sig1=(\"date\";req){NEEDED}"),
        "sig1=(\"date\");created=007;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=-1;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1.0;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1234567890123;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1234567890123456;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1;expires=00;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1;keyid=\"k\";nonce=\"0123456789\\\"bcdef\"".to_owned(),
        "sig1=(\"date\");created=1;keyid=\"\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created=1; keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
        "sig1=(\"date\");created;keyid=\"k\";nonce=\"0123456789abcdef\"".to_owned(),
    ] {
        same_reading(odd.as_bytes()).expect(&odd);
    }
}

#[test]
fn the_longest_list_is_read_in_one_way() {
    for count in [63, 64, 65] {
        let names: Vec<String> = (0..count).map(|nth| format!("\"x-{nth}\"")).collect();
        let input = format!("sig1=({}){NEEDED}", names.join(" "));
        same_reading(input.as_bytes()).expect("one reading");
        assert_eq!(count <= 64, reading(input.as_bytes(), None).is_ok(), "{count}");
    }
}
