//! Keeps [leadkit]'s records in PostgreSQL: many workers, many organisations.
//!
//! [`PostgresStore`] is a [`Store`](leadkit::store::Store). It needs PostgreSQL 15 or later and a
//! tokio runtime with its timer; leadkit itself needs neither.
//!
//! ```no_run
//! # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! use leadkit::engine::Engine;
//! use leadkit_postgres::PostgresStore;
//!
//! let store = PostgresStore::open("postgres://crm@localhost/crm").await?; // makes its tables
//! # let (playbook, mailer) = (leadkit::playbook::Playbook::load("playbook")?, leadkit::mailer::MemoryMailer::default());
//! let engine = Engine::builder(store).playbook("quito", playbook).mailer("email", mailer).build()?;
//! engine.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! **The host's pool.** [`PostgresStore::on`] takes a [`deadpool_postgres::Pool`], with whatever
//! TLS, limits and `search_path` it has; [`PostgresStore::open`] makes one of its own, without
//! TLS. Statements are prepared per connection: a pooler between them that hands connections out
//! by transaction must keep prepared statements (PgBouncer 1.21 does).
//!
//! **In the host's own transaction.** A host that keeps its orders in the same database writes its
//! row and our lead together, or neither: see [`Within`].
//!
//! **Durability.** What is `Written` is committed with the server's own `synchronous_commit`; where
//! that is `off`, a crash may take the last commits back, but no place that a reader of the journal
//! was told. A batch is one statement for each of its tenants, in one round trip.
//!
//! **Many workers.** Any number of processes may work on one database. Due records are claimed
//! tenant by tenant with `SKIP LOCKED`, and leased in an unlogged table. No transaction of the store's
//! locks rows of two tenants. A batch that is about several is answered when the last of them is; what
//! somebody else has in hand is waited for a third of a second or so in a call, and has then moved.
//!
//! **A server that is silent.** Every call has a deadline, after which it is `Unavailable`, and so has
//! each statement where the store is opened by its URL: see [`Deadlines`]. A server that has gone is
//! noticed on idle connections within a minute, unless the URL says otherwise (`connect_timeout`,
//! `tcp_user_timeout`, `keepalives_idle`). On a pool of the host's, and in its transactions, the
//! host's own settings hold; a call that is overdue only takes its connection out of the pool.
//!
//! A store that is opened by its URL sends these settings as the startup parameter `options`, and a
//! pooler may not pass them on. PgBouncer refuses the connection, unless its
//! `ignore_startup_parameters` names `options`; then it leaves them out, and neither the deadline of a
//! statement nor [`Options::read_only`] is known to the server. So give them to the role:
//! `ALTER ROLE crm SET statement_timeout = '30s'`, and likewise
//! `idle_in_transaction_session_timeout = '60s'` and, for who only reads,
//! `default_transaction_read_only = on`; and where the database has another default,
//! `default_transaction_isolation = 'read committed'`.
//!
//! **Lists.** [`PostgresStore::index`] makes the indexes by which the segments that a host shows all
//! day are found; [`PostgresStore::plan`] tells whether they are used. A page or a total takes one
//! round trip.
//!
//! **What is checked and isn't written** is locked until the change is committed, so that it can't
//! move meanwhile. A record that isn't there can't be locked, and is looked for when all locks are
//! taken: of two changes at the same instant that each rely on the absence of what the other one makes,
//! both are written, as the contract of [`Store::commit`](leadkit::store::Store::commit) allows.
//! leadkit makes none such: whatever must be unique it writes.
//!
//! **Tables** are named `leadkit_*`; [`Options::prefix`] changes that. What lies in them is
//! described in `migrations/`; only leadkit writes them, but reading them with SQL is welcome.
//! [`Tables::row_level_security`] keeps other roles to one organisation's rows, as long as the host says
//! which: it guards a host against slips of its own, and not against who may write SQL.
//!
//! **More than one PostgreSQL.** Every key and every index begins with the tenant's name, nothing
//! refers from one tenant to another, and rows are written and locked by statements about one tenant.
//! That is what distribution by tenant, as with Citus, asks of tables: carry
//! [`Tables::distribution`] out once the tables are made, before there is much in them, and open
//! stores as [`Options::distributed`], so that what is read of several tenants is what each shard
//! can tell by itself. Connect to the coordinator, whose sequence orders the journal. **None of this
//! has ever run on Citus**: the suite passes with these statements on a single server, which says
//! nothing about what Citus makes of them. Run this crate's tests with `LEADKIT_TEST_CITUS_URL`
//! against your version first.

mod clocks;
mod commit;
mod deadlines;
mod error;
mod facts;
mod indexes;
mod migrate;
mod names;
mod open;
mod plan;
mod pool;
mod query;
mod reads;
mod rows;
mod server_clock;
mod session;
mod store;
mod tables;
mod wide;
mod within;

pub use deadlines::Deadlines;
pub use deadpool_postgres;
pub use open::{OpenError, Options};
pub use store::PostgresStore;
pub use tables::Tables;
pub use tokio_postgres;
pub use within::Within;
