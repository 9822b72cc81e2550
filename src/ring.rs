//! Keys by key id, and which of them has signed a message.

use std::collections::HashMap;
use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};
use crate::key::{Key, Lifetime};
use crate::mac::{Hash, Signature, invalid};
use crate::structured::is_printable;

/// Octets of a token that is signed for whoever asks.
const LONGEST_TOKEN: usize = 64;

/// Keys by key id. A ring without ids holds anonymous keys, which answer to any.
pub struct KeyRing {
    entries: Vec<(Option<String>, Vec<Arc<Key>>)>,
    by_id: HashMap<String, usize>,
    decoy: Key,
    widest: usize,
    is_timed: bool,
}

/// Whose key a signature is by: an entry of the ring, and a key of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    entry: usize,
    key: usize,
}

impl KeyRing {
    /// `decoy`: random octets, a key that nobody holds, to spend the same work on an unknown key id.
    pub fn new(entries: Vec<(Option<String>, Vec<Arc<Key>>)>, decoy: Zeroizing<Vec<u8>>) -> Result<Self> {
        let mut by_id = HashMap::new();
        let mut seen: HashMap<(usize, [u8; 32]), usize> = HashMap::new();
        for (place, (id, keys)) in entries.iter().enumerate() {
            if let Some(id) = id {
                if id.is_empty() || id.len() > 256 || !is_printable(id.as_bytes()) {
                    return Err(Error::configuration("keys: a key id has 1 to 256 printable ASCII characters"));
                }
                by_id.insert(id.clone(), place);
            }
            if keys.is_empty() {
                return Err(Error::configuration(format!("keys: no key for key id {id:?}")));
            }
            for key in keys {
                for identity in key.identities().into_iter().enumerate() {
                    if seen.insert(identity, place).is_some_and(|other| other != place) {
                        return Err(Error::configuration("keys: one key under two key ids"));
                    }
                }
            }
        }
        let widest = entries.iter().map(|(_, keys)| keys.len()).max().unwrap_or(1);
        let is_timed = entries.iter().flat_map(|(_, keys)| keys).any(|key| key.lifetime().is_bounded());
        Ok(Self { entries, by_id, decoy: Key::new(decoy, false, false)?, widest, is_timed })
    }

    /// The same ids, each key derived for one purpose.
    pub fn derive(&self, label: &[u8]) -> Result<Self> {
        let derive = |(id, keys): &(Option<String>, Vec<Arc<Key>>)| {
            let keys: Result<_> = keys.iter().map(|key| key.derive(label).map(Arc::new)).collect();
            Ok((id.clone(), keys?))
        };
        Ok(Self {
            entries: self.entries.iter().map(derive).collect::<Result<_>>()?,
            by_id: self.by_id.clone(),
            decoy: self.decoy.derive(label)?,
            widest: self.widest,
            is_timed: self.is_timed,
        })
    }

    /// The key to sign with, of `key_id`, or without one of the ring's first: the newest that counts at `now`, which is
    /// the one with the latest `not_before`, and of several the first. `now`: Unix milliseconds.
    pub fn newest(&self, key_id: Option<&str>, now: Option<i64>) -> Result<&Arc<Key>> {
        self.check_clock(now)?;
        let place = key_id.map_or(Some(0), |id| self.by_id.get(id).copied());
        let (_, keys) = place
            .and_then(|place| self.entries.get(place))
            .ok_or_else(|| Error::configuration("keys: no key of this key id to sign with"))?;
        let counts = |key: &&Arc<Key>| now.is_none_or(|now| key.lifetime().holds(now));
        keys.iter()
            .filter(counts)
            .reduce(
                |newest, key| if key.lifetime().not_before() > newest.lifetime().not_before() { key } else { newest },
            )
            .ok_or_else(|| Error::configuration("keys: no key of this key id counts now, to sign with"))
    }

    /// Octets of the shortest key; a ring without keys has none that is short.
    #[must_use]
    pub fn shortest(&self) -> usize {
        self.keys().map(Key::size).min().unwrap_or(usize::MAX)
    }

    /// Whether a key of this ring is one of the other's as well.
    #[must_use]
    pub fn shares_key(&self, other: &Self) -> bool {
        let theirs: Vec<_> = other.keys().map(Key::identities).collect();
        let same = |ours: &[[u8; 32]; 4], theirs: &[[u8; 32]; 4]| ours.iter().zip(theirs).any(|(a, b)| a == b);
        self.keys().map(Key::identities).any(|ours| theirs.iter().any(|theirs| same(&ours, theirs)))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.entries.iter().flat_map(|(_, keys)| keys.iter().map(|key| &**key))
    }

    /// The key ids, in the order given.
    pub fn key_ids(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        self.entries.iter().map(|(id, _)| id.as_deref())
    }

