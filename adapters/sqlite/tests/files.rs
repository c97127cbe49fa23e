//! What a store on a file is for: more than one hand on it, crashes, and mistakes.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};

use futures::FutureExt;
use leadkit::condition::Filter;
use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::{
    Changes, Count, JournalCursor, Key, Kind, Lane, Lanes, Loaded, Misuse, Order, Put, Select,
    Store, StoreErrorKind, StoredFact, Verdict, Version, Wakes,
};
use leadkit::time::{Elapsed, Instant};
use leadkit_sqlite::rusqlite::{Connection, TransactionBehavior};
use leadkit_sqlite::{OpenError, Options, SqliteStore, Tables};
use pollster::block_on;
use tempfile::TempDir;

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("leads.db");
    (folder, path)
}

fn virtual_time() -> Options {
    Options {
        virtual_time: true,
        ..Options::default()
    }
}

fn acme() -> Tenant {
    Tenant::from("acme")
}

fn lead(number: u8) -> Key {
    Key {
        id: Id::from_bytes([number; 16]),
        kind: Kind::Lead,
        tenant: acme(),
    }
}

fn at(seconds: i64) -> Instant {
    Instant::default() + Elapsed::days(20_000) + Elapsed::seconds(seconds)
}

fn waking(at: Instant) -> Option<Wakes> {
    let lane = "lane".into();
    Some(Wakes { at, lane })
}

fn lanes() -> Lanes {
    let (tenant, name) = (acme(), "lane".into());
    [Lane { tenant, name }].into_iter().collect()
}

/// A change that writes one lead, awake at once.
fn write(command: &str, key: Key, read: u64) -> Changes {
    Changes {
        tenant: acme(),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts: vec![Put {
            key,
            read: Version(read),
            makes: Version(read).next(),
            body: Some(command.into()),
            wakes: waking(at(0)),
            facts: vec![StoredFact::new("stage", "new"), StoredFact::new("size", 3)],
        }],
        journal: command.into(),
    }
}

fn commit(store: &SqliteStore, change: Changes) -> Verdict {
    block_on(store.commit(vec![change]))
        .expect("a verdict")
        .remove(0)
}

fn load(store: &SqliteStore, key: Key) -> Loaded {
    block_on(store.load(&[key])).expect("a record").remove(0)
}

fn every_lead() -> Select {
    Select {
        tenant: acme(),
        kind: Kind::Lead,
        filter: Filter::Constant(true),
        order: Order::Id,
        after: None,
        limit: 1_000,
    }
}

fn number_of_leads() -> Count {
    Count {
        tenant: acme(),
        kind: Kind::Lead,
        filter: Filter::Constant(true),
        by: Vec::new(),
    }
}

fn all_leads(store: &SqliteStore) -> usize {
    let page = block_on(store.select(&every_lead()));
    page.expect("a page").keys.len()
}

#[test]
fn a_single_command_is_committed_at_once_where_the_host_says_so_and_its_lease_ends() {
    let (_folder, path) = file();
    let options = Options {
        at_once: true,
        ..virtual_time()
    };
    let store = SqliteStore::open_with(&path, &options).unwrap();
    let verdicts = store.commit(vec![write("a", lead(1), 0)]).now_or_never();
    let verdicts = verdicts.expect("no thread was waited for");
    assert_eq!(verdicts.unwrap(), [Verdict::Written]);
    let due = || block_on(store.due(&lanes(), at(0), 10, at(60))).expect("a page");
    assert_eq!(due().len(), 1);
    assert_eq!(due().len(), 0);
    assert_eq!(commit(&store, write("b", lead(1), 1)), Verdict::Written);
    assert_eq!(due().len(), 1);
}

#[test]
fn a_list_and_a_count_are_read_at_once_where_the_host_says_so() {
    let (_folder, path) = file();
    let options = Options {
        at_once: true,
        ..virtual_time()
    };
    let store = SqliteStore::open_with(&path, &options).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    let (select, count) = (every_lead(), number_of_leads());
    let page = store.select(&select).now_or_never();
    let page = page.expect("no thread was waited for").unwrap();
    assert_eq!(page.keys, [lead(1)]);
    let counted = store.count(&count).now_or_never();
    let counted = counted.expect("no thread was waited for").unwrap();
    assert_eq!(counted[0].count, 1);
}

