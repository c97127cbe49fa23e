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
    println!("{}", pollster::block_on(onboard())?);
    Ok(())
}

async fn onboard() -> Result<String, Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/platform-onboarding");
    let clock = VirtualClock::at("2026-03-10T13:00:00Z".parse()?);
    let engine = Engine::builder(MemoryStore::default())
        .playbook("autocloud", Playbook::load(folder)?)
        .mailer("email", MemoryMailer::default())
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

    // What a form forgot comes back by name and in words, and nothing was written.
    let form = Form {
        store: "Loja Cedro",
        email: "cedro@example.com",
        platform: "Feirão Digital",
        products: "Anúncios",
        evaluates: true,
        presentation: None,
    };
    if let Err(Error::Refused(refusal)) = autocloud.register(form.lead()).by("rita").await {
        refusal.told().iter().for_each(|need| println!("- {need}"));
    }

    // With its presentation, later today, the store is in evaluation, and everybody hears of it.
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
    Ok(autocloud.explain(lead.id).await?.to_string())
}

/// What the form LEADS asks.
struct Form<'a> {
    store: &'a str,
    email: &'a str,
    platform: &'a str,
    products: &'a str,
    /// AVALIAÇÃO, or simply a LEAD: Feirão Digital asks which.
    evaluates: bool,
    presentation: Option<Instant>,
}

impl Form<'_> {
    fn lead(&self) -> NewLead {
        let kind = match self.evaluates {
            true => "evaluation",
            false => "lead",
        };
        let lead = NewLead::new(self.store)
            .email(self.email)
            .source("form")
            .field("platform", self.platform)
            .field("products", self.products)
            .field("type", kind);
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
        let told = pollster::block_on(super::onboard()).unwrap();
        for said in ["commercial.evaluation", "decide-on-evaluation"] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
