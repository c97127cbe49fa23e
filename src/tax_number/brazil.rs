//! Brazil: the CNPJ of companies and the CPF of persons.
//!
//! Sources: the revenue service's (Receita Federal) rules for the check digits; for letters in a
//! CNPJ its instruction RFB 2.229 and its technical note 49 of 2024, in force from July 2026, by
//! which a character counts as its number in ASCII less 48; python-stdnum's `br.cnpj` and `br.cpf`,
//! whose cases are held.
//!
//! Where sources disagree: python-stdnum takes a CPF of one digit all through (111.111.111-11), whose
//! check digits do fit. The revenue service gives none of them to anybody, and they are what is typed
//! where a form insists; so they are refused.

use super::{Holder, Known, TaxNumberProblem, expect, weighed};

/// The weights of a CNPJ's second check digit; those of the first begin with the second of them.
const CNPJ: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
/// The weights of a CPF's second check digit; those of the first begin with the second of them.
const CPF: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];

/// 12 digits or letters, of which the last four are the branch, and two check digits.
pub(super) fn cnpj(compact: &str) -> Result<Known, TaxNumberProblem> {
    expect(compact, |place, sign| {
        sign.is_ascii_digit() || (place <= 12 && sign.is_ascii_uppercase())
    })?;
    fits(compact, &CNPJ, Holder::Company)
}

/// Nine digits, and two check digits.
pub(super) fn cpf(compact: &str) -> Result<Known, TaxNumberProblem> {
    expect(compact, |_, sign| sign.is_ascii_digit())?;
    fits(compact, &CPF, Holder::Person)
}

fn fits(compact: &str, weights: &[u32], holder: Holder) -> Result<Known, TaxNumberProblem> {
    let values: Vec<u32> = compact.bytes().map(|byte| u32::from(byte) - 48).collect();
    if values.windows(2).all(|two| two[0] == two[1]) {
        return Err(TaxNumberProblem::NeverGiven);
    }
    let first = values.len() - 2;
    let fits = values[first] == check_digit(&values[..first], &weights[1..])
        && values[first + 1] == check_digit(&values[..=first], weights);
    Known::checked(holder, fits)
}

fn check_digit(values: &[u32], weights: &[u32]) -> u32 {
    match weighed(values, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}
