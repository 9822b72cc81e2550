//! One table of all fingerprints, in segments that grow one at a time.
//!
//! A word of it holds the lower 52 bits of a fingerprint, the tag of the slice of time in which it ends (10 bits) and the
//! state of its delivery (2); its segment says more of the upper bits. A table that grew as a whole would stop the
//! service while ten million words move, and need the memory of both.

use super::Seen;

/// Keys of a segment in a full set: just below the step at which it would grow, so that full is dense.
const SEGMENT: usize = 20_500;
/// A fingerprint of 64 bits gives no use to more than this; with a billion keys a segment has 15,000.
const SEGMENTS: usize = 1 << 16;
const LINE: usize = 8;
/// Words of a segment that has any.
const LEAST: usize = 64;
/// Of words whose slice is over. No slice has it.
pub(super) const NO_TAG: u16 = 0;
/// Tags of slices are below.
pub(super) const TAGS: u16 = 1 << 10;
/// Words that one call sweeps, if there is something to sweep.
const SWEPT: usize = 1024;

/// How the delivery of a message went. None is 0: a word of 0 is empty.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    Begun = 1,
    Done = 2,
    Spent = 3,
}

impl State {
    pub(super) fn seen(self) -> Seen {
        match self {
            Self::Begun => Seen::Begun,
            Self::Done => Seen::Done,
            Self::Spent => Seen::Spent,
        }
    }
}

pub(super) struct Table {
    segments: Box<[Segment]>,
    /// Segments before this one have been swept in this round.
    swept: usize,
}

/// Where a fingerprint is, or would be.
pub(super) struct Place {
    fingerprint: u64,
    segment: usize,
    slot: Slot,
    word: Word,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        let segments = capacity.div_ceil(SEGMENT).clamp(1, SEGMENTS);
        Self { segments: (0..segments).map(|_| Segment::default()).collect(), swept: 0 }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below the number of segments")]
    pub(super) fn find(&self, fingerprint: u64) -> Place {
        let segment = ((u128::from(fingerprint) * self.segments.len() as u128) >> 64) as usize;
        let (slot, word) = self.segments[segment].find(fingerprint);
        Place { fingerprint, segment, slot, word }
    }

    /// Writes what `find` did not find, or found in a slice that is over.
    #[inline]
    pub(super) fn put(&mut self, place: &Place, tag: u16, state: State, live: impl Fn(u16) -> bool) {
        let word = Word::new(place.fingerprint, tag, state);
        if !place.word.is_empty() {
            return self.set(place, word);
        }
        let segment = &mut self.segments[place.segment];
        if segment.has_room() {
            return segment.fill(place.slot, word);
        }
        segment.rebuild(live);
        segment.fill(segment.room(place.fingerprint), word);
    }

    pub(super) fn set_state(&mut self, place: &Place, state: State) {
        self.set(place, Word::new(place.fingerprint, place.tag(), state));
    }

    /// Others may have gone past this word to find their place, so it is not emptied.
    pub(super) fn bury(&mut self, place: &Place) {
        self.set(place, Word::new(place.fingerprint, NO_TAG, place.state()));
    }

    fn set(&mut self, place: &Place, word: Word) {
        self.segments[place.segment].lines[place.slot.line].0[place.slot.at] = word;
    }

    /// Drops words whose slice is over from the next few segments; true with the last one, and the next call begins
    /// anew.
    pub(super) fn sweep(&mut self, live: impl Fn(u16) -> bool) -> bool {
        let mut left = SWEPT;
        while let Some(segment) = self.segments.get_mut(self.swept) {
            let cost = segment.used + 8;
            if segment.used > 0 {
                segment.rebuild(&live);
            }
            self.swept += 1;
            if cost >= left {
                return false;
            }
            left -= cost;
        }
        self.swept = 0;
        true
    }
}

impl Place {
    #[inline]
    pub(super) fn tag(&self) -> u16 {
        self.word.tag()
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        self.word.state()
    }
}

