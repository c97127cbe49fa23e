//! Refusals: why a command was not carried out, as a value that a form can show.
//!
//! A refusal wrote nothing. It lists everything that is missing at once.

use std::fmt;

use chrono::NaiveDate;
use smol_str::{SmolStr, format_smolstr};

use crate::hint::nearest;
use crate::ids::{AgentId, ContactId, LeadId, Name};
use crate::record::pool::Reasons;
use crate::record::quote::Says;
use crate::time::Instant;
use crate::told::{self, shortened};
use crate::week::Week;

mod codes;
mod input;

pub(crate) use input::Gaps;
pub use input::{Gap, Problem};

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Needs that are not met, all of them.
    #[error("not yet: {}", listed(.0))]
    Missing(Vec<Missing>),
    /// Inputs that are missing or can't be right, all of them.
    #[error("cannot be taken in: {}", listed(.0))]
    Incomplete(Vec<Gap>),
    /// No way leads from the lead's stage to that one.
    #[error("no way leads from {from} to {to}; from there: {}", listed(.ways))]
    NoWay {
        /// The lead's stage.
        from: Name,
        /// The stage asked for.
        to: Name,
        /// Where ways lead.
        ways: Vec<Name>,
    },
    /// The actor's role may not do this.
    #[error("{actor} may not {permission}; who may: {}", roles_named(.who_may))]
    NotPermitted {
        /// Who asked.
        actor: SmolStr,
        /// What for, in the playbook's word.
        permission: SmolStr,
        /// The roles that may.
        who_may: Vec<Name>,
    },
    /// The actor may do this, but not on this lead.
    #[error("{actor} may not act on this lead; it is {}'s; who may on everybody's: {}", .owner.as_ref().map_or("nobody", |owner| owner.as_str()), roles_named(.who_may))]
    NotTheirs {
        /// Who asked.
        actor: SmolStr,
        /// Who owns the lead.
        owner: Option<AgentId>,
        /// The roles that may do it on everybody's leads.
        who_may: Vec<Name>,
    },
    /// The task is somebody else's.
    #[error("{actor} may not complete this task; it is for {assignee}; who may any: {}", roles_named(.who_may))]
    NotTheirTask {
        /// Who asked.
        actor: SmolStr,
        /// Whose it is: an agent, or a team.
        assignee: SmolStr,
        /// The roles that may complete any.
        who_may: Vec<Name>,
    },
    /// The actor may do this, but not with this sweep.
    #[error("{actor} may cancel or retry only sweeps of their own; this one is of {started_by}; who may any: {}", roles_named(.who_may))]
    NotTheirSweep {
        /// Who asked.
        actor: SmolStr,
        /// Who started the sweep.
        started_by: SmolStr,
        /// The roles that may do it with any sweep.
        who_may: Vec<Name>,
    },
    /// Nobody has set this agent up.
    #[error("there is no agent {}{}", .0, other_actor(.0))]
    NoSuchAgent(AgentId),
    /// The agent is there no more.
    #[error("{0} has left; set up again, the agent is back")]
    HasLeft(AgentId),
    /// Nobody gives leads to agents of this role.
    #[error(
        "{agent} is of the role {role}, which owns no leads (`owns = false`); name an agent of another role"
    )]
    OwnsNoLeads {
        /// Who was to have the lead.
        agent: AgentId,
        /// The agent's role.
        role: Name,
    },
    /// There is no such lead.
    #[error("there is no lead {0}")]
    NoSuchLead(LeadId),
    /// There is no such message or sweep.
    #[error("there is no such {0}")]
    NoSuchRecord(&'static str),
    /// The playbook has nothing of this name.
    #[error("there is no {sort} `{name}`{}", or_what_there_is(.nearest.as_deref(), .known))]
    Unknown {
        /// Of what sort: a stage, a hold.
        sort: &'static str,
        /// The name.
        name: SmolStr,
        /// What was probably meant.
        nearest: Option<SmolStr>,
        /// What there is; nothing where that is not to be told.
        known: Vec<SmolStr>,
    },
    /// Another open lead already holds this place in a base.
    #[error("{holder} is already in the base `{base}`")]
    AlreadyHeld {
        /// The base.
        base: Name,
        /// The lead that holds it.
        holder: LeadId,
    },
    /// The lead is closed.
    #[error("the lead is closed; reopen it first")]
    LeadIsClosed,
    /// The lead is open.
    #[error("the lead is open")]
    LeadIsOpen,
    /// The stage is not one in which leads end.
    #[error("leads don't end in {0}")]
    NotFinal(Name),
    /// The lead has no open task of this name.
    #[error("no task `{0}` is open")]
    NoOpenTask(Name),
    /// The task is done by what it asks for and not by saying so, as a service level is.
    #[error("the task `{task}` is done as soon as {until}")]
    NotDone {
        /// The task.
        task: Name,
        /// The condition that completes it.
        until: SmolStr,
    },
    /// The task asks for one of these choices.
    #[error("the task asks for a choice: {}{}", listed(.choices), .said.as_ref().map(|said| format_smolstr!("; `{said}` is none of them")).unwrap_or_default())]
    ChoiceNeeded {
        /// Those possible.
        choices: Vec<Name>,
        /// What was said, if anything was.
        said: Option<SmolStr>,
    },
    /// The lead has no such hold now.
    #[error("the lead is not held by `{0}`")]
    NotHeld(Name),
    /// The lead is held by this already.
    #[error("the lead is held by `{0}` already")]
    HeldAlready(Name),
    /// The pool found nobody for the lead.
    #[error("nobody in the pool `{}` can have the lead now", .0.pool)]
    NobodyEligible(Box<Reasons>),
    /// It is said to have happened after now.
    #[error("it can't have happened in the future")]
    InTheFuture,
    /// It is reported late, and what it would change has changed since: late facts never undo
    /// what came after them.
    #[error("reported too late: since {since} the lead's {what} is {is}")]
    Overtaken {
        /// What has changed since: the stage, the owner, the quote, the appointment or the document.
        what: &'static str,
        /// To what.
        is: SmolStr,
        /// When.
        since: Instant,
    },
    /// A record can hold no more of this.
    #[error("there can be no more than {most} {sort}")]
    TooMany {
        /// Of what.
        sort: &'static str,
        /// How many there can be.
        most: usize,
    },
    /// Stages that hold leads would vanish without a mapping.
    #[error("these stages hold leads and would vanish: {}", .0.iter().map(|(pipeline, stage)| format!("{pipeline}.{stage}")).collect::<Vec<_>>().join(", "))]
    StagesVanish(Vec<(Name, Name)>),
    /// Adopting would bring leads to a stage where leads stand otherwise.
    #[error("{0}")]
    EndsDiffer(Box<EndsDiffer>),
    /// Adopting would bring leads without a wait group to a stage where leads wait.
    #[error("leads come from {}.{} to {}.{}, where leads wait, and have no wait group; map the stage and say one", .from.0, .from.1, .to.0, .to.1)]
    NobodyWaits {
        /// Pipeline and stage that hold the leads.
        from: (Name, Name),
        /// Pipeline and stage they would come to.
        to: (Name, Name),
    },
    /// A sweep's condition can't be read.
    #[error("the condition can't be read: {0}")]
    BadCondition(SmolStr),
    /// Another command was carried out under this id.
    #[error("another command was carried out under this id; each needs one of its own")]
    IdTaken,
    /// The stages that hold leads were not counted: that is for the shell to do.
    #[error("the stages that hold leads were not counted")]
    NotCounted,
    /// The message has met its fate already, or is on its way to it.
    #[error("the message is {0}, and can't be settled so")]
    Settled(SmolStr),
    /// Nothing was set aside.
    #[error("nothing was set aside")]
    NotSetAside,
    /// This is for the tenant's active playbook to decide, which is another one.
    #[error("the active playbook is {active}, not {given}")]
    NotActive {
        /// The active one, by hash.
        active: Name,
        /// The one that was to decide.
        given: Name,
    },
    /// The sweep has nothing more to do.
    #[error("the sweep is over")]
    SweepIsOver,
    /// The sweep takes the leads over to the active playbook; another adoption ends it.
    #[error("the sweep takes the leads over to the active playbook; adopt another one to end it")]
    TakesOver,
    /// No quote was made for the lead.
    #[error("no quote was made; make one first")]
    NoQuote,
    /// A newer version took the quote's place, or there is no such version yet.
    #[error("the current version of the quote is {current}, and not {asked}")]
    NotTheCurrentQuote {
        /// The version that was meant.
        asked: u32,
        /// The one that counts.
        current: u32,
    },
    /// The quote is no longer valid.
    #[error("the quote {number} was valid through {last_day}; make a new version")]
    QuoteExpired {
        /// Its number.
        number: SmolStr,
        /// The last day on which it could be accepted.
        last_day: NaiveDate,
    },
    /// The customer has said yes or no to the quote already.
    #[error("the quote {number} is {} already; make a new version", .says.as_str())]
    QuoteReplied {
        /// Its number.
        number: SmolStr,
        /// Which of the two.
        says: Says,
    },
    /// There is an open appointment of the kind.
    #[error("an appointment `{appointment}` is booked for {at}; move it, or say what became of it")]
    AppointmentOpen {
        /// The kind.
        appointment: Name,
        /// When it is.
        at: Instant,
    },
    /// There is no open appointment of the kind.
    #[error("no appointment `{0}` is booked")]
    NoAppointment(Name),
    /// What is said of an appointment can't be so before its time.
    #[error("the appointment `{appointment}` is at {at}; move it first, or cancel it")]
    AppointmentAhead {
        /// The kind.
        appointment: Name,
        /// When it is.
        at: Instant,
    },
    /// The very file is the current version of the document.
    #[error("this file is version {version} of `{document}` already")]
    AttachedAlready {
        /// The kind of document.
        document: Name,
        /// The version that it is.
        version: u32,
    },
    /// The playbook says nothing of referrals.
    #[error("leads are not referred here: the playbook has no [referral]")]
    NoReferrals,
    /// All codes that the command drew are somebody's already.
    #[error("all codes that were drawn are taken; ask again, or give codes more letters")]
    CodesTaken,
    /// The playbook says nothing of visits.
    #[error("no visits are planned here: the playbook has no [visits]")]
    NoVisits,
    /// The actor may plan visits, but not in this zone.
    #[error("{actor} does not watch over the zone {zone}; who does has it among the own zones")]
    NotTheirZone {
        /// Who asked.
        actor: SmolStr,
        /// The zone.
        zone: SmolStr,
    },
    /// Visits are planned for a week that is over.
    #[error("the week {0} is over; plan visits for this one or a later one")]
    WeekIsOver(Week),
    /// There is no such visit in the plan.
    #[error("there is no visit {visit} in the zone {zone} in {week}; look at its plan")]
    NoSuchVisit {
        /// Its number.
        visit: u32,
        /// The zone.
        zone: SmolStr,
        /// The week.
        week: Week,
    },
    /// What came of the visit is recorded already.
    #[error("the visit {visit} was recorded as {result} at {at}; another one is planned anew")]
    VisitRecorded {
        /// Its number.
        visit: u32,
        /// What came of it.
        result: Name,
        /// When it was recorded.
        at: Instant,
    },
    /// What comes of a visit can't be known before its day.
    #[error("the visit {visit} is on {day}; plan it for another day, or wait until then")]
    VisitAhead {
        /// Its number.
        visit: u32,
        /// Its day.
        day: NaiveDate,
    },
    /// A contact can't be merged into itself.
    #[error("{0} can't be merged into itself")]
    SameContact(ContactId),
    /// The contact was merged into another one, which stands for it.
    #[error(
        "contact {contact} was merged into {into}; name that one, or take that merge back first"
    )]
    Merged {
        /// Which contact.
        contact: ContactId,
        /// Into which.
        into: ContactId,
    },
    /// The contact was not merged into another one.
    #[error("contact {0} was not merged into another one")]
    NotMerged(ContactId),
    /// Another contact was merged into the same one since.
    #[error("{0} was merged into the same contact since; take that merge back first")]
    MergedSince(ContactId),
    /// Two contacts share nothing, so that nobody takes them for one.
    #[error(
        "the contacts {one} and {other} share no address or number: nobody takes them for one person"
    )]
    NothingShared {
        /// One of them.
        one: ContactId,
        /// The other.
        other: ContactId,
    },
    /// Two contacts are known to be two persons.
    #[error("that the contacts {one} and {other} are two persons is on record already")]
    DistinctAlready {
        /// One of them.
        one: ContactId,
        /// The other.
        other: ContactId,
    },
    /// Leads that would be one contact's, of each two one at least open, want one place in a base.
    #[error("{}; close one of each two that is still open (`close`) and ask again: which of them goes on is for a person to say{}", told::joined(.rivals, "; "), and_missing(.missing))]
    RivalLeads {
        /// All such.
        rivals: Vec<Rivals>,
        /// The laws that leads would break besides, all of them.
        missing: Vec<Missing>,
    },
    /// Two contacts have more together than one can have.
    #[error("together they have {count} {sort}, and one contact can have {most}: {hint}")]
    TooMuchForOne {
        /// Of what.
        sort: &'static str,
        /// How many they have together.
        count: usize,
        /// How many one contact can have.
        most: usize,
        /// What to do.
        hint: &'static str,
    },
    /// An open lead of the contact is still under a former playbook.
    #[error("lead {0} is under a former playbook still; try again when it is taken over")]
    NotTakenOver(LeadId),
    /// Feedback is about an appointment that was held, and none was.
    #[error("no appointment `{0}` was held yet")]
    NotHeldYet(Name),
}

