//! The program as its users meet it: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::io::Read as _;
use std::process::{Command, Stdio};

use told::{leadkit, repository, warnings_but_of_holidays, write};

const SALES: &str = "playbooks/field-and-digital-sales";

#[test]
fn the_program_tells_its_version_under_its_own_name() {
    let version = leadkit(["--version"]);
    assert_eq!(
        version.out,
        format!("leadkit {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_playbook_without_fault_is_summed_up() {
    let told = leadkit(["check", SALES]);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(
        told.out
            .starts_with("field-and-digital-sales is without fault\n"),
        "{}",
        told.out
    );
    let summary = leadkit(["check", SALES, "--json"]).json();
    assert_eq!(summary["playbook"], "field-and-digital-sales");
    assert!(summary["rules"].as_u64() >= Some(5) && summary.get("explained").is_none());
}

#[test]
fn a_stage_in_which_leads_can_go_cold_is_a_warning() {
    for playbook in [
        SALES,
        "playbooks/deferred-follow-up",
        "playbooks/platform-onboarding",
        "playbooks/dealership-teams",
    ] {
        let warnings = warnings_but_of_holidays(&leadkit(["check", playbook, "--json"]));
        assert!(warnings.is_empty(), "{playbook}: {warnings:#?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let text = repository().join(SALES).join("playbook.toml");
    let text = std::fs::read_to_string(text).unwrap();
    let holidays = repository().join(SALES).join("holidays/ec.csv");
    let holidays = std::fs::read_to_string(holidays).unwrap();
    // Only what stands in one stage is looked after.
    let text = text.replace(
        "name       = \"still-quiet\"",
        "name       = \"still-quiet\"\nstage      = \"no-answer\"",
    );
    let template = "Subject: Hola\n\nHola\n";
    let files = [
        ("playbook.toml", text.as_str()),
        ("holidays/ec.csv", holidays.as_str()),
        ("templates/late.txt", template),
        ("templates/quiet.txt", template),
        ("templates/held.txt", template),
        ("templates/unowned.txt", template),
        ("templates/referred-lead-buys.txt", template),
        ("templates/collected.txt", template),
        ("templates/contract-late.txt", template),
        ("templates/not-renewed.txt", template),
    ];
    write(folder.path(), &files);
    let told = leadkit(["check", path]);
    assert_eq!(told.code, 0, "{}", told.out);
    let warned = ": an open lead in `sales.proposal` can go cold";
    assert!(told.out.contains(warned), "{}", told.out);
    let warnings = leadkit(["check", path, "--json"]).json()["warnings"].clone();
    let stages: Vec<&str> = warnings
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["stage"].as_str().unwrap())
        .collect();
    let cold = [
        "new",
        "in-progress",
        "proposal",
        "accepted",
        "contract",
        "implementation",
    ];
    assert_eq!(stages, cold.map(|stage| format!("sales.{stage}")));
}

#[test]
fn what_is_probably_a_slip_is_a_warning_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let lines = olist.lines().count();
    let text = format!("{olist}\n[task.forgotten]\ntext = \"Call\"\n");
    write(folder.path(), &[("playbook.toml", text.as_str())]);
    let told = leadkit(["check", path]);
    assert_eq!(told.code, 0, "{}", told.out);
    let line = lines + 2;
    let warned =
        format!("warning: {path}/playbook.toml:{line}:7: nothing opens the task `forgotten`\n");
    assert!(told.out.contains(&warned), "{}", told.out);
    let warnings = leadkit(["check", path, "--json"]).json()["warnings"].clone();
    let mut warnings = warnings.as_array().unwrap().iter();
    let found = warnings
        .find(|warning| warning["code"] == "unused")
        .unwrap();
    assert_eq!(found["line"], line);
    assert_eq!(found["message"], "nothing opens the task `forgotten`");
}

#[test]
fn an_explained_playbook_hides_no_default_and_no_rule() {
    let told = leadkit(["check", SALES, "--explain"]);
    assert_eq!(told.code, 0);
    // The service level is two rules and a task; nothing is said about holds, but all stop it.
    for said in [
        "name       = \"first-contact.late\"",
        "on         = \"overdue first-contact\"",
        "late-start = \"fire if not older than 4 business hours\"",
        "stopped-by = \"any hold\"",
        "owns  = true",
        // It is no playbook, and says so; what people call things is not lost.
        "This is a telling, and not a playbook",
        "[calendar.office]",
        "type     = \"tax-number\"\nof       = [\"EC-RUC\"]",
        "label = \"El cliente pidió esperar\"",
        "label = \"Ventas\"",
        "to = true",
    ] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let explained = leadkit([
        "check",
        "playbooks/deferred-follow-up",
        "--explain",
        "--json",
    ])
    .json();
    let rules = explained["explained"]["rule"].as_array().unwrap();
    let first = rules
        .iter()
        .find(|rule| rule["name"] == "three-to-six-months.first")
        .unwrap();
    assert_eq!(first["after"], "its own wait");
    assert_eq!(first["do"][0]["channel"], "email");
    assert_eq!(explained["explained"]["field"]["car"]["required"], true);
    assert!(explained["explained"]["pipeline"]["immediate"]["stage"]["new"].is_object());
}

#[test]
fn scenarios_are_played_on_both_stores_and_counted_in_the_last_line() {
    let told = leadkit(["test", SALES]);
    assert_eq!(told.code, 0, "{}", told.out);
    let last = told.out.lines().last().unwrap();
    let passed: usize = last
        .strip_suffix(" passed, 0 failed")
        .unwrap()
        .parse()
        .unwrap();
    // As many as `check` counts.
    let checked = leadkit(["check", SALES, "--json"]).json();
    assert_eq!(checked["scenarios"].as_u64(), Some(passed as u64));
    let played = leadkit(["test", SALES, "--on", "memory", "--json"]).json();
    assert_eq!(played["passed"].as_u64(), Some(passed as u64));
    assert_eq!(played["stores"][0]["store"], "memory");
    // It took long enough for bars; but nobody watches, and a log is no place to draw in.
    assert!(!told.err.contains(['\r', '\u{1b}']), "{}", told.err);
}

#[test]
fn a_scenario_is_played_alone_by_its_name_or_a_part_of_it() {
    let whole = "a lead that is not handled in time goes to somebody else, twice, and then to the supervisor";
    let told = leadkit(["test", SALES, "--on", "memory", "--only", whole]);
    assert!(told.out.contains(whole), "{}{}", told.out, told.err);
    let last = "\n1 passed, 0 failed\n";
    assert!(told.out.ends_with(last), "{}", told.out);
    // Some of its words will do, as they come to mind.
    let words = "TWICE in time";
    let told = leadkit(["test", SALES, "--on", "memory", "--only", words]);
    assert!(told.out.contains(whole), "{}{}", told.out, told.err);
    let all = leadkit(["test", SALES, "--on", "memory", "--json"]).json();
    let outcomes = all["stores"][0]["outcomes"].as_array().unwrap();
    assert!(told.out.lines().count() < outcomes.len(), "{}", told.out);
}

#[test]
fn whoever_names_no_scenario_is_told_of_those_that_are_near() {
    let told = leadkit([
        "test",
        SALES,
        "--only",
        "a lead that is not handled in winter",
    ]);
    assert_eq!(told.code, 2, "{}", told.out);
    let near = "a lead that is not handled in time goes to somebody else";
    for said in ["no scenario has", near] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
    assert!(told.err.lines().count() < 6, "{}", told.err);
    for nothing in ["", " ", "xyzzy"] {
        let told = leadkit(["test", SALES, "--only", nothing, "--json"]);
        assert_eq!(told.json()["error"]["kind"], "no-such-scenario");
    }
    // A slip of the pen is told with what was meant.
    let slip = "handeled in time";
    let told = leadkit(["test", SALES, "--only", slip, "--json"]);
    assert_eq!(
        told.json()["error"]["hint"],
        "did you mean `handled in time`?"
    );
    let told = leadkit(["test", SALES, "--only", slip]);
    assert!(
        told.err.contains("did you mean `handled in time`?"),
        "{}",
        told.err
    );
    // None is near what is in no name at all.
    let told = leadkit(["test", SALES, "--only", "xyzzy"]);
    assert_eq!(told.code, 2, "{}", told.out);
    let said = "no scenario has `xyzzy` in its name";
    assert!(told.err.contains(said), "{}", told.err);
    assert!(!told.err.contains("near it"), "{}", told.err);
    assert_eq!(told.err.trim().lines().count(), 1, "{}", told.err);
}

#[test]
fn a_scenario_that_fails_shows_what_was_expected_and_the_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let scenario = r#"
[[scenario]]
name  = "a lead is won at once"
start = "2026-03-06T16:30:00Z"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera" }
expect   = { stage = "won" }
"#;
    let files = [
        ("playbook.toml", olist.as_str()),
        ("scenarios/won.toml", scenario),
    ];
    write(folder.path(), &files);
    let playbook = folder.path().to_str().unwrap();
    let told = leadkit(["test", playbook, "--on", "sqlite"]);
    assert_eq!(told.code, 1);
    for said in [
        "FAILED",
        "scenarios/won.toml:6",
        "expected \"won\", found \"new\"",
        "registered into sellers.new",
    ] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let last = "\n0 passed, 1 failed\n";
    assert!(told.out.ends_with(last), "{}", told.out);
    let played = leadkit(["test", playbook, "--json"]).json();
    assert_eq!(
        (&played["passed"], &played["failed"]),
        (&0.into(), &1.into())
    );
    let faulty = scenario.replace("stage = \"won\"", "stge = \"won\"");
    write(folder.path(), &[("scenarios/won.toml", &faulty)]);
    let told = leadkit(["test", playbook]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("did you mean `stage`?"), "{}", told.out);
}

#[test]
fn what_fails_on_both_stores_alike_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let scenario = "[[scenario]]\nname = \"won at once\"\nstart = \"2026-03-06T16:30:00Z\"\n\n\
        [[scenario.step]]\nregister = { ref = \"luis\", name = \"Luis\" }\nexpect = { stage = \"won\" }\n";
    let files = [
        ("playbook.toml", olist.as_str()),
        ("scenarios/won.toml", scenario),
    ];
    write(folder.path(), &files);
    let told = leadkit(["test", folder.path().to_str().unwrap()]);
    assert_eq!(told.code, 1);
    assert_eq!(told.out.matches("FAILED").count(), 2, "{}", told.out);
    assert_eq!(
        told.out.matches("registered into").count(),
        1,
        "{}",
        told.out
    );
    assert!(told.out.contains("all as in memory"), "{}", told.out);
    // Whoever looks at the end sees what failed, and where it stands.
    let mut last = told.out.lines().rev();
    let counted = "0 passed, 1 failed";
    assert_eq!(last.next(), Some(counted));
    let failed = last.next().unwrap();
    let file = folder.path().join("scenarios/won.toml");
    let place = format!("won at once ({}:5)", file.display());
    assert!(
        failed.starts_with("FAILED") && failed.ends_with(&place),
        "{failed}"
    );
}

