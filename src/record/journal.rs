//! The journal: what every command did, for explanation and replay.
//!
//! One entry for each command that wrote something. It holds ids, names of the playbook and
//! codes, never a person's data, so that erasing a person and replaying a journal don't fight.

use std::sync::Arc;

use chrono::serde::{ts_microseconds, ts_microseconds_option};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::decide::command::{Actor, Command, What};
use crate::ids::{AgentId, ContactId, ErrandId, Id, LeadId, MessageId, Name, SweepId, hash128};
use crate::money::Money;
use crate::playbook::fingerprint::Fingerprint;
use crate::record::appointment::Became;
use crate::record::contact::{ContactPart, IdentitySort};
use crate::record::document::Sha256;
use crate::record::history::Subject;
use crate::record::lead::{Flag, How};
use crate::record::message::{DropReason, Recipient};
use crate::record::pool::{PassedOver, Reasons};
use crate::record::quote::Says;
use crate::record::referral::ReferralCode;
use crate::time::Instant;
use crate::week::Week;

/// What one command did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When it was decided.
    #[serde(with = "ts_microseconds")]
    pub at: Instant,
    /// When it happened, if it was reported late.
    #[serde(with = "ts_microseconds_option")]
    pub happened_at: Option<Instant>,
    /// Who asked for it.
    pub actor: Actor,
    /// What was asked, so that a repeat is told from another command of the same id; `None` for
    /// what comes of a record's own clock.
    pub asked: Option<Asked>,
    /// The records whose history this belongs to.
    pub subjects: Vec<Subject>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A hash of a command, over the bytes in which commands are kept: a repeat has the same one.
///
/// Short on purpose: it tells two commands of one id apart, and nothing of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked([u8; 4]);

/// In how many bytes most commands are written.
const USUAL_COMMAND: usize = 256;

