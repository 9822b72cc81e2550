//! JSON Pointer (RFC 6901), as far as it names members of objects, and documents to find them in.

use std::borrow::Cow;
use std::ops::Range;

use super::string::{plain, unescaped};
use super::{Canonical, Form, Options, write_string};
use crate::error::{Error, Result};

/// A pointer to a member of an object, which may lie in other objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    names: Vec<String>,
}

impl Pointer {
    /// RFC 6901, 3: tokens, each after a `/`, with `~0` for `~` and `~1` for `/`. The pointer to the whole document,
    /// which is empty, points to no member.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::configuration(format!("not a JSON pointer to a member: {text:?}"));
        let tokens = text.strip_prefix('/').ok_or_else(malformed)?.split('/');
        let names = tokens.map(|token| name(token).ok_or_else(malformed)).collect::<Result<_>>()?;
        Ok(Self { text: text.to_owned(), names })
    }

    /// As written: each pointer has one spelling.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names on the way, outermost first; one at least.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether what it points to is, or holds, what `other` points to.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.names.starts_with(&self.names)
    }
}

fn name(token: &str) -> Option<String> {
    let mut name = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        name.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(name)
}

/// A JSON text in its canonical form, in which each name has one spelling and nothing stands between the tokens.
pub struct Document {
    octets: Vec<u8>,
    form: Form,
}

/// Where a pointer ends.
enum Place {
    /// The value of the member.
    Value(Range<usize>),
    /// The object that begins here has no such member; so many names were found on the way to it.
    Absent(usize, usize),
    /// Something on the way is no object.
    Closed,
}

impl Document {
    /// Reads the whole text; see `Canonical::read`.
    pub fn read(text: &[u8], form: Form) -> Result<Self> {
        let canonical = Canonical::read(text, Options { form, ..Options::default() })?;
        Ok(Self { octets: canonical.octets(text).into_owned(), form })
    }

    /// The canonical text.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The canonical text of a member; None where it is absent, or where something on the way is no object.
    #[must_use]
    pub fn member(&self, pointer: &Pointer) -> Option<&[u8]> {
        match self.find(pointer) {
            Place::Value(range) => Some(&self.octets[range]),
            Place::Absent(..) | Place::Closed => None,
        }
    }

    /// The document with `value`, a JSON text, at a pointer, in objects that are made where there are none; None where
    /// something on the way is no object.
    pub fn with(&self, pointer: &Pointer, value: &[u8]) -> Result<Option<Self>> {
        let (range, text) = match self.find(pointer) {
            Place::Value(range) => (range, value.to_vec()),
            Place::Absent(object, depth) => {
                let names = &pointer.names[depth..];
                let mut text = Vec::new();
                for (nth, name) in names.iter().enumerate() {
                    text.extend_from_slice(if nth > 0 { b"{" } else { b"" });
                    write_string(name, self.form, &mut text);
                    text.push(b':');
                }
                text.extend_from_slice(value);
                text.extend(std::iter::repeat_n(b'}', names.len() - 1));
                if self.octets[object + 1] != b'}' {
                    text.push(b',');
                }
                (object + 1..object + 1, text)
            }
            Place::Closed => return Ok(None),
        };
        // Read again, since the members are to be in order again.
        Self::read(&[&self.octets[..range.start], &text, &self.octets[range.end..]].concat(), self.form).map(Some)
    }

    fn find(&self, pointer: &Pointer) -> Place {
        let text = self.octets.as_slice();
        let mut value = 0..text.len();
        let mut wanted = Vec::new();
        for (depth, name) in pointer.names.iter().enumerate() {
            if text.get(value.start) != Some(&b'{') {
                return Place::Closed;
            }
            wanted.clear();
            write_string(name, self.form, &mut wanted);
            match member(text, value.start, &wanted) {
                Some(range) => value = range,
                None => return Place::Absent(value.start, depth),
            }
        }
        Place::Value(value)
    }
}

/// The characters of a string, given its canonical text; None where that is of something else.
#[must_use]
pub fn string_of(text: &[u8]) -> Option<Cow<'_, str>> {
    let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let inside_text = std::str::from_utf8(inside).ok()?;
    if !inside.contains(&b'\\') {
        return Some(Cow::Borrowed(inside_text));
    }
    let mut decoded = String::with_capacity(inside.len());
    let mut at = 0;
    while at < inside.len() {
        let size = inside[at..].iter().position(|octet| *octet == b'\\').unwrap_or(inside.len() - at);
        decoded.push_str(&inside_text[at..at + size]);
        at += size;
        if at < inside.len() {
            let (character, size) = unescaped(&inside[at..])?;
            decoded.push(character);
            at += size;
        }
    }
    Some(Cow::Owned(decoded))
}

/// Where the value of the member `name`, in its quotes, stands in the object that begins at `object`.
fn member(text: &[u8], object: usize, name: &[u8]) -> Option<Range<usize>> {
    let mut at = object + 1;
    while text.get(at) == Some(&b'"') {
        let value = string_end(text, at) + 1;
        let end = value_end(text, value);
        if text[at..value - 1] == *name {
            return Some(value..end);
        }
        at = end + 1;
    }
    None
}

/// Where a value of a canonical text ends.
fn value_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match text.get(at) {
            Some(b'"') => at = string_end(text, at),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            Some(b',' | b':') if depth > 0 => {
                at += 1;
                continue;
            }
            // A number or a literal, octet by octet.
            Some(octet) if octet.is_ascii_alphanumeric() || b"+-.".contains(octet) => {
                at += text[at..].iter().take_while(|octet| !b",]}".contains(octet)).count();
            }
            _ => return at,
        }
        if depth == 0 {
            return at;
        }
    }
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = plain(text, start + 1, Form::Jcs);
    while text.get(at) == Some(&b'\\') {
        at = plain(text, at + 2, Form::Jcs);
    }
    at + 1
}
