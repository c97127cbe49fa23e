//! From a lead to the server: what an engine hands over, and what it makes of the answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod server;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::playbook::Playbook;
use leadkit::store::MemoryStore;
use leadkit_smtp::SmtpMailer;
use mail_parser::MessageParser;
use server::Strict;

/// What is in `state` after Rosa, who waits for three months, has got her first message.
async fn first_message(mailer: SmtpMailer, email: &str) -> (String, bool) {
    let clock = VirtualClock::at("2026-03-10T15:30:00Z".parse().unwrap());
    let engine = Engine::builder(MemoryStore::default())
        .playbook(
            "toluca",
            Playbook::load("../../playbooks/deferred-follow-up").unwrap(),
        )
        .mailer("email", mailer)
        .clock(clock.clone())
        .build()
        .unwrap();
    let toluca = engine.tenant("toluca");
    let luisa = AgentSetup::new("luisa").name("Luisa Peña").role("seller");
    toluca
        .set_up(luisa.email("luisa@autosdelvalle.example"))
        .by(Actor::host("test"))
        .await
        .unwrap();
    let rosa = NewLead::new("Rosa Lara")
        .email(email)
        .source("web")
        .field("car", "X3")
        .wait("three-to-six-months");
    let rosa = toluca.register(rosa).by("luisa").await.unwrap();
    let until = "2026-06-08T16:00:00Z".parse().unwrap();
    engine.live_until(&clock, until, |_, _| {}).await.unwrap();
    let messages = toluca
        .messages("", None, 10)
        .await
        .unwrap()
        .whole()
        .unwrap();
    let rosa = toluca.lead(rosa.id).await.unwrap().unwrap();
    assert_eq!(messages.len(), 1);
    let state = messages[0].state.as_str().to_owned();
    (state, rosa.contact.email_invalid)
}

#[test]
fn a_leads_first_message_comes_from_its_agent() {
    let server = Strict::start();
    let sent = pollster::block_on(first_message(server.mailer(), "rosa@example.com"));
    assert_eq!(sent, ("accepted".into(), false));
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].mail, "luisa@autosdelvalle.example");
    assert_eq!(taken[0].rcpt, "rosa@example.com");
    let parsed = MessageParser::default().parse(&taken[0].bytes).unwrap();
    let reply_to = parsed.reply_to().unwrap().first().unwrap();
    assert_eq!(reply_to.address(), Some("luisa@autosdelvalle.example"));
    assert_eq!(reply_to.name(), Some("Luisa Peña"));
}

#[test]
fn a_lead_whose_address_is_not_there_is_marked_so() {
    let server = Strict::start();
    let sent = pollster::block_on(first_message(server.mailer(), "nobody@example.com"));
    assert_eq!(sent, ("refused".into(), true));
    assert!(server.taken().is_empty());
}
