//! Follows the leads of two organisations through half a year of virtual time.
//!
//! `cargo run --release --example follow_through`
//!
//! It takes in the leads of `examples/leads.csv`, lets sellers work as sellers do (some at once,
//! some late, some not at all), and shows what came of it: the board of each organisation, one
//! lead's explained timeline, and where the database and the mails lie.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, TenantHandle};
use leadkit::ids::LeadId;
use leadkit::playbook::Playbook;
use leadkit::record::Lead;
use leadkit::store::{Kind, Order};
use leadkit::time::{Elapsed, Instant};
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

    // Leads come in when they come in; in between, whatever is due happens.
    let mut leads: Vec<(String, LeadId)> = Vec::new();
    let mut rows = csv::Reader::from_path(root.join("examples/leads.csv"))?;
    for row in rows.deserialize() {
        let row: Row = row?;
        engine.live_until(&clock, row.at, |_, _| {}).await?;
        let lead = register(&engine, &row).await?;
        leads.push((row.organisation.clone(), lead.id));
        work_a_little(&engine, &clock, &leads).await?;
    }
    let half_a_year_on = clock.now() + Elapsed::weeks(27);
    while clock.now() < half_a_year_on {
        engine
            .live_until(&clock, clock.now() + Elapsed::hours(23), |_, _| {})
            .await?;
        work_a_little(&engine, &clock, &leads).await?;
    }

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
        ("ana", "Ana Torres", "advisor", "Quito"),
        ("bea", "Bea Molina", "advisor", "Quito"),
        ("gus", "Gustavo León", "advisor", "Guayaquil"),
        ("sofia", "Sofía Andrade", "supervisor", ""),
        ("marco", "Marco Paredes", "sales-manager", ""),
    ];
    for (id, name, role, city) in agents {
        let email = format!("{id}@minegocio.example");
        quito
            .set_up(
                AgentSetup::new(id)
                    .name(name)
                    .email(email)
                    .role(role)
                    .cities([city]),
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

/// Sellers at work. Who a lead's contact is decides how it goes, so that every run is the same.
async fn work_a_little(
    engine: &Engine,
    clock: &VirtualClock,
    leads: &[(String, LeadId)],
) -> Result<(), Box<dyn Error>> {
    for (tenant, id) in leads {
        let tenant = engine.tenant(tenant.as_str());
        let Some(lead) = tenant.lead(*id).await?.filter(Lead::is_open) else {
            continue;
        };
        let Some(owner) = lead.owner_id().cloned() else {
            continue;
        };
        let age = clock.now() - lead.entered.at;
        let temper = lead.contact.name.len() % 5;
        match (lead.stage.as_str(), temper) {
            ("new", 0 | 1) => {
                tenant.reached(*id).by(&owner).await?;
                let next = if lead.pipeline == "immediate" {
                    "talking"
                } else {
                    "in-progress"
                };
                tenant.move_to(*id, next).by(&owner).await?;
            }
            ("new", 2) => {
                tenant.tried(*id).by(&owner).await?;
                if lead.pipeline == "sales" {
                    tenant.move_to(*id, "no-answer").by(&owner).await?;
                }
            }
            ("no-answer", _) if lead.attempts.total() < 5 => {
                tenant.tried(*id).by(&owner).await?;
            }
            ("no-answer", _) if age > Elapsed::days(2) => {
                tenant.record(*id, "information").by(&owner).await?;
                tenant.move_to(*id, "lost").by(&owner).await?;
            }
            // Whom nobody reached in time came to the supervisor, who is reminded of it.
            ("new", _) if owner == "sofia" && lead.open_task(&"follow-up".into()).is_some() => {
                tenant.reached(*id).by(&owner).await?;
                tenant.move_to(*id, "in-progress").by(&owner).await?;
            }
            ("in-progress", 0 | 4) if age > Elapsed::days(2) => {
                tenant.reached(*id).by(&owner).await?;
                tenant.move_to(*id, "proposal").by(&owner).await?;
            }
            ("proposal", 4) if age > Elapsed::days(4) => {
                tenant.move_to(*id, "accepted").by(&owner).await?;
            }
            ("talking", 0) if age > Elapsed::days(9) => {
                tenant.move_to(*id, "bought").by(&owner).await?;
            }
            ("waiting", 1) if lead.open_task(&"take-up-again".into()).is_some() => {
                tenant.answered(*id).by(&owner).await?;
                tenant.move_to(*id, "talking").by(&owner).await?;
            }
            // The others are left alone, and leadkit sees to it that they don't go cold.
            _ => {}
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
        let told = |value: &Option<leadkit::value::Value>| {
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
            writeln!(out, "  {:>3} x {template} {state}", group.count)?;
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
    match page.leads.first() {
        Some(lead) => Ok(("quito", lead.id)),
        None => Ok((leads[0].0.as_str(), leads[0].1)),
    }
}
