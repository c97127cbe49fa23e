//! What is wrong with a text is told: all of it, each with its place and what was probably meant.

use super::super::{Expected, FaultKind, Shape};
use super::*;
use crate::calendar::Impossible;

/// The only fault of `source`: the piece of it that is at fault, the message and the hint.
pub(super) fn fault(source: &str) -> (String, FaultKind, Option<String>) {
    let faults = faults(source);
    assert_eq!(faults.len(), 1, "{source}: {faults:#?}");
    let Fault { at, kind, hint } = faults[0].clone();
    (
        source[at].to_owned(),
        kind,
        hint.map(|hint| hint.to_string()),
    )
}

/// Checks faults one by one: source, the piece at fault, its kind, the hint.
fn assert_faults(cases: Vec<(&str, &str, FaultKind, Option<&str>)>) {
    for (source, piece, kind, hint) in cases {
        let expected = (piece.to_owned(), kind, hint.map(str::to_owned));
        assert_eq!(fault(source), expected, "{source}");
    }
}

fn unexpected(found: &str, expected: Expected) -> FaultKind {
    FaultKind::Unexpected {
        found: found.into(),
        expected,
    }
}

#[test]
fn numbers_days_and_operators_of_other_languages_are_told_as_ours() {
    let malformed = |found: &str, shape| FaultKind::Malformed {
        found: found.into(),
        shape,
    };
    let in_two_ways = |found: &str, thousands: &str, fraction: &str| FaultKind::ReadsInTwoWays {
        found: found.into(),
        thousands: thousands.into(),
        fraction: fraction.into(),
    };
    let operator = |found: &str| unexpected(found, Expected::Operator);
    let day = |found: &str| malformed(found, Shape::Date);
    assert_faults(vec![
        (
            "attempts.total > 50,000 and available",
            "50,000",
            in_two_ways("50,000", "50000", "50.0"),
            None,
        ),
        (
            "attempts.total > 1,500,000",
            "1,500,000",
            malformed("1,500,000", Shape::Number),
            Some("1500000"),
        ),
        (
            "attempts.total > 1,5",
            "1,5",
            malformed("1,5", Shape::Number),
            Some("1.5"),
        ),
        (
            "entered < 31/12/2026",
            "31/12/2026",
            day("31/12/2026"),
            Some("2026-12-31"),
        ),
        (
            "entered < 31-12-2026",
            "31-12-2026",
            day("31-12-2026"),
            Some("2026-12-31"),
        ),
        // The fifth of June, or the sixth of May?
        (
            "entered < 05/06/2026",
            "05/06/2026",
            day("05/06/2026"),
            None,
        ),
        (
            "product contains \"X\"",
            "contains",
            operator("contains"),
            Some("=="),
        ),
        ("available y five-attempts", "y", operator("y"), Some("and")),
        (
            "product == \"X3\" o available",
            "o",
            operator("o"),
            Some("or"),
        ),
    ]);
    // In a list a comma stands between two numbers.
    assert!(Condition::parse("attempts.total in [1,200]", &Leads).is_ok());
}

#[test]
fn an_unknown_name_gets_the_nearest_known_one() {
    let unknown = |name: &str| FaultKind::UnknownFact { name: name.into() };
    let call = |argument: &str| FaultKind::UnknownArgument {
        name: "activities".into(),
        argument: argument.into(),
    };
    let needs = || FaultKind::NeedsArgument {
        name: "activities".into(),
    };
    let takes_none = || FaultKind::TakesNoArgument {
        name: "owner".into(),
    };
    assert_faults(vec![
        (
            "prodct == \"X3\"",
            "prodct",
            unknown("prodct"),
            Some("product"),
        ),
        (
            "unsubscribed",
            "unsubscribed",
            unknown("unsubscribed"),
            Some("contact.unsubscribed"),
        ),
        (
            "true and wheelbase > 3",
            "wheelbase",
            unknown("wheelbase"),
            None,
        ),
        ("größe > 3", "größe", unknown("größe"), None),
        (
            "activities(\"cal\") > 0",
            "\"cal\"",
            call("cal"),
            Some("\"call\""),
        ),
        ("activities(\"zzz\") > 0", "\"zzz\"", call("zzz"), None),
        (
            "activities > 0",
            "activities",
            needs(),
            Some("activities(\"information\")"),
        ),
        (
            "owner(\"x\") == \"a\"",
            "owner(\"x\")",
            takes_none(),
            Some("owner"),
        ),
    ]);
}

