//! What can never be in a playbook, what always is, and what nothing uses: found when it is read
//! (requirement Z7).

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod rounds;
#[path = "../shop/mod.rs"]
mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use shop::folder;

/// A place in the playbook: that of the last line that begins so, at a part of it.
fn place(folder: &Folder, line: &str, part: &str) -> String {
    let all = folder.playbook.lines().enumerate();
    let (number, text) = all
        .filter(|(_, text)| text.starts_with(line))
        .last()
        .unwrap();
    let column = text[..text.find(part).unwrap()].chars().count() + 1;
    format!("playbook.toml:{}:{column}", number + 1)
}

fn faults(folder: &Folder) -> Vec<String> {
    let faults = Playbook::read(folder).err();
    let faults = faults.into_iter().flat_map(|faults| faults.0);
    faults.map(|fault| fault.to_string()).collect()
}

fn warnings(folder: &Folder) -> Vec<String> {
    let playbook = shop::read(folder);
    playbook.warnings.iter().map(ToString::to_string).collect()
}

/// The shop, whose task and template are used, with a rule that says this.
fn with_rule(said: &str) -> Folder {
    let rules = format!(
        r#"
[source]
web   = {{ kind = "digital" }}
radio = {{ kind = "other" }}

[field.vip]
type = "bool"

[task.ask]
text = "Ask"

[[rule]]
name = "used"
on   = "registered"
do   = [{{ task = "call" }}, {{ task = "ask" }}, {{ send = "hello" }}]

[[rule]]
name = "said"
{said}
"#
    );
    folder(&rules, "")
}

/// One rule, the line at which it is faulty, and what is said of it.
#[track_caller]
fn assert_fault(said: &str, line: &str, part: &str, fault: &str) {
    let folder = with_rule(said);
    let wanted = format!("{}: {fault}", place(&folder, line, part));
    assert_eq!(faults(&folder), [wanted], "{said}");
}

const DO: &str = "do = [{ task = \"ask\" }]\n";

#[test]
fn a_rule_whose_conditions_contradict_each_other_or_its_stage_can_never_fire() {
    let never = "the rule `said` can never fire: ";
    for (said, key, why) in [
        (
            "on = \"registered\"\nif = 'city == \"Quito\" and city == \"Loja\"'",
            "if",
            "its `if` or `unless` contradicts itself",
        ),
        (
            "when = 'vip and not vip'",
            "when",
            "its `when` contradicts itself",
        ),
        (
            "stage = \"new\"\non = \"touched\"\nif = 'stage == \"talking\"'",
            "if",
            "its `if` or `unless` can't be met by the leads that it is for then",
        ),
        (
            "stage = \"new\"\nwhen = 'stage in [\"talking\", \"lost\"]'",
            "when",
            "its `when` can't hold of the leads that it is for",
        ),
        (
            "on = \"touched\"\nif = 'outcome == \"lost\"'",
            "if",
            "its `if` or `unless` can't be met by the leads that it is for then",
        ),
        (
            "on = \"touched\"\nunless = 'open'",
            "unless",
            "its `if` or `unless` can't be met by the leads that it is for then",
        ),
        (
            "when = 'held'\nif = 'not held'",
            "if",
            "its `if` or `unless` can't be met by the leads that it is for then",
        ),
        (
            "when = 'touched_at > now + 3d'",
            "when",
            "its `when` can't hold of the leads that it is for",
        ),
        (
            "on = \"assigned\"\nif = 'owner is missing'",
            "if",
            "its `if` or `unless` can't be met by the leads that it is for then",
        ),
        (
            "when = 'held'\nevery = \"1 day\"\nuntil = 'held or vip'",
            "until",
            "its `until` holds from the start",
        ),
    ] {
        let part = if key == "until" { "'held" } else { "'" };
        assert_fault(
            &format!("{said}\n{DO}"),
            &format!("{key} ="),
            part,
            &format!("{never}{why}"),
        );
    }
}

