//! `leadkit check`: everything that is wrong with a playbook at once.

use std::fmt::Write as _;
use std::path::Path;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario::{self, Scenario};
use serde::Serialize;

use crate::report::counted;
use crate::{Failure, Reported};

mod explained;

/// A playbook that has no faults, and its scenarios.
#[derive(Debug)]
pub struct Checked {
    /// The playbook.
    pub playbook: Playbook,
    /// Its scenarios.
    pub scenarios: Vec<Scenario>,
}

/// Reads a playbook and its scenarios.
///
/// # Errors
/// [`Failure::NoPlaybook`], or [`Failure::Faults`] with all that is wrong with either.
pub fn read(path: &Path) -> Result<Checked, Failure> {
    if !path.join("playbook.toml").exists() {
        return Err(Failure::NoPlaybook(path.to_owned()));
    }
    let (folder, mut faults) = Folder::load_what_can_be(path);
    let failed = |folder, faults| Failure::Faults {
        path: path.to_owned(),
        folder: Box::new(folder),
        faults,
    };
    if folder.playbook.is_empty() && !faults.is_empty() {
        return Err(failed(folder, faults));
    }
    match (Playbook::read(&folder), scenario::read(&folder)) {
        (Ok(playbook), Ok(scenarios)) if faults.is_empty() => Ok(Checked {
            playbook,
            scenarios,
        }),
        (playbook, scenarios) => {
            faults.extend(playbook.err().into_iter().flat_map(|faults| faults.0));
            faults.extend(scenarios.err().into_iter().flat_map(|faults| faults.0));
            Err(failed(folder, faults))
        }
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    playbook: &'a str,
    label: &'a str,
    hash: &'a str,
    pipelines: usize,
    stages: usize,
    rules: usize,
    tasks: usize,
    templates: usize,
    scenarios: usize,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained: Option<serde_json::Value>,
}

/// Something that may be meant, and should be known.
#[derive(Serialize)]
struct Warning {
    stage: String,
    message: String,
}

fn warnings(playbook: &Playbook) -> Vec<Warning> {
    let cold = playbook.cold_stages().into_iter();
    let told = cold.map(|at| Warning {
        stage: at.to_string(),
        message: format!(
            "an open lead in `{at}` can go cold: no rule comes there again and again (`every`), \
             counted from `entered` or from a condition that asks for `now`"
        ),
    });
    told.collect()
}

/// How much is said about a playbook without faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// How much there is of what.
    Summary,
    /// All of it, with every default filled in and every friendly word as the rule it becomes.
    Explained,
}

/// Checks a playbook.
///
/// # Errors
/// [`Failure::Faults`] with all that is wrong with it.
pub fn check(path: &Path, depth: Depth) -> Result<Reported, Failure> {
    let Checked {
        playbook,
        scenarios,
    } = read(path)?;
    let stages = playbook
        .pipelines
        .iter()
        .map(|pipeline| pipeline.stages.len());
    let explained = (depth == Depth::Explained).then(|| explained::explained(&playbook));
    let summary = Summary {
        playbook: playbook.id.as_str(),
        label: &playbook.label,
        hash: playbook.hash.as_str(),
        pipelines: playbook.pipelines.len(),
        stages: stages.sum(),
        rules: playbook.rules.len(),
        tasks: playbook.tasks.len(),
        templates: playbook.templates.names().count(),
        scenarios: scenarios.len(),
        warnings: warnings(&playbook),
        explained: explained.as_ref().map(explained::Document::json),
    };
    let mut text = String::new();
    if let Some(document) = &explained {
        let _ = writeln!(text, "{document}");
    }
    let _ = writeln!(text, "{} is without fault", playbook.id);
    let counts = [
        (summary.pipelines, "pipeline"),
        (summary.stages, "stage"),
        (summary.rules, "rule"),
        (summary.tasks, "task"),
        (summary.templates, "template"),
        (summary.scenarios, "scenario"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .map(|(count, what)| counted(*count as u64, what))
        .collect();
    let _ = writeln!(text, "  {}", counts.join(", "));
    for warning in &summary.warnings {
        let _ = writeln!(text, "  warning: {}", warning.message);
    }
    Ok(Reported::new(text, &summary, true))
}
