use _native::claims::Claims;
use _native::content::Content;
use _native::error::Code;
use _native::fields::FieldPairs;
use _native::message_signature::{Choices, Message, Policy, SignatureInput};
use _native::request::Request;
use _native::target::{Origin, Target};
use proptest::prelude::*;

fn policy() -> Policy {
    Policy::new(Choices::default()).expect("a policy")
}

const SIGNATURE: &str = "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
const PARAMS: &str = r#";created=1;keyid="k";nonce="0123456789abcdef""#;

fn read(input: &str, signature: &str) -> Result<(SignatureInput, Box<Claims>), Code> {
    SignatureInput::read(input.as_bytes(), signature.as_bytes(), &policy()).map_err(|error| error.code)
}

/// RFC 9421, B.2.5: its parameters lack a nonce, so the base is rebuilt from what our reader takes of the rest.
#[test]
fn the_base_has_the_form_of_the_standard() {
    let input = format!(r#"sig1=("date" "@authority" "content-type"){PARAMS}"#);
    let (input, _) = read(&input, SIGNATURE).expect("well formed");
    let mut fields = FieldPairs::default();
    fields.push(b"Date", b"Tue, 20 Apr 2021 02:07:55 GMT");
    fields.push(b"Content-Type", b" application/json ");
    let target = Target::parse(b"/foo").expect("a target");
    let origin = Origin::parse("https://example.com").expect("an origin");
    let request = Request { method: b"POST", target: &target, fields: &fields, origin: Some(&origin), params: &[] };
    let mut base = Vec::new();
    input
        .signature_base(&Message::Request(request), &policy())
        .expect("a base")
        .write(Content::received(b""), &mut base);
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\
         \"@signature-params\": (\"date\" \"@authority\" \"content-type\"){PARAMS}"
    );
    assert_eq!(expected, String::from_utf8(base).expect("ASCII"));
}

#[test]
fn the_parameters_keep_their_order_and_take_their_one_form() {
    let input = r#"sig1=(  "@method"   "@path" );nonce="0123456789\"\\abcde" ; keyid="k";created=0007;expires=9;alg="hmac-sha256""#;
    let (input, claims) = read(&input.replace(" ;", ";"), SIGNATURE).expect("well formed");
    let target = Target::parse(b"/p?q").expect("a target");
    let request =
        Request { method: b"GET", target: &target, fields: &FieldPairs::default(), origin: None, params: &[] };
    let mut base = Vec::new();
    input
        .signature_base(&Message::Request(request), &policy())
        .expect("a base")
        .write(Content::received(b""), &mut base);
    let expected = "\"@method\": GET\n\"@path\": /p\n\"@signature-params\": (\"@method\" \"@path\")\
                    ;nonce=\"0123456789\\\"\\\\abcde\";keyid=\"k\";created=7;expires=9;alg=\"hmac-sha256\"";
    assert_eq!(expected, String::from_utf8(base).expect("ASCII"));
    assert_eq!(Some("0123456789\"\\abcde"), claims.nonce.as_deref());
}

