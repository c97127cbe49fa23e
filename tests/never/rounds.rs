//! Rules that start each other without end.

use super::shop::folder;
use super::{faults, place};

#[test]
fn rules_that_wait_for_what_the_other_does_start_each_other_without_end() {
    let cycle = |first: &str, second: &str| {
        let rule = |name: &str, said: &str| format!("[[rule]]\nname = \"{name}\"\n{said}\n");
        let field = "[field.vip]\ntype = \"bool\"\n\n[field.car]\ntype = \"choice\"\nof = [\"X1\", \"X3\"]\n\n";
        let people = "[role.boss]\nmay = [\"*\"]\n\n[pool.bosses]\nmembers = 'role == \"boss\"'\n\n[pool.sellers]\nmembers = 'role == \"seller\"'\n\n";
        let rules = format!(
            "{field}{people}{}{}",
            rule("one", first),
            rule("two", second)
        );
        let folder = folder(&rules, "");
        (faults(&folder), place(&folder, "[[rule]]", "["))
    };
    let hint = "(give one of them a delay, a limit (`at-most`), or another stage)";
    for (first, second) in [
        (
            "when = 'vip'\ndo = [{ set = \"vip\", to = false }]",
            "when = 'not vip'\ndo = [{ set = \"vip\", to = true }]",
        ),
        (
            "when = 'car == \"X1\" and city == \"Quito\"'\ndo = [{ set = \"car\", to = \"X3\" }]",
            "when = 'car == \"X3\"'\nif = 'city in [\"Quito\", \"Loja\"]'\ndo = [{ set = \"car\", to = \"X1\" }]",
        ),
        (
            "when = 'stage == \"new\"'\ndo = [{ move = \"talking\" }]",
            "stage = \"talking\"\nwhen = 'open'\ndo = [{ task = \"call\" }, { move = \"new\" }]",
        ),
        (
            "when = 'owner.role == \"seller\"'\ndo = [{ assign = \"bosses\" }]",
            "when = 'owner.role == \"boss\"'\ndo = [{ assign = \"sellers\" }]",
        ),
    ] {
        let (told, _) = cycle(first, second);
        let wanted =
            format!("the rules one -> two start each other at once and without end {hint}");
        assert_eq!(told.len(), 1, "{first}\n{second}\n{told:#?}");
        assert!(told[0].ends_with(&wanted), "{told:#?}");
    }
    for (first, second) in [
        // A delay, a limit, what may be otherwise, and what both can't be.
        (
            "when = 'vip'\nafter = \"1 day\"\ndo = [{ set = \"vip\", to = false }]",
            "when = 'not vip'\ndo = [{ set = \"vip\", to = true }]",
        ),
        (
            "when = 'owner.role == \"seller\"'\ndo = [{ assign = \"bosses\", at-most = 3 }]",
            "when = 'owner.role == \"boss\"'\ndo = [{ assign = \"sellers\" }]",
        ),
        (
            "when = 'car == \"X1\" and city == \"Quito\"'\ndo = [{ set = \"car\", to = \"X3\" }]",
            "when = 'car == \"X3\" and city == \"Loja\"'\ndo = [{ set = \"car\", to = \"X1\" }]",
        ),
        (
            "when = 'vip'\ndo = [{ set = \"vip\", to = true }]",
            "when = 'not vip'\ndo = [{ set = \"vip\", to = false }]",
        ),
    ] {
        let (told, _) = cycle(first, second);
        assert_eq!(told, [""; 0], "{first}\n{second}");
    }
}

/// The faults of a shop with a pipeline beside, in which there is a stage of the same name, and with
/// these rules.
fn faults_of_rules(rules: &[&str]) -> Vec<String> {
    let mut said = String::from(
        r#"
[pipeline.imports]
start = "fresh"

[pipeline.imports.stage]
fresh   = { to = { talking = [] } }
talking = { to = { fresh = [], done = [] } }
done    = { final = "done" }

[role.boss]
may = ["*"]

[pool.bosses]
members = 'role == "boss"'

[field.day]
type = "date"

[[route]]
if = 'city == "Loja"'
to = "imports.fresh"

[[route]]
to = "sales.new"
"#,
    );
    for (rule, number) in rules.iter().zip(1..) {
        said.push_str(&format!("\n[[rule]]\nname = \"rule-{number}\"\n{rule}\n"));
    }
    faults(&folder(&said, ""))
}

#[test]
fn rules_that_count_from_what_the_other_does_start_each_other_without_end() {
    for rules in [
        &[
            "on = \"entered sales.new\"\ndo = [{ move = \"talking\" }]",
            "on = \"entered sales.talking\"\ndo = [{ move = \"new\" }]",
        ][..],
        &[
            "on = \"entered sales.new\"\nif = 'city == \"Quito\"'\ndo = [{ move = \"talking\" }]",
            "on = \"entered sales.talking\"\nif = 'birthday is missing'\ndo = [{ move = \"new\" }]",
        ],
        &["on = \"assigned\"\ndo = [{ assign = \"bosses\" }]"],
        &[
            "on = \"field day\"\ndo = [{ set = \"birthday\", to = 2020-01-01 }, { set = \"day\", to = 2020-01-02 }]",
            "on = \"field birthday\"\ndo = [{ set = \"day\", to = 2020-01-01 }, { set = \"birthday\", to = 2020-01-02 }]",
        ],
    ] {
        let told = faults_of_rules(rules);
        assert_eq!(told.len(), 1, "{rules:#?}\n{told:#?}");
        assert!(told[0].contains("start each other"), "{told:#?}");
    }
}

#[test]
fn rules_that_only_seem_to_start_each_other_are_no_fault() {
    for rules in [
        // A closed lead is none of those for which the rule is.
        &["on = \"entered\"\nif = 'city == \"junk\"'\ndo = [{ close = \"lost\" }]"][..],
        // Stages of one name in two pipelines.
        &[
            "on = \"entered imports.talking\"\ndo = [{ move = \"fresh\" }]",
            "on = \"entered imports.fresh\"\nafter = \"1 day\"\ndo = [{ move = \"talking\" }]",
            "on = \"entered sales.new\"\ndo = [{ move = \"talking\" }]",
        ],
        // No lead is in both cities.
        &[
            "on = \"entered sales.new\"\nif = 'city == \"junk\"'\ndo = [{ move = \"talking\" }]",
            "on = \"entered sales.talking\"\nif = 'city == \"A\"'\ndo = [{ move = \"new\" }]",
        ],
        // It ends some time.
        &["on = \"assigned\"\nif = 'reassignments < 3'\ndo = [{ assign = \"bosses\" }]"],
        &["on = \"assigned\"\ndo = [{ assign = \"bosses\", at-most = 2 }]"],
        // The second time the date is the same.
        &["on = \"field day\"\ndo = [{ set = \"day\", to = 2020-01-01 }]"],
    ] {
        assert_eq!(faults_of_rules(rules), [""; 0], "{rules:#?}");
    }
}
