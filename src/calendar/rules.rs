//! A calendar's rules, checked, and the stretches of open time that follow from them.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::impossible::Impossible;
use super::spec::{CalendarFault, CalendarFaults, CalendarSpec, Flaw, Hours, parse_days};
use super::zone::Zone;

/// Seconds in a day on the wall.
pub(super) const DAY: i64 = 86_400;

/// A stretch of open time: seconds since 1970, the start in it, the end not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Open {
    /// What of it is in `from..until`; ends before it starts when nothing is.
    pub(super) fn within(self, from: i64, until: i64) -> Self {
        Self {
            start: self.start.max(from),
            end: self.end.min(until),
        }
    }
}

/// The hours of every day, in local time.
#[derive(Debug)]
pub(super) struct Rules {
    zone: Zone,
    /// By days from Monday.
    weekly: [Vec<Shift>; 7],
    /// By month times 32 plus day.
    yearly: BTreeMap<u32, Vec<Shift>>,
    /// By days since 1970.
    dated: BTreeMap<i64, Dated>,
}

/// Seconds from local midnight; `from < to`, and `to` at most a day after `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from: i64,
    pub(super) to: i64,
}

#[derive(Debug, Default)]
struct Dated {
    holiday: bool,
    hours: Option<Vec<Shift>>,
    breaks: Vec<Shift>,
}

/// What a day's own rules say of it.
enum Day<'a> {
    /// Nothing is open between its two midnights.
    Closed,
    /// The shifts that start on it.
    Shifts(&'a [Shift]),
}

impl Rules {
    /// Open every day, all day.
    pub(super) fn round_the_clock(zone: Zone) -> Self {
        let day = vec![Shift { from: 0, to: DAY }];
        Self {
            zone,
            weekly: std::array::from_fn(|_| day.clone()),
            yearly: BTreeMap::new(),
            dated: BTreeMap::new(),
        }
    }

    /// Checks `spec` from one end to the other.
    pub(super) fn read(spec: &CalendarSpec) -> Result<Self, CalendarFaults> {
        let mut reader = Reader::default();
        let zone = match spec.tz.parse() {
            Ok(zone) => zone,
            Err(unknown) => {
                reader.fault("tz", Flaw::UnknownZone(unknown));
                Zone::utc()
            }
        };
        let weekly = reader.weekly(&spec.weekly);
        let mut dated: BTreeMap<i64, Dated> = BTreeMap::new();
        for (day, hours) in reader.dates("overrides", &spec.overrides, Overlaps::Refused) {
            dated.entry(day).or_default().hours = Some(hours);
        }
        for (day, hours) in reader.dates("breaks", &spec.breaks, Overlaps::Allowed) {
            dated.entry(day).or_default().breaks = hours;
        }
        for (i, text) in spec.holidays.iter().enumerate() {
            if let Some(day) = reader.date(|| format!("holidays[{i}]"), text) {
                dated.entry(day).or_default().holiday = true;
            }
        }
        let yearly = reader.yearly(&spec.recurring_overrides);
        if reader.faults.is_empty() {
            Ok(Self {
                zone,
                weekly,
                yearly,
                dated,
            })
        } else {
            Err(CalendarFaults(reader.faults))
        }
    }

    pub(super) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The open time in `from..until` (seconds since 1970): in order, apart, cut at both ends.
    pub(super) fn open(&self, from: i64, until: i64) -> Vec<Open> {
        // A shift reaches up to two days past its local midnight, a skipped day can add one, and
        // local midnight is within a day of the one in UTC.
        let days = from.div_euclid(DAY) - 5..=until.div_euclid(DAY) + 2;
        let offsets = self.zone.offsets(from, until);
        let mut hint = offsets.start(days.start() * DAY);
        let mut dated = self.dated.range(days.clone()).peekable();
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for day in days {
            let midnight = day * DAY;
            hint = offsets.advance(hint, midnight);
            let resolve = |seconds| offsets.resolve(hint, midnight + seconds);
            let put = |list: &mut Vec<Open>, from, to| {
                let open = Open {
                    start: resolve(from),
                    end: resolve(to),
                };
                if open.start < open.end {
                    list.push(open);
                }
            };
            let special = dated
                .next_if(|(date, _)| **date == day)
                .map(|(_, special)| special);
            if resolve(0) >= resolve(DAY) {
                continue; // The zone skips this day: it has no hours of its own.
            }
            match self.day(day, special) {
                Day::Closed => put(&mut off, 0, DAY),
                Day::Shifts(shifts) => shifts.iter().for_each(|s| put(&mut on, s.from, s.to)),
            }
            for pause in special.map_or(&[][..], |special| &special.breaks) {
                put(&mut off, pause.from, pause.to);
            }
        }
        let mut open = without(joined(on), &joined(off));
        open.retain_mut(|open| {
            *open = open.within(from, until);
            open.start < open.end
        });
        open
    }