#[test]
fn a_file_that_an_editor_gave_another_ending_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let files = [
        ("playbook.toml", olist.as_str()),
        ("scenarios/won.toml.txt", ""),
        ("scenarios/LOST.TOML", ""),
        ("scenarios/won.toml.bak", ""),
        ("scenarios/notes.md", ""),
    ];
    write(folder.path(), &files);
    let told = leadkit(["check", folder.path().to_str().unwrap()]);
    assert_eq!(told.code, 1);
    for (file, name) in [("won.toml.txt", "won.toml"), ("LOST.TOML", "LOST.toml")] {
        assert!(
            told.err.contains(file) || told.out.contains(file),
            "{}{}",
            told.out,
            told.err
        );
        let hint = format!("name it `{name}`");
        assert!(
            told.err.contains(&hint) || told.out.contains(&hint),
            "{}",
            told.out
        );
    }
    assert!(
        !told.out.contains("bak") && !told.out.contains("notes"),
        "{}",
        told.out
    );
}

#[test]
fn a_playbook_without_scenarios_was_not_tested() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    write(folder.path(), &[("playbook.toml", &olist)]);
    let path = folder.path().to_str().unwrap();
    let told = leadkit(["test", path]);
    assert_eq!(told.code, 1);
    let scenarios = folder.path().join("scenarios").display().to_string();
    assert!(told.out.contains(&scenarios), "{}", told.out);
    assert!(told.out.contains("[[scenario]]"), "{}", told.out);
    let told = leadkit(["test", path, "--json"]);
    assert_eq!(told.code, 1);
    assert_eq!(told.json()["passed"], 0);
}

