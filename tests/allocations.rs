//! Conditions are evaluated for each lead, so that evaluating one takes no memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use leadkit::decide::command::NewLead;
use leadkit::playbook::Playbook;
use leadkit::playbook::catalogue::LeadFacts;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;

const CONDITIONS: [&str; 5] = [
    r#"city == "Quito" and stage in ["new", "no-answer"] and not contact.unsubscribed
       and attempts.total < 5 and registered_at < now - 10m"#,
    r#"business is missing or business == "PANADERÍA" or contact.email is present"#,
    r#"recorded_at("information") is missing and registered_at > 2026-01-01"#,
    r#"owner is missing and reassignments < 3"#,
    r#"not (city in ["Guayaquil", "Cuenca"]) and pipeline == "sales""#,
];

#[test]
fn a_condition_is_evaluated_without_allocating() {
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let start = "2026-03-10T14:30:00Z".parse().unwrap();
    let world = World::new(playbook, Arc::new(MemoryStore::default()), start).unwrap();
    let luis = NewLead::new("Luis Vera")
        .source("web")
        .field("city", "Quito");
    let luis = luis
        .field("business", "Panadería")
        .email("luis@example.com");
    let lead = pollster::block_on(async {
        let desk = leadkit::decide::command::Actor::host("desk");
        world.tenant().register(luis).by(desk).await
    });
    let (lead, now) = (lead.unwrap(), start);
    let playbook = Playbook::load("playbooks/field-and-digital-sales").unwrap();
    let facts = LeadFacts {
        playbook: &playbook,
        lead: &lead,
        now,
    };
    for source in CONDITIONS {
        let condition = playbook.condition(source);
        let condition = condition.unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
        let taken = measure(|| {
            black_box(condition.holds(black_box(&facts), black_box(now)));
            black_box(condition.turns_at(black_box(&facts), black_box(now)));
        });
        assert_eq!(taken.count_total, 0, "{source}");
    }
}

/// Else the test above would say nothing.
#[test]
fn what_is_allocated_is_counted() {
    assert_eq!(measure(|| drop(black_box(Box::new(7)))).count_total, 1);
}
