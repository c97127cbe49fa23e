//! Slips of the pen in a playbook: each is one fault, said so that it can be mended.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

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
    assert_eq!((&*playbook.currency, &*playbook.locale), ("CLF", "es-419"));
}
