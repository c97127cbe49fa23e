//! Codes that the world agreed on: currencies and languages.

use smol_str::{SmolStr, format_smolstr};

use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, did_you_mean};

/// The currency that a node names.
pub(super) fn currency(node: &Node<'_>) -> Option<SmolStr> {
    let text = node.text()?;
    if CURRENCIES.split_ascii_whitespace().any(|code| code == text) {
        return Some(text.into());
    }
    let kind = FaultKind::UnknownName {
        sort: "currency",
        name: text.into(),
    };
    let hint = did_you_mean(text, CURRENCIES.split_ascii_whitespace());
    let hint = hint.unwrap_or_else(|| "a code of ISO 4217: USD, EUR, MXN".into());
    node.fault(kind, Some(hint));
    None
}

/// The language that a node names. Whether there is such a language is not asked: nothing that is
/// sent depends on it yet.
pub(super) fn locale(node: &Node<'_>) -> Option<SmolStr> {
    let text = node.text()?;
    if is_language_tag(text) {
        return Some(text.into());
    }
    let kind = FaultKind::BadName {
        sort: "a language",
        name: text.into(),
    };
    // `es_MX.UTF-8`, as operating systems write it.
    let plain = text.split(['.', '@']).next().unwrap_or_default();
    let mended = plain.trim().replace('_', "-");
    let hint = if is_language_tag(&mended) {
        format_smolstr!("did you mean `{mended}`?")
    } else {
        "a tag like es, es-MX or zh-Hant-TW".into()
    };
    node.fault(kind, Some(hint));
    None
}

/// Whether a text has the shape of a BCP 47 tag: a language of two or three letters, then at most
/// one script and one region, then variants and extensions, each in its place.
fn is_language_tag(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split('-').peekable();
    let is_language = |part: &str| matches!(part.len(), 2 | 3) && letters(part);
    if !parts.next().is_some_and(is_language) {
        return false;
    }
    parts.next_if(|part| part.len() == 4 && letters(part));
    parts.next_if(|part| (part.len() == 2 && letters(part)) || (part.len() == 3 && digits(part)));
    let is_variant = |part: &str| {
        let begins_with_digit = part.starts_with(|c: char| c.is_ascii_digit());
        plain(part) && (matches!(part.len(), 5..=8) || (part.len() == 4 && begins_with_digit))
    };
    while parts.next_if(|part| is_variant(part)).is_some() {}
    // `-u-ca-buddhist`, `-x-house`: a letter or digit, then at least one part.
    while let Some(singleton) = parts.next() {
        if singleton.len() != 1 || !plain(singleton) {
            return false;
        }
        let is_private = singleton.eq_ignore_ascii_case("x");
        let least = if is_private { 1 } else { 2 };
        let mut count = 0;
        while parts
            .next_if(|part| (least..=8).contains(&part.len()) && plain(part))
            .is_some()
        {
            count += 1;
        }
        if count == 0 {
            return false;
        }
    }
    true
}

/// The currencies of ISO 4217 that prices are said in, as of 2026; without metals and test codes.
const CURRENCIES: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD \
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP \
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR \
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_have_their_parts_in_order() {
        for tag in [
            "es",
            "es-MX",
            "zh-Hant-TW",
            "es-419",
            "ast",
            "de-CH-1996",
            "sl-rozaj-biske",
            "th-TH-u-ca-buddhist",
            "en-x-house",
            "EN-us",
        ] {
            assert!(is_language_tag(tag), "{tag}");
        }
        for tag in [
            "",
            "e",
            "es_MX",
            "spanish",
            "es-",
            "es-M",
            "es-MX-ES",
            "-es",
            "es-MXX",
            "es-u",
            "es-MX.UTF-8",
            "12",
            "es MX",
            "español",
        ] {
            assert!(!is_language_tag(tag), "{tag}");
        }
    }

    #[test]
    fn each_currency_stands_once_and_in_order() {
        let codes: Vec<&str> = CURRENCIES.split_ascii_whitespace().collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        let is_code = |code: &&str| code.len() == 3 && code.bytes().all(|c| c.is_ascii_uppercase());
        assert!(codes.iter().all(is_code));
        for code in ["USD", "MXN", "BRL", "EUR", "ZWG"] {
            assert!(codes.contains(&code), "{code}");
        }
    }
}
