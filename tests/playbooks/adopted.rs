//! The playbooks adopted by leads that were there before a rule was: who needs it is found, and nobody is told
//! again what was told before.

use std::sync::Arc;

use leadkit::clock::{Clock as _, VirtualClock};
use leadkit::decide::command::Actor;
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::scenario;
use leadkit::store::{MemoryStore, Order, Store};
use leadkit::time::Elapsed;

use super::changes::{Change, How};
use super::{SALES, TEAMS, folder, read, scenarios};

/// Plays a scenario's first steps under the playbook without a rule, and adopts the one that has it a week later.
/// Tells what became of the scenario's leads, and how many mails went since.
fn adopted(playbook: &str, rule: &'static str, scenario: &str, steps: usize) -> (Vec<Lead>, usize) {
    let folder = folder(playbook);
    let former = Change("", "", How::Without(rule)).made_in(&folder);
    let (former, current) = (Arc::new(read(&former)), Arc::new(read(&folder)));
    let mut all = scenarios(&folder).into_iter();
    let mut played = all.find(|one| one.name == scenario).expect(scenario);
    played.steps.truncate(steps);
    for step in &mut played.steps {
        step.expected.clear();
    }
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let clock = VirtualClock::at(played.start + Elapsed::days(7));
    let mailer = MemoryMailer::default();
    let engine = |playbooks: &[&Arc<Playbook>]| {
        let mut builder = Engine::builder_on(store.clone());
        for playbook in playbooks {
            builder = builder.playbook("world", Arc::clone(playbook));
        }
        let builder = builder.clock(clock.clone()).seed(7);
        builder
            .mailer("email", mailer.clone())
            .build()
            .expect("an engine")
    };
    pollster::block_on(async {
        let played = scenario::run(&former, &played, store.clone()).await;
        assert!(played.failure.is_none(), "{:?}", played.failure);
        // What came due in the week is done under the former one.
        let until = clock.now();
        let waiting = engine(&[&former]);
        waiting
            .live_until(&clock, until, |_, _| {})
            .await
            .expect("a week");
        waiting.tick().await.expect("a tick");
        let before = mailer.messages().len();
        let engine = engine(&[&former, &current]);
        let world = engine.tenant("world");
        let adoption = world.adopt(Vec::new()).by(Actor::host("test")).await;
        adoption.expect("adopted");
        engine.tick().await.expect("a tick");
        let leads = world.leads("", Order::Id, None, 100).await.expect("leads");
        let leads = leads.whole().expect("whole");
        assert!(leads.iter().all(|lead| lead.playbook == current.hash));
        (leads, mailer.messages().len() - before)
    })
}

#[test]
fn d8_whom_the_store_could_not_have_before_is_found() {
    let scenario = "whom online sales hand over to a store that is full is nurtured, and followed by who brought it when there is room";
    let (leads, _) = adopted(TEAMS, "overflow-of-store", scenario, 6);
    let luis = leads.iter().find(|lead| lead.contact.name == "Luis Vera");
    assert_eq!(luis.expect("Luis").stage, "nurturing");
}

#[test]
fn m13_nobody_is_told_again_that_was_paid() {
    let scenario = "a distributor sells from the first call to the signed act";
    let (leads, mails) = adopted(SALES, "collected-told", scenario, 12);
    assert_eq!(leads[0].stage, "implementation");
    assert_eq!(mails, 0);
}
