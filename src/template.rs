//! Templates: parsed once, rendered to sign, matched to verify.
//!
//! `{part:transform…}` in literal text. A value that was put into a template is never scanned for parts again.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::claims::{ClaimName, Claims};
use crate::error::{Code, Error, Result};
use crate::framing::{Edge, find};
use crate::json::{Form, Selection};
use crate::mac::{Hash, Signature};
use crate::part::{Hole, Source, unknown};
use crate::request::Request;
use crate::signature_base::{Filling, SignatureBase};
use crate::structured::is_printable;
use crate::times::TimeForm;
use crate::transform::{Transform, transformed};

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    /// The members of the body among them.
    selection: Option<Selection>,
    /// The canonical form of the body, or of these members.
    form: Option<Form>,
    /// Whether the body is signed as a form.
    reads_form: bool,
}

#[derive(Debug)]
enum Part {
    Literal(Vec<u8>),
    Hole(Hole),
}

impl Part {
    fn literal(&self) -> Option<Vec<u8>> {
        if let Self::Literal(literal) = self { Some(literal.clone()) } else { None }
    }
}

impl Template {
    /// `fields` of the message: holes for the signature and the claims, each ended by a literal or the field's end; or
    /// a literal alone, which the field must be.
    pub fn parse_field(text: &str) -> Result<Self> {
        let template = Self::parse(text)?;
        for pair in template.parts.windows(2) {
            if matches!(pair, [Part::Hole(_), Part::Hole(_)]) {
                return Err(Error::configuration(format!("parts side by side cannot be told apart in {text:?}")));
            }
        }
        if !template.holes().all(Hole::fits_a_field) {
            return Err(Error::configuration(format!("this part cannot stand in a field: {text:?}")));
        }
        if template.parts.is_empty() {
            return Err(Error::configuration("a field without text"));
        }
        if text.trim_matches(' ') != text || !is_printable(text.as_bytes()) {
            return Err(Error::configuration(format!("no field is received with these characters: {text:?}")));
        }
        Ok(template)
    }

    /// The signature base: everything but the signature.
    pub fn parse_base(text: &str) -> Result<Self> {
        let mut template = Self::parse(text)?;
        if !template.holes().all(Hole::fits_a_base) {
            return Err(Error::configuration(format!("this part cannot stand in a base: {text:?}")));
        }
        let mut forms: Vec<Option<Form>> = template.body_forms().collect();
        let reads_form = template.holes().any(|hole| hole.source == Source::Form);
        if reads_form && template.holes().any(Hole::reads_body) {
            return Err(Error::configuration("the form beside the body, or members of it"));
        }
        let (chosen, members): (Vec<_>, Vec<_>) = template.holes().filter_map(Hole::member).unzip();
        if !forms.is_empty() && !chosen.is_empty() {
            return Err(Error::configuration("members of the body beside all of it"));
        }
        forms.extend(members.into_iter().flatten().map(Some));
        forms.dedup();
        if forms.len() > 1 {
            return Err(Error::configuration("the body in two forms: the application can be handed only one"));
        }
        template.set_edges()?;
        template.reads_form = reads_form;
        template.form = forms.first().copied().flatten();
        if !chosen.is_empty() {
            let form = template.form.unwrap_or_default();
            template.form = Some(form);
            template.selection = Some(Selection::new(chosen, form)?);
        }
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
        Ok(Self { parts, selection: None, form: None, reads_form: false })
    }

    /// Up to the part that is greedy a part ends where the literal behind it comes first; those that follow are found
    /// from the end of the base, where each begins behind the literal in front of it.
    fn set_edges(&mut self) -> Result<()> {
        let is_greedy = |part: &Part| matches!(part, Part::Hole(hole) if hole.is_greedy());
        let greedy = self.parts.iter().position(is_greedy).unwrap_or(self.parts.len());
        let behind = &self.parts[greedy..];
        let alternates = |pair: &[Part]| matches!(pair[0], Part::Hole(_)) != matches!(pair[1], Part::Hole(_));
        if !behind.windows(2).all(alternates) || behind.iter().skip(1).any(is_greedy) {
            return Err(Error::configuration("greedy: one part, and from there on literals between the parts"));
        }
        let literals: Vec<Option<Vec<u8>>> = self.parts.iter().map(Part::literal).collect();
        for (at, part) in self.parts.iter_mut().enumerate() {
            let Part::Hole(hole) = part else { continue };
            hole.edge = match at.cmp(&greedy) {
                _ if hole.is_fixed() => Edge::None,
                Ordering::Less => literals.get(at + 1).cloned().flatten().map_or(Edge::None, Edge::After),
                Ordering::Equal => Edge::None,
                Ordering::Greater => literals[at - 1].clone().map_or(Edge::None, Edge::Before),
            };
        }
        Ok(())
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
        self.form
    }

    /// Whether the body is signed as a form.
    #[must_use]
    pub fn reads_form(&self) -> bool {
        self.reads_form
    }

    /// The members of the body that are signed, where not all of it is.
    #[must_use]
    pub fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Whether it is a time and nothing else.
    #[must_use]
    pub fn is_time(&self) -> bool {
        let [Part::Hole(hole)] = &self.parts[..] else { return false };
        matches!(hole.source, Source::Claim(ClaimName::Created | ClaimName::Expires))
    }

    /// Whether it is the signature and nothing else.
    #[must_use]
    pub fn is_signature(&self) -> bool {
        matches!(&self.parts[..], [Part::Hole(Hole { source: Source::Signature, .. })])
    }

