//! Times of day as people write them: of twelve hours or of twenty-four, with an offset or without.

use chrono::{FixedOffset, NaiveTime};

/// `19:58`, `19:58:54.5`, `7:58 PM`, `7:58 p. m.`, with or without `Z` or `-05:00`.
pub(super) fn time(text: &str) -> Option<(NaiveTime, Option<FixedOffset>)> {
    let text = text.trim();
    let clock_end = text
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(text.len());
    let (clock, rest) = text.split_at(clock_end);
    let (afternoon, rest) = match half_of_day(rest) {
        Some((is_afternoon, rest)) => (Some(is_afternoon), rest),
        None => (None, rest.trim()),
    };
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

/// `PM`, `p.m.`, `p. m.`: whether it is the afternoon, and what follows.
fn half_of_day(text: &str) -> Option<(bool, &str)> {
    let said = text.char_indices();
    let mut letters = said.filter(|(_, c)| *c != '.' && !c.is_whitespace());
    let is_afternoon = match letters.next()?.1 {
        'a' | 'A' => false,
        'p' | 'P' => true,
        _ => return None,
    };
    let (at, m) = letters.next()?;
    let rest = text.get(at + 1..)?;
    let is_half = m.eq_ignore_ascii_case(&'m');
    is_half.then(|| (is_afternoon, rest.trim_start_matches('.').trim()))
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