#[test]
fn holidays_that_are_not_known_for_a_year_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let path = folder.path().to_str().unwrap();
    let text = |holidays: &str| {
        let weekly = "weekly = { mon-fri = [\"09:00-17:00\"] }";
        let calendar = format!("{olist}\n[calendar.desk]\n{weekly}\n{holidays}\n");
        write(folder.path(), &[("playbook.toml", &calendar)]);
        let told = leadkit(["check", path]);
        assert_eq!(told.code, 0, "{}", told.out);
        told.out
    };
    let over = text("holidays = [\"2019-12-25\", \"2020-12-25\", \"2020-01-01\"]");
    let warning = "warning: the last holiday of the calendar `desk` was 2020-12-25, ";
    assert!(over.contains(warning), "{over}");
    let at = folder.path().join("playbook.toml");
    let file = format!("write down those that follow in {}", at.display());
    assert!(
        over.contains(&file) && over.contains(" months ago: "),
        "{over}"
    );
    for known in [
        "holidays = [\"2020-12-25\", \"9998-12-25\"]",
        "",
        "every-year = { 12-25 = [] }",
    ] {
        let told = text(known);
        assert!(!told.contains("holiday"), "{known}: {told}");
    }
}

#[test]
fn hours_that_may_be_swapped_are_a_warning_and_a_night_shift_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let path = folder.path().to_str().unwrap();
    let warnings = |hours: &str| {
        let calendar =
            format!("{olist}\n[calendar.desk]\nweekly = {{ mon-fri = [\"{hours}\"] }}\n");
        write(folder.path(), &[("playbook.toml", &calendar)]);
        let told = leadkit(["check", path, "--json"]);
        assert_eq!(told.code, 0, "{}", told.out);
        let all = told.json()["warnings"].as_array().unwrap().clone();
        let of_calendars = all
            .into_iter()
            .filter(|warning| warning["calendar"].is_string());
        of_calendars.collect::<Vec<_>>()
    };
    let swapped = warnings("19:00-09:00");
    assert_eq!(swapped.len(), 1, "{swapped:?}");
    assert_eq!(swapped[0]["calendar"], "desk");
    let message = swapped[0]["message"].as_str().unwrap();
    assert!(
        message.contains("lasts 14 hours") && message.contains("09:00-19:00"),
        "{message}"
    );
    for night in [
        "22:00-06:00",
        "18:00-24:00",
        "09:00-00:00",
        "00:00-00:00",
        "09:00-19:00",
    ] {
        assert!(warnings(night).is_empty(), "{night}");
    }
}

