//! What a signature must say and cover, whatever the message proposes (RFC 9421, 7.2.1).

use std::sync::Arc;

use super::component::Covered;
use super::member::MOST_COMPONENTS;
use super::{DIGEST_FIELD, lines};
use crate::error::{Error, Result};
use crate::fields::CONTENT_TYPE;
use crate::structured::{self, Kind};

/// What the service chooses; the text of each part is checked when it becomes a `Policy`.
pub struct Choices {
    /// Identifiers of what a request's signature must cover; None: method, authority, path and query.
    pub components: Option<Vec<String>>,
    /// The same of a response's; None: its status, and method, authority, path and query of the request.
    pub response_components: Option<Vec<String>>,
    /// Names and structured types of fields that no registry has, for `sf`.
    pub structured_fields: Vec<(String, String)>,
    /// The label of our own signatures.
    pub label: String,
    /// The `tag` that a signature must have; None: it must have none.
    pub tag: Option<String>,
    /// Whether it must have a nonce.
    pub nonce: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            components: None,
            response_components: None,
            structured_fields: Vec::new(),
            label: "sig1".to_owned(),
            tag: None,
            nonce: true,
        }
    }
}

/// What a signature must say and cover.
#[derive(Debug)]
pub struct Policy {
    /// Components of a request that must be covered, and that our own signatures cover.
    pub components: Vec<Covered>,
    /// The same of a response.
    pub response_components: Vec<Covered>,
    /// The label of our own signatures, and of the one that counts among several.
    pub label: String,
    /// The `tag` that a signature must have; None: it must have none.
    pub tag: Option<String>,
    /// Whether it must have a nonce.
    pub nonce: bool,
    kinds: Vec<(String, Kind)>,
    /// The lists that requests signed under this policy have, and their texts.
    usual: Vec<(String, Arc<[Covered]>)>,
}

/// What makes a request this one: a response that covers less would answer another.
const OF_REQUEST: [&str; 4] = ["@method", "@authority", "@path", "@query"];
/// The same of a response, which no signature of a request can cover (2.2.9).
const OF_RESPONSE: [&str; 5] = ["@status", "@method;req", "@authority;req", "@path;req", "@query;req"];

impl Policy {
    /// Raises what of the choices makes no sense as a mistake of the configuration.
    pub fn new(choices: Choices) -> Result<Self> {
        let listed = |texts: Option<Vec<String>>, or: &[&str], what: &str| match texts {
            Some(texts) => texts.iter().map(|text| parsed(text, what)).collect::<Result<Vec<_>>>(),
            None => or.iter().map(|text| parsed(text, what)).collect(),
        };
        let kind = |(name, kind): (String, String)| {
            let kind = Kind::parse(&kind).ok_or_else(|| {
                Error::configuration("structured_fields: expected dictionary, list or item, by the name of a field")
            })?;
            Ok((name.to_ascii_lowercase(), kind))
        };
        let mut policy = Self {
            components: listed(choices.components, &OF_REQUEST, "components")?,
            response_components: listed(choices.response_components, &OF_RESPONSE, "response_components")?,
            label: choices.label,
            tag: choices.tag,
            nonce: choices.nonce,
            kinds: choices.structured_fields.into_iter().map(kind).collect::<Result<_>>()?,
            usual: Vec::new(),
        };
        policy.check()?;
        let contents = [true, false].map(|is_typed| with_content(policy.components.clone(), is_typed));
        policy.usual = contents.into_iter().chain([policy.components.clone()]).map(with_text).collect();
        Ok(policy)
    }

    fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::configuration(message));
        if !structured::is_key(&self.label) {
            return wrong(format!("label: not a key of a structured field: {:?}", self.label));
        }
        if self.tag.as_deref().is_some_and(|tag| !structured::is_printable(tag.as_bytes())) {
            return wrong("tag: expected printable ASCII".to_owned());
        }
        self.check_side("components", &self.components, 0, Covered::is_of_requests)?;
        // What binds it to its request is one more.
        self.check_side("response_components", &self.response_components, 1, Covered::is_of_responses)?;
        for needed in OF_RESPONSE {
            let needed = parsed(needed, "response_components")?;
            if !self.response_components.iter().any(|component| component.stands_for(&needed)) {
                return wrong(format!("response_components: {} is needed", needed.text()));
            }
        }
        Ok(())
    }

    /// The components of a list that signers under this policy write, and what follows it.
    pub(super) fn usual<'a>(&self, text: &'a str) -> Option<(&Arc<[Covered]>, &'a str)> {
        self.usual.iter().find_map(|(list, components)| text.strip_prefix(&**list).map(|rest| (components, rest)))
    }

    /// Whether they are one of those lists, and so cover what is demanded of a request.
    pub(super) fn is_usual(&self, components: &Arc<[Covered]>) -> bool {
        self.usual.iter().any(|(_, own)| Arc::ptr_eq(own, components))
    }

    fn check_side(&self, what: &str, components: &[Covered], more: usize, fits: fn(&Covered) -> bool) -> Result<()> {
        let wrong = |message: &str| Err(Error::configuration(format!("{what}: {message}")));
        if with_content(components.to_vec(), true).len() + more > MOST_COMPONENTS {
            return wrong("too many for one signature");
        }
        for (nth, component) in components.iter().enumerate() {
            if !fits(component) {
                return wrong(&format!("{} is of another kind of message", component.text()));
            }
            if components[..nth].contains(component) {
                return wrong(&format!("{} twice", component.text()));
            }
            component.check_type(self).or_else(|error| wrong(&error.message))?;
        }
        Ok(())
    }

    /// The structured type of a field (2.1.1).
    pub(super) fn kind_of(&self, name: &str) -> Result<Kind> {
        self.known_kind(name).ok_or_else(|| Error::malformed(format!("the structured type of {name} is not known")))
    }

    pub(super) fn known_kind(&self, name: &str) -> Option<Kind> {
        let own = self.kinds.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind);
        own.or_else(|| Kind::registered(name))
    }
}

/// The components that cover the content too: its digest, and its type where one is stated. What the body is read as acts
/// as much as the body: under another type it is another message.
pub(super) fn with_content(mut components: Vec<Covered>, is_typed: bool) -> Vec<Covered> {
    let fields = is_typed.then(|| CONTENT_TYPE.clone()).into_iter().chain([DIGEST_FIELD.clone()]);
    for field in fields.map(Covered::field) {
        if !components.iter().any(|component| component.stands_for(&field)) {
            components.push(field);
        }
    }
    components
}

fn with_text(components: Vec<Covered>) -> (String, Arc<[Covered]>) {
    let mut text = String::new();
    lines::write_list(&components, &mut text);
    (text, components.into())
}

fn parsed(text: &str, what: &str) -> Result<Covered> {
    Covered::parse(text).map_err(|error| Error::configuration(format!("{what}: {text:?}: {}", error.message)))
}
