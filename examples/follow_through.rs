//! Follows the leads of two organisations through half a year of virtual time.
//!
//! `cargo run --release --example follow_through`
//!
//! It takes in the leads of `examples/leads.csv`, lets sellers work as sellers do (most at once, some
//! late, one lead in ten not at all), and shows what came of it: the board of each organisation with
//! what is overdue there and what was mailed, one lead's explained timeline, and where the database
//! and the mails lie.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{Datelike, Timelike};
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewDocument, NewLead, NewQuote, NewQuoteLine};
use leadkit::engine::{Engine, TenantHandle};
use leadkit::ids::{AgentId, LeadId};
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::record::document::Sha256;
use leadkit::store::{Kind, Order};
use leadkit::time::{Elapsed, Instant};
use leadkit::value::Value;
use leadkit_maildir::MaildirMailer;
use leadkit_sqlite::{Options, SqliteStore};

fn main() -> ExitCode {
    match pollster::block_on(follow_through(&mut io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough: `| head -1`.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut told = format!("error: {error}");
            let mut beneath = error.source();
            while let Some(source) = beneath {
                told.push_str(&format!(": {source}"));
                beneath = source.source();
            }
            let _ = writeln!(io::stderr(), "{told}");
            ExitCode::FAILURE
        }
    }
}

