//! The host's own transaction: its order row and our lead's move, or neither.

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Applied, Engine, Error, apply_in};
use leadkit::ids::{CommandId, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit_sqlite::rusqlite::{Connection, TransactionBehavior};
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;

struct Host {
    store: SqliteStore,
    engine: Engine,
    playbook: Arc<Playbook>,
    connection: Connection,
    lead: LeadId,
    _folder: tempfile::TempDir,
}

/// A host with a table of orders in the file in which our leads are.
fn host() -> Host {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("crm.db");
    let store = SqliteStore::open(&path).expect("a store");
    let sales = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../playbooks/field-and-digital-sales"
    );
    let playbook = Arc::new(Playbook::load(sales).expect("a playbook"));
    let engine = Engine::builder(store.clone())
        .playbook("quito", playbook.clone())
        .mailer("email", MemoryMailer::default())
        .build()
        .expect("an engine");
    let quito = engine.tenant("quito");
    let lead = block_on(async {
        let ana = AgentSetup::new("ana")
            .name("Ana")
            .email("ana@x.example")
            .role("advisor")
            .cities(["Quito"]);
        quito.set_up(ana).await?;
        let luis = NewLead::new("Luis Vera")
            .email("luis@example.com")
            .source("web")
            .field("city", "Quito");
        quito.register(luis).await
    });
    let lead = lead.expect("a lead").id;
    let connection = Options::default().connect(&path).expect("a connection");
    connection
        .execute_batch("CREATE TABLE orders (lead TEXT)")
        .expect("a table");
    Host {
        store,
        engine,
        playbook,
        connection,
        lead,
        _folder: folder,
    }
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
    fn order_and(&mut self, id: &str, order: LeadOrder, commits: bool) -> Result<Applied, Error> {
        let command = self.command(order);
        let now = self.engine.clock().now();
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .expect("a transaction");
        tx.execute("INSERT INTO orders VALUES (?1)", [self.lead.to_string()])
            .expect("an order");
        let applied = apply_in(
            &mut self.store.within(&tx),
            &self.playbook,
            CommandId::of(id),
            &command,
            now,
        );
        match (&applied, commits) {
            (Ok(Applied::Written(_)), true) => tx.commit().expect("a commit"),
            _ => tx.rollback().expect("a rollback"),
        }
        applied
    }

    fn orders(&self) -> u32 {
        self.connection
            .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
            .expect("a count")
    }

    fn attempts(&self) -> u32 {
        let lead = block_on(self.engine.tenant("quito").lead(self.lead)).expect("a store");
        lead.expect("a lead").attempts.total()
    }
}

const TRIED: LeadOrder = LeadOrder::Attempt { reached: false };

#[test]
fn the_order_and_the_lead_are_written_together() {
    let mut host = host();
    let applied = host.order_and("order 7", TRIED, true);
    assert!(matches!(applied, Ok(Applied::Written(_))));
    assert_eq!((host.orders(), host.attempts()), (1, 1));
}

#[test]
fn when_the_host_rolls_back_neither_is() {
    let mut host = host();
    let applied = host.order_and("order 7", TRIED, false);
    assert!(matches!(applied, Ok(Applied::Written(_))));
    assert_eq!((host.orders(), host.attempts()), (0, 0));
}

#[test]
fn a_refusal_leaves_the_hosts_part_to_the_host() {
    let mut host = host();
    let lost = LeadOrder::MoveTo {
        stage: "lost".into(),
        reason: None,
        wait: None,
    };
    let Err(Error::Refused(refusal)) = host.order_and("order 7", lost, true) else {
        panic!("was carried out");
    };
    let missing: Vec<&str> = refusal.missing().map(|need| need.as_str()).collect();
    assert_eq!(missing, ["reached", "reason"]);
    assert_eq!((host.orders(), host.attempts()), (0, 0));
}

#[test]
fn the_same_command_again_does_nothing() {
    let mut host = host();
    host.order_and("order 7", TRIED, true)
        .expect("a first time");
    let again = host.order_and("order 7", TRIED, true);
    assert_eq!(again.expect("an answer"), Applied::AlreadyDone);
    assert_eq!((host.orders(), host.attempts()), (1, 1));
}
