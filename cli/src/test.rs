//! `leadkit test`: a playbook's scenarios, played in virtual time.

use std::path::Path;
use std::sync::Arc;

use leadkit::engine::Error;
use leadkit::hint::nearest;
use leadkit::playbook::Playbook;
use leadkit::scenario::{self, Report, Scenario};
use leadkit::store::{MemoryStore, Store, StoreError, StoreErrorKind};
use leadkit::value::plain;
use leadkit_sqlite::{Options, SqliteStore};
use serde::Serialize;
use smol_str::ToSmolStr;
use std::fmt::Write as _;

use crate::check::{self, Checked};
use crate::progress::{Bar, Progress};
use crate::{Asked, Failure, Reported};

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

impl Played {
    /// What was played on these stores: a scenario passes if it does on all of them.
    fn on(playbook: &Playbook, stores: Vec<OnStore>) -> Self {
        let all = stores
            .first()
            .map_or(0, |first| first.report.outcomes.len());
        let passes = |place: usize| {
            let mut outcomes = stores.iter().map(|store| store.report.outcomes.get(place));
            outcomes.all(|outcome| outcome.is_some_and(|outcome| outcome.failure.is_none()))
        };
        let passed = (0..all).filter(|place| passes(*place)).count();
        Self {
            playbook: playbook.id.as_str().into(),
            passed,
            failed: all - passed,
            stores,
        }
    }
}

#[derive(Serialize)]
struct OnStore {
    store: PlayedOn,
    #[serde(flatten)]
    report: Report,
}

/// One of the stores.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum PlayedOn {
    Memory,
    Sqlite,
}

impl PlayedOn {
    fn told(self) -> &'static str {
        match self {
            Self::Memory => "in memory",
            Self::Sqlite => "on SQLite",
        }
    }
}

/// Plays the scenarios of a playbook, all of them or `only` those whose names have the words of a text.
/// The report's last line is `N passed, N failed`. A scenario passes if it does on all stores.
///
/// # Errors
/// [`Failure::Faults`] when the playbook or its scenarios have any; [`Asked::NoScenario`] when none has
/// such a name.
pub fn test(
    path: &Path,
    only: Option<&str>,
    on: On,
    progress: Progress,
) -> Result<Reported, Failure> {
    let Checked {
        playbook,
        mut scenarios,
        ..
    } = check::read(path)?;
    if scenarios.is_empty() {
        return Ok(no_scenarios(path, &playbook));
    }
    if let Some(text) = only {
        scenarios = named(text, scenarios)?;
    }
    let playbook = Arc::new(playbook);
    let mut stores = Vec::new();
    let bar = |store| Bar::new(progress, scenarios.len() as u64, "scenarios", store);
    if on != On::Sqlite {
        let mut bar = bar(PlayedOn::Memory.told());
        let report = scenario::run_all(&playbook, &scenarios, || {
            bar.step(1);
            Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
        });
        stores.push(OnStore {
            store: PlayedOn::Memory,
            report: pollster::block_on(report),
        });
    }
    if on != On::Memory {
        let mut bar = bar(PlayedOn::Sqlite.told());
        let report = scenario::run_all(&playbook, &scenarios, || {
            bar.step(1);
            Box::pin(async { fresh_sqlite() })
        });
        stores.push(OnStore {
            store: PlayedOn::Sqlite,
            report: pollster::block_on(report),
        });
    }
    for on in &mut stores {
        // As it can be opened from here.
        let failures = on.report.outcomes.iter_mut();
        for failure in failures.filter_map(|outcome| outcome.failure.as_mut()) {
            failure.file = path.join(&*failure.file).display().to_smolstr();
        }
    }
    let mut text = told(&stores);
    let played = Played::on(&playbook, stores);
    let _ = writeln!(text, "{} passed, {} failed", played.passed, played.failed);
    let is_well = played.failed == 0;
    Ok(Reported::new(text, &played, is_well))
}

