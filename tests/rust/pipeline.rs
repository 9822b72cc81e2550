use std::collections::BTreeSet;

use _native::error::{Code, Error};
use _native::fields::FieldPairs;
use _native::mac::Hash;
use _native::message_signature::Choices;
use _native::ring::KeyRing;
use _native::scheme::Scheme;
use _native::sign::ToSign;
use _native::target::{Origin, Target};
use _native::verify::{Received, Terms};
use proptest::prelude::*;

use crate::mac::{key, ring};

const KEY: &[u8] = b"a key of more than 16 octets";
const NONCE: &str = "0123456789abcdef";
const NOW: i64 = 1_800_000_000;

struct Message {
    method: Vec<u8>,
    target: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn scheme() -> Scheme {
    Scheme::message("rfc9421".into(), Choices::default(), Some(&BTreeSet::new())).expect("a scheme")
}

fn origin() -> Origin {
    Origin::parse("https://api.shop.example").expect("an origin")
}

fn pairs(fields: &[(String, Vec<u8>)]) -> FieldPairs {
    let mut pairs = FieldPairs::default();
    for (name, value) in fields {
        pairs.push(name.as_bytes(), value);
    }
    pairs
}

fn signed(body: &[u8]) -> Message {
    let target = b"/orders/7?dry=1&x=%20".to_vec();
    let mut fields = vec![("Content-Type".to_owned(), b"application/json".to_vec())];
    let parsed = Target::parse(&target).expect("a target");
    let unsigned = pairs(&fields);
    let to_sign = ToSign {
        method: b"POST",
        target: &parsed,
        fields: &unsigned,
        origin: Some(&origin()),
        params: &[],
        body,
        expires: None,
        methods: &[],
        upload: None,
    };
    let added = scheme().sign(to_sign, &key(KEY), Some("acme"), NOW, NONCE).expect("signed").fields;
    fields.extend(added.into_iter().map(|(name, value)| (name, value.into_bytes())));
    Message { method: b"POST".to_vec(), target, fields, body: body.to_vec() }
}

fn verdict(message: &Message, ring: &KeyRing, now: i64) -> Result<Vec<String>, Error> {
    let scheme = scheme();
    let fields = pairs(&message.fields);
    let target = Target::parse(&message.target);
    let terms =
        Terms { now: now * 1000, max_age: 300, body_limit: 1 << 20, uncovered_query: false, uncovered_body: false };
    let target = target.as_ref().map_err(Clone::clone);
    let received = Received { method: &message.method, target, fields: &fields, origin: None, params: &[] };
    let mut claim = scheme.claim(received, &[origin()], terms)?;
    scheme.prove(&mut claim, ring, Some(&message.body), terms.body_limit)?;
    Ok(scheme.covered(&scheme.proven(&claim)).into_iter().map(str::to_owned).collect())
}

fn acme() -> KeyRing {
    ring(&[(Some("acme"), &[KEY])])
}

#[test]
fn what_was_signed_is_verified_and_says_what_it_covers() {
    let covered = verdict(&signed(b"{}"), &acme(), NOW).expect("verified");
    assert_eq!(vec!["@method", "@authority", "@path", "@query", "content-type", "content-digest", "body"], covered);
    let covered = verdict(&signed(b""), &acme(), NOW).expect("verified");
    assert_eq!(vec!["@method", "@authority", "@path", "@query"], covered);
}

#[test]
fn every_bit_of_what_is_covered_counts() {
    let mut tried = 0;
    for part in 0..4 {
        for bit in 0.. {
            let mut message = signed(b"{\"a\":1}");
            let octets = match part {
                0 => &mut message.method,
                1 => &mut message.target,
                2 => &mut message.body,
                _ => &mut message.fields.iter_mut().find(|(name, _)| name == "Signature-Input").expect("a field").1,
            };
            if bit / 8 >= octets.len() {
                break;
            }
            octets[bit / 8] ^= 1 << (bit % 8);
            assert!(verdict(&message, &acme(), NOW).is_err(), "part {part} bit {bit}");
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
}

/// Failure history E1: one-sided windows.
#[test]
fn the_window_is_exact_on_both_sides() {
    for (now, expected) in [
        (NOW - 301, Some(Code::Expired)),
        (NOW - 300, None),
        (NOW + 300, None),
        (NOW + 301, Some(Code::Expired)),
        (NOW + 315_360_000, Some(Code::Expired)),
    ] {
        assert_eq!(expected, verdict(&signed(b""), &acme(), now).err().map(|error| error.code), "{now}");
    }
}

#[test]
fn a_body_that_no_digest_covers_is_refused() {
    let mut message = signed(b"");
    message.body = b"x".to_vec();
    assert_eq!(Some(Code::NotCovered), verdict(&message, &acme(), NOW).err().map(|error| error.code));
    let mut message = signed(b"{}");
    message.body = b"{ }".to_vec();
    assert_eq!(Some(Code::DigestMismatch), verdict(&message, &acme(), NOW).err().map(|error| error.code));
}

/// Failure history F11: the authority of somebody else, or two of them.
#[test]
fn a_host_that_is_not_the_origin_is_refused() {
    for host in [&b"evil.example"[..], b"api.shop.example:8443", b""] {
        let mut message = signed(b"");
        message.fields.retain(|(name, _)| name != "Host");
        message.fields.push(("Host".to_owned(), host.to_vec()));
        assert_eq!(Some(Code::TargetAmbiguous), verdict(&message, &acme(), NOW).err().map(|error| error.code));
    }
    let mut message = signed(b"");
    message.fields.push(("host".to_owned(), b"api.shop.example".to_vec()));
    assert_eq!(Some(Code::TargetAmbiguous), verdict(&message, &acme(), NOW).err().map(|error| error.code));
    let mut message = signed(b"");
    message.fields.retain(|(name, _)| name != "Host");
    assert!(verdict(&message, &acme(), NOW).is_ok(), "no Host at all: the origin is configured");
}

#[test]
fn a_content_length_over_the_limit_is_refused_before_any_key() {
    let nobody = ring(&[(Some("other"), &[b"some other key, 16+"])]);
    let mut message = signed(b"");
    message.fields.push(("Content-Length".to_owned(), b"1048577".to_vec()));
    assert_eq!(Some(Code::BodyTooLarge), verdict(&message, &nobody, NOW).err().map(|error| error.code));
    message.fields.last_mut().expect("a field").1 = b"1048576".to_vec();
    assert_eq!(Some(Code::UnknownKey), verdict(&message, &nobody, NOW).err().map(|error| error.code));
}

#[test]
fn the_hash_of_a_scheme_is_its_own() {
    assert_eq!(Hash::Sha256, scheme().hash());
}

proptest! {
    /// Any octets anywhere: a verdict, never a panic; and never an acceptance, since one part is random.
    #[test]
    fn any_octets_give_a_refusal(part in 0usize..8, octets in any::<Vec<u8>>()) {
        let mut message = signed(b"{}");
        match part {
            0 => message.method.clone_from(&octets),
            1 => message.target.clone_from(&octets),
            2 => message.body.clone_from(&octets),
            _ => {
                let place = part % message.fields.len();
                message.fields[place].1.clone_from(&octets);
            }
        }
        let unchanged = signed(b"{}");
        let same = message.method == unchanged.method && message.target == unchanged.target && message.body == unchanged.body && message.fields == unchanged.fields;
        prop_assert!(same || verdict(&message, &acme(), NOW).is_err());
    }
}
