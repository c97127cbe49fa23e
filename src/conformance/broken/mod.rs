//! Stores that are broken on purpose, one defect each: the suite must catch every one of them,
//! by a promise that the defect breaks. A suite that has caught nothing proves nothing.

mod clocks;
mod queries;
mod reads;
mod store;
mod writes;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::future::join_all;

use super::words::{change, commit, lead, put};
use super::{Broken, LeaseScope, Promise, Subject, all};
use crate::store::{MemoryStore, Store, Verdict};
use store::Flawed;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Nothing: the wrapper itself breaks no promise.
    None,
    AbsentIsEmpty,
    AccentsIgnored,
    AnswersEndAtAMegabyte,
    AnswersSorted,
    BatchesAreOneChange,
    BodiesAreShort,
    BodiesAreText,
    CheckedThenWritten,
    ChecksForgotten,
    ChecksRace,
    ClaimNotChecked,
    ClaimsOfAll,
    ClocksInSeconds,
    ClocksStay,
    CommandsForgotten,
    CommandsKnownBeforeBatch,
    CommandsOfAll,
    CommandsRace,
    CountsEverything,
    CountsOnePage,
    CursorIsAnOffset,
    CursorWithoutValue,
    CrossingBatchesFail,
    CrossingBatchesWait,
    DroppedHoldsOthersUp,
    DroppedIsHalfWritten,
    DueBefore,
    DueMore,
    DueInOrderOfTime,
    EmptyIsAnError,
    EmptyTextIsMissing,
    EntriesNumberedEarly,
    EntriesSkipped,
    EntriesSortedById,
    FactsAddUp,
    FactsAreFew,
    FactsKeepTheirType,
    FactsOfAll,
    FourthWriteLost,
    GroupsReversed,
    HandlesRemember,
    IdsEndAtZero,
    InIsTheFirst,
    JournalIsMore,
    JournalIsSelectable,
    JournalKeysIgnored,
    JournalNotLoaded,
    JournalOfAll,
    KeysAtMostAThousand,
    KindForgotten,
    LastPageHasNext,
    LastPutWins,
    LeasesEndByLooking,
    LeasesIgnored,
    LeasesOfTenSeconds,
    LeasesOfTheHandle,
    LeasesOfVersions,
    LeasesOutliveClocks,
    LeasesOutliveWrites,
    LeasesPlanned,
    LeasesRace,
    LimitOf32Bits,
    LockedInTheProcess,
    MissingIsUnknown,
    MovedIsBrief,
    MovedIsHalfWritten,
    MovedIsRepeated,
    LanesAtMostThirtyThousand,
    LanesIgnored,
    LanesStay,
    LanesTakeTurns,
    NextDueIsLate,
    NextDueIsUnordered,
    NextDueKnowsNoLeases,
    NumbersAreFloats,
    NumbersBeginAnew,
    OneRoundForAll,
    OnlyKindsWithFacts,
    OptimisticBatches,
    OrderIsAscending,
    OtherTenantsIgnored,
    PagesLookTwice,
    PutsAtMostAThousand,
    RemovalFailsOnAbsent,
    RemovedAreEmpty,
    RemovedForEver,
    ReopenedEmpty,
    TenantOfQueriesForgotten,
    TenantsFolded,
    TextEndsAtZero,
    TextIsShort,
    TextIsTrimmed,
    TotalOfNothingMissing,
    UnheardOfIsAnError,
    AtMostIsLess,
    VersionNotChecked,
    VersionsBeforeBatch,
    VersionsFirst,
    VersionsAreCounted,
    VersionsStandStill,
    ChangesAtMostAThousand,
}

