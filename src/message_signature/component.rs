//! Component identifiers (RFC 9421, 2): a name and its parameters, and the value of each in a message.

use base64ct::{Base64, Encoding as _};

use super::message::Message;
use super::policy::Policy;
use super::query;
use crate::error::{Code, Error, Result};
use crate::fields::FieldName;
use crate::request::Component;
use crate::structured::{self, Kind};

/// A covered component.
#[derive(Clone, Debug)]
pub struct Covered {
    pub(super) what: What,
    /// `req` (2.4): of the request that a response answers.
    pub(super) of_request: bool,
    /// As serialized (RFC 9651, 4.1.3), where there are parameters; else empty, and the name says all.
    pub(super) identifier: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// 2.2.1 to 2.2.7.
    Derived(Component),
    /// 2.2.8: by its re-encoded name.
    QueryParam(String),
    /// 2.2.9.
    Status,
    /// 2.1.
    Field(FieldName, Reading),
}

/// What of a field is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its value as it stands.
    Received,
    /// `sf` (2.1.1): its value, serialized anew.
    Strict,
    /// `bs` (2.1.3): its octets.
    Octets,
    /// `key` (2.1.2): one member of a dictionary.
    Member(String),
}

/// The same name and the same parameters, in whichever order (2).
impl PartialEq for Covered {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && self.of_request == other.of_request
    }
}

impl Eq for Covered {}

impl Covered {
    /// A header field.
    #[must_use]
    pub(super) fn field(name: FieldName) -> Self {
        Self { what: What::Field(name, Reading::Received), of_request: false, identifier: String::new() }
    }

    /// The name alone where that says all, else the identifier.
    #[must_use]
    pub fn text(&self) -> &str {
        if self.identifier.is_empty() { self.name() } else { &self.identifier }
    }

    fn name(&self) -> &str {
        let quoted = self.quoted();
        &quoted[1..quoted.len() - 1]
    }

    /// The name between quotes: it needs no escapes, being a field's or our own.
    fn quoted(&self) -> &str {
        match &self.what {
            What::Derived(component) => component.quoted(),
            What::QueryParam(_) => "\"@query-param\"",
            What::Status => "\"@status\"",
            What::Field(name, _) => name.quoted(),
        }
    }

    /// The identifier (2), serialized.
    pub(super) fn identifier(&self) -> &str {
        if self.identifier.is_empty() { self.quoted() } else { &self.identifier }
    }

    /// The derived component that it is of its own message.
    #[must_use]
    pub fn derived(&self) -> Option<Component> {
        match self.what {
            What::Derived(component) if !self.of_request => Some(component),
            _ => None,
        }
    }

    /// The name of the field of its own message that it covers as a whole: `sf` loses blanks that mean nothing, `bs`
    /// loses nothing, `key` loses the other members.
    #[must_use]
    pub fn whole_field(&self) -> Option<&str> {
        match &self.what {
            What::Field(_, Reading::Member(_)) => None,
            What::Field(name, _) if !self.of_request => Some(name.lower()),
            _ => None,
        }
    }

    /// Whether it is the digest of the body.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.whole_field() == Some("content-digest")
    }

    /// Whether covering this covers `required` too.
    pub(super) fn stands_for(&self, required: &Self) -> bool {
        if self.of_request != required.of_request {
            return false;
        }
        match (&self.what, &required.what) {
            (What::Derived(own), What::Derived(Component::Authority)) => own.names_authority(),
            (What::Derived(own), What::Derived(Component::Path)) => own.names_path(),
            (What::Derived(own), What::Derived(Component::Query)) => own.names_query(),
            // A member is not the field; nor does the field say that it has the member, but the request is known.
            (What::Field(own, Reading::Received | Reading::Octets), What::Field(name, Reading::Member(_)))
                if self.of_request =>
            {
                own == name
            }
            (What::Field(_, Reading::Member(_)), _) | (_, What::Field(_, Reading::Member(_))) => self == required,
            (What::Field(own, _), What::Field(name, _)) => own == name,
            _ => self == required,
        }
    }

    /// Whether a request has such a component.
    pub(super) fn is_of_requests(&self) -> bool {
        !self.of_request && self.what != What::Status
    }

    /// Whether a response has such a component.
    pub(super) fn is_of_responses(&self) -> bool {
        self.of_request || matches!(self.what, What::Status | What::Field(..))
    }

    /// Refuses `sf` on a field whose structured type nobody knows (2.1.1).
    pub(super) fn check_type(&self, policy: &Policy) -> Result<()> {
        match &self.what {
            What::Field(name, Reading::Strict) => policy.kind_of(name.lower()).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Writes the component value (2.1, 2.2).
    pub(super) fn write_value(&self, message: &Message<'_>, policy: &Policy, to: &mut Vec<u8>) -> Result<()> {
        let (request, fields) = match message {
            Message::Request(_) if !self.is_of_requests() => {
                return Err(Error::malformed(format!("{} is of responses alone", self.text())));
            }
            Message::Response { .. } if !self.is_of_responses() => {
                return Err(Error::malformed(format!("{} is of requests alone", self.text())));
            }
            Message::Response { fields, request, .. } if !self.of_request => (request, *fields),
            Message::Request(request) | Message::Response { request, .. } => (request, request.fields),
        };
        match (&self.what, message) {
            (What::Derived(component), _) => {
                // 2.2.7: the query starts with its `?`, and an absent one is a `?` alone.
                if *component == Component::Query {
                    to.push(b'?');
                }
                to.extend_from_slice(&component.value(request)?);
            }
            (What::QueryParam(name), _) => to.extend(query::parameter(request.target.query(), name)?),
            (What::Status, Message::Response { status, .. }) => to.extend(status.to_string().bytes()),
            (What::Status, Message::Request(_)) => unreachable!("refused above"),
            (What::Field(name, reading), _) => {
                let absent = |what: &str| Error::new(Code::NotCovered, format!("{what} {} is absent", self.text()));
                let value = fields.get(name)?.ok_or_else(|| absent("the covered field"))?;
                match reading {
                    Reading::Received => to.extend_from_slice(&value),
                    Reading::Octets => to.extend(format!(":{}:", Base64::encode_string(&value)).bytes()),
                    Reading::Strict => to.extend(structured::strict(&value, policy.kind_of(name.lower())?)?.bytes()),
                    Reading::Member(key) => {
                        if policy.known_kind(name.lower()).is_some_and(|kind| kind != Kind::Dictionary) {
                            return Err(Error::malformed(format!("{} is of no dictionary", self.text())));
                        }
                        to.extend(structured::member(&value, key)?.ok_or_else(|| absent("the member"))?.bytes());
                    }
                }
            }
        }
        Ok(())
    }
}
