//! The simulation can fail: what is broken on purpose is found within a few seeds, and what is not
//! broken isn't.

use leadkit_proof::simulation::{Flaw, Report, run};

/// The first seed that finds a flaw, and the law that it broke.
fn found(flaw: Flaw, seeds: u64) -> Option<(u64, &'static str)> {
    let mut reports = (0..seeds).map(|seed| run(seed, Some(flaw)));
    let report = reports.find(|report| !report.findings.is_empty())?;
    Some((report.seed, report.findings[0].law))
}

macro_rules! caught {
    ($($test:ident: $flaw:ident within $seeds:literal;)+) => {
        $(#[test]
        fn $test() {
            let found = found(Flaw::$flaw, $seeds);
            assert!(found.is_some(), "{:?} was not found in {} seeds", Flaw::$flaw, $seeds);
        })+
    };
}

caught! {
    a_store_that_writes_over_what_moved_is_caught: NoVersionCheck within 20;
    a_store_that_does_not_look_at_what_was_relied_on_is_caught: NoCheckOfWhatIsReliedOn within 60;
    a_store_that_carries_out_a_command_again_is_caught: CommandsTwice within 40;
    a_store_that_loses_commits_is_caught: LosesCommits within 20;
    a_store_that_loses_parts_of_commits_is_caught: LosesParts within 20;
    a_store_that_loses_clocks_is_caught: LosesClocks within 20;
    a_store_that_keeps_clocks_late_is_caught: LateClocks within 100;
    a_store_that_keeps_clocks_in_another_lane_is_caught: WrongLane within 100;
    a_store_that_keeps_facts_as_they_were_is_caught: StaleFacts within 200;
    a_store_that_answers_with_what_was_is_caught: StaleLoads within 40;
    a_store_that_mixes_tenants_is_caught: TenantsMixed within 40;
    a_store_that_forgets_journal_entries_is_caught: ForgetsJournal within 20;
    a_store_that_keeps_other_bytes_of_the_journal_is_caught: PadsJournal within 20;
    a_mailer_that_takes_unknown_for_later_is_caught: UnknownIsLater within 400;
    a_mailer_that_takes_accepted_for_later_is_caught: AcceptedIsLater within 200;
    a_mailer_that_takes_later_for_accepted_is_caught: LaterIsAccepted within 200;
}

#[test]
fn a_store_that_says_for_ever_that_something_moved_is_caught() {
    let law = found(Flaw::MovedByNobody, 20).map(|(_, law)| law);
    assert_eq!(law, Some("what moves was moved by somebody"));
}

/// Several organisations in one store never see each other's data (requirement Z5).
#[test]
fn mail_to_the_people_of_another_organisation_is_caught() {
    let mut reports = (0..40).map(|seed| run(seed, Some(Flaw::TenantsMixed)));
    let astray = |report: Report| {
        let first = report.findings.first();
        first.is_some_and(|first| first.law == "mail goes to whom it is for")
    };
    assert!(reports.any(astray));
}

#[test]
fn mail_that_goes_to_somebody_else_is_caught() {
    let law = found(Flaw::WrongAddress, 40).map(|(_, law)| law);
    assert_eq!(law, Some("mail goes to whom it is for"));
}

#[test]
fn mail_that_comes_from_somebody_else_is_caught() {
    let law = found(Flaw::WrongSender, 40).map(|(_, law)| law);
    assert_eq!(law, Some("mail comes from its own organisation"));
}

#[test]
fn a_store_that_ignores_leases_breaks_nothing() {
    assert_eq!(found(Flaw::IgnoresLeases, 30), None);
}

#[test]
fn a_seed_run_twice_gives_the_same_journal_and_another_seed_another_one() {
    let digest = |seed| run(seed, None).digest;
    for seed in 0..6 {
        assert_eq!(digest(seed), digest(seed));
        assert_ne!(digest(seed), digest(seed + 1));
    }
}

#[test]
fn a_seed_that_comes_out_otherwise_when_it_is_run_again_is_found() {
    let laws = |again| {
        let mut report = run(0, None);
        report.hold_to(&run(again, None));
        let findings = report.findings.iter();
        findings.map(|finding| finding.law).collect::<Vec<_>>()
    };
    assert!(laws(0).is_empty());
    assert_eq!(laws(1), ["the same seed gives the same journal"]);
}