/// Each flaw, and the promises that must catch it. It may break others as well.
#[rustfmt::skip]
const CAUGHT: &[(Flaw, &[&str])] = &[
    (Flaw::AbsentIsEmpty, &["an_absent_record_has_version_0"]),
    (Flaw::AccentsIgnored, &["text_is_found_in_any_script_and_case"]),
    (Flaw::AnswersEndAtAMegabyte, &["many_large_bodies_are_read_at_once"]),
    (Flaw::AnswersSorted, &["answers_come_in_the_order_of_the_keys"]),
    (Flaw::BatchesAreOneChange, &["a_change_that_fails_takes_no_other_down"]),
    (Flaw::BodiesAreShort, &["the_largest_body_is_kept"]),
    (Flaw::BodiesAreText, &["a_body_is_kept_byte_for_byte"]),
    (Flaw::CheckedThenWritten, &["of_racing_writers_one_wins", "of_racing_claims_one_wins", "racing_writers_lose_no_write"]),
    (Flaw::ChecksForgotten, &["a_check_guards_what_it_relied_on", "a_claim_is_held_by_one"]),
    (Flaw::ChecksRace, &["a_check_holds_until_the_change_is_written"]),
    (Flaw::ClaimNotChecked, &["a_claim_is_held_by_one", "of_racing_claims_one_wins"]),
    (Flaw::ClaimsOfAll, &["tenants_never_see_each_other"]),
    (Flaw::ClocksInSeconds, &["clocks_are_exact_in_every_year"]),
    (Flaw::ClocksStay, &["a_new_clock_replaces_the_old"]),
    (Flaw::CommandsForgotten, &["a_command_acts_once", "a_command_acts_once_within_a_batch"]),
    (Flaw::CommandsKnownBeforeBatch, &["a_command_acts_once_within_a_batch"]),
    (Flaw::CommandsOfAll, &["a_command_of_another_tenant_is_another_command", "tenants_never_see_each_other"]),
    (Flaw::CommandsRace, &["a_command_that_races_itself_acts_once"]),
    (Flaw::CountsEverything, &["a_count_is_a_selections_length", "any_filter_selects_what_it_matches"]),
    (Flaw::CountsOnePage, &["many_long_records_are_listed_and_counted"]),
    (Flaw::CursorIsAnOffset, &["paging_beside_writes_misses_nothing_that_stays"]),
    (Flaw::CursorWithoutValue, &["pages_follow_without_gap_or_repetition"]),
    (Flaw::CrossingBatchesFail, &["batches_that_cross_all_finish"]),
    (Flaw::CrossingBatchesWait, &["batches_that_cross_all_finish"]),
    (Flaw::DroppedHoldsOthersUp, &["a_call_that_is_dropped_leaves_the_store_in_order"]),
    (Flaw::DroppedIsHalfWritten, &["a_call_that_is_dropped_leaves_the_store_in_order"]),
    (Flaw::DueBefore, &["due_is_what_is_due_the_earliest_first"]),
    (Flaw::DueMore, &["due_keeps_to_its_limit"]),
    (Flaw::DueInOrderOfTime, &["tenants_share_a_page_of_due_records", "no_tenant_waits_for_anothers_backlog"]),
    (Flaw::EmptyIsAnError, &["nothing_asked_is_nothing_done"]),
    (Flaw::EmptyTextIsMissing, &["text_is_found_in_any_script_and_case"]),
    (Flaw::EntriesNumberedEarly, &["a_follower_beside_writers_misses_nothing"]),
    (Flaw::EntriesSkipped, &["the_journal_is_read_by_cursor_without_gap"]),
    (Flaw::EntriesSortedById, &["the_journal_keeps_the_order_of_versions"]),
    (Flaw::FactsAddUp, &["facts_replace_the_earlier_ones"]),
    (Flaw::FactsAreFew, &["a_playbooks_own_fields_are_facts"]),
    (Flaw::FactsKeepTheirType, &["a_field_may_change_its_type"]),
    (Flaw::FactsOfAll, &["facts_of_a_kind_without_facts_are_refused"]),
    (Flaw::FourthWriteLost, &["any_sequence_ends_as_in_memory"]),
    (Flaw::GroupsReversed, &["groups_come_in_order_the_missing_last"]),
    (Flaw::HandlesRemember, &["what_one_handle_writes_all_find"]),
    (Flaw::IdsEndAtZero, &["ids_of_any_bytes_are_kept"]),
    (Flaw::InIsTheFirst, &["every_operator_selects_what_the_filter_matches", "any_filter_selects_what_it_matches"]),
    (Flaw::JournalIsMore, &["the_journal_is_read_by_cursor_without_gap"]),
    (Flaw::JournalIsSelectable, &["the_journal_is_not_selected"]),
    (Flaw::JournalKeysIgnored, &["a_journal_key_is_refused"]),
    (Flaw::JournalNotLoaded, &["a_journal_entry_is_loaded_by_its_command"]),
    (Flaw::JournalOfAll, &["a_journal_is_its_tenants_own", "tenants_never_see_each_other"]),
    (Flaw::KeysAtMostAThousand, &["many_keys_are_loaded_at_once"]),
    (Flaw::KindForgotten, &["kinds_and_tenants_are_kept_apart"]),
    (Flaw::LastPageHasNext, &["pages_follow_without_gap_or_repetition"]),
    (Flaw::LastPutWins, &["putting_a_record_twice_is_refused"]),
    (Flaw::LeasesEndByLooking, &["a_clock_that_is_ahead_ends_no_lease"]),
    (Flaw::LeasesIgnored, &["a_lease_hides_a_record_until_it_ends", "racing_workers_share_what_is_due"]),
    (Flaw::LeasesOfTenSeconds, &["leases_are_judged_by_the_passed_now"]),
    (Flaw::LeasesOfTheHandle, &["leases_are_known_as_far_as_is_said", "racing_workers_share_what_is_due"]),
    (Flaw::LeasesOfVersions, &["a_lease_ends_when_the_record_is_written"]),
    (Flaw::LeasesOutliveClocks, &["a_clock_that_is_set_back_ends_leases"]),
    (Flaw::LeasesOutliveWrites, &["a_lease_ends_when_the_record_is_written"]),
    (Flaw::LeasesPlanned, &["a_write_beside_due_ends_the_lease"]),
    (Flaw::LeasesRace, &["racing_workers_share_what_is_due"]),
    (Flaw::LimitOf32Bits, &["a_limit_may_be_boundless"]),
    (Flaw::LockedInTheProcess, &["of_racing_writers_one_wins", "of_racing_claims_one_wins", "racing_writers_lose_no_write"]),
    (Flaw::MissingIsUnknown, &["a_missing_fact_is_unequal_and_nothing_else"]),
    (Flaw::MovedIsBrief, &["moved_names_every_record_that_moved"]),
    (Flaw::MovedIsHalfWritten, &["a_change_that_moved_leaves_no_trace"]),
    (Flaw::MovedIsRepeated, &["moved_names_every_record_that_moved"]),
    (Flaw::LanesAtMostThirtyThousand, &["many_lanes_are_served_at_once"]),
    (Flaw::LanesIgnored, &["other_lanes_are_left_to_others"]),
    (Flaw::LanesStay, &["a_record_may_change_its_lane"]),
    (Flaw::LanesTakeTurns, &["a_tenants_lanes_are_gone_through_together"]),
    (Flaw::NextDueIsLate, &["next_due_is_the_earliest_clock_of_each_lane"]),
    (Flaw::NextDueIsUnordered, &["next_due_is_the_earliest_clock_of_each_lane"]),
    (Flaw::NextDueKnowsNoLeases, &["next_due_tells_leases_from_clocks"]),
    (Flaw::NumbersAreFloats, &["numbers_are_exact_to_their_ends"]),
    (Flaw::NumbersBeginAnew, &["writing_goes_on_after_reopening"]),
    (Flaw::OneRoundForAll, &["each_question_has_its_own_round"]),
    (Flaw::OnlyKindsWithFacts, &["a_kind_without_facts_may_be_selected"]),
    (Flaw::OptimisticBatches, &["changes_fall_with_earlier_ones"]),
    (Flaw::OrderIsAscending, &["records_come_in_the_order_asked_for"]),
    (Flaw::OtherTenantsIgnored, &["another_tenants_key_is_refused"]),
    (Flaw::PagesLookTwice, &["paging_while_others_write_misses_nothing_that_stays"]),
    (Flaw::PutsAtMostAThousand, &["a_large_change_is_written_whole"]),
    (Flaw::RemovalFailsOnAbsent, &["removing_the_absent_changes_nothing"]),
    (Flaw::RemovedAreEmpty, &["a_removed_record_is_gone"]),
    (Flaw::RemovedForEver, &["a_removed_record_may_come_back", "a_claim_is_held_by_one"]),
    (Flaw::ReopenedEmpty, &["what_is_written_survives_reopening"]),
    (Flaw::TenantOfQueriesForgotten, &["tenants_never_see_each_other"]),
    (Flaw::TenantsFolded, &["tenants_of_any_name_are_kept_apart"]),
    (Flaw::TextEndsAtZero, &["text_is_found_in_any_script_and_case"]),
    (Flaw::TextIsShort, &["a_fact_may_be_long"]),
    (Flaw::TextIsTrimmed, &["text_is_found_in_any_script_and_case"]),
    (Flaw::TotalOfNothingMissing, &["a_total_may_be_zero"]),
    (Flaw::UnheardOfIsAnError, &["a_missing_fact_is_unequal_and_nothing_else", "groups_come_in_order_the_missing_last"]),
    (Flaw::AtMostIsLess, &["every_operator_selects_what_the_filter_matches"]),
    (Flaw::VersionNotChecked, &["of_racing_writers_one_wins", "a_change_that_moved_leaves_no_trace"]),
    (Flaw::VersionsBeforeBatch, &["changes_build_on_earlier_ones_of_their_batch"]),
    (Flaw::VersionsFirst, &["already_done_beats_moved"]),
    (Flaw::VersionsAreCounted, &["the_version_is_the_one_put", "changes_build_on_earlier_ones_of_their_batch"]),
    (Flaw::VersionsStandStill, &["the_version_is_the_one_put"]),
    (Flaw::ChangesAtMostAThousand, &["a_large_batch_is_written_whole"]),
];

