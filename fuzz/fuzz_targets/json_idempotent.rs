//! Laws of canonical JSON that need no judge: a line of choices, then a text, which is written anew in other words.
#![no_main]

use _native::error::{Code, Error};
use _native::json::{Canonical, Form, Options, canonicalize};
use _native::mac::Hash;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::json::{DEPTH, FORMS, Tree};
use sealgate_fuzz::{ACME, cut};
use sha2::{Digest, Sha256};

/// Of a text that holds the given one many times.
const LONGEST: usize = 32 * 1024;

fuzz_target!(|text: &[u8]| {
    let (choices, text) = cut(text, b'\n');
    let mut choices = Choices(choices.iter().cycle());
    let (form, round_integers) = FORMS[choices.below(FORMS.len())];
    let options = Options { form, round_integers, ..Options::default() };
    let canonical = match Canonical::read(text, options) {
        Ok(canonical) => canonical,
        Err(error) => return refused(&error, text, options),
    };
    let octets = canonical.octets(text).into_owned();
    all_ways_agree(&canonical, text, &octets);
    assert_eq!(Ok(&octets), canonicalize(&octets, options).as_ref(), "canonical is not canonical");
    other_forms(text, &octets, options);
    limited(text, &octets, options);
    let tree = Tree::read(text).expect("what we read is JSON");
    let mut other = Vec::new();
    disguise(&tree, form, &mut choices, &mut other);
    assert_eq!(Ok(&octets), canonicalize(&other, options).as_ref(), "{}", other.escape_ascii());
    if tree.depth() < DEPTH {
        many(&other, &octets, options, choices.below(32));
    }
});

/// Who refuses to round, refuses no less; and no form is stricter than RFC 8785.
fn refused(error: &Error, text: &[u8], options: Options) {
    assert_eq!(Code::Canonicalization, error.code);
    assert!(error.index.is_some_and(|index| index <= text.len()), "{error}, of {} octets", text.len());
    assert!(canonicalize(text, Options { round_integers: false, ..options }).is_err());
    assert!(canonicalize(text, Options { round_integers: false, form: Form::Jcs, ..options }).is_err());
}

fn all_ways_agree(canonical: &Canonical, text: &[u8], octets: &[u8]) {
    let (mut written, mut fed, mut hash, mut mac) = (Vec::new(), Vec::new(), Sha256::new(), ACME.mac(Hash::Sha256));
    canonical.write(text, &mut written);
    canonical.feed(text, &mut fed);
    canonical.feed(text, &mut hash);
    canonical.feed(text, &mut mac);
    assert_eq!(octets, written);
    assert_eq!(octets, fed);
    assert_eq!(Sha256::digest(octets), hash.finalize());
    assert_eq!(ACME.sign(Hash::Sha256, octets).octets(), mac.finish().octets());
    assert_eq!(octets.len(), canonical.size());
    assert_eq!(octets == text, canonical.is_whole(text));
}

/// Python's forms lose nothing, so that they stand for the text; and they take all that RFC 8785 takes.
fn other_forms(text: &[u8], octets: &[u8], options: Options) {
    for (form, round_integers) in FORMS {
        let other = Options { form, round_integers, ..options };
        let expected = canonicalize(text, other);
        match options.form {
            Form::Jcs if options.round_integers => {}
            Form::Jcs => assert!(expected.is_ok(), "{form:?}"),
            _ => assert_eq!(expected.ok(), canonicalize(octets, other).ok(), "{form:?}"),
        }
    }
}

fn limited(text: &[u8], octets: &[u8], options: Options) {
    let within = |limit| canonicalize(text, Options { limit, ..options });
    assert_eq!(Ok(octets), within(text.len()).as_deref());
    let index = within(text.len() - 1).expect_err("over the limit").index;
    assert_eq!(Some(text.len() - 1), index);
}

