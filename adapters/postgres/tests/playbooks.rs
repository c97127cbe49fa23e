//! The repository's playbooks come true on PostgreSQL as they do in memory.

mod server;

use std::sync::Arc;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use leadkit::store::Store;
use leadkit_postgres::{Options, PostgresStore};

#[test]
fn all_scenarios_come_true_in_postgres() {
    let Some(_) = server::url() else { return };
    let url = server::block_on(server::fresh_database());
    let mut made = 0;
    for name in [
        "field-and-digital-sales",
        "deferred-follow-up",
        "platform-onboarding",
        "dealership-teams",
    ] {
        let path = format!("{}/../../playbooks/{name}", env!("CARGO_MANIFEST_DIR"));
        let folder = Folder::load(path.as_ref()).expect("a folder");
        let playbook = Arc::new(Playbook::read(&folder).expect("a playbook"));
        let scenarios = scenario::read(&folder).expect("scenarios");
        let report = server::block_on(scenario::run_all(&playbook, &scenarios, || {
            made += 1;
            let options = Options {
                prefix: format!("s{made}_"),
                ..server::options()
            };
            let url = url.clone();
            Box::pin(async move {
                let store = PostgresStore::open_with(&url, &options).await;
                Ok(Arc::new(store.expect("a store")) as Arc<dyn Store>)
            })
        }));
        assert!(report.passed() > 0, "{name} has no scenario");
        assert_eq!(report.failed(), 0, "{name}\n{report}");
    }
}
