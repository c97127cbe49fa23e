//! What goes wrong at which call.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A method of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// [`Store::load`](crate::store::Store::load).
    Load,
    /// [`Store::commit`](crate::store::Store::commit).
    Commit,
    /// [`Store::due`](crate::store::Store::due).
    Due,
    /// [`Store::next_due`](crate::store::Store::next_due).
    NextDue,
    /// [`Store::select`](crate::store::Store::select).
    Select,
    /// [`Store::count`](crate::store::Store::count).
    Count,
    /// [`Store::journal`](crate::store::Store::journal).
    Journal,
    /// [`Mailer::hand_over`](crate::mailer::Mailer::hand_over).
    HandOver,
}

/// What goes wrong at which call. `F` is [`StoreFault`](super::StoreFault) or
/// [`MailerFault`](super::MailerFault).
///
/// A script (`at`, `on`, `from`), of which the first line that fits a call counts, and beyond it a
/// seed.
///
/// ```
/// use leadkit::faults::{Call, Plan, StoreFault};
///
/// let plan = Plan::new()
///     .at(7, StoreFault::Before)                // the seventh call, whichever it is
///     .on(Call::Commit, 3, StoreFault::After)   // the third commit
///     .from(100, StoreFault::Before);           // the hundredth call, and all that follow
/// // One call in twenty, on the average; the same ones for the same seed.
/// let storm = Plan::seeded(42, 20, [StoreFault::Before, StoreFault::After]);
/// ```
#[derive(Clone, Debug)]
pub struct Plan<F> {
    script: Vec<Line<F>>,
    chance: Option<Chance<F>>,
}

#[derive(Clone, Debug)]
struct Line<F> {
    call: Option<Call>,
    first: u64,
    last: u64,
    fault: F,
}

#[derive(Clone, Debug)]
struct Chance<F> {
    seed: u64,
    one_in: u64,
    faults: Vec<F>,
}

impl<F> Default for Plan<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Plan<F> {
    /// Nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        Self {
            script: Vec::new(),
            chance: None,
        }
    }

    /// One call in `one_in` goes wrong, on the average, by one of these faults; which, depends on
    /// the seed and the call's number alone. 0 stands for never.
    #[must_use]
    pub fn seeded(seed: u64, one_in: u64, faults: impl IntoIterator<Item = F>) -> Self {
        let faults = faults.into_iter().collect();
        let chance = Some(Chance {
            seed,
            one_in,
            faults,
        });
        Self {
            script: Vec::new(),
            chance,
        }
    }

    /// With this fault at the `nth` call of all. The first is 1.
    #[must_use]
    pub fn at(self, nth: u64, fault: F) -> Self {
        self.line(None, nth, nth, fault)
    }

    /// With this fault at the `nth` call of this method. The first is 1.
    #[must_use]
    pub fn on(self, call: Call, nth: u64, fault: F) -> Self {
        self.line(Some(call), nth, nth, fault)
    }

    /// With this fault from the `nth` call of all on, for good. The first is 1.
    #[must_use]
    pub fn from(self, nth: u64, fault: F) -> Self {
        self.line(None, nth, u64::MAX, fault)
    }

    fn line(mut self, call: Option<Call>, first: u64, last: u64, fault: F) -> Self {
        self.script.push(Line {
            call,
            first,
            last,
            fault,
        });
        self
    }

    /// What goes wrong at a call that is the `nth` of all and the `nth_of_call` of its method.
    fn fault(&self, call: Call, nth: u64, nth_of_call: u64) -> Option<&F> {
        let fits = |line: &&Line<F>| {
            let nth = match line.call {
                None => nth,
                Some(of) if of == call => nth_of_call,
                Some(_) => return false,
            };
            (line.first..=line.last).contains(&nth)
        };
        let scripted = self.script.iter().find(fits).map(|line| &line.fault);
        scripted.or_else(|| self.chance.as_ref()?.fault(nth))
    }
}

impl<F> Chance<F> {
    fn fault(&self, nth: u64) -> Option<&F> {
        let bits = crate::ids::hash128(&[&self.seed.to_le_bytes(), &nth.to_le_bytes()]);
        let bits = u128::from_le_bytes(bits);
        let faults = u128::try_from(self.faults.len()).ok()?;
        let strikes = bits.checked_rem(u128::from(self.one_in))? == 0;
        // Other bits than those that decided whether.
        let which = (bits >> 64).checked_rem(faults)?;
        let which = usize::try_from(which).ok()?;
        self.faults.get(which).filter(|_| strikes)
    }
}

/// A call that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck<F> {
    /// Which call of all it was. The first is 1.
    pub nth: u64,
    /// Of which method.
    pub call: Call,
    /// What went wrong.
    pub fault: F,
}

/// A plan as it is carried out.
#[derive(Debug)]
pub(super) struct Course<F> {
    plan: Plan<F>,
    counts: Mutex<Counts<F>>,
}

#[derive(Debug)]
struct Counts<F> {
    calls: Vec<Call>,
    of_call: BTreeMap<Call, u64>,
    struck: Vec<Struck<F>>,
}

impl<F: Clone> Course<F> {
    pub(super) fn new(plan: Plan<F>) -> Self {
        let counts = Mutex::new(Counts {
            calls: Vec::new(),
            of_call: BTreeMap::new(),
            struck: Vec::new(),
        });
        Self { plan, counts }
    }

    /// What goes wrong at this call.
    pub(super) fn next(&self, call: Call) -> Option<F> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls.push(call);
        let nth = u64::try_from(counts.calls.len()).unwrap_or(u64::MAX);
        let of_call = counts.of_call.entry(call).or_default();
        *of_call += 1;
        let of_call = *of_call;
        let fault = self.plan.fault(call, nth, of_call)?.clone();
        counts.struck.push(Struck {
            nth,
            call,
            fault: fault.clone(),
        });
        Some(fault)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls.clone()
    }

    pub(super) fn struck(&self) -> Vec<Struck<F>> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.struck.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(plan: &Plan<char>, calls: &[Call]) -> String {
        let course = Course::new(plan.clone());
        calls
            .iter()
            .map(|call| course.next(*call).unwrap_or('-'))
            .collect()
    }

    #[test]
    fn a_script_counts_calls_from_1_of_all_and_of_each_method() {
        use Call::{Commit, Load};
        let plan = Plan::new()
            .at(1, 'a')
            .on(Commit, 2, 'b')
            .at(4, 'c')
            .from(6, 'd');
        let calls = [Load, Commit, Load, Commit, Commit, Load, Commit];
        assert_eq!(course(&plan, &calls), "a--b-dd");
        assert_eq!(course(&Plan::new(), &calls), "-------");
    }

    #[test]
    fn the_same_seed_strikes_the_same_calls_and_about_as_many_as_it_is_told() {
        let calls = [Call::Load; 10_000];
        let storm = |seed| course(&Plan::seeded(seed, 10, ['a', 'b']), &calls);
        assert_eq!(storm(1), storm(1));
        assert_ne!(storm(1), storm(2));
        for fault in ['a', 'b'] {
            let struck = storm(1).matches(fault).count();
            assert!((400..600).contains(&struck), "{struck}");
        }
        assert_eq!(course(&Plan::seeded(1, 1, ['a']), &calls[..3]), "aaa");
        for never in [Plan::seeded(1, 0, ['a']), Plan::seeded(1, 1, [])] {
            assert_eq!(course(&never, &calls[..3]), "---");
        }
    }
}
