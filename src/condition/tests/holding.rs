//! What conditions mean: for records, in time, as explanations and as filters.

use super::super::{Comparison, Filter};
use super::*;

fn everything() -> Record {
    Record::default()
        .with("product", "X3")
        .with("group", "6m+")
        .with("owner", "ana")
        .with("registered_by", "bea")
        .with("outcome", "lost")
        .with("contact.unsubscribed", false)
        .with("five-attempts", true)
        .with("attempts.total", 5)
        .with("attempts.unanswered", -3)
        .with("entered", at("2026-03-01T05:00:00Z"))
        .with("registered", at("2026-01-01T00:00:00Z"))
        .with("birthday", date("1980-02-29"))
        .with("activities(\"information\")", 2)
}

#[test]
fn the_example_of_the_design_holds() {
    let source = r#"product == "X3" and group in ["3-6m", "6m+"]
        and not contact.unsubscribed and attempts.total >= 5 and registered < now - 30d"#;
    assert!(holds(source, &everything()));
    assert!(!holds(source, &everything().with("group", "0-3m")));
    assert!(!holds(
        source,
        &everything().with("contact.unsubscribed", true)
    ));
    assert!(!holds(source, &everything().with("attempts.total", 4)));
    assert!(!holds(source, &everything().with("registered", now())));
}

#[test]
fn every_comparison_means_what_it_says() {
    for (source, expected) in [
        ("attempts.total == 5", true),
        ("attempts.total != 5", false),
        ("attempts.total < 5", false),
        ("attempts.total <= 5", true),
        ("attempts.total > 4.9999", true),
        ("attempts.total >= 5.0001", false),
        ("5 <= attempts.total", true),
        ("4 < attempts.total", true),
        ("5 > attempts.total", false),
        ("6 >= attempts.total", true),
        ("6 != attempts.total", true),
        ("attempts.unanswered == -3", true),
        ("attempts.unanswered in [-4, -3]", true),
        ("attempts.unanswered < attempts.total", true),
        ("attempts.unanswered >= attempts.total", false),
        ("birthday == 1980-02-29", true),
        ("1980-03-01 > birthday", true),
        ("birthday in [1980-02-28, 1980-02-29]", true),
        ("registered == 2026-01-01T00:00:00Z", true),
        ("registered == 2025-12-31T19:00:00-05:00", true),
        ("registered == 2026-01-01T00:00:00.000001+00:00", false),
        ("registered < entered", true),
        ("five-attempts", true),
        ("five-attempts == true", true),
        ("contact.unsubscribed == five-attempts", false),
        ("contact.unsubscribed != five-attempts", true),
        ("five-attempts in [false]", false),
        ("activities(\"information\") >= 2", true),
        ("true", true),
        ("false or true and true", true),
        ("(false and five-attempts) or five-attempts", true),
        ("(false and five-attempts) and five-attempts", false),
        ("(true or five-attempts) and contact.unsubscribed", false),
    ] {
        assert_eq!(holds(source, &everything()), expected, "{source}");
    }
}

