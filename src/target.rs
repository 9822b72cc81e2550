//! Whom and what a request is for: the request target, the canonical path, the origin.

use crate::error::{Code, Error, Result};

/// The origin-form request target (RFC 9112, 3.2.1): the path and the query, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: Vec<u8>,
    query: Vec<u8>,
    /// False where the server gave no raw path and several could have led to the one it did give.
    exact: bool,
}

impl Target {
    /// The target as it stands in the request line.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let (path, query) = match raw.iter().position(|octet| *octet == b'?') {
            Some(mark) => (&raw[..mark], &raw[mark + 1..]),
            None => (raw, &[][..]),
        };
        Self::of(path, query)
    }

    /// The target that a server received, against what the application routes on.
    ///
    /// `raw`: path and query, or None where the server keeps neither. `routed`: the path, decoded, in octets. A raw
    /// path that does not decode to the routed one was rewritten on the way: what is signed is not what acts.
    pub fn received(raw: Option<&[u8]>, routed: &[u8], query: &[u8]) -> Result<Self> {
        let Some(raw) = raw else {
            let exact = routed.iter().all(|octet| is_unreserved(*octet) || *octet == b'/');
            return Ok(Self { exact, ..Self::of(&percent_encode(routed), query)? });
        };
        let target = Self::parse(raw)?;
        if target.query != query {
            return Err(ambiguous("the query is not the one in the request target"));
        }
        let same = if target.path.contains(&b'%') {
            // cheroot and mod_wsgi leave `%2F` in the path that they decode.
            percent_decode(&target.path, false)? == routed || percent_decode(&target.path, true)? == routed
        } else {
            target.path == routed
        };
        if !same {
            return Err(ambiguous("the path is not the one in the request target"));
        }
        Ok(target)
    }

    fn of(path: &[u8], query: &[u8]) -> Result<Self> {
        if path.first() != Some(&b'/') {
            return Err(ambiguous("the target is not in origin form"));
        }
        // Servers and frameworks collapse a leading `//`, and some take it for an authority.
        if path.starts_with(b"//") {
            return Err(ambiguous("the path starts with //"));
        }
        let is_foreign = |octet: &u8| !(0x21..0x7F).contains(octet) || *octet == b'#';
        // Without a way out of the loop it is many octets at a time.
        let is_plain = |part: &[u8]| !part.iter().fold(false, |found, octet| found | is_foreign(octet));
        if !is_plain(path) || !is_plain(query) {
            let index = path.iter().chain(query).position(is_foreign);
            return Err(Error { index, ..ambiguous("the target holds an octet that no target has") });
        }
        if path.contains(&b'%') {
            percent_decode(path, false)?;
        }
        Ok(Self { path: path.to_vec(), query: query.to_vec(), exact: true })
    }

    /// The path as received.
    pub fn path(&self) -> Result<&[u8]> {
        if self.exact {
            return Ok(&self.path);
        }
        Err(ambiguous("this server keeps no raw path, and this one can be written in several ways"))
    }

    /// The path with every segment decoded once and re-encoded, unreserved characters plain, the rest `%XX`. Dot
    /// segments, control characters and what is not UTF-8 are refused; `%2F` stays apart from `/`.
    pub fn canonical_path(&self) -> Result<Vec<u8>> {
        let mut canonical = Vec::with_capacity(self.path.len());
        for (nth, segment) in self.path.split(|octet| *octet == b'/').enumerate() {
            let decoded = percent_decode(segment, false)?;
            if decoded == b"." || decoded == b".." {
                return Err(ambiguous("the path has a dot segment"));
            }
            if decoded.iter().any(u8::is_ascii_control) || std::str::from_utf8(&decoded).is_err() {
                return Err(ambiguous("the path has a segment that is not UTF-8 text"));
            }
            if nth > 0 {
                canonical.push(b'/');
            }
            canonical.extend(percent_encode_segment(&decoded));
        }
        Ok(canonical)
    }

    /// The query as received, without its `?`.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        &self.query
    }

    /// The value of a query parameter as received. Refused: one that occurs twice, and one whose name is spelled with
    /// percent-encoding, which another reader takes for the same.
    pub fn parameter(&self, name: &str) -> Result<Option<&[u8]>> {
        let mut found = None;
        for piece in self.query.split(|octet| *octet == b'&') {
            let (other, value) = match piece.iter().position(|octet| *octet == b'=') {
                Some(mark) => (&piece[..mark], &piece[mark + 1..]),
                None => (piece, &[][..]),
            };
            if other == name.as_bytes() {
                if found.replace(value).is_some() {
                    return Err(Error::malformed(format!("the query parameter {name} occurs twice")));
                }
            } else if percent_decode(other, false).is_ok_and(|decoded| decoded == name.as_bytes()) {
                return Err(Error::malformed(format!("a query parameter that reads as {name}")));
            }
        }
        Ok(found)
    }

    /// The target with one more pair at the end of its query.
    pub fn with_parameter(&self, name: &str, value: &str) -> Result<Self> {
        if value.contains('&') {
            return Err(Error::configuration(format!("the query parameter {name} would be two")));
        }
        let pair = format!("{name}={value}");
        let query = if self.query.is_empty() { pair.into() } else { [&self.query[..], b"&", pair.as_bytes()].concat() };
        Ok(Self { exact: self.exact, ..Self::of(&self.path, &query)? })
    }

    /// The target up to its last pair, which has to be of this name. Were it to stand elsewhere, targets that an
    /// application can tell apart would be the same without it.
    pub fn before_last(&self, name: &str) -> Result<Self> {
        let end = self.query.iter().rposition(|octet| *octet == b'&');
        let last = &self.query[end.map_or(0, |end| end + 1)..];
        if last.strip_prefix(name.as_bytes()).is_none_or(|rest| rest.first() != Some(&b'=')) {
            return Err(Error::malformed(format!("the query parameter {name} is not the last")));
        }
        let query = self.query[..end.unwrap_or(0)].to_vec();
        Ok(Self { path: self.path.clone(), query, exact: self.exact })
    }

    /// The target without the pairs of these names that its query ends with; None where it ends with none. Refused: one
    /// that occurs twice, or elsewhere in another spelling, of which a reader could take either.
    pub fn without_last(&self, names: &[String]) -> Result<Option<Self>> {
        let mut rest = &self.query[..];
        let mut is_cut = false;
        while !rest.is_empty() {
            let start = rest.iter().rposition(|octet| *octet == b'&').map_or(0, |mark| mark + 1);
            let name = |name: &&String| {
                rest[start..].strip_prefix(name.as_bytes()).is_some_and(|at| at.first() == Some(&b'='))
            };
            let Some(name) = names.iter().find(name) else { break };
            self.parameter(name)?;
            rest = &rest[..start.saturating_sub(1)];
            is_cut = true;
        }
        Ok(is_cut.then(|| Self { path: self.path.clone(), query: rest.to_vec(), exact: self.exact }))
    }

    /// Path, and `?` query where there is one.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.path.clone();
        if !self.query.is_empty() {
            text.push(b'?');
            text.extend_from_slice(&self.query);
        }
        text
    }

    /// The path, exact or rebuilt.
    #[must_use]
    pub fn shown_path(&self) -> &[u8] {
        &self.path
    }
}

