//! What is kept of a message that was proven.

use std::sync::Arc;

use super::Claim;
use crate::aws_sigv4;
use crate::message_signature::Covered;
use crate::scheme::Scheme;

/// What the application is told; nobody needs the rest of the claim once it is proven.
pub struct Proven {
    /// When the message was signed, in Unix seconds.
    pub created: Option<i64>,
    /// Unique for each attempt.
    pub nonce: Option<String>,
    /// Stable over honest retries.
    pub message_id: Option<String>,
    /// What of the query is proven, where that is not all of it.
    pub query: Option<Vec<u8>>,
    listed: Listed,
    covers_body: bool,
}

/// Where the covered parts are listed.
enum Listed {
    InScheme,
    Components(Arc<[Covered]>),
    AwsSigV4(Arc<aws_sigv4::Statement>),
}

impl Scheme {
    /// What is kept of a claim that `authenticate` and `conclude` have passed.
    #[must_use]
    pub fn proven(&self, claim: &Claim) -> Proven {
        let claims = &claim.claims;
        Proven {
            created: claims.created.as_ref().map(|created| created.milliseconds.div_euclid(1000)),
            nonce: claims.nonce.clone(),
            message_id: claims.message_id.clone(),
            query: claim.proven_query().map(<[u8]>::to_vec),
            listed: match (&claim.components, &claim.aws_sigv4) {
                (Some(components), _) => Listed::Components(Arc::clone(components)),
                (None, Some(stated)) => Listed::AwsSigV4(Arc::clone(stated)),
                (None, None) => Listed::InScheme,
            },
            covers_body: claim.digest.is_some() || self.signs_body(claim),
        }
    }

    /// The parts that the signature covered, by name.
    #[must_use]
    pub fn covered<'a>(&'a self, proven: &'a Proven) -> Vec<&'a str> {
        let mut names: Vec<&str> = match &proven.listed {
            Listed::Components(components) => components.iter().map(Covered::text).collect(),
            Listed::AwsSigV4(stated) => ["@method", "@path", "@query"].into_iter().chain(stated.signed()).collect(),
            Listed::InScheme => return self.coverage().names().iter().map(String::as_str).collect(),
        };
        if proven.covers_body {
            names.push("body");
        }
        names
    }
}
