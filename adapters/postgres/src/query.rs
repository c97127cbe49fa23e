//! Selections and counts: a filter becomes the `WHERE` of one statement.
//!
//! A filter has two values and SQL has three. Negations are pushed down to the comparisons, and
//! there `not (a < b)` says in full what it means: `a IS NULL OR a >= b`. Elsewhere an unknown
//! is as good as false, so positive comparisons stay bare, as indexes like them.
//!
//! A fact may lie in several places: one for each type that its name was ever stored with, and of
//! texts in a column one for the short and one for the long. A record has it in one of them at most.

use futures::future::join;
use leadkit::condition::{Comparison, Filter};
use leadkit::ids::Tenant;
use leadkit::store::{Count, Counted, Cursor, Key, Kind, Order, Page, Select};
use leadkit::value::{Value, ValueType};
use sea_query::{
    Alias, Expr, ExprTrait, NullOrdering, PostgresQueryBuilder, Query, SelectStatement,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::facts::{self, Encoded, Layout, Place, TYPES, escaped, is_short, type_number};
use crate::names::{Names, Slots, slot_of};
use crate::session::{Param, Session, id, kind_number};
use crate::tables::Sql;

/// What a question needs beside a session.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) names: &'a Names,
}

impl Session<'_> {
    /// One page of a selection that [`Select::check`] accepts.
    pub(crate) async fn select(self, desk: Desk<'_>, select: &Select) -> Result<Page> {
        if select.limit == 0 {
            return Ok(Page::default());
        }
        let place = (&select.tenant, select.kind);
        let ask = |columns: &Columns<'_>| {
            let order = Ordering::new(columns, &select.order);
            let asked = Asked::new(columns.page(select, &order))?;
            Ok((asked, order))
        };
        let (rows, order) = self.ask(desk, place, ask).await?;
        let mut page = Page::default();
        let mut last = None;
        for row in rows.iter().take(select.limit) {
            let id = id(row.try_get::<_, Uuid>(0)?);
            let value = found(&order.by, row, 1)?;
            page.keys.push(Key {
                id,
                kind: select.kind,
                tenant: select.tenant.clone(),
            });
            last = Some(Cursor { value, id });
        }
        page.next = last.filter(|_| rows.len() > select.limit);
        Ok(page)
    }

    /// How the server would go about a selection that [`Select::check`] accepts.
    pub(crate) async fn plan(self, desk: Desk<'_>, select: &Select) -> Result<String> {
        let place = (&select.tenant, select.kind);
        let ask = |columns: &Columns<'_>| {
            let order = Ordering::new(columns, &select.order);
            let mut asked = Asked::new(columns.page(select, &order))?;
            asked.sql.insert_str(0, "EXPLAIN ");
            Ok((asked, ()))
        };
        let (rows, ()) = self.ask(desk, place, ask).await?;
        let lines = rows.iter().map(|row| row.try_get(0));
        let lines = lines.collect::<Result<Vec<&str>, _>>()?;
        Ok(lines.join("\n"))
    }

    /// A count that [`Count::check`] accepts.
    pub(crate) async fn count(self, desk: Desk<'_>, count: &Count) -> Result<Vec<Counted>> {
        let place = (&count.tenant, count.kind);
        let ask = |columns: &Columns<'_>| {
            let groups = count.by.iter().map(|name| columns.whole(name));
            let groups: Vec<Vec<Located>> = groups.collect();
            let asked = Asked::new(columns.groups(&count.filter, &groups))?;
            Ok((asked, groups))
        };
        let (rows, groups) = self.ask(desk, place, ask).await?;
        let mut counted = Vec::new();
        for row in rows {
            let mut column = 1;
            let mut values = Vec::with_capacity(groups.len());
            for group in &groups {
                values.push(found(group, &row, column)?);
                column += group.len();
            }
            let count = row.try_get::<_, i64>(0)?.unsigned_abs();
            counted.push(Counted { values, count });
        }
        // Without a column to group by there is one row, which may say that there is nothing.
        if !count.by.is_empty() {
            counted.retain(|group| group.count > 0);
        }
        Ok(counted)
    }

    /// Asks where the facts lie that are known to lie somewhere, and in the same round trip
    /// whether that is still all; if it isn't, asks again.
    async fn ask<T>(
        self,
        desk: Desk<'_>,
        (tenant, kind): (&Tenant, Kind),
        ask: impl Fn(&Columns<'_>) -> Result<(Asked, T)>,
    ) -> Result<(Vec<Row>, T)> {
        let layout = Layout::of(kind);
        let mut slots = desk.names.of(tenant, kind);
        loop {
            let columns = Columns {
                desk,
                tenant,
                kind,
                layout,
                slots,
            };
            let (asked, answer) = ask(&columns)?;
            let params = asked.params();
            if layout.is_none() {
                return Ok((self.query_once(&asked.sql, &params).await?, answer));
            }
            // Asked last: what the rows show has no field that isn't among these.
            let now = self.slots(desk.sql, tenant, kind);
            let (rows, now) = join(self.query_once(&asked.sql, &params), now).await;
            let now = now?;
            if now == columns.slots {
                return Ok((rows?, answer));
            }
            desk.names.keep(tenant, kind, now.clone());
            slots = now;
        }
    }
}

