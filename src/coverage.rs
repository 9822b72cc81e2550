//! What a signature covers: the one source of `covered`, of the weaknesses and of the replay class.

use std::collections::BTreeSet;

use crate::aws_sigv4::AwsSigV4;
use crate::claims::ClaimName;
use crate::mac::Hash;
use crate::message_signature::Covered;
use crate::part::{Hole, Source};
use crate::request::Component;
use crate::template::Template;

/// Something that acts, or that bounds when and where a message counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The method.
    Method,
    /// The path.
    Path,
    /// What the route matched in the path: the resource, and not the route.
    Param,
    /// The query.
    Query,
    /// Whom the request is for.
    Authority,
    /// `http` or `https`.
    Scheme,
    /// The body, in the signature base itself.
    Body,
    /// The body, by its digest.
    Digest,
    /// When the message was signed.
    Created,
    /// What no other message has.
    Nonce,
}

/// What a signature covers.
pub struct Coverage {
    names: Vec<String>,
    aspects: BTreeSet<Aspect>,
    flaws: BTreeSet<&'static str>,
    is_reusable: bool,
}

/// What keeps a message from being accepted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayClass {
    /// A covered nonce, new for each attempt.
    Nonce,
    /// The signed octets themselves, which a covered time bounds.
    Base,
    /// Made to be sent more than once within its time.
    Reusable,
    /// No signed time, so no protection is claimed.
    None,
}

impl ReplayClass {
    /// As printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Base => "base",
            Self::Reusable => "reusable",
            Self::None => "none",
        }
    }
}

impl Coverage {
    /// Of a signature base made of parts. `carriers`: what carries the claims; those of them in the query and
    /// in the body are signed with all of it.
    #[must_use]
    pub fn of_template(base: &Template, hash: Hash, carriers: &[&Hole], query: &[&Hole], members: &[&Hole]) -> Self {
        let mut coverage = Self::with(&[]);
        for hole in base.holes() {
            match &hole.source {
                Source::Component(component) => coverage.add_component(*component),
                // A message may do without an optional field, and then says nothing of it.
                Source::Field { name, optional: true } => coverage.add(name.lower(), &[]),
                Source::Field { name, optional: false } => coverage.add_field(name.lower()),
                Source::Param(name) => coverage.add(&format!("param:{name}"), &[Aspect::Param]),
                Source::Body | Source::Form => coverage.add("body", &[Aspect::Body]),
                // The application is handed these members of the body and no other; one of them is always there.
                Source::Member { pointer, .. } => coverage.add(&format!("json:{}", pointer.text()), &[Aspect::Body]),
                Source::Claim(name) => coverage.add_claim(*name),
                Source::Signature => {}
            }
        }
        let signs_query = base.holes().any(Hole::names_query);
        let signs_body = base.holes().any(|hole| hole.source == Source::Body);
        for (holes, are_signed) in [(query, signs_query), (members, signs_body)] {
            for hole in holes.iter().filter(|_| are_signed) {
                if let Source::Claim(name) = hole.source {
                    coverage.add_claim(name);
                }
            }
        }
        let flaws = [
            (base.has_adjacent_parts(carriers), "adjacent-parts"),
            (base.is_lossy(), "lossy-transform"),
            (hash == Hash::Sha1, "sha1"),
        ];
        coverage.flaws.extend(flaws.into_iter().filter_map(|(holds, code)| holds.then_some(code)));
        coverage
    }

    /// Of what is made to be sent as often as one likes while it lasts, unless it says a nonce.
    #[must_use]
    pub fn reusable(self) -> Self {
        Self { is_reusable: true, ..self }
    }

    /// Of a message signature that covers these components, its parameters, of which a `nonce` may be one, and the digest
    /// of a body where there is one.
    #[must_use]
    pub fn of_components(components: &[Covered], nonce: bool) -> Self {
        let mut coverage = Self::with(&[Aspect::Created]);
        coverage.aspects.extend(nonce.then_some(Aspect::Nonce));
        for component in components {
            match (component.derived(), component.whole_field()) {
                (Some(derived), _) => coverage.add_component(derived),
                (None, Some("host")) => coverage.add(component.text(), &[Aspect::Authority]),
                _ => coverage.add(component.text(), &[]),
            }
        }
        coverage.add("content-digest", &[Aspect::Digest]);
        coverage
    }

