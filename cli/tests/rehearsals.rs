//! Databases that replays made, looked at and acted in: there, the time is that of their history.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod rehearsal;
mod shop;
mod told;

use rehearsal::Rehearsal;

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
