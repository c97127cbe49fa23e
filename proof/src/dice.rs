//! Chance that comes again: every choice of a run follows from its seed.

use leadkit::time::Elapsed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of choices. The same seed and stream give the same choices, on every machine.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The choices of a seed. Streams of one seed know nothing of each other.
    #[must_use]
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below this one; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % bound).unwrap_or(0)
    }

    /// A number from the one to the other, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = most.abs_diff(least).saturating_add(1);
        let step = i64::try_from(self.number() % span).unwrap_or(0);
        least.saturating_add(step)
    }

    /// True once in so many times, on the average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these; there must be one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of these, in its place; there must be one.
    pub fn pick_in<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of these, if there is one.
    pub fn any<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| self.pick_in(from))
    }

    /// Seconds from the one to the other number, both included.
    pub fn seconds(&mut self, least: i64, most: i64) -> Elapsed {
        Elapsed::seconds(self.between(least, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_choices_for_ever_so_that_an_old_report_can_be_run_again() {
        let mut dice = Dice::of(7, 1);
        assert_eq!(
            [dice.below(100), dice.below(100), dice.below(100)],
            [75, 33, 38]
        );
        assert_ne!(Dice::of(7, 1).number(), Dice::of(7, 2).number());
        assert_ne!(Dice::of(7, 1).number(), Dice::of(8, 1).number());
    }

    #[test]
    fn bounds_are_kept() {
        let mut dice = Dice::of(1, 0);
        for _ in 0..1_000 {
            assert!((-3..=4).contains(&dice.between(-3, 4)));
            assert!(dice.below(5) < 5);
        }
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.any::<u8>(&[]), None);
    }
}
