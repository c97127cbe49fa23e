//! The host's own transaction: its order row and our lead's move, or neither.

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, LeadOrder, NewLead, What};
use leadkit::engine::{Applied, Engine, Error, apply_in};
use leadkit::ids::{CommandId, Id, LeadId, Tenant};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::record::stored::Unreadable;
use leadkit::store::{
    Changes, Key, Kind, Loaded, Put, Store, StoreError, UnitOfWork, Verdict, Version,
};
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

const SALES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../playbooks/field-and-digital-sales"
);

/// The playbook, but for one number.
fn changed() -> Arc<Playbook> {
    let mut folder = Folder::load(SALES.as_ref()).expect("a playbook");
    let changed = folder
        .playbook
        .replace("4 business hours", "5 business hours");
    assert_ne!(changed, folder.playbook);
    folder.playbook = changed;
    Arc::new(Playbook::read(&folder).expect("a playbook"))
}

/// An engine that knows these playbooks of a tenant, the last as the one for new leads.
fn engine(store: &SqliteStore, tenant: &str, playbooks: &[&Arc<Playbook>]) -> Engine {
    let mut builder = Engine::builder(store.clone()).mailer("email", MemoryMailer::default());
    for playbook in playbooks {
        builder = builder.playbook(tenant, Arc::clone(playbook));
    }
    builder.build().expect("an engine")
}

fn luis() -> NewLead {
    NewLead::new("Luis Vera")
        .email("luis@example.com")
        .source("web")
        .field("city", "Quito")
}

fn registers(tenant: &str) -> Command {
    Command {
        tenant: tenant.into(),
        actor: Actor::host("web-form"),
        happened_at: None,
        what: What::Register(Box::new(luis())),
    }
}

