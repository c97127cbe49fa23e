//! Tax numbers: when a text is one, who holds it, and how it is written (requirements M12, A10).
//!
//! A [`TaxNumber`] is kept and compared in its *compact* form, capitals and digits without any
//! separators, and shown to people in its *formatted* form. Reading one asks for no register: it
//! finds slips of the pen, not numbers that were never given out.
//!
//! ```
//! use leadkit::tax_number::{Holder, TaxNumber, TaxNumberKind, TaxNumberKinds};
//! let ruc = TaxNumber::parse(TaxNumberKind::EcRuc, " 1792060346-001 ")?;
//! assert_eq!(ruc.as_str(), "1792060346001");
//! assert_eq!(ruc.holder(), Holder::Company);
//!
//! let of_brazil = TaxNumberKinds::named("BR").ok_or("no such country")?;
//! assert_eq!(of_brazil.parse("16727230000197")?.formatted(), "16.727.230/0001-97");
//!
//! let slip = TaxNumber::parse(TaxNumberKind::EsDni, "54362351K").unwrap_err();
//! assert!(slip.to_string().starts_with("no DNI: its check digit or letter does not fit"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What one changed digit does
//!
//! It is always found in Spain's numbers and in an Ecuadorian cédula. It is nearly always found in
//! Brazil's, whose check digits have one value for two remainders. Of two letters in a CNPJ that stand
//! eleven apart, either may stand for the other. In the RUC of an Ecuadorian person or public body it
//! is nearly always found, but for the establishment, and for a third digit that makes it a
//! company's. In a company's RUC and in a Mexican RFC the check digit binds nobody: only provinces
//! and days are held. [`TaxNumber::check_fits`] tells whether it would fit.

mod brazil;
mod ecuador;
mod mexico;
mod spain;

use std::fmt;

use smol_str::{SmolStr, format_smolstr};
use unicode_normalization::UnicodeNormalization;

use crate::hint::nearest;

/// A tax number that keeps the rules of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaxNumber {
    kind: TaxNumberKind,
    compact: SmolStr,
    holder: Holder,
    check_fits: bool,
}

impl TaxNumber {
    /// Reads a number of this kind. Blanks, dots, hyphens and strokes make no difference, nor do
    /// upper and lower case.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(kind: TaxNumberKind, text: &str) -> Result<Self, TaxNumberError> {
        let of_kind = |problem| TaxNumberError { kind, problem };
        let signs = kind.signs(text);
        let found = signs.clone().count();
        if !kind.lengths().contains(&found) {
            let expected = kind.lengths();
            return Err(of_kind(TaxNumberProblem::WrongLength { found, expected }));
        }
        let compact: SmolStr = signs.collect();
        let known = match kind {
            TaxNumberKind::EcRuc => ecuador::ruc(&compact),
            TaxNumberKind::EcCedula => ecuador::cedula(&compact),
            TaxNumberKind::MxRfc => mexico::rfc(&compact),
            TaxNumberKind::BrCnpj => brazil::cnpj(&compact),
            TaxNumberKind::BrCpf => brazil::cpf(&compact),
            TaxNumberKind::EsDni => spain::dni(&compact),
            TaxNumberKind::EsNie => spain::nie(&compact),
            TaxNumberKind::EsCif => spain::cif(&compact),
            TaxNumberKind::EsKlm => spain::klm(&compact),
        };
        let Known { holder, check_fits } = known.map_err(of_kind)?;
        Ok(Self {
            kind,
            compact,
            holder,
            check_fits,
        })
    }

    /// The compact form: capitals and digits alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.compact
    }

    /// The form in which the country's own documents show it.
    #[must_use]
    pub fn formatted(&self) -> SmolStr {
        let grouped: &[(usize, &str)] = match self.kind {
            TaxNumberKind::EcCedula => &[(9, "-")],
            TaxNumberKind::MxRfc if self.compact.chars().count() == mexico::OF_A_PERSON => {
                &[(4, " "), (10, " ")]
            }
            TaxNumberKind::MxRfc => &[(3, " "), (9, " ")],
            TaxNumberKind::BrCnpj => &[(2, "."), (5, "."), (8, "/"), (12, "-")],
            TaxNumberKind::BrCpf => &[(3, "."), (6, "."), (9, "-")],
            TaxNumberKind::EcRuc
            | TaxNumberKind::EsDni
            | TaxNumberKind::EsNie
            | TaxNumberKind::EsCif
            | TaxNumberKind::EsKlm => &[],
        };
        let mut formatted = String::new();
        for (place, sign) in self.compact.chars().enumerate() {
            let before = grouped.iter().find(|(at, _)| *at == place);
            formatted.push_str(before.map_or("", |(_, separator)| separator));
            formatted.push(sign);
        }
        formatted.into()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> TaxNumberKind {
        self.kind
    }

    /// Who holds it, as far as the number says.
    #[must_use]
    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// Whether its check digit is what the rules make it. It may not be only where numbers are
    /// given out whose digit isn't: to Ecuadorian companies and in Mexico. Then a form does well to
    /// ask that somebody looks twice.
    #[must_use]
    pub fn check_fits(&self) -> bool {
        self.check_fits
    }
}

