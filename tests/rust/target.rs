use _native::error::Code;
use _native::target::{Origin, Target, sorted_query};
use proptest::prelude::*;

fn canonical(target: &str) -> Option<String> {
    let target = Target::parse(target.as_bytes()).ok()?;
    Some(String::from_utf8(target.canonical_path().ok()?).expect("ASCII"))
}

#[test]
fn the_canonical_path_is_one_for_every_spelling() {
    for (target, expected) in [
        ("/a%20b/%2Fc?x=1&x=2", Some("/a%20b/%2Fc")),
        ("/%7Euser/%61", Some("/~user/a")),
        ("/a%2fb", Some("/a%2Fb")),
        ("/a//b/", Some("/a//b/")),
        ("/%e2%82%ac", Some("/%E2%82%AC")),
        ("/a/./b", None),
        ("/a/%2e%2E/b", None),
        ("/a%00", None),
        ("/a%7F", None),
        ("/a%ff", None),
    ] {
        assert_eq!(expected.map(str::to_owned), canonical(target), "{target}");
    }
}

#[test]
fn only_an_origin_form_target_of_plain_octets_is_taken() {
    let refused: [&[u8]; 12] = [
        b"",
        b"*",
        b"a",
        b"//a",
        b"http://h/p",
        b"/a b",
        b"/a\tb",
        b"/a#f",
        b"/a?x#f",
        b"/\xc3\xa9",
        b"/a%zz",
        b"/a%2",
    ];
    for target in refused {
        let error = Target::parse(target).expect_err("ambiguous");
        assert_eq!(Code::TargetAmbiguous, error.code, "{target:?}");
    }
}

#[test]
fn a_rewritten_path_is_refused() {
    let received = |raw: Option<&str>, routed: &str, query: &str| {
        Target::received(raw.map(str::as_bytes), routed.as_bytes(), query.as_bytes()).is_ok()
    };
    assert!(received(Some("/a%2Fb?q=1"), "/a/b", "q=1"));
    assert!(received(Some("/a%2Fb"), "/a%2Fb", ""), "cheroot and mod_wsgi leave %2F");
    assert!(!received(Some("/a/../b"), "/b", ""), "uWSGI resolves dots");
    assert!(!received(Some("/a//b"), "/a/b", ""), "mod_wsgi merges slashes");
    assert!(!received(Some("/%2561"), "/a", ""), "decoded twice");
    assert!(!received(Some("/%61"), "/%61", ""), "not decoded at all");
    assert!(!received(Some("/a?q=1"), "/a", "q=2"));
    assert!(!received(Some("/a"), "/A", ""));
}

#[test]
fn without_a_raw_path_only_plain_paths_are_exact() {
    let target = |routed: &str| Target::received(None, routed.as_bytes(), b"").expect("well formed");
    assert_eq!(b"/a-b/c.d_e~f/1"[..], target("/a-b/c.d_e~f/1").path().expect("exact")[..]);
    assert_eq!(Code::TargetAmbiguous, target("/a b").path().expect_err("several spellings").code);
    assert_eq!(b"/a%20b"[..], target("/a b").canonical_path().expect("one canonical form")[..]);
}

#[test]
fn a_sorted_query_keeps_pieces_and_the_order_of_equal_names() {
    for (query, expected) in [
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=2&a=1"),
        ("%62=1&a=1", "a=1&%62=1"),
        ("a+b=1&a%20a=2", "a%20a=2&a+b=1"),
        ("", ""),
        ("b&a&&", "&&a&b"),
        ("%zz=1&a", "%zz=1&a"),
    ] {
        assert_eq!(expected.as_bytes(), sorted_query(query.as_bytes()), "{query}");
    }
}

