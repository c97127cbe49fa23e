//! What is known of two contacts who were merged and are parted again: each is known by what it says,
//! and who shares that is told.

use super::*;
use leadkit::record::Claim;
use leadkit::record::contact::Identity;

const RUC: &str = "[field.ruc]\ntype = \"tax-number\"\nof = \"EC\"\n";

async fn duplicates(world: &World, of: &Lead) -> Vec<ContactId> {
    contact(world, of.contact.id).await.duplicates
}

async fn set_ruc(world: &World, of: &Lead, ruc: &str) {
    let asked = world.tenant().set(of.id, "ruc", ruc);
    asked.by(Actor::host("desk")).await.unwrap();
}

#[test]
fn who_came_since_by_a_number_is_the_possible_duplicate_of_whose_number_it_is() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        merge(&world, &b, &a).await.unwrap();
        let c = register(&world, named("carla").phone("600 100 200")).await;
        assert_eq!(duplicates(&world, &c).await, [b.contact.id]);
        unmerge(&world, &a).await.unwrap();
        assert_eq!(duplicates(&world, &a).await, [c.contact.id]);
        assert_eq!(duplicates(&world, &b).await, []);
        assert_eq!(duplicates(&world, &c).await, [a.contact.id]);
        for (one, is_told) in [(&a, true), (&b, false), (&c, true)] {
            let copy = lead(&world, one.id).await.contact;
            assert_eq!(copy.possible_duplicate, is_told);
        }
        let told = world.tenant().explain(a.id).await.unwrap().to_string();
        assert!(told.contains(&c.contact.id.to_string()), "{told}");
    });
}

#[test]
fn who_was_given_the_number_of_the_other_shares_it_when_they_are_parted() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea").phone("600 300 400")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, b.id, "600 100 200").await;
        unmerge(&world, &a).await.unwrap();
        for (one, other) in [(&a, &b), (&b, &a)] {
            assert_eq!(duplicates(&world, one).await, [other.contact.id]);
            let copy = lead(&world, one.id).await.contact;
            assert_eq!(copy.phone.as_deref(), Some("600 100 200"));
            assert!(copy.possible_duplicate);
        }
        correct_phone(&world, b.id, "600 300 400").await;
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, []);
        }
    });
}

#[test]
fn who_shared_a_number_that_was_given_up_since_shares_it_no_more() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea").phone("600 100 200")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        assert_eq!(duplicates(&world, &a).await, [b.contact.id]);
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, b.id, "600 300 400").await;
        unmerge(&world, &a).await.unwrap();
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, []);
        }
    });
}

#[test]
fn who_shared_something_with_both_is_told_of_the_one_with_whom_that_is_so_still() {
    block_on(async {
        let world = world(RUC);
        let with_ruc = |name: &str| named(name).field("ruc", "1790016919001");
        let b = register(&world, with_ruc("bea")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        let c = register(&world, with_ruc("carla").phone("600 100 200")).await;
        assert_eq!(duplicates(&world, &c).await.len(), 2);
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, c.id, "600 500 600").await;
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
        unmerge(&world, &a).await.unwrap();
        assert_eq!(duplicates(&world, &a).await, []);
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
        assert_eq!(duplicates(&world, &c).await, [b.contact.id]);
    });
}

#[test]
fn who_is_given_the_number_of_a_duplicate_of_the_other_is_told_of_that_one() {
    block_on(async {
        let world = world(RUC);
        let b = register(&world, named("bea")).await;
        let with_ruc = |name: &str| named(name).field("ruc", "1790016919001");
        let a = register(&world, with_ruc("ana")).await;
        let c = register(&world, with_ruc("carla").phone("600 100 200")).await;
        merge(&world, &b, &a).await.unwrap();
        correct_phone(&world, b.id, "600 100 200").await;
        unmerge(&world, &a).await.unwrap();
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, [c.contact.id]);
        }
        let mut both = duplicates(&world, &c).await;
        both.sort();
        let mut expected = [a.contact.id, b.contact.id];
        expected.sort();
        assert_eq!(both, expected);
    });
}

#[test]
fn a_tax_number_that_was_told_since_goes_with_the_lead_that_says_it() {
    block_on(async {
        let world = world(RUC);
        let b = register(&world, named("bea")).await;
        let a = register(&world, named("ana")).await;
        merge(&world, &b, &a).await.unwrap();
        set_ruc(&world, &a, "1790016919001").await;
        set_ruc(&world, &b, "0990004196001").await;
        unmerge(&world, &a).await.unwrap();
        for (ruc, whose) in [("1790016919001", &a), ("0990004196001", &b)] {
            let known = contact(&world, whose.contact.id).await.identities;
            assert!(known.contains(&Identity::tax_number(ruc)));
            assert_eq!(known.len(), 2);
            let other = NewLead::new("carla").field("ruc", ruc);
            let other = register(&world, other.phone("600 100 200")).await;
            assert!(duplicates(&world, whose).await.contains(&other.contact.id));
        }
    });
}

