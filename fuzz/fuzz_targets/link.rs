//! Links with the key known: a digit for the kind, then a message. `{URL}` in the target stands for the right signature.
//! What is accepted, and what is refused, is judged by a reading of the link that is put together here, by hand.
#![no_main]

use std::sync::LazyLock;

use _native::fields::is_token;
use _native::grammar::Grammar;
use _native::key::KeyForm;
use _native::mac::Hash;
use _native::scheme::Scheme;
use _native::sign::ToSign;
use _native::target::Target;
use _native::template::Template;
use _native::templates::Carriers;
use base64ct::{Base64UrlUnpadded, Encoding};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ACME, MAX_AGE, Message, NOW, ORIGIN, RING, cut, percent_decoded, verdict};
use sha2::{Digest, Sha256};

const LONGEST: i64 = 604_800;
const IGNORED: [&str; 2] = ["utm_source", "g.1"];
const KEYS: [(&str, &[u8]); 3] = [
    ("acme", b"the old key of acme, 16 or more."),
    ("acme", b"the key of acme, 32 octets long."),
    ("globex", b"the key of globex, also 32 long."),
];

struct Kind {
    scheme: Scheme,
    name: &'static str,
    claims: Vec<&'static str>,
}

static KINDS: LazyLock<[Kind; 4]> = LazyLock::new(|| {
    let (once, content) = (&["nonce"][..], ["content_type", "content_length"]);
    [
        kind("signed-url", &[]),
        kind("signed-url-once", once),
        kind("signed-upload", &[&content[..], &["content_digest"]].concat()),
        kind("signed-upload-any", &content),
    ]
});

fuzz_target!(|text: &[u8]| {
    let Some((digit, text)) = text.split_first() else { return };
    let kind = &KINDS[usize::from(digit.wrapping_sub(b'0')) % KINDS.len()];
    let mut message = Message::parse(text);
    // Whom it is for is another target's.
    message.fields.retain(|(name, _)| name.starts_with(b"content"));
    fill(kind, &mut message);
    let accepted = verdict(&kind.scheme, &message, &RING);
    let judged = judge(kind, &message);
    assert_eq!(judged.is_some(), accepted.is_ok(), "{:?} {message:?}", accepted.err());
    if let (Some(proven), Ok(accepted)) = (judged, accepted) {
        assert_eq!(proven, accepted.claim.proven_query().unwrap_or(cut(&message.target, b'?').1));
        assert_eq!(accepted.replay.is_some(), kind.name.ends_with("once"));
    }
    round_trip(kind, &message);
});