#[test]
fn a_file_keeps_a_write_ahead_log() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).expect("a store");
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    // So it is whoever looks, while it is open and after: the file itself says so.
    let mode = || {
        let connection = Connection::open(&path).expect("a connection");
        let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0));
        mode.expect("a mode")
    };
    let as_it_is: String = mode();
    let log = path.with_extension("db-wal");
    assert!(std::fs::metadata(log).expect("a log").len() > 0);
    drop(store);
    assert_eq!([as_it_is, mode()], ["wal", "wal"]);
}

#[test]
fn two_handles_on_one_file_never_overwrite_each_other() {
    let (_folder, path) = file();
    let one = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    let other = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&one, write("a", lead(1), 0)), Verdict::Written);
    assert_eq!(load(&other, lead(1)).version, Version(1));
    assert_eq!(commit(&other, write("b", lead(1), 1)), Verdict::Written);
    let late = commit(&one, write("c", lead(1), 1));
    assert_eq!(late, Verdict::Moved(vec![lead(1)]));
    assert_eq!(commit(&one, write("b", lead(1), 2)), Verdict::AlreadyDone);
    // A field that the other handle has not seen before takes the same column.
    assert_eq!(commit(&other, write("d", lead(2), 0)), Verdict::Written);
    assert_eq!(all_leads(&one), 2);
    let journal = block_on(one.journal(&acme(), JournalCursor(0), 10)).unwrap();
    assert_eq!(journal.len(), 3);
}

#[test]
fn of_eight_threads_on_two_handles_one_wins_each_version() {
    const ROUNDS: u64 = 25;
    let (_folder, path) = file();
    let handles: Vec<_> = (0..2)
        .map(|_| SqliteStore::open_with(&path, &virtual_time()).unwrap())
        .collect();
    let start = Arc::new(Barrier::new(8));
    let racers: Vec<_> = (0..8)
        .map(|racer| {
            let (store, start) = (handles[racer % 2].clone(), start.clone());
            std::thread::spawn(move || {
                let mut won = 0;
                start.wait();
                for round in 0..ROUNDS {
                    let write = write(&format!("{racer} in {round}"), lead(1), round);
                    loop {
                        match commit(&store, write.clone()) {
                            Verdict::Written => won += 1,
                            Verdict::Moved(_) if load(&store, lead(1)).version.0 <= round => {
                                continue;
                            }
                            _ => {}
                        }
                        break;
                    }
                }
                won
            })
        })
        .collect();
    let won: u64 = racers.into_iter().map(|racer| racer.join().unwrap()).sum();
    assert_eq!(won, ROUNDS);
    assert_eq!(load(&handles[0], lead(1)).version, Version(ROUNDS));
}

#[test]
fn a_batch_that_moved_somewhere_is_written_everywhere_else() {
    let store = SqliteStore::in_memory_with(&virtual_time()).unwrap();
    let batch: Vec<Changes> = (0..20)
        .map(|number| {
            let read = u64::from(number % 5 == 4);
            write(&format!("write {number}"), lead(number), read)
        })
        .collect();
    let verdicts = block_on(store.commit(batch)).unwrap();
    let written = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Written);
    assert_eq!(written.count(), 16);
    assert_eq!(all_leads(&store), 16);
}