/// The scenario of this name, or those whose names have all of its words. Case and accents make no
/// difference.
fn named(text: &str, mut scenarios: Vec<Scenario>) -> Result<Vec<Scenario>, Asked> {
    let name = plain(text.trim());
    let words: Vec<&str> = name.split_whitespace().collect();
    let all = letters_of(&words, &name);
    let names: Vec<String> = scenarios.iter().map(|one| plain(&one.name)).collect();
    let has: Vec<usize> = names.iter().map(|name| letters_of(&words, name)).collect();
    let most = has.iter().copied().max().unwrap_or(0);
    let is_whole = names.contains(&name);
    let of_all = names.iter().zip(has);
    let mut are_meant =
        of_all.map(|(other, has)| most > 0 && has == most && (!is_whole || *other == name));
    scenarios.retain(|_| are_meant.next().unwrap_or(false));
    if most > 0 && most == all {
        return Ok(scenarios);
    }
    Err(Asked::NoScenario {
        text: text.to_owned(),
        meant: meant(&words, &names),
        near: scenarios.into_iter().map(|one| one.name.into()).collect(),
    })
}

/// The same words as one name has them, each the nearest one, if a name has something near to all.
fn meant(words: &[&str], names: &[String]) -> Option<String> {
    let is_sign = |c: char| !c.is_alphanumeric();
    let in_name = |name: &String| {
        let known: Vec<&str> = name.split_whitespace().collect();
        let known = known.iter().map(|word| word.trim_matches(is_sign));
        let meant = words.iter().map(|word| match name.contains(word) {
            true => Some((*word).to_owned()),
            false => nearest(word, known.clone()).map(ToOwned::to_owned),
        });
        let meant: Option<Vec<String>> = meant.collect();
        Some(meant?.join(" "))
    };
    names.iter().find_map(in_name).filter(|_| !words.is_empty())
}

/// How many letters those of the words have that are in a name: `an` is in every other one, and says little.
fn letters_of(words: &[&str], name: &str) -> usize {
    let found = words.iter().filter(|word| name.contains(**word));
    found.map(|word| word.len()).sum()
}

/// What became of all scenarios. Of the second store only what came out otherwise than on the first; and in
/// the end, where the eye falls first, what failed.
fn told(stores: &[OnStore]) -> String {
    let mut text = String::new();
    let mut failed: Vec<String> = Vec::new();
    let first = stores.first();
    for OnStore { store, report } in stores {
        let _ = writeln!(text, "{}", store.told());
        let mut alike = 0;
        for (place, outcome) in report.outcomes.iter().enumerate() {
            let said = outcome.to_string();
            failed.extend(outcome.failure.as_ref().map(|failure| {
                let line = said.lines().next().unwrap_or_default();
                format!("{line} ({}:{})", failure.file, failure.line)
            }));
            let before = first.filter(|first| first.store != *store);
            let before = before.and_then(|first| first.report.outcomes.get(place));
            if before.is_some_and(|before| before.to_string() == said) {
                alike += 1;
                continue;
            }
            let _ = writeln!(text, "  {}", said.replace('\n', "\n  ").trim_end());
        }
        if let Some(first) = first.filter(|_| alike > 0) {
            let others = match alike == report.outcomes.len() {
                true => "all",
                false => "all others",
            };
            let _ = writeln!(text, "  {others} as {}", first.store.told());
        }
    }
    failed.sort();
    failed.dedup();
    for line in &failed {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A playbook that nothing was tried of: nobody should take that for a success.
fn no_scenarios(path: &Path, playbook: &Playbook) -> Reported {
    let folder = path.join("scenarios");
    let text = format!(
        "{} has no scenarios: they stand in {}, in files that end in .toml, each as a [[scenario]]\n\
         0 passed, 0 failed\n",
        playbook.id,
        folder.display(),
    );
    let played = Played::on(playbook, Vec::new());
    Reported::new(text, &played, false)
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