    /// Whether a member of the body holds it as a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(&self.parts[..], [Part::Hole(hole)] if hole.transforms.last() == Some(&Transform::Number))
    }

    fn body_forms(&self) -> impl Iterator<Item = Option<Form>> {
        self.holes().filter(|hole| matches!(hole.source, Source::Body)).map(|hole| match hole.transforms.first() {
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

    /// Whether this octet is in a literal of it.
    pub(crate) fn holds(&self, octet: u8) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Literal(literal) if literal.contains(&octet)))
    }

    /// Whether a comma belongs in it; where none does, a comma in the field is a joined duplicate.
    #[must_use]
    pub fn has_comma(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Literal(literal) => literal.contains(&b','),
            Part::Hole(hole) => hole.time_form() == TimeForm::HttpDate,
        })
    }

    /// Whether a part of variable length is followed by another part, with nothing to say where it ends. `carriers`:
    /// what carries the claims, and so says how they are written.
    #[must_use]
    pub fn has_adjacent_parts(&self, carriers: &[&Hole]) -> bool {
        let ends_itself = |hole: &Hole| {
            let carrier = || carriers.iter().find(|carrier| carrier.source == hole.source);
            match hole.source {
                Source::Claim(ClaimName::Created | ClaimName::Expires) => {
                    carrier().is_some_and(|carrier| carrier.time_form().ends_itself())
                }
                Source::Claim(ClaimName::Digest) => true,
                _ => false,
            }
        };
        self.parts.windows(2).any(|pair| match pair {
            // Only what is of fixed length needs nothing after it to be told from what follows.
            [Part::Hole(left), Part::Hole(_)] => !(left.is_fixed() || left.transforms.is_empty() && ends_itself(left)),
            _ => false,
        })
    }

    /// Whether two requests can render alike.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.holes().any(Hole::is_lossy)
    }

    /// Whether it signs the same as another, in the same way, but for the port that a URI is written with.
    pub(crate) fn differs_in_port_only(&self, other: &Self) -> bool {
        let same = |pair: (&Part, &Part)| match pair {
            (Part::Literal(one), Part::Literal(other)) => one == other,
            (Part::Hole(one), Part::Hole(other)) => {
                one.source == other.source && one.but_for_port().eq(other.but_for_port())
            }
            _ => false,
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(same)
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
                    value.push_str(claims.text(*name).ok_or_else(|| name.absent())?);
                }
                Part::Hole(hole) => {
                    let octets = transformed(Cow::Borrowed(signature.octets()), &hole.transforms);
                    value.push_str(&String::from_utf8_lossy(&octets));
                }
            }
        }
        Ok(value)
    }

    /// Renders the signature base, but for what the body holds: claims that are not there yet come with it.
    pub fn render(&self, request: &Request<'_>, claims: &Claims) -> Result<SignatureBase> {
        let mut base = SignatureBase::default();
        for part in &self.parts {
            let hole = match part {
                Part::Literal(literal) => {
                    base.put_literal(literal);
                    continue;
                }
                Part::Hole(hole) => hole,
            };
            if let Some(filling) = self.filling(&hole.source, claims) {
                // The canonical form is made once, before the base is written.
                let form = |transform: &&Transform| matches!(transform, Transform::Json(_) | Transform::Text);
                base.keep_place(filling, hole.transforms.iter().skip_while(form).copied().collect(), hole.edge.clone());
            } else {
                base.put_value(&hole.value(request, claims)?, &hole.edge)?;
            }
        }
        Ok(base)
    }

    fn filling(&self, source: &Source, claims: &Claims) -> Option<Filling> {
        match source {
            Source::Body => Some(Filling::Body),
            Source::Form => Some(Filling::Form),
            Source::Member { pointer, .. } => {
                let chosen = self.selection.as_ref()?.chosen();
                chosen.iter().position(|chosen| chosen.pointer == *pointer).map(Filling::Member)
            }
            Source::Claim(name) if claims.text(*name).is_none() => Some(Filling::Claim(*name)),
            _ => None,
        }
    }

    /// The claims to sign with; `message_id` is the nonce, which no other message has.
    pub fn claims(
        &self,
        fields: &[&Self],
        key_id: Option<&str>,
        (created, expires): (i64, Option<i64>),
        methods: &str,
        nonce: &str,
    ) -> Result<Claims> {
        let mut claims = Claims::default();
        // Fields first: they say in which unit a time is written.
        for hole in fields.iter().flat_map(|field| field.holes()).chain(self.holes()) {
            let Source::Claim(name) = hole.source else { continue };
            match name {
                ClaimName::Created if claims.created.is_none() => {
                    claims.created = Some(hole.time_form().write(created)?);
                }
                ClaimName::Nonce | ClaimName::MessageId => claims.take(name, nonce.as_bytes(), hole.time_form())?,
                ClaimName::KeyId => claims.take(name, key_id.unwrap_or_default().as_bytes(), hole.time_form())?,
                ClaimName::Expires if claims.expires.is_none() => {
                    claims.expires = expires.map(|expires| hole.time_form().write(expires)).transpose()?;
                }
                ClaimName::Methods => claims.take(name, methods.as_bytes(), hole.time_form())?,
                // What is said of the content comes with it.
                ClaimName::Created
                | ClaimName::Expires
                | ClaimName::Digest
                | ClaimName::ContentType
                | ClaimName::ContentLength => {}
            }
        }
        Ok(claims)
    }
}
