//! Template schemes with the key known: a digit for the scheme, then a message. What is accepted is judged by a base
//! that is put together here, by hand. `{HEX}` and `{URL}` in a field stand for the right signature.
#![no_main]

use std::sync::LazyLock;

use _native::claims::Claims;
use _native::content::Content;
use _native::error::Code;
use _native::fields::{FieldName, Fields, is_token};
use _native::grammar::Grammar;
use _native::json::Form;
use _native::key::KeyForm;
use _native::mac::Hash;
use _native::request::Request;
use _native::ring::KeyRing;
use _native::scheme::Scheme;
use _native::sign::ToSign;
use _native::target::Target;
use _native::template::Template;
use _native::templates::Carriers;
use base64ct::{Base64UrlUnpadded, Encoding};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::json::Tree;
use sealgate_fuzz::{ACME, MAX_AGE, Message, NOW, ORIGIN, RING, percent_decoded, verdict};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

struct Case {
    scheme: Scheme,
    base: &'static str,
    fields: &'static [(&'static str, Option<char>, &'static str)],
    by_hand: fn(&Message, &Claims) -> Vec<u8>,
    covers_query: bool,
}

static ANONYMOUS: LazyLock<KeyRing> =
    LazyLock::new(|| KeyRing::new(vec![(None, vec![ACME.clone()])], Zeroizing::new(vec![0xD7; 32])).expect("a ring"));

static CASES: LazyLock<[Case; 9]> = LazyLock::new(|| {
    [
        case("{body}", &[("X-Signature", None, "{signature:hex}")], |message, _| message.body.clone(), false),
        case(
            "{@method}\n{@path}\n{header:host}\n{header:content-type?}\n{@query:sorted}\n{body}",
            &[("X-Signature", None, "{signature:hex}")],
            |message, _| {
                let (path, query) = message.target_parts();
                let field = |name| message.values(name).concat();
                lines(&[&message.method, path, &field("host"), &field("content-type"), &sorted(query), &message.body])
            },
            true,
        ),
        case(
            "{created}.{body}",
            &[("Stripe-Signature", Some(','), "t={created},v1={signature:hex}")],
            |message, claims| [created(claims), b".", &message.body].concat(),
            false,
        ),
        case(
            "v0:{created}:{body}",
            &[("X-Request-Timestamp", None, "{created}"), ("X-Signature", None, "v0={signature:hex}")],
            |message, claims| [b"v0:", created(claims), b":", &message.body].concat(),
            false,
        ),
        case(
            "{key_id}\n{nonce}\n{created}\n{@method}\n{@target-uri}\n{header:x-extra?}\n{body:sha256:hex}",
            &[("Authorization", None, "HMAC id={key_id};n={nonce};t={created:ms};s={signature:base64url}")],
            |message, claims| {
                let (path, query) = message.target_parts();
                let mark: &[u8] = if query.is_empty() { b"" } else { b"?" };
                let uri = [b"https://api.shop.example", path, mark, query].concat();
                let text = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
                let digest = base16ct::lower::encode_string(&Sha256::digest(&message.body));
                let extra = message.values("x-extra").concat();
                let (id, nonce) = (text(&claims.key_id), text(&claims.nonce));
                lines(&[&id, &nonce, created(claims), &message.method, &uri, &extra, digest.as_bytes()])
            },
            true,
        ),
        case(
            "{body:jcs}",
            &[("X-Signature", None, "{signature:hex}")],
            |message, _| canonical(message, Form::Jcs),
            false,
        ),
        case(
            "{created}:{body:pyjson}",
            &[("X-Signature", Some(','), "t={created},v1={signature:hex}")],
            |message, claims| [created(claims), b":", &canonical(message, Form::Pyjson)].concat(),
            false,
        ),
        case(
            "{json:/b}\n{json:/a~1/c:text}",
            &[("X-Signature", None, "{signature:hex}")],
            |message, _| {
                let tree = Tree::read(&message.body).expect("accepted, and not JSON");
                let Some(Tree::Text(text)) = member(&tree, "a/").and_then(|inner| member(inner, "c")) else {
                    panic!("accepted, and no string")
                };
                let first = member(&tree, "b").and_then(|value| value.canonical(Form::Jcs, false));
                lines(&[first.expect("accepted, and absent").as_bytes(), text.as_bytes()])
            },
            false,
        ),
        case(
            "{json:/a/0/b}\n{json:/a/0/c:text?}\n{json:/d:text}",
            &[("X-Signature", None, "{signature:hex}")],
            |message, _| {
                let tree = Tree::read(&message.body).expect("accepted, and not JSON");
                let Some(Tree::Array(elements)) = member(&tree, "a") else { panic!("accepted, and no array") };
                let [element] = &elements[..] else { panic!("accepted, and others are lost") };
                let first = member(element, "b").and_then(|value| value.canonical(Form::Jcs, false));
                let second = match member(element, "c") {
                    None => "",
                    Some(Tree::Text(text)) if !text.is_empty() => text,
                    Some(_) => panic!("accepted, and signed as none"),
                };
                let Some(Tree::Text(last)) = member(&tree, "d") else { panic!("accepted, and no string") };
                lines(&[first.expect("accepted, and absent").as_bytes(), second.as_bytes(), last.as_bytes()])
            },
            false,
        ),
    ]
});

