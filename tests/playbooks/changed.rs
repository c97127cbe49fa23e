//! Playbooks are data, not code: what an organisation changes, it changes in its folder alone.

use super::{
    FOLLOW_UP, REQUIRED, SALES, TEAMS, folder, in_memory, in_sqlite, play, read, scenarios,
};
use leadkit::playbook::load::Folder;

/// The requirements that only a changed playbook can meet.
pub(crate) const BY_CHANGING: [(&str, &str); 1] = [(TEAMS, "D9")];

/// The ways in which a playbook is changed, each with the scenario that it is changed for.
pub(crate) fn changed(name: &str) -> Vec<Folder> {
    match name {
        SALES => vec![with_skills_and_shifts()],
        FOLLOW_UP => vec![with_other_fields_and_groups()],
        TEAMS => vec![with_a_fourth_team(), without_a_call_centre()],
        _ => Vec::new(),
    }
}

/// Each comes true under the changed playbook, and not under the playbook as it is: else it would show
/// nothing.
#[test]
fn what_is_changed_in_the_folder_alone_comes_true_on_every_store() {
    for (name, _) in REQUIRED {
        for folder in changed(name) {
            let scenarios = scenarios(&folder);
            let playbook = read(&folder);
            assert_eq!(playbook.cold_stages(), Vec::new(), "{name}");
            for store in [in_memory, in_sqlite] {
                let report = play(read(&folder), &scenarios, store);
                let told = (report.passed(), report.failed());
                assert_eq!(told, (1, 0), "{name}\n{report}");
            }
            let as_it_is = read(&super::folder(name));
            let report = play(as_it_is, &scenarios, in_memory);
            assert_eq!(report.failed(), 1, "{name}\n{report}");
        }
    }
}

/// The playbook with these texts in the place of others, and this one scenario.
fn with(name: &str, changes: &[(&str, &str)], scenario: &str) -> Folder {
    let mut folder = folder(name);
    for (text, other) in changes {
        assert_eq!(folder.playbook.matches(text).count(), 1, "{text}");
        folder.playbook = folder.playbook.replace(text, other);
    }
    let is_kept = |path: &str| path.ends_with("agents.toml");
    folder.scenarios.retain(|(path, _)| is_kept(path));
    let scenario = ("scenarios/changed.toml".into(), scenario.into());
    folder.scenarios.push(scenario);
    folder
}

/// M2: who can sell what, and who is at work, are factors as well.
fn with_skills_and_shifts() -> Folder {
    with(
        SALES,
        &[
            (
                "match    = \"city\"",
                "match    = { cities = \"city\", skills = \"product\" }\nonly     = \"at-work\"",
            ),
            (
                "business    = { type = \"text\", label = \"Negocio\" }",
                "product     = { type = \"text\", label = \"Producto\" }",
            ),
            (
                "holidays = \"holidays/ec.csv\"",
                "holidays = \"holidays/ec.csv\"\n\n[calendar.evenings]\nweekly = { mon-fri = [\"14:00-20:00\"] }",
            ),
        ],
        r#"
[[scenario]]
name   = "a digital lead goes to who is at work, works in its city and sells what it asks for"
covers = ["M2"]
start  = "2026-03-10T10:00:00-05:00"

[[scenario.agent]]
id     = "ana"
skills = ["terminal"]

[[scenario.agent]]
id     = "bea"
skills = ["terminal", "subscription"]
hours  = "evenings"

[[scenario.agent]]
id     = "carla"
skills = ["subscription"]

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", source = "web", city = "Quito", product = "Terminal" }
expect   = { owner = "ana", passed-over = { bea = "off-hours", carla = "lacks-skill", gus = "other-city" } }

[[scenario.step]]
at       = "2026-03-10T14:30:00-05:00"
register = { ref = "rosa", name = "Rosa Paz", source = "web", city = "Quito", product = "subscription" }
expect   = { owner = "bea", passed-over = { ana = "lacks-skill", gus = "other-city" } }

[[scenario.step]]                           # the office is closed, and bea works until eight
at       = "2026-03-10T19:00:00-05:00"
register = { ref = "ines", name = "Inés Mora", source = "web", city = "Quito", product = "terminal" }
expect   = { owner = "bea", passed-over = { ana = "off-hours", carla = "lacks-skill", gus = "other-city" } }
"#,
    )
}