#[test]
fn a_rule_that_can_fire_is_no_fault_and_needs_no_warning() {
    for said in [
        "when = 'owner is missing'",
        "on = \"entered lost\"\nif = 'outcome == \"lost\" implies vip'",
        "when = 'touched_at < now - 3d and touched_at > now - 5d'",
        "on = \"overdue call\"\nif = 'stage == \"new\" or vip'",
        "on = \"registered\"\nunless = 'registered_by == owner or owner.role == \"seller\"'",
        "stage = [\"new\", \"talking\"]\non = \"touched\"\nif = 'stage == \"talking\"'",
        "when = 'waits_until > now + 3d'",
        "on = \"field birthday\"\nif = 'birthday > 1990-01-01'",
    ] {
        let folder = with_rule(&format!("{said}\n{DO}"));
        assert_eq!(warnings(&folder), [""; 0], "{said}");
    }
}

#[test]
fn a_condition_that_decides_nothing_is_a_warning() {
    for (said, key, warning) in [
        (
            "on = \"assigned\"\nif = 'owner is present'",
            "if",
            "`if` of the rule `said` always holds (without it the rule is the same)",
        ),
        (
            "on = \"touched\"\nunless = 'stage == \"lost\"'",
            "unless",
            "`unless` of the rule `said` can never hold (without it the rule is the same)",
        ),
        (
            "when = 'touched_at < now + 3d'",
            "when",
            "`when` of the rule `said` always holds (if it is meant from the start, say `on = \"registered\"`)",
        ),
    ] {
        let folder = with_rule(&format!("{said}\n{DO}"));
        let wanted = format!("{}: {warning}", place(&folder, &format!("{key} ="), "'"));
        assert_eq!(warnings(&folder), [wanted], "{said}");
    }
}

#[test]
fn a_task_that_is_done_where_it_is_opened_is_a_warning() {
    let folder = with_rule("on = \"entered talking\"\ndo = [{ task = \"call\" }]\n");
    let at = place(&folder, "do =", "[");
    let wanted = "`done` of `call`, where the rule `said` opens it, always holds \
        (the task ends as soon as it is opened)";
    assert_eq!(warnings(&folder), [format!("{at}: {wanted}")]);
}

#[test]
fn a_rule_moves_leads_along_a_way() {
    assert_fault(
        "on = \"entered lost\"\nafter = \"3 days\"\ndo = [{ move = \"talking\" }]\n",
        "do =",
        "[",
        "the rule `said` moves leads to `talking`, and no way leads there from `lost` \
         (give the stage a way: to = [\"talking\"])",
    );
}

/// Else a lead stays where the rule found it, and nobody is told.
#[test]
fn each_stage_that_a_rule_names_has_the_way_on_which_it_moves() {
    let with_rule = |stage: &str, rest: &str| {
        let moves = "do = [{ task = \"ask\" }, { move = \"talking\" }]\n";
        let mut folder = with_rule(&format!("{stage}on = \"answered\"\n{rest}{moves}"));
        folder.playbook = folder.playbook.replace(
            "new     = { to = { talking = [], lost = [] } }",
            "new     = { to = { talking = [], apart = [], lost = [] } }\napart   = { to = { lost = [] } }",
        );
        folder
    };
    let stuck = with_rule("stage = [\"new\", \"apart\"]\n", "");
    let wanted = "the rule `said` moves leads to `talking`, and no way leads there from `apart` \
        (give the stage a way: to = [\"talking\"])";
    let at = place(&stuck, "do =", "[");
    assert_eq!(faults(&stuck), [format!("{at}: {wanted}")]);
    // Where the lead is already, or where the rule can't fire, there need be none.
    for fine in [
        with_rule("stage = [\"new\", \"talking\"]\n", ""),
        with_rule(
            "stage = [\"new\", \"apart\"]\n",
            "if = 'stage == \"new\"'\n",
        ),
        with_rule("", ""),
    ] {
        assert_eq!(faults(&fine), Vec::<String>::new(), "{}", fine.playbook);
    }
}