/// The query that is proven; None where the message is to be refused.
fn judge<'a>(kind: &Kind, message: &'a Message) -> Option<&'a [u8]> {
    let (path, query) = cut(&message.target, b'?');
    let plain = |octet: &u8| (0x21..0x7F).contains(octet) && *octet != b'#';
    let is_target = path.starts_with(b"/") && !path.starts_with(b"//") && message.target.iter().all(plain);
    if !is_target || percent_decoded(path).is_none() || !is_method(&message.method) {
        return None;
    }
    let all: Vec<&[u8]> = query.split(|octet| *octet == b'&').collect();
    let mut pairs = &all[..];
    while let Some((last, rest)) = pairs.split_last()
        && let Some(name) = IGNORED.iter().find(|name| last.contains(&b'=') && cut(last, b'=').0 == name.as_bytes())
    {
        named(&all, name)?;
        pairs = rest;
    }
    let proven = &query[..pairs.join(&b'&').len()];
    let said = |name: &str| -> Option<&str> {
        let value = std::str::from_utf8(named(pairs, name)?).ok()?;
        (!value.is_empty() && value.len() <= 8192 && !value.contains(',')).then_some(value)
    };
    kind.claims.iter().chain(&["signature"]).try_for_each(|name| said(name).map(drop))?;
    let (last, rest) = pairs.split_last()?;
    let (name, given) = cut(last, b'=');
    let seconds = |name| said(name).filter(|text| text.len() <= 12 && digits(text))?.parse::<i64>().ok();
    let (created, expires) = (seconds("created")?, seconds("expires")?);
    let now = message.now;
    let in_time = now >= created - MAX_AGE && now <= expires && (1..=LONGEST).contains(&(expires - created));
    let methods = said("methods")?;
    let is_for = methods.len() <= 256 && methods.split('.').any(|one| one.as_bytes() == message.method);
    let nonce = !kind.claims.contains(&"nonce") || (16..=256).contains(&said("nonce")?.len());
    if name != b"signature" || !in_time || !is_for || !nonce || said("key_id")?.len() > 256 {
        return None;
    }
    let limit = if kind.claims.contains(&"content_type") { content(kind, message, &said)? } else { 1 << 16 };
    let length = one(message, "content-length")?;
    let declared = length.is_none_or(|length| {
        let text = String::from_utf8_lossy(length);
        text.is_empty() || digits(&text) && text.parse::<u64>().is_ok_and(|length| length <= limit)
    });
    if !declared || message.body.len() > 1 << 16 || !message.body.is_empty() && !covers_body(kind) {
        return None;
    }
    let signed = [b"https://api.shop.example", path, b"?", &rest.join(&b'&')].concat();
    let keys = KEYS.iter().filter(|(id, _)| Some(*id) == said("key_id"));
    let fits = |key: &[u8]| Base64UrlUnpadded::encode_string(&signature(kind, key, &signed)).as_bytes() == given;
    keys.map(|(_, key)| key).any(|key| fits(key)).then_some(proven)
}

/// Octets that the content may have at most, where it is the one that the link is for.
fn content<'a>(kind: &Kind, message: &Message, said: &dyn Fn(&str) -> Option<&'a str>) -> Option<u64> {
    let stated = said("content_type")?;
    let given = one(message, "content-type")??;
    let encoded: String = given.iter().map(|octet| encoded(*octet)).collect();
    let whole = one(message, "content-encoding")?.is_none() && one(message, "content-range")?.is_none();
    if stated != encoded || stated.len() > 256 || !whole {
        return None;
    }
    let text = said("content_length")?;
    let (most, exact) = text.strip_prefix("0-").map_or((text, true), |most| (most, false));
    let is_plain = digits(most) && most.len() <= 15 && (most == "0" || !most.starts_with('0'));
    let most: u64 = most.parse().ok().filter(|_| is_plain)?;
    let admits = |length: u64| length <= most && (!exact || length == most);
    let declared = match one(message, "content-length")? {
        Some(text) if !text.is_empty() => std::str::from_utf8(text).ok().filter(|text| digits(text))?.parse().ok()?,
        _ => message.body.len() as u64,
    };
    if !admits(declared) || !admits(message.body.len() as u64) {
        return None;
    }
    let digest = Base64UrlUnpadded::encode_string(&Sha256::digest(&message.body));
    (!kind.claims.contains(&"content_digest") || said("content_digest")? == digest).then_some(most.min(1 << 16))
}

fn covers_body(kind: &Kind) -> bool {
    kind.claims.contains(&"content_digest")
}

/// The value of the pair of this name; None where there is none, or several, or one in another spelling.
fn named<'a>(pairs: &[&'a [u8]], name: &str) -> Option<&'a [u8]> {
    let reads_so = |pair: &&&[u8]| percent_decoded(cut(pair, b'=').0).is_some_and(|read| read == name.as_bytes());
    let mut alike = pairs.iter().filter(reads_so);
    let (found, value) = cut(alike.next()?, b'=');
    (found == name.as_bytes() && alike.next().is_none()).then_some(value)
}

/// The value of a field; None where it occurs twice, has a twin, or holds what no field does.
fn one<'a>(message: &'a Message, name: &str) -> Option<Option<&'a [u8]>> {
    let exact = |other: &[u8]| other.eq_ignore_ascii_case(name.as_bytes());
    match message.values(name)[..] {
        [] => Some(None),
        [value] => {
            let plain = message.fields.iter().any(|(other, _)| exact(other));
            (plain && value.iter().all(|octet| (0x20..0x7F).contains(octet))).then_some(Some(value))
        }
        _ => None,
    }
}

