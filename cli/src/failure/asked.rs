//! What was asked for and is not there, is not to be told from others, or is not said as it must be.

use leadkit::condition::{ComputedFact, Fault};
use leadkit::ids::{LeadId, MessageId, Name, NotAnId, Tenant};
use leadkit::time::LocalTime;
use serde::Serialize;

use crate::database::Url;
use crate::listing::Unreadable;
use crate::replay::range::MOST_YEARS;
use crate::spell;

/// How many leads, or records that can't be read, are named where one is asked for.
const MOST_NAMED: usize = 20;

/// Why nothing came of what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Asked {
    /// A text is no id.
    #[error(transparent)]
    NoId(#[from] NotAnId),
    /// The text begins like the URL of a database, and can't be read as one. It is not told, since a
    /// password may be in it.
    #[error("--db: this URL of a database can't be read")]
    NoUrl,
    /// A server is named to a program that was built without what it takes to talk to one.
    #[error(
        "--db: {0} is on a PostgreSQL server, and this leadkit was built for SQLite files only"
    )]
    NoPostgres(Url),
    /// A replay goes into a file.
    #[error("--db: a replay goes into a file of its own, and not into {0}")]
    ReplayIntoServer(Url),
    /// No scenario has all of these words in its name.
    #[error("--only: no scenario has `{text}` in its name{}", near_it(.near))]
    NoScenario {
        /// What was asked for.
        text: String,
        /// The same in words that a name has, where one was probably mistyped.
        meant: Option<String>,
        /// The names of those that have most of it; none, where none has any.
        near: Vec<String>,
    },
    /// There is no lead of this id.
    #[error("there is no lead {lead} of `{tenant}`")]
    NoLead {
        /// The id.
        lead: LeadId,
        /// Whose it was to be.
        tenant: Tenant,
    },
    /// No lead's contact has this e-mail address.
    #[error("no lead has the e-mail address {0}")]
    NoLeadAt(String),
    /// No lead's contact has this text.
    #[error(
        "no lead's contact has `{text}` in the name, the e-mail address or the phone number{}",
        unsearched(.unreadable)
    )]
    NobodyFound {
        /// What was looked for.
        text: String,
        /// Those of which nobody knows whether they have it.
        unreadable: Vec<Unreadable>,
    },
    /// Several leads, of which one was asked for.
    #[error("several leads have `{said}`:{}{}", lines(.leads.iter().map(ToString::to_string)), and_more(*.more))]
    SeveralLeads {
        /// What they have in common.
        said: String,
        /// The leads.
        leads: Vec<OneOf>,
        /// How many there are beside these.
        more: u64,
    },
    /// There is no message of this id.
    #[error("there is no message {0}")]
    NoMessage(MessageId),
    /// Nobody has the address to which messages were asked for.
    #[error("--to: no contact and no agent has the e-mail address {0}")]
    NobodyAt(String),
    /// There is no agent of the id to whom messages were asked for.
    #[error("--to: there is no agent `{agent}`")]
    NoAgent {
        /// The id.
        agent: String,
        /// The one that was probably meant.
        near: Option<String>,
    },
    /// A former playbook that the leads are not under.
    #[error("--former: the folder holds the playbook {given}, and the leads are under {active}")]
    NotFormer {
        /// The one in the folder, by hash.
        given: Name,
        /// The one that the leads are under.
        active: Name,
    },
    /// A stage is to be mapped in which no lead is.
    #[error("--map: no lead is in {stage}")]
    NoLeadIn {
        /// The stage.
        stage: String,
        /// Those in which leads are.
        occupied: Vec<String>,
    },
    /// A text is no mapping of stages.
    #[error("--map: `{0}` is no mapping")]
    NoMapping(String),
    /// A text is no time.
    #[error("`{0}` is no time")]
    NoTime(String),
    /// Nothing is said by which a contact could be found.
    #[error("--find: nothing is said")]
    NothingSought,
    /// A replay can't stop before the time until which its database has lived.
    #[error("the database has lived until {lived} already; it can't stop at {until}")]
    LivedAlready {
        /// Until when it has lived.
        lived: LocalTime,
        /// Where it was to stop.
        until: LocalTime,
    },
    /// A replay is to live on long after its last row.
    #[error(
        "--until: {until} lies more than {MOST_YEARS} years after {last}, the last of all rows"
    )]
    LivesTooLong {
        /// Where it was to stop.
        until: LocalTime,
        /// When the last row happened.
        last: LocalTime,
    },
    /// No fact is said by which to count or to order.
    #[error("{option}: no fact is said")]
    NoFact {
        /// Where it was to be said.
        option: &'static str,
    },
    /// A text is no name of a fact.
    #[error("{option}: `{text}` is no fact, which is one word")]
    NotOneFact {
        /// Where it was said.
        option: &'static str,
        /// The text.
        text: String,
    },
    /// There is no such fact, or not like that.
    #[error("{option}: {}", told(.faults))]
    UnknownFact {
        /// Where it was said.
        option: &'static str,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
    /// Stores don't keep this fact.
    #[error("{option}: {fact}")]
    ComputedFact {
        /// Where it was said.
        option: &'static str,
        /// The fact.
        fact: ComputedFact,
    },
}

