//! Canonical JSON: RFC 8785 (JCS), and the older form of Python's `json.dumps(value, sort_keys=True)`.
//!
//! A text is read in one pass, before anybody is authenticated: no tree of values, a bounded depth, and work that is
//! linear but for the sorting of names. What is canonical as it stands is not even copied.

mod canonical;
mod number;
mod order;
mod pointer;
mod scan;
mod selection;
mod string;

pub use canonical::Canonical;
pub use number::{write_float, write_integer};
pub use order::{compare, prefix};
pub use pointer::{Document, Pointer, Step, string_of};
pub use selection::{Chosen, Selected, Selection};
pub use string::{write_characters, write_string};

use crate::error::{Code, Error, Result};

/// Arrays and objects inside each other.
pub const DEPTH: usize = 128;
/// Octets of a text: places in it, and in what it grows to, are kept in 32 bits.
pub const LONGEST: usize = 256 * 1024 * 1024;

/// Which canonical form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// RFC 8785.
    #[default]
    Jcs,
    /// `json.dumps(value, sort_keys=True, separators=(",", ":"))`
    Pyjson,
    /// The same with `ensure_ascii=False`.
    PyjsonUtf8,
}

const FORMS: [(&str, Form); 3] = [("jcs", Form::Jcs), ("pyjson", Form::Pyjson), ("pyjson-utf8", Form::PyjsonUtf8)];

impl Form {
    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        FORMS.iter().find(|(_, form)| *form == self).map_or("", |(name, _)| name)
    }
}

/// How to canonicalize.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The form to give.
    pub form: Form,
    /// Rounds an integer that a double does not hold, as ECMAScript does, where RFC 8785 would lose digits in silence.
    pub round_integers: bool,
    /// Keeps what has no canonical form as it stands: half of a surrogate pair in a string, a number that no double holds.
    /// For a text that is looked into and handed on as received.
    pub keeps_odd: bool,
    /// Octets of text read, or written from values; at most `LONGEST`.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { form: Form::Jcs, round_integers: false, keeps_odd: false, limit: LONGEST }
    }
}

/// The canonical form of a JSON text. Errors have the code `Canonicalization` and an offset.
pub fn canonicalize(text: &[u8], options: Options) -> Result<Vec<u8>> {
    Ok(Canonical::read(text, options)?.octets(text).into_owned())
}

fn refused(message: &'static str, index: usize) -> Error {
    Error::at(Code::Canonicalization, message, index)
}