    /// Of AWS Signature Version 4. The order of a query is lost, and how it and field values were written.
    #[must_use]
    pub fn of_aws_sigv4(scheme: &AwsSigV4) -> Self {
        let mut coverage = Self::with(&[Aspect::Created]);
        for component in [Component::Method, Component::Path, Component::Query] {
            coverage.add_component(component);
        }
        coverage.add_field("host");
        if !scheme.is_presigned() {
            coverage.add("x-amz-date", &[]);
        }
        if !scheme.takes_unsigned() {
            coverage.add("body", &[Aspect::Body]);
        }
        coverage.flaws.insert("lossy-transform");
        Self { is_reusable: scheme.is_presigned(), ..coverage }
    }

    fn with(aspects: &[Aspect]) -> Self {
        let aspects = aspects.iter().copied().collect();
        Self { names: Vec::new(), aspects, flaws: BTreeSet::new(), is_reusable: false }
    }

    /// Whether this is covered.
    #[must_use]
    pub fn has(&self, aspect: Aspect) -> bool {
        self.aspects.contains(&aspect)
    }

    /// Whether it says what to do, or to what: without a body such a signature still says something.
    #[must_use]
    pub fn is_addressed(&self) -> bool {
        [Aspect::Method, Aspect::Path, Aspect::Param].into_iter().any(|aspect| self.has(aspect))
    }

    /// The covered parts by name.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What the scheme cannot promise, as codes.
    #[must_use]
    pub fn weaknesses(&self) -> BTreeSet<&'static str> {
        let absent = [
            (!self.has(Aspect::Created), "no-time"),
            (self.has(Aspect::Created) && !self.has(Aspect::Nonce), "no-nonce"),
            (!self.has(Aspect::Method), "method-not-covered"),
            (!self.has(Aspect::Path), "target-not-covered"),
            (!self.has(Aspect::Query), "query-not-covered"),
            (!self.has(Aspect::Body) && !self.has(Aspect::Digest), "body-not-covered"),
            (!self.has(Aspect::Authority), "audience"),
        ];
        let absent = absent.into_iter().filter_map(|(holds, code)| holds.then_some(code));
        absent.chain(self.flaws.iter().copied()).collect()
    }

    /// What keeps a message from being accepted twice.
    #[must_use]
    pub fn replay_class(&self) -> ReplayClass {
        match (self.has(Aspect::Created), self.has(Aspect::Nonce)) {
            (true, true) => ReplayClass::Nonce,
            _ if self.is_reusable => ReplayClass::Reusable,
            (true, false) => ReplayClass::Base,
            (false, _) => ReplayClass::None,
        }
    }

    fn add_claim(&mut self, name: ClaimName) {
        match name {
            ClaimName::Created => {
                self.aspects.insert(Aspect::Created);
            }
            ClaimName::Nonce => {
                self.aspects.insert(Aspect::Nonce);
            }
            ClaimName::Digest => self.add("body", &[Aspect::Digest]),
            ClaimName::Methods => self.add("@method", &[Aspect::Method]),
            ClaimName::ContentType => self.add("content-type", &[]),
            ClaimName::ContentLength => self.add("content-length", &[]),
            ClaimName::Expires | ClaimName::MessageId | ClaimName::KeyId => {}
        }
    }

    fn add_component(&mut self, component: Component) {
        let aspects: &[Aspect] = match component {
            Component::Method => &[Aspect::Method],
            Component::Path => &[Aspect::Path],
            Component::Query => &[Aspect::Query],
            Component::Authority => &[Aspect::Authority],
            Component::RequestTarget => &[Aspect::Path, Aspect::Query],
            Component::TargetUri => &[Aspect::Authority, Aspect::Path, Aspect::Query],
            Component::Scheme => &[Aspect::Scheme],
        };
        self.add(component.name(), aspects);
    }

    fn add_field(&mut self, name: &str) {
        self.add(name, if name == "host" { &[Aspect::Authority] } else { &[] });
    }

    fn add(&mut self, name: &str, aspects: &[Aspect]) {
        self.aspects.extend(aspects);
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }
}
