//! A playbook in which almost everything is wrong: all of it is told at once, each fault where it
//! stands and with what was probably meant.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::path::Path;

use leadkit_cli::{Failure, check};
use told::{leadkit, repository};

/// Every fault of `tests/faulty`: file, line, kind, hint.
const FAULTS: &[(&str, usize, &str, Option<&str>)] = &[
    (
        "templates/latin.txt",
        1,
        "not-utf8",
        Some("save the file as UTF-8; if it is Latin-1 (Windows-1252), this is `é`"),
    ),
    (
        "playbook.toml",
        5,
        "bad-name",
        Some("small letters, digits and - or _: `faulty-one`"),
    ),
    (
        "playbook.toml",
        7,
        "syntax",
        Some("it is said in line 6 already: leave one of the two"),
    ),
    (
        "playbook.toml",
        8,
        "unknown-name",
        Some("did you mean `America/Guayaquil`?"),
    ),
    (
        "playbook.toml",
        9,
        "unknown-name",
        Some("did you mean `office`?"),
    ),
    (
        "playbook.toml",
        10,
        "bad-name",
        Some("did you mean `es-EC`?"),
    ),
    (
        "playbook.toml",
        11,
        "unknown-name",
        Some("did you mean `USD`?"),
    ),
    ("playbook.toml", 15, "wrong-type", None),
    (
        "playbook.toml",
        16,
        "unknown-key",
        Some("known: email, name"),
    ),
    (
        "playbook.toml",
        19,
        "calendar",
        Some("did you mean `mon-sun`?"),
    ),
    (
        "playbook.toml",
        20,
        "unknown-name",
        Some("did you mean `holidays/ec.csv`?"),
    ),
    (
        "playbook.toml",
        23,
        "calendar",
        Some("past midnight it is `01:00`"),
    ),
    (
        "playbook.toml",
        23,
        "calendar",
        Some("past midnight it is `02:00`"),
    ),
    (
        "playbook.toml",
        27,
        "unknown-word",
        Some("did you mean `register`?"),
    ),
    ("playbook.toml", 28, "unknown-word", None),
    ("playbook.toml", 30, "missing-key", None),
    ("playbook.toml", 31, "hidden-character", None),
    ("playbook.toml", 35, "wrong-type", None),
    (
        "playbook.toml",
        39,
        "bad-name",
        Some(
            "a field is also a variable in templates: use _ rather than -, and begin with a letter",
        ),
    ),
    (
        "playbook.toml",
        40,
        "defined-twice",
        Some("choose another name"),
    ),
    ("playbook.toml", 41, "unknown-word", None),
    (
        "playbook.toml",
        42,
        "missing-key",
        Some("say what it can be, as in `of = [\"small\", \"large\"]`"),
    ),
    (
        "playbook.toml",
        43,
        "empty",
        Some("say what it can be, as in `of = [\"small\", \"large\"]`"),
    ),
    (
        "playbook.toml",
        44,
        "wrong-type",
        Some("without quotes: true"),
    ),
    (
        "playbook.toml",
        50,
        "condition",
        Some("did you mean `\"advisor\"`?"),
    ),
    (
        "playbook.toml",
        51,
        "unknown-name",
        Some("did you mean `city`?"),
    ),
    ("playbook.toml", 52, "unknown-word", None),
    ("playbook.toml", 53, "wrong-type", None),
    ("playbook.toml", 54, "out-of-range", None),
    (
        "playbook.toml",
        58,
        "unfit-duration",
        Some("months differ in length: write `180 days`"),
    ),
    (
        "playbook.toml",
        61,
        "bad-name",
        Some("small letters, digits and - or _: `has-reason`"),
    ),
    (
        "playbook.toml",
        62,
        "condition",
        Some("did you mean `attempts.total`?"),
    ),
    ("playbook.toml", 63, "condition", None),
    ("playbook.toml", 63, "condition", None),
    ("playbook.toml", 64, "missing-key", None),
    (
        "playbook.toml",
        70,
        "unknown-name",
        Some("did you mean `tried`?"),
    ),
    (
        "playbook.toml",
        71,
        "unknown-name",
        Some("known: new, talking, limbo, swamp, lost"),
    ),
    (
        "playbook.toml",
        71,
        "unknown-name",
        Some("known: advisor, ghost"),
    ),
    (
        "playbook.toml",
        72,
        "unreachable-stage",
        Some("name it in the `to` of a stage from which leads come, or leave it out"),
    ),
    (
        "playbook.toml",
        73,
        "dead-end",
        Some("give it `to`, or say how leads end in it: final = \"lost\""),
    ),
    (
        "playbook.toml",
        77,
        "unknown-name",
        Some("did you mean `talking`?"),
    ),
    (
        "playbook.toml",
        84,
        "condition",
        Some("did you mean `\"web\"`?"),
    ),
    (
        "playbook.toml",
        85,
        "ambiguous",
        Some("several pipelines have this stage: write `sales.talking` or `care.talking`"),
    ),
    (
        "playbook.toml",
        86,
        "unknown-name",
        Some("did you mean `digital`?"),
    ),
    (
        "playbook.toml",
        89,
        "unknown-name",
        Some("did you mean `sales`?"),
    ),
    ("playbook.toml", 90, "unknown-word", None),
    ("playbook.toml", 90, "said-twice", Some("once is enough")),
    ("playbook.toml", 92, "never-fires", None),
    (
        "playbook.toml",
        93,
        "out-of-range",
        Some("least <= default <= most"),
    ),
    (
        "playbook.toml",
        94,
        "unknown-name",
        Some("did you mean `late`?"),
    ),
    (
        "playbook.toml",
        97,
        "unknown-variable",
        Some("did you mean `contact.name`?"),
    ),
    (
        "playbook.toml",
        98,
        "bad-duration",
        Some(
            "a whole number and a unit: seconds, minutes, hours, days, weeks, months, or business minutes, business hours, business days; as in `4 business hours`, `2 days`, `1 day before`",
        ),
    ),
    ("playbook.toml", 99, "condition", None),
    (
        "playbook.toml",
        100,
        "bad-name",
        Some("small letters, digits and - or _: `yes`"),
    ),
    (
        "playbook.toml",
        100,
        "unknown-key",
        Some("an action is one of send, notify, task, assign, move, close, set, clear, reward, do"),
    ),
    (
        "playbook.toml",
        100,
        "unknown-key",
        Some("an action is one of send, notify, task, assign, move, close, set, clear, reward, do"),
    ),
    (
        "playbook.toml",
        103,
        "unknown-word",
        Some("did you mean `assigned`?"),
    ),
    (
        "playbook.toml",
        104,
        "unfit-duration",
        Some("write `1 day`"),
    ),
    ("playbook.toml", 105, "condition", None),
    ("playbook.toml", 106, "template", Some("close it with `}}`")),
    (
        "playbook.toml",
        107,
        "unknown-name",
        Some("known: owner, advisor, ghost"),
    ),
    ("playbook.toml", 110, "unfit-duration", None),
    ("playbook.toml", 114, "wrong-type", None),
    (
        "playbook.toml",
        116,
        "unknown-name",
        Some("did you mean `call`?"),
    ),
    ("playbook.toml", 121, "contradiction", None),
    (
        "playbook.toml",
        124,
        "rule-cycle",
        Some("give one of them a delay, a limit (`at-most`), or another stage"),
    ),
    (
        "playbook.toml",
        127,
        "unknown-name",
        Some("did you mean `asked`?"),
    ),
    (
        "playbook.toml",
        128,
        "unknown-key",
        Some("did you mean `late-start`?"),
    ),
    (
        "playbook.toml",
        136,
        "defined-twice",
        Some("the first one stands at playbook.toml:131"),
    ),
    ("playbook.toml", 139, "unfit-duration", None),
    (
        "playbook.toml",
        140,
        "wrong-type",
        Some("`city` is text, in quotes: \"3\""),
    ),
    ("playbook.toml", 145, "never-fires", None),
    ("playbook.toml", 149, "out-of-range", None),
    (
        "playbook.toml",
        150,
        "unfit-duration",
        Some("months differ in length: write `30 days`"),
    ),
    (
        "playbook.toml",
        152,
        "unknown-key",
        Some("did you mean `activity`?"),
    ),
    (
        "holidays/ec.csv",
        3,
        "calendar",
        Some("did you mean `2026-12-31`?"),
    ),
    (
        "templates/alone.html",
        1,
        "unknown-name",
        Some("every message has a text; HTML is beside it"),
    ),
    ("templates/broken.html", 2, "unsafe-link", None),
    (
        "templates/broken.txt",
        1,
        "unknown-variable",
        Some("did you mean `lead.stage`?"),
    ),
    (
        "templates/broken.txt",
        3,
        "template",
        Some("close it with `{% endif %}`"),
    ),
    (
        "templates/endless.txt",
        1,
        "empty",
        Some("say in a few words what the message is about"),
    ),
    ("templates/endless.txt", 3, "template-fails", None),
    (
        "templates/late.txt",
        1,
        "missing-key",
        Some("the first line of a message is `Subject: ...`"),
    ),
    (
        "templates/never.txt",
        3,
        "unknown-name",
        Some("did you mean `upper`?"),
    ),
    (
        "templates/never.txt",
        4,
        "unknown-name",
        Some("did you mean `odd`?"),
    ),
    (
        "templates/never.txt",
        4,
        "unknown-name",
        Some("known: dict, namespace, range"),
    ),
    (
        "templates/sparse.txt",
        3,
        "template-fails",
        Some(
            "what is not known of a lead is an empty text: ask first, as in `{% if city %}..{% endif %}`",
        ),
    ),
    ("scenarios/broken.toml", 1, "missing-key", None),
    (
        "scenarios/broken.toml",
        2,
        "syntax",
        Some("write a value behind `=`"),
    ),
    (
        "scenarios/faulty.toml",
        3,
        "wrong-type",
        Some("in quotes and with its offset, as in `\"2026-03-06T16:30:00-05:00\"`"),
    ),
    (
        "scenarios/faulty.toml",
        7,
        "contradiction",
        Some("one thing happens in a step"),
    ),
    (
        "scenarios/faulty.toml",
        10,
        "unknown-key",
        Some("did you mean `expect`?"),
    ),
    ("scenarios/faulty.toml", 12, "missing-key", None),
    (
        "scenarios/faulty.toml",
        16,
        "scenario",
        Some("register one in a step before it"),
    ),
    ("scenarios/faulty.toml", 16, "missing-key", None),
    (
        "scenarios/faulty.toml",
        17,
        "unknown-word",
        Some("did you mean `kept`?"),
    ),
];

