//! What can hold, and what can fail, of records of which something is known.

use super::*;

fn id(name: &str) -> FactId {
    Leads.resolve(name, None).unwrap().id
}

#[test]
fn terms_that_contradict_each_other_can_never_hold() {
    let known = Known::default();
    for never in [
        r#"product == "X3" and product == "X5""#,
        r#"product in ["X3", "X5"] and product not in ["x3", "x5"]"#,
        r#"product == "X3" and product is missing"#,
        "contact.unsubscribed and not contact.unsubscribed",
        "contact.unsubscribed == true and contact.unsubscribed == false",
        "attempts.total >= 5 and attempts.total < 3",
        "attempts.total > 2 and attempts.total < 2.0001",
        "birthday < 2026-03-01 and birthday > 2026-02-28",
        "entered < now - 3d and entered > now - 2d",
        "entered < registered and entered > registered",
        "owner == registered_by and owner != registered_by and owner is present and registered_by is present",
        r#"(product == "X3" or product == "X5") and (product == "X6" or product is missing)"#,
        "false or (true and false)",
    ] {
        let condition = condition(never);
        assert!(!condition.can_hold(&known), "{never}");
        assert!(condition.can_fail(&known), "{never}");
    }
}

#[test]
fn what_covers_every_case_can_never_fail() {
    let known = Known::default();
    for always in [
        "owner is missing or owner is present",
        r#"product == "X3" or product != "X3""#,
        r#"product != "X3" or product != "X5""#,
        "contact.unsubscribed or not contact.unsubscribed",
        "attempts.total >= 3 or attempts.total < 3 or attempts.total is missing",
        r#"product == "X3" implies product is present"#,
        "true or owner is missing",
    ] {
        let condition = condition(always);
        assert!(!condition.can_fail(&known), "{always}");
        assert!(condition.can_hold(&known), "{always}");
    }
}

#[test]
fn what_may_be_missing_or_something_else_can_hold_and_fail() {
    let known = Known::default();
    for either in [
        "attempts.total >= 3 or attempts.total < 3",
        "not (attempts.total >= 3) and not (attempts.total < 3)",
        "entered < now - 2d and entered > now - 3d",
        "owner == registered_by",
        r#"product == "X3" and owner == "ana""#,
        "now < 2026-03-06",
    ] {
        let condition = condition(either);
        assert!(
            condition.can_hold(&known) && condition.can_fail(&known),
            "{either}"
        );
    }
}

#[test]
fn what_is_known_beforehand_decides() {
    let mut known = Known::default();
    known.is_always_there(id("entered"));
    known.is_never_ahead(id("entered"));
    known.is_never_negative(id("attempts.total"));
    known.is_among(id("product"), ["X3", "X5"]);
    known.is_missing(id("outcome"));
    known.is_there(id("owner"));
    for (source, can_hold, can_fail) in [
        ("entered > now", false, true),
        ("entered < now + 2d", true, false),
        ("entered is missing", false, true),
        ("attempts.total < 0", false, true),
        (r#"product == "X6""#, false, true),
        (r#"product in ["X3", "X5"]"#, true, false),
        (r#"outcome == "won""#, false, true),
        ("owner is missing", false, true),
        ("entered < now - 2d", true, true),
    ] {
        let condition = condition(source);
        let found = (condition.can_hold(&known), condition.can_fail(&known));
        assert_eq!(found, (can_hold, can_fail), "{source}");
    }
}

#[test]
fn what_changes_is_known_no_longer_but_for_what_is_always_so() {
    let assumed = condition(r#"product == "X3" and entered > now - 1d and owner == "ana""#);
    let mut known = Known::default();
    known.is_always_there(id("product"));
    known.assume(&assumed, true);
    let x5 = condition(r#"product == "X5""#);
    assert!(!x5.can_hold(&known));
    known.forget(id("product"));
    assert!(x5.can_hold(&known));
    assert!(!condition("product is missing").can_hold(&known));
    assert!(!condition("owner is missing").can_hold(&known));
    known.is(id("product"), &Value::from("X5"));
    assert!(!x5.can_fail(&known));
}

#[test]
fn a_condition_of_many_cases_may_hold_and_fail_rather_than_take_long() {
    let case = r#"(product == "a" or owner == "b" or attempts.total == 7)"#;
    let source = vec![case; 40].join(" and ");
    let long = condition(&source);
    assert!(long.can_hold(&Known::default()) && long.can_fail(&Known::default()));
    let hard: Vec<String> = (0..60)
        .map(|n| format!("(attempts.total != {n} or attempts.unanswered != {n})"))
        .collect();
    let hard = format!(
        "{} and attempts.total < 0 and attempts.total > 1",
        hard.join(" and ")
    );
    assert!(!condition(&hard).can_hold(&Known::default()));
}