#[test]
fn types_must_agree() {
    use ValueType::{Bool, Date, Instant, Number, Text};
    let mismatch = |left, right| FaultKind::Mismatch { left, right };
    let no_order = |value_type| FaultKind::NoOrder { value_type };
    assert_faults(vec![
        ("product == 3", "3", mismatch(Text, Number), Some("\"3\"")),
        (
            "3.50 == product",
            "3.50",
            mismatch(Number, Text),
            Some("\"3.5\""),
        ),
        (
            "attempts.total >= \"5\"",
            "\"5\"",
            mismatch(Number, Text),
            Some("5"),
        ),
        (
            "attempts.total >= \"five\"",
            "\"five\"",
            mismatch(Number, Text),
            None,
        ),
        (
            "five-attempts == \"true\"",
            "\"true\"",
            mismatch(Bool, Text),
            Some("true"),
        ),
        (
            "entered < \"2018-04-01\"",
            "\"2018-04-01\"",
            mismatch(Instant, Text),
            Some("2018-04-01"),
        ),
        ("entered < 5", "5", mismatch(Instant, Number), None),
        ("5 < now", "5", mismatch(Number, Instant), None),
        ("now > \"5\"", "\"5\"", mismatch(Instant, Text), None),
        (
            "birthday == 2018-04-01T00:00:00Z",
            "2018-04-01T00:00:00Z",
            mismatch(Date, Instant),
            None,
        ),
        (
            "birthday < now - 3d",
            "birthday < now - 3d",
            mismatch(Date, Instant),
            None,
        ),
        (
            "now - 3d > birthday",
            "now - 3d > birthday",
            mismatch(Instant, Date),
            None,
        ),
        (
            "owner == attempts.total",
            "owner == attempts.total",
            mismatch(Text, Number),
            None,
        ),
        (
            "attempts.total in [1, \"2\"]",
            "\"2\"",
            mismatch(Number, Text),
            Some("2"),
        ),
        ("product < \"X3\"", "<", no_order(Text), None),
        ("\"X3\" >= product", ">=", no_order(Text), None),
        ("owner > registered_by", ">", no_order(Text), None),
        ("five-attempts > false", ">", no_order(Bool), None),
    ]);
}

#[test]
fn a_closed_set_of_choices_is_closed() {
    let never = |text: &str, among: Option<&str>| FaultKind::NotAChoice {
        fact: "outcome".into(),
        text: text.into(),
        among: among.map(Into::into),
    };
    assert_faults(vec![
        (
            "outcome == \"wan\"",
            "\"wan\"",
            never("wan", None),
            Some("\"won\""),
        ),
        (
            "outcome != \"cancelled\"",
            "\"cancelled\"",
            never("cancelled", Some("won, lost, Postponed")),
            None,
        ),
        (
            "outcome in [\"WON\", \"losst\"]",
            "\"losst\"",
            never("losst", None),
            Some("\"lost\""),
        ),
    ]);
    assert!(Condition::parse("outcome == \"POSTPONED\"", &Leads).is_ok());
}

