//! How a party signs, as data; `verify` and `sign` read it in the two directions.

use std::collections::BTreeSet;

use crate::claims::ClaimName;
use crate::coverage::Coverage;
use crate::digest;
use crate::error::{Error, Result};
use crate::grammar::Grammar;
use crate::json::{Form as JsonForm, Pointer, Selection};
use crate::mac::Hash;
use crate::message_signature::{self as message, Covered, Policy};
use crate::part::Source;
use crate::request::FieldName;
use crate::template::Template;

/// How a party signs.
pub struct Scheme {
    name: String,
    pub(crate) hash: Hash,
    pub(crate) form: Form,
    pub(crate) coverage: Coverage,
    pub(crate) empty_body: bool,
}

pub(crate) enum Form {
    Template { base: Template, fields: Vec<OwnField>, members: Vec<OwnMember> },
    Message { policy: Policy, input: FieldName, signature: FieldName, digest: FieldName },
}

impl Form {
    /// Of all that carries claims.
    pub(crate) fn grammars(&self) -> impl Iterator<Item = &Grammar> {
        let (fields, members) = match self {
            Self::Template { fields, members, .. } => (fields.as_slice(), members.as_slice()),
            Self::Message { .. } => (&[][..], &[][..]),
        };
        fields.iter().map(|field| &field.grammar).chain(members.iter().map(|member| &member.grammar))
    }
}

pub(crate) struct OwnField {
    pub(crate) name: FieldName,
    pub(crate) written: String,
    pub(crate) grammar: Grammar,
}

/// A member of the body that carries claims.
pub(crate) struct OwnMember {
    pub(crate) pointer: Pointer,
    pub(crate) grammar: Grammar,
}

impl OwnMember {
    fn carries_signature(&self) -> bool {
        holes_of(&self.grammar).any(|source| *source == Source::Signature)
    }
}

impl Scheme {
    /// A scheme made of templates. `fields`, `members`: names and pointers of what carries the claims. `accept`: the
    /// weaknesses the user takes, exactly; None: another party's facts.
    pub fn template(
        name: String,
        hash: Hash,
        base: &str,
        fields: Vec<(String, Grammar)>,
        members: Vec<(String, Grammar)>,
        accept: Option<&BTreeSet<String>>,
        empty_body: bool,
    ) -> Result<Self> {
        let base = Template::parse_base(base)?;
        let fields = fields
            .into_iter()
            .map(|(written, grammar)| Ok(OwnField { name: FieldName::parse(&written)?, written, grammar }))
            .collect::<Result<Vec<_>>>()?;
        let members = members
            .into_iter()
            .map(|(written, grammar)| Ok(OwnMember { pointer: Pointer::parse(&written)?, grammar }))
            .collect::<Result<Vec<_>>>()?;
        check_members(&members, base.selection())?;
        let coverage = Coverage::of_template(&base, hash);
        let scheme = Self { name, hash, form: Form::Template { base, fields, members }, coverage, empty_body };
        scheme.check_claims()?;
        scheme.check_accepted(accept)?;
        Ok(scheme)
    }

    /// HTTP Message Signatures (RFC 9421) with hmac-sha256.
    pub fn message(
        name: String,
        components: &[String],
        label: String,
        tag: Option<String>,
        accept: Option<&BTreeSet<String>>,
    ) -> Result<Self> {
        let components = components
            .iter()
            .map(|name| {
                Covered::parse(name)
                    .ok_or_else(|| Error::configuration(format!("components: unknown component {name:?}")))
            })
            .collect::<Result<Vec<_>>>()?;
        let starts = label.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        if !starts
            || !label
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.*".contains(&octet))
        {
            return Err(Error::configuration(format!("label: not a key of a structured field: {label:?}")));
        }
        let coverage = Coverage::of_components(&components);
        let form = Form::Message {
            policy: Policy { components, label, tag },
            input: FieldName::parse(message::INPUT)?,
            signature: FieldName::parse(message::SIGNATURE)?,
            digest: FieldName::parse(digest::FIELD)?,
        };
        let scheme = Self { name, hash: Hash::Sha256, form, coverage, empty_body: false };
        scheme.check_accepted(accept)?;
        Ok(scheme)
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

    /// The names that it needs of what the route matched.
    #[must_use]
    pub fn params(&self) -> Vec<&str> {
        let Form::Template { base, .. } = &self.form else { return Vec::new() };
        let mut names = Vec::new();
        for hole in base.holes() {
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
        match &self.form {
            Form::Template { members, .. } => members.iter().map(|member| member.pointer.text()).collect(),
            Form::Message { .. } => Vec::new(),
        }
    }

    /// Whether nothing can be said of a message, not even which key it names, before its body is read.
    #[must_use]
    pub fn claims_in_body(&self) -> bool {
        matches!(&self.form, Form::Template { members, .. } if !members.is_empty())
    }

    /// The fields that carry it.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        match &self.form {
            Form::Template { fields, .. } => fields.iter().map(|field| field.written.as_str()).collect(),
            Form::Message { .. } => vec![message::INPUT, message::SIGNATURE],
        }
    }

