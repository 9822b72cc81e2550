//! The full verify of RFC 9421 messages, with the key known.
//!
//! A message is the text of a request. Where its Signature holds `{B64}`, it is signed with the key of acme after it was
//! changed, so that everything behind the signature is reached; otherwise it is a change of a message signed before.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use _native::content::Content;
use _native::error::Result;
use _native::fields::{FieldName, Fields};
use _native::mac::Hash;
use _native::message_signature::{self as signatures, Choices, Policy, SignatureInput};
use _native::request::Request;
use _native::scheme::Scheme;
use _native::target::Target;
use base64ct::{Base64, Encoding};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ACME, Accepted, MAX_AGE, Message, ORIGIN, RING, verdict};
use sha2::{Digest, Sha256, Sha512};

static SCHEME: LazyLock<Scheme> =
    LazyLock::new(|| Scheme::message("rfc9421".into(), Choices::default(), Some(&BTreeSet::new())).expect("a scheme"));
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::new(Choices::default()).expect("a policy"));
/// What was signed, by an independent signer.
static ORIGINALS: LazyLock<Vec<(Message, Accepted)>> = LazyLock::new(|| {
    let texts: [&[u8]; 3] = [
        include_bytes!("../seeds/verify/with_body"),
        include_bytes!("../seeds/verify/with_fields"),
        include_bytes!("../seeds/verify/without_body"),
    ];
    let accepted = |text: &[u8]| {
        let message = Message::parse(text);
        let accepted = verdict(&SCHEME, &message, &RING).unwrap_or_else(|error| panic!("a seed is refused: {error}"));
        (message, accepted)
    };
    texts.into_iter().map(accepted).collect()
});

fuzz_target!(|text: &[u8]| {
    let originals = &*ORIGINALS;
    let mut message = Message::parse(text);
    let signed_now = message.has_placeholder();
    if signed_now {
        sign(&mut message);
    }
    let Ok(accepted) = verdict(&SCHEME, &message, &RING) else { return };
    check(&message, &accepted);
    if !signed_now {
        let original = originals.iter().any(|(original, known)| is_same(original, known, &message, &accepted));
        assert!(original, "accepted, and nobody signed it: {message:?}");
    }
});

/// Holds for everything accepted, whoever signed it.
fn check(message: &Message, accepted: &Accepted) {
    let covered = |names: &[&str]| accepted.covered.iter().any(|name| names.contains(&name.as_str()));
    assert!(covered(&["@method"]));
    assert!(covered(&["@authority", "@target-uri"]));
    assert!(covered(&["@path", "@target-uri", "@request-target"]));
    assert!(covered(&["@query", "@target-uri", "@request-target"]));
    let claims = accepted.claim.claims();
    let created = claims.created.as_ref().expect("created").milliseconds;
    assert!((message.now * 1000 - created).abs() <= MAX_AGE * 1000);
    assert!(claims.nonce.as_ref().is_some_and(|nonce| nonce.len() >= 16));
    assert_eq!(claims.key_id.as_deref(), RING.key_id(accepted.signer));
    let (_, expires) = accepted.replay.expect("a replay key");
    assert!(expires > message.now);
    assert_eq!(1, message.values("signature-input").len());
    assert_eq!(1, message.values("signature").len());
    assert!(message.values("host").len() <= 1);
    for name in accepted.covered.iter().filter_map(|text| field_of(text)) {
        assert_eq!(1, message.values(name).len(), "{name}");
    }
    if !message.body.is_empty() {
        assert!(covered(&["body"]));
        let digests = [
            format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(&message.body))),
            format!("sha-512=:{}:", Base64::encode_string(&Sha512::digest(&message.body))),
        ];
        let stated = String::from_utf8_lossy(message.values("content-digest")[0]).into_owned();
        assert!(digests.iter().any(|digest| stated.contains(digest)), "another body's digest");
    }
}

/// Whether every part that is covered, and all that acts, is what it was when the message was signed.
fn is_same(original: &Message, known: &Accepted, message: &Message, accepted: &Accepted) -> bool {
    known.replay == accepted.replay
        && known.covered == accepted.covered
        && original.method == message.method
        && original.target_parts() == message.target_parts()
        && original.body == message.body
        && known
            .covered
            .iter()
            .filter(|text| !text.contains(";sf") && !text.contains(";key="))
            .filter_map(|text| field_of(text))
            .all(|name| original.values(name) == message.values(name))
}

/// The field of which something is covered; identifiers with parameters have quotes.
fn field_of(text: &str) -> Option<&str> {
    let name = text.strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or(text);
    (!name.starts_with('@') && name != "body").then_some(name)
}

/// Signs what the message itself proposes to cover, with the key of acme.
fn sign(message: &mut Message) {
    let mut zeros = message.clone();
    zeros.fill(&[0; 32]);
    if let Ok(octets) = proposed_base(&zeros) {
        message.fill(ACME.sign(Hash::Sha256, &octets).octets());
    }
}

fn proposed_base(message: &Message) -> Result<Vec<u8>> {
    let fields = message.pairs();
    let field = |name| Ok::<_, _native::error::Error>(fields.get(&FieldName::parse(name)?)?.unwrap_or_default());
    let (input, _) = SignatureInput::read(&field("signature-input")?, &field("signature")?, &POLICY)?;
    let target = Target::parse(&message.target)?;
    let request =
        Request { method: &message.method, target: &target, fields: &fields, origin: Some(&ORIGIN), params: &[] };
    let mut octets = Vec::new();
    input.signature_base(&signatures::Message::Request(request), &POLICY)?.write(Content::received(b""), &mut octets);
    Ok(octets)
}