#[test]
fn a_history_that_is_not_ours_is_refused() {
    let (_folder, path) = file();
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let later = "INSERT INTO leadkit_migrations (version, hash) VALUES (2, 'later')";
    connection.execute(later, []).unwrap();
    let refused = SqliteStore::open(&path);
    assert!(matches!(
        refused.unwrap_err().why(),
        OpenError::NewerTables { found: 2, known: 1 }
    ));
    connection
        .execute("UPDATE leadkit_migrations SET hash = 'edited'", [])
        .unwrap();
    let refused = SqliteStore::open(&path);
    assert!(matches!(
        refused.unwrap_err().why(),
        OpenError::EditedMigration { version: 1 }
    ));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = file();
    std::fs::write(
        &path,
        "Dear customer, this is a letter and no database at all.".repeat(40),
    )
    .unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused.why(), OpenError::Sqlite(_)));
    // Whoever reads it knows which file is meant.
    let told = refused.to_string();
    assert!(told.contains(path.to_str().unwrap()), "{told}");
}

#[test]
fn what_is_only_read_is_never_written() {
    let (_folder, path) = file();
    drop(
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE other (x)"),
    );
    let empty = Options {
        read_only: true,
        ..virtual_time()
    };
    let refused = SqliteStore::open_with(&path, &empty);
    assert!(matches!(refused.unwrap_err().why(), OpenError::NoTables));
    let writing = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&writing, write("a", lead(1), 0)), Verdict::Written);
    let options = Options {
        read_only: true,
        ..virtual_time()
    };
    let reading = SqliteStore::open_with(&path, &options).unwrap();
    assert_eq!(load(&reading, lead(1)).version, Version(1));
    assert_eq!(all_leads(&reading), 1);
    let refused = block_on(reading.commit(vec![write("b", lead(1), 1)])).unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
    assert!(refused.source.is_some());
    assert_eq!(load(&writing, lead(1)).version, Version(1));
}

/// Beside a file that nobody is at, a log looks as if somebody were.
#[test]
fn who_only_reads_takes_the_log_away_and_leaves_the_one_that_has_changes() {
    let (folder, path) = file();
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    let (log, index) = (beside(&path, "-wal"), beside(&path, "-shm"));
    let copied = folder.path().join("copied.db");
    std::fs::copy(&path, &copied).unwrap();
    std::fs::copy(&log, beside(&copied, "-wal")).unwrap();
    drop(store);
    let options = Options {
        read_only: true,
        ..virtual_time()
    };
    let before = std::fs::read(&path).unwrap();
    let reading = SqliteStore::open_with(&path, &options).unwrap();
    assert_eq!(load(&reading, lead(1)).version, Version(1));
    drop(reading);
    assert!(!log.exists() && !index.exists());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // Whoever wrote this one was killed.
    let before = [&copied, &beside(&copied, "-wal")].map(|path| std::fs::read(path).unwrap());
    let reading = SqliteStore::open_with(&copied, &options).unwrap();
    assert_eq!(load(&reading, lead(1)).version, Version(1));
    drop(reading);
    let after = [&copied, &beside(&copied, "-wal")].map(|path| std::fs::read(path).unwrap());
    assert!(before == after, "what was only read was written");
}

fn beside(path: &std::path::Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A folder that can't be written (a CD, an archive, somebody else's): SQLite's log can't be made.
#[cfg(unix)]
#[test]
fn what_is_only_read_needs_no_folder_that_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // Signs that mean something in an address.
    let path = folder.path().join("50% of #1?.db");
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    drop(store);
    // Stands in the way of the log's index, also for root.
    let (log, index) = ("50% of #1?.db-wal", "50% of #1?.db-shm");
    std::os::unix::fs::symlink("nowhere/index", folder.path().join(index)).unwrap();
    let options = Options {
        read_only: true,
        ..virtual_time()
    };
    let reading = SqliteStore::open_with(&path, &options).unwrap();
    assert_eq!(load(&reading, lead(1)).version, Version(1));
    assert_eq!(all_leads(&reading), 1);
    drop(reading);
    // With a log beside it, what is in the file alone may be old.
    std::fs::write(folder.path().join(log), "changes").unwrap();
    assert!(SqliteStore::open_with(&path, &options).is_err());
}

