//! Form bodies (`application/x-www-form-urlencoded`, WHATWG URL, 5): what is signed of them, and what is handed on.

use form_urlencoded::{Serializer, parse};

use crate::error::{Code, Error, Result};

/// A form that was read. Its pairs are in the order of names and then of values (code points), each pair once.
pub struct FormBody {
    signed: Vec<u8>,
    canonical: Vec<u8>,
}

impl FormBody {
    /// Reads the whole body. Refused: what does not decode to UTF-8, which readers repair in their own ways.
    pub fn read(body: &[u8]) -> Result<Self> {
        let mut pairs: Vec<_> = parse(body).collect();
        if pairs.iter().any(|(name, value)| [name, value].iter().any(|text| text.contains(char::REPLACEMENT_CHARACTER)))
        {
            return Err(Error::new(Code::BodyMalformed, "the form is not UTF-8"));
        }
        pairs.sort();
        pairs.dedup();
        let signed = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect::<Vec<_>>();
        let canonical = Serializer::new(String::new()).extend_pairs(&pairs).finish();
        Ok(Self { signed: signed.concat(), canonical: canonical.into_bytes() })
    }

    /// Each name, decoded, and its value after it, with nothing between.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The same pairs as a form.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }
}
