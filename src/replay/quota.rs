//! How many live keys each key id holds.

use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Quotas(HashMap<Box<str>, Share>);

#[derive(Default)]
struct Share {
    held: usize,
    /// By the tag of the slice in which they end; few, and the latest is the one most used.
    slices: Vec<(u16, usize)>,
}

impl Quotas {
    pub(super) fn held(&self, key_id: &str) -> usize {
        self.0.get(key_id).map_or(0, |share| share.held)
    }

    pub(super) fn enter(&mut self, key_id: &str, tag: u16) {
        if let Some(share) = self.0.get_mut(key_id) {
            share.enter(tag);
        } else {
            self.0.entry(key_id.into()).or_default().enter(tag);
        }
    }

    pub(super) fn leave(&mut self, key_id: &str, tag: u16) {
        if let Some(share) = self.0.get_mut(key_id)
            && let Some((_, keys)) = share.slices.iter_mut().find(|(slice, keys)| *slice == tag && *keys > 0)
        {
            *keys -= 1;
            share.held -= 1;
        }
    }

    /// The slice of this tag is over.
    pub(super) fn forget(&mut self, tag: u16) {
        self.0.retain(|_, share| {
            share.forget(tag);
            share.held > 0
        });
    }
}

impl Share {
    fn enter(&mut self, tag: u16) {
        self.held += 1;
        match self.slices.iter_mut().rfind(|(slice, _)| *slice == tag) {
            Some((_, keys)) => *keys += 1,
            None => self.slices.push((tag, 1)),
        }
    }

    fn forget(&mut self, tag: u16) {
        if let Some(at) = self.slices.iter().position(|(slice, _)| *slice == tag) {
            self.held -= self.slices.remove(at).1;
        }
    }
}
