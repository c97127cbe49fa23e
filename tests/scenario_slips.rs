//! Slips of the pen in scenarios: each is a fault where it stands, before anything is played, and what
//! fails when it is played is told as a scenario writes it.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::load::Folder;
use leadkit::scenario;
use shop::folder;

const RULES: &str = r#"
[source]
web = { kind = "digital" }

[activity]
visit = {}

[field.car]
type = "choice"
of   = ["X1", "X3"]

[field.town]
type = "choice"
of   = ["Quito", "Loja"]

[[rule]]
name = "wake-the-team"
on   = "touched"
after = "3 days"
do   = [{ notify = "team:showroom", template = "hello" }]

[pool.all]
members = 'available'
match   = "town"

[task.ask]
text = "Ask"

[task.ask.choices]
yes = { do = [{ task = "call" }] }
no  = {}
"#;

const SCENARIO: &str = r#"
[[scenario]]
name  = "somebody buys"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", source = "web", car = "X1", by = "ana" }

[[scenario.step]]
at     = "2026-03-02T12:00:00+01:00"
record = { activity = "visit", by = "import:ana" }

[[scenario.step]]
at       = "2026-03-02T13:00:00+01:00"
lead     = "luis"
complete = { task = "ask", choice = "yes", by = "host:crm" }

[[scenario.step]]
set    = { car = "X3" }
expect = { owner = "ana", fields = { car = "X3" }, count = { 'stage == "new"' = 1 } }

[[scenario.step]]
set-up = { id = "ana", available = false }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
hold = { as = "parked" }

[[scenario.step]]
assign = { pool = "all" }

[[scenario.step]]
close  = { as = "lost" }
expect = { outcome = "lost" }
"#;

