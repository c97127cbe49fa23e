//! Contacts that are possibly known twice: listed, merged and parted again.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod live;
mod told;

use leadkit::decide::command::{Actor, NewLead};
use leadkit::ids::ContactId;
use leadkit::store::Key;
use live::{Live, PLAYBOOK};
use pollster::block_on;
use told::{damage, leadkit};

#[test]
fn duplicates_are_listed_merged_parted_again_and_told_from_each_other() {
    let live = Live::new();
    let playbook = live.write(&[("playbook.toml", PLAYBOOK)]);
    let engine = live.worker(&playbook).build().unwrap();
    let contacts = [
        ("Luis", "luis@example.com"),
        ("Luisa Paz", "luisa@example.com"),
    ]
    .map(|(name, email)| {
        let new = NewLead::new(name).email(email).phone("099 123 4567");
        let asked = engine.tenant("shop").register(new);
        let lead = block_on(async { asked.by(Actor::host("desk")).await }).unwrap();
        lead.contact.id.to_string()
    });
    drop(engine);
    let run = |words: &[&str]| {
        let (command, rest) = words.split_first().unwrap();
        live.run(command, &[rest, &["--json"]].concat())
    };
    let listed = || {
        let json = run(&["duplicates"]).json();
        let sets = json["sets"].as_array().unwrap().iter();
        let ids = sets.map(|set| {
            let contacts = set["contacts"].as_array().unwrap().iter();
            let ids = contacts.map(|contact| contact["id"].as_str().unwrap().to_owned());
            ids.collect::<Vec<String>>()
        });
        ids.collect::<Vec<_>>()
    };
    // Who is possibly whom is said once, and not of each of the two.
    assert_eq!(listed(), std::slice::from_ref(&contacts));
    let told = live.run("duplicates", &[]);
    for contact in &contacts {
        assert_eq!(told.out.matches(contact).count(), 1, "{}", told.out);
    }
    let says =
        "2 contacts of open leads possibly the same person as another: 1 person, if all are\n";
    assert!(told.out.ends_with(says), "{}", told.out);
    let [into, from] = &contacts;
    let merged = run(&["merge", into, from, "--by", "host:it-desk"]);
    assert_eq!(
        (merged.code, merged.json()["into"].as_str()),
        (0, Some(into.as_str()))
    );
    assert!(listed().is_empty());
    // Who was merged is found by what it was known by: both leads are of who stands for it.
    for said in ["luisa@example.com", "paz"] {
        assert_eq!(run(&["leads", "--find", said]).json()["count"], 2, "{said}");
    }
    assert_eq!(run(&["leads", "--find", "olga"]).json()["count"], 0);
    let explained = run(&["explain", "--email", "luisa@example.com"]);
    let told = format!("{}{}", explained.out, explained.err);
    assert!(told.contains("several leads have"), "{told}");
    assert_eq!(run(&["messages", "--to", "luisa@example.com"]).code, 0);
    let again = run(&["merge", into, from, "--by", "host:it-desk"]);
    assert_ne!(again.code, 0);
    assert_eq!(run(&["unmerge", from, "--by", "host:it-desk"]).code, 0);
    assert_eq!(listed(), std::slice::from_ref(&contacts));

    // One that can't be read is told, and keeps none of the others from being listed.
    let id = from.parse::<ContactId>().unwrap();
    let (folder, damaged) = (live.path("playbook"), live.path("damaged.db"));
    std::fs::copy(live.db(), &damaged).unwrap();
    damage(&damaged, &Key::contact(&"shop".into(), id));
    let told = leadkit(["duplicates", &folder, "--db", &damaged, "--json"]);
    assert_eq!(told.code, 1, "{}", told.err);
    let unreadable = &told.json()["unreadable"];
    assert_eq!(unreadable.as_array().unwrap().len(), 1, "{unreadable}");
    assert_eq!(unreadable[0]["kind"], "contact");
    assert_eq!(unreadable[0]["id"], from.as_str());

    // They are two persons: that is listed no more, and said once.
    let told = run(&["distinguish", into, from, "--by", "host:it-desk"]);
    let contacts = serde_json::json!([into, from]);
    assert_eq!((told.code, &told.json()["contacts"]), (0, &contacts));
    assert!(listed().is_empty());
    let again = run(&["distinguish", from, into, "--by", "host:it-desk"]);
    let said = format!("{}{}", again.out, again.err);
    assert_ne!(again.code, 0);
    assert!(said.contains("on record already"), "{said}");

    // A third one shares something with both: of these three two are two persons.
    let engine = live.worker(&playbook).build().unwrap();
    let third = NewLead::new("Luis P.").email("lp@example.com");
    let asked = engine.tenant("shop").register(third.phone("099 123 4567"));
    block_on(async { asked.by(Actor::host("desk")).await }).unwrap();
    drop(engine);
    assert_eq!(listed().len(), 1);
    let told = live.run("duplicates", &[]);
    let says = "3 contacts of open leads possibly the same person as another: 2 persons, if all are who were not told from each other\n";
    assert!(told.out.ends_with(says), "{}", told.out);
}

#[test]
fn who_is_looked_for_by_an_address_is_found_however_its_domain_is_written() {
    let live = Live::new();
    let playbook = live.write(&[("playbook.toml", PLAYBOOK)]);
    let engine = live.worker(&playbook).build().unwrap();
    for (name, email) in [
        ("Ana", "Ana@müller.example"),
        ("Bea", "bea@xn--mller-kva.example"),
    ] {
        let asked = engine
            .tenant("shop")
            .register(NewLead::new(name).email(email));
        block_on(async { asked.by(Actor::host("desk")).await }).unwrap();
    }
    drop(engine);
    for domain in ["müller.example", "MÜLLER.example", "xn--mller-kva.example"] {
        for name in ["Ana", "Bea"] {
            let said = format!("{}@{domain}", name.to_lowercase());
            let told = live.run("explain", &["--email", &said]);
            assert!(told.out.contains(name), "{said}: {}{}", told.out, told.err);
            assert_eq!(live.run("messages", &["--to", &said]).code, 0, "{said}");
            let found = live.run("leads", &["--find", &said, "--json"]);
            assert_eq!(found.json()["count"], 1, "{said}");
        }
    }
    let nobody = live.run("explain", &["--email", "ana@muller.example"]);
    assert_ne!(nobody.code, 0, "{}", nobody.out);
}