#[test]
fn a_term_is_a_comparison_or_a_true_or_false_fact() {
    let bare = |value_type| FaultKind::NotACondition { value_type };
    assert_faults(vec![
        ("product", "product", bare(ValueType::Text), None),
        (
            "true and attempts.total",
            "attempts.total",
            bare(ValueType::Number),
            None,
        ),
        ("now", "now", bare(ValueType::Instant), None),
        ("not \"x\"", "\"x\"", bare(ValueType::Text), None),
        ("1 == 1", "1 == 1", FaultKind::ComparesNothing, None),
        (
            "now < now + 1h",
            "now < now + 1h",
            FaultKind::ComparesNothing,
            None,
        ),
        ("now in [2018-04-01]", "now", FaultKind::NotAFact, None),
        ("\"x\" is missing", "\"x\"", FaultKind::NotAFact, None),
        ("1 < attempts.total < 5", "<", FaultKind::Chained, None),
        ("entered + 2d < now", "+ 2d", FaultKind::OnlyNowMoves, None),
        ("attempts.total > 5d", "5d", FaultKind::OnlyNowMoves, None),
        (
            "entered > 1850-01-01",
            "1850-01-01",
            FaultKind::NoSuchDay,
            None,
        ),
    ]);
}

#[test]
fn words_of_other_languages_are_understood_and_refused() {
    let symbol = |found: &str| FaultKind::UnknownSymbol {
        found: found.into(),
    };
    assert_faults(vec![
        ("product = \"X3\"", "=", symbol("="), Some("==")),
        ("product <> \"X3\"", "<>", symbol("<>"), Some("!=")),
        ("attempts.total =< 3", "=<", symbol("=<"), Some("<=")),
        ("attempts.total => 3", "=>", symbol("=>"), None),
        (
            "available && five-attempts",
            "&&",
            symbol("&&"),
            Some("and"),
        ),
        ("available || five-attempts", "||", symbol("||"), Some("or")),
        ("!available", "!", symbol("!"), Some("not")),
        (
            "available AND five-attempts",
            "AND",
            symbol("AND"),
            Some("and"),
        ),
        ("Not available", "Not", symbol("Not"), Some("not")),
        ("product == 'X3'", "'X3'", symbol("'X3'"), Some("\"X3\"")),
        ("product == “X3”", "“X3”", symbol("“X3”"), Some("\"X3\"")),
        ("product == 'X3", "'X3", symbol("'X3"), Some("\"X3\"")),
        ("available # and five-attempts", "#", symbol("#"), None),
        ("attempts.total > €5", "€", symbol("€"), None),
    ]);
}

#[test]
fn literals_are_read_exactly_or_not_at_all() {
    let bad = |found: &str, shape| FaultKind::Malformed {
        found: found.into(),
        shape,
    };
    let too_long = || FaultKind::DurationTooLong { limit_days: 36_525 };
    let escape = |found: &str| FaultKind::UnknownEscape {
        found: found.into(),
    };
    let number = |text| bad(text, Shape::Number);
    let day = |text| bad(text, Shape::Date);
    let instant = |text| bad(text, Shape::Instant);
    let duration = |text| bad(text, Shape::Duration);
    assert_faults(vec![
        (
            "attempts.total > 1.23456",
            "1.23456",
            number("1.23456"),
            None,
        ),
        ("attempts.total > 5.", "5.", number("5."), None),
        (
            "attempts.total > 1_000",
            "1_000",
            number("1_000"),
            Some("1000"),
        ),
        (
            "birthday < 2018-02-30",
            "2018-02-30",
            FaultKind::Impossible {
                found: "2018-02-30".into(),
                why: Impossible::Day { last: 28 },
            },
            None,
        ),
        (
            "birthday < 2018-4-1",
            "2018-4-1",
            day("2018-4-1"),
            Some("2018-04-01"),
        ),
        (
            "entered < 2018-04-01T00:00:00",
            "2018-04-01T00:00:00",
            instant("2018-04-01T00:00:00"),
            Some("2018-04-01T00:00:00Z"),
        ),
        (
            "entered < 2018-04-01T00:00:00.0000001Z",
            "2018-04-01T00:00:00.0000001Z",
            instant("2018-04-01T00:00:00.0000001Z"),
            None,
        ),
        (
            "entered < now - 30days",
            "30days",
            duration("30days"),
            Some("30d"),
        ),
        ("entered < now - 12h1d", "12h1d", duration("12h1d"), None),
        ("entered < now - 1d1d", "1d1d", duration("1d1d"), None),
        (
            "entered < now - 3months",
            "3months",
            duration("3months"),
            Some("90d"),
        ),
        ("entered < now - 36526d", "36526d", too_long(), None),
        (
            "entered < now - 99999999999999999999w",
            "99999999999999999999w",
            duration("99999999999999999999w"),
            None,
        ),
        (
            "entered < now - 9999999999999999w",
            "9999999999999999w",
            too_long(),
            None,
        ),
        ("product == \"a\\n\"", "\\n", escape("\\n"), Some("\\\\n")),
        ("product == \"X3", "\"X3", FaultKind::UnclosedText, None),
        ("product == \"X3\\", "\"X3\\", FaultKind::UnclosedText, None),
    ]);
}