/// The text with `%3A %2F %3F %40 %21 %24 %27 %28 %29 %2A %2C %3B` decoded, and nothing else.
#[must_use]
pub fn plain_delimiters(uri: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((octet, after)) = rest.split_first() {
        if let Some((escape, delimiter)) = DELIMITERS.iter().find(|(escape, _)| rest.starts_with(escape)) {
            plain.push(*delimiter);
            rest = &rest[escape.len()..];
        } else {
            plain.push(*octet);
            rest = after;
        }
    }
    plain
}

const DELIMITERS: [(&[u8], u8); 12] = [
    (b"%3A", b':'),
    (b"%2F", b'/'),
    (b"%3F", b'?'),
    (b"%40", b'@'),
    (b"%21", b'!'),
    (b"%24", b'$'),
    (b"%27", b'\''),
    (b"%28", b'('),
    (b"%29", b')'),
    (b"%2A", b'*'),
    (b"%2C", b','),
    (b"%3B", b';'),
];

/// The query's pieces in stable order of their decoded names; each piece stays as received.
#[must_use]
pub fn sorted_query(query: &[u8]) -> Vec<u8> {
    let mut pieces: Vec<(Vec<u8>, &[u8])> = query
        .split(|octet| *octet == b'&')
        .map(|piece| {
            let name = piece.split(|octet| *octet == b'=').next().unwrap_or_default();
            let spaced: Vec<u8> = name.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
            (percent_decode(&spaced, false).unwrap_or(spaced), piece)
        })
        .collect();
    pieces.sort_by(|(a, _), (b, _)| a.cmp(b));
    pieces.into_iter().map(|(_, piece)| piece).collect::<Vec<_>>().join(&b'&')
}