async fn follow_through(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = fresh_folder()?;
    let database = folder.join("leads.db");

    // An engine is a store, a playbook for each tenant, and a mailer for each channel. The clock
    // is virtual here; leave it out, and it is the machine's.
    let clock = VirtualClock::at("2026-03-02T12:00:00Z".parse()?);
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    let engine = Engine::builder(SqliteStore::open_with(&database, &options)?)
        .playbook(
            "quito",
            Playbook::load(root.join("playbooks/field-and-digital-sales"))?,
        )
        .playbook(
            "toluca",
            Playbook::load(root.join("playbooks/deferred-follow-up"))?,
        )
        .mailer("email", MaildirMailer::open(folder.join("mail"))?)
        .clock(clock.clone())
        .seed(7) // so that every run makes the same ids
        .build()?;
    set_up_agents(&engine).await?;

    // Leads come in when they come in, and sellers work when they work; in between, whatever is due
    // happens.
    let mut leads: Vec<(String, LeadId)> = Vec::new();
    let mut shift = next_shift(clock.now());
    let mut rows = csv::Reader::from_path(root.join("examples/leads.csv"))?;
    for row in rows.deserialize() {
        let row: Row = row?;
        shift = work_until(&engine, &clock, shift, row.at).await?;
        engine.live_until(&clock, row.at, |_, _| {}).await?;
        let lead = register(&engine, &row).await?;
        leads.push((row.organisation.clone(), lead.id));
        // Some are called while they are still at their screen.
        if temper(&lead) < 3 {
            let tenant = engine.tenant(&*row.organisation);
            work_on(&tenant, &lead, clock.now()).await?;
        }
    }
    let half_a_year_on = clock.now() + Elapsed::weeks(27);
    work_until(&engine, &clock, shift, half_a_year_on).await?;
    engine.live_until(&clock, half_a_year_on, |_, _| {}).await?;

    for tenant in ["quito", "toluca"] {
        show_board(out, &engine.tenant(tenant), &leads).await?;
    }
    let (tenant, lead) = most_eventful(&engine, &leads).await?;
    let explained = engine.tenant(tenant).explain(lead).await?;
    writeln!(out, "One lead's timeline\n\n{explained}")?;
    writeln!(out, "The database: {}", database.display())?;
    writeln!(out, "The mails:    {}", folder.join("mail").display())?;
    Ok(())
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// A folder that nobody has used yet, also where the process has the number of an earlier one.
fn fresh_folder() -> io::Result<PathBuf> {
    for attempt in 0_u32.. {
        let name = format!("leadkit-{}-{attempt}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// A row of `leads.csv`.
#[derive(serde::Deserialize)]
struct Row {
    at: Instant,
    organisation: String,
    name: String,
    email: String,
    phone: String,
    source: String,
    city: String,
    car: String,
    gender: String,
    wait: String,
    wait_days: Option<u32>,
    registered_by: String,
}

async fn register(engine: &Engine, row: &Row) -> Result<Lead, Box<dyn Error>> {
    let mut lead = NewLead::new(&*row.name)
        .email(&*row.email)
        .source(&*row.source);
    for (field, value) in [
        ("city", &row.city),
        ("car", &row.car),
        ("gender", &row.gender),
    ] {
        if !value.is_empty() {
            lead = lead.field(field, value.as_str());
        }
    }
    if !row.phone.is_empty() {
        lead = lead.phone(&*row.phone);
    }
    if !row.wait.is_empty() {
        lead = lead.wait(&*row.wait);
    }
    if let Some(days) = row.wait_days {
        lead = lead.wait_days(days);
    }
    let by = match row.registered_by.as_str() {
        "" => Actor::host("web-form"),
        agent => Actor::agent(agent),
    };
    Ok(engine
        .tenant(&*row.organisation)
        .register(lead)
        .by(by)
        .await?)
}

async fn set_up_agents(engine: &Engine) -> Result<(), Box<dyn Error>> {
    let quito = engine.tenant("quito");
    let agents = [
        ("ana", "Ana Torres", "advisor", "Quito", "Norte"),
        ("bea", "Bea Molina", "advisor", "Quito", "Norte"),
        ("gus", "Gustavo León", "advisor", "Guayaquil", "Costa"),
        ("sofia", "Sofía Andrade", "supervisor", "", "Norte"),
        ("marco", "Marco Paredes", "sales-manager", "", ""),
        ("alma", "Alma Reyes", "administration", "", ""),
    ];
    for (id, name, role, city, zone) in agents {
        let email = format!("{id}@minegocio.example");
        quito
            .set_up(
                AgentSetup::new(id)
                    .name(name)
                    .email(email)
                    .role(role)
                    .cities([city])
                    .zones([zone]),
            )
            .by(Actor::host("import"))
            .await?;
    }
    let toluca = engine.tenant("toluca");
    let agents = [
        ("luisa", "Luisa Aguirre", "seller"),
        ("pablo", "Pablo Montes", "seller"),
        ("monica", "Mónica Herrera", "manager"),
    ];
    for (id, name, role) in agents {
        let email = format!("{id}@autosdelvalle.example");
        toluca
            .set_up(AgentSetup::new(id).name(name).email(email).role(role))
            .by(Actor::host("import"))
            .await?;
    }
    Ok(())
}

/// The next time at which sellers look at their leads: ten, one and four o'clock of a working day.
fn next_shift(after: Instant) -> Instant {
    let mut at = after;
    loop {
        at += Elapsed::hours(1);
        let at = at.with_minute(0).unwrap_or(at);
        let is_working_day = at.weekday().num_days_from_monday() < 5;
        if is_working_day && matches!(at.hour(), 15 | 18 | 21) {
            return at;
        }
    }
}

/// Lives through all shifts up to an instant; returns the one behind it.
async fn work_until(
    engine: &Engine,
    clock: &VirtualClock,
    mut shift: Instant,
    until: Instant,
) -> Result<Instant, Box<dyn Error>> {
    while shift < until {
        engine.live_until(clock, shift, |_, _| {}).await?;
        for tenant in ["quito", "toluca"] {
            let tenant = engine.tenant(tenant);
            for lead in all_leads(&tenant, "open").await? {
                work_on(&tenant, &lead, shift).await?;
            }
        }
        decide_on_lost(&engine.tenant("quito")).await?;
        shift = next_shift(shift);
    }
    Ok(shift)
}

async fn all_leads(
    tenant: &TenantHandle<'_>,
    condition: &str,
) -> Result<Vec<Lead>, Box<dyn Error>> {
    let page = tenant.leads(condition, Order::Id, None, 500).await?;
    Ok(page.whole()?)
}

/// How a lead goes, from 0 to 9. Who its contact is decides that, so that every run is the same.
fn temper(lead: &Lead) -> u32 {
    lead.contact.name.bytes().map(u32::from).sum::<u32>() % 10
}

/// What its owner does about a lead in a shift: mostly what is to be done.
async fn work_on(
    tenant: &TenantHandle<'_>,
    lead: &Lead,
    now: Instant,
) -> Result<(), Box<dyn Error>> {
    let (id, temper) = (lead.id, temper(lead));
    let Some(owner) = lead.owner_id() else {
        return Ok(());
    };
    let age = now - lead.entered.at;
    let idle = now - lead.touched.at;
    match (lead.pipeline.as_str(), lead.stage.as_str()) {
        ("sales", "new") => match temper {
            _ if owner == "sofia" => take_up(tenant, lead, "in-progress").await?,
            6 | 7 => {
                tenant.tried(id).by(owner).await?;
                tenant.move_to(id, "no-answer").by(owner).await?;
            }
            // Who gets it first is out; after four business hours somebody else has it.
            8 if lead.reassignments == 0 && age < Elapsed::days(1) => {}
            // And to this one nobody sees before the next day, if it isn't the supervisor's by then.
            9 if age < Elapsed::days(1) => {}
            _ => take_up(tenant, lead, "in-progress").await?,
        },
        ("sales", "no-answer") => {
            if temper == 7 && lead.attempts.total() >= 3 {
                take_up(tenant, lead, "in-progress").await?;
            } else if lead.attempts.total() < 5 {
                tenant.tried(id).by(owner).await?;
            } else if age > Elapsed::days(2) {
                tenant.record(id, "information").by(owner).await?;
                tenant.move_to(id, "lost").by(owner).await?;
            }
        }
        ("sales", "in-progress") if age > Elapsed::days(2) => {
            let quote = NewQuote::default().line(NewQuoteLine::of_product("terminal"));
            tenant.make_quote(id, quote).by(owner).await?;
            take_up(tenant, lead, "proposal").await?;
        }
        ("sales", "proposal") => match temper {
            // Forgotten: from here on leadkit speaks, and the seller does not listen.
            5 => {}
            0..=4 | 8 if age > Elapsed::days(6) => {
                if let Some(quote) = lead.quote() {
                    tenant.accept_quote(id, quote.version).by(owner).await?;
                }
                tenant.move_to(id, "accepted").by(owner).await?;
            }
            7 | 9 if age > Elapsed::days(12) => {
                tenant.close(id, "lost", "El precio").by(owner).await?;
            }
            _ => keep_in_touch(tenant, lead, idle).await?,
        },
        ("sales", "accepted") => make_contract(tenant, lead, owner).await?,
        ("sales", "contract") => sign_and_pay(tenant, lead, owner).await?,
        ("sales", "implementation") if age > Elapsed::days(4) => {
            for activity in ["trained", "set-up"] {
                tenant.record(id, activity).by(owner).await?;
            }
            let act = document("Acta de Implementación.pdf", lead);
            tenant.attach(id, "acceptance-act", act).by(owner).await?;
            tenant.move_to(id, "customer").by(owner).await?;
        }
        // Some are called a day late, and the manager hears of it.
        ("immediate", "new") if temper < 7 || age > Elapsed::days(1) => {
            take_up(tenant, lead, "talking").await?;
        }
        ("immediate" | "follow-up", "talking") => match temper {
            5 => {}
            0 | 2 | 4 | 8 if age > Elapsed::days(9) => {
                tenant.move_to(id, "bought").by(owner).await?;
            }
            1 | 3 | 7 | 9 if age > Elapsed::days(14) => {
                let why = "Compró en otro lugar";
                tenant.close(id, "not-interested", why).by(owner).await?;
            }
            _ => keep_in_touch(tenant, lead, idle).await?,
        },
        // The wait is over: whoever answers is talked to, and the others hear from us in some months.
        ("follow-up", "waiting") if lead.open_task(&"take-up-again".into()).is_some() => {
            match temper {
                0..=4 => {
                    tenant.answered(id).by(owner).await?;
                    tenant.move_to(id, "talking").by(owner).await?;
                }
                5 => {}
                _ => {
                    tenant.tried(id).by(owner).await?;
                    tenant.complete(id, "take-up-again", None).by(owner).await?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Its owner reaches the contact, and the lead goes on.
async fn take_up(
    tenant: &TenantHandle<'_>,
    lead: &Lead,
    stage: &str,
) -> Result<(), Box<dyn Error>> {
    let Some(owner) = lead.owner_id() else {
        return Ok(());
    };
    tenant.reached(lead.id).by(owner).await?;
    tenant.move_to(lead.id, stage).by(owner).await?;
    Ok(())
}

/// All that a contract rests on is told, and administration makes it.
async fn make_contract(
    tenant: &TenantHandle<'_>,
    lead: &Lead,
    owner: &AgentId,
) -> Result<(), Box<dyn Error>> {
    let id = lead.id;
    for (field, told) in [
        ("ruc", ruc_of(lead).as_str()),
        ("contact_person", lead.contact.name.as_str()),
        ("person_email", "compras@example.com"),
        ("person_phone", "+593 99 000 0000"),
        ("sale_conditions", "Contado"),
    ] {
        tenant.set(id, field, told).by(owner).await?;
    }
    tenant.move_to(id, "contract").by(owner).await?;
    let contract = document("Contrato.pdf", lead);
    tenant.attach(id, "contract", contract).by("alma").await?;
    Ok(())
}

/// A number for taxes that nobody else has here: a person's of Pichincha, with its check digit, made up from the
/// phone number.
fn ruc_of(lead: &Lead) -> String {
    let phone = lead.contact.phone.as_deref().unwrap_or_default();
    let digits: Vec<u32> = phone.chars().filter_map(|c| c.to_digit(10)).collect();
    let own = digits.iter().rev().copied().chain([0; 6]).take(6);
    let body: Vec<u32> = [1, 7, 0].into_iter().chain(own).collect();
    let weighed = body.iter().zip([2, 1].into_iter().cycle());
    let sum: u32 = weighed
        .map(|(digit, weight)| digit * weight)
        .map(|it| it - it / 10 * 9)
        .sum();
    let body: String = body.iter().map(u32::to_string).collect();
    format!("{body}{}001", (10 - sum % 10) % 10)
}

/// The customer signs and pays, and the lead goes on by itself.
async fn sign_and_pay(
    tenant: &TenantHandle<'_>,
    lead: &Lead,
    owner: &AgentId,
) -> Result<(), Box<dyn Error>> {
    let id = lead.id;
    tenant.record(id, "contract-signed").by(owner).await?;
    // The accounts give numbers to invoices; here the quote's own will do.
    let quote = lead.quote().ok_or("nothing was quoted")?;
    let number = format!("FAC-{}", quote.number);
    let invoice = [("invoice_number".into(), number.as_str().into())];
    let invoiced = tenant.record_with(id, "invoiced", invoice);
    invoiced.by("alma").await?;
    let total = quote.total.number().ok_or("no amount")?;
    let paid = [("collected_amount".into(), Value::Number(total))];
    let collected = tenant.record_with(id, "collected", paid);
    collected.by("alma").await?;
    Ok(())
}

/// A file that lies elsewhere.
fn document(name: &str, lead: &Lead) -> NewDocument {
    let uri = format!("file:///archive/{}/{name}", lead.id);
    NewDocument::new(name, uri, Sha256([7; 32]))
}

/// Nobody is left alone for longer than two days.
async fn keep_in_touch(
    tenant: &TenantHandle<'_>,
    lead: &Lead,
    idle: Elapsed,
) -> Result<(), Box<dyn Error>> {
    match lead.owner_id() {
        Some(owner) if idle > Elapsed::days(2) => {
            tenant.reached(lead.id).by(owner).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The supervisor says what becomes of those who were lost.
async fn decide_on_lost(tenant: &TenantHandle<'_>) -> Result<(), Box<dyn Error>> {
    for lead in all_leads(tenant, "outcome == \"lost\"").await? {
        if lead.open_task(&"decide-on-lost".into()).is_some() {
            let remarketing = Some("remarketing".into());
            let decided = tenant.complete(lead.id, "decide-on-lost", remarketing);
            decided.by("sofia").await?;
        }
    }
    Ok(())
}

async fn show_board(
    out: &mut impl Write,
    tenant: &TenantHandle<'_>,
    leads: &[(String, LeadId)],
) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{}\n", tenant.playbook()?.label)?;
    let overdue = overdue(tenant, leads).await?;
    let mut board: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for group in tenant.count("", &["pipeline", "stage", "owner"]).await? {
        let [pipeline, stage, owner] = group.values.as_slice() else {
            continue;
        };
        let told = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or_else(|| "nobody".into(), ToString::to_string)
        };
        let (stage, owner) = (format!("{}.{}", told(pipeline), told(stage)), told(owner));
        let late = match overdue.get(&(stage.clone(), owner.clone())) {
            Some(count) => format!(" ({count} overdue)"),
            None => String::new(),
        };
        let owners = board.entry(stage).or_default();
        owners.push(format!("{owner} {}{late}", group.count));
    }
    for (stage, owners) in board {
        writeln!(out, "  {stage:<28} {}", owners.join(", "))?;
    }
    writeln!(out)?;
    for group in tenant
        .count_of(Kind::Message, "", &["template", "state"])
        .await?
    {
        if let [Some(template), Some(state)] = group.values.as_slice() {
            let mails = if group.count == 1 { "mail" } else { "mails" };
            writeln!(out, "  {:>3} {mails} `{template}`: {state}", group.count)?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// How many leads have an open task whose time is over, by stage and owner.
async fn overdue(
    tenant: &TenantHandle<'_>,
    leads: &[(String, LeadId)],
) -> Result<BTreeMap<(String, String), u32>, Box<dyn Error>> {
    let mut overdue = BTreeMap::new();
    let theirs = leads.iter().filter(|(of, _)| of == tenant.name().as_str());
    for (_, id) in theirs {
        let lead = tenant.explain(*id).await?;
        if lead.tasks.iter().any(|task| task.is_overdue) {
            let owner = lead.owner.as_deref().unwrap_or("nobody");
            let place = (lead.stage.to_string(), owner.to_owned());
            *overdue.entry(place).or_default() += 1;
        }
    }
    Ok(overdue)
}

/// The lead of Quito that went through most hands, and was won in the end.
async fn most_eventful<'a>(
    engine: &Engine,
    leads: &'a [(String, LeadId)],
) -> Result<(&'a str, LeadId), Box<dyn Error>> {
    let page = engine
        .tenant("quito")
        .leads(
            "reassignments >= 1 and outcome == \"won\"",
            Order::Descending("reassignments".into()),
            None,
            1,
        )
        .await?;
    match page.records.first() {
        Some(lead) => Ok(("quito", lead.id)),
        None => Ok((leads[0].0.as_str(), leads[0].1)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    use super::*;

    /// What a newcomer sees first: sellers who work, and a few leads that leadkit speaks up for.
    #[test]
    fn half_a_year_leaves_little_overdue_and_nags_nobody() {
        let mut out = Vec::new();
        pollster::block_on(follow_through(&mut out)).unwrap();
        let told = String::from_utf8(out).unwrap();
        let number = |text: &str| text.trim().parse::<u32>().unwrap();
        let overdue: u32 = told
            .split(" (")
            .filter_map(|part| part.split_once(" overdue)"))
            .map(|(count, _)| number(count))
            .sum();
        assert!((1..=8).contains(&overdue), "{overdue} overdue: {told}");
        let quiet: u32 = told
            .lines()
            .filter_map(|line| line.split_once(" mails `quiet`"))
            .map(|(count, _)| number(count))
            .sum();
        // Three leads that nobody looks at for half a year: twice to the owner, then once a month.
        assert!((1..=30).contains(&quiet), "{quiet} mails: {told}");
        for said in ["sales.customer", "follow-up.bought", "One lead's timeline"] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
