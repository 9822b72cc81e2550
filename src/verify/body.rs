//! What is read of a body: the claims that it carries, and what of it is signed.

use super::Claim;
use crate::content::{ReadBody, look_into, read_document, read_json};
use crate::error::{Code, Error, Result};
use crate::form::FormBody;
use crate::scheme::Scheme;
use crate::templates::Templates;

impl Scheme {
    /// Reads what a message says of itself in its body, and refuses what needs no key to be refused. Only for schemes
    /// that have `claims_in_body`. `now`: Unix milliseconds.
    pub fn read_claims(&self, claim: &Claim, body: &[u8], now: i64) -> Result<(Claim, Option<ReadBody>)> {
        let templates = self.templates().filter(|_| self.claims_in_body());
        let templates = templates.ok_or_else(|| Error::configuration("the scheme has no claims in the body"))?;
        if body.is_empty() {
            return Err(Error::new(Code::SignatureMissing, "no body, which would carry the signature"));
        }
        claim.is_readable.clone()?;
        let document = match self.body_form() {
            Some(form) => read_document(body, form)?,
            None => look_into(body)?,
        };
        let mut claims = claim.claims.clone();
        let complete = (|| {
            templates.read_members(&document, self.hash, &mut claims)?;
            claims.check_window(now, claim.max_age)?;
            let others = claim.others.iter().map(|base| base.with_claims(&claims)).collect::<Result<_>>()?;
            let read = match templates.base().selection() {
                Some(selection) => Some(ReadBody::Members(selection.of(&document)?)),
                None => self.read_signed(body)?,
            };
            Ok((claim.base.with_claims(&claims)?, others, read))
        })();
        match complete {
            Ok((base, others, read)) => {
                let claim = Claim {
                    claims,
                    base,
                    others,
                    components: None,
                    aws_sigv4: None,
                    digest: claim.digest.clone(),
                    leaves_type: false,
                    subject: claim.subject,
                    is_readable: Ok(()),
                    now,
                    max_age: claim.max_age,
                    uncovered_body: claim.uncovered_body,
                    proven_target: None,
                    body_limit: claim.body_limit,
                };
                Ok((claim, read))
            }
            Err(error) => Err(Error { key_id: claims.key_id, ..error }),
        }
    }

    /// What is signed of the body that was received, where that is not the body as received. No body has no form: it is
    /// signed as nothing, which is the form of no JSON text, and it has no members.
    pub fn read_body(&self, claim: &Claim, body: &[u8]) -> Result<Option<ReadBody>> {
        claim.is_readable.clone().or_else(|error| if body.is_empty() { Ok(()) } else { Err(error) })?;
        self.read_signed(body)
    }

    /// The same, where the fields say that it can be read, or where that is not asked.
    pub fn read_signed(&self, body: &[u8]) -> Result<Option<ReadBody>> {
        let Some(base) = self.templates().map(Templates::base) else { return Ok(None) };
        match (base.selection(), base.body_form()) {
            _ if base.reads_form() => Ok(Some(ReadBody::Form(FormBody::read(body)?))),
            (Some(_), _) if body.is_empty() => {
                Err(Error::new(Code::BodyMalformed, "no body, whose members are signed"))
            }
            (Some(selection), _) => {
                let document = read_document(body, selection.form())?;
                Ok(Some(ReadBody::Members(selection.of(&document)?)))
            }
            (None, Some(form)) if !body.is_empty() => Ok(Some(ReadBody::Canonical(read_json(body, form)?))),
            _ => Ok(None),
        }
    }
}