/// Makes stores that have a flaw.
struct Having {
    flaw: Flaw,
    /// The last one that was made.
    made: Mutex<Option<Arc<Flawed>>>,
    /// Whether it is opened by two handles.
    is_shared: bool,
    leases: LeaseScope,
}

impl Having {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            made: Mutex::default(),
            is_shared: true,
            leases: LeaseScope::Shared,
        }
    }

    fn made(&self) -> MutexGuard<'_, Option<Arc<Flawed>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Subject for Having {
    async fn fresh(&self) -> Arc<dyn Store> {
        let fresh = Arc::new(Flawed::new(self.flaw));
        *self.made() = Some(fresh.clone());
        fresh
    }

    async fn reopened(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        match self.flaw {
            Flaw::ReopenedEmpty => Some(Arc::new(MemoryStore::default())),
            Flaw::NumbersBeginAnew => {
                let made = self.made().clone()?;
                Some(Arc::new(made.reopened().await.ok()?))
            }
            _ => Some(store),
        }
    }

    async fn another(&self, store: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        let made = self.made().clone().filter(|_| self.is_shared)?;
        match self.flaw {
            Flaw::HandlesRemember | Flaw::LeasesOfTheHandle | Flaw::LockedInTheProcess => {
                Some(Arc::new(made.another()))
            }
            _ => Some(store.clone()),
        }
    }

    fn leases(&self) -> LeaseScope {
        self.leases
    }
}

