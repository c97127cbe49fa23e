//! A lead: one thing to follow through with a contact (the sixth design idea).
//!
//! A sale, a workshop visit, a recall, a car to look after: what differs is the pipeline.

use std::sync::Arc;

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::email::Email;
use crate::ids::{AgentId, ContactId, Id, LeadId, Name};
use crate::record::appointment::{Appointment, Appointments, Feedback};
use crate::record::contact::Contact;
use crate::record::document::{Document, Documents};
use crate::record::fields::Fields;
use crate::record::history::History;
use crate::record::pool::Reasons;
use crate::record::quote::Quote;
use crate::record::referral::{Referral, Reward};
use crate::time::Instant;

/// A lead, whole: everything that its clocks, guards and rules ask of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// The playbook that clocked it, by hash.
    pub playbook: Name,
    /// The contact, with copies of what conditions ask of it.
    pub contact: ContactCopy,
    /// The pipeline it is in.
    pub pipeline: Name,
    /// The stage it is in.
    pub stage: Name,
    /// When it entered that stage.
    pub entered: Moment,
    /// The stage that it was in before, in the same pipeline or another; `None` if it was registered
    /// into the one where it is.
    pub came_from: Option<(Name, Name)>,
    /// The stages that it was in, this one among them, one entry each. The playbook bounds them; above
    /// [`Lead::MOST_KEPT`] those go that it no longer knows.
    pub stays: Vec<Stay>,
    /// The wait group that it is in, or was last in, and how long it waits there.
    pub wait: Option<Wait>,
    /// Where it came from.
    pub source: Option<Name>,
    /// Who referred it, if somebody did.
    pub referral: Option<Referral>,
    /// When it was registered.
    pub registered: Moment,
    /// When its present life began: when it was registered or last reopened.
    pub opened: Moment,
    /// When somebody last did something with it. What happened between people and is told late (an attempt, an
    /// answer, an activity, what became of an appointment or a quote) touched it when it happened; whatever is
    /// done to the lead touches it when that is told. What a rule does is no touch, but for giving it to
    /// somebody.
    pub touched: Moment,
    /// The agent who registered it, if one did.
    pub registered_by: Option<AgentId>,
    /// Who holds it, and since when.
    pub owner: Option<Owner>,
    /// Who held it before, the latest last; each once. At most [`Lead::MOST_KEPT`]: the first
    /// ones are forgotten, and may have it again.
    pub earlier_owners: Vec<AgentId>,
    /// The team of the one who held it last before its owner, as it was then.
    pub earlier_team: Option<Name>,
    /// How often a rule reassigned it since it was registered.
    pub reassignments: u32,
    /// What contact was tried.
    pub attempts: Attempts,
    /// When the contact last answered.
    pub answered: Option<Moment>,
    /// Activities that agents recorded, one for each kind. The playbook bounds the kinds; above
    /// [`Lead::MOST_KEPT`] those go that it no longer knows.
    pub activities: Vec<Activity>,
    /// The playbook's own fields, at most [`Fields::MOST`].
    pub fields: Fields,
    /// When each field that is a date was told, for what is due before it: one for each field at
    /// most.
    pub dates_told: Vec<(Name, ToldAt)>,
    /// Why it ended, or why it is to end.
    pub reason: Option<SmolStr>,
    /// How it ended, if it did.
    pub closed: Option<Closed>,
    /// How often it ended.
    pub ends: u32,
    /// Why it ended earlier, the latest last. At most [`Lead::MOST_REASONS`]: the first ones are
    /// forgotten.
    pub earlier_reasons: Vec<EarlierReason>,
    /// What was offered to the contact, the current version last. At most [`Lead::MOST_QUOTES`]: the
    /// first ones are forgotten.
    pub quotes: Vec<Quote>,
    /// Its appointments, by kind: the playbook bounds the kinds. Above [`Lead::MOST_KINDS`] those go
    /// that it no longer knows.
    pub appointments: Vec<Appointments>,
    /// Its documents, by kind: the playbook bounds the kinds. Above [`Lead::MOST_KINDS`] those go that
    /// it no longer knows.
    pub documents: Vec<Documents>,
    /// What stops or stopped its clocks, in the order in which they began. At most
    /// [`Lead::MOST_HOLDS`]: then those go that no clock counts any more, and if none of them
    /// does, one more is refused.
    pub holds: Vec<Hold>,
    /// What is to be done for it, and what was. At most [`Lead::MOST_KEPT`]: of those that ended,
    /// the oldest go. A task is open once, so a playbook, which has no more of them, bounds what
    /// is open.
    pub tasks: Vec<Task>,
    /// For each rule of its playbook that ever fired, its last occurrence.
    pub fired: Vec<Fired>,
    /// When each rule of its playbook came whose time had passed already, or that had fired in
    /// another way: rules that a changed playbook added or changed. Until they fire.
    pub rules_told: Vec<(Name, ToldAt)>,
    /// For each condition that a rule of its playbook waits for, since when it has been true.
    pub since: Vec<(Name, Moment)>,
    /// The unique claims that it holds: one for each base of its playbook at most.
    pub claims: Vec<Id>,
    /// That its history contradicts itself, and how: each way once.
    pub flags: Vec<Flag>,
    /// What went wrong with its clock, until it goes well again.
    pub trouble: Option<Trouble>,
    /// When it was last decided about: conditions over time turn after this.
    #[serde(with = "ts_microseconds")]
    pub settled_at: Instant,
    /// Its history in the journal.
    pub history: History,
}

