//! Databases that replays made, looked at and acted in: there, the time is that of their history.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod rehearsal;
mod shop;
mod told;

use leadkit::store::Key;
use leadkit_sqlite::rusqlite::Connection;
use rehearsal::Rehearsal;
use shop::{LEADS, MAP};
use told::damage;

/// Settled by the clock on the wall, it would have lived until today, and could not go on.
#[test]
fn what_is_settled_in_a_rehearsal_happens_at_its_time_and_the_replay_goes_on() {
    let rehearsal = Rehearsal::until("2026-04-10", &[]);
    let accepted = ["--where", r#"state == "accepted""#];
    let message = rehearsal.json("messages", &accepted)["messages"][0]["message"].clone();
    let message = message.as_str().unwrap();
    let by = ["--by", "host:it-desk"];
    let settled = rehearsal.json("settle", &[&[message, "delivered"], &by[..]].concat());
    let stands_at = "2026-04-10T00:00:00-05:00";
    assert_eq!(settled["settled"]["since"], stands_at, "{settled:#}");
    assert_eq!(settled["rehearsal_at"], stands_at);
    let told = rehearsal.run("retry", &[&[message], &by[..]].concat());
    let said =
        "in a rehearsal, whose history stands at 2026-04-10 00:00:00 -05:00 (America/Guayaquil)\n";
    assert!(told.out.ends_with(said), "{}", told.out);
    let cancelled = rehearsal.json("cancel", &[&[message], &by[..]].concat());
    assert_eq!(cancelled["rehearsal_at"], stands_at);
    for until in ["2026-04-10", "2026-04-20"] {
        let told = rehearsal.replay(until);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    }
    let back = rehearsal.replay("2026-04-15");
    assert!(
        back.err.contains("has lived until 2026-04-20"),
        "{}",
        back.err
    );
}

/// Then nobody noted until when it lived: it stands at the last thing that happened.
#[test]
fn a_replay_that_was_broken_off_stands_at_its_last_entry() {
    let rehearsal = Rehearsal::until("2026-03-07", &[]);
    let database = Connection::open(&rehearsal.db).unwrap();
    database
        .execute("DROP TABLE leadkit_rehearsals", ())
        .unwrap();
    let told = rehearsal.run("explain", &["--email", "eva@example.com"]);
    let said = "whose history stands at 2026-03-06 16:30:00 -05:00";
    assert!(told.out.contains(said), "{}", told.out);
    let told = rehearsal.replay("2026-04-10");
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
}

/// Else the leads of a replay would count as real ones, and their messages as overdue by years.
#[test]
fn a_rehearsal_whose_last_entry_is_damaged_is_still_one_and_says_what_is_wrong() {
    let rehearsal = Rehearsal::until("2026-03-07", &[]);
    let database = Connection::open(&rehearsal.db).unwrap();
    database
        .execute_batch(
            "UPDATE leadkit_journal SET body = x'00'
             WHERE place = (SELECT max(place) FROM leadkit_journal)",
        )
        .unwrap();
    for (command, more) in [
        ("explain", ["--email", "eva@example.com"]),
        ("messages", ["--limit", "10"]),
    ] {
        let told = rehearsal.run(command, &more);
        assert_ne!(told.code, 0, "{}", told.out);
        assert!(told.err.contains("can't be read"), "{}", told.err);
    }
}

/// Else nobody finds anybody by name any more, as long as one lead is damaged.
#[test]
fn one_lead_that_can_not_be_read_does_not_keep_others_from_being_found() {
    let rehearsal = Rehearsal::until("2026-03-07", &[]);
    let luis = rehearsal.json("explain", &["--email", "luis@example.com"]);
    let damaged = luis["lead"].as_str().unwrap();
    let id = damaged.parse::<leadkit::ids::LeadId>().unwrap();
    damage(&rehearsal.db, &Key::lead(&"shop".into(), id));

    let told = rehearsal.run("explain", &["--find", "Eva"]);
    assert_eq!(told.code, 0, "{}", told.err);
    for said in ["Eva", "not searched, since they can't be read", damaged] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let eva = rehearsal.json("explain", &["--find", "Eva"]);
    assert_eq!(eva["unreadable"][0]["id"], damaged);
    let told = rehearsal.run("explain", &["--find", "Nadie"]);
    assert_eq!(told.code, 2);
    for said in ["no lead's contact has `Nadie`", damaged] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
}

/// What `now` is in a condition is not today: nobody has lived there yet.
#[test]
fn a_rehearsal_is_looked_at_as_of_the_time_at_which_it_stands() {
    let rehearsal = Rehearsal::until("2026-03-07", &[]);
    let recent = ["--where", "registered_at > now - 2d"];
    assert_eq!(rehearsal.json("leads", &recent)["count"], 1);
    let later = [&recent[..], &["--now", "2026-06-01"]].concat();
    assert_eq!(rehearsal.json("leads", &later)["count"], 0);
    let told = rehearsal.run("explain", &["--email", "eva@example.com"]);
    let said = "whose history stands at 2026-03-07";
    assert!(told.out.contains(said), "{}", told.out);
    assert!(!told.out.contains(", overdue)"), "{}", told.out);
}

/// A desk knows a name or a number, and rarely as it was typed.
#[test]
fn a_lead_is_found_by_a_part_of_its_contacts_name_or_number() {
    let map = MAP.replace("{email}", "{email}\", phone = \"{phone}");
    let mut lines = LEADS.lines();
    let mut leads = format!("{};phone\n", lines.next().unwrap());
    for (line, phone) in lines.zip(["+593 99 123 4567", "0991234568", ""]) {
        leads.push_str(&format!("{line};{phone}\n"));
    }
    let files = [("map.toml", map.as_str()), ("leads.csv", &leads)];
    let rehearsal = Rehearsal::until("2026-04-10", &files);
    for (text, name) in [
        ("jose pena", "José Peña"),
        ("VERA", "Luis Vera"),
        ("luis@", "Luis Vera"),
        ("099 123 4567", "José Peña"),
        ("+593991234568", "Luis Vera"),
    ] {
        let found = rehearsal.json("leads", &["--find", text]);
        assert_eq!(found["count"], 1, "{text}: {found:#}");
        assert_eq!(found["leads"][0]["contact"], name, "{text}");
        let explained = rehearsal.json("explain", &["--find", text]);
        assert_eq!(explained["contact"], name, "{text}");
    }
    let won = ["--find", "jose", "--where", "open"];
    assert_eq!(rehearsal.json("leads", &won)["count"], 0);
    let some = rehearsal.run("leads", &["--find", "example.com", "--limit", "2"]);
    assert!(some.out.contains("3 leads, 2 shown"), "{}", some.out);
    let several = rehearsal.run("explain", &["--find", "example.com"]);
    assert_eq!(several.code, 2);
    for said in [
        "say which by its id",
        "(Luis Vera, luis@example.com, sales.talking, bea, 2026-03-02)",
    ] {
        assert!(several.err.contains(said), "{}", several.err);
    }
    // Programs can let people choose.
    let several = rehearsal.json("explain", &["--find", "example.com"]);
    let error = &several["error"];
    assert_eq!(error["kind"], "several-leads");
    assert_eq!(error["hint"], "say which by its id");
    let contacts = error["leads"].as_array().unwrap().iter();
    let contacts: Vec<_> = contacts.map(|lead| &lead["contact"]).collect();
    assert_eq!(contacts, ["José Peña", "Luis Vera", "Díaz; Eva"]);
    assert_eq!(error["more"], 0);
    // All of a name is meant before a part of another.
    let one = rehearsal.json("explain", &["--find", "luis vera"]);
    assert_eq!(one["contact"], "Luis Vera");
    let nobody = rehearsal.run("explain", &["--find", "nobody"]);
    assert!(
        nobody.err.contains("no lead's contact has `nobody`"),
        "{}",
        nobody.err
    );
    let by_name = rehearsal.run("leads", &["--where", r#"contact.name == "luis vera""#]);
    assert!(by_name.err.contains("--find"), "{}", by_name.err);
}

/// The fact `to` is an id, and the table shows addresses.
#[test]
fn messages_are_found_by_the_address_to_which_they_go() {
    let rehearsal = Rehearsal::until("2026-04-10", &[]);
    let to = rehearsal.json("messages", &["--to", "Marco@example.com"]);
    let all = rehearsal.json("messages", &[]);
    assert!(to["count"].as_u64() > Some(0), "{all:#}");
    assert_eq!(to["count"], all["count"]);
    assert_eq!(to["messages"][0]["to"], "marco");
    assert_eq!(to["messages"][0]["name"], "Marco Paredes");
    assert_eq!(
        rehearsal.json("messages", &["--to", "marco"])["count"],
        all["count"]
    );
    assert_eq!(
        rehearsal.json("messages", &["--to", "ana@example.com"])["count"],
        0
    );
    let nobody = rehearsal.run("messages", &["--to", "nobody@example.com"]);
    assert_eq!(nobody.code, 2);
    assert!(
        nobody.err.contains("no contact and no agent has"),
        "{}",
        nobody.err
    );
    let unknown = rehearsal.run("messages", &["--to", "marko"]);
    assert_eq!(unknown.code, 2);
    for says in ["there is no agent `marko`\n", "did you mean `marco`?"] {
        assert!(unknown.err.contains(says), "{}", unknown.err);
    }
    let by_address = rehearsal.run("messages", &["--where", r#"to == "marco@example.com""#]);
    assert!(by_address.out.contains("--to finds"), "{}", by_address.out);
    let by_address = rehearsal.run("messages", &["--where", r#"address == "x""#]);
    assert!(
        by_address.err.contains("did you mean `--to ADDRESS`?"),
        "{}",
        by_address.err
    );
    let listed = rehearsal.run("messages", &[]);
    assert!(listed.out.contains(" address "), "{}", listed.out);
    // Whom it is about, and not only who gets it.
    assert_eq!(all["messages"][0]["contact"], "Luis Vera", "{all:#}");
    for said in [" contact ", " Luis Vera "] {
        assert!(listed.out.contains(said), "{said}: {}", listed.out);
    }
    // Nobody knows of an agent that can't be read whether it has the address.
    damage(&rehearsal.db, &Key::agent(&"shop".into(), &"bea".into()));
    let to = rehearsal.run("messages", &["--to", "Marco@example.com", "--json"]);
    assert_eq!(to.code, 1, "{}", to.err);
    let to = to.json();
    assert_eq!(to["count"], all["count"]);
    assert_eq!(to["unreadable"][0]["kind"], "agent", "{to:#}");
    let nobody = rehearsal.run("messages", &["--to", "nobody@example.com"]);
    assert_eq!(nobody.code, 1, "{}", nobody.err);
    assert!(nobody.out.contains("can't be read"), "{}", nobody.out);
}

/// Agents are data, and a condition may name one who comes tomorrow: so it is no fault.
#[test]
fn whoever_asks_for_an_agent_who_is_not_there_is_told_whom_they_may_mean() {
    let rehearsal = Rehearsal::until("2026-04-10", &[]);
    for (command, condition) in [
        ("leads", r#"owner == "anna""#),
        (
            "leads",
            r#"stage == "new" and not (owner in ["bea", "ANNA"])"#,
        ),
        ("messages", r#"to == "anna""#),
    ] {
        let told = rehearsal.run(command, &["--where", condition]);
        assert_eq!(told.code, 0, "{condition}: {}", told.err);
        let says = "warning: nobody is called `anna`; did you mean `ana`?\n";
        assert_eq!(told.err, says, "{condition}");
        let json = rehearsal.json(command, &["--where", condition]);
        assert_eq!(json["warnings"][0]["hint"], "did you mean `ana`?");
    }
    let counted = ["--where", r#"owner == "anna""#, "--count-by", "stage"];
    let counted = rehearsal.json("leads", &counted);
    assert_eq!(counted["warnings"][0]["message"], "nobody is called `anna`");
    for condition in [r#"owner == "ANA""#, "owner is missing", ""] {
        let told = rehearsal.run("leads", &["--where", condition]);
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{condition}");
    }
}

#[test]
fn a_value_that_a_fact_of_messages_never_has_is_a_fault_with_the_nearest() {
    let rehearsal = Rehearsal::until("2026-03-07", &[]);
    for (condition, meant) in [
        (r#"state == "in doubt""#, "in-doubt"),
        (r#"class == "alerts""#, "alert"),
        (r#"channel == "e-mail""#, "email"),
        (r#"template == "lat""#, "late"),
        (r#"dropped == "expire""#, "expired"),
    ] {
        let told = rehearsal.run("messages", &["--where", condition]);
        assert_eq!(told.code, 2, "{condition}: {}", told.out);
        let hint = format!("did you mean `\"{meant}\"`?");
        assert!(told.err.contains(&hint), "{condition}: {}", told.err);
    }
}

#[test]
fn facts_to_count_by_may_stand_apart() {
    let rehearsal = Rehearsal::until("2026-04-10", &[]);
    assert_eq!(
        rehearsal.json("leads", &["--count-by", "stage, owner"])["groups"],
        rehearsal.json("leads", &["--count-by", "stage,owner"])["groups"]
    );
}
