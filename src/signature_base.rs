//! Signature bases: what is rendered before the body is read, and the places of what comes with it.

use crate::claims::{ClaimName, Claims};
use crate::content::Content;
use crate::error::{Code, Error, Result};
use crate::framing::Edge;
use crate::mac::Sink;
use crate::transform::{Transform, transformed};

/// A signature base, rendered but for what the body holds, whose places it keeps.
#[derive(Default)]
pub struct SignatureBase {
    octets: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Clone)]
struct Place {
    at: usize,
    filling: Filling,
    transforms: Vec<Transform>,
    edge: Edge,
}

/// What comes with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    Body,
    /// The pairs of a body that is a form.
    Form,
    /// The nth of the members that are signed.
    Member(usize),
    /// A claim that a member of the body carries.
    Claim(ClaimName),
}

impl SignatureBase {
    /// A base that the body has no part in.
    #[must_use]
    pub fn of(octets: Vec<u8>) -> Self {
        Self { octets, places: Vec::new() }
    }

    /// Whether something comes with the body.
    pub(crate) fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    pub(crate) fn put_literal(&mut self, literal: &[u8]) {
        self.octets.extend_from_slice(literal);
    }

    pub(crate) fn put_value(&mut self, value: &[u8], edge: &Edge) -> Result<()> {
        edge.check(value)?;
        self.octets.extend_from_slice(value);
        Ok(())
    }

    pub(crate) fn keep_place(&mut self, filling: Filling, transforms: Vec<Transform>, edge: Edge) {
        self.places.push(Place { at: self.octets.len(), filling, transforms, edge });
    }

    /// The base with the claims that a body carries.
    pub(crate) fn with_claims(&self, claims: &Claims) -> Result<Self> {
        let mut filled = Self::default();
        let mut from = 0;
        for place in &self.places {
            filled.put_literal(&self.octets[from..place.at]);
            from = place.at;
            if let Filling::Claim(name) = place.filling {
                let text = claims.text(name).ok_or_else(|| name.absent())?;
                filled.put_value(&transformed(text.as_bytes().into(), &place.transforms), &place.edge)?;
            } else {
                filled.places.push(Place { at: filled.octets.len(), ..place.clone() });
            }
        }
        filled.put_literal(&self.octets[from..]);
        Ok(filled)
    }

    /// Writes the base, with the body where it belongs. What `check` refuses is not to be written.
    pub fn write(&self, body: Content<'_>, sink: &mut impl Sink) {
        let mut from = 0;
        for place in &self.places {
            sink.put(&self.octets[from..place.at]);
            from = place.at;
            match place.filling {
                Filling::Body => body.write(&place.transforms, sink),
                Filling::Form => sink.put(&transformed(body.form().unwrap_or_default().into(), &place.transforms)),
                Filling::Member(nth) => {
                    sink.put(&transformed(body.member(nth).unwrap_or_default(), &place.transforms));
                }
                Filling::Claim(_) => {}
            }
        }
        sink.put(&self.octets[from..]);
    }

    /// Refuses a body that would end its part elsewhere, and a base of which something is still unread.
    pub fn check(&self, body: Content<'_>) -> Result<()> {
        for place in &self.places {
            let value = match place.filling {
                Filling::Body if place.edge == Edge::None => continue,
                Filling::Body => body.octets(),
                Filling::Form => body.form().ok_or_else(|| Error::new(Code::BodyMalformed, "no form was read"))?.into(),
                Filling::Member(nth) => {
                    body.member(nth).ok_or_else(|| Error::new(Code::BodyMalformed, "no member of the body was read"))?
                }
                Filling::Claim(name) => return Err(name.absent()),
            };
            place.edge.check(&transformed(value, &place.transforms))?;
        }
        Ok(())
    }
}
