//! Signature-Input in the form in which signers write it: one member, components without parameters, one space between.

use std::mem;
use std::sync::Arc;

use super::component::Covered;
use super::member::{MOST_COMPONENTS, Member, Value};
use super::policy::Policy;
use crate::structured::{is_key, is_printable};

/// The one member of such a field. None: it has another form, or is wrong; the parser of structured fields, which reads
/// this form to the same, in five times the time, says which. Serialized anew (RFC 9651, 4.1) it has the same text.
pub(super) fn read(field: &[u8], policy: &Policy) -> Option<Member> {
    let field = std::str::from_utf8(field).ok().filter(|field| is_printable(field.as_bytes()))?;
    let (label, inner_list) = split(field, b'=')?;
    if !is_key(label) {
        return None;
    }
    let mut member = Member::new(label);
    let mut parameters = if let Some((components, rest)) = policy.usual(inner_list) {
        member.input.components = Arc::clone(components);
        rest
    } else {
        components(inner_list.strip_prefix('(')?, &mut member)?
    };
    while let Some(parameter) = parameters.strip_prefix(';') {
        let (name, value) = split(parameter, b'=')?;
        if member.has_parameter(name) {
            return None;
        }
        let (value, rest) = match value.strip_prefix('"') {
            Some(text) => quoted(text).map(|(text, rest)| (Value::Text(text), rest))?,
            None => number(value).map(|(digits, rest)| (Value::Integer(digits), rest))?,
        };
        member.add_parameter(name, value).ok()?;
        parameters = rest;
    }
    if !parameters.is_empty() {
        return None;
    }
    inner_list.clone_into(&mut member.input.inner_list);
    Some(member)
}

/// Takes the components; gives what follows their list.
fn components<'a>(mut list: &'a str, member: &mut Member) -> Option<&'a str> {
    if let Some(rest) = list.strip_prefix(')') {
        return Some(rest);
    }
    while member.listed.len() < MOST_COMPONENTS {
        let (name, rest) = quoted(list.strip_prefix('"')?)?;
        member.add_component(Covered::named(name)).ok()?;
        if let Some(next) = rest.strip_prefix(' ') {
            list = next;
        } else {
            member.input.components = mem::take(&mut member.listed).into();
            return rest.strip_prefix(')');
        }
    }
    None
}

/// RFC 9651, 3.3.3, after the quote: the text up to the other one, and what follows that. None: it has an escape, or no end.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|octet| octet == b'"' || octet == b'\\')?;
    text[end..].strip_prefix('"').map(|rest| (&text[..end], rest))
}

/// RFC 9651, 3.3.1: as it is serialized, and what follows it.
fn number(text: &str) -> Option<(&str, &str)> {
    let (digits, rest) = text.split_at(text.bytes().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len()));
    let is_shortest = digits == "0" || !digits.starts_with('0');
    ((1..=15).contains(&digits.len()) && is_shortest).then_some((digits, rest))
}

/// As `split_once`, whose search is made for long texts.
fn split(text: &str, at: u8) -> Option<(&str, &str)> {
    let mark = text.bytes().position(|octet| octet == at)?;
    Some((&text[..mark], &text[mark + 1..]))
}
