//! Rows, and commands of rows, that were not carried out, and why; and what became of all rows, each
//! counted once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::rc::Rc;

use leadkit::decide::refusal::{Gap, Problem, Refusal};
use serde::Serialize;
use smol_str::SmolStr;

use super::FileRead;
use super::fault::ValueFault;
use super::plan::Doing;
use super::range::Outside;
use super::row::shortened;
use super::run::LeftOut;
use super::table::{RowFault, TakenIn};
use super::warnings::SHIFTED;
use crate::report::{grouped, quoted};

/// A row, or a command of a row, that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file, as the map names it.
    pub file: String,
    /// The line on which the row begins.
    pub line: u64,
    /// The line on which it ends, where a quote took in what looks like other rows; else the same.
    pub last_line: u64,
    /// How many rows it seems to be: more than one where a quote took others in.
    pub rows: u64,
    /// The command, unless the whole row could not be read.
    pub command: Option<String>,
    /// A short stable name of the reason.
    pub code: &'static str,
    /// Why.
    pub reason: String,
    /// What to do about it, where that is not plain.
    pub hint: Option<String>,
}

impl Refused {
    pub(super) fn new(file: &str, line: u64, command: Option<&str>, because: &Because) -> Self {
        Self {
            file: file.to_owned(),
            line,
            last_line: line,
            rows: 1,
            command: command.map(ToOwned::to_owned),
            code: because.code(),
            reason: because.to_string(),
            hint: because.hint(),
        }
    }

    /// Why, without what this row alone says: `` `…` stands on line … already ``. A column stays.
    pub(super) fn kind(&self) -> String {
        let column = self.reason.find("`: `").map_or(0, |end| end + "`: ".len());
        let (column, rest) = self.reason.split_at(column);
        let mut kind = column.to_owned();
        let parts: Vec<&str> = rest.split('`').collect();
        for (place, part) in parts.iter().enumerate() {
            let is_quoted = place % 2 == 1 && place + 1 < parts.len();
            let is_column = parts
                .get(place + 1)
                .is_some_and(|next| next.starts_with(" is empty"));
            let sign = if place > 0 { "`" } else { "" };
            kind.push_str(sign);
            match is_quoted {
                true if is_column => kind.push_str(part),
                true => kind.push('…'),
                false => kind.push_str(&without_numbers(part)),
            }
        }
        kind
    }

    /// Notes what its row took in.
    pub(super) fn note(&mut self, taken_in: TakenIn) {
        self.last_line = taken_in.last_line;
        self.rows = 1 + taken_in.rows;
    }

    /// Where it stands: `leads.csv:71`, `leads.csv:71-72`.
    pub(super) fn place(&self) -> String {
        let Self {
            file,
            line,
            last_line,
            ..
        } = self;
        match last_line > line {
            true => format!("{file}:{line}-{last_line}"),
            false => format!("{file}:{line}"),
        }
    }

    /// Why, and what to do about it.
    pub(super) fn told(&self) -> String {
        let mut told = self.reason.clone();
        if self.rows > 1 {
            let _ = write!(told, "; its lines look like {} rows", grouped(self.rows));
        }
        if let Some(hint) = &self.hint {
            let _ = write!(told, "; {hint}");
        }
        told
    }
}

