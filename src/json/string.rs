//! Strings: which octets stand for themselves, and how the others are written (RFC 8785, 3.2.2.2).

use wide::u8x16;

use super::Form;

const QUOTE: u8x16 = u8x16::new([b'"'; 16]);
const SOLIDUS: u8x16 = u8x16::new([b'\\'; 16]);
const SPACE: u8x16 = u8x16::new([b' '; 16]);
const TILDE: u8x16 = u8x16::new([b'~'; 16]);

/// Octets of a string that are looked at before they are copied, and then copied at once: they stay at hand.
const AT_ONCE: usize = 256;

/// Writes a string in its quotes.
pub fn write_string(text: &str, form: Form, out: &mut Vec<u8>) {
    let octets = text.as_bytes();
    let start = out.len();
    if let Some(short) = short(octets, form) {
        out.extend_from_slice(&short);
        return out.truncate(start + octets.len() + 2);
    }
    out.reserve(octets.len() + 18);
    out.push(b'"');
    if octets.len() <= AT_ONCE && is_plain(octets, form) {
        out.extend_from_slice(octets);
    } else {
        write_characters(text, 0, form, out);
    }
    out.push(b'"');
}

/// Whether all octets are plain; of fewer than 16 it does not say so.
#[inline]
fn is_plain(octets: &[u8], form: Form) -> bool {
    let (blocks, _) = octets.as_chunks::<16>();
    let Some(last) = octets.last_chunk() else { return false };
    let marked = |block: &[u8; 16]| others(u8x16::new(*block), form);
    // The last block may overlap.
    blocks.iter().fold(marked(last), |marks, block| marks | marked(block)).to_bitmask() == 0
}

/// Writes what stands between the quotes, from an offset on.
pub fn write_characters(text: &str, mut at: usize, form: Form, out: &mut Vec<u8>) {
    let octets = text.as_bytes();
    loop {
        at = copy_plain(octets, at, form, out);
        let Some(octet) = octets.get(at) else { break };
        if let Some(letter) = letter(*octet) {
            out.extend_from_slice(&[b'\\', letter]);
            at += 1;
        } else {
            // A character begins here: no other octet of one is not plain.
            let character = text[at..].chars().next().unwrap_or_default();
            out.extend_from_slice(Escaped::new(character, form).octets());
            at += character.len_utf8();
        }
    }
}

/// Copies octets up to the first that is not plain; gives where it is.
#[inline]
fn copy_plain(octets: &[u8], mut at: usize, form: Form, out: &mut Vec<u8>) -> usize {
    // To copy a fixed number of octets is faster, and so they are copied before they are looked at.
    while let Some(block) = octets[at..].first_chunk::<16>() {
        out.extend_from_slice(block);
        let marks = marks_of_16(block, form);
        if marks != 0 {
            let plain = marks.trailing_zeros() as usize;
            out.truncate(out.len() - 16 + plain);
            return at + plain;
        }
        at += 16;
    }
    let size = octets.len() - at;
    if size == 0 {
        return at;
    }
    let rest = match octets.last_chunk() {
        Some(last) => u128::from_le_bytes(*last) >> (8 * (16 - size)),
        None => load(&octets[at..]),
    }
    .to_le_bytes();
    let plain = (marks_of_16(&rest, form).trailing_zeros() as usize).min(size);
    out.extend_from_slice(&rest);
    out.truncate(out.len() - 16 + plain);
    at + plain
}

/// A string of at most 14 plain octets in its quotes, and zeros after it: to copy a fixed number of octets is faster.
#[inline]
fn short(octets: &[u8], form: Form) -> Option<[u8; 16]> {
    if octets.len() > 14 {
        return None;
    }
    let inside = load(octets);
    let quote = u128::from(b'"');
    let is_plain = mark(inside, form) >= octets.len();
    is_plain.then(|| (quote | inside << 8 | quote << (8 * (octets.len() + 1))).to_le_bytes())
}

