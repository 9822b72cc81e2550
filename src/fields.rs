//! Header fields: their names, and the one value that each may have.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::error::{Code, Error, Result};
use crate::structured::is_printable;

/// Octets of a field of ours, or of a member.
pub(crate) const LONGEST_FIELD: usize = 8 * 1024;
/// Octets of any field that is read: servers hand on no longer ones.
const LONGEST_READ: usize = 64 * 1024;

pub(crate) static HOST: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("host"));
pub(crate) static CONTENT_TYPE: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-type"));
pub(crate) static CONTENT_ENCODING: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-encoding"));
pub(crate) static CONTENT_RANGE: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-range"));
pub(crate) static CONTENT_LENGTH: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-length"));

/// What messages mostly sign, made once.
static COMMON: LazyLock<[FieldName; 5]> =
    LazyLock::new(|| ["content-digest", "content-type", "date", "host", "x-amz-date"].map(FieldName::known));

/// A field name in lower case, and how CGI spells it (RFC 3875, 4.1.18).
#[derive(Clone, Debug)]
pub struct FieldName(Arc<Spellings>);

#[derive(Debug)]
struct Spellings {
    /// In lower case, between quotes.
    quoted: Box<str>,
    environ: Box<str>,
    mark: u32,
}

impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.0.mark == other.0.mark && self.0.quoted == other.0.quoted
    }
}

impl Eq for FieldName {}

impl FieldName {
    /// RFC 9110, 5.1: a token. An underscore is not taken: CGI cannot tell `X_Sig` from `X-Sig`.
    pub fn parse(name: &str) -> Result<Self> {
        if let Some(common) = COMMON.iter().find(|common| common.lower() == name) {
            return Ok(common.clone());
        }
        if name.is_empty() || !name.bytes().all(|octet| is_token(octet) && octet != b'_') {
            return Err(Error::configuration(format!("not a field name: {name:?}")));
        }
        Ok(Self::known(name))
    }

    /// A name that is known to be one.
    pub(crate) fn known(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let mut environ = String::with_capacity("HTTP_".len() + name.len());
        if !matches!(lower.as_str(), "content-type" | "content-length") {
            environ.push_str("HTTP_");
        }
        environ.extend(name.chars().map(|letter| if letter == '-' { '_' } else { letter.to_ascii_uppercase() }));
        let mark = mark(lower.as_bytes());
        let quoted = ["\"", &lower, "\""].concat();
        Self(Arc::new(Spellings { quoted: quoted.into(), environ: environ.into(), mark }))
    }

    /// Lower case.
    #[must_use]
    pub fn lower(&self) -> &str {
        &self.0.quoted[1..self.0.quoted.len() - 1]
    }

    /// Lower case, between quotes: the component identifier (RFC 9421, 2.1).
    #[must_use]
    pub fn quoted(&self) -> &str {
        &self.0.quoted
    }

    /// The key in a CGI or WSGI environment.
    #[must_use]
    pub fn environ(&self) -> &str {
        &self.0.environ
    }
}

/// What most names differ in: the size, and two octets. Names that CGI reads as one have one mark.
fn mark(name: &[u8]) -> u32 {
    let [Some(first), Some(last)] = [name.first(), name.last()] else { return 0 };
    let size = u32::try_from(name.len() & 0xFFFF).unwrap_or_default();
    size << 16 | u32::from(as_cgi(*first)) << 8 | u32::from(as_cgi(*last))
}

/// CGI has one character for two (RFC 3875, 4.1.18), and one case.
fn as_cgi(octet: u8) -> u8 {
    if octet == b'_' { b'-' } else { octet.to_ascii_lowercase() }
}

/// The header fields of a message, wherever they are kept.
pub trait Fields {
    /// The value of the field, or None where it is absent. Refused: a field that occurs twice, since two readers may
    /// take different ones, and a field whose name differs from `name` only by `_` for `-`.
    fn get(&self, name: &FieldName) -> Result<Option<Cow<'_, [u8]>>>;

    /// The names, in lower case and as they were received, of the fields that start with `prefix` as CGI reads them.
    fn starting(&self, prefix: &str) -> Vec<String>;
}

/// Field pairs in the order received.
#[derive(Clone, Default)]
pub struct FieldPairs {
    octets: Vec<u8>,
    spans: Vec<Span>,
    /// It is known that every octet is printable.
    printable: bool,
}

#[derive(Clone, Copy)]
struct Span {
    mark: u32,
    start: usize,
    name_size: usize,
    end: usize,
}

impl FieldPairs {
    /// Room for so many pairs.
    #[must_use]
    pub fn with_capacity(pairs: usize) -> Self {
        let octets = Vec::with_capacity(pairs.saturating_mul(64));
        Self { octets, spans: Vec::with_capacity(pairs), printable: false }
    }

