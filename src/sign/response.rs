//! Signing a response, bound to the request that it answers.

use super::{Signed, ToSign};
use crate::error::Result;
use crate::fields::Fields;
use crate::key::Key;
use crate::message_signature::Message;
use crate::request::check_status;
use crate::scheme::{Form, Scheme};

/// A response to sign.
#[derive(Clone, Copy)]
pub struct ResponseToSign<'a> {
    /// The status code; what is none is 0.
    pub status: u16,
    /// The header fields so far.
    pub fields: &'a dyn Fields,
    /// The body.
    pub body: &'a [u8],
    /// The body of the request; None: it is not known.
    pub request_body: Option<&'a [u8]>,
}

impl Scheme {
    /// The fields to add to a response to `request`, and the signature base behind them.
    pub fn sign_response(
        &self,
        response: ResponseToSign<'_>,
        request: ToSign<'_>,
        key: &Key,
        key_id: Option<&str>,
        created: i64,
        nonce: &str,
    ) -> Result<Signed> {
        let Form::Message(policy) = &self.form else { return Err(self.signs_no_responses()) };
        let ResponseToSign { status, fields, body, request_body } = response;
        check_status(status)?;
        let own = request.own_origin()?;
        let request = request.request(own.as_ref())?;
        let message = Message::Response { status, fields, request, request_body };
        let (base, fields) = policy.sign(message, body, key, key_id, created, nonce)?;
        Ok(Signed { base, fields, target: None, body: None })
    }
}
