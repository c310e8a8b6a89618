//! Changes inputs as libFuzzer does, without its knowledge of what they reach: for test runs that have no fuzzer.
//!
//! Invariant: everything depends on the seed.

use weft_env::{Ids, SeededIds};

/// Longer inputs show nothing new.
const LENGTH_MAX: usize = 32 << 10;
/// Numbers at which lengths and ids go wrong.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 56, i64::MAX as u64, u64::MAX];

/// Makes inputs out of others.
pub struct Mutator {
    dice: SeededIds,
}

impl Mutator {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { dice: SeededIds::new(seed) }
    }

    /// One of the inputs with a few changes, maybe with a piece of another.
    #[must_use]
    pub fn mutate(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(inputs).to_vec();
        for _ in 0..1 << self.dice.below(4) {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(LENGTH_MAX);
        bytes
    }

    fn pick<'i>(&self, inputs: &'i [Vec<u8>]) -> &'i [u8] {
        inputs.get(self.below(inputs.len())).map_or(&[], Vec::as_slice)
    }

    fn change(&self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.dice.below(9) {
            0 => self.flip(bytes, at),
            1 => self.overwrite(bytes, at, &[self.byte()]),
            2 => bytes.insert(at, self.byte()),
            3 => bytes.truncate(at),
            4 => self.remove(bytes, at),
            5 => self.repeat(bytes, at),
            6 => self.splice(bytes, at, inputs),
            7 => {
                let edge = EDGES[self.below(EDGES.len())];
                let width = 1 << self.dice.below(4);
                let number = if self.dice.below(2) == 0 { edge.to_le_bytes() } else { edge.to_be_bytes() };
                let number = if number[0] == 0 { &number[8 - width..] } else { &number[..width] };
                self.overwrite(bytes, at, number);
            }
            _ => self.varint(bytes, at),
        }
    }

    fn flip(&self, bytes: &mut [u8], at: usize) {
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.dice.below(8);
        }
    }

    fn overwrite(&self, bytes: &mut [u8], at: usize, with: &[u8]) {
        for (place, byte) in bytes.iter_mut().skip(at).zip(with) {
            *place = *byte;
        }
    }

    fn remove(&self, bytes: &mut Vec<u8>, at: usize) {
        let end = (at + 1 + self.below(16)).min(bytes.len());
        bytes.drain(at.min(end)..end);
    }

    fn repeat(&self, bytes: &mut Vec<u8>, at: usize) {
        let end = (at + 1 + self.below(64)).min(bytes.len());
        let piece = bytes[at.min(end)..end].to_vec();
        for _ in 0..1 + self.below(8) {
            bytes.splice(at..at, piece.iter().copied());
        }
    }

    fn splice(&self, bytes: &mut Vec<u8>, at: usize, inputs: &[Vec<u8>]) {
        let other = self.pick(inputs);
        let from = self.below(other.len() + 1);
        let end = (from + 1 + self.below(256)).min(other.len());
        bytes.splice(at..at, other[from.min(end)..end].iter().copied());
    }

    /// A number as protobuf writes lengths, far too large ones included.
    fn varint(&self, bytes: &mut Vec<u8>, at: usize) {
        let mut number = EDGES[self.below(EDGES.len())];
        let mut written = Vec::new();
        while number >= 0x80 {
            written.push(number as u8 | 0x80);
            number >>= 7;
        }
        written.push(number as u8);
        let end = (at + 1).min(bytes.len());
        bytes.splice(at..end, written);
    }

    fn byte(&self) -> u8 {
        self.dice.next_u64().to_le_bytes()[0]
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound.max(1) as u64)).unwrap_or(0)
    }
}