fn encoded(octet: u8) -> String {
    match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_method(method: &[u8]) -> bool {
    !method.is_empty() && method.iter().all(|octet| is_token(*octet))
}

/// Puts the right signature where the target has a placeholder for it, by a key of acme.
fn fill(kind: &Kind, message: &mut Message) {
    let Some(at) = message.target.windows(5).position(|window| window == b"{URL}") else { return };
    let Some(end) = message.target[..at].iter().rposition(|octet| *octet == b'&') else { return };
    let signed = [b"https://api.shop.example", &message.target[..end]].concat();
    let text = Base64UrlUnpadded::encode_string(&signature(kind, KEYS[1].1, &signed));
    message.target.splice(at..at + 5, text.into_bytes());
}

/// What we sign we verify, a body where the scheme signs its digest.
fn round_trip(kind: &Kind, message: &Message) {
    let mut message = Message { now: NOW, ..message.clone() };
    if !covers_body(kind) {
        message.body.clear();
    }
    let only = |name: &[u8]| name == b"content-type";
    message.fields.retain(|(name, _)| only(name));
    let Ok(target) = Target::parse(&message.target) else { return };
    let fields = message.pairs();
    let (method, body) = (&message.method[..], &message.body[..]);
    let to_sign = ToSign {
        method,
        target: &target,
        fields: &fields,
        origin: Some(&ORIGIN),
        params: &[],
        body,
        expires: None,
        methods: &[],
        upload: None,
    };
    let Ok(signed) = kind.scheme.sign(to_sign, &ACME, Some("acme"), NOW, "0123456789abcdef") else { return };
    let made = Message { target: signed.target.expect("a link"), ..message.clone() };
    assert!(judge(kind, &made).is_some(), "signed, and to be refused: {made:?}");
    assert!(verdict(&kind.scheme, &made, &RING).is_ok(), "signed, and refused: {made:?}");
}

/// HKDF-SHA256 (RFC 5869) without salt, one block, and the HMAC of `signed` by that key.
fn signature(kind: &Kind, key: &[u8], signed: &[u8]) -> [u8; 32] {
    let mut info = Vec::new();
    for part in ["sealgate links", kind.name] {
        info.extend((part.len() as u64).to_be_bytes());
        info.extend(part.as_bytes());
    }
    info.push(1);
    hmac(&hmac(&hmac(&[0; 32], key), &info), signed)
}

/// RFC 2104, for keys of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([&block.map(|octet| octet ^ 0x36)[..], text].concat());
    Sha256::digest([&block.map(|octet| octet ^ 0x5C)[..], &inner].concat()).into()
}

fn kind(name: &'static str, more: &[&'static str]) -> Kind {
    let claims = [&["methods", "key_id", "created", "expires"][..], more].concat();
    let template = |claim: &str| match claim {
        "content_digest" => "{digest:sha256:base64url}".to_owned(),
        _ => format!("{{{claim}}}"),
    };
    let parameters = claims.iter().map(|claim| ((*claim).to_owned(), template(claim)));
    let signature = ("signature".to_owned(), "{signature:base64url}".to_owned());
    let whole = |text: &str| Grammar::Whole(Template::parse_field(text).expect("a template"));
    let query = parameters.chain([signature]).map(|(name, text)| (name, whole(&text))).collect();
    let ignored = IGNORED.map(str::to_owned).to_vec();
    let carriers = Carriers { query, longest: Some(LONGEST), ignored, ..Carriers::default() };
    let base = ["{@target-uri}".to_owned()];
    let scheme = Scheme::template(name.into(), Hash::Sha256, KeyForm::Text, &base, carriers, None, false);
    Kind { scheme: scheme.expect("a scheme"), name, claims }
}
