//! Numbers: the grammar of RFC 8259, 6, and the two layouts of a double's shortest digits.

use super::{Form, refused};
use crate::error::Result;

/// Octets of a number that is longer than any double's shortest digits.
const LONG: usize = 32;
/// Digits that a double always gives back: a decimal of so many is the shortest of its double.
const EXACT_DIGITS: usize = 15;
/// Up to 2^53 doubles are no more than 1 apart: an integer is nearer to its own than anything of fewer digits is.
const DENSE: &[u8; 16] = b"9007199254740992";
/// `sys.int_info.default_max_str_digits`: what `CPython` itself would read.
const MOST_DIGITS: usize = 4300;

/// Writes a finite double. RFC 8785, 3.2.2.3: as ECMAScript's `Number::toString`; or as Python's `repr(float)`.
pub fn write_float(number: f64, form: Form, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    match short(number, form, &mut buffer) {
        Ok(text) => out.extend_from_slice(text.as_bytes()),
        Err(text) => lay_out(text, form, out),
    }
}

/// The text of a double where all write the same, or all but Python, but for the ".0"; else the text to lay out anew.
fn short(number: f64, form: Form, buffer: &mut zmij::Buffer) -> std::result::Result<&str, &str> {
    let text = buffer.format_finite(number);
    let size = number.abs();
    match form {
        Form::Jcs if (1e-5..1e16).contains(&size) => Ok(text.strip_suffix(".0").unwrap_or(text)),
        Form::Jcs if size == 0.0 => Ok("0"),
        Form::Jcs if size < 1e-6 => Ok(text),
        Form::Pyjson | Form::PyjsonUtf8 if (1e-4..1e16).contains(&size) || size == 0.0 => Ok(text),
        _ => Err(text),
    }
}

