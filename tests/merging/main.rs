//! Merging contacts who are the same person, and taking that back.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod distinct;
mod odoo;
mod parting;
#[path = "../shop/mod.rs"]
mod shop;
#[path = "../tapped/mod.rs"]
mod tapped;
mod torn;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Command, Correction, NewLead, What};
use leadkit::engine::{Answer, Error};
use leadkit::ids::{ContactId, LeadId};
use leadkit::record::lead::ContactCopy;
use leadkit::record::{Contact, History, Lead, Recorded, Workload, stored};
use leadkit::scenario::World;
use leadkit::store::{Key, MemoryStore, Store};
use pollster::block_on;
use proptest::prelude::*;
use shop::{PREMISES, at, folder, read};

const BASE: &str = "[base.one]\npipelines = [\"sales\"]\nunique = [\"contact.email\", \"city\"]\n";

fn world(rules: &str) -> World {
    let store = Arc::new(MemoryStore::default());
    World::new(
        read(&folder(rules, "")),
        store,
        at("2026-03-02T10:00:00+01:00"),
    )
    .unwrap()
}

async fn ask(world: &World, what: What) -> Result<Answer, Error> {
    let command = Command {
        tenant: world.tenant().name().clone(),
        actor: Actor::host("desk"),
        happened_at: None,
        what,
    };
    world.engine().execute(None, command).await
}

async fn register(world: &World, new: NewLead) -> Lead {
    let answer = ask(world, What::Register(Box::new(new))).await;
    answer.unwrap().lead.unwrap()
}

async fn merge(world: &World, into: &Lead, from: &Lead) -> Result<(), Error> {
    let asked = world.tenant().merge(into.contact.id, from.contact.id);
    asked.by(Actor::host("desk")).await
}

async fn unmerge(world: &World, from: &Lead) -> Result<(), Error> {
    let asked = world.tenant().unmerge(from.contact.id);
    asked.by(Actor::host("desk")).await
}

async fn lead(world: &World, id: LeadId) -> Lead {
    world.tenant().lead(id).await.unwrap().unwrap()
}

async fn contact(world: &World, id: ContactId) -> Contact {
    world.tenant().contact(id).await.unwrap().unwrap()
}

async fn correct_phone(world: &World, id: LeadId, phone: &str) {
    let correction = Correction::default().phone(phone);
    let asked = world.tenant().correct_contact(id, correction);
    asked.by(Actor::host("desk")).await.unwrap();
}