/// A question in SQL, with its values.
struct Asked {
    sql: String,
    bound: Vec<Bound>,
}

impl Asked {
    fn new(statement: SelectStatement) -> Result<Self> {
        let (sql, values) = statement.build(PostgresQueryBuilder);
        let bound = values.into_iter().map(Bound::of).collect::<Result<_>>()?;
        Ok(Self { sql, bound })
    }

    fn params(&self) -> Vec<Param<'_>> {
        self.bound.iter().map(Bound::param).collect()
    }
}

/// The first value that is there, of a fact's places in the columns from `first` on.
fn found(places: &[Located], row: &Row, first: usize) -> Result<Option<Value>> {
    for (column, located) in (first..).zip(places) {
        let value = match located.value_type {
            ValueType::Text => {
                let text: Option<&str> = row.try_get(column)?;
                text.map(|text| Value::from(&*facts::unescaped(text)))
            }
            value_type => {
                let number: Option<i64> = row.try_get(column)?;
                let value = number.map(|number| facts::decoded(value_type, number));
                value
                    .map(|value| value.ok_or(Failure::Unreadable("fact")))
                    .transpose()?
            }
        };
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

/// A bound value of sea-query, of the types that are bound here.
enum Bound {
    Integer(i64),
    Text(String),
}

impl Bound {
    fn of(value: sea_query::Value) -> Result<Self> {
        match value {
            sea_query::Value::BigInt(Some(value)) => Ok(Self::Integer(value)),
            // The limit.
            sea_query::Value::BigUnsigned(Some(value)) => {
                Ok(Self::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            sea_query::Value::String(Some(value)) => Ok(Self::Text(value.to_string())),
            _ => Err(Failure::Unaskable),
        }
    }

    fn param(&self) -> Param<'_> {
        match self {
            Self::Integer(value) => (value, Type::INT8),
            Self::Text(value) => (value, Type::TEXT),
        }
    }
}

/// Where the facts of one tenant's records of one kind lie.
struct Columns<'a> {
    desk: Desk<'a>,
    tenant: &'a Tenant,
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
    texts: Texts,
}

/// Which texts of a column are meant; of other places, and of other types, all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    /// Those in the column itself.
    Short,
    /// Those in the overflow, for which an index has no room.
    Long,
    All,
}

impl Located {
    fn expr(&self) -> Expr {
        let long = || format!(r#"((overflow->>'{}') COLLATE "C")"#, self.column);
        match (self.place, self.value_type, self.texts) {
            (Place::Column(_), ValueType::Text, Texts::All) => {
                Expr::cust(format!(r#"coalesce("{}", {})"#, self.column, long()))
            }
            (Place::Column(_), ValueType::Text, Texts::Long) => Expr::cust(long()),
            (Place::Column(_), ..) => Expr::col(Alias::new(&self.column)),
            (Place::Overflow(slot), ValueType::Text, _) => {
                Expr::cust(format!(r#"((overflow->>'s{slot}') COLLATE "C")"#))
            }
            (Place::Overflow(slot), ..) => Expr::cust(format!("((overflow->>'s{slot}')::bigint)")),
        }
    }

    /// The same with the texts of a column apart.
    fn parted(self) -> Vec<Self> {
        match (self.place, self.value_type) {
            (Place::Column(_), ValueType::Text) => {
                let part = |texts| Self {
                    texts,
                    ..self.clone()
                };
                vec![part(Texts::Short), part(Texts::Long)]
            }
            _ => vec![self],
        }
    }

    /// Whether this value would lie here.
    fn can_hold(&self, value: &Value) -> bool {
        let is_short = match Encoded::of(value) {
            Encoded::Text(text) => is_short(&text),
            Encoded::Integer(_) => true,
        };
        self.value_type == value.value_type()
            && match self.texts {
                Texts::Short => is_short,
                Texts::Long => !is_short,
                Texts::All => true,
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

impl Columns<'_> {
    /// The rows that a filter lets through: of the facts, or of the records themselves when
    /// the kind has none.
    fn rows(&self, filter: &Filter) -> SelectStatement {
        let mut statement = Query::select();
        statement.from(Alias::new(self.desk.sql.table(self.kind)));
        let tenant = Expr::val(escaped(self.tenant.as_str()).into_owned());
        statement.and_where(Expr::col(Alias::new("tenant")).eq(tenant));
        if self.layout.is_none() {
            let kind = i64::from(kind_number(self.kind));
            statement.and_where(Expr::col(Alias::new("kind")).eq(kind));
        }
        statement.and_where(self.filter(filter, true));
        statement
    }

    /// One page of a selection, and one more row that tells whether there is another.
    fn page(&self, select: &Select, order: &Ordering) -> SelectStatement {
        let mut statement = self.rows(&select.filter);
        statement.column(Alias::new("id"));
        for part in &order.by {
            statement.expr(part.expr());
        }
        if let Some(after) = &select.after {
            statement.and_where(order.behind(after));
        }
        order.apply(&mut statement);
        let limit = u64::try_from(select.limit).unwrap_or(u64::MAX);
        statement.limit(limit.saturating_add(1));
        statement
    }

    /// How many rows a filter lets through, by groups.
    fn groups(&self, filter: &Filter, groups: &[Vec<Located>]) -> SelectStatement {
        let mut statement = self.rows(filter);
        statement.expr(Expr::cust("count(*)"));
        for located in groups.iter().flatten() {
            statement.expr(located.expr());
            statement.add_group_by([located.expr()]);
            let ascending = sea_query::Order::Asc;
            statement.order_by_expr_with_nulls(located.expr(), ascending, NullOrdering::Last);
        }
        statement
    }

    /// A fact by its types, in their order.
    fn whole(&self, name: &str) -> Vec<Located> {
        let Some(layout) = self.layout else {
            return Vec::new();
        };
        let place = |value_type| match layout.built_in(name, value_type) {
            Some(place) => Some(place),
            None => Some(layout.slot(slot_of(&self.slots, name, value_type)?)),
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
                texts: Texts::All,
            })
        };
        TYPES.into_iter().filter_map(located).collect()
    }

    /// Every place of a fact.
    fn located(&self, name: &str) -> Vec<Located> {
        let whole = self.whole(name).into_iter();
        whole.flat_map(Located::parted).collect()
    }

    /// What is true where the filter is (`positive`), or where it is not.
    fn filter(&self, filter: &Filter, positive: bool) -> Expr {
        match filter {
            Filter::All(parts) => self.parts(parts, positive, positive),
            Filter::Any(parts) => self.parts(parts, !positive, positive),
            Filter::Not(part) => self.filter(part, !positive),
            Filter::Compare { fact, op, value } => {
                let mut places = self.located(fact.as_str()).into_iter();
                match places.find(|located| located.can_hold(value)) {
                    Some(located) => with_value(*op, &located, bound(value), positive),
                    None => constant(!positive),
                }
            }
            Filter::CompareFacts { left, op, right } => {
                let right = self.whole(right.as_str());
                let left = self.whole(left.as_str()).into_iter();
                let both = left.filter_map(|left| {
                    let mut right = right.iter();
                    let right = right.find(|right| right.value_type == left.value_type)?;
                    Some(of_facts(&left, *op, right, positive))
                });
                joined(both, !positive)
            }
            Filter::In { fact, values } => {
                let places = self.located(fact.as_str()).into_iter();
                let in_place = places.filter_map(|located| {
                    let here = values.iter().filter(|value| located.can_hold(value));
                    let wanted: Vec<Expr> = here.map(bound).collect();
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
        let mut by = order.by().map_or_else(Vec::new, |name| columns.whole(name));
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
        let behind_id = id.gt(Expr::val(after.id.to_string()).cast_as(Alias::new("uuid")));
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
