//! Tax numbers: what another library holds true (see README.md beside this file), laws, and what they
//! are in playbooks.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod playbook;
#[path = "../shop/mod.rs"]
mod shop;

use std::sync::LazyLock;

use leadkit::tax_number::{Holder, TaxNumber, TaxNumberKind, TaxNumberKinds, TaxNumberProblem};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    of: String,
    input: String,
    expected: String,
    compact: String,
    formatted: String,
}

fn cases() -> Vec<Case> {
    let mut file = csv::Reader::from_reader(&include_bytes!("cases.csv")[..]);
    file.deserialize().map(Result::unwrap).collect()
}

fn kinds(word: &str) -> TaxNumberKinds {
    TaxNumberKinds::named(word).unwrap()
}

/// What is not as expected.
fn fault(case: &Case) -> Option<String> {
    let read = kinds(&case.of).parse(&case.input);
    let verdict = match &read {
        Ok(number) if number.check_fits() => "valid",
        Ok(_) => "doubtful",
        Err(_) => "invalid",
    };
    let number = read.as_ref().ok();
    let compact = number.map_or("", |number| number.as_str());
    let formatted = number.map(TaxNumber::formatted).unwrap_or_default();
    let is_so = verdict == case.expected
        && compact == case.compact
        && (case.formatted.is_empty() || case.formatted == formatted);
    let told = || format!("{} {}: {read:?}, {formatted}", case.of, case.input);
    (!is_so).then(told)
}

