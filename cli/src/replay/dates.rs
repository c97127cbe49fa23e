//! Dates as people write them: which part is the day is found out over a whole column, or
//! declared; never guessed from one cell.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use leadkit::calendar::Zone;
use leadkit::time::Instant;

use super::times::time;

mod columns;

pub use columns::{OrderFault, find_order, hold_declared};

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
    const ALL: [Self; 3] = [Self::YearMonthDay, Self::DayMonthYear, Self::MonthDayYear];

    /// As a map declares it.
    fn declares(self, years: Years) -> &'static str {
        match (self, years) {
            (Self::YearMonthDay, Years::FourDigits) => "yyyy-mm-dd",
            (Self::DayMonthYear, Years::FourDigits) => "dd-mm-yyyy",
            (Self::MonthDayYear, Years::FourDigits) => "mm-dd-yyyy",
            (Self::YearMonthDay, Years::TwoDigitsToo) => "yy-mm-dd",
            (Self::DayMonthYear, Years::TwoDigitsToo) => "dd-mm-yy",
            (Self::MonthDayYear, Years::TwoDigitsToo) => "mm-dd-yy",
        }
    }
}

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// In which order.
    pub order: Order,
    /// How their years are.
    pub years: Years,
}

/// How the years of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Years {
    /// With four digits; a year of two is a slip of the pen.
    FourDigits,
    /// With two digits, or with four.
    TwoDigitsToo,
}

impl Format {
    /// The format that is declared: `dd-mm-yyyy`, `m/d/yy`. What stands between the parts, and how
    /// many digits day and month have, does not matter.
    #[must_use]
    pub fn declared(format: &str) -> Option<Self> {
        let digits = format.chars().filter(|letter| matches!(letter, 'y' | 'Y'));
        let years = match digits.count() {
            1 | 2 => Years::TwoDigitsToo,
            _ => Years::FourDigits,
        };
        let order = Self::declared_order(format)?;
        Some(Self { order, years })
    }

    fn declared_order(format: &str) -> Option<Order> {
        let mut letters: Vec<char> = Vec::new();
        for letter in format.chars().filter(|letter| letter.is_alphabetic()) {
            let letter = letter.to_ascii_lowercase();
            if letters.last() != Some(&letter) {
                letters.push(letter);
            }
        }
        match letters.as_slice() {
            ['y', 'm', 'd'] => Some(Order::YearMonthDay),
            ['d', 'm', 'y'] => Some(Order::DayMonthYear),
            ['m', 'd', 'y'] => Some(Order::MonthDayYear),
            _ => None,
        }
    }
}

/// Why a cell can't be read as a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DateFault {
    /// It is none, or none in the order of its column.
    #[error("is no date")]
    NotADate,
    /// Its month has fewer days.
    #[error("is no date: that month has days 01 to {last}")]
    NoSuchDay {
        /// The last day of the month.
        last: u32,
    },
    /// A year has fewer months; in the other order it may be a date.
    #[error(
        "is no date: there is no month {month}{}",
        if *.is_turned { " (are day and month the other way about?)" } else { "" }
    )]
    NoSuchMonth {
        /// The number that stands where the month does.
        month: u32,
        /// Whether it is a date with day and month the other way about.
        is_turned: bool,
    },
    /// Its year has four digits and begins with a zero: a program's way to say that it has no date
    /// (`0001-01-01`), or a year of two digits that was filled up (`0026`).
    #[error("is no date to rely on: nothing happened in the year {0:04}")]
    Year(u32),
    /// Its year has two digits, and those of its column have four: `26-03-02` among `02-03-2026`.
    #[error(
        "has a year of two digits, and the others of its column have four; if that is meant, declare \
         the column as dd-mm-yy"
    )]
    TwoDigits,
    /// It is a number as a spreadsheet keeps days: 45231 is the first of November 2023.
    #[error(
        "is no date; it may be a spreadsheet's number of the day {0}: let it show the column as a date \
         before it is exported"
    )]
    DayNumber(NaiveDate),
}

