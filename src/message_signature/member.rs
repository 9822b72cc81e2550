//! The members of Signature-Input (RFC 9421, 4.1), read: which of several counts, and what it says.

use std::mem;
use std::sync::Arc;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::component::Covered;
use super::identifier::Identifier;
use super::input::SignatureInput;
use super::policy::Policy;
use super::{ALGORITHM, lines, plain};
use crate::claims::{ClaimName, Claims};
use crate::error::{Error, Result};
use crate::structured::push_quoted;
use crate::times::TimeForm;

/// Signatures that one message may carry.
const MOST_SIGNATURES: usize = 16;
/// Components that one signature may cover.
pub(super) const MOST_COMPONENTS: usize = 64;

/// A member while it is read.
pub(super) struct Member {
    pub(super) input: SignatureInput,
    pub(super) claims: Box<Claims>,
    tag: Option<String>,
    names_algorithm: bool,
    /// The components, while they are read.
    pub(super) listed: Vec<Covered>,
    /// How many there are, with those that are refused.
    items: usize,
    /// Why it is not for us, if it is not: others' signatures may say what they will.
    refusal: Option<Error>,
}

/// What a parameter says.
pub(super) enum Value<'a> {
    Integer(&'a str),
    Text(&'a str),
}

impl Member {
    /// The member that the policy admits, and the labels of all, where there are several.
    pub(super) fn read(field: &[u8], policy: &Policy) -> Result<(Self, Vec<String>)> {
        // What is refused is read again below, where it is known why.
        if let Some(only) = plain::read(field, policy)
            && only.tag == policy.tag
        {
            return Ok((only, Vec::new()));
        }
        let members = Parser::new(field)
            .parse_dictionary_with_visitor(Members(Vec::with_capacity(1)))
            .map_err(|_| Error::malformed("signature-input does not have the form of RFC 9421"))?;
        let labels =
            if members.len() == 1 { Vec::new() } else { members.iter().map(|one| one.input.label.clone()).collect() };
        let mut chosen = chosen(members, policy)?;
        match chosen.refusal.take() {
            Some(refusal) => Err(refusal),
            None => Ok((chosen, labels)),
        }
    }

    pub(super) fn new(label: &str) -> Self {
        let input = SignatureInput { label: label.to_owned(), components: Arc::default(), inner_list: String::new() };
        Self {
            input,
            claims: Box::default(),
            tag: None,
            names_algorithm: false,
            listed: Vec::new(),
            items: 0,
            refusal: None,
        }
    }

    pub(super) fn add_component(&mut self, component: Result<Covered>) -> Result<()> {
        let component = component?;
        // 2.5: each component at most once.
        if self.listed.contains(&component) {
            return Err(Error::malformed("a component twice"));
        }
        self.listed.push(component);
        Ok(())
    }

    /// RFC 9421, 2.3.
    pub(super) fn add_parameter(&mut self, name: &str, value: Value<'_>) -> Result<()> {
        let (claim, text) = match (name, value) {
            ("created", Value::Integer(text)) => (ClaimName::Created, text),
            ("expires", Value::Integer(text)) => (ClaimName::Expires, text),
            ("keyid", Value::Text(text)) => (ClaimName::KeyId, text),
            ("nonce", Value::Text(text)) => (ClaimName::Nonce, text),
            ("alg", Value::Text(text)) => {
                self.names_algorithm = true;
                return if text == ALGORITHM {
                    Ok(())
                } else {
                    Err(Error::malformed("alg names another algorithm than the one configured"))
                };
            }
            ("tag", Value::Text(text)) => {
                self.tag = Some(text.to_owned());
                return Ok(());
            }
            _ => return Err(Error::malformed("unknown parameter, or one of another type")),
        };
        self.claims.take(claim, text.as_bytes(), TimeForm::Seconds)
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        match name {
            "created" => self.claims.created.is_some(),
            "expires" => self.claims.expires.is_some(),
            "keyid" => self.claims.key_id.is_some(),
            "nonce" => self.claims.nonce.is_some(),
            "alg" => self.names_algorithm,
            "tag" => self.tag.is_some(),
            _ => false,
        }
    }

    fn refuse(&mut self, refusal: Error) {
        self.refusal.get_or_insert(refusal);
    }
}

/// By the tag, and where that leaves several, by the label: both are the policy's, and no key is asked for yet.
fn chosen(mut members: Vec<Member>, policy: &Policy) -> Result<Member> {
    members.retain(|member| member.tag == policy.tag);
    if members.len() > 1 {
        members.retain(|member| member.input.label == policy.label);
        if members.is_empty() {
            return Err(Error::malformed("several signatures, and none has the label configured"));
        }
    }
    members.pop().ok_or_else(|| Error::malformed("no signature has the tag configured"))
}

/// Signature-Input while it is parsed: it sees duplicates, which a map would drop.
struct Members(Vec<Member>);
struct Entry<'a>(&'a mut Member);
struct Listed<'a>(&'a mut Member);

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = Vec<Member>;
    type Error = Error;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        let label = label.as_str();
        if self.0.len() == MOST_SIGNATURES || self.0.iter().any(|member| member.input.label == label) {
            return Err(Error::malformed("too many signatures, or a label twice"));
        }
        self.0.push(Member::new(label));
        self.0.last_mut().map(Entry).ok_or_else(|| Error::malformed("no member"))
    }

    fn finish(self) -> Result<Self::Out> {
        Ok(self.0)
    }
}

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>> {
        Err::<Never, _>(Error::malformed("a member is not a list of components"))
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Entry<'_> {
    type Error = Error;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>> {
        self.0.items += 1;
        if self.0.items > MOST_COMPONENTS {
            return Err(Error::malformed("too many components"));
        }
        Ok(Listed(self.0))
    }

    fn finish(mut self) -> Result<impl ParameterVisitor<'de>> {
        let Self(Member { input, listed, .. }) = &mut self;
        input.components = mem::take(listed).into();
        lines::write_list(&*input.components, &mut input.inner_list);
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
        let Self(member) = self;
        Ok(Identifier::new(name, move |component| {
            if let Err(refusal) = member.add_component(component) {
                member.refuse(refusal);
            }
            Ok(())
        }))
    }
}

impl<'de> ParameterVisitor<'de> for Entry<'_> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, name: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<()> {
        let name = name.as_str();
        // By its tag a signature is ours or another's: there must be one answer to that.
        if self.0.has_parameter(name) || (name == "tag" && !matches!(value, BareItemFromInput::String(_))) {
            return Err(Error::malformed("a parameter twice, or a tag that is no string"));
        }
        // In the form that RFC 9651 (4.1) gives it.
        let added = match &value {
            BareItemFromInput::Integer(seconds) => {
                let text = seconds.to_string();
                self.0.input.inner_list.extend([";", name, "=", &text]);
                self.0.add_parameter(name, Value::Integer(&text))
            }
            BareItemFromInput::String(text) => {
                self.0.input.inner_list.extend([";", name, "="]);
                push_quoted(text.as_str(), &mut self.0.input.inner_list);
                self.0.add_parameter(name, Value::Text(text.as_str()))
            }
            _ => Err(Error::malformed("a parameter of another type")),
        };
        if let Err(refusal) = added {
            self.0.refuse(refusal);
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}