fn code(refused: Result<(), Error>) -> &'static str {
    match refused {
        Err(Error::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

fn named(name: &str) -> NewLead {
    NewLead::new(name).email(format!("{name}@example.com"))
}

#[test]
fn the_leads_of_both_are_the_survivors_and_whoever_registers_again_is_the_survivor() {
    block_on(async {
        let world = world("");
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera").phone("600 100 200")).await;
        merge(&world, &first, &second).await.unwrap();
        let moved = lead(&world, second.id).await;
        assert_eq!(moved.contact.id, first.contact.id);
        assert_eq!(moved.contact.name, "luis");
        assert_eq!(moved.contact.email.unwrap().as_str(), "luis@example.com");
        // What the survivor lacked is known of it now.
        let known = lead(&world, first.id).await;
        assert_eq!(known.contact.phone.as_deref(), Some("600 100 200"));
        let again = register(&world, named("vera")).await;
        assert_eq!(again.contact.id, first.contact.id);
        let survivor = contact(&world, first.contact.id).await;
        assert_eq!(survivor.leads, [first.id, second.id, again.id]);
        for id in [first.id, second.id] {
            let told = world.tenant().explain(id).await.unwrap().to_string();
            let (into, from) = (first.contact.id, second.contact.id);
            let said = format!("contact {from} was merged into {into}");
            assert!(told.contains(&said), "{told}");
        }
    });
}

#[test]
fn who_unsubscribed_as_either_has_unsubscribed_and_stays_so() {
    block_on(async {
        let world = world("");
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera")).await;
        let asked = world.tenant().unsubscribe(second.id);
        asked.by(Actor::host("desk")).await.unwrap();
        merge(&world, &first, &second).await.unwrap();
        assert!(lead(&world, first.id).await.contact.unsubscribed);
        unmerge(&world, &second).await.unwrap();
        for id in [first.id, second.id] {
            assert!(lead(&world, id).await.contact.unsubscribed);
        }
    });
}

#[test]
fn what_happened_since_stays_with_who_stood_for_both() {
    block_on(async {
        let world = world("");
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera")).await;
        merge(&world, &first, &second).await.unwrap();
        let since = register(&world, named("vera")).await;
        // A lead that was closed meanwhile goes back with its contact all the same.
        let asked = world.tenant().close(second.id, "lost", "too dear");
        asked.by(Actor::host("desk")).await.unwrap();
        unmerge(&world, &second).await.unwrap();
        assert_eq!(lead(&world, since.id).await.contact.id, first.contact.id);
        assert_eq!(lead(&world, second.id).await.contact.id, second.contact.id);
        assert_eq!(contact(&world, second.contact.id).await.leads, []);
        let again = register(&world, named("vera")).await;
        assert_eq!(again.contact.id, second.contact.id);
    });
}

#[test]
fn who_shares_a_number_no_more_with_who_was_merged_is_no_duplicate_of_the_survivor() {
    block_on(async {
        let world = world("");
        let a = register(&world, named("ana").phone("600 100 200")).await;
        let b = register(&world, named("bea")).await;
        let c = register(&world, named("carla").phone("600 100 200")).await;
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, c.id, "600 300 400").await;
        assert_eq!(lead(&world, a.id).await.contact.id, b.contact.id);
        for id in [b.contact.id, c.contact.id] {
            assert_eq!(contact(&world, id).await.duplicates, []);
        }
        unmerge(&world, &a).await.unwrap();
        for one in [&a, &b, &c] {
            assert_eq!(lead(&world, one.id).await.contact.id, one.contact.id);
            assert_eq!(contact(&world, one.contact.id).await.duplicates, []);
            assert_eq!(contact(&world, one.contact.id).await.leads, [one.id]);
        }
    });
}

#[test]
fn a_number_that_the_survivor_gave_up_is_known_again_when_they_are_parted() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, b.id, "600 300 400").await;
        unmerge(&world, &a).await.unwrap();
        let by_phone = NewLead::new("ana").phone("600 100 200");
        let again = register(&world, by_phone).await;
        assert_eq!(again.contact.id, a.contact.id);
        // Unless somebody is known by it since then, who is possibly the same person.
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, a.id, "600 100 200").await;
        correct_phone(&world, a.id, "600 500 600").await;
        let c = register(&world, named("carla").phone("600 100 200")).await;
        unmerge(&world, &a).await.unwrap();
        assert_eq!(
            contact(&world, a.contact.id).await.duplicates,
            [c.contact.id]
        );
        assert_eq!(
            contact(&world, c.contact.id).await.duplicates,
            [a.contact.id]
        );
        for id in [a.id, c.id] {
            assert!(lead(&world, id).await.contact.possible_duplicate);
        }
    });
}

#[test]
fn a_closed_lead_that_comes_back_while_its_contact_is_merged_goes_back_with_it() {
    block_on(async {
        let world = world("");
        let desk = || Actor::host("desk");
        let b = register(&world, named("bea")).await;
        let a = register(&world, named("ana")).await;
        let corrected = register(&world, named("ana")).await;
        let reopened = [a.id, corrected.id];
        for id in reopened {
            let asked = world.tenant().close(id, "lost", "no");
            asked.by(desk()).await.unwrap();
        }
        merge(&world, &b, &a).await.unwrap();
        // One is corrected first, and comes to the survivor by that.
        correct_phone(&world, corrected.id, "600 100 200").await;
        for id in reopened {
            world.tenant().reopen(id, "new").by(desk()).await.unwrap();
            assert_eq!(lead(&world, id).await.contact.id, b.contact.id);
        }
        // Nor does it matter that one is closed again, or that the survivor is merged as well.
        let asked = world.tenant().close(a.id, "lost", "no");
        asked.by(desk()).await.unwrap();
        let c = register(&world, named("carla")).await;
        merge(&world, &c, &b).await.unwrap();
        world.tenant().reopen(a.id, "new").by(desk()).await.unwrap();
        assert_eq!(lead(&world, a.id).await.contact.id, c.contact.id);
        unmerge(&world, &b).await.unwrap();
        assert_eq!(lead(&world, a.id).await.contact.id, b.contact.id);
        unmerge(&world, &a).await.unwrap();
        for id in reopened {
            assert_eq!(lead(&world, id).await.contact.id, a.contact.id);
        }
        let mut open = contact(&world, a.contact.id).await.leads;
        open.sort();
        assert_eq!(open, reopened);
        assert_eq!(contact(&world, b.contact.id).await.leads, [b.id]);
    });
}

