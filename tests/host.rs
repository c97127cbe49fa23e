//! Guards, facts and actions of the host's own: what a playbook can say with them, and what not.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Error;
use leadkit::ids::LeadId;
use leadkit::playbook::host::{Builder, Effects};
use leadkit::playbook::{Playbook, fault::Faults};
use leadkit::scenario::{self, World};
use leadkit::store::{JournalCursor, MemoryStore, Order, Store};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::{Number, ValueRef, ValueType};
use pollster::block_on;
use shop::{at, folder};

/// A deal is signed with a checked credit, and then goes to the host's ERP.
const DEALS: &str = r#"
[field]
credit     = { type = "choice", of = ["ok", "bad"] }
checked_at = { type = "instant" }
income     = { type = "number" }
rating     = { type = "text" }

[activity.visit]
label = "Visit"

[need.credit-checked]
text = "A credit check of the last ninety days"

[pipeline.deals]
start = "offer"

[pipeline.deals.stage]
offer  = { to = { signed = ["credit-checked"], lost = [] } }
signed = { final = "won", to = ["offer"] }
lost   = { final = "lost" }

[[route]]
to = "deals.offer"
"#;

/// What the playbook says behind that.
fn deals(more: &str) -> leadkit::playbook::load::Folder {
    let mut folder = folder("", "");
    let (head, fields) = folder.playbook.split_once("[field]").unwrap();
    let rest = fields.split_once("[hold]").unwrap().1;
    let rest = rest.replace("\n[[route]]\nto = \"sales.new\"\n", "");
    folder.playbook = format!("{head}[hold]{rest}{DEALS}{more}");
    folder
}

fn host() -> Builder {
    Playbook::builder()
        .guard("credit-checked", |facts| {
            let checked = facts.instant("checked_at");
            facts.field("credit") == Some("ok")
                && checked.is_some_and(|at| facts.now() - at <= Elapsed::days(90))
        })
        .fact("instalment", ValueType::Number, |facts| {
            let income = facts.number("income")?.ten_thousandths();
            Some(ValueRef::Number(Number::from_ten_thousandths(income / 3)))
        })
        .action("push-to-erp", |_| Effects::errand())
        .action("rate", |facts| {
            match facts.value_of("activities", "visit") {
                Some(ValueRef::Number(visits)) if visits.whole() > 1 => {
                    Effects::none().set("rating", "A")
                }
                _ => Effects::none().clear("rating"),
            }
        })
        .action("misspelt", |_| Effects::errand().set("ratting", "A"))
}