fn check(promise: Promise, flaw: Flaw) -> Result<(), Broken> {
    check_of(promise, &Having::new(flaw))
}

fn check_of(promise: Promise, subject: &Having) -> Result<(), Broken> {
    promise.check(subject, |check| pollster::block_on(check))
}

fn promise(name: &str) -> Promise {
    let promise = all().find(|promise| promise.name == name);
    promise.unwrap_or_else(|| panic!("there is no promise {name}"))
}

#[test]
fn every_broken_store_is_caught_by_the_promises_that_must_catch_it() {
    let mut missed = Vec::new();
    for (flaw, promises) in CAUGHT {
        for name in *promises {
            if check(promise(name), *flaw).is_ok() {
                missed.push(format!("{name} is kept by {flaw:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_promise_is_broken_by_some_store() {
    let broken: BTreeSet<&str> = CAUGHT
        .iter()
        .flat_map(|(_, promises)| *promises)
        .copied()
        .collect();
    for promise in all() {
        assert!(
            broken.contains(promise.name),
            "nothing breaks {}",
            promise.name
        );
    }
}

/// What is caught is the flaw, and not the wrapper.
#[test]
fn without_a_flaw_every_promise_is_kept() {
    for promise in all() {
        let kept = check(promise, Flaw::None);
        assert!(kept.is_ok(), "{kept:?}");
    }
}

/// Why those who race have threads of their own: in one task the first has written before the
/// second looks, unless the store awaits something in between.
#[test]
fn a_race_between_threads_is_not_seen_in_one_task() {
    let written = pollster::block_on(async {
        let store = Having::new(Flaw::CheckedThenWritten).fresh().await;
        let racing =
            ["a", "b"].map(|racer| commit(&store, change(racer).and(put(lead(1), 0, b"x"))));
        let verdicts = join_all(racing).await.into_iter();
        let written = |verdict: &_| matches!(verdict, Ok(Some(Verdict::Written)));
        verdicts.filter(written).count()
    });
    assert_eq!(written, 1);
    assert!(
        check(
            promise("of_racing_writers_one_wins"),
            Flaw::CheckedThenWritten
        )
        .is_err()
    );
}

/// Why those who race have handles of their own: what each handle guards for itself is guarded well
/// enough, until there are two.
#[test]
fn a_lock_in_the_process_is_not_seen_by_one_handle() {
    let alone = Having {
        is_shared: false,
        ..Having::new(Flaw::LockedInTheProcess)
    };
    for promise in all() {
        let kept = check_of(promise, &alone);
        assert!(kept.is_ok(), "{kept:?}");
    }
}

/// What the contract of `due` leaves to a store, if it is said.
#[test]
fn a_handle_may_keep_its_leases_to_itself() {
    let said = Having {
        leases: LeaseScope::Handle,
        ..Having::new(Flaw::LeasesOfTheHandle)
    };
    for promise in all() {
        let kept = check_of(promise, &said);
        assert!(kept.is_ok(), "{kept:?}");
    }
}
