//! Playbooks are data, not code: what an organisation changes, it changes in its folder alone.

use super::{FOLLOW_UP, folder, in_memory, play, read, scenarios};
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