/// A stage whose leads would come to one where leads stand otherwise: open leads where leads end,
/// closed ones where they are open, or closed ones where they end in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndsDiffer {
    /// Pipeline and stage that hold the leads.
    pub from: (Name, Name),
    /// How leads ended there; `None` if they are open.
    pub from_outcome: Option<Name>,
    /// Pipeline and stage they would come to.
    pub to: (Name, Name),
    /// How leads end there; `None` if they are open.
    pub to_outcome: Option<Name>,
}

impl fmt::Display for EndsDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stands = |outcome: &Option<Name>| match outcome {
            Some(outcome) => format!("closed as {outcome}"),
            None => "open".into(),
        };
        let (from, to) = (&self.from, &self.to);
        let (was, is) = (stands(&self.from_outcome), stands(&self.to_outcome));
        write!(
            f,
            "leads in {}.{} are {was}, and in {}.{} leads are {is}; map them to a stage where leads are {was}",
            from.0, from.1, to.0, to.1
        )
    }
}

/// Two leads that want one place in a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rivals {
    /// The base.
    pub base: Name,
    /// The lead that has no place in it.
    pub lead: LeadId,
    /// The lead that holds the place: it is open, or keeps the place in its end.
    pub holder: LeadId,
}

impl fmt::Display for Rivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, lead, holder) = (&self.base, &self.lead, &self.holder);
        write!(
            f,
            "the leads {lead} and {holder} want one place in the base `{base}`"
        )
    }
}

