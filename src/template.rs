//! Templates: parsed once, rendered to sign, matched to verify.
//!
//! `{part:transform…}` in literal text. A value that was put into a template is never scanned for parts again.

use std::borrow::Cow;

use crate::claims::{CLAIMS, ClaimName, Claims, Time};
use crate::content::Content;
use crate::error::{Code, Error, Result};
use crate::json::Form;
use crate::mac::{Hash, Signature, Sink};
use crate::request::{Component, FieldName, Request};
use crate::transform::{Transform, transformed};

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(Vec<u8>),
    Hole(Hole),
}

/// What stands between braces.
#[derive(Debug)]
pub struct Hole {
    /// Where the value comes from.
    pub source: Source,
    transforms: Vec<Transform>,
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
    /// The body as received.
    Body,
    /// The signature itself, in a field.
    Signature,
}

/// A signature base, rendered but for the body, whose place it keeps.
#[derive(Default)]
pub struct SignatureBase {
    octets: Vec<u8>,
    bodies: Vec<BodyPlace>,
}

struct BodyPlace {
    at: usize,
    transforms: Vec<Transform>,
    /// The literal that follows: the body must not be able to contain its own end.
    end: Vec<u8>,
}

impl SignatureBase {
    /// A base without a body.
    #[must_use]
    pub fn of(octets: Vec<u8>) -> Self {
        Self { octets, bodies: Vec::new() }
    }

    /// Writes the base, with the body where it belongs.
    pub fn write(&self, body: Content<'_>, sink: &mut impl Sink) {
        let mut from = 0;
        for place in &self.bodies {
            sink.put(&self.octets[from..place.at]);
            body.write(&place.transforms, sink);
            from = place.at;
        }
        sink.put(&self.octets[from..]);
    }

    /// Refuses a body that would end its part early.
    pub fn check_framing(&self, body: Content<'_>) -> Result<()> {
        let ended = self.bodies.iter().filter(|place| !place.end.is_empty());
        ended.into_iter().try_for_each(|place| framed(&transformed(body.octets(), &place.transforms), &place.end))
    }
}

impl Template {
    /// `fields` of the message: a hole for the signature and the claims, each ended by a literal or the field's end.
    pub fn parse_field(text: &str) -> Result<Self> {
        let template = Self::parse(text)?;
        for pair in template.parts.windows(2) {
            if matches!(pair, [Part::Hole(_), Part::Hole(_)]) {
                return Err(Error::configuration(format!("parts side by side cannot be told apart in {text:?}")));
            }
        }
        for hole in template.holes() {
            let encodings = hole.transforms.iter().filter(|transform| transform.is_encoding()).count();
            let fits = match hole.source {
                Source::Signature => encodings == 1 && hole.transforms.len() == 1,
                Source::Claim(ClaimName::Created | ClaimName::Expires) => {
                    hole.transforms.is_empty() || hole.transforms == [Transform::Milliseconds]
                }
                Source::Claim(_) => hole.transforms.is_empty(),
                _ => false,
            };
            if !fits {
                return Err(Error::configuration(format!("this part cannot stand in a field: {text:?}")));
            }
        }
        if template.holes().next().is_none() {
            return Err(Error::configuration(format!("a field without a part: {text:?}")));
        }
        Ok(template)
    }

    /// The signature base: everything but the signature.
    pub fn parse_base(text: &str) -> Result<Self> {
        let template = Self::parse(text)?;
        for hole in template.holes() {
            let mut fits = hole.source != Source::Signature;
            for (nth, transform) in hole.transforms.iter().enumerate() {
                fits &= match transform {
                    Transform::Milliseconds => false,
                    Transform::Sorted => hole.source == Source::Component(Component::Query) && nth == 0,
                    Transform::Canonical => hole.source == Source::Component(Component::Path) && nth == 0,
                    Transform::Json(_) => hole.source == Source::Body && nth == 0,
                    _ => true,
                };
            }
            if !fits {
                return Err(Error::configuration(format!("this part cannot stand in a base: {text:?}")));
            }
        }
        let mut forms = template.body_forms();
        if let Some(first) = forms.next()
            && forms.any(|form| form != first)
        {
            return Err(Error::configuration("the body in two forms: the application can be handed only one"));
        }
        drop(forms);
        Ok(template)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut index = 0;
        while index < text.len() {
            let rest = &text[index..];
            if let Some(inside) = rest.strip_prefix('{') {
                let end = inside.find('}').ok_or_else(|| unknown("unclosed part", index))?;
                parts.push(Part::Hole(Hole::parse(&inside[..end], index)?));
                index += end + 2;
            } else {
                let end = rest.find('{').unwrap_or(rest.len());
                if let Some(brace) = rest[..end].find('}') {
                    return Err(unknown("unopened part", index + brace));
                }
                parts.push(Part::Literal(rest.as_bytes()[..end].to_vec()));
                index += end;
            }
        }
        Ok(Self { parts })
    }

