//! The form of a scheme that is written in templates: what is signed, and what carries the claims.

use std::borrow::Cow;

use crate::claims::{CLAIMS, ClaimName, Claims};
use crate::error::{Code, Error, Result};
use crate::fields::{FieldName, Fields, LONGEST_FIELD, own_field, required};
use crate::grammar::Grammar;
use crate::json::{Document, Pointer, Selection, string_of};
use crate::mac::Hash;
use crate::part::{Hole, Source};
use crate::target::Target;
use crate::template::Template;

/// What carries the claims, as it is written: header fields, query parameters, and pointers to members of the body.
#[derive(Default)]
pub struct Carriers {
    /// Names, with a `?` at the end where a message may do without the field.
    pub fields: Vec<(String, Grammar)>,
    /// Names.
    pub query: Vec<(String, Grammar)>,
    /// Pointers (RFC 6901).
    pub members: Vec<(String, Grammar)>,
    /// Where the query carries its own signature: the seconds that this may last.
    pub longest: Option<i64>,
    /// Parameters that may stand behind that signature: nothing of them counts, and nobody is handed them.
    pub ignored: Vec<String>,
}

/// A scheme's templates.
pub(crate) struct Templates {
    /// A signature of any of these counts; ours are of the first.
    bases: Vec<Template>,
    /// Which of them leaves out the most ports.
    coarsest: usize,
    pub(crate) fields: Vec<OwnField>,
    pub(crate) query: Vec<(String, Grammar)>,
    pub(crate) members: Vec<OwnMember>,
    /// Of a signed link: the seconds that it may last.
    pub(crate) longest: Option<i64>,
    /// Parameters that may stand behind its signature.
    pub(crate) ignored: Vec<String>,
}

pub(crate) struct OwnField {
    pub(crate) name: FieldName,
    pub(crate) written: String,
    pub(crate) is_optional: bool,
    pub(crate) grammar: Grammar,
}

/// A member of the body that carries claims.
pub(crate) struct OwnMember {
    pub(crate) pointer: Pointer,
    pub(crate) grammar: Grammar,
}

impl Templates {
    pub(crate) fn new(bases: &[String], carriers: Carriers) -> Result<Self> {
        let fields = carriers.fields.into_iter().map(|(name, grammar)| OwnField::parse(&name, grammar));
        let members = carriers
            .members
            .into_iter()
            .map(|(written, grammar)| Ok(OwnMember { pointer: Pointer::parse(&written)?, grammar }));
        let bases = bases.iter().map(|base| Template::parse_base(base)).collect::<Result<Vec<_>>>()?;
        let ports_left_out = |nth: &usize| bases[*nth].holes().filter(|hole| hole.leaves_out_port()).count();
        let templates = Self {
            coarsest: (0..bases.len()).max_by_key(ports_left_out).unwrap_or_default(),
            bases,
            fields: fields.collect::<Result<_>>()?,
            query: carriers.query,
            members: members.collect::<Result<_>>()?,
            longest: carriers.longest,
            ignored: carriers.ignored,
        };
        templates.check_bases()?;
        templates.check_carriers()?;
        templates.check_link()?;
        templates.check_members()?;
        templates.check_claims()?;
        Ok(templates)
    }

    /// What our own signatures are of.
    pub(crate) fn base(&self) -> &Template {
        &self.bases[0]
    }

    /// The base that stands for a message, and the others that its signature may be of. Where no parts stand side by
    /// side, two messages with one of these in common have the first in common, too.
    pub(crate) fn coarsest_first(&self) -> (&Template, impl Iterator<Item = &Template>) {
        let others = self.bases.iter().enumerate().filter(|(nth, _)| *nth != self.coarsest).map(|(_, base)| base);
        (&self.bases[self.coarsest], others)
    }

    /// Of all that carries claims.
    pub(crate) fn grammars(&self) -> impl Iterator<Item = &Grammar> {
        let fields = self.fields.iter().map(|field| &field.grammar);
        fields.chain(self.query_grammars()).chain(self.member_grammars())
    }

