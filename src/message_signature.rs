//! HTTP Message Signatures (RFC 9421): the Signature-Input and Signature fields, and the signature base.

use base64ct::{Base64, Encoding as _};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use crate::claims::{ClaimName, Claims};
use crate::error::{Code, Error, Result};
use crate::mac::{Hash, Signature};
use crate::request::{Component, FieldName, Request};
use crate::signature_base::SignatureBase;
use crate::structured::NoParameters;
use crate::times::TimeForm;

/// The field with the covered components and the signature parameters (4.1).
pub const INPUT: &str = "Signature-Input";
/// The field with the signatures (4.2).
pub const SIGNATURE: &str = "Signature";

/// Components that one signature may cover.
const MOST_COMPONENTS: usize = 64;
/// RFC 9421, 6.2.2: the one algorithm of this scheme; a message may name it and never choose it.
const ALGORITHM: &str = "hmac-sha256";

/// What a signature must say and cover, whatever the message proposes (7.2.1).
#[derive(Debug)]
pub struct Policy {
    /// Components that must be covered, and that our own signatures cover.
    pub components: Vec<Covered>,
    /// The label of our own signatures.
    pub label: String,
    /// The `tag` that a signature must have; None: it must have none.
    pub tag: Option<String>,
}

/// A covered component: derived, or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// RFC 9421, 2.2.
    Derived(Component),
    /// RFC 9421, 2.1.
    Field(FieldName),
}

impl Covered {
    /// By component name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name.starts_with('@') {
            return Component::parse(name).map(Self::Derived);
        }
        // 2.1: the name in lower case; any other spelling would be a second name for the same component.
        FieldName::parse(name).ok().filter(|field| field.lower() == name).map(Self::Field)
    }

    /// The component name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Derived(component) => component.name(),
            Self::Field(name) => name.lower(),
        }
    }

    /// Whether covering this covers `required` too.
    fn stands_for(&self, required: &Self) -> bool {
        match (self, required) {
            (Self::Derived(own), Self::Derived(Component::Authority)) => own.names_authority(),
            (Self::Derived(own), Self::Derived(Component::Path)) => own.names_path(),
            (Self::Derived(own), Self::Derived(Component::Query)) => own.names_query(),
            _ => self == required,
        }
    }

    /// Whether it is the digest of the body.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        matches!(self, Self::Field(name) if name.lower() == "content-digest")
    }
}

/// One member of Signature-Input.
#[derive(Default)]
pub struct SignatureInput {
    label: String,
    /// The covered components, in order.
    pub components: Vec<Covered>,
    /// The value of `@signature-params` (2.3), serialized.
    params: String,
    algorithm: Option<String>,
    tag: Option<String>,
    claims: Claims,
}

