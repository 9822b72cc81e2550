//! Slices of time: keys that end in the same one are forgotten together.

use std::collections::VecDeque;

use super::table::{NO_TAG, TAGS, Table};

/// Seconds of expiry that share a slice.
const SLICE: i64 = 128;

pub(super) struct Slices {
    /// By time.
    live: VecDeque<Slice>,
    /// By tag; that of `NO_TAG` is never live.
    kept: Vec<Kept>,
    /// Where the latest key went.
    recent: Slice,
    free: Vec<u16>,
    /// Over, and words of theirs may be in segments that this round of sweeping has not come to.
    swept: Vec<u16>,
    /// Over since that round began.
    over: Vec<u16>,
    /// Unix seconds: the first slice is over then.
    end: i64,
    /// Everything that ends before this has been forgotten, so nothing that ends before it is new.
    floor: i64,
    size: usize,
}

#[derive(Clone, Copy)]
struct Slice {
    number: i64,
    tag: u16,
}

#[derive(Clone, Copy, Default)]
struct Kept {
    keys: usize,
    live: bool,
}

impl Slices {
    pub(super) fn new() -> Self {
        Self {
            live: VecDeque::new(),
            kept: vec![Kept::default()],
            recent: Slice { number: i64::MAX, tag: NO_TAG },
            free: Vec::new(),
            swept: Vec::new(),
            over: Vec::new(),
            end: i64::MAX,
            floor: i64::MIN,
            size: 0,
        }
    }

    #[inline]
    pub(super) fn live(&self, tag: u16) -> bool {
        self.kept[usize::from(tag)].live
    }

    #[inline]
    pub(super) fn floor(&self) -> i64 {
        self.floor
    }

    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    #[inline]
    pub(super) fn must_forget(&self, now: i64) -> bool {
        self.end <= now
    }

    #[cold]
    pub(super) fn forget(&mut self, now: i64, mut forgotten: impl FnMut(u16)) {
        while self.end <= now {
            let Some(Slice { tag, .. }) = self.live.pop_front() else { break };
            self.floor = self.end - 1;
            self.size -= self.kept[usize::from(tag)].keys;
            self.kept[usize::from(tag)] = Kept::default();
            self.over.push(tag);
            forgotten(tag);
            self.first_has_changed();
        }
        self.recent.tag = NO_TAG;
    }

    #[inline]
    pub(super) fn must_sweep(&self) -> bool {
        !(self.swept.is_empty() && self.over.is_empty())
    }

    /// A tag may name another slice after no word has it any more: when a whole round of steps began and ended since.
    /// One step; more only where there would be no tag to give.
    #[cold]
    pub(super) fn sweep(&mut self, table: &mut Table) {
        loop {
            if self.swept.is_empty() {
                self.swept.append(&mut self.over);
            }
            if table.sweep(|tag| self.kept[usize::from(tag)].live) {
                self.free.append(&mut self.swept);
            }
            if !self.free.is_empty() || self.kept.len() < usize::from(TAGS) || !self.must_sweep() {
                return;
            }
        }
    }

    /// Counts one more key, in the slice of `expires`, and gives its tag.
    #[inline]
    pub(super) fn enter(&mut self, expires: i64) -> u16 {
        let number = expires.div_euclid(SLICE);
        if self.recent.number != number || self.recent.tag == NO_TAG {
            self.recent = Slice { number, tag: self.tag(number) };
        }
        self.kept[usize::from(self.recent.tag)].keys += 1;
        self.size += 1;
        self.recent.tag
    }

    pub(super) fn leave(&mut self, tag: u16) {
        self.kept[usize::from(tag)].keys -= 1;
        self.size -= 1;
    }

    fn tag(&mut self, number: i64) -> u16 {
        let at = self.live.partition_point(|slice| slice.number < number);
        if let Some(slice) = self.live.get(at).filter(|slice| slice.number == number) {
            return slice.tag;
        }
        let tag = match self.new_tag() {
            Some(tag) => tag,
            // All tags are taken, by 36 hours of slices: remembered with the next one, so longer than it must be.
            None => match self.live.get(at) {
                Some(later) => return later.tag,
                None => self.live.pop_back().map_or(NO_TAG, |last| last.tag),
            },
        };
        self.kept[usize::from(tag)].live = true;
        self.live.insert(at.min(self.live.len()), Slice { number, tag });
        self.first_has_changed();
        tag
    }

    fn new_tag(&mut self) -> Option<u16> {
        if self.free.is_empty() && self.kept.len() < usize::from(TAGS) {
            self.free.extend(u16::try_from(self.kept.len()));
            self.kept.push(Kept::default());
        }
        self.free.pop()
    }

    fn first_has_changed(&mut self) {
        self.end = self.live.front().map_or(i64::MAX, |first| (first.number + 1).saturating_mul(SLICE));
    }
}
