//! Picks among equals (xorshift64*). What it is seeded with decides everything it picks.

pub struct Draw(u64);

impl Draw {
    pub fn new(seed: &str) -> Self {
        // FNV-1a; never zero, which xorshift would not leave again.
        let hash =
            seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash.max(1))
    }

    /// One of `0..n`; 0 if there is nothing to pick from.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(drawn) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_is_picked_about_as_often() {
        let (mut draw, mut picked) = (Draw::new("a seed"), [0; 5]);
        (0..5000).for_each(|_| picked[draw.below(5)] += 1);
        assert!(picked.iter().all(|count| (850..1150).contains(count)), "{picked:?}");
        assert_eq!(draw.below(0), 0);
    }
}
