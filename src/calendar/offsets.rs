//! A zone's offsets over some years, to tell local times cheaply.

use super::DAY;

/// What must be added to UTC for local time, and from when on.
///
/// A local time before `at + max(old, new)` of a change still takes the old offset. That is
/// [`Zone::from_local`](super::Zone::from_local)'s rule in one comparison: in a gap and in a fold
/// the old offset is right.
#[derive(Debug)]
pub(super) struct Offsets {
    /// (first second since 1970 that takes it, offset in seconds), in order.
    steps: Vec<(i64, i64)>,
    /// The same by local seconds.
    local_steps: Vec<(i64, i64)>,
    /// Whether any change leaves out a whole day, as Samoa did.
    pub(super) leave_out_days: bool,
}

impl Offsets {
    /// An offset, and those that it changes to from a second since 1970 on.
    pub(super) fn new(mut offset: i64, changes: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut steps = vec![(i64::MIN, offset)];
        let mut local_steps = steps.clone();
        let mut leave_out_days = false;
        for (at, next) in changes {
            if next == offset {
                continue;
            }
            let last = local_steps.last().map_or(i64::MIN, |step| step.0);
            local_steps.push((last.max(at + offset.max(next)), next));
            steps.push((at, next));
            leave_out_days |= next - offset >= DAY;
            offset = next;
        }
        Self {
            steps,
            local_steps,
            leave_out_days,
        }
    }

    /// The offset at a second since 1970.
    pub(super) fn at(&self, second: i64) -> i64 {
        self.steps[place(&self.steps, second)].1
    }

    /// The offset that a local second since 1970 takes.
    pub(super) fn at_local(&self, local: i64) -> i64 {
        self.local_steps[self.start(local)].1
    }

    /// A place to start resolving times at or after `local`, to be moved on by [`advance`].
    ///
    /// [`advance`]: Self::advance
    pub(super) fn start(&self, local: i64) -> usize {
        place(&self.local_steps, local)
    }

    /// Moves `hint` on to the step in force at `local`, a local second since 1970.
    pub(super) fn advance(&self, mut hint: usize, local: i64) -> usize {
        let steps = &self.local_steps;
        while steps.get(hint + 1).is_some_and(|next| next.0 <= local) {
            hint += 1;
        }
        hint
    }

    /// The second since 1970 of a local second at or after the one `hint` was found for.
    pub(super) fn resolve(&self, hint: usize, local: i64) -> i64 {
        local - self.local_steps[self.advance(hint, local)].1
    }
}

/// The step in force; the first begins before all time.
fn place(steps: &[(i64, i64)], at: i64) -> usize {
    steps.partition_point(|step| step.0 <= at) - 1
}