    /// From where to where the shifts that start on a day reach, breaks and all; `None` where none
    /// does: on a closed day, and on one that the zone skips.
    pub(super) fn hours(&self, day: i64) -> Option<Shift> {
        let Day::Shifts(shifts) = self.day(day, self.dated.get(&day)) else {
            return None;
        };
        let from = shifts.first()?.from;
        let to = shifts.iter().map(|shift| shift.to).max()?;
        (!self.zone.leaves_out(day)).then_some(Shift { from, to })
    }

    /// Whether a shift starts on a day.
    pub(super) fn is_working_day(&self, day: i64) -> bool {
        self.hours(day).is_some()
    }

    fn day<'a>(&'a self, day: i64, special: Option<&'a Dated>) -> Day<'a> {
        if special.is_some_and(|special| special.holiday) {
            return Day::Closed;
        }
        let replaced = match special.and_then(|special| special.hours.as_ref()) {
            None if !self.yearly.is_empty() => self.yearly.get(&month_day(day)),
            dated => dated,
        };
        match replaced {
            Some(shifts) if shifts.is_empty() => Day::Closed,
            Some(shifts) => Day::Shifts(shifts),
            // 1970-01-01 was a Thursday.
            None => Day::Shifts(&self.weekly[(day + 3).rem_euclid(7) as usize]),
        }
    }
}

/// Sorts and joins stretches that overlap or touch.
fn joined(mut list: Vec<Open>) -> Vec<Open> {
    list.sort_by_key(|open| open.start);
    list.dedup_by(|next, last| {
        let joins = next.start <= last.end;
        if joins {
            last.end = last.end.max(next.end);
        }
        joins
    });
    list
}

/// `on` less `off`, both joined.
fn without(on: Vec<Open>, off: &[Open]) -> Vec<Open> {
    if off.is_empty() {
        return on;
    }
    let mut rest = Vec::with_capacity(on.len() + off.len());
    let mut first = 0;
    for Open { mut start, end } in on {
        while off.get(first).is_some_and(|off| off.end <= start) {
            first += 1;
        }
        for cut in off[first..].iter().take_while(|off| off.start < end) {
            if start < cut.start {
                rest.push(Open {
                    start,
                    end: cut.start,
                });
            }
            start = cut.end;
        }
        if start < end {
            rest.push(Open { start, end });
        }
    }
    rest
}

pub(super) fn days_since_1970(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

pub(super) fn date_of(day: i64) -> Option<NaiveDate> {
    let days = i32::try_from(day + 719_163).ok()?;
    NaiveDate::from_num_days_from_ce_opt(days)
}

fn month_day(day: i64) -> u32 {
    date_of(day).map_or(0, |date| date.month() * 32 + date.day())
}

/// Whether the entries of one list may overlap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overlaps {
    Allowed,
    Refused,
}

/// Reads the texts of a spec and keeps what is wrong with them.
#[derive(Default)]
struct Reader {
    faults: Vec<CalendarFault>,
}

impl Reader {
    fn fault(&mut self, place: impl Into<String>, flaw: Flaw) {
        self.faults.push(CalendarFault {
            place: place.into(),
            flaw,
        });
    }

    fn weekly(&mut self, weekly: &BTreeMap<String, Vec<Hours>>) -> [Vec<Shift>; 7] {
        let mut week: [Vec<Shift>; 7] = Default::default();
        let mut named: [Option<&str>; 7] = [None; 7];
        for (key, hours) in weekly {
            let place = format!("weekly.{key}");
            let shifts = self.shifts(&place, hours, Overlaps::Refused);
            let Some(days) = parse_days(key) else {
                self.fault(place, Flaw::BadDays { text: key.clone() });
                continue;
            };
            for day in days {
                let i = day.num_days_from_monday() as usize;
                if let Some(earlier) = named[i] {
                    self.fault(
                        place.as_str(),
                        Flaw::DayTwice {
                            day,
                            earlier: earlier.to_owned(),
                        },
                    );
                }
                named[i] = Some(key);
                week[i].clone_from(&shifts);
            }
        }
        week
    }

