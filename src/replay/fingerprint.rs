//! Keyed fingerprints: who does not know the multipliers cannot choose two keys with the same one.

use std::hash::{BuildHasher, RandomState};

use super::Key;

/// Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014, theorem 3.1): with random
/// 128-bit multipliers the upper 64 bits of the sum, modulo 2^128, are pairwise independent. So two keys, however they
/// were chosen, have the same fingerprint with a probability of 2^-64. `SipHash` needs five times as long for 32 octets.
pub(super) struct Fingerprints {
    offset: u128,
    multipliers: [u128; 4],
}

impl Fingerprints {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        let word = |number: u8| u128::from(random.hash_one(number));
        let wide = |number: u8| word(2 * number) << 64 | word(2 * number + 1);
        Self { offset: wide(0), multipliers: [wide(1), wide(2), wide(3), wide(4)] }
    }

    #[inline]
    pub(super) fn of(&self, key: &Key) -> u64 {
        let (words, _) = key.as_chunks();
        let sum = words.iter().zip(self.multipliers).fold(self.offset, |sum, (&word, multiplier)| {
            sum.wrapping_add(multiplier.wrapping_mul(u128::from(u64::from_le_bytes(word))))
        });
        (sum >> 64) as u64
    }
}
