//! How the dates of a whole column are written: found out, or declared and held against what is there.

use super::{Format, Order, Parts, Years};
use crate::report::counted;

/// Why the order of a column can't be told, or is not the one that is declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderFault {
    /// No date of the column has a day above the twelfth.
    #[error(
        "the dates of `{column}` can be read in two ways (`{example}` on line {line}, and so all others)"
    )]
    Ambiguous {
        /// The column.
        column: String,
        /// One of them.
        example: String,
        /// Its line.
        line: u64,
        /// How the column's years are written.
        years: Years,
    },
    /// The dates of the column contradict each other.
    #[error(
        "the dates of `{column}` are written in different ways: `{one}` on line {one_line}, `{other}` on line {other_line}"
    )]
    Mixed {
        /// The column.
        column: String,
        /// One.
        one: String,
        /// Its line.
        one_line: u64,
        /// Another.
        other: String,
        /// Its line.
        other_line: u64,
        /// How the column's years are written.
        years: Years,
    },
    /// Some dates can't be read as it is declared, and all can in another order.
    #[error(
        "the dates of `{column}` are declared as {}, and {} can only be {} (first `{example}` on line {line})",
        .declared.order.declares(.declared.years),
        counted(*.rows, "row"),
        .order.declares(.declared.years)
    )]
    Declared {
        /// The column.
        column: String,
        /// How it is declared.
        declared: Format,
        /// In which order all of its dates can be read.
        order: Order,
        /// How many can't be read as it is declared.
        rows: u64,
        /// The first of them.
        example: String,
        /// Its line.
        line: u64,
    },
}

impl OrderFault {
    /// The column.
    #[must_use]
    pub fn column(&self) -> &str {
        let (Self::Ambiguous { column, .. }
        | Self::Mixed { column, .. }
        | Self::Declared { column, .. }) = self;
        column
    }

    /// What to write into the map.
    #[must_use]
    pub fn hint(&self) -> String {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let column = match self.column() {
            column if column.chars().all(is_bare) => column.to_owned(),
            column => format!("{column:?}"),
        };
        let (first, others) = match self {
            Self::Declared {
                declared, order, ..
            } => {
                let order = order.declares(declared.years);
                return format!("write: dates = {{ {column} = \"{order}\" }}");
            }
            Self::Ambiguous { years, .. } | Self::Mixed { years, .. } => match years {
                Years::FourDigits => ("dd-mm-yyyy", "or \"mm-dd-yyyy\""),
                Years::TwoDigitsToo => ("dd-mm-yy", "\"mm-dd-yy\" or \"yy-mm-dd\""),
            },
        };
        format!("declare it: dates = {{ {column} = \"{first}\" }}, {others}")
    }
}

/// A cell with its line.
type Cell<'a> = (u64, &'a str);

/// Finds out how a column's dates are written. Cells that are no dates say nothing, and neither do
/// years of two digits where others have four. `None` when none is needed: whatever dates there are begin with a year of four digits.
///
/// # Errors
/// When it can't be told.
pub fn find_order<'a>(
    column: &str,
    cells: impl Iterator<Item = Cell<'a>> + Clone,
) -> Result<Option<Format>, OrderFault> {
    let mut parts = cells.clone().filter_map(|(_, cell)| Parts::of(cell));
    let years = match parts.any(|parts| parts.has_whole_year()) {
        true => Years::FourDigits,
        false => Years::TwoDigitsToo,
    };
    let mut left: Vec<Order> = Order::ALL.into();
    // The last cell that left fewer, or the first that could be read at all.
    let mut told_by: Option<Cell<'_>> = None;
    let (mut year_first, mut other): (Option<Cell<'_>>, Option<Cell<'_>>) = (None, None);
    let mixed = |(one_line, one): Cell<'_>, (other_line, other): Cell<'_>| OrderFault::Mixed {
        column: column.into(),
        one: one.into(),
        one_line,
        other: other.into(),
        other_line,
        years,
    };
    for (line, cell) in cells {
        let Some(parts) = Parts::of(cell) else {
            continue;
        };
        if years == Years::FourDigits && !parts.has_whole_year() {
            continue;
        }
        let place = (line, cell);
        if parts.year_first {
            year_first = year_first.or(Some(place));
        } else {
            let fits: Vec<Order> = Order::ALL
                .into_iter()
                .filter(|order| {
                    let order = *order;
                    parts.date(Some(Format { order, years })).is_ok()
                })
                .collect();
            if fits.is_empty() {
                // No date in any order: refused with its line.
                continue;
            }
            other = other.or(Some(place));
            let still: Vec<Order> = left.iter().copied().filter(|o| fits.contains(o)).collect();
            if still.is_empty() {
                return Err(mixed(told_by.unwrap_or(place), place));
            }
            if told_by.is_none() || still.len() < left.len() {
                told_by = Some(place);
            }
            left = still;
        }
        if let (Some(one), Some(other)) = (year_first, other) {
            return Err(mixed(one, other));
        }
    }
    match (told_by, left.as_slice()) {
        (None, _) => Ok(None),
        (Some(_), [order]) => Ok(Some(Format {
            order: *order,
            years,
        })),
        (Some(_), _) => {
            let (line, example) = other.unwrap_or_default();
            Err(OrderFault::Ambiguous {
                column: column.into(),
                example: example.into(),
                line,
                years,
            })
        }
    }
}

/// Holds a column against the format that is declared for it. Cells that are no dates in any order say
/// nothing.
///
/// # Errors
/// When some dates can't be read so, and all can in another order: the declaration is wrong, and those
/// that it can read would be other days.
pub fn hold_declared<'a>(
    column: &str,
    declared: Format,
    cells: impl Iterator<Item = Cell<'a>>,
) -> Result<(), OrderFault> {
    let mut others = Order::ALL.to_vec();
    others.retain(|order| *order != declared.order);
    let (mut rows, mut first) = (0, None);
    for (line, cell) in cells {
        let Some(parts) = Parts::of(cell) else {
            continue;
        };
        let years = declared.years;
        let reads = |order: Order| parts.date(Some(Format { order, years })).is_ok();
        let is_as_declared = reads(declared.order);
        if !is_as_declared && !others.iter().any(|order| reads(*order)) {
            if Order::ALL.into_iter().any(reads) {
                return Ok(());
            }
            continue;
        }
        others.retain(|order| reads(*order));
        if others.is_empty() {
            return Ok(());
        }
        if !is_as_declared {
            rows += 1;
            first = first.or(Some((line, cell)));
        }
    }
    match (first, others.first()) {
        (Some((line, example)), Some(order)) => Err(OrderFault::Declared {
            column: column.into(),
            declared,
            order: *order,
            rows,
            example: example.into(),
            line,
        }),
        _ => Ok(()),
    }
}
