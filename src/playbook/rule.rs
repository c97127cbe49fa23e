//! Rules: the one shape of everything that happens in time (the fifth design idea).
//!
//! ```text
//! on <anchor> [+ delay] [every <period>] [if <condition>] [until <condition>] do <actions>
//! ```
//!
//! The playbook's friendlier words (`sla`, `ageing`, `wait`, `reminder`) are read into rules, and
//! behind that no friendly name exists.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::calendar::Calendar;
use crate::condition::Condition;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::money::Money;
use crate::playbook::delay::Delay;
use crate::playbook::fingerprint::Fingerprint;
use crate::playbook::pipeline::TaskSpec;
use crate::record::Lead;
use crate::record::appointment::Became;
use crate::record::message::{Class, OnOwnerChange};
use crate::time::Elapsed;
use crate::value::Value;

/// Something that happens to a lead in time.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its stable name.
    pub name: Name,
    /// Which leads it is for.
    pub scope: Scope,
    /// What its time counts from.
    pub anchor: Anchor,
    /// How long after (or before) the anchor it is due.
    pub delay: Delay,
    /// How often it comes again.
    pub every: Option<Period>,
    /// What must hold when it is due; otherwise that occurrence is skipped.
    pub only_if: Option<Condition>,
    /// What ends it, as soon as it holds.
    pub until: Option<Condition>,
    /// Which holds stop its time.
    pub stopped_by: StoppedBy,
    /// What becomes of an occurrence that was due before its anchor was recorded.
    pub late: Late,
    /// The hours of its business time, and the zone in which its days end.
    pub calendar: BusinessTime,
    /// What it does, in order.
    pub actions: Vec<Action>,
    /// What tells it from a rule of the same name in another playbook that fires at other times.
    pub fingerprint: Fingerprint,
}

/// A calendar under the name that it has in the playbook.
#[derive(Clone, Debug)]
pub struct NamedCalendar {
    /// Its name; empty for the one that is open round the clock where none is named.
    pub name: Name,
    /// Itself.
    pub calendar: Calendar,
}

/// In whose hours something counts: those of a calendar, or those of the agent whom it is about.
#[derive(Clone, Debug)]
pub struct BusinessTime {
    calendar: NamedCalendar,
    /// The calendars among which the agents' own are, where theirs count.
    of_agents: Option<Arc<[NamedCalendar]>>,
}

impl BusinessTime {
    /// What stands in the place of a calendar's name where the owner's own hours count.
    pub const OWNER: &'static str = "owner";

    /// Those of a calendar, whoever it is about.
    #[must_use]
    pub fn fixed(calendar: NamedCalendar) -> Self {
        let of_agents = None;
        Self {
            calendar,
            of_agents,
        }
    }

    /// Those of the agent, which is one of these calendars; of who has none of them, the other one.
    #[must_use]
    pub fn of_agents(calendars: Arc<[NamedCalendar]>, other: NamedCalendar) -> Self {
        Self {
            calendar: other,
            of_agents: Some(calendars),
        }
    }

    /// The calendar for an agent whose own is the one of this name.
    #[must_use]
    pub fn of_agent(&self, own: Option<&Name>) -> &Calendar {
        let own = self.of_agents.as_ref().zip(own);
        let own = own.and_then(|(all, own)| all.iter().find(|known| known.name == *own));
        &own.unwrap_or(&self.calendar).calendar
    }

    /// The calendar for a lead: where the owner's own hours count, by the copy that the lead keeps.
    #[must_use]
    pub fn of_lead(&self, lead: &Lead) -> &Calendar {
        let owner = lead.owner.as_ref();
        self.of_agent(owner.and_then(|owner| owner.hours.as_ref()))
    }

    /// The calendar's name, or [`BusinessTime::OWNER`].
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.of_agents {
            Some(_) => Self::OWNER,
            None => self.calendar.name.as_str(),
        }
    }
}

