//! Dates as people write them: which part is the day is found out over a whole column, or
//! declared; never guessed from one cell.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use leadkit::calendar::Zone;
use leadkit::time::Instant;

/// In which order year, month and day stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `2018-02-01`
    YearMonthDay,
    /// `01-02-2018` is the first of February.
    DayMonthYear,
    /// `2/1/2018` is the first of February.
    MonthDayYear,
}

impl Order {
    /// The order that a declared format has: `dd-mm-yyyy`, `m/d/yyyy`. What stands between the
    /// parts, and how many digits they have, does not matter.
    #[must_use]
    pub fn declared(format: &str) -> Option<Self> {
        let mut letters: Vec<char> = Vec::new();
        for letter in format.chars().filter(|letter| letter.is_alphabetic()) {
            let letter = letter.to_ascii_lowercase();
            if letters.last() != Some(&letter) {
                letters.push(letter);
            }
        }
        match letters.as_slice() {
            ['y', 'm', 'd'] => Some(Self::YearMonthDay),
            ['d', 'm', 'y'] => Some(Self::DayMonthYear),
            ['m', 'd', 'y'] => Some(Self::MonthDayYear),
            _ => None,
        }
    }
}

/// Why the order of a column can't be told.
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
    },
}

impl OrderFault {
    /// What to write into the map.
    #[must_use]
    pub fn hint(&self) -> String {
        let (Self::Ambiguous { column, .. } | Self::Mixed { column, .. }) = self;
        format!("declare it: dates = {{ {column} = \"dd-mm-yyyy\" }}, or \"mm-dd-yyyy\"")
    }
}

/// Finds the order in which a column's dates are written. Cells that are no dates say nothing.
///
/// # Errors
/// When it can't be told.
pub fn find_order<'a>(
    column: &str,
    cells: impl Iterator<Item = (u64, &'a str)>,
) -> Result<Order, OrderFault> {
    let mut found: Option<(Order, u64, &str)> = None;
    let mut unclear: Option<(u64, &str)> = None;
    for (line, cell) in cells {
        let Some(parts) = Parts::of(cell) else {
            continue;
        };
        let order = match parts.numbers {
            _ if parts.year_first => Order::YearMonthDay,
            [first, ..] if first > 12 => Order::DayMonthYear,
            [_, second, _] if second > 12 => Order::MonthDayYear,
            _ => {
                unclear = unclear.or(Some((line, cell)));
                continue;
            }
        };
        match found {
            None => found = Some((order, line, cell)),
            Some((known, one_line, one)) if known != order => {
                return Err(OrderFault::Mixed {
                    column: column.into(),
                    one: one.into(),
                    one_line,
                    other: cell.into(),
                    other_line: line,
                });
            }
            Some(_) => {}
        }
    }
    match (found, unclear) {
        (Some((Order::YearMonthDay, one_line, one)), Some((other_line, other))) => {
            Err(OrderFault::Mixed {
                column: column.into(),
                one: one.into(),
                one_line,
                other: other.into(),
                other_line,
            })
        }
        (Some((order, ..)), _) => Ok(order),
        (None, Some((line, example))) => Err(OrderFault::Ambiguous {
            column: column.into(),
            example: example.into(),
            line,
        }),
        (None, None) => Ok(Order::YearMonthDay),
    }
}

/// The day in a cell.
#[must_use]
pub fn date(cell: &str, order: Order) -> Option<NaiveDate> {
    Parts::of(cell)?.date(order)
}

/// The instant in a cell: a date alone is its first moment in the zone; a time that carries its
/// own offset keeps it.
#[must_use]
pub fn instant(cell: &str, order: Order, zone: &Zone) -> Option<Instant> {
    let parts = Parts::of(cell)?;
    let date = parts.date(order)?;
    let (time, offset) = match parts.rest {
        "" => (NaiveTime::MIN, None),
        rest => time(rest)?,
    };
    let local = NaiveDateTime::new(date, time);
    match offset {
        Some(offset) => Some(offset.from_local_datetime(&local).single()?.to_utc()),
        None => Some(zone.from_local(local)),
    }
}

/// A cell taken apart.
struct Parts<'a> {
    numbers: [u32; 3],
    /// Whether it begins with a year of four digits.
    year_first: bool,
    /// What follows the date.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(cell: &'a str) -> Option<Self> {
        let cell = cell.trim();
        let end = cell.find([' ', 'T', 't', ',']).unwrap_or(cell.len());
        let (date, rest) = cell.split_at(end);
        let rest = rest.trim_start_matches([' ', 'T', 't', ',']);
        if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = |range: std::ops::Range<usize>| date[range].parse().ok();
            let numbers = [number(0..4)?, number(4..6)?, number(6..8)?];
            let year_first = true;
            return Some(Self {
                numbers,
                year_first,
                rest,
            });
        }
        let mut numbers = [0; 3];
        let mut digits = [0; 3];
        let mut parts = 0;
        for part in date.split(['-', '/', '.']) {
            let is_number = !part.is_empty() && part.len() <= 4;
            if parts == 3 || !is_number || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            numbers[parts] = part.parse().ok()?;
            digits[parts] = part.len();
            parts += 1;
        }
        let year_first = digits[0] == 4;
        let one_year = digits[1] <= 2 && (year_first != (digits[2] == 4) || digits == [2, 2, 2]);
        (parts == 3 && one_year).then_some(Self {
            numbers,
            year_first,
            rest,
        })
    }

    fn date(&self, order: Order) -> Option<NaiveDate> {
        let [first, second, third] = self.numbers;
        let (year, month, day) = match order {
            _ if self.year_first => (first, second, third),
            Order::YearMonthDay => (first, second, third),
            Order::DayMonthYear => (third, second, first),
            Order::MonthDayYear => (third, first, second),
        };
        // Two digits are of this century, or of the end of the last one.
        let year = match year {
            0..=68 => year + 2000,
            69..=99 => year + 1900,
            year => year,
        };
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
    }
}

