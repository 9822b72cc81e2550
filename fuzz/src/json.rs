//! JSON by other hands: serde_json reads, and what is canonical is laid out here, with nothing of the core but the names
//! of its forms.

use std::fmt;

use _native::json::Form;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// All that there is to ask for: the form, and whether integers are rounded.
pub const FORMS: [(Form, bool); 4] =
    [(Form::Jcs, false), (Form::Jcs, true), (Form::Pyjson, false), (Form::PyjsonUtf8, false)];
/// Arrays and objects inside each other.
pub const DEPTH: usize = 128;
/// Of an integer, in the forms that keep them.
const MOST_DIGITS: usize = 4300;

/// A value, or its text: names may occur twice, and numbers are not looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`, `true` or `false`.
    Literal(String),
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// What serde_json makes of a text: one value, at most `DEPTH` deep.
    pub fn read(text: &[u8]) -> Option<Self> {
        Self::from_raw(serde_json::from_slice(text).ok()?, 0)
    }

    /// Level by level, so that no parser's own limit counts.
    fn from_raw(raw: &RawValue, depth: usize) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes()[0] {
            b'[' | b'{' if depth == DEPTH => None,
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                items.into_iter().map(|item| Self::from_raw(item, depth + 1)).collect::<Option<_>>().map(Self::Array)
            }
            b'{' => {
                let members = serde_json::Deserializer::from_str(text).deserialize_map(Members).ok()?;
                let members = members.into_iter().map(|(name, value)| Some((name, Self::from_raw(value, depth + 1)?)));
                members.collect::<Option<_>>().map(Self::Object)
            }
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            b'n' | b't' | b'f' => Some(Self::Literal(text.to_owned())),
            _ => Some(Self::Number(text.to_owned())),
        }
    }

    pub fn depth(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The canonical form; None where there is none by the stricter rules: each name once, numbers within the doubles,
    /// and integers that doubles hold.
    pub fn canonical(&self, form: Form, round: bool) -> Option<String> {
        Some(match self {
            Self::Literal(text) => text.clone(),
            Self::Number(text) if form == Form::Jcs => ecmascript(text, round)?,
            Self::Number(text) => python(text)?,
            Self::Text(text) => quoted(text, form),
            Self::Array(items) => {
                let items = items.iter().map(|item| item.canonical(form, round)).collect::<Option<Vec<_>>>()?;
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_cached_key(|(name, _)| sort_key(name, form));
                if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return None;
                }
                let member = |(name, value): &(String, Self)| {
                    Some(format!("{}:{}", quoted(name, form), value.canonical(form, round)?))
                };
                format!("{{{}}}", members.into_iter().map(member).collect::<Option<Vec<_>>>()?.join(","))
            }
        })
    }

    /// What a reader makes of it: numbers by their value, integers by their digits where the form keeps them, and
    /// members in no order.
    pub fn value(&self, form: Form) -> Self {
        match self {
            Self::Number(text) if form != Form::Jcs && is_integer(text) => {
                Self::Number(if text == "-0" { "0".to_owned() } else { text.clone() })
            }
            Self::Number(text) => {
                let number = double(text).map(|number| if form == Form::Jcs { number + 0.0 } else { number });
                Self::Number(format!("{:x}", number.map_or(u64::MAX, f64::to_bits)))
            }
            Self::Array(items) => Self::Array(items.iter().map(|item| item.value(form)).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> =
                    members.iter().map(|(name, value)| (name.clone(), value.value(form))).collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Object(members)
            }
            other => other.clone(),
        }
    }
}

/// The members of one object, all of them.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        std::iter::from_fn(|| map.next_entry().transpose()).collect()
    }
}

/// RFC 8785, 3.2.3; or as Python sorts str.
fn sort_key(name: &str, form: Form) -> Vec<u32> {
    if form == Form::Jcs { name.encode_utf16().map(u32::from).collect() } else { name.chars().map(u32::from).collect() }
}

/// RFC 8785, 3.2.2.2; or as `json.dumps` writes a str.
fn quoted(text: &str, form: Form) -> String {
    let escaped = text.chars().map(|character| match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{9}' => "\\t".to_owned(),
        '\u{A}' => "\\n".to_owned(),
        '\u{C}' => "\\f".to_owned(),
        '\u{D}' => "\\r".to_owned(),
        '\u{20}'..='\u{7E}' => character.to_string(),
        '\u{7F}'.. if form != Form::Pyjson => character.to_string(),
        _ => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// RFC 8785, 3.2.2.3: as ECMAScript writes the double, if it holds what is written.
fn ecmascript(text: &str, round: bool) -> Option<String> {
    let written = ryu_js::Buffer::new().format(double(text)?).to_owned();
    let held = !is_integer(text) || text == "-0" || text == written;
    (held || round).then_some(written)
}

/// As `json.dumps` writes an int or a float: all digits, or `repr`.
fn python(text: &str) -> Option<String> {
    if is_integer(text) {
        let few = text.trim_start_matches('-').len() <= MOST_DIGITS;
        return few.then(|| if text == "-0" { "0".to_owned() } else { text.to_owned() });
    }
    let number = double(text)?;
    let sign = if number.is_sign_negative() { "-" } else { "" };
    // Not Rust's own digits: of two that are as short and as near it takes the greater, where others take the even one.
    let mut buffer = ryu_js::Buffer::new();
    let written = buffer.format(number.abs());
    let exponential = |mantissa: &str, exponent: i32| format!("{sign}{mantissa}e{exponent:+03}");
    Some(if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        format!("{sign}{written}{}", if written.contains('.') { "" } else { ".0" })
    } else if let Some((mantissa, exponent)) = written.split_once('e') {
        exponential(mantissa, exponent.parse().ok()?)
    } else {
        let digits = written.trim_start_matches(['0', '.']);
        let exponent =
            if number.abs() < 1.0 { 1 - (written.len() - digits.len()) as i32 } else { digits.len() as i32 - 1 };
        let (first, others) = digits.trim_end_matches('0').split_at(1);
        exponential(&if others.is_empty() { first.to_owned() } else { format!("{first}.{others}") }, exponent)
    })
}

/// Two that round correctly; beyond the doubles one has an error, and the other infinity.
fn double(text: &str) -> Option<f64> {
    let number: Option<f64> = serde_json::from_str(text).ok();
    assert_eq!(number.unwrap_or(f64::INFINITY).abs(), text.parse::<f64>().expect("a number").abs(), "{text}");
    number
}

fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E'])
}
