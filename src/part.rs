//! Parts: what stands between the braces of a template, and what a request has in its place.

use std::borrow::Cow;

use crate::claims::{CLAIMS, ClaimName, Claims};
use crate::digest::ContentDigest;
use crate::error::{Code, Error, Result};
use crate::fields::FieldName;
use crate::framing::Edge;
use crate::json::{Chosen, Form, Pointer};
use crate::mac::Hash;
use crate::request::{Component, Request, target_uri};
use crate::target::Origin;
use crate::times::TimeForm;
use crate::transform::{Transform, transformed};

/// What stands between braces.
#[derive(Debug)]
pub struct Hole {
    /// Where the value comes from.
    pub source: Source,
    /// What is made of it, first to last.
    pub(crate) transforms: Vec<Transform>,
    /// What sets it apart in a base.
    pub(crate) edge: Edge,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the message says of itself.
    Claim(ClaimName),
    /// RFC 9421, 2.2.
    Component(Component),
    /// A header field; absent is a refusal, or writes nothing where it is optional.
    Field {
        /// Its name.
        name: FieldName,
        /// `header:x?`
        optional: bool,
    },
    /// What the route matched under this name.
    Param(String),
    /// A member of the body; absent is a refusal, or writes nothing where it is optional.
    Member {
        /// Where it is.
        pointer: Pointer,
        /// `json:/x:text?`
        optional: bool,
    },
    /// The body as received.
    Body,
    /// The pairs of a body that is a form.
    Form,
    /// The signature itself, in a field.
    Signature,
}

/// The characters of a member that is a string, or nothing where there is no such member.
const OPTIONAL_TEXT: &str = "text?";

impl Hole {
    /// The text between braces that open at `index`.
    pub(crate) fn parse(text: &str, index: usize) -> Result<Self> {
        let mut words = text.split(':').peekable();
        let word = words.next().unwrap_or_default();
        let mut what = "unknown transform";
        let source = if let Some((_, name)) = CLAIMS.iter().find(|(known, _)| *known == word) {
            Source::Claim(*name)
        } else if let Some(component) = Component::parse(word) {
            Source::Component(component)
        } else {
            match word {
                "body" => Source::Body,
                "form" => Source::Form,
                "signature" => Source::Signature,
                "header" => {
                    let name = words.next().unwrap_or_default();
                    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
                    let name = FieldName::parse(name).map_err(|_| unknown("unknown part", index))?;
                    Source::Field { name, optional }
                }
                "param" => {
                    let name = words.next().filter(|name| is_identifier(name));
                    Source::Param(name.ok_or_else(|| unknown("not the name of a parameter", index))?.to_owned())
                }
                "json" => {
                    // A name with a brace or a colon cannot be written here: the part, or the pointer, ends there.
                    what = "unknown transform (a pointer in a template ends at a colon)";
                    let pointer = words.next().filter(|text| !text.contains('{')).map(Pointer::parse);
                    let optional = words.peek() == Some(&OPTIONAL_TEXT);
                    match pointer {
                        Some(Ok(pointer)) => Source::Member { pointer, optional },
                        _ => return Err(unknown("not a JSON pointer to a member", index)),
                    }
                }
                _ => return Err(unknown("unknown part", index)),
            }
        };
        let text = words.next_if(|word| *word == OPTIONAL_TEXT && matches!(source, Source::Member { .. }));
        let transforms = text
            .map(|_| Ok(Transform::Text))
            .into_iter()
            .chain(words.map(|word| Transform::parse(word).ok_or_else(|| unknown(what, index))));
        let transforms = transforms.collect::<Result<_>>()?;
        Ok(Self { source, transforms, edge: Edge::None })
    }

    /// Whether it can carry a claim.
    pub(crate) fn fits_a_field(&self) -> bool {
        match self.source {
            Source::Signature => matches!(self.transforms[..], [only] if only.is_encoding()),
            Source::Claim(ClaimName::Created | ClaimName::Expires) => {
                let is_number = self.transforms.last() == Some(&Transform::Number);
                match &self.transforms[..self.transforms.len() - usize::from(is_number)] {
                    [] | [Transform::Time(TimeForm::Milliseconds)] => true,
                    [Transform::Time(_)] => !is_number,
                    _ => false,
                }
            }
            Source::Claim(ClaimName::Digest) => {
                matches!(self.transforms[..], [hash, encoding] if hash.digest_size().is_some() && encoding.is_encoding())
            }
            Source::Claim(_) => self.transforms.is_empty(),
            _ => false,
        }
    }

    /// Whether it can be signed.
    pub(crate) fn fits_a_base(&self) -> bool {
        let fits = |(nth, transform): (usize, &Transform)| match transform {
            Transform::Time(_) | Transform::Number => false,
            Transform::WithPort | Transform::WithoutPort => {
                self.source == Source::Component(Component::TargetUri) && nth == 0
            }
            Transform::Delimiters => self.source == Source::Component(Component::TargetUri),
            Transform::Sorted => self.source == Source::Component(Component::Query) && nth == 0,
            Transform::Canonical => self.source == Source::Component(Component::Path) && nth == 0,
            Transform::Json(_) => matches!(self.source, Source::Body | Source::Member { .. }) && nth == 0,
            Transform::Text => matches!(self.source, Source::Member { .. }) && nth == 0,
            Transform::Greedy => nth + 1 == self.transforms.len() && !self.is_fixed(),
            _ => true,
        };
        self.source != Source::Signature && self.transforms.iter().enumerate().all(fits)
    }

