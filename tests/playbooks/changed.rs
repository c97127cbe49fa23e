//! Playbooks are data, not code: what an organisation changes, it changes in its folder alone.

use super::{FOLLOW_UP, TEAMS, folder, in_memory, play, read, scenarios};
use leadkit::playbook::load::Folder;

/// F1, F2: fields and wait groups are added, changed and dropped in the playbook alone.
#[test]
fn fields_and_wait_groups_change_without_touching_code() {
    let mut folder = folder(FOLLOW_UP);
    let replace = |text: &str, with: &str, folder: &mut Folder| {
        assert!(folder.playbook.contains(text), "{text}");
        folder.playbook = folder.playbook.replace(text, with);
    };
    replace(
        r#"gender = { type = "choice", of = ["female", "male", "other"], label = "Género" }"#,
        r#"model_year = { type = "number", label = "Año modelo", required = true }"#,
        &mut folder,
    );
    folder.playbook.push_str(
        r#"
[wait.in-two-years]
label = "Compra en dos años"
wait  = { least = "365 days", default = "700 days" }
first = [{ send = "we-meet-again", as = "owner" }]
"#,
    );
    folder
        .scenarios
        .retain(|(path, _)| path.ends_with("agents.toml"));
    folder.scenarios.push((
        "scenarios/changed.toml".into(),
        r#"
[[scenario]]
name  = "a field was added, one was dropped, and there is a third group"
start = "2026-03-02T11:00:00-06:00"

[[scenario.step]]
register = { ref = "juan", name = "Juan", email = "juan@example.com", car = "X3", gender = "male", wait = "in-two-years", by = "luisa" }
expect   = { refused = ["gender", "model_year"] }

[[scenario.step]]
register = { ref = "juan", name = "Juan", email = "juan@example.com", car = "X3", model_year = 2024, wait = "in-two-years", by = "luisa" }
expect   = { next-at = "2028-01-31T11:00:00-06:00", count = { 'model_year == 2024' = 1 } }

[[scenario.step]]
at     = "2028-01-31T11:00:00-06:00"
expect = { mailed = ["we-meet-again"], nothing-due = true }
"#
        .into(),
    ));
    let report = play(read(&folder), &scenarios(&folder), in_memory);
    assert_eq!((report.passed(), report.failed()), (1, 0), "{report}");
}

/// D9: a dealership that finances has a fourth team, and a stage between the store and the sale; one that
/// has no call centre lets online sales qualify. Neither takes a line of code.
#[test]
fn other_teams_and_stages_are_data() {
    let mut folder = folder(TEAMS);
    folder.playbook = [
        (
            "[role.marketing]",
            "[team.finance]\nlabel = \"Financiación\"\n\n[role.financier]\nlabel = \"Asesor financiero\"\n\
             may   = [\"record\", \"move\", \"complete\"]\nover  = \"own\"\n\n[role.marketing]",
        ),
        (
            "[pool.nurture]",
            "[pool.finance]\nmembers  = 'team == \"finance\"'\nchoose   = \"evenly\"\ncapacity = 50\n\n[pool.nurture]",
        ),
        (
            "to     = [\"online\", \"reserved\", \"sold\", \"lost\"]",
            "to     = [\"online\", \"financing\", \"reserved\", \"lost\"]\n\n\
             [pipeline.sales.stage.financing]\nlabel  = \"FINANCIACIÓN\"\nassign = \"finance\"\nto     = [\"store\", \"sold\", \"lost\"]",
        ),
        (
            "stage      = [\"qualification\", \"online\", \"store\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
            "stage      = [\"qualification\", \"online\", \"store\", \"financing\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
        ),
    ]
    .into_iter()
    .fold(folder.playbook, |playbook, (text, with)| {
        assert_eq!(playbook.matches(text).count(), 1, "{text}");
        playbook.replace(text, with)
    });
    folder.playbook.push_str(
        "\n[[rule]]\nname = \"credit\"\non   = \"entered financing\"\ndo   = [{ task = \"credit\" }]\n\n\
         [task.credit]\ntext   = \"Estudiar la financiación de {{ contact.name }}\"\nwithin = \"1 business day\"\ndone   = 'stage != \"financing\"'\n",
    );
    folder
        .scenarios
        .retain(|(path, _)| path.ends_with("agents.toml"));
    folder.scenarios.push((
        "scenarios/financing.toml".into(),
        r#"
[[scenario]]
name   = "from the store by way of financing to the sale"
covers = ["D9"]
start  = "2026-03-13T17:00:00+01:00"

[[scenario.agent]]
id    = "fina"
name  = "Fina Mir"
email = "fina@concesionariosol.example"
role  = "financier"
team  = "finance"

[[scenario.step]]
register = { ref = "eva", name = "Eva Luna", source = "showroom" }
expect   = { owner = "tina" }

[[scenario.step]]
close  = { as = "sold", reason = "Precio", by = "tina" }
expect = { refused = ["no-way"], refusal-says = "financing" }

[[scenario.step]]
move   = { to = "financing", by = "tina" }
expect = { owner = "fina", tasks = ["credit"], due = { credit = "2026-03-14T14:00:00+01:00" } }

[[scenario.step]]
close  = { as = "sold", by = "fina" }
expect = { refused = ["final-reason"] }

[[scenario.step]]
close  = { as = "sold", reason = "Financiado a 60 meses", by = "fina" }
expect = { outcome = "won", tasks = [] }
"#
        .into(),
    ));
    let playbook = read(&folder);
    assert_eq!(playbook.cold_stages(), Vec::new());
    let report = play(playbook, &scenarios(&folder), in_memory);
    assert_eq!((report.passed(), report.failed()), (1, 0), "{report}");
}
