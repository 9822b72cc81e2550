use _native::error::Code;
use _native::jwk::Jwk;
use proptest::prelude::*;

#[test]
fn a_symmetric_key_is_read_with_its_names() {
    let jwk = Jwk::parse(br#"{"kty":"oct","kid":"a","alg":"HS256","k":"AAECAw","use":"sig"}"#).expect("a key");
    assert_eq!(
        ([0, 1, 2, 3].as_slice(), Some("a"), Some("HS256")),
        (&jwk.octets[..], jwk.key_id.as_deref(), jwk.algorithm.as_deref())
    );
    let bare = Jwk::parse(br#" {"k":"_-8","kty":"oct"} "#).expect("a key");
    assert_eq!(([0xFF, 0xEF].as_slice(), None, None), (&bare.octets[..], bare.key_id, bare.algorithm));
}

#[test]
fn what_is_not_one_symmetric_key_is_refused_without_a_word_of_it() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"k":"AAECAw"}"#,
        r#"{"kty":"oct"}"#,
        r#"{"kty":"RSA","k":"AAECAw"}"#,
        r#"{"kty":"oct","k":"AAECAw=="}"#,
        r#"{"kty":"oct","k":"AAECAx"}"#,
        r#"{"kty":"oct","k":"+/8"}"#,
        r#"{"kty":"oct","k":"AAEC Aw"}"#,
        r#"{"kty":"oct","k":7}"#,
        r#"{"kty":"oct","k":"AAECAw","kid":7}"#,
        r#"{"kty":"oct","k":"AAECAw","k":"BAUGBw"}"#,
        r#"{"kty":"oct","k":"AAECAw"}x"#,
    ] {
        let error = Jwk::parse(text.as_bytes()).err().expect(text);
        assert_eq!(
            (Code::Configuration, "not a JSON Web Key of the type oct"),
            (error.code, &*error.message),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn any_octets_give_a_key_or_a_configuration_error(text in any::<Vec<u8>>()) {
        prop_assert!(Jwk::parse(&text).err().is_none_or(|error| error.code == Code::Configuration));
    }
}
