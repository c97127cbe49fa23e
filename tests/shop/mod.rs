//! A small shop, for tests that want a playbook with little in it.

#![allow(dead_code, reason = "each test takes what it wants")]
#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::sync::Arc;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario::{self, Report};
use leadkit::store::{MemoryStore, Store};
use leadkit::time::Instant;

/// A shop in Madrid, open on working days from nine to five: nobody works there yet.
pub(crate) const PREMISES: &str = r#"
[playbook]
id       = "shop"
zone     = "Europe/Madrid"
calendar = "office"

[organisation]
name  = "Shop"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }
"#;

/// What most tests want in it.
pub(crate) const SHOP: &str = r#"
[role.seller]
may = ["*"]

[field]
city        = { type = "text" }
delivery    = { type = "instant" }
birthday    = { type = "date" }

[hold]
parked = {}

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new     = { to = { talking = [], lost = [] } }
talking = { to = { new = [], lost = [] } }
lost    = { final = "lost", to = ["new"] }

[task.call]
text = "Call {{ contact.name }}"
done = 'stage == "talking"'
"#;

pub(crate) const AGENTS: &str = r#"
[[agent]]
id    = "ana"
name  = "Ana"
email = "ana@example.com"
role  = "seller"
"#;

pub(crate) fn folder(rules: &str, scenarios: &str) -> Folder {
    let route = match rules.contains("[[route]]") {
        true => "",
        false => "\n[[route]]\nto = \"sales.new\"\n",
    };
    Folder {
        playbook: format!("{PREMISES}{SHOP}{rules}{route}"),
        templates: vec![(
            "templates/hello.txt".into(),
            "Subject: Hello {{ contact.name }}\n\nHow are you?\n".into(),
        )],
        holidays: Vec::new(),
        scenarios: vec![("scenarios/shop.toml".into(), format!("{AGENTS}{scenarios}"))],
    }
}

pub(crate) fn read(folder: &Folder) -> Playbook {
    Playbook::read(folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0))
}

/// Reads the rules behind the shop's playbook, and plays the scenarios.
pub(crate) fn play(rules: &str, scenarios: &str) {
    play_folder(&folder(rules, scenarios));
}

/// Plays the scenarios of a playbook, which come true.
pub(crate) fn play_folder(folder: &Folder) {
    let report = report(folder);
    assert_eq!(report.failed(), 0, "{report}");
}

/// All that the scenarios of a playbook expect in vain.
pub(crate) fn unmet(folder: &Folder) -> Vec<String> {
    let outcomes = report(folder).outcomes.into_iter();
    let failures = outcomes.filter_map(|outcome| outcome.failure);
    failures.flat_map(|failure| failure.unmet).collect()
}

fn report(folder: &Folder) -> Report {
    let playbook = Arc::new(read(folder));
    let scenarios =
        scenario::read_for(&playbook, folder).unwrap_or_else(|faults| panic!("{:#?}", faults.0));
    assert!(!scenarios.is_empty());
    pollster::block_on(scenario::run_all(&playbook, &scenarios, || {
        Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
    }))
}

pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}
