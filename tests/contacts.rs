//! A contact and its leads: what is known of the person is known to all of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, Correction, NewLead, What};
use leadkit::engine::{Answer, Error};
use leadkit::record::Contact;
use leadkit::record::contact::ContactPart;
use leadkit::scenario::{self, World};
use leadkit::store::{MemoryStore, Order};
use pollster::block_on;
use shop::{at, folder, play, read};

fn world(rules: &str) -> World {
    let playbook = read(&folder(rules, ""));
    let store = Arc::new(MemoryStore::default());
    World::new(playbook, store, at("2026-03-02T10:00:00+01:00")).unwrap()
}

async fn register(world: &World, new: NewLead) -> Answer {
    let command = Command {
        tenant: world.tenant().name().clone(),
        actor: Actor::host("web-form"),
        happened_at: None,
        what: What::Register(Box::new(new)),
    };
    world.engine().execute(None, command).await.unwrap()
}

// ------------------------------------------------------------------ reopened

#[test]
fn a_lead_that_is_reopened_knows_what_became_of_its_contact_meanwhile() {
    play(
        r#"
[[rule]]
name  = "ask-again"
on    = "entered new"
after = "1 day"
if    = 'not contact.unsubscribed and contact.phone is present'
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "unsubscribed through another lead"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Luis", email = "luis@example.com", phone = "600 100 200" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
register = { ref = "second", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
unsubscribe = {}

[[scenario.step]]
lead   = "first"
reopen = { to = "new" }
expect = { count = { 'contact.unsubscribed' = 2 } }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
expect = { tasks = [], history = "rule ask-again skipped" }

[[scenario]]
name  = "a phone number became known while it was closed"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "first", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
close = { as = "lost" }

[[scenario.step]]
register = { ref = "second", name = "Luis", email = "luis@example.com", phone = "600 100 200" }

[[scenario.step]]
lead   = "first"
reopen = { to = "new" }

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
expect = { task = "call" }
"#,
    );
}

// ------------------------------------------------------------------ registered again

#[test]
fn a_phone_number_that_was_missing_reaches_all_open_leads_of_the_contact() {
    block_on(async {
        // A lead whose phone becomes known is done with its task at once: it is decided anew.
        let world = world(
            r#"
[task.find-phone]
text = "Find a phone number"
done = 'contact.phone is present'

[[rule]]
name = "find-phone"
on   = "registered"
if   = 'contact.phone is missing'
do   = [{ task = "find-phone" }]
"#,
        );
        let luis = || NewLead::new("Luis").email("luis@example.com");
        let first = register(&world, luis()).await.lead.unwrap();
        assert!(first.open_task(&"find-phone".into()).is_some());
        let second = register(&world, luis().phone("600 100 200")).await;
        assert_eq!(second.contact_differs, []);
        let leads = world.tenant().leads("", Order::Id, None, 10).await.unwrap();
        let leads = leads.whole().unwrap();
        assert_eq!(leads.len(), 2);
        for lead in &leads {
            assert_eq!(lead.contact.phone.as_deref(), Some("600 100 200"));
            assert!(lead.open_task(&"find-phone".into()).is_none());
        }
        let told = world.tenant().explain(first.id).await.unwrap().to_string();
        assert!(told.contains("the contact's phone became known"), "{told}");
    });
}

#[test]
fn what_differs_from_what_is_known_is_told_and_overwrites_nothing() {
    block_on(async {
        let world = world("");
        let luis =
            |name: &str, phone: &str| NewLead::new(name).email("luis@example.com").phone(phone);
        let first = register(&world, luis("Luis Vera", "600 100 200")).await;
        assert_eq!(first.contact_differs, []);
        // However it is written, it is the same.
        let same = register(&world, luis(" luis VERA ", "600-100-200")).await;
        assert_eq!(same.contact_differs, []);
        let other = register(&world, luis("Luisa Vera", "600 100 201")).await;
        assert_eq!(
            other.contact_differs,
            [ContactPart::Name, ContactPart::Phone]
        );
        let lead = other.lead.unwrap();
        assert_eq!(lead.contact.name, "Luis Vera");
        assert_eq!(lead.contact.phone.as_deref(), Some("600 100 200"));
        // On record without what was typed: the journal holds no personal values.
        let told = world.tenant().explain(lead.id).await.unwrap();
        let said = "registered with another name and another phone than the contact is known by";
        assert!(told.history.iter().any(|line| line.what == said));
    });
}

// ------------------------------------------------------------------ into a wait group

const WAITING: &str = r#"
[wait.some-months]
wait  = { least = "30 days", default = "60 days", most = "90 days" }
first = [{ task = "call" }]

[need.consent]
if   = 'city is present'
text = "The city"

[pipeline.later]
start = "asked"

[pipeline.later.stage]
asked   = { to = { waiting = ["consent"], over = [] } }
waiting = { waits = true, to = { over = [] } }
over    = { final = "lost", to = ["waiting", "asked"] }

[[route]]
to = "later.asked"
"#;

#[test]
fn how_long_a_lead_waits_is_a_fault_where_no_step_says_in_which_group() {
    for verb in ["move", "reopen"] {
        let scenario = format!(
            "[[scenario]]\nname = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n\
             [[scenario.step]]\nregister = {{ ref = \"luis\", name = \"Luis\" }}\n\n\
             [[scenario.step]]\n{verb} = {{ to = \"waiting\", wait-days = 45 }}\n"
        );
        let folder = folder(WAITING, &scenario);
        let faults = scenario::read_for(&read(&folder), &folder).unwrap_err().0;
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        let wanted = format!("[scenario.step.{verb}] needs `wait`");
        assert!(told[0].contains(&wanted), "{told:#?}");
        assert!(
            faults[0].hint.as_ref().unwrap().contains("the group"),
            "{told:#?}"
        );
    }
}

#[test]
fn a_lead_comes_to_where_leads_wait_only_with_a_wait_group() {
    play(
        WAITING,
        r#"
[[scenario]]
name  = "the move says the wait group"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]                           # all that is missing, at once
move   = { to = "waiting" }
expect = { refused = ["consent", "wait"], stage = "asked" }

[[scenario.step]]
set = { city = "Madrid" }

[[scenario.step]]
move   = { to = "waiting" }
expect = { refused = ["wait"], stage = "asked" }

[[scenario.step]]
move   = { to = "waiting", wait = "some-months", wait-days = 100 }
expect = { refused = ["wait_days"], refusal-says = "30 days to 90 days", stage = "asked" }

[[scenario.step]]
move   = { to = "waiting", wait = "some-month" }
expect = { refused = ["wait"], refusal-says = "some-months", stage = "asked" }

[[scenario.step]]
move   = { to = "waiting", wait = "some-months", wait-days = 45 }
expect = { stage = "waiting", wait-days = 45, next-at = "2026-04-16T10:00:00+02:00", history = "waits in some-months, 45 days" }

[[scenario.step]]                           # its wait group stays its own
close = { as = "over" }

[[scenario.step]]
reopen = { to = "waiting" }
expect = { stage = "waiting", wait-days = 45 }

[[scenario]]
name  = "a lead without a wait group is reopened"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
close = { as = "over" }

[[scenario.step]]
reopen = { to = "waiting" }
expect = { refused = ["wait"], stage = "over" }

[[scenario.step]]
reopen = { to = "waiting", wait = "some-months" }
expect = { stage = "waiting", wait-days = 60, next-at = "2026-05-01T10:00:00+02:00" }
"#,
    );
}