#[test]
fn upper_and_lower_case_are_one_also_beyond_ascii() {
    for (text, source, expected) in [
        ("x3", r#"product == "X3""#, true),
        ("X3", r#"product == "x3""#, true),
        ("X33", r#"product == "x3""#, false),
        ("X", r#"product == "x3""#, false),
        ("Ärger", r#"product == "äRGER""#, true),
        ("ärger", r#"product in ["x", "ÄRGER"]"#, true),
        ("\u{212a}ia", r#"product == "kia""#, true), // the Kelvin sign
        ("kia", "product == \"\u{212a}ia\"", true),
        ("straße", r#"product == "strasse""#, false),
        ("say \"a\\b\"", r#"product == "say \"A\\B\"""#, true),
        ("", r#"product == """#, true),
    ] {
        let record = Record::default().with("product", text);
        assert_eq!(holds(source, &record), expected, "{text} {source}");
    }
    let mixed = everything()
        .with("owner", "ÁNA")
        .with("registered_by", "ána");
    assert!(holds("registered_by == owner", &mixed));
}

#[test]
fn folded_text_stays_as_it_is_when_folded_again() {
    for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
        let once = fold(c.encode_utf8(&mut [0; 4]));
        assert_eq!(fold(&once), once, "{c}");
    }
}

#[test]
fn and_binds_tighter_than_or_and_implies_binds_loosest() {
    // a or (b and c), not (a or b) and c
    assert!(holds("true or true and false", &everything()));
    assert!(!holds("(true or true) and false", &everything()));
    // (a or b) implies c
    assert!(!holds("true or false implies false", &everything()));
    assert!(holds("true or (false implies false)", &everything()));
    // a implies (b implies c), not (a implies b) implies c
    assert!(holds("false implies true implies false", &everything()));
    assert!(!holds("(false implies true) implies false", &everything()));
    // implies is: not a, or b
    for (source, expected) in [
        ("false implies false", true),
        ("false implies true", true),
        ("true implies false", false),
        ("true implies true", true),
    ] {
        assert_eq!(holds(source, &everything()), expected, "{source}");
    }
}

#[test]
fn not_binds_around_a_whole_term_and_tighter_than_and() {
    assert!(!holds("not attempts.total == 5", &everything()));
    assert!(!holds("not product in [\"x3\"]", &everything()));
    assert!(holds("not product is missing", &everything()));
    assert!(!holds("not true and false", &everything()));
    assert!(holds("not (true and false)", &everything()));
    assert!(holds("not not true", &everything()));
    assert!(!holds("not not not true", &everything()));
    assert!(holds("not false and not false", &everything()));
}

/// Mautic's "not equal" drops who has no value from a segment.
#[test]
fn who_has_no_product_is_among_those_whose_product_is_another() {
    let nobody = Record::default();
    assert!(holds(r#"product != "X3""#, &nobody));
    assert!(holds(r#"product not in ["X3", "X5"]"#, &nobody));
    assert!(holds("registered_by != owner", &nobody));
    assert!(holds("attempts.total != 3", &nobody));
    assert!(holds("entered != now", &nobody));
}

#[test]
fn a_comparison_with_a_missing_value_is_false() {
    let nobody = Record::default();
    for source in [
        r#"product == "X3""#,
        r#"product in ["X3"]"#,
        "attempts.total < 1",
        "attempts.total >= 0",
        "entered < now",
        "entered >= now - 1d",
        "registered_by == owner",
        "registered <= entered",
        "five-attempts",
        "five-attempts == false",
        "product is present",
    ] {
        assert!(!holds(source, &nobody), "{source}");
    }
    assert!(holds("not five-attempts", &nobody));
    assert!(holds("product is missing", &nobody));
    assert!(!holds("product is missing", &everything()));
    assert!(holds("product is present", &everything()));
    // half of a comparison is missing
    assert!(!holds(
        "owner == registered_by",
        &nobody.with("owner", "ana")
    ));
}

#[test]
fn a_value_of_the_wrong_type_compares_as_if_it_were_missing() {
    let wrong = Record::default()
        .with("attempts.total", "5")
        .with("entered", 5);
    assert!(!holds("attempts.total == 5", &wrong));
    assert!(holds("attempts.total != 5", &wrong));
    assert!(!holds("entered < now", &wrong));
    assert!(!holds("attempts.total == attempts.unanswered", &wrong));
    assert_eq!(condition("entered < now").turns_at(&wrong, now()), None);
}

#[test]
fn a_date_beside_an_instant_is_the_start_of_that_day_in_its_zone() {
    let midnight = Record::default().with("entered", at("2026-03-01T05:00:00Z"));
    assert!(holds("entered == 2026-03-01", &midnight));
    assert!(holds("entered >= 2026-03-01", &midnight));
    assert!(!holds("2026-03-01 > entered", &midnight));
    assert!(holds("entered in [2026-02-28, 2026-03-01]", &midnight));
    assert!(holds("now > 2026-03-06", &midnight));
    assert!(holds("2026-03-07 > now", &midnight));
}

#[test]
fn now_moves_by_fixed_lengths() {
    for (source, expected) in [
        ("now - 1w == 2026-02-27T16:30:00Z", true),
        ("now + 1d12h == 2026-03-08T04:30:00Z", true),
        ("now - 1h30m15s == 2026-03-06T14:59:45Z", true),
    ] {
        assert_eq!(holds(source, &Record::default()), expected, "{source}");
    }
    let entered = Record::default().with("entered", now() - Elapsed::days(30));
    for source in [
        "entered == now - 30d",
        "entered == now -30d",
        "now-30d == entered",
    ] {
        assert!(holds(source, &entered), "{source}");
    }
}

#[test]
fn a_condition_tells_when_it_turns() {
    let entered = at("2026-03-05T09:00:00Z");
    let due = at("2026-03-07T09:00:00Z");
    let record = Record::default().with("entered", entered);
    for (source, turns) in [
        ("entered < now - 2d", Some(due + MICROSECOND)),
        ("now - 2d > entered", Some(due + MICROSECOND)),
        ("entered <= now - 2d", Some(due)),
        ("entered > now - 2d", Some(due)),
        ("entered >= now - 2d", Some(due + MICROSECOND)),
        ("entered == now - 2d", Some(due)),
        ("entered != now - 2d", Some(due)),
        ("not entered < now - 2d", Some(due + MICROSECOND)),
        ("entered < now", None), // it has turned already
        ("entered < now + 2d", None),
        ("product is missing and entered <= now - 2d", Some(due)),
        ("product is present and entered <= now - 2d", None),
        ("product is missing or entered <= now - 2d", None),
        ("now >= 2026-03-07", Some(at("2026-03-07T05:00:00Z"))),
        ("2026-03-07 > now + 1h", Some(at("2026-03-07T04:00:00Z"))),
        // the first of two turns, when both matter; the second, when only that does
        (
            "entered <= now - 2d or now >= 2026-03-07",
            Some(at("2026-03-07T05:00:00Z")),
        ),
        ("entered <= now - 2d and now >= 2026-03-07", Some(due)),
        ("registered <= now - 2d", None),
        ("five-attempts", None),
    ] {
        let condition = condition(source);
        assert_eq!(condition.turns_at(&record, now()), turns, "{source}");
        assert_eq!(
            condition.is_about_time(),
            source.contains("now"),
            "{source}"
        );
    }
}

#[test]
fn a_moment_that_is_equal_to_now_ends_a_microsecond_later() {
    let record = Record::default().with("entered", now());
    let just_after = Some(now() + MICROSECOND);
    assert_eq!(
        condition("entered == now").turns_at(&record, now()),
        just_after
    );
    assert_eq!(
        condition("entered >= now").turns_at(&record, now()),
        just_after
    );
}

#[test]
fn at_the_ends_of_time_nothing_overflows_and_nothing_turns() {
    for (source, instant) in [
        ("entered < now - 36525d", Instant::MAX_UTC),
        ("entered < now + 36525d", Instant::MIN_UTC),
        ("entered >= now + 36525d", Instant::MAX_UTC),
        ("entered == now - 36525d", Instant::MIN_UTC),
    ] {
        let condition = condition(source);
        for now in [Instant::MIN_UTC, now(), Instant::MAX_UTC] {
            let record = Record::default().with("entered", instant);
            let holds = condition.holds(&record, now);
            let filter = condition.filter(now).unwrap();
            let stored = record.stored();
            assert_eq!(
                filter.matches(|name| stored.get(name).map(Value::as_ref)),
                holds
            );
            if let Some(turns) = condition.turns_at(&record, now) {
                assert!(turns > now);
                assert_ne!(condition.holds(&record, turns), holds);
            }
        }
    }
    let never = Record::default().with("entered", Instant::MAX_UTC);
    assert_eq!(
        condition("entered < now - 1s").turns_at(&never, now()),
        None
    );
}

#[test]
fn an_explanation_shows_each_term_with_what_it_saw() {
    let record = Record::default()
        .with("attempts.total", 3)
        .with("owner", "ana")
        .with("contact.unsubscribed", true)
        .with("entered", at("2026-03-05T09:00:00Z"));
    let source = r#"attempts.total >= 5 and not contact.unsubscribed and product != "X3"
        and (registered_by == owner or entered < now - 2d or now > 2026-03-01) and true"#;
    let why = condition(source).why(&record, now());
    let printed: Vec<String> = why.iter().map(ToString::to_string).collect();
    assert_eq!(
        printed,
        [
            "attempts.total >= 5 (is 3)",
            "contact.unsubscribed (is true)",
            "product != \"X3\" (missing)",
            "registered_by == owner (registered_by is missing, owner is ana)",
            "entered < now - 2d (is 2026-03-05T09:00:00Z)",
            "now > 2026-03-01",
            "true",
        ]
    );
    let answers: Vec<(bool, bool)> = why.iter().map(|term| (term.held, term.wanted)).collect();
    assert_eq!(
        answers,
        [
            (false, true), // stands in the way
            (true, false), // stands in the way
            (true, true),
            (false, true),
            (false, true),
            (true, true),
            (true, true),
        ]
    );
    for term in &why {
        assert_eq!(&source[term.at.clone()], term.source);
    }
}

#[test]
fn what_implies_something_is_not_wanted() {
    let law = condition(r#"owner == "ana" implies product is present"#);
    let wanted: Vec<bool> = law
        .why(&Record::default(), now())
        .iter()
        .map(|term| term.wanted)
        .collect();
    assert_eq!(wanted, [false, true]);
}

#[test]
fn a_condition_lists_its_facts_once() {
    let source =
        r#"owner == registered_by or owner == "ana" or activities("call") > 0 or available"#;
    let condition = condition(source);
    let names: Vec<&str> = condition.facts().map(|info| info.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "owner",
            "registered_by",
            "activities(\"call\")",
            "available"
        ]
    );
    assert_eq!(condition.facts().filter(|info| !info.stored).count(), 1);
    assert_eq!(condition.to_string(), source);
    assert_eq!(condition.clone(), condition);
    assert_eq!(
        format!("{:?}", super::condition("true")),
        "Condition(\"true\")"
    );
}

#[test]
fn a_condition_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Condition>();
    shared::<Filter>();
    shared::<Fault>();
}

#[test]
fn a_filter_is_bound_folded_and_by_name() {
    let filter = condition(
        r#"product == "X3" and group not in ["A", "B"] and activities("call") > 1
            and entered < now - 1d and (registered_by != owner or birthday is missing or true)"#,
    )
    .filter(now())
    .unwrap();
    let compare = |name: &str, op, value: Value| Filter::Compare {
        fact: FactName::new(name),
        op,
        value,
    };
    let not = |filter| Filter::Not(Box::new(filter));
    let expected = Filter::All(vec![
        compare("product", Comparison::Equal, "x3".into()),
        not(Filter::In {
            fact: FactName::new("group"),
            values: vec!["a".into(), "b".into()],
        }),
        compare("activities(\"call\")", Comparison::More, 1.into()),
        compare(
            "entered",
            Comparison::Less,
            (now() - Elapsed::days(1)).into(),
        ),
        Filter::Any(vec![
            not(Filter::CompareFacts {
                left: FactName::new("registered_by"),
                op: Comparison::Equal,
                right: FactName::new("owner"),
            }),
            Filter::IsMissing(FactName::new("birthday")),
            Filter::Constant(true),
        ]),
    ]);
    assert_eq!(filter, expected);
}

#[test]
fn a_computed_fact_cannot_be_filtered_on() {
    let refused = condition("five-attempts and not available").filter(now());
    let refused = refused.unwrap_err();
    assert_eq!(refused.name.as_str(), "available");
    assert_eq!(refused.at, 22..31);
    assert_eq!(
        refused.to_string(),
        "`available` is computed when it is asked for; only stored facts can be filtered on"
    );
}

#[test]
fn a_filter_made_by_hand_has_no_order_of_text_and_knows_empty_lists() {
    let text = |_: &str| Some(ValueRef::Text("b"));
    let less = Filter::Compare {
        fact: FactName::new("product"),
        op: Comparison::Less,
        value: "c".into(),
    };
    assert!(!less.matches(text));
    assert!(Filter::All(vec![]).matches(text));
    assert!(!Filter::Any(vec![]).matches(text));
}

#[test]
fn an_accent_is_the_same_with_its_letter_or_behind_it() {
    let (composed, apart) = ("Bogot\u{e1}", "BOGOTA\u{301}");
    for (asked, known) in [(composed, apart), (apart, composed)] {
        let record = Record::default().with("product", known);
        assert!(
            holds(&format!("product == \"{asked}\""), &record),
            "{asked}"
        );
        assert!(holds(
            &format!("product in [\"Quito\", \"{asked}\"]"),
            &record
        ));
        assert!(!holds("product == \"Bogota\"", &record), "{known}");
    }
}
