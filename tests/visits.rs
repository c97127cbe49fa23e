//! Visit plans (requirement M16): visits per zone and week, planned by who watches over the zone, and the
//! leads that come of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use chrono::NaiveDate;
use leadkit::decide::command::{Actor, AgentSetup, NewLead, NewVisitPlan, VisitReport};
use leadkit::engine::Error;
use leadkit::ids::{AgentId, CommandId};
use leadkit::playbook::Playbook;
use leadkit::record::VisitPlan;
use leadkit::record::lead::Because;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit::week::Week;
use pollster::block_on;
use shop::{at, folder, play, read};

/// With zones that are a choice.
const VISITS: &str = r#"
[role.visitor]
may  = ["register", "record", "move"]
over = "own"

[role.supervisor]
may  = ["register", "plan-visits", "move"]
over = { zones = "zone" }

[source]
route = { kind = "physical" }
call  = { kind = "physical" }

[field.zone]
type = "choice"
of   = ["Norte", "Sur"]

[visits]
zone   = "zone"
source = "route"

[visits.result]
interested = { label = "Le interesa", register = true }
closed     = { label = "Cerrado" }
"#;

const PEOPLE: &str = r#"
[[agent]]
id    = "vera"
name  = "Vera"
email = "vera@example.com"
role  = "visitor"
zones = ["Norte"]

[[agent]]
id    = "saul"
name  = "Saúl"
email = "saul@example.com"
role  = "visitor"
zones = ["Sur"]

[[agent]]
id    = "nora"
name  = "Nora"
email = "nora@example.com"
role  = "supervisor"
zones = ["Norte"]

[[agent]]
id    = "sara"
name  = "Sara"
email = "sara@example.com"
role  = "supervisor"
zones = ["Sur"]
"#;

fn play_visits(scenario: &str) {
    play(VISITS, &format!("{PEOPLE}{scenario}"));
}

#[test]
fn a_visit_of_interest_is_a_lead_of_the_visitor_and_of_the_zone() {
    play_visits(
        r#"
[[scenario]]
name  = "a week in the north"
start = "2026-03-09T09:00:00+01:00"

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [
    { visitor = "vera", place = "Bar Central", day = 2026-03-10 },
    { visitor = "vera", place = "Farmacia Sol", day = 2026-03-09 },
    { visitor = "nora", place = "Taller Díaz", day = 2026-03-09 },
] }
expect = { visits = { zone = "norte", week = "2026-W11", open = ["Taller Díaz", "Farmacia Sol", "Bar Central"] } }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 2, result = "interested", ref = "luis", name = "Luis Vera", phone = "+34 600 1" }
expect = { owner = "vera", fields = { zone = "Norte" }, count = { 'source == "route" and registered_by == owner' = 1 }, history = "came of the visit 2 in Norte, 2026-W11 [Le interesa]", visits = { zone = "Norte", week = "2026-W11", open = ["Taller Díaz", "Bar Central"], results = { "Farmacia Sol" = "interested" } } }

[[scenario.step]]                           # a supervisor writes down what a visitor says on the telephone
at = "2026-03-16T10:00:00+01:00"
record-visit = { by = "nora", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "eva", name = "Eva", source = "call" }
expect = { owner = "vera", count = { 'source == "call" and registered_by == "vera"' = 1 } }

[[scenario.step]]
record-visit = { by = "host:crm", zone = "Norte", week = "2026-W11", visit = 3, result = "closed" }
expect = { visits = { zone = "Norte", week = "2026-W11", open = [], results = { "Taller Díaz" = "closed" } }, count = { 'open' = 2 } }
"#,
    );
}

