//! What the targets share: a message as text, the keys that are known, the verdict.

pub mod json;

use std::sync::{Arc, LazyLock};

use _native::content::Content;
use _native::error::Error;
use _native::fields::FieldPairs;
use _native::key::Key;
use _native::mac::{Hash, Signature};
use _native::ring::{KeyRing, Signer};
use _native::scheme::Scheme;
use _native::target::{Origin, Target};
use _native::verify::{Claim, Proof, Received, Terms};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

/// Unix seconds at which every message of the seeds was signed, and about which it is verified.
pub const NOW: i64 = 1_800_000_000;
/// Seconds, either way.
pub const MAX_AGE: i64 = 300;

pub static ACME: LazyLock<Arc<Key>> = LazyLock::new(|| key(b"the key of acme, 32 octets long."));
pub static GLOBEX: LazyLock<Arc<Key>> = LazyLock::new(|| key(b"the key of globex, also 32 long."));
pub static ORIGIN: LazyLock<Origin> = LazyLock::new(|| Origin::parse("https://api.shop.example").expect("an origin"));
pub static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let old = key(b"the old key of acme, 16 or more.");
    let entries =
        vec![(Some("acme".to_owned()), vec![old, ACME.clone()]), (Some("globex".to_owned()), vec![GLOBEX.clone()])];
    KeyRing::new(entries, Zeroizing::new(vec![0xD7; 32])).expect("a ring")
});

fn key(octets: &[u8]) -> Arc<Key> {
    Arc::new(Key::new(Zeroizing::new(octets.to_vec()), false, false).expect("a key"))
}

/// A request as text: `METHOD TARGET [OFFSET]`, field lines, an empty line, the body. LF ends a line; OFFSET is added to
/// `NOW` where the message is verified. Any octets are a message.
#[derive(Clone, Debug)]
pub struct Message {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: i64,
}

impl Message {
    pub fn parse(text: &[u8]) -> Self {
        let (first, mut rest) = cut(text, b'\n');
        let (method, target) = cut(first, b' ');
        let offset = target.rsplit(|octet| *octet == b' ').next().filter(|last| last.len() < target.len());
        let offset = offset.and_then(|last| Some((last.len(), std::str::from_utf8(last).ok()?.parse::<i64>().ok()?)));
        let (target, now) = match offset {
            Some((length, offset)) => (&target[..target.len() - length - 1], NOW.saturating_add(offset)),
            None => (target, NOW),
        };
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let (line, after) = cut(rest, b'\n');
            rest = after;
            if line.is_empty() {
                break;
            }
            let (name, value) = cut(line, b':');
            fields.push((name.to_vec(), value.strip_prefix(b" ").unwrap_or(value).to_vec()));
        }
        Self { method: method.to_vec(), target: target.to_vec(), fields, body: rest.to_vec(), now }
    }

    pub fn pairs(&self) -> FieldPairs {
        let mut pairs = FieldPairs::default();
        for (name, value) in &self.fields {
            pairs.push(name, value);
        }
        pairs
    }

    /// Path and query, split by hand.
    pub fn target_parts(&self) -> (&[u8], &[u8]) {
        cut(&self.target, b'?')
    }

    /// The values of every field whose name could be read as `name`, blanks around them cut off.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        let dashed = |octet: &u8| if *octet == b'_' { b'-' } else { octet.to_ascii_lowercase() };
        let wanted = |other: &[u8]| other.iter().map(dashed).eq(name.bytes());
        self.fields.iter().filter(|(other, _)| wanted(other)).map(|(_, value)| trim(value)).collect()
    }

    /// Writes a signature, in each encoding, where a field holds a placeholder: `{HEX}`, `{B64}` or `{URL}`.
    pub fn fill(&mut self, signature: &[u8]) {
        let encoded = [
            (&b"{HEX}"[..], base16ct::lower::encode_string(signature)),
            (b"{B64}", Base64::encode_string(signature)),
            (b"{URL}", Base64UrlUnpadded::encode_string(signature)),
        ];
        for (_, value) in &mut self.fields {
            for (placeholder, text) in &encoded {
                *value = replace(value, placeholder, text.as_bytes());
            }
        }
    }

    pub fn has_placeholder(&self) -> bool {
        let holds = |value: &[u8], text: &[u8]| value.windows(text.len()).any(|window| window == text);
        self.fields.iter().any(|(_, value)| [b"{HEX}", b"{B64}", b"{URL}"].iter().any(|text| holds(value, &text[..])))
    }
}

/// What was accepted.
pub struct Accepted {
    pub claim: Claim,
    pub signer: Signer,
    pub replay: Option<([u8; 32], i64)>,
    pub covered: Vec<String>,
}

/// The whole pipeline in its order.
pub fn verdict(scheme: &Scheme, message: &Message, ring: &KeyRing) -> Result<Accepted, Error> {
    let fields = message.pairs();
    let target = Target::parse(&message.target);
    let now = message.now.saturating_mul(1000);
    let terms = Terms { now, max_age: MAX_AGE, body_limit: 1 << 16, uncovered_query: false, uncovered_body: false };
    let origins = std::slice::from_ref(&*ORIGIN);
    let target = target.as_ref().map_err(Clone::clone);
    let received = Received { method: &message.method, target, fields: &fields, origin: None, params: &[] };
    let mut claim = scheme.claim(received, origins, terms)?;
    let Proof { read, signer } = scheme.prove(&mut claim, ring, Some(&message.body), terms.body_limit)?;
    let replay = scheme.replay_key(&claim, ring.key_id(signer), Content::new(&message.body, read.as_ref()));
    let covered = scheme.covered(&scheme.proven(&claim)).into_iter().map(str::to_owned).collect();
    Ok(Accepted { claim, signer, replay, covered })
}

/// A signature of 32 octets to look at.
pub fn signature(octet: u8) -> Signature {
    Signature::received(&[octet; 32], Hash::Sha256).expect("32 octets")
}

/// Before and after the first `mark`; all and nothing where there is none.
pub fn cut(text: &[u8], mark: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|octet| *octet == mark) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// RFC 3986, 2.1, octet by octet; None where a `%` starts nothing.
pub fn percent_decoded(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    loop {
        let (octet, rest) = match text {
            [] => return Some(decoded),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [char::from(*high), char::from(*low)].iter().collect::<String>();
                (u8::from_str_radix(&digits, 16).ok()?, rest)
            }
            [b'%', ..] => return None,
            [octet, rest @ ..] => (*octet, rest),
        };
        decoded.push(octet);
        text = rest;
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = value.iter().position(|octet| !blank(octet)).unwrap_or(value.len());
    let end = value.iter().rposition(|octet| !blank(octet)).map_or(start, |last| last + 1);
    &value[start..end]
}

fn replace(value: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match value.windows(from.len()).position(|window| window == from) {
        Some(at) => [&value[..at], to, &replace(&value[at + from.len()..], from, to)].concat(),
        None => value.to_vec(),
    }
}
