//! A connection at work: one of the pool's, or the host's within its own transaction.

use deadpool_postgres::ClientWrapper;
use leadkit::ids::Id;
use leadkit::store::{Key, Kind};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::error::{Failure, Result};

/// A parameter, and the type under which it is sent: nothing has to be asked of the server.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// Where statements are run.
#[derive(Clone, Copy)]
pub(crate) enum Session<'a> {
    /// A connection of the pool, outside of any transaction; statements are prepared once.
    Own(&'a ClientWrapper),
    /// The host's transaction; statements are prepared as they are sent.
    Host(&'a Transaction<'a>),
}

impl Session<'_> {
    /// Runs a statement in one round trip (and in two the first time on a connection).
    pub(crate) async fn query(self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        match self {
            Self::Own(client) => {
                let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
                let statement = client.prepare_typed_cached(sql, &types).await?;
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(p, _)| *p).collect();
                Ok(client.query(&statement, &params).await?)
            }
            Self::Host(tx) => Ok(tx.query_typed(sql, params).await?),
        }
    }

    /// Runs a statement that isn't worth being prepared for good.
    pub(crate) async fn query_once(self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        match self {
            Self::Own(client) => Ok(client.query_typed(sql, params).await?),
            Self::Host(tx) => Ok(tx.query_typed(sql, params).await?),
        }
    }
}

/// An id as PostgreSQL keeps it: its order is that of the bytes, as ids have it.
pub(crate) fn uuid(id: Id) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// An id as it was kept.
pub(crate) fn id(uuid: Uuid) -> Id {
    Id::from_bytes(*uuid.as_bytes())
}

/// A kind as the tables hold it.
pub(crate) fn kind_number(kind: Kind) -> i16 {
    i16::from(kind.number())
}

/// Reads a kind by its number.
pub(crate) fn kind_of(number: i16) -> Result<Kind> {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind_number(*kind) == number);
    kind.ok_or(Failure::Unreadable("kind"))
}

/// Keys of one tenant as two arrays.
pub(crate) fn arrays<'a>(keys: impl Iterator<Item = &'a Key>) -> (Vec<i16>, Vec<Uuid>) {
    keys.map(|key| (kind_number(key.kind), uuid(key.id)))
        .unzip()
}

/// A limit as PostgreSQL takes it.
pub(crate) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A number that counts up from 0, as it is stored.
pub(crate) fn unsigned(number: i64, column: &'static str) -> Result<u64> {
    u64::try_from(number).map_err(|_| Failure::Unreadable(column))
}

/// A version or cursor as PostgreSQL keeps it: both stay below 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
