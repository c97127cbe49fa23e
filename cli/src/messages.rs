//! `leadkit messages` and `leadkit settle`: what became of messages, and what a person knows of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use leadkit::condition::{Fault, FaultKind, Filter};
use leadkit::decide::command::{Actor, Fate};
use leadkit::email::Email;
use leadkit::engine::{Error, TenantHandle};
use leadkit::explain::local;
use leadkit::hint::nearest;
use leadkit::ids::{ContactId, MessageId};
use leadkit::playbook::Playbook;
use leadkit::record::lead::Trouble;
use leadkit::record::message::{Recipient, State};
use leadkit::record::{Agent, Message};
use leadkit::store::{Kind, Order};
use leadkit::time::Instant;
use leadkit::value::folded_eq;
use serde::Serialize;
use serde_json::json;
use smol_str::ToSmolStr;

use crate::database::{Database, For, Opened, REHEARSED};
use crate::listing::{Found, Unreadable};
use crate::report::{counted, grouped, quoted, rfc3339, table};
use crate::{Asked, Failure, Reported, agents, listing, sought};

/// Which messages.
#[derive(Clone, Debug)]
pub struct Messages {
    /// The database.
    pub database: Database,
    /// Only these, if it isn't `All`.
    pub which: Which,
    /// The condition, over the facts of messages; all of them, if empty.
    pub condition: String,
    /// Only those to this e-mail address, or to the agent of this id.
    pub to: Option<String>,
    /// How many are listed at most.
    pub limit: usize,
}

/// The messages that wait for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// Those that don't, too.
    #[default]
    All,
    /// Nobody knows whether the server took them.
    InDoubt,
    /// They failed three times.
    SetAside,
    /// Either.
    Waiting,
}

impl Which {
    fn condition(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::InDoubt => Some(r#"state == "in-doubt""#),
            Self::SetAside => Some("set_aside"),
            Self::Waiting => Some(r#"(state == "in-doubt" or set_aside)"#),
        }
    }
}

/// What somebody knows of a message.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The database.
    pub database: Database,
    /// The message's id.
    pub message: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Who says so: an agent, or `host:NAME`.
    pub by: String,
}

#[derive(Serialize)]
struct Listed {
    condition: String,
    zone: String,
    rehearsed: bool,
    count: u64,
    messages: Vec<ListedMessage>,
    unreadable: Vec<Unreadable>,
}

#[derive(Serialize)]
struct ListedMessage {
    message: String,
    state: &'static str,
    dropped: Option<&'static str>,
    since: String,
    template: String,
    class: &'static str,
    channel: String,
    lead: String,
    contact: Option<String>,
    to: String,
    name: Option<String>,
    email: Option<String>,
    attempts: u32,
    queued_at: String,
    expires_at: Option<String>,
    next_at: Option<String>,
    set_aside: bool,
    failures: u32,
    error: Option<String>,
}

/// Lists messages.
///
/// # Errors
/// When the condition can't be asked for.
pub fn messages(asked: &Messages) -> Result<Reported, Failure> {
    let playbook = asked.database.playbook()?;
    let (condition, filter) = condition(&playbook, asked)?;
    let opened = asked.database.open_under(playbook, For::Reading)?;
    let playbook = &opened.playbook;
    opened.block_on(async {
        opened.must_be_under_its_playbook().await?;
        let handle = opened.handle();
        let warnings = agents::strangers(&opened, &filter).await?;
        let (condition, unasked) = match &asked.to {
            None => (condition, Vec::new()),
            Some(to) => {
                let to = recipients(&opened, to.trim()).await?;
                let ids: Vec<String> = to.records.iter().map(|id| quoted(id)).collect();
                let to_them = match ids.as_slice() {
                    [] => "false".to_owned(),
                    ids => format!("to in [{}]", ids.join(", ")),
                };
                (together(&condition, &to_them), to.unreadable)
            }
        };
        let groups = handle.count_of(Kind::Message, &condition, &[]).await?;
        let count = groups.iter().map(|group| group.count).sum();
        let mut table = Vec::new();
        let mut found = first(&handle, &condition, asked.limit).await?;
        found.unreadable.extend(unasked);
        for message in &found.records {
            let since = local(&playbook.zone, message.state_since);
            let listed = listed(playbook, &handle, message).await?;
            table.push((since.to_string(), listed));
        }
        let mut text = told(playbook, &table, count);
        let rehearsed = opened.rehearsal_at().is_some();
        if rehearsed && count > 0 {
            let _ = writeln!(text, "{REHEARSED}");
        }
        if count == 0 && asked.condition.contains('@') {
            text.push_str("`to` and `from` are ids; --to finds messages by the address\n");
        }
        listing::tell(&mut text, &found.unreadable);
        let is_well = found.unreadable.is_empty();
        let messages = table.into_iter().map(|(_, listed)| listed).collect();
        let listed = Listed {
            condition,
            zone: playbook.zone.name().into(),
            rehearsed,
            count,
            messages,
            unreadable: found.unreadable,
        };
        Ok(Reported::new(text, &listed, is_well).with_warnings(warnings))
    })
}

