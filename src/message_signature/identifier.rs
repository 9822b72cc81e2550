//! Component identifiers, parsed: which parameters go with which names.

use std::borrow::Cow;

use sfv::visitor::ParameterVisitor;
use sfv::{BareItemFromInput, KeyRef, Parser, StringRef};

use super::component::{Covered, Reading, What};
use crate::error::{Error, Result};
use crate::fields::FieldName;
use crate::request::Component;
use crate::structured::push_quoted;

impl Covered {
    /// The component of a name without parameters.
    pub(super) fn named(name: &str) -> Result<Self> {
        Parameters::default().applied_to(name)
    }

    /// An identifier in the RFC's text, such as `"example-dict";key="a"`; the quotes around the name may be left out.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
        let quoted = if text.starts_with('"') { text.to_owned() } else { format!("\"{name}\"{parameters}") };
        let item = |name: BareItemFromInput<'_>| match name {
            BareItemFromInput::String(name) => Ok(Identifier::new(Cow::Owned(name.into_owned()), Ok)),
            _ => Err(Error::malformed("a component name is not a string")),
        };
        let parsed = Parser::new(&quoted).parse_item_with_visitor(item);
        parsed.map_err(|_| Error::malformed("a component is no string with parameters"))?
    }
}

/// An identifier while its parameters are read; `then` is given what it is, or why it is none.
pub(super) struct Identifier<'de, F> {
    name: Cow<'de, StringRef>,
    parameters: Parameters,
    refusal: Option<Error>,
    then: F,
}

#[derive(Default)]
struct Parameters {
    sf: bool,
    bs: bool,
    req: bool,
    key: Option<String>,
    name: Option<String>,
    /// As serialized, in their order.
    text: String,
}

impl<'de, F> Identifier<'de, F> {
    pub(super) fn new(name: Cow<'de, StringRef>, then: F) -> Self {
        Self { name, parameters: Parameters::default(), refusal: None, then }
    }
}

impl<'de, T, F: FnOnce(Result<Covered>) -> Result<T>> ParameterVisitor<'de> for Identifier<'de, F> {
    type Out = T;
    type Error = Error;

    fn parameter(&mut self, name: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<()> {
        if let (None, Err(refusal)) = (&self.refusal, self.parameters.add(name.as_str(), &value)) {
            self.refusal = Some(refusal);
        }
        Ok(())
    }

    fn finish(self) -> Result<T> {
        let Self { name, parameters, refusal, then } = self;
        then(refusal.map_or_else(|| parameters.applied_to(name.as_str()), Err))
    }
}

impl Parameters {
    fn add(&mut self, name: &str, value: &BareItemFromInput<'_>) -> Result<()> {
        let flag = match name {
            "sf" => Some(&mut self.sf),
            "bs" => Some(&mut self.bs),
            "req" => Some(&mut self.req),
            "tr" => return Err(Error::malformed("tr: no server hands trailers over before the body is read")),
            _ => None,
        };
        let text = match name {
            "key" => Some(&mut self.key),
            "name" => Some(&mut self.name),
            _ => None,
        };
        match (flag, text, value) {
            (Some(flag @ false), _, BareItemFromInput::Boolean(true)) => {
                *flag = true;
                self.text.extend([";", name]);
            }
            (_, Some(text @ None), BareItemFromInput::String(value)) => {
                self.text.extend([";", name, "="]);
                push_quoted(value.as_str(), &mut self.text);
                *text = Some(value.as_str().to_owned());
            }
            _ => {
                return Err(Error::malformed(
                    "a component with an unknown parameter, or with one twice or of another type",
                ));
            }
        }
        Ok(())
    }

    /// 2.1 and 2.2: what each name takes.
    fn applied_to(self, name: &str) -> Result<Covered> {
        let unknown = || Error::malformed("unknown component, or one with parameters that it does not take");
        let Self { sf, bs, req, key, name: named, text } = self;
        let what = match (name, (sf, bs, key), named) {
            ("@query-param", (false, false, None), Some(named)) => What::QueryParam(named),
            ("@status", (false, false, None), None) if !req => What::Status,
            (derived, (false, false, None), None) if derived.starts_with('@') => {
                What::Derived(Component::parse(derived).ok_or_else(unknown)?)
            }
            (field, parameters, None) => {
                // 2.1: the name in lower case; any other spelling would be a second name for the same component.
                let field = FieldName::parse(field).ok().filter(|own| own.lower() == name);
                let field = field.ok_or_else(unknown)?;
                What::Field(
                    field,
                    match parameters {
                        (false, false, None) => Reading::Received,
                        (true, false, None) => Reading::Strict,
                        (false, true, None) => Reading::Octets,
                        // 2.1: `key` has the effect of `sf`.
                        (_, false, Some(key)) => Reading::Member(key),
                        (_, true, _) => return Err(Error::malformed("bs goes with neither sf nor key")),
                    },
                )
            }
            _ => return Err(unknown()),
        };
        let identifier = if text.is_empty() { text } else { format!("\"{name}\"{text}") };
        Ok(Covered { what, of_request: req, identifier })
    }
}