/// ECMA-262, 6.1.6.1.20, steps 6 to 12; or `CPython`'s `format_float_short` with the code `r`.
fn lay_out(text: &str, form: Form, out: &mut Vec<u8>) {
    let jcs = form == Form::Jcs;
    let unsigned = text.trim_start_matches('-');
    out.extend_from_slice(&text.as_bytes()[..text.len() - unsigned.len()]);
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = [0; 24];
    let count = whole.len() + fraction.len();
    digits[..whole.len()].copy_from_slice(whole.as_bytes());
    digits[whole.len()..count].copy_from_slice(fraction.as_bytes());
    let digits = &digits[..count];
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let digits = &digits[leading..digits.len() - trailing];
    // The number is 0.DIGITS times ten to the power of `point`: ECMA-262 calls it n, CPython decpt.
    let point = whole.len().cast_signed() - leading.cast_signed() + exponent.parse().unwrap_or(0);
    let count = digits.len().cast_signed();
    let zeros = |count: isize| std::iter::repeat_n(b'0', count.unsigned_abs());
    let (lowest, highest) = if jcs { (-6, 21) } else { (-4, 16) };
    if point <= lowest || point > highest {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if point > 0 { b"e+" } else { b"e-" });
        let exponent = (point - 1).unsigned_abs();
        if exponent < 10 && !jcs {
            out.push(b'0');
        }
        out.extend_from_slice(exponent.to_string().as_bytes());
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(point));
        out.extend_from_slice(digits);
    } else if point >= count {
        out.extend_from_slice(digits);
        out.extend(zeros(point - count));
        if !jcs {
            out.extend_from_slice(b".0");
        }
    } else {
        let (whole, fraction) = digits.split_at(point.unsigned_abs());
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Writes an integer from its plain decimal digits, perhaps with a sign. `index`: its place, for the error.
///
/// RFC 8785 has doubles only: an integer that its double does not give back, digit by digit, is another number to
/// every reader that has integers, and so it is refused, or rounded where that was asked for.
pub fn write_integer(text: &str, form: Form, round: bool, index: usize, out: &mut Vec<u8>) -> Result<()> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if form != Form::Jcs && digits.len() > MOST_DIGITS {
        return Err(refused("an integer of over 4300 digits", index));
    }
    if text == "-0" {
        out.push(b'0');
        return Ok(());
    }
    if form != Form::Jcs || is_held(digits) {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    let start = out.len();
    write_float(double(text, index)?, form, out);
    if &out[start..] == text.as_bytes() || round {
        return Ok(());
    }
    out.truncate(start);
    Err(refused("an integer that a double does not hold", index))
}

/// Whether the digits of an integer are those of its double, to be seen without looking at its value.
#[inline]
fn is_held(digits: &[u8]) -> bool {
    digits.len() <= EXACT_DIGITS || digits.try_into().is_ok_and(|digits: &[u8; 16]| digits <= DENSE)
}

/// The double that a number's text stands for, correctly rounded.
fn double(text: &str, index: usize) -> Result<f64> {
    // Both round correctly. The standard library's is the faster one, but on long numbers beside the middle of two
    // doubles it takes five times as long.
    let number: Option<f64> = if text.len() <= LONG { text.parse().ok() } else { serde_json::from_str(text).ok() };
    number.filter(|number| number.is_finite()).ok_or_else(|| refused("a number beyond the doubles", index))
}

/// A number in a text.
pub(super) struct Token {
    /// Where it ends.
    pub(super) end: usize,
    is_integer: bool,
    /// Whether its text is its canonical form, to be seen without looking at its value.
    pub(super) is_canonical: bool,
}

impl Token {
    /// RFC 8259, 6: `-`, whole, fraction and exponent.
    #[inline]
    pub(super) fn read(text: &[u8], start: usize, form: Form) -> Result<Self> {
        let whole = start + usize::from(text[start] == b'-');
        let mut at = digits_end(text, whole);
        let whole_digits = at - whole;
        if whole_digits == 0 || (text[whole] == b'0' && whole_digits > 1) {
            return Err(refused("not a number", whole));
        }
        let mut token = Self { end: at, is_integer: true, is_canonical: false };
        let mut significant = whole_digits;
        let mut is_shortest = true;
        if text.get(at) == Some(&b'.') {
            token.is_integer = false;
            let fraction = at + 1;
            at = digits_end(text, fraction);
            if at == fraction {
                return Err(refused("a fraction without digits", at));
            }
            significant += at - fraction;
            // Python writes 1.0 where ECMAScript writes 1; nobody writes 1.50.
            is_shortest = text[at - 1] != b'0' || (form != Form::Jcs && at - fraction == 1);
            // Small numbers may get an exponent: a closer look.
            is_shortest &= text[whole] != b'0' || !text[fraction..].starts_with(b"0000");
        } else if text[whole] == b'0' {
            is_shortest = whole == start;
        }
        let mut has_exponent = false;
        if let Some(b'e' | b'E') = text.get(at) {
            has_exponent = true;
            token.is_integer = false;
            let digits = at + 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
            at = digits_end(text, digits);
            if at == digits {
                return Err(refused("an exponent without digits", at));
            }
        }
        token.end = at;
        token.is_canonical = is_shortest
            && !has_exponent
            && (significant <= EXACT_DIGITS || (token.is_integer && is_held(&text[whole..at])));
        Ok(token)
    }

    /// Writes its canonical form, if it is another; says so.
    pub(super) fn rewrite(&self, text: &str, start: usize, form: Form, round: bool, out: &mut Vec<u8>) -> Result<bool> {
        let token = &text[start..self.end];
        if self.is_integer {
            write_integer(token, form, round, start, out)?;
        } else {
            let number = double(token, start)?;
            let mut buffer = zmij::Buffer::new();
            match short(number, form, &mut buffer) {
                Ok(text) if text == token => return Ok(false),
                Ok(text) => out.extend_from_slice(text.as_bytes()),
                Err(text) => lay_out(text, form, out),
            }
        }
        Ok(out != token.as_bytes())
    }
}

/// Eight octets at a time, since most of a text of numbers is digits.
#[inline]
fn digits_end(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let digits = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'0'));
        let others = (((digits & (ONES * 0x7F)) + ONES * (0x7F - 9)) | digits) & (ONES * 0x80);
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    text[at..].iter().position(|octet| !octet.is_ascii_digit()).map_or(text.len(), |offset| at + offset)
}
