//! How a party signs, as data; `verify` and `sign` read it in the two directions.

use std::collections::BTreeSet;

use crate::aws_sigv4::AwsSigV4;
use crate::claims::ClaimName;
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::json::Form as JsonForm;
use crate::key::{Key, KeyForm};
use crate::mac::{Hash, Sink as _};
use crate::message_signature::{self as message, Choices, Policy};
use crate::part::{Hole, Source};
use crate::target::Target;
use crate::templates::{Carriers, Templates, carries_signature};

/// Characters.
const LONGEST_NAME: usize = 64;
/// What the key of links is derived for, beside the scheme's name.
const LINKS: &str = "sealgate links";

/// How a party signs.
pub struct Scheme {
    name: String,
    pub(crate) hash: Hash,
    key: KeyForm,
    pub(crate) form: Form,
    pub(crate) coverage: Coverage,
    pub(crate) empty_body: bool,
}

pub(crate) enum Form {
    Template(Templates),
    Message(Policy),
    AwsSigV4(AwsSigV4),
}

impl Scheme {
    /// A scheme made of templates: a signature of any of the `bases` counts. `key`: how the party writes keys. `accept`:
    /// the weaknesses the user takes, exactly; None: another party's facts.
    pub fn template(
        name: String,
        hash: Hash,
        key: KeyForm,
        bases: &[String],
        carriers: Carriers,
        accept: Option<&BTreeSet<String>>,
        empty_body: bool,
    ) -> Result<Self> {
        let templates = Templates::new(bases, carriers)?;
        let carriers: Vec<&Hole> = templates.carried().collect();
        let (query, members) = templates.inner();
        // All bases cover the same, and no other loses more.
        let (coarsest, _) = templates.coarsest_first();
        let coverage = Coverage::of_template(coarsest, hash, &carriers, &query, &members);
        let coverage = if templates.longest.is_some() { coverage.reusable() } else { coverage };
        let form = Form::Template(templates);
        let scheme = Self { name, hash, key, form, coverage, empty_body };
        scheme.check(accept)?;
        Ok(scheme)
    }

    /// HTTP Message Signatures (RFC 9421) with hmac-sha256.
    pub fn message(name: String, choices: Choices, accept: Option<&BTreeSet<String>>) -> Result<Self> {
        let policy = Policy::new(choices)?;
        let coverage = Coverage::of_components(&policy.components, policy.nonce);
        let form = Form::Message(policy);
        let scheme = Self { name, hash: Hash::Sha256, key: KeyForm::Text, form, coverage, empty_body: false };
        scheme.check(accept)?;
        Ok(scheme)
    }

    /// AWS Signature Version 4.
    pub fn aws_sigv4(name: String, form: AwsSigV4, accept: Option<&BTreeSet<String>>) -> Result<Self> {
        let (hash, key, coverage) = (Hash::Sha256, KeyForm::Text, Coverage::of_aws_sigv4(&form));
        let scheme = Self { name, hash, key, form: Form::AwsSigV4(form), coverage, empty_body: false };
        scheme.check(accept)?;
        Ok(scheme)
    }

    /// What an Accept-Signature field (RFC 9421, 5) asks for, where the scheme is one of message signatures.
    #[must_use]
    pub fn accept_signature(&self) -> Option<String> {
        match &self.form {
            Form::Message(policy) => Some(policy.accept_signature()),
            Form::Template(_) | Form::AwsSigV4(_) => None,
        }
    }

    /// The scheme's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What a signature covers.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// How the party writes its keys.
    #[must_use]
    pub fn key_form(&self) -> KeyForm {
        self.key
    }

    /// Whether it takes a message without a body, though nothing but a body is signed.
    #[must_use]
    pub fn takes_empty_body(&self) -> bool {
        self.empty_body
    }

    /// The names that it needs of what the route matched.
    #[must_use]
    pub fn params(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for hole in self.templates().into_iter().flat_map(|templates| templates.base().holes()) {
            match &hole.source {
                Source::Param(name) if !names.contains(&name.as_str()) => names.push(name.as_str()),
                _ => {}
            }
        }
        names
    }

    /// Pointers to the members of the body that carry claims.
    #[must_use]
    pub fn members(&self) -> Vec<&str> {
        self.templates()
            .map_or_else(Vec::new, |templates| templates.members.iter().map(|member| member.pointer.text()).collect())
    }

