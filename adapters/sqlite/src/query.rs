//! Selections and counts: a filter becomes the `WHERE` of one statement.
//!
//! A filter has two values and SQL has three. Negations are pushed down to the comparisons, and
//! there `not (a < b)` says in full what it means: `a IS NULL OR a >= b`, and `not (a = b)` is
//! `a IS NOT b`. Elsewhere an unknown is as good as false, so positive comparisons stay bare, as
//! indexes like them.
//!
//! A fact may lie in several places, one for each type that its name was ever stored with; a
//! record has it in one of them at most.

use leadkit::condition::{Comparison, Filter};
use leadkit::ids::Id;
use leadkit::store::{Count, Counted, Cursor, Key, Kind, Order, Page, Select};
use leadkit::value::{Value, ValueType};
use rusqlite::{Row, params_from_iter};
use sea_query::{Alias, Expr, ExprTrait, NullOrdering, Query, SelectStatement, SqliteQueryBuilder};

use crate::facts::{self, Encoded, Layout, Place, TYPES, type_number};
use crate::session::{Session, Slots, count};
use crate::tables::Sql;

impl Session<'_> {
    /// One page of a selection that [`Select::check`] accepts; within a transaction.
    pub(crate) fn select(&mut self, select: &Select) -> rusqlite::Result<Page> {
        let Some(tenant) = self.tenant(&select.tenant)? else {
            return Ok(Page::default());
        };
        if select.limit == 0 {
            return Ok(Page::default());
        }
        let columns = Columns::new(self, tenant, select.kind)?;
        let order = Ordering::new(&columns, &select.order);
        let statement = columns.page(select, &order);
        let mut page = Page::default();
        let mut last = None;
        let complete = self.rows(&statement, |row| {
            if page.keys.len() == select.limit {
                return Ok(false);
            }
            let id = Id::from_bytes(row.get(0)?);
            let value = found(&order.by, row, 1)?;
            page.keys.push(Key {
                id,
                kind: select.kind,
                tenant: select.tenant.clone(),
            });
            last = Some(Cursor { value, id });
            Ok(true)
        })?;
        page.next = last.filter(|_| !complete);
        Ok(page)
    }

    /// How SQLite would go about a selection that [`Select::check`] accepts; within a transaction.
    pub(crate) fn plan(&mut self, select: &Select) -> rusqlite::Result<String> {
        let Some(tenant) = self.tenant(&select.tenant)? else {
            return Ok(String::new());
        };
        let columns = Columns::new(self, tenant, select.kind)?;
        let order = Ordering::new(&columns, &select.order);
        let (sql, values) = columns.page(select, &order);
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = self.connection.prepare(&explained)?;
        let steps =
            statement.query_map(params_from_iter(values.iter().map(Bound)), |row| row.get(3))?;
        let steps = steps.collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(steps.join("\n"))
    }

    /// A count that [`Count::check`] accepts; within a transaction.
    pub(crate) fn count(&mut self, count: &Count) -> rusqlite::Result<Vec<Counted>> {
        let Some(tenant) = self.tenant(&count.tenant)? else {
            let total = Counted {
                values: Vec::new(),
                count: 0,
            };
            return Ok(match count.by.is_empty() {
                true => vec![total],
                false => Vec::new(),
            });
        };
        let columns = Columns::new(self, tenant, count.kind)?;
        let groups: Vec<Vec<Located>> = count.by.iter().map(|name| columns.located(name)).collect();
        let mut statement = columns.rows(&count.filter);
        statement.expr(Expr::cust("count(*)"));
        for located in groups.iter().flatten() {
            statement.expr(located.expr());
            statement.add_group_by([located.expr()]);
            let ascending = sea_query::Order::Asc;
            statement.order_by_expr_with_nulls(located.expr(), ascending, NullOrdering::Last);
        }
        let statement = statement.build(SqliteQueryBuilder);
        let mut counted = Vec::new();
        self.rows(&statement, |row| {
            let mut column = 1;
            let mut values = Vec::with_capacity(groups.len());
            for group in &groups {
                values.push(found(group, row, column)?);
                column += group.len();
            }
            let count = row.get::<_, i64>(0)?.unsigned_abs();
            counted.push(Counted { values, count });
            Ok(true)
        })?;
        // Without a column to group by there is one row, which may say that there is nothing.
        if !count.by.is_empty() {
            counted.retain(|group| group.count > 0);
        }
        Ok(counted)
    }

    /// Runs a statement, row by row until `each` has enough. Whether it saw them all.
    fn rows(
        &self,
        (sql, values): &Built,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values.iter().map(Bound)))?;
        while let Some(row) = rows.next()? {
            if !each(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A statement, and the values to be bound to it.
type Built = (String, sea_query::Values);

/// The first value that is there, of a fact's places in the columns from `first` on.
fn found(places: &[Located], row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Value>> {
    for (column, located) in (first..).zip(places) {
        let raw = row.get_ref(column)?;
        let value = facts::decode(located.value_type, column, raw)?;
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

/// A bound value of sea-query, of the types that are bound here.
struct Bound<'a>(&'a sea_query::Value);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self.0 {
            sea_query::Value::BigInt(value) => value.to_sql(),
            sea_query::Value::String(value) => value.to_sql(),
            sea_query::Value::Bytes(value) => value.to_sql(),
            _ => Err(rusqlite::Error::InvalidQuery),
        }
    }
}

/// Where the facts of one tenant's records of one kind lie.
#[derive(Debug)]
struct Columns<'a> {
    sql: &'a Sql,
    tenant: i64,
    kind: Kind,
    layout: Option<&'static Layout>,
    slots: Slots,
}

/// One place of a fact, and the type of what is there.
#[derive(Clone, Debug)]
struct Located {
    value_type: ValueType,
    place: Place,
    /// The column's name, unless it is the overflow.
    column: String,
}

impl Located {
    fn expr(&self) -> Expr {
        match self.place {
            Place::Column(_) => Expr::col(Alias::new(&self.column)),
            Place::Overflow(slot) => Expr::cust(format!("json_extract(overflow, '$.s{slot}')")),
        }
    }
}

/// A value to compare with, bound.
fn bound(value: &Value) -> Expr {
    match Encoded::of(value) {
        Encoded::Integer(value) => Expr::val(value),
        Encoded::Text(text) => Expr::val(text.as_ref()),
    }
}

impl<'a> Columns<'a> {
    fn new(session: &mut Session<'a>, tenant: i64, kind: Kind) -> rusqlite::Result<Self> {
        let layout = Layout::of(kind);
        let slots = match layout {
            Some(_) => session.slots(tenant, kind)?,
            None => Slots::new(),
        };
        Ok(Self {
            sql: session.sql,
            tenant,
            kind,
            layout,
            slots,
        })
    }

    /// The rows that a filter lets through: of the facts, or of the records themselves when
    /// the kind has none.
    fn rows(&self, filter: &Filter) -> SelectStatement {
        let mut statement = Query::select();
        match self.sql.facts(self.kind) {
            Some(facts) => statement.from(Alias::new(&facts.table)),
            None => statement.from(Alias::new(format!("{}records", self.sql.prefix))),
        };
        statement.and_where(Expr::col(Alias::new("tenant")).eq(self.tenant));
        if self.layout.is_none() {
            let kind = i64::from(self.kind.number());
            statement.and_where(Expr::col(Alias::new("kind")).eq(kind));
        }
        statement.and_where(self.filter(filter, true));
        statement
    }

    /// One page of a selection.
    fn page(&self, select: &Select, order: &Ordering) -> Built {
        let mut statement = self.rows(&select.filter);
        statement.column(Alias::new("id"));
        for part in &order.by {
            statement.expr(part.expr());
        }
        if let Some(after) = &select.after {
            statement.and_where(order.behind(after));
        }
        order.apply(&mut statement);
        let (mut sql, values) = statement.build(SqliteQueryBuilder);
        // One more than asked for tells whether there is a next page. SQLite looks at a bound limit as
        // it plans, and plans anew each time that one is bound.
        sql += &format!(" LIMIT {}", count(select.limit).saturating_add(1));
        (sql, values)
    }

    /// Every place of a fact, in the order of their types.
    fn located(&self, name: &str) -> Vec<Located> {
        let Some(layout) = self.layout else {
            return Vec::new();
        };
        let place = |value_type| match layout.built_in(name, value_type) {
            Some(place) => Some(place),
            None => {
                let slot = self.slots.get(name)?.get(&type_number(value_type))?;
                Some(layout.slot(*slot))
            }
        };
        let located = |value_type| {
            let place = place(value_type)?;
            let column = match place {
                Place::Column(index) => layout.column(index),
                Place::Overflow(_) => String::new(),
            };
            Some(Located {
                value_type,
                place,
                column,
            })
        };
        TYPES.into_iter().filter_map(located).collect()
    }

    fn located_as(&self, name: &str, value_type: ValueType) -> Option<Located> {
        let mut places = self.located(name).into_iter();
        places.find(|located| located.value_type == value_type)
    }

    /// What is true where the filter is (`positive`), or where it is not.
    fn filter(&self, filter: &Filter, positive: bool) -> Expr {
        match filter {
            Filter::All(parts) => self.parts(parts, positive, positive),
            Filter::Any(parts) => self.parts(parts, !positive, positive),
            Filter::Not(part) => self.filter(part, !positive),
            Filter::Compare { fact, op, value } => {
                match self.located_as(fact.as_str(), value.value_type()) {
                    Some(located) => with_value(*op, &located, bound(value), positive),
                    None => constant(!positive),
                }
            }
            Filter::CompareFacts { left, op, right } => {
                let left = self.located(left.as_str()).into_iter();
                let both = left.filter_map(|left| {
                    let right = self.located_as(right.as_str(), left.value_type)?;
                    Some(of_facts(&left, *op, &right, positive))
                });
                joined(both, !positive)
            }
            Filter::In { fact, values } => {
                let places = self.located(fact.as_str()).into_iter();
                let in_place = places.filter_map(|located| {
                    let same = |value: &&Value| value.value_type() == located.value_type;
                    let wanted: Vec<Expr> = values.iter().filter(same).map(bound).collect();
                    let fact = located.expr();
                    match (wanted.is_empty(), positive) {
                        (true, _) => None,
                        (false, true) => Some(fact.is_in(wanted)),
                        (false, false) => Some(fact.clone().is_null().or(fact.is_not_in(wanted))),
                    }
                });
                joined(in_place, !positive)
            }
            Filter::IsMissing(fact) => {
                let places = self.located(fact.as_str()).into_iter();
                let missing = places.map(|located| match positive {
                    true => located.expr().is_null(),
                    false => located.expr().is_not_null(),
                });
                joined(missing, positive)
            }
            Filter::Constant(value) => constant(*value == positive),
        }
    }

    fn parts(&self, parts: &[Filter], all: bool, positive: bool) -> Expr {
        joined(parts.iter().map(|part| self.filter(part, positive)), all)
    }
}

/// All of these, or any of them.
fn joined(parts: impl IntoIterator<Item = Expr>, all: bool) -> Expr {
    let joined = parts.into_iter().reduce(|left, right| match all {
        true => left.and(right),
        false => left.or(right),
    });
    joined.unwrap_or_else(|| constant(all))
}

fn constant(value: bool) -> Expr {
    Expr::cust(match value {
        true => "TRUE",
        false => "FALSE",
    })
}

/// Text and truth have no order: such a comparison never holds.
fn is_about(op: Comparison, value_type: ValueType) -> bool {
    match value_type {
        ValueType::Text | ValueType::Bool => op == Comparison::Equal,
        ValueType::Number | ValueType::Date | ValueType::Instant => true,
    }
}

fn bare(left: Expr, op: Comparison, right: Expr) -> Expr {
    match op {
        Comparison::Equal => left.eq(right),
        Comparison::Less => left.lt(right),
        Comparison::AtMost => left.lte(right),
        Comparison::More => left.gt(right),
        Comparison::AtLeast => left.gte(right),
    }
}

/// True where the bare comparison is false; unknown where it is unknown.
fn opposite(left: Expr, op: Comparison, right: Expr) -> Expr {
    match op {
        Comparison::Equal => left.ne(right),
        Comparison::Less => left.gte(right),
        Comparison::AtMost => left.gt(right),
        Comparison::More => left.lte(right),
        Comparison::AtLeast => left.lt(right),
    }
}

fn with_value(op: Comparison, fact: &Located, value: Expr, positive: bool) -> Expr {
    if !is_about(op, fact.value_type) {
        return constant(!positive);
    }
    match positive {
        true => bare(fact.expr(), op, value),
        // Also where it is missing, and read once for both.
        false if op == Comparison::Equal => fact.expr().is_not(value),
        false => fact.expr().is_null().or(opposite(fact.expr(), op, value)),
    }
}

fn of_facts(left: &Located, op: Comparison, right: &Located, positive: bool) -> Expr {
    if !is_about(op, left.value_type) {
        return constant(!positive);
    }
    match positive {
        true => bare(left.expr(), op, right.expr()),
        false => {
            let missing = left.expr().is_null().or(right.expr().is_null());
            missing.or(opposite(left.expr(), op, right.expr()))
        }
    }
}

/// The order of a selection over the places of the fact that orders.
#[derive(Debug)]
struct Ordering {
    /// In the order in which they decide. A record has one of these at most, so that what has
    /// the first type comes first.
    by: Vec<Located>,
    /// Whether a fact orders, even one that no record has.
    by_fact: bool,
    descending: bool,
}

impl Ordering {
    fn new(columns: &Columns<'_>, order: &Order) -> Self {
        let mut by = order
            .by()
            .map_or_else(Vec::new, |name| columns.located(name));
        let descending = matches!(order, Order::Descending(_));
        if descending {
            by.reverse();
        }
        Self {
            by,
            by_fact: order.by().is_some(),
            descending,
        }
    }

    fn apply(&self, statement: &mut SelectStatement) {
        let order = match self.descending {
            true => sea_query::Order::Desc,
            false => sea_query::Order::Asc,
        };
        for located in &self.by {
            let last = NullOrdering::Last;
            statement.order_by_expr_with_nulls(located.expr(), order.clone(), last);
        }
        statement.order_by(Alias::new("id"), sea_query::Order::Asc);
    }

    /// True for what comes behind this position.
    fn behind(&self, after: &Cursor) -> Expr {
        let id = Expr::col(Alias::new("id"));
        let behind_id = id.gt(Expr::val(after.id.as_bytes().as_slice()));
        let value = match &after.value {
            _ if !self.by_fact => return behind_id,
            None => return self.missing(|_| true).and(behind_id),
            Some(value) => value,
        };
        let value_type = value.value_type();
        // What has none of these comes behind every value of this type.
        let later = self.missing(|located| match self.descending {
            true => type_number(located.value_type) >= type_number(value_type),
            false => type_number(located.value_type) <= type_number(value_type),
        });
        let mut same = self.by.iter();
        let Some(located) = same.find(|located| located.value_type == value_type) else {
            return later;
        };
        let value = bound(value);
        let further = match self.descending {
            true => located.expr().lt(value.clone()),
            false => located.expr().gt(value.clone()),
        };
        let tie = located.expr().eq(value).and(behind_id);
        further.or(tie).or(later)
    }

    /// True for records that have none of the chosen places.
    fn missing(&self, chosen: impl Fn(&Located) -> bool) -> Expr {
        let places = self.by.iter().filter(|located| chosen(located));
        joined(places.map(|located| located.expr().is_null()), true)
    }
}

#[cfg(test)]
mod tests {
    use leadkit::ids::{CommandId, Tenant};
    use leadkit::store::{Changes, JournalCursor, Put, Version};
    use rusqlite::{Connection, StatementStatus};

    use super::*;
    use crate::session::Known;
    use crate::tables::Tables;

    /// To plan a statement takes about as long as to read the page that an index finds.
    #[test]
    fn what_is_read_page_by_page_is_planned_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::default();
        tables.migrate(&mut connection).unwrap();
        let mut known = Known::default();
        let mut session = Session::new(&connection, tables.sql(), &mut known);
        let tenant = Tenant::from("acme");
        let change = a_lead(&tenant);
        session.commit(std::iter::once(&change)).unwrap();
        let select = Select {
            tenant: tenant.clone(),
            kind: Kind::Lead,
            filter: Filter::Constant(true),
            order: Order::Id,
            after: None,
            limit: 10,
        };
        for _ in 0..3 {
            assert_eq!(session.select(&select).unwrap().keys.len(), 1);
            let entries = session.journal(&tenant, JournalCursor(0), 10);
            assert_eq!(entries.unwrap().len(), 1);
        }
        let columns = Columns::new(&mut session, 1, Kind::Lead).unwrap();
        let (page, _) = columns.page(&select, &Ordering::new(&columns, &select.order));
        for sql in [&page, &tables.sql().journal] {
            let statement = connection.prepare_cached(sql).unwrap();
            let times = |what| statement.get_status(what);
            assert_eq!(times(StatementStatus::Run), 3, "{sql}");
            assert_eq!(times(StatementStatus::RePrepare), 0, "{sql}");
        }
    }

    fn a_lead(tenant: &Tenant) -> Changes {
        Changes {
            tenant: tenant.clone(),
            command: CommandId::of("a"),
            checks: Vec::new(),
            puts: vec![Put {
                key: Key {
                    id: Id::from_bytes([1; 16]),
                    kind: Kind::Lead,
                    tenant: tenant.clone(),
                },
                read: Version::ABSENT,
                makes: Version::ABSENT.next(),
                body: Some(Vec::new()),
                wakes: None,
                facts: Vec::new(),
            }],
            journal: Vec::new(),
        }
    }
}