/// F1, F2: fields and wait groups are added, changed and dropped in the playbook alone.
fn with_other_fields_and_groups() -> Folder {
    with(
        FOLLOW_UP,
        &[
            (
                r#"gender = { type = "choice", of = ["female", "male", "other"], label = "Género" }"#,
                r#"model_year = { type = "number", label = "Año modelo", required = true }"#,
            ),
            (
                "[wait.more-than-six-months]",
                r#"[wait.in-two-years]
label = "Compra en dos años"
wait  = { least = "365 days", default = "700 days" }
first = [{ send = "we-meet-again", as = "owner" }]

[wait.more-than-six-months]"#,
            ),
        ],
        r#"
[[scenario]]
name   = "a field was added, one was dropped, and there is a third group"
covers = ["F1", "F2"]
start  = "2026-03-02T11:00:00-06:00"

[[scenario.step]]
register = { ref = "juan", name = "Juan", email = "juan@example.com", car = "X3", gender = "male", wait = "in-two-years", by = "luisa" }
expect   = { refused = ["gender", "model_year"] }

[[scenario.step]]
register = { ref = "juan", name = "Juan", email = "juan@example.com", car = "X3", model_year = 2024, wait = "in-two-years", by = "luisa" }
expect   = { next-at = "2028-01-31T11:00:00-06:00", count = { 'model_year == 2024' = 1 } }

[[scenario.step]]
at     = "2028-01-31T11:00:00-06:00"
expect = { mailed = ["we-meet-again"], nothing-due = true }
"#,
    )
}

/// D9: a dealership that finances has a fourth team, and a stage between the store and the sale.
fn with_a_fourth_team() -> Folder {
    let mut folder = with(
        TEAMS,
        &[
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
                "to     = [\"online\", \"reserved\", \"sold\", \"nurturing\", \"lost\"]",
                "to     = [\"online\", \"financing\", \"reserved\", \"nurturing\", \"lost\"]\n\n\
                 [pipeline.sales.stage.financing]\nlabel  = \"FINANCIACIÓN\"\nassign = \"finance\"\nto     = [\"store\", \"sold\", \"nurturing\", \"lost\"]",
            ),
            (
                "store = [\"of-the-store\"], lost",
                "store = [\"of-the-store\"], financing = [], lost",
            ),
            (
                "stage      = [\"qualification\", \"online\", \"store\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
                "stage      = [\"qualification\", \"online\", \"store\", \"financing\", \"reserved\"]\non         = \"touched\"\nafter      = \"6",
            ),
        ],
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

[[scenario.step]]                           # who is one too many waits, and comes when there is room
set-up = { id = "fina", capacity = 1 }

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", source = "showroom" }

[[scenario.step]]
move   = { to = "financing", by = "tina" }
expect = { owner = "fina" }

[[scenario.step]]
register = { ref = "rosa", name = "Rosa Paz", source = "showroom" }

[[scenario.step]]
move   = { to = "financing", by = "tina" }
expect = { stage = "nurturing", owner = "marta" }

[[scenario.step]]
lead  = "luis"
close = { as = "lost", reason = "Sin aval", by = "fina" }

[[scenario.step]]
at     = "2026-03-14T10:30:00+01:00"
lead   = "rosa"
expect = { stage = "financing", owner = "fina" }

[[scenario.step]]                           # and who was financed by somebody who leaves is not forgotten
leave  = { agent = "fina", to = "finance", by = "manu" }
expect = { stage = "nurturing", owner = "marta", notified = ["manager"] }
"#,
    );
    folder.playbook.push_str(
        "\n[[rule]]\nname = \"too-much-for-finance\"\non   = \"entered financing\"\nif   = 'owner.team != \"finance\"'\n\
         do   = [{ assign = \"finance\", then = { move = \"nurturing\" } }]\n\n\
         [[rule]]\nname  = \"room-in-finance\"\nstage = \"nurturing\"\non    = \"entered\"\nafter = \"1 business hour\"\n\
         every = \"1 business hour\"\nif    = 'came_from == \"financing\"'\ndo    = [{ assign = \"finance\" }]\n\n\
         [[rule]]\nname  = \"taken-by-finance\"\nstage = \"nurturing\"\nwhen  = 'owner.team == \"finance\"'\n\
         do    = [{ move = \"financing\" }]\n\n[[rule]]\nname = \"credit\"\non   = \"entered financing\"\ndo   = [{ task = \"credit\" }]\n\n\
         [task.credit]\ntext   = \"Estudiar la financiación de {{ contact.name }}\"\nwithin = \"1 business day\"\ndone   = 'stage != \"financing\"'\n",
    );
    folder
}

/// D9: where there is no call centre, online sales qualify, and go on with whom they qualified.
fn without_a_call_centre() -> Folder {
    with(
        TEAMS,
        &[(
            "members  = 'team == \"call-centre\"'",
            "members  = 'team == \"online-sales\"'",
        )],
        r#"
[[scenario]]
name   = "online sales qualify, and there is nothing to hand over"
covers = ["D9"]
start  = "2026-03-13T17:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", source = "web" }
expect   = { owner = "otto", stage = "qualification", tasks = ["first-response", "qualify"] }

[[scenario.step]]
complete = { task = "qualify", choice = "hot", by = "otto" }
expect   = { owner = "otto", stage = "online", tasks = [], earlier-owners = [] }
"#,
    )
}