    /// The fields that a signer writes: those that have to be there, and one of the others where none of these signs.
    pub(crate) fn written(&self) -> impl Iterator<Item = &OwnField> {
        let (others, required): (Vec<_>, Vec<_>) = self.fields.iter().partition(|field| field.is_optional);
        let is_signed = required.iter().any(|field| carries_signature(&field.grammar))
            || self.query_grammars().chain(self.member_grammars()).any(carries_signature);
        required.into_iter().chain(others.into_iter().take(usize::from(!is_signed)))
    }

    pub(crate) fn carried(&self) -> impl Iterator<Item = &Hole> {
        self.grammars().flat_map(Grammar::holes)
    }

    /// The parts of the query and of the body that carry claims: where all of these is signed, they are.
    pub(crate) fn inner(&self) -> (Vec<&Hole>, Vec<&Hole>) {
        (
            self.query_grammars().flat_map(Grammar::holes).collect(),
            self.member_grammars().flat_map(Grammar::holes).collect(),
        )
    }

    /// Reads the claims that need no body. `hash`: the scheme's.
    pub(crate) fn read(&self, fields: &dyn Fields, target: &Result<&Target>, hash: Hash) -> Result<Box<Claims>> {
        let mut claims = Box::<Claims>::default();
        for OwnField { name, is_optional, grammar, .. } in &self.fields {
            if !is_optional || own_field(fields, name)?.is_some() {
                grammar.read(&required(fields, name)?, hash, &mut claims)?;
            }
        }
        for (name, grammar) in &self.query {
            let value = target.clone()?.parameter(name)?.filter(|value| !value.is_empty());
            let absent = || Error::new(Code::SignatureMissing, format!("no query parameter {name}"));
            let value = value.ok_or_else(absent)?;
            if value.len() > LONGEST_FIELD {
                return Err(Error::malformed(format!("the query parameter {name} is over 8 KiB")));
            }
            grammar.read(value, hash, &mut claims)?;
        }
        if let Some(longest) = self.longest {
            claims.end_itself(longest)?;
        }
        if self.members.is_empty() {
            check_signed(&claims)?;
        }
        Ok(claims)
    }

    /// Reads the claims that stand in the body.
    pub(crate) fn read_members(&self, document: &Document, hash: Hash, claims: &mut Claims) -> Result<()> {
        for OwnMember { pointer, grammar } in &self.members {
            grammar.read(&text_of(document, pointer, grammar)?, hash, claims)?;
        }
        check_signed(claims)
    }

    /// The query parameter that carries the signature of what is before it, where one does.
    pub(crate) fn signature_parameter(&self) -> Option<&str> {
        let (name, grammar) = self.query.last()?;
        carries_signature(grammar).then_some(name)
    }

