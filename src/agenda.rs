//! The agenda: what is due for a lead, and when (the second design idea).
//!
//! Whatever waits is a record with `wakes_at`; there is no table of timers. What is due for a
//! lead is a pure function of the playbook and the lead, [`agenda`], and the store keeps only
//! the earliest instant of it, in an index. So timers can't be orphaned or doubled, a changed
//! playbook is taken over by computing anew, and a check proves it all: the stored `wakes_at`
//! equals the computed one ([`wakes_at`]), for every lead.
//!
//! The agenda uses only values on the lead: its anchors, what has fired for which occurrence,
//! its holds. It knows no `now`.

use chrono::NaiveTime;

use crate::calendar::CalendarError;
use crate::condition::Condition;
use crate::ids::{Name, hash128};
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::delay::Delay;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::rule::{Anchor, Late, Leads, Rule, StoppedBy};
use crate::record::lead::{Fired, Hold, Moment, Task};
use crate::record::{Appointments, Lead, Quote};
use crate::time::{Elapsed, Instant};
use crate::value::ValueRef;

/// Something that is due for a lead.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// When.
    pub due_at: Instant,
    /// What happens then.
    pub what: Happens<'a>,
}

/// What happens when an item of the agenda is due.
#[derive(Clone, Copy, Debug)]
pub enum Happens<'a> {
    /// A rule fires.
    Fires {
        /// Which one.
        rule: &'a Rule,
        /// The anchor that it counts from.
        anchor: Moment,
        /// Which occurrence of that anchor, from 0.
        occurrence: u32,
    },
    /// The condition that this rule waits for turns true or false. Nothing polls for that.
    Turns(&'a Rule),
    /// The condition that completes this task turns true by time alone, while the task is open.
    Completes(&'a TaskSpec),
}

impl<'a> Item<'a> {
    /// Of which rule, or of which task where none has a part in it.
    #[must_use]
    pub fn name(&self) -> &'a Name {
        match self.what {
            Happens::Fires { rule, .. } | Happens::Turns(rule) => &rule.name,
            Happens::Completes(task) => &task.name,
        }
    }
}

/// How a rule stands with a lead: due, or why not.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
    /// It is on the agenda.
    Due(Item<'a>),
    /// The lead is in another stage or wait group, or is closed (or open, for rules on closed
    /// leads).
    OutOfScope,
    /// What it counts from has not happened.
    NoAnchor,
    /// A hold stops its time.
    Held,
    /// What ends it holds.
    Over(&'a Condition),
    /// It fired for this anchor, as often as it does, or was skipped the last time.
    Fired(&'a Fired),
    /// It was due before its anchor was recorded, or before there was the rule.
    TooLate(Instant),
    /// Its time never comes: beyond the year 9999, or a calendar that never opens.
    Never(CalendarError),
}

/// Everything that is due for a lead, the earliest first; what is due at once in the order of
/// the playbook, but tasks that are done before the rules that would find them overdue.
#[must_use]
pub fn agenda<'a>(playbook: &'a Playbook, lead: &'a Lead) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    gather(playbook, lead, &mut items);
    items.sort_by_key(|item| item.due_at);
    items
}

/// The earliest instant of the agenda, when the lead wants to be woken.
///
/// A lead that failed is woken when it is to be tried again; one that is set aside, never.
#[must_use]
pub fn wakes_at(playbook: &Playbook, lead: &Lead) -> Option<Instant> {
    match &lead.trouble {
        Some(trouble) => trouble.retry_at,
        None => earliest(playbook, lead).map(|item| item.due_at),
    }
}

/// The first item of the agenda, if it is due at `now`.
#[must_use]
pub fn first_due<'a>(playbook: &'a Playbook, lead: &'a Lead, now: Instant) -> Option<Item<'a>> {
    earliest(playbook, lead).filter(|first| first.due_at <= now)
}

/// The first item of the agenda.
fn earliest<'a>(playbook: &'a Playbook, lead: &'a Lead) -> Option<Item<'a>> {
    let mut first = None;
    gather(playbook, lead, &mut first);
    first
}

/// What becomes of the items of an agenda.
trait Items<'a> {
    /// Takes the next one.
    fn take(&mut self, item: Item<'a>);

    /// Whether it matters what is due at this instant or later.
    fn ask_for(&self, due_at: Instant) -> bool;
}

/// All of them.
impl<'a> Items<'a> for Vec<Item<'a>> {
    fn take(&mut self, item: Item<'a>) {
        self.push(item);
    }

    fn ask_for(&self, _: Instant) -> bool {
        true
    }
}

