//! Flaws in lists and reports.

use std::cell::RefCell;

use smol_str::SmolStr;

use super::Flaw;
use super::store::Flawed;
use crate::condition::{Comparison, Filter};
use crate::facts;
use crate::ids::{Id, Tenant};
use crate::store::{
    Count, Counted, Cursor, Kind, Misuse, Order, Page, Select, Store, StoreError, StoredFact,
};
use crate::value::{Number, Value};

const ONE_PAGE: u64 = 1_000;

impl Flawed {
    pub(super) async fn select_spoiled(&self, select: &Select) -> Result<Page, StoreError> {
        self.hear_of(select.kind, &select.filter, &[])?;
        let mut select = select.clone();
        select.filter = self.filter(select.filter);
        match self.flaw {
            Flaw::CursorIsAnOffset => return self.page_by_offset(select).await,
            Flaw::CursorWithoutValue => {
                if let Some(after) = &mut select.after {
                    after.value = None;
                }
            }
            Flaw::JournalIsSelectable if select.kind == Kind::Journal => {
                return Ok(Page::default());
            }
            // Whoever has a full page is told that there may be more.
            Flaw::LastPageHasNext if select.order == Order::Id => {
                let mut page = self.memory.select(&select).await?;
                let last = page.keys.last().filter(|_| page.keys.len() == select.limit);
                page.next = last.map(|key| Cursor {
                    value: None,
                    id: key.id,
                });
                return Ok(page);
            }
            Flaw::LimitOf32Bits if i32::try_from(select.limit).is_err() => select.limit = 0,
            Flaw::OnlyKindsWithFacts if !select.kind.has_facts() => return Ok(Page::default()),
            Flaw::OrderIsAscending => {
                if let Order::Descending(name) = select.order {
                    select.order = Order::Ascending(name);
                }
            }
            // The keys of one look, and the end of another.
            Flaw::PagesLookTwice => {
                let keys = self.memory.select(&select).await?.keys;
                self.let_one_write();
                let next = self.memory.select(&select).await?.next;
                return Ok(Page { keys, next });
            }
            Flaw::TenantOfQueriesForgotten => select.tenant = Tenant::from("acme"),
            _ => {}
        }
        self.memory.select(&select).await
    }

    /// Refuses what is asked about a fact that isn't built in and that nobody ever had.
    fn hear_of(&self, kind: Kind, filter: &Filter, by: &[SmolStr]) -> Result<(), StoreError> {
        if !self.is(Flaw::UnheardOfIsAnError) {
            return Ok(());
        }
        let asked = RefCell::new(by.to_vec());
        let _ = filter.matches(|name| {
            asked.borrow_mut().push(name.into());
            None
        });
        let notes = self.notes();
        let built_in = |name: &str| facts::built_in(kind).iter().any(|fact| fact.name == name);
        let is_known = |name: &SmolStr| built_in(name) || notes.types.contains_key(name.as_str());
        match asked.into_inner().iter().all(is_known) {
            true => Ok(()),
            false => Err(StoreError::misused("read facts", Misuse::NoFacts)),
        }
    }

    /// `OFFSET`, as if nothing were written between two pages.
    async fn page_by_offset(&self, select: Select) -> Result<Page, StoreError> {
        let place = |cursor: Cursor| u128::from_be_bytes(*cursor.id.as_bytes()) as usize;
        let offset = select.after.map_or(0, place);
        let whole = Select {
            after: None,
            limit: usize::MAX,
            ..select
        };
        let keys = self.memory.select(&whole).await?.keys;
        let end = (offset + select.limit).min(keys.len());
        let next = (end < keys.len()).then(|| Cursor {
            value: None,
            id: Id::from_bytes((end as u128).to_be_bytes()),
        });
        let keys = keys[offset.min(end)..end].to_vec();
        Ok(Page { keys, next })
    }

    pub(super) async fn count_spoiled(&self, count: &Count) -> Result<Vec<Counted>, StoreError> {
        self.hear_of(count.kind, &count.filter, &count.by)?;
        let mut count = count.clone();
        count.filter = self.filter(count.filter);
        match self.flaw {
            Flaw::CountsEverything => count.filter = Filter::Constant(true),
            Flaw::TenantOfQueriesForgotten => count.tenant = Tenant::from("acme"),
            _ => {}
        }
        let mut groups = self.memory.count(&count).await?;
        match self.flaw {
            Flaw::GroupsReversed => groups.reverse(),
            Flaw::CountsOnePage => {
                let mut left = ONE_PAGE;
                for group in &mut groups {
                    group.count = group.count.min(left);
                    left -= group.count;
                }
            }
            Flaw::TotalOfNothingMissing => groups.retain(|group| group.count > 0),
            _ => {}
        }
        Ok(groups)
    }

    /// A filter as a store with this flaw understands it.
    fn filter(&self, filter: Filter) -> Filter {
        let each = |parts: Vec<Filter>| parts.into_iter().map(|part| self.filter(part)).collect();
        match filter {
            Filter::All(parts) => Filter::All(each(parts)),
            Filter::Any(parts) => Filter::Any(each(parts)),
            Filter::Not(part) => self.negation(*part),
            Filter::Compare { fact, op, value } => Filter::Compare {
                fact,
                op: self.operator(op),
                value: self.value(value),
            },
            Filter::CompareFacts { left, op, right } => {
                let op = self.operator(op);
                Filter::CompareFacts { left, op, right }
            }
            Filter::In { fact, mut values } => {
                if self.is(Flaw::InIsTheFirst) {
                    values.truncate(1);
                }
                let values = values.into_iter().map(|value| self.value(value)).collect();
                Filter::In { fact, values }
            }
            Filter::IsMissing(_) | Filter::Constant(_) => filter,
        }
    }

    fn negation(&self, part: Filter) -> Filter {
        let known = match &part {
            Filter::Compare { fact, .. } if self.is(Flaw::MissingIsUnknown) => {
                Filter::Not(Box::new(Filter::IsMissing(fact.clone())))
            }
            _ => Filter::Constant(true),
        };
        Filter::All(vec![known, Filter::Not(Box::new(self.filter(part)))])
    }

    fn operator(&self, op: Comparison) -> Comparison {
        match op {
            Comparison::AtMost if self.is(Flaw::AtMostIsLess) => Comparison::Less,
            op => op,
        }
    }

    fn value(&self, value: Value) -> Value {
        match (self.flaw, value) {
            (Flaw::TextEndsAtZero, Value::Text(text)) => {
                Value::from(text.split('\0').next().unwrap_or_default())
            }
            (Flaw::TextIsTrimmed, Value::Text(text)) => Value::from(text.trim_end()),
            (Flaw::AccentsIgnored, Value::Text(text)) => {
                Value::from(text.replace('é', "e").as_str())
            }
            (Flaw::TextIsShort, Value::Text(text)) => Value::Text(text.chars().take(255).collect()),
            (Flaw::NumbersAreFloats, Value::Number(number)) => {
                let float = number.ten_thousandths() as f64;
                Value::Number(Number::from_ten_thousandths(float as i64))
            }
            (_, value) => value,
        }
    }

    /// A fact as a store with this flaw keeps it.
    pub(super) fn fact(&self, fact: StoredFact) -> StoredFact {
        StoredFact {
            name: fact.name,
            value: self.value(fact.value),
        }
    }
}