/// Why a row, or a command of a row, is not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Because {
    /// The row can't be trusted.
    #[error(transparent)]
    Row(#[from] RowFault),
    /// Something in it makes no command.
    #[error(transparent)]
    Value(#[from] ValueFault),
    /// Nothing names it.
    #[error("the row has nothing in `{column}`, which names it")]
    NoKey {
        /// The column of the key.
        column: String,
    },
    /// Another row has the same key.
    #[error("`{key}` stands on line {line} already")]
    KeyTwice {
        /// The key.
        key: String,
        /// Where it stands first.
        line: u64,
    },
    /// Another row is the same in all cells.
    #[error("the same row as line {line}")]
    SameRow {
        /// Where it stands first.
        line: u64,
    },
    /// Its time lies outside of the history's.
    #[error("`{column}`: `{said}` {why}")]
    FarAway {
        /// The column that says when.
        column: String,
        /// What it says.
        said: SmolStr,
        /// Why that is too far.
        why: Outside,
    },
    /// No row registers its lead.
    #[error("the lead `{0}` was not registered by any row")]
    NoSuchLead(Rc<str>),
    /// The row that registers its lead was refused.
    #[error("the registration of the lead `{lead}` in {row} was refused")]
    LeadRefused {
        /// The lead.
        lead: Rc<str>,
        /// The row, as people read it.
        row: String,
    },
    /// Another row of this run registered its lead.
    #[error("the lead `{0}` is registered already")]
    RegisteredAlready(Rc<str>),
    /// Another row of an earlier run did.
    #[error("the lead `{lead}` was registered in an earlier run, by another row of {file}")]
    RegisteredEarlier {
        /// The lead.
        lead: Rc<str>,
        /// The file, as the map named it then.
        file: String,
        /// Whether the row is known by its line alone.
        by_line: bool,
    },
    /// The playbook, or what is known of the lead, is against it.
    #[error("{told}")]
    Decided {
        /// The refusal's code.
        code: &'static str,
        /// The refusal, as whoever has the files reads it.
        told: String,
        /// What to do about it, where that is not plain.
        hint: Option<String>,
    },
}

impl Because {
    fn code(&self) -> &'static str {
        match self {
            Self::Row(_) => "unreadable-row",
            Self::Value(_) => "unreadable-value",
            Self::NoKey { .. } => "no-key",
            Self::KeyTwice { .. } => "key-twice",
            Self::SameRow { .. } => "same-row",
            Self::FarAway { .. } => "far-away",
            Self::NoSuchLead(_) | Self::LeadRefused { .. } => "no-such-lead",
            Self::RegisteredAlready(_) | Self::RegisteredEarlier { .. } => "registered-already",
            Self::Decided { code, .. } => code,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::KeyTwice { .. } => {
                "a key names one row: choose a column in which no two are the same"
            }
            Self::RegisteredEarlier { by_line: true, .. } => SHIFTED,
            Self::RegisteredEarlier { .. } => {
                "name it otherwise if it is another lead, and else replay the file under the name and \
                 with the keys that it had"
            }
            Self::Decided { hint, .. } => return hint.clone(),
            Self::Value(fault) => return fault.hint(),
            Self::NoSuchLead(_) => "let a row register it, or leave such rows out (if, unless)",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// A text with `…` for each word that holds a digit or is an address.
fn without_numbers(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let is_own = word.contains(|c: char| c.is_ascii_digit() || c == '@');
        let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
        match is_own {
            true => format!("…{}", &word[bare.len()..]),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a row says in place of an address or a number that is none, which the refusal does not say.
pub(super) fn said<'a>(gap: &Gap, doing: &'a Doing) -> Option<&'a str> {
    let (email, phone) = match doing {
        Doing::Register(new) => (&new.email, &new.phone),
        Doing::SetUp(agent) => (&agent.email, &agent.phone),
        _ => return None,
    };
    match gap.problem {
        Problem::NotAnEmail => email.as_deref(),
        Problem::NotAPhone => phone.as_deref(),
        _ => None,
    }
}

/// What to do about a refusal, where words stand in place of an address or a number.
pub(super) fn hint(refusal: &Refusal, doing: &Doing) -> Option<String> {
    let Refusal::Incomplete(gaps) = refusal else {
        return None;
    };
    let said = gaps.iter().filter_map(|gap| said(gap, doing));
    let mut words: Vec<String> = said
        .filter(|said| !said.contains('@'))
        .map(|said| quoted(&shortened(said)))
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| {
        format!(
            "if that means that there is none, say so of the file: empty = [{}]",
            words.join(", ")
        )
    })
}

/// What became of the rows: each is counted once, and together they are all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowsOf {
    /// Something of it was carried out, and nothing refused or left out.
    pub carried_out: u64,
    /// All of it had been carried out before.
    pub done_before: u64,
    /// Something of it was left out, and nothing refused.
    pub left_out: u64,
    /// It matches no command.
    pub passed_over: u64,
    /// It was refused, or something of it.
    pub refused: u64,
}

impl RowsOf {
    /// `done` are the rows of which something was carried out: the file, and the line.
    pub(super) fn count(
        files: &[FileRead],
        refused: &[Refused],
        left_out: &[LeftOut],
        done: &BTreeSet<(usize, u64)>,
    ) -> Self {
        let name = |file: usize| files.get(file).map(|read| read.file.as_str());
        let refused = distinct(refused);
        let left_out = left_out.iter().map(|left| (left.file.as_str(), left.line));
        let left_out: BTreeSet<_> = left_out.filter(|row| !refused.contains(row)).collect();
        let done = done
            .iter()
            .filter_map(|(file, line)| Some((name(*file)?, *line)));
        let done = done.filter(|row| !refused.contains(row) && !left_out.contains(row));
        let all: usize = files.iter().map(|file| file.rows).sum();
        let passed_over: usize = files.iter().map(|file| file.passed_over.len()).sum();
        let rows = Self {
            carried_out: done.count() as u64,
            done_before: 0,
            left_out: left_out.len() as u64,
            passed_over: passed_over as u64,
            refused: refused.len() as u64,
        };
        let others = rows.carried_out + rows.left_out + rows.passed_over + rows.refused;
        Self {
            done_before: (all as u64).saturating_sub(others),
            ..rows
        }
    }
}

/// The rows of which something was refused, each once.
pub(super) fn distinct(refused: &[Refused]) -> BTreeSet<(&str, u64)> {
    let rows = refused.iter().map(|one| (one.file.as_str(), one.line));
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_refused_for_the_same_are_of_one_kind_whatever_they_say() {
        for (reason, kind) in [
            (
                "`arrived`: `31-02-2026` is no date",
                "`arrived`: `…` is no date",
            ),
            (
                "`Fecha cierre` is empty, and says when",
                "`Fecha cierre` is empty, and says when",
            ),
            (
                "`7` stands on line 12 already",
                "`…` stands on line … already",
            ),
            (
                "has 15 cells, the header has 14; quote",
                "has … cells, the header has …; quote",
            ),
            ("luis@example.com is already there", "… is already there"),
            ("a ` that is never closed 5", "a ` that is never closed …"),
        ] {
            let refused = Refused {
                file: "leads.csv".into(),
                line: 2,
                last_line: 2,
                rows: 1,
                command: None,
                code: "unreadable-row",
                reason: reason.into(),
                hint: None,
            };
            assert_eq!(refused.kind(), kind);
        }
    }
}