impl DateFault {
    /// What is wrong with a cell that has no parts of a date.
    fn of(cell: &str) -> Self {
        let days = cell.trim().split(['.', ',']).next().unwrap_or_default();
        let days = days.parse().ok().filter(|days| DAY_NUMBERS.contains(days));
        let day = days.and_then(|days| DAY_ZERO.checked_add_days(Days::new(days)));
        day.map_or(Self::NotADate, Self::DayNumber)
    }
}

/// The day from which spreadsheets count, as it is for all days since March 1900.
const DAY_ZERO: NaiveDate = match NaiveDate::from_ymd_opt(1899, 12, 30) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
/// The numbers that are taken for days: 1954 to 2064.
const DAY_NUMBERS: std::ops::Range<u64> = 20_000..60_000;

/// The day in a cell, which may have a time of day behind it. Without a format, only a date that
/// begins with a year of four digits is read.
///
/// # Errors
/// When it can't be read.
pub fn date(cell: &str, format: Option<Format>) -> Result<NaiveDate, DateFault> {
    let parts = Parts::of(cell).ok_or_else(|| DateFault::of(cell))?;
    let is_whole = parts.rest.is_empty() || time(parts.rest).is_some();
    let date = parts.date(format)?;
    is_whole.then_some(date).ok_or(DateFault::NotADate)
}

/// The instant in a cell: a date alone is its first moment in the zone; a time that carries its
/// own offset keeps it. Of a local time that comes twice when clocks go back the first is meant, one
/// that clocks leave out when they go forward is moved by as much as they are (02:30 is 03:30). The
/// format is as for [`date`].
///
/// # Errors
/// When it can't be read.
pub fn instant(cell: &str, format: Option<Format>, zone: &Zone) -> Result<Instant, DateFault> {
    let parts = Parts::of(cell).ok_or_else(|| DateFault::of(cell))?;
    let date = parts.date(format)?;
    let (time, offset) = match parts.rest {
        "" => (NaiveTime::MIN, None),
        rest => time(rest).ok_or(DateFault::NotADate)?,
    };
    let local = NaiveDateTime::new(date, time);
    let Some(offset) = offset else {
        return Ok(zone.from_local(local));
    };
    let at = offset.from_local_datetime(&local).single();
    at.map(|at| at.to_utc()).ok_or(DateFault::NotADate)
}

/// The time of a cell that no clock of the zone showed, since it was put forward then: what it says, and what
/// it is taken for. A date alone is the first moment that its day has.
#[must_use]
pub fn moved(
    cell: &str,
    format: Option<Format>,
    zone: &Zone,
) -> Option<(NaiveDateTime, NaiveDateTime)> {
    let parts = Parts::of(cell)?;
    let date = parts.date(format).ok()?;
    let (time, None) = time(parts.rest)? else {
        return None;
    };
    let said = NaiveDateTime::new(date, time);
    let taken_for = zone.to_local(zone.from_local(said));
    (taken_for != said).then_some((said, taken_for))
}

