//! Slips of the pen in a playbook: each is one fault, said so that it can be mended.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod hours;
mod outcomes;
#[path = "../shop/mod.rs"]
mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use shop::folder;

/// All faults of a playbook, as they are told.
fn told(folder: &Folder) -> Vec<String> {
    let faults = Playbook::read(folder).unwrap_err().0;
    let told = faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{}; {hint}", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

#[test]
fn a_key_under_a_slip_of_the_pen_is_not_also_missing() {
    let rule =
        |action: &str| format!("[[rule]]\nname = \"r\"\non = \"registered\"\ndo = [{action}]\n");
    let action = told(&folder(&rule("{ tsk = \"call\" }"), ""));
    assert_eq!(
        action,
        ["`tsk` means nothing in [rule.do]; did you mean `task`?"]
    );
    let nothing = told(&folder(&rule("{}"), ""));
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(
        nothing[0].contains("one of send, notify, task"),
        "{nothing:?}"
    );
    let pool = told(&folder("[pool.all]\nmembrs = 'available'\n", ""));
    assert_eq!(
        pool,
        ["`membrs` means nothing in [pool.all]; did you mean `members`?"]
    );
}

#[test]
fn a_header_with_a_bracket_too_many_is_one_fault() {
    for slip in [
        "[[[\n",
        "[[[rule]]]\nname = \"r\"\non = \"registered\"\n",
        "[[[rule]]\n",
    ] {
        let faults = told(&folder(
            &format!("{slip}\n[task.write]\ntext = \"Write\"\n"),
            "",
        ));
        assert_eq!(faults.len(), 1, "{slip}: {faults:#?}");
    }
    let scenario = "[[[scenario]]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n";
    let faults = scenario::read(&folder("", scenario)).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    // What is wrong elsewhere is told all the same.
    let also = "[task.write]\ntext = \"Write\"\ntxt = \"Write\"\n\n[[[rule]]]\nname = \"r\"\n";
    let faults = told(&folder(also, ""));
    assert_eq!(faults.len(), 2, "{faults:#?}");
}

#[test]
fn bounds_that_leave_no_wait_are_told_as_that() {
    let wait = r#"
[wait.later]
wait  = { least = "180 days", default = "180 days", most = "90 days" }
first = [{ task = "call" }]
"#;
    let mut folder = folder(wait, "");
    folder.playbook = folder
        .playbook
        .replacen("new     = {", "new     = { waits = true,", 1);
    let wanted =
        "`least = 180 days` and `most = 90 days` can't both be said; least <= default <= most";
    assert_eq!(told(&folder), [wanted]);
}

#[test]
fn a_wait_backwards_is_a_fault_where_it_stands() {
    for (bound, wait) in [
        ("least", "{ least = \"-5 days\", default = \"5 days\" }"),
        ("default", "{ least = \"5 days\", default = \"-5 days\" }"),
        (
            "most",
            "{ least = \"5 days\", default = \"5 days\", most = \"-5 days\" }",
        ),
    ] {
        let wait = format!("\n[wait.later]\nwait = {wait}\nfirst = [{{ task = \"call\" }}]\n");
        let mut folder = folder(&wait, "");
        folder.playbook = folder
            .playbook
            .replacen("new     = {", "new     = { waits = true,", 1);
        let faults = Playbook::read(&folder).unwrap_err().0;
        let [fault] = faults.as_slice() else {
            panic!("{bound}: {faults:#?}");
        };
        let place = folder.playbook.find("\"-5 days\"").unwrap();
        assert_eq!(fault.span.start, place, "{bound}: {fault}");
        assert!(fault.to_string().contains("-5 days"), "{bound}: {fault}");
    }
}

#[test]
fn currencies_and_languages_are_those_of_the_world() {
    let with = |said: &str| {
        let mut folder = folder("", "");
        let head = format!("id       = \"shop\"\n{said}\n");
        folder.playbook = folder.playbook.replacen("id       = \"shop\"\n", &head, 1);
        folder
    };
    for (said, wanted) in [
        (
            "currency = \"EURO\"",
            "there is no currency `EURO`; did you mean `EUR`?",
        ),
        (
            "currency = \"$\"",
            "there is no currency `$`; a code of ISO 4217: USD, EUR, MXN",
        ),
        (
            "locale = \"es_MX\"",
            "`es_MX` is no name for a language; did you mean `es-MX`?",
        ),
        (
            "locale = \"Spanish\"",
            "`Spanish` is no name for a language; a tag like es, es-MX or zh-Hant-TW",
        ),
    ] {
        assert_eq!(told(&with(said)), [wanted]);
    }
    let playbook = Playbook::read(&with("currency = \"CLF\"\nlocale = \"es-419\"")).unwrap();
    assert_eq!(playbook.currency.code(), "CLF");
    assert_eq!(playbook.locale, "es-419");
}

#[test]
fn what_is_declared_and_faulty_is_there_for_those_who_refer_to_it() {
    let whole = r#"
[need]
tried = { if = 'attempts.total >= 1', text = "Try" }

[field.colour]
type = "choice"
of   = ["red", "blue"]

[task.paint]
text = "Paint it {{ colour }}"
done = 'colour == "red"'

[[rule]]
name = "paint"
on   = "registered"
if   = 'colour == "red"'
do   = [{ task = "paint" }, { set = "colour", to = "red" }]

[[rule]]
name = "again"
on   = "overdue paint"
do   = [{ task = "paint" }]
"#;
    shop::read(&folder(whole, ""));
    for (slip, by, fault) in [
        (
            "[need]",
            "[need",
            "this section's name is not closed; write `[need]`",
        ),
        (
            "[task.paint]",
            "[task.paint   # blue",
            "this section's name is not closed; write `[task.paint]`",
        ),
        (
            "[[rule]]\nname = \"paint\"",
            "[rule]\nname = \"paint\"",
            "this is one of several, and stands in double brackets; write `[[rule]]`, each time",
        ),
        (
            "type = \"choice\"",
            "type = \"pick\"",
            "`pick` is none of text, choice, tax-number, number, bool, date, instant; did you mean `choice`?",
        ),
        (
            "of   = [\"red\", \"blue\"]",
            "of = []",
            "`of` is empty; say what it can be, as in `of = [\"small\", \"large\"]`",
        ),
        (
            "of   = [\"red\", \"blue\"]",
            "of = [\"red\", \"Red\"]",
            "`Red` stands here twice; once is enough",
        ),
        (
            "text = \"Try\"",
            "text = \"Try",
            "this text is not closed; a quote is missing behind it",
        ),
    ] {
        let slipped = whole.replacen(slip, by, 1);
        assert_ne!(slipped, whole, "{slip}");
        assert_eq!(told(&folder(&slipped, "")), [fault], "{by}");
    }
}

#[test]
fn other_faults_are_told_beside_a_header_that_is_not_closed() {
    let faults = told(&folder(
        "[need\ntried = { if = 'atempts.total >= 1', text = \"Try\" }\n\n[task.x]\ntxt = \"x\"\n",
        "",
    ));
    assert_eq!(faults.len(), 3, "{faults:#?}");
}

#[test]
fn a_hint_says_what_was_meant() {
    let rule = |said: &str| format!("[[rule]]\nname = \"r\"\n{said}\n");
    let call = "do = [{ task = \"call\" }]";
    for (slip, hint) in [
        (
            rule("on = \"assigned\"\ndo = [{ notify = \"ownr\", template = \"hello\" }]"),
            "did you mean `owner`?",
        ),
        (rule(&format!("after = \"1 day\"\n{call}")), "`when = "),
        (
            rule(&format!(
                "on = \"assigned\"\nif = 'status == \"new\"'\n{call}"
            )),
            "did you mean `stage`?",
        ),
        (
            rule(&format!("on = \"when assigned\"\n{call}")),
            "did you mean `assigned`?",
        ),
        (
            rule(&format!(
                "on = \"assigned\"\nafter = \"4bussiness hours\"\n{call}"
            )),
            "did you mean `4 business hours`?",
        ),
        (
            rule(&format!(
                "on = \"assigned\"\nafter = \"2 d\u{ed}as\"\n{call}"
            )),
            "did you mean `2 days`?",
        ),
        (
            rule(&format!("on = \"assigned\"\nafter = 4\n{call}")),
            "`\"4 days\"`",
        ),
        (
            rule(&format!(
                "on = \"assigned\"\nlate-start = \"2 months\"\n{call}"
            )),
            "write `60 days`",
        ),
        (
            "[wait.later]\nwait = { least = 90 }\nfirst = [{ task = \"call\" }]\n".into(),
            "`\"90 days\"`",
        ),
        (
            "[wait.later]\nwait = { least = \"1 month\" }\nfirst = [{ task = \"call\" }]\n".into(),
            "write `30 days`",
        ),
        (
            "[pool.p]\nmembers = 'seller'\n".into(),
            "did you mean `role == \"seller\"`?",
        ),
        (
            "[pool.p]\nmembers = 'available'\ncapacity = \"40\"\n".into(),
            "without quotes: 40",
        ),
        (
            "[base.b]\npipelines = [\"sales\"]\nunique = [\"owner\", \"owner\"]\n".into(),
            "once is enough",
        ),
        (
            "[calendar.c]\nweekly = { mon-fry = [\"09:00-17:00\"] }\n".into(),
            "did you mean `mon-fri`?",
        ),
        (
            "[calendar.c]\nweekly = { mon-fri = [\"9h30-17:00\"] }\n".into(),
            "did you mean `09:30`?",
        ),
    ] {
        let mut folder = folder(&slip, "");
        // Somebody waits there.
        folder.playbook = folder
            .playbook
            .replace("talking = { to", "talking = { waits = true, to");
        let faults = told(&folder);
        assert_eq!(faults.len(), 1, "{slip}: {faults:#?}");
        assert!(faults[0].contains(hint), "{slip}: {faults:#?}");
    }
}

#[test]
fn a_stage_of_several_pipelines_is_named_with_each() {
    let two = r#"
[pipeline.care]
start = "talking"

[pipeline.care.stage]
talking = { to = ["over"] }
over    = { final = "done" }

[[route]]
to = "talking"
"#;
    assert_eq!(
        told(&folder(two, "")),
        [
            "which `talking`?; several pipelines have this stage: write `sales.talking` or `care.talking`"
        ]
    );
    let other = two
        .replace("to = \"talking\"", "to = \"sales.talking\"")
        .replace("to = [\"over\"]", "to = [\"over\", \"lost\"]");
    assert_eq!(
        told(&folder(&other, "")),
        ["there is no stage `lost`; it is one of `sales`, not of `care`"]
    );
}

#[test]
fn a_fault_stands_at_the_key_where_the_key_is_wrong() {
    let place = |rules: &str| {
        let folder = folder(rules, "");
        let faults = Playbook::read(&folder).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        folder.playbook[faults[0].span.clone()].to_owned()
    };
    let days = "[calendar.c]\nweekly = { mon-fry = [\"09:00-17:00\"] }\n";
    assert_eq!(place(days), "mon-fry");
    let hours = "[calendar.c]\nweekly = { mon = [\"09:00-12:00\", \"12:00-25:00\"] }\n";
    assert_eq!(place(hours), "\"12:00-25:00\"");
    let stage = "[pipeline.sales.stage.wating]\nto = [\"lost\"]\n";
    assert_eq!(place(stage), "wating");
    let key = "[wait]\nlater = { wating = { least = \"1 day\" } }\n";
    let mut folder = folder(key, "");
    folder.playbook = folder
        .playbook
        .replace("talking = { to", "talking = { waits = true, to");
    let faults = Playbook::read(&folder).unwrap_err().0;
    let wating = faults
        .iter()
        .map(|fault| &folder.playbook[fault.span.clone()]);
    assert!(wating.into_iter().any(|at| at == "wating"), "{faults:#?}");
}

#[test]
fn what_hides_or_turns_the_writing_round_is_a_fault_wherever_it_stands() {
    let hides = |folder: &Folder| {
        let faults = Playbook::read(folder).unwrap_err().0;
        let codes: Vec<&str> = faults.iter().map(|fault| fault.kind.code()).collect();
        assert_eq!(codes, ["hidden-character"], "{faults:#?}");
        faults[0].clone()
    };
    for text in ["Fi\u{202E}ve", "Five\\u202E", "Five\u{200B}"] {
        hides(&folder(
            &format!("[source]\nweb = {{ kind = \"digital\", label = \"{text}\" }}\n"),
            "",
        ));
        hides(&folder(&format!("[task.five]\ntext = \"{text}\"\n"), ""));
    }
    let mut folder = folder("", "");
    folder.templates[0].1 = "Subject: Hello\n\nPay \u{202E}now\n".into();
    let fault = hides(&folder);
    assert_eq!(
        (&*fault.file, fault.line, fault.column),
        ("templates/hello.txt", 3, 5)
    );
    // What honest texts have.
    folder.templates[0].1 = "Subject: \u{5E9}\u{200F}!\n\n\tTwo\r\nlines\n".into();
    shop::read(&folder);
}

#[test]
fn a_mark_before_a_file_is_passed_over() {
    let plain = folder("", SCENARIO);
    let mut marked = plain.clone();
    marked.playbook.insert(0, '\u{FEFF}');
    let files = marked.templates.iter_mut().chain(&mut marked.scenarios);
    files.for_each(|(_, text)| text.insert(0, '\u{FEFF}'));
    assert_eq!(shop::read(&marked).hash, shop::read(&plain).hash);
    assert_eq!(scenario::read(&marked).unwrap().len(), 1);
}

const SCENARIO: &str = r#"
[[scenario]]
name  = "a lead comes"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera" }
expect   = { stage = "new" }
"#;

#[test]
fn a_scenario_expects_what_the_playbook_has() {
    let whole = folder("", SCENARIO);
    let playbook = shop::read(&whole);
    scenario::read_for(&playbook, &whole).unwrap();
    for (slip, fault, hint) in [
        (
            "stage = \"nwe\"",
            "there is no stage `nwe`",
            "did you mean `new`?",
        ),
        (
            "tasks = [\"cal\"]",
            "there is no task `cal`",
            "did you mean `call`?",
        ),
        (
            "mailed = [\"helo\"]",
            "there is no template `helo`",
            "did you mean `hello`?",
        ),
        (
            "notified = [\"seler\"]",
            "there is no role `seler`",
            "did you mean `seller`?",
        ),
        (
            "sla = { call = \"kept\" }",
            "there is no service level `call`",
            "",
        ),
        (
            "fields = { cty = \"x\" }",
            "there is no field `cty`",
            "did you mean `city`?",
        ),
        (
            "sent = [\"hello\"]",
            "`sent` means nothing in",
            "did you mean `mailed`?",
        ),
    ] {
        let slipped = folder("", &SCENARIO.replace("stage = \"new\"", slip));
        let faults = scenario::read_for(&playbook, &slipped).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{slip}: {faults:#?}");
        assert!(
            faults[0].kind.to_string().starts_with(fault),
            "{}",
            faults[0]
        );
        assert!(
            faults[0].hint.as_deref().unwrap_or("").contains(hint),
            "{}",
            faults[0]
        );
    }
    let moved = "move = { lead = \"luis\", to = \"talking\" }\nexpect";
    let slipped = folder(
        "",
        &SCENARIO.replace("register", "reg").replace(
            "reg = { ref = \"luis\", name = \"Luis Vera\" }\nexpect",
            moved,
        ),
    );
    let faults = scenario::read(&slipped).unwrap_err().0;
    assert!(
        faults[0]
            .to_string()
            .contains("`lead` stands beside `move`, not in it"),
        "{faults:#?}"
    );
}

#[test]
fn of_what_is_no_playbook_at_all_nothing_follows_for_its_templates() {
    let mut folder = folder("", "");
    let template = "Subject: Hello\n\nIn {{ city }}, {{ contact.name }}?\n";
    folder.templates = vec![("templates/hello.txt".into(), template.into())];
    for text in [
        "",
        "{\n  \"playbook\": { \"id\": \"shop\" }\n}\n",
        "PK\u{1}\u{2}?\n",
    ] {
        folder.playbook = text.into();
        let told = told(&folder);
        assert!(!told.is_empty());
        let of_templates = told.iter().filter(|told| told.contains("template"));
        assert_eq!(of_templates.count(), 0, "{told:#?}");
    }
}

#[test]
fn a_file_that_is_no_name_of_a_template_is_one_fault() {
    let mut folder = folder("", "");
    let template = folder.templates[0].1.clone();
    let path = "templates/Otra Plantilla.txt";
    folder.templates.push((path.into(), template));
    let hint = "small letters, digits and - or _: `otra-plantilla`";
    let wanted = format!("`Otra Plantilla` is no name for a template; {hint}");
    assert_eq!(told(&folder), [wanted]);
}

#[test]
fn what_is_said_twice_is_one_fault() {
    let task = "\n[task.visit]\ntext = \"Visit\"\ndone = 'held'\n";
    let told = told(&folder(&format!("{task}{task}"), ""));
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn a_year_of_two_digits_is_no_year_of_the_first_century() {
    for (date, meant) in [
        ("25/12/26", None),
        ("12/25/26", None),
        ("25/12/2026", Some("did you mean `2026-12-25`?")),
    ] {
        let mut folder = folder("", "");
        let holidays = "[calendar.office]\nholidays = [\"holidays/all.csv\"]\n";
        folder.playbook = folder.playbook.replacen("[calendar.office]\n", holidays, 1);
        folder.holidays = vec![("holidays/all.csv".into(), format!("{date},Christmas\n"))];
        let faults = Playbook::read(&folder).unwrap_err().0;
        assert_eq!(faults[0].hint.as_deref(), meant, "{faults:?}");
    }
}

#[test]
fn of_a_route_whose_condition_can_not_be_read_nothing_follows() {
    let routes =
        "[[route]]\nif = 'cty == \"Quito\"'\nto = \"new\"\n\n[[route]]\nto = \"talking\"\n";
    let told = told(&folder(routes, ""));
    assert_eq!(
        told,
        ["in the condition: there is no fact `cty`; did you mean `city`?"]
    );
}

/// What stands below is read into what was left open, and two hundred faults of it are none.
#[test]
fn a_bracket_that_is_left_open_is_one_fault() {
    let whole = "\
[need]
talk = { if = 'attempts.total > 0', text = \"Talk\" }

# How large
[field.weight]
type = \"choice\"
of   = [\"s\", \"m\"]

[task.measure]
text = \"Measure\"

[[rule]]
name = \"measure\"
on   = \"registered\"
do   = [{ task = \"measure\" }]
";
    shop::read(&folder(whole, ""));
    let open = "something is opened above and not closed; close it with";
    for (slip, by, bracket) in [("\"Talk\" }", "\"Talk\"", "}"), ("\"m\"]", "\"m\"", "]")] {
        let told = told(&folder(&whole.replace(slip, by), ""));
        assert_eq!(told.len(), 1, "{by}: {told:#?}");
        let said = format!("{open} `{bracket}`");
        assert!(told[0].starts_with(&said), "{by}: {told:#?}");
    }
    // A comma that is missing within a line leaves nothing open.
    let comma = told(&folder(&whole.replace("> 0',", "> 0'"), ""));
    assert!(!comma[0].starts_with(open), "{comma:#?}");
}

/// Names may have either between words; who is told one is told the `-` that the shipped playbooks have.
#[test]
fn a_name_that_is_none_is_proposed_with_hyphens() {
    let mut folder = folder("", "");
    folder.playbook = folder.playbook.replace("talking", "Talking_Now");
    let faults = Playbook::read(&folder).unwrap_err().0;
    let hints: Vec<_> = faults
        .iter()
        .filter_map(|fault| fault.hint.as_deref())
        .collect();
    assert_eq!(hints, ["small letters, digits and - or _: `talking-now`"]);
    folder.playbook = folder.playbook.replace("Talking_Now", "talking_now");
    assert!(Playbook::read(&folder).is_ok());
}