// ------------------------------------------------------------------ corrected

#[test]
fn what_a_registration_said_otherwise_can_be_corrected_on_all_leads_of_the_contact() {
    block_on(async {
        let world = world("");
        let tenant = world.tenant();
        let luis = || NewLead::new("Luis").email("luis@example.com");
        register(&world, luis().phone("600 100 200")).await;
        let second = register(&world, NewLead::new("Luisa").email("luis@example.com")).await;
        assert_eq!(second.contact_differs, [ContactPart::Name]);
        let lead = second.lead.unwrap().id;
        let correction = Correction::default().name(" Luisa ").phone("600 300 400");
        let corrected = tenant
            .correct_contact(lead, correction)
            .by(Actor::host("test"));
        let corrected = corrected.await.unwrap();
        assert_eq!(corrected.contact.name, "Luisa");
        let leads = tenant
            .leads("", Order::Id, None, 10)
            .await
            .unwrap()
            .whole()
            .unwrap();
        assert_eq!(leads.len(), 2);
        for lead in &leads {
            let known = (lead.contact.name.as_str(), lead.contact.phone.as_deref());
            assert_eq!(known, ("Luisa", Some("600 300 400")));
            let told = tenant.explain(lead.id).await.unwrap().to_string();
            let event = "corrected: the contact's name and phone";
            assert!(told.contains(event), "{told}");
        }
        // Who is registered next is the contact as it is known now.
        let third = register(&world, NewLead::new("Luisa").email("luis@example.com")).await;
        assert_eq!(third.contact_differs, []);
        // What is not said stays, and an empty number takes the number away.
        let gone = tenant.correct_contact(lead, Correction::default().phone(""));
        let gone = gone.by(Actor::host("test")).await.unwrap();
        assert_eq!(
            (gone.contact.name.as_str(), gone.contact.phone),
            ("Luisa", None)
        );
    });
}