#[test]
fn leads_that_want_one_place_are_not_merged_and_the_refusal_names_them_all_and_what_to_do() {
    block_on(async {
        let world = world(BASE);
        let mut pairs = Vec::new();
        for city in ["Madrid", "Vigo"] {
            let first = register(&world, named("luis").field("city", city)).await;
            let second = named("vera").field("city", city.to_uppercase().as_str());
            pairs.push((first, register(&world, second).await));
        }
        let (luis, vera) = pairs[0].clone();
        let refused = merge(&world, &luis, &vera).await;
        let told = refused.as_ref().unwrap_err().to_string();
        for (first, second) in &pairs {
            let (first, second) = (first.id, second.id);
            let said = format!("the leads {second} and {first} want one place in the base `one`");
            assert!(told.contains(&said), "{told}");
        }
        assert!(told.contains("close one of each two"), "{told}");
        assert_eq!(code(refused), "rival-leads");
        // Nothing was written.
        assert_eq!(lead(&world, vera.id).await, vera);
        for (n, (first, second)) in pairs.iter().enumerate() {
            let closed = [first, second][n];
            let asked = world.tenant().close(closed.id, "lost", "twice");
            asked.by(Actor::host("desk")).await.unwrap();
        }
        merge(&world, &luis, &vera).await.unwrap();
    });
}

/// A shop where leads are won, and keep the place that they hold in the base then.
fn world_of_customers() -> World {
    let mut folder = folder("", "");
    let playbook = folder.playbook.replace(
        "lost    = { final = \"lost\"",
        "won = { final = \"won\" }\nlost    = { final = \"lost\"",
    );
    let ways = playbook.replacen(
        "talking = [], lost = []",
        "talking = [], won = [], lost = []",
        1,
    );
    folder.playbook = format!("{ways}{BASE}holds = \"won\"\n");
    let store = Arc::new(MemoryStore::default());
    World::new(read(&folder), store, at("2026-03-02T10:00:00+01:00")).unwrap()
}

async fn win(world: &World, won: &Lead) {
    let asked = world.tenant().move_to(won.id, "won");
    asked.by(Actor::host("desk")).await.unwrap();
}

#[test]
fn a_place_that_a_won_lead_keeps_is_the_survivors() {
    block_on(async {
        let world = world_of_customers();
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera").field("city", "Madrid")).await;
        win(&world, &second).await;
        merge(&world, &first, &second).await.unwrap();
        let again = named("luis").field("city", "Madrid");
        let refused = ask(&world, What::Register(Box::new(again.clone()))).await;
        assert_eq!(code(refused.map(drop)), "already-held");
        // Parted, the place is the other's again.
        unmerge(&world, &second).await.unwrap();
        register(&world, again).await;
        let refused = named("vera").field("city", "Madrid");
        let refused = ask(&world, What::Register(Box::new(refused))).await;
        assert_eq!(code(refused.map(drop)), "already-held");
    });
}

/// Two won leads keep one place while one contact stands for both; parted, each keeps its own, and its contact
/// knows that.
#[test]
fn a_place_that_two_won_leads_shared_is_kept_by_each_when_they_are_parted() {
    block_on(async {
        let world = world_of_customers();
        let first = register(&world, named("luis").field("city", "Madrid")).await;
        let second = register(&world, named("vera").field("city", "Madrid")).await;
        for won in [&first, &second] {
            win(&world, won).await;
        }
        let keeping = async |of: &Lead| contact(&world, of.contact.id).await.keeping;
        merge(&world, &first, &second).await.unwrap();
        unmerge(&world, &second).await.unwrap();
        for won in [&first, &second] {
            assert_eq!(keeping(won).await, [won.id]);
            let again = named(&won.contact.name).field("city", "Madrid");
            let refused = ask(&world, What::Register(Box::new(again))).await;
            assert_eq!(code(refused.map(drop)), "already-held");
        }
    });
}