/// What is asked for, as one condition, and what the user's part lets through, at whatever time. That is
/// read by itself: its faults have their places in it.
fn condition(playbook: &Playbook, asked: &Messages) -> Result<(String, Filter), Failure> {
    let text = asked.condition.trim();
    let mut filter = Filter::Constant(true);
    if !text.is_empty() {
        let read = playbook.condition_on(Kind::Message, &asked.condition);
        let read = read.map_err(|faults| Failure::Condition {
            text: asked.condition.clone(),
            faults: faults.into_iter().map(with_address).collect(),
        })?;
        let stored = read.filter(Instant::UNIX_EPOCH);
        filter = stored.map_err(|computed| Error::Condition(computed.to_smolstr()))?;
    }
    let condition = together(text, asked.which.condition().unwrap_or_default());
    Ok((condition, filter))
}

/// Who asks by an address is told how.
fn with_address(fault: Fault) -> Fault {
    match &fault.kind {
        FaultKind::UnknownFact { name } if ["address", "email", "recipient"].contains(&&**name) => {
            Fault {
                hint: Some("--to ADDRESS".into()),
                ..fault
            }
        }
        _ => fault,
    }
}

/// Two conditions, of which either may be empty, as one.
fn together(first: &str, second: &str) -> String {
    match (first, second) {
        (one, "") | ("", one) => one.to_owned(),
        (first, second) => format!("({first}) and {second}"),
    }
}

/// Who has an e-mail address, contacts and agents, or the agent of this id: by their ids, as the fact
/// `to` says them; and of whom nobody knows, since they can't be read.
async fn recipients(opened: &Opened<'_>, to: &str) -> Result<Found<String>, Failure> {
    if !to.contains('@') {
        let id = by_id(opened, to).await?;
        return Ok(Found {
            records: vec![id],
            unreadable: Vec::new(),
        });
    }
    let handle = opened.handle();
    let condition = sought::with_address(opened, to).await?;
    let page = async |after, size| handle.leads(&condition, Order::Id, after, size).await;
    let leads = listing::first(usize::MAX, page).await?;
    let contacts = leads.records.iter().map(|lead| lead.contact.id.to_string());
    let agents = agents::all(opened).await?;
    let sought = to.parse::<Email>().map(|email| email.key());
    let has_it = |agent: &Agent| sought.as_ref().is_ok_and(|key| agent.email.key() == *key);
    let with_it = agents.records.iter().filter(|agent| has_it(agent));
    let merged = sought::merged_of(opened, to).await?;
    let merged = merged.iter().map(|contact| contact.id.to_string());
    let all: BTreeSet<String> = contacts
        .chain(merged)
        .chain(with_it.map(|agent| agent.id.to_string()))
        .collect();
    let unreadable = [leads.unreadable, agents.unreadable].concat();
    match all.is_empty() && unreadable.is_empty() {
        true => Err(Asked::NobodyAt(to.to_owned()).into()),
        false => Ok(Found {
            records: all.into_iter().collect(),
            unreadable,
        }),
    }
}

/// The agent, or the contact, of an id.
async fn by_id(opened: &Opened<'_>, to: &str) -> Result<String, Failure> {
    if to.parse::<ContactId>().is_ok() {
        return Ok(to.to_owned());
    }
    if opened.handle().agent(&to.into()).await?.is_some() {
        return Ok(to.to_owned());
    }
    let agents = agents::all(opened).await?;
    let ids = agents.records.iter().map(|agent| agent.id.as_str());
    if ids.clone().any(|id| folded_eq(id, to)) {
        return Ok(to.to_owned());
    }
    let asked = Asked::NoAgent {
        agent: to.to_owned(),
        near: nearest(to, ids).map(ToOwned::to_owned),
    };
    Err(asked.into())
}

/// The first so many messages for which a condition holds.
pub(crate) async fn first(
    handle: &TenantHandle<'_>,
    condition: &str,
    limit: usize,
) -> Result<Found<Message>, Failure> {
    let page = async |after, size| handle.messages(condition, after, size).await;
    listing::first(limit, page).await
}

/// Whom a message is about, and who gets it. Not told where the record can't be read.
#[derive(Default)]
pub(crate) struct People {
    /// The name of the lead's contact.
    pub(crate) contact: Option<String>,
    /// The recipient's name.
    pub(crate) name: Option<String>,
    /// The recipient's address.
    pub(crate) email: Option<String>,
}

