//! Signature-Input and Signature, read and written: a line each.
#![no_main]

use std::sync::LazyLock;

use _native::claims::Claims;
use _native::content::Content;
use _native::error::Code;
use _native::fields::FieldPairs;
use _native::message_signature::{Choices, Message, Policy, SignatureInput};
use _native::request::Request;
use _native::target::Target;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ORIGIN, cut, signature as octets};

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let components = Some(vec!["@method".to_owned()]);
    Policy::new(Choices { components, ..Choices::default() }).expect("a policy")
});

fuzz_target!(|text: &[u8]| {
    let (input, signature) = cut(text, b'\n');
    same_reading(input, signature);
    match SignatureInput::read(input, signature, &POLICY) {
        Err(error) => assert_eq!(Code::SignatureMalformed, error.code),
        Ok((read, claims)) => {
            assert_eq!(1, claims.given);
            let [(_, input), (_, zeros)] = read.write(&octets(0));
            if let [right_size] = &claims.signatures[..] {
                let [_, (_, written)] = read.write(right_size);
                let (written, members) = (written.as_bytes(), signature.split(|octet| b", \t".contains(octet)));
                assert_eq!(1, members.filter(|member| *member == written).count(), "a second text of one signature");
            }
            let signature = zeros.as_bytes();
            let (again, same) = SignatureInput::read(input.as_bytes(), signature, &POLICY).expect("our own text");
            assert_eq!(read.components, again.components);
            assert_eq!(parameters(&claims), parameters(&same));
            assert_eq!(base(&read), base(&again));
            let needed = &POLICY.components;
            assert_eq!(read.check_coverage(needed), again.check_coverage(needed));
        }
    }
});

/// A blank that means nothing, and which signers do not write, leaves the field to the parser of structured fields.
fn same_reading(input: &[u8], signature: &[u8]) {
    let list = input.iter().position(|octet| *octet == b'(').map_or(input.len(), |place| place + 1);
    let blank = [&input[..list], b" ", &input[list..]].concat();
    match (SignatureInput::read(input, signature, &POLICY), SignatureInput::read(&blank, signature, &POLICY)) {
        (Ok((read, claims)), Ok((same, others))) => {
            let texts = |read: &SignatureInput| read.components.iter().map(|one| one.text().to_owned()).collect();
            let (covered, again): (Vec<String>, Vec<String>) = (texts(&read), texts(&same));
            assert_eq!(covered, again);
            assert_eq!(parameters(&claims), parameters(&others));
            assert_eq!(base(&read), base(&same));
        }
        (Err(_), Err(_)) => {}
        _ => panic!("one of two texts of one field is refused"),
    }
}

fn parameters(claims: &Claims) -> (&Option<String>, &Option<String>, Option<i64>, Option<i64>) {
    let milliseconds = |time: &_native::times::Time| time.milliseconds;
    let (created, expires) = (claims.created.as_ref(), claims.expires.as_ref());
    (&claims.key_id, &claims.nonce, created.map(milliseconds), expires.map(milliseconds))
}

fn base(input: &SignatureInput) -> Option<Vec<u8>> {
    let mut fields = FieldPairs::default();
    fields.push(b"Date", b"Tue, 20 Apr 2021 02:07:55 GMT");
    fields.push(b"Priority", b"u=1,i;x=\"y\", z=(a  b)");
    let target = Target::parse(b"/foo?param=value&a=%20+%zz").expect("a target");
    let request = Request { method: b"POST", target: &target, fields: &fields, origin: Some(&ORIGIN), params: &[] };
    let mut octets = Vec::new();
    input.signature_base(&Message::Request(request), &POLICY).ok()?.write(Content::received(b""), &mut octets);
    Some(octets)
}