/// Failure history D5: the message chooses the algorithm.
#[test]
fn the_message_chooses_nothing() {
    for alg in ["none", "", "HMAC-SHA256", "hmac-sha512", "hmac-sha1", "rsa-pss-sha512", "ed25519"] {
        let input = format!(r#"sig1=("@method"){PARAMS};alg="{alg}""#);
        assert_eq!(Some(Code::SignatureMalformed), read(&input, SIGNATURE).err(), "{alg}");
    }
    let tagged = format!(r#"sig1=("@method"){PARAMS};tag="other""#);
    assert_eq!(Some(Code::SignatureMalformed), read(&tagged, SIGNATURE).err());
}

#[test]
fn what_is_not_exactly_one_signature_for_us_is_refused() {
    let refused = [
        String::new(),
        "sig1".to_owned(),
        "sig1=1".to_owned(),
        "sig1=()".to_owned(),
        format!(r#"sig1=("@method"){PARAMS}, sig1=("@method"){PARAMS}"#),
        format!(r#"sig1=("@method"){PARAMS}, sig2=("@method"){PARAMS}"#),
        format!(r#"sig2=("@method"){PARAMS}"#),
        format!(r#"sig1=("@method" "@method"){PARAMS}"#),
        format!(r#"sig2=("@method"){PARAMS}, sig3=("@method"){PARAMS}"#),
        format!(r#"sig1=("@query-param"){PARAMS}"#),
        format!(r#"sig1=("date";tr){PARAMS}"#),
        format!(r#"sig1=("date";bs;sf){PARAMS}"#),
        format!(r#"sig1=("date";sf="yes"){PARAMS}"#),
        format!(r#"sig1=("date";req;bs "date";bs;req){PARAMS}"#),
        format!(r#"sig1=("date";colour){PARAMS}"#),
        format!(r#"sig1=("@method";sf){PARAMS}"#),
        format!(r#"sig1=("@status";req){PARAMS}"#),
        format!(r#"sig1=("@signature-params"){PARAMS}"#),
        format!(r#"sig1=("Date"){PARAMS}"#),
        format!(r#"sig1=("x_y"){PARAMS}"#),
        format!(r"sig1=(@method){PARAMS}"),
        format!(r#"sig1=("@method"){PARAMS};created=2"#),
        format!(r#"sig1=("@method"){PARAMS};x=1"#),
        r#"sig1=("@method");created="1";keyid="k";nonce="0123456789abcdef""#.to_owned(),
        r#"sig1=("@method");created=-1;keyid="k";nonce="0123456789abcdef""#.to_owned(),
        r#"sig1=("@method");created=1;keyid="k";nonce="short""#.to_owned(),
        r#"sig1=("@method");created=1;keyid="k""#.to_owned(),
        r#"sig1=("@method");created=1;nonce="0123456789abcdef""#.to_owned(),
        r#"sig1=("@method");keyid="k";nonce="0123456789abcdef""#.to_owned(),
        format!(r"sig1=({}){PARAMS}", (0..65).map(|n| format!("\"x-{n}\"")).collect::<Vec<_>>().join(" ")),
        format!(r#"sig1=("@method");created=1;keyid="{}";nonce="0123456789abcdef""#, "k".repeat(257)),
    ];
    for input in refused {
        assert_eq!(Some(Code::SignatureMalformed), read(&input, SIGNATURE).err(), "{input}");
    }
    assert!(
        read(
            &format!(r"sig1=({}){PARAMS}", (0..64).map(|n| format!("\"x-{n}\"")).collect::<Vec<_>>().join(" ")),
            SIGNATURE
        )
        .is_ok()
    );
}

#[test]
fn a_signature_has_one_text() {
    let input = format!(r#"sig1=("@method"){PARAMS}"#);
    assert!(read(&input, SIGNATURE).is_ok());
    for signature in [
        "",
        "sig1",
        "sig1=1",
        "sig1=::;x=1",
        "sig2=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
        "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:",
        "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=:",
        "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
        "sig1=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, sig2=:AAAA:",
    ] {
        assert_eq!(Some(Code::SignatureMalformed), read(&input, signature).err(), "{signature}");
    }
}

/// Failure history B4: a signature over nothing, or not over the query.
#[test]
fn a_signature_over_less_than_the_policy_is_refused() {
    let verdict = |components: &str| {
        let (input, _) = read(&format!("sig1=({components}){PARAMS}"), SIGNATURE).expect("well formed");
        input.check_coverage(&policy().components).map_err(|error| error.code)
    };
    assert_eq!(Ok(()), verdict(r#""@method" "@authority" "@path" "@query""#));
    assert_eq!(Ok(()), verdict(r#""@query" "x-extra" "@path" "@authority" "@method""#));
    assert_eq!(Ok(()), verdict(r#""@method" "@target-uri""#));
    assert_eq!(Ok(()), verdict(r#""@method" "@authority" "@request-target""#));
    for less in [
        "",
        r#""@method""#,
        r#""@method" "@authority" "@path""#,
        r#""@target-uri""#,
        r#""@method" "@request-target""#,
        r#""@method" "host" "@path" "@query""#,
    ] {
        assert_eq!(Err(Code::NotCovered), verdict(less), "{less}");
    }
}

proptest! {
    #[test]
    fn any_octets_give_a_reading_or_a_refusal(input in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        if let Err(error) = SignatureInput::read(&input, &signature, &policy()) {
            prop_assert_eq!(Code::SignatureMalformed, error.code);
        }
    }

    #[test]
    fn near_misses_give_a_reading_or_a_refusal(place in 0usize..120, octet in any::<u8>()) {
        let mut input = format!(r#"sig1=("@method" "@authority" "@path" "@query"){PARAMS};alg="hmac-sha256""#).into_bytes();
        let place = place % input.len();
        input[place] = octet;
        if let Err(error) = SignatureInput::read(&input, SIGNATURE.as_bytes(), &policy()) {
            prop_assert_eq!(Code::SignatureMalformed, error.code);
        }
    }
}
