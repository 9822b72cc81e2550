//! What a signature is of.

use crate::fields::Fields;
use crate::request::Request;

/// A request, or a response and the request that it answers (RFC 9421, 2.4).
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// A request.
    Request(Request<'a>),
    /// A response.
    Response {
        /// Its status code (RFC 9110, 15).
        status: u16,
        /// Its header fields.
        fields: &'a dyn Fields,
        /// The request that it answers, as the signer or the verifier itself has it.
        request: Request<'a>,
        /// The body of that request; None: it has not been read.
        request_body: Option<&'a [u8]>,
    },
}

impl<'a> Message<'a> {
    /// Its own header fields.
    #[must_use]
    pub fn fields(&self) -> &'a dyn Fields {
        match self {
            Self::Request(request) => request.fields,
            Self::Response { fields, .. } => *fields,
        }
    }

    /// The same with other header fields.
    #[must_use]
    pub fn with_fields<'b>(self, fields: &'b dyn Fields) -> Message<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Request(request) => Message::Request(Request { fields, ..request }),
            Self::Response { status, request, request_body, .. } => {
                Message::Response { status, fields, request, request_body }
            }
        }
    }
}