#[test]
fn every_fault_is_told_with_its_place_and_a_hint() {
    let Err(Failure::Faults { faults, .. }) = check::read(&repository().join("tests/faulty"))
    else {
        panic!("the playbook is faulty");
    };
    let found: Vec<_> = faults
        .iter()
        .map(|fault| {
            (
                &*fault.file,
                fault.line,
                fault.kind.code(),
                fault.hint.as_deref(),
            )
        })
        .collect();
    for (found, wanted) in found.iter().zip(FAULTS) {
        assert_eq!(found, wanted);
    }
    assert_eq!(found.len(), FAULTS.len());
    let mut kinds: Vec<&str> = found.iter().map(|(_, _, kind, _)| *kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(kinds.len() >= 22, "{kinds:?}");
}

#[test]
fn each_fault_is_shown_with_its_line_and_a_caret() {
    let told = leadkit(["check", "tests/faulty"]);
    assert_eq!(told.code, 1);
    assert!(
        told.out.contains(
            "\
error: there is no calendar `ofice`
 --> tests/faulty/playbook.toml:9:12
  |
9 | calendar = \"ofice\"                         # a slip of the pen
  |            ^^^^^^^
  |
  = help: did you mean `office`?
"
        ),
        "{}",
        told.out
    );
    assert_eq!(told.out.matches("\nerror: ").count() + 1, FAULTS.len());
    assert!(told.out.contains(&format!(
        "\ntests/faulty: {} faults; the scenarios were checked",
        FAULTS.len()
    )));
}

#[test]
fn programs_get_the_same_faults() {
    let told = leadkit(["check", "tests/faulty", "--json"]);
    assert_eq!(told.code, 1);
    let error = &told.json()["error"];
    assert_eq!(error["kind"], "playbook-faults");
    let faults = error["faults"].as_array().unwrap();
    assert_eq!(faults.len(), FAULTS.len());
    for (found, (file, line, code, hint)) in faults.iter().zip(FAULTS) {
        assert_eq!(
            Path::new(found["file"].as_str().unwrap()),
            Path::new("tests/faulty").join(file)
        );
        assert_eq!(found["line"], *line);
        assert_eq!(found["code"], *code);
        let hint = hint.map(|hint| hint.replace("stands at ", "stands at tests/faulty/"));
        assert_eq!(found["hint"].as_str(), hint.as_deref());
    }
}

#[test]
fn a_folder_that_is_no_playbook_is_told_as_one_thing() {
    let folder = tempfile::tempdir().unwrap();
    let told = leadkit(["check", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(told.code, 2);
    let error = told.json()["error"].clone();
    assert_eq!(error["kind"], "no-playbook");
    assert!(error.get("faults").is_none());
}

#[test]
fn an_empty_playbook_is_a_faulty_one_and_one_that_can_not_be_read_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for text in ["", "# nothing but this\n"] {
        told::write(folder.path(), &[("playbook.toml", text)]);
        let told = leadkit(["check", path, "--json"]);
        assert_eq!(told.code, 1, "{text:?}");
        let error = &told.json()["error"];
        assert_eq!(error["kind"], "playbook-faults");
        assert_eq!(error["faults"][0]["code"], "missing-key");
    }
    std::fs::remove_file(folder.path().join("playbook.toml")).unwrap();
    std::fs::create_dir(folder.path().join("playbook.toml")).unwrap();
    assert_eq!(leadkit(["check", path]).code, 2);
}

#[test]
fn a_file_that_is_too_large_and_too_many_fields_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let fields: String = (0..65)
        .map(|i| format!("f{i} = {{ type = \"text\" }}\n"))
        .collect();
    let playbook = std::fs::read_to_string(repository().join("tests/olist/playbook.toml")).unwrap();
    let playbook = playbook.replace("[field]\n", &format!("[field]\n{fields}"));
    told::write(
        folder.path(),
        &[
            ("playbook.toml", &playbook),
            ("templates/big.txt", &"x".repeat(5 << 20)),
        ],
    );
    let told = leadkit(["check", folder.path().to_str().unwrap(), "--json"]);
    let faults = told.json()["error"]["faults"].clone();
    let codes: Vec<&str> = faults
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["too-large", "too-many"]);
}