impl SignatureInput {
    /// Reads both fields: exactly one signature, whose parameters the policy admits.
    pub fn read(input: &[u8], signature: &[u8], policy: &Policy) -> Result<(Self, Claims)> {
        let mut found = Parser::new(input)
            .parse_dictionary_with_visitor(Members(Vec::new()))
            .map_err(|_| Error::malformed("signature-input does not have the form of RFC 9421"))?;
        let (Some(mut member), true) = (found.pop(), found.is_empty()) else {
            return Err(Error::malformed("exactly one signature is taken"));
        };
        if member.algorithm.as_deref().is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(Error::malformed("alg names another algorithm than the one configured"));
        }
        if member.tag != policy.tag {
            return Err(Error::malformed("the tag is not the one configured"));
        }
        let mut claims = std::mem::take(&mut member.claims);
        if claims.created.is_none() || claims.nonce.is_none() || claims.key_id.is_none() {
            return Err(Error::malformed("created, nonce and keyid are required"));
        }
        take_signature(signature, &member.label, &mut claims)?;
        Ok((member, claims))
    }

    /// Refuses a signature that covers less than it must (7.2.1).
    pub fn check_coverage(&self, policy: &Policy) -> Result<()> {
        policy.components.iter().try_for_each(|required| {
            if self.components.iter().any(|component| component.stands_for(required)) {
                return Ok(());
            }
            Err(Error::new(Code::NotCovered, format!("{} is not covered", required.name())))
        })
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

    /// RFC 9421, 2.5: a line for each component, the last for the parameters, and no line end after it.
    pub fn signature_base(&self, request: &Request<'_>) -> Result<SignatureBase> {
        let mut base = Vec::with_capacity(512);
        for component in &self.components {
            base.push(b'"');
            base.extend_from_slice(component.name().as_bytes());
            base.extend_from_slice(b"\": ");
            match component {
                Covered::Derived(derived) => {
                    // 2.2.7: the query starts with its `?`, and an absent one is a `?` alone.
                    if *derived == Component::Query {
                        base.push(b'?');
                    }
                    base.extend_from_slice(&derived.value(request)?);
                }
                Covered::Field(name) => match request.fields.get(name)? {
                    Some(value) => base.extend_from_slice(&value),
                    None => {
                        return Err(Error::new(
                            Code::NotCovered,
                            format!("the covered field {} is absent", name.lower()),
                        ));
                    }
                },
            }
            base.push(b'\n');
        }
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(self.inner_list().as_bytes());
        Ok(SignatureBase::of(base))
    }

    /// The two fields of a signed message.
    #[must_use]
    pub fn write(&self, signature: &Signature) -> [(String, String); 2] {
        [
            (INPUT.to_owned(), format!("{}={}", self.label, self.inner_list())),
            (SIGNATURE.to_owned(), format!("{}=:{}:", self.label, Base64::encode_string(signature.octets()))),
        ]
    }

    /// RFC 9651, 4.1.1.1. Component names need no escapes: they are field names and our own.
    fn inner_list(&self) -> String {
        let mut list = String::with_capacity(256);
        for component in &self.components {
            list.extend([if list.is_empty() { "(\"" } else { " \"" }, component.name(), "\""]);
        }
        if list.is_empty() {
            list.push('(');
        }
        list.push(')');
        list.push_str(&self.params);
        list
    }

    fn add_component(&mut self, name: &str) -> Result<()> {
        let component = Covered::parse(name).ok_or_else(|| Error::malformed("unknown component"))?;
        // 2.5: each component at most once.
        if self.components.len() == MOST_COMPONENTS || self.components.contains(&component) {
            return Err(Error::malformed("too many components, or one twice"));
        }
        self.components.push(component);
        Ok(())
    }

    /// RFC 9421, 2.3. The parameters are kept in their order, in the form that RFC 9651 (4.1) gives them.
    fn add_parameter(&mut self, name: &str, value: &BareItemFromInput<'_>) -> Result<()> {
        if self.has_parameter(name) {
            return Err(Error::malformed("a parameter occurs twice"));
        }
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
            _ => self.tag.is_some(),
        }
    }
}

/// RFC 9421, 4.2: a Dictionary of Byte Sequences, here of the one under our label. Structured fields tolerate missing
/// padding and non-zero padding bits; one signature has one text here.
fn take_signature(field: &[u8], label: &str, claims: &mut Claims) -> Result<()> {
    let text = field
        .strip_prefix(label.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"=:"))
        .and_then(|rest| rest.strip_suffix(b":"))
        .ok_or_else(|| Error::malformed("signature is not one byte sequence under the label of signature-input"))?;
    let mut octets = [0; 96];
    let octets = Base64::decode(text, &mut octets).map_err(|_| Error::malformed("signature is not strict base64"))?;
    claims.take_signature(Some(octets), Hash::Sha256)
}

/// RFC 9651, 4.1.6.
fn push_quoted(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            to.push('\\');
        }
        to.push(character);
    }
    to.push('"');
}

/// Signature-Input while it is parsed: it sees duplicates, which a map would drop.
struct Members(Vec<SignatureInput>);
struct Member<'a>(&'a mut SignatureInput);

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = Vec<SignatureInput>;
    type Error = Error;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        if !self.0.is_empty() {
            return Err(Error::malformed("exactly one signature is taken"));
        }
        self.0.push(SignatureInput { label: label.as_str().to_owned(), ..SignatureInput::default() });
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
        Ok(|name: BareItemFromInput<'de>| -> Result<NoParameters> {
            // A component with parameters is another component (2.1.1 to 2.2.8) than the plain one.
            match name {
                BareItemFromInput::String(name) => self.0.add_component(name.as_str()).map(|()| NoParameters),
                _ => Err(Error::malformed("a component name is not a string")),
            }
        })
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>> {
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, name: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<()> {
        self.0.add_parameter(name.as_str(), &value)
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}
