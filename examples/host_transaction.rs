//! The host's order row and our lead's move in one transaction of rusqlite's: both or neither.
//!
//! `cargo run --example host_transaction`
//!
//! The host's tables and leadkit's lie in one file. The host begins a transaction on a connection of its
//! own, writes its row, lets leadkit carry out a command in the same transaction, and commits.

use std::error::Error;
use std::io::{self, Write};

use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Applied, Engine, Error as EngineError};
use leadkit::ids::{CommandId, LeadId};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit_sqlite::rusqlite::{Connection, TransactionBehavior};
use leadkit_sqlite::{Options, SqliteStore};

fn main() -> Result<(), Box<dyn Error>> {
    take_orders(&mut io::stdout())
}

fn take_orders(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("crm.db");
    let store = SqliteStore::open(&path)?;
    let engine = Engine::builder(store.clone())
        .playbook("quito", Playbook::load(SALES)?)
        .mailer("email", MemoryMailer::default())
        .build()?;
    let mut connection = Options::default().connect(&path)?; // the host's own, to the same file
    connection.execute_batch("CREATE TABLE orders (number INTEGER PRIMARY KEY, lead TEXT)")?;
    let mut host = Host {
        store: &store,
        engine: &engine,
        connection: &mut connection,
    };
    let lead = pollster::block_on(host.register())?;

    // Nobody has reached Luis: the move is refused, and so there is no order.
    match host.order(1, lead, "in-progress") {
        Err(error) => writeln!(out, "order 1: {error}: {}", host.stands(lead)?)?,
        Ok(()) => return Err("a need was passed over".into()),
    }
    // The row can't be written, since its number is taken: the move was, and is rolled back with it.
    pollster::block_on(engine.tenant("quito").reached(lead).by("ana"))?;
    host.connection
        .execute("INSERT INTO orders VALUES (2, 'another')", [])?;
    match host.order(2, lead, "in-progress") {
        Err(error) => writeln!(out, "order 2: {error}: {}", host.stands(lead)?)?,
        Ok(()) => return Err("a number was given twice".into()),
    }
    // Both. A host that did not hear of its success does it again, and nothing happens twice.
    host.order(3, lead, "in-progress")?;
    host.order(3, lead, "in-progress")?;
    writeln!(out, "order 3: {}", host.stands(lead)?)?;
    Ok(())
}

const SALES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/playbooks/field-and-digital-sales"
);

struct Host<'a> {
    store: &'a SqliteStore,
    engine: &'a Engine,
    connection: &'a mut Connection,
}

impl Host<'_> {
    /// Writes an order and moves the lead, both or neither.
    fn order(&mut self, number: u32, lead: LeadId, stage: &str) -> Result<(), Box<dyn Error>> {
        let quito = self.engine.tenant("quito");
        let command = Command {
            tenant: quito.name().clone(),
            actor: Actor::agent("ana"),
            happened_at: None,
            what: What::Lead {
                lead,
                order: LeadOrder::MoveTo {
                    stage: stage.into(),
                    reason: None,
                    wait: None,
                },
            },
        };
        // The order's number names the command: whoever repeats the unit moves the lead once.
        let id = CommandId::of(&format!("order {number}"));
        loop {
            let now = self.engine.clock().now();
            // It will write, and says so at once: else SQLite may refuse it half-way through.
            let tx = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let row = (number, lead.to_string());
            // What is returned before the commit rolls back, as `tx` is dropped.
            let applied = quito.apply_in(&mut self.store.within(&tx), id, &command, now)?;
            match applied {
                Applied::Written(_) => {
                    tx.execute("INSERT INTO orders VALUES (?1, ?2)", row)?;
                    return Ok(tx.commit()?);
                }
                Applied::AlreadyDone => return Ok(()), // and so was the row
                Applied::Moved(_) => tx.rollback()?,   // somebody else was first: begin again
            }
        }
    }

    /// How many orders there are, and where the lead is.
    fn stands(&self, lead: LeadId) -> Result<String, Box<dyn Error>> {
        let count = "SELECT count(*) FROM orders WHERE lead = ?1";
        let row = [lead.to_string()];
        let orders: u32 = self.connection.query_row(count, row, |row| row.get(0))?;
        let lead = pollster::block_on(self.engine.tenant("quito").lead(lead))?;
        let stage = lead.map(|lead| lead.stage);
        Ok(format!(
            "orders of the lead: {orders}, stage: {}",
            stage.unwrap_or_else(|| "nowhere".into())
        ))
    }

    async fn register(&self) -> Result<LeadId, EngineError> {
        let quito = self.engine.tenant("quito");
        let ana = AgentSetup::new("ana")
            .name("Ana Torres")
            .email("ana@minegocio.example");
        let ana = ana.role("advisor").cities(["Quito"]);
        quito.set_up(ana).by(Actor::host("crm")).await?;
        let luis = NewLead::new("Luis Vera").email("luis@example.com");
        let luis = luis.source("web").field("city", "Quito");
        Ok(quito.register(luis).by(Actor::host("web-form")).await?.id)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn the_row_and_the_move_are_both_there_or_neither() {
        let mut out = Vec::new();
        super::take_orders(&mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        let [refused, taken, done] = lines.as_slice() else {
            panic!("{told}");
        };
        assert!(
            refused.ends_with("orders of the lead: 0, stage: new"),
            "{told}"
        );
        assert!(taken.contains("UNIQUE constraint failed"), "{told}");
        assert!(
            taken.ends_with("orders of the lead: 0, stage: new"),
            "{told}"
        );
        assert_eq!(*done, "order 3: orders of the lead: 1, stage: in-progress");
    }
}
