//! A request and its derived components (RFC 9421, 2.2), and what is checked of each request.

use std::borrow::Cow;

use crate::error::{Code, Error, Result};
use crate::fields::{CONTENT_LENGTH, Fields, HOST, is_token};
use crate::target::{Origin, Target};

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
    fn own_origin(&self, component: Component) -> Result<&'a Origin> {
        let needed = || Error::new(Code::TargetAmbiguous, format!("{} needs an origin", component.name()));
        self.origin.ok_or_else(needed)
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
    /// As component identifiers: names between quotes.
    const ALL: [(&'static str, Self); 7] = [
        ("\"@method\"", Self::Method),
        ("\"@target-uri\"", Self::TargetUri),
        ("\"@authority\"", Self::Authority),
        ("\"@scheme\"", Self::Scheme),
        ("\"@request-target\"", Self::RequestTarget),
        ("\"@path\"", Self::Path),
        ("\"@query\"", Self::Query),
    ];

    /// By its name, with the `@`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(quoted, _)| quoted[1..quoted.len() - 1] == *name).map(|(_, component)| *component)
    }

    /// With the `@`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.quoted().trim_matches('"')
    }

    /// The same between quotes: the component identifier.
    #[must_use]
    pub fn quoted(self) -> &'static str {
        Self::ALL.iter().find(|(_, component)| *component == self).map_or("", |(quoted, _)| quoted)
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
        let origin = || request.own_origin(self);
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
    let origin = request.own_origin(Component::TargetUri)?;
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