    fn dates(
        &mut self,
        field: &str,
        dates: &BTreeMap<String, Vec<Hours>>,
        overlaps: Overlaps,
    ) -> Vec<(i64, Vec<Shift>)> {
        let mut read = Vec::with_capacity(dates.len());
        for (key, hours) in dates {
            let place = format!("{field}.{key}");
            let day = self.date(|| place.clone(), key);
            let shifts = self.shifts(&place, hours, overlaps);
            read.extend(day.map(|day| (day, shifts)));
        }
        read
    }

    fn yearly(&mut self, yearly: &BTreeMap<String, Vec<Hours>>) -> BTreeMap<u32, Vec<Shift>> {
        let mut read = BTreeMap::new();
        for (key, hours) in yearly {
            let place = format!("recurring_overrides.{key}");
            // A leap year has every day that a year can have.
            let date = digits(key, b"00-00")
                .and_then(|[month, day, _]| NaiveDate::from_ymd_opt(2000, month, day));
            if date.is_none() {
                let text = key.clone();
                let flaw = match Impossible::month_day(key) {
                    Some(why) => Flaw::NoSuchDay { text, why },
                    None => Flaw::BadMonthDay { text },
                };
                self.fault(place.as_str(), flaw);
            }
            let shifts = self.shifts(&place, hours, Overlaps::Refused);
            read.extend(date.map(|date| (date.month() * 32 + date.day(), shifts)));
        }
        read
    }

    fn date(&mut self, place: impl FnOnce() -> String, text: &str) -> Option<i64> {
        let date = digits(text, b"0000-00-00").and_then(|[year, month, day]| {
            let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
            NaiveDate::from_ymd_opt(year, month, day)
        });
        if date.is_none() {
            let said = text.to_owned();
            let flaw = match Impossible::date(text) {
                Some(why) => Flaw::NoSuchDay { text: said, why },
                None => Flaw::BadDate { text: said },
            };
            self.fault(place(), flaw);
        }
        date.map(days_since_1970)
    }

    fn shifts(&mut self, place: &str, hours: &[Hours], overlaps: Overlaps) -> Vec<Shift> {
        let mut read: Vec<(Shift, usize)> = Vec::with_capacity(hours.len());
        for (i, Hours { from, to }) in hours.iter().enumerate() {
            let opens = time(from).filter(|from| *from < DAY);
            let closes = time(to);
            for (said, bad) in [(from, opens.is_none()), (to, closes.is_none())] {
                if bad {
                    let text = said.clone();
                    let ends = time(said).is_some().then_some(Impossible::Begins);
                    let flaw = match ends.or_else(|| Impossible::time(said)) {
                        Some(why) => Flaw::NoSuchTime { text, why },
                        None => Flaw::BadTime { text },
                    };
                    self.fault(format!("{place}[{i}]"), flaw);
                }
            }
            if let (Some(from), Some(to)) = (opens, closes) {
                let to = if to <= from { to + DAY } else { to };
                read.push((Shift { from, to }, i));
            }
        }
        read.sort_by_key(|(shift, i)| (shift.from, *i));
        let mut latest: Option<(Shift, usize)> = None;
        for (shift, i) in &read {
            match latest {
                Some((before, other))
                    if overlaps == Overlaps::Refused && shift.from < before.to =>
                {
                    let Hours { from, to } = &hours[other];
                    let shift = format!("{from}-{to}");
                    self.fault(format!("{place}[{i}]"), Flaw::Overlap { other, shift });
                }
                Some((before, _)) if before.to >= shift.to => {}
                _ => latest = Some((*shift, *i)),
            }
        }
        read.into_iter().map(|(shift, _)| shift).collect()
    }
}

/// Seconds from midnight, up to and including 24:00.
fn time(text: &str) -> Option<i64> {
    let padded;
    // 9:00 is as clear as 09:00.
    let text = if text.as_bytes().get(1) == Some(&b':') {
        padded = format!("0{text}");
        &padded
    } else {
        text
    };
    let [hour, minute, second] = digits(text, b"00:00").or_else(|| digits(text, b"00:00:00"))?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    (minute < 60 && second < 60 && seconds <= DAY).then_some(seconds)
}

/// The up to three numbers of a text that has a digit wherever `form` has one, and is otherwise
/// equal to it.
pub(super) fn digits(text: &str, form: &[u8]) -> Option<[u32; 3]> {
    if text.len() != form.len() {
        return None;
    }
    let mut numbers = [0; 3];
    let mut number = 0;
    for (byte, wanted) in text.bytes().zip(form) {
        if *wanted == b'0' && byte.is_ascii_digit() {
            numbers[number] = numbers[number] * 10 + u32::from(byte - b'0');
        } else if *wanted != b'0' && byte == *wanted {
            number += 1;
        } else {
            return None;
        }
    }
    Some(numbers)
}
