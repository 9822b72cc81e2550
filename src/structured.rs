//! Structured fields (RFC 9651): what is strict in those that we read, and how a value is serialized anew.

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, ItemSerializer, KeyRef, Parser};

use crate::error::{Error, Result};

/// The type of a structured field (RFC 9651, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 3.2
    Dictionary,
    /// 3.1
    List,
    /// 3.3
    Item,
}

/// Fields whose structured type the RFC that defines them states.
const REGISTERED: [(&str, Kind); 16] = [
    ("accept-ch", Kind::List),                 // RFC 8942, 3.1
    ("accept-signature", Kind::Dictionary),    // RFC 9421, 5.1
    ("cache-status", Kind::List),              // RFC 9211, 2
    ("capsule-protocol", Kind::Item),          // RFC 9297, 3.4
    ("cdn-cache-control", Kind::Dictionary),   // RFC 9213, 2.1
    ("client-cert", Kind::Item),               // RFC 9440, 2.2
    ("client-cert-chain", Kind::List),         // RFC 9440, 2.3
    ("content-digest", Kind::Dictionary),      // RFC 9530, 2
    ("deprecation", Kind::Item),               // RFC 9745, 2.1
    ("priority", Kind::Dictionary),            // RFC 9218, 5
    ("proxy-status", Kind::List),              // RFC 9209, 2
    ("repr-digest", Kind::Dictionary),         // RFC 9530, 3
    ("signature", Kind::Dictionary),           // RFC 9421, 4.2
    ("signature-input", Kind::Dictionary),     // RFC 9421, 4.1
    ("want-content-digest", Kind::Dictionary), // RFC 9530, 4
    ("want-repr-digest", Kind::Dictionary),    // RFC 9530, 4
];

impl Kind {
    /// By its name, in lower case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "dictionary" => Some(Self::Dictionary),
            "list" => Some(Self::List),
            "item" => Some(Self::Item),
            _ => None,
        }
    }

    /// By the field's name, in lower case.
    #[must_use]
    pub fn registered(field: &str) -> Option<Self> {
        REGISTERED.iter().find(|(known, _)| *known == field).map(|(_, kind)| *kind)
    }
}

/// The value serialized anew (4.1). Refused: a key twice, of which a reader may take the other one.
pub fn strict(field: &[u8], kind: Kind) -> Result<String> {
    let mut writer = Writer::default();
    let parser = Parser::new(field);
    match kind {
        Kind::Dictionary => parser.parse_dictionary_with_visitor(Dictionary { writer: &mut writer, wanted: None }),
        Kind::List => parser.parse_list_with_visitor(&mut writer),
        Kind::Item => parser.parse_item_with_visitor(Value(&mut writer.text)),
    }
    .map_err(|_| Error::malformed("a field does not have the form of its structured type"))?;
    Ok(writer.text)
}

/// The value of one member of a dictionary, serialized anew (RFC 9421, 2.1.2).
pub fn member(field: &[u8], key: &str) -> Result<Option<String>> {
    let mut writer = Writer::default();
    Parser::new(field)
        .parse_dictionary_with_visitor(Dictionary { writer: &mut writer, wanted: Some(key) })
        .map_err(|_| Error::malformed("a field is no dictionary"))?;
    Ok(writer.wanted)
}

/// Whether the member stands in the dictionary in just this text, and not as the end of a longer one. No other member
/// may be a string, which could hold any text.
pub(crate) fn has_member(field: &[u8], member: &[u8]) -> bool {
    let starts = |at: usize| at == 0 || b", \t".contains(&field[at - 1]);
    field.windows(member.len()).enumerate().any(|(at, window)| window == member && starts(at))
}

/// RFC 9651, 3.1.2.
pub(crate) fn is_key(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
    starts && text.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"_-.*".contains(&octet))
}

/// ASCII that a field may hold, and a string in it (RFC 9651, 3.3.3).
pub(crate) fn is_printable(text: &[u8]) -> bool {
    // Without a way out of the loop it is many octets at a time.
    text.iter().fold(true, |printable, octet| printable & (0x20..0x7F).contains(octet))
}

