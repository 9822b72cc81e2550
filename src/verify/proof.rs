//! The steps that follow a claim, in their order, where nothing has to be waited for: keys and body are at hand.

use super::Claim;
use crate::content::{Content, ReadBody};
use crate::error::{Code, Error, Result};
use crate::ring::{KeyRing, Signer};
use crate::scheme::Scheme;

/// How a claim was proven.
pub struct Proof {
    /// What was read of the body, where that is what is signed.
    pub read: Option<ReadBody>,
    /// Whose key it was.
    pub signer: Signer,
}

impl Scheme {
    /// Proves `claim` with keys of `ring` and the body that was received; None: it has not been read. `body_limit`:
    /// octets. Where the body itself is not signed, not an octet of it is looked at before the signature holds.
    /// `claim` is then complete: what it says in the body is in it.
    pub fn prove(&self, claim: &mut Claim, ring: &KeyRing, body: Option<&[u8]>, body_limit: u64) -> Result<Proof> {
        self.steps(claim, ring, body, body_limit)
            .map_err(|error| Error { key_id: error.key_id.or_else(|| claim.claims.key_id.clone()), ..error })
    }

    fn steps(&self, claim: &mut Claim, ring: &KeyRing, body: Option<&[u8]>, body_limit: u64) -> Result<Proof> {
        let (signs_body, claims_in_body) = (self.signs_body(claim), self.claims_in_body());
        let mut signer = None;
        if !signs_body && !claims_in_body {
            signer = Some(self.authenticate(claim, ring, Content::received(b""))?);
        }
        let body = body.ok_or_else(|| Error::new(Code::BodyUnreadable, "the body has not been read"))?;
        if body.len() as u64 > body_limit {
            return Err(Error::new(Code::BodyTooLarge, "the body is over the limit"));
        }
        let mut read = None;
        if claims_in_body {
            (*claim, read) = self.read_claims(claim, body, claim.now)?;
        } else if signs_body {
            read = self.read_body(claim, body)?;
        }
        let signer = if let Some(signer) = signer {
            signer
        } else {
            let signed = if signs_body { body } else { b"" };
            self.authenticate(claim, ring, Content::new(signed, read.as_ref()))?
        };
        self.conclude(claim, body, claim.now)?;
        Ok(Proof { read, signer })
    }
}
