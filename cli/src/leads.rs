//! `leadkit leads`: those for which a condition holds, as a list or counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use leadkit::condition::{ComputedFact, Filter};
use leadkit::engine::TenantHandle;
use leadkit::explain::local;
use leadkit::facts::LeadFact;
use leadkit::playbook::Playbook;
use leadkit::playbook::catalogue::LeadFacts;
use leadkit::record::Lead;
use leadkit::store::Order;
use leadkit::time::Instant;
use leadkit::value::{Value, ValueRef};
use serde::Serialize;
use serde_json::json;
use smol_str::SmolStr;

use crate::database::{Database, For, Opened};
use crate::listing::Unreadable;
use crate::progress::{Bar, Progress};
use crate::report::{counted, grouped, quoted, rfc3339, table, table_of_numbers};
use crate::sought::Sought;
use crate::{Asked, Failure, Reported, agents, listing, replay};

/// Which leads, and how.
#[derive(Clone, Debug)]
pub struct Leads {
    /// The database.
    pub database: Database,
    /// The condition; all leads, if empty.
    pub condition: String,
    /// What their contacts have in the name, the e-mail address or the phone number.
    pub find: Option<String>,
    /// The facts by which to count, in place of a list.
    pub count_by: Vec<String>,
    /// The fact that orders the list; the order of registration, if `None`.
    pub order: Option<String>,
    /// Whether the largest comes first.
    pub direction: Direction,
    /// How many are listed at most.
    pub limit: usize,
    /// What `now` is in the condition; the present, or where a rehearsal stands, if `None`.
    pub now: Option<String>,
    /// How progress is shown.
    pub progress: Progress,
}

/// In which direction a list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    #[default]
    Ascending,
    /// The largest first.
    Descending,
}

#[derive(Serialize)]
struct Listed {
    condition: String,
    zone: String,
    count: u64,
    leads: Vec<ListedLead>,
    unreadable: Vec<Unreadable>,
}

#[derive(Serialize)]
struct ListedLead {
    lead: String,
    contact: String,
    email: Option<String>,
    phone: Option<String>,
    pipeline: String,
    stage: String,
    outcome: Option<String>,
    owner: Option<String>,
    source: Option<String>,
    registered_at: String,
    closed_at: Option<String>,
    fields: serde_json::Map<String, serde_json::Value>,
}

/// Lists or counts leads.
///
/// # Errors
/// When the condition, or a fact, can't be asked for.
pub fn leads(asked: &Leads) -> Result<Reported, Failure> {
    let playbook = asked.database.playbook()?;
    let filter = all_that_is_asked(asked, &playbook);
    let opened = match &asked.now {
        None => asked.database.open_under(playbook, For::Reading),
        Some(now) => {
            replay::instant(now, &playbook).and_then(|now| asked.database.open_at(playbook, now))
        }
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(failure) => return Err(filter.err().unwrap_or(failure)),
    };
    opened.block_on(async {
        // What another version of the playbook has is no slip in the condition.
        opened.must_be_under_its_playbook().await?;
        let filter = filter?;
        let handle = opened.handle();
        let warnings = agents::strangers(&opened, &filter).await?;
        let reported = if asked.count_by.is_empty() {
            list(&opened, asked).await?
        } else {
            count(&handle, &opened.playbook, asked).await?
        };
        Ok(reported.with_warnings(warnings))
    })
}

/// The condition, where stores can also count and order by all facts that were asked for.
fn all_that_is_asked(asked: &Leads, playbook: &Playbook) -> Result<Filter, Failure> {
    let filter = filter(&asked.condition, playbook)?;
    for fact in &asked.count_by {
        must_be_stored("--count-by", fact, playbook)?;
    }
    if let Some(fact) = &asked.order {
        must_be_stored("--order", fact, playbook)?;
    }
    Ok(filter)
}

