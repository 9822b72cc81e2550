//! The signature base (RFC 9421, 2.5), and what is written of a signature.

use base64ct::{Base64, Encoding as _};

use super::component::Covered;
use super::input::SignatureInput;
use super::message::Message;
use super::policy::Policy;
use super::{INPUT, SIGNATURE};
use crate::error::Result;
use crate::mac::Signature;
use crate::signature_base::SignatureBase;

impl SignatureInput {
    /// RFC 9421, 2.5: a line for each component, the last for the parameters, and no line end after it.
    pub fn signature_base(&self, message: &Message<'_>, policy: &Policy) -> Result<SignatureBase> {
        let mut base = Vec::with_capacity(512);
        for component in &*self.components {
            base.extend_from_slice(component.identifier().as_bytes());
            base.extend_from_slice(b": ");
            component.write_value(message, policy, &mut base)?;
            base.push(b'\n');
        }
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(self.inner_list.as_bytes());
        Ok(SignatureBase::of(base))
    }

    /// The two fields of a signed message.
    #[must_use]
    pub fn write(&self, signature: &Signature) -> [(String, String); 2] {
        [
            (INPUT.to_owned(), format!("{}={}", self.label, self.inner_list)),
            (SIGNATURE.to_owned(), format!("{}=:{}:", self.label, Base64::encode_string(signature.octets()))),
        ]
    }
}

/// RFC 9651, 4.1.1.1, without parameters.
pub(super) fn write_list<'a>(components: impl IntoIterator<Item = &'a Covered>, to: &mut String) {
    to.push('(');
    for (nth, component) in components.into_iter().enumerate() {
        if nth > 0 {
            to.push(' ');
        }
        to.push_str(component.identifier());
    }
    to.push(')');
}