    /// The parts that vary.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Literal(_) => None,
        })
    }

    /// The canonical form in which the body is signed, if it is not signed as received.
    #[must_use]
    pub fn body_form(&self) -> Option<Form> {
        self.body_forms().next().flatten()
    }

    fn body_forms(&self) -> impl Iterator<Item = Option<Form>> {
        self.holes().filter(|hole| hole.source == Source::Body).map(|hole| match hole.transforms.first() {
            Some(Transform::Json(form)) => Some(*form),
            _ => None,
        })
    }

    /// The literal that starts the template, by which one member is told from another.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(literal)) => literal,
            _ => b"",
        }
    }

    /// Whether a literal holds a comma; where none does, a comma in the field is a joined duplicate.
    #[must_use]
    pub fn has_comma(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(literal) if literal.contains(&b',')))
    }

    /// Whether a part of variable length is followed by another part, with nothing to say where it ends.
    #[must_use]
    pub fn has_adjacent_parts(&self) -> bool {
        self.parts.windows(2).any(|pair| match pair {
            // Only what is of fixed length needs nothing after it to be told from what follows.
            [Part::Hole(left), Part::Hole(_)] => !left.is_fixed(),
            _ => false,
        })
    }

    /// Whether two requests can render alike.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.holes().any(|hole| hole.transforms.iter().any(|transform| transform.is_lossy()))
    }

    /// Reads the claims from a field's value.
    pub fn read(&self, value: &[u8], hash: Hash, claims: &mut Claims) -> Result<()> {
        let mut at = 0;
        for (nth, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => {
                    if !value[at..].starts_with(literal) {
                        return Err(Error::at(Code::SignatureMalformed, "the field has another form", at));
                    }
                    at += literal.len();
                }
                Part::Hole(hole) => {
                    let length = match self.parts.get(nth + 1) {
                        Some(Part::Literal(literal)) => find(&value[at..], literal)
                            .ok_or_else(|| Error::at(Code::SignatureMalformed, "the field has another form", at))?,
                        _ => value.len() - at,
                    };
                    hole.read(&value[at..at + length], hash, claims)?;
                    at += length;
                }
            }
        }
        if at == value.len() {
            return Ok(());
        }
        Err(Error::at(Code::SignatureMalformed, "the field goes on after its end", at))
    }

    /// Writes a field's value.
    pub fn write(&self, claims: &Claims, signature: &Signature) -> Result<String> {
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => value.push_str(&String::from_utf8_lossy(literal)),
                Part::Hole(Hole { source: Source::Claim(name), .. }) => {
                    value.push_str(claims.text(*name).ok_or_else(|| absent(*name))?);
                }
                Part::Hole(hole) => {
                    let octets = transformed(Cow::Borrowed(signature.octets()), &hole.transforms);
                    value.push_str(&String::from_utf8_lossy(&octets));
                }
            }
        }
        Ok(value)
    }

    /// Renders the signature base, but for the body.
    pub fn render(&self, request: &Request<'_>, claims: &Claims) -> Result<SignatureBase> {
        let mut base = SignatureBase::default();
        for (nth, part) in self.parts.iter().enumerate() {
            let hole = match part {
                Part::Literal(literal) => {
                    base.octets.extend_from_slice(literal);
                    continue;
                }
                Part::Hole(hole) => hole,
            };
            let end = match self.parts.get(nth + 1) {
                Some(Part::Literal(literal)) if !hole.is_fixed() => literal.as_slice(),
                _ => b"",
            };
            if hole.source == Source::Body {
                // The canonical form is made once, before the base is written.
                let form = |transform: &&Transform| matches!(transform, Transform::Json(_));
                let transforms = hole.transforms.iter().skip_while(form).copied().collect();
                base.bodies.push(BodyPlace { at: base.octets.len(), transforms, end: end.to_vec() });
                continue;
            }
            let value = hole.value(request, claims)?;
            framed(&value, end)?;
            base.octets.extend_from_slice(&value);
        }
        Ok(base)
    }

    /// The claims to sign with; `message_id` is the nonce, which no other message has.
    pub fn claims(&self, fields: &[&Self], key_id: Option<&str>, created: i64, nonce: &str) -> Result<Claims> {
        let mut claims = Claims::default();
        // Fields first: they say in which unit a time is written.
        for hole in fields.iter().flat_map(|field| field.holes()).chain(self.holes()) {
            let Source::Claim(name) = hole.source else { continue };
            match name {
                ClaimName::Created if claims.created.is_none() => {
                    claims.created = Some(Time::write(created, hole.transforms.contains(&Transform::Milliseconds)));
                }
                ClaimName::Nonce | ClaimName::MessageId => claims.take(name, nonce.as_bytes(), false)?,
                ClaimName::KeyId => claims.take(name, key_id.unwrap_or_default().as_bytes(), false)?,
                ClaimName::Created | ClaimName::Expires => {}
            }
        }
        Ok(claims)
    }
}