/// RFC 9651, 4.1.6.
pub(crate) fn push_quoted(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            to.push('\\');
        }
        to.push(character);
    }
    to.push('"');
}

/// Refuses parameters where they would give a value another meaning.
pub struct NoParameters;

impl<'de> ParameterVisitor<'de> for NoParameters {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<()> {
        Err(Error::malformed("a parameter where none is taken"))
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}

/// A value while it is parsed: what is written of it so far.
#[derive(Default)]
struct Writer {
    text: String,
    keys: Vec<String>,
    /// The member that is wanted, by itself.
    wanted: Option<String>,
}

struct Dictionary<'a> {
    writer: &'a mut Writer,
    wanted: Option<&'a str>,
}

/// The value of a member of a dictionary: `?1` is not written where a key stands before it (4.1.2).
struct Entry<'a> {
    text: &'a mut String,
    has_key: bool,
}

/// An item.
struct Value<'a>(&'a mut String);

/// An inner list, whose first item is still to come, or not.
struct Items<'a>(&'a mut String, bool);

/// Parameters, and those that have been.
struct Parameters<'a, 'de>(&'a mut String, Vec<&'de str>);

impl Writer {
    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push_str(", ");
        }
    }
}

impl<'de> DictionaryVisitor<'de> for Dictionary<'_> {
    type Out = ();
    type Error = Error;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>> {
        let (key, writer) = (key.as_str(), &mut *self.writer);
        if writer.keys.iter().any(|known| known == key) {
            return Err(Error::malformed("a key twice"));
        }
        writer.keys.push(key.to_owned());
        if self.wanted == Some(key) {
            return Ok(Entry { text: writer.wanted.insert(String::new()), has_key: false });
        }
        writer.separate();
        writer.text.push_str(key);
        Ok(Entry { text: &mut writer.text, has_key: true })
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}

impl<'de> ListVisitor<'de> for &mut Writer {
    type Out = ();
    type Error = Error;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>> {
        self.separate();
        Ok(Entry { text: &mut self.text, has_key: false })
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Error;

    fn item(self) -> Result<impl ItemVisitor<'de>> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>> {
        self.text.push_str(if self.has_key { "=(" } else { "(" });
        Ok(Items(self.text, true))
    }
}

impl<'de> ItemVisitor<'de> for Entry<'_> {
    type Out = ();
    type Error = Error;

    fn bare_item(self, value: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>> {
        if !self.has_key {
            push_bare(&value, self.text);
        } else if value != BareItemFromInput::Boolean(true) {
            self.text.push('=');
            push_bare(&value, self.text);
        }
        Ok(Parameters(self.text, Vec::new()))
    }
}

/// RFC 9651, 4.1.3.1.
fn push_bare(value: &BareItemFromInput<'_>, to: &mut String) {
    let _: &mut String = ItemSerializer::with_buffer(to).bare_item(value).finish();
}

impl<'de> ItemVisitor<'de> for Value<'_> {
    type Out = ();
    type Error = Error;

    fn bare_item(self, value: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>> {
        push_bare(&value, self.0);
        Ok(Parameters(self.0, Vec::new()))
    }
}

impl<'de> InnerListVisitor<'de> for Items<'_> {
    type Error = Error;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>> {
        if !std::mem::take(&mut self.1) {
            self.0.push(' ');
        }
        Ok(Value(self.0))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>> {
        self.0.push(')');
        Ok(Parameters(self.0, Vec::new()))
    }
}

impl<'de> ParameterVisitor<'de> for Parameters<'_, 'de> {
    type Out = ();
    type Error = Error;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<()> {
        let key = key.as_str();
        if self.1.contains(&key) {
            return Err(Error::malformed("a parameter twice"));
        }
        self.1.push(key);
        self.0.extend([";", key]);
        if value != BareItemFromInput::Boolean(true) {
            self.0.push('=');
            push_bare(&value, self.0);
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        Ok(())
    }
}