impl People {
    pub(crate) async fn of(handle: &TenantHandle<'_>, message: &Message) -> Result<Self, Failure> {
        let lead = handle.lead(message.lead).await.or_else(if_readable)?;
        let contact = lead.map(|lead| lead.contact);
        let name = contact.as_ref().map(|contact| contact.name.to_string());
        Ok(match &message.to {
            Recipient::Contact(_) => {
                let email = contact.as_ref().and_then(|contact| contact.email.as_ref());
                Self {
                    name: name.clone(),
                    email: email.map(|email| email.as_str().to_owned()),
                    contact: name,
                }
            }
            Recipient::Agent(id) => {
                let agent = handle.agent(id).await.or_else(if_readable)?;
                let agent = agent.as_ref();
                Self {
                    name: agent.map(|agent| agent.name.to_string()),
                    email: agent.map(|agent| agent.email.as_str().to_owned()),
                    contact: name,
                }
            }
        })
    }
}

fn if_readable<T>(error: Error) -> Result<Option<T>, Error> {
    match error {
        Error::Unreadable { .. } => Ok(None),
        error => Err(error),
    }
}

async fn listed(
    playbook: &Playbook,
    handle: &TenantHandle<'_>,
    message: &Message,
) -> Result<ListedMessage, Failure> {
    let told = |at| rfc3339(&playbook.zone, at);
    let People {
        contact,
        name,
        email,
    } = People::of(handle, message).await?;
    let trouble = message.trouble.as_ref();
    let error = trouble.map(|trouble| &trouble.error);
    Ok(ListedMessage {
        message: message.id.to_string(),
        state: message.state.as_str(),
        dropped: match message.state {
            State::Dropped(because) => Some(because.as_str()),
            _ => None,
        },
        since: told(message.state_since),
        template: message.template.to_string(),
        class: message.class.as_str(),
        channel: message.channel.to_string(),
        lead: message.lead.to_string(),
        contact,
        to: id_of(&message.to),
        name,
        email,
        attempts: message.attempts,
        queued_at: told(message.queued_at),
        expires_at: message.expires_at.map(told),
        next_at: message.wakes_at().map(told),
        set_aside: trouble.is_some_and(Trouble::is_set_aside),
        failures: trouble.map_or(0, |trouble| trouble.failures),
        error: error.or(message.error.as_ref()).map(ToString::to_string),
    })
}

/// The id of whoever gets a message.
pub(crate) fn id_of(to: &Recipient) -> String {
    match to {
        Recipient::Contact(id) => id.to_string(),
        Recipient::Agent(id) => id.to_string(),
    }
}

/// A table of messages, each with the time since when it is as it is.
fn told(playbook: &Playbook, messages: &[(String, ListedMessage)], count: u64) -> String {
    let mut table = table([
        "message", "contact", "state", "since", "template", "address", "error",
    ]);
    let or_dash = |text: Option<&String>| text.map_or("-", String::as_str).to_owned();
    for (since, message) in messages {
        let state = match (message.dropped, message.set_aside) {
            (Some(because), _) => format!("{}: {because}", message.state),
            (None, true) => format!("{}, set aside", message.state),
            (None, false) => message.state.to_owned(),
        };
        let who = message.name.as_ref().unwrap_or(&message.to);
        let address = message.email.as_ref().unwrap_or(who);
        table.add_row([
            message.message.clone(),
            or_dash(message.contact.as_ref()),
            state,
            since.clone(),
            message.template.clone(),
            address.clone(),
            or_dash(message.error.as_ref()),
        ]);
    }
    let mut text = match messages {
        [] => String::new(),
        _ => format!("{table}\n"),
    };
    let shown = messages.len() as u64;
    let more = match shown < count {
        true => format!(", {} shown", grouped(shown)),
        false => String::new(),
    };
    let times = match messages {
        [] => String::new(),
        _ => format!(" (times in {})", playbook.zone.name()),
    };
    let _ = writeln!(text, "{}{more}{times}", counted(count, "message"));
    text
}

/// Says what became of a message.
///
/// # Errors
/// When there is no such message, or it is not to be settled like that by this one.
pub fn settle(asked: &Settle) -> Result<Reported, Failure> {
    let id: MessageId = asked.message.parse().map_err(Asked::from)?;
    let opened = asked.database.open(For::Acting)?;
    opened.block_on(async {
        opened.must_be_under_its_playbook().await?;
        let handle = opened.handle();
        handle
            .settle(id, asked.fate)
            .by(Actor::said(&asked.by))
            .await?;
        let Some(message) = handle.message(id).await? else {
            return Err(Asked::NoMessage(id).into());
        };
        let message = listed(&opened.playbook, &handle, &message).await?;
        let mut text = match asked.fate {
            Fate::SendAgain => format!("message {id} goes again\n"),
            Fate::Retry => format!("message {id} is tried again\n"),
            Fate::Accepted | Fate::Delivered | Fate::Withdrawn => {
                format!("message {id} is {}\n", message.state)
            }
        };
        opened.tell_rehearsal(&mut text);
        let json = json!({ "settled": message, "rehearsal_at": opened.rehearsal_at() });
        Ok(Reported::new(text, &json, true))
    })
}
