//! What the pass over a text leaves: canonical pieces in the order of the text, and where to find the members of each
//! object whose names were out of order.

use std::borrow::Cow;
use std::ops::Range;

use super::{Options, scan};
use crate::error::Result;
use crate::mac::Sink;

/// The canonical form of a text that is kept elsewhere: what differs from that text, and the order of its members.
#[derive(Default)]
pub struct Canonical {
    /// The canonical pieces one after another; where there are none, they stand in the text itself.
    pub(super) octets: Vec<u8>,
    pub(super) within: Range<usize>,
    pub(super) objects: Vec<Object>,
    pub(super) spans: Vec<Span>,
}

/// An object that has to be put in order, or that holds one. Objects are kept in the order in which they begin.
pub(super) struct Object {
    /// From its first member to its end; places are offsets in the pieces.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its members, in order; none where they are in order as they stand.
    pub(super) spans: Range<u32>,
    /// The first object after it.
    pub(super) next: u32,
}

/// A member of such an object.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first object that begins in it or after it.
    pub(super) object: u32,
}

impl Canonical {
    /// Reads a text; whatever is asked for later needs the same text again.
    pub fn read(text: &[u8], options: Options) -> Result<Self> {
        Self::default().read_again(text, options)
    }

    /// The same in the memory of one that is done with: fresh memory costs as much as what is written into it.
    pub fn read_again(self, text: &[u8], options: Options) -> Result<Self> {
        scan::read(text, options, self)
    }

    /// Octets of its memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.octets.capacity()
            + self.objects.capacity() * size_of::<Object>()
            + self.spans.capacity() * size_of::<Span>()
    }

    /// Octets of the canonical form.
    #[must_use]
    pub fn size(&self) -> usize {
        if self.octets.is_empty() { self.within.len() } else { self.octets.len() }
    }

    /// Whether the text is canonical as it stands.
    #[must_use]
    pub fn is_whole(&self, text: &[u8]) -> bool {
        self.objects.is_empty() && self.octets.is_empty() && self.within.len() == text.len()
    }

    /// Writes the canonical form of `text`, which is the text that was read.
    pub fn write(&self, text: &[u8], sink: &mut impl Sink) {
        let pieces = self.pieces(text);
        self.write_ordered(pieces, 0..pieces.len(), 0, sink);
    }

    /// The same, for a sink that likes large pieces: a hash.
    pub fn feed(&self, text: &[u8], sink: &mut impl Sink) {
        if self.objects.is_empty() {
            return sink.put(self.pieces(text));
        }
        let mut staged = Staged { sink, octets: [0; STAGE], size: 0 };
        self.write(text, &mut staged);
        staged.flush();
    }

    /// The canonical form of `text`, which is the text that was read.
    #[must_use]
    pub fn octets<'a>(&'a self, text: &'a [u8]) -> Cow<'a, [u8]> {
        if self.objects.is_empty() {
            return Cow::Borrowed(self.pieces(text));
        }
        let mut octets = Vec::with_capacity(self.size());
        self.write(text, &mut octets);
        Cow::Owned(octets)
    }

    fn pieces<'a>(&'a self, text: &'a [u8]) -> &'a [u8] {
        if self.octets.is_empty() { &text[self.within.clone()] } else { &self.octets }
    }

    /// Each octet is copied once, however deep the objects out of order lie in each other.
    fn write_ordered(&self, pieces: &[u8], range: Range<usize>, first: usize, sink: &mut impl Sink) {
        let mut at = range.start;
        let mut nth = first;
        while let Some(object) = self.objects.get(nth).filter(|object| (object.start as usize) < range.end) {
            if object.spans.is_empty() {
                nth += 1;
                continue;
            }
            sink.put(&pieces[at..object.start as usize]);
            for (nth, span) in self.spans[object.spans.start as usize..object.spans.end as usize].iter().enumerate() {
                if nth > 0 {
                    sink.put(b",");
                }
                let (start, end) = (span.start as usize, span.end as usize);
                let object = self.objects.get(span.object as usize);
                if object.is_some_and(|object| (object.start as usize) < end) {
                    self.write_ordered(pieces, start..end, span.object as usize, sink);
                } else {
                    sink.put(&pieces[start..end]);
                }
            }
            at = object.end as usize;
            nth = object.next as usize;
        }
        sink.put(&pieces[at..range.end]);
    }
}

const STAGE: usize = 2048;

/// Gathers small pieces: a hash is fast in large ones.
struct Staged<'a, S: Sink> {
    sink: &'a mut S,
    octets: [u8; STAGE],
    size: usize,
}

impl<S: Sink> Staged<'_, S> {
    fn flush(&mut self) {
        self.sink.put(&self.octets[..self.size]);
        self.size = 0;
    }
}

impl<S: Sink> Sink for Staged<'_, S> {
    fn put(&mut self, octets: &[u8]) {
        if octets.len() > STAGE - self.size {
            self.flush();
            if octets.len() > STAGE {
                return self.sink.put(octets);
            }
        }
        self.octets[self.size..self.size + octets.len()].copy_from_slice(octets);
        self.size += octets.len();
    }
}
