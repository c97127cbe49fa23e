//! Spain: the four sorts of NIF.
//!
//! Sources: Royal Decree 1065/2007, articles 19 to 22, for who has which; the interior ministry's
//! table of letters, by the remainder of 23, for persons; Order EHA/451/2008, for the first letters of
//! organisations; python-stdnum's `es.dni`, `es.nie`, `es.cif` and `es.nif`, whose cases are held.
//!
//! Where sources disagree: whether the check character of an organisation is a digit or a letter depends
//! on its first letter, and lists of which differ. Either tells the same remainder, so either is taken:
//! what a customer's own document says must not be refused.

use super::{Holder, Known, TaxNumberProblem, digits, expect, luhn_from_left};

/// The check letter of a person, by the remainder of 23.
const OF_PERSONS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
/// The check letter of an organisation, by its check digit.
const OF_ORGANISATIONS: &[u8; 10] = b"JABCDEFGHI";

/// Eight digits and a letter.
pub(super) fn dni(compact: &str) -> Result<Known, TaxNumberProblem> {
    expect(compact, |place, sign| match place {
        9 => sign.is_ascii_uppercase(),
        _ => sign.is_ascii_digit(),
    })?;
    Known::checked(Holder::Person, fits_person(compact, 0))
}

/// X, Y or Z, which stand for 0, 1 and 2; seven digits and a letter.
pub(super) fn nie(compact: &str) -> Result<Known, TaxNumberProblem> {
    begins_with_letter(compact, "XYZ", |last| last.is_ascii_uppercase())?;
    let first = match compact.as_bytes().first() {
        Some(b'Y') => 1,
        Some(b'Z') => 2,
        _ => 0,
    };
    Known::checked(Holder::Person, fits_person(compact, first))
}

/// K of children, L of citizens abroad, M of foreigners; seven digits and a letter.
pub(super) fn klm(compact: &str) -> Result<Known, TaxNumberProblem> {
    begins_with_letter(compact, "KLM", |last| last.is_ascii_uppercase())?;
    Known::checked(Holder::Person, fits_person(compact, 0))
}

/// A letter for the sort of organisation, seven digits, and a check digit or the letter for it.
pub(super) fn cif(compact: &str) -> Result<Known, TaxNumberProblem> {
    begins_with_letter(compact, "ABCDEFGHJNPQRSUVW", |last| {
        last.is_ascii_digit() || ('A'..='J').contains(&last)
    })?;
    let digit = (10 - luhn_from_left(&digits(&compact[1..8])) % 10) % 10;
    let letter = OF_ORGANISATIONS.get(digit as usize).copied();
    let last = compact.chars().next_back();
    let fits = last == char::from_digit(digit, 10) || last == letter.map(char::from);
    // Municipalities and other places, public bodies, and those of the state.
    let holder = match compact.starts_with(['P', 'Q', 'S']) {
        true => Holder::PublicBody,
        false => Holder::Company,
    };
    Known::checked(holder, fits)
}

fn begins_with_letter(
    compact: &str,
    letters: &str,
    last: impl Fn(char) -> bool,
) -> Result<(), TaxNumberProblem> {
    expect(compact, |place, sign| match place {
        1 => letters.contains(sign),
        9 => last(sign),
        _ => sign.is_ascii_digit(),
    })
}

/// Whether the letter is that of the digits before it, with a first digit that a letter stands for.
fn fits_person(compact: &str, first: u32) -> bool {
    let number = digits(compact)
        .iter()
        .fold(first, |so_far, digit| so_far * 10 + digit);
    let letter = OF_PERSONS.get((number % 23) as usize);
    letter == compact.as_bytes().last()
}
