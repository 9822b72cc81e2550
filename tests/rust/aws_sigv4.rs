use _native::aws_sigv4::{AwsSigV4, PathRule};
use _native::error::{Code, Error};
use _native::fields::FieldPairs;
use _native::scheme::Scheme;
use _native::sign::ToSign;
use _native::target::{Origin, Target};
use _native::verify::{Received, Terms};
use proptest::prelude::*;

use crate::mac::{key, ring};

const KEY: &[u8] = b"a key of more than 16 octets";
const NOW: i64 = 1_800_000_000;

#[derive(Clone, Default)]
struct Message {
    method: Vec<u8>,
    target: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn scheme(presigned: Option<i64>) -> Scheme {
    let name = |name: &str| Some(vec![name.to_owned()]);
    let form = AwsSigV4::new(name("us-east-1"), name("service"), PathRule::General, presigned, false).expect("a form");
    Scheme::aws_sigv4("aws-sigv4".into(), form, None).expect("a scheme")
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

fn signed(scheme: &Scheme) -> Message {
    let fields = vec![
        ("Host".to_owned(), b"api.shop.example".to_vec()),
        ("Content-Type".to_owned(), b"application/json".to_vec()),
        ("X-Amz-Meta-A".to_owned(), b"1".to_vec()),
    ];
    let message =
        Message { method: b"POST".to_vec(), target: b"/a%20b/c?y=1&x=%20".to_vec(), fields, body: b"{}".to_vec() };
    let target = Target::parse(&message.target).expect("a target");
    let unsigned = pairs(&message.fields);
    let (method, body, origin) = (message.method.as_slice(), message.body.as_slice(), origin());
    let to_sign = ToSign {
        method,
        target: &target,
        fields: &unsigned,
        origin: Some(&origin),
        params: &[],
        body,
        expires: None,
        methods: &[],
        upload: None,
    };
    let signed = scheme.sign(to_sign, &key(KEY), Some("acme"), NOW, "").expect("signed");
    let added = signed.fields.into_iter().map(|(name, value)| (name, value.into_bytes()));
    let target = signed.target.unwrap_or(message.target);
    Message { target, fields: message.fields.into_iter().chain(added).collect(), ..message }
}

/// The authorization without its blanks, and the path and the query as a form is read, in an order of its own.
fn meaning(message: &Message) -> (String, String, Vec<String>) {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (path, query) =
        text(&message.target).split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap_or_default();
    let mut pairs: Vec<String> = query.split('&').map(decoded).collect();
    pairs.sort();
    (text(&message.fields.last().expect("a field").1).replace(' ', ""), path, pairs)
}

/// `name=value` without escapes.
fn decoded(pair: &str) -> String {
    let pair = if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") };
    let mut pieces = pair.split('%');
    let mut text = pieces.next().unwrap_or_default().replace('+', " ");
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        text.push(char::from(u8::from_str_radix(digits, 16).expect("digits")));
        text.push_str(&rest.replace('+', " "));
    }
    text
}

fn verdict(scheme: &Scheme, message: &Message, now: i64) -> Result<Vec<String>, Error> {
    let fields = pairs(&message.fields);
    let target = Target::parse(&message.target);
    let terms =
        Terms { now: now * 1000, max_age: 300, body_limit: 1 << 20, uncovered_query: false, uncovered_body: false };
    let target = target.as_ref().map_err(Clone::clone);
    let received = Received { method: &message.method, target, fields: &fields, origin: None, params: &[] };
    let mut claim = scheme.claim(received, &[origin()], terms)?;
    scheme.prove(&mut claim, &ring(&[(Some("acme"), &[KEY])]), Some(&message.body), terms.body_limit)?;
    Ok(scheme.covered(&scheme.proven(&claim)).into_iter().map(str::to_owned).collect())
}

#[test]
fn what_was_signed_is_verified_and_says_what_it_covers() {
    let own = ["@method", "@path", "@query", "content-type", "host"];
    let covered = |presigned| verdict(&scheme(presigned), &signed(&scheme(presigned)), NOW).expect("verified");
    assert_eq!([&own[..], &["x-amz-date", "x-amz-meta-a", "body"]].concat(), covered(None));
    assert_eq!([&own[..], &["x-amz-meta-a", "body"]].concat(), covered(Some(60)));
}

/// But for the case of the second digit of an escape in the query, which says the same.
#[test]
fn every_bit_of_what_is_signed_counts() {
    for presigned in [None, Some(60)] {
        let scheme = scheme(presigned);
        let original = signed(&scheme);
        let mut tried = 0;
        for part in 0..3 + original.fields.len() {
            for bit in 0.. {
                let mut message = original.clone();
                let octets = match part {
                    0 => &mut message.method,
                    1 => &mut message.target,
                    2 => &mut message.body,
                    _ => &mut message.fields[part - 3].1,
                };
                if bit / 8 >= octets.len() {
                    break;
                }
                let before = octets[bit / 8];
                octets[bit / 8] ^= 1 << (bit % 8);
                let is_case = before.eq_ignore_ascii_case(&octets[bit / 8]);
                let is_escaped = bit / 8 >= 2 && octets[bit / 8 - 2] == b'%';
                let says_the_same = part == 1 && is_case && is_escaped;
                assert!(verdict(&scheme, &message, NOW).is_err() || says_the_same, "part {part} bit {bit}");
                tried += 1;
            }
        }
        assert!(tried > 1_500, "{tried}");
    }
}

#[test]
fn a_presigned_target_ends_with_its_own_life_and_not_with_the_age() {
    let scheme = scheme(Some(3600));
    let message = signed(&scheme);
    for (now, expected) in
        [(NOW - 301, Some(Code::Expired)), (NOW - 300, None), (NOW + 3600, None), (NOW + 3601, Some(Code::Expired))]
    {
        assert_eq!(expected, verdict(&scheme, &message, now).err().map(|error| error.code), "{now}");
    }
}

proptest! {
    #[test]
    fn any_octets_give_a_verdict(
        method in "[A-Z]{1,4}",
        target in prop::collection::vec(any::<u8>(), 0..60),
        fields in prop::collection::vec(("(?i)(authorization|x-amz-date|host|x-amz-[a-z_]{1,9})", any::<Vec<u8>>()), 0..5),
        presigned in prop::option::of(1_i64..9),
    ) {
        let message = Message { method: method.into_bytes(), target, fields, body: Vec::new() };
        prop_assert!(verdict(&scheme(presigned), &message, NOW).is_err());
    }

    /// A field or query that is near to the right one: the forms behind the first letters are reached.
    #[test]
    fn any_change_of_a_right_signature_is_a_refusal(
        presigned in prop::option::of(1_i64..9),
        at in any::<prop::sample::Index>(),
        octets in prop::collection::vec(0x20_u8..0x7F, 0..4),
        cut in 0_usize..4,
    ) {
        let scheme = scheme(presigned);
        let mut message = signed(&scheme);
        let original = message.clone();
        let text = match presigned {
            None => &mut message.fields.last_mut().expect("a field").1,
            Some(_) => &mut message.target,
        };
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, octets);
        if verdict(&scheme, &message, NOW).is_ok() {
            prop_assert_eq!(meaning(&original), meaning(&message));
        }
    }
}
