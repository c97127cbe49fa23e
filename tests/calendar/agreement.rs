//! The same questions put to this calendar and to the crate `workclock`.
//!
//! Also included by benches/calendar.rs, which measures nothing before the two agree.

use leadkit::calendar::{Calendar, CalendarSpec, parse_days};
use leadkit::time::{Elapsed, Instant};
use workclock::{Holidays, Schedule, Weekdays, WorkDay};

/// How many random questions the two are asked.
pub(crate) const QUESTIONS: usize = 20_000;

/// One set of office hours, twice.
pub(crate) struct Pair {
    pub(crate) ours: Calendar,
    pub(crate) theirs: Schedule,
}

/// From when, until when, and how much open time to add.
pub(crate) struct Question {
    pub(crate) pair: usize,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    pub(crate) business: Elapsed,
}

/// Without Pacific/Apia, where workclock lets the hours of the day that was skipped count on the
/// day after.
const ZONES: [&str; 8] = [
    "America/Guayaquil",
    "America/Mexico_City",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Madrid",
    "UTC",
];

/// The kinds of hours, each in every zone: whole days, split shifts, night shifts. Night shifts
/// have no holidays, as workclock leaves open what a shift of a holiday has after midnight.
pub(crate) fn pairs() -> Vec<Pair> {
    type Shifts = &'static [(&'static str, &'static [(i8, i8)])];
    let kinds: [(Shifts, bool); 4] = [
        (&[("mon-fri", &[(9, 17)])], true),
        (
            &[("mon-fri", &[(9, 13), (14, 18)]), ("sat", &[(10, 14)])],
            true,
        ),
        (&[("mon-sun", &[(0, 0)])], true),
        (
            &[("mon-thu", &[(22, 6)]), ("fri", &[(1, 5), (20, 4)])],
            false,
        ),
    ];
    let mut pairs = Vec::new();
    for zone in ZONES {
        for (shifts, has_holidays) in kinds {
            let mut spec = CalendarSpec::new(zone);
            let mut builder = Schedule::builder().time_zone(zone);
            for (days, hours) in shifts {
                spec = spec.weekly(
                    *days,
                    hours
                        .iter()
                        .map(|(from, to)| (format!("{from:02}:00"), format!("{to:02}:00"))),
                );
                for (from, to) in *hours {
                    let time = |hour| jiff::civil::time(hour, 0, 0, 0);
                    builder = builder.rule(WorkDay::new(time(*from), time(*to), weekdays(days)));
                }
            }
            if has_holidays {
                let holidays: Vec<jiff::civil::Date> = (2010..2046)
                    .flat_map(|year| {
                        [(1, 1), (3, 29), (5, 1), (10, 25), (12, 25)].map(|md| (year, md))
                    })
                    .map(|(year, (month, day))| jiff::civil::date(year, month, day))
                    .collect();
                spec = holidays
                    .iter()
                    .fold(spec, |spec, day| spec.holiday(day.to_string()));
                builder = builder.rule(Holidays::new(holidays));
            }
            pairs.push(Pair {
                ours: Calendar::compile(&spec).expect("no faults"),
                theirs: builder.build().expect("a schedule"),
            });
        }
    }
    pairs
}

fn weekdays(days: &str) -> Weekdays {
    let named = parse_days(days).expect("days").into_iter();
    named
        .map(|day| jiff::civil::Weekday::from_monday_zero_offset(day.num_days_from_monday() as i8))
        .collect::<Result<_, _>>()
        .expect("seven days")
}

/// Random questions of the years 2010 to 2044, always the same: spans of up to 180 days, and a
/// quarter of the amounts a whole number of hours, so that many end at a closing.
pub(crate) fn questions(pairs: usize) -> Vec<Question> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 16) % limit
    };
    let instant = |second: u64| {
        Instant::from_timestamp(second as i64, 0).expect("within the years of the test")
    };
    (0..QUESTIONS)
        .map(|_| {
            let pair = below(pairs as u64) as usize;
            let from = 1_262_390_400 + below(35 * 365 * 86_400);
            let to = from + below(180 * 86_400);
            let seconds = if below(4) == 0 {
                (1 + below(40)) * 3600
            } else {
                1 + below(400_000)
            };
            let (from, to) = (instant(from), instant(to));
            Question {
                pair,
                from,
                to,
                business: Elapsed::seconds(seconds as i64),
            }
        })
        .collect()
}

/// Panics at the first question on which the two differ.
pub(crate) fn assert_agreement(pairs: &[Pair], questions: &[Question]) {
    for Question {
        pair,
        from,
        to,
        business,
    } in questions
    {
        let Pair { ours, theirs } = &pairs[*pair];
        let told = || format!("{ours:?}\nfrom {from} to {to}, adding {business}");
        let theirs_between = theirs.between(jiff(*from), jiff(*to));
        assert_eq!(
            ours.between(*from, *to),
            chrono(theirs_between),
            "between: {}",
            told()
        );
        let length = jiff::SignedDuration::from_secs(business.num_seconds());
        let due = ours.add(*from, *business).expect("a due time");
        let theirs_due = theirs.add(jiff(*from), length).expect("a due time");
        assert_eq!(due.timestamp(), theirs_due.as_second(), "add: {}", told());

        // Backwards, theirs is the opening where ours is the closing before it.
        let since = ours.add(*from, -*business).expect("a time before");
        let theirs_since = theirs
            .sub(jiff(*from), length)
            .expect("a time before")
            .as_second();
        if since.timestamp() != theirs_since {
            let opening = ours.next_opening(since).map(|opening| opening.timestamp());
            assert_eq!(opening, Some(theirs_since), "backwards: {}", told());
            assert_eq!(
                ours.previous_open_or_same(since),
                Some(since),
                "backwards: {}",
                told()
            );
        }
    }
}

pub(crate) fn jiff(at: Instant) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.timestamp()).expect("within the years of the test")
}

fn chrono(length: jiff::SignedDuration) -> Elapsed {
    Elapsed::seconds(length.as_secs())
}

#[test]
fn twenty_thousand_random_questions_have_the_answers_of_workclock() {
    let pairs = pairs();
    assert_agreement(&pairs, &questions(pairs.len()));
}
