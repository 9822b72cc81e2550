//! The verification core of sealgate.
//!
//! A [`scheme::Scheme`] says, as data, how a party signs. It reads a [`verify::Claim`] from a request; the claim is
//! proven with a [`ring::KeyRing`]; only then is anything remembered. The core has no clock and no I/O: times, nonces
//! and bodies are arguments. Beside it stands [`beneath`], which opens files, and is the only module with I/O.
#![cfg_attr(not(feature = "python"), forbid(unsafe_code))]

pub mod aws_sigv4;
#[cfg(unix)]
pub mod beneath;
pub mod claims;
pub mod content;
pub mod coverage;
pub mod digest;
pub mod envelope;
pub mod error;
pub mod fields;
pub mod form;
mod framing;
pub mod grammar;
pub mod json;
pub mod jwk;
pub mod key;
pub mod mac;
pub mod message_signature;
pub mod part;
mod purpose;
pub mod replay;
pub mod request;
pub mod ring;
pub mod scheme;
pub mod sign;
pub mod signature_base;
pub mod structured;
pub mod target;
pub mod template;
pub mod templates;
pub mod times;
pub mod token;
pub mod transform;
pub mod verify;

#[cfg(feature = "python")]
mod python;
