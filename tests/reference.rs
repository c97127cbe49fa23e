//! `docs/playbook.md` holds every word that a playbook, its scenarios and its conditions know.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use leadkit::facts::{AgentFact, LeadFact};
use leadkit::playbook::people::Permission;

/// What the readers call with a key.
const ASK_FOR: [&str; 9] = [
    "optional(\"",
    "required(\"",
    "sections(\"",
    "section, \"",
    "root, \"",
    "actions(\"",
    "actions_if_any(\"",
    "        (\"",
    "text(\"",
];

fn sources(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).collect()
}

/// The keys for which the readers ask, as their source says them.
fn keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let files = [sources("src/playbook/compile"), sources("src/scenario")];
    for file in files.concat() {
        let source = fs::read_to_string(file).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        for ask in ASK_FOR {
            for found in code.split(ask).skip(1) {
                let key = found.split('"').next().unwrap();
                let is_key = |c: char| c.is_ascii_lowercase() || c == '-';
                // What there can be too many of is told in the plural; it is no key.
                if !key.is_empty() && !matches!(key, "bases" | "rules") && key.chars().all(is_key) {
                    keys.insert(key.to_owned());
                }
            }
        }
    }
    keys
}

/// The words that stand between backticks on the page, or inside of what does.
fn told() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/playbook.md");
    let page = fs::read_to_string(page).unwrap();
    let quoted = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = quoted.flat_map(|quoted| quoted.split(move |c| !is_part(c)));
    let words = words.flat_map(|word| word.split('.').chain([word]));
    words.map(ToOwned::to_owned).collect()
}

#[test]
fn every_key_that_is_read_stands_in_the_reference() {
    let (keys, told) = (keys(), told());
    assert!(keys.len() > 120, "{} keys: {keys:?}", keys.len());
    let missing: Vec<&String> = keys.difference(&told).collect();
    assert!(missing.is_empty(), "docs/playbook.md lacks {missing:?}");
}

#[test]
fn every_permission_and_every_fact_stands_in_the_reference() {
    let told = told();
    let permissions = Permission::ALL.iter().map(|permission| permission.word());
    let of_leads = LeadFact::ALL.iter().map(|fact| fact.built_in().name);
    let of_agents = AgentFact::ALL.iter().map(|fact| fact.built_in().name);
    for word in permissions.chain(of_leads).chain(of_agents) {
        assert!(told.contains(word), "docs/playbook.md lacks `{word}`");
    }
}