    pub(crate) fn is_fixed(&self) -> bool {
        self.transforms.iter().any(|transform| transform.digest_size().is_some())
    }

    pub(crate) fn is_greedy(&self) -> bool {
        self.transforms.last() == Some(&Transform::Greedy)
    }

    /// How it writes a time.
    pub(crate) fn time_form(&self) -> TimeForm {
        let form = |transform: &Transform| if let Transform::Time(form) = transform { Some(*form) } else { None };
        self.transforms.iter().find_map(form).unwrap_or(TimeForm::Seconds)
    }

    /// Whether two values can give the same.
    pub(crate) fn is_lossy(&self) -> bool {
        matches!(self.source, Source::Member { .. } | Source::Form)
            || self.transforms.iter().any(|transform| transform.is_lossy())
    }

    /// The transforms that do not say how a port is written.
    pub(crate) fn but_for_port(&self) -> impl Iterator<Item = &Transform> {
        let is_of_port = |transform: &&Transform| matches!(transform, Transform::WithPort | Transform::WithoutPort);
        self.transforms.iter().filter(move |transform| !is_of_port(transform))
    }

    pub(crate) fn leaves_out_port(&self) -> bool {
        self.transforms.contains(&Transform::WithoutPort)
    }

    pub(crate) fn names_query(&self) -> bool {
        matches!(self.source, Source::Component(component) if component.names_query())
    }

    pub(crate) fn reads_body(&self) -> bool {
        matches!(self.source, Source::Body | Source::Member { .. })
    }

    /// The member of the body that it is, and the form in which it is signed, where that is not its characters alone.
    pub(crate) fn member(&self) -> Option<(Chosen, Option<Form>)> {
        let Source::Member { pointer, optional } = &self.source else { return None };
        let form = match self.transforms.first() {
            Some(Transform::Text) => None,
            Some(Transform::Json(form)) => Some(*form),
            _ => Some(Form::Jcs),
        };
        Some((Chosen { pointer: pointer.clone(), is_bare: form.is_none(), is_optional: *optional }, form))
    }

    /// Reads what it carries from a field.
    pub(crate) fn read(&self, text: &[u8], hash: Hash, claims: &mut Claims) -> Result<()> {
        let mut octets = [0; 96];
        match (&self.source, &self.transforms[..]) {
            (Source::Claim(ClaimName::Digest), [hash, encoding]) => {
                let decoded = encoding.decode(text, &mut octets);
                let digest = decoded.filter(|octets| hash.digest_size() == Some(octets.len()));
                return claims.take_digest(text, digest.and_then(ContentDigest::of_octets));
            }
            (Source::Claim(name), _) => return claims.take(*name, text, self.time_form()),
            _ => {}
        }
        let decoded = self.transforms.first().and_then(|encoding| encoding.decode(text, &mut octets));
        claims.take_signature(decoded, hash)
    }

    /// What the request has in its place. The body and its members are not read here.
    pub(crate) fn value<'a>(&self, request: &Request<'a>, claims: &'a Claims) -> Result<Cow<'a, [u8]>> {
        let value = match &self.source {
            Source::Claim(name) => Cow::Borrowed(claims.text(*name).ok_or_else(|| name.absent())?.as_bytes()),
            Source::Component(Component::Path) if self.transforms.first() == Some(&Transform::Canonical) => {
                Cow::Owned(request.target.canonical_path()?)
            }
            Source::Component(Component::TargetUri) => match self.transforms.first() {
                Some(Transform::WithPort) => target_uri(request, Origin::with_port)?,
                Some(Transform::WithoutPort) => target_uri(request, Origin::without_port)?,
                _ => target_uri(request, Origin::text)?,
            },
            Source::Component(component) => component.value(request)?,
            Source::Field { name, optional } => match (request.fields.get(name)?, optional) {
                // Absent writes nothing, so present and empty must not be taken.
                (Some(value), optional) if !(value.is_empty() && *optional) => Cow::Owned(value.into_owned()),
                (None, true) => Cow::Borrowed(&b""[..]),
                _ => return Err(Error::new(Code::NotCovered, format!("the covered field {} is absent", name.lower()))),
            },
            Source::Param(name) => Cow::Borrowed(request.param(name)?.as_bytes()),
            Source::Body | Source::Form | Source::Member { .. } | Source::Signature => {
                unreachable!("none is rendered as a value")
            }
        };
        Ok(transformed(value, &self.transforms))
    }
}

/// What every framework takes for the name of a parameter.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

pub(crate) fn unknown(what: &'static str, index: usize) -> Error {
    Error::at(Code::Configuration, what, index)
}
