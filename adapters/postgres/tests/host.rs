//! The host's own transaction: its order row and our lead's move, or neither.

mod server;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Applied, Engine, Error, apply_in_async};
use leadkit::ids::{CommandId, Id, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::{
    Changes, Check, JournalCursor, Key, Kind, Loaded, Put, Store, StoredFact, Verdict, Version,
};
use leadkit_postgres::deadpool_postgres::{Manager, Pool};
use leadkit_postgres::tokio_postgres::{self, Client, NoTls, Transaction};
use leadkit_postgres::{PostgresStore, Tables};
use server::block_on;

const SALES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../playbooks/field-and-digital-sales"
);

struct Host {
    store: PostgresStore,
    engine: Engine,
    playbook: Arc<Playbook>,
    client: Client,
    lead: LeadId,
}

/// A host with a table of orders in the database in which our leads are.
async fn host() -> Host {
    let url = server::fresh_database().await;
    let store = PostgresStore::open(&url).await.expect("a store");
    let playbook = Arc::new(Playbook::load(SALES).expect("a playbook"));
    let engine = Engine::builder(store.clone())
        .playbook("quito", playbook.clone())
        .mailer("email", MemoryMailer::default())
        .build()
        .expect("an engine");
    let quito = engine.tenant("quito");
    let ana = AgentSetup::new("ana")
        .name("Ana")
        .email("ana@x.example")
        .role("advisor")
        .cities(["Quito"]);
    let set_up = quito.set_up(ana).by(Actor::host("test")).await;
    set_up.expect("an agent");
    let lead = quito.register(luis()).by(Actor::host("test")).await;
    let lead = lead.expect("a lead").id;
    let client = server::connect(&url).await;
    let orders = client
        .batch_execute("CREATE TABLE orders (lead text)")
        .await;
    orders.expect("a table");
    Host {
        store,
        engine,
        playbook,
        client,
        lead,
    }
}

fn luis() -> NewLead {
    NewLead::new("Luis Vera")
        .email("luis@example.com")
        .source("web")
        .field("city", "Quito")
}

impl Host {
    fn command(&self, order: LeadOrder) -> Command {
        Command {
            tenant: Tenant::from("quito"),
            actor: Actor::agent("ana"),
            happened_at: None,
            what: What::Lead {
                lead: self.lead,
                order,
            },
        }
    }

    /// Writes an order and carries out a command in one transaction, and commits it or not.
    async fn order_and(
        &mut self,
        id: &str,
        command: &Command,
        commits: bool,
    ) -> Result<Applied, Error> {
        let (now, id) = (self.engine.clock().now(), CommandId::of(id));
        let tenant = self.engine.tenant(command.tenant.clone());
        let tx = self.client.transaction().await.expect("a transaction");
        let lead = self.lead.to_string();
        let ordered = tx.execute("INSERT INTO orders VALUES ($1)", &[&lead]).await;
        ordered.expect("an order");
        let mut unit = self.store.within(&tx);
        let applied = tenant.apply_in_async(&mut unit, id, command, now).await;
        let ended = match (&applied, commits) {
            (Ok(Applied::Written(_)), true) => tx.commit().await,
            _ => tx.rollback().await,
        };
        ended.expect("an end");
        applied
    }

    async fn orders(&self) -> i64 {
        let row = self
            .client
            .query_one("SELECT count(*) FROM orders", &[])
            .await;
        row.expect("a count").get(0)
    }

    async fn attempts(&self) -> u32 {
        let lead = self.engine.tenant("quito").lead(self.lead).await;
        lead.expect("a store").expect("a lead").attempts.total()
    }
}

const TRIED: LeadOrder = LeadOrder::Attempt { reached: false };

/// A store, and a connection of the host to the same database.
async fn store_and_client() -> (PostgresStore, Client) {
    let url = server::fresh_database().await;
    let store = PostgresStore::open_with(&url, &server::options()).await;
    (store.expect("a store"), server::connect(&url).await)
}