impl fmt::Display for TaxNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.formatted())
    }
}

/// Who holds a tax number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A natural person.
    Person,
    /// A company or another organisation that is no natural person; in Brazil also a public body,
    /// and in Ecuador a foreigner without a cédula: their numbers don't say.
    Company,
    /// A state, a municipality, or a body of theirs.
    PublicBody,
    /// Nobody by name: the general public, or customers abroad.
    Anybody,
}

/// A kind of tax number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaxNumberKind {
    /// Ecuador's *registro único de contribuyentes*, of persons, companies and public bodies.
    EcRuc,
    /// Ecuador's *cédula*: the identity number on which a person's RUC is built.
    EcCedula,
    /// Mexico's *registro federal de contribuyentes*, of persons and companies.
    MxRfc,
    /// Brazil's *cadastro nacional da pessoa jurídica*, also the alphanumeric one of 2026.
    BrCnpj,
    /// Brazil's *cadastro de pessoas físicas*.
    BrCpf,
    /// Spain's *número de identificación fiscal* (NIF) of a citizen: the identity card's.
    EsDni,
    /// Spain's NIF of a foreigner.
    EsNie,
    /// Spain's NIF of an organisation, formerly *código de identificación fiscal*.
    EsCif,
    /// Spain's NIF of a person without an identity card: a child, a citizen abroad, a foreigner.
    EsKlm,
}

words!(TaxNumberKind {
    EcRuc = "EC-RUC",
    EcCedula = "EC-CEDULA",
    MxRfc = "MX-RFC",
    BrCnpj = "BR-CNPJ",
    BrCpf = "BR-CPF",
    EsDni = "ES-DNI",
    EsNie = "ES-NIE",
    EsCif = "ES-CIF",
    EsKlm = "ES-KLM",
});

impl TaxNumberKind {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EcRuc => "RUC",
            Self::EcCedula => "cédula",
            Self::MxRfc => "RFC",
            Self::BrCnpj => "CNPJ",
            Self::BrCpf => "CPF",
            Self::EsDni => "DNI",
            Self::EsNie => "NIE",
            Self::EsCif => "CIF",
            Self::EsKlm => "NIF with K, L or M",
        }
    }

    /// A number that keeps its rules, in the compact form: to try templates on, and to show how
    /// one is written.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::EcRuc => "1792060346001",
            Self::EcCedula => "1714307103",
            Self::MxRfc => "GODE561231GR8",
            Self::BrCnpj => "16727230000197",
            Self::BrCpf => "39053344705",
            Self::EsDni => "54362315K",
            Self::EsNie => "X2482300W",
            Self::EsCif => "J99216582",
            Self::EsKlm => "L1111111G",
        }
    }

    fn lengths(self) -> &'static [usize] {
        match self {
            Self::EcRuc => &[13],
            Self::EcCedula => &[10],
            Self::MxRfc => &[mexico::OF_A_COMPANY, mexico::OF_A_PERSON],
            Self::BrCnpj => &[14],
            Self::BrCpf => &[11],
            Self::EsDni | Self::EsNie | Self::EsCif | Self::EsKlm => &[9],
        }
    }

    /// The signs of a text that count, as capitals. In Spain a number for trade within the Union
    /// has its country before it.
    fn signs(self, text: &str) -> impl Iterator<Item = char> + Clone {
        let signs = text.nfc().filter(|sign| !separates(*sign)).map(capital);
        let is_spanish = matches!(self, Self::EsDni | Self::EsNie | Self::EsCif | Self::EsKlm);
        let mut letters = signs.clone();
        let has_country = (letters.next(), letters.next()) == (Some('E'), Some('S'));
        signs.skip(if is_spanish && has_country { 2 } else { 0 })
    }
}

