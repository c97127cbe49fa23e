//! What was probably meant: people write times, numbers and names as they know them from elsewhere, and
//! each fault says how a playbook writes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::scenario;
use shop::{PREMISES, SHOP, folder};

/// All faults of a playbook, as they are told.
fn told(folder: &Folder) -> Vec<String> {
    let faults = Playbook::read(folder).unwrap_err().0;
    let told = faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{}; {hint}", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

/// The one fault that each of these rules for the shop has.
fn each_is_told(slips: &[(&str, &str)]) {
    for (slip, wanted) in slips {
        let faults = told(&folder(slip, ""));
        assert_eq!(faults.len(), 1, "{slip}: {faults:#?}");
        assert_eq!(faults[0], *wanted, "{slip}");
    }
}

fn rule(said: &str) -> String {
    format!("[[rule]]\nname = \"r\"\non = \"registered\"\n{said}\ndo = [{{ task = \"call\" }}]\n")
}

#[test]
fn a_time_that_makes_no_sense_where_it_stands_is_a_fault() {
    let length = "`0 hours` can't stand here: an appointment must have a length of its own";
    let nothing =
        |instead: &str| format!("`0 hours` can't stand here: it is no time at all; {instead}");
    let cap = "[cap]\nmessages = 3\nwithin = \"0 hours\"\n";
    let late = rule("late-start = \"0 hours\"");
    let expires = "[[rule]]\nname = \"r\"\non = \"registered\"\n\
        do = [{ send = \"hello\", expires = \"0 hours\" }]\n";
    each_is_told(&[
        ("[appointment.visit]\nlasts = \"0 hours\"\n", length),
        (cap, &nothing("write for instance `7 days`")),
        (&late, &nothing("all of it at once is `fire`")),
        (expires, &nothing("leave it out, if it never expires")),
        (
            &rule("after = \"1 day before\""),
            "the rule `r` can never fire: it is due before what it counts from happens; only a date lies ahead",
        ),
        (
            "[ageing.old]\nafter = [\"1 day before\"]\ndo = [{ task = \"call\" }]\n",
            "`1 day before` can't stand here: it must not point backwards; write `1 day`",
        ),
    ]);
    // At once, and before a date, are times.
    shop::read(&folder(&rule("after = \"0 days\""), ""));
    let before =
        "[reminder.b]\nof = \"birthday\"\nat = [\"1 day before\"]\ndo = [{ task = \"call\" }]\n";
    shop::read(&folder(before, ""));
}

#[test]
fn who_is_notified_is_told_as_an_action_says_it() {
    let rule = |action: &str| rule("").replace("{ task = \"call\" }", action);
    let team = "[team.call-centre]\n";
    let is_a_team = "there is no role `call-centre`; it is a team: write `team:call-centre`";
    let notify = rule("{ notify = \"call-centre\", template = \"hello\" }");
    let whose = "[task.write]\ntext = \"Write\"\nfor = \"call-centre\"\n";
    each_is_told(&[
        (
            &rule("{ notify = \"seller\", send = \"hello\" }"),
            "`send` means nothing in [rule.do]; with `notify` it is `template = \"hello\"`",
        ),
        (&format!("{team}{notify}"), is_a_team),
        (&format!("{team}{whose}"), is_a_team),
        (
            &notify,
            "there is no role `call-centre`; known: owner, seller",
        ),
    ]);
}

#[test]
fn a_space_or_a_dash_of_a_word_processor_in_a_time_is_told_as_that() {
    let space = "it holds a space that is none: write a plain one";
    let hours = |said: &str| format!("[calendar.c]\nweekly = {{ mon = [{said}] }}\n");
    let another =
        |dash: char, meant: &str| format!("`{dash}` is another dash than `-`; write `{meant}`");
    for said in ["6\u{a0}business hours", "6 business\u{202f}hours"] {
        let wanted = format!("`{said}` is no duration; {space}");
        each_is_told(&[(&rule(&format!("after = \"{said}\"")), &wanted)]);
    }
    each_is_told(&[
        (&hours("\"09:00–13:00\""), &another('–', "09:00-13:00")),
        (
            &hours("\"09:00-13:00\", \"14:00 — 18:00\""),
            &another('—', "14:00 - 18:00"),
        ),
    ]);
    // The times beside it are read.
    let two = told(&folder(&hours("\"09:00–13:00\", \"14:00-25:00\""), ""));
    assert_eq!(two.len(), 2, "{two:?}");
    assert!(two[1].contains("there is no `25:00`"), "{two:?}");
}

#[test]
fn a_duration_in_other_words_is_told_as_a_playbook_says_it() {
    for (said, meant) in [
        ("1 dia", "1 day"),
        ("2 días", "2 days"),
        ("1 mes", "1 month"),
        ("2 semanas", "14 days"),
        ("3 horas hábiles", "3 business hours"),
        ("-1 day", "1 day before"),
    ] {
        let faults = told(&folder(&rule(&format!("after = \"{said}\"")), ""));
        let wanted = format!("`{said}` is no duration; did you mean `{meant}`?");
        assert_eq!(faults, [wanted]);
    }
    let every = told(&folder(&rule("every = \"-1 day\""), ""));
    assert_eq!(every, ["`-1 day` is no duration; did you mean `1 day`?"]);
    let number = told(&folder(&rule("after = 1"), ""));
    assert_eq!(
        number,
        ["expected a duration in quotes, found 1; say of what: `\"1 day\"`"]
    );
}

#[test]
fn what_a_task_would_show_as_it_stands_or_empty_is_a_fault() {
    let task = |text: &str| format!("[task.x]\ntext = \"{text}\"\n");
    for asked in ["owner.name", "recipient.email", "appointment.with"] {
        let faults = told(&folder(&task(&format!("Call {{{{ {asked} }}}}")), ""));
        let wanted = format!("a task's text knows no agents, and `{asked}` would be empty");
        assert!(faults[0].starts_with(&wanted), "{faults:?}");
        assert!(faults[0].contains("{{ contact.name }}"), "{faults:?}");
        assert_eq!(faults.len(), 1);
    }
    let braces = "`{contact.name}` would be shown as it stands; write `{{ contact.name }}`";
    each_is_told(&[(&task("Call {contact.name}"), braces)]);
    let mut letter = folder("", "");
    letter.templates[0].1 = "Subject: Hello\n\nDear {contact.name}\n".into();
    assert_eq!(told(&letter), [braces]);
    // No variables, and a text about one.
    shop::read(&folder(
        &task("{ a } {x} {% raw %}{city}{% endraw %} {{ '{city}' }}"),
        "",
    ));
}

const PRICED: &str = "[field.price]\ntype = \"number\"\n\n[field.colour]\ntype = \"choice\"\nof = [\"red\", \"blue\"]\n\n";

#[test]
fn a_condition_tells_what_can_stand_there() {
    for (said, wanted) in [
        (
            "colour == \"green\"",
            "in the condition: `colour` is never \"green\", but one of red, blue",
        ),
        (
            "price > 20.000",
            "in the condition: `20.000` reads in two ways: write `20000` or `20.0`",
        ),
        (
            "price > 2.125",
            "in the condition: `2.125` reads in two ways: write `2125` or `2.1250`",
        ),
        (
            "price > 1.234.567",
            "in the condition: `1.234.567` is not a number of at most four places; did you mean `1234567`?",
        ),
        (
            "delivery < now + 3 days",
            "in the condition: expected a duration such as 1d12h, found `3`; did you mean `3d`?",
        ),
        (
            "delivery < now - 1 month",
            "in the condition: expected a duration such as 1d12h, found `1`; did you mean `30d`?",
        ),
        (
            "delivery < now - \"2 días\"",
            "in the condition: expected a duration such as 1d12h, found `\"2 días\"`; did you mean `2d`?",
        ),
    ] {
        let slip = format!("{PRICED}{}", rule(&format!("if = '{said}'")));
        assert_eq!(told(&folder(&slip, "")), [wanted], "{said}");
    }
    for said in ["price > 0.125", "price > 2000.125", "price > 20.0"] {
        shop::read(&folder(
            &format!("{PRICED}{}", rule(&format!("if = '{said}'"))),
            "",
        ));
    }
}

#[test]
fn rates_countries_names_and_braces_are_told_as_they_are_written() {
    let rate = |found: &str| {
        format!("expected a rate, as in `\"15 %\"`, found `{found}`; write `\"15 %\"`")
    };
    let tax = "[field.ruc]\ntype = \"tax-number\"\nof = \"OF\"\nidentifies = true\n";
    let of = |word: &str, hint: &str| {
        let slip = tax.replace("OF", word);
        (
            slip,
            format!("there is no kind of tax number `{word}`; {hint}"),
        )
    };
    let kinds = [
        of("ES-NIF", "did you mean `ES`?"),
        of("EC-NIT", "did you mean `EC-RUC`?"),
        of(
            "PT",
            "known: BR, EC, ES, MX, EC-RUC, EC-CEDULA, MX-RFC, BR-CNPJ, BR-CPF, ES-DNI, ES-NIE, ES-CIF, ES-KLM",
        ),
    ];
    for (slip, wanted) in &kinds {
        each_is_told(&[(slip, wanted)]);
    }
    each_is_told(&[
        ("[tax]\niva = 0.15\n", &rate("0.15")),
        ("[tax]\niva = { rate = 15 }\n", &rate("15")),
        ("[tax]\niva = \"0.15\"\n", &rate("0.15")),
        (
            "[field.\"año\"]\ntype = \"number\"\n",
            "`año` is no name for field; small letters, digits and - or _: `ano`",
        ),
        (
            "[task.llamar-mañana]\ntext = \"X\"\n",
            "`llamar-mañana` is no name for task; small letters, digits and - or _: `llamar-manana`",
        ),
        (
            &rule("").replace("{ task = \"call\" }", " task = \"call\" "),
            "what is said in a list stands in braces; write `do = [{ task = \"call\" }]`",
        ),
        (
            &rule("").replace("{ task = \"call\" }", "\"call\""),
            "expected a table, found string; write `{ task = \"call\" }`",
        ),
        (
            "[calendar.c]\nweekly = { mon = [\"09:00-13:00\", \"12:00-17:00\"] }\n",
            "overlaps `09:00-13:00`, the shift [0] of the same list",
        ),
    ]);
}

#[test]
fn a_number_whose_point_may_separate_thousands_is_told_in_both_ways() {
    let priced = |price: &str| {
        let tax = "[tax]\niva = \"15 %\"\n\n[product.car]\ntax = \"iva\"\n";
        format!("{tax}price = {price}\n")
    };
    let set = |to: &str| {
        let action = format!("{{ set = \"price\", to = {to} }}");
        format!(
            "{PRICED}{}",
            rule("").replace("{ task = \"call\" }", &action)
        )
    };
    let both = |found: &str, ways: &str| format!("`{found}` reads in two ways; write {ways}");
    let no_amount = |found: &str, meant: &str| {
        let expected = "expected an amount with its currency";
        format!("{expected}, found `{found}`; write `\"{meant}\"`")
    };
    each_is_told(&[
        (&set("12.000"), &both("12.000", "`12000` or `12.0`")),
        (&set("-2.125"), &both("-2.125", "`-2125` or `-2.1250`")),
        (
            &priced("12.000"),
            &both("12.000", "`\"12000.00 USD\"` or `\"12.00 USD\"`"),
        ),
        (
            &priced("\"1.500 USD\""),
            &both("1.500", "`\"1500.00 USD\"` or `\"1.50 USD\"`"),
        ),
        // A cent has no tenths.
        (&priced("12.345"), &no_amount("12.345", "12345.00 USD")),
        (&priced("990.5"), &no_amount("990.5", "990.50 USD")),
        (
            "[pool.p]\nmembers = 'available'\ncapacity = 1.000\n",
            "expected a whole number, found float; write `1000`",
        ),
    ]);
    for one_way in ["0.125", "2000.125", "12.0", "12.0000"] {
        shop::read(&folder(&set(one_way), ""));
    }
}

#[test]
fn a_day_or_an_hour_that_there_is_not_is_told_as_that() {
    let calendar =
        |said: &str| format!("[calendar.c]\nweekly = {{ mon = [\"09:00-13:00\"] }}\n{said}\n");
    let hours = |said: &str| format!("[calendar.c]\nweekly = {{ mon = [{said}] }}\n");
    let birthday = |day: &str| {
        rule("").replace(
            "{ task = \"call\" }",
            &format!("{{ set = \"birthday\", to = {day} }}"),
        )
    };
    let february = "there is no `2026-02-30`: that month has days 01 to 28";
    let begins = "there is no `24:00`: the day is over then; 00:00 begins the next one";
    each_is_told(&[
        (&calendar("holidays = [\"2026-02-30\"]"), february),
        (&calendar("dates = { 2026-02-30 = [] }"), february),
        (&birthday("2026-02-30"), february),
        (
            &rule("if = 'birthday < 2026-02-30'"),
            &format!("in the condition: {february}"),
        ),
        (
            &calendar("holidays = [\"2026-13-01\"]"),
            "there is no `2026-13-01`: a year has months 01 to 12",
        ),
        (
            &calendar("every-year = { 02-30 = [] }"),
            "there is no `02-30`: that month has days 01 to 29",
        ),
        (
            &hours("\"18:00-25:00\""),
            "there is no `25:00`: a day ends at 24:00; past midnight it is `01:00`",
        ),
        (
            &hours("\"09:75-12:00\""),
            "there is no `09:75`: an hour has minutes 00 to 59, and a minute seconds 00 to 59",
        ),
        (&hours("\"24:00-06:00\""), begins),
        (
            &hours("\"09:00\", \"13:00\", \"14:00\", \"18:00\""),
            "a shift is one text, from when until when; write `[\"09:00-13:00\", \"14:00-18:00\"]`",
        ),
    ]);
    let start = "[[scenario]]\nname = \"s\"\nstart = \"2026-02-30T10:00:00+01:00\"\n";
    let faults = scenario::read(&folder("", start)).unwrap_err().0;
    let told = "there is no `2026-02-30T10:00:00+01:00`: that month has days 01 to 28";
    assert_eq!(faults[0].kind.to_string(), told);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    shop::read(&folder(&calendar("every-year = { 02-29 = [] }"), ""));
    shop::read(&folder(&hours("\"18:00-24:00\""), ""));
}

#[test]
fn a_wrong_date_stands_in_the_file_of_holidays() {
    let mut folder = folder(
        "[calendar.c]\nweekly = { mon = [\"09:00-13:00\"] }\nholidays = \"holidays/es.csv\"\n",
        "",
    );
    let days = "2026-01-01,New Year\n26-01-06,Epiphany\n0026-05-01,May\n2026-02-30,Carnival\n";
    folder.holidays = vec![("holidays/es.csv".into(), days.into())];
    let faults = Playbook::read(&folder).unwrap_err().0;
    let places: Vec<_> = faults
        .iter()
        .map(|fault| (&*fault.file, fault.line))
        .collect();
    let file = "holidays/es.csv";
    assert_eq!(places, [(file, 2), (file, 3), (file, 4)]);
    let carnival = "there is no `2026-02-30`: that month has days 01 to 28";
    assert_eq!(faults[2].kind.to_string(), carnival);
}

#[test]
fn a_number_without_digits_on_both_sides_of_its_point_is_told_with_them() {
    let cap = |said: &str| format!("[cap]\nmessages = {said}\nwithin = \"7 days\"\n");
    let digits = "a number has digits before its point and behind it";
    let text = "this is a text, and stands in quotes";
    for (said, message, meant) in [
        (".5", digits, "0.5"),
        ("-.5", digits, "-0.5"),
        ("5.", digits, "5"),
        ("3.x", text, "\"3.x\""),
        ("1e", text, "\"1e\""),
    ] {
        let folder = folder(&cap(said), "");
        let faults = Playbook::read(&folder).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{said}: {faults:#?}");
        assert_eq!(faults[0].kind.to_string(), message, "{said}");
        let hint = faults[0].hint.as_deref();
        assert_eq!(hint, Some(format!("write `{meant}`").as_str()), "{said}");
        assert_eq!(&folder.playbook[faults[0].span.clone()], said);
    }
}

#[test]
fn a_space_of_a_word_processor_is_told_where_it_stands_and_nothing_else_for_its_sake() {
    for space in ['\u{a0}', '\u{2003}', '\u{3000}'] {
        let twice = format!("{space}{space}");
        for line in [
            format!("{space}messages = 3"),
            format!("{twice}messages ={space}3"),
            format!("messages{space}= 3"),
            format!("messages ={space}3"),
        ] {
            let folder = folder(&format!("[cap]\n{line}\nwithin = \"7 days\"\n"), "");
            let faults = Playbook::read(&folder).unwrap_err().0;
            assert_eq!(faults.len(), 1, "{line:?}: {faults:#?}");
            let told = faults[0].kind.to_string();
            assert_eq!(told, "this is no space as TOML knows it", "{line:?}");
            let hint = faults[0].hint.as_deref();
            assert_eq!(hint, Some("write a plain one, or none"), "{line:?}");
            assert_eq!(folder.playbook[faults[0].span.clone()], space.to_string());
        }
    }
}

#[test]
fn a_name_that_is_none_is_told_where_it_stands_also_behind_a_space_that_is_none() {
    let stages = "[pipeline.extra]\nstart = \"new\"\n[pipeline.extra.stage]\n";
    for space in ["\u{a0}", "\u{a0}\u{a0}", "\u{3000} "] {
        let said =
            format!("{stages}new = {{ to = {{}} }}\n{space}größe = {{ final = \"lost\" }}\n");
        let folder = folder(&said, "");
        let faults = Playbook::read(&folder).unwrap_err().0;
        let told = faults
            .iter()
            .find(|fault| fault.kind.to_string().contains("größe"));
        let told = told.unwrap_or_else(|| panic!("{faults:#?}"));
        assert_eq!(&folder.playbook[told.span.clone()], "größe", "{faults:#?}");
    }
}

#[test]
fn a_day_as_others_write_it_is_told_where_a_field_is_set() {
    let set = |field: &str, to: &str| {
        rule("").replace(
            "{ task = \"call\" }",
            &format!("{{ set = \"{field}\", to = \"{to}\" }}"),
        )
    };
    let fault =
        |said: &str, hint: &str| format!("expected a value of this field, found `{said}`; {hint}");
    each_is_told(&[
        (
            &set("birthday", "31/12/2026"),
            &fault(
                "31/12/2026",
                "`birthday` is a date, without quotes: 2026-12-31",
            ),
        ),
        (
            &set("delivery", "31/12/2026"),
            &fault(
                "31/12/2026",
                "`delivery` is an instant, without quotes: 2026-03-25T16:30:00-05:00",
            ),
        ),
    ]);
}

#[test]
fn what_is_defined_twice_is_told_with_where_the_first_one_stands() {
    let first = PREMISES.matches('\n').count() + SHOP.matches('\n').count() + 1;
    let at = |below: usize| format!("the first one stands at playbook.toml:{}", first + below);
    let said = |below: usize| {
        let line = first + below;
        format!("duplicate key; it is said in line {line} already: leave one of the two")
    };
    let rule = "[[rule]]\nname = \"r\"\non = \"registered\"\ndo = [{ task = \"call\" }]\n\n";
    let level =
        "on = \"registered\"\nwithin = \"1 day\"\ndone = 'stage == \"talking\"'\ntask = \"X\"\n";
    let write = "[task.write]\ntext = \"Write\"\n\n";
    for (twice, wanted) in [
        (
            format!("{write}{rule}{rule}"),
            format!("the rule `r` is defined already; {}", at(3)),
        ),
        (
            format!("[sla.r]\n{level}\n{rule}"),
            format!("the rule `r` is defined already; {}", at(0)),
        ),
        (
            format!("{rule}{write}[sla.write]\n{level}"),
            format!("the task `write` is defined already; {}", at(5)),
        ),
        (
            format!("{write}[task.write] # again\ntext = \"X\"\n"),
            said(0),
        ),
        (
            "[pipeline.b]\nstart = \"x\"\n\n[pipeline.b.stage]\nx = { to = { y = [] } }\n\
             y = { final = \"won\" }\nx = {}\n"
                .to_owned(),
            said(4),
        ),
    ] {
        assert_eq!(told(&folder(&twice, "")), [wanted], "{twice}");
    }
}

#[test]
fn words_of_other_languages_are_told_as_ours() {
    for (said, known, meant) in [
        ("contactado", ["tried", "reached"], "reached"),
        ("etapa", ["owner", "stage"], "stage"),
        ("presupuesto", ["city", "budget"], "budget"),
        ("nuevo", ["new", "talking"], "new"),
    ] {
        assert_eq!(leadkit::hint::nearest(said, known), Some(meant));
    }
}

#[test]
fn several_names_between_one_pair_of_quotes_are_a_list() {
    let two = "[role.a]\nmay = [\"move\"]\n\n[role.b]\nmay = [\"move\"]\n\n";
    let listed = |names: &str| format!("each in quotes of its own: `[{names}]`");
    let by = format!("{two}[activity.visit]\nby = \"a, b\"\n");
    let may = "[role.c]\nmay = \"move, atempt\"\n";
    let of = "[field.car]\ntype = \"choice\"\nof = \"X1, X3\"\n\n[[rule]]\nname = \"r\"\n\
        on = \"registered\"\nif = 'car == \"X1\"'\ndo = [{ task = \"call\" }]\n";
    each_is_told(&[
        (
            &by,
            &format!("there is no role `a, b`; {}", listed("\"a\", \"b\"")),
        ),
        (
            of,
            &format!(
                "expected several choices, found one, `X1, X3`; {}",
                listed("\"X1\", \"X3\"")
            ),
        ),
    ]);
    let faults = told(&folder(may, ""));
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(
        faults[0].ends_with(&listed("\"move\", \"atempt\"")),
        "{faults:#?}"
    );
    // One choice of several may well have a comma.
    let towns = "[field.town]\ntype = \"choice\"\nof = [\"Salinas, Ecuador\", \"Quito\"]\n";
    shop::read(&folder(towns, ""));
}

#[test]
fn a_date_in_quotes_is_told_how_dates_are_written() {
    let hint = "; dates stand without quotes, as in 2026-03-25";
    each_is_told(&[
        (
            &rule("if = 'birthday > \"1 March 2026\"'"),
            &format!("in the condition: a date is compared with text{hint}"),
        ),
        (
            &rule("if = 'registered_at > \"2026-03-01\"'"),
            &format!(
                "in the condition: an instant is compared with text{hint}; did you mean `2026-03-01`?"
            ),
        ),
    ]);
}