/// Else who is a customer already would be taken in anew as soon as the other lead is lost.
#[test]
fn a_won_lead_does_not_lose_the_place_that_it_keeps_to_an_open_one_whichever_contact_survives() {
    block_on(async {
        let world = world_of_customers();
        let won = register(&world, named("luis").field("city", "Madrid")).await;
        win(&world, &won).await;
        let open = register(&world, named("vera").field("city", "Madrid")).await;
        for (into, from) in [(&won, &open), (&open, &won)] {
            let refused = merge(&world, into, from).await;
            assert_eq!(code(refused), "rival-leads");
        }
        let held = lead(&world, won.id).await.claims;
        assert_eq!(held, won.claims);
        // Two customers are one, whichever of the two has the place from now on.
        win(&world, &open).await;
        merge(&world, &open, &won).await.unwrap();
        let again = named("luis").field("city", "Madrid");
        let refused = ask(&world, What::Register(Box::new(again))).await;
        assert_eq!(code(refused.map(drop)), "already-held");
    });
}

#[test]
fn a_merge_that_breaks_a_law_is_refused() {
    block_on(async {
        let law = "[law.reachable]\nif = 'contact.phone is present or contact.email is present'\ntext = \"A way to reach them\"\nstage = \"sales.new\"\n";
        let strict = law.replace(
            "contact.phone is present or contact.email is present",
            "contact.name == \"vera\" or city is missing",
        );
        let world = world(&strict);
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera").field("city", "Madrid")).await;
        assert_eq!(code(merge(&world, &first, &second).await), "missing");
        merge(&world, &second, &first).await.unwrap();
    });
}

#[test]
fn all_laws_that_a_merge_breaks_are_told_at_once_beside_the_leads_that_want_one_place() {
    block_on(async {
        let law = |name: &str, city: &str| {
            format!(
                "[law.{name}]\nif = 'contact.name == \"vera\" or city != \"{city}\"'\ntext = \"Vera in {city}\"\nstage = \"sales.new\"\n"
            )
        };
        let laws = format!("{BASE}{}{}", law("one", "Madrid"), law("two", "Vigo"));
        let world = world(&laws);
        let luis = register(&world, named("luis").field("city", "Lugo")).await;
        let mut of_vera = Vec::new();
        for city in ["Lugo", "Madrid", "Vigo"] {
            of_vera.push(register(&world, named("vera").field("city", city)).await);
        }
        let refused = merge(&world, &luis, &of_vera[0]).await;
        let Err(Error::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), "rival-leads");
        let missing: Vec<&str> = refusal.missing().map(|law| law.as_str()).collect();
        assert_eq!(missing, ["one", "two"]);
        let told = refusal.to_string();
        for said in ["want one place", "Vera in Madrid", "Vera in Vigo"] {
            assert!(told.contains(said), "{told}");
        }
        let asked = world.tenant().close(luis.id, "lost", "twice");
        asked.by(Actor::host("desk")).await.unwrap();
        let refused = merge(&world, &luis, &of_vera[0]).await;
        let told = refused.as_ref().unwrap_err().to_string();
        assert!(told.contains("Vera in Madrid"), "{told}");
        assert!(told.contains("Vera in Vigo"), "{told}");
        assert_eq!(code(refused), "missing");
    });
}

#[test]
fn two_with_as_many_leads_in_a_base_as_one_can_have_are_merged() {
    block_on(async {
        let world = world(BASE);
        let luis = register(&world, named("luis").field("city", "Lugo")).await;
        let mut of_vera = Vec::new();
        for n in 0..63 {
            let new = named("vera").field("city", format!("City {n}").as_str());
            of_vera.push(register(&world, new).await);
        }
        merge(&world, &luis, &of_vera[0]).await.unwrap();
        assert_eq!(contact(&world, luis.contact.id).await.leads.len(), 64);
        // Parted, all places are the other's again.
        unmerge(&world, &of_vera[0]).await.unwrap();
        let there = named("luis").field("city", "City 5");
        register(&world, there).await;
    });
}

#[test]
fn merges_are_refused_that_mean_nothing_and_taken_back_the_last_first() {
    block_on(async {
        let world = world("");
        let [a, b, c] = ["ana", "bea", "carla"].map(|name| block_on(register(&world, named(name))));
        assert_eq!(code(merge(&world, &a, &a).await), "same-contact");
        assert_eq!(code(unmerge(&world, &a).await), "not-merged");
        merge(&world, &a, &b).await.unwrap();
        assert_eq!(code(merge(&world, &b, &c).await), "merged");
        merge(&world, &a, &c).await.unwrap();
        assert_eq!(code(unmerge(&world, &b).await), "merged-since");
        unmerge(&world, &c).await.unwrap();
        unmerge(&world, &b).await.unwrap();
    });
}