/// One of several leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OneOf {
    /// Its id.
    pub lead: String,
    /// Its contact's name; not known of one that can't be read.
    pub contact: Option<String>,
    /// The contact's e-mail address.
    pub email: Option<String>,
    /// Where it is.
    pub stage: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// The day on which it was registered.
    pub registered: Option<String>,
}

fn and_more(more: u64) -> String {
    match more {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    }
}

impl std::fmt::Display for OneOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = [
            &self.contact,
            &self.email,
            &self.stage,
            &self.owner,
            &self.registered,
        ];
        let told: Vec<&str> = told.into_iter().flatten().map(String::as_str).collect();
        match told.is_empty() {
            true => write!(f, "{} (can't be read)", self.lead),
            false => write!(f, "{} ({})", self.lead, told.join(", ")),
        }
    }
}

impl Asked {
    /// A short stable name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoId(_) => "no-id",
            Self::NoUrl => "no-database",
            Self::NoPostgres(_) => "no-postgres",
            Self::ReplayIntoServer(_) => "not-a-replay",
            Self::NoScenario { .. } => "no-such-scenario",
            Self::NoLead { .. } | Self::NoLeadAt(_) | Self::NobodyFound { .. } => "no-such-lead",
            Self::SeveralLeads { .. } => "several-leads",
            Self::NoMessage(_) => "no-such-message",
            Self::NobodyAt(_) | Self::NoAgent { .. } => "no-such-recipient",
            Self::NotFormer { .. } => "not-former",
            Self::NoLeadIn { .. } => "empty-stage",
            Self::NoMapping(_) => "no-mapping",
            Self::NoTime(_) => "no-time",
            Self::NothingSought => "nothing-sought",
            Self::LivedAlready { .. } => "lived-already",
            Self::LivesTooLong { .. } => "lives-too-long",
            Self::NoFact { .. }
            | Self::NotOneFact { .. }
            | Self::UnknownFact { .. }
            | Self::ComputedFact { .. } => "no-such-fact",
        }
    }

    /// What to do about it, where that is not plain.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoUrl => {
                "write postgres://USER:PASSWORD@HOST/DATABASE, and each @ : / ? # or % of the password as % and \
                 its code: %40 %3A %2F %3F %23 %25"
            }
            Self::NoPostgres(_) => {
                "install it with what PostgreSQL needs: cargo install --locked --path cli --features postgres"
            }
            Self::ReplayIntoServer(_) => "name a file that is not there yet",
            Self::SeveralLeads { .. } => "say which by its id",
            Self::NoScenario { meant, .. } => {
                return meant
                    .as_ref()
                    .map(|meant| format!("did you mean `{meant}`?"));
            }
            Self::NoAgent { near, .. } => {
                return near.as_ref().map(|near| format!("did you mean `{near}`?"));
            }
            Self::NotFormer { .. } => "name the folder of that one",
            Self::NoLeadIn { stage, occupied } => {
                return Some(spell::hint(stage, occupied.iter().map(String::as_str)));
            }
            Self::NoMapping(_) => {
                "write PIPELINE.STAGE=PIPELINE.STAGE, and :GROUP behind it for the wait group of those \
                 who have none"
            }
            Self::NoTime(_) => "write for instance 2018-04-01 or 2018-04-01T00:00:00Z",
            Self::NothingSought => "say a part of a name, an e-mail address or a phone number",
            Self::LivedAlready { .. } => "name a later time, or a file that is not there yet",
            Self::LivesTooLong { .. } => {
                "name an earlier time; if it is right, say above the files of the map how far its history \
                 goes: to = YYYY-MM-DD"
            }
            Self::NoFact { .. } => "say by which fact, for instance stage or owner",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn told(faults: &[Fault]) -> String {
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// What is near something that there is not, if anything is.
fn near_it(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; near it:{}", lines(names.iter().cloned())),
    }
}

/// The first of some lines, and how many more there are.
fn lines(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let mut text: String = all
        .take(MOST_NAMED)
        .map(|line| format!("\n  {line}"))
        .collect();
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

/// What is said of leads that can't be read, where contacts are searched; nothing, if there are none.
pub(crate) fn unsearched(unreadable: &[Unreadable]) -> String {
    match unreadable {
        [] => String::new(),
        some => {
            let ids = lines(some.iter().map(|one| one.id.clone()));
            format!("; not searched, since they can't be read:{ids}")
        }
    }
}
