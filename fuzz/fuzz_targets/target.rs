//! The request target: raw, routed path, query, a line each; and an origin.
#![no_main]

use _native::error::Code;
use _native::target::{Origin, Target, sorted_query};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{cut, percent_decoded};

fuzz_target!(|text: &[u8]| {
    let (raw, rest) = cut(text, b'\n');
    let (routed, rest) = cut(rest, b'\n');
    let (query, origin) = cut(rest, b'\n');
    parsed(raw);
    received(raw, routed, query);
    without_raw(routed, query);
    sorted(query);
    stated(origin);
});

fn parsed(raw: &[u8]) {
    match Target::parse(raw) {
        Err(error) => assert_eq!(Code::TargetAmbiguous, error.code),
        Ok(target) => {
            let (path, query) = cut(raw, b'?');
            assert_eq!((Ok(path), query), (target.path(), target.query()));
            let Ok(canonical) = target.canonical_path() else { return };
            let again = Target::parse(&canonical).and_then(|target| target.canonical_path());
            assert_eq!(Ok(&canonical), again.as_ref());
            assert_eq!(percent_decoded(path), percent_decoded(&canonical));
            assert_eq!(segments(path), segments(&canonical));
        }
    }
}

/// A target is taken only if the path that acts is the one it decodes to, but for an encoded slash.
fn received(raw: &[u8], routed: &[u8], query: &[u8]) {
    let Ok(target) = Target::received(Some(raw), routed, query) else { return };
    assert_eq!(Ok(&target), Target::parse(raw).as_ref());
    assert_eq!(query, target.query());
    let decoded = percent_decoded(cut(raw, b'?').0).expect("well formed");
    let slashed = String::from_utf8_lossy(routed).replace("%2F", "/").replace("%2f", "/");
    let kept = segments(cut(raw, b'?').0).into_iter().map(|segment| {
        let segment = segment.expect("well formed");
        String::from_utf8_lossy(&segment).into_owned()
    });
    assert!(decoded == routed || slashed == kept.collect::<Vec<_>>().join("/"), "routed on another path");
}

fn without_raw(routed: &[u8], query: &[u8]) {
    let Ok(target) = Target::received(None, routed, query) else { return };
    if let Ok(path) = target.path() {
        assert_eq!(routed, path, "one that is exact stands for itself");
    }
    if let Ok(canonical) = target.canonical_path() {
        assert_eq!(Some(routed.to_vec()), percent_decoded(&canonical));
    }
}

fn sorted(query: &[u8]) {
    let ours = sorted_query(query);
    assert_eq!(ours, sorted_query(&ours));
    let pieces = |query: &[u8]| {
        let mut pieces: Vec<Vec<u8>> = query.split(|octet| *octet == b'&').map(<[u8]>::to_vec).collect();
        pieces.sort();
        pieces
    };
    assert_eq!(pieces(query), pieces(&ours));
}

fn stated(origin: &[u8]) {
    let Ok(text) = std::str::from_utf8(origin) else { return };
    match Origin::parse(text) {
        Err(error) => assert_eq!(Code::Configuration, error.code),
        Ok(origin) => {
            assert_eq!(Ok(&origin), Origin::parse(&origin.text()).as_ref());
            assert!(origin.admits(origin.authority().as_bytes()));
        }
    }
}

fn segments(path: &[u8]) -> Vec<Option<Vec<u8>>> {
    path.split(|octet| *octet == b'/').map(percent_decoded).collect()
}
