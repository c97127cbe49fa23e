//! Phone numbers: when two are the same, however they are written.
//!
//! A number is kept as it was given. It is compared in the form that is dialled from anywhere (E.164),
//! as far as that can be known without the number plans of all countries: a number that says its
//! country is taken at its word, another one is of the playbook's country. Whether a number is
//! anybody's is not asked.

use smol_str::{SmolStr, format_smolstr};
use unicode_normalization::UnicodeNormalization;

use crate::value::plain;

/// A country, as far as its phone numbers go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// Its code, ISO 3166.
    pub country: &'static str,
    /// The code that is dialled for it from abroad.
    code: &'static str,
    /// What is dialled before a number inside the country, the longest first.
    trunks: &'static [&'static str],
    /// How many digits a number has inside the country, without what is dialled before it.
    digits: (usize, usize),
}

/// The countries whose numbers are known, by their codes.
const COUNTRIES: &[Dialling] = &[
    country("AR", "54", &["0"], (10, 10)),
    country("BR", "55", &["0"], (8, 11)),
    country("CA", "1", &["1"], (10, 10)),
    country("CL", "56", &[], (9, 9)),
    country("CO", "57", &["0"], (8, 10)),
    country("EC", "593", &["0"], (8, 11)),
    country("ES", "34", &[], (9, 9)),
    country("MX", "52", &["044", "045", "01"], (10, 10)),
    country("PE", "51", &["0"], (8, 9)),
    country("PT", "351", &[], (9, 9)),
    country("US", "1", &["1"], (10, 10)),
    country("UY", "598", &["0"], (7, 8)),
];

const fn country(
    country: &'static str,
    code: &'static str,
    trunks: &'static [&'static str],
    digits: (usize, usize),
) -> Dialling {
    Dialling {
        country,
        code,
        trunks,
        digits,
    }
}

impl Dialling {
    /// The country of this code, if its numbers are known.
    #[must_use]
    pub fn of(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|known| known.country == code)
    }

    /// The codes of all countries whose numbers are known.
    pub fn known() -> impl Iterator<Item = &'static str> {
        COUNTRIES.iter().map(|known| known.country)
    }

    fn fits(&self, national: &str) -> bool {
        (self.digits.0..=self.digits.1).contains(&national.len())
    }

    /// A number inside the country without what is dialled before it.
    fn bare<'n>(&self, national: &'n str) -> &'n str {
        // In Brazil who carries a call is said in two digits behind the 0.
        let says_carrier = self.country == "BR" && (13..=14).contains(&national.len());
        if let Some(behind) = national.strip_prefix('0').filter(|_| says_carrier) {
            return &behind[2..];
        }
        let mut trunks = self.trunks.iter();
        let without = trunks.find_map(|trunk| national.strip_prefix(trunk));
        let without = without.filter(|without| self.fits(without));
        without.unwrap_or(national)
    }

    /// What a number is inside the country, of one that was dialled from abroad.
    fn without_prefix<'n>(&self, national: &'n str) -> &'n str {
        // Mobile numbers of Mexico were dialled with a 1 until 2019.
        let was_mobile = self.country == "MX" && national.len() == 11;
        let mobile = national.strip_prefix('1').filter(|_| was_mobile);
        mobile.unwrap_or_else(|| self.bare(national))
    }
}

/// What makes two numbers the same: `+593991234567`, or what is dialled, where the country can't be
/// known; nothing, if there is no digit. `home` is where numbers are that name no country.
///
/// ```
/// use leadkit::phone::{Dialling, key};
/// let ecuador = Dialling::of("EC");
/// assert_eq!(key("099 123 4567", ecuador), key("+593 (0) 99-123-4567", ecuador));
/// ```
///
/// Behind one number of a company there are several persons: an extension belongs to it, in the form of
/// RFC 3966.
///
/// ```
/// # use leadkit::phone::{Dialling, key};
/// assert_eq!(key("22 345 678 ext. 12", None).as_deref(), Some("22345678;ext=12"));
/// ```
#[must_use]
pub fn key(said: &str, home: Option<&Dialling>) -> Option<SmolStr> {
    let Digits {
        is_abroad,
        number,
        extension,
    } = Digits::of(said);
    if number.is_empty() {
        return None;
    }
    let number = whole(is_abroad, &number, home);
    Some(match extension.is_empty() {
        true => number,
        false => format_smolstr!("{number};ext={extension}"),
    })
}

