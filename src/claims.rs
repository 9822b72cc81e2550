//! What a message says of itself, unproven: key id, times, nonce, signatures.

use crate::digest::ContentDigest;
use crate::error::{Code, Error, Result};
use crate::mac::{Hash, Signature};
use crate::structured::is_printable;
use crate::times::{Time, TimeForm};

/// Signatures that one message may carry.
const MOST_SIGNATURES: usize = 16;

/// A signature parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimName {
    /// When the message was signed.
    Created,
    /// When it ends.
    Expires,
    /// Unique for each attempt.
    Nonce,
    /// Stable over honest retries.
    MessageId,
    /// Which key.
    KeyId,
    /// The digest of the body.
    Digest,
    /// The methods that the signature is for.
    Methods,
    /// The type of the content that it is for.
    ContentType,
    /// How long this may be.
    ContentLength,
}

impl ClaimName {
    /// The refusal of a message that does not have it.
    pub(crate) fn absent(self) -> Error {
        let name = CLAIMS.iter().find(|(_, claim)| *claim == self).map_or("", |(known, _)| known);
        Error::new(Code::SignatureMissing, format!("no {name}"))
    }
}

pub(crate) const CLAIMS: [(&str, ClaimName); 9] = [
    ("created", ClaimName::Created),
    ("expires", ClaimName::Expires),
    ("nonce", ClaimName::Nonce),
    ("message_id", ClaimName::MessageId),
    ("key_id", ClaimName::KeyId),
    ("digest", ClaimName::Digest),
    ("methods", ClaimName::Methods),
    ("content_type", ClaimName::ContentType),
    ("content_length", ClaimName::ContentLength),
];

/// How many octets a content may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Length {
    text: String,
    least: u64,
    most: u64,
}

impl Length {
    /// `N`: so many. `0-N`: at most so many. Each in at most 15 digits, in one spelling.
    fn parse(text: &[u8]) -> Result<Self> {
        let malformed = || Error::malformed("the content length is neither a number nor one from 0");
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let (digits, exactly) = text.strip_prefix("0-").map_or((text, true), |digits| (digits, false));
        let most = digits.parse::<u64>().ok().filter(|most| digits.len() <= 15 && most.to_string() == digits);
        let most = most.ok_or_else(malformed)?;
        Ok(Self { text: text.to_owned(), least: if exactly { most } else { 0 }, most })
    }

    /// Whether a content may have so many octets.
    #[must_use]
    pub fn admits(&self, octets: u64) -> bool {
        (self.least..=self.most).contains(&octets)
    }

    /// Octets that it has at most.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }
}

/// What a message says of itself, unproven.
#[derive(Clone, Default)]
pub struct Claims {
    /// Which key.
    pub key_id: Option<String>,
    /// When the message was signed.
    pub created: Option<Time>,
    /// When it ends.
    pub expires: Option<Time>,
    /// Unique for each attempt.
    pub nonce: Option<String>,
    /// Stable over honest retries.
    pub message_id: Option<String>,
    /// The digest of the body, and the text it was received in.
    pub digest: Option<(String, ContentDigest)>,
    /// The methods that the signature is for, a dot between them.
    pub methods: Option<String>,
    /// The type of the content that it is for, percent-encoded but for unreserved characters.
    pub content_type: Option<String>,
    /// How long this may be.
    pub content_length: Option<Length>,
    /// Decoded and of the right size; the others can match nothing.
    pub signatures: Vec<Signature>,
    /// How many were given.
    pub given: usize,
    /// Its own end bounds its age, and nothing else.
    pub ends_itself: bool,
}

impl Claims {
    /// A claim as received.
    #[must_use]
    pub fn text(&self, name: ClaimName) -> Option<&str> {
        match name {
            ClaimName::Created => self.created.as_ref().map(|time| time.text.as_str()),
            ClaimName::Expires => self.expires.as_ref().map(|time| time.text.as_str()),
            ClaimName::Nonce => self.nonce.as_deref(),
            ClaimName::MessageId => self.message_id.as_deref(),
            ClaimName::KeyId => self.key_id.as_deref(),
            ClaimName::Digest => self.digest.as_ref().map(|(text, _)| text.as_str()),
            ClaimName::Methods => self.methods.as_deref(),
            ClaimName::ContentType => self.content_type.as_deref(),
            ClaimName::ContentLength => self.content_length.as_ref().map(|length| length.text.as_str()),
        }
    }