/// A worker that could never write would else go on trying.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_refused_unless_it_is_only_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let (_folder, path) = file();
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        eprintln!("skipped: who runs this may write whatever the file's mode says");
        return;
    }
    let refused = SqliteStore::open_with(&path, &virtual_time()).unwrap_err();
    assert!(
        matches!(refused.why(), OpenError::NotWritable),
        "{refused:?}"
    );
    let options = Options {
        read_only: true,
        ..virtual_time()
    };
    let reading = SqliteStore::open_with(&path, &options).unwrap();
    assert_eq!(load(&reading, lead(1)).version, Version(1));
}

#[test]
fn a_file_that_somebody_else_holds_is_unavailable_and_nothing_is_written() {
    let (_folder, path) = file();
    let options = Options {
        busy_timeout: std::time::Duration::from_millis(20),
        ..virtual_time()
    };
    let store = SqliteStore::open_with(&path, &options).unwrap();
    let mut host = options.connect(&path).unwrap();
    let tx = host
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let busy = block_on(store.commit(vec![write("a", lead(1), 0)])).unwrap_err();
    assert_eq!(busy.kind, StoreErrorKind::Unavailable);
    tx.rollback().unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
}

#[test]
fn a_damaged_file_is_corrupt() {
    let (_folder, path) = file();
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    let host = Connection::open(&path).unwrap();
    host.execute("UPDATE leadkit_lead_facts SET open = 7", [])
        .unwrap();
    let select = Select {
        tenant: acme(),
        kind: Kind::Lead,
        filter: Filter::Constant(true),
        order: Order::Ascending("open".into()),
        after: None,
        limit: 10,
    };
    let corrupt = block_on(store.select(&select)).unwrap_err();
    assert_eq!(corrupt.kind, StoreErrorKind::Corrupt);
}

#[test]
fn table_names_begin_with_nothing_but_a_plain_word() {
    for prefix in [
        "",
        "1a",
        "A",
        "_a",
        "a b",
        "a\"",
        "a-b",
        "sqlite_",
        "ä",
        &"a".repeat(33),
    ] {
        let refused = Tables::prefixed(prefix);
        assert!(matches!(refused, Err(OpenError::Prefix { .. })), "{prefix}");
    }
    let (_folder, path) = file();
    for prefix in ["crm_", "a", "leadkit_2_"] {
        let prefix = prefix.to_owned();
        let options = Options {
            prefix,
            ..virtual_time()
        };
        let store = SqliteStore::open_with(&path, &options).unwrap();
        assert_eq!(all_leads(&store), 0, "prefixes keep stores apart");
        assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    }
}

#[test]
fn a_worker_whose_clock_is_wrong_wakes_nobody() {
    let store = SqliteStore::in_memory().unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    let refused = block_on(store.due(&lanes(), at(0), 10, at(60))).unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Invalid);
    let source = refused.source.unwrap();
    assert_eq!(source.downcast_ref(), Some(&Misuse::OffClock));
    // What to do about it, by the name that it has.
    let told = source.to_string();
    assert!(
        told.contains("Options { virtual_time: true, .. }"),
        "{told}"
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "the system's clock is what is tested"
    )]
    let now = Instant::from(std::time::SystemTime::now());
    let due = block_on(store.due(&lanes(), now, 10, now + Elapsed::minutes(1))).unwrap();
    assert_eq!(due.len(), 1);
}

