//! Dates and times as a language writes them, for messages and tasks.

use chrono::NaiveDateTime;
use smol_str::{SmolStr, format_smolstr};

/// The day, in the order of the playbook's language: `09/03/2026`, `09.03.2026`, `03/09/2026`, and
/// `2026-03-09` where nothing is known of the language, or where its countries differ.
pub(crate) fn day(locale: &str, at: NaiveDateTime) -> SmolStr {
    let (language, region) = parts(locale);
    let order = match (language, region) {
        ("en", Some("US")) => "%m/%d/%Y",
        ("en", Some(_)) => "%d/%m/%Y",
        ("es" | "pt" | "fr" | "it" | "ca" | "gl", _) => "%d/%m/%Y",
        ("de" | "pl" | "ru" | "tr", _) => "%d.%m.%Y",
        ("nl", _) => "%d-%m-%Y",
        _ => "%Y-%m-%d",
    };
    format_smolstr!("{}", at.format(order))
}

/// The time of day, to the minute: `15:30`, in the United States `3:30 PM`.
pub(crate) fn time_of_day(locale: &str, at: NaiveDateTime) -> SmolStr {
    let clock = match parts(locale) {
        ("en", Some("US")) => "%-I:%M %p",
        _ => "%H:%M",
    };
    format_smolstr!("{}", at.format(clock))
}

/// The language and the region of a language tag: of `es-MX`, also of `zh-Hant-TW`.
fn parts(locale: &str) -> (&str, Option<&str>) {
    let mut parts = locale.split('-');
    let language = parts.next().unwrap_or_default();
    (language, parts.find(|part| part.len() == 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_in_the_order_of_its_language() {
        let at: NaiveDateTime = "2026-03-09T15:30:00".parse().unwrap();
        for (locale, day_written, time_written) in [
            ("es-EC", "09/03/2026", "15:30"),
            ("pt-BR", "09/03/2026", "15:30"),
            ("de", "09.03.2026", "15:30"),
            ("en-US", "03/09/2026", "3:30 PM"),
            ("en-GB", "09/03/2026", "15:30"),
            ("en", "2026-03-09", "15:30"),
            ("zh-Hant-TW", "2026-03-09", "15:30"),
        ] {
            assert_eq!(day(locale, at), day_written, "{locale}");
            assert_eq!(time_of_day(locale, at), time_written, "{locale}");
        }
    }
}