fuzz_target!(|text: &[u8]| {
    let Some((digit, text)) = text.split_first() else { return };
    let case = &CASES[usize::from(digit.wrapping_sub(b'0')) % CASES.len()];
    let mut message = Message::parse(text);
    round_trip(case, &message);
    if message.has_placeholder() {
        sign(case, &mut message);
    }
    let ring = if case.scheme.names_key() { &*RING } else { &*ANONYMOUS };
    let Ok(accepted) = verdict(&case.scheme, &message, ring) else { return };
    let claims = accepted.claim.claims();
    let signature = ACME.sign(Hash::Sha256, &(case.by_hand)(&message, claims));
    let encoded =
        [base16ct::lower::encode_string(signature.octets()), Base64UrlUnpadded::encode_string(signature.octets())];
    let (own, _, _) = case.fields.last().expect("a field");
    let [carried] = message.values(&own.to_ascii_lowercase())[..] else { panic!("the field occurs twice") };
    let carried = String::from_utf8_lossy(carried);
    assert!(encoded.iter().any(|text| carried.contains(text)), "accepted, and nobody signed it: {message:?}");
    assert!(case.covers_query || message.target_parts().1.is_empty(), "a query that nothing covers");
    assert!(case.covers_query || !message.body.is_empty(), "nothing is covered");
    assert_eq!(claims.key_id.as_deref(), RING.key_id(accepted.signer).filter(|_| case.scheme.names_key()));
    if let Some(created) = &claims.created {
        assert!((message.now * 1000 - created.milliseconds).abs() <= MAX_AGE * 1000);
        assert!(accepted.replay.is_some_and(|(_, expires)| expires > message.now));
    }
});

/// What we sign we verify, unless the message has a part that the scheme does not cover.
fn round_trip(case: &Case, message: &Message) {
    let plain = |name: &[u8]| name == b"content-type" || name == b"x-extra";
    let mut message = Message { now: NOW, ..message.clone() };
    message.fields.retain(|(name, _)| plain(name));
    let Ok(target) = Target::parse(&message.target) else { return };
    if message.method.is_empty() || !message.method.iter().all(|octet| is_token(*octet)) {
        return;
    }
    let fields = message.pairs();
    let to_sign = ToSign {
        method: &message.method,
        target: &target,
        fields: &fields,
        origin: Some(&ORIGIN),
        params: &[],
        body: &message.body,
        expires: None,
        methods: &[],
        upload: None,
    };
    let key_id = case.scheme.names_key().then_some("acme");
    let Ok(signed) = case.scheme.sign(to_sign, &ACME, key_id, NOW, "0123456789abcdef") else { return };
    message.fields.extend(signed.fields.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())));
    let ring = if key_id.is_some() { &*RING } else { &*ANONYMOUS };
    if let Err(error) = verdict(&case.scheme, &message, ring) {
        assert_eq!(Code::NotCovered, error.code, "{error}");
    }
}

