//! What is asked about contacts, and what they are known by: few addresses and numbers, so that many
//! share one.

use leadkit::decide::command::{Correction, What};
use leadkit::ids::{ContactId, Tenant};
use leadkit::record::Contact;
use leadkit::tax_number::TaxNumberKinds;
use smol_str::{SmolStr, format_smolstr};

use super::View;
use crate::dice::Dice;

const ADDRESSES: [&str; 7] = [
    "luis@example.com",
    " Luis@Example.COM ",
    "eva@example.com",
    "eva@EXAMPLE.com",
    "rosa@example.net",
    "teo@bücher.example",
    "teo@xn--bcher-kva.example",
];
/// Some are one number, where the playbook says in which country.
const PHONES: [&str; 8] = [
    "+593 99 123 4567",
    "099 123 4567",
    "+593-99-765-4321",
    "+34 612 345 678",
    "612 345 678",
    "+52 55 1234 5678",
    "0000000",
    "+1 202 555 0147",
];
const TAX_NUMBERS: [&str; 8] = [
    "1710034065001",
    "0926687856001",
    "0912345675001",
    "1710034065002",
    "12345678Z",
    "00000001R",
    "11111111H",
    "87654321X",
];

/// An address at which nobody is known to another organisation.
pub(super) fn address(tenant: &Tenant, dice: &mut Dice) -> SmolStr {
    match dice.one_in(3) {
        true => format_smolstr!("p{}@{tenant}.example.org", dice.below(12)),
        false => {
            let address = dice.pick(&ADDRESSES);
            address.replace('@', &format!("@{tenant}.")).into()
        }
    }
}

pub(super) fn phone(dice: &mut Dice) -> SmolStr {
    match dice.one_in(3) {
        true => format_smolstr!("+593 99 555 {:04}", dice.below(40)),
        false => dice.pick(&PHONES).into(),
    }
}

/// A tax number of these kinds.
pub(super) fn tax_number(kinds: &TaxNumberKinds, dice: &mut Dice) -> SmolStr {
    let fitting = TAX_NUMBERS.iter().filter(|said| kinds.parse(said).is_ok());
    let fitting: Vec<&str> = fitting.copied().collect();
    match dice.any(&fitting) {
        Some(number) => (*number).into(),
        None => kinds.example().into(),
    }
}

pub(super) fn correction(dice: &mut Dice) -> Correction {
    let correction = Correction::default();
    match dice.below(4) {
        0 => correction.name(format_smolstr!("Luisa Vera {}", dice.below(100))),
        1 => correction.phone(""),
        _ => correction.phone(phone(dice)),
    }
}

impl View<'_> {
    /// Merges, what is taken back of them, and who is called distinct.
    pub(super) fn about_contacts(&self, dice: &mut Dice) -> What {
        let one = dice.pick(self.contacts);
        let other = self.perhaps_the_same(one, dice);
        match dice.below(12) {
            0..=6 => What::MergeContacts {
                into: one.id,
                from: other,
            },
            7..=10 => What::UnmergeContact {
                contact: self.merged(dice).unwrap_or(one.id),
            },
            _ => What::DistinguishContacts { one: one.id, other },
        }
    }

    /// A possible duplicate rather than somebody else.
    fn perhaps_the_same(&self, one: &Contact, dice: &mut Dice) -> ContactId {
        match dice.any(&one.duplicates) {
            Some(other) if !dice.one_in(4) => *other,
            _ => dice.pick(self.contacts).id,
        }
    }

    /// Somebody who was merged; often the last one who was merged into another, since only that can be
    /// taken back.
    fn merged(&self, dice: &mut Dice) -> Option<ContactId> {
        let survivors = self.contacts.iter().filter(|one| !one.taken.is_empty());
        let last = survivors.filter_map(|one| Some(one.taken.last()?.from));
        let last: Vec<ContactId> = last.collect();
        let merged = self.contacts.iter().filter(|one| one.merged_into.is_some());
        let merged: Vec<ContactId> = merged.map(|one| one.id).collect();
        let from = if dice.one_in(3) { &merged } else { &last };
        dice.any(from).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_several_tax_numbers_of_each_country_that_is_used() {
        for country in ["EC", "ES"] {
            let kinds = TaxNumberKinds::named(country).unwrap();
            let fitting = TAX_NUMBERS.iter().filter(|said| kinds.parse(said).is_ok());
            assert_eq!(fitting.count(), 4, "{country}");
        }
    }
}
