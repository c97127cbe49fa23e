//! Whatever text comes, reading it comes to an end: within limits, without a deep stack, without panic.

use proptest::prelude::*;

use super::super::FaultKind;
use super::reading::fault;
use super::*;

#[test]
fn every_limit_is_told_and_what_is_within_it_is_read() {
    let repeated = |times: usize| vec!["available"; times].join(" and ");
    let nested = |depth: usize| "(".repeat(depth) + "available" + &")".repeat(depth);
    assert!(Condition::parse(&repeated(Condition::MAX_TERMS), &Leads).is_ok());
    assert!(Condition::parse(&nested(Condition::MAX_DEPTH), &Leads).is_ok());

    let (piece, kind, _) = fault(&nested(Condition::MAX_DEPTH + 1));
    assert_eq!(kind, FaultKind::TooDeep { limit: 32 });
    assert_eq!(piece, "(");
    let (piece, kind, _) = fault(&repeated(Condition::MAX_TERMS + 1));
    assert_eq!(kind, FaultKind::TooManyTerms { limit: 128 });
    assert_eq!(piece, "available");

    let full = format!("product == \"{}\"", "é".repeat(Condition::MAX_BYTES / 2));
    let (_, kind, _) = fault(&full);
    let bytes = full.len();
    assert_eq!(kind, FaultKind::TooLong { bytes, limit: 4096 });
    let longest = format!("product == \"{}\"", "é".repeat(2041));
    assert!(longest.len() <= Condition::MAX_BYTES);
    assert!(Condition::parse(&longest, &Leads).is_ok());
}

#[test]
fn deep_nesting_of_any_kind_needs_no_stack() {
    for open in [
        "(",
        "not ",
        "not (",
        "((",
        "true implies ",
        "activities(",
        "group in [",
        "-",
    ] {
        let deep = open.repeat(Condition::MAX_BYTES / open.len());
        let ended = deep[..deep.len() - open.len() * 3].to_owned() + "available";
        for source in [deep, ended] {
            if let Ok(condition) = Condition::parse(&source, &Leads) {
                let _ = condition.holds(&Record::default(), now());
            }
        }
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "product",
        "attempts.total",
        "entered",
        "activities",
        "available",
        "nothing",
        "now",
        "and",
        "or",
        "not",
        "implies",
        "in",
        "is",
        "missing",
        "present",
        "true",
        "==",
        "!=",
        "<",
        ">=",
        "=",
        "(",
        ")",
        "[",
        "]",
        ",",
        "+",
        "-",
        "\"X3\"",
        "\"",
        "'",
        "5",
        "1.5",
        "30d",
        "1d12h",
        "2018-04-01",
        "2018-04-01T00:00:00Z",
        "2018",
        "é",
        "\\",
        "#",
        " ",
    ]);
    prop::collection::vec(piece, 0..30).prop_flat_map(|pieces| {
        prop::sample::select(vec!["", " "]).prop_map(move |space| pieces.join(space))
    })
}

fn assert_no_surprise(source: &str) -> Result<(), TestCaseError> {
    match Condition::parse(source, &Leads) {
        Ok(condition) => {
            let record = Record::default().with("entered", now());
            let _ = condition.turns_at(&record, now());
            for term in condition.why(&record, now()) {
                prop_assert_eq!(&source[term.at.clone()], &*term.source);
            }
        }
        Err(faults) => {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(source.get(fault.at.clone()).is_some(), "{:?}", fault);
                prop_assert!(!fault.to_string().is_empty());
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(source in "\\PC{0,80}") {
        assert_no_surprise(&source)?;
    }

    #[test]
    fn no_heap_of_words_makes_reading_panic(source in pieces()) {
        assert_no_surprise(&source)?;
    }
}