/// What a condition lets through, at whatever time. Refuses one that can't be read, or that stores can't
/// filter by.
fn filter(text: &str, playbook: &Playbook) -> Result<Filter, Failure> {
    if text.trim().is_empty() {
        return Ok(Filter::Constant(true));
    }
    let condition = playbook
        .condition(text)
        .map_err(|faults| Failure::Condition {
            text: text.to_owned(),
            faults,
        })?;
    let filter = condition.filter(Instant::UNIX_EPOCH);
    filter.map_err(|fact| Failure::Computed {
        hint: instead_of(&fact),
        text: text.to_owned(),
        fact,
    })
}

/// What a list can ask in place of a fact that no store keeps.
fn instead_of(fact: &ComputedFact) -> Option<&'static str> {
    match LeadFact::named(&fact.name.to_string())? {
        LeadFact::ContactName | LeadFact::Phone => Some("--find finds names and phone numbers"),
        LeadFact::WaitsUntil => {
            Some("ask for `wait_days`, and for `entered_at`, from which they count")
        }
        LeadFact::TeamSince => Some("ask for `assigned_at`: when the lead came to its owner"),
        LeadFact::EarlierTeam => {
            Some("ask for `reassignments`: how often a rule gave it to another")
        }
        LeadFact::QuoteVersion => Some("ask for `quote is present`, or for its number: `quote`"),
        LeadFact::QuoteMadeAt => Some("ask for `quote.valid_until`"),
        LeadFact::QuoteAcceptedAt | LeadFact::QuoteDeclined => Some("ask for `quote.accepted`"),
        LeadFact::ReferrerRole => Some("ask for `referrer`: the agent's id"),
        _ => None,
    }
}

/// Refuses a fact by which stores can't group or order.
fn must_be_stored(option: &'static str, fact: &str, playbook: &Playbook) -> Result<(), Failure> {
    if fact.trim().is_empty() {
        return Err(Asked::NoFact { option }.into());
    }
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '(' | ')' | '"');
    if !fact.chars().all(is_name) {
        let text = fact.to_owned();
        return Err(Asked::NotOneFact { option, text }.into());
    }
    // A fact alone is no condition, but asking whether it is missing is one.
    let asked = playbook.condition(&format!("{fact} is missing"));
    let asked = asked.map_err(|faults| Asked::UnknownFact { option, faults })?;
    let filter = asked.filter(Instant::UNIX_EPOCH);
    filter.map_err(|fact| Asked::ComputedFact { option, fact })?;
    Ok(())
}

async fn count(
    handle: &TenantHandle<'_>,
    playbook: &Playbook,
    asked: &Leads,
) -> Result<Reported, Failure> {
    let by: Vec<&str> = asked.count_by.iter().map(String::as_str).collect();
    let mut groups = handle.count(&asked.condition, &by).await?;
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let total: u64 = groups.iter().map(|group| group.count).sum();
    // Of each value that is shown, the first lead that has it is read.
    let shown = groups.len().min(asked.limit) * by.len();
    let mut bar = Bar::new(asked.progress, shown as u64, "values", "reading");
    for (place, fact) in by.iter().enumerate() {
        let shown = groups.iter_mut().take(asked.limit);
        let shown = shown.inspect(|_| bar.step(1));
        let values = shown.filter_map(|group| group.values[place].as_mut());
        as_first_written(handle, playbook, asked, fact, values).await?;
    }
    drop(bar);
    let mut table = table_of_numbers(by.len(), by.iter().copied().chain(["leads"]));
    for group in groups.iter().take(asked.limit) {
        let values = group.values.iter();
        let values = values.map(|value| {
            value
                .as_ref()
                .map_or_else(|| "-".into(), |value| told_value(playbook, value.as_ref()))
        });
        table.add_row(values.chain([grouped(group.count)]));
    }
    let mut text = format!("{table}\n");
    let mut values = groups.iter().flat_map(|group| &group.values);
    let has_times = values.any(|value| matches!(value, Some(Value::Instant(_))));
    let shown = groups.len().min(asked.limit);
    let _ = writeln!(
        text,
        "{} in {}{}{}",
        counted(total, "lead"),
        counted(groups.len() as u64, "group"),
        if shown < groups.len() {
            format!(", {shown} shown")
        } else {
            String::new()
        },
        match has_times {
            true => format!(" (times in {})", playbook.zone.name()),
            false => String::new(),
        },
    );
    let listed = groups.iter().take(asked.limit).map(|group| {
        let values = by.iter().zip(&group.values);
        let values = values.map(|(fact, value)| {
            (
                (*fact).to_owned(),
                value.as_ref().map_or(serde_json::Value::Null, |value| {
                    json_of(playbook, value.as_ref())
                }),
            )
        });
        let values: serde_json::Map<String, serde_json::Value> = values.collect();
        json!({ "values": values, "leads": group.count })
    });
    let json = json!({
        "condition": asked.condition,
        "zone": playbook.zone.name(),
        "count_by": by,
        "count": total,
        "groups": listed.collect::<Vec<_>>(),
        "groups_in_all": groups.len(),
    });
    Ok(Reported::new(text, &json, true))
}