/// When something happened, and when we were told.
///
/// The two differ for what is imported or reported late. An occurrence that was due before
/// its anchor was recorded is skipped, unless its rule says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When it happened.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// When it was recorded.
    #[serde(with = "ts_microseconds")]
    pub recorded: Instant,
}

impl Moment {
    /// Something that happens and is recorded at once.
    #[must_use]
    pub fn now(at: Instant) -> Self {
        Self { at, recorded: at }
    }
}

/// When something was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldAt(#[serde(with = "ts_microseconds")] pub Instant);

/// What a lead keeps of its contact; whoever changes the contact updates its open leads in the
/// same commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactCopy {
    /// The contact.
    pub id: ContactId,
    /// The name.
    pub name: SmolStr,
    /// The e-mail address.
    pub email: Option<Email>,
    /// The phone number, as given.
    pub phone: Option<SmolStr>,
    /// Whether the contact unsubscribed.
    pub unsubscribed: bool,
    /// Whether mail came back for good.
    pub email_invalid: bool,
    /// Whether another contact is possibly the same person.
    pub possible_duplicate: bool,
}

impl ContactCopy {
    /// The copy of a contact as it is.
    #[must_use]
    pub fn of(contact: &Contact) -> Self {
        Self {
            id: contact.id,
            name: contact.name.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
            unsubscribed: contact.unsubscribed_at.is_some(),
            email_invalid: contact.email_invalid_at.is_some(),
            possible_duplicate: !contact.duplicates.is_empty(),
        }
    }
}

/// That a lead was in a stage, and how often it came there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// The pipeline.
    pub pipeline: Name,
    /// The stage.
    pub stage: Name,
    /// How often it entered.
    pub entries: u32,
    /// When it last entered.
    pub entered: Moment,
}

/// A wait group, and the lead's own wait inside its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The group.
    pub group: Name,
    /// How long this lead waits, in calendar days of the playbook's zone.
    pub wait_days: u32,
}

/// Who holds a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// The agent.
    pub agent: AgentId,
    /// The agent's role when last copied.
    pub role: Name,
    /// The agent's team when last copied.
    pub team: Option<Name>,
    /// The agent's own hours when last copied, by the name of their calendar.
    pub hours: Option<Name>,
    /// Since when; of a lead that was reopened for its owner, since then.
    pub assigned: Moment,
    /// Since when it is with this team, whoever of the team held it; or since it was reopened.
    pub team_since: Moment,
    /// How it came to be this agent.
    pub because: Because,
}

/// Why an agent holds a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Because {
    /// The agent registered it (M4).
    RegisteredIt,
    /// Somebody gave it to this agent by name.
    GivenBy(SmolStr),
    /// A pool chose, for these reasons (M2).
    Chosen(Arc<Reasons>),
}

/// What contact was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempts {
    /// How often the contact was reached.
    pub reached: u32,
    /// How often not.
    pub unanswered: u32,
    /// How often, reached or not, since the lead was registered or last reopened.
    pub since_opened: u32,
    /// The last one.
    pub last: Option<Moment>,
    /// The last one that reached the contact.
    pub last_reached: Option<Moment>,
}

impl Attempts {
    /// How often contact was tried.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.reached.saturating_add(self.unanswered)
    }
}

/// How often an activity was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its kind, as the playbook names it.
    pub kind: Name,
    /// How often.
    pub count: u32,
    /// The last time.
    pub last: Moment,
}

/// How a lead ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Moment,
    /// The outcome of the final stage: `won`, `lost`, or the playbook's own.
    pub outcome: Name,
    /// Which of its ends this is, from 1.
    pub number: u32,
    /// The agent who won it: who owned it then, if it was won. The win is taken back when the
    /// lead doesn't stay so.
    pub won_by: Option<AgentId>,
}

