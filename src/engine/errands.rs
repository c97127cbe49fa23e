//! Errands: what actions of the host's own left in the journal for the host to carry out.

use crate::engine::{Error, TenantHandle};
use crate::ids::{ErrandId, LeadId, Name};
use crate::record::journal::{Event, JournalEntry};
use crate::record::stored::{self, Unreadable};
use crate::store::JournalCursor;
use crate::time::Instant;

/// Something for the host to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Which: the same, however often it is read. Whoever carries it out knows by it what is done.
    pub id: ErrandId,
    /// The action that left it.
    pub action: Name,
    /// For which lead.
    pub lead: LeadId,
    /// When it was left.
    pub at: Instant,
}

/// The errands behind a cursor, in the order of the journal.
#[derive(Debug)]
pub struct Errands {
    /// What is to be carried out; nothing, when the journal has no more.
    pub errands: Vec<Errand>,
    /// Entries of the journal that can't be read, and why: whether they hold errands nobody knows.
    pub unreadable: Vec<(JournalCursor, Unreadable)>,
    /// Where to go on. To be kept once all of these are carried out.
    pub cursor: JournalCursor,
}

/// How many entries of the journal are gone through at once.
const PAGE: usize = 500;

impl TenantHandle<'_> {
    /// The next errands behind a cursor, as many as one page of the journal holds; none, when there are
    /// no more for now.
    ///
    /// Whoever carries errands out keeps the cursor when that is done, best beside what was done. A
    /// worker that dies in between gets them again, so each comes at least once: the [`Errand::id`] tells
    /// what was done. A cursor is one worker's at a time: with one each, both would carry out all.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn errands(&self, after: JournalCursor) -> Result<Errands, Error> {
        let mut found = Errands {
            errands: Vec::new(),
            unreadable: Vec::new(),
            cursor: after,
        };
        let store = &self.engine.inner.store;
        while found.errands.is_empty() {
            let page = store.journal(&self.tenant, found.cursor, PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            found.cursor = last.cursor;
            for journaled in &page {
                match stored::decode_entry(&journaled.body) {
                    Ok(entry) => found.errands.extend(errands_of(&entry)),
                    Err(why) => found.unreadable.push((journaled.cursor, why)),
                }
            }
        }
        Ok(found)
    }
}

fn errands_of(entry: &JournalEntry) -> impl Iterator<Item = Errand> {
    entry.events.iter().filter_map(|event| match event {
        Event::ErrandLeft {
            lead,
            errand,
            action,
        } => Some(Errand {
            id: *errand,
            action: action.clone(),
            lead: *lead,
            at: entry.at,
        }),
        _ => None,
    })
}
