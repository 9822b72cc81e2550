//! The form of a field that carries claims: one template, or members between separators.

use crate::claims::Claims;
use crate::error::{Code, Error, Result};
use crate::mac::{Hash, Signature};
use crate::part::Hole;
use crate::template::Template;

/// The form of a field that carries claims.
pub enum Grammar {
    /// One template for the whole value.
    Whole(Template),
    /// Members between separators, in any order; those that no template starts are ignored. A separator is one
    /// character, and a blank after it where the party writes one.
    Members(String, Vec<Template>),
}

impl Grammar {
    /// Its templates.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        match self {
            Self::Whole(template) => std::slice::from_ref(template),
            Self::Members(_, templates) => templates,
        }
    }

    /// Their parts that vary.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.templates().iter().flat_map(Template::holes)
    }

    /// Refuses members that no value could have: one without a part, one that holds the separator, and one whose start
    /// is another's.
    pub(crate) fn check(&self) -> Result<()> {
        let Self::Members(separator, templates) = self else { return Ok(()) };
        let refused = |message| Err(Error::configuration(message));
        if templates.iter().any(|template| template.holes().next().is_none()) {
            return refused("members: one without a part");
        }
        if templates.iter().any(|template| separator.bytes().next().is_some_and(|octet| template.holds(octet))) {
            return refused("members: one that holds the separator");
        }
        let starts_another = |(nth, template): (usize, &Template)| {
            templates
                .iter()
                .enumerate()
                .any(|(other, each)| nth != other && each.prefix().starts_with(template.prefix()))
        };
        if templates.iter().enumerate().any(starts_another) {
            return refused("members: one that begins as another does cannot be told from it");
        }
        Ok(())
    }

    /// Reads the claims from the field's value.
    pub fn read(&self, value: &[u8], hash: Hash, claims: &mut Claims) -> Result<()> {
        let (separator, templates) = match self {
            // WSGI servers join a field that occurs twice with a comma.
            Self::Whole(template) if !template.has_comma() && value.contains(&b',') => {
                return Err(Error::malformed("the field occurs twice"));
            }
            Self::Whole(template) => return template.read(value, hash, claims),
            Self::Members(separator, templates) => (separator.chars().next().unwrap_or(','), templates),
        };
        // The same of a list that is not parted by commas.
        let knows_comma = separator == ',' || templates.iter().any(Template::has_comma);
        if !knows_comma && value.contains(&b',') {
            return Err(Error::malformed("the field occurs twice"));
        }
        let mut seen = vec![false; templates.len()];
        for member in value.split(|octet| char::from(*octet) == separator) {
            let member = member.trim_ascii();
            if separator != ',' && member.ends_with(b",") {
                return Err(Error::malformed("the field occurs twice"));
            }
            let known = templates.iter().position(|template| member.starts_with(template.prefix()));
            if let Some(nth) = known {
                templates[nth].read(member, hash, claims)?;
                seen[nth] = true;
            }
        }
        if seen.iter().all(|seen| *seen) {
            return Ok(());
        }
        Err(Error::new(Code::SignatureMissing, "a member of the field is absent"))
    }

    /// The field's value.
    pub fn write(&self, claims: &Claims, signature: &Signature) -> Result<String> {
        let values =
            self.templates().iter().map(|template| template.write(claims, signature)).collect::<Result<Vec<_>>>()?;
        Ok(match self {
            Self::Whole(_) => values.concat(),
            Self::Members(separator, _) => values.join(separator),
        })
    }
}
