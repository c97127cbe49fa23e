//! By what contacts are known, and who is possibly the same person.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, Command, Correction, LeadOrder, NewLead, What};
use leadkit::engine::Answer;
use leadkit::ids::ContactId;
use leadkit::phone::{Dialling, key};
use leadkit::record::Lead;
use leadkit::scenario::World;
use leadkit::store::{MemoryStore, Order};
use pollster::block_on;
use shop::{at, folder, read};

const RUC: &str = "[field.ruc]\ntype = \"tax-number\"\nof = \"EC\"\n";

fn world(rules: &str) -> World {
    let mut folder = folder(rules, "");
    let country = "[playbook]\ncountry = \"EC\"\n";
    folder.playbook = folder.playbook.replacen("[playbook]\n", country, 1);
    let store = Arc::new(MemoryStore::default());
    World::new(read(&folder), store, at("2026-03-02T10:00:00+01:00")).unwrap()
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

fn contact(answer: &Answer) -> ContactId {
    answer.lead.as_ref().unwrap().contact.id
}

async fn possible_duplicates(world: &World) -> Vec<Lead> {
    let condition = "contact.possible_duplicate";
    let page = world.tenant().leads(condition, Order::Id, None, 10).await;
    page.unwrap().whole().unwrap()
}

#[test]
fn phone_numbers_are_the_same_however_they_are_written() {
    let cases = include_str!("phones.csv").lines().skip(1);
    for case in cases {
        let [home, written, compared]: [&str; 3] =
            case.split(',').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(
            key(written, Dialling::of(home)).as_deref(),
            Some(compared),
            "{home}: {written}"
        );
    }
    assert_eq!(key("no tiene", None), None);
    assert_eq!(key("600 100 200", None).as_deref(), Some("600100200"));
}

#[test]
fn who_shares_a_phone_number_is_possibly_the_same_person_and_both_are_told() {
    block_on(async {
        let world = world("");
        let luis = NewLead::new("Luis").email("luis@example.com");
        let first = register(&world, luis.phone("099 123 4567")).await;
        assert_eq!(first.possible_duplicates, []);
        let other = NewLead::new("Luis V.").email("vera@example.com");
        let second = register(&world, other.phone("+593 99 123 4567")).await;
        assert_ne!(contact(&second), contact(&first));
        assert_eq!(second.possible_duplicates, [contact(&first)]);
        assert_eq!(possible_duplicates(&world).await.len(), 2);
        for (lead, other) in [(&first, &second), (&second, &first)] {
            let lead = lead.lead.as_ref().unwrap().id;
            let told = world.tenant().explain(lead).await.unwrap().to_string();
            let other = contact(other);
            let said = format!("possibly the same person as contact {other}: the same phone");
            assert!(told.contains(&said), "{told}");
        }
        let found = world.tenant().duplicates(contact(&second)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].contact.id, contact(&first));
        assert_eq!(found[0].shares.len(), 1);
    });
}

#[test]
fn who_gives_a_number_alone_is_who_is_known_by_it() {
    block_on(async {
        let world = world("");
        let luis = NewLead::new("Luis").email("luis@example.com");
        let first = register(&world, luis.phone("099 123 4567")).await;
        let again = register(&world, NewLead::new("Luis").phone("0991234567")).await;
        assert_eq!(contact(&again), contact(&first));
        assert_eq!(again.possible_duplicates, []);
    });
}

#[test]
fn what_is_typed_in_place_of_a_number_identifies_nobody_and_is_kept() {
    block_on(async {
        let world = world("");
        let placeholders = [
            "0",
            "12345",
            "000-000-0000",
            "9.934567E+09",
            "Calle 4",
            "Lote 1234567",
        ];
        for phone in placeholders {
            let first = register(&world, NewLead::new("Luis").phone(phone)).await;
            let second = register(&world, NewLead::new("Eva").phone(phone)).await;
            assert_ne!(contact(&first), contact(&second), "{phone}");
            let kept = &second.lead.as_ref().unwrap().contact.phone;
            assert_eq!(kept.as_deref(), Some(phone));
        }
        assert_eq!(possible_duplicates(&world).await, []);
        let first = register(&world, NewLead::new("Ana").phone("tel. 22 345 678")).await;
        let second = register(&world, NewLead::new("Ana").phone("22345678")).await;
        assert_eq!(contact(&first), contact(&second));
    });
}

