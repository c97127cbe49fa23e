//! What a listing finds: records, and beside them those that can't be read.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use leadkit::engine::{Error, Page};
use leadkit::record::stored;
use leadkit::store::{Cursor, Key, Kind};
use serde::Serialize;

use crate::Failure;
use crate::failure::chain;
use crate::progress::Bar;

/// How many records are read at once.
pub(crate) const PAGE: usize = 500;

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unreadable {
    /// What it is: `lead`, `message`, `sweep`, `agent`, `contact`, or `record` for any other.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Why.
    pub error: String,
}

impl Unreadable {
    pub(crate) fn new(key: &Key, why: &stored::Unreadable) -> Self {
        Self {
            kind: match key.kind {
                Kind::Lead => "lead",
                Kind::Message => "message",
                Kind::Sweep => "sweep",
                Kind::Agent => "agent",
                Kind::Contact => "contact",
                _ => "record",
            },
            id: key.id.to_string(),
            error: chain(why),
        }
    }

    /// Those of a page.
    pub(crate) fn of(page: &[(Key, stored::Unreadable)]) -> impl Iterator<Item = Self> {
        page.iter().map(|(key, why)| Self::new(key, why))
    }
}

/// What a listing found.
pub(crate) struct Found<T> {
    /// The records, in order.
    pub(crate) records: Vec<T>,
    /// Those that can't be read.
    pub(crate) unreadable: Vec<Unreadable>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

impl<T> Found<T> {
    /// How many it found, whether they can be read or not.
    pub(crate) fn len(&self) -> usize {
        self.records.len() + self.unreadable.len()
    }
}

/// The first so many records of a listing, page by page. Those that can't be read count too: a
/// database of another version has nothing else.
pub(crate) async fn first<T>(
    limit: usize,
    page: impl AsyncFn(Option<Cursor>, usize) -> Result<Page<T>, Error>,
) -> Result<Found<T>, Failure> {
    first_with(limit, page, None).await
}

/// The same with a bar for long lists.
pub(crate) async fn first_with<T>(
    limit: usize,
    page: impl AsyncFn(Option<Cursor>, usize) -> Result<Page<T>, Error>,
    mut bar: Option<Bar>,
) -> Result<Found<T>, Failure> {
    let mut found = Found::default();
    let mut after = None;
    while found.len() < limit {
        let size = (limit - found.len()).min(PAGE);
        let page = page(after, size).await?;
        if let Some(bar) = &mut bar {
            bar.step(page.records.len() + page.unreadable.len());
        }
        found.unreadable.extend(Unreadable::of(&page.unreadable));
        found.records.extend(page.records);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The first so many records of a whole listing that are wanted, and how many are. All that can't be
/// read is told, also what had to be read to know which are wanted: nobody knows whether it is.
pub(crate) async fn kept<T>(
    limit: usize,
    wanted: impl AsyncFn(Vec<T>) -> Result<Found<T>, Failure>,
    page: impl AsyncFn(Option<Cursor>, usize) -> Result<Page<T>, Error>,
    mut bar: Bar,
) -> Result<(Found<T>, u64), Failure> {
    let mut found = Found::default();
    let (mut count, mut after) = (0, None);
    loop {
        let page = page(after, PAGE).await?;
        found.unreadable.extend(Unreadable::of(&page.unreadable));
        bar.step(page.records.len() + page.unreadable.len());
        let wanted = wanted(page.records).await?;
        found.unreadable.extend(wanted.unreadable);
        for record in wanted.records {
            count += 1;
            if found.records.len() < limit {
                found.records.push(record);
            }
        }
        after = page.next;
        if after.is_none() {
            tell_once(&mut found.unreadable);
            return Ok((found, count));
        }
    }
}

/// Each record that can't be read once: a contact with several leads is met several times.
pub(crate) fn tell_once(unreadable: &mut Vec<Unreadable>) {
    let mut told = BTreeSet::new();
    unreadable.retain(|one| told.insert(one.clone()));
}

/// Tells which records can't be read, a line each.
pub(crate) fn tell(text: &mut String, unreadable: &[Unreadable]) {
    for Unreadable { kind, id, error } in unreadable {
        let _ = writeln!(text, "{kind} {id} can't be read: {error}");
    }
}