/// Scheme and authority of a service (RFC 9110, 4.3.1), e.g. `https://api.shop.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: &'static str,
    authority: String,
}

impl Origin {
    /// `http` or `https`, `://`, host, optional port, nothing after.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::configuration(format!("origin: expected https://host or https://host:port, not {text:?}"));
        let (scheme, authority) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            _ => return Err(wrong()),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:[]".contains(&octet);
        if authority.is_empty() || !authority.bytes().all(plain) {
            return Err(wrong());
        }
        let authority = normalized_authority(authority.as_bytes(), scheme).ok_or_else(wrong)?;
        Ok(Self { scheme, authority })
    }

    /// RFC 9421, 2.2.3: lower case, without the scheme's default port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// RFC 9421, 2.2.4.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// As `parse` reads it, with a port in any case.
    #[must_use]
    pub fn with_port(&self) -> String {
        let default = if self.has_port() { "" } else { self.default_port() };
        format!("{}{default}", self.text())
    }

    /// As `parse` reads it, without a port in any case.
    #[must_use]
    pub fn without_port(&self) -> String {
        let mut text = self.text();
        if self.has_port() {
            text.truncate(text.rfind(':').unwrap_or(text.len()));
        }
        text
    }

    fn has_port(&self) -> bool {
        self.authority.rfind(':') > self.authority.rfind(']')
    }

    fn default_port(&self) -> &'static str {
        if self.scheme == "https" { ":443" } else { ":80" }
    }

    /// Whether a Host field names this origin.
    #[must_use]
    pub fn admits(&self, host: &[u8]) -> bool {
        let is_same = || normalized_authority(host, self.scheme).is_some_and(|authority| authority == self.authority);
        host == self.authority.as_bytes() || is_same()
    }

    /// As `parse` reads it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

fn normalized_authority(authority: &[u8], scheme: &str) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let host_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = text[host_end..].find(':').map(|colon| host_end + colon) else {
        return (!text.is_empty()).then_some(text);
    };
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let default = if scheme == "https" { "443" } else { "80" };
    let is_port = port.bytes().all(|octet| octet.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    if host.is_empty() || !is_port || port.len() > 5 {
        return None;
    }
    Some(if port.is_empty() || port == default { host.to_owned() } else { text })
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn percent_encode(path: &[u8]) -> Vec<u8> {
    path.split(|octet| *octet == b'/').map(percent_encode_segment).collect::<Vec<_>>().join(&b'/')
}

pub(crate) fn percent_encode_segment(segment: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(segment.len());
    for octet in segment {
        if is_unreserved(*octet) {
            encoded.push(*octet);
        } else {
            encoded.extend([b'%', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        }
    }
    encoded
}

/// RFC 3986, 2.1, once; a `%` that is not followed by two digits is refused. `keep_slash` leaves `%2F` as it is.
pub(crate) fn percent_decode(text: &[u8], keep_slash: bool) -> Result<Vec<u8>> {
    let digit = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut index = 0;
    while index < text.len() {
        if text[index] != b'%' {
            decoded.push(text[index]);
            index += 1;
            continue;
        }
        let (Some(high), Some(low)) = (digit(text.get(index + 1)), digit(text.get(index + 2))) else {
            return Err(Error::at(Code::TargetAmbiguous, "malformed percent-encoding", index));
        };
        match u8::try_from(high * 16 + low) {
            Ok(b'/') if keep_slash => decoded.extend_from_slice(&text[index..index + 3]),
            Ok(octet) => decoded.push(octet),
            Err(_) => unreachable!("two hexadecimal digits are an octet"),
        }
        index += 3;
    }
    Ok(decoded)
}

fn ambiguous(message: &'static str) -> Error {
    Error::new(Code::TargetAmbiguous, message)
}
