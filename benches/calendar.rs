//! What a question to a compiled calendar costs, beside the crate `workclock` in the same run.
//!
//! It first makes sure that both give the same answers to 20,000 random questions, then prints the
//! medians of both with their ratio, then what divan measures.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/calendar/agreement.rs"]
mod agreement;

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use ::jiff::{SignedDuration, Timestamp};
use agreement::{Pair, Question, assert_agreement, jiff, pairs, questions};
use leadkit::calendar::{Calendar, CalendarSpec};
use leadkit::time::Elapsed;

static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(pairs);
static QUESTIONS: LazyLock<Vec<Question>> = LazyLock::new(|| questions(PAIRS.len()));
/// The pair of a split shift with a Saturday, in a zone whose clocks change.
const OFFICE: usize = 6 * 4 + 1;
const FOUR_HOURS: Elapsed = Elapsed::hours(4);
const HALF_A_YEAR: Elapsed = Elapsed::days(180);

fn main() {
    assert_agreement(&PAIRS, &QUESTIONS);
    println!("both agree on {} random questions", QUESTIONS.len());
    compare();
    divan::main();
}

/// The medians of both engines, taken in turns so that both see the same machine, and each on
/// questions in its own types, made beforehand.
fn compare() {
    let Pair { ours, theirs } = &PAIRS[OFFICE];
    println!(
        "{:34}{:>12}{:>14}{:>9}",
        "median of one question", "leadkit", "workclock", "ratio"
    );

    let adds: Vec<_> = QUESTIONS.iter().map(|q| (q.from, FOUR_HOURS)).collect();
    let add = |(at, business): &(_, _)| black_box(ours.add(*at, *business)).is_ok();
    let add_theirs = |(at, business): &(_, _)| black_box(theirs.add(*at, *business)).is_ok();
    report(
        "add 4 h",
        &adds,
        add,
        &adds.iter().map(in_jiff).collect::<Vec<_>>(),
        add_theirs,
    );

    let adds: Vec<_> = QUESTIONS.iter().map(|q| (q.from, q.business)).collect();
    let theirs_adds: Vec<_> = adds.iter().map(in_jiff).collect();
    report("add 1 s to 400,000 s", &adds, add, &theirs_adds, add_theirs);

    let spans: Vec<_> = QUESTIONS
        .iter()
        .map(|q| (q.from, q.from + HALF_A_YEAR))
        .collect();
    let theirs_spans: Vec<_> = spans.iter().map(|(a, b)| (jiff(*a), jiff(*b))).collect();
    report(
        "between over 180 days",
        &spans,
        |(a, b)| !black_box(ours.between(*a, *b)).is_zero(),
        &theirs_spans,
        |(a, b)| !black_box(theirs.between(*a, *b)).is_zero(),
    );
}

fn in_jiff((at, business): &(leadkit::time::Instant, Elapsed)) -> (Timestamp, SignedDuration) {
    (jiff(*at), SignedDuration::from_secs(business.num_seconds()))
}

fn report<Q, R>(
    name: &str,
    questions: &[Q],
    ours: impl Fn(&Q) -> bool,
    theirs_questions: &[R],
    theirs: impl Fn(&R) -> bool,
) {
    const ROUNDS: usize = 41;
    // Theirs takes long enough that a part of the questions will do for a round.
    const PART: usize = 500;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        first.push(nanoseconds_each(questions, &ours));
        let part = round * 400 % (theirs_questions.len() - PART);
        second.push(nanoseconds_each(
            &theirs_questions[part..part + PART],
            &theirs,
        ));
    }
    let (first, second) = (median(first), median(second));
    println!(
        "{name:34}{first:>9.1} ns{second:>11.1} ns{:>8.0}x",
        second / first
    );
}

fn nanoseconds_each<Q>(questions: &[Q], ask: impl Fn(&Q) -> bool) -> f64 {
    let start = Instant::now();
    let answered = questions.iter().filter(|question| ask(question)).count();
    let passed = start.elapsed().as_nanos() as f64;
    black_box(answered);
    passed / questions.len() as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A thousand questions to a call, so that the clock's own cost does not count; divan divides.
fn thousand(bencher: divan::Bencher<'_, '_>, ask: impl Fn(&Calendar, &Question) + Sync) {
    let ours = &PAIRS[OFFICE].ours;
    bencher
        .counter(divan::counter::ItemsCount::new(1000_usize))
        .bench(|| {
            QUESTIONS[..1000]
                .iter()
                .for_each(|question| ask(ours, question))
        });
}

#[divan::bench]
fn thousand_adds_of_4_hours(bencher: divan::Bencher<'_, '_>) {
    thousand(bencher, |ours, q| {
        let _ = black_box(ours.add(black_box(q.from), FOUR_HOURS));
    });
}

#[divan::bench]
fn thousand_adds_back_of_4_hours(bencher: divan::Bencher<'_, '_>) {
    thousand(bencher, |ours, q| {
        let _ = black_box(ours.add(black_box(q.from), -FOUR_HOURS));
    });
}

#[divan::bench]
fn thousand_betweens_over_180_days(bencher: divan::Bencher<'_, '_>) {
    thousand(bencher, |ours, q| {
        black_box(ours.between(black_box(q.from), q.from + HALF_A_YEAR));
    });
}

#[divan::bench]
fn thousand_is_open(bencher: divan::Bencher<'_, '_>) {
    thousand(bencher, |ours, q| {
        black_box(ours.is_open(black_box(q.from)));
    });
}

#[divan::bench]
fn thousand_next_openings(bencher: divan::Bencher<'_, '_>) {
    thousand(bencher, |ours, q| {
        black_box(ours.next_opening(black_box(q.from)));
    });
}

#[divan::bench]
fn one_compilation() -> Calendar {
    Calendar::compile(PAIRS[OFFICE].ours.spec()).expect("no faults")
}

/// Four hours of a year that is not compiled.
#[divan::bench]
fn one_add_beyond_the_compiled_years(bencher: divan::Bencher<'_, '_>) {
    let at = "2105-03-04T05:06:07Z".parse().expect("an instant");
    bencher.bench(|| PAIRS[OFFICE].ours.add(black_box(at), FOUR_HOURS));
}

/// A century that is not compiled.
#[divan::bench]
fn one_between_over_a_century_beyond(bencher: divan::Bencher<'_, '_>) {
    let from = "2105-03-04T05:06:07Z".parse().expect("an instant");
    let to = "2205-03-04T05:06:07Z".parse().expect("an instant");
    bencher.bench(|| PAIRS[OFFICE].ours.between(black_box(from), to));
}

/// The whole horizon, searched in vain.
#[divan::bench]
fn one_search_of_a_calendar_never_open(bencher: divan::Bencher<'_, '_>) {
    let never = Calendar::compile(&CalendarSpec::new("Europe/Madrid")).expect("no faults");
    bencher.bench(|| never.next_opening(black_box(QUESTIONS[0].from)));
}