#[test]
fn behind_one_number_of_a_company_each_extension_is_somebody() {
    block_on(async {
        let world = world("");
        let ana = register(&world, NewLead::new("Ana").phone("22 345 678 ext. 12")).await;
        let eva = register(&world, NewLead::new("Eva").phone("22 345 678 ext. 13")).await;
        assert_ne!(contact(&ana), contact(&eva));
        let again = register(&world, NewLead::new("Ana").phone("22345678 x12")).await;
        assert_eq!(contact(&again), contact(&ana));
        assert_eq!(possible_duplicates(&world).await, []);
    });
}

#[test]
fn a_corrected_number_makes_nobody_a_duplicate_any_more_and_goes_to_who_still_has_it() {
    block_on(async {
        let world = world("");
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        let first = register(&world, named("luis").phone("099 123 4567")).await;
        let second = register(&world, named("eva").phone("099 123 4567")).await;
        let correction = Correction::default().phone("099 765 4321");
        let lead = first.lead.as_ref().unwrap().id;
        let asked = world.tenant().correct_contact(lead, correction);
        asked.by(Actor::host("desk")).await.unwrap();
        assert_eq!(possible_duplicates(&world).await, []);
        let third = register(&world, NewLead::new("Eva").phone("099 123 4567")).await;
        assert_eq!(contact(&third), contact(&second));
    });
}

#[test]
fn who_still_has_a_number_that_its_holder_gave_up_is_possibly_the_same_person_as_the_others() {
    block_on(async {
        let world = world("");
        let mut all = Vec::new();
        for name in ["luis", "eva", "ana", "rita"] {
            let new = NewLead::new(name).email(format!("{name}@example.com"));
            all.push(register(&world, new.phone("099 123 4567")).await);
        }
        let lead = |answer: &Answer| answer.lead.as_ref().unwrap().id;
        let correction = Correction::default().phone("099 765 4321");
        let asked = world.tenant().correct_contact(lead(&all[0]), correction);
        asked.by(Actor::host("desk")).await.unwrap();
        let mut possible: Vec<_> = possible_duplicates(&world).await;
        possible.sort_by_key(|lead| lead.id);
        let ids: Vec<_> = possible.iter().map(|lead| lead.id).collect();
        assert_eq!(ids, all[1..].iter().map(lead).collect::<Vec<_>>());
        for (one, other) in [(1, 2), (1, 3), (2, 1), (3, 1)] {
            let known = world.tenant().duplicates(contact(&all[one])).await.unwrap();
            let other = contact(&all[other]);
            assert!(known.iter().any(|known| known.contact.id == other));
            let told = world.tenant().explain(lead(&all[one])).await.unwrap();
            let said = format!("possibly the same person as contact {other}: the same phone");
            assert!(told.to_string().contains(&said), "{told}");
        }
    });
}

#[test]
fn a_tax_number_names_a_contact_when_it_is_given_and_when_it_is_told_later() {
    block_on(async {
        let world = world(RUC);
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        let first = register(&world, named("luis").field("ruc", "1790016919001")).await;
        let second = register(&world, named("eva")).await;
        let eva = second.lead.as_ref().unwrap().id;
        let set = world.tenant().set(eva, "ruc", "1790016919001");
        let told = set.by(Actor::host("desk")).await.unwrap();
        assert!(told.contact.possible_duplicate);
        let found = world.tenant().duplicates(contact(&first)).await.unwrap();
        assert_eq!(found[0].contact.id, contact(&second));
        // It was a slip.
        let set = world.tenant().set(eva, "ruc", "0190115798001");
        assert!(
            !set.by(Actor::host("desk"))
                .await
                .unwrap()
                .contact
                .possible_duplicate
        );
        assert_eq!(possible_duplicates(&world).await, []);
    });
}

#[test]
fn earlier_leads_of_a_contact_are_told_what_a_later_one_says_of_it() {
    block_on(async {
        let world = world(RUC);
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        let luis = named("luis").phone("099 123 4567");
        register(&world, luis.field("ruc", "1790016919001")).await;
        let eva = register(&world, named("eva")).await;
        let eva_again = register(&world, named("eva").phone("099 123 4567")).await;
        let mut ana = vec![register(&world, named("ana")).await];
        ana.push(register(&world, named("ana").field("ruc", "1790016919001")).await);
        let possible = possible_duplicates(&world).await;
        for answer in [eva, eva_again].iter().chain(&ana) {
            let id = answer.lead.as_ref().unwrap().id;
            assert!(possible.iter().any(|lead| lead.id == id));
        }
    });
}