#[test]
fn a_plan_takes_the_place_of_what_is_still_to_be_visited_and_not_of_what_was() {
    play_visits(
        r#"
[[scenario]]
name  = "a week is planned twice"
start = "2026-03-09T09:00:00+01:00"

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [
    { visitor = "vera", place = "Farmacia Sol", day = 2026-03-09 },
    { visitor = "vera", place = "Bar Central", day = 2026-03-10 },
    { visitor = "vera", place = "Taller Díaz", day = 2026-03-11 },
] }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [
    { visitor = "vera", place = " taller díaz ", day = 2026-03-11 },
    { visitor = "vera", place = "Panadería Flor", day = 2026-03-12 },
] }
expect = { visits = { zone = "Norte", week = "2026-W11", open = ["Taller Díaz", "Panadería Flor"], results = { "Farmacia Sol" = "closed" } } }

[[scenario.step]]                           # its number is the one that it had
at = "2026-03-12T09:00:00+01:00"
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 3, result = "closed" }
expect = { visits = { zone = "Norte", week = "2026-W11", open = ["Panadería Flor"], results = { "Taller Díaz" = "closed" } } }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 2, result = "closed" }
expect = { refused = ["no-such-visit"], refusal-says = "no visit 2 in the zone Norte in 2026-W11" }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [] }
expect = { visits = { zone = "Norte", week = "2026-W11", open = [], results = { "Farmacia Sol" = "closed", "Taller Díaz" = "closed" } } }
"#,
    );
}

#[test]
fn only_who_watches_over_the_zone_plans_and_only_what_can_be() {
    play_visits(
        r#"
[[scenario]]
name  = "plans that are refused"
start = "2026-03-11T09:00:00+01:00"

[[scenario.step]]
plan-visits = { by = "vera", zone = "Norte", week = "2026-W11", visits = [] }
expect = { refused = ["not-permitted"], refusal-says = "who may: seller, supervisor" }

[[scenario.step]]
plan-visits = { by = "sara", zone = "Norte", week = "2026-W11", visits = [] }
expect = { refused = ["not-their-zone"], refusal-says = "sara does not watch over the zone Norte" }

[[scenario.step]]                           # who may do everything watches over no zone by that
plan-visits = { by = "ana", zone = "Norte", week = "2026-W11", visits = [] }
expect = { refused = ["not-their-zone"] }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Nort", week = "2026-W11", visits = [] }
expect = { refused = ["unknown"], refusal-says = "did you mean `Norte`?" }

[[scenario.step]]
plan-visits = { by = "nora", zone = " ", week = "2026-W11", visits = [] }
expect = { refused = ["zone"] }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W10", visits = [] }
expect = { refused = ["week-is-over"], refusal-says = "2026-W10 is over" }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2062-W11", visits = [] }
expect = { refused = ["week"], refusal-says = "a week of the next twelve months" }

[[scenario.step]]
leave = { agent = "nora", to = "ana", by = "ana" }

[[scenario.step]]
plan-visits = { by = "host:crm", zone = "Norte", week = "2026-W11", visits = [
    { visitor = "vera", place = " ", day = 2026-03-12 },
    { visitor = "saul", place = "Bar Central", day = 2026-03-12 },
    { visitor = "nora", place = "Bar Central", day = 2026-03-12 },
    { visitor = "nobody", place = "Bar Central", day = 2026-03-16 },
] }
expect = { refused = ["visits.1.place", "visits.2.visitor", "visits.3.visitor", "visits.4.visitor", "visits.4.day"], refusal-says = "an agent of the zone Norte" }

[[scenario.step]]                           # nothing of all that was planned
at     = "2026-03-11T10:00:00+01:00"
expect = { visits = { zone = "Norte", week = "2026-W11", open = [] } }

[[scenario.step]]                           # until Sunday night the week is not over
at = "2026-03-15T23:59:00+01:00"
plan-visits = { by = "host:crm", zone = "Norte", week = "2026-W11", visits = [{ visitor = "vera", place = "Bar Central", day = 2026-03-12 }] }
expect = { visits = { zone = "Norte", week = "2026-W11", open = ["Bar Central"] } }
"#,
    );
}

#[test]
fn a_visit_is_recorded_once_from_its_day_on_by_the_visitor_or_for_the_zone() {
    play_visits(
        r#"
[[scenario]]
name  = "records that are refused"
start = "2026-03-09T09:00:00+01:00"

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["no-such-visit"] }

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [{ visitor = "vera", place = "Farmacia Sol", day = 2026-03-10 }] }

