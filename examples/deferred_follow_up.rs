//! A host for `playbooks/deferred-follow-up`: leads who will buy a car in some months.
//!
//! `cargo run --example deferred_follow_up`
//!
//! To be copied: SQLite, mail as files, and a clock that is set, so that months pass at once. Without
//! the clock and `virtual_time` it is the real one, and `engine.run(..)` takes the place of
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
    pollster::block_on(follow_up(&mut io::stdout()))
}

async fn follow_up(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mail = folder.path().join("mail");
    let clock = VirtualClock::at("2026-03-02T17:00:00Z".parse()?);
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    let engine = Engine::builder(SqliteStore::open_with(
        folder.path().join("leads.db"),
        &options,
    )?)
    .playbook("toluca", Playbook::load(PLAYBOOK)?)
    .mailer("email", MaildirMailer::open(&mail)?)
    .clock(clock.clone())
    .build()?;
    let toluca = engine.tenant("toluca");

    // Who works here: once, and when it changes.
    let people = [
        ("luisa", "Luisa Aguirre", "seller"),
        ("monica", "Mónica Herrera", "manager"),
    ];
    for (id, name, role) in people {
        let email = format!("{id}@autosdelvalle.example");
        let agent = AgentSetup::new(id).name(name).email(email).role(role);
        toluca.set_up(agent).by(Actor::host("crm")).await?;
    }

    // The web form: whoever does not say which car is told so beside that input.
    let pedro = NewLead::new("Pedro Luna")
        .email("pedro@example.com")
        .source("web");
    let pedro = pedro.wait("three-to-six-months").wait_days(120);
    let form = || Actor::host("web-form");
    match toluca.register(pedro.clone()).by(form()).await {
        Err(EngineError::Refused(refusal)) => {
            for (input, told) in refusal.missing().zip(refusal.told()) {
                writeln!(out, "[{input}] {told}")?;
            }
        }
        other => drop(other?),
    }
    let lead = toluca.register(pedro.field("car", "X3")).by(form()).await?;
    let owner = lead.owner_id().map_or("nobody", AgentId::as_str);
    writeln!(out, "{} waits; {owner} follows through", lead.contact.name)?;

    // Four months on the wait is over: Pedro gets a mail in Luisa's name, and she a task.
    engine
        .live_until(&clock, "2026-07-01T17:00:00Z".parse()?, |_, _| {})
        .await?;
    for mail in std::fs::read_dir(mail.join("toluca"))? {
        writeln!(out, "{}", std::fs::read_to_string(mail?.path())?)?;
    }

    // He answers, and the re-contact every three months ends.
    toluca.answered(lead.id).by("luisa").await?;
    toluca.move_to(lead.id, "talking").by("luisa").await?;
    write!(out, "{}", toluca.explain(lead.id).await?)?;
    Ok(())
}

const PLAYBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/deferred-follow-up");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn after_four_months_the_contact_gets_a_mail() {
        let mut out = Vec::new();
        pollster::block_on(super::follow_up(&mut out)).unwrap();
        let told = String::from_utf8(out).unwrap();
        for said in [
            "[car] car: is needed\n",
            "To: \"Pedro Luna\" <pedro@example.com>",
            "Pedro Luna: follow-up.talking, owned by luisa",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
