use _native::envelope::{Facts, Seal};
use _native::error::Code;
use proptest::prelude::*;

use crate::mac::{key, ring};

const KEY: &[u8] = b"a self-made key of thirty-two by";
const NOW: u64 = 1_700_000_000;

fn facts(key_id: Option<&str>, expires: Option<u64>) -> Facts {
    Facts { key_id: key_id.map(str::to_owned), created: NOW, expires, nonce: "b3k2pp5k7z-50gnwp_yemd".to_owned() }
}

fn made(facts: &Facts, payload: &[u8]) -> String {
    facts.sign(&key(KEY), "checkout", payload)
}

fn verdict(text: &str, purpose: &str, payload: &[u8]) -> Result<Facts, Code> {
    let ring = ring(&[(Some("acme"), &[KEY]), (Some("globex"), &[b"another key of thirty-two octets"])]);
    let seal = Seal::read(text).map_err(|error| error.code)?;
    seal.authenticate(&ring, purpose, payload, 0).map_err(|error| error.code)?;
    Ok(seal.facts().clone())
}

#[test]
fn a_seal_is_of_one_payload_for_one_purpose_and_by_one_key() {
    let said = facts(Some("acme"), Some(NOW + 60));
    let text = made(&said, b"1");
    assert_eq!(Ok(said), verdict(&text, "checkout", b"1"));
    assert_eq!(Err(Code::InvalidSignature), verdict(&text, "checkout", b"10"));
    assert_eq!(Err(Code::InvalidSignature), verdict(&text, "checkou", b"t1"));
    assert_eq!(Err(Code::InvalidSignature), verdict(&made(&facts(Some("globex"), None), b"1"), "checkout", b"1"));
    assert_eq!(Err(Code::UnknownKey), verdict(&made(&facts(Some("nobody"), None), b"1"), "checkout", b"1"));
}

#[test]
fn the_window_is_open_to_its_edges() {
    let begin = NOW.cast_signed() * 1000;
    for (expires, now, max_age, is_open) in [
        (None, begin - 300_000, 300, true),
        (None, begin - 300_001, 300, false),
        (None, begin + 300_000, 300, true),
        (None, begin + 300_001, 300, false),
        (Some(NOW + 60), begin + 60_000, 300, true),
        (Some(NOW + 60), begin + 60_001, 300, false),
        (Some(NOW + 600), begin + 300_001, 300, false),
        (None, i64::MAX, u64::MAX, false),
        (None, i64::MIN, 1 << 40, false),
    ] {
        let seal = Seal::read(&made(&facts(None, expires), b"1")).expect("a seal");
        assert_eq!(is_open, seal.check_window(now, max_age).is_ok(), "{now}");
    }
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let seconds = 0..1_000_000_000_000u64;
    let ends = prop::option::of(0..1_000_000u64);
    (prop::option::of("[ -~]{1,256}"), seconds, ends, "[A-Za-z0-9_-]{16,256}").prop_map(
        |(key_id, created, life, nonce)| {
            let expires = life.map(|life| (created + life).min(999_999_999_999));
            Facts { key_id, created, expires, nonce }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(said in any_facts(), payload in any::<Vec<u8>>()) {
        let text = made(&said, &payload);
        let seal = Seal::read(&text).expect("a seal");
        prop_assert_eq!(&said, seal.facts());
        prop_assert!(seal.authenticate(&ring(&[(None, &[KEY])]), "checkout", &payload, 0).is_ok());
    }

    #[test]
    fn no_two_texts_are_one_seal(said in any_facts(), at in any::<prop::sample::Index>(), other in "[A-Za-z0-9._=-]{0,2}") {
        let text = made(&said, b"1");
        let at = at.index(text.len());
        let changed = [&text[..at], &other, &text[at + 1..]].concat();
        let proven = Seal::read(&changed)
            .is_ok_and(|seal| seal.authenticate(&ring(&[(None, &[KEY])]), "checkout", b"1", 0).is_ok());
        prop_assert_eq!(changed == text, proven);
    }

    #[test]
    fn any_text_is_read_or_malformed(text in "\\PC{0,99}|v1(\\.[A-Za-z0-9_-]{0,43}){4,6}") {
        if let Err(error) = Seal::read(&text) {
            prop_assert_eq!(Code::SignatureMalformed, error.code);
        }
    }
}