fn lead(number: u8) -> Key {
    Key {
        id: Id::from_bytes([number; 16]),
        kind: Kind::Lead,
        tenant: Tenant::from("acme"),
    }
}

/// A change that puts a lead.
fn change(command: &str, number: u8, read: u64) -> Changes {
    Changes {
        tenant: Tenant::from("acme"),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts: vec![Put {
            key: lead(number),
            read: Version(read),
            makes: Version(read).next(),
            body: Some(command.as_bytes().to_vec()),
            wakes: None,
            facts: vec![StoredFact::new("product", command)],
        }],
        journal: command.as_bytes().to_vec(),
    }
}

async fn begin(client: &mut Client) -> Transaction<'_> {
    client.transaction().await.expect("a transaction")
}

#[test]
fn the_order_and_the_lead_are_written_together() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let mut host = host().await;
        let tried = host.command(TRIED);
        let applied = host.order_and("order 7", &tried, true).await;
        assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
        assert_eq!((host.orders().await, host.attempts().await), (1, 1));
    });
}

#[test]
fn when_the_host_rolls_back_neither_is() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let mut host = host().await;
        let tried = host.command(TRIED);
        let applied = host.order_and("order 7", &tried, false).await;
        assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
        assert_eq!((host.orders().await, host.attempts().await), (0, 0));
    });
}

#[test]
fn a_refusal_and_a_repeat_write_nothing() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let mut host = host().await;
        let lost = host.command(LeadOrder::MoveTo {
            stage: "lost".into(),
            reason: None,
            wait: None,
        });
        let refused = host.order_and("order 7", &lost, true).await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        let missing: Vec<&str> = refusal.missing().map(|need| need.as_str()).collect();
        assert_eq!(missing, ["reached", "reason"]);
        let tried = host.command(TRIED);
        let first = host.order_and("order 7", &tried, true).await;
        assert!(matches!(first, Ok(Applied::Written(_))), "{first:?}");
        let again = host.order_and("order 7", &tried, true).await;
        assert_eq!(again.expect("an answer"), Applied::AlreadyDone);
        assert_eq!((host.orders().await, host.attempts().await), (1, 1));
    });
}

/// The first command of an organisation begins it, in the same transaction.
#[test]
fn a_lead_is_registered_in_the_hosts_transaction_also_as_the_first_thing_ever() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open(&url).await.expect("a store");
        let engine = Engine::builder(store.clone())
            .playbook("lima", Playbook::load(SALES).expect("a playbook"))
            .mailer("email", MemoryMailer::default())
            .build()
            .expect("an engine");
        let registers = Command {
            tenant: "lima".into(),
            actor: Actor::host("web-form"),
            happened_at: None,
            what: What::Register(Box::new(luis())),
        };
        let mut client = server::connect(&url).await;
        let tx = begin(&mut client).await;
        let lima = engine.tenant("lima");
        let (id, now) = (CommandId::of("1"), engine.clock().now());
        let mut unit = store.within(&tx);
        let applied = lima.apply_in_async(&mut unit, id, &registers, now).await;
        let Ok(Applied::Written(_)) = applied else {
            panic!("{applied:?}");
        };
        tx.commit().await.expect("a commit");
        let answer = engine
            .execute(Some(id), registers)
            .await
            .expect("an answer");
        assert!(answer.already_done && answer.lead.is_some());
    });
}

#[test]
fn without_an_engine_the_playbook_is_the_hosts_to_say() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let mut host = host().await;
        let (tried, now) = (host.command(TRIED), host.engine.clock().now());
        let tx = begin(&mut host.client).await;
        let mut unit = host.store.within(&tx);
        let id = CommandId::of("1");
        let applied = apply_in_async(&mut unit, &host.playbook, id, &tried, now).await;
        assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
        tx.commit().await.expect("a commit");
        assert_eq!(host.attempts().await, 1);
    });
}