[[scenario.step]]
at = "2026-03-09T23:59:00+01:00"
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["visit-ahead"], refusal-says = "is on 2026-03-10" }

[[scenario.step]]
at = "2026-03-10T00:00:00+01:00"
record-visit = { by = "saul", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["not-permitted"] }

[[scenario.step]]
record-visit = { by = "sara", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["not-their-zone"] }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "intrested" }
expect = { refused = ["unknown"], refusal-says = "did you mean `interested`?" }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "interested" }
expect = { refused = ["lead"] }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed", ref = "luis", name = "Luis" }
expect = { refused = ["lead"], refusal-says = "left out where a visit is closed" }

[[scenario.step]]                           # a lead that can't be taken in leaves the visit as it was
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = " ", email = "luis" }
expect = { refused = ["name", "email"], visits = { zone = "Norte", week = "2026-W11", open = ["Farmacia Sol"] } }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis", id = "tablet 7" }
expect = { owner = "vera" }

[[scenario.step]]                           # the tablet sends it again
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis", id = "tablet 7" }
expect = { already-done = true, count = { 'open' = 1 } }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["visit-recorded"], refusal-says = "was recorded as interested", count = { 'open' = 1 } }
"#,
    );
}

#[test]
fn what_a_visitor_brought_who_has_left_goes_where_leads_go_that_nobody_registers() {
    let pool = "\n[pool.visitors]\nmembers = 'role == \"visitor\"'\n\n[[route]]\nto = \"sales.new\"\nassign = \"visitors\"\n";
    let scenario = r#"
[[scenario]]
name  = "vera leaves before she told"
start = "2026-03-09T09:00:00+01:00"

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [{ visitor = "vera", place = "Farmacia Sol", day = 2026-03-09 }] }

[[scenario.step]]
leave = { agent = "vera", to = "visitors" }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "closed" }
expect = { refused = ["has-left"] }

[[scenario.step]]
record-visit = { by = "nora", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis" }
expect = { owner = "saul" }
"#;
    play(&format!("{VISITS}{pool}"), &format!("{PEOPLE}{scenario}"));
}

