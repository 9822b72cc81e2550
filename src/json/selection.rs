//! Members of a document that are signed: what is read of them, and the object that holds them and nothing else.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::order::compare;
use super::pointer::{Document, Pointer, string_of};
use super::{Form, write_string};
use crate::error::{Code, Error, Result};

/// A member that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Where it is.
    pub pointer: Pointer,
    /// Whether a string is signed without its quotes and escapes; nothing but a string is taken then.
    pub is_bare: bool,
}

/// Members that are signed, and the form in which they are.
#[derive(Debug)]
pub struct Selection {
    form: Form,
    /// In the order of their names; none of them within another.
    chosen: Vec<Chosen>,
    /// What stands before each of them in the object that holds them all, and what after the last.
    outline: Vec<Vec<u8>>,
}

/// The members of one document.
pub struct Selected {
    object: Vec<u8>,
    values: Vec<(Range<usize>, bool)>,
}

impl Selection {
    /// Refuses a member that is, or lies in, another one, unless it is the very same in the very same form.
    pub fn new(mut chosen: Vec<Chosen>, form: Form) -> Result<Self> {
        chosen.sort_by(|a, b| by_names(a.pointer.names(), b.pointer.names(), form));
        chosen.dedup();
        for pair in chosen.windows(2) {
            let (first, second) = (&pair[0].pointer, &pair[1].pointer);
            if first == second {
                return Err(Error::configuration(format!("the member {} in two forms", first.text())));
            }
            if first.holds(second) {
                let (first, second) = (first.text(), second.text());
                return Err(Error::configuration(format!("the member {second} lies in {first}")));
            }
        }
        let outline = outline(&chosen, form);
        Ok(Self { form, chosen, outline })
    }

    /// The form in which the members are signed and handed on.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The members, in order.
    #[must_use]
    pub fn chosen(&self) -> &[Chosen] {
        &self.chosen
    }

    /// Takes the members out of a document; all must be there, and be what is signed of them.
    pub fn of(&self, document: &Document) -> Result<Selected> {
        let mut selected = Selected { object: Vec::new(), values: Vec::with_capacity(self.chosen.len()) };
        for (Chosen { pointer, is_bare }, before) in self.chosen.iter().zip(&self.outline) {
            let refused = |what| Error::new(Code::BodyMalformed, format!("{what}: {}", pointer.text()));
            let value = document.member(pointer).ok_or_else(|| refused("the body has no such member"))?;
            if *is_bare && string_of(value).is_none() {
                return Err(refused("the member is no string"));
            }
            selected.object.extend_from_slice(before);
            let start = selected.object.len();
            selected.object.extend_from_slice(value);
            selected.values.push((start..selected.object.len(), *is_bare));
        }
        selected.object.extend_from_slice(self.outline.last().map_or(b"{}", Vec::as_slice));
        Ok(selected)
    }
}

impl Selected {
    /// The canonical object that holds the members and nothing else.
    #[must_use]
    pub fn object(&self) -> &[u8] {
        &self.object
    }

    /// What is signed of the nth member.
    #[must_use]
    pub fn value(&self, nth: usize) -> Option<Cow<'_, [u8]>> {
        let (range, is_bare) = self.values.get(nth)?;
        let value = self.object.get(range.clone())?;
        if !is_bare {
            return Some(Cow::Borrowed(value));
        }
        Some(match string_of(value)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }
}

/// An object before the members in it, names in the order of the form.
fn by_names(a: &[String], b: &[String], form: Form) -> Ordering {
    let names = a.iter().zip(b).map(|(a, b)| compare(a.as_bytes(), b.as_bytes(), form));
    names.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
}

fn outline(chosen: &[Chosen], form: Form) -> Vec<Vec<u8>> {
    let mut outline = Vec::new();
    let mut open: &[String] = &[];
    for names in chosen.iter().map(|chosen| chosen.pointer.names()) {
        let shared = open.iter().zip(names).take_while(|(open, name)| open == name).count();
        let mut before = vec![b'}'; open.len().saturating_sub(shared + 1)];
        before.push(if open.is_empty() { b'{' } else { b',' });
        for (nth, name) in names[shared..].iter().enumerate() {
            before.extend_from_slice(if nth > 0 { b"{" } else { b"" });
            write_string(name, form, &mut before);
            before.push(b':');
        }
        outline.push(before);
        open = names;
    }
    outline.push(vec![b'}'; open.len()]);
    outline
}
