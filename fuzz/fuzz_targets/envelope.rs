//! Envelopes: the purpose, a line, the signature's text, a line, and the payload. The text is refused as it stands; what
//! it says, signed by us, is the only signature that says so, of this payload and for this purpose.
#![no_main]

use _native::envelope::Seal;
use _native::error::Code;
use _native::json::{Options, canonicalize};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ACME, RING, cut};

fuzz_target!(|text: &[u8]| {
    let (purpose, text) = cut(text, b'\n');
    let (text, payload) = cut(text, b'\n');
    let (Ok(purpose), Ok(text)) = (std::str::from_utf8(purpose), std::str::from_utf8(text)) else { return };
    let seal = match Seal::read(text) {
        Err(error) => return assert_eq!(Code::SignatureMalformed, error.code),
        Ok(seal) => seal,
    };
    let proven = |seal: &Seal, purpose: &str, payload: &[u8]| seal.authenticate(&RING, purpose, payload, 0).is_ok();
    assert!(!proven(&seal, purpose, payload), "opened, and nobody sealed it: {text:?}");
    let mut facts = seal.facts().clone();
    facts.key_id = Some("acme".to_owned());
    let ours = facts.sign(&ACME, purpose, payload);
    let again = Seal::read(&ours).expect("our own text");
    assert_eq!(&facts, again.facts());
    assert!(proven(&again, purpose, payload));
    // What is moved over the end of a part is signed as another.
    assert!(!proven(&again, &[purpose, "x"].concat(), payload));
    assert!(!proven(&again, purpose, &[payload, b" "].concat()));
    if let Some((last, rest)) = payload.split_last() {
        assert!(!proven(&again, purpose, rest));
        assert!(!proven(&again, &[purpose, &char::from(*last).to_string()].concat(), rest));
    }
    // A payload in another spelling is the same in canonical form, and only there.
    if let Ok(canonical) = canonicalize(payload, Options::default()) {
        assert_eq!(canonical == payload, proven(&again, purpose, &canonical));
    }
    let now = i64::try_from(facts.created).expect("twelve digits") * 1000;
    assert!(again.check_window(now, 1).is_ok());
    assert!(again.check_window(i64::MAX, u64::MAX).is_err());
});