/// The visitor's role decides whose the lead is; what else is asked for with it is the actor's to be
/// permitted.
#[test]
fn who_records_a_visit_needs_the_permissions_for_what_comes_with_the_lead_and_not_the_visitor() {
    let rules = r#"
[role.planner]
may  = ["register", "plan-visits", "appointment", "reassign"]
over = { zones = "zone" }

[role.assistant]
may  = ["plan-visits"]
over = { zones = "zone" }

[appointment]
demo = { label = "Demostración", lasts = "1 hour" }
"#;
    let scenario = r#"
[[agent]]
id    = "pia"
name  = "Pía"
email = "pia@example.com"
role  = "planner"
zones = ["Norte"]

[[agent]]
id    = "asun"
name  = "Asun"
email = "asun@example.com"
role  = "assistant"
zones = ["Norte"]

[[scenario]]
name  = "what the visitor may not, and who tells of the visit may"
start = "2026-03-09T09:00:00+01:00"

[[scenario.step]]
plan-visits = { by = "nora", zone = "Norte", week = "2026-W11", visits = [
    { visitor = "vera", place = "Farmacia Sol", day = 2026-03-09 },
    { visitor = "vera", place = "Bar Central", day = 2026-03-09 },
    { visitor = "vera", place = "Taller Díaz", day = 2026-03-09 },
    { visitor = "vera", place = "Panadería Flor", day = 2026-03-09 },
] }

[[scenario.step]]                           # who may not take leads in takes none in by another's visit
record-visit = { by = "asun", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis" }
expect = { refused = ["not-permitted"], refusal-says = "asun may not register; who may: seller, visitor, supervisor, planner" }

[[scenario.step]]
record-visit = { by = "vera", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis", appointment = { demo = "2026-03-12T10:00:00+01:00" } }
expect = { refused = ["not-permitted"], refusal-says = "vera may not appointment; who may: seller, planner" }

[[scenario.step]]
record-visit = { by = "nora", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis", appointment = { demo = "2026-03-12T10:00:00+01:00" } }
expect = { refused = ["not-permitted"], refusal-says = "nora may not appointment; who may: seller, planner" }

[[scenario.step]]
record-visit = { by = "pia", zone = "Norte", week = "2026-W11", visit = 1, result = "interested", ref = "luis", name = "Luis", appointment = { demo = "2026-03-12T10:00:00+01:00" } }
expect = { owner = "vera", appointment = { demo = "2026-03-12T10:00:00+01:00" } }

[[scenario.step]]                           # whose the lead is anyhow, nobody has to be permitted to give it to
record-visit = { by = "nora", zone = "Norte", week = "2026-W11", visit = 2, result = "interested", ref = "eva", name = "Eva", owner = "vera" }
expect = { owner = "vera" }

[[scenario.step]]
record-visit = { by = "nora", zone = "Norte", week = "2026-W11", visit = 3, result = "interested", ref = "rosa", name = "Rosa", owner = "nora" }
expect = { refused = ["not-permitted"], refusal-says = "nora may not reassign; who may: seller, planner" }

[[scenario.step]]
record-visit = { by = "pia", zone = "Norte", week = "2026-W11", visit = 3, result = "interested", ref = "rosa", name = "Rosa", owner = "nora" }
expect = { owner = "nora" }

[[scenario.step]]                           # the host may everything, whoever visited
record-visit = { by = "host:crm", zone = "Norte", week = "2026-W11", visit = 4, result = "interested", ref = "tomas", name = "Tomás", owner = "saul", appointment = { demo = "2026-03-12T10:00:00+01:00" } }
expect = { owner = "saul", appointment = { demo = "2026-03-12T10:00:00+01:00" } }
"#;
    play(&format!("{VISITS}{rules}"), &format!("{PEOPLE}{scenario}"));
}

fn world(playbook: Playbook) -> World {
    let store = Arc::new(MemoryStore::default());
    let mut world = World::new(playbook, store, at("2026-03-09T09:00:00Z")).unwrap();
    let vera = AgentSetup::new("vera")
        .name("Vera")
        .email("vera@example.com");
    let vera = vera.role("visitor").zones(["Norte"]);
    block_on(world.set_up(vera, Actor::host("test"))).unwrap();
    world
}

fn host() -> Actor {
    Actor::host("crm")
}

fn day(of_march: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, of_march).unwrap()
}

fn week() -> Week {
    Week::of(day(9))
}

#[test]
fn a_host_reads_the_plan_and_finds_the_lead_in_the_answer() {
    block_on(async {
        let world = world(read(&folder(VISITS, "")));
        let shop = world.tenant();
        assert_eq!(shop.visit_plan("Norte", week()).await.unwrap(), None);
        let plan = NewVisitPlan::new("Norte", week()).visit("vera", " Farmacia Sol ", day(9));
        // Said twice it is one visit, and a command that comes twice plans nothing twice.
        let plan = plan.visit("vera", "FARMACIA SOL", day(9));
        for _ in 0..2 {
            let id = CommandId::of("the desk's button");
            shop.plan_visits(plan.clone())
                .by(host())
                .id(id)
                .await
                .unwrap();
        }
        let report = VisitReport::new("NORTE", week(), 1, "interested").lead(NewLead::new("Luis"));
        let answer = shop.record_visit(report).by("vera").await.unwrap();
        let lead = answer.lead.unwrap();
        let because = &lead.owner.as_ref().unwrap().because;
        assert_eq!(*because, Because::RegisteredIt);
        let plan = shop.visit_plan("norte", week()).await.unwrap().unwrap();
        assert_eq!(
            (plan.zone.as_str(), plan.week, plan.visits.len()),
            ("Norte", week(), 1)
        );
        let visit = plan.visit(1).unwrap();
        assert_eq!(
            (visit.visitor.as_str(), visit.place.as_str()),
            ("vera", "Farmacia Sol")
        );
        let result = visit.result.as_ref().unwrap();
        assert_eq!(
            (result.result.as_str(), result.lead),
            ("interested", Some(lead.id))
        );
        // Each zone and week has a plan of its own.
        assert_eq!(shop.visit_plan("Sur", week()).await.unwrap(), None);
        assert_eq!(
            shop.visit_plan("Norte", Week::of(day(16))).await.unwrap(),
            None
        );
    });
}

#[test]
fn a_plan_has_room_for_so_many_visits_and_refuses_more() {
    block_on(async {
        let world = world(read(&folder(VISITS, "")));
        let shop = world.tenant();
        let of = |count: usize| {
            let plan = NewVisitPlan::new("Norte", week());
            (0..count).fold(plan, |plan, place| {
                plan.visit("vera", format!("Place {place}"), day(9))
            })
        };
        shop.plan_visits(of(VisitPlan::MOST))
            .by(host())
            .await
            .unwrap();
        let refused = shop.plan_visits(of(VisitPlan::MOST + 1)).by(host()).await;
        assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "too-many"));
        // What was recorded has its room as well.
        let report = VisitReport::new("Norte", week(), 300, "closed");
        shop.record_visit(report).by("vera").await.unwrap();
        let refused = shop.plan_visits(of(VisitPlan::MOST - 1).visit("vera", "One more", day(9)));
        assert!(refused.by(host()).await.is_err());
        shop.plan_visits(of(VisitPlan::MOST - 1))
            .by(host())
            .await
            .unwrap();
    });
}