/// What moved, what was done, and what can't be right: the host's transaction goes on.
#[test]
fn what_is_not_written_spoils_no_transaction() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, mut client) = store_and_client().await;
        let _ = store
            .commit(vec![change("first", 1, 0)])
            .await
            .expect("a store");
        let tx = begin(&mut client).await;
        let unit = store.within(&tx);
        let moved = unit.commit(&change("late", 1, 0)).await.expect("a verdict");
        assert_eq!(moved, Verdict::Moved(vec![lead(1)]));
        // One of its records fits, and isn't written by itself.
        let mut half = change("half", 2, 0);
        half.puts.extend(change("half", 1, 0).puts);
        let moved = unit.commit(&half).await.expect("a verdict");
        assert_eq!(moved, Verdict::Moved(vec![lead(1)]));
        let done = unit
            .commit(&change("first", 1, 1))
            .await
            .expect("a verdict");
        assert_eq!(done, Verdict::AlreadyDone);
        let mut theirs = change("theirs", 1, 1);
        theirs.tenant = Tenant::from("zenith");
        assert!(unit.commit(&theirs).await.is_err());
        let written = unit
            .commit(&change("second", 1, 1))
            .await
            .expect("a verdict");
        assert_eq!(written, Verdict::Written);
        let seen = unit.load(&[lead(1)]).await.expect("a record");
        assert_eq!(seen[0].version, Version(2));
        // Nobody else sees it before the host commits.
        let outside = store.load(&[lead(1)]).await.expect("a record");
        assert_eq!(outside[0].version, Version(1));
        tx.commit().await.expect("a commit");
        let outside = store.load(&[lead(1)]).await.expect("a record");
        assert_eq!(outside[0].body.as_deref(), Some(&b"second"[..]));
        let half = store.load(&[lead(2)]).await.expect("a record");
        assert_eq!(half[0].version, Version::ABSENT);
        let acme = Tenant::from("acme");
        let journal = store.journal(&acme, JournalCursor::default(), 9);
        let journal = journal.await.expect("entries");
        let commands: Vec<CommandId> = journal.iter().map(|entry| entry.command).collect();
        assert_eq!(commands, ["first", "second"].map(CommandId::of));
    });
}

/// What isn't written leaves nothing in the host's transaction: no lock either, which others would wait
/// for until it ends.
#[test]
fn what_is_not_written_leaves_no_lock_behind() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let mut client = server::connect(&url).await;
        let mut other = server::connect(&url).await;
        let first = store.commit(vec![change("first", 1, 0), change("second", 2, 0)]);
        assert_eq!(first.await.expect("verdicts"), vec![Verdict::Written; 2]);
        let writes = async |name, number, read| {
            let verdicts = store.commit(vec![change(name, number, read)]).await;
            verdicts.expect("a verdict")
        };

        // Another host's transaction is faster.
        let theirs = begin(&mut other).await;
        let written = store.within(&theirs).commit(&change("theirs", 1, 1)).await;
        assert_eq!(written.expect("a verdict"), Verdict::Written);
        let tx = begin(&mut client).await;
        let unit = store.within(&tx);
        let late = change("late", 1, 1);
        let faster = async {
            until_somebody_waits(&theirs).await;
            theirs.commit().await.expect("a commit");
        };
        let (moved, ()) = futures::future::join(unit.commit(&late), faster).await;
        assert_eq!(moved.expect("a verdict"), Verdict::Moved(vec![lead(1)]));
        assert_eq!(writes("beside", 1, 2).await, [Verdict::Written]);

        // Of what a decision relied on one part is so, and another isn't.
        let relied_on = |number, version| Check {
            key: lead(number),
            version: Version(version),
        };
        let relying = Changes {
            checks: vec![relied_on(1, 3), relied_on(2, 7)],
            ..change("relying", 3, 0)
        };
        let moved = unit.commit(&relying).await.expect("a verdict");
        assert_eq!(moved, Verdict::Moved(vec![lead(2)]));
        assert_eq!(writes("again", 1, 3).await, [Verdict::Written]);
        tx.commit().await.expect("a commit");
    });
}