#[test]
fn merging_takes_its_permission() {
    block_on(async {
        let world = world("[role.clerk]\nmay = [\"register\"]\n");
        let clerk = AgentSetup::new("eva").name("Eva").email("eva@example.com");
        let clerk = world.tenant().set_up(clerk.role("clerk"));
        clerk.by(Actor::host("desk")).await.unwrap();
        let (a, b) = (
            register(&world, named("ana")).await,
            register(&world, named("bea")).await,
        );
        let asked = world
            .tenant()
            .merge(a.contact.id, b.contact.id)
            .by("eva")
            .await;
        assert_eq!(code(asked), "not-permitted");
    });
}

#[test]
fn the_cap_counts_the_messages_of_both() {
    block_on(async {
        let rules = "[cap]\nmessages = 2\nwithin = \"7 days\"\n";
        let with_cap = format!(
            "{rules}[[rule]]\nname = \"hello\"\non = \"registered\"\ndo = [{{ send = \"hello\", class = \"marketing\" }}]\n"
        );
        assert!(PREMISES.contains("[organisation]"));
        let world = world(&with_cap);
        let first = register(&world, named("luis")).await;
        let second = register(&world, named("vera")).await;
        merge(&world, &first, &second).await.unwrap();
        assert_eq!(contact(&world, first.contact.id).await.book.len(), 2);
        // The third waits until the first two are a week old.
        register(&world, named("vera")).await;
        world
            .advance_to(at("2026-03-03T10:00:00+01:00"))
            .await
            .unwrap();
        assert_eq!(world.mailbox("luis@example.com").len(), 2);
    });
}

