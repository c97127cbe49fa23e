//! A host of a dealership with three teams: `playbooks/dealership-teams`.
//!
//! `cargo run --example dealership_teams`
//!
//! A lead goes from the call centre by way of online sales to the store, and comes to its final state. It
//! is made to be copied: a desk calls what is called here when people click.

use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::appointment::Became;
use leadkit::store::MemoryStore;
use leadkit::time::Elapsed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", pollster::block_on(sell())?);
    Ok(())
}

async fn sell() -> Result<String, Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/dealership-teams");
    let clock = VirtualClock::at("2026-03-10T09:00:00Z".parse()?);
    let engine = Engine::builder(MemoryStore::default())
        .playbook("sol", Playbook::load(folder)?)
        .mailer("email", MemoryMailer::default())
        .clock(clock.clone())
        .build()?;
    let sol = engine.tenant("sol");
    for (id, name, role, team) in [
        ("cora", "Cora Vidal", "caller", "call-centre"),
        ("otto", "Otto Rey", "online-seller", "online-sales"),
        ("tina", "Tina Luque", "store-seller", "store-sales"),
    ] {
        let agent = AgentSetup::new(id)
            .name(name)
            .email(format!("{id}@concesionariosol.example"))
            .role(role)
            .team(team);
        sol.set_up(agent).by(Actor::host("desk")).await?;
    }

    // The call centre calls, and says how warm the lead is: that routes it.
    let luis = NewLead::new("Luis Vera").email("luis@example.com");
    let luis = sol.register(luis.source("web")).by(Actor::host("web"));
    let lead = luis.await?.id;
    sol.reached(lead).by("cora").await?;
    let hot = Some("hot".into());
    sol.complete(lead, "qualify", hot).by("cora").await?;

    // Online sales accept it, make an appointment, and hand it over. What is missing is told at once.
    let accepted = Some("accepted".into());
    sol.complete(lead, "accept", accepted).by("otto").await?;
    if let Err(Error::Refused(refusal)) = sol.move_to(lead, "store").by("otto").await {
        refusal.told().iter().for_each(|need| println!("- {need}"));
    }
    let tomorrow = clock.now() + Elapsed::days(1);
    sol.set(lead, "vehicle", "Ibiza FR").by("otto").await?;
    sol.book(lead, "visit", tomorrow).by("otto").await?;
    sol.move_to(lead, "store").by("otto").await?;

    // The store receives the customer and says how it went; who brought the customer hears it.
    let visited = tomorrow + Elapsed::hours(1);
    engine.live_until(&clock, visited, |_, _| {}).await?;
    let held = sol.end_appointment(lead, "visit", Became::Held);
    held.by("tina").await?;
    let says = sol.give_feedback(lead, "visit", "Le encantó");
    says.by("tina").await?;
    let sold = sol.close(lead, "sold", "Oferta de marzo");
    sold.by("tina").await?;
    engine.tick().await?;
    Ok(sol.explain(lead).await?.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn a_lead_goes_through_three_teams_to_its_final_state() {
        let told = pollster::block_on(super::sell()).unwrap();
        let said = ["assigned to cora", "assigned to otto", "assigned to tina"];
        for said in said.into_iter().chain(["sales.sold", "Oferta de marzo"]) {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
}