#[test]
fn files_in_an_older_encoding_are_faults_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let olist = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    write(
        folder.path(),
        &[
            ("playbook.toml", &olist),
            ("templates/hola.txt", ""),
            ("holidays/ec.csv", ""),
        ],
    );
    let mut latin = b"# Le\xf3n\n".to_vec();
    latin.extend(olist.as_bytes());
    std::fs::write(folder.path().join("playbook.toml"), &latin).unwrap();
    let hola = b"Subject: Hola\n\nAdi\xf3s {{ contact.nme }}\n";
    std::fs::write(folder.path().join("templates/hola.txt"), hola).unwrap();
    let ec = b"2026-01-01,Fiesta\n2026-12-25,A\xf1o\n";
    std::fs::write(folder.path().join("holidays/ec.csv"), ec).unwrap();
    let told = leadkit(["check", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(told.code, 1, "{}", told.out);
    let faults = told.json()["error"]["faults"].as_array().unwrap().clone();
    let found: Vec<_> = faults
        .iter()
        .map(|fault| {
            let at = |key: &str| fault[key].as_u64().unwrap();
            (fault["code"].as_str().unwrap(), at("line"), at("column"))
        })
        .collect();
    // What else is wrong in such a file is told as well.
    let all = [
        ("not-utf8", 1, 5),
        ("not-utf8", 3, 4),
        ("not-utf8", 2, 13),
        ("unknown-variable", 3, 10),
    ];
    assert_eq!(found, all, "{faults:#?}");
    assert!(faults[0]["hint"].as_str().unwrap().contains("UTF-8"));
    assert!(faults[0]["hint"].as_str().unwrap().contains('ó'));
}

#[test]
fn whoever_asks_wrongly_is_told_how_to_ask() {
    let told = leadkit(["chek", SALES]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("check"), "{}", told.err);
    let told = leadkit(["leads", SALES, "--json"]);
    assert_eq!(told.code, 2);
    assert_eq!(told.json()["error"]["kind"], "usage");
    for command in ["check", "test", "replay", "explain", "leads"] {
        let told = leadkit([command, "--help"]);
        assert_eq!(told.code, 0);
        assert!(told.out.contains("Example"), "{}", told.out);
    }
    let told = leadkit(["replay", "--help"]);
    assert!(told.out.contains("[[file.command]]"), "{}", told.out);
    // In whose name a row acts, and what that asks for.
    for said in ["host:replay", "set-up-agents"] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
}

#[test]
fn a_reader_who_has_read_enough_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_leadkit"))
        .args(["check", SALES, "--explain"])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(said, "");
}