/// But for its history, and when it was last decided about.
fn as_it_was(mut lead: Lead) -> Lead {
    lead.history = History::default();
    lead.settled_at = at("2026-03-02T10:00:00+01:00");
    lead
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_merge_that_is_taken_back_leaves_everything_as_it_was(
        has_email in any::<(bool, bool)>(),
        phones in (0_u8..3, 0_u8..3),
        leads in prop::collection::vec(any::<(bool, bool)>(), 0..5),
        third_shares in any::<(bool, bool)>(),
        distinct in any::<(bool, bool)>(),
    ) {
        block_on(async {
            let world = world(BASE);
            let person = |name: &str, has_email: bool, phone: u8| {
                let email = has_email.then(|| format!("{name}@example.com").into());
                let phone = (phone > 0).then(|| format!("600 100 20{phone}").into());
                NewLead { email, phone, ..NewLead::new(name) }
            };
            let new = [
                person("luis", has_email.0 || phones.0 == 0, phones.0),
                person("vera", has_email.1 || phones.1 == 0, phones.1),
            ];
            let mut all = Vec::new();
            for new in &new {
                all.push(register(&world, new.clone()).await);
            }
            if all[0].contact.id == all[1].contact.id {
                return;
            }
            for (which, closes) in leads {
                let n = all.len();
                let new = new[usize::from(which)].clone().field("city", format!("City {n}").as_str());
                let lead = register(&world, new).await;
                if closes {
                    let asked = world.tenant().close(lead.id, "lost", "no");
                    asked.by(Actor::host("desk")).await.unwrap();
                }
                all.push(lead);
            }
            for (n, shares) in [third_shares.0, third_shares.1].into_iter().enumerate() {
                let phone = if shares { u8::try_from(n + 1).unwrap() } else { 9 };
                all.push(register(&world, person(&format!("third{n}"), true, phone)).await);
            }
            for (one, is_distinct) in all.iter().zip([distinct.0, distinct.1]) {
                if is_distinct {
                    distinct::from_all_duplicates(&world, one.id).await;
                }
            }
            let ids = [all[0].contact.id, all[1].contact.id];
            let mut before = Vec::new();
            for one in &all {
                before.push(as_it_was(lead(&world, one.id).await));
            }
            let persons = [contact(&world, ids[0]).await, contact(&world, ids[1]).await];
            merge(&world, &all[0], &all[1]).await.unwrap();
            unmerge(&world, &all[1]).await.unwrap();
            for (id, person) in ids.into_iter().zip(persons) {
                assert_eq!(contact(&world, id).await, person);
            }
            for (one, before) in all.iter().zip(before) {
                assert_eq!(as_it_was(lead(&world, one.id).await), before);
            }
        });
    }

    #[test]
    fn whatever_happens_between_a_merge_and_its_end_each_lead_stays_with_one_contact(
        phones in prop::collection::vec(0_u8..3, 3),
        closed_before in prop::collection::vec(any::<bool>(), 6),
        acts in prop::collection::vec((0_u8..5, 0_usize..6, 0_u8..3), 0..12),
    ) {
        block_on(async {
            let store = Arc::new(MemoryStore::default());
            let shop = read(&folder("", ""));
            let world = World::new(shop, store.clone(), at("2026-03-02T10:00:00+01:00")).unwrap();
            let eva = AgentSetup::new("eva").name("Eva").email("eva@example.com").role("seller");
            world.tenant().set_up(eva).by(Actor::host("desk")).await.unwrap();
            let person = |n: usize| {
                let new = named(["ana", "bea", "carla"][n % 3]).owner("eva");
                new.phone(format!("600 100 20{}", phones[n % 3]))
            };
            let mut all = Vec::new();
            for n in 0..6 {
                all.push(register(&world, person(n)).await);
            }
            for (one, _) in all.iter().zip(&closed_before).filter(|(_, closed)| **closed) {
                act(&world, one.id, Act::Close).await;
            }
            merge(&world, &all[1], &all[0]).await.unwrap();
            for (what, which, phone) in acts {
                let id = all[which].id;
                match what {
                    0 => all.push(register(&world, person(which)).await),
                    1 => act(&world, id, Act::Close).await,
                    2 => act(&world, id, Act::Reopen).await,
                    3 => distinct::from_all_duplicates(&world, id).await,
                    _ => correct_phone(&world, id, &format!("600 100 20{phone}")).await,
                }
                each_lead_is_with_one_contact(&world, &store, &all).await;
                parting::each_knows_whom_it_shares_with(&world, &store, &all).await;
            }
            unmerge(&world, &all[0]).await.unwrap();
            each_lead_is_with_one_contact(&world, &store, &all).await;
            parting::each_knows_whom_it_shares_with(&world, &store, &all).await;
            for one in &all[..6] {
                let now = lead(&world, one.id).await;
                assert_eq!(now.contact.id, one.contact.id);
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Act {
    Close,
    Reopen,
}

/// Closes a lead that is open, or reopens one that is closed.
async fn act(world: &World, id: LeadId, act: Act) {
    let is_open = lead(world, id).await.is_open();
    let desk = Actor::host("desk");
    match act {
        Act::Close if is_open => {
            let asked = world.tenant().close(id, "lost", "no").by(desk);
            asked.await.unwrap();
        }
        Act::Reopen if !is_open => {
            world.tenant().reopen(id, "new").by(desk).await.unwrap();
        }
        _ => {}
    }
}

/// Each open lead is on the list of its contact, which stands for itself, and of no other, with a copy of
/// what is known; and its owner carries them all.
async fn each_lead_is_with_one_contact(world: &World, store: &MemoryStore, all: &[Lead]) {
    let mut listed = Vec::new();
    let mut contacts: Vec<ContactId> = all.iter().map(|lead| lead.contact.id).collect();
    contacts.sort();
    contacts.dedup();
    for id in contacts {
        let contact = contact(world, id).await;
        if contact.merged_into.is_some() {
            continue;
        }
        for id in &contact.leads {
            let lead = lead(world, *id).await;
            assert!(lead.is_open());
            assert_eq!(lead.contact, ContactCopy::of(&contact));
        }
        listed.extend(contact.leads);
    }
    let mut open = Vec::new();
    for one in all {
        let one = lead(world, one.id).await;
        open.extend(one.is_open().then_some(one.id));
    }
    listed.sort();
    open.sort();
    assert_eq!(listed, open);
    let key = Key::workload(world.tenant().name(), &"eva".into());
    let loaded = store.load(&[key]).await.unwrap();
    let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
    let load = Workload::from_record(&record).unwrap().load;
    assert_eq!(usize::try_from(load).unwrap(), open.len());
}