/// `19:58`, `19:58:54.5`, `7:58 PM`, with or without `Z` or `-05:00`.
fn time(text: &str) -> Option<(NaiveTime, Option<FixedOffset>)> {
    let text = text.trim();
    let clock_end = text
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(text.len());
    let (clock, rest) = text.split_at(clock_end);
    let mut rest = rest.trim();
    let mut afternoon = None;
    for (word, is_afternoon) in [("am", false), ("pm", true), ("a.m.", false), ("p.m.", true)] {
        if rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
        {
            afternoon = Some(is_afternoon);
            rest = rest[word.len()..].trim();
            break;
        }
    }
    let mut parts = clock.split(':');
    let mut hour: u32 = parts.next()?.parse().ok()?;
    let minute: u32 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let second: u32 = second.parse().ok()?;
    let micros: u32 = match fraction {
        "" => 0,
        digits => format!("{digits:0<6}").get(..6)?.parse().ok()?,
    };
    if parts.next().is_some() {
        return None;
    }
    match afternoon {
        Some(_) if hour == 0 || hour > 12 => return None,
        Some(true) => hour = hour % 12 + 12,
        Some(false) => hour %= 12,
        None => {}
    }
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    let offset = match rest {
        "" => None,
        "Z" | "z" | "UTC" | "GMT" => Some(FixedOffset::east_opt(0)?),
        offset => Some(self::offset(offset)?),
    };
    Some((time, offset))
}

/// `-05:00`, `+0530`, `+01`.
fn offset(text: &str) -> Option<FixedOffset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(cells: &[&str]) -> Result<Order, OrderFault> {
        find_order(
            "day",
            cells
                .iter()
                .enumerate()
                .map(|(i, cell)| (i as u64 + 2, *cell)),
        )
    }

    #[test]
    fn one_clear_date_tells_the_order_of_its_column() {
        assert_eq!(order(&["2018-02-01"]), Ok(Order::YearMonthDay));
        assert_eq!(
            order(&["01-02-2018", "", "31-12-2018"]),
            Ok(Order::DayMonthYear)
        );
        assert_eq!(
            order(&["1/2/2018", "12/31/2018 10:00"]),
            Ok(Order::MonthDayYear)
        );
    }

    #[test]
    fn a_column_that_reads_in_two_ways_is_not_guessed() {
        assert!(matches!(
            order(&["01-02-2018", "03-04-2018"]),
            Err(OrderFault::Ambiguous { line: 2, .. })
        ));
        assert!(matches!(
            order(&["31-12-2018", "12-31-2018"]),
            Err(OrderFault::Mixed { .. })
        ));
        assert!(matches!(
            order(&["2018-12-31", "01-02-2018"]),
            Err(OrderFault::Mixed { .. })
        ));
    }

    #[test]
    fn instants_are_read_in_their_zone_or_with_their_offset() {
        let quito: Zone = "America/Guayaquil".parse().unwrap();
        let read = |cell, order| instant(cell, order, &quito).map(|at| at.to_rfc3339());
        let ymd = Order::YearMonthDay;
        for (cell, order, wanted) in [
            ("2018-02-26 19:58:54", ymd, "2018-02-27T00:58:54+00:00"),
            ("2018-02-26", ymd, "2018-02-26T05:00:00+00:00"),
            ("2018-02-26T19:58:54Z", ymd, "2018-02-26T19:58:54+00:00"),
            (
                "2018-02-26T19:58:54.250-05:00",
                ymd,
                "2018-02-27T00:58:54.250+00:00",
            ),
            (
                "26.02.2018 07:58",
                Order::DayMonthYear,
                "2018-02-26T12:58:00+00:00",
            ),
            (
                "2/26/2018 7:58:00 PM",
                Order::MonthDayYear,
                "2018-02-27T00:58:00+00:00",
            ),
            (
                "12/26/18, 12:00 AM",
                Order::MonthDayYear,
                "2018-12-26T05:00:00+00:00",
            ),
        ] {
            assert_eq!(read(cell, order).as_deref(), Some(wanted), "{cell}");
        }
        for cell in [
            "",
            "x",
            "2018-13-01",
            "2018-02-30",
            "2018-02-26 25:00",
            "2018-02-26 10",
            "1-2-3-4",
            "2018-02-26 10:00 XX",
            "20180226é",
        ] {
            assert_eq!(instant(cell, ymd, &quito), None, "{cell}");
        }
    }

    #[test]
    fn a_format_is_declared_by_the_order_of_its_letters() {
        assert_eq!(Order::declared("dd-mm-yyyy"), Some(Order::DayMonthYear));
        assert_eq!(Order::declared("m/d/yyyy"), Some(Order::MonthDayYear));
        assert_eq!(Order::declared("YYYY.MM.DD"), Some(Order::YearMonthDay));
        assert_eq!(Order::declared("HH:MM"), None);
    }
}
