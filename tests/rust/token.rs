use _native::error::Code;
use _native::token::{Facts, Token};
use proptest::prelude::*;

use crate::mac::{key, ring};

const KEY: &[u8] = b"a self-made key of thirty-two by";
const NOW: u64 = 1_700_000_000;

fn facts(key_id: Option<&str>, claims: &[u8]) -> Facts {
    Facts { key_id: key_id.map(str::to_owned), created: NOW, life: 60, nonce: None, claims: claims.to_vec() }
}

fn made(facts: &Facts, subject: &[u8]) -> String {
    facts.sign(&key(KEY), subject)
}

fn verdict(text: &str, subject: &[u8]) -> Result<Facts, Code> {
    let ring = ring(&[(Some("acme"), &[KEY]), (Some("globex"), &[b"another key of thirty-two octets"])]);
    let token = Token::read(text).map_err(|error| error.code)?;
    token.authenticate(&ring, subject, 0).map_err(|error| error.code)?;
    Ok(token.facts().clone())
}

#[test]
fn a_token_is_for_one_subject_and_by_one_key() {
    let said = facts(Some("acme"), b"");
    let text = made(&said, b"doc-123");
    assert_eq!((63, Ok(said)), (text.len(), verdict(&text, b"doc-123")));
    assert_eq!(Err(Code::InvalidSignature), verdict(&text, b"doc-12"));
    assert_eq!(Err(Code::InvalidSignature), verdict(&made(&facts(Some("globex"), b""), b"doc-123"), b"doc-123"));
    assert_eq!(Err(Code::UnknownKey), verdict(&made(&facts(Some("nobody"), b""), b"doc-123"), b"doc-123"));
}

#[test]
fn the_window_is_open_from_a_minute_before_to_the_end() {
    let token = Token::read(&made(&facts(None, b""), b"")).expect("a token");
    let begin = NOW.cast_signed() * 1000;
    for (now, max_age, is_open) in [
        (begin - 60_000, 60, true),
        (begin - 60_001, 60, false),
        (begin + 60_000, 60, true),
        (begin + 60_001, u32::MAX, false),
        (begin + 30_000, 30, true),
        (begin + 30_001, 30, false),
        (i64::MAX, u32::MAX, false),
        (i64::MIN, u32::MAX, false),
    ] {
        assert_eq!(is_open, token.check_window(now, max_age).is_ok(), "{now}");
    }
}

#[test]
fn claims_are_an_object_with_members_in_canonical_form() {
    let size = |octets: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(octets - 8)).into_bytes();
    for claims in [b"".as_slice(), br#"{"a":1}"#, &size(2048)] {
        let said = facts(Some("acme"), claims);
        assert_eq!(Ok(said.clone()), verdict(&made(&said, b"x"), b"x"));
    }
    for claims in [b"{}".as_slice(), b"[1]", br#"{"a": 1}"#, br#"{"b":1,"a":1}"#, b"{", &size(2049)] {
        assert_eq!(Err(Code::SignatureMalformed), verdict(&made(&facts(Some("acme"), claims), b"x"), b"x"));
    }
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let key_id = prop::option::of("[ -~]{1,256}");
    let claims = prop_oneof![Just(String::new()), "[a-z]{1,99}".prop_map(|name| format!(r#"{{"{name}":[]}}"#))];
    (key_id, 0..1_000_000_000_000u64, any::<u32>(), any::<Option<[u8; 16]>>(), claims).prop_map(
        |(key_id, created, life, nonce, claims)| Facts { key_id, created, life, nonce, claims: claims.into_bytes() },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(said in any_facts(), subject in any::<Vec<u8>>()) {
        let text = made(&said, &subject);
        let token = Token::read(&text).expect("a token");
        prop_assert_eq!(&said, token.facts());
        prop_assert!(token.authenticate(&ring(&[(None, &[KEY])]), &subject, 0).is_ok());
    }

    #[test]
    fn no_two_texts_are_one_token(said in any_facts(), at in any::<prop::sample::Index>(), other in "[A-Za-z0-9_=-]") {
        let text = made(&said, b"x");
        let at = at.index(text.len());
        let changed = [&text[..at], &other, &text[at + 1..]].concat();
        prop_assert_eq!(changed == text, verdict_of_anybody(&changed).is_ok());
    }

    #[test]
    fn any_text_is_read_or_malformed(text in "\\PC{0,99}|[A-Za-z0-9_-]{40,200}") {
        if let Err(error) = Token::read(&text) {
            prop_assert_eq!(Code::SignatureMalformed, error.code);
        }
    }
}

fn verdict_of_anybody(text: &str) -> Result<(), Code> {
    let token = Token::read(text).map_err(|error| error.code)?;
    token.authenticate(&ring(&[(None, &[KEY])]), b"x", 0).map(|_| ()).map_err(|error| error.code)
}
