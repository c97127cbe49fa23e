//! The playbooks of the repository: each is read without a fault, and its scenarios come true.

use std::sync::Arc;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use leadkit::store::{MemoryStore, Store};

fn play(name: &str) -> scenario::Report {
    let folder = Folder::load(format!("playbooks/{name}").as_ref())
        .unwrap_or_else(|faults| panic!("{}", told(&faults)));
    let playbook =
        Arc::new(Playbook::read(&folder).unwrap_or_else(|faults| panic!("{}", told(&faults))));
    let scenarios = scenario::read(&folder).unwrap_or_else(|faults| panic!("{}", told(&faults)));
    pollster::block_on(scenario::run_all(&playbook, &scenarios, || {
        Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
    }))
}

fn told(faults: &leadkit::playbook::fault::Faults) -> String {
    faults.0.iter().map(|fault| format!("{fault}\n")).collect()
}

#[test]
fn field_and_digital_sales() {
    let report = play("field-and-digital-sales");
    assert_eq!(report.failed(), 0, "{report}");
}

#[test]
fn deferred_follow_up() {
    let report = play("deferred-follow-up");
    assert_eq!(report.failed(), 0, "{report}");
}