#[test]
fn what_stands_in_a_wrong_place_is_told_with_what_was_expected() {
    use Expected::{
        Argument, CommaOrEnd, Duration, In, List, Literal, MissingOrPresent, Operand, Operator,
        Term,
    };
    let ends = |expected| FaultKind::Ends { expected };
    assert_faults(vec![
        ("", "", ends(Term), None),
        ("  ", "", ends(Term), None),
        ("available and", "", ends(Term), None),
        (
            "available and and five-attempts",
            "and",
            unexpected("and", Term),
            None,
        ),
        (") and available", ")", unexpected(")", Term), None),
        ("()", ")", unexpected(")", Term), None),
        ("attempts.total >", "", ends(Operand), None),
        (
            "attempts.total > and available",
            "and",
            unexpected("and", Operand),
            None,
        ),
        ("attempts.total > ,", ",", unexpected(",", Operand), None),
        (
            "available five-attempts",
            "five-attempts",
            unexpected("five-attempts", Operator),
            None,
        ),
        (
            "available) or five-attempts",
            ")",
            unexpected(")", Operator),
            None,
        ),
        (
            "(available == true) == true",
            "==",
            unexpected("==", Operator),
            None,
        ),
        ("group in \"a\"", "\"a\"", unexpected("\"a\"", List), None),
        ("group in [a]", "a", unexpected("a", Literal), Some("\"a\"")),
        ("entered in [now]", "now", unexpected("now", Literal), None),
        ("group in []", "]", unexpected("]", Literal), None),
        ("group in [\"a\",]", "]", unexpected("]", Literal), None),
        (
            "group in [\"a\" \"b\"]",
            "\"b\"",
            unexpected("\"b\"", CommaOrEnd),
            None,
        ),
        (
            "attempts.total > -available",
            "available",
            unexpected("available", Literal),
            None,
        ),
        ("group not [\"a\"]", "[", unexpected("[", In), None),
        (
            "group is not missing",
            "not",
            unexpected("not", MissingOrPresent),
            None,
        ),
        ("group is", "", ends(MissingOrPresent), None),
        ("entered < now -", "", ends(Duration), None),
        (
            "activities(call) > 0",
            "call",
            unexpected("call", Argument),
            Some("\"call\""),
        ),
        ("activities() > 0", ")", unexpected(")", Argument), None),
        (
            "activities(\"call\", \"b\") > 0",
            ",",
            unexpected(",", Argument),
            None,
        ),
        ("(available", "(", FaultKind::Unclosed { open: '(' }, None),
        (
            "group in [\"a\"",
            "[",
            FaultKind::Unclosed { open: '[' },
            None,
        ),
        (
            "activities(\"call\"",
            "(",
            FaultKind::Unclosed { open: '(' },
            None,
        ),
    ]);
}

#[test]
fn a_duration_in_other_words_is_told_as_conditions_write_it() {
    for (said, at, meant) in [
        ("30", "30", "30d"),
        ("3 days", "3", "3d"),
        ("2 horas", "2", "2h"),
        ("\"1 year\"", "\"1 year\"", "365d"),
    ] {
        let unexpected = FaultKind::Unexpected {
            found: at.into(),
            expected: Expected::Duration,
        };
        let source = format!("entered < now - {said}");
        assert_faults(vec![(&source, at, unexpected, Some(meant))]);
    }
}

