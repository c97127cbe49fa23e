//! What an assignment costs among a thousand agents: whom to choose, and the pool's record as bytes.
//!
//! `cargo bench --bench assign`. The bar: choosing in less than 20 microseconds, median. Of the
//! thousand some are full, some away, some of another city or zone, and some lack the skill. The first
//! choice after the pool was read or an agent changed has to turn the members over.

#![allow(
    clippy::unwrap_used,
    reason = "a bench stops when its world is not as it should be"
)]

use std::sync::Arc;

use divan::{Bencher, black_box};
use leadkit::assign::{Answer, Question, choose, take_turn, wanted};
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::playbook::people::PoolSpec;
use leadkit::record::agent::Absence;
use leadkit::record::fields::Fields;
use leadkit::record::pool::{AgentCopy, Member};
use leadkit::record::workload::Tally;
use leadkit::record::{Agent, Pool, Recorded, stored};
use leadkit::store::Kind;
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;

fn main() {
    divan::main();
}

const PLAYBOOK: &str = r#"
[playbook]
id       = "bench"
zone     = "America/Guayaquil"
calendar = "office"

[organisation]
name  = "Bench"
email = "bench@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-18:00"] }

[calendar.late]
weekly = { mon-fri = ["12:00-21:00"] }

[role.advisor]
may = ["*"]

[field]
city    = { type = "text" }
zone    = { type = "text" }
product = { type = "text" }

[pool.best]
members = 'available'
match   = { cities = "city", zones = "zone", skills = "product" }
only    = "at-work"

[pool.weighted]
members = 'available'
match   = { cities = "city", zones = "zone", skills = "product" }
only    = "at-work"
choose  = "weighted"

[pool.evenly]
members = 'available'
choose  = "evenly"

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new = { to = { won = [] } }
won = { final = "won", to = ["new"] }

[[route]]
to = "sales.new"
"#;

fn playbook() -> Playbook {
    let folder = Folder {
        playbook: PLAYBOOK.into(),
        ..Folder::default()
    };
    Playbook::read(&folder).unwrap()
}

/// A Tuesday at noon there.
fn now() -> Instant {
    "2026-03-10T17:00:00Z".parse().unwrap()
}

fn member(n: u32) -> Member {
    let id = format!("agent-{n:04}");
    let email = format!("{id}@example.com").parse().unwrap();
    let mut agent = Agent::new(id.as_str().into(), "Ana".into(), email, "advisor".into());
    agent.team = Some(format!("team-{}", n % 12).as_str().into());
    agent.cities = vec!["Quito".into(), format!("Town {}", n % 30).into()];
    if n % 5 == 0 {
        agent.cities.remove(0);
    }
    agent.zones = vec![if n % 7 == 0 { "south" } else { "north" }.into()];
    agent.skills = vec!["vans".into(), "cars".into()];
    if n % 11 == 0 {
        agent.skills.clear();
    }
    agent.hours = (n % 3 == 0).then(|| "late".into());
    if n % 4 == 0 {
        let day = Elapsed::days(1);
        let until = if n % 8 == 0 { now() + day } else { now() - day };
        let from = now() - Elapsed::days(9);
        agent.absences.push(Absence { from, until });
    }
    let mut tally = Tally::over(Elapsed::days(180));
    for lead in 0..n % 60 {
        let at = now() - Elapsed::days(i64::from(lead) * 3);
        tally.receive(at);
        if lead % 3 == 0 {
            tally.win(at);
        }
    }
    Member {
        agent: agent.id.clone(),
        copy: Arc::new(AgentCopy::of(&agent)),
        load: n % 51,
        tally,
        credit: i64::from(n % 17) - 8,
    }
}

fn pool(spec: &PoolSpec) -> Pool {
    Pool {
        choose: spec.choose,
        members: (0..1_000).map(member).collect(),
    }
}

fn lead() -> Fields {
    let mut fields = Fields::default();
    for (name, value) in [("city", "Quito"), ("zone", "North"), ("product", "vans")] {
        fields.set(name.into(), Some(Value::Text(value.into())));
    }
    fields
}

#[divan::bench(args = ["best", "weighted", "evenly"])]
fn choosing(bencher: Bencher<'_, '_>, name: &str) {
    let playbook = playbook();
    let spec = playbook.pool(&name.into()).unwrap();
    let (pool, fields) = (pool(spec), lead());
    let ask = |pool: &Pool| -> Answer {
        let question = Question {
            wanted: wanted(spec, &fields),
            not_owning: &[],
            not: &[],
            holders: &[],
        };
        choose(spec, pool, &question, now())
    };
    let eligible = ask(&pool).reasons.eligible;
    assert!((300..=1_000).contains(&eligible), "{eligible}");
    bencher.bench_local(|| ask(black_box(&pool)));
}

#[divan::bench]
fn choosing_first(bencher: Bencher<'_, '_>) {
    let playbook = playbook();
    let spec = playbook.pool(&"best".into()).unwrap();
    let (pool, fields) = (pool(spec), lead());
    let question = Question {
        wanted: wanted(spec, &fields),
        not_owning: &[],
        not: &[],
        holders: &[],
    };
    let as_read = || Pool {
        choose: pool.choose,
        members: pool.members.iter().cloned().collect(),
    };
    bencher
        .with_inputs(as_read)
        .bench_local_refs(|pool| choose(spec, black_box(pool), &question, now()));
}

#[divan::bench]
fn taking_a_turn(bencher: Bencher<'_, '_>) {
    let playbook = playbook();
    let spec = playbook.pool(&"weighted".into()).unwrap();
    let (mut pool, fields) = (pool(spec), lead());
    let question = Question {
        wanted: wanted(spec, &fields),
        not_owning: &[],
        not: &[],
        holders: &[],
    };
    let answer = choose(spec, &pool, &question, now());
    bencher.bench_local(|| take_turn(black_box(&mut pool), black_box(&answer)));
}

#[divan::bench]
fn reading_the_record(bencher: Bencher<'_, '_>) {
    let playbook = playbook();
    let pool = pool(playbook.pool(&"weighted".into()).unwrap());
    let bytes = stored::encode(&pool.into_record()).unwrap();
    bencher.bench_local(|| stored::decode_as(Kind::Pool, black_box(&bytes)).unwrap());
}

#[divan::bench]
fn writing_the_record(bencher: Bencher<'_, '_>) {
    let playbook = playbook();
    let record = pool(playbook.pool(&"weighted".into()).unwrap()).into_record();
    bencher.bench_local(|| stored::encode(black_box(&record)).unwrap());
}

#[divan::bench]
fn copying_the_record(bencher: Bencher<'_, '_>) {
    let playbook = playbook();
    let pool = pool(playbook.pool(&"weighted".into()).unwrap());
    bencher.bench_local(|| black_box(&pool).clone());
}