/// A number with its country's code, where that can be known.
fn whole(is_abroad: bool, digits: &str, home: Option<&Dialling>) -> SmolStr {
    let abroad = match is_abroad {
        true => Some(digits),
        false => digits.strip_prefix("00"),
    };
    if let Some(abroad) = abroad {
        return international(abroad);
    }
    let Some(home) = home else {
        return digits.into();
    };
    let bare = home.bare(digits);
    // Some write the country's code without the plus.
    let coded = digits.strip_prefix(home.code);
    let coded = coded.filter(|rest| !home.fits(bare) && home.fits(home.without_prefix(rest)));
    match coded {
        Some(_) => international(digits),
        None => format_smolstr!("+{}{bare}", home.code),
    }
}

/// How many digits a number has at least that is one person's.
const FEWEST_DIGITS: usize = 6;

/// The words that tell what sort of number it is.
const SORTS: &[&str] = &[
    "cel", "celular", "mobile", "movil", "phone", "tel", "telefono", "telf", "whatsapp",
];

/// The words behind which an extension follows.
const EXTENSION: &[&str] = &["anexo", "ext", "extension", "int", "interno", "ramal", "x"];

/// Whether a number can be one person's. What is typed so that a field isn't empty is not: a few digits,
/// the same digit again and again, an address, or what a spreadsheet made of a number.
///
/// ```
/// use leadkit::phone::is_of_somebody;
/// assert!(is_of_somebody("tel. 22 345 678 ext. 12"));
/// for nobody in ["0", "000-000-0000", "9.934567E+09", "Calle 4"] {
///     assert!(!is_of_somebody(nobody));
/// }
/// ```
#[must_use]
pub fn is_of_somebody(said: &str) -> bool {
    let digits = Digits::of(said).number;
    let first = digits.chars().next();
    let words = plain(said);
    let mut words = words.split(|c: char| !c.is_alphabetic());
    let is_known = |word| SORTS.contains(&word) || EXTENSION.contains(&word);
    digits.len() >= FEWEST_DIGITS
        && digits.chars().any(|digit| Some(digit) != first)
        && words.all(|word| word.is_empty() || is_known(word))
}

/// A number that begins with its country's code.
fn international(digits: &str) -> SmolStr {
    let mut countries = COUNTRIES.iter();
    let of = countries.find_map(|known| Some((known, digits.strip_prefix(known.code)?)));
    match of {
        Some((known, national)) => {
            format_smolstr!("+{}{}", known.code, known.without_prefix(national))
        }
        None => format_smolstr!("+{digits}"),
    }
}

/// The digits that are dialled.
#[derive(Debug, Default)]
struct Digits {
    /// Whether the country's code comes first.
    is_abroad: bool,
    number: String,
    /// What is dialled when somebody answers.
    extension: String,
}

impl Digits {
    fn of(said: &str) -> Self {
        let mut digits = Self::default();
        let mut word = String::new();
        let wide: String = said.nfkc().collect();
        for letter in plain(&wide).chars() {
            let is_behind = !word.is_empty() && !digits.number.is_empty();
            match letter {
                '+' if digits.number.is_empty() => digits.is_abroad = true,
                '0'..='9' if !is_behind => {
                    word.clear();
                    digits.number.push(letter);
                }
                '0'..='9' if EXTENSION.contains(&word.as_str()) => digits.extension.push(letter),
                // Another number, perhaps: the first one is the person's.
                '0'..='9' => break,
                letter if letter.is_alphabetic() => word.push(letter),
                _ => {}
            }
        }
        digits
    }
}
