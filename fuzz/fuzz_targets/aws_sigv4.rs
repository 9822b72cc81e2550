//! AWS Signature Version 4: a digit for the scheme, then two messages, with an octet 0x1E between. Neither is accepted as it
//! stands; the first is once we have signed it; with that signature the second is only if it says the same.
#![no_main]

use std::sync::LazyLock;

use _native::aws_sigv4::{AwsSigV4, PathRule};
use _native::error::Code;
use _native::fields::is_token;
use _native::scheme::Scheme;
use _native::sign::ToSign;
use _native::target::Target;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ACME, Message, NOW, ORIGIN, RING, cut, percent_decoded, verdict};

static SCHEMES: LazyLock<[Scheme; 4]> = LazyLock::new(|| {
    let scheme = |path, presigned, unsigned| {
        let name = |name: &str| Some(vec![name.to_owned()]);
        let form = AwsSigV4::new(name("us-east-1"), name("service"), path, presigned, unsigned).expect("a form");
        Scheme::aws_sigv4("aws-sigv4".into(), form, None).expect("a scheme")
    };
    [
        scheme(PathRule::General, None, false),
        scheme(PathRule::S3, None, true),
        scheme(PathRule::General, Some(3600), false),
        scheme(PathRule::S3, Some(3600), true),
    ]
});

fuzz_target!(|text: &[u8]| {
    let Some((digit, text)) = text.split_first() else { return };
    let scheme = &SCHEMES[usize::from(digit.wrapping_sub(b'0')) % SCHEMES.len()];
    let (first, second) = cut(text, 0x1E);
    let (first, second) = (Message::parse(first), Message::parse(second));
    for message in [&first, &second] {
        assert!(verdict(scheme, message, &RING).is_err(), "accepted, and nobody signed it: {message:?}");
    }
    let Some((fields, parameters)) = signed(scheme, &first) else { return };
    let one = with_signature(&first, &fields, &parameters);
    if let Err(error) = verdict(scheme, &one, &RING) {
        // Something beside the signature may be wrong with it, such as its length or its host.
        let ours = [Code::InvalidSignature, Code::UnknownKey, Code::Expired, Code::DigestMismatch];
        assert!(!ours.contains(&error.code), "{error}: {one:?}");
        return;
    }
    let other = with_signature(&second, &fields, &parameters);
    if verdict(scheme, &other, &RING).is_ok() {
        let ((path, query), (same, alike)) = (one.target_parts(), other.target_parts());
        assert_eq!((&one.method, path, &one.body), (&other.method, same, &other.body));
        assert_eq!(pairs(query), pairs(alike));
        for name in ["host", "content-type", "x-amz-date", "x-amz-meta-a", "x-amz-content-sha256"] {
            if name != "content-type" || !one.body.is_empty() {
                assert_eq!(words(&one, name), words(&other, name));
            }
        }
    }
});

/// The fields that we add, and what we add to the query.
fn signed(scheme: &Scheme, message: &Message) -> Option<(Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>)> {
    let target = Target::parse(&message.target).ok()?;
    if message.method.is_empty() || !message.method.iter().all(|octet| is_token(*octet)) {
        return None;
    }
    let own = ["authorization", "x-amz-date", "x-amz-content-sha256"];
    if own.iter().any(|name| !message.values(name).is_empty()) {
        return None;
    }
    let (fields, origin) = (message.pairs(), Some(&*ORIGIN));
    let (method, body) = (message.method.as_slice(), message.body.as_slice());
    let to_sign = ToSign {
        method,
        target: &target,
        fields: &fields,
        origin,
        params: &[],
        body,
        expires: None,
        methods: &[],
        upload: None,
    };
    let signed = scheme.sign(to_sign, &ACME, Some("acme"), NOW, "").ok()?;
    let fields = signed.fields.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect();
    let added = signed.target.unwrap_or_default();
    let start = added.windows(16).rposition(|window| window == b"X-Amz-Algorithm=").unwrap_or(added.len());
    // An earlier signature in the query, and pieces of nothing, are not kept.
    if !added.is_empty() && added[..start.saturating_sub(1)] != target.text() {
        return None;
    }
    Some((fields, added[start..].to_vec()))
}

fn with_signature(message: &Message, fields: &[(Vec<u8>, Vec<u8>)], parameters: &[u8]) -> Message {
    let mut message = Message { now: NOW, ..message.clone() };
    message.fields.extend_from_slice(fields);
    if !parameters.is_empty() {
        let (path, query) = message.target_parts();
        let mark: &[u8] = if query.is_empty() { b"" } else { b"&" };
        message.target = [path, b"?", query, mark, parameters].concat();
    }
    message
}

/// What a reader of forms makes of a query, in an order of its own.
fn pairs(query: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let read = |text: &[u8]| {
        let spaced: Vec<u8> = text.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
        percent_decoded(&spaced).expect("accepted, and malformed")
    };
    let pairs = query.split(|octet| *octet == b'&').map(|piece| cut(piece, b'='));
    let mut pairs: Vec<_> = pairs.map(|(name, value)| (read(name), read(value))).collect();
    pairs.sort();
    pairs
}

/// A field's value, but for how many blanks there are between its words.
fn words(message: &Message, name: &str) -> Vec<Vec<u8>> {
    let value = message.values(name).concat();
    value.split(|octet| *octet == b' ').filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
}
