//! Ecuador: the RUC, and the cédula on which a person's RUC is built.
//!
//! Sources: the tax office's (SRI) *Estructura del RUC*, for the places, the weights and the third
//! digit, which says whose number it is; python-stdnum's `ec.ci` and `ec.ruc`, whose cases are held.
//!
//! Where sources disagree:
//!
//! - A third digit of 9 is a company's, whose tenth digit was a check digit. Where a province has
//!   used up its numbers of six digits, the tenth digit counts on, and the SRI no longer asks for
//!   module 11: so python-stdnum's issues 290 and 497 report, with companies from its register. A
//!   dealer must be able to sell to a new company, so the digit is not held against it;
//!   [`check_fits`](super::TaxNumber::check_fits) tells.
//! - A third digit of 6 is a public body's, with the check digit in the ninth place, or a foreigner's
//!   with a cédula (python-stdnum issue 267). One of the two rules must hold.
//! - 9999999999999 stands for a final consumer on invoices, and is no RUC.

use super::{Holder, Known, TaxNumberProblem, digits, expect, luhn_from_left, weighed};

/// The weights of a public body's digits, the check digit with them.
const PUBLIC: [u32; 9] = [3, 2, 7, 6, 5, 4, 3, 2, 1];
/// The weights of a company's digits, the check digit with them.
const COMPANY: [u32; 10] = [4, 3, 2, 7, 6, 5, 4, 3, 2, 1];

/// 13 digits: a person's cédula, or a number of the tax office's; then the establishment.
pub(super) fn ruc(compact: &str) -> Result<Known, TaxNumberProblem> {
    begins_well(compact, |third| !matches!(third, '7' | '8'))?;
    let digits = digits(compact);
    let fits_public = weighed(&digits, &PUBLIC) % 11 == 0;
    let (holder, check_fits, establishment) = match digits[2] {
        9 => (Holder::Company, weighed(&digits, &COMPANY) % 11 == 0, 10),
        6 if fits_public => (Holder::PublicBody, true, 9),
        _ => (Holder::Person, fits_cedula(&digits), 10),
    };
    if digits.iter().skip(establishment).all(|digit| *digit == 0) {
        return Err(TaxNumberProblem::NoEstablishment);
    }
    match holder {
        Holder::Company => Ok(Known { holder, check_fits }),
        _ => Known::checked(holder, check_fits),
    }
}

/// 10 digits, of which the first two are the province and the last is the check digit.
pub(super) fn cedula(compact: &str) -> Result<Known, TaxNumberProblem> {
    begins_well(compact, |third| third <= '6')?;
    Known::checked(Holder::Person, fits_cedula(&digits(compact)))
}

fn fits_cedula(digits: &[u32]) -> bool {
    luhn_from_left(&digits[..10]) % 10 == 0
}

/// Digits alone, behind a province, or behind 30 of those who were registered abroad.
fn begins_well(compact: &str, third: impl Fn(char) -> bool) -> Result<(), TaxNumberProblem> {
    expect(compact, |place, sign| {
        sign.is_ascii_digit() && (place != 3 || third(sign))
    })?;
    match compact[..2].parse() {
        Ok(1..=24 | 30) => Ok(()),
        Ok(code) => Err(TaxNumberProblem::NoProvince { code }),
        Err(_) => Ok(()),
    }
}