/// What holds for a value holds for the array of many, and for the object whose members stand the wrong way round.
fn many(text: &[u8], octets: &[u8], options: Options, count: usize) {
    let count = count.min(LONGEST / text.len());
    let expected = [b"[", vec![octets; count].join(&b',').as_slice(), b"]"].concat();
    assert_eq!(Ok(expected), canonicalize(&[b"[", vec![text; count].join(&b',').as_slice(), b"]"].concat(), options));

    let member = |nth: usize, value: &[u8]| [&[b'"', b'0' + nth as u8, b'"', b':'], value].concat();
    let members = |value: &[u8]| (0..count).map(|nth| member(nth, value)).collect::<Vec<_>>();
    let object = |members: Vec<Vec<u8>>| [b"{", members.join(&b',').as_slice(), b"}"].concat();
    let text = object(members(text).into_iter().rev().collect());
    let canonical = Canonical::read(&text, options).expect("many that are canonical");
    all_ways_agree(&canonical, &text, &object(members(octets)));
}

/// The same value in other words: the order of members, white space, escapes, the spelling of numbers.
fn disguise(tree: &Tree, form: Form, choices: &mut Choices, out: &mut Vec<u8>) {
    space(choices, out);
    match tree {
        Tree::Literal(text) => out.extend_from_slice(text.as_bytes()),
        Tree::Number(text) => number(text, form, choices, out),
        Tree::Text(text) => string(text, choices, out),
        Tree::Array(items) => {
            out.push(b'[');
            for (nth, item) in items.iter().enumerate() {
                out.extend_from_slice(if nth == 0 { b"" } else { b"," });
                disguise(item, form, choices, out);
            }
            space(choices, out);
            out.push(b']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            out.push(b'{');
            while !members.is_empty() {
                let (name, value) = members.swap_remove(choices.below(members.len()));
                space(choices, out);
                string(name, choices, out);
                space(choices, out);
                out.push(b':');
                disguise(value, form, choices, out);
                out.extend_from_slice(if members.is_empty() { b"" } else { b"," });
            }
            space(choices, out);
            out.push(b'}');
        }
    }
    space(choices, out);
}

fn space(choices: &mut Choices, out: &mut Vec<u8>) {
    out.extend_from_slice([&b""[..], b"", b" ", b"\n\t\r"][choices.below(4)]);
}

fn string(text: &str, choices: &mut Choices, out: &mut Vec<u8>) {
    const SHORT: [(char, u8); 8] = [
        ('"', b'"'),
        ('\\', b'\\'),
        ('/', b'/'),
        ('\u{8}', b'b'),
        ('\t', b't'),
        ('\n', b'n'),
        ('\u{C}', b'f'),
        ('\r', b'r'),
    ];
    out.push(b'"');
    for character in text.chars() {
        let short = SHORT.iter().find(|(one, _)| *one == character).map(|(_, letter)| *letter);
        match (choices.below(4), short) {
            (0 | 1, None) if character >= ' ' => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            (0 | 1, Some(letter)) => out.extend_from_slice(&[b'\\', letter]),
            (choice, _) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let digits = if choice == 2 { format!("{unit:04x}") } else { format!("{unit:04X}") };
                    out.extend_from_slice(b"\\u");
                    out.extend_from_slice(digits.as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}

fn number(text: &str, form: Form, choices: &mut Choices, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(a, b)| (a, Some(b)));
    out.extend_from_slice(mantissa.as_bytes());
    // To Python an integer is another number than one with a fraction.
    if choices.below(2) == 1 && (form == Form::Jcs || exponent.is_some() || mantissa.contains('.')) {
        out.extend_from_slice(if mantissa.contains('.') { b"0" } else { b".0" });
    }
    if let Some(exponent) = exponent {
        let digits = exponent.trim_start_matches(['+', '-']);
        let sign = if exponent.starts_with('-') { "-" } else { ["", "+"][choices.below(2)] };
        let written = format!("{}{sign}{}{digits}", ["e", "E"][choices.below(2)], ["", "0"][choices.below(2)]);
        out.extend_from_slice(written.as_bytes());
    }
}

/// Numbers out of the input, again and again; zeros where it has none.
struct Choices<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % count
    }
}
