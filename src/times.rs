//! Points in time, and the forms in which parties write them.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::error::{Error, Result};

/// A point in time, and the text it was received in: the base holds that text, never one written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// As received.
    pub text: String,
    /// Unix milliseconds.
    pub milliseconds: i64,
}

/// How a time is written. Each form has one spelling for what it can say: one less to be liberal about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Unix seconds, `[0-9]{1,12}`.
    Seconds,
    /// Unix milliseconds, `[0-9]{1,15}`.
    Milliseconds,
    /// RFC 3339, 5.6: `T` and `Z` in upper case, up to nine digits of a second's fraction.
    Rfc3339,
    /// IMF-fixdate (RFC 9110, 5.6.7).
    HttpDate,
    /// ISO 8601 basic, in UTC and whole seconds, as AWS writes it.
    AmzDate,
}

type Layout = &'static [BorrowedFormatItem<'static>];

const HTTP_DATE: Layout = format_description!(
    version = 2,
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const AMZ_DATE: Layout = format_description!(version = 2, "[year][month][day]T[hour][minute][second]Z");

impl TimeForm {
    /// The time that a text of this form says.
    pub fn parse(self, text: &[u8]) -> Result<Time> {
        let malformed = || Error::malformed("a time does not have its form");
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let milliseconds = match self {
            Self::Seconds => number(text, 12).map(|seconds| seconds * 1000),
            Self::Milliseconds => number(text, 15),
            Self::Rfc3339 if is_rfc3339(text.as_bytes()) => OffsetDateTime::parse(text, &Rfc3339).ok().map(unix),
            Self::Rfc3339 => None,
            Self::HttpDate => laid_out(text, HTTP_DATE),
            Self::AmzDate => laid_out(text, AMZ_DATE),
        };
        Ok(Time { text: text.to_owned(), milliseconds: milliseconds.ok_or_else(malformed)? })
    }

    /// A time to sign with, of Unix seconds.
    pub fn write(self, seconds: i64) -> Result<Time> {
        let moment = || OffsetDateTime::from_unix_timestamp(seconds).ok();
        let text = match self {
            Self::Seconds => Some(seconds.to_string()),
            Self::Milliseconds => seconds.checked_mul(1000).map(|milliseconds| milliseconds.to_string()),
            Self::Rfc3339 => moment().and_then(|moment| moment.format(&Rfc3339).ok()),
            Self::HttpDate => moment().and_then(|moment| moment.format(HTTP_DATE).ok()),
            Self::AmzDate => moment().and_then(|moment| moment.format(AMZ_DATE).ok()),
        };
        let unwritable = || Error::configuration("created: not a second that the scheme can write");
        self.parse(text.ok_or_else(unwritable)?.as_bytes()).map_err(|_| unwritable())
    }

    /// Whether no text of this form starts another: what follows it can be told from it.
    #[must_use]
    pub fn ends_itself(self) -> bool {
        matches!(self, Self::Rfc3339 | Self::HttpDate | Self::AmzDate)
    }
}

fn number(text: &str, most: usize) -> Option<i64> {
    let is_number = (1..=most).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// The week day must be the date's, and no field may be spelled in another way.
fn laid_out(text: &str, layout: Layout) -> Option<i64> {
    let moment = PrimitiveDateTime::parse(text, layout).ok()?.assume_utc();
    (moment.format(layout).ok()? == text).then(|| unix(moment))
}

fn unix(moment: OffsetDateTime) -> i64 {
    moment.unix_timestamp() * 1000 + i64::from(moment.millisecond())
}

/// The characters of RFC 3339, 5.6; the numbers are the parser's to judge.
fn is_rfc3339(text: &[u8]) -> bool {
    let fits = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(octet, shape)| match shape {
                b'0' => octet.is_ascii_digit(),
                b'+' => b"+-".contains(octet),
                other => octet == other,
            })
    };
    let Some((second, rest)) = text.split_at_checked(19) else { return false };
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|octet| octet.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
        other => other,
    };
    fits(second, b"0000-00-00T00:00:00") && (offset == b"Z" || fits(offset, b"+00:00"))
}