/// Stores compare text folded, and so group it. Each is shown as it stands on the first lead that has
/// it.
async fn as_first_written(
    handle: &TenantHandle<'_>,
    playbook: &Playbook,
    asked: &Leads,
    fact: &str,
    values: impl Iterator<Item = &mut Value>,
) -> Result<(), Failure> {
    let mut written: BTreeMap<SmolStr, Option<Value>> = BTreeMap::new();
    for value in values {
        let Value::Text(folded) = &*value else {
            continue;
        };
        if !written.contains_key(folded) {
            let same = format!("{fact} == {}", quoted(folded));
            let condition = match asked.condition.trim() {
                "" => same,
                condition => format!("({condition}) and {same}"),
            };
            if playbook.condition(&condition).is_err() {
                // A word that this playbook does not know any more.
                continue;
            }
            let first = first_readable(handle, &condition).await?;
            written.insert(
                folded.clone(),
                first.and_then(|lead| value_of(playbook, &lead, fact)),
            );
        }
        if let Some(Some(first)) = written.get(folded) {
            *value = first.clone();
        }
    }
    Ok(())
}

async fn first_readable(
    handle: &TenantHandle<'_>,
    condition: &str,
) -> Result<Option<Lead>, Failure> {
    let mut after = None;
    loop {
        let page = handle.leads(condition, Order::Id, after, 1).await?;
        after = page.next;
        let first = page.records.into_iter().next();
        if first.is_some() || after.is_none() {
            return Ok(first);
        }
    }
}

async fn list(opened: &Opened<'_>, asked: &Leads) -> Result<Reported, Failure> {
    let (handle, playbook) = (opened.handle(), &*opened.playbook);
    let order = match (&asked.order, asked.direction) {
        (None, _) => Order::Id,
        (Some(fact), Direction::Ascending) => Order::Ascending(fact.into()),
        (Some(fact), Direction::Descending) => Order::Descending(fact.into()),
    };
    let page = async |after, size| {
        let order = order.clone();
        handle.leads(&asked.condition, order, after, size).await
    };
    let groups = handle.count(&asked.condition, &[]).await?;
    let all = groups.iter().map(|group| group.count).sum();
    let (found, count) = match asked.find.as_deref().map(Sought::said).transpose()? {
        Some(sought) => {
            let among = async |leads| sought.among(opened, leads).await;
            let bar = Bar::new(asked.progress, all, "leads", "searching");
            listing::kept(asked.limit, among, page, bar).await?
        }
        None => {
            let length = all.min(asked.limit as u64);
            let bar = Bar::new(asked.progress, length, "leads", "reading");
            let found = listing::first_with(asked.limit, page, Some(bar)).await?;
            (found, all)
        }
    };
    let leads = found.records;
    let mut headings = vec!["lead", "contact", "stage", "owner", "registered", "closed"];
    let by = asked.order.as_deref().filter(|fact| !SHOWN.contains(fact));
    headings.extend(by);
    let mut table = table(headings);
    for lead in &leads {
        let told = |at: Instant| local(&playbook.zone, at).to_string();
        let closed = lead.closed.as_ref().map(|closed| told(closed.at.at));
        let row = [
            lead.id.to_string(),
            lead.contact.name.to_string(),
            format!("{}.{}", lead.pipeline, lead.stage),
            lead.owner_id()
                .map_or_else(|| "-".into(), ToString::to_string),
            told(lead.registered.at),
            closed.unwrap_or_else(|| "-".into()),
        ];
        let by = by.map(|fact| fact_of(playbook, lead, fact));
        table.add_row(row.into_iter().chain(by));
    }
    let mut text = if leads.is_empty() {
        String::new()
    } else {
        format!("{table}\n")
    };
    let shown = leads.len() as u64;
    let more = if shown < count {
        format!(", {} shown", grouped(shown))
    } else {
        String::new()
    };
    let times = match leads.is_empty() {
        true => String::new(),
        false => format!(" (times in {})", playbook.zone.name()),
    };
    let _ = writeln!(text, "{}{more}{times}", counted(count, "lead"));
    listing::tell(&mut text, &found.unreadable);
    let is_well = found.unreadable.is_empty();
    let listed = Listed {
        condition: asked.condition.clone(),
        zone: playbook.zone.name().into(),
        count,
        leads: leads.iter().map(|lead| listed(playbook, lead)).collect(),
        unreadable: found.unreadable,
    };
    Ok(Reported::new(text, &listed, is_well))
}