#[test]
fn zones_may_be_any_text_and_visitors_are_of_them_all_the_same() {
    let rules = VISITS.replace(
        "type = \"choice\"\nof   = [\"Norte\", \"Sur\"]",
        "type = \"text\"",
    );
    block_on(async {
        let world = world(read(&folder(&rules, "")));
        let plan = |zone: &str| NewVisitPlan::new(zone, week()).visit("vera", "Bar", day(9));
        let shop = world.tenant();
        assert!(shop.plan_visits(plan("Centro")).by(host()).await.is_err());
        shop.plan_visits(plan("norte")).by(host()).await.unwrap();
        let visit = shop
            .visit_plan("Norte", week())
            .await
            .unwrap()
            .unwrap()
            .visits[0]
            .clone();
        assert_eq!(visit.visitor, AgentId::from("vera"));
    });
}

#[test]
fn without_the_section_nothing_is_planned() {
    let without = VISITS.split("[visits]").next().unwrap();
    block_on(async {
        let world = world(read(&folder(without, "")));
        let planned = world
            .tenant()
            .plan_visits(NewVisitPlan::new("Norte", week()))
            .by(host())
            .await;
        assert!(matches!(planned, Err(Error::Refused(refusal)) if refusal.code() == "no-visits"));
        let report = VisitReport::new("Norte", week(), 1, "closed");
        let recorded = world.tenant().record_visit(report).by(host()).await;
        assert!(matches!(recorded, Err(Error::Refused(refusal)) if refusal.code() == "no-visits"));
    });
}

#[test]
fn the_section_names_a_field_a_source_and_results() {
    let faults = |rules: &str| {
        let faults = Playbook::read(&folder(rules, "")).unwrap_err();
        faults
            .0
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let told = faults(&VISITS.replace("source = \"route\"", "source = \"rout\""));
    assert!(told.contains("did you mean `route`?"), "{told}");
    let told = faults(&VISITS.replace("zone   = \"zone\"", "zone = \"delivery\""));
    assert!(
        told.contains("a field that is a text or a choice"),
        "{told}"
    );
    let (head, _) = VISITS.split_once("[visits.result]").unwrap();
    let told = faults(head);
    assert!(told.contains("[visits] needs `result`"), "{told}");
}