    /// The query parameters that carry claims.
    #[must_use]
    pub fn query(&self) -> Vec<&str> {
        match &self.form {
            Form::Template(templates) => templates.query.iter().map(|(name, _)| name.as_str()).collect(),
            Form::Message(_) => Vec::new(),
            Form::AwsSigV4(own) => own.parameters().to_vec(),
        }
    }

    /// Whether nothing can be said of a message, not even which key it names, before its body is read.
    #[must_use]
    pub fn claims_in_body(&self) -> bool {
        self.templates().is_some_and(|templates| !templates.members.is_empty())
    }

    /// Of a scheme of links, whose query carries its own signature: the seconds that one may last.
    #[must_use]
    pub fn longest(&self) -> Option<i64> {
        self.templates()?.longest
    }

    /// Of a scheme of links: the parameters that may stand behind the signature.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        self.templates().map(|templates| &templates.ignored[..]).unwrap_or_default()
    }

    /// The target without parameters that stand behind the signature, where there are such.
    pub(crate) fn without_ignored(&self, target: &Result<&Target>) -> Result<Option<Target>> {
        match (self.ignored(), target) {
            (ignored @ [_, ..], Ok(target)) => target.without_last(ignored),
            _ => Ok(None),
        }
    }

    /// The key derived for the scheme's links, so that no signature of a request, or of anything else, is one of a link;
    /// None for any other scheme, which signs with the key itself.
    pub(crate) fn link_key(&self, key: &Key) -> Option<Key> {
        self.longest()?;
        let mut label = Vec::new();
        label.put_framed(LINKS.as_bytes());
        label.put_framed(self.name.as_bytes());
        let derived = key.derive(&label);
        Some(derived.unwrap_or_else(|_| unreachable!("32 octets of HKDF are a key that nobody has published")))
    }

    /// The fields that carry it.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        match &self.form {
            Form::Template(templates) => templates.fields.iter().map(|field| field.written.as_str()).collect(),
            Form::Message(_) => vec![message::INPUT, message::SIGNATURE],
            Form::AwsSigV4(own) => own.fields(),
        }
    }

    /// The field, or else the query parameter, that carries the signature itself; None where it is written into the body.
    #[must_use]
    pub fn carrier(&self) -> Option<&str> {
        let Form::Template(templates) = &self.form else {
            return self.query().last().or(self.fields().last()).copied();
        };
        let fields = templates.fields.iter().map(|field| (field.written.as_str(), &field.grammar));
        let query = templates.query.iter().map(|(name, grammar)| (name.as_str(), grammar));
        fields.chain(query).find(|(_, grammar)| carries_signature(grammar)).map(|(name, _)| name)
    }

    /// Whether the signature carries a key id.
    #[must_use]
    pub fn names_key(&self) -> bool {
        match &self.form {
            Form::Template(templates) => templates.carried().any(|hole| hole.source == Source::Claim(ClaimName::KeyId)),
            Form::Message(_) | Form::AwsSigV4(_) => true,
        }
    }

    /// Whether a message may state the digest of its body, and so sign that in the body's place.
    #[must_use]
    pub fn may_state_digest(&self) -> bool {
        matches!(self.form, Form::AwsSigV4(_))
    }

    /// The canonical form in which the body is signed, if it is not signed as received.
    #[must_use]
    pub fn body_form(&self) -> Option<JsonForm> {
        self.templates()?.base().body_form()
    }

    /// Whether the body is signed as a form.
    #[must_use]
    pub fn reads_form(&self) -> bool {
        self.templates().is_some_and(|templates| templates.base().reads_form())
    }

    pub(crate) fn templates(&self) -> Option<&Templates> {
        match &self.form {
            Form::Template(templates) => Some(templates),
            Form::Message(_) | Form::AwsSigV4(_) => None,
        }
    }

    fn check(&self, accept: Option<&BTreeSet<String>>) -> Result<()> {
        // It stands in logs and reports, and in what is signed with a link's key.
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || !self.name.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Error::configuration("name: a scheme's has 1 to 64 visible ASCII characters"));
        }
        let weaknesses = self.coverage.weaknesses();
        match accept {
            Some(accepted) if !accepted.iter().map(String::as_str).eq(weaknesses.iter().copied()) => {
                let list = weaknesses.into_iter().collect::<Vec<_>>().join(", ");
                Err(Error::configuration(format!("accept_weaknesses: this scheme has exactly these: {list}")))
            }
            _ => Ok(()),
        }
    }
}