#[test]
fn the_hosts_row_and_our_lead_are_written_together_or_neither() {
    let (_folder, path) = file();
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    let mut host = virtual_time().connect(&path).unwrap();
    host.execute_batch("CREATE TABLE orders (number INTEGER)")
        .unwrap();
    let mut order = |number: i64, change: Changes, keep: bool| {
        let tx = host
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        tx.execute("INSERT INTO orders VALUES (?1)", [number])
            .unwrap();
        let within = store.within(&tx);
        let verdict = within.commit(&change).unwrap();
        let seen = within
            .load(&[change.puts[0].key.clone()])
            .unwrap()
            .remove(0);
        match keep {
            true => tx.commit().unwrap(),
            false => tx.rollback().unwrap(),
        }
        (verdict, seen.version)
    };
    let seen = order(1, write("a", lead(1), 0), false);
    assert_eq!(seen, (Verdict::Written, Version(1)));
    assert_eq!(
        load(&store, lead(1)),
        Loaded::absent(),
        "rolled back with the order"
    );
    let seen = order(2, write("a", lead(1), 0), true);
    assert_eq!(seen, (Verdict::Written, Version(1)));
    assert_eq!(load(&store, lead(1)).version, Version(1));
    // What isn't written leaves the host's transaction as it was.
    let seen = order(3, write("b", lead(1), 0), true);
    assert_eq!(seen, (Verdict::Moved(vec![lead(1)]), Version(1)));
    let seen = order(4, write("a", lead(1), 1), true);
    assert_eq!(seen, (Verdict::AlreadyDone, Version(1)));
    let orders: i64 = host
        .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
        .unwrap();
    assert_eq!(orders, 3);
}

#[test]
fn what_the_host_writes_is_leased_no_more() {
    let (_folder, path) = file();
    let store = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    let mut host = virtual_time().connect(&path).unwrap();
    assert_eq!(commit(&store, write("a", lead(1), 0)), Verdict::Written);
    let due = || {
        block_on(store.due(&lanes(), at(10), 10, at(60)))
            .unwrap()
            .len()
    };
    assert_eq!((due(), due()), (1, 0));
    let tx = host
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let verdict = store.within(&tx).commit(&write("b", lead(1), 1)).unwrap();
    tx.commit().unwrap();
    assert_eq!(verdict, Verdict::Written);
    assert_eq!(due(), 1);
}

#[test]
fn a_lease_ends_when_another_handle_moves_the_clock() {
    let (_folder, path) = file();
    let one = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    let other = SqliteStore::open_with(&path, &virtual_time()).unwrap();
    assert_eq!(commit(&one, write("a", lead(1), 0)), Verdict::Written);
    let due = || {
        block_on(one.due(&lanes(), at(10), 10, at(60)))
            .unwrap()
            .len()
    };
    assert_eq!((due(), due()), (1, 0));
    let mut later = write("b", lead(1), 1);
    later.puts[0].wakes = waking(at(5));
    assert_eq!(commit(&other, later), Verdict::Written);
    assert_eq!(due(), 1);
}

#[test]
fn a_host_without_a_store_makes_the_tables_in_its_own_database() {
    let mut host = Connection::open_in_memory().unwrap();
    SqliteStore::migrate(&mut host, "crm_").unwrap();
    let tables = Tables::prefixed("crm_").unwrap();
    let tx = host.transaction().unwrap();
    let within = tables.within(&tx);
    assert_eq!(
        within.commit(&write("a", lead(1), 0)).unwrap(),
        Verdict::Written
    );
    assert_eq!(within.load(&[lead(1)]).unwrap()[0].version, Version(1));
    let foreign = Changes {
        tenant: Tenant::from("zenith"),
        ..write("b", lead(1), 0)
    };
    assert_eq!(
        within.commit(&foreign).unwrap_err().kind,
        StoreErrorKind::Invalid
    );
}

/// Else a host that asks what happened last is told what happened to somebody else's leads.
#[test]
fn the_last_entry_of_a_journal_is_the_tenants_own() {
    let store = SqliteStore::in_memory_with(&virtual_time()).expect("a store");
    let last = |tenant| block_on(store.last_entry(&Tenant::from(tenant))).expect("the journal");
    let last = |tenant| last(tenant).map(|entry| entry.command);
    assert_eq!(last("acme"), None);
    for (tenant, command) in [("acme", "first"), ("zeta", "theirs"), ("acme", "second")] {
        let changes = Changes {
            tenant: Tenant::from(tenant),
            puts: Vec::new(),
            ..write(command, lead(1), 0)
        };
        assert_eq!(commit(&store, changes), Verdict::Written);
    }
    assert_eq!(last("acme"), Some(CommandId::of("second")));
    assert_eq!(last("zeta"), Some(CommandId::of("theirs")));
    assert_eq!(last("nobody"), None);
}