/// A cell taken apart.
struct Parts<'a> {
    numbers: [u32; 3],
    /// Whether it begins with a year of four digits.
    year_first: bool,
    /// Whether it ends with one.
    year_last: bool,
    /// Of a year of two digits: whether it can be the first number, and the last one.
    has_two_digits: [bool; 2],
    /// What follows the date.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(cell: &'a str) -> Option<Self> {
        let cell = cell.trim();
        let end = cell.find(parts_day_from_time).unwrap_or(cell.len());
        let (date, rest) = cell.split_at(end);
        let rest = rest.trim_start_matches(parts_day_from_time);
        if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = |range: std::ops::Range<usize>| date[range].parse().ok();
            let numbers = [number(0..4)?, number(4..6)?, number(6..8)?];
            let year_first = true;
            return Some(Self {
                numbers,
                year_first,
                year_last: false,
                has_two_digits: [false; 2],
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
        let has_two_digits = [digits[0] == 2, digits[2] == 2];
        let is_short = digits[0] <= 2 && digits[2] <= 2 && has_two_digits.contains(&true);
        let one_year = digits[1] <= 2 && (year_first != (digits[2] == 4) || is_short);
        (parts == 3 && one_year).then_some(Self {
            numbers,
            year_first,
            year_last: digits[2] == 4,
            has_two_digits,
            rest,
        })
    }

    fn has_whole_year(&self) -> bool {
        self.year_first || self.year_last
    }

    fn date(&self, format: Option<Format>) -> Result<NaiveDate, DateFault> {
        let [first, second, third] = self.numbers;
        let (year, month, day) = match format.map(|format| format.order) {
            _ if self.year_first => (first, second, third),
            // Of two digits, or it would be a year that comes first.
            Some(Order::YearMonthDay) if self.year_last => {
                return Err(DateFault::NotADate);
            }
            Some(Order::YearMonthDay) => (first, second, third),
            Some(Order::DayMonthYear) => (third, second, first),
            Some(Order::MonthDayYear) => (third, first, second),
            None => return Err(DateFault::NotADate),
        };
        let [may_be_first, may_be_last] = self.has_two_digits;
        let has_year = match format.map(|format| format.order) {
            _ if self.has_whole_year() => true,
            Some(Order::YearMonthDay) => may_be_first,
            _ => may_be_last,
        };
        if !has_year {
            return Err(DateFault::NotADate);
        }
        let wants_four = format.is_some_and(|format| format.years == Years::FourDigits);
        if wants_four && !self.has_whole_year() {
            return Err(DateFault::TwoDigits);
        }
        // Two digits are of this century, or of the end of the last one.
        let year = match year {
            year if year < 1000 && self.has_whole_year() => {
                return Err(DateFault::Year(year));
            }
            0..=68 => year + 2000,
            69..=99 => year + 1900,
            year => year,
        };
        let year = i32::try_from(year).map_err(|_| DateFault::NotADate)?;
        NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| no_such(year, month, day))
    }
}

/// Why there is no such day.
fn no_such(year: i32, month: u32, day: u32) -> DateFault {
    let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) else {
        let is_turned = NaiveDate::from_ymd_opt(year, day, month).is_some();
        return DateFault::NoSuchMonth { month, is_turned };
    };
    DateFault::NoSuchDay {
        last: first.num_days_in_month().into(),
    }
}

