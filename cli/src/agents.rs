//! The agents of a database, and those whom a condition names and who are not among them.

use std::collections::BTreeSet;

use leadkit::condition::Filter;
use leadkit::hint::nearest;
use leadkit::ids::ContactId;
use leadkit::record::{Agent, Record, stored};
use leadkit::store::{Kind, Order, Select};
use leadkit::value::{Value, folded_eq};

use crate::Failure;
use crate::database::Opened;
use crate::listing::{Found, PAGE, Unreadable};
use crate::report::Warned;

/// The facts whose values are ids of agents; that of `to` can be a contact's, too.
const NAMING: [&str; 5] = ["owner", "registered_by", "referrer", "from", "to"];

/// All agents.
///
/// # Errors
/// When the store fails.
pub(crate) async fn all(opened: &Opened<'_>) -> Result<Found<Agent>, Failure> {
    let store = opened.engine.store();
    let mut select = Select {
        tenant: opened.tenant.clone(),
        kind: Kind::Agent,
        filter: Filter::Constant(true),
        order: Order::Id,
        after: None,
        limit: PAGE,
    };
    let mut found = Found::default();
    loop {
        let page = store.select(&select).await?;
        let loaded = store.load(&page.keys).await?;
        for (key, loaded) in page.keys.iter().zip(loaded) {
            let Some(body) = loaded.body else {
                continue;
            };
            match stored::decode_as(Kind::Agent, &body) {
                Ok(Record::Agent(agent)) => found.records.push(agent),
                Ok(_) => {}
                Err(why) => found.unreadable.push(Unreadable::new(key, &why)),
            }
        }
        select.after = page.next;
        if select.after.is_none() {
            return Ok(found);
        }
    }
}

/// Warns of the agents whom a filter names and who are not there: nothing is found of them, most likely
/// because the name is mistyped. Whoever can't be read may be meant, so then nothing is said.
///
/// # Errors
/// When the store fails.
pub(crate) async fn strangers(
    opened: &Opened<'_>,
    filter: &Filter,
) -> Result<Vec<Warned>, Failure> {
    let mut named = BTreeSet::new();
    note_named(filter, &mut named);
    // What is an id as contacts have it names no agent.
    named.retain(|name| name.parse::<ContactId>().is_err());
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let agents = all(opened).await?;
    if !agents.unreadable.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || agents.records.iter().map(|agent| agent.id.as_str());
    let strangers = named
        .into_iter()
        .filter(|name| !ids().any(|id| folded_eq(id, name)));
    let warned = strangers.map(|name| Warned {
        message: format!("nobody is called `{name}`"),
        hint: nearest(name, ids()).map(|near| format!("did you mean `{near}`?")),
    });
    Ok(warned.collect())
}

/// Notes the texts with which a filter compares the ids of agents.
fn note_named<'f>(filter: &'f Filter, named: &mut BTreeSet<&'f str>) {
    match filter {
        Filter::All(several) | Filter::Any(several) => {
            several.iter().for_each(|one| note_named(one, named));
        }
        Filter::Not(one) => note_named(one, named),
        Filter::Compare { fact, value, .. } if NAMING.contains(&fact.as_str()) => {
            named.extend(text(value));
        }
        Filter::In { fact, values } if NAMING.contains(&fact.as_str()) => {
            named.extend(values.iter().filter_map(text));
        }
        Filter::Compare { .. }
        | Filter::In { .. }
        | Filter::CompareFacts { .. }
        | Filter::IsMissing(_)
        | Filter::Constant(_) => {}
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
