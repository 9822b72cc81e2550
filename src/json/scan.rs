//! The one pass over a text (RFC 8259).

use std::cmp::Ordering;
use std::ops::Range;

use super::canonical::{Canonical, Object, Span};
use super::number::Token;
use super::order::{DECODED, Member, Names, order_of_few, prefix, prefix_within};
use super::string::{Escaped, HALF, is_blank, is_half, needless, plain, unescape, unescaped};
use super::{DEPTH, Form, LONGEST, Options, refused};
use crate::error::{Error, Result};

/// Reads a text to its end, in the memory of `room`.
pub(super) fn read(text: &[u8], options: Options, mut room: Canonical) -> Result<Canonical> {
    let limit = options.limit.min(LONGEST);
    if text.len() > limit {
        return Err(refused("the text is over the limit", limit));
    }
    if text.starts_with(b"\xEF\xBB\xBF") {
        return Err(refused("a byte order mark", 0));
    }
    let utf8 = simdutf8::basic::from_utf8(text).map_err(|_| {
        let error = std::str::from_utf8(text).err();
        refused("not UTF-8", error.map_or(0, |error| error.valid_up_to()))
    })?;
    let start = blank(text);
    room.octets.clear();
    room.objects.clear();
    room.spans.clear();
    let mut scan = Scan {
        text,
        utf8,
        options,
        at: start,
        copied: start,
        out: room.octets,
        scratch: Vec::new(),
        decoded: Vec::new(),
        members: Vec::with_capacity(32),
        objects: room.objects,
        spans: room.spans,
    };
    scan.value(0)?;
    let end = scan.at + blank(&text[scan.at..]);
    if end != text.len() {
        return Err(refused("text after the value", end));
    }
    Ok(scan.finished())
}

fn no_escape(at: usize) -> Error {
    refused("not an escape, or half of a surrogate pair", at)
}

/// Octets of white space that are looked at one by one.
const FEW: usize = 20;

/// A text while it is read.
struct Scan<'a> {
    text: &'a [u8],
    /// The same.
    utf8: &'a str,
    options: Options,
    at: usize,
    /// Up to here the text is in `out`; what follows is canonical as it stands, so far.
    copied: usize,
    out: Vec<u8>,
    scratch: Vec<u8>,
    /// Names with escapes, of the open objects.
    decoded: Vec<u8>,
    /// Of all open objects; the innermost one's are the last.
    members: Vec<Member>,
    objects: Vec<Object>,
    spans: Vec<Span>,
}

