//! Accept-Signature (RFC 9421, 5): what a verifier asks of the next request.

use super::component::Covered;
use super::policy::Policy;
use super::{ALGORITHM, DIGEST_FIELD, lines};
use crate::structured::push_quoted;

impl Policy {
    /// A member that asks for what the policy demands. A nonce cannot be asked for, only given (5.1), and the same one
    /// in every answer would be none. The digest is asked for always: an empty body has one too.
    #[must_use]
    pub fn accept_signature(&self) -> String {
        let digest = Covered::field(DIGEST_FIELD.clone());
        let added = Some(&digest).filter(|digest| !self.components.contains(digest));
        let mut text = format!("{}=", self.label);
        lines::write_list(self.components.iter().chain(added), &mut text);
        text.extend([";created;alg=\"", ALGORITHM, "\""]);
        if let Some(tag) = &self.tag {
            text.push_str(";tag=");
            push_quoted(tag, &mut text);
        }
        text
    }
}
