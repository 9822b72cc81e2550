//! Tokens: the subject, a line, and a text. The text is refused as it stands; what it says, signed by us, is the only
//! token that says so.
#![no_main]

use _native::error::Code;
use _native::token::Token;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ACME, RING, cut};

fuzz_target!(|text: &[u8]| {
    let (subject, text) = cut(text, b'\n');
    let Ok(text) = std::str::from_utf8(text) else { return };
    let token = match Token::read(text) {
        Err(error) => return assert_eq!(Code::SignatureMalformed, error.code),
        Ok(token) => token,
    };
    assert!(token.authenticate(&RING, subject, 0).is_err(), "granted, and nobody signed it: {text:?}");
    let mut facts = token.facts().clone();
    facts.key_id = Some("acme".to_owned());
    let again = Token::read(&facts.sign(&ACME, subject)).expect("our own text");
    assert_eq!(&facts, again.facts());
    assert!(again.authenticate(&RING, &[subject, b"!"].concat(), 0).is_err());
    if let Err(error) = again.authenticate(&RING, subject, 0) {
        assert_eq!((Code::SignatureMalformed, false), (error.code, facts.claims.is_empty()));
    }
});
