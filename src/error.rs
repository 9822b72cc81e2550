//! The one error of the core: a code, an offset where there is one, and whose fault it is.

use std::borrow::Cow;
use std::fmt;

/// What went wrong. Every code but `Configuration`, `Canonicalization` and `StoreFull` is the fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Ours: the service is set up wrongly.
    Configuration,
    /// No signature, or a part of it is absent.
    SignatureMissing,
    /// The fields that carry the signature do not have the scheme's form.
    SignatureMalformed,
    /// The key id names no key.
    UnknownKey,
    /// No candidate key gives the signature.
    InvalidSignature,
    /// The body is not the one whose digest was signed.
    DigestMismatch,
    /// A part that acts is not covered.
    NotCovered,
    /// Outside the window.
    Expired,
    /// The target or authority can be read in two ways, or is not ours.
    TargetAmbiguous,
    /// The body is over the limit.
    BodyTooLarge,
    /// There is no body to verify.
    BodyUnreadable,
    /// A JSON text or value has no canonical form.
    Canonicalization,
    /// The scheme reads the body, and the body does not have the form that it reads.
    BodyMalformed,
    /// The replay set is full: nothing more can be accepted.
    StoreFull,
}

/// Why something was refused. The message never holds a key, a signature or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// One line, lower case.
    pub message: Cow<'static, str>,
    /// Offset in the text that was read.
    pub index: Option<usize>,
    /// The key id that the refused message claims, unproven.
    pub key_id: Option<String>,
}

/// The core's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without an offset.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), index: None, key_id: None }
    }

    /// An error at an offset.
    pub fn at(code: Code, message: impl Into<Cow<'static, str>>, index: usize) -> Self {
        Self { code, message: message.into(), index: Some(index), key_id: None }
    }

    pub(crate) fn configuration(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Configuration, message)
    }

    pub(crate) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::SignatureMalformed, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{} at index {index}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
