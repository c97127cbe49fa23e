//! A file of leads that wait, and both sides at work on copies of it.

use std::path::{Path, PathBuf};

use leadkit::clock::VirtualClock;
use leadkit::engine::Engine;
use leadkit::time::Instant;
use leadkit_sqlite::rusqlite::Connection;
use leadkit_sqlite::{Durability, Options, SqliteStore};
use pollster::block_on;
use tempfile::TempDir;

use crate::measure::{Cost, measured};
use crate::recording::Recording;
use crate::replay::{Raw, Script};
use crate::waiting::{Size, Waiting};

/// The copies of both sides.
const BY_HAND: &str = "raw.db";
const THROUGH_ENGINE: &str = "engine.db";

/// A folder for files, which goes when it is dropped.
pub(crate) fn folder() -> TempDir {
    let within = std::env::var_os("LEADKIT_BENCH_FOLDER");
    let within = within.unwrap_or_else(|| std::env::temp_dir().into_os_string());
    tempfile::tempdir_in(within).expect("a folder")
}

pub(crate) struct Files {
    folder: PathBuf,
    first: PathBuf,
    pub(crate) waiting: Waiting,
}

impl Files {
    /// Fills a file of this name.
    pub(crate) fn new(folder: &Path, name: &str, size: Size) -> Self {
        let first = folder.join(name);
        let store = open(&first, &options(Durability::Process));
        let waiting = block_on(Waiting::fill(store, size));
        Self {
            folder: folder.into(),
            first,
            waiting,
        }
    }

    /// A file of this name with advisors who wait for leads.
    #[allow(dead_code, reason = "not all benches register leads")]
    pub(crate) fn with_advisors(folder: &Path, name: &str, agents: u32) -> Self {
        let first = folder.join(name);
        let store = open(&first, &options(Durability::Process));
        let waiting = block_on(Waiting::for_leads(store, agents));
        Self {
            folder: folder.into(),
            first,
            waiting,
        }
    }

    /// What the engine asks of a store when it does this.
    pub(crate) fn script(
        &self,
        options: &Options,
        now: Instant,
        work: impl AsyncFn(&Engine),
    ) -> Script {
        let path = self.copy("recorded.db");
        let recording = Recording::new(open(&path, options));
        let engine = self
            .waiting
            .engine(recording.clone(), &VirtualClock::at(now));
        block_on(work(&engine));
        drop(engine);
        Script::of(recording.batches(), &path)
    }

    /// What the same takes by hand, and what it takes the engine.
    pub(crate) fn round(
        &self,
        options: &Options,
        now: Instant,
        script: &Script,
        work: impl AsyncFn(&Engine),
    ) -> (Cost, Cost) {
        let by_hand = self.copy(BY_HAND);
        let mut raw = Raw::open(&by_hand, options);
        let raw_cost = measured(|| raw.play(script));
        drop(raw);

        let through_engine = self.copy(THROUGH_ENGINE);
        let store = open(&through_engine, options);
        let engine = self.waiting.engine(store, &VirtualClock::at(now));
        let engine_cost = measured(|| block_on(work(&engine)));
        drop(engine);
        (raw_cost, engine_cost)
    }

    /// Both sides left the same behind in the last round.
    pub(crate) fn assert_same(&self) {
        assert_same(
            &self.folder.join(BY_HAND),
            &self.folder.join(THROUGH_ENGINE),
        );
    }

    fn copy(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.join(format!("{name}{ending}")));
        }
        std::fs::copy(&self.first, &path).expect("a copy");
        path
    }
}

pub(crate) fn options(durability: Durability) -> Options {
    Options {
        virtual_time: true,
        durability,
        ..Options::default()
    }
}

fn open(path: &Path, options: &Options) -> SqliteStore {
    SqliteStore::open_with(path, options).expect("a store")
}

/// Both files hold the same rows in every table, and nearly as many bytes.
fn assert_same(by_hand: &Path, through_engine: &Path) {
    let connection = Connection::open(by_hand).expect("the file");
    let other = through_engine.to_string_lossy();
    connection
        .execute("ATTACH ?1 AS engine", [&*other])
        .expect("the other file");
    let pages = |name: &str| -> f64 {
        let counted =
            connection.query_row(&format!("PRAGMA {name}.page_count"), [], |row| row.get(0));
        counted.expect("the number of pages")
    };
    let (one, two) = (pages("main"), pages("engine"));
    assert!((one / two - 1.0).abs() < 0.02, "{one} and {two} pages");
    let tables: Vec<String> = connection
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name LIKE 'leadkit_%'",
        )
        .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect())
        .expect("the tables");
    assert!(tables.len() > 5);
    for table in tables {
        for (one, two) in [("main", "engine"), ("engine", "main")] {
            let more: i64 = connection
                .query_row(
                    &format!(
                        "SELECT count(*) FROM
                         (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {two}.{table})"
                    ),
                    [],
                    |row| row.get(0),
                )
                .expect("a comparison");
            assert_eq!(more, 0, "{table}: rows only in {one}");
        }
    }
}