/// A playbook whose guard, fact and action only its host has.
const OF_A_HOST: &str = r#"
[playbook]
id       = "ours"
zone     = "Europe/Madrid"
calendar = "office"

[organisation]
name  = "Ours"
email = "ours@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new = { to = { won = ["credit-checked"] } }
won = { final = "won" }

[[route]]
to = "sales.new"

[[rule]]
name = "push"
on   = "entered won"
if   = 'score >= 700'
do   = { do = "push-to-erp" }
"#;

#[test]
fn a_playbook_is_checked_without_its_host_if_the_names_are_declared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write(folder.path(), &[("playbook.toml", OF_A_HOST)]);
    let alone = leadkit(["check", path]);
    assert_eq!(alone.code, 1, "{}", alone.out);
    let all = format!("{}{}", alone.out, alone.err);
    for said in [
        "no need `credit-checked`",
        "no fact `score`",
        "no action of the host's `push-to-erp`",
        "--with action:push-to-erp",
    ] {
        assert!(all.contains(said), "{said}: {all}");
    }
    let with = |declared: [&str; 3]| {
        let declared = declared.map(|name| ["--with", name]);
        let arguments = ["check", path, "--explain"].into_iter();
        leadkit(arguments.chain(declared.into_iter().flatten()))
    };
    let told = with([
        "guard:credit-checked",
        "fact:score:number",
        "action:push-to-erp",
    ]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("do = \"push-to-erp\""), "{}", told.out);
    let mistyped = with([
        "guard:credit-checked",
        "fact:score:text",
        "action:push-to-erp",
    ]);
    assert_eq!(mistyped.code, 1, "{}", mistyped.out);
    for nothing in [
        "credit-checked",
        "fact:score",
        "fact:score:choice",
        "need:score",
    ] {
        let told = leadkit(["check", path, "--with", nothing]);
        assert_eq!(told.code, 2, "{nothing}");
        assert!(told.err.contains("guard:NAME"), "{}", told.err);
    }
}
