//! What carries the claims of a scheme, as Python writes it.

use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::error::Error;
use crate::grammar::Grammar;
use crate::template::Template;

/// A field made of members split by `separator`, in any order; unknown ones are ignored. Where a blank stands behind
/// the separator, it is written too.
#[pyclass(frozen, module = "sealgate._native")]
pub(super) struct Members {
    separator: String,
    members: Vec<String>,
}

#[pymethods]
impl Members {
    #[new]
    #[pyo3(signature = (separator, *members))]
    fn new(separator: &str, members: Vec<String>) -> PyResult<Self> {
        let is_one = |text: &str| text.len() == 1 && text.is_ascii();
        if (is_one(separator) || separator.strip_suffix(' ').is_some_and(is_one)) && !members.is_empty() {
            return Ok(Self { separator: separator.to_owned(), members });
        }
        Err(Error::configuration("members: expected one ASCII character and at least one template").into())
    }
}

/// What carries claims: names of fields or pointers, each with a template or `Members`.
pub(super) fn grammars_of(carriers: Option<&Bound<'_, PyMapping>>) -> PyResult<Vec<(String, Grammar)>> {
    let Some(carriers) = carriers else { return Ok(Vec::new()) };
    let mut grammars = Vec::new();
    for pair in carriers.items()?.iter() {
        let (name, form): (String, Bound<'_, PyAny>) = pair.extract()?;
        let grammar = if let Ok(members) = form.cast::<Members>() {
            let members = members.get();
            let templates = members.members.iter().map(|text| Template::parse_field(text)).collect::<Result<_, _>>()?;
            Grammar::Members(members.separator.clone(), templates)
        } else {
            Grammar::Whole(Template::parse_field(&form.extract::<String>()?)?)
        };
        grammars.push((name, grammar));
    }
    Ok(grammars)
}
