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
