//! `leadkit test`: a playbook's scenarios, played in virtual time.

use std::path::Path;
use std::sync::Arc;

use leadkit::engine::Error;
use leadkit::scenario::{self, Report};
use leadkit::store::{MemoryStore, Store, StoreError, StoreErrorKind};
use leadkit_sqlite::{Options, SqliteStore};
use serde::Serialize;
use std::fmt::Write as _;

use crate::check::{self, Checked};
use crate::{Failure, Reported};

/// On which stores scenarios are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// In memory.
    Memory,
    /// On SQLite.
    Sqlite,
    /// On both, one after the other: the default.
    #[default]
    Both,
}

#[derive(Serialize)]
struct Played {
    playbook: String,
    passed: usize,
    failed: usize,
    stores: Vec<OnStore>,
}

#[derive(Serialize)]
struct OnStore {
    store: &'static str,
    #[serde(flatten)]
    report: Report,
}

/// Plays the scenarios of a playbook. The report's last line is `N passed, N failed`.
///
/// # Errors
/// [`Failure::Faults`] when the playbook or its scenarios have any.
pub fn test(path: &Path, on: On) -> Result<Reported, Failure> {
    let Checked {
        playbook,
        scenarios,
    } = check::read(path)?;
    let playbook = Arc::new(playbook);
    let mut stores = Vec::new();
    if on != On::Sqlite {
        let report = scenario::run_all(&playbook, &scenarios, || {
            Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
        });
        stores.push(OnStore {
            store: "memory",
            report: pollster::block_on(report),
        });
    }
    if on != On::Memory {
        let report =
            scenario::run_all(&playbook, &scenarios, || Box::pin(async { fresh_sqlite() }));
        stores.push(OnStore {
            store: "sqlite",
            report: pollster::block_on(report),
        });
    }
    let mut text = String::new();
    for OnStore { store, report } in &stores {
        let _ = writeln!(text, "on {store}");
        for outcome in &report.outcomes {
            let _ = writeln!(
                text,
                "  {}",
                outcome.to_string().replace('\n', "\n  ").trim_end()
            );
        }
    }
    let played = Played {
        playbook: playbook.id.as_str().into(),
        passed: stores.iter().map(|store| store.report.passed()).sum(),
        failed: stores.iter().map(|store| store.report.failed()).sum(),
        stores,
    };
    let _ = writeln!(text, "{} passed, {} failed", played.passed, played.failed);
    let is_well = played.failed == 0;
    Ok(Reported::new(text, &played, is_well))
}

fn fresh_sqlite() -> Result<Arc<dyn Store>, Error> {
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    match SqliteStore::in_memory_with(&options) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(Error::Store(StoreError::new(
            StoreErrorKind::Unavailable,
            "open a database in memory",
            error,
        ))),
    }
}
