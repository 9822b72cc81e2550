//! Members of a document that are signed: what is read of them, and the object that holds them and nothing else.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::Form;
use super::order::compare;
use super::pointer::{Document, Pointer, Step, string_of};
use crate::error::{Code, Error, Result};

/// A member that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Where it is.
    pub pointer: Pointer,
    /// Whether a string is signed without its quotes and escapes; nothing but a string is taken then.
    pub is_bare: bool,
    /// Whether a document may do without it. An empty string is then signed as nothing, and so is as absent.
    pub is_optional: bool,
}

/// Members that are signed, and the form in which they are.
#[derive(Debug)]
pub struct Selection {
    form: Form,
    /// In the order of their names; none of them within another.
    chosen: Vec<Chosen>,
    /// Of all of them.
    outline: Outline,
}

/// What stands before each member in the document that holds these and nothing else, and what after the last.
#[derive(Clone, Debug, Default)]
struct Outline {
    before: Vec<Vec<u8>>,
    after: Vec<u8>,
}

/// The members of one document.
pub struct Selected {
    object: Vec<u8>,
    values: Vec<(Range<usize>, bool)>,
}

impl Selection {
    /// Refuses a member that is, or lies in, another one, unless it is the very same in the very same form; members that
    /// no document has together; and members of which a document need have none: the signature of nothing would do.
    pub fn new(mut chosen: Vec<Chosen>, form: Form) -> Result<Self> {
        if chosen.iter().all(|chosen| chosen.is_optional) {
            return Err(Error::configuration("members of the body that are all optional"));
        }
        chosen.sort_by(|a, b| by_steps(a.pointer.steps(), b.pointer.steps(), form));
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
            if first.excludes(second) {
                let (first, second) = (first.text(), second.text());
                return Err(Error::configuration(format!("no body has both of the members {first} and {second}")));
            }
        }
        let outline = Outline::of(&chosen, form);
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

    /// Takes the members out of a document; those that are not optional must be there, and all be what is signed of them.
    ///
    /// What is handed on has the shape of the pointers, not of the document: it is made of what is signed and of nothing
    /// else, so that one base never comes with two of it.
    pub fn of(&self, document: &Document) -> Result<Selected> {
        let found = self.chosen.iter().map(|chosen| chosen.find(document)).collect::<Result<Vec<_>>>()?;
        let outline = if found.iter().all(Option::is_some) {
            Cow::Borrowed(&self.outline)
        } else {
            let present = self.chosen.iter().zip(&found).filter(|(_, value)| value.is_some());
            Cow::Owned(Outline::of(present.map(|(chosen, _)| chosen), self.form))
        };
        let mut selected = Selected { object: Vec::new(), values: Vec::with_capacity(self.chosen.len()) };
        let mut before = outline.before.iter();
        for (chosen, value) in self.chosen.iter().zip(found) {
            let Some(value) = value else {
                // Nothing, as it stands.
                selected.values.push((0..0, false));
                continue;
            };
            selected.object.extend_from_slice(before.next().map_or(b"", Vec::as_slice));
            let start = selected.object.len();
            selected.object.extend_from_slice(value);
            selected.values.push((start..selected.object.len(), chosen.is_bare));
        }
        selected.object.extend_from_slice(&outline.after);
        Ok(selected)
    }
}

impl Chosen {
    fn find<'a>(&self, document: &'a Document) -> Result<Option<&'a [u8]>> {
        let refused = |what| Error::new(Code::BodyMalformed, format!("{what}: {}", self.pointer.text()));
        match document.member(&self.pointer)? {
            Some(value) if self.is_bare && string_of(value).is_none() => Err(refused("the member is no string")),
            Some(b"\"\"") if self.is_optional => Ok(None),
            None if !self.is_optional => Err(refused("the body has no such member")),
            found => Ok(found),
        }
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

/// An array or object before what is in it, names in the order of the form.
fn by_steps(a: &[Step], b: &[Step], form: Form) -> Ordering {
    let steps = a.iter().zip(b).map(|steps| match steps {
        (Step::Name(a), Step::Name(b)) => compare(a.as_bytes(), b.as_bytes(), form),
        (Step::Only, Step::Name(_)) => Ordering::Less,
        (Step::Name(_), Step::Only) => Ordering::Greater,
        (Step::Only, Step::Only) => Ordering::Equal,
    });
    steps.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
}

impl Outline {
    fn of<'a>(chosen: impl IntoIterator<Item = &'a Chosen>, form: Form) -> Self {
        let mut outline = Self::default();
        let mut open: &[Step] = &[];
        for steps in chosen.into_iter().map(|chosen| chosen.pointer.steps()) {
            let shared = open.iter().zip(steps).take_while(|(open, step)| open == step).count();
            let mut before: Vec<u8> = open.iter().skip(shared + 1).rev().map(Step::closing).collect();
            for (nth, step) in steps[shared..].iter().enumerate() {
                let begins = nth > 0 || open.is_empty();
                before.push(if begins { step.opening() } else { b',' });
                step.write_name(form, &mut before);
            }
            outline.before.push(before);
            open = steps;
        }
        outline.after.extend(open.iter().rev().map(Step::closing));
        outline
    }
}
