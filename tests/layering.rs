//! The architecture's invariants, read from the source itself: dependencies point down only,
//! nothing below the shell is async, and the clock is read in one place.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the root crate, the lowest layer first. A module may use those of its own
/// layer and of the layers below it.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "vocabulary",
        &[
            "time",
            "week",
            "value",
            "ids",
            "email",
            "tax_number",
            "phone",
            "money",
            "link",
            "hint",
            "letters",
            "told",
            "words",
            "calendar",
            "condition",
            "facts",
        ],
    ),
    ("ports", &["store", "mailer", "clock"]),
    ("playbook and records", &["playbook", "record"]),
    (
        "decisions",
        &["agenda", "assign", "gate", "render", "decide", "explain"],
    ),
    ("shell", &["engine"]),
    ("harness", &["scenario", "faults", "conformance"]),
];

/// Uses that point up on purpose, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "facts",
        "store",
        "a catalogue is for a kind of record, and stores name the kinds",
    ),
    (
        "mailer",
        "playbook",
        "what is handed over is a rendered template",
    ),
    (
        "mailer",
        "record",
        "a mailer is told the class of a message",
    ),
    (
        "record",
        "decide",
        "the journal and sweeps hold commands and actors, which are data",
    ),
    (
        "playbook",
        "decide",
        "a permission is asked for by a command, which is data",
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn module_of(path: &Path) -> String {
    let first = path
        .strip_prefix("src")
        .unwrap()
        .components()
        .next()
        .unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

/// The code of a file without its comments, and without its tests, which may reach anywhere.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .to_owned();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    with_paths_in_full(&code, &place_of(path))
}

/// Where a file's code is: the names of its modules, the outermost first.
fn place_of(path: &Path) -> Vec<String> {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
    names
        .filter(|name| name != "mod" && name != "lib")
        .collect()
}

/// The code, and below it every path that it uses in full: `use crate::{a, b::{C, d}}` and
/// `super::super::e` hide which modules they are from.
fn with_paths_in_full(code: &str, place: &[String]) -> String {
    let mut full = code.to_owned();
    for statement in code.split(';') {
        let start = statement
            .rfind("\nuse ")
            .or_else(|| statement.rfind(" use "))
            .or_else(|| statement.starts_with("use ").then_some(0));
        if let Some(start) = start {
            let tree = statement[start..].trim_start().trim_start_matches("use ");
            let tree: String = tree.split_whitespace().collect();
            spell_out("", &tree, &mut full);
        }
    }
    // `super::` once for each module around it is the crate itself.
    let to_the_top = "super::".repeat(place.len());
    match place.len() {
        0 => full,
        _ => full.replace(&to_the_top, "crate::"),
    }
}

/// Adds the paths of a tree of uses, one in each line.
fn spell_out(before: &str, tree: &str, full: &mut String) {
    let Some((path, group)) = tree.split_once('{') else {
        full.push_str(&format!("{before}{tree}\n"));
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let item = &group[start..at];
                if !item.is_empty() {
                    spell_out(&format!("{before}{path}"), item, full);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn no_way_of_writing_a_path_hides_it() {
    let code = "use crate::{\n    engine::{Engine, Error as Wrong},\n    store,\n};\n\
                pub(crate) use std::{collections::BTreeMap, fs};\nfn a() { super::super::gate::ask() }\n";
    let place = ["record".to_owned(), "lead".to_owned()];
    let full = with_paths_in_full(code, &place);
    for path in [
        "crate::engine::Engine\n",
        "crate::store\n",
        "std::fs\n",
        "crate::gate::ask",
    ] {
        assert!(full.contains(path), "{path}: {full}");
    }
    assert_eq!(place_of(Path::new("src/record/lead.rs")), place);
    assert_eq!(place_of(Path::new("src/record/mod.rs")), place[..1]);
}

#[test]
fn dependencies_point_down_only() {
    let mut wrong = Vec::new();
    for path in sources(Path::new("src")) {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let layer = layer_of(&module).unwrap_or_else(|| panic!("{module} has no layer"));
        let code = code_of(&path);
        let mut used = BTreeSet::new();
        for part in code.split("crate::").skip(1) {
            let end = part
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(part.len());
            used.insert(part[..end].to_owned());
        }
        for other in used {
            let Some(below) = layer_of(&other) else {
                continue;
            };
            let excepted = EXCEPTIONS
                .iter()
                .any(|(from, to, _)| *from == module && *to == other);
            if below > layer && !excepted {
                wrong.push(format!("{} uses {other}", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these dependencies point up:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn nothing_below_the_shell_is_async_or_holds_a_store() {
    for path in sources(Path::new("src")) {
        let module = module_of(&path);
        let is_below = layer_of(&module).is_some_and(|layer| layer < layer_of("engine").unwrap());
        // The ports are what the shell awaits.
        if !is_below || ["store", "mailer", "clock"].contains(&module.as_str()) {
            continue;
        }
        let code = code_of(&path);
        for word in ["async ", ".await", "dyn Store", "impl Store"] {
            assert!(!code.contains(word), "{} says `{word}`", path.display());
        }
    }
}

#[test]
fn only_the_clock_reads_the_time_and_only_loading_touches_files() {
    for path in sources(Path::new("src")) {
        let code = code_of(&path);
        let file = path.to_str().unwrap();
        if file != "src/clock.rs" {
            for word in [
                "SystemTime::now",
                "Instant::now",
                "Utc::now",
                "RandomState",
                "thread_rng",
            ] {
                assert!(!code.contains(word), "{file} says `{word}`");
            }
        }
        if file != "src/playbook/load.rs" {
            for word in ["std::fs", "std::net", "std::process", "std::env"] {
                assert!(!code.contains(word), "{file} says `{word}`");
            }
        }
    }
}

#[test]
fn the_root_crate_needs_no_runtime_no_database_and_no_network() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    for heavy in [
        "tokio",
        "async-std",
        "rusqlite",
        "sqlx",
        "reqwest",
        "hyper",
        "lettre",
        "sea-query",
    ] {
        assert!(
            !dependencies.contains(heavy),
            "the root crate depends on {heavy}"
        );
    }
}