#[test]
fn an_origin_admits_its_own_authority_in_every_spelling_and_no_other() {
    let origin = Origin::parse("https://API.Shop.example:443").expect("an origin");
    assert_eq!("api.shop.example", origin.authority());
    for host in ["api.shop.example", "API.SHOP.EXAMPLE", "api.shop.example:443", "api.shop.example:"] {
        assert!(origin.admits(host.as_bytes()), "{host}");
    }
    for host in [
        "",
        "api.shop.example:80",
        "api.shop.example:0443",
        "api.shop.example.",
        "shop.example",
        "x@api.shop.example",
        "api.shop.example:443:1",
    ] {
        assert!(!origin.admits(host.as_bytes()), "{host}");
    }
    assert_eq!("[::1]:8080", Origin::parse("http://[::1]:8080").expect("IPv6").authority());
    for wrong in
        ["api.shop.example", "ftp://h", "https://", "https://h/p", "https://u@h", "https://h?q", "https://h:port"]
    {
        assert!(Origin::parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn canonical_paths_are_stable_and_any_octets_give_a_verdict(octets in any::<Vec<u8>>()) {
        let octets = [b"/".to_vec(), octets].concat();
        if let Ok(target) = Target::parse(&octets)
            && let Ok(path) = target.canonical_path()
        {
            let again = Target::parse(&path).and_then(|target| target.canonical_path());
            prop_assert_eq!(Ok(path), again);
        }
        let _ = Target::received(Some(&octets), &octets, b"");
        let _ = Target::received(None, &octets, &octets);
    }

    #[test]
    fn two_decoded_paths_never_share_a_canonical_one(one in "/[a-c%2/.]{0,8}", other in "/[a-c%2/.]{0,8}") {
        let decoded = |path: &str| Target::received(None, path.as_bytes(), b"").and_then(|target| target.canonical_path()).ok();
        if let (Some(left), Some(right)) = (decoded(&one), decoded(&other)) {
            prop_assert_eq!(one == other, left == right);
        }
    }
}

fn without_last(target: &str, names: &[&str]) -> Result<Option<Vec<u8>>, Code> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let target = Target::parse(target.as_bytes()).expect("a target");
    target.without_last(&names).map(|cut| cut.map(|cut| cut.text())).map_err(|error| error.code)
}

#[test]
fn what_a_query_ends_with_is_cut_by_name() {
    let malformed = Err(Code::SignatureMalformed);
    let cut = |text: &str| Ok(Some(text.as_bytes().to_vec()));
    for (target, expected) in [
        ("/", Ok(None)),
        ("/?a=1", cut("/")),
        ("/?s=1", Ok(None)),
        ("/?s=1&a=1", cut("/?s=1")),
        ("/?s=1&b=2&a=", cut("/?s=1")),
        ("/?s=1&a=1;c=%zz+", cut("/?s=1")),
        ("/?&a=1", cut("/")),
        ("/?a=1&s=1", Ok(None)),
        ("/?a=1&s=1&b=2", cut("/?a=1&s=1")),
        ("/?s=1&a", Ok(None)),
        ("/?s=1&a=1&", Ok(None)),
        ("/?s=1&A=1", Ok(None)),
        ("/?s=1&%61=1", Ok(None)),
        ("/?s=1&aa=1", Ok(None)),
        ("/?s=1&a+=1", Ok(None)),
        ("/?s=1&a=1&a=2", malformed.clone()),
        ("/?a=1&s=1&a=2", malformed.clone()),
        ("/?a&s=1&a=2", malformed.clone()),
        ("/?%61=1&s=1&a=2", malformed),
    ] {
        assert_eq!(expected, without_last(target, &["a", "b"]), "{target}");
    }
}

proptest! {
    #[test]
    fn what_is_cut_are_whole_pairs_of_these_names_and_the_last(query in "([abs%61=&+;]|a=|&s=)*") {
        let target = format!("/p?{query}");
        if let Ok(Some(left)) = without_last(&target, &["a", "b"]) {
            let left = String::from_utf8(left).expect("ASCII");
            let rest = target.strip_prefix(&left).expect("a beginning").trim_start_matches(['?', '&']);
            for pair in rest.split('&') {
                prop_assert!(pair.starts_with("a=") || pair.starts_with("b="), "{target} {left}");
            }
            prop_assert!(!left.ends_with("&a=") && without_last(&left, &["a", "b"]) == Ok(None));
        }
    }
}