    /// The ring's own id of a signer.
    #[must_use]
    pub fn key_id(&self, signer: Signer) -> Option<&str> {
        self.entries[signer.entry].0.as_deref()
    }

    /// What the signer's key makes of `token`, of 1 to 64 characters of `A-Z a-z 0-9 _ -`.
    ///
    /// Whoever may choose what is signed could have a request signed: `{`, `:`, `.` and a line's end, of which the base
    /// of one is made, are none of these characters.
    pub fn sign_token(&self, signer: Signer, hash: Hash, token: &[u8]) -> Result<Signature> {
        let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
        if !(1..=LONGEST_TOKEN).contains(&token.len()) || !token.iter().all(is_token) {
            return Err(Error::new(Code::BodyMalformed, "not a token that may be signed for whoever asks"));
        }
        let key = self.entries.get(signer.entry).and_then(|(_, keys)| keys.get(signer.key));
        let key = key.ok_or_else(|| Error::configuration("keys: not the ring that authenticated the claim"))?;
        Ok(key.sign(hash, token))
    }

    /// When the signer's key counts.
    #[must_use]
    pub fn lifetime(&self, signer: Signer) -> Lifetime {
        self.entries[signer.entry].1[signer.key].lifetime()
    }

    /// For each key that has signed something here: its id, its place among the id's keys, and the latest Unix second.
    pub fn last_used(&self) -> impl Iterator<Item = (Option<&str>, usize, i64)> {
        self.entries.iter().flat_map(|(id, keys)| {
            let used = keys.iter().enumerate().filter_map(|(place, key)| Some((place, key.last_used()?)));
            used.map(|(place, second)| (id.as_deref(), place, second))
        })
    }

    /// Which candidate made one of the signatures `given`. `sign` calls back with each signature that a key may make.
    ///
    /// With a key id the candidates are its keys, padded with the decoy to the ring's widest entry, so that neither an
    /// unknown id nor the number of a party's keys shows in the work. Without one, every key of the ring. All
    /// candidates are tried against all signatures, without early exit; one that does not count at `now` (Unix
    /// milliseconds) is tried like the others and never found.
    pub fn authenticate(
        &self,
        key_id: Option<&str>,
        now: Option<i64>,
        given: &[Signature],
        mut sign: impl FnMut(&Key, &mut dyn FnMut(&Signature)),
    ) -> Result<Signer> {
        self.check_clock(now)?;
        let anonymous = self.by_id.is_empty().then_some(0).filter(|_| !self.entries.is_empty());
        let known = key_id.and_then(|id| self.by_id.get(id).copied()).or(anonymous);
        let chosen: &[(Option<String>, Vec<Arc<Key>>)] = match (key_id, known) {
            (None, _) => &self.entries,
            (Some(_), Some(place)) => &self.entries[place..=place],
            (Some(_), None) => &[],
        };
        let offset = if key_id.is_some() { known.unwrap_or(0) } else { 0 };
        let real = || chosen.iter().flat_map(|(_, keys)| keys.iter().map(|key| &**key));
        let count = chosen.iter().map(|(_, keys)| keys.len()).sum::<usize>();
        let padding = std::iter::repeat_n(&self.decoy, self.widest.saturating_sub(count));

        let mut found = 0u64;
        for (nth, key) in (0..).zip(real().chain(padding)) {
            let mut hit = Choice::from(0);
            sign(key, &mut |ours| {
                for theirs in given {
                    hit |= ours.ct_eq(theirs);
                }
            });
            let counts = now.is_none_or(|now| key.lifetime().holds(now));
            // The decoy is a key too: what it signs must never pass.
            hit &= Choice::from(u8::from(nth < count) & u8::from(counts));
            found.conditional_assign(&(nth as u64 + 1), hit);
        }
        let places = chosen.iter().enumerate();
        let places = places.flat_map(|(at, (_, keys))| (0..keys.len()).map(move |key| (offset + at, key)));
        match usize::try_from(found).ok().and_then(|found| places.zip(real()).nth(found.checked_sub(1)?)) {
            Some(((entry, at), key)) => {
                if let Some(now) = now {
                    key.used(now.div_euclid(1000));
                }
                Ok(Signer { entry, key: at })
            }
            _ if key_id.is_some() && known.is_none() => Err(Error::new(Code::UnknownKey, "the key id names no key")),
            _ => Err(invalid()),
        }
    }

    /// Without a clock a key would count for ever.
    fn check_clock(&self, now: Option<i64>) -> Result<()> {
        if self.is_timed && now.is_none() {
            return Err(Error::configuration("keys: a key counts for a time only, so now= is required"));
        }
        Ok(())
    }
}
