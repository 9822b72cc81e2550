//! HTTP Message Signatures (RFC 9421): the Signature-Input and Signature fields, and the signature base.

mod accept;
mod component;
mod identifier;
mod input;
mod lines;
mod member;
mod message;
mod plain;
mod policy;
mod query;
mod signatures;
mod signing;

use std::sync::LazyLock;

pub use component::Covered;
pub use input::SignatureInput;
pub use message::Message;
pub use policy::{Choices, Policy};
pub use signing::{Examined, Written};

use crate::fields::FieldName;

/// The field with the covered components and the signature parameters (4.1).
pub const INPUT: &str = "Signature-Input";
/// The field with the signatures (4.2).
pub const SIGNATURE: &str = "Signature";

static INPUT_FIELD: LazyLock<FieldName> = LazyLock::new(|| FieldName::known(INPUT));
static SIGNATURE_FIELD: LazyLock<FieldName> = LazyLock::new(|| FieldName::known(SIGNATURE));
static DIGEST_FIELD: LazyLock<FieldName> = LazyLock::new(|| FieldName::known(crate::digest::FIELD));

/// RFC 9421, 6.2.2: the one algorithm of this scheme; a message may name it and never choose it.
const ALGORITHM: &str = "hmac-sha256";
