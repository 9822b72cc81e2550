//! Strings: which octets stand for themselves, and how the others are written (RFC 8785, 3.2.2.2).

use wide::u8x16;

use super::Form;

const QUOTE: u8x16 = u8x16::new([b'"'; 16]);
const SOLIDUS: u8x16 = u8x16::new([b'\\'; 16]);
const SPACE: u8x16 = u8x16::new([b' '; 16]);
const TILDE: u8x16 = u8x16::new([b'~'; 16]);

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Writes a string in its quotes.
pub fn write_string(text: &str, form: Form, out: &mut Vec<u8>) {
    let octets = text.as_bytes();
    let start = out.len();
    if let Some(short) = short(octets, form) {
        out.extend_from_slice(&short);
        return out.truncate(start + octets.len() + 2);
    }
    out.reserve(octets.len() + 2);
    out.push(b'"');
    let mut copied = 0;
    loop {
        let at = plain(octets, copied, form);
        out.extend_from_slice(&octets[copied..at]);
        let Some(character) = text[at..].chars().next() else { break };
        out.extend_from_slice(Escaped::new(character, form).octets());
        copied = at + character.len_utf8();
    }
    out.push(b'"');
}

/// A string of at most 16 plain octets in its quotes, and some more octets: to copy a fixed number is faster.
#[inline]
fn short(octets: &[u8], form: Form) -> Option<[u8; 18]> {
    let (first, second) = octets.split_at(octets.len().min(8));
    if second.len() > 8 {
        return None;
    }
    let (low, high) = (load(first), load(second));
    let ascii = form == Form::Pyjson;
    let (first, second) = (mark(low, ascii) >= first.len(), mark(high, ascii) >= second.len());
    let mut short = [b'"'; 18];
    short[1..9].copy_from_slice(&low.to_le_bytes());
    short[9..17].copy_from_slice(&high.to_le_bytes());
    short[octets.len() + 1] = b'"';
    (first && second).then_some(short)
}

/// At most eight octets as a number, the first one lowest, zeros above.
#[inline]
pub(super) fn load(octets: &[u8]) -> u64 {
    if let Some(chunk) = octets.first_chunk() {
        return u64::from_le_bytes(*chunk);
    }
    if let (Some(low), Some(high)) = (octets.first_chunk(), octets.last_chunk()) {
        let shift = 8 * (octets.len() - 4);
        return u64::from(u32::from_le_bytes(*low)) | u64::from(u32::from_le_bytes(*high)) << shift;
    }
    octets.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// The first index from `at` on whose octet cannot simply be copied: a quote, a reverse solidus, a control character,
/// and in a form of ASCII all else outside of `' '..='~'`.
#[inline]
pub(super) fn plain(octets: &[u8], mut at: usize, form: Form) -> usize {
    let ascii = form == Form::Pyjson;
    while let Some(block) = octets[at..].first_chunk() {
        let block = u8x16::new(*block);
        let mut marks = block.simd_eq(QUOTE) | block.simd_eq(SOLIDUS) | block.simd_lt(SPACE);
        if ascii {
            marks |= block.simd_gt(TILDE);
        }
        let marks = marks.to_bitmask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    let (first, second) = octets[at..].split_at((octets.len() - at).min(8));
    let mark_first = mark(load(first), ascii);
    if mark_first < first.len() {
        return at + mark_first;
    }
    at + first.len() + mark(load(second), ascii).min(second.len())
}

/// The index of the first octet that is not plain, 8 where all are.
#[inline]
fn mark(chunk: u64, ascii: bool) -> usize {
    (marks(chunk, ascii).trailing_zeros() / 8) as usize
}

/// The high bit of the first octet that is not plain, and perhaps of later ones.
#[inline]
fn marks(chunk: u64, ascii: bool) -> u64 {
    // Where an octet is 0, taking 1 away borrows; a borrow can reach later octets only.
    let zero = |octets: u64| octets.wrapping_sub(ONES) & !octets;
    let control = chunk.wrapping_sub(ONES * 0x20) & !chunk;
    let special = zero(chunk ^ (ONES * u64::from(b'"'))) | zero(chunk ^ (ONES * u64::from(b'\\')));
    let beyond = if ascii { chunk | zero(chunk ^ (ONES * 0x7F)) } else { 0 };
    (control | special | beyond) & HIGHS
}

/// A character as it is written inside a string.
pub(super) struct Escaped {
    octets: [u8; 12],
    size: usize,
}

impl Escaped {
    pub(super) fn new(character: char, form: Form) -> Self {
        let mut escaped = Self { octets: [0; 12], size: 0 };
        match character {
            '"' => escaped.push(b"\\\""),
            '\\' => escaped.push(b"\\\\"),
            '\u{8}' => escaped.push(b"\\b"),
            '\t' => escaped.push(b"\\t"),
            '\n' => escaped.push(b"\\n"),
            '\u{C}' => escaped.push(b"\\f"),
            '\r' => escaped.push(b"\\r"),
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
            let high = unit(octets.get(2..6)?)?;
            if let Some(character) = char::from_u32(high) {
                return Some((character, 6));
            }
            // RFC 8259, 7: a character outside of the Basic Multilingual Plane is a surrogate pair.
            let low = octets.get(6..8).filter(|escape| *escape == b"\\u").and_then(|_| unit(octets.get(8..12)?))?;
            let is_pair = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
            let code = 0x10000 + (high.wrapping_sub(0xD800) << 10) + low.wrapping_sub(0xDC00);
            return is_pair.then(|| char::from_u32(code)).flatten().map(|character| (character, 12));
        }
        _ => return None,
    };
    Some((character, 2))
}

fn unit(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}
