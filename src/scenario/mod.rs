//! Scenarios: a playbook tested in virtual time, without a line of Rust (requirement Z8).
//!
//! A file in `scenarios/` holds one or more of them:
//!
//! ```toml
//! [[scenario]]
//! name   = "an unanswered lead goes to somebody else after four business hours"
//! covers = ["M6", "M7"]
//! start  = "2026-03-06T16:30:00-05:00"       # a Friday afternoon; office hours end at 18:00
//!
//! [[scenario.step]]
//! register = { ref = "luis", name = "Luis Vera", email = "luis@example.com", source = "web", city = "Quito" }
//! expect   = { owner = "ana", tasks = ["first-contact"], due = "2026-03-09T11:30:00-05:00" }
//!
//! [[scenario.step]]
//! at     = "2026-03-09T09:05:00-05:00"       # time passes until then; all that is due happens
//! tried  = { by = "ana" }
//!
//! [[scenario.step]]
//! at     = "2026-03-09T11:30:00-05:00"
//! expect = { owner = "bea", notified = ["sales-manager"] }
//! ```
//!
//! A step says at most one thing that happens: `register`, `tried`, `reached`, `answered`,
//! `record`, `move`, `close`, `reopen`, `assign`, `reassign`, `hold`, `release`, `set`,
//! `complete`, `quote`, `accept`, `decline`, `book`, `rebook`, `held`, `no-show`, `cancel`, `feedback`
//! (appointments), `attach` (a document), `unsubscribe`, `correct` (the contact's name or phone number), `give-email`, `retry`, `set-up` (an agent), `refer` (an agent is told its code; `register` says `referral` then, the agent or a code), `plan-visits`, `record-visit` (with a `ref`, where a lead comes of it), `merge`, `unmerge` and `distinguish` (the contacts with which leads were registered), or `down-until` (the process is down
//! until then). It is about the lead that was spoken of last; `lead = "luis"`, beside `at` and not
//! inside what happens, names another by its `ref`.
//!
//! Times carry their offset, so that none is ambiguous where clocks change: `Z`, or one that a clock of the
//! playbook has then. `cities` of an agent
//! are a list; dates and instants in fields are written as TOML writes them.
//!
//! What can be expected of the lead: `owner`, `no-owner`, `earlier-owners`, `pipeline`, `stage`,
//! `open`, `outcome`, `fields`, `wait-days`, `reassignments`, `tasks` (the open ones, all of
//! them), `task-for`, `due`, `sla`, `next-at`, `nothing-due`, `ranked` and `passed-over` (what
//! its pool said), `quote` (its version, total, last day, and what it `is`), `appointment` (when the
//! one of a kind is, or what became of it), `documents` (the version of each), `referrer` and
//! `reward`, `same-lead-as`, `same-contact-as`, `contact` (what is known of it), `duplicates`,
//! `history` and `silent` (parts that its explanation says, or doesn't).
//! Of messages about it: `mailed` (to the contact) and `notified` (roles), all since the last
//! step that spoke of the lead; `mailed-as` of the last one, `mail-says` of any; `queued` (until
//! when), `dropped` (why). Of the command: `refused` (the names of all that is missing, or the
//! refusal's code), `refusal-says`, `already-done`. Of rules, messages and sweeps, which nobody
//! waits for: `fails` (parts of the errors); a scenario fails with whatever fails and is not expected
//! to. Of all leads: `count` by conditions. Of the visits of a zone in a week: `visits`, those `open`
//! and the `results`.
//!
//! The agents stand in `scenarios/agents.toml`, once for all scenarios of the playbook. Steps are
//! played through the public API of the engine, on whatever store the runner is given; a failed
//! expectation shows the lead's timeline beside it. [`World`] is the same for tests in Rust.

use smol_str::SmolStr;

use crate::decide::command::{
    Actor, AgentSetup, LeadOrder, Leaving, NewLead, NewVisitPlan, VisitReport,
};
use crate::ids::AgentId;
use crate::playbook::Playbook;
use crate::playbook::fault::Faults;
use crate::playbook::load::Folder;
use crate::time::Instant;

mod agents;
mod appointments;
mod beside;
mod contacts;
mod documents;
mod expect;
mod failures;
mod names;
mod offsets;
mod orders;
mod quotes;
mod read;
mod referrals;
mod refusals;
mod run;
mod told;
mod unmet;
mod visits;
mod world;

pub use appointments::ExpectedAppointment;
pub use beside::read_with_playbook;
pub use contacts::{ExpectedContact, Merging};
pub use expect::Expected;
pub use quotes::ExpectedQuote;
pub use run::{Failure, Outcome, Report, run, run_all};
pub use visits::ExpectedVisits;
pub use world::World;

/// A scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub name: SmolStr,
    /// The requirements that it covers, by number.
    pub covers: Vec<SmolStr>,
    /// When it starts.
    pub start: Instant,
    /// The agents that are set up before it starts.
    pub agents: Vec<AgentSetup>,
    /// What happens.
    pub steps: Vec<Step>,
    /// The file it stands in.
    pub file: SmolStr,
    /// The line it begins on.
    pub line: usize,
}

/// One step of a scenario: something happens, and something is expected of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// When; as soon as the step before is over, if nothing is said.
    pub at: Option<Instant>,
    /// What happens.
    pub doing: Doing,
    /// What is expected.
    pub expected: Vec<Expected>,
    /// Which lead it is about, by its `ref`.
    pub lead: Option<SmolStr>,
    /// The line it begins on.
    pub line: usize,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub enum Doing {
    /// Nothing: something is expected only.
    Look,
    /// A lead is taken in.
    Register(Box<NewLead>, Asked),
    /// Something is done with a lead.
    Order(LeadOrder, Asked),
    /// An agent is set up or changed.
    SetUp(Box<AgentSetup>, Asked),
    /// An agent leaves.
    Leave(Box<Leaving>, Asked),
    /// An agent is told the code to refer with.
    Refer(AgentId, Asked),
    /// Visits are planned.
    PlanVisits(Box<NewVisitPlan>, Asked),
    /// What came of a visit is recorded, and the lead of the step is registered, if one comes of it.
    RecordVisit(Box<VisitReport>, Asked),
    /// Contacts are merged, parted again, or told from each other.
    Merge(Merging, Asked),
    /// The process is down until then; nothing happens in between.
    DownUntil(Instant),
}

/// How a command is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asks.
    pub by: Actor,
    /// When it happened, if it is reported late.
    pub happened_at: Option<Instant>,
    /// The id of the command, if it has one of its own.
    pub id: Option<SmolStr>,
}

/// Reads all scenarios of a playbook.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn read(folder: &Folder) -> Result<Vec<Scenario>, Faults> {
    read::read(folder, None)
}

/// Reads all scenarios of a playbook, and checks that what they name is there: the playbook's stages,
/// tasks, templates, roles, fields and the values of these, their own agents and leads. What there
/// isn't would only fail when it is played, or, expected not to be, never. A step may name what there
/// isn't where it expects to be refused for that.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn read_for(playbook: &Playbook, folder: &Folder) -> Result<Vec<Scenario>, Faults> {
    read::read(folder, Some(playbook))
}
