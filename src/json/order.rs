//! The order of names: by UTF-16 code units (RFC 8785, 3.2.3), or by code points, as Python sorts str.

use std::cmp::Ordering;

use super::Form;
use super::string::{load, unescaped};

/// A name: UTF-8, perhaps with escapes.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// What stands between the quotes.
    pub octets: &'a [u8],
    /// Whether there are escapes among them.
    pub escaped: bool,
}

impl<'a> Name<'a> {
    /// A name without escapes.
    #[must_use]
    pub fn plain(text: &'a str) -> Self {
        Self { octets: text.as_bytes(), escaped: false }
    }
}

/// How `a` stands to `b`.
#[must_use]
pub fn compare(a: Name<'_>, b: Name<'_>, form: Form) -> Ordering {
    if a.escaped || b.escaped {
        return characters(a).map(|each| rank(each, form)).cmp(characters(b).map(|each| rank(each, form)));
    }
    let (mut a, mut b) = (a.octets, b.octets);
    while let (Some((left, after_left)), Some((right, after_right))) =
        (a.split_first_chunk::<16>(), b.split_first_chunk::<16>())
        && left == right
    {
        (a, b) = (after_left, after_right);
    }
    match a.iter().zip(b).find(|(left, right)| left != right) {
        Some((left, right)) => weight(*left, form).cmp(&weight(*right, form)),
        None => a.len().cmp(&b.len()),
    }
}

/// The start of a name as one number: of two names, the lesser number is before the other, and equal ones say nothing.
#[inline]
#[must_use]
pub fn prefix(name: Name<'_>, form: Form) -> u64 {
    let start = if name.escaped {
        let mut octets = Vec::with_capacity(11);
        for character in characters(name).take(8) {
            octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        load(&octets)
    } else {
        load(name.octets)
    };
    let octets = start.to_le_bytes();
    u64::from_be_bytes(if start & HIGHS == 0 { octets } else { octets.map(|octet| weight(octet, form)) })
}

const HIGHS: u64 = 0x8080_8080_8080_8080;

/// In UTF-8 the order of octets is that of code points. In UTF-16 surrogates (lead octets from 0xF0 on) stand before
/// U+E000 to U+FFFF (0xEE and 0xEF); two strings that differ in such an octet first differ in no earlier unit.
#[inline]
fn weight(octet: u8, form: Form) -> u8 {
    if form == Form::Jcs && (octet == 0xEE || octet == 0xEF) { octet + 0x10 } else { octet }
}

/// The same for a character.
fn rank(character: char, form: Form) -> u32 {
    let code = u32::from(character);
    if form == Form::Jcs && (0xE000..0x10000).contains(&code) { code + 0x0011_0000 } else { code }
}

/// The characters of a name that was read to its end, so that nothing in it is malformed.
fn characters(name: Name<'_>) -> impl Iterator<Item = char> {
    let mut rest = name.octets;
    std::iter::from_fn(move || {
        let (character, size) = match rest.first()? {
            b'\\' if name.escaped => unescaped(rest)?,
            _ => {
                let size =
                    rest.iter().skip(1).position(|octet| !(0x80..0xC0).contains(octet)).map_or(rest.len(), |n| n + 1);
                (std::str::from_utf8(&rest[..size]).ok()?.chars().next()?, size)
            }
        };
        rest = &rest[size..];
        Some(character)
    })
}
