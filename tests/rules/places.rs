//! Where a rule is for leads: `pipeline`, `stage`, and what it counts from.

use leadkit::playbook::load::Folder;

use super::*;

/// A second pipeline beside the shop's, with some stages of the same names.
const CARE: &str = r#"
[pipeline.care]
start = "new"

[pipeline.care.stage]
new  = { to = { lost = [] } }
lost = { final = "lost", to = ["new"] }
"#;

/// All faults of a playbook, as they are told.
fn told(folder: &Folder) -> Vec<String> {
    let faults = Playbook::read(folder).expect_err("a fault").0;
    let told = faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{}; {hint}", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

fn rule(said: &str) -> String {
    format!("{CARE}\n[[rule]]\nname = \"r\"\n{said}\ndo = [{{ task = \"call\" }}]\n")
}

#[test]
fn a_rule_of_a_pipeline_comes_for_leads_that_end_there_if_it_counts_from_that() {
    play(
        &format!(
            r#"{CARE}
[[rule]]
name     = "farewell"
pipeline = "sales"
on       = "closed"
after    = "1 day"
do       = [{{ send = "hello", class = "alert" }}]

[appointment.visit]

[[rule]]
name     = "thanks"
pipeline = "sales"
on       = "feedback visit"
do       = [{{ send = "hello", class = "alert" }}]

[task.papers]
text          = "The papers"
within        = "3 days"
done          = 'city == "Madrid"'
outlives-lead = true

[[rule]]
name = "papers"
on   = "registered"
do   = [{{ task = "papers" }}]

[[rule]]
name     = "papers-late"
pipeline = "sales"
on       = "overdue papers"
do       = [{{ send = "hello", class = "alert" }}]
"#
        ),
        r#"
[[scenario]]
name  = "a day after its end, when it is told of the visit, and when the papers are late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
book = { appointment = "visit", at = "2026-03-02T12:00:00+01:00" }

[[scenario.step]]
at   = "2026-03-02T12:30:00+01:00"
held = { appointment = "visit" }

[[scenario.step]]
close  = { as = "lost" }
expect = { mailed = [], next-at = "2026-03-03T12:30:00+01:00" }

[[scenario.step]]
at     = "2026-03-03T12:30:00+01:00"
expect = { mailed = ["hello"] }

[[scenario.step]]
feedback = { appointment = "visit", says = "It was fine" }
expect   = { mailed = ["hello"], next-at = "2026-03-05T10:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
expect = { mailed = ["hello"], nothing-due = true }
"#,
    );
}

#[test]
fn a_rule_for_closed_leads_of_stages_where_none_end_can_never_fire() {
    let never =
        "the rule `r` can never fire: none of its stages is final, and it is for closed leads";
    let endless = "[pipeline.care]\nstart = \"new\"\n\n[pipeline.care.stage]\nnew = {}\n";
    let faults = told(&folder(&rule("stage = \"talking\"\non = \"closed\""), ""));
    assert_eq!(faults, [never]);
    let endless = rule("pipeline = \"care\"\non = \"closed\"").replace(CARE, endless);
    let faults = told(&folder(&endless, ""));
    assert!(faults.contains(&never.to_owned()), "{faults:#?}");
    read(&folder(
        &rule("stage = \"sales.lost\"\non = \"closed\""),
        "",
    ));
}

#[test]
fn the_stage_that_a_rule_counts_from_is_that_of_its_pipeline() {
    let playbook = read(&folder(
        &rule("pipeline = \"care\"\non = \"entered new\""),
        "",
    ));
    let stages = &playbook.rule(&"r".into()).expect("the rule").scope.stages;
    let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
    assert_eq!(stages, ["care.new"]);
    for (said, wanted) in [
        (
            "on = \"entered new\"",
            "which `new`?; several pipelines have this stage: write `sales.new` or `care.new`",
        ),
        (
            "pipeline = \"care\"\non = \"entered sales.lost\"",
            "there is no stage `sales.lost`; it is one of `sales`, not of `care`",
        ),
        (
            "pipeline = \"care\"\nstage = \"sales.lost\"\non = \"touched\"",
            "there is no stage `sales.lost`; it is one of `sales`, not of `care`",
        ),
        (
            "stage = \"talking\"\non = \"entered sales.lost\"",
            "`stage` and `on = \"entered sales.lost\"` can't both be said; a rule that counts from \
             where a lead enters is for leads there",
        ),
    ] {
        assert_eq!(told(&folder(&rule(said), "")), [wanted], "{said}");
    }
}

#[test]
fn how_often_a_rule_comes_is_a_fault_where_it_comes_once() {
    let wanted = "[rule] needs `every`; `at-most` counts how often it comes again, as in \
                  `every = \"2 days\"`; without `every` it comes once each time it starts to count";
    let faults = told(&folder(&rule("on = \"registered\"\nat-most = 3"), ""));
    assert_eq!(faults, [wanted]);
    read(&folder(
        &rule("on = \"registered\"\nevery = \"2 days\"\nat-most = 3"),
        "",
    ));
}

#[test]
fn leads_wait_where_a_stage_says_so_and_not_where_it_says_that_they_do_not() {
    let wait = "\n[wait.later]\nwait = { least = \"5 days\" }\nfirst = [{ send = \"hello\" }]\n";
    let with = |new: &str, talking: &str| {
        let mut folder = folder(wait, "");
        let new = format!("new     = {{ waits = {new},");
        folder.playbook = folder.playbook.replacen("new     = {", &new, 1);
        let talking = format!("talking = {{ waits = {talking},");
        folder.playbook = folder.playbook.replacen("talking = {", &talking, 1);
        folder
    };
    let playbook = read(&with("false", "true"));
    let stages = &playbook
        .rule(&"later.first".into())
        .expect("the rule")
        .scope
        .stages;
    let stages: Vec<String> = stages.iter().map(ToString::to_string).collect();
    assert_eq!(stages, ["sales.talking"]);
    let nobody = "the rule `later` can never fire: no stage says `waits = true`, so nobody waits";
    assert_eq!(told(&with("false", "false")), [nobody]);
    // Whoever writes it in quotes made one mistake.
    let quoted = "expected true or false, found string; without quotes: true";
    assert_eq!(told(&with("false", "\"true\"")), [quoted]);
}