/// Puts the right signature where the message has a placeholder for it.
fn sign(case: &Case, message: &mut Message) {
    let mut zeros = message.clone();
    zeros.fill(&[0; 32]);
    let pairs = zeros.pairs();
    let mut claims = Claims::default();
    for (name, separator, text) in case.fields {
        let value = FieldName::parse(name).and_then(|name| pairs.get(&name));
        let Ok(Some(value)) = value else { return };
        if grammar(*separator, text).read(&value, Hash::Sha256, &mut claims).is_err() {
            return;
        }
    }
    let Ok(target) = Target::parse(&message.target) else { return };
    let request =
        Request { method: &message.method, target: &target, fields: &pairs, origin: Some(&ORIGIN), params: &[] };
    let base = Template::parse_base(case.base).expect("a base");
    let Ok(read) = case.scheme.read_signed(&message.body) else { return };
    let content = Content::new(&message.body, read.as_ref());
    if let Ok(rendered) = base.render(&request, &claims) {
        let mut octets = Vec::new();
        rendered.write(content, &mut octets);
        message.fill(ACME.sign(Hash::Sha256, &octets).octets());
    }
}

fn case(
    base: &'static str,
    fields: &'static [(&'static str, Option<char>, &'static str)],
    by_hand: fn(&Message, &Claims) -> Vec<u8>,
    covers_query: bool,
) -> Case {
    let own = fields.iter().map(|(name, separator, text)| ((*name).to_owned(), grammar(*separator, text))).collect();
    let carriers = Carriers { fields: own, ..Carriers::default() };
    let scheme = Scheme::template("own".into(), Hash::Sha256, KeyForm::Text, &[base.to_owned()], carriers, None, false)
        .expect("a scheme");
    Case { scheme, base, fields, by_hand, covers_query }
}

fn grammar(separator: Option<char>, text: &str) -> Grammar {
    let template = |text| Template::parse_field(text).expect("a field");
    match separator {
        None => Grammar::Whole(template(text)),
        Some(separator) => Grammar::Members(separator.to_string(), text.split(separator).map(template).collect()),
    }
}

fn lines(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&b'\n')
}

fn member<'a>(tree: &'a Tree, wanted: &str) -> Option<&'a Tree> {
    let Tree::Object(members) = tree else { return None };
    members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}

/// What is signed of a body that was accepted; of none, nothing.
fn canonical(message: &Message, form: Form) -> Vec<u8> {
    if message.body.is_empty() {
        return Vec::new();
    }
    let content_type = message.values("content-type").concat().to_ascii_lowercase();
    assert!(content_type.starts_with(b"application/") && message.values("content-encoding").is_empty());
    let tree = Tree::read(&message.body).expect("accepted, and not JSON");
    tree.canonical(form, false).expect("accepted, and without a canonical form").into_bytes()
}

fn created(claims: &Claims) -> &[u8] {
    claims.created.as_ref().map_or(b"", |created| created.text.as_bytes())
}

/// Stable, by the decoded name; a name that cannot be decoded is taken as it is.
fn sorted(query: &[u8]) -> Vec<u8> {
    let name = |piece: &&[u8]| {
        let name: Vec<u8> = piece.iter().take_while(|octet| **octet != b'=').copied().collect();
        let spaced: Vec<u8> = name.into_iter().map(|octet| if octet == b'+' { b' ' } else { octet }).collect();
        percent_decoded(&spaced).unwrap_or(spaced)
    };
    let mut pieces: Vec<&[u8]> = query.split(|octet| *octet == b'&').collect();
    pieces.sort_by_key(name);
    pieces.join(&b'&')
}
