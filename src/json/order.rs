//! The order of names: by UTF-16 code units (RFC 8785, 3.2.3), or by code points, as Python sorts str.

use std::cmp::Ordering;

use super::Form;
use super::canonical::Span;
use super::string::load;

/// How the name `a` stands to `b`; both in UTF-8, without escapes.
#[must_use]
pub fn compare(mut a: &[u8], mut b: &[u8], form: Form) -> Ordering {
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
pub fn prefix(name: &[u8], form: Form) -> u64 {
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    #[allow(clippy::cast_possible_truncation)] // no more than eight octets
    let start = load(&name[..name.len().min(8)]) as u64;
    let octets = start.to_le_bytes();
    u64::from_be_bytes(if start & HIGHS == 0 { octets } else { octets.map(|octet| weight(octet, form)) })
}

/// In UTF-8 the order of octets is that of code points. In UTF-16 surrogates (lead octets from 0xF0 on) stand before
/// U+E000 to U+FFFF (0xEE and 0xEF); two strings that differ in such an octet first differ in no earlier unit.
#[inline]
fn weight(octet: u8, form: Form) -> u8 {
    if form == Form::Jcs && (octet == 0xEE || octet == 0xEF) { octet + 0x10 } else { octet }
}

/// A member of an object that is still open.
pub(super) struct Member {
    /// Of its name, as two halves: an alignment of 8 would cost 4 octets a member.
    pub(super) prefix: [u32; 2],
    /// Where its name begins, and how long it is: in the text, or where the highest bit says so among the decoded names.
    pub(super) name: u32,
    pub(super) name_size: u32,
    pub(super) span: Span,
}

pub(super) const DECODED: u32 = 1 << 31;

/// Where the octets of names are.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) text: &'a [u8],
    /// Names that had escapes: four octets, where the name begins in the text, and then the name.
    pub(super) decoded: &'a [u8],
    pub(super) form: Form,
}

impl<'a> Names<'a> {
    #[inline]
    pub(super) fn order(&self, a: &Member, b: &Member) -> Ordering {
        a.prefix.cmp(&b.prefix).then_with(|| compare(self.octets(a), self.octets(b), self.form))
    }

    fn octets(&self, member: &Member) -> &'a [u8] {
        let (start, size) = (member.name as usize, (member.name_size & !DECODED) as usize);
        let names = if member.name_size & DECODED == 0 { self.text } else { self.decoded };
        &names[start..start + size]
    }

    /// Where the name begins in the text, with its quote.
    pub(super) fn index(&self, member: &Member) -> usize {
        let start = member.name as usize;
        let decoded = self.decoded.get(start.wrapping_sub(4)..start).and_then(|octets| octets.try_into().ok());
        match decoded {
            Some(start) if member.name_size & DECODED != 0 => u32::from_le_bytes(start) as usize - 1,
            _ => start - 1,
        }
    }
}
