//! Framing: how the parts of one octet string are told apart.

use crate::error::{Error, Result};

/// The literal that tells a part from its neighbour. The part must not be able to hold it: otherwise the same octets could be
/// cut into other parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// It needs none.
    None,
    /// The one that follows: its first occurrence is where the part ends.
    After(Vec<u8>),
    /// The one in front: its last occurrence is where the part begins.
    Before(Vec<u8>),
}

impl Edge {
    /// Refuses a value in which the literal is found too early, or too late; so may one be that overlaps the literal itself.
    pub(crate) fn check(&self, value: &[u8]) -> Result<()> {
        let is_apart = match self {
            Self::None => true,
            Self::After(literal) | Self::Before(literal) if literal.len() == 1 => !value.contains(&literal[0]),
            Self::After(literal) => find(&[value, literal].concat(), literal) == Some(value.len()),
            Self::Before(literal) => find(&[literal, value].concat()[1..], literal).is_none(),
        };
        if is_apart {
            return Ok(());
        }
        Err(Error::malformed("a part holds the text that sets it apart"))
    }
}

pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1)).position(|window| window == wanted)
}