fn and_missing(missing: &[Missing]) -> String {
    match missing.is_empty() {
        true => String::new(),
        false => format!("; and not yet: {}", listed(missing)),
    }
}

/// A need that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The need's stable name.
    pub need: Name,
    /// What is asked for, in the organisation's language.
    pub text: SmolStr,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.need)
    }
}

impl Refusal {
    /// That the playbook has nothing of this name, with what was probably meant.
    pub(crate) fn unknown<'a>(
        sort: &'static str,
        name: &Name,
        known: impl IntoIterator<Item = &'a Name>,
    ) -> Self {
        let known: Vec<SmolStr> = known.into_iter().map(|name| name.as_str().into()).collect();
        let nearest = nearest(name.as_str(), known.iter().map(SmolStr::as_str));
        Self::Unknown {
            sort,
            name: shortened(name.as_str()),
            nearest: nearest.map(SmolStr::from),
            known,
        }
    }

    /// The names of everything that is missing or wrong, for a form to mark.
    pub fn missing(&self) -> impl Iterator<Item = &Name> {
        let (needs, gaps): (&[Missing], &[Gap]) = match self {
            Self::Missing(needs) | Self::RivalLeads { missing: needs, .. } => (needs, &[]),
            Self::Incomplete(gaps) => (&[], gaps),
            _ => (&[], &[]),
        };
        needs
            .iter()
            .map(|missing| &missing.need)
            .chain(gaps.iter().map(|gap| &gap.input))
    }

    /// Everything that is missing or wrong, in words for people: each need in the organisation's
    /// language, each input with what is wrong with it; else the refusal as a whole.
    #[must_use]
    pub fn told(&self) -> Vec<SmolStr> {
        match self {
            Self::Missing(needs) => needs.iter().map(|need| need.text.clone()).collect(),
            Self::Incomplete(gaps) => gaps.iter().map(|gap| format_smolstr!("{gap}")).collect(),
            whole => vec![format_smolstr!("{whole}")],
        }
    }
}