/// The first of them.
impl<'a> Items<'a> for Option<Item<'a>> {
    fn take(&mut self, item: Item<'a>) {
        if self.ask_for(item.due_at) {
            *self = Some(item);
        }
    }

    fn ask_for(&self, due_at: Instant) -> bool {
        self.is_none_or(|first| due_at < first.due_at)
    }
}

/// Goes through what is due for a lead, tasks first, in the order of the playbook.
fn gather<'a>(playbook: &'a Playbook, lead: &'a Lead, items: &mut impl Items<'a>) {
    for (spec, done) in playbook.tasks.done_by_time() {
        let is_open = lead.open_task(&spec.name).is_some();
        let due_at = is_open
            .then(|| turns_at(playbook, lead, done, lead.settled_at))
            .flatten();
        if let Some(due_at) = due_at {
            let what = Happens::Completes(spec);
            items.take(Item { due_at, what });
        }
    }
    for rule in playbook.rules.at(&lead.pipeline, &lead.stage) {
        if let Some(item) = turning(playbook, lead, rule) {
            items.take(item);
        }
        let Ok(anchor) = anchor_in_scope(playbook, lead, rule) else {
            continue;
        };
        // Most of what is far away needs no calendar to be told from what is near.
        let not_before = rule.delay.not_over_before(anchor.at);
        if not_before.is_some_and(|not_before| !items.ask_for(not_before)) {
            continue;
        }
        if let Standing::Due(item) = standing_from(playbook, lead, rule, anchor) {
            items.take(item);
        }
    }
}

/// When the condition that a rule waits for turns next, if the lead stays as it is.
fn turning<'a>(playbook: &Playbook, lead: &Lead, rule: &'a Rule) -> Option<Item<'a>> {
    let Anchor::Turns(condition) = &rule.anchor else {
        return None;
    };
    if !is_in_scope(rule, lead) {
        return None;
    }
    let due_at = turns_at(playbook, lead, condition, lead.settled_at)?;
    let what = Happens::Turns(rule);
    Some(Item { due_at, what })
}

/// When a condition turns next after `now`, if the lead stays as it is. What is due is reckoned from when the
/// lead was settled.
pub(crate) fn turns_at(
    playbook: &Playbook,
    lead: &Lead,
    condition: &Condition,
    now: Instant,
) -> Option<Instant> {
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    condition.turns_at(&facts, now)
}

/// How a rule stands with a lead.
#[must_use]
pub fn standing<'a>(playbook: &'a Playbook, lead: &'a Lead, rule: &'a Rule) -> Standing<'a> {
    match anchor_in_scope(playbook, lead, rule) {
        Ok(anchor) => standing_from(playbook, lead, rule, anchor),
        Err(standing) => standing,
    }
}

/// What a rule counts from for a lead that it is for; else why it does not.
fn anchor_in_scope<'a>(
    playbook: &Playbook,
    lead: &Lead,
    rule: &Rule,
) -> Result<Moment, Standing<'a>> {
    if !is_in_scope(rule, lead) {
        return Err(Standing::OutOfScope);
    }
    match anchor_of(playbook, lead, rule) {
        Ok(Some(anchor)) => Ok(anchor),
        Ok(None) => Err(Standing::NoAnchor),
        Err(error) => Err(Standing::Never(error)),
    }
}

/// How a rule stands with a lead for which it counts from this.
fn standing_from<'a>(
    playbook: &'a Playbook,
    lead: &'a Lead,
    rule: &'a Rule,
    anchor: Moment,
) -> Standing<'a> {
    let standing = match next_occurrence(lead, rule, anchor) {
        Ok(standing) => standing,
        Err(error) => Standing::Never(error),
    };
    let is_over = |until: &Condition, now| {
        let facts = LeadFacts {
            playbook,
            lead,
            now,
        };
        until.holds(&facts, now)
    };
    match (standing, &rule.until) {
        (Standing::Due(item), Some(until)) if is_over(until, item.due_at) => Standing::Over(until),
        (standing, _) => standing,
    }
}

