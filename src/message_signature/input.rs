//! Signature-Input (RFC 9421, 4.1): the signature that counts, and what it covers.

use std::sync::Arc;

use super::component::Covered;
use super::member::Member;
use super::policy::Policy;
use super::{INPUT_FIELD, SIGNATURE_FIELD, lines, signatures};
use crate::claims::Claims;
use crate::error::{Code, Error, Result};
use crate::fields::{Fields, required};
use crate::request::Component;
use crate::structured::push_quoted;

/// One member of Signature-Input.
pub struct SignatureInput {
    pub(super) label: String,
    /// The covered components, in order.
    pub components: Arc<[Covered]>,
    /// The value of `@signature-params` (2.3), serialized: the list of them, and its parameters.
    pub(super) inner_list: String,
}

impl Policy {
    /// The signature that a message carries for us, and what it says.
    pub fn read(&self, fields: &dyn Fields) -> Result<(SignatureInput, Box<Claims>)> {
        SignatureInput::read(&required(fields, &INPUT_FIELD)?, &required(fields, &SIGNATURE_FIELD)?, self)
    }
}

impl SignatureInput {
    /// Reads both fields: the one signature that the policy admits. Others, such as a proxy's, have to be well formed.
    pub fn read(input: &[u8], signature: &[u8], policy: &Policy) -> Result<(Self, Box<Claims>)> {
        let (Member { input, mut claims, .. }, labels) = Member::read(input, policy)?;
        if claims.created.is_none() || claims.key_id.is_none() || (policy.nonce && claims.nonce.is_none()) {
            let needed = if policy.nonce { "created, nonce and keyid" } else { "created and keyid" };
            return Err(Error::malformed(format!("{needed} are required")));
        }
        if labels.is_empty() {
            signatures::take_only(signature, &input.label, &mut claims)?;
        } else {
            signatures::take_one_of(signature, &labels, &input.label, &mut claims)?;
        }
        Ok((input, claims))
    }

    /// The member to write over these components.
    #[must_use]
    pub fn new(components: Vec<Covered>, policy: &Policy, claims: &Claims) -> Self {
        let mut inner_list = String::new();
        lines::write_list(&components, &mut inner_list);
        for (name, time) in [(";created=", &claims.created), (";expires=", &claims.expires)] {
            if let Some(time) = time {
                inner_list.extend([name, &time.text]);
            }
        }
        for (name, text) in [(";keyid=", &claims.key_id), (";nonce=", &claims.nonce), (";tag=", &policy.tag)] {
            if let Some(text) = text {
                inner_list.push_str(name);
                push_quoted(text, &mut inner_list);
            }
        }
        Self { label: policy.label.clone(), components: components.into(), inner_list }
    }

    /// Refuses a signature that covers less than it must (7.2.1).
    pub fn check_coverage(&self, required: &[Covered]) -> Result<()> {
        required.iter().try_for_each(|required| {
            if self.components.iter().any(|component| component.stands_for(required)) {
                return Ok(());
            }
            Err(Error::new(Code::NotCovered, format!("{} is not covered", required.text())))
        })
    }

    /// Whether it covers the whole query; one parameter of it does not say that there is no other.
    #[must_use]
    pub fn covers_query(&self) -> bool {
        self.components.iter().filter_map(Covered::derived).any(Component::names_query)
    }
}