impl Closed {
    /// The outcome that counts as a success.
    pub const WON: &'static str = "won";

    /// Whether that was a success.
    #[must_use]
    pub fn is_won(&self) -> bool {
        self.outcome == Self::WON
    }
}

/// Why a lead ended, at an end that is not its last: the journal, which outlives persons, does not
/// keep what people type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierReason {
    /// Which of its ends, from 1.
    pub number: u32,
    /// The reason.
    pub reason: SmolStr,
}

/// Something that stops a lead's clocks. Held time does not spend a wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name in the playbook.
    pub name: Name,
    /// From when.
    #[serde(with = "ts_microseconds")]
    pub from: Instant,
    /// Until when, or still.
    #[serde(with = "ts_microseconds_option")]
    pub until: Option<Instant>,
}

/// Something to be done for a lead by somebody until some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Which task of the playbook.
    pub name: Name,
    /// Which opening of it, counted from 1 over the lead's life.
    pub number: u32,
    /// Who is to do it.
    pub assignee: Assignee,
    /// Since when.
    #[serde(with = "ts_microseconds")]
    pub opened_at: Instant,
    /// What its deadline counts from: the anchor of the rule that opened it.
    pub anchor: Moment,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
}

/// Who is to do a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Assignee {
    /// Whoever owns the lead.
    Owner,
    /// Anybody of this role.
    Role(Name),
    /// Anybody of this team.
    Team(Name),
    /// This agent, whoever owns the lead.
    Agent(AgentId),
}

impl std::fmt::Display for Assignee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Role(role) => write!(f, "{role}"),
            Self::Team(team) => write!(f, "team:{team}"),
            Self::Agent(agent) => write!(f, "{agent}"),
        }
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// Its deadline then, which holds may have moved.
    #[serde(with = "ts_microseconds_option")]
    pub due_at: Option<Instant>,
    /// In what way.
    pub how: How,
    /// Who completed it.
    pub by: Option<SmolStr>,
    /// What was chosen, where the task asks for a choice.
    pub choice: Option<Name>,
    /// Why, where the choice asks for a reason.
    pub reason: Option<SmolStr>,
}

/// In what way a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// Done, by hand or because its condition came true.
    Done,
    /// Not done, and its time was over when it was no longer to be done: when the lead was closed, or
    /// the owner changed.
    Missed,
    /// No longer to be done, and its time was not over: the lead was closed, the owner changed. So it is
    /// whenever a changed playbook has no such task, since that says nothing of its time.
    Dropped,
}

impl Ended {
    /// Whether it was done, and in time.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.how == How::Done && self.due_at.is_none_or(|due_at| self.at <= due_at)
    }
}

/// The last occurrence of a rule whose time came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// The rule.
    pub rule: Name,
    /// The anchor that it counted from; another anchor starts anew.
    #[serde(with = "ts_microseconds")]
    pub anchor: Instant,
    /// Which occurrence of that anchor, from 0.
    pub occurrence: u32,
    /// When, which may be later than it was due.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// Whether it did nothing, since its `if` did not hold.
    pub was_skipped: bool,
}

/// A contradiction in a lead's history: kept and shown, not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flag {
    /// It was closed before it was registered.
    ClosedBeforeRegistered,
    /// It was tried or answered before it was registered.
    TouchedBeforeRegistered,
}

impl Flag {
    /// What it says, to people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClosedBeforeRegistered => "closed before it was registered",
            Self::TouchedBeforeRegistered => "tried or answered before it was registered",
        }
    }
}

/// What went wrong with a record's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// How often in a row.
    pub failures: u32,
    /// What it said the last time.
    pub error: SmolStr,
    /// When to try again; `None` once it is set aside.
    #[serde(with = "ts_microseconds_option")]
    pub retry_at: Option<Instant>,
}

impl Trouble {
    /// How many failures in a row set a record aside.
    pub const PATIENCE: u32 = 3;

    /// Whether the record is set aside until somebody releases it.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.retry_at.is_none()
    }
}

impl Lead {
    /// How many tasks, earlier owners and kinds of activities are kept.
    pub const MOST_KEPT: usize = 64;
    /// How many reasons of earlier ends are kept.
    pub const MOST_REASONS: usize = 16;
    /// How many versions of its quote are kept.
    pub const MOST_QUOTES: usize = 8;
    /// How many kinds of appointments, and of documents, are kept.
    pub const MOST_KINDS: usize = 16;
    /// How many holds are kept. None is forgotten that a clock counts: that would move due times.
    pub const MOST_HOLDS: usize = 64;

    /// Whether it is still to be followed through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether it is closed, and holds a place in a base all the same.
    pub(crate) fn keeps_a_place(&self) -> bool {
        !self.is_open() && !self.claims.is_empty()
    }

