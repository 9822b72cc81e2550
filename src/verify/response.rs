//! Responses: a claim is read from one, and from the request that it answers.

use super::{Claim, Received, Subject, Terms};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::message_signature::Message;
use crate::request::{Request, check_method, check_status, declared_length, own_origin};
use crate::scheme::{Form, Scheme};
use crate::target::Origin;

/// A response as it was received.
#[derive(Clone, Copy)]
pub struct ReceivedResponse<'a> {
    /// The status code; what is none is 0.
    pub status: u16,
    /// The header fields.
    pub fields: &'a dyn Fields,
    /// The body of the request; None: it is not known.
    pub request_body: Option<&'a [u8]>,
}

impl Scheme {
    /// As `claim`, of a response to `request`, which is what the verifier itself sent.
    pub fn claim_response(
        &self,
        response: ReceivedResponse<'_>,
        request: Received<'_>,
        origins: &[Origin],
        terms: Terms,
    ) -> Result<Claim> {
        let Form::Message(policy) = &self.form else { return Err(self.signs_no_responses()) };
        let ReceivedResponse { status, fields, request_body } = response;
        let (input, claims) = policy.read(fields)?;
        let examined = (|| {
            claims.check_window(terms.now, terms.max_age)?;
            declared_length(fields, terms.body_limit)?;
            check_status(status)?;
            let Received { method, target, fields: request_fields, origin, params } = request;
            check_method(method)?;
            let origin = own_origin(request_fields, origins, origin)?;
            let request = Request { method, target: target?, fields: request_fields, origin, params };
            policy.examine(&input, &Message::Response { status, fields, request, request_body })
        })();
        match examined {
            Ok((base, digest)) => Ok(Claim {
                claims,
                base,
                others: Vec::new(),
                components: Some(input.components),
                digest,
                is_readable: Ok(()),
                now: terms.now,
                max_age: terms.max_age,
                uncovered_body: false,
                aws_sigv4: None,
                leaves_type: false,
                subject: Subject::Response,
                proven_target: None,
                body_limit: terms.body_limit,
            }),
            Err(error) => Err(Error { key_id: claims.key_id, ..error }),
        }
    }

    pub(crate) fn signs_no_responses(&self) -> Error {
        Error::configuration(format!("the scheme {} signs no responses", self.name()))
    }
}