#[test]
fn a_lead_that_was_closed_when_contacts_were_parted_brings_its_number_when_it_is_reopened() {
    block_on(async {
        let world = world(RUC);
        let b = register(&world, named("bea")).await;
        let a = register(&world, named("ana")).await;
        merge(&world, &b, &a).await.unwrap();
        set_ruc(&world, &a, "1790016919001").await;
        let desk = || Actor::host("desk");
        let closes = world.tenant().close(a.id, "lost", "no");
        closes.by(desk()).await.unwrap();
        unmerge(&world, &a).await.unwrap();
        let reopens = world.tenant().reopen(a.id, "new");
        reopens.by(desk()).await.unwrap();
        let known = contact(&world, a.contact.id).await.identities;
        assert!(known.contains(&Identity::tax_number("1790016919001")));
    });
}

#[test]
fn who_learned_the_number_of_each_while_they_were_one_shares_something_with_both() {
    block_on(async {
        let world = world(RUC);
        let with_ruc = |name: &str, ruc: &str| named(name).field("ruc", ruc);
        let b = register(&world, with_ruc("bea", "1790016919001")).await;
        let a = register(&world, with_ruc("ana", "0990004196001")).await;
        let c = register(&world, with_ruc("carla", "0990004196001")).await;
        merge(&world, &b, &a).await.unwrap();
        register(&world, with_ruc("carla", "1790016919001")).await;
        unmerge(&world, &a).await.unwrap();
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, [c.contact.id]);
        }
        let known = duplicates(&world, &c).await;
        assert_eq!(known, [a.contact.id, b.contact.id]);
    });
}

#[test]
fn a_number_that_nobody_says_any_more_is_nobodys_after_contacts_are_parted() {
    block_on(async {
        let world = world(RUC);
        let with_ruc = |name: &str| named(name).field("ruc", "1790016919001");
        let h = register(&world, with_ruc("helen")).await;
        let x = register(&world, with_ruc("xavier").phone("600 100 200")).await;
        let y = register(&world, named("yara")).await;
        let z = register(&world, named("zoe")).await;
        merge(&world, &y, &x).await.unwrap();
        merge(&world, &z, &h).await.unwrap();
        set_ruc(&world, &x, "0990004196001").await;
        set_ruc(&world, &h, "0990004196001").await;
        unmerge(&world, &x).await.unwrap();
        let claim = Identity::tax_number("1790016919001");
        let known = contact(&world, x.contact.id).await.identities;
        assert!(!known.contains(&claim), "{known:?}");
        let other = register(&world, with_ruc("carla").phone("600 300 400")).await;
        assert_eq!(duplicates(&world, &other).await, []);
    });
}

#[test]
fn both_hear_of_each_other_when_a_number_is_given_back_that_the_survivor_gave_up() {
    block_on(async {
        let world = world("");
        let c = register(&world, named("carla").phone("600 100 200")).await;
        let x = register(&world, named("xavier").phone("600 100 200")).await;
        let y = register(&world, named("yara")).await;
        merge(&world, &y, &x).await.unwrap();
        correct_phone(&world, y.id, "600 300 400").await;
        assert_eq!(duplicates(&world, &c).await, []);
        unmerge(&world, &x).await.unwrap();
        assert_eq!(duplicates(&world, &x).await, [c.contact.id]);
        assert_eq!(duplicates(&world, &c).await, [x.contact.id]);
    });
}

#[test]
fn a_number_that_falls_to_who_stands_for_its_bearer_is_the_bearers_again() {
    block_on(async {
        let world = world("");
        let first = register(&world, named("carla").phone("600 100 200")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        let b = register(&world, named("bea")).await;
        merge(&world, &b, &a).await.unwrap();
        // The first one gives it up, and so it names who stands for the second one.
        correct_phone(&world, first.id, "600 300 400").await;
        unmerge(&world, &a).await.unwrap();
        assert_eq!(contact(&world, b.contact.id).await.identities.len(), 1);
        let again = register(&world, NewLead::new("ana").phone("600 100 200")).await;
        assert_eq!(again.contact.id, a.contact.id);
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, []);
        }
    });
}

