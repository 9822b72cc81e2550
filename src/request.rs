//! A request and its components (RFC 9421, 2): header fields and derived components.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::error::{Code, Error, Result};
use crate::structured::is_printable;
use crate::target::{Origin, Target};

/// Octets of a field of ours, or of a member.
pub(crate) const LONGEST_FIELD: usize = 8 * 1024;
/// Octets of any field that is read: servers hand on no longer ones.
const LONGEST_READ: usize = 64 * 1024;

pub(crate) static HOST: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("host"));
pub(crate) static CONTENT_TYPE: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-type"));
pub(crate) static CONTENT_ENCODING: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-encoding"));
pub(crate) static CONTENT_RANGE: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-range"));
static CONTENT_LENGTH: LazyLock<FieldName> = LazyLock::new(|| FieldName::known("content-length"));

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
        self.octets.extend_from_slice(name);
        self.octets[start..].make_ascii_lowercase();
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

/// What a scheme reads of a request.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method as received (RFC 9110, 9.1: case-sensitive).
    pub method: &'a [u8],
    /// The target as received.
    pub target: &'a Target,
    /// The header fields.
    pub fields: &'a dyn Fields,
    /// The service's own origin; never what the request says of it.
    pub origin: Option<&'a Origin>,
    /// What the route matched: names, and values decoded once.
    pub params: &'a Params,
}

/// Names and values.
pub type Params = [(String, String)];

impl<'a> Request<'a> {
    /// The service's origin. A message may cover the authority of a service that never said what it is: that is nobody's.
    fn own_origin(&self, component: &'static str) -> Result<&'a Origin> {
        self.origin.ok_or_else(|| Error::new(Code::TargetAmbiguous, format!("{component} needs an origin")))
    }

    /// What the route matched under a name.
    pub fn param(&self, name: &str) -> Result<&'a str> {
        let absent = || Error::new(Code::NotCovered, format!("the route has no covered parameter {name}"));
        let (_, value) = self.params.iter().find(|(known, _)| known == name).ok_or_else(absent)?;
        // What could not be decoded: two paths may have become one.
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Error::new(Code::TargetAmbiguous, format!("the parameter {name} is not UTF-8")));
        }
        Ok(value)
    }
}

/// A derived component (RFC 9421, 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `@method`
    Method,
    /// `@target-uri`
    TargetUri,
    /// `@authority`
    Authority,
    /// `@scheme`
    Scheme,
    /// `@request-target`
    RequestTarget,
    /// `@path`
    Path,
    /// `@query`
    Query,
}

impl Component {
    /// By its name, with the `@`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            _ => return None,
        })
    }

    /// With the `@`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let quoted = self.quoted();
        &quoted[1..quoted.len() - 1]
    }

    /// The same between quotes: the component identifier.
    #[must_use]
    pub fn quoted(self) -> &'static str {
        match self {
            Self::Method => "\"@method\"",
            Self::TargetUri => "\"@target-uri\"",
            Self::Authority => "\"@authority\"",
            Self::Scheme => "\"@scheme\"",
            Self::RequestTarget => "\"@request-target\"",
            Self::Path => "\"@path\"",
            Self::Query => "\"@query\"",
        }
    }

    /// Whether it states whom the request is for.
    #[must_use]
    pub fn names_authority(self) -> bool {
        matches!(self, Self::Authority | Self::TargetUri)
    }

    /// Whether it states the path.
    #[must_use]
    pub fn names_path(self) -> bool {
        matches!(self, Self::Path | Self::TargetUri | Self::RequestTarget)
    }

    /// Whether it states the query.
    #[must_use]
    pub fn names_query(self) -> bool {
        matches!(self, Self::Query | Self::TargetUri | Self::RequestTarget)
    }

    /// The value; `@query` is without its `?`, which RFC 9421 (2.2.7) puts before it.
    pub fn value<'a>(self, request: &Request<'a>) -> Result<Cow<'a, [u8]>> {
        let origin = || request.own_origin(self.name());
        Ok(match self {
            Self::Method => Cow::Borrowed(request.method),
            Self::Path => Cow::Borrowed(request.target.path()?),
            Self::Query => Cow::Borrowed(request.target.query()),
            Self::Authority => Cow::Borrowed(origin()?.authority().as_bytes()),
            Self::Scheme => Cow::Borrowed(origin()?.scheme().as_bytes()),
            Self::RequestTarget => {
                request.target.path()?;
                Cow::Owned(request.target.text())
            }
            Self::TargetUri => target_uri(request, Origin::text)?,
        })
    }
}

/// RFC 9421, 2.2.2, with the origin as `written`.
pub(crate) fn target_uri(request: &Request<'_>, written: fn(&Origin) -> String) -> Result<Cow<'static, [u8]>> {
    request.target.path()?;
    let origin = request.own_origin("@target-uri")?;
    Ok(Cow::Owned([written(origin).as_bytes(), &request.target.text()].concat()))
}

/// RFC 9110, 9.1.
pub(crate) fn check_method(method: &[u8]) -> Result<()> {
    if !method.is_empty() && method.iter().all(|octet| is_token(*octet)) {
        return Ok(());
    }
    Err(Error::new(Code::TargetAmbiguous, "the method is not a token"))
}

/// RFC 9110, 15: three digits, of which the first is 1 to 5.
pub(crate) fn check_status(status: u16) -> Result<()> {
    if (100..600).contains(&status) {
        return Ok(());
    }
    Err(Error::malformed("the status is not a number from 100 to 599"))
}

/// RFC 9110, 8.6: the length of the body, where it is declared. One that is over the limit is refused before a key is
/// looked up or an octet read.
pub(crate) fn declared_length(fields: &dyn Fields, limit: u64) -> Result<Option<u64>> {
    let Some(value) = fields.get(&CONTENT_LENGTH)? else { return Ok(None) };
    let length = std::str::from_utf8(&value).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
    match length.map(str::parse::<u64>) {
        // WSGI servers give an empty length where there is none.
        Some(_) if value.is_empty() => Ok(None),
        Some(Ok(length)) if length <= limit => Ok(Some(length)),
        Some(_) => Err(Error::new(Code::BodyTooLarge, "the content length is over the limit")),
        None => Err(Error::new(Code::TargetAmbiguous, "the content length is not a number")),
    }
}

/// The origin that a request is for. It is configured; what the request says of it may only agree.
pub(crate) fn own_origin<'a>(
    fields: &dyn Fields,
    origins: &'a [Origin],
    named: Option<&Origin>,
) -> Result<Option<&'a Origin>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let wrong = |message| Err(Error::new(Code::TargetAmbiguous, message));
    let Ok(host) = fields.get(&HOST) else { return wrong("the host can be read in two ways") };
    let agrees = |origin: &&Origin| {
        host.as_deref().is_none_or(|host| origin.admits(host)) && named.is_none_or(|named| *origin == named)
    };
    let mut agreeing = origins.iter().filter(agrees);
    match (agreeing.next(), agreeing.next()) {
        (Some(origin), None) => Ok(Some(origin)),
        (None, _) => wrong("the host is not this service's origin"),
        (Some(_), Some(_)) => wrong("the request does not say which of the origins it is for"),
    }
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