/// The faults of the scenarios, as they are told, each with its place.
fn told(folder: &Folder) -> Vec<String> {
    let playbook = shop::read(folder);
    match scenario::read_for(&playbook, folder) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

/// Where a text stands in the scenarios' file.
fn place(folder: &Folder, text: &str) -> String {
    let whole = &folder.scenarios[0].1;
    let before = &whole[..whole.find(text).unwrap()];
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    let line = before.matches('\n').count() + 1;
    format!("scenarios/shop.toml:{line}:{column}")
}

#[track_caller]
fn assert_told(was: &str, is: &str, at: &str, fault: &str) {
    let right = folder(RULES, SCENARIO);
    assert_eq!(told(&right), [""; 0]);
    let mut slipped = right;
    let text = &mut slipped.scenarios[0].1;
    assert!(text.contains(was), "{was}");
    *text = text.replacen(was, is, 1);
    let wanted = format!("{}: {fault}", place(&slipped, at));
    assert_eq!(told(&slipped), [wanted]);
}

/// What stands in the steps, the slip in its place, where that stands, and what is said of it.
const SLIPS: &[(&str, &str, &str, &str)] = &[
    (
        "source = \"web\"",
        "source = \"wbe\"",
        "\"wbe\"",
        "there is no source `wbe` (did you mean `web`?)",
    ),
    (
        "car = \"X1\"",
        "car = \"X2\"",
        "\"X2\"",
        "expected a value of this field, found `X2` (did you mean `X1`? `car` is one of X1, X3)",
    ),
    (
        "car = \"X1\"",
        "cra = \"X1\"",
        "cra",
        "there is no field `cra` (did you mean `car`?)",
    ),
    (
        "car = \"X1\"",
        "vehicle = \"X1\"",
        "vehicle",
        "there is no field `vehicle` (known: city, delivery, birthday, car, town)",
    ),
    (
        "car = \"X1\"",
        "emial = \"a@example.com\"",
        "emial",
        "there is no field `emial` (did you mean `email`?)",
    ),
    (
        "{ car = \"X3\" }",
        "{ car = true }",
        "true",
        "expected a value of this field, found true (`car` is one of X1, X3)",
    ),
    (
        "by = \"ana\"",
        "by = \"anna\"",
        "\"anna\"",
        "there is no agent `anna` (did you mean `ana`?)",
    ),
    (
        "import:ana",
        "import:anna",
        "\"import:anna\"",
        "there is no agent `anna` (did you mean `ana`?)",
    ),
    (
        "host:crm",
        "hots:crm",
        "\"hots:crm\"",
        "there is no agent `hots:crm` (did you mean `host:crm`?)",
    ),
    (
        "activity = \"visit\"",
        "activity = \"vist\"",
        "\"vist\"",
        "there is no activity `vist` (did you mean `visit`?)",
    ),
    (
        "to = \"talking\"",
        "to = \"sales.talking\"",
        "\"sales.talking\"",
        "there is no stage `sales.talking` (did you mean `talking`?)",
    ),
    (
        "close  = { as = \"lost\" }",
        "close  = { as = \"talking\" }",
        "\"talking\" }\nexpect",
        "there is no final stage `talking` (known: lost)",
    ),
    (
        "as = \"parked\"",
        "as = \"packed\"",
        "\"packed\"",
        "there is no hold `packed` (did you mean `parked`?)",
    ),
    (
        "pool = \"all\"",
        "pool = \"everybody\"",
        "\"everybody\"",
        "there is no pool `everybody` (known: all)",
    ),
    (
        "task = \"ask\", choice = \"yes\"",
        "task = \"aks\"",
        "\"aks\"",
        "there is no task `aks` (did you mean `ask`?)",
    ),
    (
        "choice = \"yes\"",
        "choice = \"yse\"",
        "\"yse\"",
        "there is no choice `yse` (did you mean `yes`?)",
    ),
    (
        "lead     = \"luis\"",
        "lead     = \"luiz\"",
        "\"luiz\"",
        "there is no lead `luiz` (did you mean `luis`?)",
    ),
    (
        "set-up = { id = \"ana\"",
        "set-up = { id = \"anna\"",
        "\"anna\"",
        "there is no agent `anna` (did you mean `ana`?)",
    ),
];

#[test]
fn a_step_names_what_there_is() {
    for (was, is, at, fault) in SLIPS {
        assert_told(was, is, at, fault);
    }
}

#[test]
fn an_expectation_names_what_there_is() {
    for (was, is, at, fault) in [
        (
            "owner = \"ana\"",
            "owner = \"anna\"",
            "\"anna\"",
            "there is no agent `anna` (did you mean `ana`?)",
        ),
        (
            "outcome = \"lost\"",
            "outcome = \"lots\"",
            "\"lots\"",
            "there is no outcome `lots` (did you mean `lost`?)",
        ),
        (
            "fields = { car = \"X3\" }",
            "fields = { car = \"X33\" }",
            "\"X33\"",
            "expected a value of this field, found `X33` (did you mean `X3`? `car` is one of X1, X3)",
        ),
        (
            "'stage == \"new\"'",
            "'stage == \"nwe\"'",
            "'stage == \"nwe\"'",
            "in the condition: `stage` is never \"nwe\" (did you mean `\"new\"`?)",
        ),
    ] {
        assert_told(was, is, at, fault);
    }
}

#[test]
fn who_works_in_all_scenarios_is_said_whole_once_and_with_a_role_that_there_is() {
    let seller = "role  = \"seller\"\n";
    for (is, at, fault) in [
        (
            "role  = \"seler\"\n",
            "\"seler\"",
            "there is no role `seler` (did you mean `seller`?)",
        ),
        ("", "[[agent]]", "[agent] needs `role`"),
        (
            "role  = \"seller\"\nteam = \"shworoom\"\n",
            "\"shworoom\"",
            "there is no team `shworoom` (did you mean `showroom`?)",
        ),
        (
            "role  = \"seller\"\ncities = [\"Qito\"]\n",
            "\"Qito\"",
            "there is no city `Qito` (did you mean `Quito`?)",
        ),
    ] {
        assert_told(seller, is, at, fault);
    }
    let again = "role  = \"seller\"\n\n[[agent]]\nname = \"B\"\nid = \"ana\" \nemail = \"b@example.com\"\nrole = \"seller\"\n";
    assert_told(
        seller,
        again,
        "\"ana\" ",
        "the agent `ana` is defined already (the first one stands at scenarios/shop.toml:2)",
    );
}

#[test]
fn a_step_does_not_go_back_in_time() {
    let hint = "(steps stand in the order of their times)";
    assert_told(
        "at       = \"2026-03-02T13:00:00+01:00\"",
        "at       = \"2026-03-02T03:00:00+01:00\"",
        "\"2026-03-02T03",
        &format!(
            "this is in the past: it is 2026-03-02T12:00:00+01:00 when this step begins {hint}"
        ),
    );
    assert_told(
        "at     = \"2026-03-02T12:00:00+01:00\"",
        "at     = \"2026-03-01T12:00:00+01:00\"",
        "\"2026-03-01",
        &format!(
            "this is in the past: it is 2026-03-02T10:00:00+01:00 when this step begins {hint}"
        ),
    );
}

#[test]
fn a_step_is_not_far_away_in_time() {
    let hint = "(a scenario lives through all that is due on the way; take a nearer day)";
    for (day, years) in [
        ("2200-01-01", 173),
        ("9999-12-31", 7979),
        ("2037-03-20", 11),
    ] {
        assert_told(
            "at       = \"2026-03-02T13:00:00+01:00\"",
            &format!("at       = \"{day}T13:00:00+01:00\""),
            &format!("\"{day}"),
            &format!("this is {years} years after the step before, and 10 are the most {hint}"),
        );
    }
}

#[test]
fn who_ends_in_a_stage_is_not_said_to_end_in_an_outcome() {
    let steps = SCENARIO.replace("close  = { as = \"lost\" }", "close  = { as = \"failed\" }");
    let steps = steps.replace("outcome = \"lost\"", "outcome = \"failed\"");
    let mut shop = folder(RULES, &steps);
    shop.playbook = shop
        .playbook
        .replace("final = \"lost\"", "final = \"failed\"");
    let at = place(&shop, "\"failed\" }\nexpect");
    let fault = "there is no final stage `failed` (did you mean `lost`?)";
    assert_eq!(told(&shop), [format!("{at}: {fault}")]);
}

#[test]
fn what_belongs_beside_a_registration_is_no_field() {
    assert_told(
        "by = \"ana\" }",
        "by = \"ana\", expect = { stage = \"new\" } }",
        "expect",
        "`expect` means nothing in [scenario.step.register] (`expect` stands beside `register`, not in it)",
    );
}

#[test]
fn a_step_may_name_what_there_is_not_where_it_is_to_be_refused_for_that() {
    let steps = r#"
[[scenario]]
name  = "slips are refused"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "rosa", name = "Rosa", source = "radio", car = "X9", colour = "red" }
expect   = { refused = ["source", "car", "colour"] }

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
move   = { to = "nowhere" }
expect = { refused = ["unknown"] }

[[scenario.step]]
tried  = { by = "stranger" }
expect = { refused = ["no-such-agent"] }

[[scenario.step]]
hold   = { as = "asleep" }
expect = { refusal-says = "there is no hold `asleep`" }
"#;
    shop::play(RULES, steps);
}