fn told(read: Result<Playbook, Faults>) -> Vec<String> {
    let faults = read.err().map(|faults| faults.0).unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

const START: &str = "2026-03-02T09:00:00Z";

/// Ana and a lead of Luis, at work on these deals.
fn world(more: &str) -> (World, LeadId) {
    let playbook = host().read(&deals(more)).unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut world = World::new(playbook, store, at(START)).unwrap();
    let ana = leadkit::decide::command::AgentSetup::new("ana")
        .name("Ana")
        .email("ana@example.com")
        .role("seller");
    block_on(world.set_up(ana, Actor::host("crm"))).unwrap();
    let luis = NewLead::new("Luis").email("luis@example.com");
    let lead = block_on(world.register("luis", luis, Actor::host("form"))).unwrap();
    (world, lead.id)
}

fn checked(world: &World, lead: LeadId, credit: &str, on: Instant) {
    let tenant = world.tenant();
    block_on(tenant.set(lead, "credit", credit).by("ana")).unwrap();
    block_on(tenant.set(lead, "checked_at", on).by("ana")).unwrap();
}

/// What a move to `signed` lacks, by name and in words.
fn missing(moved: Result<leadkit::record::Lead, Error>) -> Vec<(String, String)> {
    match moved {
        Ok(_) => Vec::new(),
        Err(Error::Refused(refusal)) => {
            let names = refusal.missing().map(ToString::to_string);
            names
                .zip(refusal.told().iter().map(ToString::to_string))
                .collect()
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_guard_is_a_need_whose_text_the_playbook_says() {
    let (world, lead) = world("");
    let sign = || missing(block_on(world.tenant().move_to(lead, "signed").by("ana")));
    let lacks = [(
        "credit-checked".to_owned(),
        "A credit check of the last ninety days".to_owned(),
    )];
    assert_eq!(sign(), lacks);
    checked(&world, lead, "bad", at(START));
    assert_eq!(sign(), lacks);
    checked(&world, lead, "OK", at(START) - Elapsed::days(91));
    assert_eq!(sign(), lacks, "the check is too old");
    checked(&world, lead, "OK", at(START) - Elapsed::days(90));
    assert_eq!(sign(), []);
}

#[test]
fn what_is_told_late_is_judged_by_a_guard_as_of_when_it_happened() {
    let (world, lead) = world("");
    checked(&world, lead, "ok", at(START) - Elapsed::days(89));
    block_on(world.advance_to(at(START) + Elapsed::days(5))).unwrap();
    let sign = || world.tenant().move_to(lead, "signed");
    assert_eq!(missing(block_on(sign().by("ana"))).len(), 1);
    let on_the_first_day = at(START) + Elapsed::hours(1);
    assert_eq!(
        missing(block_on(sign().by("ana").happened_at(on_the_first_day))),
        []
    );
}

#[test]
fn a_guard_of_which_the_playbook_says_nothing_is_told_by_its_name() {
    let mut folder = deals("");
    let section = "[need.credit-checked]\ntext = \"A credit check of the last ninety days\"\n";
    folder.playbook = folder.playbook.replace(section, "");
    let playbook = host().read(&folder).unwrap();
    let need = playbook.need(&"credit-checked".into()).unwrap();
    assert_eq!(need.text, "credit-checked");
}

#[test]
fn conditions_ask_for_facts_and_guards_beside_those_of_the_playbook() {
    let more = r#"
[[rule]]
name = "affordable"
on   = "entered offer"
after = "1 day"
if   = 'instalment >= 500 and not credit-checked'
do   = { set = "rating", to = "affordable" }
"#;
    let (world, lead) = world(more);
    let income = |income: i32| {
        block_on(world.tenant().set(lead, "income", income).by("ana")).unwrap();
    };
    income(1_200);
    let explained = block_on(world.tenant().explain(lead)).unwrap().to_string();
    assert!(
        explained.contains("instalment >= 500 (is 400)"),
        "{explained}"
    );
    income(1_500);
    block_on(world.advance_to(at(START) + Elapsed::days(1))).unwrap();
    let lead = block_on(world.lead("luis")).unwrap();
    assert_eq!(
        lead.fields.value(&"rating".into()),
        Some(ValueRef::Text("affordable"))
    );
}

#[test]
fn a_name_that_the_host_did_not_register_is_a_fault_where_it_is_used() {
    let more = r#"
[[rule]]
name = "push"
on   = "entered signed"
if   = 'instalment > 5'
do   = { do = "push-to-erp" }
"#;
    let faults = told(Playbook::read(&deals(more)));
    let line = |of: &str| {
        let lines = deals(more).playbook;
        lines.lines().position(|line| line.contains(of)).unwrap() + 1
    };
    let expected = [
        (
            line("[need.credit-checked]"),
            "[need.credit-checked] needs `if`",
        ),
        (line("'instalment"), "there is no fact `instalment`"),
        (
            line("do   ="),
            "there is no action of the host's `push-to-erp` (the host registers it",
        ),
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, (line, words)) in faults.iter().zip(expected) {
        assert!(
            fault.starts_with(&format!("playbook.toml:{line}:")) && fault.contains(words),
            "{fault}"
        );
    }
}

#[test]
fn a_slip_is_told_with_the_registered_names() {
    let slip = |from: &str, to: &str| {
        let mut folder = deals("[[rule]]\nname = \"a\"\non = \"closed\"\ndo = { do = \"rate\" }");
        folder.playbook = folder.playbook.replacen(from, to, 1);
        told(host().read(&folder)).join("\n")
    };
    let guard = slip(
        "signed = [\"credit-checked\"]",
        "signed = [\"credit-chekced\"]",
    );
    assert!(
        guard.contains("no need `credit-chekced` (did you mean `credit-checked`?)"),
        "{guard}"
    );
    let action = slip("do = \"rate\"", "do = \"archive\"");
    assert!(
        action.contains("no action of the host's `archive` (known: push-to-erp, rate, misspelt)"),
        "{action}"
    );
    let need = slip("[need.credit-checked]", "[need.solvency]");
    assert!(
        need.contains("[need.solvency] needs `if`") && need.contains("credit-checked"),
        "{need}"
    );
}

#[test]
fn what_is_registered_and_not_used_changes_nothing() {
    let plain = folder("", "");
    let alone = Playbook::read(&plain).unwrap();
    let with_host = host().read(&plain).unwrap();
    assert_eq!(with_host.hash, alone.hash);
    assert_eq!(with_host.warnings, alone.warnings);
    assert!(with_host.needs.is_empty());
}

#[test]
fn a_version_of_the_hosts_code_makes_it_another_playbook() {
    let hash = |host: Builder| host.read(&deals("")).unwrap().hash;
    let plain = hash(host());
    let first = hash(host().version("1"));
    assert_eq!(first, hash(host().version("1")));
    assert_ne!(first, plain);
    assert_ne!(first, hash(host().version("2")));
}

#[test]
fn names_that_are_taken_or_are_none_cannot_be_registered() {
    let guard = |name: &'static str| {
        told(
            Playbook::builder()
                .guard(name, |_| true)
                .read(&folder("", "")),
        )
    };
    let fact = |name: &'static str| {
        told(
            host()
                .fact(name, ValueType::Bool, |_| None)
                .read(&deals("")),
        )
    };
    for taken in ["stage", "city", "activities", "was_in", "broken"] {
        let faults = guard(taken).join("\n");
        assert!(
            faults.contains(&format!("the fact `{taken}` is defined already")),
            "{taken}: {faults}"
        );
    }
    let second = fact("instalment").join("\n");
    assert!(
        second.contains("the fact `instalment` is defined"),
        "{second}"
    );
    for none in ["Credit", "not", "credit checked", ""] {
        let faults = guard(none).join("\n");
        assert!(
            faults.contains(&format!("`{none}` is no name for a guard of the host's")),
            "{none}: {faults}"
        );
    }
    let twice = host().action("rate", |_| Effects::none());
    let twice = told(twice.read(&deals(""))).join("\n");
    assert!(
        twice.contains("the action `rate` is defined already"),
        "{twice}"
    );
}

#[test]
fn a_need_with_a_condition_of_its_own_and_a_guard_of_its_name_are_one_too_many() {
    let mut folder = deals("");
    folder.playbook = folder.playbook.replace(
        "[need.credit-checked]",
        "[need.credit-checked]\nif = 'open'",
    );
    let faults = told(host().read(&folder)).join("\n");
    assert!(
        faults.contains("the guard `credit-checked` is defined already"),
        "{faults}"
    );
}

#[test]
fn nothing_waits_for_what_only_the_host_knows() {
    let waits = [
        "[[rule]]\nname = \"a\"\nwhen = 'credit-checked'\ndo = { do = \"rate\" }",
        "[[rule]]\nname = \"a\"\non = \"registered\"\nafter = \"1 day\"\nuntil = 'instalment > 5'\ndo = { do = \"rate\" }",
        "[task.ask]\ntext = \"Ask\"\ndone = 'credit-checked'",
        "[law.solvent]\nstage = \"signed\"\nif = 'credit-checked'\ntext = \"Solvent\"",
    ];
    for more in waits {
        let faults = told(host().read(&deals(more))).join("\n");
        assert!(
            faults.contains("turns, so nothing can wait for it: ask it in an `if`"),
            "{more}\n{faults}"
        );
    }
}

#[test]
fn lists_are_not_filtered_on_what_the_host_computes() {
    let (world, _) = world("");
    let listed = block_on(world.tenant().leads("credit-checked", Order::Id, None, 10));
    let error = listed.err().unwrap().to_string();
    assert!(error.contains("credit-checked"), "{error}");
}

/// Behind a move the guard may answer otherwise: that the two go on without end is not certain.
#[test]
fn what_a_guard_says_after_a_change_is_not_known_beforehand() {
    let more = r#"
[[rule]]
name = "there"
on   = "entered offer"
if   = 'credit-checked'
do   = { move = "signed" }

[[rule]]
name = "back"
on   = "entered signed"
if   = 'credit-checked'
do   = { move = "offer" }
"#;
    assert_eq!(told(host().read(&deals(more))), Vec::<String>::new());
}

const PUSHED: &str = r#"
[[rule]]
name = "push"
on   = "entered signed"
do   = [{ do = "push-to-erp" }, { do = "rate" }]
"#;

fn signed(more: &str) -> (World, LeadId) {
    let (world, lead) = world(more);
    checked(&world, lead, "ok", at(START));
    for _ in 0..2 {
        block_on(world.tenant().record(lead, "visit").by("ana")).unwrap();
    }
    block_on(world.tenant().move_to(lead, "signed").by("ana")).unwrap();
    (world, lead)
}

#[test]
fn an_action_sets_fields_and_leaves_an_errand_that_comes_until_it_is_carried_out() {
    let (world, lead) = signed(PUSHED);
    let tenant = world.tenant();
    let errands = || block_on(tenant.errands(JournalCursor::default())).unwrap();
    let (first, again) = (errands(), errands());
    let [errand] = first.errands.as_slice() else {
        panic!("{first:?}");
    };
    assert_eq!(
        (&*errand.action.to_string(), errand.lead),
        ("push-to-erp", lead)
    );
    assert_eq!(
        again.errands, first.errands,
        "the same id, however often it is read"
    );
    let behind = block_on(tenant.errands(first.cursor)).unwrap();
    assert!(behind.errands.is_empty() && behind.cursor >= first.cursor);
    let found = block_on(world.lead("luis")).unwrap();
    assert_eq!(
        found.fields.value(&"rating".into()),
        Some(ValueRef::Text("A"))
    );
    let explained = block_on(tenant.explain(lead)).unwrap().to_string();
    assert!(
        explained.contains("errand left for the host: push-to-erp"),
        "{explained}"
    );
}

#[test]
fn an_action_that_is_refused_is_on_record_and_leaves_no_errand() {
    let (world, lead) = signed(&PUSHED.replace("push-to-erp", "misspelt"));
    let errands = block_on(world.tenant().errands(JournalCursor::default())).unwrap();
    assert_eq!(errands.errands, []);
    let explained = block_on(world.tenant().explain(lead)).unwrap().to_string();
    assert!(
        explained.contains("rule push could not misspelt"),
        "{explained}"
    );
}

#[test]
fn scenarios_are_played_with_the_playbook_that_the_host_built() {
    let mut folder = deals(PUSHED);
    folder.scenarios[0].1.push_str(
        r#"
[[scenario]]
name  = "who is not checked is not signed"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { refused = ["credit-checked"] }

[[scenario.step]]
set = { credit = "ok", checked_at = 2026-03-01T10:00:00+01:00, by = "ana" }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { stage = "signed", history = "errand left for the host: push-to-erp" }
"#,
    );
    let playbook = Arc::new(host().read(&folder).unwrap());
    let scenarios = scenario::read_for(&playbook, &folder).unwrap();
    let report = block_on(scenario::run_all(&playbook, &scenarios, || {
        Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
    }));
    assert_eq!((report.passed(), report.failed()), (1, 0), "{report}");
}
