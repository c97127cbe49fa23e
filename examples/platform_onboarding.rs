//! A host that takes in the form LEADS of two platforms: `playbooks/platform-onboarding`.
//!
//! `cargo run --example platform_onboarding`
//!
//! It is made to be copied. Put a store that keeps things in the place of the `MemoryStore`, an
//! `SmtpMailer` in that of the `MemoryMailer`, leave the clock out, and let `engine.run(..)` or a
//! scheduler of yours tick.

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::appointment::Became;
use leadkit::store::MemoryStore;
use leadkit::time::{Elapsed, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let onboarded = pollster::block_on(onboard())?;
    for (to, subject) in &onboarded.mails {
        println!("{to}: {subject}");
    }
    println!("\n{}\n\n{}", onboarded.autocloud, onboarded.feirao);
    Ok(())
}

/// What became of the two stores, and to whom mail went.
struct Onboarded {
    autocloud: String,
    feirao: String,
    mails: Vec<(String, String)>,
}

async fn onboard() -> Result<Onboarded, Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/platform-onboarding");
    let clock = VirtualClock::at("2026-03-10T13:00:00Z".parse()?);
    let mailer = MemoryMailer::default();
    let engine = Engine::builder(MemoryStore::default())
        .playbook("autocloud", Playbook::load(folder)?)
        .mailer("email", mailer.clone())
        .clock(clock.clone())
        .build()?;
    let autocloud = engine.tenant("autocloud");
    for (id, name, role) in [
        ("rita", "Rita Nogueira", "representative"),
        ("clara", "Clara Mendes", "commercial"),
        ("saulo", "Saulo Dias", "support"),
    ] {
        let agent = AgentSetup::new(id)
            .name(name)
            .email(format!("{id}@autocloud.example"))
            .role(role);
        let agent = match role {
            "representative" => agent,
            team => agent.team(team),
        };
        autocloud.set_up(agent).by(Actor::host("crm")).await?;
    }

    // A store that comes to autocloud stands in LEAD: that platform asks for no type.
    let form = Form {
        store: "Auto Sul",
        email: "sul@example.com",
        platform: "autocloud",
        products: "Site e estoque",
        evaluates: None,
        presentation: None,
    };
    let sul = autocloud.register(form.lead()).by("rita").await?;

    // What a form forgot comes back by name and in words, and nothing was written.
    let form = Form {
        store: "Loja Cedro",
        email: "cedro@example.com",
        platform: "Feirão Digital",
        products: "Anúncios",
        evaluates: Some(true),
        presentation: None,
    };
    if let Err(Error::Refused(refusal)) = autocloud.register(form.lead()).by("rita").await {
        refusal.told().iter().for_each(|need| println!("- {need}"));
    }

    // With its presentation, later today, the store is in evaluation: it hears that its time begins, and
    // the two teams that they are to watch over it.
    let presentation = Some(clock.now() + Elapsed::hours(4));
    let form = Form {
        presentation,
        ..form
    };
    let lead = autocloud.register(form.lead()).by("rita").await?;
    let five_o_clock = clock.now() + Elapsed::hours(4);
    engine.live_until(&clock, five_o_clock, |_, _| {}).await?;
    let held = autocloud.end_appointment(lead.id, "presentation", Became::Held);
    held.by("rita").await?;

    // Fifteen days later somebody has to decide.
    let end = clock.now() + Elapsed::days(16);
    engine.live_until(&clock, end, |_, _| {}).await?;
    let mails = mailer.messages().into_iter();
    let mails = mails.map(|mail| (mail.to.email.to_string(), mail.rendered.subject));
    Ok(Onboarded {
        autocloud: autocloud.explain(sul.id).await?.to_string(),
        feirao: autocloud.explain(lead.id).await?.to_string(),
        mails: mails.collect(),
    })
}

/// What the form LEADS asks.
struct Form<'a> {
    store: &'a str,
    email: &'a str,
    platform: &'a str,
    products: &'a str,
    /// AVALIAÇÃO, or simply a LEAD: Feirão Digital asks which, and autocloud doesn't.
    evaluates: Option<bool>,
    presentation: Option<Instant>,
}

impl Form<'_> {
    fn lead(&self) -> NewLead {
        let lead = NewLead::new(self.store)
            .email(self.email)
            .source("form")
            .field("platform", self.platform)
            .field("products", self.products);
        let lead = match self.evaluates {
            Some(true) => lead.field("type", "evaluation"),
            Some(false) => lead.field("type", "lead"),
            None => lead,
        };
        match self.presentation {
            Some(at) => lead.appointment("presentation", at),
            None => lead,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn an_evaluation_ends_with_a_decision_to_take() {
        let told = pollster::block_on(super::onboard()).unwrap().feirao;
        for said in ["commercial.evaluation", "decide-on-evaluation"] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }

    #[test]
    fn a_store_of_autocloud_stands_in_lead_and_its_presentation_is_to_be_arranged() {
        let told = pollster::block_on(super::onboard()).unwrap().autocloud;
        for said in ["commercial.lead", "schedule-presentation"] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }

    #[test]
    fn the_stores_and_both_teams_hear_what_the_source_names() {
        let mails = pollster::block_on(super::onboard()).unwrap().mails;
        let begins = "Feirão Digital - ATENÇÃO Loja nova em avaliação";
        for (to, subject) in [
            ("sul@example.com", "A TRANSFORMAÇÃO ESTÁ A CAMINHO"),
            ("clara@autocloud.example", "LEADS - NOVO ENVIO"),
            (
                "cedro@example.com",
                "Seu período de 15 dias de avaliação começou",
            ),
            ("saulo@autocloud.example", begins),
            ("clara@autocloud.example", begins),
            (
                "clara@autocloud.example",
                "ATENÇÃO: Lead criado há mais de 5 dias",
            ),
            (
                "clara@autocloud.example",
                "ATENÇÃO: Lead criado há mais de 15 dias",
            ),
        ] {
            let heard = |(at, said): &(String, String)| at == to && said.contains(subject);
            let count = mails.iter().filter(|mail| heard(mail)).count();
            assert_eq!(count, 1, "{to}: {subject}: {mails:#?}");
        }
    }
}