#[test]
fn who_came_to_share_a_number_while_it_stood_for_somebody_distinct_is_told_when_they_are_parted() {
    block_on(async {
        let world = world(RUC);
        let ruc = "1790016919001";
        let b = named("bea").phone("600 100 200").field("ruc", ruc);
        let b = register(&world, b).await;
        let c = register(&world, named("carla").field("ruc", ruc)).await;
        distinct::from_all_duplicates(&world, c.id).await;
        let a = register(&world, named("ana")).await;
        merge(&world, &a, &c).await.unwrap();
        correct_phone(&world, a.id, "600 100 200").await;
        assert_eq!(duplicates(&world, &a).await, []);
        unmerge(&world, &c).await.unwrap();
        assert_eq!(duplicates(&world, &a).await, [b.contact.id]);
        assert_eq!(duplicates(&world, &b).await, [a.contact.id]);
        assert_eq!(duplicates(&world, &c).await, []);
        assert!(lead(&world, b.id).await.contact.possible_duplicate);
    });
}

#[test]
fn a_duplicate_that_was_merged_is_not_told_twice_when_they_are_parted() {
    block_on(async {
        let world = world("");
        let first = register(&world, named("carla").phone("600 100 200")).await;
        let a = register(&world, named("ana").phone("600 100 200")).await;
        let b = register(&world, named("bea")).await;
        merge(&world, &b, &first).await.unwrap();
        merge(&world, &b, &a).await.unwrap();
        unmerge(&world, &a).await.unwrap();
        // Whom it knew stands for itself no more: the one who does is no further duplicate.
        assert_eq!(duplicates(&world, &a).await, [first.contact.id]);
        assert_eq!(duplicates(&world, &b).await, [a.contact.id]);
    });
}

#[test]
fn two_who_have_more_open_leads_than_one_can_have_are_not_merged_and_it_is_said_what_to_do() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea")).await;
        let mut of_a = Vec::new();
        for _ in 0..64 {
            of_a.push(register(&world, named("ana")).await);
        }
        let refused = merge(&world, &b, &of_a[0]).await;
        let told = refused.as_ref().unwrap_err().to_string();
        assert_eq!(
            told,
            "refused: together they have 65 open leads, and one contact can have 64: close some of them first"
        );
        assert_eq!(code(refused), "too-much-for-one");
        let closed = [of_a[0].id, of_a[1].id];
        for id in closed {
            act(&world, id, Act::Close).await;
        }
        register(&world, named("ana")).await;
        merge(&world, &b, &of_a[0]).await.unwrap();
        act(&world, b.id, Act::Close).await;
        act(&world, closed[0], Act::Reopen).await;
        // There is room among the open ones, and none among those that would go back.
        act(&world, of_a[2].id, Act::Close).await;
        let reopened = world.tenant().reopen(closed[1], "new");
        let refused = reopened.by(Actor::host("desk")).await.map(drop);
        let told = refused.as_ref().unwrap_err().to_string();
        assert!(told.contains("take that merge back"), "{told}");
        assert_eq!(code(refused), "too-many");
        unmerge(&world, &of_a[0]).await.unwrap();
        act(&world, closed[1], Act::Reopen).await;
        assert_eq!(contact(&world, of_a[0].contact.id).await.leads.len(), 64);
    });
}

/// Whoever a contact knows shares something with it and knows it as well; and everything by which it is
/// known is claimed by it, by one whom it knows, or by one of whom it is known to be distinct.
pub(crate) async fn each_knows_whom_it_shares_with(
    world: &World,
    store: &MemoryStore,
    all: &[Lead],
) {
    let mut ids: Vec<ContactId> = all.iter().map(|lead| lead.contact.id).collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let one = contact(world, id).await;
        if one.merged_into.is_some() {
            continue;
        }
        let known = world.tenant().duplicates(id).await.unwrap();
        for known in &known {
            assert!(!known.shares.is_empty(), "{one:#?}");
            let back = world.tenant().duplicates(known.contact.id).await.unwrap();
            assert!(back.iter().any(|back| back.contact.id == id), "{one:#?}");
            let distinct = distinct::from(world, id).await;
            assert!(!distinct.contains(&known.contact.id), "{one:#?}");
        }
        if let Some(phone) = one.phone.as_deref() {
            let phone = Identity::phone(phone, None).unwrap();
            assert!(one.identities.contains(&phone), "{one:#?}");
        }
        for identity in &one.identities {
            let key = Key::claim(world.tenant().name(), identity.claim);
            let loaded = store.load(&[key]).await.unwrap();
            let record = stored::decode(loaded[0].body.as_ref().unwrap()).unwrap();
            let Some(Claim::Contact(mut holder)) = Claim::from_record(&record).cloned() else {
                panic!("{record:?}");
            };
            while let Some(into) = contact(world, holder).await.merged_into {
                holder = into;
            }
            let is_known = known.iter().any(|known| known.contact.id == holder);
            let is_distinct = || async {
                distinct::from(world, id).await.contains(&holder)
                    || distinct::from(world, holder).await.contains(&id)
            };
            let is_told = holder == id || is_known || is_distinct().await;
            assert!(is_told, "{identity:?} of {one:#?}");
        }
    }
}

