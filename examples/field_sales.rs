//! A host for `playbooks/field-and-digital-sales`: advisors who have four business hours for a lead, and
//! what comes of it: a quote behind a signed link, the customer's yes, and a contract of which another
//! system is told.
//!
//! `cargo run --example field_sales`
//!
//! To be copied: SQLite, mail as files, and a clock that is set, so that a week-end passes at once.
//! Without the clock and `virtual_time` it is the real one, and `engine.run(..)` takes the place of
//! `live_until`.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use leadkit::clock::{Clock as _, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewDocument, NewLead, NewQuote, NewQuoteLine};
use leadkit::engine::{Engine, Error as EngineError, TenantHandle};
use leadkit::ids::{AgentId, LeadId};
use leadkit::link::{LinkKey, QuoteLink};
use leadkit::playbook::Playbook;
use leadkit::record::{journal::Event, stored};
use leadkit::store::{JournalCursor, Store};
use leadkit::time::Instant;
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
    let store = SqliteStore::open_with(folder.path().join("leads.db"), &options)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let engine = Engine::builder_on(Arc::clone(&store))
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
            .set_up(agent.cities(["Quito"]).zones(["Norte"]))
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
    let owner = lead.owner_id().cloned().ok_or("nobody has it")?;
    quote_and_contract(out, &quito, lead.id, &owner, clock.now()).await?;
    tell_the_other_system(out, &*store, JournalCursor::default()).await?;
    write!(out, "{}", quito.explain(lead.id).await?)?;
    Ok(())
}

/// From the first call to the contract.
async fn quote_and_contract(
    out: &mut impl Write,
    quito: &TenantHandle<'_>,
    lead: LeadId,
    owner: &AgentId,
    now: Instant,
) -> Result<(), Box<dyn Error>> {
    quito.reached(lead).by(owner).await?;
    quito.move_to(lead, "in-progress").by(owner).await?;
    let offer = NewQuote::default().line(NewQuoteLine::of_product("terminal"));
    let quoted = quito.make_quote(lead, offer).by(owner).await?;
    let quote = quoted.quote().ok_or("it was made")?;
    quito.move_to(lead, "proposal").by(owner).await?;

    // What the customer gets: an address that nobody else can make, good until the quote ends.
    let key = LinkKey::new([7; 32])?; // yours is random, and a secret
    let link = QuoteLink {
        tenant: quito.name().clone(),
        lead,
        version: quote.version,
        expires_at: quote.valid_until,
    };
    let address = link.sign(&key, "https://quotes.example/q");
    writeln!(out, "\n{} {}: {address}", quote.number, quote.total)?;

    // What the page behind it does when the customer sends the form.
    let token = address.rsplit('/').next().unwrap_or_default();
    let asked = QuoteLink::verify(token, &key, quito.name(), now)?;
    let accepted = quito.accept_quote(asked.lead, asked.version);
    accepted.by(Actor::host("customer-link")).await?;

    // The contract, and its file where yours lie.
    quito.move_to(lead, "accepted").by(owner).await?;
    for (field, value) in [
        ("ruc", "1710034065001"),
        ("contact_person", "Luis Vera"),
        ("person_phone", "+593 99 333 3333"),
        ("sale_conditions", "Contado"),
    ] {
        quito.set(lead, field, value).by(owner).await?;
    }
    quito.move_to(lead, "contract").by(owner).await?;
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let file = NewDocument::new("Contrato.pdf", "s3://contracts/4711", sha256.parse()?);
    quito.attach(lead, "contract", file).by(owner).await?;
    Ok(())
}

/// Tells another system of the documents that were attached since it was last told. It keeps the cursor with
/// what it was told, so that it hears everything once, whatever restarts in between.
async fn tell_the_other_system(
    out: &mut impl Write,
    store: &dyn Store,
    kept: JournalCursor,
) -> Result<JournalCursor, Box<dyn Error>> {
    let mut cursor = kept;
    loop {
        let entries = store.journal(&"quito".into(), cursor, 100).await?;
        for entry in &entries {
            for event in stored::decode_entry(&entry.body)?.events {
                if let Event::DocumentAttached { kind, sha256, .. } = event {
                    writeln!(out, "attached: {kind} {sha256}\n")?;
                }
            }
            cursor = entry.cursor;
        }
        if entries.is_empty() {
            return Ok(cursor);
        }
    }
}

const PLAYBOOK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/playbooks/field-and-digital-sales"
);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    fn told() -> String {
        let mut out = Vec::new();
        pollster::block_on(super::sell(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_unanswered_lead_goes_to_somebody_else_and_the_manager_hears_of_it() {
        let told = told();
        for said in [
            "- Haber contactado al prospecto\n- El motivo\n",
            "bea has it now",
            "To: \"Marco Paredes\" <marco@minegocio.example>",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }

    #[test]
    fn a_quote_is_accepted_by_its_link_and_another_system_hears_of_the_contract() {
        let told = told();
        for said in [
            "-1 286.35 USD: https://quotes.example/q/",
            "quote accepted, version 1",
            "attached: contract 9f86d081",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
