//! Numbers that look random and are the same everywhere: with the same seed the same library, whatever the version of
//! any crate. Only whole numbers, because floating point may differ between machines.

/// A sequence of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of one thing: equal for equal seeds and streams.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0 and less than `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// At least `from` and less than `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from).max(1) as u64) as i64
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    /// One of these, each as likely.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// One of these, as likely as its weight says.
    pub fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in from {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        from[0].1
    }
}

/// Draws from many of which few are drawn often, as tags and people are used (Zipf–Mandelbrot, exponent 1).
#[derive(Debug, Clone)]
pub struct Popularity {
    up_to: Vec<u64>,
}

impl Popularity {
    /// Over `n` things, the first the most popular.
    pub fn new(n: usize) -> Self {
        let weight = |rank: usize| (1_u64 << 40) / (rank as u64 + 4);
        let up_to = (0..n).scan(0, |sum, rank| {
            *sum += weight(rank);
            Some(*sum)
        });
        Self { up_to: up_to.collect() }
    }

    /// The rank of one of them, or none when there are none.
    pub fn draw(&self, random: &mut Random) -> Option<usize> {
        let drawn = random.below(*self.up_to.last()?);
        Some(self.up_to.partition_point(|sum| *sum <= drawn))
    }

    /// Up to `n` different ones, in the order in which they were drawn.
    pub fn draw_many(&self, random: &mut Random, n: usize) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(n);
        for _ in 0..n {
            drawn.extend(self.draw(random).filter(|rank| !drawn.contains(rank)));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(7, 3);
        let drawn: Vec<u64> = (0..6).map(|_| random.below(1000)).collect();
        assert_eq!(drawn, DRAWN);
        assert_ne!(Random::new(7, 4).below(1 << 60), Random::new(7, 3).below(1 << 60));
    }

    /// Whoever changes this changes every seeded library, and what was measured on one no longer compares.
    const DRAWN: [u64; 6] = [994, 339, 220, 698, 385, 602];

    #[test]
    fn few_are_popular_and_none_is_left_out() {
        let popularity = Popularity::new(100);
        let mut random = Random::new(1, 1);
        let mut counts = [0; 100];
        for _ in 0..100_000 {
            counts[popularity.draw(&mut random).expect("one of a hundred")] += 1;
        }
        assert!(counts[0] > 4 * counts[20] && counts[20] > 2 * counts[90], "{counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        assert_eq!(Popularity::new(0).draw(&mut random), None);
    }
}