impl Rule {
    /// What becomes of its time when the lead comes to another owner. The task whose deadline a rule
    /// counts from may begin anew then: `task` is that one.
    #[must_use]
    pub fn on_hand_over(&self, task: Option<&TaskSpec>) -> OnHandOver {
        match (&self.anchor, task) {
            (Anchor::Overdue(_), Some(task)) if task.on_hand_over.is_a_restart() => {
                task.on_hand_over
            }
            (anchor, _) => OnHandOver::of(Some(anchor), &self.calendar),
        }
    }
}

/// Which leads a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Leads in one of these stages; in any, if empty.
    pub stages: Vec<StageRef>,
    /// Leads of this wait group; any or none, if `None`.
    pub wait: Option<Name>,
    /// Open leads, closed ones, or all.
    pub leads: Leads,
}

/// Whether a rule is for open leads, closed ones, or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leads {
    /// Open ones: the default.
    #[default]
    Open,
    /// Closed ones: rules on a lead's end, or on the entry into a final stage.
    Closed,
    /// All: rules on tasks that outlive the lead.
    All,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.leads {
            Leads::Open => "open",
            Leads::Closed => "closed",
            Leads::All => "all",
        })?;
        for stage in &self.stages {
            write!(f, " {stage}")?;
        }
        match &self.wait {
            Some(wait) => write!(f, " waiting {wait}"),
            None => Ok(()),
        }
    }
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StageRef {
    /// The pipeline.
    pub pipeline: Name,
    /// The stage.
    pub stage: Name,
}

impl StageRef {
    /// Whether it is the stage of these names.
    #[must_use]
    pub fn is(&self, pipeline: &Name, stage: &Name) -> bool {
        self.stage == *stage && self.pipeline == *pipeline
    }
}

impl fmt::Display for StageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pipeline, self.stage)
    }
}

/// What a rule's time counts from.
#[derive(Clone, Debug, PartialEq)]
pub enum Anchor {
    /// The registration.
    Registered,
    /// The lead's coming to its present owner.
    Assigned,
    /// The lead's coming to the team of its present owner.
    Team,
    /// The entry into the present stage, which is one of the scope's.
    Entered,
    /// The contact's last answer.
    Answered,
    /// The last attempt at contact.
    Attempted,
    /// The last time that somebody did something with the lead.
    Touched,
    /// The lead's end.
    Closed,
    /// The making of the current version of its quote.
    Quoted,
    /// The end of the quote's validity, as long as nothing was said to it.
    QuoteExpires,
    /// The acceptance of the quote.
    Accepted,
    /// The time of the open appointment of this kind.
    Appointment(Name),
    /// That the last appointment of this kind became so: held, missed or cancelled.
    AppointmentEnded(Name, Became),
    /// The last feedback on an appointment of this kind.
    Feedback(Name),
    /// The attaching of the current version of this document.
    Attached(Name),
    /// The date or instant in a field.
    Field(Name),
    /// The deadline of the open task of this name.
    Overdue(Name),
    /// A condition's coming true.
    Turns(Condition),
}

impl Anchor {
    /// Whether it is a date that comes when it comes, whatever is held.
    #[must_use]
    pub fn is_a_date(&self) -> bool {
        matches!(
            self,
            Self::Field(_) | Self::QuoteExpires | Self::Appointment(_)
        )
    }

    /// Whether it is known before it comes, so that something can be due before it.
    #[must_use]
    pub(crate) fn may_lie_ahead(&self) -> bool {
        self.is_a_date() || matches!(self, Self::Overdue(_))
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered => f.write_str("registered"),
            Self::Assigned => f.write_str("assigned"),
            Self::Team => f.write_str("team"),
            Self::Entered => f.write_str("entered"),
            Self::Answered => f.write_str("answered"),
            Self::Attempted => f.write_str("attempted"),
            Self::Touched => f.write_str("touched"),
            Self::Closed => f.write_str("closed"),
            Self::Quoted => f.write_str("quoted"),
            Self::QuoteExpires => f.write_str("quote-expires"),
            Self::Accepted => f.write_str("accepted"),
            Self::Appointment(kind) => write!(f, "appointment {kind}"),
            Self::AppointmentEnded(kind, how) => write!(f, "{} {kind}", how.as_str()),
            Self::Feedback(kind) => write!(f, "feedback {kind}"),
            Self::Attached(kind) => write!(f, "attached {kind}"),
            Self::Field(field) => write!(f, "field {field}"),
            Self::Overdue(task) => write!(f, "overdue {task}"),
            Self::Turns(condition) => write!(f, "when {condition}"),
        }
    }
}

