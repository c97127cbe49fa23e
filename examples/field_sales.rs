//! A host for `playbooks/field-and-digital-sales`: advisors who have four business hours for a lead.
//!
//! `cargo run --example field_sales`
//!
//! To be copied: SQLite, mail as files, and a clock that is set, so that a week-end passes at once.
//! Without the clock and `virtual_time` it is the real one, and `engine.run(..)` takes the place of
//! `live_until`.

use std::error::Error;
use std::io::{self, Write};

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error as EngineError};
use leadkit::ids::AgentId;
use leadkit::playbook::Playbook;
use leadkit_maildir::MaildirMailer;
use leadkit_sqlite::{Options, SqliteStore};

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(sell(&mut io::stdout()))
}

async fn sell(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mail = folder.path().join("mail");
    // A Friday afternoon in Quito.
    let clock = VirtualClock::at("2026-03-06T21:30:00Z".parse()?);
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    let engine = Engine::builder(SqliteStore::open_with(
        folder.path().join("leads.db"),
        &options,
    )?)
    .playbook("quito", Playbook::load(PLAYBOOK)?)
    .mailer("email", MaildirMailer::open(&mail)?)
    .clock(clock.clone())
    .build()?;
    let quito = engine.tenant("quito");

    // Who works here: once, and when it changes.
    let people = [
        ("ana", "Ana Torres", "advisor"),
        ("bea", "Bea Molina", "advisor"),
        ("sofia", "Sofía Andrade", "supervisor"),
        ("marco", "Marco Paredes", "sales-manager"),
    ];
    for (id, name, role) in people {
        let email = format!("{id}@minegocio.example");
        let agent = AgentSetup::new(id).name(name).email(email).role(role);
        quito
            .set_up(agent.cities(["Quito"]))
            .by(Actor::host("crm"))
            .await?;
    }

    // The web form: the pool chooses who gets the lead, and says why.
    let luis = NewLead::new("Luis Vera")
        .email("luis@example.com")
        .source("web");
    let lead = quito
        .register(luis.field("city", "Quito"))
        .by(Actor::host("web-form"))
        .await?;
    let first = lead.owner_id().cloned().ok_or("nobody has it")?;
    writeln!(out, "{first} has {}", lead.contact.name)?;

    // Nobody may give a lead up before it was reached: a form shows all that is missing.
    match quito.move_to(lead.id, "lost").by(&first).await {
        Err(EngineError::Refused(refusal)) => {
            for need in refusal.told() {
                writeln!(out, "- {need}")?;
            }
        }
        other => drop(other?),
    }

    // The week-end counts for nothing. On Monday at 11:30 the four hours are over.
    engine
        .live_until(&clock, "2026-03-09T16:30:00Z".parse()?, |_, _| {})
        .await?;
    engine.tick().await?; // what is due at that very instant
    let lead = quito.lead(lead.id).await?.ok_or("it was there")?;
    let owner = lead.owner_id().map_or("nobody", AgentId::as_str);
    writeln!(out, "{owner} has it now; the manager's mail:\n")?;
    for mail in std::fs::read_dir(mail.join("quito"))? {
        writeln!(out, "{}", std::fs::read_to_string(mail?.path())?)?;
    }
    write!(out, "{}", quito.explain(lead.id).await?)?;
    Ok(())
}

const PLAYBOOK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/playbooks/field-and-digital-sales"
);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn an_unanswered_lead_goes_to_somebody_else_and_the_manager_hears_of_it() {
        let mut out = Vec::new();
        pollster::block_on(super::sell(&mut out)).unwrap();
        let told = String::from_utf8(out).unwrap();
        for said in [
            "- Haber contactado al prospecto\n- El motivo\n",
            "bea has it now",
            "To: \"Marco Paredes\" <marco@minegocio.example>",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