/// The facts that the table shows anyway.
const SHOWN: [&str; 6] = [
    "stage",
    "pipeline",
    "owner",
    "registered_at",
    "closed_at",
    "contact.name",
];

fn fact_of(playbook: &Playbook, lead: &Lead, fact: &str) -> String {
    let value = value_of(playbook, lead, fact);
    value.map_or_else(
        || "-".into(),
        |value: Value| told_value(playbook, value.as_ref()),
    )
}

/// A value for people: an instant in the playbook's zone.
fn told_value(playbook: &Playbook, value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Instant(at) => local(&playbook.zone, at).to_string(),
        other => other.to_string(),
    }
}

fn value_of(playbook: &Playbook, lead: &Lead, fact: &str) -> Option<Value> {
    let field = leadkit::ids::Name::from(fact);
    let value = match LeadFact::named(fact) {
        Some(fact) => {
            let now = lead.settled_at;
            let facts = LeadFacts {
                playbook,
                lead,
                now,
            };
            facts.built_in(fact)
        }
        None => lead.fields.value(&field),
    };
    value.map(ValueRef::to_value)
}

fn listed(playbook: &Playbook, lead: &Lead) -> ListedLead {
    let told = |at| rfc3339(&playbook.zone, at);
    let closed = lead.closed.as_ref();
    let fields = lead.fields.iter();
    ListedLead {
        lead: lead.id.to_string(),
        contact: lead.contact.name.to_string(),
        email: lead
            .contact
            .email
            .as_ref()
            .map(|email| email.as_str().to_owned()),
        phone: lead.contact.phone.as_ref().map(ToString::to_string),
        pipeline: lead.pipeline.to_string(),
        stage: lead.stage.to_string(),
        outcome: closed.map(|closed| closed.outcome.to_string()),
        owner: lead.owner_id().map(ToString::to_string),
        source: lead.source.as_ref().map(ToString::to_string),
        registered_at: told(lead.registered.at),
        closed_at: closed.map(|closed| told(closed.at.at)),
        fields: fields
            .map(|(name, value)| (name.to_string(), json_of(playbook, value.as_ref())))
            .collect(),
    }
}

fn json_of(playbook: &Playbook, value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Bool(value) => json!(value),
        ValueRef::Number(number) => number
            .to_string()
            .parse::<serde_json::Number>()
            .map_or(serde_json::Value::Null, serde_json::Value::Number),
        ValueRef::Instant(at) => json!(rfc3339(&playbook.zone, at)),
        other => json!(other.to_string()),
    }
}