    /// What is signed of the target: all of it, or up to the signature in its query.
    pub(crate) fn signed_of<'a>(&self, target: &'a Target) -> Result<Cow<'a, Target>> {
        match self.signature_parameter() {
            Some(name) => target.before_last(name).map(Cow::Owned),
            None => Ok(Cow::Borrowed(target)),
        }
    }

    fn query_grammars(&self) -> impl Iterator<Item = &Grammar> {
        self.query.iter().map(|(_, grammar)| grammar)
    }

    fn member_grammars(&self) -> impl Iterator<Item = &Grammar> {
        self.members.iter().map(|member| &member.grammar)
    }

    /// What one base says could be cut into other parts by another: they may differ in how a port is written, and in
    /// nothing else.
    fn check_bases(&self) -> Result<()> {
        let Some((first, others)) = self.bases.split_first() else {
            return Err(Error::configuration("base: none"));
        };
        if first.holes().next().is_none() {
            return Err(Error::configuration("base: a text without a part signs nothing"));
        }
        if others.iter().all(|other| first.differs_in_port_only(other)) {
            return Ok(());
        }
        Err(Error::configuration("base: several of them may differ in with-port and without-port only"))
    }

    fn check_carriers(&self) -> Result<()> {
        let refused = |message| Err(Error::configuration(message));
        let only_signs = |field: &OwnField| field.grammar.holes().all(|hole| hole.source == Source::Signature);
        if !self.fields.iter().filter(|field| field.is_optional).all(only_signs) {
            return refused("fields: one that a message may do without carries nothing but signatures");
        }
        if !self.query.iter().all(|(name, _)| is_plain(name)) {
            return refused("query: a parameter's name has letters, digits and -._~ only");
        }
        let (_, members) = self.inner();
        if members.iter().any(|hole| hole.source == Source::Claim(ClaimName::Digest)) {
            return refused("json: a body cannot hold its own digest");
        }
        self.check_fields()?;
        self.grammars().try_for_each(Grammar::check)
    }

    /// A link says all of itself in its query, which its one signature ends.
    fn check_link(&self) -> Result<()> {
        let refused = |message| Err(Error::configuration(message));
        let count = |source| self.carried().filter(|hole| hole.source == source).count();
        let in_query = |source| self.inner().0.into_iter().filter(|hole| hole.source == source).count();
        for (word, name) in CLAIMS {
            let is_purpose = matches!(name, ClaimName::Methods | ClaimName::ContentType | ClaimName::ContentLength);
            if is_purpose && count(Source::Claim(name)) != in_query(Source::Claim(name)) {
                return Err(Error::configuration(format!("{word}: only the query says what it is for")));
            }
        }
        let signed = in_query(Source::Signature);
        if signed == 0 && !self.ignored.is_empty() {
            return refused("ignored: only behind a signature in the query");
        }
        if signed == 0 {
            return if self.longest.is_none() { Ok(()) } else { refused("longest: only of a signature in the query") };
        }
        let is_own = |name: &String| self.query.iter().any(|(own, _)| own == name);
        if !self.ignored.iter().all(|name| is_plain(name) && !is_own(name)) {
            return refused("ignored: names of parameters, letters, digits and -._~ only, that carry no claim");
        }
        let is_last = self.query.last().is_some_and(|(_, grammar)| match grammar {
            Grammar::Whole(template) => template.is_signature(),
            Grammar::Members(..) => false,
        });
        if !is_last || count(Source::Signature) > 1 {
            return refused("query: one signature, alone and the last, signs what is before it");
        }
        if !self.base().holes().any(Hole::names_query) {
            return refused("query: a signature in the query that it does not sign");
        }
        if [ClaimName::Created, ClaimName::Expires].into_iter().any(|name| in_query(Source::Claim(name)) == 0) {
            return refused("query: beside a signature there are {created} and {expires}");
        }
        match self.longest {
            Some(1..) => Ok(()),
            _ => refused("longest: how many seconds a signature in the query may last, above 0"),
        }
    }

    /// A field cannot be two, and cannot carry the signature of itself.
    fn check_fields(&self) -> Result<()> {
        for (nth, OwnField { name, grammar, .. }) in self.fields.iter().enumerate() {
            if self.fields[..nth].iter().any(|other| other.name.lower() == name.lower()) {
                return Err(Error::configuration(format!("fields: {} twice", name.lower())));
            }
            let signs_itself = |hole: &Hole| matches!(&hole.source, Source::Field { name: other, .. } if other == name);
            if carries_signature(grammar) && self.base().holes().any(signs_itself) {
                let name = name.lower();
                return Err(Error::configuration(format!("base: the field {name} carries the signature of itself")));
            }
        }
        Ok(())
    }

    /// A signature cannot be in what it signs, and a member that carries a claim is a text: no other lies in it.
    fn check_members(&self) -> Result<()> {
        let signed = self.base().selection().map(Selection::chosen).unwrap_or_default();
        let signs_all = self.base().holes().any(|hole| matches!(hole.source, Source::Body | Source::Form));
        for (nth, member) in self.members.iter().enumerate() {
            let own = &member.pointer;
            let others = self.members[nth + 1..].iter().map(|other| &other.pointer);
            let chosen = signed.iter().map(|chosen| &chosen.pointer);
            let lies_within = others.clone().any(|other| own.holds(other) || other.holds(own))
                || chosen.clone().any(|other| own.holds(other) && own != other)
                || carries_signature(&member.grammar)
                    && chosen.clone().any(|other| own.holds(other) || other.holds(own));
            if lies_within {
                return Err(Error::configuration(format!(
                    "json: the member {} lies in another, or another in it",
                    own.text()
                )));
            }
            if let Some(other) = others.chain(chosen).find(|other| own.excludes(other)) {
                let (own, other) = (own.text(), other.text());
                return Err(Error::configuration(format!("json: no body has both of the members {own} and {other}")));
            }
            if signs_all && carries_signature(&member.grammar) {
                return Err(Error::configuration("json: a signature cannot stand in the body that it signs"));
            }
        }
        if !self.members.is_empty() && self.base().reads_form() {
            return Err(Error::configuration("json: members of a body that is a form"));
        }
        Ok(())
    }

    fn check_claims(&self) -> Result<()> {
        let refused = |message| Err(Error::configuration(message));
        let carries = |source: &Source| self.carried().any(|hole| hole.source == *source);
        if !carries(&Source::Signature) {
            return refused("fields: no field has a {signature:…}");
        }
        let differs = |hole: &Hole| {
            let is_claim = matches!(hole.source, Source::Claim(_));
            is_claim && self.carried().any(|other| other.source == hole.source && other.transforms != hole.transforms)
        };
        if self.carried().any(differs) {
            return refused("fields: a claim in two forms, which are never the same text");
        }
        let signs = |source: &Source| self.base().holes().any(|hole| hole.source == *source);
        if self.base().holes().any(|hole| matches!(hole.source, Source::Claim(_)) && !carries(&hole.source)) {
            return refused("base: a claim that no field carries");
        }
        let (query, members) = self.inner();
        let fields = self.fields.iter().flat_map(|field| field.grammar.holes()).collect();
        let signs_query = self.base().holes().any(Hole::names_query);
        for (holes, are_signed) in [(fields, false), (query, signs_query), (members, signs(&Source::Body))] {
            // What is shown as proven must be signed; of the key id the ring is the proof.
            let unproven = |hole: &&Hole| matches!(hole.source, Source::Claim(name) if name != ClaimName::KeyId);
            if !are_signed && holes.into_iter().filter(unproven).any(|hole| !signs(&hole.source)) {
                return refused("fields: a claim that the base does not sign");
            }
        }
        Ok(())
    }
}