    /// Whether the signature carries a key id.
    #[must_use]
    pub fn names_key(&self) -> bool {
        match &self.form {
            Form::Template { .. } => self.carried().any(|source| *source == Source::Claim(ClaimName::KeyId)),
            Form::Message { .. } => true,
        }
    }

    /// What fields and members carry.
    fn carried(&self) -> impl Iterator<Item = &Source> {
        self.form.grammars().flat_map(holes_of)
    }

    fn check_claims(&self) -> Result<()> {
        let Form::Template { base, .. } = &self.form else { return Ok(()) };
        let refused = |message| Err(Error::configuration(message));
        if !self.carried().any(|source| *source == Source::Signature) {
            return refused("fields: no field has a {signature:…}");
        }
        for hole in base.holes() {
            if matches!(hole.source, Source::Claim(_)) && !self.carried().any(|source| *source == hole.source) {
                return refused("base: a claim that no field carries");
            }
        }
        for source in self.carried() {
            // What is shown as proven must be signed; of the key id the ring is the proof.
            let signed = base.holes().any(|part| part.source == *source);
            if !signed && matches!(source, Source::Claim(name) if *name != ClaimName::KeyId) {
                return refused("fields: a claim that the base does not sign");
            }
        }
        Ok(())
    }

    fn check_accepted(&self, accept: Option<&BTreeSet<String>>) -> Result<()> {
        let weaknesses = self.coverage.weaknesses();
        match accept {
            Some(accepted) if !accepted.iter().map(String::as_str).eq(weaknesses.iter().copied()) => {
                let list = weaknesses.into_iter().collect::<Vec<_>>().join(", ");
                Err(Error::configuration(format!("accept_weaknesses: this scheme has exactly these: {list}")))
            }
            _ => Ok(()),
        }
    }

    /// The canonical form in which the body is signed, if it is not signed as received.
    #[must_use]
    pub fn body_form(&self) -> Option<JsonForm> {
        match &self.form {
            Form::Template { base, .. } => base.body_form(),
            Form::Message { .. } => None,
        }
    }
}

fn holes_of(grammar: &Grammar) -> impl Iterator<Item = &Source> {
    grammar.templates().iter().flat_map(Template::holes).map(|hole| &hole.source)
}

/// A signature cannot be in what it signs, and a member that carries a claim is a text: no other lies in it.
fn check_members(members: &[OwnMember], signed: Option<&Selection>) -> Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let Some(signed) = signed else {
        return Err(Error::configuration("json: the base signs no member of the body"));
    };
    for (nth, member) in members.iter().enumerate() {
        let own = &member.pointer;
        let others = members[nth + 1..].iter().map(|other| &other.pointer);
        let chosen = signed.chosen().iter().map(|chosen| &chosen.pointer);
        let lies_within = others.clone().any(|other| own.holds(other) || other.holds(own))
            || chosen.clone().any(|other| own.holds(other) && own != other)
            || member.carries_signature() && chosen.clone().any(|other| own.holds(other) || other.holds(own));
        if lies_within {
            return Err(Error::configuration(format!(
                "json: the member {} lies in another, or another in it",
                own.text()
            )));
        }
    }
    Ok(())
}