/// Also the spaces that break no line, as spreadsheets write them.
fn parts_day_from_time(c: char) -> bool {
    c.is_whitespace() || matches!(c, 'T' | 't' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In this order, with years of two digits too.
    fn any(order: Order) -> Option<Format> {
        let years = Years::TwoDigitsToo;
        Some(Format { order, years })
    }

    fn order(cells: &[&str]) -> Result<Option<Order>, OrderFault> {
        let found = format(cells)?;
        Ok(found.map(|format| format.order))
    }

    fn format(cells: &[&str]) -> Result<Option<Format>, OrderFault> {
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
        assert_eq!(order(&["2018-02-01"]), Ok(None));
        assert_eq!(
            order(&["01-02-2018", "", "31-12-2018"]),
            Ok(Some(Order::DayMonthYear))
        );
        assert_eq!(
            order(&["1/2/2018", "12/31/2018 10:00"]),
            Ok(Some(Order::MonthDayYear))
        );
        assert_eq!(order(&["12/31/18"]), Ok(Some(Order::MonthDayYear)));
        assert_eq!(
            order(&["99-12-31", "98-01-02"]),
            Ok(Some(Order::YearMonthDay))
        );
        assert_eq!(order(&["", "soon", "10:00"]), Ok(None));
    }

    #[test]
    fn a_column_that_reads_in_two_ways_is_not_guessed() {
        assert!(matches!(
            order(&["01-02-2018", "03-04-2018"]),
            Err(OrderFault::Ambiguous { line: 2, .. })
        ));
        // 26 December 2018, or 18 December 2026.
        assert!(matches!(
            order(&["26-12-18", "25-11-17"]),
            Err(OrderFault::Ambiguous { line: 2, .. })
        ));
        assert!(matches!(
            order(&["31-12-2018", "12-31-2018"]),
            Err(OrderFault::Mixed {
                one_line: 2,
                other_line: 3,
                ..
            })
        ));
        assert!(matches!(
            order(&["2018-12-31", "01-02-2018"]),
            Err(OrderFault::Mixed { .. })
        ));
    }

    #[test]
    fn without_an_order_only_a_year_of_four_digits_in_front_is_read() {
        let day = Ok(NaiveDate::from_ymd_opt(2018, 2, 1).unwrap());
        assert_eq!(date("2018-02-01", None), day);
        assert_eq!(date("01-02-18", None), Err(DateFault::NotADate));
        assert_eq!(date("01-02-18", any(Order::DayMonthYear)), day);
        assert_eq!(date("18-02-01", any(Order::YearMonthDay)), day);
    }

    #[test]
    fn what_follows_a_day_must_be_a_time() {
        let day = Ok(NaiveDate::from_ymd_opt(2018, 2, 26).unwrap());
        for cell in ["2018-02-26 00:00:00", "2018-02-26T19:58:54Z", "2018-02-26"] {
            assert_eq!(date(cell, None), day, "{cell}");
        }
        for cell in ["2018-02-26 or later", "2018-02-26 25:00"] {
            assert_eq!(date(cell, None), Err(DateFault::NotADate), "{cell}");
        }
    }

    #[test]
    fn a_year_that_was_filled_up_with_zeros_is_no_year_of_this_century() {
        let dmy = any(Order::DayMonthYear);
        for (cell, order, year) in [
            ("0001-01-01", None, 1),
            ("0026-03-02", None, 26),
            ("00260302", None, 26),
            ("0000-00-00", None, 0),
            ("02-03-0026", dmy, 26),
        ] {
            let quito: Zone = "America/Guayaquil".parse().unwrap();
            assert_eq!(date(cell, order), Err(DateFault::Year(year)), "{cell}");
            let read = instant(cell, order, &quito);
            assert_eq!(read, Err(DateFault::Year(year)), "{cell}");
        }
    }

    #[test]
    fn instants_are_read_in_their_zone_or_with_their_offset() {
        let quito: Zone = "America/Guayaquil".parse().unwrap();
        let read = |cell, order| instant(cell, any(order), &quito).map(|at| at.to_rfc3339());
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
                "26/02/2018 07:58 p. m.",
                Order::DayMonthYear,
                "2018-02-27T00:58:00+00:00",
            ),
            (
                "26/02/2018\u{a0}12:58:00\u{202f}a.\u{a0}m.",
                Order::DayMonthYear,
                "2018-02-26T05:58:00+00:00",
            ),
            (
                "12/26/18, 12:00 AM",
                Order::MonthDayYear,
                "2018-12-26T05:00:00+00:00",
            ),
        ] {
            assert_eq!(read(cell, order).as_deref(), Ok(wanted), "{cell}");
        }
        for cell in [
            "",
            "x",
            "2018-02-26 25:00",
            "2018-02-26 10",
            "1-2-3-4",
            "2018-02-26 10:00 XX",
            "20180226é",
        ] {
            let read = instant(cell, any(ymd), &quito);
            assert_eq!(read, Err(DateFault::NotADate), "{cell}");
        }
    }

    #[test]
    fn a_format_is_declared_by_the_order_of_its_letters() {
        let four = |order| {
            let years = Years::FourDigits;
            Some(Format { order, years })
        };
        assert_eq!(Format::declared("dd-mm-yyyy"), four(Order::DayMonthYear));
        assert_eq!(Format::declared("m/d/yyyy"), four(Order::MonthDayYear));
        assert_eq!(Format::declared("YYYY.MM.DD"), four(Order::YearMonthDay));
        assert_eq!(Format::declared("d.m.yy"), any(Order::DayMonthYear));
        assert_eq!(Format::declared("HH:MM"), None);
    }

    #[test]
    fn a_hint_declares_the_years_as_they_are_written() {
        let hint = |cells: &[&str]| order(cells).unwrap_err().hint();
        let four = "declare it: dates = { day = \"dd-mm-yyyy\" }, or \"mm-dd-yyyy\"";
        assert_eq!(hint(&["01-02-2018", "03-04-2018"]), four);
        let two = "declare it: dates = { day = \"dd-mm-yy\" }, \"mm-dd-yy\" or \"yy-mm-dd\"";
        assert_eq!(hint(&["01-02-18", "03-04-18"]), two);
    }

    #[test]
    fn the_number_of_a_day_is_told_and_not_taken_for_one() {
        let told = |cell: &str| instant(cell, None, &"UTC".parse().unwrap()).unwrap_err();
        assert_eq!(told("45231"), DateFault::DayNumber(day(2023, 11, 1)));
        assert_eq!(told("45231.5"), DateFault::DayNumber(day(2023, 11, 1)));
        assert_eq!(told("12"), DateFault::NotADate);
        assert_eq!(told("4523100000"), DateFault::NotADate);
    }

    #[test]
    fn a_day_that_there_is_not_is_refused_with_what_is_wrong() {
        let declared = Format::declared("dd-mm-yyyy");
        let told = |cell: &str| date(cell, declared).unwrap_err().to_string();
        for (cell, why) in [
            ("31-02-2026 10:00", ": that month has days 01 to 28"),
            ("30-02-2024", ": that month has days 01 to 29"),
            ("2026-04-00", ": that month has days 01 to 30"),
            (
                "05-13-2026",
                ": there is no month 13 (are day and month the other way about?)",
            ),
            ("31-13-2026", ": there is no month 13"),
            ("01-00-2026", ": there is no month 0"),
            ("next week", ""),
        ] {
            assert_eq!(told(cell), format!("is no date{why}"), "{cell}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_one_however_many_digits_day_and_month_have() {
        let short = Format::declared("d/m/yy");
        for cell in ["1/4/26", "01/4/26", "1/04/26", "01/04/26"] {
            assert_eq!(date(cell, short), Ok(day(2026, 4, 1)), "{cell}");
        }
        let year_first = Format::declared("yy-m-d");
        assert_eq!(date("26-4-1", year_first), Ok(day(2026, 4, 1)));
        // No year has one digit.
        for (cell, order) in [("26-4-1", short), ("1/4/26", year_first)] {
            assert_eq!(date(cell, order), Err(DateFault::NotADate), "{cell}");
        }
        assert_eq!(date("1/4/6", short), Err(DateFault::NotADate));
        assert_eq!(order(&["1/4/26", "13/4/26"]), Ok(Some(Order::DayMonthYear)));
    }

    #[test]
    fn a_year_of_two_digits_is_refused_where_others_have_four() {
        let declared = Format::declared("dd-mm-yyyy");
        for cell in ["26-03-02", "1-4-26"] {
            assert_eq!(date(cell, declared), Err(DateFault::TwoDigits), "{cell}");
        }
        let short = Format::declared("dd-mm-yy");
        assert_eq!(date("26-03-02", short), Ok(day(2002, 3, 26)));
        assert_eq!(date("26-03-2026", short), Ok(day(2026, 3, 26)));
        // Found out: the two digits tell nothing, and are refused.
        let found = format(&["26-03-02", "03-04-2026", "31-12-2026"]).unwrap();
        assert_eq!(found, declared);
        let found = format(&["26-03-02", "2026-04-03"]).unwrap();
        assert_eq!(date("26-03-02", found), Err(DateFault::NotADate));
    }

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }
}
