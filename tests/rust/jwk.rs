use _native::error::Code;
use _native::jwk::Jwk;
use _native::mac::Hash;
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

#[test]
fn a_set_gives_its_keys_and_a_key_itself() {
    let ids = |text: &str| -> Vec<_> {
        Jwk::parse_set(text.as_bytes()).expect(text).into_iter().map(|jwk| jwk.key_id.unwrap_or_default()).collect()
    };
    assert_eq!(vec!["a"], ids(r#"{"kty":"oct","k":"AAECAw","kid":"a","keys":null}"#));
    assert_eq!(
        vec!["a", "b"],
        ids(r#"{"x":[{}],"keys":[{"kty":"oct","k":"AAECAw","kid":"a"},{"k":"AAEC","kid":"b","kty":"oct"}]}"#)
    );
    assert!(ids(r#"{"keys":[]}"#).is_empty());
}

#[test]
fn what_is_no_set_is_refused_without_a_word_of_it() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"keys":{}}"#,
        r#"{"keys":[[]]}"#,
        r#"{"keys":[["oct","AAECAw","a",null,null,null,null,null]]}"#,
        r#"[[{"kty":"oct","k":"AAECAw"}]]"#,
        r#"{"keys":[{"kty":"oct","k":"AAECAw"},{"kty":"RSA"}]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[],"kty":"oct","k":"AAECAw"}"#,
        r#"{"keys":[{"kty":"oct","k":"AAECAw","kty":"oct"}]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAECAw","exp":1.5}]}"#,
    ] {
        let error = Jwk::parse_set(text.as_bytes()).err().expect(text);
        assert_eq!(
            (Code::Configuration, "not a JSON Web Key, nor a set of such, of the type oct"),
            (error.code, &*error.message),
            "{text}"
        );
    }
}

#[test]
fn its_members_say_what_a_key_is_for() {
    let check = |members: &str, hash, operations: &[&str]| {
        let text = format!(r#"{{"kty":"oct","k":"AAECAw"{members}}}"#);
        Jwk::parse(text.as_bytes()).expect(&text).check(hash, operations).is_ok()
    };
    for (members, hash, allowed) in [
        ("", Some(Hash::Sha1), true),
        (r#","alg":"HS256""#, Some(Hash::Sha256), true),
        (r#","alg":"HS384""#, Some(Hash::Sha384), true),
        (r#","alg":"HS512""#, Some(Hash::Sha512), true),
        (r#","alg":"HS256""#, None, true),
        (r#","alg":"HS256""#, Some(Hash::Sha1), false),
        (r#","alg":"HS256""#, Some(Hash::Sha512), false),
        (r#","alg":"hs256""#, Some(Hash::Sha256), false),
        (r#","alg":"none""#, None, false),
        (r#","use":"sig""#, None, true),
        (r#","use":"enc""#, None, false),
        (r#","key_ops":["verify","sign"]"#, None, true),
        (r#","key_ops":["sign"]"#, None, false),
        (r#","key_ops":[]"#, None, false),
        (r#","key_ops":["verify","x","x"]"#, None, false),
    ] {
        assert_eq!(allowed, check(members, hash, &["verify"]), "{members}");
    }
    assert!(!check(r#","key_ops":["verify"]"#, None, &["verify", "sign"]));
}

proptest! {
    #[test]
    fn any_octets_give_keys_or_a_configuration_error(text in any::<Vec<u8>>()) {
        prop_assert!(Jwk::parse_set(&text).err().is_none_or(|error| error.code == Code::Configuration));
    }

    #[test]
    fn any_octets_give_a_key_or_a_configuration_error(text in any::<Vec<u8>>()) {
        prop_assert!(Jwk::parse(&text).err().is_none_or(|error| error.code == Code::Configuration));
    }
}