/// At most sixteen octets as a number, the first one lowest, zeros above.
#[inline]
pub(super) fn load(octets: &[u8]) -> u128 {
    // Two that overlap, since what overlaps is the same in both.
    if let (Some(low), Some(high)) = (octets.first_chunk(), octets.last_chunk()) {
        return u128::from(u64::from_le_bytes(*low))
            | u128::from(u64::from_le_bytes(*high)) << (8 * (octets.len() - 8));
    }
    if let (Some(low), Some(high)) = (octets.first_chunk(), octets.last_chunk()) {
        let high = u64::from(u32::from_le_bytes(*high)) << (8 * (octets.len() - 4));
        return u128::from(u64::from(u32::from_le_bytes(*low)) | high);
    }
    let (Some(first), Some(last)) = (octets.first(), octets.last()) else { return 0 };
    let middle = octets.len() / 2;
    let middle = u32::from(octets[middle]) << (8 * middle);
    u128::from(u32::from(*first) | middle | u32::from(*last) << (8 * (octets.len() - 1)))
}

/// The first index from `at` on whose octet cannot simply be copied: a quote, a reverse solidus, a control character,
/// and in a form of ASCII all else outside of `' '..='~'`.
#[inline]
pub(super) fn plain(octets: &[u8], mut at: usize, form: Form) -> usize {
    while let Some(block) = octets[at..].first_chunk() {
        let marks = marks_of_16(block, form);
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    let rest = &octets[at..];
    at + mark(load(rest), form).min(rest.len())
}

/// A bit for each octet that is not plain, the first one lowest.
#[inline]
fn marks_of_16(block: &[u8; 16], form: Form) -> u32 {
    others(u8x16::new(*block), form).to_bitmask()
}

#[inline]
fn others(block: u8x16, form: Form) -> u8x16 {
    let others = block.simd_eq(QUOTE) | block.simd_eq(SOLIDUS) | block.simd_lt(SPACE);
    if form == Form::Pyjson { others | block.simd_gt(TILDE) } else { others }
}

/// Whether all are white space.
#[inline]
pub(super) fn is_blank(block: &[u8; 16]) -> bool {
    let block = u8x16::new(*block);
    let [space, feed, carriage, tab] = [b' ', b'\n', b'\r', b'\t'].map(|octet| block.simd_eq(u8x16::splat(octet)));
    (space | feed | carriage | tab).all()
}

/// The index of the first octet that is not plain, 32 where all are.
#[inline]
fn mark(octets: u128, form: Form) -> usize {
    marks_of_16(&octets.to_le_bytes(), form).trailing_zeros() as usize
}

/// What follows the reverse solidus in the short escape of an octet, where there is one.
#[inline]
fn letter(octet: u8) -> Option<u8> {
    Some(LETTERS[usize::from(octet)]).filter(|letter| *letter != 0)
}

static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    (letters[b'"' as usize], letters[b'\\' as usize]) = (b'"', b'\\');
    (letters[0x08], letters[b'\t' as usize], letters[b'\n' as usize]) = (b'b', b't', b'n');
    (letters[0x0C], letters[b'\r' as usize]) = (b'f', b'r');
    letters
};

/// A character as it is written inside a string.
pub(super) struct Escaped {
    octets: [u8; 12],
    size: usize,
}

impl Escaped {
    pub(super) fn new(character: char, form: Form) -> Self {
        let mut escaped = Self { octets: [0; 12], size: 0 };
        if let Some(letter) = u8::try_from(character).ok().and_then(letter) {
            escaped.push(&[b'\\', letter]);
            return escaped;
        }
        match character {
            ' '..='~' => escaped.push(&[character as u8]),
            '\0'..='\u{1F}' => escaped.push_unit(character as u16),
            _ if form == Form::Pyjson => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_unit(*unit);
                }
            }
            _ => escaped.push(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        escaped
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.size]
    }

    fn push(&mut self, octets: &[u8]) {
        self.octets[self.size..self.size + octets.len()].copy_from_slice(octets);
        self.size += octets.len();
    }

    fn push_unit(&mut self, unit: u16) {
        let digit = |shift: u16| b"0123456789abcdef"[usize::from(unit >> shift & 0xF)];
        self.push(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    }
}