/// The kinds of which a number may be one: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxNumberKinds {
    first: TaxNumberKind,
    others: Vec<TaxNumberKind>,
}

impl TaxNumberKinds {
    /// The countries, and all their tax numbers. Ecuador's cédula is none, though the tax office
    /// knows people by it: it is asked for by its own word.
    const COUNTRIES: [(&'static str, TaxNumberKind, &'static [TaxNumberKind]); 4] = [
        ("BR", TaxNumberKind::BrCnpj, &[TaxNumberKind::BrCpf]),
        ("EC", TaxNumberKind::EcRuc, &[]),
        (
            "ES",
            TaxNumberKind::EsDni,
            &[
                TaxNumberKind::EsNie,
                TaxNumberKind::EsCif,
                TaxNumberKind::EsKlm,
            ],
        ),
        ("MX", TaxNumberKind::MxRfc, &[]),
    ];

    /// The kinds that a word of the playbook stands for: a country's code, for all its tax numbers,
    /// or the word of one kind.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let mut countries = Self::COUNTRIES.iter();
        if let Some((_, first, others)) = countries.find(|(code, ..)| *code == word) {
            let (first, others) = (*first, others.to_vec());
            return Some(Self { first, others });
        }
        let mut kinds = TaxNumberKind::WORDS.iter();
        let (_, kind) = kinds.find(|(known, _)| *known == word)?;
        Some((*kind).into())
    }

    /// Every word that stands for some.
    pub fn words() -> impl Iterator<Item = &'static str> + Clone {
        let countries = Self::COUNTRIES.iter().map(|(code, ..)| *code);
        countries.chain(TaxNumberKind::WORDS.iter().map(|(word, _)| *word))
    }

    /// The word that was probably meant by one of a country that is known: `ES-NIF` is `ES`, and
    /// `EC-NIT` is the one kind that `EC` has.
    pub(crate) fn meant_by(word: &str) -> Option<&'static str> {
        let (country, _) = word.split_once('-')?;
        let mut countries = Self::COUNTRIES.iter();
        let (code, first, others) =
            countries.find(|(code, ..)| code.eq_ignore_ascii_case(country))?;
        let begins_so = |known: &&str| known.starts_with(&format!("{code}-"));
        let kinds = TaxNumberKind::WORDS.iter().map(|(known, _)| *known);
        let near = nearest(word, kinds.filter(begins_so)).filter(|_| !word.ends_with("NIF"));
        Some(match others.is_empty() {
            true => near.unwrap_or(first.as_str()),
            false => near.unwrap_or(code),
        })
    }

    /// These kinds, and another.
    #[must_use]
    pub fn or(mut self, kind: TaxNumberKind) -> Self {
        if !self.contains(kind) {
            self.others.push(kind);
        }
        self
    }

    /// Whether this kind is among them.
    #[must_use]
    pub fn contains(&self, kind: TaxNumberKind) -> bool {
        self.iter().any(|known| known == kind)
    }

    /// The kinds, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = TaxNumberKind> + '_ {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// A number of the first of these kinds, as [`TaxNumberKind::example`].
    #[must_use]
    pub fn example(&self) -> &'static str {
        self.first.example()
    }

    /// Reads a number of the first of these kinds that it can be.
    ///
    /// # Errors
    /// What is wrong with it as one of the kind to which it comes nearest.
    pub fn parse(&self, text: &str) -> Result<TaxNumber, TaxNumberError> {
        let mut nearest = match TaxNumber::parse(self.first, text) {
            Ok(number) => return Ok(number),
            Err(error) => error,
        };
        for kind in &self.others {
            match TaxNumber::parse(*kind, text) {
                Ok(number) => return Ok(number),
                Err(error) if error.nearness() > nearest.nearness() => nearest = error,
                Err(_) => {}
            }
        }
        Err(nearest)
    }
}

impl From<TaxNumberKind> for TaxNumberKinds {
    fn from(first: TaxNumberKind) -> Self {
        let others = Vec::new();
        Self { first, others }
    }
}

/// Whether a sign only makes a number easier to read: blanks, dots, strokes, and all the hyphens
/// and dashes that are typed for one.
fn separates(sign: char) -> bool {
    sign.is_whitespace()
        || matches!(
            sign,
            '-' | '.' | '/' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        )
}

