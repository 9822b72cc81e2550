//! Signature-Input, read (RFC 9421, 4.1): which of several signatures counts, and what it says.

use std::mem::take;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::component::Covered;
use super::identifier::Identifier;
use super::policy::Policy;
use super::{ALGORITHM, INPUT_FIELD, SIGNATURE_FIELD, signatures};
use crate::claims::{ClaimName, Claims};
use crate::error::{Code, Error, Result};
use crate::request::{Fields, required};
use crate::structured::push_quoted;
use crate::times::TimeForm;

/// Signatures that one message may carry.
const MOST_SIGNATURES: usize = 16;
/// Components that one signature may cover.
const MOST_COMPONENTS: usize = 64;

/// One member of Signature-Input.
#[derive(Default)]
pub struct SignatureInput {
    pub(super) label: String,
    /// The covered components, in order.
    pub components: Vec<Covered>,
    /// The value of `@signature-params` (2.3), serialized, without the list.
    pub(super) params: String,
    algorithm: Option<String>,
    tag: Option<String>,
    claims: Claims,
    listed: usize,
    /// Why it is not for us, if it is not: others' signatures may say what they will.
    refusal: Option<Error>,
}

impl Policy {
    /// The signature that a message carries for us, and what it says.
    pub fn read(&self, fields: &dyn Fields) -> Result<(SignatureInput, Claims)> {
        SignatureInput::read(&required(fields, &INPUT_FIELD)?, &required(fields, &SIGNATURE_FIELD)?, self)
    }
}