#[test]
fn who_is_known_by_a_phone_number_is_known_by_the_corrected_one() {
    block_on(async {
        let world = world("");
        let tenant = world.tenant();
        let known_by = |phone: &str| NewLead::new("Luis").phone(phone);
        let contact = |answer: Answer| answer.lead.unwrap().contact.id;
        let first = register(&world, known_by("600 100 200"))
            .await
            .lead
            .unwrap();
        let other = contact(register(&world, known_by("600 900 900")).await);
        let correct = |phone: &str| {
            let correction = Correction::default().phone(phone);
            tenant
                .correct_contact(first.id, correction)
                .by(Actor::host("test"))
        };
        correct("600 300 400").await.unwrap();
        let again = contact(register(&world, known_by("600-300-400")).await);
        assert_eq!(again, first.contact.id);
        let stranger = contact(register(&world, known_by("600 100 200")).await);
        assert_ne!(stranger, first.contact.id);
        // A number by which somebody else is known stays theirs.
        correct("600 900 900").await.unwrap();
        assert_eq!(
            contact(register(&world, known_by("600 900 900")).await),
            other
        );
    });
}

#[test]
fn a_correction_must_say_something_that_can_be_right_and_takes_its_permission() {
    block_on(async {
        let world = world("[role.clerk]\nmay = [\"register\"]\nover = \"all\"\n");
        let tenant = world.tenant();
        let clerk = AgentSetup::new("eva").name("Eva").email("eva@example.com");
        let clerk = tenant.set_up(clerk.role("clerk")).by(Actor::host("test"));
        clerk.await.unwrap();
        let lead = register(&world, NewLead::new("Luis").phone("600 100 200")).await;
        let lead = lead.lead.unwrap().id;
        let long = "6".repeat(257);
        let correct = |name: &str, phone: &str, by: Actor| {
            let correction = Correction::default().name(name).phone(phone);
            tenant.correct_contact(lead, correction).by(by)
        };
        for (name, phone, wrong) in [
            (" ", "600 300 400", "name"),
            ("Luis", "none", "phone"),
            ("Luis", &long, "phone"),
            (&long, "", "name"),
        ] {
            let refused = correct(name, phone, Actor::host("test")).await;
            let Err(Error::Refused(refusal)) = refused else {
                panic!("{refused:?}");
            };
            let inputs: Vec<&str> = refusal.missing().map(|input| input.as_str()).collect();
            assert_eq!(inputs, [wrong]);
        }
        let refused = correct("Luisa", "", "eva".into()).await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "not-permitted")
        );
    });
}

// ------------------------------------------------------------------ another address

#[test]
fn the_address_that_was_given_first_is_kept_and_another_one_is_told() {
    block_on(async {
        let world = world("");
        let tenant = world.tenant();
        let luis = NewLead::new("Luis").email("luis@example.com");
        let lead = register(&world, luis).await.lead.unwrap().id;
        let give = |email: &str| tenant.give_email(lead, email).by(Actor::host("test"));
        let same = give(" LUIS@example.com ").await.unwrap();
        assert_eq!(same.contact_differs, []);
        let other = give("luis@work.example").await.unwrap();
        assert_eq!(other.contact_differs, [ContactPart::Email]);
        let known = other.lead.unwrap().contact.email.unwrap();
        assert_eq!(known.as_str(), "luis@example.com");
        let told = tenant.explain(lead).await.unwrap().to_string();
        assert!(told.contains("another e-mail address was given"), "{told}");
        let refused = give("none").await;
        assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "incomplete"));
    });
}

