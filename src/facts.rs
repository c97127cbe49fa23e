//! The fact catalogue: everything that a condition may ask of a lead, an agent or a message.
//!
//! A fact is *stored* (stores keep it in a column and may filter on it) or *computed* (only
//! guards and rules may ask for it). A playbook's own fields are stored facts too, beside these.

use crate::store::Kind;
use crate::value::ValueType::{self, Bool, Instant, Number, Text};

/// A fact that every playbook has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name in conditions, in SQL and in lists.
    pub name: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// Whether stores keep it.
    pub stored: bool,
    /// Where it lives: on the record itself, or copied from elsewhere and kept up to date by
    /// whoever changes the source.
    pub origin: Origin,
    /// What it says.
    pub about: &'static str,
}

/// Where a fact lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the record itself.
    Own,
    /// On the contact; copied to its open leads in the commit that changes it.
    Contact,
    /// On the owner's agent record; copied when the owner changes, and by whoever changes the
    /// agent through a sweep over the agent's leads.
    Owner,
}

macro_rules! facts {
    ($(#[$docs:meta])* $enum:ident, $list:ident: $($variant:ident = $name:literal, $type:ident, $stored:ident, $origin:ident, $about:literal;)+) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum $enum {
            $(#[doc = $about] $variant,)+
        }

        impl $enum {
            /// Every one, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The one of this number.
            #[inline]
            #[must_use]
            pub const fn numbered(number: u16) -> Option<Self> {
                // A chain that compiles to nothing but a check of the bound.
                match number {
                    $(_ if number == Self::$variant as u16 => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Its entry in the catalogue.
            #[must_use]
            pub fn built_in(self) -> &'static BuiltIn {
                &$list[self as usize]
            }

            /// The fact of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fact| fact.built_in().name == name)
            }
        }

        static $list: &[BuiltIn] = &[$(BuiltIn {
            name: $name,
            value_type: $type,
            stored: facts!(@stored $stored),
            origin: Origin::$origin,
            about: $about,
        },)+];
    };
    (@stored stored) => { true };
    (@stored computed) => { false };
}

facts! {
    /// What a condition may ask of a lead.
    LeadFact, LEAD:
    Pipeline = "pipeline", Text, stored, Own, "The pipeline that the lead is in.";
    Stage = "stage", Text, stored, Own, "The stage that the lead is in.";
    Wait = "wait", Text, stored, Own, "The wait group that the lead is in.";
    WaitDays = "wait_days", Number, stored, Own, "The lead's own wait in its group, in days.";
    Open = "open", Bool, stored, Own, "Whether the lead is still to be followed through.";
    Outcome = "outcome", Text, stored, Own, "How the lead ended: the outcome of its final stage.";
    Reason = "outcome.reason", Text, stored, Own, "Why it ended so, as given by who closed it.";
    Source = "source", Text, stored, Own, "Where the lead came from.";
    SourceKind = "source.kind", Text, stored, Own, "The kind of that source: digital or physical.";
    Owner = "owner", Text, stored, Own, "The agent who holds the lead.";
    OwnerRole = "owner.role", Text, stored, Owner, "The role of the agent who holds the lead.";
    OwnerTeam = "owner.team", Text, stored, Owner, "The team of the agent who holds the lead.";
    RegisteredBy = "registered_by", Text, stored, Own, "The agent who registered the lead, if one did.";
    RegisteredAt = "registered_at", Instant, stored, Own, "When the lead was registered.";
    AssignedAt = "assigned_at", Instant, stored, Own, "When the lead came to its owner, or was reopened for that owner.";
    EnteredAt = "entered_at", Instant, stored, Own, "When the lead entered its stage.";
    AttemptedAt = "attempted_at", Instant, stored, Own, "When the lead was last tried, reached or not; at the earliest when it was registered.";
    AnsweredAt = "answered_at", Instant, stored, Own, "When the contact last answered; at the earliest when the lead was registered.";
    ReachedAt = "reached_at", Instant, stored, Own, "When the contact was last reached by an attempt; at the earliest when the lead was registered.";
    TouchedAt = "touched_at", Instant, stored, Own, "When somebody last did something with the lead: registered or reopened, assigned, tried, recorded an answer or an activity, moved, quoted, held, released, or ticked off a task. What happened between people and is told late counts as of when it happened.";
    OpenedAt = "opened_at", Instant, stored, Own, "When the lead was registered or last reopened.";
    ClosedAt = "closed_at", Instant, stored, Own, "When the lead was closed.";
    Answered = "answered", Bool, stored, Own, "Whether the contact ever answered.";
    Attempts = "attempts.total", Number, stored, Own, "How often contact was tried.";
    Reached = "attempts.reached", Number, stored, Own, "How often the contact was reached.";
    Unanswered = "attempts.unanswered", Number, stored, Own, "How often the contact was tried in vain.";
    AttemptsSinceOpened = "attempts.since_opened", Number, stored, Own, "How often contact was tried since the lead was registered or last reopened.";
    Reassignments = "reassignments", Number, stored, Own, "How often a rule gave the lead to somebody else since it was registered.";
    Held = "held", Bool, stored, Own, "Whether any hold stops the lead's clocks.";
    SetAside = "set_aside", Bool, stored, Own, "Whether the lead was set aside because it failed.";
    Flagged = "flagged", Bool, stored, Own, "Whether its history contradicts itself (won before it arrived).";
    OpenTasks = "tasks.open", Number, stored, Own, "How many tasks are open.";
    Email = "contact.email", Text, stored, Contact, "The contact's e-mail address, as it is written.";
    Unsubscribed = "contact.unsubscribed", Bool, stored, Contact, "Whether the contact unsubscribed.";
    EmailInvalid = "contact.email_invalid", Bool, stored, Contact, "Whether mail to the contact came back for good.";
    PossibleDuplicate = "contact.possible_duplicate", Bool, stored, Contact, "Whether another contact is possibly the same person: they share an e-mail address, a phone number or a tax number.";
    Playbook = "playbook", Text, stored, Own, "The hash of the playbook that clocked the lead.";
    Quote = "quote", Text, stored, Own, "The number of the lead's quote, in its current version; missing without one, as all that is asked of it.";
    QuoteTotal = "quote.total", Number, stored, Own, "What the quote comes to, with taxes.";
    QuoteValidUntil = "quote.valid_until", Instant, stored, Own, "Until when the quote can be accepted: the end of its last day.";
    QuoteAccepted = "quote.accepted", Bool, stored, Own, "Whether the customer accepted the quote.";
    Referrer = "referrer", Text, stored, Own, "The agent who referred the lead, if one did.";
    Reward = "reward", Number, stored, Own, "What the referrer was rewarded with; missing before that.";
    RewardedAt = "rewarded_at", Instant, stored, Own, "When the reward was recorded.";
    CameFrom = "came_from", Text, computed, Own, "The stage that the lead was in before; missing of one that was registered into its stage.";
    TeamSince = "owner.team_since", Instant, computed, Own, "When the lead came to the team of its owner, or was reopened for it.";
    EarlierTeam = "earlier_owner.team", Text, computed, Own, "The team of the agent who held the lead before, as it was then.";
    WaitsUntil = "waits_until", Instant, computed, Own, "Where leads wait: when the lead's own wait is over; missing while a hold stops it.";
    ContactName = "contact.name", Text, computed, Contact, "The contact's name.";
    Phone = "contact.phone", Text, computed, Contact, "The contact's phone number.";
    QuoteVersion = "quote.version", Number, computed, Own, "Which version of the quote it is, from 1.";
    QuoteMadeAt = "quote.made_at", Instant, computed, Own, "When the quote was made, in its current version.";
    QuoteAcceptedAt = "quote.accepted_at", Instant, computed, Own, "When the customer accepted the quote.";
    QuoteDeclined = "quote.declined", Bool, computed, Own, "Whether the customer declined the quote.";
    ReferrerRole = "referrer.role", Text, computed, Own, "The role of the agent who referred the lead, as it was then.";
}

facts! {
    /// What a condition may ask of an agent.
    AgentFact, AGENT:
    Agent = "agent", Text, stored, Own, "The agent's id.";
    Role = "role", Text, stored, Own, "The agent's role.";
    Team = "team", Text, stored, Own, "The agent's team.";
    Available = "available", Bool, stored, Own, "Whether the agent takes leads; absences are another matter.";
    Capacity = "capacity", Number, stored, Own, "How many open leads the agent can hold.";
    Hours = "hours", Text, stored, Own, "The calendar in which the agent works, if it is a calendar of its own.";
    LeftAt = "left_at", Instant, stored, Own, "When the agent left; missing, if the agent is there.";
}

facts! {
    /// What a condition may ask of a message.
    MessageFact, MESSAGE:
    State = "state", Text, stored, Own, "Where the message is on its way: queued, handing-over, accepted, delivered, refused, to-retry, in-doubt or dropped.";
    Template = "template", Text, stored, Own, "The template it is rendered from.";
    Class = "class", Text, stored, Own, "What it is: marketing or alert.";
    Channel = "channel", Text, stored, Own, "Over which channel it goes, e.g. email.";
    Lead = "lead", Text, stored, Own, "The id of the lead it is about.";
    To = "to", Text, stored, Own, "The id of the contact or agent it goes to; no address.";
    From = "from", Text, stored, Own, "The id of the agent in whose name it goes; missing where it goes in the organisation's.";
    Dropped = "dropped", Text, stored, Own, "Why it was dropped: unsubscribed, invalid-address, closed, owner-changed, cap, expired, gone, withdrawn or no-address.";
    QueuedAt = "queued_at", Instant, stored, Own, "When it was queued.";
    SettledAt = "settled_at", Instant, stored, Own, "When its fate was settled: nothing more happens to it by itself.";
    SetAside = "set_aside", Bool, stored, Own, "Whether it was set aside because it failed.";
}

facts! {
    /// What a condition may ask of a sweep.
    SweepFact, SWEEP:
    Sweep = "sweep", Text, stored, Own, "The sweep's name.";
    Finished = "finished", Bool, stored, Own, "Whether it has nothing more to do.";
    StartedAt = "started_at", Instant, stored, Own, "When it was started.";
    SetAside = "set_aside", Bool, stored, Own, "Whether it was set aside because it failed.";
}

/// The facts that every record of this kind may have; none for kinds that can't be filtered.
#[must_use]
pub fn built_in(kind: Kind) -> &'static [BuiltIn] {
    match kind {
        Kind::Lead => LEAD,
        Kind::Agent => AGENT,
        Kind::Message => MESSAGE,
        Kind::Sweep => SWEEP,
        Kind::Tenant
        | Kind::Contact
        | Kind::Group
        | Kind::Pool
        | Kind::Claim
        | Kind::Journal
        | Kind::Workload
        | Kind::VisitPlan => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_is_named_once_in_its_catalogue() {
        for kind in Kind::ALL {
            let names: BTreeSet<_> = built_in(kind).iter().map(|fact| fact.name).collect();
            assert_eq!(names.len(), built_in(kind).len());
        }
        for &fact in LeadFact::ALL {
            assert_eq!(LeadFact::named(fact.built_in().name), Some(fact));
        }
    }
}
