//! The parts of a canonical request: the path, the query, and the values of header fields.

use crate::error::{Code, Error, Result};
use crate::target::{Target, percent_decode, percent_encode_segment};

/// How a path is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// What is received is encoded once more: every service but S3.
    General,
    /// As received: S3.
    S3,
}

impl PathRule {
    /// `general` or `s3`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "general" => Ok(Self::General),
            "s3" => Ok(Self::S3),
            _ => Err(Error::configuration("path: expected general or s3")),
        }
    }

    /// The canonical path.
    ///
    /// AWS removes dot segments and empty ones, but for S3, before it signs. What acts here is the path as received, so
    /// that two paths would have one signature: they are refused instead. Then no two received paths sign alike.
    pub(super) fn of(self, target: &Target) -> Result<Vec<u8>> {
        let path = target.path()?;
        if self == Self::S3 {
            return Ok(path.to_vec());
        }
        let segments: Vec<&[u8]> = path.split(|octet| *octet == b'/').collect();
        let inner = segments.get(1..segments.len() - 1).unwrap_or_default();
        if inner.iter().any(|segment| segment.is_empty()) {
            return Err(Error::new(Code::TargetAmbiguous, "an empty segment, which signs like none"));
        }
        if segments.iter().any(|segment| *segment == b"." || *segment == b"..") {
            return Err(Error::new(Code::TargetAmbiguous, "a dot segment, which signs like none"));
        }
        Ok(segments.into_iter().map(percent_encode_segment).collect::<Vec<_>>().join(&b'/'))
    }
}

/// A query's names and values, decoded; `+` is a space, as to every reader of forms.
pub(super) fn parameters(query: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let decoded = |text: &[u8]| {
        let spaced: Vec<u8> = text.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
        percent_decode(&spaced, false)
    };
    let pieces = query.split(|octet| *octet == b'&').map(|piece| {
        let at = piece.iter().position(|octet| *octet == b'=').unwrap_or(piece.len());
        Ok((decoded(&piece[..at])?, decoded(piece.get(at + 1..).unwrap_or_default())?))
    });
    pieces.collect()
}

/// Encoded anew, in the order of the encoded names, and under one name of the encoded values; all duplicates are kept.
pub(super) fn canonical_query(parameters: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let encoded = |(name, value): &(Vec<u8>, Vec<u8>)| (percent_encode_segment(name), percent_encode_segment(value));
    let mut pairs: Vec<_> = parameters.iter().map(encoded).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| [name, value].join(&b'=')).collect::<Vec<_>>().join(&b'&')
}

/// A field's value with one space wherever there are several.
pub(super) fn collapsed(value: &[u8]) -> Vec<u8> {
    let mut collapsed = value.to_vec();
    collapsed.dedup_by(|octet, before| *octet == b' ' && *before == b' ');
    collapsed
}