#[test]
fn a_tax_number_is_the_contacts_as_long_as_one_of_its_open_leads_says_it() {
    block_on(async {
        let world = world(RUC);
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        let with_number = |name| named(name).field("ruc", "1790016919001");
        let first = register(&world, with_number("luis")).await;
        let second = register(&world, with_number("luis")).await;
        let eva = register(&world, with_number("eva")).await;
        for (changed, still_known) in [(&first, true), (&second, false)] {
            let id = changed.lead.as_ref().unwrap().id;
            let set = world.tenant().set(id, "ruc", "0190115798001");
            let told = set.by(Actor::host("desk")).await.unwrap();
            assert_eq!(told.contact.possible_duplicate, still_known);
            let known = world.tenant().duplicates(contact(&eva)).await.unwrap();
            assert_eq!(known.len(), usize::from(still_known));
        }
    });
}

/// The taxpayer's number of a person in Ecuador's 17th province.
fn ruc(person: u32) -> String {
    let digits = format!("17{person:07}");
    let weighted = digits.bytes().enumerate().map(|(place, digit)| {
        let value = u32::from(digit - b'0') * (2 - u32::try_from(place % 2).unwrap());
        if value > 9 { value - 9 } else { value }
    });
    let check = (10 - weighted.sum::<u32>() % 10) % 10;
    format!("{digits}{check}001")
}

/// Found by the proof that kills workers: the number was forgotten for good.
#[test]
fn a_number_for_which_there_was_no_room_names_its_contact_as_soon_as_there_is() {
    block_on(async {
        let fields: Vec<String> = (1..=15).map(|nth| format!("ruc_{nth}")).collect();
        let tables = fields.iter().map(|field| RUC.replace("ruc", field));
        let world = world(&tables.collect::<String>());
        let mut new = NewLead::new("Luis").email("luis@example.com");
        for (nth, field) in (1..).zip(&fields) {
            new = new.field(field.as_str(), ruc(nth).as_str());
        }
        let luis = register(&world, new).await;
        let lead = luis.lead.as_ref().unwrap().id;
        let correction = Correction::default().phone("099 123 4567");
        let asked = world.tenant().correct_contact(lead, correction);
        asked.by(Actor::host("desk")).await.unwrap();
        let cleared = vec![("ruc_7".into(), None)];
        let order = LeadOrder::SetFields { fields: cleared };
        let asked = world.tenant().order(lead, order);
        asked.by(Actor::host("desk")).await.unwrap();
        let again = register(&world, NewLead::new("Luis").phone("099 123 4567")).await;
        assert_eq!(contact(&again), contact(&luis));

        // And the other way round: a tax number, once the phone number is taken away.
        let set = world.tenant().set(lead, "ruc_7", ruc(7).as_str());
        set.by(Actor::host("desk")).await.unwrap();
        let asked = world
            .tenant()
            .correct_contact(lead, Correction::default().phone(""));
        asked.by(Actor::host("desk")).await.unwrap();
        let again = register(&world, NewLead::new("Luis").field("ruc_7", ruc(7).as_str())).await;
        assert_eq!(contact(&again), contact(&luis));
    });
}

#[test]
fn a_tax_number_that_is_somebody_elses_names_nobody() {
    block_on(async {
        let world = world(&format!("{RUC}identifies = false\n"));
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        register(&world, named("luis").field("ruc", "1790016919001")).await;
        register(&world, named("eva").field("ruc", "1790016919001")).await;
        assert_eq!(possible_duplicates(&world).await, []);
    });
}

#[test]
fn dots_tags_names_and_domains_make_nobody_a_duplicate() {
    block_on(async {
        let world = world("");
        let named = |email: &str| NewLead::new("Luis Vera").email(email);
        for email in [
            "luis.vera@example.com",
            "luisvera@example.com",
            "luis.vera+crm@example.com",
        ] {
            let answer = register(&world, named(email)).await;
            assert_eq!(answer.possible_duplicates, []);
        }
        assert_eq!(possible_duplicates(&world).await, []);
    });
}

#[test]
fn of_a_number_that_many_give_the_latest_are_known() {
    block_on(async {
        let world = world("");
        let mut last = None;
        for n in 0..20 {
            let new = NewLead::new("Somebody").email(format!("s{n}@example.com"));
            last = Some(register(&world, new.phone("0999999999")).await);
        }
        let last = last.unwrap();
        assert_eq!(last.possible_duplicates.len(), 1);
        let first = last.possible_duplicates[0];
        let known = world.tenant().duplicates(first).await.unwrap();
        assert_eq!(known.len(), 16);
        assert!(known.iter().any(|one| one.contact.id == contact(&last)));
    });
}