impl OwnField {
    fn parse(written: &str, grammar: Grammar) -> Result<Self> {
        let (name, is_optional) = written.strip_suffix('?').map_or((written, false), |name| (name, true));
        Ok(Self { name: FieldName::parse(name)?, written: name.to_owned(), is_optional, grammar })
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet))
}

pub(crate) fn carries_signature(grammar: &Grammar) -> bool {
    grammar.holes().any(|hole| hole.source == Source::Signature)
}

fn check_signed(claims: &Claims) -> Result<()> {
    if claims.given == 0 {
        return Err(Error::new(Code::SignatureMissing, "no field with a signature"));
    }
    if claims.signatures.is_empty() {
        return Err(Error::malformed("no signature of the right form and size"));
    }
    Ok(())
}

/// What a member of ours says. Clients write times as numbers: where a member is a time and nothing else, it may be one.
fn text_of<'a>(document: &'a Document, pointer: &Pointer, grammar: &Grammar) -> Result<Cow<'a, [u8]>> {
    let missing = || Error::new(Code::SignatureMissing, format!("no member {}", pointer.text()));
    let value = document.member(pointer)?.ok_or_else(missing)?;
    let text = match string_of(value) {
        Some(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
        Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        None if matches!(grammar, Grammar::Whole(template) if template.is_time()) => Cow::Borrowed(value),
        None => return Err(Error::malformed(format!("the member {} is no string", pointer.text()))),
    };
    match text.len() {
        0 => Err(missing()),
        1..=LONGEST_FIELD => Ok(text),
        _ => Err(Error::malformed(format!("the member {} is over 8 KiB", pointer.text()))),
    }
}
