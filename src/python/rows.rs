//! What the dicts in a list have in common: the rows of a table have the same names, the very same str objects, which
//! then need neither be sorted nor escaped again.

use crate::json::{Form, write_string};

/// Items of a list whose rows are remembered.
const WORTH_LEARNING: usize = 4;
/// Names squared, for each item: finding the place of each name takes that long.
const STEPS_AN_ITEM: usize = 32;
/// Names of a row that is remembered.
const MOST: usize = 64;
/// Rows of other sizes that are remembered of one list.
const SHAPES: usize = 3;

/// Names of the rows of all lists that are open.
#[derive(Default)]
pub(super) struct KnownNames {
    known: Vec<Known>,
    /// The names of each table in order, as they are written.
    written: Vec<u8>,
}

struct Known {
    /// Where the nth name is that a row gives: a str lives as long as the value that is walked, and so does its address.
    address: usize,
    /// Which of these is the nth in order, and where its name ends in `written`.
    place: usize,
    end: usize,
}

/// What is known of one list.
pub(super) struct Rows {
    items: usize,
    /// Names known, and octets written, before it.
    known: usize,
    written: usize,
    /// Rows that lack a member are a shape of their own.
    shapes: [Shape; SHAPES],
    learned: usize,
}

/// The names of a row.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    /// How many there are, and where they begin.
    pub(super) size: usize,
    start: usize,
    /// Where they begin in `written`.
    written: usize,
    /// Whether a row gives them in order.
    pub(super) is_sorted: bool,
}

impl Rows {
    /// The names that rows of this size have, if such a row has been learned.
    #[inline]
    pub(super) fn of_size(&self, size: usize) -> Option<Shape> {
        self.shapes[..self.learned].iter().find(|shape| shape.size == size).copied()
    }
}

impl KnownNames {
    /// Of a list of so many items nothing is known yet.
    pub(super) fn open(&self, items: usize) -> Rows {
        let (known, written) = (self.known.len(), self.written.len());
        Rows { items, known, written, shapes: Default::default(), learned: 0 }
    }

    /// The end of a list.
    pub(super) fn close(&mut self, rows: &Rows) {
        self.known.truncate(rows.known);
        self.written.truncate(rows.written);
    }

    /// The addresses of a row's names, as it gives them.
    pub(super) fn addresses(&self, shape: Shape) -> impl Iterator<Item = usize> {
        self.known[shape.start..shape.start + shape.size].iter().map(|known| known.address)
    }

    /// The nth name in order, as it is written, and its place as a row gives it.
    pub(super) fn in_order(&self, shape: Shape, nth: usize) -> (&[u8], usize) {
        let start = if nth == 0 { shape.written } else { self.known[shape.start + nth - 1].end };
        let known = &self.known[shape.start + nth];
        (&self.written[start..known.end], known.place)
    }

    /// Remembers the names of a row. `given`: the addresses of each str and of its text; `sorted`: the texts in order.
    pub(super) fn learn<'a>(
        &mut self,
        rows: &mut Rows,
        is_sorted: bool,
        given: &(impl Iterator<Item = (usize, usize)> + Clone),
        sorted: impl ExactSizeIterator<Item = &'a str>,
    ) {
        let size = sorted.len();
        let is_worth_it = rows.items >= WORTH_LEARNING && size <= MOST && size * size <= STEPS_AN_ITEM * rows.items;
        if !is_worth_it || rows.learned == SHAPES {
            return;
        }
        let shape = Shape { size, start: self.known.len(), written: self.written.len(), is_sorted };
        rows.shapes[rows.learned] = shape;
        rows.learned += 1;
        self.known.extend(given.clone().map(|(address, _)| Known { address, place: 0, end: 0 }));
        for (nth, name) in sorted.enumerate() {
            if nth > 0 {
                self.written.push(b',');
            }
            write_string(name, Form::Jcs, &mut self.written);
            self.written.push(b':');
            let place = given.clone().position(|(_, text)| text == name.as_ptr().addr());
            let known = &mut self.known[shape.start + nth];
            (known.place, known.end) = (place.unwrap_or_default(), self.written.len());
        }
    }
}
