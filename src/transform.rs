//! Transforms: what turns a part's value into the octets that are signed, left to right.

use std::borrow::Cow;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use sha2::{Digest, Sha256, Sha512};

use crate::json::Form;
use crate::target::{plain_delimiters, sorted_query};
use crate::times::TimeForm;

/// One step from a value to signed octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Lower-case hexadecimal.
    Hex,
    /// RFC 4648, 4, padded.
    Base64,
    /// RFC 4648, 5, unpadded.
    Base64Url,
    /// How a time is written.
    Time(TimeForm),
    /// The digest, 32 octets.
    Sha256,
    /// The digest, 64 octets.
    Sha512,
    /// A query's pieces in the order of their names.
    Sorted,
    /// ASCII lower case.
    Lower,
    /// The canonical path.
    Canonical,
    /// The canonical JSON of a body, or of a member of it.
    Json(Form),
    /// The characters of a member that is a string.
    Text,
    /// A time that a member of a body holds as a number.
    Number,
    /// A URI with its port, the scheme's default one as well.
    WithPort,
    /// A URI without its port, whichever it is.
    WithoutPort,
    /// A URI in which the delimiters `! $ ' ( ) * , / : ; ? @` are written plainly.
    Delimiters,
    /// A value that may hold the literal behind it: what follows is found from the end of the base.
    Greedy,
}

const TRANSFORMS: [(&str, Transform); 21] = [
    ("hex", Transform::Hex),
    ("base64", Transform::Base64),
    ("base64url", Transform::Base64Url),
    ("ms", Transform::Time(TimeForm::Milliseconds)),
    ("rfc3339", Transform::Time(TimeForm::Rfc3339)),
    ("http-date", Transform::Time(TimeForm::HttpDate)),
    ("amz-date", Transform::Time(TimeForm::AmzDate)),
    ("sha256", Transform::Sha256),
    ("sha512", Transform::Sha512),
    ("sorted", Transform::Sorted),
    ("lower", Transform::Lower),
    ("canonical", Transform::Canonical),
    ("jcs", Transform::Json(Form::Jcs)),
    ("pyjson", Transform::Json(Form::Pyjson)),
    ("pyjson-utf8", Transform::Json(Form::PyjsonUtf8)),
    ("text", Transform::Text),
    ("number", Transform::Number),
    ("with-port", Transform::WithPort),
    ("without-port", Transform::WithoutPort),
    ("delimiters", Transform::Delimiters),
    ("greedy", Transform::Greedy),
];

impl Transform {
    /// By its name in a template.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TRANSFORMS.iter().find(|(known, _)| *known == name).map(|(_, transform)| *transform)
    }

    /// Whether it writes octets as text.
    #[must_use]
    pub fn is_encoding(self) -> bool {
        matches!(self, Self::Hex | Self::Base64 | Self::Base64Url)
    }

    /// Octets of what it gives, where it is a digest.
    #[must_use]
    pub fn digest_size(self) -> Option<usize> {
        match self {
            Self::Sha256 => Some(32),
            Self::Sha512 => Some(64),
            _ => None,
        }
    }

    /// Whether two values can give the same.
    #[must_use]
    pub fn is_lossy(self) -> bool {
        matches!(
            self,
            Self::Sorted | Self::Lower | Self::Canonical | Self::Json(_) | Self::WithoutPort | Self::Delimiters
        )
    }

    /// Octets that the text stands for, decoded strictly into `octets`; None where this is no encoding or it is not one.
    #[must_use]
    pub fn decode<'a>(self, text: &[u8], octets: &'a mut [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Hex => base16ct::lower::decode(text, octets).ok(),
            Self::Base64 => Base64::decode(text, octets).ok(),
            Self::Base64Url => Base64UrlUnpadded::decode(text, octets).ok(),
            _ => None,
        }
    }
}

/// The value after every transform.
#[must_use]
pub fn transformed<'a>(value: Cow<'a, [u8]>, transforms: &[Transform]) -> Cow<'a, [u8]> {
    transforms.iter().fold(value, |value, transform| match transform {
        Transform::Hex => Cow::Owned(base16ct::lower::encode_string(&value).into_bytes()),
        Transform::Base64 => Cow::Owned(Base64::encode_string(&value).into_bytes()),
        Transform::Base64Url => Cow::Owned(Base64UrlUnpadded::encode_string(&value).into_bytes()),
        Transform::Sha256 => Cow::Owned(Sha256::digest(&value).to_vec()),
        Transform::Sha512 => Cow::Owned(Sha512::digest(&value).to_vec()),
        Transform::Lower => Cow::Owned(value.to_ascii_lowercase()),
        Transform::Sorted => Cow::Owned(sorted_query(&value)),
        Transform::Delimiters => Cow::Owned(plain_delimiters(&value)),
        // A time keeps the text it was received in; the rest is made so from the start, out of what it is made of.
        Transform::Time(_)
        | Transform::Canonical
        | Transform::Json(_)
        | Transform::Text
        | Transform::Number
        | Transform::WithPort
        | Transform::WithoutPort
        | Transform::Greedy => value,
    })
}