/// Whether a rule is for a lead that is where this one is.
#[must_use]
pub fn is_in_scope(rule: &Rule, lead: &Lead) -> bool {
    let scope = &rule.scope;
    let in_life = match scope.leads {
        Leads::Open => lead.is_open(),
        Leads::Closed => !lead.is_open(),
        Leads::All => true,
    };
    let in_wait = || {
        let group = lead.wait.as_ref().map(|wait| &wait.group);
        scope.wait.is_none() || scope.wait.as_ref() == group
    };
    let in_stage = || {
        let mut stages = scope.stages.iter();
        scope.stages.is_empty() || stages.any(|at| at.is(&lead.pipeline, &lead.stage))
    };
    in_life && in_wait() && in_stage()
}

fn anchor_of(
    playbook: &Playbook,
    lead: &Lead,
    rule: &Rule,
) -> Result<Option<Moment>, CalendarError> {
    Ok(match &rule.anchor {
        Anchor::Registered => Some(lead.registered),
        Anchor::Assigned => lead.owner.as_ref().map(|owner| owner.assigned),
        Anchor::Team => lead.owner.as_ref().map(|owner| owner.team_since),
        Anchor::Entered => Some(lead.entered),
        Anchor::Answered => lead.answered,
        Anchor::Attempted => lead.attempts.last,
        Anchor::Touched => Some(lead.touched),
        Anchor::Closed => lead.closed.as_ref().map(|closed| closed.at),
        Anchor::Quoted => lead.quote().map(|quote| quote.made),
        Anchor::QuoteExpires => {
            let open = lead.quote().filter(|quote| quote.reply.is_none());
            open.map(|quote| Moment {
                at: quote.valid_until,
                recorded: quote.made.recorded,
            })
        }
        Anchor::Accepted => lead.quote().and_then(Quote::accepted),
        Anchor::Appointment(kind) => lead.appointment(kind).map(|open| Moment {
            at: open.at,
            recorded: open.booked.recorded,
        }),
        Anchor::AppointmentEnded(kind, how) => {
            let of_kind = lead.appointments_of(kind);
            of_kind.and_then(|of| of.tally(*how).last)
        }
        Anchor::Feedback(kind) => {
            let of_kind = lead.appointments_of(kind);
            let said = of_kind.and_then(Appointments::last_feedback);
            said.map(|said| said.at)
        }
        Anchor::Attached(kind) => lead.document(kind).map(|current| current.attached),
        Anchor::Field(field) => {
            let told = lead.dates_told.iter().find(|(name, _)| name == field);
            let recorded = told.map_or(lead.registered.recorded, |(_, told)| told.0);
            let at = match lead.fields.value(field) {
                Some(ValueRef::Date(date)) => {
                    playbook.zone.from_local(date.and_time(NaiveTime::MIN))
                }
                Some(ValueRef::Instant(at)) => at,
                _ => return Ok(None),
            };
            Some(Moment { at, recorded })
        }
        Anchor::Overdue(name) => {
            let Some(task) = lead.open_task(name) else {
                return Ok(None);
            };
            let Some(spec) = playbook.task(name) else {
                return Ok(None);
            };
            let due_at = task_due_at(spec, task, lead)?;
            due_at.map(|at| Moment {
                at,
                recorded: task.anchor.recorded,
            })
        }
        Anchor::Turns(_) => {
            let since = lead.since.iter().find(|(name, _)| *name == rule.name);
            since.map(|(_, since)| *since)
        }
    })
}

/// The deadline of a task, moved by the holds that stop it; `None` if it has none, or while
/// a hold runs.
///
/// # Errors
/// When its time never comes.
pub fn task_due_at(
    spec: &TaskSpec,
    task: &Task,
    lead: &Lead,
) -> Result<Option<Instant>, CalendarError> {
    let Some(within) = spec.within else {
        return Ok(None);
    };
    let holds = holds_that(&spec.stopped_by, lead);
    within.after_holds(
        task.anchor.at,
        spec.calendar.of_lead(lead),
        wait_days(lead),
        holds,
    )
}

fn holds_that<'a>(stopped_by: &'a StoppedBy, lead: &'a Lead) -> impl Iterator<Item = &'a Hold> {
    lead.holds
        .iter()
        .filter(|hold| stopped_by.covers(&hold.name))
}

