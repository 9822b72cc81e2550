//! JSON Pointer (RFC 6901), as far as it names members of objects and lone elements of arrays, and documents to find
//! them in.

use std::borrow::Cow;
use std::ops::Range;

use super::string::{plain, unescaped};
use super::{Canonical, Form, Options, write_string};
use crate::error::{Code, Error, Result};

/// A pointer to a member of a document.
///
/// In RFC 6901 the document decides what a token of digits names: an element, or a member of that name. Here the pointer
/// decides. Else an array and an object with the member `0` had one signature base, and the application were handed
/// whichever of the two an attacker likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    steps: Vec<Step>,
}

/// One step on the way to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the member of an object.
    Name(String),
    /// To the only element of an array.
    Only,
}

impl Pointer {
    /// RFC 6901, 3: tokens, each after a `/`, with `~0` for `~` and `~1` for `/`. The pointer to the whole document,
    /// which is empty, points to no member. Of the indexes (4: digits without a zero before them) 0 is the only one
    /// taken: how many elements there are is signed with them then.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || Error::configuration(format!("not a JSON pointer to a member: {text:?}"));
        let tokens = text.strip_prefix('/').ok_or_else(malformed)?.split('/');
        let steps = tokens.map(|token| Step::parse(token).ok_or_else(malformed)).collect::<Result<_>>()?;
        Ok(Self { text: text.to_owned(), steps })
    }

    /// As written: each pointer has one spelling.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The steps on the way, outermost first; one at least.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether what it points to is, or holds, what `other` points to.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.steps.starts_with(&self.steps)
    }

    /// Whether no document has both: what is an array to one is an object to the other.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let parting = self.steps.iter().zip(&other.steps).find(|(own, other)| own != other);
        parting.is_some_and(|(own, other)| *own == Step::Only || *other == Step::Only)
    }
}

impl Step {
    fn parse(token: &str) -> Option<Self> {
        let is_index = !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_digit());
        match token {
            "0" => Some(Self::Only),
            _ if is_index && !token.starts_with('0') => None,
            _ => name(token).map(Self::Name),
        }
    }

    /// The name and its colon; an element has none.
    pub(super) fn write_name(&self, form: Form, out: &mut Vec<u8>) {
        if let Self::Name(name) = self {
            write_string(name, form, out);
            out.push(b':');
        }
    }

    /// What begins the array or object that it is taken in.
    pub(super) fn opening(&self) -> u8 {
        if *self == Self::Only { b'[' } else { b'{' }
    }

    /// What ends it.
    pub(super) fn closing(&self) -> u8 {
        if *self == Self::Only { b']' } else { b'}' }
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
enum Place<'a> {
    /// The value of the member.
    Value(Range<usize>),
    /// The array or object that begins at `within` has nothing at the step, from which others go on.
    Absent { within: usize, step: &'a Step, onward: &'a [Step] },
    /// Something on the way is of another kind.
    Closed,
    /// An array on the way has more than one element.
    Crowded,
}

impl Document {
    /// Reads the whole text; see `Canonical::read`.
    pub fn read(text: &[u8], form: Form) -> Result<Self> {
        Self::read_with(text, Options { form, ..Options::default() })
    }

    /// The same, of a text that is handed on as received: its members are looked up, and what has no canonical form is
    /// kept.
    pub fn look_into(text: &[u8]) -> Result<Self> {
        // In this form an integer stays as it is written, and no other number becomes one.
        Self::read_with(text, Options { form: Form::PyjsonUtf8, keeps_odd: true, ..Options::default() })
    }

    fn read_with(text: &[u8], options: Options) -> Result<Self> {
        let canonical = Canonical::read(text, options)?;
        Ok(Self { octets: canonical.octets(text).into_owned(), form: options.form })
    }

    /// The canonical text.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The canonical text of a member; None where it is absent, or where something on the way is of another kind. An
    /// array with more elements than the pointer says is refused: the others would be lost in silence.
    pub fn member(&self, pointer: &Pointer) -> Result<Option<&[u8]>> {
        match self.find(pointer) {
            Place::Value(range) => Ok(Some(&self.octets[range])),
            Place::Absent { .. } | Place::Closed => Ok(None),
            Place::Crowded => {
                let message = format!("an array of more than one element: {}", pointer.text());
                Err(Error::new(Code::BodyMalformed, message))
            }
        }
    }

    /// The document with `value`, a JSON text, at a pointer, in arrays and objects that are made where there are none;
    /// None where something on the way is of another kind, or has more elements.
    pub fn with(&self, pointer: &Pointer, value: &[u8]) -> Result<Option<Self>> {
        let (range, text) = match self.find(pointer) {
            Place::Value(range) => (range, value.to_vec()),
            Place::Absent { within, step, onward } => {
                let mut text = Vec::new();
                step.write_name(self.form, &mut text);
                for step in onward {
                    text.push(step.opening());
                    step.write_name(self.form, &mut text);
                }
                text.extend_from_slice(value);
                text.extend(onward.iter().rev().map(Step::closing));
                if self.octets[within + 1] != step.closing() {
                    text.push(b',');
                }
                (within + 1..within + 1, text)
            }
            Place::Closed | Place::Crowded => return Ok(None),
        };
        // Read again, since the members are to be in order again.
        Self::read(&[&self.octets[..range.start], &text, &self.octets[range.end..]].concat(), self.form).map(Some)
    }

    fn find<'a>(&self, pointer: &'a Pointer) -> Place<'a> {
        let text = self.octets.as_slice();
        let mut value = 0..text.len();
        let mut wanted = Vec::new();
        let mut steps = pointer.steps.as_slice();
        while let Some((step, onward)) = steps.split_first() {
            let within = value.start;
            if text.get(within) != Some(&step.opening()) {
                return Place::Closed;
            }
            let found = match step {
                Step::Name(name) => {
                    wanted.clear();
                    write_string(name, self.form, &mut wanted);
                    member(text, within, &wanted)
                }
                Step::Only => {
                    let first = within + 1..value_end(text, within + 1);
                    if text.get(first.end) == Some(&b',') {
                        return Place::Crowded;
                    }
                    Some(first).filter(|first| !first.is_empty())
                }
            };
            match found {
                Some(range) => value = range,
                None => return Place::Absent { within, step, onward },
            }
            steps = onward;
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