#[test]
fn a_condition_with_five_faults_reports_five() {
    let source = r#"prodct == "X3" and group == 3 or (attempts.total > "many"
        and outcome in ["won", "loost"]) implies entered < 2018-02-30 and five-attempts"#;
    let pieces: Vec<&str> = faults(source)
        .into_iter()
        .map(|fault| &source[fault.at])
        .collect();
    assert_eq!(
        pieces,
        ["prodct", "3", "\"many\"", "\"loost\"", "2018-02-30"]
    );
}

#[test]
fn a_term_that_cannot_be_read_hides_no_other() {
    let source = "prodct and group is empty and (ownr attempts) or grup in [x and activties > 0";
    let pieces: Vec<&str> = faults(source)
        .into_iter()
        .map(|fault| &source[fault.at])
        .collect();
    assert_eq!(
        pieces,
        [
            "prodct",
            "empty",
            "ownr",
            "attempts",
            "grup",
            "[",
            "x",
            "activties"
        ]
    );
}

#[test]
fn a_word_beside_a_text_misses_its_quotes_and_keeps_its_operator() {
    for (source, word, hint) in [
        ("outcome != lost", "lost", Some("\"lost\"")),
        ("outcome != lots", "lots", Some("\"lost\"")),
        ("won == outcome", "won", Some("\"won\"")),
        ("group == Quito", "Quito", Some("\"Quito\"")),
        ("group != won", "won", Some("\"won\"")),
        (
            "owner == registered_bi",
            "registered_bi",
            Some("registered_by"),
        ),
        ("won", "won", Some("outcome == \"won\"")),
        ("attempts.total > won", "won", None),
    ] {
        let faults = faults(source);
        let told = faults
            .iter()
            .map(|fault| (&source[fault.at.clone()], fault.hint.as_deref()));
        assert_eq!(told.collect::<Vec<_>>(), [(word, hint)], "{source}");
    }
}

#[test]
fn a_fault_reads_as_a_sentence() {
    for (source, sentence) in [
        (
            "prodct == 3",
            "there is no fact `prodct`: did you mean `product`?",
        ),
        (
            "product == 3",
            "text is compared with a number: did you mean `\"3\"`?",
        ),
        (
            "product > \"a\"",
            "text has no order: only `==` and `!=` compare it",
        ),
        (
            "outcome == \"wan\"",
            "`outcome` is never \"wan\": did you mean `\"won\"`?",
        ),
        (
            "product = \"a\"",
            "`=` is not part of the language: did you mean `==`?",
        ),
        (
            "product",
            "text is no condition by itself: compare it, or ask whether it `is present`",
        ),
        (
            "group in 3",
            "expected a list such as [\"a\", \"b\"], found `3`",
        ),
        (
            "group is",
            "expected `missing` or `present`, but the condition ends",
        ),
        (
            "birthday > 2018-02-30",
            "there is no `2018-02-30`: that month has days 01 to 28",
        ),
    ] {
        assert_eq!(faults(source)[0].to_string(), sentence);
    }
}

#[test]
fn whether_a_value_is_there_is_asked_and_who_compares_it_is_told_how() {
    for (source, word, hint) in [
        ("product = present", "= present", "is present"),
        ("product == present", "== present", "is present"),
        ("product != missing", "!= missing", "is present"),
        ("product == missing", "== missing", "is missing"),
        (
            "attempts.total != present and product == \"X3\"",
            "!= present",
            "is missing",
        ),
    ] {
        let faults = faults(source);
        let told = faults
            .iter()
            .map(|fault| (&source[fault.at.clone()], fault.hint.as_deref()));
        assert_eq!(told.collect::<Vec<_>>(), [(word, Some(hint))], "{source}");
    }
    let [fault] = faults("product = present").try_into().expect("one fault");
    assert_eq!(
        fault.to_string(),
        "whether a value is present is asked, and not compared: did you mean `is present`?"
    );
}