/// Whether a hold still stops or moves a due time: that of an open task, or of a rule that counts
/// from something before the hold's end and is not done with it.
///
/// What has not happened yet counts from when it does, so a hold that is over says nothing to it.
#[must_use]
pub fn is_counted(playbook: &Playbook, lead: &Lead, hold: &Hold) -> bool {
    let Some(until) = hold.until else {
        return true;
    };
    let moves_rule = |rule: &Rule| {
        let fired_for = |anchor: Moment| {
            let last = lead.last_fired(&rule.name);
            last.is_some_and(|fired| fired.anchor == anchor.at)
        };
        let is_done = |anchor| rule.every.is_none() && fired_for(anchor);
        rule.stopped_by.covers(&hold.name)
            && match (&rule.anchor, anchor_of(playbook, lead, rule)) {
                // A date may be set to any day, whatever it is now.
                (anchor, _) if anchor.is_a_date() => true,
                (_, Err(_)) => true,
                (_, Ok(anchor)) => {
                    anchor.is_some_and(|anchor| anchor.at < until && !is_done(anchor))
                }
            }
    };
    let moves_task = |task: &Task| {
        let spec = playbook.task(&task.name).filter(|_| task.ended.is_none());
        spec.is_some_and(|spec| spec.stopped_by.covers(&hold.name) && task.anchor.at < until)
    };
    playbook.rules.iter().any(moves_rule) || lead.tasks.iter().any(moves_task)
}

fn wait_days(lead: &Lead) -> Option<u32> {
    lead.wait.as_ref().map(|wait| wait.wait_days)
}

/// The next occurrence of a rule for an anchor.
fn next_occurrence<'a>(
    lead: &'a Lead,
    rule: &'a Rule,
    anchor: Moment,
) -> Result<Standing<'a>, CalendarError> {
    let last = lead
        .last_fired(&rule.name)
        .filter(|fired| fired.anchor == anchor.at);
    if let (Some(fired), None) = (last, rule.every) {
        return Ok(Standing::Fired(fired));
    }
    let holds = || holds_that(&rule.stopped_by, lead);
    let calendar = rule.calendar.of_lead(lead);
    let Some(base) = rule
        .delay
        .after_holds(anchor.at, calendar, wait_days(lead), holds())?
    else {
        return Ok(Standing::Held);
    };
    let Some(period) = rule.every else {
        return Ok(match started(lead, rule, anchor, base)? {
            Some(due_at) => due(rule, anchor, 0, due_at),
            None => Standing::TooLate(base),
        });
    };

    let due_of = |occurrence: u32| {
        let total = period.length.times(occurrence);
        total.after_holds(base, calendar, None, holds())
    };
    let just_before = |at: Instant| at - Elapsed::microseconds(1);
    // A lead that missed some catches up once: the next occurrence is behind the last firing.
    // If that was before its rule changed, its number means another time: they count anew.
    let (from, behind) = match (last, told(lead, rule)) {
        (Some(fired), None) => (fired.occurrence.saturating_add(1), Some(fired.at)),
        (Some(fired), Some(told)) if rule.late == Late::Skip => {
            (period.first, Some(fired.at.max(just_before(told))))
        }
        (Some(fired), Some(_)) => (period.first, Some(fired.at)),
        (None, _) if rule.late == Late::Skip => {
            let recorded = recorded(lead, rule, anchor);
            (period.first, Some(just_before(recorded)))
        }
        (None, _) => (period.first, None),
    };
    let Some(occurrence) = first_behind(from, behind, &due_of)? else {
        return Ok(Standing::Held);
    };
    let is_over = period
        .at_most
        .is_some_and(|most| occurrence - period.first >= most);
    match (is_over, last, due_of(occurrence)?) {
        (true, Some(fired), _) => Ok(Standing::Fired(fired)),
        (true, None, _) => Ok(Standing::TooLate(base)),
        (false, _, None) => Ok(Standing::Held),
        (false, Some(_), Some(due_at)) if told(lead, rule).is_none() => {
            Ok(due(rule, anchor, occurrence, due_at))
        }
        (false, _, Some(due_at)) => Ok(match started(lead, rule, anchor, due_at)? {
            Some(due_at) => due(rule, anchor, occurrence, due_at),
            None => Standing::TooLate(due_at),
        }),
    }
}