/// The character that the escape at the start of `octets` stands for, and how many octets it takes. None where it is
/// none, or half of a surrogate pair.
pub(super) fn unescaped(octets: &[u8]) -> Option<(char, usize)> {
    if octets.first() != Some(&b'\\') {
        return None;
    }
    let character = match octets.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = unit(*octets.get(2..)?.first_chunk()?)?;
            if let Some(character) = char::from_u32(high) {
                return Some((character, 6));
            }
            // RFC 8259, 7: a character outside of the Basic Multilingual Plane is a surrogate pair.
            let low = octets.get(6..)?.strip_prefix(b"\\u")?.first_chunk().copied().and_then(unit)?;
            if !(0xD800..0xDC00).contains(&high) || !(0xDC00..0xE000).contains(&low) {
                return None;
            }
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return char::from_u32(code).map(|character| (character, 12));
        }
        _ => return None,
    };
    Some((character, 2))
}

/// Octets of the escape of half a surrogate pair.
pub(super) const HALF: usize = 6;

/// Whether an escape of which `unescaped` makes nothing is at the start of `octets`, and of half a surrogate pair.
pub(super) fn is_half(octets: &[u8]) -> bool {
    octets.first_chunk::<HALF>().is_some_and(|[slash, u, digits @ ..]| {
        [*slash, *u] == *b"\\u" && unit(*digits).is_some_and(|unit| (0xD800..0xE000).contains(&unit))
    })
}

/// Writes in UTF-8 what the escapes from `at` on stand for, as long as those are of digits and need not be: the frequent
/// case, in the forms that are not of ASCII. Gives where they end.
#[inline]
pub(super) fn unescape(text: &[u8], mut at: usize, out: &mut Vec<u8>) -> usize {
    while let Some((utf8, size, taken)) = needless(&text[at..]) {
        // To copy a fixed number of octets is faster.
        out.extend_from_slice(&utf8);
        out.truncate(out.len() - utf8.len() + size);
        at += taken;
    }
    at
}

/// The UTF-8 of such an escape at the start of `octets`, its size, and how many octets the escape takes.
#[inline]
#[allow(clippy::cast_possible_truncation)] // six bits at a time
pub(super) fn needless(octets: &[u8]) -> Option<([u8; 4], usize, usize)> {
    let [b'\\', b'u', digits @ ..] = octets.first_chunk::<6>()? else { return None };
    let high = unit(*digits)?;
    let tail = |code: u32, shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    match high {
        0x80..0x800 => Some(([0xC0 | (high >> 6) as u8, tail(high, 0), 0, 0], 2, 6)),
        0x800..0xD800 | 0xE000.. => Some(([0xE0 | (high >> 12) as u8, tail(high, 6), tail(high, 0), 0], 3, 6)),
        0xD800..0xDC00 => {
            let [b'\\', b'u', digits @ ..] = octets[6..].first_chunk::<6>()? else { return None };
            let low = unit(*digits).filter(|low| (0xDC00..0xE000).contains(low))?;
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            Some(([0xF0 | (code >> 18) as u8, tail(code, 12), tail(code, 6), tail(code, 0)], 4, 12))
        }
        0x20..0x80 => letter(high as u8).is_none().then_some(([high as u8, 0, 0, 0], 1, 6)),
        _ => None,
    }
}

#[inline]
fn unit(digits: [u8; 4]) -> Option<u32> {
    let unit = digits.iter().fold(0, |unit, digit| unit << 4 | HEX[usize::from(*digit)]);
    (unit <= 0xFFFF).then_some(unit)
}

/// The value of each hexadecimal digit; any other octet makes a unit of four too large.
static HEX: [u32; 256] = {
    let mut values = [1 << 16; 256_usize];
    let mut digit = 0_u32;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        values[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};