/// Until somebody has asked for what is held, and is kept waiting.
async fn until_somebody_waits(tx: &Transaction<'_>) {
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let waiting = tx.query_one(waits, &[]).await.expect("a count");
        if waiting.get::<_, i64>(0) > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// The host's transaction holds a lead, and takes its time. Who writes beside it decides anew, however
/// strict the database is with transactions of which it isn't said.
#[test]
fn a_writer_waits_for_the_hosts_transaction_and_then_hears_that_it_moved() {
    let Some(_) = server::url() else { return };
    block_on(async {
        for isolation in ["read committed", "repeatable read", "serializable"] {
            let url = server::fresh_database().await;
            let mut client = server::connect(&url).await;
            let strict = format!(
                "ALTER DATABASE {} SET default_transaction_isolation = '{isolation}'",
                server::name_in(&url)
            );
            client.batch_execute(&strict).await.expect("a setting");
            let store = PostgresStore::open_with(&url, &server::options()).await;
            let store = store.expect("a store");
            let _ = store
                .commit(vec![change("first", 1, 0)])
                .await
                .expect("a store");
            let tx = begin(&mut client).await;
            let held = store.within(&tx).commit(&change("host", 1, 1)).await;
            assert_eq!(held.expect("a verdict"), Verdict::Written);
            let beside = {
                let store = store.clone();
                tokio::spawn(async move { store.commit(vec![change("beside", 1, 1)]).await })
            };
            until_somebody_waits(&tx).await;
            tx.commit().await.expect("a commit");
            let verdicts = beside.await.expect("a task").expect("a verdict");
            assert_eq!(verdicts, [Verdict::Moved(vec![lead(1)])], "{isolation}");
        }
    });
}

/// Who waits for what the host's transaction relied on relies in turn on the absence of what that
/// makes meanwhile: of both, one is written.
#[test]
fn what_is_to_be_absent_is_looked_for_when_all_others_were_waited_for() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, mut client) = store_and_client().await;
        let first = store.commit(vec![change("first", 1, 0)]).await;
        assert_eq!(first.expect("a verdict"), [Verdict::Written]);
        let relying = |change: Changes, number, version| Changes {
            checks: vec![Check {
                key: lead(number),
                version: Version(version),
            }],
            ..change
        };
        let tx = begin(&mut client).await;
        let made = relying(change("host", 2, 0), 1, 1);
        let made = store.within(&tx).commit(&made).await;
        assert_eq!(made.expect("a verdict"), Verdict::Written);
        let beside = {
            let (store, write) = (store.clone(), relying(change("beside", 1, 1), 2, 0));
            tokio::spawn(async move { store.commit(vec![write]).await })
        };
        until_somebody_waits(&tx).await;
        tx.commit().await.expect("a commit");
        let verdicts = beside.await.expect("a task").expect("a verdict");
        assert_eq!(verdicts, [Verdict::Moved(vec![lead(2)])]);
    });
}

/// An entry that was written first and committed last is behind the cursor of nobody.
#[test]
fn a_follower_is_told_of_what_is_committed_late() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, mut client) = store_and_client().await;
        let acme = Tenant::from("acme");
        let tx = begin(&mut client).await;
        let early = store.within(&tx).commit(&change("early", 1, 0)).await;
        assert_eq!(early.expect("a verdict"), Verdict::Written);
        for (number, name) in (2..).zip(["second", "third"]) {
            let _ = store
                .commit(vec![change(name, number, 0)])
                .await
                .expect("a store");
        }
        let page = store
            .journal(&acme, JournalCursor(0), 10)
            .await
            .expect("a page");
        let bodies: Vec<&[u8]> = page.iter().map(|entry| &entry.body[..]).collect();
        assert_eq!(bodies, [&b"second"[..], b"third"]);
        tx.commit().await.expect("a commit");
        let cursor = page.last().expect("an entry").cursor;
        let rest = store.journal(&acme, cursor, 10).await.expect("a page");
        let bodies: Vec<&[u8]> = rest.iter().map(|entry| &entry.body[..]).collect();
        assert_eq!(bodies, [&b"early"[..]]);
    });
}