/// What a hand-over, the lead's coming to another owner, is to a rule's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHandOver {
    /// It begins anew with each owner.
    Restarts,
    /// It begins anew with an owner of another team, and goes on within one.
    RestartsWithTeam,
    /// It goes on from where it began, in the hours of the new owner.
    CountsAnew,
    /// It goes on.
    GoesOn,
}

impl OnHandOver {
    /// What it is to the time that counts from an anchor, or from none that is known, in a calendar.
    #[must_use]
    pub fn of(anchor: Option<&Anchor>, calendar: &BusinessTime) -> Self {
        match anchor {
            Some(Anchor::Assigned | Anchor::Touched) => Self::Restarts,
            Some(Anchor::Team) => Self::RestartsWithTeam,
            _ if calendar.name() == BusinessTime::OWNER => Self::CountsAnew,
            _ => Self::GoesOn,
        }
    }

    /// Whether the time begins anew, with each owner or with each team.
    #[must_use]
    pub fn is_a_restart(self) -> bool {
        matches!(self, Self::Restarts | Self::RestartsWithTeam)
    }
}

words!(OnHandOver {
    Restarts = "restarts",
    RestartsWithTeam = "restarts-with-team",
    CountsAnew = "counts-anew",
    GoesOn = "goes-on"
});

/// How often a rule comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// From one occurrence to the next.
    pub length: Delay,
    /// The first occurrence: 0 is at the delay's end, 1 a period later.
    pub first: u32,
    /// How many occurrences there are at most.
    pub at_most: Option<u32>,
}

impl Period {
    /// Which time an occurrence is, from 1.
    #[must_use]
    pub fn number_of(self, occurrence: u32) -> u32 {
        occurrence.saturating_sub(self.first).saturating_add(1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.length, self.first)?;
        match self.at_most {
            Some(most) => write!(f, " at most {most}"),
            None => Ok(()),
        }
    }
}

/// Which holds stop a rule's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// All of them: the default, but for dates.
    Any,
    /// These; none, if empty.
    Named(Vec<Name>),
}

impl StoppedBy {
    /// Whether a hold of this name stops it.
    #[must_use]
    pub fn covers(&self, hold: &Name) -> bool {
        match self {
            Self::Any => true,
            Self::Named(names) => names.contains(hold),
        }
    }
}

impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Named(names) => names.iter().try_for_each(|name| write!(f, "`{name}` ")),
        }
    }
}

/// What becomes of an occurrence that was due before its anchor was recorded: of an import, or
/// of a rule that a changed playbook adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// It is skipped: the default of a rule that waits, repeats, counts from a date or writes to the
    /// contact.
    Skip,
    /// It fires at once where its anchor was told late, and is skipped where there was no such rule
    /// then: the default of any other rule.
    FireIfTold,
    /// It fires at once.
    Fire,
    /// It fires at once, unless it is older than this: a service level is taken up as long as it
    /// can be kept.
    FireWithin(Delay),
    /// It fires some time within this length, so that an import doesn't fire all at once. Which
    /// time is decided by the lead's id.
    Spread(Elapsed),
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("skip"),
            Self::FireIfTold => f.write_str("fire if told late"),
            Self::Fire => f.write_str("fire"),
            Self::FireWithin(delay) => write!(f, "fire within {delay}"),
            Self::Spread(over) => write!(f, "spread over {} seconds", over.num_seconds()),
        }
    }
}