#[test]
fn a_need_a_pool_and_a_done_can_be_met() {
    let rules = r#"
[need]
big = { if = 'city == "Quito" and city == "Loja"', text = "Big" }

[pool.all]
members = 'role == "seller" and not (role == "seller")'

[sla.answer]
on     = "registered"
within = "1 hour"
done   = 'attempts.total < 0'
task   = "Answer"
"#;
    let folder = folder(rules, "");
    let at = |line: &str| place(&folder, line, "'");
    assert_eq!(
        faults(&folder),
        [
            format!("{}: the need of `big` can never hold", at("big =")),
            format!("{}: `members` of `all` can never hold", at("members")),
            format!("{}: `done` of `answer` can never hold", at("done   =")),
        ]
    );
}

#[test]
fn a_route_is_taken_by_some_lead() {
    let rules = r#"
[source]
web = { kind = "digital" }

[[route]]
if = 'source == "web"'
to = "sales.new"

[[route]]
if = 'source == "web" and city == "Quito"'
to = "sales.talking"

[[route]]
to = "sales.new"

[[route]]
to = "sales.talking"
"#;
    let folder = folder(rules, "");
    let never = "no lead takes this route: those before it take all";
    let told = faults(&folder);
    let first = place(&folder, "if = 'source == \"web\" and", "'");
    assert_eq!(told[0], format!("{first}: {never}"), "{told:#?}");
    let hint = "(the first route whose `if` holds counts; one without `if` stands last)";
    assert!(told[1].ends_with(&format!("{never} {hint}")), "{told:#?}");
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn a_route_behind_those_that_take_all_together_is_never_taken() {
    let rules = r#"
[[route]]
if = 'wait is missing'
to = "sales.new"

[[route]]
if = 'wait is present'
to = "sales.talking"

[[route]]
to = "sales.lost"
"#;
    let folder = folder(rules, "");
    let told = faults(&folder);
    assert_eq!(told.len(), 1, "{told:#?}");
    let at = place(&folder, "[[route]]", "[[route]]");
    assert!(
        told[0].starts_with(&format!("{at}: no lead takes this route")),
        "{told:#?}"
    );
}

#[test]
fn a_pool_that_chooses_by_who_won_most_is_warned_of_where_nothing_is_won() {
    let pools = r#"
[pool.best]
members = 'available'

[pool.turns]
members = 'available'
choose  = "evenly"

[[rule]]
name = "used"
on   = "registered"
do   = [{ task = "call" }, { send = "hello" }, { assign = "best", then = { assign = "turns" } }]
"#;
    let mut shop = folder(pools, "");
    let at = place(&shop, "[pool.best]", "best");
    let wanted = "the pool `best` chooses by who won most, and no stage ends as `won` \
        (say `final = \"won\"` where leads are won, or `choose = \"evenly\"`)";
    assert_eq!(warnings(&shop), [format!("{at}: {wanted}")]);
    let lost = "lost    = {";
    let won = format!("sold    = {{ final = \"won\" }}\n{lost}");
    shop.playbook = shop.playbook.replacen(lost, &won, 1);
    shop.playbook =
        shop.playbook
            .replacen("talking = { to = {", "talking = { to = { sold = [],", 1);
    assert_eq!(warnings(&shop), [""; 0]);
}

#[test]
fn who_is_written_to_without_end_or_all_the_time_is_warned_of() {
    const CAP: &str = "\n[cap]\nmessages = 2\nwithin = \"7 days\"\n";
    let warned = |every: &str, said: &str, more: &str| {
        let send = match said {
            said if said.contains("do ") => "",
            _ => "do = [{ send = \"hello\" }]",
        };
        let folder = with_rule(&format!(
            "on = \"registered\"\nevery = \"{every}\"\n{said}\n{send}\n{more}"
        ));
        let at = place(&folder, "every = ", "\"");
        let told = warnings(&folder).into_iter();
        let told = told.map(|told| told.strip_prefix(&format!("{at}: ")).unwrap().to_owned());
        told.collect::<Vec<_>>().join("; ")
    };
    let often = |every: &str| {
        format!(
            "the rule `said` writes to the contact every {every} \
             (say hours or days, or do it once: without `every`)"
        )
    };
    for (every, said, more) in [
        ("1 minute", "", ""),
        ("1 minute", "", CAP),
        ("59 minutes", "at-most = 3", ""),
        ("30 business minutes", "until = 'vip'", CAP),
    ] {
        assert_eq!(warned(every, said, more), often(every), "{said}{more}");
    }
    let without_end = "the rule `said` writes to the contact again and again, without end";
    let capped = "(say `at-most` or `until`, or how much a contact gets, with `[cap]`)";
    let alert = "(say `at-most` or `until`; no `[cap]` holds alerts back)";
    let sends_alert = "do = [{ send = \"hello\", class = \"alert\" }]";
    for (said, more, hint) in [
        ("", "", capped),
        (sends_alert, "", alert),
        (sends_alert, CAP, alert),
    ] {
        let wanted = format!("{without_end} {hint}");
        assert_eq!(warned("1 hour", said, more), wanted, "{said}{more}");
    }
    for (said, more) in [
        ("", CAP),
        ("at-most = 3", ""),
        ("until = 'vip'", ""),
        ("do = [{ task = \"call\" }]", ""),
        (
            "do = [{ send = \"hello\" }, { move = \"talking\" }]\nstage = \"new\"",
            "",
        ),
    ] {
        assert_eq!(warned("1 hour", said, more), "", "{said}{more}");
    }
}

#[test]
fn what_nothing_uses_is_a_warning_where_it_stands() {
    let rules = r#"
[calendar.night]
weekly = { mon-fri = ["20:00-23:00"] }

[need]
reason = { if = 'outcome.reason is present', text = "Why" }

[pool.idle]
members = 'available'
choose  = "evenly"

[task.ask]
text = "Ask"

[task.ask.choices]
yes = { do = [{ task = "thank" }] }

[task.thank]
text = "Thank"

[[rule]]
name = "calls"
on   = "registered"
do   = [{ task = "call" }]
"#;
    let mut folder = folder(rules, "");
    folder.holidays = vec![("holidays/ec.csv".into(), "2026-01-01\n".into())];
    let at = |line: &str, part: &str| place(&folder, line, part);
    let mut wanted = vec![
        format!(
            "{}: nothing counts in the calendar `night`",
            at("[calendar.night]", "night")
        ),
        format!(
            "{}: no way asks for the need `reason`",
            at("reason =", "reason")
        ),
        format!(
            "{}: nothing assigns leads from the pool `idle`",
            at("[pool.idle]", "idle")
        ),
        format!("{}: nothing opens the task `ask`", at("[task.ask]", "ask]")),
        format!(
            "{}: nothing opens the task `thank`",
            at("[task.thank]", "thank")
        ),
        "holidays/ec.csv:1:1: no calendar has the holidays of the file `holidays/ec.csv`".into(),
        "templates/hello.txt:1:1: nothing sends the template `hello`".into(),
    ];
    assert_eq!(warnings(&folder), wanted);
    // Whatever is opened by a choice of a task that is opened is used.
    folder.playbook = folder.playbook.replace(
        "do   = [{ task = \"call\" }]",
        "do   = [{ task = \"call\" }, { task = \"ask\" }]",
    );
    wanted.retain(|warning| !warning.contains("task"));
    assert_eq!(warnings(&folder), wanted);
    // Where people were given leave to let a pool choose, it may be theirs.
    folder.playbook = folder.playbook.replace(r#"["*"]"#, r#"["assign"]"#);
    wanted.retain(|warning| !warning.contains("pool"));
    assert_eq!(warnings(&folder), wanted);
}

#[test]
fn the_playbooks_that_are_shipped_have_nothing_to_be_warned_of() {
    for name in ["field-and-digital-sales", "deferred-follow-up"] {
        let playbook = Playbook::load(format!("playbooks/{name}")).unwrap();
        assert!(playbook.warnings.is_empty(), "{:#?}", playbook.warnings);
    }
}

// ------------------------------------------------------------------ where leads end

/// Rules move leads along ways, so one that is for every stage is no way out of one without any.
#[test]
fn an_open_stage_without_a_way_to_another_is_a_fault_whatever_rules_move() {
    let rule =
        "\n[[rule]]\nname = \"nobody\"\nwhen = \"owner is missing\"\ndo = [{ move = \"lost\" }]\n";
    let named = rule.replace("when", "stage = \"apart\"\nwhen");
    for (ways, rule) in [
        ("[]", rule),
        ("[\"apart\"]", rule),
        ("[]", &named),
        ("[\"apart\"]", ""),
    ] {
        let mut folder = folder(rule, "");
        folder.playbook = folder.playbook.replace(
            "new     = { to = { talking = [], lost = [] } }",
            &format!(
                "new     = {{ to = {{ talking = [], apart = [], lost = [] }} }}\n\
                 apart   = {{ to = {ways} }}"
            ),
        );
        let told: Vec<String> = faults(&folder);
        let wanted = "no lead can leave the stage `apart`, and it is not final (give it `to`, or say \
            how leads end in it: final = \"lost\")";
        let at = place(&folder, "apart ", "apart");
        assert_eq!(told, [format!("{at}: {wanted}")], "{ways} {rule}");
    }
}

/// A rule for all stages takes no lead of these to an end: no way leads there.
#[test]
fn stages_that_lead_to_each_other_alone_are_a_fault_whatever_rules_move() {
    let mut folder = with_pipeline(
        "first = { to = [\"one\", \"done\"] }\none = { to = [\"other\"] }\n\
         other = { to = [\"one\"] }\ndone = { final = \"done\" }",
    );
    folder.playbook += "\n[[rule]]\nname = \"nobody\"\nwhen = \"owner is missing\"\n\
        do = [{ move = \"done\" }]\n";
    let told = faults(&folder);
    assert!(
        told.iter()
            .any(|told| told.contains("comes to an end from the stage `one`, `other`")),
        "{told:#?}"
    );
}

/// The shop with this pipeline for what comes after a sale.
fn with_pipeline(stages: &str) -> Folder {
    let care = format!("\n[pipeline.care]\nstart = \"first\"\n\n[pipeline.care.stage]\n{stages}\n");
    folder(&care, "")
}

#[test]
fn from_every_stage_leads_come_to_an_end_where_leads_end_at_all() {
    let no_end = |stages: &str| {
        let faults = faults(&with_pipeline(stages)).into_iter();
        let faults = faults.filter(|fault| fault.contains("comes to an end"));
        faults.collect::<Vec<_>>()
    };
    let told = no_end(
        "first = { to = { one = [], done = [] } }\none = { to = { other = [] } }\n\
         other = { to = { one = [] } }\ndone = { final = \"done\" }",
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("no lead comes to an end from the stage `one`, `other`"));
    let told = no_end("first = { to = { first = [], done = [] } }\ndone = { final = \"done\" }");
    assert!(told.is_empty(), "{told:?}");
    let round = "first = { to = { second = [] } }\nsecond = { to = { first = [] } }";
    assert!(no_end(round).is_empty(), "leads end nowhere in it");
}

#[test]
fn a_task_and_a_service_level_have_names_of_their_own() {
    let both = r#"
[sla.call]
on     = "registered"
within = "1 business hour"
done   = 'stage == "talking"'
task   = "Call at once"
"#;
    let told = faults(&folder(both, ""));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("the task `call` is defined already"),
        "{told:?}"
    );
}

#[test]
fn holidays_end_where_the_last_one_is_less_than_a_year_ahead() {
    let calendars = "
[calendar.none]
weekly = { mon-fri = [\"09:00-17:00\"] }

[calendar.each-year]
weekly     = { mon-fri = [\"09:00-17:00\"] }
every-year = { 12-25 = [] }

[calendar.some]
weekly   = { mon-fri = [\"09:00-17:00\"] }
holidays = [\"2028-12-25\", \"2028-01-01\"]
";
    let playbook = shop::read(&folder(calendars, ""));
    let ending = |today: &str| {
        let ending = playbook.ending_holidays(today.parse().unwrap());
        let told = ending
            .iter()
            .map(|of| format!("{} {}", of.calendar, of.last));
        told.collect::<Vec<_>>()
    };
    assert_eq!(ending("2027-12-25"), [""; 0]);
    assert_eq!(ending("2027-12-26"), ["some 2028-12-25"]);
    assert_eq!(ending("2030-01-01"), ["some 2028-12-25"]);
}
