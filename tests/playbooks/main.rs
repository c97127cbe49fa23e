//! The playbooks of the repository: each is read without a fault, its scenarios come true on every
//! store, all that was required of it is covered, and whatever carries a requirement is missed
//! by a scenario that covers it when it is taken out.

mod adopted;
mod at_once;
mod changed;
mod changes;
mod onboarding;
mod parts;
mod sales;
mod teams;

use std::sync::Arc;

use changes::Change;
use leadkit::calendar::Calendar;
use leadkit::decide::command::LeadOrder;
use leadkit::ids::Name;
use leadkit::money::Rate;
use leadkit::playbook::Playbook;
use leadkit::playbook::delay::Delay;
use leadkit::playbook::load::Folder;
use leadkit::playbook::people::{Choose, Over, Permission};
use leadkit::playbook::pipeline::{UniquePart, Way, Whose};
use leadkit::playbook::rule::{
    Action, Anchor, BusinessTime, Late, NamedCalendar, OnHandOver, StoppedBy,
};
use leadkit::scenario::{self, Doing, Scenario};
use leadkit::store::{MemoryStore, Store};
use leadkit::time::Elapsed;
use leadkit_sqlite::{Options, SqliteStore};
use parts::{
    asks, change_late_assign, condition, field, pool, role, rule, stage, task, visits, wait,
    waits_for, without_need, without_rule,
};

const SALES: &str = "field-and-digital-sales";
const FOLLOW_UP: &str = "deferred-follow-up";

const ONBOARDING: &str = "platform-onboarding";

const TEAMS: &str = "dealership-teams";

const REQUIRED: [(&str, &[&str]); 4] = [
    (
        SALES,
        &[
            "M1", "M2", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "M12", "M13", "M14",
            "M15", "M16", "M17", "Z1", "Z4",
        ],
    ),
    (
        FOLLOW_UP,
        &["F1", "F2", "F3", "F4", "F5", "F6", "F12", "F16", "Z1"],
    ),
    (
        ONBOARDING,
        &[
            "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "E1", "E2", "E3", "E4",
            "E5", "Z1", "Z4",
        ],
    ),
    (
        TEAMS,
        &["D1", "D2", "D5", "D6", "D7", "D8", "D9", "D10", "Z1", "Z4"],
    ),
];

/// What no playbook carries, but the engine, whatever the playbook: nothing is lost and nothing
/// happens twice, every decision can be explained, and playbooks are tested in virtual time.
const REQUIRED_OF_THE_ENGINE: [&str; 3] = ["Z2", "Z3", "Z8"];

fn told(faults: &leadkit::playbook::fault::Faults) -> String {
    faults.0.iter().map(|fault| format!("{fault}\n")).collect()
}

