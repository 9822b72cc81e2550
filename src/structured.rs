//! What both structured fields (RFC 9651) that we read have in common.

use sfv::visitor::ParameterVisitor;
use sfv::{BareItemFromInput, KeyRef};

use crate::error::{Error, Result};

/// Refuses parameters where they would give a value another meaning.
pub struct NoParameters;

impl<'de> ParameterVisitor<'de> for NoParameters {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<()> {
        Err(Error::malformed("a parameter where none is taken"))
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}