/// A host with a table of orders in the file in which our leads are.
fn host() -> Host {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("crm.db");
    let store = SqliteStore::open(&path).expect("a store");
    let playbook = Arc::new(Playbook::load(SALES).expect("a playbook"));
    let engine = engine(&store, "quito", &[&playbook]);
    let quito = engine.tenant("quito");
    let lead = block_on(async {
        let ana = AgentSetup::new("ana")
            .name("Ana")
            .email("ana@x.example")
            .role("advisor")
            .cities(["Quito"]);
        quito.set_up(ana).by(Actor::host("test")).await?;
        quito.register(luis()).by(Actor::host("test")).await
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
        let engine = self.engine.clone();
        self.apply_with(&engine, id, &command, commits)
    }

    fn apply_with(
        &mut self,
        engine: &Engine,
        id: &str,
        command: &Command,
        commits: bool,
    ) -> Result<Applied, Error> {
        let (now, id) = (engine.clock().now(), CommandId::of(id));
        let tenant = engine.tenant(command.tenant.clone());
        self.ordering(commits, |unit| tenant.apply_in(unit, id, command, now))
    }

    /// Writes an order and does something in one transaction, and commits it or not.
    fn ordering(
        &mut self,
        commits: bool,
        and: impl FnOnce(&mut dyn UnitOfWork) -> Result<Applied, Error>,
    ) -> Result<Applied, Error> {
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .expect("a transaction");
        tx.execute("INSERT INTO orders VALUES (?1)", [self.lead.to_string()])
            .expect("an order");
        let applied = and(&mut self.store.within(&tx));
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

#[test]
fn the_playbook_that_clocks_the_lead_is_found_among_those_that_the_engine_knows() {
    let mut host = host();
    let tried = host.command(TRIED);
    let knows_both = engine(&host.store, "quito", &[&host.playbook.clone(), &changed()]);
    let applied = host.apply_with(&knows_both, "order 7", &tried, true);
    assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
    assert_eq!((host.orders(), host.attempts()), (1, 1));

    let knows_another = engine(&host.store, "quito", &[&changed()]);
    let refused = host.apply_with(&knows_another, "order 8", &tried, true);
    let Err(Error::UnknownPlaybook(hash)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(hash, host.playbook.hash);
    assert_eq!((host.orders(), host.attempts()), (1, 1));
}

#[test]
fn new_leads_come_under_the_active_playbook_or_not_at_all() {
    let mut host = host();
    let not_adopted = engine(&host.store, "quito", &[&changed()]);
    let refused = host.apply_with(&not_adopted, "order 7", &registers("quito"), true);
    assert!(
        matches!(refused, Err(Error::NotAdopted { .. })),
        "{refused:?}"
    );
    assert_eq!(host.orders(), 0);
}

#[test]
fn the_first_command_of_an_organisation_may_come_in_the_hosts_transaction() {
    let mut host = host();
    let cuenca = engine(&host.store, "cuenca", &[&host.playbook.clone()]);
    let has_begun = |host: &Host| {
        let loaded = block_on(host.store.load(&[Key::tenant(&"cuenca".into())]));
        loaded.expect("a store")[0].body.is_some()
    };
    let mut nameless = registers("cuenca");
    nameless.what = What::Register(Box::new(NewLead::new("")));
    let refused = host.apply_with(&cuenca, "nameless", &nameless, true);
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert!(!has_begun(&host), "a refusal wrote something");
    let rolled_back = host.apply_with(&cuenca, "web 1", &registers("cuenca"), false);
    assert!(matches!(rolled_back, Ok(Applied::Written(_))));
    assert!(!has_begun(&host), "what was rolled back is there");
    let applied = host.apply_with(&cuenca, "web 1", &registers("cuenca"), true);
    assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
    assert!(has_begun(&host));
    let leads = block_on(cuenca.tenant("cuenca").count("", &[])).expect("a store");
    assert_eq!((leads[0].count, host.orders()), (1, 1));
    // What is due at once comes with the next tick.
    assert!(block_on(cuenca.tick()).expect("a tick").did_something());
}

#[test]
fn a_command_of_another_organisation_is_refused() {
    let mut host = host();
    let (engine, now) = (host.engine.clone(), host.engine.clock().now());
    let quito = engine.tenant("quito");
    let refused = host.ordering(true, |unit| {
        quito.apply_in(unit, CommandId::of("1"), &registers("toluca"), now)
    });
    assert!(
        matches!(refused, Err(Error::OtherTenant { .. })),
        "{refused:?}"
    );
    assert_eq!(host.orders(), 0);
}

#[test]
fn what_lies_under_a_leads_key_and_is_no_lead_is_not_taken_for_one() {
    let mut host = host();
    let quito = Tenant::from("quito");
    let agent = Key::agent(&quito, &"ana".into());
    let agent = block_on(host.store.load(&[agent]))
        .expect("a store")
        .remove(0);
    let lead = Key::lead(&quito, host.lead);
    let loaded = block_on(host.store.load(std::slice::from_ref(&lead))).expect("a store");
    let read = loaded[0].version;
    let put = Put {
        key: lead,
        read,
        makes: read.next(),
        body: agent.body,
        wakes: None,
        facts: Vec::new(),
    };
    let changes = Changes {
        tenant: quito,
        command: CommandId::of("mistake"),
        checks: Vec::new(),
        puts: vec![put],
        journal: Vec::new(),
    };
    let verdicts = block_on(host.store.commit(vec![changes])).expect("a store");
    assert_eq!(verdicts, [Verdict::Written]);
    let refused = host.order_and("order 7", TRIED, true);
    let Err(Error::Unreadable { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    let (found, wanted) = (Kind::Agent, Kind::Lead);
    assert!(
        matches!(source, Unreadable::OtherKind { found: f, wanted: w } if (f, w) == (found, wanted))
    );
    assert_eq!(host.orders(), 0);
}

/// What moved, what was done, and what can't be right: the host's transaction goes on, and holds
/// nothing of it.
#[test]
fn what_is_not_written_leaves_the_hosts_transaction_as_it_was() {
    let mut host = host();
    let quito = Tenant::from("quito");
    let key = |number: u8| Key::lead(&quito, LeadId(Id::from_bytes([number; 16])));
    let put = |number, read: u64, body: &str| Put {
        key: key(number),
        read: Version(read),
        makes: Version(read).next(),
        body: Some(body.into()),
        wakes: None,
        facts: Vec::new(),
    };
    let change = |command: &str, puts: Vec<Put>| Changes {
        tenant: quito.clone(),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts,
        journal: Vec::new(),
    };
    let first = change("first", vec![put(1, 0, "first")]);
    let verdicts = block_on(host.store.commit(vec![first.clone()])).expect("a store");
    assert_eq!(verdicts, [Verdict::Written]);
    let store = host.store.clone();
    let tx = host.connection.transaction().expect("a transaction");
    let unit = store.within(&tx);
    // One of its records fits, and isn't written by itself.
    let half = change("half", vec![put(2, 0, "half"), put(1, 0, "half")]);
    let moved = Verdict::Moved(vec![key(1)]);
    assert_eq!(unit.commit(&half).expect("a verdict"), moved);
    assert_eq!(
        unit.commit(&first).expect("a verdict"),
        Verdict::AlreadyDone
    );
    let theirs = Changes {
        tenant: "zenith".into(),
        ..change("theirs", vec![put(1, 1, "theirs")])
    };
    unit.commit(&theirs).expect_err("another tenant's record");
    let second = change("second", vec![put(1, 1, "second")]);
    assert_eq!(unit.commit(&second).expect("a verdict"), Verdict::Written);
    let seen = unit.load(&[key(1), key(2)]).expect("records");
    let versions: Vec<Version> = seen.iter().map(|loaded| loaded.version).collect();
    assert_eq!(versions, [Version(2), Version::ABSENT]);
    tx.commit().expect("a commit");
    let kept = block_on(store.load(&[key(1), key(2)])).expect("records");
    assert_eq!(kept[0].body.as_deref(), Some(&b"second"[..]));
    assert_eq!(kept[1].version, Version::ABSENT);
    let last = block_on(store.last_entry(&quito)).expect("a journal");
    assert_eq!(last.expect("an entry").command, CommandId::of("second"));
    let half = Key::journal(&quito, CommandId::of("half"));
    let half = block_on(store.load(&[half])).expect("an answer");
    assert_eq!(half[0].body, None);
}

/// A unit of work that never answers what it is asked.
struct Mute;

impl UnitOfWork for Mute {
    fn load(&mut self, _: &[Key]) -> Result<Vec<Loaded>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, _: &Changes) -> Result<Verdict, StoreError> {
        Ok(Verdict::Written)
    }
}

#[test]
fn a_unit_of_work_that_does_not_answer_is_not_asked_for_ever() {
    let host = host();
    let (id, tried, now) = (
        CommandId::of("1"),
        host.command(TRIED),
        host.engine.clock().now(),
    );
    let asked = host
        .engine
        .tenant("quito")
        .apply_in(&mut Mute, id, &tried, now);
    assert!(matches!(asked, Err(Error::Contended(_))), "{asked:?}");
    let asked = apply_in(&mut Mute, &host.playbook, id, &tried, now);
    assert!(matches!(asked, Err(Error::Contended(_))), "{asked:?}");
}

#[test]
fn without_an_engine_the_playbook_is_the_hosts_to_say() {
    let mut host = host();
    let (tried, now) = (host.command(TRIED), host.engine.clock().now());
    let (right, wrong) = (host.playbook.clone(), changed());
    let id = CommandId::of("order 7");
    let refused = host.ordering(true, |unit| apply_in(unit, &wrong, id, &tried, now));
    assert!(
        matches!(refused, Err(Error::UnknownPlaybook(_))),
        "{refused:?}"
    );
    let applied = host.ordering(true, |unit| apply_in(unit, &right, id, &tried, now));
    assert!(matches!(applied, Ok(Applied::Written(_))), "{applied:?}");
    assert_eq!((host.orders(), host.attempts()), (1, 1));
}