impl SignatureInput {
    /// Reads both fields: the one signature that the policy admits. Others, such as a proxy's, have to be well formed.
    pub fn read(input: &[u8], signature: &[u8], policy: &Policy) -> Result<(Self, Claims)> {
        let members = Parser::new(input)
            .parse_dictionary_with_visitor(Members(Vec::with_capacity(1)))
            .map_err(|_| Error::malformed("signature-input does not have the form of RFC 9421"))?;
        let labels: Vec<String> =
            if members.len() == 1 { Vec::new() } else { members.iter().map(|member| member.label.clone()).collect() };
        let mut member = chosen(members, policy)?;
        if let Some(refusal) = member.refusal {
            return Err(refusal);
        }
        if member.algorithm.as_deref().is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(Error::malformed("alg names another algorithm than the one configured"));
        }
        let mut claims = take(&mut member.claims);
        if claims.created.is_none() || claims.key_id.is_none() || (policy.nonce && claims.nonce.is_none()) {
            let needed = if policy.nonce { "created, nonce and keyid" } else { "created and keyid" };
            return Err(Error::malformed(format!("{needed} are required")));
        }
        if labels.is_empty() {
            signatures::take_only(signature, &member.label, &mut claims)?;
        } else {
            signatures::take_one_of(signature, &labels, &member.label, &mut claims)?;
        }
        Ok((member, claims))
    }

    /// The member to write over these components.
    #[must_use]
    pub fn new(components: Vec<Covered>, policy: &Policy, claims: &Claims) -> Self {
        let mut params = String::new();
        for (name, time) in [(";created=", &claims.created), (";expires=", &claims.expires)] {
            if let Some(time) = time {
                params.extend([name, &time.text]);
            }
        }
        for (name, text) in [(";keyid=", &claims.key_id), (";nonce=", &claims.nonce), (";tag=", &policy.tag)] {
            if let Some(text) = text {
                params.push_str(name);
                push_quoted(text, &mut params);
            }
        }
        Self { label: policy.label.clone(), components, params, ..Self::default() }
    }
    /// Refuses a signature that covers less than it must (7.2.1).
    pub fn check_coverage(&self, required: &[Covered]) -> Result<()> {
        required.iter().try_for_each(|required| {
            if self.components.iter().any(|component| component.stands_for(required)) {
                return Ok(());
            }
            Err(Error::new(Code::NotCovered, format!("{} is not covered", required.text())))
        })
    }

    /// Whether it covers the whole query; one parameter of it does not say that there is no other.
    #[must_use]
    pub fn covers_query(&self) -> bool {
        self.components.iter().filter_map(Covered::derived).any(crate::request::Component::names_query)
    }

    fn add_component(&mut self, component: Result<Covered>) {
        match component {
            // 2.5: each component at most once.
            Ok(component) if self.components.contains(&component) => self.refuse(Error::malformed("a component twice")),
            Ok(component) => self.components.push(component),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn refuse(&mut self, refusal: Error) {
        self.refusal.get_or_insert(refusal);
    }

    /// RFC 9421, 2.3. The parameters are kept in their order, in the form that RFC 9651 (4.1) gives them.
    fn add_parameter(&mut self, name: &str, value: &BareItemFromInput<'_>) -> Result<()> {
        match (name, value) {
            ("created" | "expires", BareItemFromInput::Integer(seconds)) => {
                let claim = if name == "created" { ClaimName::Created } else { ClaimName::Expires };
                let text = seconds.to_string();
                self.claims.take(claim, text.as_bytes(), TimeForm::Seconds)?;
                self.params.extend([";", name, "=", &text]);
            }
            ("keyid" | "nonce" | "alg" | "tag", BareItemFromInput::String(text)) => {
                let text = text.as_str();
                match name {
                    "keyid" => self.claims.take(ClaimName::KeyId, text.as_bytes(), TimeForm::Seconds)?,
                    "nonce" => self.claims.take(ClaimName::Nonce, text.as_bytes(), TimeForm::Seconds)?,
                    "alg" => self.algorithm = Some(text.to_owned()),
                    _ => self.tag = Some(text.to_owned()),
                }
                self.params.extend([";", name, "="]);
                push_quoted(text, &mut self.params);
            }
            _ => return Err(Error::malformed("unknown parameter, or one of another type")),
        }
        Ok(())
    }

    fn has_parameter(&self, name: &str) -> bool {
        match name {
            "created" => self.claims.created.is_some(),
            "expires" => self.claims.expires.is_some(),
            "keyid" => self.claims.key_id.is_some(),
            "nonce" => self.claims.nonce.is_some(),
            "alg" => self.algorithm.is_some(),
            "tag" => self.tag.is_some(),
            _ => false,
        }
    }
}

/// By the tag, and where that leaves several, by the label: both are the policy's, and no key is asked for yet.
fn chosen(mut members: Vec<SignatureInput>, policy: &Policy) -> Result<SignatureInput> {
    members.retain(|member| member.tag == policy.tag);
    if members.len() > 1 {
        members.retain(|member| member.label == policy.label);
        if members.is_empty() {
            return Err(Error::malformed("several signatures, and none has the label configured"));
        }
    }
    members.pop().ok_or_else(|| Error::malformed("no signature has the tag configured"))
}

/// Signature-Input while it is parsed: it sees duplicates, which a map would drop.
struct Members(Vec<SignatureInput>);
struct Member<'a>(&'a mut SignatureInput);
struct Listed<'a>(&'a mut SignatureInput);

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = Vec<SignatureInput>;
    type Error = Error;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        let label = label.as_str();
        if self.0.len() == MOST_SIGNATURES || self.0.iter().any(|member| member.label == label) {
            return Err(Error::malformed("too many signatures, or a label twice"));
        }
        self.0.push(SignatureInput { label: label.to_owned(), ..SignatureInput::default() });
        self.0.last_mut().map(Member).ok_or_else(|| Error::malformed("no member"))
    }

    fn finish(self) -> Result<Self::Out> {
        Ok(self.0)
    }
}

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>> {
        Err::<Never, _>(Error::malformed("a member is not a list of components"))
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Member<'_> {
    type Error = Error;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>> {
        self.0.listed += 1;
        if self.0.listed > MOST_COMPONENTS {
            return Err(Error::malformed("too many components"));
        }
        Ok(Listed(self.0))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>> {
        Ok(self)
    }
}

impl<'de> ItemVisitor<'de> for Listed<'_> {
    type Out = ();
    type Error = Error;

    fn bare_item(self, name: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>> {
        let BareItemFromInput::String(name) = name else {
            return Err(Error::malformed("a component name is not a string"));
        };
        let Self(input) = self;
        Ok(Identifier::new(name, move |component| {
            input.add_component(component);
            Ok(())
        }))
    }
}

impl<'de> ParameterVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, name: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<()> {
        let name = name.as_str();
        // By its tag a signature is ours or another's: there must be one answer to that.
        if self.0.has_parameter(name) || (name == "tag" && !matches!(value, BareItemFromInput::String(_))) {
            return Err(Error::malformed("a parameter twice, or a tag that is no string"));
        }
        if let Err(refusal) = self.0.add_parameter(name, &value) {
            self.0.refuse(refusal);
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}
