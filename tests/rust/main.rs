//! The core, judged by foreign vectors and by properties.

mod aws_sigv4;
#[cfg(unix)]
mod beneath;
mod envelope;
mod fields;
mod json;
mod jwk;
mod mac;
mod members;
mod message_signature;
mod pipeline;
mod replay;
mod replay_shared;
mod signature_input;
mod target;
mod template;
mod token;