fn folder(name: &str) -> Folder {
    Folder::load(format!("playbooks/{name}").as_ref())
        .unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn read(folder: &Folder) -> Playbook {
    Playbook::read(folder).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn scenarios(folder: &Folder) -> Vec<Scenario> {
    scenario::read(folder).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn play(
    playbook: Playbook,
    scenarios: &[Scenario],
    store: fn() -> Arc<dyn Store>,
) -> scenario::Report {
    let playbook = Arc::new(playbook);
    pollster::block_on(scenario::run_all(&playbook, scenarios, || {
        Box::pin(async move { Ok(store()) })
    }))
}

fn in_memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn in_sqlite() -> Arc<dyn Store> {
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    Arc::new(SqliteStore::in_memory_with(&options).expect("SQLite opens in memory"))
}

#[test]
fn all_scenarios_come_true_in_memory() {
    for (name, _) in REQUIRED {
        let folder = folder(name);
        let report = play(read(&folder), &scenarios(&folder), in_memory);
        assert_eq!(report.failed(), 0, "{name}\n{report}");
    }
}

#[test]
fn all_scenarios_come_true_in_sqlite() {
    for (name, _) in REQUIRED {
        let folder = folder(name);
        let report = play(read(&folder), &scenarios(&folder), in_sqlite);
        assert_eq!(report.failed(), 0, "{name}\n{report}");
    }
}

#[test]
fn every_requirement_is_covered_by_a_scenario_that_passes() {
    for (name, required) in REQUIRED {
        let folder = folder(name);
        let mut covered = play(read(&folder), &scenarios(&folder), in_memory).covered();
        for folder in changed::changed(name) {
            covered.extend(play(read(&folder), &scenarios(&folder), in_memory).covered());
        }
        let missing: Vec<&&str> = required
            .iter()
            .chain(&REQUIRED_OF_THE_ENGINE)
            .filter(|number| !covered.iter().any(|covered| covered == **number))
            .collect();
        assert!(missing.is_empty(), "{name} leaves uncovered: {missing:?}");
    }
}

/// Every scenario is about something: one that expects nothing can't fail.
#[test]
fn every_scenario_expects_something() {
    for (name, _) in REQUIRED {
        for scenario in scenarios(&folder(name)) {
            let expects = scenario.steps.iter().any(|step| !step.expected.is_empty());
            assert!(expects, "{name}: {}", scenario.name);
        }
    }
}

/// The awkward things are played too.
#[test]
fn scenarios_know_outages_absences_holds_late_reports_and_repeats() {
    let asked = |is_it: fn(&Doing) -> bool| {
        let all = REQUIRED
            .iter()
            .flat_map(|(name, _)| scenarios(&folder(name)));
        all.flat_map(|scenario| scenario.steps)
            .any(|step| is_it(&step.doing))
    };
    assert!(asked(|doing| matches!(doing, Doing::DownUntil(_))));
    assert!(asked(|doing| matches!(doing, Doing::SetUp(..))));
    assert!(asked(|doing| matches!(
        doing,
        Doing::Order(LeadOrder::Hold { .. }, _)
    )));
    assert!(asked(|doing| matches!(
        doing,
        Doing::Order(LeadOrder::Reopen { .. }, _)
    )));
    assert!(asked(|doing| matches!(
        doing,
        Doing::Order(LeadOrder::Unsubscribe, _)
    )));
    assert!(asked(|doing| matches!(doing,
        Doing::Register(_, asked) | Doing::Order(_, asked) if asked.happened_at.is_some())));
    assert!(asked(
        |doing| matches!(doing, Doing::Order(_, asked) if asked.id.is_some())
    ));
}

// ------------------------------------------------------------------- what carries a requirement

/// Something that is taken out of a playbook, and the requirement that is broken then.
struct Mutation(&'static str, &'static str, &'static str, fn(&mut Playbook));

fn in_hours(calendar: Calendar) -> BusinessTime {
    let name = Name::from("other");
    BusinessTime::fixed(NamedCalendar { name, calendar })
}

#[rustfmt::skip]
const MUTATIONS: &[Mutation] = &[
    Mutation(SALES, "M1", "no source `visit`", |p| p.sources.retain(|source| source.name != "visit")),
    Mutation(SALES, "M1", "routes are no physical source", |p| {
        p.sources.iter_mut().find(|source| source.name == "route").expect("a source").kind = Name::from("digital");
    }),
    Mutation(SALES, "M2", "no pool for digital leads", |p| p.routes[0].assign = None),
    Mutation(SALES, "M2", "the lead's city does not matter", |p| pool(p).matches.clear()),
    Mutation(SALES, "M2", "conversion does not matter", |p| pool(p).choose = Choose::Evenly),
    Mutation(SALES, "M2", "a lead that the pool has nobody for stays where it is", |p| without_rule(p, "nobody-owns-it")),
    Mutation(SALES, "M4", "who registers a lead does not own it", |p| role(p, "advisor").owns = false),
    Mutation(SALES, "M4", "advisors give leads away", |p| role(p, "advisor").may.push(Permission::Reassign)),
    Mutation(SALES, "M4", "no exemption from the four hours", |p| rule(p, "first-contact").only_if = None),
    Mutation(SALES, "M5", "referrers have no code", |p| role(p, "referrer").may.retain(|may| *may != Permission::Refer)),
    Mutation(SALES, "M5", "distributors don't refer", |p| role(p, "distributor").may.retain(|may| *may != Permission::Refer)),
    Mutation(SALES, "M5", "anybody refers", |p| role(p, "advisor").may.push(Permission::Refer)),
    Mutation(SALES, "M5", "referrers own leads", |p| role(p, "referrer").owns = true),
    Mutation(SALES, "M5", "nobody is referred", |p| p.referring = None),
    Mutation(SALES, "M5", "who comes with a code comes from nowhere", |p| p.referring.as_mut().expect("referrals").source = None),
    Mutation(SALES, "M5", "a referral needs no code", |p| p.laws.retain(|law| law.name != "referral-code")),
    Mutation(SALES, "M5", "nothing comes of a sale", |p| without_rule(p, "referred-lead-buys")),
    Mutation(SALES, "M5", "the referrer hears of no sale", |p| {
        rule(p, "referred-lead-buys").actions.retain(|action| !matches!(action, Action::Notify { .. }));
    }),
    Mutation(SALES, "M5", "no reward", |p| {
        rule(p, "referred-lead-buys").actions.retain(|action| !matches!(action, Action::Reward(_)));
    }),
    Mutation(SALES, "M16", "no visits are planned", |p| p.visits = None),
    Mutation(SALES, "M16", "supervisors don't plan", |p| role(p, "supervisor").may.retain(|may| *may != Permission::PlanVisits)),
    Mutation(SALES, "M16", "anybody plans", |p| role(p, "advisor").may.push(Permission::PlanVisits)),
    Mutation(SALES, "M16", "no lead comes of a visit", |p| {
        visits(p).results.iter_mut().for_each(|result| result.registers = false);
    }),
    Mutation(SALES, "M16", "a lead comes of every visit", |p| {
        visits(p).results.iter_mut().for_each(|result| result.registers = true);
    }),
    Mutation(SALES, "M16", "leads of visits are digital", |p| visits(p).source = Name::from("web")),
    Mutation(SALES, "M16", "leads of visits are of no zone", |p| visits(p).zone = Name::from("city")),
    Mutation(SALES, "M16", "there is no zone", |p| field(p, "zone").choices.clear()),
    Mutation(SALES, "M16", "who visited does not own what came of it", |p| role(p, "advisor").owns = false),
    Mutation(SALES, "M6", "no service level", |p| without_rule(p, "first-contact")),
    Mutation(SALES, "M6", "five hours", |p| task(p, "first-contact").within = Some(Delay::Business(Elapsed::hours(5)))),
    Mutation(SALES, "M6", "four hours that are no business hours", |p| {
        task(p, "first-contact").within = Some(Delay::Elapsed(Elapsed::hours(4)));
    }),
    Mutation(SALES, "M6", "a try is enough", |p| {
        let tried = condition(p, "attempts.total >= 1");
        task(p, "first-contact").done = Some(tried);
    }),
    Mutation(SALES, "M6", "ticked off by hand", |p| task(p, "first-contact").by_hand = true),
    Mutation(SALES, "M6", "no exemption", |p| rule(p, "first-contact").only_if = None),
    Mutation(SALES, "M6", "NO ANSWER without a try", |p| without_need(p, "attempted")),
    Mutation(SALES, "M6", "a hold stops the four hours", |p| task(p, "first-contact").stopped_by = StoppedBy::Any),
    Mutation(SALES, "M7", "nothing happens when it is late", |p| without_rule(p, "first-contact.late")),
    Mutation(SALES, "M7", "reassigned for ever", |p| change_late_assign(p, |assign| assign.at_most = None)),
    Mutation(SALES, "M7", "to somebody who had it before", |p| change_late_assign(p, |assign| assign.not_earlier_owners = false)),
    Mutation(SALES, "M7", "never to the supervisor", |p| change_late_assign(p, |assign| assign.then = None)),
    Mutation(SALES, "M7", "the sales manager is not told", |p| {
        rule(p, "first-contact.late").actions.retain(|action| !matches!(action, Action::Notify { .. }));
    }),
    Mutation(SALES, "M7", "no four hours anew", |p| task(p, "first-contact").on_hand_over = OnHandOver::GoesOn),
    Mutation(SALES, "M8", "not measured", |p| without_rule(p, "first-attempt")),
    Mutation(SALES, "M8", "thirty minutes", |p| task(p, "first-attempt").within = Some(Delay::Business(Elapsed::minutes(30)))),
    Mutation(SALES, "M8", "minutes that are no business minutes", |p| {
        task(p, "first-attempt").within = Some(Delay::Elapsed(Elapsed::minutes(15)));
    }),
    Mutation(SALES, "M9", "the two days are not asked for", |p| without_need(p, "two-days-silent")),
    Mutation(SALES, "M9", "the five attempts are not asked for", |p| without_need(p, "five-attempts")),
    Mutation(SALES, "M9", "the information is not asked for", |p| without_need(p, "information-sent")),
    Mutation(SALES, "M9", "no reason is asked for", |p| without_need(p, "reason")),
    Mutation(SALES, "M9", "nobody is told after two days", |p| without_rule(p, "two-days-without-answer")),
    Mutation(SALES, "M9", "three days", |p| rule(p, "two-days-without-answer").delay = Delay::Days(3)),
    Mutation(SALES, "M9", "business days", |p| rule(p, "two-days-without-answer").delay = Delay::BusinessDays(2)),
    Mutation(SALES, "M9", "a silence that is reported late is forgotten", |p| rule(p, "two-days-without-answer").late = Late::Skip),
    Mutation(SALES, "M9", "who declines must be called five times all the same", |p| asks(p, "five-attempts", "attempts.since_opened >= 5")),
    Mutation(SALES, "M9", "who declines need not say why", |p| without_need(p, "why-declined")),
    Mutation(SALES, "M10", "no task on LOST", |p| without_rule(p, "decide-on-lost")),
    Mutation(SALES, "M10", "anybody decides", |p| task(p, "decide-on-lost").whose = Whose::Owner),
    Mutation(SALES, "M10", "there is nothing to choose", |p| task(p, "decide-on-lost").choices.clear()),
    Mutation(SALES, "M10", "a decision does nothing", |p| {
        task(p, "decide-on-lost").choices.iter_mut().for_each(|choice| choice.actions.clear());
    }),
    Mutation(SALES, "M10", "anybody takes a lead out of LOST", |p| {
        role(p, "advisor").may.push(Permission::Reopen);
        stage(p, "lost").by.clear();
    }),
    Mutation(SALES, "M10", "a loss that is reported late is forgotten", |p| rule(p, "decide-on-lost").late = Late::Skip),
    Mutation(SALES, "M17", "IN PROGRESS without contact", |p| without_need(p, "reached")),
    Mutation(SALES, "M17", "a way around the stages", |p| {
        let accepted = Way { to: Name::from("accepted"), needs: Vec::new() };
        stage(p, "in-progress").ways.push(accepted);
    }),
    Mutation(SALES, "M11", "a proposal without a quote", |p| without_need(p, "quote")),
    Mutation(SALES, "M11", "nobody asks after a quote", |p| without_rule(p, "quote-expires")),
    Mutation(SALES, "M11", "a quote that has ended is forgotten", |p| without_rule(p, "quote-has-expired")),
    Mutation(SALES, "M11", "quotes are good for a month", |p| p.quoting.valid_days = 30),
    Mutation(SALES, "M11", "nothing is taxed", |p| p.taxes.iter_mut().for_each(|tax| tax.rate = Rate::NONE)),
    Mutation(SALES, "M11", "advisors don't quote", |p| role(p, "advisor").may.retain(|may| *may != Permission::Quote)),
    Mutation(SALES, "M11", "the customer's yes is not asked for", |p| without_need(p, "accepted")),
    Mutation(SALES, "Z1", "open round the clock", |p| {
        let always = Calendar::round_the_clock(p.zone.clone());
        task(p, "first-contact").calendar = in_hours(always);
    }),
    Mutation(SALES, "Z1", "no holidays", |p| {
        let mut office = p.calendar.spec().clone();
        office.holidays.clear();
        task(p, "first-contact").calendar = in_hours(Calendar::compile(&office).expect("a calendar"));
    }),
    Mutation(SALES, "Z1", "another zone", |p| {
        let mut office = p.calendar.spec().clone();
        office.tz = "America/Mexico_City".into();
        task(p, "first-contact").calendar = in_hours(Calendar::compile(&office).expect("a calendar"));
    }),
    Mutation(SALES, "Z4", "advisors give leads away", |p| role(p, "advisor").may.push(Permission::Reassign)),
    Mutation(SALES, "Z4", "advisors say that they were in time", |p| role(p, "advisor").may.push(Permission::BackDate)),
    Mutation(SALES, "Z4", "advisors act on everybody's leads", |p| role(p, "advisor").over = Over::All),
    Mutation(SALES, "Z4", "anybody decides", |p| task(p, "decide-on-lost").whose = Whose::Owner),
    Mutation(SALES, "M2", "that nobody can have it is told to nobody", |p| without_rule(p, "still-nobody-owns-it")),
    Mutation(SALES, "M2", "who can have it later does not get it", |p| rule(p, "nobody-owns-it").every = None),
    Mutation(SALES, "M6", "what an earlier owner tried keeps the four hours", |p| asks(p, "attempted", "attempts.total >= 1 or answered")),
    Mutation(SALES, "M6", "whom an earlier owner reached was reached", |p| asks(p, "reached", "attempts.reached >= 1 or answered")),
    Mutation(SALES, "M10", "whom somebody reached before LOST was reached", |p| asks(p, "reached", "attempts.reached >= 1 or answered")),
    Mutation(SALES, "M9", "attempts of an earlier life count", |p| {
        asks(p, "five-attempts", "attempts.total >= 5 or reached_at >= opened_at or answered_at >= opened_at");
    }),
    Mutation(SALES, "M9", "information sent in an earlier life counts", |p| {
        asks(p, "information-sent", "activities(\"information\") >= 1 or reached_at >= opened_at or answered_at >= opened_at");
    }),
    Mutation(SALES, "M9", "whom somebody reached in an earlier life declines", |p| {
        asks(p, "five-attempts", "attempts.since_opened >= 5 or attempts.reached >= 1");
    }),
    Mutation(SALES, "M10", "the supervisor takes a lead out of LOST by hand", |p| role(p, "supervisor").may.push(Permission::Reopen)),
    Mutation(SALES, "M10", "the sales manager does", |p| stage(p, "lost").by.clear()),
    Mutation(SALES, "M10", "a call comes to nothing", |p| task(p, "call-lost").choices.clear()),
    Mutation(SALES, "Z2", "a lead goes cold", |p| without_rule(p, "gone-quiet")),
    Mutation(SALES, "Z2", "its owner hears of it for ever", |p| rule(p, "gone-quiet").every.as_mut().expect("a period").at_most = None),
    Mutation(SALES, "Z2", "its owner hears of it once", |p| rule(p, "gone-quiet").every = None),
    Mutation(SALES, "Z2", "weekends are working days", |p| rule(p, "gone-quiet").delay = Delay::Days(3)),
    Mutation(SALES, "Z2", "only an attempt is a touch", |p| rule(p, "gone-quiet").anchor = Anchor::Attempted),
    Mutation(SALES, "Z2", "the sales manager never hears of it", |p| without_rule(p, "still-quiet")),
    Mutation(SALES, "Z2", "a hold makes a lead cold", |p| without_rule(p, "still-held")),
    Mutation(SALES, "Z2", "a hold stops what watches over it", |p| rule(p, "still-held").stopped_by = StoppedBy::Any),
    Mutation(SALES, "Z2", "nobody hears of a hold that nobody looks at", |p| without_rule(p, "hold-not-reviewed")),
    Mutation(SALES, "Z2", "a hold stops the deadline for looking at it", |p| task(p, "review-hold").stopped_by = StoppedBy::Any),

    Mutation(FOLLOW_UP, "F1", "the car is not asked for", |p| field(p, "car").required = false),
    Mutation(FOLLOW_UP, "F1", "any text is a car", |p| field(p, "car").choices.clear()),
    Mutation(FOLLOW_UP, "F1", "no field gender", |p| p.fields.retain(|field| field.name != "gender")),
    Mutation(FOLLOW_UP, "F1", "agents register nobody", |p| {
        role(p, "seller").may.retain(|permission| *permission != Permission::Register);
    }),
    Mutation(FOLLOW_UP, "F2", "no shortest wait", |p| wait(p, "three-to-six-months").least_days = 1),
    Mutation(FOLLOW_UP, "F2", "no longest wait", |p| wait(p, "three-to-six-months").most_days = None),
    Mutation(FOLLOW_UP, "F2", "no shortest wait in the second group", |p| wait(p, "more-than-six-months").least_days = 90),
    Mutation(FOLLOW_UP, "F2", "another wait if none is said", |p| wait(p, "more-than-six-months").default_days = 181),
    Mutation(FOLLOW_UP, "F2", "a longest wait in the second group", |p| wait(p, "more-than-six-months").most_days = Some(360)),
    Mutation(FOLLOW_UP, "F3", "no first contact", |p| without_rule(p, "three-to-six-months.first")),
    Mutation(FOLLOW_UP, "F3", "a day early", |p| rule(p, "three-to-six-months.first").delay = Delay::Days(89)),
    Mutation(FOLLOW_UP, "F3", "everybody waits ninety days", |p| rule(p, "three-to-six-months.first").delay = Delay::Days(90)),
    Mutation(FOLLOW_UP, "F3", "in the dealer's name", |p| {
        for action in &mut rule(p, "three-to-six-months.first").actions {
            if let Action::Send(send) = action {
                send.as_owner = false;
            }
        }
    }),
    Mutation(FOLLOW_UP, "F3", "no task", |p| {
        rule(p, "three-to-six-months.first").actions.retain(|action| !matches!(action, Action::Task(_)));
    }),
    Mutation(FOLLOW_UP, "F3", "an answer cancels it", |p| {
        let answered = condition(p, "answered");
        rule(p, "three-to-six-months.first").until = Some(answered);
    }),
    Mutation(FOLLOW_UP, "F3", "a wait that was over when it was told is forgotten", |p| {
        rule(p, "three-to-six-months.first").late = Late::Skip;
    }),
    Mutation(FOLLOW_UP, "F3", "holds stop nothing", |p| {
        rule(p, "three-to-six-months.first").stopped_by = StoppedBy::Named(Vec::new());
    }),
    Mutation(FOLLOW_UP, "F3", "elapsed time, an hour off when the clocks change", |p| {
        rule(p, "three-to-six-months.first").delay = Delay::Elapsed(Elapsed::hours(90 * 24));
    }),
    Mutation(FOLLOW_UP, "Z1", "elapsed time, an hour off when the clocks change", |p| {
        rule(p, "three-to-six-months.first").delay = Delay::Elapsed(Elapsed::hours(90 * 24));
    }),
    Mutation(FOLLOW_UP, "F3", "no cap", |p| p.cap = None),
    Mutation(FOLLOW_UP, "F4", "no re-contact", |p| without_rule(p, "three-to-six-months.every")),
    Mutation(FOLLOW_UP, "F4", "no re-contact in the second group", |p| without_rule(p, "more-than-six-months.every")),
    Mutation(FOLLOW_UP, "F4", "for ever", |p| rule(p, "three-to-six-months.every").until = None),
    Mutation(FOLLOW_UP, "F4", "unsubscribed or not", |p| {
        let answered = condition(p, "answered_at >= entered_at");
        rule(p, "three-to-six-months.every").until = Some(answered);
    }),
    Mutation(FOLLOW_UP, "F4", "one answer is enough for ever", |p| {
        let answered = condition(p, "answered or contact.unsubscribed");
        rule(p, "three-to-six-months.every").until = Some(answered);
    }),
    Mutation(FOLLOW_UP, "F4", "wherever the lead is", |p| {
        for group in ["three-to-six-months.every", "more-than-six-months.every"] {
            rule(p, group).scope.stages.clear();
        }
    }),
    Mutation(FOLLOW_UP, "F4", "every 80 days", |p| {
        rule(p, "three-to-six-months.every").every.as_mut().expect("a period").length = Delay::Days(80);
    }),
    Mutation(FOLLOW_UP, "F5", "no field gender", |p| p.fields.retain(|field| field.name != "gender")),
    Mutation(FOLLOW_UP, "F5", "no field car", |p| p.fields.retain(|field| field.name != "car")),
    Mutation(FOLLOW_UP, "F6", "no base", |p| p.bases.clear()),
    Mutation(FOLLOW_UP, "F6", "one base for all agents", |p| p.bases[0].unique = vec![UniquePart::Email]),
    Mutation(FOLLOW_UP, "F6", "by contact, e-mail address or not", |p| p.bases[0].unique = vec![UniquePart::Owner]),
    Mutation(FOLLOW_UP, "F6", "a base for each pipeline", |p| p.bases[0].pipelines.retain(|pipeline| *pipeline == "follow-up")),
    Mutation(FOLLOW_UP, "F12", "everybody waits", |p| drop(p.routes.remove(0))),
    Mutation(FOLLOW_UP, "F12", "visitors wait", |p| {
        let not_waiting = condition(p, "wait is missing");
        p.routes[0].only_if = Some(not_waiting);
    }),
    Mutation(FOLLOW_UP, "F12", "nobody hurries", |p| without_rule(p, "immediate-attention")),
    Mutation(FOLLOW_UP, "F12", "who does not hurry is told to nobody", |p| without_rule(p, "immediate-attention.late")),
    Mutation(FOLLOW_UP, "F12", "nobody owns what the web site brings", |p| {
        p.routes.iter_mut().for_each(|route| route.assign = None);
        without_rule(p, "nobody-owns-it");
    }),
    Mutation(FOLLOW_UP, "F12", "what no seller can have stays where it is", |p| without_rule(p, "nobody-owns-it")),
    Mutation(FOLLOW_UP, "F12", "nor is it told to anybody", |p| without_rule(p, "still-nobody-owns-it")),
    Mutation(FOLLOW_UP, "F3", "to whom nothing can be mailed is forgotten", |p| without_rule(p, "not-taken-up")),
    Mutation(FOLLOW_UP, "F4", "who answered is forgotten", |p| without_rule(p, "not-taken-up")),
    Mutation(FOLLOW_UP, "F4", "as soon as the task is ticked off", |p| {
        waits_for(p, "not-taken-up", "tasks.open >= 1 and (answered_at >= entered_at or contact.unsubscribed)");
    }),
    Mutation(FOLLOW_UP, "F3", "who has no address is forgotten", |p| {
        waits_for(p, "not-taken-up", "waits_until < now - 7d and (answered_at >= entered_at or contact.unsubscribed)");
    }),
    Mutation(FOLLOW_UP, "F4", "who unsubscribed is forgotten", |p| {
        waits_for(p, "not-taken-up", "waits_until < now - 7d and (answered_at >= entered_at or contact.email is missing)");
    }),
    Mutation(FOLLOW_UP, "F4", "before the wait is over", |p| {
        waits_for(p, "not-taken-up", "touched_at < now - 7d and (answered_at >= entered_at or contact.unsubscribed)");
    }),
    Mutation(FOLLOW_UP, "F4", "whoever had it in hand yesterday", |p| {
        waits_for(p, "not-taken-up", "waits_until < now and (answered_at >= entered_at or contact.unsubscribed)");
    }),
    Mutation(FOLLOW_UP, "F4", "the seller hears of it for ever", |p| rule(p, "not-taken-up").every.as_mut().expect("a period").at_most = None),
    Mutation(FOLLOW_UP, "F3", "the manager never hears of it", |p| without_rule(p, "still-not-taken-up")),
    Mutation(FOLLOW_UP, "Z2", "a lead goes cold", |p| without_rule(p, "gone-quiet")),
    Mutation(FOLLOW_UP, "Z2", "its seller hears of it for ever", |p| rule(p, "gone-quiet").every.as_mut().expect("a period").at_most = None),
    Mutation(FOLLOW_UP, "Z2", "the manager never hears of it", |p| without_rule(p, "still-quiet")),
    Mutation(FOLLOW_UP, "Z2", "a hold makes a lead cold", |p| without_rule(p, "still-held")),
    Mutation(FOLLOW_UP, "Z2", "a hold stops what watches over it", |p| rule(p, "still-held").stopped_by = StoppedBy::Any),
    Mutation(FOLLOW_UP, "Z2", "nobody hears of a hold that nobody looks at", |p| without_rule(p, "hold-not-reviewed")),
    Mutation(FOLLOW_UP, "F16", "buying ends nothing", |p| stage(p, "bought").outcome = None),
    Mutation(FOLLOW_UP, "F16", "nobody can say that a lead bought", |p| {
        stage(p, "waiting").ways.retain(|way| way.to != "bought");
    }),
];

#[test]
fn every_requirement_has_something_that_carries_it() {
    for (name, required) in REQUIRED {
        for number in required {
            let by_mutation = MUTATIONS
                .iter()
                .any(|Mutation(of, carries, ..)| *of == name && carries == number);
            let by_change = changes(name).iter().any(|change| change.0 == *number);
            let by_changing = changed::BY_CHANGING.contains(&(name, number));
            assert!(by_mutation || by_change || by_changing, "{name}: {number}");
        }
    }
}

// A scenario notices when something that carries its requirement is taken out.

#[test]
fn what_carries_a_requirement_of_field_and_digital_sales_is_missed() {
    everything_is_missed(SALES);
}

#[test]
fn what_carries_a_requirement_of_deferred_follow_up_is_missed() {
    everything_is_missed(FOLLOW_UP);
}

#[test]
fn what_carries_a_requirement_of_platform_onboarding_is_missed() {
    everything_is_missed(ONBOARDING);
}

#[test]
fn what_carries_a_requirement_of_dealership_teams_is_missed() {
    everything_is_missed(TEAMS);
}

fn everything_is_missed(name: &str) {
    let folder = folder(name);
    let scenarios = scenarios(&folder);
    let mut unnoticed = Vec::new();
    for Mutation(_, number, what, take_out) in MUTATIONS.iter().filter(|one| one.0 == name) {
        let mut playbook = read(&folder);
        take_out(&mut playbook);
        if goes_unnoticed(playbook, &scenarios, number) {
            unnoticed.push(format!("{number}: {what}"));
        }
    }
    for change in changes(name) {
        let Change(number, what, _) = change;
        if goes_unnoticed(read(&change.made_in(&folder)), &scenarios, number) {
            unnoticed.push(format!("{number}: {what}"));
        }
    }
    let unnoticed = unnoticed.join("\n");
    assert!(unnoticed.is_empty(), "nobody noticed:\n{unnoticed}");
}

/// Whether all scenarios that cover a requirement come true under a playbook that doesn't carry it.
fn goes_unnoticed(playbook: Playbook, scenarios: &[Scenario], number: &str) -> bool {
    let covering = scenarios.iter();
    let covering =
        covering.filter(|scenario| scenario.covers.iter().any(|covered| covered == number));
    let covering: Vec<Scenario> = covering.cloned().collect();
    play(playbook, &covering, in_memory).failed() == 0
}

/// What is changed in the text of a playbook to see whether it is missed.
fn changes(name: &str) -> &'static [Change] {
    match name {
        SALES => sales::CHANGES,
        ONBOARDING => onboarding::CHANGES,
        TEAMS => teams::CHANGES,
        _ => &[],
    }
}
