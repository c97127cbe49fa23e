//! The open time of the years people mostly ask about, compiled for looking up.

use super::rules::{Open, Rules};

/// Where the compiled years begin: 2010-01-01T00:00:00Z.
pub(super) const COMPILED_FROM: i64 = 1_262_304_000;
/// Where they end at the latest: 2050-01-01T00:00:00Z.
pub(super) const COMPILED_UNTIL: i64 = 2_524_608_000;
/// Stretches kept at most, so that every calendar stays under half a megabyte. Two shifts on
/// each day of the week fit; a calendar of more is compiled for fewer years.
const MOST_STRETCHES: usize = 32_768;
/// A bucket of time is 2^16 seconds long, about 18 hours.
const TIME_BITS: u32 = 16;
/// A bucket of open time is 2^15 seconds long, about 9 hours.
const OPEN_BITS: u32 = 15;
/// How many marks a search counts without a branch. How many of the few stretches of a bucket come
/// before a moment is a coin toss that no processor predicts.
const BRANCHLESS: usize = 3;

/// The stretches of open time of the compiled years, in order, with the open time before each.
#[derive(Debug)]
pub(super) struct Index {
    until: i64,
    /// One mark per stretch, between a mark of no length at the start and some past the end.
    marks: Box<[Mark]>,
    by_start: Buckets,
    by_open: Buckets,
}

/// A stretch of open time. It ends where its length says, and its length is the next mark's
/// `before` less its own.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Seconds since `COMPILED_FROM`.
    start: u32,
    /// Open seconds before the start.
    before: u32,
}

/// What the index knows of a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The last mark that starts by then.
    mark: usize,
    /// Open seconds from the start of the compiled years to here.
    pub(super) open: i64,
    /// Whether the second that begins here is open.
    pub(super) is_open: bool,
    /// Whether a stretch ends exactly here.
    pub(super) is_closing: bool,
}

impl Index {
    pub(super) fn compile(rules: &Rules) -> Self {
        let mut open = rules.open(COMPILED_FROM, COMPILED_UNTIL);
        let until = match open.get(MOST_STRETCHES) {
            Some(first_left_out) => first_left_out.start,
            None => COMPILED_UNTIL,
        };
        open.truncate(MOST_STRETCHES);

        let mut marks = Vec::with_capacity(1 + open.len() + BRANCHLESS);
        let (mut start, mut before) = (0, 0);
        marks.push(Mark { start, before });
        for open in open {
            start = since_start(open.start);
            marks.push(Mark { start, before });
            before += since_start(open.end) - start;
        }
        start = u32::MAX;
        marks.extend([Mark { start, before }; BRANCHLESS]);

        let by_start = Buckets::fill(&marks, TIME_BITS, since_start(until), |mark| mark.start);
        let by_open = Buckets::fill(&marks, OPEN_BITS, before, |mark| mark.before);
        let marks = marks.into();
        Self {
            until,
            marks,
            by_start,
            by_open,
        }
    }

    /// Where the compiled years end, in seconds since 1970.
    pub(super) fn until(&self) -> i64 {
        self.until
    }

    /// The place of a second since 1970, or `None` unless it is within the compiled years. Their
    /// very first second does not count: what closes there is not in the index.
    #[inline]
    pub(super) fn place(&self, second: i64) -> Option<Place> {
        if second <= COMPILED_FROM || second >= self.until {
            return None;
        }
        let at = since_start(second);
        let mark = self.by_start.last(&self.marks, at, |mark| mark.start);
        let Mark { start, before } = self.marks[mark];
        let length = self.marks[mark + 1].before - before;
        let into = at - start;
        Some(Place {
            mark,
            open: i64::from(before + into.min(length)),
            is_open: into < length,
            is_closing: into == length && length > 0,
        })
    }

    /// The first second since 1970 by which `open` seconds have been open since the compiled years
    /// began; `None` if that is not strictly within them. It is found sooner a little after `near`.
    #[inline]
    pub(super) fn reach(&self, near: Place, open: i64) -> Option<i64> {
        let total = self.marks[self.marks.len() - 1].before;
        let wanted = u32::try_from(open)
            .ok()
            .filter(|open| (1..=total).contains(open))?;
        let mark = match self.marks[near.mark..] {
            [first, second, third, fourth, ..]
                if first.before < wanted && wanted <= fourth.before =>
            {
                near.mark + usize::from(second.before < wanted) + usize::from(third.before < wanted)
            }
            _ => self
                .by_open
                .last(&self.marks, wanted - 1, |mark| mark.before),
        };
        let Mark { start, before } = self.marks[mark];
        Some(COMPILED_FROM + i64::from(start) + i64::from(wanted - before))
    }

    /// The open time in `from..until` (seconds since 1970, within the compiled years).
    pub(super) fn open(&self, from: i64, until: i64) -> Vec<Open> {
        let first = self
            .by_start
            .last(&self.marks, since_start(from), |mark| mark.start);
        self.marks[first..]
            .windows(2)
            .map(|pair| {
                let start = COMPILED_FROM + i64::from(pair[0].start);
                let end = start + i64::from(pair[1].before - pair[0].before);
                Open { start, end }
            })
            .take_while(|open| open.start < until)
            .map(|open| open.within(from, until))
            .filter(|open| open.start < open.end)
            .collect()
    }
}

/// A coarse way into the marks by one of their numbers.
#[derive(Debug)]
struct Buckets {
    bits: u32,
    /// For each bucket, the last mark whose number is at most that of the bucket's start; and for
    /// the one after the last.
    first: Box<[u32]>,
}

impl Buckets {
    /// Buckets for numbers up to `limit`; `number` never falls from a mark to the next.
    fn fill(marks: &[Mark], bits: u32, limit: u32, number: impl Fn(&Mark) -> u32) -> Self {
        let most = marks.len() - BRANCHLESS - 1;
        let mut mark = 0;
        let first = (0..=(limit >> bits) + 1)
            .map(|bucket| {
                while mark < most && number(&marks[mark + 1]) <= bucket << bits {
                    mark += 1;
                }
                mark as u32
            })
            .collect();
        Self { bits, first }
    }

    /// The last mark whose number is at most `wanted`, which is not above the limit, and is below
    /// the numbers of the marks past the end.
    #[inline]
    fn last(&self, marks: &[Mark], wanted: u32, number: impl Fn(&Mark) -> u32) -> usize {
        let bucket = (wanted >> self.bits) as usize;
        let (first, last) = (self.first[bucket] as usize, self.first[bucket + 1] as usize);
        let ahead = &marks[first + 1..];
        if last - first <= BRANCHLESS {
            let few = ahead[..BRANCHLESS].iter();
            first
                + few
                    .map(|mark| usize::from(number(mark) <= wanted))
                    .sum::<usize>()
        } else {
            first + ahead[..last - first].partition_point(|mark| number(mark) <= wanted)
        }
    }
}

/// Seconds since the compiled years began; the caller has made sure that it is within them.
fn since_start(second: i64) -> u32 {
    (second - COMPILED_FROM) as u32
}