fn due(rule: &Rule, anchor: Moment, occurrence: u32, due_at: Instant) -> Standing<'_> {
    let what = Happens::Fires {
        rule,
        anchor,
        occurrence,
    };
    Standing::Due(Item { due_at, what })
}

/// Since when we know that a rule's anchor happened, and that there is the rule.
fn recorded(lead: &Lead, rule: &Rule, anchor: Moment) -> Instant {
    told(lead, rule).map_or(anchor.recorded, |told| anchor.recorded.max(told))
}

/// When a rule came under which the lead has not fired yet, where that matters.
fn told(lead: &Lead, rule: &Rule) -> Option<Instant> {
    let told = lead.rules_told.iter().find(|(name, _)| *name == rule.name);
    told.map(|(_, told)| told.0)
}

/// When an occurrence starts that nothing fired yet: at its time, unless that was over before
/// its anchor was recorded, or before there was the rule; then as the rule says.
fn started(
    lead: &Lead,
    rule: &Rule,
    anchor: Moment,
    due_at: Instant,
) -> Result<Option<Instant>, CalendarError> {
    let recorded = recorded(lead, rule, anchor);
    if due_at >= recorded {
        return Ok(Some(due_at));
    }
    Ok(match rule.late {
        Late::Skip => None,
        Late::FireIfTold => {
            let knew_the_rule = told(lead, rule).is_none_or(|told| anchor.recorded >= told);
            knew_the_rule.then_some(due_at)
        }
        Late::Fire => Some(due_at),
        Late::FireWithin(delay) => {
            let latest = delay.after(due_at, rule.calendar.of_lead(lead), wait_days(lead))?;
            (latest >= recorded).then_some(due_at)
        }
        Late::Spread(over) => recorded.checked_add_signed(share_of(over, lead, rule)),
    })
}

/// A part of a length of time that is this lead's own, and always the same.
fn share_of(over: Elapsed, lead: &Lead, rule: &Rule) -> Elapsed {
    let hash = hash128(&[lead.id.0.as_bytes(), rule.name.as_str().as_bytes()]);
    let random = u128::from_le_bytes(hash);
    let seconds = u128::try_from(over.num_seconds()).unwrap_or(0).max(1);
    Elapsed::seconds(i64::try_from(random % seconds).unwrap_or(0))
}

/// The first occurrence, `from` or later, that is due behind an instant. Occurrences follow each
/// other in time, so it is found by doubling steps and halving, however many were missed.
fn first_behind(
    from: u32,
    behind: Option<Instant>,
    due_of: &impl Fn(u32) -> Result<Option<Instant>, CalendarError>,
) -> Result<Option<u32>, CalendarError> {
    let Some(behind) = behind else {
        return Ok(Some(from));
    };
    let is_behind = |occurrence: u32| -> Result<Option<bool>, CalendarError> {
        match due_of(occurrence) {
            Ok(due_at) => Ok(due_at.map(|due_at| due_at > behind)),
            Err(CalendarError::OutOfTime) => Ok(Some(true)),
            Err(error) => Err(error),
        }
    };
    let (mut low, mut step) = (from, 1_u32);
    let mut high = loop {
        let candidate = low.saturating_add(step - 1);
        match is_behind(candidate)? {
            None => return Ok(None),
            Some(true) => break candidate,
            Some(false) if candidate == u32::MAX => return Ok(None),
            Some(false) => low = candidate + 1,
        }
        step = step.saturating_mul(2);
    };
    while low < high {
        let middle = low + (high - low) / 2;
        match is_behind(middle)? {
            None => return Ok(None),
            Some(true) => high = middle,
            Some(false) => low = middle + 1,
        }
    }
    Ok(Some(high))
}

/// What a rule's time counts from for this lead, to people: `entered + 90 days (its own wait)`.
#[must_use]
pub fn counts(rule: &Rule, lead: &Lead) -> String {
    let mut told = rule.anchor.to_string();
    match (rule.delay, wait_days(lead)) {
        (Delay::OwnWait, Some(days)) => told.push_str(&format!(" + {days} days (its own wait)")),
        (delay, _) if delay.is_zero() => {}
        (delay, _) => told.push_str(&format!(" + {delay}")),
    }
    if let Some(period) = rule.every {
        told.push_str(&format!(", every {}", period.length));
    }
    told
}