    /// Appends a pair; the name is kept in lower case.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.octets.len();
        self.octets.extend(name.iter().map(u8::to_ascii_lowercase));
        self.octets.extend_from_slice(value);
        self.spans.push(Span { mark: mark(name), start, name_size: name.len(), end: self.octets.len() });
        self.printable = false;
    }

    /// Whether all names and values are ASCII. What this look shows of the values, `get` need not look for again.
    pub fn look(&mut self) -> bool {
        self.printable = is_printable(&self.octets);
        self.printable || self.octets.is_ascii()
    }

    /// Names in lower case, and values as received.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|span| self.pair(span))
    }

    fn pair(&self, span: &Span) -> (&[u8], &[u8]) {
        self.octets[span.start..span.end].split_at(span.name_size)
    }
}

impl Fields for FieldPairs {
    fn get(&self, name: &FieldName) -> Result<Option<Cow<'_, [u8]>>> {
        let wanted = name.lower().as_bytes();
        let mut found = None;
        for span in self.spans.iter().filter(|span| span.mark == name.0.mark) {
            let (other, value) = self.pair(span);
            if other == wanted {
                if found.replace(value).is_some() {
                    return Err(Error::malformed(format!("the field {} occurs twice", name.lower())));
                }
            } else if other.iter().copied().map(as_cgi).eq(wanted.iter().copied().map(as_cgi)) {
                return Err(Error::malformed(format!("a field that CGI reads as {}", name.lower())));
            }
        }
        let value = if self.printable { trimmed } else { field_value };
        found.map(|found| value(found).map(Cow::Borrowed)).transpose()
    }

    fn starting(&self, prefix: &str) -> Vec<String> {
        let starts = |name: &[u8]| {
            name.len() >= prefix.len()
                && name.iter().zip(prefix.bytes()).all(|(octet, wanted)| as_cgi(*octet) == as_cgi(wanted))
        };
        self.iter()
            .filter(|(name, _)| starts(name))
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect()
    }
}

/// The fields of a message and one more, which replaces its namesake.
pub(crate) struct WithField<'a> {
    pub(crate) fields: &'a dyn Fields,
    pub(crate) name: &'a FieldName,
    pub(crate) value: String,
}

impl Fields for WithField<'_> {
    fn get(&self, name: &FieldName) -> Result<Option<Cow<'_, [u8]>>> {
        if name == self.name {
            return Ok(Some(self.value.as_bytes().into()));
        }
        self.fields.get(name)
    }

    fn starting(&self, prefix: &str) -> Vec<String> {
        let mut names = self.fields.starting(prefix);
        if self.name.lower().starts_with(prefix) {
            names.retain(|name| name != self.name.lower());
            names.push(self.name.lower().to_owned());
        }
        names
    }
}

/// A field's value without the white space around it (RFC 9110, 5.5). Control and non-ASCII octets are refused:
/// servers fold, drop and re-encode them, each in its own way. Octets in millions are refused unread.
pub fn field_value(value: &[u8]) -> Result<&[u8]> {
    let value = trimmed(value)?;
    if is_printable(value) {
        return Ok(value);
    }
    let index = value.iter().position(|octet| !(0x20..0x7F).contains(octet));
    Err(Error { index, ..Error::malformed("a field holds an octet outside 0x20 to 0x7e") })
}

fn trimmed(value: &[u8]) -> Result<&[u8]> {
    if value.len() > LONGEST_READ {
        return Err(Error::malformed("a field is over 64 KiB"));
    }
    let blank = |octet: &u8| *octet == b' ' || *octet == b'\t';
    let start = value.iter().position(|octet| !blank(octet)).unwrap_or(value.len());
    let end = value.iter().rposition(|octet| !blank(octet)).map_or(start, |last| last + 1);
    Ok(&value[start..end])
}

/// The value of a field of ours that has to be there.
pub(crate) fn required<'a>(fields: &'a dyn Fields, name: &FieldName) -> Result<Cow<'a, [u8]>> {
    match own_field(fields, name)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::new(Code::SignatureMissing, format!("no field {}", name.lower()))),
    }
}

/// The value of a field of ours.
pub(crate) fn own_field<'a>(fields: &'a dyn Fields, name: &FieldName) -> Result<Option<Cow<'a, [u8]>>> {
    let value = fields.get(name)?;
    if value.as_ref().is_some_and(|value| value.len() > LONGEST_FIELD) {
        return Err(Error::malformed(format!("the field {} is over 8 KiB", name.lower())));
    }
    Ok(value)
}

/// RFC 9110, 5.6.2.
#[must_use]
pub fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}
