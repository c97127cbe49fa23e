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
    const MOST: usize = 200;
    if text.chars().count() <= MOST {
        return text.into();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}