/// What a rule, or a choice in a task, does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Sends a message to the contact.
    Send(Send),
    /// Tells agents.
    Notify {
        /// Whom.
        whom: Whom,
        /// With which template.
        template: Name,
    },
    /// Opens a task.
    Task(Name),
    /// Lets a pool choose an owner.
    Assign(Assign),
    /// Moves the lead to a stage; into a final one, it closes it; out of one, it reopens it.
    Move {
        /// The stage, in the lead's pipeline.
        stage: Name,
        /// The reason, where the stage asks for one.
        reason: Option<SmolStr>,
    },
    /// Gives a field a value.
    Set {
        /// Which field.
        field: Name,
        /// To what.
        to: SetTo,
    },
    /// Does what the host registered under this name: see [`host`](crate::playbook::host).
    Host(Name),
    /// Records the reward of who referred the lead, once.
    Reward(Money),
}

/// What a field is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum SetTo {
    /// A value.
    Value(Value),
    /// No value: what it had is taken away.
    Nothing,
    /// A day or an instant, so long after or before another.
    Later {
        /// From when.
        from: Since,
        /// How long after it: seconds to hours, days or months, these in the playbook's zone.
        by: Delay,
    },
}

/// From when a date is reckoned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// When it is done.
    Now,
    /// The date or instant in a field.
    Field(Name),
    /// An instant that every lead knows of itself, as `entered_at`.
    Fact(LeadFact),
}

impl fmt::Display for SetTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, by) = match self {
            Self::Value(value) => return write!(f, "{value}"),
            Self::Nothing => return f.write_str("nothing"),
            Self::Later { from, by } => (from, by),
        };
        match from {
            Since::Now => f.write_str("now")?,
            Since::Field(field) => write!(f, "{field}")?,
            Since::Fact(fact) => f.write_str(fact.built_in().name)?,
        }
        match by {
            by if by.is_zero() => Ok(()),
            by if by.is_negative() => write!(f, " - {}", by.opposite()),
            by => write!(f, " + {by}"),
        }
    }
}

impl Action {
    /// This one, and what comes in its place when it can't be done.
    pub fn with_fallbacks(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |action| match action {
            Self::Assign(assign) => assign.then.as_deref(),
            _ => None,
        })
    }

    /// Its verb, as the playbook says it; the name of an action of the host's.
    #[must_use]
    pub fn verb(&self) -> &str {
        match self {
            Self::Send(_) => "send",
            Self::Notify { .. } => "notify",
            Self::Task(_) => "task",
            Self::Assign(_) => "assign",
            Self::Move { .. } => "move",
            Self::Set {
                to: SetTo::Nothing, ..
            } => "clear",
            Self::Set { .. } => "set",
            Self::Host(name) => name.as_str(),
            Self::Reward(_) => "reward",
        }
    }
}

/// A message to the contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// The template.
    pub template: Name,
    /// Whether it goes in the owner's name, or in the organisation's.
    pub as_owner: bool,
    /// What becomes of it when the owner changes before it goes.
    pub on_owner_change: OnOwnerChange,
    /// Marketing or alert.
    pub class: Class,
    /// The mailer.
    pub channel: Name,
    /// After how long it is too old to go.
    pub expires_after: Option<Elapsed>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The lead's owner.
    Owner,
    /// Who referred the lead.
    Referrer,
    /// Who owned the lead before; the owner, where nobody did, or who did has left. Or who of this team
    /// owned it last; the team, where none of it did who is still in it.
    EarlierOwner(Option<Name>),
    /// All agents of a role.
    Role(Name),
    /// All agents of a team.
    Team(Name),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Referrer => f.write_str("referrer"),
            Self::EarlierOwner(None) => f.write_str("earlier-owner"),
            Self::EarlierOwner(Some(team)) => write!(f, "earlier-owner:{team}"),
            Self::Role(role) => write!(f, "{role}"),
            Self::Team(team) => write!(f, "team:{team}"),
        }
    }
}

/// A pool's choice of an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    /// The pool.
    pub pool: Name,
    /// Whether agents who had the lead since it was registered are passed over.
    pub not_earlier_owners: bool,
    /// How often rules may reassign a lead since it was registered; then, `then`.
    pub at_most: Option<u32>,
    /// What happens when nobody is eligible or it was done too often.
    pub then: Option<Box<Action>>,
}
