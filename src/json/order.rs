//! The order of names: by UTF-16 code units (RFC 8785, 3.2.3), or by code points, as Python sorts str.

use std::cmp::Ordering;
use std::ops::Range;

use super::Form;
use super::canonical::Span;
use super::string::load;

const HIGHS: u64 = 0x8080_8080_8080_8080;

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
    #[allow(clippy::cast_possible_truncation)] // no more than eight octets
    let start = load(&name[..name.len().min(8)]) as u64;
    weighed(start, form)
}

/// The same of a name that stands in a text.
#[inline]
pub(super) fn prefix_within(text: &[u8], name: Range<usize>, form: Form) -> u64 {
    #[allow(clippy::cast_possible_truncation)] // at most 8
    let size = name.len().min(8) as u32;
    match text[name.start..].first_chunk() {
        // What follows the name is cut off, by no branch on its length: to guess that wrong costs more.
        Some(chunk) => {
            let kept = u64::MAX.checked_shr(64 - 8 * size).unwrap_or(0);
            weighed(u64::from_le_bytes(*chunk) & kept, form)
        }
        None => prefix(&text[name], form),
    }
}

#[inline]
fn weighed(start: u64, form: Form) -> u64 {
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

impl Member {
    #[inline]
    pub(super) fn prefix(&self) -> u64 {
        u64::from(self.prefix[0]) << 32 | u64::from(self.prefix[1])
    }
}

/// Members that are put in order by counting.
const FEW: usize = 16;

/// Which member is first, which second, and so on, where their number is small and their prefixes tell. Nothing here
/// depends on how a comparison ends: to guess that wrong costs more than to compare each with each.
#[inline]
pub(super) fn order_of_few(members: &[Member]) -> Option<[u8; FEW]> {
    match members.len() {
        0..=8 => counted::<8>(members),
        9..=FEW => counted::<FEW>(members),
        _ => None,
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // at most FEW
fn counted<const MOST: usize>(members: &[Member]) -> Option<[u8; FEW]> {
    let mut prefixes = [u64::MAX; MOST];
    for (prefix, member) in prefixes.iter_mut().zip(members) {
        *prefix = member.prefix();
    }
    let mut order = [0; FEW];
    let mut sum = 0;
    for (nth, prefix) in prefixes.iter().enumerate().take(members.len()) {
        let place: usize = prefixes.iter().map(|other| usize::from(other < prefix)).sum();
        order[place % FEW] = nth as u8;
        sum += place;
    }
    // Of two equal ones neither is counted before the other.
    (2 * sum == members.len() * (members.len() - 1)).then_some(order)
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
        a.prefix().cmp(&b.prefix()).then_with(|| compare(self.octets(a), self.octets(b), self.form))
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
