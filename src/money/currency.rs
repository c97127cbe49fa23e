//! The currencies of the world, by code.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use smol_str::SmolStr;

/// A currency of ISO 4217.
///
/// ```
/// use leadkit::money::Currency;
/// let yen: Currency = "JPY".parse()?;
/// assert_eq!((yen.code(), yen.digits()), ("JPY", 0));
/// # Ok::<(), leadkit::money::UnknownCurrency>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(u8);

/// The currencies that prices are said in, as of 2026; without metals and test codes.
const CODES: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD \
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR \
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ";

/// Currencies whose smallest unit is not a hundredth, by the digits behind the point.
const OTHER_DIGITS: [(u32, &str); 3] = [
    (
        0,
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// From the beginning of one code to that of the next.
    const STRIDE: usize = 4;

    /// The dollar of the United States.
    pub const USD: Self = Self::in_order("USD");

    const fn in_order(code: &str) -> Self {
        let (codes, code) = (CODES.as_bytes(), code.as_bytes());
        let mut place = 0;
        while codes[place * Self::STRIDE] != code[0]
            || codes[place * Self::STRIDE + 1] != code[1]
            || codes[place * Self::STRIDE + 2] != code[2]
        {
            place += 1;
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "there are fewer than 256 currencies"
        )]
        Self(place as u8)
    }

    /// Every code, in order.
    pub fn codes() -> impl Iterator<Item = &'static str> + Clone {
        CODES.split_ascii_whitespace()
    }

    /// Its code: `USD`.
    #[must_use]
    pub fn code(self) -> &'static str {
        let begin = usize::from(self.0) * Self::STRIDE;
        &CODES[begin..begin + 3]
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub fn digits(self) -> u32 {
        let code = self.code();
        let other = OTHER_DIGITS.iter().find(|(_, codes)| codes.contains(code));
        other.map_or(2, |(digits, _)| *digits)
    }

    /// How many of its smallest units make one.
    pub(super) fn minor_in_one(self) -> i64 {
        10_i64.pow(self.digits())
    }
}

/// A text that is the code of no currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no currency; say the code of ISO 4217, as in USD, EUR or MXN")]
pub struct UnknownCurrency(SmolStr);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let place = Self::codes().position(|known| known == code);
        let place = place.and_then(|place| u8::try_from(place).ok());
        place.map(Self).ok_or_else(|| UnknownCurrency(code.into()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;

        impl Visitor<'_> for Code {
            type Value = Currency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the code of a currency")
            }

            fn visit_str<E: de::Error>(self, code: &str) -> Result<Currency, E> {
                code.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_stands_once_and_in_order() {
        let codes: Vec<&str> = Currency::codes().collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        for code in &codes {
            assert!(code.len() == 3 && code.bytes().all(|c| c.is_ascii_uppercase()));
            assert_eq!(code.parse::<Currency>().unwrap().code(), *code);
        }
        for (_, others) in OTHER_DIGITS {
            assert!(others.split(' ').all(|code| codes.contains(&code)));
        }
        let digits = |code: &str| code.parse::<Currency>().unwrap().digits();
        assert_eq!(
            [digits("USD"), digits("CLP"), digits("KWD"), digits("CLF")],
            [2, 0, 3, 4]
        );
        assert_eq!(Currency::USD.code(), "USD");
    }
}
