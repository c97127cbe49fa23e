//! Errors and lists as people are told of them: in one line.

use std::error::Error;

use smol_str::{SmolStr, format_smolstr};

/// An error with what lies right beneath it.
pub(crate) fn with_its_source(error: &dyn Error) -> SmolStr {
    match error.source() {
        Some(source) => format_smolstr!("{error}: {source}"),
        None => format_smolstr!("{error}"),
    }
}

/// Things one after the other.
pub(crate) fn joined(things: &[impl ToString], between: &str) -> SmolStr {
    let things: Vec<String> = things.iter().map(ToString::to_string).collect();
    things.join(between).into()
}

/// The beginning of a text that is kept or told: a condition that did not hold, what an error or
/// somebody said.
pub(crate) fn shortened(text: &str) -> SmolStr {
    shortened_to(text, 200)
}

/// The beginning of a text that may be as long as anybody likes, with a sign that it goes on: at most so
/// many letters.
///
/// ```
/// use leadkit::told::shortened_to;
/// assert_eq!(shortened_to("Quito", 5), "Quito");
/// assert_eq!(shortened_to("Guayaquil", 5), "Guay…");
/// ```
pub fn shortened_to(text: &str, most: usize) -> SmolStr {
    if text.chars().nth(most).is_none() {
        return text.into();
    }
    let beginning = text.chars().take(most.saturating_sub(1));
    beginning.chain(['…']).collect()
}