/// A day after each registration.
const NEWS: &str = r#"
[[rule]]
name  = "news"
on    = "registered"
after = "1 day"
do    = [{ send = "hello", class = "marketing" }]
"#;

async fn unsubscribe(world: &World, of: &Lead) {
    let asked = world.tenant().unsubscribe(of.id);
    asked.by(Actor::host("desk")).await.unwrap();
}

/// Somebody who gives the address of another one with a later step.
async fn with_the_address_of(world: &World, whose: &str, name: &str, phone: &str) -> Lead {
    let lead = register(world, NewLead::new(name).phone(phone)).await;
    let asked = world
        .tenant()
        .give_email(lead.id, format!("{whose}@example.com"));
    asked.by(Actor::host("desk")).await.unwrap();
    lead
}

#[test]
fn who_has_the_address_of_one_that_was_merged_hears_no_more_when_the_survivor_unsubscribes() {
    block_on(async {
        let world = world(NEWS);
        let luis = register(&world, named("luis")).await;
        let rosa = with_the_address_of(&world, "luis", "rosa", "600 100 201").await;
        let vera = register(&world, named("vera")).await;
        merge(&world, &vera, &luis).await.unwrap();
        unsubscribe(&world, &vera).await;
        unmerge(&world, &luis).await.unwrap();
        let soon = at("2026-03-04T10:00:00+01:00");
        world.advance_to(soon).await.unwrap();
        assert_eq!(world.mailbox("luis@example.com").len(), 0);
        assert_eq!(world.mailbox("vera@example.com").len(), 0);
        let told = world.tenant().explain(rosa.id).await.unwrap().to_string();
        assert!(told.contains("unsubscribed"), "{told}");
    });
}

#[test]
fn who_is_told_that_its_address_is_unsubscribed_hears_no_more_at_any_other() {
    block_on(async {
        let world = world(NEWS);
        let luis = register(&world, named("luis")).await;
        let rosa = with_the_address_of(&world, "luis", "rosa", "600 100 201").await;
        let ana = register(&world, named("ana")).await;
        merge(&world, &rosa, &ana).await.unwrap();
        with_the_address_of(&world, "ana", "bob", "600 100 202").await;
        unsubscribe(&world, &luis).await;
        let soon = at("2026-03-04T10:00:00+01:00");
        world.advance_to(soon).await.unwrap();
        assert_eq!(world.mailbox("luis@example.com").len(), 0);
        assert_eq!(world.mailbox("ana@example.com").len(), 0);
    });
}

/// Who is from Quito hears twice, a week apart.
const TWICE_IN_QUITO: &str = r#"
[cap]
messages = 1
within   = "7 days"
above    = "defer"

[[rule]]
name = "hello"
on   = "registered"
if   = 'city == "Quito"'
do   = [{ send = "hello", class = "marketing" }, { send = "hello", class = "marketing" }]
"#;

#[test]
fn what_went_to_who_stood_for_both_counts_towards_its_cap_when_they_are_parted() {
    block_on(async {
        let world = world(TWICE_IN_QUITO);
        let luis = register(&world, named("luis")).await;
        let from_quito = |name: &str| named(name).field("city", "Quito");
        let vera = register(&world, from_quito("vera")).await;
        let advance_to = |text: &str| world.advance_to(at(text));
        advance_to("2026-03-02T11:00:00+01:00").await.unwrap();
        merge(&world, &luis, &vera).await.unwrap();
        let to = |address: &str| world.mailbox(address).len();
        advance_to("2026-03-09T10:00:00+01:00").await.unwrap();
        assert_eq!(to("luis@example.com"), 1);
        unmerge(&world, &vera).await.unwrap();
        register(&world, from_quito("luis")).await;
        advance_to("2026-03-16T09:59:00+01:00").await.unwrap();
        assert_eq!(to("luis@example.com"), 1);
        advance_to("2026-03-16T10:00:00+01:00").await.unwrap();
        assert_eq!(to("luis@example.com"), 2);
    });
}