/// A text says an agent; whoever writes `host:crm` means a part of the host.
fn other_actor(agent: &AgentId) -> SmolStr {
    match agent.as_str().split_once(':') {
        Some(("host", name)) => {
            format_smolstr!("; a part of the host is said as Actor::host({name:?})")
        }
        Some(("import", name)) => {
            format_smolstr!("; an import is said as Actor::import({name:?})")
        }
        _ => SmolStr::default(),
    }
}

/// How many known names are told at most.
const MOST_KNOWN: usize = 12;

/// `; did you mean ..?`, or what there is.
fn or_what_there_is(nearest: Option<&str>, known: &[SmolStr]) -> SmolStr {
    let told = told::joined(&known[..known.len().min(MOST_KNOWN)], ", ");
    match (nearest, known.len()) {
        (Some(near), _) => format_smolstr!("; did you mean `{near}`?"),
        (None, 0) => SmolStr::default(),
        (None, count) if count > MOST_KNOWN => {
            format_smolstr!("; there are: {told} and {} more", count - MOST_KNOWN)
        }
        (None, _) => format_smolstr!("; there are: {told}"),
    }
}

/// The roles that may do something; the host may do everything.
fn roles_named(roles: &[Name]) -> SmolStr {
    match roles {
        [] => SmolStr::new_static("nobody but the host"),
        roles => listed(roles),
    }
}

fn listed(items: &[impl ToString]) -> SmolStr {
    match items {
        [] => SmolStr::new_static("nothing"),
        items => told::joined(items, ", "),
    }
}