impl Asked {
    /// The hash of what a command asks for. What the shell counted for it is no part of that.
    #[must_use]
    pub fn by(command: &Command) -> Self {
        let bare;
        let command = match &command.what {
            What::Adopt(adoption) if adoption.occupied.is_some() => {
                let mut adoption = adoption.clone();
                adoption.occupied = None;
                bare = Command {
                    what: What::Adopt(adoption),
                    ..command.clone()
                };
                &bare
            }
            _ => command,
        };
        // A command is plain data, which postcard can always write.
        let bytes = postcard::to_extend(command, Vec::with_capacity(USUAL_COMMAND));
        let bytes = bytes.unwrap_or_default();
        let [a, b, c, d, ..] = hash128(&[&bytes]);
        Self([a, b, c, d])
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A lead was taken in.
    Registered {
        /// Which.
        lead: LeadId,
        /// From where.
        source: Option<Name>,
        /// Into which pipeline and stage.
        into: (Name, Name),
    },
    /// A lead came to an agent.
    Assigned {
        /// Which lead.
        lead: LeadId,
        /// To whom.
        to: AgentId,
        /// From whom.
        from: Option<AgentId>,
        /// Why, where a pool chose.
        reasons: Option<Arc<Reasons>>,
    },
    /// A pool found nobody.
    NobodyEligible {
        /// Which lead.
        lead: LeadId,
        /// Whom it passed over and why.
        reasons: Reasons,
    },
    /// Contact was tried.
    Attempted {
        /// Of which lead.
        lead: LeadId,
        /// Whether the contact was reached.
        reached: bool,
    },
    /// The contact answered.
    Answered {
        /// Of which lead.
        lead: LeadId,
    },
    /// An activity was recorded.
    Recorded {
        /// Of which lead.
        lead: LeadId,
        /// Which.
        activity: Name,
    },
    /// A lead changed its stage.
    Moved {
        /// Which lead.
        lead: LeadId,
        /// From where.
        from: (Name, Name),
        /// To where.
        to: (Name, Name),
    },
    /// A lead was put in a wait group.
    WaitSet {
        /// Which lead.
        lead: LeadId,
        /// Which group.
        group: Name,
        /// The lead's wait, in days.
        wait_days: u32,
    },
    /// A lead ended.
    Closed {
        /// Which lead.
        lead: LeadId,
        /// How.
        outcome: Name,
        /// Which of its ends this is, from 1. Why it ended stands on the lead.
        number: u32,
    },
    /// A closed lead was taken up again.
    Reopened {
        /// Which lead.
        lead: LeadId,
    },
    /// A lead's clocks were stopped.
    Held {
        /// Which lead.
        lead: LeadId,
        /// Under which hold.
        hold: Name,
    },
    /// A lead's clocks go on.
    Released {
        /// Which lead.
        lead: LeadId,
        /// Which hold ended.
        hold: Name,
    },
    /// Fields were set.
    FieldsSet {
        /// Of which lead.
        lead: LeadId,
        /// Which.
        fields: Vec<Name>,
    },
    /// A task was opened.
    TaskOpened {
        /// For which lead.
        lead: LeadId,
        /// Which.
        task: Name,
        /// Its deadline.
        #[serde(with = "ts_microseconds_option")]
        due_at: Option<Instant>,
    },
    /// A task ended.
    TaskEnded {
        /// For which lead.
        lead: LeadId,
        /// Which.
        task: Name,
        /// In what way.
        how: How,
        /// Whether in time.
        kept: bool,
        /// What was chosen.
        choice: Option<Name>,
    },
    /// A rule fired.
    Fired {
        /// For which lead.
        lead: LeadId,
        /// Which rule.
        rule: Name,
        /// What moved the rule in time then: a rule of that name with another one is not the same.
        fingerprint: Fingerprint,
        /// Which occurrence of its anchor, from 0.
        occurrence: u32,
        /// Which time that is, from 1; `None` for a rule that does not come again.
        number: Option<u32>,
        /// When it was due.
        #[serde(with = "ts_microseconds")]
        due_at: Instant,
    },
    /// A rule's time came, and its condition did not hold.
    Skipped {
        /// For which lead.
        lead: LeadId,
        /// Which rule.
        rule: Name,
        /// When it was due.
        #[serde(with = "ts_microseconds")]
        due_at: Instant,
        /// The condition.
        because: SmolStr,
    },
    /// Something that a rule wanted was refused.
    ActionRefused {
        /// For which lead.
        lead: LeadId,
        /// Which rule.
        rule: Name,
        /// What it wanted.
        action: Name,
        /// What is missing, by the names of the needs.
        missing: Vec<Name>,
    },
    /// A message was queued.
    Queued {
        /// Which.
        message: MessageId,
        /// For which lead.
        lead: LeadId,
        /// From which template.
        template: Name,
        /// To whom.
        to: Recipient,
        /// Not before this instant.
        #[serde(with = "ts_microseconds")]
        not_before: Instant,
    },
    /// A message was not even queued.
    NotQueued {
        /// For which lead.
        lead: LeadId,
        /// From which template.
        template: Name,
        /// Why.
        because: DropReason,
    },
    /// Nobody was there to be told.
    NobodyToNotify {
        /// For which lead.
        lead: LeadId,
        /// From which template.
        template: Name,
        /// Whom it was for, as the playbook says it: the owner, a role, a team.
        whom: SmolStr,
    },
    /// A message came to another state.
    MessageIs {
        /// Which.
        message: MessageId,
        /// The state's name.
        state: SmolStr,
        /// Why it was dropped.
        because: Option<DropReason>,
    },
    /// A registration says otherwise than what is known of its contact. What is known was kept; the
    /// host may ask.
    ContactDiffers {
        /// Which lead was registered.
        lead: LeadId,
        /// What differs.
        what: Vec<ContactPart>,
    },
    /// Another e-mail address was given with a later step. The one that was given first was kept.
    OtherEmailGiven {
        /// On which lead.
        lead: LeadId,
    },
    /// Something became known of the contact that was missing.
    ContactLearned {
        /// Of which open lead.
        lead: LeadId,
        /// What.
        what: Vec<ContactPart>,
    },
    /// What was known of the contact was corrected.
    ContactCorrected {
        /// On which lead.
        lead: LeadId,
        /// What.
        what: Vec<ContactPart>,
    },
    /// Another contact was found that is possibly the same person.
    DuplicateFound {
        /// On which open lead.
        lead: LeadId,
        /// The other contact.
        other: ContactId,
        /// What they share.
        shares: Vec<IdentitySort>,
    },
    /// A contact was merged into another one.
    ContactsMerged {
        /// Which stands for both.
        into: ContactId,
        /// Which was merged into it.
        from: ContactId,
    },
    /// A merge was taken back.
    ContactUnmerged {
        /// Which stood for both.
        from: ContactId,
        /// Which stands for itself again.
        contact: ContactId,
    },
    /// Somebody said of two contacts that they are two persons.
    ContactsDistinct {
        /// One of them.
        one: ContactId,
        /// The other.
        other: ContactId,
    },
    /// The contact wants no more marketing.
    Unsubscribed {
        /// Through which lead.
        lead: LeadId,
    },
    /// Mail to the contact comes back for good.
    EmailInvalid {
        /// Of which lead.
        lead: LeadId,
    },
    /// A lead's history contradicts itself.
    Flagged {
        /// Which lead.
        lead: LeadId,
        /// How.
        flag: Flag,
    },
    /// An agent was made or changed.
    AgentSetUp {
        /// Who.
        agent: AgentId,
    },
    /// An agent left.
    AgentLeft {
        /// Who.
        agent: AgentId,
    },
    /// A lead is nobody's: its owner left, and nobody could take it.
    GivenUp {
        /// Which lead.
        lead: LeadId,
        /// Whose it was.
        from: AgentId,
    },
    /// A playbook became the active one.
    Adopted {
        /// Which, by hash.
        playbook: Name,
    },
    /// A lead came under another playbook.
    LeadAdopted {
        /// Which lead.
        lead: LeadId,
        /// Which playbook, by hash.
        playbook: Name,
    },
    /// The copies of the owner's role, team and hours were renewed.
    OwnerFollowed {
        /// Of which lead.
        lead: LeadId,
    },
    /// A sweep began.
    SweepStarted {
        /// Which.
        sweep: SweepId,
        /// Its name.
        name: Name,
    },
    /// A sweep did a page.
    SweepWent {
        /// Which.
        sweep: SweepId,
        /// How many targets it reached.
        reached: u64,
        /// Whether that occurrence is over.
        finished: bool,
    },
    /// Waking a record failed.
    Failed {
        /// Which record.
        record: Id,
        /// How often in a row.
        failures: u32,
    },
    /// A record was set aside after failing too often.
    SetAside {
        /// Which record.
        record: Id,
    },
    /// What was set aside is tried again.
    Retried {
        /// Which record.
        record: Id,
    },
    /// A sweep was ended before it was done.
    SweepCancelled {
        /// Which.
        sweep: SweepId,
    },
    /// A quote was made. What it says stands on the lead.
    QuoteMade {
        /// For which lead.
        lead: LeadId,
        /// Which version.
        version: u32,
    },
    /// The customer said yes or no to a quote.
    QuoteReplied {
        /// Of which lead.
        lead: LeadId,
        /// To which version.
        version: u32,
        /// Which of the two.
        says: Says,
    },
    /// An appointment was booked.
    AppointmentBooked {
        /// For which lead.
        lead: LeadId,
        /// Of which kind.
        kind: Name,
        /// Which of its kind, from 1.
        number: u32,
        /// When it begins.
        #[serde(with = "ts_microseconds")]
        at: Instant,
        /// With whom, if not with the lead's owner.
        with: Option<AgentId>,
    },
    /// An appointment was moved.
    AppointmentMoved {
        /// Of which lead.
        lead: LeadId,
        /// Of which kind.
        kind: Name,
        /// Which of its kind.
        number: u32,
        /// When it begins now.
        #[serde(with = "ts_microseconds")]
        to: Instant,
    },
    /// An appointment is over, or was called off.
    AppointmentEnded {
        /// Of which lead.
        lead: LeadId,
        /// Of which kind.
        kind: Name,
        /// Which of its kind.
        number: u32,
        /// What became of it.
        how: Became,
    },
    /// A document was attached. Where it lies stands on the lead.
    DocumentAttached {
        /// To which lead.
        lead: LeadId,
        /// Of which kind.
        kind: Name,
        /// Which version, from 1.
        version: u32,
        /// The hash of its bytes.
        sha256: Sha256,
    },
    /// Feedback was given on an appointment. What it says stands on the lead.
    FeedbackGiven {
        /// Of which lead.
        lead: LeadId,
        /// Of which kind.
        kind: Name,
        /// Which of its kind.
        number: u32,
    },
    /// An agent who was to succeed another could not have a lead.
    HeirPassedOver {
        /// Which lead.
        lead: LeadId,
        /// Who could not.
        heir: AgentId,
        /// Why not.
        why: PassedOver,
    },
    /// An action of the host's own left something for the host to carry out.
    ErrandLeft {
        /// For which lead.
        lead: LeadId,
        /// Which: the same, however often it is read.
        errand: ErrandId,
        /// The action's name.
        action: Name,
    },
    /// An agent was told the code to refer with; it was made, if there was none.
    ReferralCodeTold {
        /// Who.
        agent: AgentId,
        /// Which.
        code: ReferralCode,
    },
    /// A lead came with a referral code.
    Referred {
        /// Which lead.
        lead: LeadId,
        /// Whose code it is.
        by: AgentId,
        /// The code.
        code: ReferralCode,
    },
    /// A referral was rewarded: once for each lead.
    Rewarded {
        /// For which lead.
        lead: LeadId,
        /// Who gets it.
        referrer: AgentId,
        /// How much.
        amount: Money,
    },
    /// The visits of a zone in a week were planned.
    VisitsPlanned {
        /// In which zone.
        zone: SmolStr,
        /// In which week.
        week: Week,
        /// How many there are now.
        visits: u32,
    },
    /// What came of a visit was recorded. Where it was stands in the plan.
    VisitRecorded {
        /// In which zone.
        zone: SmolStr,
        /// In which week.
        week: Week,
        /// Which visit of that plan.
        visit: u32,
        /// What came of it.
        result: Name,
        /// The lead that was registered of it.
        lead: Option<LeadId>,
    },
    /// More agents were to be told than one notice tells.
    NotAllNotified {
        /// For which lead.
        lead: LeadId,
        /// From which template.
        template: Name,
        /// Whom it was for, as the playbook says it: a role, a team.
        whom: SmolStr,
        /// How many were told.
        told: u32,
        /// How many were not.
        left_out: u32,
    },
}