impl Hole {
    fn parse(text: &str, index: usize) -> Result<Self> {
        let mut words = text.split(':');
        let word = words.next().unwrap_or_default();
        let source = if let Some((_, name)) = CLAIMS.iter().find(|(known, _)| *known == word) {
            Source::Claim(*name)
        } else if let Some(component) = Component::parse(word) {
            Source::Component(component)
        } else {
            match word {
                "body" => Source::Body,
                "signature" => Source::Signature,
                "header" => {
                    let name = words.next().unwrap_or_default();
                    let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
                    let name = FieldName::parse(name).map_err(|_| unknown("unknown part", index))?;
                    Source::Field { name, optional }
                }
                _ => return Err(unknown("unknown part", index)),
            }
        };
        let transforms = words
            .map(|word| Transform::parse(word).ok_or_else(|| unknown("unknown transform", index)))
            .collect::<Result<_>>()?;
        Ok(Self { source, transforms })
    }

    fn is_fixed(&self) -> bool {
        self.transforms.iter().any(|transform| transform.is_fixed())
    }

    fn read(&self, text: &[u8], hash: Hash, claims: &mut Claims) -> Result<()> {
        if let Source::Claim(name) = self.source {
            return claims.take(name, text, self.transforms.contains(&Transform::Milliseconds));
        }
        let mut octets = [0; 96];
        let decoded = self.transforms.first().and_then(|encoding| encoding.decode(text, &mut octets));
        claims.take_signature(decoded, hash)
    }

    fn value<'a>(&self, request: &Request<'a>, claims: &'a Claims) -> Result<Cow<'a, [u8]>> {
        let value = match &self.source {
            Source::Claim(name) => Cow::Borrowed(claims.text(*name).ok_or_else(|| absent(*name))?.as_bytes()),
            Source::Component(Component::Path) if self.transforms.first() == Some(&Transform::Canonical) => {
                Cow::Owned(request.target.canonical_path()?)
            }
            Source::Component(component) => component.value(request)?,
            Source::Field { name, optional } => match (request.fields.get(name)?, optional) {
                // Absent writes nothing, so present and empty must not be taken.
                (Some(value), optional) if !(value.is_empty() && *optional) => Cow::Owned(value.into_owned()),
                (None, true) => Cow::Borrowed(&b""[..]),
                _ => return Err(Error::new(Code::NotCovered, format!("the covered field {} is absent", name.lower()))),
            },
            Source::Body | Source::Signature => unreachable!("neither is rendered as a value"),
        };
        Ok(transformed(value, &self.transforms))
    }
}

/// Where a part is ended by a literal, the first occurrence of it must be that end: otherwise the same octets could be
/// cut into other parts.
fn framed(value: &[u8], end: &[u8]) -> Result<()> {
    if end.is_empty() {
        return Ok(());
    }
    let holds = match end {
        [octet] => !value.contains(octet),
        _ => find(&[value, end].concat(), end) == Some(value.len()),
    };
    if holds {
        return Ok(());
    }
    Err(Error::malformed("a part holds the text that ends it"))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len().max(1)).position(|window| window == wanted)
}

fn absent(name: ClaimName) -> Error {
    let name = CLAIMS.iter().find(|(_, claim)| *claim == name).map_or("", |(known, _)| known);
    Error::new(Code::SignatureMissing, format!("no {name}"))
}

fn unknown(what: &'static str, index: usize) -> Error {
    Error::at(Code::Configuration, what, index)
}
