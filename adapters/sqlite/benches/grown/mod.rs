//! How a due lead's cost grows with what is stored beside it, and with what lies behind it: by
//! hand, and through the engine.

use crate::measure::{Cost, median, number_after};
use crate::waiting::Size;

/// The sizes that are set side by side, the smallest first: `--due`, `--stored` and `--attempts`
/// change them.
pub(crate) fn sizes(is_measured: bool) -> [Size; 3] {
    let chosen = |name, measured, checked| {
        number_after(name).unwrap_or(if is_measured { measured } else { checked })
    };
    let small = Size::all_due(chosen("--due", 10_000, 20));
    let stored = chosen("--stored", 1_000_000, 100);
    let attempts = chosen("--attempts", 20, 3);
    [small, Size { attempts, ..small }, Size { stored, ..small }]
}

/// What each size took: by hand, and through the engine.
type Round = Vec<(Cost, Cost)>;

/// Rounds over all sizes, and what they come to.
#[derive(Default)]
pub(crate) struct Grown {
    rounds: Vec<Round>,
}

impl Grown {
    /// Lets each size have its turn.
    pub(crate) fn turn(&mut self, round: impl FnMut(usize) -> (Cost, Cost)) {
        self.rounds.push((0..3).map(round).collect());
    }

    /// Prints medians of the rounds: of each round, how much dearer than in the smallest.
    pub(crate) fn print(&self, sizes: &[Size]) {
        println!("microseconds for a due lead, and how much dearer than the first");
        println!(
            "{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "raw", "engine", "raw", "engine", "ratio"
        );
        for (place, size) in sizes.iter().enumerate() {
            let micros = |cost: &Cost| cost.wall.as_secs_f64() * 1e6 / f64::from(size.due);
            let growth =
                |one: &Cost, first: &Cost| one.wall.as_secs_f64() / first.wall.as_secs_f64();
            let in_rounds =
                |value: &dyn Fn(&Round) -> f64| median(self.rounds.iter().map(value).collect());
            let grown_by_hand = |round: &Round| growth(&round[place].0, &round[0].0);
            let grown = |round: &Round| growth(&round[place].1, &round[0].1);
            let name = format!(
                "{} due of {}, {} attempts behind each",
                size.due, size.stored, size.attempts
            );
            println!(
                "{name:<44} {:>9.1} {:>9.1} {:>9.2} {:>9.2} {:>9.2}",
                in_rounds(&|round| micros(&round[place].0)),
                in_rounds(&|round| micros(&round[place].1)),
                in_rounds(&grown_by_hand),
                in_rounds(&grown),
                in_rounds(&|round| grown(round) / grown_by_hand(round)),
            );
        }
    }
}
