//! Codes that the world agreed on: currencies and languages.

use smol_str::{SmolStr, format_smolstr};

use crate::money::Currency;
use crate::phone::Dialling;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, did_you_mean};

/// The currency that a node names.
pub(super) fn currency(node: &Node<'_>) -> Option<Currency> {
    let text = node.text()?;
    if let Ok(currency) = text.parse() {
        return Some(currency);
    }
    let kind = FaultKind::UnknownName {
        sort: "currency",
        name: text.into(),
    };
    let hint = did_you_mean(text, Currency::codes());
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

/// The country that a node names, of those whose phone numbers are known.
pub(super) fn country(node: &Node<'_>) -> Option<&'static Dialling> {
    let text = node.text()?;
    let known = Dialling::of(text);
    if known.is_none() {
        node.unknown("country", text, Dialling::known());
    }
    known
}

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
}