    /// Whether it was set aside because its clock failed.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.trouble.as_ref().is_some_and(Trouble::is_set_aside)
    }

    /// Who holds it.
    #[must_use]
    pub fn owner_id(&self) -> Option<&AgentId> {
        self.owner.as_ref().map(|owner| &owner.agent)
    }

    /// Who referred it.
    #[must_use]
    pub fn referrer(&self) -> Option<&AgentId> {
        self.referral.as_ref().map(|referral| &referral.referrer)
    }

    /// What its referrer was rewarded with.
    #[must_use]
    pub fn reward(&self) -> Option<&Reward> {
        self.referral.as_ref()?.reward.as_ref()
    }

    /// The current version of its quote.
    #[inline]
    #[must_use]
    pub fn quote(&self) -> Option<&Quote> {
        self.quotes.last()
    }

    /// The appointments of a kind, if there were any.
    #[must_use]
    pub fn appointments_of(&self, kind: &Name) -> Option<&Appointments> {
        self.appointments.iter().find(|of| of.kind == *kind)
    }

    /// The open appointment of a kind.
    #[must_use]
    pub fn appointment(&self, kind: &Name) -> Option<&Appointment> {
        self.appointments_of(kind)?.open()
    }

    /// The current version of a document.
    #[must_use]
    pub fn document(&self, kind: &Name) -> Option<&Document> {
        let of_kind = self.documents.iter().find(|of| of.kind == *kind);
        of_kind?.current()
    }

    /// The appointment that a text speaks of, with its kind: the open one that comes first; or else the
    /// last one that there was.
    #[must_use]
    pub fn next_appointment(&self) -> Option<(&Name, &Appointment)> {
        let open = self.appointments.iter();
        let open = open.filter_map(|of| Some((&of.kind, of.open()?)));
        let last = || {
            let last = self.appointments.iter();
            let last = last.filter_map(|of| Some((&of.kind, of.latest.last()?)));
            last.max_by_key(|(_, last)| last.ended.as_ref().map(|ended| ended.at.recorded))
        };
        open.min_by_key(|(_, open)| open.at).or_else(last)
    }

    /// What was said last of an appointment, of any kind.
    #[must_use]
    pub fn last_feedback(&self) -> Option<&Feedback> {
        let said = self.appointments.iter();
        let said = said.filter_map(Appointments::last_feedback);
        said.max_by_key(|feedback| feedback.at.recorded)
    }

    /// What is known of its being in a stage, now or earlier.
    #[must_use]
    pub fn stay(&self, pipeline: &Name, stage: &Name) -> Option<&Stay> {
        self.stays
            .iter()
            .find(|stay| stay.stage == *stage && stay.pipeline == *pipeline)
    }

    /// Puts it into a stage: where it is, where it came from, and how often it was there. What
    /// follows from that is for whoever moves it.
    pub(crate) fn enter(&mut self, pipeline: &Name, stage: &Name, entered: Moment) {
        let is_somewhere = !self.stage.as_str().is_empty();
        let from = (self.pipeline.clone(), self.stage.clone());
        self.came_from = is_somewhere.then_some(from);
        (self.pipeline, self.stage) = (pipeline.clone(), stage.clone());
        self.add_stay(Stay {
            pipeline: pipeline.clone(),
            stage: stage.clone(),
            entries: 1,
            entered,
        });
    }

    /// Adds a stay to what is known of its being in that stage.
    pub(crate) fn add_stay(&mut self, added: Stay) {
        let is_there =
            |stay: &&mut Stay| stay.stage == added.stage && stay.pipeline == added.pipeline;
        match self.stays.iter_mut().find(is_there) {
            Some(stay) => {
                stay.entries = stay.entries.saturating_add(added.entries);
                if stay.entered.at <= added.entered.at {
                    stay.entered = added.entered;
                }
            }
            None => self.stays.push(added),
        }
    }

    /// The open task of this name.
    #[must_use]
    pub fn open_task(&self, name: &Name) -> Option<&Task> {
        self.tasks
            .iter()
            .rev()
            .find(|task| task.ended.is_none() && task.name == *name)
    }

    /// What a rule did last, or was skipped for.
    #[must_use]
    pub fn last_fired(&self, rule: &Name) -> Option<&Fired> {
        self.fired.iter().find(|fired| fired.rule == *rule)
    }

    /// The hold of this name that still stops its clocks.
    #[must_use]
    pub fn running_hold(&self, name: &Name) -> Option<&Hold> {
        self.holds
            .iter()
            .find(|hold| hold.until.is_none() && hold.name == *name)
    }
}