/// The capital, of the letters that tax numbers have.
fn capital(sign: char) -> char {
    match sign {
        'ñ' => 'Ñ',
        other => other.to_ascii_uppercase(),
    }
}

/// A text that is no tax number of a kind. It doesn't repeat the text, which may be a person's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {}: {problem}", .kind.name())]
pub struct TaxNumberError {
    /// The kind.
    pub kind: TaxNumberKind,
    /// What is wrong.
    pub problem: TaxNumberProblem,
}

impl TaxNumberError {
    /// How near the text came to a number: the further it could be read, the nearer.
    fn nearness(&self) -> isize {
        match self.problem {
            TaxNumberProblem::WrongLength { found, expected } => {
                let off = expected.iter().map(|length| length.abs_diff(found)).min();
                -isize::try_from(off.unwrap_or_default()).unwrap_or(isize::MAX)
            }
            TaxNumberProblem::BadCharacter { place, .. } => {
                isize::try_from(place).unwrap_or(isize::MAX)
            }
            _ => isize::MAX,
        }
    }
}

/// What is wrong with a text that should be a tax number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaxNumberProblem {
    /// It has too few characters, or too many.
    #[error("it has {found} characters, and not {}", either(.expected))]
    WrongLength {
        /// How many there are, without what separates them.
        found: usize,
        /// How many there can be.
        expected: &'static [usize],
    },
    /// A character that can't stand where it stands.
    #[error("{} can't be its character {place}", said(*.character))]
    BadCharacter {
        /// The first such character, as a capital.
        character: char,
        /// Its place, from 1, without what separates them.
        place: usize,
    },
    /// Ecuador has no province of this number.
    #[error("it begins with {code:02}, and there is no such province")]
    NoProvince {
        /// The number.
        code: u8,
    },
    /// Ecuadorian establishments count from one.
    #[error("it ends with the establishment 0, and they count from 1")]
    NoEstablishment,
    /// The six digits that should be a year, a month and a day are none.
    #[error("{digits} in it should be a day, as year, month and day")]
    NoSuchDay {
        /// The digits.
        digits: SmolStr,
    },
    /// It keeps the rules, and is known to be nobody's.
    #[error("no such number is given to anybody")]
    NeverGiven,
    /// Its check digit, or check letter, is not what the other characters make it.
    #[error("its check digit or letter does not fit: one character is wrong, or two are swapped")]
    CheckFails,
}

fn either(lengths: &[usize]) -> String {
    let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    lengths.join(" or ")
}

/// A character as it can be told; one that can't be seen by its number.
fn said(character: char) -> SmolStr {
    match character.is_alphanumeric() || character.is_ascii_graphic() {
        true => format_smolstr!("`{character}`"),
        false => format_smolstr!("U+{:04X}", u32::from(character)),
    }
}

/// What the characters of a number tell.
struct Known {
    holder: Holder,
    check_fits: bool,
}

impl Known {
    /// A number whose check digit must fit.
    fn checked(holder: Holder, fits: bool) -> Result<Self, TaxNumberProblem> {
        match fits {
            true => Ok(Self {
                holder,
                check_fits: true,
            }),
            false => Err(TaxNumberProblem::CheckFails),
        }
    }
}

/// Refuses the first character that can't stand where it stands.
fn expect(compact: &str, fits: impl Fn(usize, char) -> bool) -> Result<(), TaxNumberProblem> {
    let mut places = (1..).zip(compact.chars());
    match places.find(|(place, sign)| !fits(*place, *sign)) {
        Some((place, character)) => Err(TaxNumberProblem::BadCharacter { character, place }),
        None => Ok(()),
    }
}

/// The values of the digits; other characters have none.
fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|sign| sign.to_digit(10)).collect()
}

/// Each value times its weight, added up.
fn weighed(values: &[u32], weights: &[u32]) -> u32 {
    let pairs = values.iter().zip(weights);
    pairs.map(|(value, weight)| value * weight).sum()
}

/// The sum of the doubled digits at odd places (each by its own digits) and of the others, from the
/// left: with the check digit it is a multiple of ten (Luhn's rule).
fn luhn_from_left(digits: &[u32]) -> u32 {
    let values = digits
        .iter()
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => *digit,
        });
    values.sum()
}
