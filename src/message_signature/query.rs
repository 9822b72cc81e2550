//! One parameter of the query (RFC 9421, 2.2.8).

use crate::error::{Code, Error, Result};

/// The value of the parameter whose re-encoded name is `name`, re-encoded. Refused: none, or several, of which two
/// readers may take different ones.
pub(super) fn parameter(query: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut found = None;
    // URL standard, 5.1: the application/x-www-form-urlencoded parser.
    for piece in query.split(|octet| *octet == b'&').filter(|piece| !piece.is_empty()) {
        let mark = piece.iter().position(|octet| *octet == b'=').unwrap_or(piece.len());
        let decoded = decoded(&piece[..mark]);
        // A reader that replaces what is no UTF-8 may take it for any other such name.
        if std::str::from_utf8(&decoded).is_err() {
            return Err(Error::new(Code::TargetAmbiguous, "the query has a name that is not UTF-8"));
        }
        if encoded(&decoded) != name.as_bytes() {
            continue;
        }
        if found.replace(piece.get(mark + 1..).unwrap_or_default()).is_some() {
            return Err(Error::new(Code::TargetAmbiguous, "a covered parameter of the query occurs twice"));
        }
    }
    let value =
        decoded(found.ok_or_else(|| Error::new(Code::NotCovered, "a covered parameter of the query is absent"))?);
    if std::str::from_utf8(&value).is_err() {
        return Err(Error::new(Code::TargetAmbiguous, "a covered parameter of the query is not UTF-8"));
    }
    Ok(encoded(&value))
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |octet: Option<&u8>| u8::try_from(char::from(*octet?).to_digit(16)?).ok();
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, digit(after.first()), digit(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                octets.push(high << 4 | low);
                rest = &after[2..];
            }
            (b'+', ..) => octets.push(b' '),
            // A `%` that is followed by something else stands for itself.
            _ => octets.push(*first),
        }
    }
    octets
}

/// URL standard, 1.3: the application/x-www-form-urlencoded percent-encode set; a space is `%20` here.
fn encoded(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets.len());
    for octet in octets {
        if octet.is_ascii_alphanumeric() || b"*-._".contains(octet) {
            text.push(*octet);
        } else {
            text.extend(format!("%{octet:02X}").bytes());
        }
    }
    text
}