    /// Takes a claim as received; one that stands in two places must be the same in both. `form`: of a time.
    pub fn take(&mut self, name: ClaimName, text: &[u8], form: TimeForm) -> Result<()> {
        if let Some(earlier) = self.text(name) {
            if earlier.as_bytes() == text {
                return Ok(());
            }
            return Err(Error::malformed("a claim occurs twice, with two values"));
        }
        match name {
            ClaimName::Created => self.created = Some(form.parse(text)?),
            ClaimName::Expires => self.expires = Some(form.parse(text)?),
            ClaimName::Nonce => self.nonce = Some(plain(text, 16, "nonce")?),
            ClaimName::MessageId => self.message_id = Some(plain(text, 1, "message id")?),
            ClaimName::KeyId => self.key_id = Some(plain(text, 1, "key id")?),
            ClaimName::Methods => self.methods = Some(plain(text, 1, "methods")?),
            ClaimName::ContentType => self.content_type = Some(plain(text, 1, "content type")?),
            ClaimName::ContentLength => self.content_length = Some(Length::parse(text)?),
            ClaimName::Digest => unreachable!("a digest is read by its transforms"),
        }
        Ok(())
    }

    /// Takes the digest of the body; None: the text is none.
    pub fn take_digest(&mut self, text: &[u8], digest: Option<ContentDigest>) -> Result<()> {
        let malformed = || Error::malformed("not a digest of this form and size");
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        if self.digest.as_ref().is_some_and(|(earlier, _)| earlier != text) {
            return Err(Error::malformed("a claim occurs twice, with two values"));
        }
        self.digest = Some((text.to_owned(), digest.ok_or_else(malformed)?));
        Ok(())
    }

    /// Refuses what is too old, from the future, or past its own end. `now`: Unix milliseconds; `max_age`: seconds.
    pub fn check_window(&self, now: i64, max_age: i64) -> Result<()> {
        let expired = |message| Err(Error::new(Code::Expired, message));
        if self.expires.as_ref().is_some_and(|expires| now > expires.milliseconds) {
            return expired("past its own end");
        }
        let Some(created) = &self.created else { return Ok(()) };
        let tolerance = max_age.saturating_mul(1000);
        if !self.ends_itself && now.saturating_sub(created.milliseconds) > tolerance {
            return expired("too old");
        }
        if created.milliseconds.saturating_sub(now) > tolerance {
            return expired("from the future");
        }
        if self.expires.as_ref().is_some_and(|expires| expires.milliseconds < created.milliseconds) {
            return Err(Error::malformed("it ends before it begins"));
        }
        Ok(())
    }

    /// Refuses a method that the message is not for, where it says so. Methods are case-sensitive (RFC 9110, 9.1), and
    /// HEAD is no GET here: what a method answers is the application's to say.
    pub fn check_method(&self, method: &[u8]) -> Result<()> {
        match &self.methods {
            Some(methods) if !methods.split('.').any(|one| one.as_bytes() == method) => {
                Err(Error::new(Code::NotCovered, "signed for another method"))
            }
            _ => Ok(()),
        }
    }

    /// Lets nothing but its own end bound its age, which is at most `longest` seconds after it was made.
    pub fn end_itself(&mut self, longest: i64) -> Result<()> {
        let (Some(created), Some(expires)) = (&self.created, &self.expires) else {
            return Err(ClaimName::Expires.absent());
        };
        let lasts = expires.milliseconds.saturating_sub(created.milliseconds);
        if !(1..=longest.saturating_mul(1000)).contains(&lasts) {
            return Err(Error::malformed("it lasts longer than it may, or not at all"));
        }
        self.ends_itself = true;
        Ok(())
    }

    /// The last millisecond in which the message can be accepted.
    #[must_use]
    pub fn end(&self, max_age: i64) -> Option<i64> {
        let created = self.created.as_ref()?.milliseconds;
        let end = created.saturating_add(max_age.saturating_mul(1000));
        let own = self.expires.as_ref().map(|expires| expires.milliseconds);
        Some(own.map_or(end, |own| if self.ends_itself { own } else { own.min(end) }))
    }

    /// Takes a signature in octets.
    pub fn take_signature(&mut self, octets: Option<&[u8]>, hash: Hash) -> Result<()> {
        self.given += 1;
        if self.given > MOST_SIGNATURES {
            return Err(Error::malformed("too many signatures"));
        }
        self.signatures.extend(octets.and_then(|octets| Signature::received(octets, hash)));
        Ok(())
    }
}

fn plain(text: &[u8], least: usize, what: &'static str) -> Result<String> {
    match std::str::from_utf8(text) {
        Ok(text) if is_printable(text.as_bytes()) && (least..=256).contains(&text.len()) => Ok(text.to_owned()),
        _ => Err(Error::malformed(format!("{what}: {least} to 256 printable characters"))),
    }
}
