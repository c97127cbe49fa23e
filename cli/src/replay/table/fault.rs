//! What can be wrong with a table, and with its rows.

use super::LARGEST_CELL_BYTES;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// It lacks cells that are wanted.
    #[error("has {found} cells of {wanted}, and none for {}", quoted(.columns))]
    TooShort {
        /// How many it has.
        found: usize,
        /// How many the header has.
        wanted: usize,
        /// The columns that are wanted and missing.
        columns: Vec<String>,
    },
    /// It has more cells than the header; there is probably a delimiter inside one of them.
    #[error(
        "has {found} cells, the header has {wanted}; a cell that holds the delimiter must be quoted"
    )]
    TooLong {
        /// How many it has.
        found: usize,
        /// How many the header has.
        wanted: usize,
    },
    /// A cell that no honest export has.
    #[error("the cell in `{column}` has {bytes} bytes; at most {LARGEST_CELL_BYTES} are read")]
    CellTooLarge {
        /// The column.
        column: String,
        /// How large it is.
        bytes: usize,
    },
    /// A NUL character: the file is damaged, or no text.
    #[error("the cell in `{column}` holds a NUL character")]
    Nul {
        /// The column.
        column: String,
    },
    /// Bytes that are no text in the file's encoding.
    #[error("the cell in `{column}` is not {encoding}; mend it, or say the encoding of the file")]
    Undecodable {
        /// The column.
        column: String,
        /// The encoding that was declared, or found.
        encoding: &'static str,
    },
    /// A quote inside a quoted cell that is written once.
    #[error(
        "a quoted cell goes on behind its quote, so that what follows can't be told apart; a quote inside of it is written twice: \"Bar \"\"El Sol\"\"\""
    )]
    Misquoted,
    /// A quote that is never closed has swallowed the rest of the file.
    #[error(
        "a quote is opened and never closed, so that {lines} lines to the end of the file can't be told apart"
    )]
    Unclosed {
        /// How many lines it took.
        lines: u64,
    },
}

/// Why a file can't be read as a table at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableFault {
    /// There is not even a line of headers.
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    /// The declared encoding is not known.
    #[error("`{0}` is no encoding; write for instance \"utf-8\", \"windows-1252\", \"utf-16le\"")]
    UnknownEncoding(String),
    /// Columns that the map speaks of are not there, or not once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Columns(Vec<ColumnFault>),
    /// The headers themselves can't be read.
    #[error("line {line}: {fault}")]
    Headers {
        /// Their line.
        line: u64,
        /// What is wrong.
        fault: RowFault,
    },
}

/// A column that the map speaks of, and which can't be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnFault {
    /// It is not there.
    #[error("there is no column `{column}`")]
    Missing {
        /// The column.
        column: String,
        /// What was probably meant.
        hint: String,
    },
    /// It is there more than once.
    #[error("the column `{column}` is there {times} times; which one is meant can't be told")]
    Double {
        /// The column.
        column: String,
        /// How often.
        times: usize,
    },
}

impl ColumnFault {
    /// The column.
    #[must_use]
    pub fn column(&self) -> &str {
        let (Self::Missing { column, .. } | Self::Double { column, .. }) = self;
        column
    }

    /// What was probably meant.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Missing { hint, .. } => Some(hint),
            Self::Double { .. } => None,
        }
    }
}

fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    quoted.join(", ")
}