impl Scan<'_> {
    fn finished(mut self) -> Canonical {
        let rest = self.copied..self.at;
        if !self.out.is_empty() {
            self.out.extend_from_slice(&self.text[rest.clone()]);
        }
        Canonical { octets: self.out, within: rest, objects: self.objects, spans: self.spans }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)] // most values are strings and numbers: a call for each costs a tenth
    fn value(&mut self, depth: usize) -> Result<()> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' if depth == DEPTH => Err(refused("deeper than 128 levels", self.at)),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(self.unexpected("expected a value")),
        }
    }

    #[inline(never)]
    fn array(&mut self, depth: usize) -> Result<()> {
        self.at += 1;
        self.space();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.unexpected("expected a comma or the end of the array")),
            }
            self.space();
        }
        self.at += 1;
        Ok(())
    }

    #[inline(never)]
    fn object(&mut self, depth: usize) -> Result<()> {
        self.at += 1;
        self.space();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(());
        }
        let (first, own, decoded) = (self.members.len(), self.objects.len(), self.decoded.len());
        self.objects.push(Object { start: self.place(), end: 0, spans: 0..0, next: 0 });
        let mut in_order = true;
        loop {
            let member = self.name()?;
            if in_order && self.members.len() > first {
                let names = self.names();
                in_order = match names.order(&self.members[self.members.len() - 1], &member) {
                    Ordering::Less => true,
                    Ordering::Equal => return Err(refused("a name occurs twice", names.index(&member))),
                    Ordering::Greater => false,
                };
            }
            self.space();
            if self.peek() != b':' {
                return Err(self.unexpected("expected a colon"));
            }
            self.at += 1;
            self.space();
            self.value(depth)?;
            let end = self.place();
            self.members.push(member);
            // Written in its place: a copy that waits for a fresh part of itself costs as much as the rest of this.
            if let Some(member) = self.members.last_mut() {
                member.span.end = end;
            }
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.unexpected("expected a comma or the end of the object")),
            }
            self.space();
        }
        self.close(first, own, in_order)?;
        self.decoded.truncate(decoded);
        self.at += 1;
        Ok(())
    }

    /// The end of an object: keeps what has to be put in order, and nothing else.
    fn close(&mut self, first: usize, own: usize, in_order: bool) -> Result<()> {
        if in_order {
            self.members.truncate(first);
            if self.objects.len() == own + 1 {
                self.objects.truncate(own);
            }
            return Ok(());
        }
        let names = Names { text: self.text, decoded: &self.decoded, form: self.options.form };
        let start = small(self.spans.len());
        let members = &mut self.members[first..];
        if let Some(order) = order_of_few(members) {
            self.spans.extend(order.iter().take(members.len()).map(|nth| members[usize::from(*nth)].span));
        } else {
            // By their prefixes first: to compare numbers needs no branch.
            members.sort_unstable_by_key(Member::prefix);
            for alike in members.chunk_by_mut(|a, b| a.prefix() == b.prefix()).filter(|alike| alike.len() > 1) {
                // Equal names in the order of the text, so that the second one is the culprit.
                alike.sort_unstable_by(|a, b| names.order(a, b).then_with(|| a.span.start.cmp(&b.span.start)));
                let is_twice = |pair: &&[Member]| names.order(&pair[0], &pair[1]) == Ordering::Equal;
                if let Some([_, second]) = alike.windows(2).find(is_twice) {
                    return Err(refused("a name occurs twice", names.index(second)));
                }
            }
            self.spans.extend(members.iter().map(|member| member.span));
        }
        self.members.truncate(first);
        let (end, next) = (self.place(), small(self.objects.len()));
        let object = &mut self.objects[own];
        (object.end, object.next, object.spans) = (end, next, start..small(self.spans.len()));
        Ok(())
    }

    fn names(&self) -> Names<'_> {
        Names { text: self.text, decoded: &self.decoded, form: self.options.form }
    }

    /// A member as far as its name.
    #[inline]
    fn name(&mut self) -> Result<Member> {
        if self.peek() != b'"' {
            return Err(self.unexpected("expected a name"));
        }
        let (start, from) = (self.place(), self.at + 1);
        let span = Span { start, end: 0, object: small(self.objects.len()) };
        let escaped = self.string()?;
        let form = self.options.form;
        if escaped {
            let name = self.decode(from..self.at - 1)?;
            let octets = &self.decoded[name..];
            let size = small(octets.len()) | DECODED;
            return Ok(Member { prefix: halves(prefix(octets, form)), name: small(name), name_size: size, span });
        }
        let name = from..self.at - 1;
        let size = small(name.len());
        let prefix = halves(prefix_within(self.text, name, form));
        Ok(Member { prefix, name: small(from), name_size: size, span })
    }

    /// Keeps a name, which was read to its end, without its escapes; gives where. Refuses half of a surrogate pair.
    fn decode(&mut self, name: Range<usize>) -> Result<usize> {
        self.decoded.extend_from_slice(&small(name.start).to_le_bytes());
        let start = self.decoded.len();
        let mut at = name.start;
        while at < name.end {
            let size = self.text[at..name.end].iter().position(|octet| *octet == b'\\').unwrap_or(name.end - at);
            self.decoded.extend_from_slice(&self.text[at..at + size]);
            at += size;
            while self.text[at..name.end].starts_with(b"\\") {
                let (character, size) = unescaped(&self.text[at..name.end]).ok_or_else(|| no_escape(at))?;
                self.decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += size;
            }
        }
        Ok(start)
    }

    /// A string; says whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<bool> {
        let start = self.at;
        let at = plain(self.text, start + 1, self.options.form);
        if self.text.get(at) == Some(&b'"') {
            self.at = at + 1;
            return Ok(false);
        }
        self.rest_of_string(start, at)
    }

    /// A string from the first octet on that is not plain.
    fn rest_of_string(&mut self, start: usize, mut at: usize) -> Result<bool> {
        let form = self.options.form;
        let mut escaped = false;
        loop {
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at = self.escapes(at)?;
                }
                Some(0x7F..) => {
                    let character = self.utf8[at..].chars().next().unwrap_or_default();
                    let end = at + character.len_utf8();
                    self.replace(at..end, Escaped::new(character, form).octets());
                    at = end;
                }
                Some(_) => return Err(refused("a control character in a string", at)),
                None => return Err(refused("a string without an end", start)),
            }
            at = plain(self.text, at, form);
        }
        self.at = at + 1;
        Ok(escaped)
    }

    /// Escapes one after another; gives where they end.
    fn escapes(&mut self, mut at: usize) -> Result<usize> {
        let form = self.options.form;
        while self.text.get(at) == Some(&b'\\') {
            // The short ones are what both forms write, but for the solidus.
            if let Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') = self.text.get(at + 1) {
                at += 2;
                continue;
            }
            if form != Form::Pyjson && needless(&self.text[at..]).is_some() {
                self.copy(at);
                at = unescape(self.text, at, &mut self.out);
                self.copied = at;
                continue;
            }
            let Some((character, size)) = unescaped(&self.text[at..]) else {
                if self.options.keeps_odd && is_half(&self.text[at..]) {
                    at += HALF;
                    continue;
                }
                return Err(no_escape(at));
            };
            let end = at + size;
            let written = Escaped::new(character, form);
            if *written.octets() != self.text[at..end] {
                self.replace(at..end, written.octets());
            }
            at = end;
        }
        Ok(at)
    }

    #[inline(never)]
    fn number(&mut self) -> Result<()> {
        let (start, form) = (self.at, self.options.form);
        let token = Token::read(self.text, start, form)?;
        self.at = token.end;
        if token.is_canonical {
            return Ok(());
        }
        let mut written = std::mem::take(&mut self.scratch);
        written.clear();
        match token.rewrite(self.utf8, start, form, self.options.round_integers, &mut written) {
            Ok(true) => self.replace(start..token.end, &written),
            Err(error) if !self.options.keeps_odd => return Err(error),
            Ok(false) | Err(_) => {}
        }
        self.scratch = written;
        Ok(())
    }

    fn literal(&mut self, literal: &[u8]) -> Result<()> {
        if !self.text[self.at..].starts_with(literal) {
            return Err(self.unexpected("expected a value"));
        }
        self.at += literal.len();
        Ok(())
    }

    /// Leaves white space out.
    #[inline]
    fn space(&mut self) {
        if self.peek() <= b' ' {
            self.skip_space();
        }
    }

    #[inline(never)]
    fn skip_space(&mut self) {
        let size = blank(&self.text[self.at..]);
        if size > 0 {
            self.copy(self.at);
            self.at += size;
            self.copied = self.at;
        }
    }

    #[cold]
    fn make_room(&mut self) {
        self.out.reserve_exact(self.text.len() - self.out.len());
    }

    /// Puts `octets` in the place of a range of the text.
    #[inline(never)]
    fn replace(&mut self, range: Range<usize>, octets: &[u8]) {
        self.copy(range.start);
        self.out.extend_from_slice(octets);
        self.copied = range.end;
    }

    /// Copies what is canonical as it stands, up to `end`.
    #[inline(always)]
    #[allow(clippy::inline_always)] // a call costs as much as what it does
    fn copy(&mut self, end: usize) {
        if self.out.capacity() < self.text.len() {
            self.make_room();
        }
        let size = end - self.copied;
        match self.text[self.copied..].first_chunk::<32>() {
            // Most pieces are short, and to copy a fixed number of octets is faster.
            Some(block) if size <= 32 => {
                self.out.extend_from_slice(block);
                self.out.truncate(self.out.len() - 32 + size);
            }
            _ => self.out.extend_from_slice(&self.text[self.copied..end]),
        }
    }

    /// Where the next octet comes to stand among the pieces.
    #[inline]
    fn place(&self) -> u32 {
        small(self.out.len() + self.at - self.copied)
    }

    /// The next octet; at the end 0, which no value begins with.
    #[inline]
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn unexpected(&self, message: &'static str) -> crate::error::Error {
        refused(if self.at == self.text.len() { "the text ends too early" } else { message }, self.at)
    }
}

/// Octets of white space at the start (RFC 8259, 2).
#[inline]
fn blank(text: &[u8]) -> usize {
    let few = &text[..text.len().min(FEW)];
    // Mostly few, and as many as last time: then a guess is faster than to count.
    match few.iter().copied().position(is_other) {
        Some(size) => size,
        None => many_blanks(text),
    }
}

#[cold]
#[inline(never)]
fn many_blanks(text: &[u8]) -> usize {
    let blocks = text.as_chunks::<16>().0.iter().take_while(|block| is_blank(block)).count();
    text[16 * blocks..].iter().copied().position(is_other).map_or(text.len(), |size| 16 * blocks + size)
}

fn is_other(octet: u8) -> bool {
    !b" \n\r\t".contains(&octet)
}

fn halves(prefix: u64) -> [u32; 2] {
    [small((prefix >> 32) as usize), small((prefix & 0xFFFF_FFFF) as usize)]
}

/// No offset passes 32 bits: `LONGEST` octets of text give at most six times as many, in `1e20` and its kin.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn small(offset: usize) -> u32 {
    offset as u32
}