#[test]
fn who_had_no_address_is_known_by_the_first_that_is_given() {
    block_on(async {
        let world = world("[base.one]\npipelines = [\"sales\"]\nunique = [\"contact.email\"]\n");
        let tenant = world.tenant();
        let lead = register(&world, NewLead::new("Luis").phone("600 100 200")).await;
        let lead = lead.lead.unwrap();
        let given = tenant.give_email(lead.id, "luis@example.com");
        let given = given.by(Actor::host("test")).await.unwrap();
        assert_eq!(given.contact_differs, []);
        // Its place in the base is taken from now on.
        let again = NewLead::new("Luis").email("luis@example.com");
        let refused = tenant.register(again).by(Actor::host("test")).await;
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "already-held")
        );
    });
}

#[test]
fn what_is_corrected_may_find_a_duplicate_and_part_it_again() {
    play(
        "",
        r#"
[[scenario]]
name  = "a number that was mistyped"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", phone = "600 100 200" }

[[scenario.step]]
register = { ref = "vera", name = "Ms Vera", phone = "600 100 201" }

[[scenario.step]]
correct = { name = "Luisa Vera", phone = "600 100 200" }
expect  = { contact = { name = "Luisa Vera", phone = "600 100 200" }, duplicates = ["luis"] }

[[scenario.step]]
give-email = { email = "luisa@example.com" }
expect     = { contact = { email = "luisa@example.com" } }

[[scenario.step]]
correct = { phone = "" }
expect  = { contact = { name = "Luisa Vera", phone = "" }, duplicates = [] }
"#,
    );
}

// ------------------------------------------------------------------ one address for two

const NEWS: &str = r#"
[[rule]]
name  = "news"
on    = "registered"
after = "1 day"
do    = [{ send = "hello" }]
"#;

/// Rosa has no address of her own, and gives that of Luis with a later step.
const ROSA_GIVES_HIS: &str = r#"
[[scenario.step]]
register = { ref = "rosa", name = "Rosa", phone = "600 100 201" }

[[scenario.step]]
give-email = { email = "luis@example.com" }
expect     = { contact = { email = "luis@example.com" }, duplicates = ["luis"] }
"#;

#[test]
fn who_unsubscribes_hears_no_more_at_that_address_whoever_else_it_was_given_by() {
    let scenario = |unsubscribes: &str| {
        format!(
            r#"
[[scenario]]
name  = "{unsubscribes} unsubscribes"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", email = "luis@example.com" }}
{ROSA_GIVES_HIS}
[[scenario.step]]
lead        = "{unsubscribes}"
unsubscribe = {{}}

[[scenario.step]]
lead   = "rosa"
at     = "2026-03-04T10:00:00+01:00"
expect = {{ mailed = [], history = ["the contact unsubscribed"] }}

[[scenario.step]]
lead   = "luis"
expect = {{ mailed = [], history = ["the contact unsubscribed"] }}
"#
        )
    };
    play(NEWS, &format!("{}{}", scenario("luis"), scenario("rosa")));
}

#[test]
fn an_address_at_which_nothing_is_wanted_is_so_for_who_gives_it_later() {
    play(
        NEWS,
        &format!(
            r#"
[[scenario]]
name  = "it was unsubscribed before"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", email = "luis@example.com" }}

[[scenario.step]]
unsubscribe = {{}}
{ROSA_GIVES_HIS}
[[scenario.step]]
lead   = "rosa"
at     = "2026-03-04T10:00:00+01:00"
expect = {{ mailed = [] }}
"#
        ),
    );
}

/// A contact knows sixteen others with whom it shares something.
#[test]
fn who_unsubscribes_does_so_for_an_address_that_more_have_than_a_contact_knows() {
    let others = Contact::MOST_DUPLICATES + 2;
    let give = (0..others).map(|n| {
        format!(
            r#"
[[scenario.step]]
register = {{ ref = "rosa-{n}", name = "Rosa", phone = "600 100 2{n:02}" }}

[[scenario.step]]
give-email = {{ email = "luis@example.com" }}
"#
        )
    });
    let hears = (0..others).map(|n| {
        format!(
            r#"
[[scenario.step]]
lead   = "rosa-{n}"
expect = {{ mailed = [], dropped = {{ hello = "unsubscribed" }} }}
"#
        )
    });
    play(
        NEWS,
        &format!(
            r#"
[[scenario]]
name  = "the first ones are forgotten"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis", email = "luis@example.com" }}
{}
[[scenario.step]]
lead        = "luis"
unsubscribe = {{}}

[[scenario.step]]
at     = "2026-03-04T10:00:00+01:00"
{}"#,
            give.collect::<String>(),
            hears.collect::<String>()
        ),
    );
}