/// Words in lines, between 57 and 85 percent full. A word is in the first line from its home that had room.
#[derive(Default)]
struct Segment {
    lines: Box<[Line]>,
    /// Words that are not empty.
    used: usize,
}

/// One line of the processor's cache: what is asked of the memory for one key, mostly.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Word; LINE]);

impl Segment {
    fn with_room(words: usize) -> Self {
        let lines = (words * 30 / 17).max(LEAST).div_ceil(LINE);
        Self { lines: vec![Line([Word::EMPTY; LINE]); lines].into(), used: 0 }
    }

    fn has_room(&self) -> bool {
        (self.used + 1) * 20 <= self.lines.len() * LINE * 17
    }

    /// The place of the fingerprint and what is there: it, or nothing.
    #[inline]
    fn find(&self, fingerprint: u64) -> (Slot, Word) {
        let mut line = self.home(fingerprint);
        while let Some(Line(words)) = self.lines.get(line) {
            // Without a branch for each word: which of them it is cannot be predicted, and most are none.
            let known = words.iter().fold(false, |known, word| known | word.is_of(fingerprint));
            if known && let Some(at) = words.iter().position(|word| word.is_of(fingerprint) && !word.is_empty()) {
                return (Slot { line, at }, words[at]);
            }
            let at = taken(words);
            if at < LINE {
                return (Slot { line, at }, Word::EMPTY);
            }
            line = self.after(line);
        }
        (Slot { line: 0, at: 0 }, Word::EMPTY) // it has no words at all
    }

    /// The place of a fingerprint that is not there. There is room.
    fn room(&self, fingerprint: u64) -> Slot {
        let mut line = self.home(fingerprint);
        loop {
            let at = taken(&self.lines[line].0);
            if at < LINE {
                return Slot { line, at };
            }
            line = self.after(line);
        }
    }

    /// By the lower 32 bits, in their order: so that a rebuild reads and writes in order as well.
    #[inline]
    fn home(&self, fingerprint: u64) -> usize {
        (((fingerprint & 0xffff_ffff) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    #[inline]
    fn fill(&mut self, slot: Slot, word: Word) {
        self.lines[slot.line].0[slot.at] = word;
        self.used += 1;
    }

    /// Anew, with the live words and room for more.
    #[cold]
    #[inline(never)]
    fn rebuild(&mut self, live: impl Fn(u16) -> bool) {
        let survivors = self.lines.iter().flat_map(|line| line.0).filter(|word| live(word.tag()));
        let mut anew = Self::with_room(survivors.clone().count() + 1);
        for word in survivors {
            anew.fill(anew.room(word.fingerprint()), word);
        }
        *self = anew;
    }
}

#[derive(Clone, Copy)]
struct Slot {
    line: usize,
    at: usize,
}

/// A line is filled from its beginning.
#[inline]
fn taken(words: &[Word; LINE]) -> usize {
    words.iter().map(|word| usize::from(!word.is_empty())).sum()
}

#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    const EMPTY: Self = Self(0);

    #[inline]
    fn new(fingerprint: u64, tag: u16, state: State) -> Self {
        Self(fingerprint << 12 | u64::from(tag) << 2 | state as u64)
    }

    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn is_of(self, fingerprint: u64) -> bool {
        (self.0 ^ fingerprint << 12) >> 12 == 0
    }

    /// The lower 52 bits.
    #[inline]
    fn fingerprint(self) -> u64 {
        self.0 >> 12
    }

    /// `NO_TAG` where it is empty.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "of the lower 16 bits, ten are the tag")]
    fn tag(self) -> u16 {
        (self.0 >> 2) as u16 & (TAGS - 1)
    }

    /// Of a word that is not empty.
    #[inline]
    fn state(self) -> State {
        match self.0 & 3 {
            1 => State::Begun,
            2 => State::Done,
            _ => State::Spent,
        }
    }
}