/// All that the steps expected in vain.
fn unmet(steps: &str) -> Vec<String> {
    shop::unmet(&folder(RULES, steps))
}

#[test]
fn what_did_not_come_true_is_told_as_a_scenario_writes_it() {
    let steps = r#"
[[scenario]]
name  = "everything is otherwise"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", car = "X1", delivery = 2026-03-05T09:00:00+01:00 }

[[scenario.step]]
register = { ref = "rosa", name = "Rosa" }
expect   = { owner = "ana", outcome = "lost", tasks = ["call"], due = "2026-03-02T12:00:00+01:00", next-at = "2026-03-02T12:00:00+01:00", wait-days = 3, reassignments = 2, open = false, sla = {}, mailed = ["hello"], mail-says = "Hola", fields = { car = "X3" }, same-lead-as = "luis", same-contact-as = "luis", history = "sold", ranked = ["ana"], count = { 'open' = 7 }, already-done = true, dropped = { hello = "cap" }, queued = { hello = "2026-03-02T12:00:00+01:00" }, mailed-as = "ana", duplicates = ["luis"], contact = { name = "Rosa", phone = "600 100 200" } }
"#;
    let told = unmet(steps);
    for wanted in [
        "owner: expected \"ana\", found nobody",
        "outcome: expected \"lost\", found nothing",
        "open tasks: expected [\"call\"], found []",
        "due: expected \"2026-03-02T12:00:00+01:00\", found nothing",
        "next due: expected \"2026-03-02T12:00:00+01:00\", found \"2026-03-05T10:00:00+01:00\"",
        "wait days: expected 3, found nothing",
        "reassignments: expected 2, found 0",
        "open: expected false, found true",
        "mailed: expected [\"hello\"], found []",
        "the mail should say \"Hola\"; there is none",
        "field car: expected \"X3\", found nothing",
        "expected the same lead as \"luis\", found another",
        "expected the contact of \"luis\", found another",
        "the history should say \"sold\"",
        "ranked: expected [\"ana\"], found []",
        "count of `open`: expected 7, found 2",
        "already done: expected true, found false",
        "hello dropped: expected \"cap\", found nothing",
        "hello waits until: expected \"2026-03-02T12:00:00+01:00\", found nothing",
        "possible duplicates: expected [\"luis\"], found []",
        "the contact's phone: expected \"600 100 200\", found \"\"",
        "mailed as: expected \"ana@example.com\", found nothing",
    ] {
        assert!(
            told.iter().any(|told| told == wanted),
            "{wanted}: {told:#?}"
        );
    }
    assert!(
        !told
            .iter()
            .any(|told| told.contains("Some(") || told.contains("None"))
    );
}

#[test]
fn who_is_refused_otherwise_is_told_in_the_words_of_a_scenario() {
    let steps = r#"
[[scenario]]
name  = "refused for something else"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
complete = { task = "ask" }
expect   = { refused = ["reason"], refusal-says = "the reason" }
"#;
    let wanted = [
        "refused: expected [\"reason\"], found [\"no-open-task\"] (no task `ask` is open)",
        "the refusal should say \"the reason\"; it says:\nrefused: no task `ask` is open",
    ];
    let told = unmet(steps);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(
        wanted
            .iter()
            .all(|wanted| told.iter().any(|told| told == wanted)),
        "{told:#?}"
    );
}