#[test]
fn every_case_holds() {
    let cases = cases();
    assert_eq!(cases.len(), 1383);
    let faults: Vec<String> = cases.iter().filter_map(fault).collect();
    assert!(
        faults.is_empty(),
        "{}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// The valid numbers of all cases.
static VALID: LazyLock<Vec<TaxNumber>> = LazyLock::new(|| {
    let cases = cases();
    let valid = cases.iter().filter(|case| case.expected == "valid");
    let numbers = valid.map(|case| kinds(&case.of).parse(&case.input).unwrap());
    numbers.collect()
});

/// Every number that differs in one digit at one of these places.
fn one_digit_off(number: &TaxNumber, places: std::ops::Range<usize>) -> Vec<String> {
    let signs: Vec<char> = number.as_str().chars().collect();
    let mut slips = Vec::new();
    for place in places.filter(|place| signs[*place].is_ascii_digit()) {
        for digit in ('0'..='9').filter(|digit| *digit != signs[place]) {
            let mut slip = signs.clone();
            slip[place] = digit;
            slips.push(slip.iter().collect());
        }
    }
    slips
}

/// Of all slips in the valid numbers of a kind, how many of a thousand are taken for numbers.
fn taken_of_a_thousand(
    kind: TaxNumberKind,
    holder: Holder,
    places: std::ops::Range<usize>,
) -> usize {
    let numbers = VALID.iter();
    let numbers = numbers.filter(|number| number.kind() == kind && number.holder() == holder);
    let slips: Vec<String> = numbers
        .flat_map(|number| one_digit_off(number, places.clone()))
        .collect();
    assert!(slips.len() > 60, "{} slips in {kind:?}", slips.len());
    let taken = slips
        .iter()
        .filter(|slip| TaxNumber::parse(kind, slip).is_ok());
    (taken.count() * 1000).div_ceil(slips.len())
}

#[test]
fn one_changed_digit_is_always_found_where_that_is_promised() {
    use Holder::{Company, Person, PublicBody};
    use TaxNumberKind::{EcCedula, EsCif, EsDni, EsKlm, EsNie};
    for (kind, holder, places) in [
        (EcCedula, Person, 0..10),
        (EsDni, Person, 0..9),
        (EsNie, Person, 0..9),
        (EsKlm, Person, 0..9),
        (EsCif, Company, 0..9),
        (EsCif, PublicBody, 0..9),
    ] {
        assert_eq!(taken_of_a_thousand(kind, holder, places), 0, "{kind:?}");
    }
}

#[test]
fn one_changed_digit_is_nearly_always_found_in_brazil_and_in_ecuador_but_for_companies() {
    use TaxNumberKind::{BrCnpj, BrCpf, EcRuc};
    assert!(taken_of_a_thousand(BrCnpj, Holder::Company, 0..14) <= 10);
    assert!(taken_of_a_thousand(BrCpf, Holder::Person, 0..11) <= 10);
    // A third digit of 6 may be a public body's or a foreigner's, each by its own rule.
    assert!(taken_of_a_thousand(EcRuc, Holder::Person, 3..10) <= 10);
    assert!(taken_of_a_thousand(EcRuc, Holder::PublicBody, 3..9) <= 100);
}

#[test]
fn a_number_tells_whose_it_is() {
    for (word, text, kind, holder) in [
        ("EC", "1710034065001", TaxNumberKind::EcRuc, Holder::Person),
        (
            "EC",
            "1760001550001",
            TaxNumberKind::EcRuc,
            Holder::PublicBody,
        ),
        ("EC", "1792060346001", TaxNumberKind::EcRuc, Holder::Company),
        ("MX", "GODE561231GR8", TaxNumberKind::MxRfc, Holder::Person),
        (
            "MX",
            "CCM 650122 I06",
            TaxNumberKind::MxRfc,
            Holder::Company,
        ),
        ("MX", "XAXX010101000", TaxNumberKind::MxRfc, Holder::Anybody),
        ("BR", "39053344705", TaxNumberKind::BrCpf, Holder::Person),
        (
            "BR",
            "16727230000197",
            TaxNumberKind::BrCnpj,
            Holder::Company,
        ),
        ("ES", "54362315-K", TaxNumberKind::EsDni, Holder::Person),
        ("ES", "x-2482300w", TaxNumberKind::EsNie, Holder::Person),
        ("ES", "L1111111G", TaxNumberKind::EsKlm, Holder::Person),
        ("ES", "ESB64717838", TaxNumberKind::EsCif, Holder::Company),
        ("ES", "S10030740", TaxNumberKind::EsCif, Holder::PublicBody),
    ] {
        let number = kinds(word)
            .parse(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((number.kind(), number.holder()), (kind, holder), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    for (word, text, told) in [
        ("EC", "", "no RUC: it has 0 characters, and not 13"),
        (
            "EC",
            "1792060346",
            "no RUC: it has 10 characters, and not 13",
        ),
        (
            "EC",
            "17920603460O1",
            "no RUC: `O` can't be its character 12",
        ),
        (
            "EC",
            "1772060346001",
            "no RUC: `7` can't be its character 3",
        ),
        (
            "EC",
            "2792060346001",
            "no RUC: it begins with 27, and there is no such province",
        ),
        (
            "EC",
            "1792060346000",
            "no RUC: it ends with the establishment 0, and they count from 1",
        ),
        (
            "MX",
            "GODE5612",
            "no RFC: it has 8 characters, and not 12 or 13",
        ),
        (
            "MX",
            "GODE561331GR8",
            "no RFC: 561331 in it should be a day, as year, month and day",
        ),
        (
            "MX",
            "CACA580710NF7",
            "no RFC: no such number is given to anybody",
        ),
        ("BR", "390533447", "no CPF: it has 9 characters, and not 11"),
        (
            "BR",
            "39053344750",
            "no CPF: its check digit or letter does not fit: one character is wrong, or two are swapped",
        ),
        (
            "BR",
            "1672723000019A",
            "no CNPJ: `A` can't be its character 14",
        ),
        (
            "ES",
            "54362351K",
            "no DNI: its check digit or letter does not fit: one character is wrong, or two are swapped",
        ),
        (
            "ES",
            "B6471783\u{200B}",
            "no CIF: U+200B can't be its character 9",
        ),
    ] {
        let error = kinds(word).parse(text).unwrap_err();
        assert_eq!(error.to_string(), told, "{text}");
    }
}

#[test]
fn a_text_of_any_length_is_counted_and_not_kept() {
    let endless = "1".repeat(10_000_000);
    let error = kinds("ES").parse(&endless).unwrap_err();
    assert!(matches!(
        error.problem,
        TaxNumberProblem::WrongLength {
            found: 10_000_000,
            ..
        }
    ));
}

#[test]
fn every_kind_has_a_word_and_an_example() {
    for (word, kind) in TaxNumberKind::WORDS {
        let example = TaxNumber::parse(*kind, kind.example()).unwrap();
        assert_eq!(
            (example.as_str(), example.check_fits()),
            (kind.example(), true)
        );
        assert_eq!(kinds(word).iter().collect::<Vec<_>>(), [*kind]);
    }
    assert_eq!(TaxNumberKinds::named("BR-cpf"), None);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(word in 0..13_usize, text in "\\PC{0,16}") {
        let word = TaxNumberKinds::words().nth(word).unwrap();
        let _ = kinds(word).parse(&text);
    }

    #[test]
    fn nothing_that_resembles_a_number_is_too_odd(
        word in 0..13_usize,
        text in "[A-Z0-9Ñ&ñé .-]{0,3}[A-Z0-9Ñ]{3}[0-9]{4,8}[A-Z0-9Ñé]{0,4}"
    ) {
        let word = TaxNumberKinds::words().nth(word).unwrap();
        if let Ok(number) = kinds(word).parse(&text) {
            prop_assert_eq!(&kinds(word).parse(&number.formatted()).unwrap(), &number);
        }
    }

    #[test]
    fn however_it_is_written_it_is_the_same_number(
        which in 0..600_usize,
        separators in proptest::collection::vec("[ ./–-]{0,2}", 16)
    ) {
        let number = &VALID[which];
        let lower = number.as_str().to_lowercase();
        let signs = lower.chars().zip(&separators);
        let written: String = signs.map(|(sign, before)| format!("{before}{sign}")).collect();
        for text in [&written, number.as_str(), &number.formatted()] {
            prop_assert_eq!(&TaxNumber::parse(number.kind(), text).unwrap(), number);
        }
    }
}
