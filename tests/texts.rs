//! What people type: no name that hides in a list, breaks its lines or passes for another one, and
//! no input that is dropped without a word.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, Correction, LeadOrder, NewLead, NewSweep};
use leadkit::decide::refusal::{Gap, Problem, Refusal};
use leadkit::engine::Error;
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit::value::Value;
use pollster::block_on;
use shop::{at, folder, read};

/// Each could stand in a name that a form or an export hands over.
const BAD: [char; 15] = [
    '\0',
    '\n',
    '\r',
    '\t',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{2028}',
    '\u{202e}',
    '\u{ad}',
    '\u{200b}',
    '\u{2060}',
    '\u{3164}',
    '\u{feff}',
    '\u{e0041}',
];

fn world() -> World {
    let playbook = read(&folder("", ""));
    let store = Arc::new(MemoryStore::default());
    World::new(playbook, store, at("2026-03-02T10:00:00+01:00")).unwrap()
}

fn host() -> Actor {
    Actor::host("test")
}

fn gaps<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<(String, Problem)> {
    match answer {
        Err(Error::Refused(refusal)) => match refusal {
            Refusal::Incomplete(gaps) => {
                let told = |Gap { input, problem }: Gap| (input.to_string(), problem);
                gaps.into_iter().map(told).collect()
            }
            refusal => panic!("{refusal}"),
        },
        answer => panic!("{answer:?}"),
    }
}

#[test]
fn no_name_holds_what_hides_or_breaks_a_line() {
    block_on(async {
        let world = world();
        let shop = world.tenant();
        for character in BAD {
            let bad = format!("An{character}a");
            let bad = bad.as_str();
            let is = |inputs: &[&str]| {
                let told = |input: &&str| (input.to_string(), Problem::BadCharacter { character });
                inputs.iter().map(told).collect::<Vec<_>>()
            };
            let lead = NewLead::new(bad).phone(format!("600{bad}")).owner(bad);
            let answer = shop.register(lead).by(host()).await;
            assert_eq!(gaps(answer), is(&["name", "phone", "owner"]), "{bad:?}");
            let agent = AgentSetup::new(bad).name(bad).role("seller").team(bad);
            let agent = agent.email("ana@example.com").cities([bad]);
            let answer = shop.set_up(agent).by(host()).await;
            let inputs = is(&["agent", "name", "team", "cities"]);
            assert_eq!(gaps(answer), inputs, "{bad:?}");
            let luis = || NewLead::new("Luis");
            let answer = shop.register(luis()).by(Actor::host(bad)).await;
            assert_eq!(gaps(answer), is(&["by"]), "{bad:?}");
            let sweep = NewSweep {
                name: bad.into(),
                audience: "".into(),
                order: LeadOrder::Answered,
                starts_at: None,
                every_days: None,
            };
            let answer = shop.sweep(sweep).by(host()).await;
            assert_eq!(gaps(answer), is(&["sweep"]), "{bad:?}");
        }
        let luis = shop
            .register(NewLead::new("Luis"))
            .by(host())
            .await
            .unwrap();
        for bad in ["Lu\nis", "Lu\u{202e}is"] {
            let correction = Correction::default().name(bad);
            let order = LeadOrder::CorrectContact(correction);
            let told = gaps(shop.order(luis.id, order).by(host()).await);
            assert!(
                matches!(told[0].1, Problem::BadCharacter { .. }),
                "{told:?}"
            );
        }
        // Marks of direction and letters of all scripts are honest.
        let name = "\u{200f}\u{5d3}\u{5e0}\u{5d4} N\u{303}ando 李";
        shop.register(NewLead::new(name)).by(host()).await.unwrap();
    });
}

#[test]
fn a_text_or_a_reason_may_have_lines_and_no_more_than_that() {
    block_on(async {
        let world = world();
        let shop = world.tenant();
        let lead = NewLead::new("Luis").field("city", "Madrid,\r\n\tcentre");
        let lead = shop.register(lead).by(host()).await.unwrap().id;
        let set = shop.set(lead, "city", Value::from("Mad\u{202e}rid"));
        let character = '\u{202e}';
        let wanted = vec![("city".to_owned(), Problem::BadCharacter { character })];
        assert_eq!(gaps(set.by(host()).await), wanted);
        let closed = shop.close(lead, "lost", "no\0money").by(host()).await;
        let character = '\0';
        let wanted = vec![("reason".to_owned(), Problem::BadCharacter { character })];
        assert_eq!(gaps(closed), wanted);
        let reason = "too dear\nand too far";
        shop.close(lead, "lost", reason).by(host()).await.unwrap();
    });
}

#[test]
fn what_can_not_be_dialled_is_no_phone_number_and_is_not_dropped_silently() {
    block_on(async {
        let world = world();
        let shop = world.tenant();
        let answer = shop
            .register(NewLead::new("Luis").phone("ask him"))
            .by(host());
        let wanted = vec![("phone".to_owned(), Problem::NotAPhone)];
        assert_eq!(gaps(answer.await), wanted);
        // A form's empty input says nothing.
        let answer = shop
            .register(NewLead::new("Luis").phone(" "))
            .by(host())
            .await;
        assert_eq!(answer.unwrap().contact.phone, None);
    });
}

#[test]
fn a_refusal_is_told_in_words_for_people() {
    block_on(async {
        let needs =
            "[need]\nphone = { if = 'contact.phone is present', text = \"A phone number\" }\n";
        let mut folder = folder(needs, "");
        folder.playbook = folder.playbook.replacen(
            "talking = [], lost = []",
            "talking = [\"phone\"], lost = []",
            1,
        );
        let store = Arc::new(MemoryStore::default());
        let world = World::new(read(&folder), store, at("2026-03-02T10:00:00+01:00")).unwrap();
        let shop = world.tenant();
        let told = |answer: Result<leadkit::record::Lead, Error>| match answer {
            Err(Error::Refused(refusal)) => refusal.told(),
            answer => panic!("{answer:?}"),
        };
        let lead = shop
            .register(NewLead::new("Luis"))
            .by(host())
            .await
            .unwrap()
            .id;
        assert_eq!(
            told(shop.move_to(lead, "talking").by(host()).await),
            ["A phone number"]
        );
        let nameless = shop
            .register(NewLead::new("").email("luis"))
            .by(host())
            .await;
        let wanted = ["name: is needed", "email: is no e-mail address"];
        assert_eq!(told(nameless), wanted);
        let nowhere = told(shop.move_to(lead, "new").by(host()).await);
        assert_eq!(nowhere.len(), 1, "{nowhere:?}");
    });
}

#[test]
fn a_line_break_is_told_as_that_and_not_by_its_number() {
    for (character, told) in [
        ('\n', "a line break"),
        ('\r', "a line break"),
        ('\u{2028}', "a line break"),
        ('\t', "a tab"),
        ('\u{202e}', "the character U+202E"),
    ] {
        let said = Problem::BadCharacter { character }.to_string();
        assert_eq!(said, format!("holds {told}, which can't stand there"));
    }
}

#[test]
fn a_text_that_is_too_long_is_told_as_that() {
    block_on(async {
        let world = world();
        let lead = NewLead::new("Luis").field("city", "x".repeat(5_000).as_str());
        let answer = world.tenant().register(lead).by(host()).await;
        let most_bytes = 4_096;
        let wanted = vec![("city".to_owned(), Problem::TooLong { most_bytes })];
        assert_eq!(gaps(answer), wanted);
    });
}
