//! Mexico: the RFC.
//!
//! Sources: the tax office's (SAT) rules for forming an RFC, *instructivo para la formación de la
//! clave del RFC*, for letters, date, homoclave, check digit and the words that are never formed;
//! its rules for invoices, annex 20, for the two generic numbers; python-stdnum's `mx.rfc`, whose
//! cases are held.
//!
//! Where sources disagree: by the rules the last character is a check digit, but in about one
//! number of seventy that is in use it does not fit (python-stdnum's tests have a hundred such,
//! which the SAT's own page knows), and python-stdnum doesn't ask for it unless told to. A dealer
//! must be able to invoice them, so it is not held against a number;
//! [`check_fits`](super::TaxNumber::check_fits) tells. The ten characters without homoclave, which
//! some take, name several people: an invoice needs all of them, and so do we.

use chrono::NaiveDate;

use super::{Holder, Known, TaxNumberProblem, expect, weighed};

/// How many characters a company's has.
pub(super) const OF_A_COMPANY: usize = 12;
/// How many characters a person's has: one letter more.
pub(super) const OF_A_PERSON: usize = 13;

/// The general public, and customers abroad.
const GENERIC: [&str; 2] = ["XAXX010101000", "XEXX010101000"];

/// The words that a person's four letters never are; the last becomes an X instead.
const NEVER_FORMED: [&str; 41] = [
    "BUEI", "BUEY", "CACA", "CACO", "CAGA", "CAGO", "CAKA", "CAKO", "COGE", "COJA", "COJE", "COJI",
    "COJO", "CULO", "FETO", "GUEY", "JOTO", "KACA", "KACO", "KAGA", "KAGO", "KAKA", "KOGE", "KOJO",
    "KULO", "MAME", "MAMO", "MEAR", "MEAS", "MEON", "MION", "MOCO", "MULA", "PEDA", "PEDO", "PENE",
    "PUTA", "PUTO", "QULO", "RATA", "RUIN",
];

/// The characters by their values.
const VALUES: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";

/// Letters of the name, a day (of birth, or of the foundation), the homoclave, the check digit.
pub(super) fn rfc(compact: &str) -> Result<Known, TaxNumberProblem> {
    let signs: Vec<char> = compact.chars().collect();
    let letters = signs.len() - 9;
    expect(compact, |place, sign| match place {
        place if place <= letters => sign.is_ascii_uppercase() || matches!(sign, 'Ñ' | '&'),
        place if place <= letters + 6 => sign.is_ascii_digit(),
        place if place < signs.len() => sign.is_ascii_uppercase() || sign.is_ascii_digit(),
        _ => sign.is_ascii_digit() || sign == 'A',
    })?;
    if GENERIC.contains(&compact) {
        return Known::checked(Holder::Anybody, true);
    }
    let word: String = signs[..letters].iter().collect();
    if NEVER_FORMED.contains(&word.as_str()) {
        return Err(TaxNumberProblem::NeverGiven);
    }
    let day: String = signs[letters..letters + 6].iter().collect();
    if !is_day(&day) {
        let digits = day.into();
        return Err(TaxNumberProblem::NoSuchDay { digits });
    }
    let holder = match signs.len() {
        OF_A_PERSON => Holder::Person,
        _ => Holder::Company,
    };
    let check_fits = signs.last() == Some(&check_digit(&signs[..signs.len() - 1]));
    Ok(Known { holder, check_fits })
}

/// Whether six digits are a day of this century or the last. Those two differ in one: 2000 had a 29th
/// of February.
fn is_day(digits: &str) -> bool {
    let part = |from: usize| digits[from..from + 2].parse::<u32>().unwrap_or_default();
    let year = i32::try_from(part(0)).unwrap_or_default();
    NaiveDate::from_ymd_opt(2000 + year, part(2), part(4)).is_some()
}

/// The check digit of the characters before it. A company's count as if a blank stood before them.
fn check_digit(signs: &[char]) -> char {
    let value = |sign: &char| VALUES.chars().position(|known| known == *sign);
    let values = signs.iter().filter_map(value);
    let values: Vec<u32> = values
        .filter_map(|value| u32::try_from(value).ok())
        .collect();
    let (blank, weights) = match values.len() {
        11 => (37 * 13, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 0]),
        _ => (0, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
    };
    match (blank + weighed(&values, &weights)) % 11 {
        0 => '0',
        1 => 'A',
        rest => char::from_digit(11 - rest, 10).unwrap_or('0'),
    }
}