/// On a server that acknowledges commits before they are on the disk, a crash may take some of them
/// back, but no place that a follower of the journal was told.
#[test]
fn a_place_in_the_journal_is_on_the_disk_before_anybody_is_told_of_it() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let client = server::connect(&url).await;
        let name = server::name_in(&url);
        let quick = format!("ALTER DATABASE {name} SET synchronous_commit = off");
        client.batch_execute(&quick).await.expect("a setting");
        let store = PostgresStore::open_with(&url, &server::options()).await;
        let store = store.expect("a store");
        let acme = Tenant::from("acme");
        // The server goes on writing to the disk by itself, so one reader alone might be in luck.
        for (read, command) in (0..).zip(["a", "b", "c", "d", "e"]) {
            let verdicts = store.commit(vec![change(command, 1, read)]).await;
            assert_eq!(verdicts.expect("a verdict"), [Verdict::Written]);
            let end = "SELECT pg_current_wal_insert_lsn()::text";
            let end: String = client.query_one(end, &[]).await.expect("a place").get(0);
            let journal = store.journal(&acme, JournalCursor::default(), 10);
            let last = journal.await.expect("entries").pop().expect("an entry");
            assert_eq!(last.command, CommandId::of(command));
            let is_further = format!("SELECT pg_current_wal_flush_lsn() > '{end}'::pg_lsn");
            let row = client.query_one(&is_further, &[]).await.expect("a place");
            assert!(row.get::<_, bool>(0), "the place of {command} can be lost");
        }
    });
}

/// A field that nobody had before gets its column for good, whatever the host does.
#[test]
fn a_new_field_survives_a_transaction_that_is_rolled_back() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let (store, mut client) = store_and_client().await;
        let tx = begin(&mut client).await;
        let _ = store
            .within(&tx)
            .commit(&change("a", 1, 0))
            .await
            .expect("a verdict");
        tx.rollback().await.expect("a rollback");
        let absent = store.load(&[lead(1)]).await.expect("a record");
        assert_eq!(absent, [Loaded::absent()]);
        let written = store
            .commit(vec![change("b", 1, 0)])
            .await
            .expect("a verdict");
        assert_eq!(written, [Verdict::Written]);
        let tx = begin(&mut client).await;
        let again = store.within(&tx).commit(&change("c", 1, 1)).await;
        assert_eq!(again.expect("a verdict"), Verdict::Written);
        tx.commit().await.expect("a commit");
    });
}

#[test]
fn a_pool_and_a_schema_of_the_hosts_will_do() {
    let Some(_) = server::url() else { return };
    block_on(async {
        let url = server::fresh_database().await;
        let client = server::connect(&url).await;
        let made = client.batch_execute("CREATE SCHEMA crm").await;
        made.expect("a schema");
        let mut config: tokio_postgres::Config = url.parse().expect("a URL");
        config.options("-c search_path=crm");
        let pool = Pool::builder(Manager::new(config, NoTls))
            .max_size(1)
            .build();
        let pool = pool.expect("a pool");
        let store = PostgresStore::on(pool.clone(), &server::options()).await;
        let store = store.expect("a store");
        let written = store
            .commit(vec![change("a", 1, 0)])
            .await
            .expect("a verdict");
        assert_eq!(written, [Verdict::Written]);
        // The pool's own transactions will do as well.
        let mut client = pool.get().await.expect("a connection");
        let tx = client.transaction().await.expect("a transaction");
        let tables = Tables::default();
        let again = tables.within(&tx).commit(&change("b", 1, 1)).await;
        assert_eq!(again.expect("a verdict"), Verdict::Written);
        tx.commit().await.expect("a commit");
        drop(client);
        let count = "SELECT count(*) FROM crm.leadkit_records";
        let client = server::connect(&url).await;
        assert_eq!(
            client
                .query_one(count, &[])
                .await
                .expect("a count")
                .get::<_, i64>(0),
            1
        );
    });
}