#[test]
fn a_value_is_told_as_a_scenario_writes_it() {
    let playbook_says = "[field.price]\ntype = \"number\"\n";
    let register = |said: &str| {
        let step = "[[scenario]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n[[scenario.step]]\n";
        format!("{step}register = {{ ref = \"luis\", {said} }}\n")
    };
    let step = |said: &str| {
        format!(
            "{}\n[[scenario.step]]\n{said}\n",
            register("name = \"Luis\"")
        )
    };
    for (scenario, wanted) in [
        (register("nombre = \"Luis\""), "did you mean `name`?"),
        (
            register("birthday = \"2026-03-25\""),
            "`birthday` is a date, without quotes: 2026-03-25",
        ),
        (
            register("birthday = \"25/03\""),
            "`birthday` is a date, without quotes: 2026-03-25",
        ),
        (
            register("price = \"20000\""),
            "`price` is a number, without quotes: 20000",
        ),
        (
            register("phone = 593991234567"),
            "in quotes: `\"593991234567\"`",
        ),
        (
            step("move = \"talking\""),
            "write `move = { to = \"talking\" }`",
        ),
        (
            step("merge = \"luis\""),
            "write `merge = { from = \"luis\" }`",
        ),
        (
            step("distinguish = { contact = \"luis\" }"),
            "[scenario.step.distinguish] needs `from`",
        ),
        (
            step("unmerge = { contact = \"luiz\" }"),
            "there is no lead `luiz` (did you mean `luis`?)",
        ),
        (
            step("close = \"lost\""),
            "write `close = { as = \"lost\" }`",
        ),
        (
            step("at = 2026-03-05T10:00:00+01:00"),
            "in quotes: `\"2026-03-05T10:00:00+01:00\"`",
        ),
        (
            step("at = 2026-03-05T10:00:00"),
            "in quotes and with its offset, as in `\"2026-03-06T16:30:00-05:00\"`",
        ),
        (
            register("name = \"Luis\"").replacen("\n\n", "\nagent = [{ id = \"bea\", absences = { from = \"2026-03-05T10:00:00+01:00\", until = \"2026-03-05T09:00:00+01:00\" } }]\n\n", 1),
            "an absence ends after it begins",
        ),
    ] {
        let faults = told(&folder(playbook_says, &scenario));
        assert_eq!(faults.len(), 1, "{scenario}: {faults:#?}");
        assert!(faults[0].contains(wanted), "{}", faults[0]);
    }
}

#[test]
fn a_scenario_plays_something_and_has_a_name_of_its_own() {
    let mut twice = folder(RULES, SCENARIO);
    let again = SCENARIO.to_owned();
    twice.scenarios.push(("scenarios/again.toml".into(), again));
    let at = "scenarios/again.toml:3:9";
    let wanted =
        format!("{at}: the scenario `somebody buys` is defined already (the first one stands at ");
    let faults = told(&twice);
    assert!(
        faults.len() == 1 && faults[0].starts_with(&wanted),
        "{faults:#?}"
    );
    let empty = "\n[[scenario]]\nname  = \"nothing\"\nstart = \"2026-03-02T10:00:00+01:00\"\n";
    let told = told(&folder(RULES, empty));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("needs `step`"), "{told:?}");
}

#[test]
fn who_is_there_from_the_beginning_is_somebody_who_can_be() {
    let rules = format!("{RULES}\n[team.showroom]\n");
    for (said, fault) in [
        (
            "email = \"ana(at)example.com\"",
            "expected an e-mail address, found ana(at)example.com",
        ),
        ("phone = \"none\"", "expected a phone number, found none"),
        (
            "team = \"showrom\"",
            "there is no team `showrom` (did you mean `showroom`?)",
        ),
        (
            "hours = \"offic\"",
            "there is no calendar `offic` (did you mean `office`?)",
        ),
    ] {
        let mut slipped = folder(&rules, SCENARIO);
        let text = &mut slipped.scenarios[0].1;
        let key = said.split(' ').next().unwrap();
        let was = text
            .lines()
            .find(|line| line.starts_with(key))
            .map(str::to_owned);
        *text = match was {
            Some(was) => text.replacen(&was, said, 1),
            None => text.replacen(
                "role  = \"seller\"",
                &format!("role  = \"seller\"\n{said}"),
                1,
            ),
        };
        let told = told(&slipped);
        assert_eq!(told.len(), 1, "{said}: {told:?}");
        assert!(told[0].contains(fault), "{told:?}");
    }
}
