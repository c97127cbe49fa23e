//! What a [`Store`] promises, one named check each, for whoever writes an adapter.
//!
//! Implement [`Subject`] for something that makes your stores, and let one macro turn every
//! promise into a test:
//!
//! ```
//! use std::sync::Arc;
//! use leadkit::conformance::Subject;
//! use leadkit::store::{MemoryStore, Store};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Subject for Memory {
//!     async fn fresh(&self) -> Arc<dyn Store> {
//!         Arc::new(MemoryStore::default())
//!     }
//!     async fn reopened(&self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
//!         None // it keeps nothing
//!     }
//!     async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
//!         None // a database is opened once more here
//!     }
//! }
//!
//! // The second argument runs a future to its end: that of your runtime, or pollster's. Racers
//! // are each run by it on a thread of their own.
//! leadkit::conformance_tests!(Memory, pollster::block_on);
//! ```
//!
//! A store that can be opened more than once gives another handle on its data ([`Subject::another`]),
//! and is raced by both; without it nothing is known of what two processes do to each other.
//!
//! Without the macro, go through [`all`]. No runtime is needed or assumed. The checks pass
//! instants of their own as `now`, so the stores must be opened for virtual time.
//!
//! It is the cargo feature `conformance`, for an adapter's `dev-dependencies`. What the checks
//! are worth is known: for each there is a store with just that defect, and it is caught.
//! A store that passes keeps what can be seen from outside; that a write survives the loss of
//! power can't be, and is for its author to prove.

#[cfg(test)]
mod broken;
mod clocks;
mod commits;
mod dropped;
mod extremes;
mod handles;
mod journal;
mod loads;
mod pages;
mod queries;
mod races;
mod racing;
mod reopening;
mod sequences;
mod words;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::store::{Store, StoreError};

/// Makes the stores that are put to the test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A fresh and empty store, for virtual time.
    async fn fresh(&self) -> Arc<dyn Store>;

    /// Drops this store as a crash would, and opens what it left behind; `None` for a store
    /// that keeps nothing.
    async fn reopened(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>>;

    /// Opens what this store holds once more, as another process would; `None` for a store that
    /// can't be opened by two at once. Those who race then do it by both handles, in turn: a lock
    /// that is known to one handle only guards nothing.
    async fn another(&self, store: &Arc<dyn Store>) -> Option<Arc<dyn Store>>;

    /// How far the leases of these stores are known.
    fn leases(&self) -> LeaseScope {
        LeaseScope::Shared
    }
}

/// Who knows of the leases that a store gives, as the contract of [`Store::due`] leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseScope {
    /// All who have opened the data.
    Shared,
    /// The handle that gave them, and its clones.
    Handle,
}

/// One sentence of the contract, and the check that proves it.
#[derive(Clone, Copy)]
pub struct Promise {
    /// The sentence, as the documentation of [`Store`] names it.
    pub name: &'static str,
    /// What a user would suffer if it were broken.
    pub otherwise: &'static str,
    run: for<'a> fn(&'a dyn Subject, BlockOn) -> BoxFuture<'a, Outcome>,
}

/// Runs a future to its end on the thread that calls: what a runtime's `block_on` does. Checks
/// are run by it, and within them those who race, several at once on threads of their own.
pub type BlockOn = for<'a> fn(BoxFuture<'a, Result<(), Broken>>) -> Result<(), Broken>;

impl Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Promise").field(&self.name).finish()
    }
}

impl Promise {
    /// Puts stores of this subject to the test, and waits for what comes of it.
    ///
    /// # Errors
    ///
    /// [`Broken`] says what was found, and what that would mean to a user.
    pub fn check(&self, subject: &dyn Subject, block_on: BlockOn) -> Result<(), Broken> {
        block_on(Box::pin(async move {
            let outcome = (self.run)(subject, block_on).await;
            outcome.map_err(|found| Broken {
                promise: *self,
                found,
            })
        }))
    }
}

/// A promise that a store doesn't keep.
#[derive(Debug, thiserror::Error)]
#[error("{} is not kept: {}", promise.name, promise.otherwise)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// What was found.
    #[source]
    pub found: Finding,
}

/// What was found instead of what was promised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// Something else than what should be there.
    #[error("{what} should be {wanted}, and is {found}")]
    Different {
        /// What was looked at.
        what: &'static str,
        /// What should be there.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// Somebody who raced with others did not come back.
    #[error("a call had no answer within {0:?}")]
    StillWaiting(Duration),
    /// The store failed.
    #[error("the store failed")]
    Failed(#[from] StoreError),
}

type Outcome = Result<(), Finding>;

fn same<T: PartialEq + Debug>(what: &'static str, found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (brief(&wanted), brief(&found));
    Err(Finding::Different {
        what,
        wanted,
        found,
    })
}

/// A value to be read by a person: a body of 1 MiB isn't.
fn brief(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

macro_rules! promises {
    // Who races needs threads to race on.
    (@run races::$name:ident) => {
        |subject, block_on| Box::pin(races::$name(subject, block_on))
    };
    (@run $module:ident::$name:ident) => {
        |subject, _| Box::pin($module::$name(subject))
    };
    (($d:tt) $($module:ident::$name:ident, $otherwise:literal;)+) => {
        /// Every promise, in the order of the documentation of [`Store`].
        pub fn all() -> impl Iterator<Item = Promise> {
            let all = [$(Promise {
                name: stringify!($name),
                otherwise: $otherwise,
                run: promises!(@run $module::$name),
            },)+];
            all.into_iter()
        }

        /// Makes one `#[test]` of each promise, for a [`Subject`](crate::conformance::Subject)
        /// and a function that runs a future to its end.
        ///
        /// Each test evaluates the subject anew.
        #[macro_export]
        macro_rules! conformance_tests {
            ($d subject:expr, $d block_on:path) => {
                $(#[test]
                fn $name() {
                    $d crate::conformance::assert_kept(stringify!($name), &$d subject, |future| {
                        $d block_on(future)
                    });
                })+
            };
        }
    };
}

/// Panics unless the promise of this name is kept: what the macro's tests do.
///
/// # Panics
///
/// When the promise isn't kept, or there is none of this name.
#[doc(hidden)]
pub fn assert_kept(name: &str, subject: &dyn Subject, block_on: BlockOn) {
    let promise = all().find(|promise| promise.name == name);
    let Some(promise) = promise else {
        panic!("there is no promise {name}");
    };
    if let Err(broken) = promise.check(subject, block_on) {
        let mut told = broken.to_string();
        let mut source = std::error::Error::source(&broken);
        while let Some(error) = source {
            told.push_str(&format!("\n  {error}"));
            source = error.source();
        }
        panic!("{told}");
    }
}

promises! { ($)
    loads::answers_come_in_the_order_of_the_keys, "a decision would be taken on another lead's record";
    loads::an_absent_record_has_version_0, "a contact could not be registered for the first time";
    loads::a_body_is_kept_byte_for_byte, "a lead would come back damaged";
    loads::the_largest_body_is_kept, "a lead with a long history could not be written any more";
    loads::the_version_is_the_one_put, "two agents who work on one lead would overwrite each other";
    loads::kinds_and_tenants_are_kept_apart, "a dealer would see another dealer's leads";
    loads::tenants_of_any_name_are_kept_apart, "a dealer with an unusual name would share leads with another";
    loads::a_journal_entry_is_loaded_by_its_command, "the answer to a repeated command could not be given again";
    extremes::many_keys_are_loaded_at_once, "an import's first page could not be decided";
    extremes::many_large_bodies_are_read_at_once, "leads with long histories could not be decided together";
    extremes::ids_of_any_bytes_are_kept, "a lead with an unlucky id would be lost";
    commits::a_change_that_moved_leaves_no_trace, "half a decision would be written";
    commits::a_change_that_fails_takes_no_other_down, "one contested lead would hold up all others";
    commits::a_command_acts_once, "a webhook that comes twice would register a lead twice";
    commits::a_command_acts_once_within_a_batch, "a line that an import holds twice would act twice";
    commits::a_command_of_another_tenant_is_another_command, "one dealer's import would swallow another's";
    commits::already_done_beats_moved, "a command whose answer was lost would be decided and refused again";
    commits::moved_names_every_record_that_moved, "a decision would be taken again on what it knew before";
    commits::a_check_guards_what_it_relied_on, "a lead would be assigned on the strength of what is no longer true";
    races::of_racing_writers_one_wins, "two workers would carry out the same rule";
    commits::changes_build_on_earlier_ones_of_their_batch, "two commands for one lead could not be written together";
    commits::changes_fall_with_earlier_ones, "a decision would be written on a record that never was";
    commits::a_removed_record_is_gone, "an erased contact would stay";
    commits::a_removed_record_may_come_back, "a released claim could not be taken again";
    commits::removing_the_absent_changes_nothing, "erasing twice would fail";
    reopening::what_is_written_survives_reopening, "leads would be lost";
    reopening::writing_goes_on_after_reopening, "a follower of the journal would miss what happens after a restart";
    commits::another_tenants_key_is_refused, "a dealer could write another dealer's leads";
    commits::a_journal_key_is_refused, "history could be rewritten";
    commits::putting_a_record_twice_is_refused, "which of two bodies is kept would be chance";
    commits::facts_of_a_kind_without_facts_are_refused, "a fact would be dropped without a word";
    commits::nothing_asked_is_nothing_done, "a tick without work would fail";
    handles::what_one_handle_writes_all_find, "a second process would decide on what is no longer so";
    dropped::a_call_that_is_dropped_leaves_the_store_in_order, "a request that is cancelled would stop all others";
    commits::a_claim_is_held_by_one, "two agents would hold the same e-mail address";
    commits::tenants_never_see_each_other, "two dealers' leads would be mixed";
    extremes::a_large_batch_is_written_whole, "an import would have to be cut in pieces";
    extremes::a_large_change_is_written_whole, "an order for many records could not be written";
    races::of_racing_claims_one_wins, "two agents would register the same contact at once";
    races::a_check_holds_until_the_change_is_written, "two decisions that exclude each other would both be carried out";
    races::racing_writers_lose_no_write, "an attempt that an agent recorded would be lost";
    races::a_command_that_races_itself_acts_once, "a webhook that comes twice at once would act twice";
    races::batches_that_cross_all_finish, "two workers would stop each other for good";
    sequences::any_sequence_ends_as_in_memory, "a lead would be something else than its history says";
    clocks::a_lease_ends_when_the_record_is_written, "a rule would fire late, when a lease has run out";
    clocks::due_is_what_is_due_the_earliest_first, "a lead would be woken late, early or never";
    clocks::a_new_clock_replaces_the_old, "a lead would be woken for what was put off";
    clocks::clocks_are_exact_in_every_year, "a lead would be woken at another time than the one agreed";
    clocks::a_lease_hides_a_record_until_it_ends, "workers would do each other's work, or a crash would strand a lead";
    clocks::due_keeps_to_its_limit, "a worker would be given more than it can hold";
    clocks::tenants_share_a_page_of_due_records, "a dealer's leads would wait for another's";
    clocks::no_tenant_waits_for_anothers_backlog, "a dealer's import would stop every other dealer's clocks";
    clocks::each_question_has_its_own_round, "a dealer's leads would wait for as long as another one has messages";
    clocks::other_lanes_are_left_to_others, "leads of a new playbook would wait behind workers that only know the old one";
    extremes::many_lanes_are_served_at_once, "a worker of many dealers would leave the last ones waiting";
    clocks::a_tenants_lanes_are_gone_through_together, "leads that are late would wait behind messages that are not";
    clocks::a_record_may_change_its_lane, "a lead that was taken over would be woken by nobody";
    clocks::next_due_is_the_earliest_clock_of_each_lane, "a worker would sleep through an appointment";
    clocks::next_due_tells_leases_from_clocks, "a worker would spin on what another one has in hand";
    clocks::leases_are_judged_by_the_passed_now, "a rehearsal in virtual time would differ from what happens";
    clocks::a_clock_that_is_ahead_ends_no_lease, "a worker whose clock is wrong would let others do work twice";
    clocks::a_clock_that_is_set_back_ends_leases, "a clock that was an hour ahead and is set right would stop for an hour what was in hand then";
    handles::leases_are_known_as_far_as_is_said, "two workers would do the same work, or one would wait for nobody";
    races::a_write_beside_due_ends_the_lease, "a lead that was put off to an earlier time would be woken when a lease has run out";
    races::racing_workers_share_what_is_due, "two workers would do the same work";
    queries::every_operator_selects_what_the_filter_matches, "a list would show other leads than the rule acts on";
    queries::a_missing_fact_is_unequal_and_nothing_else, "leads without an owner would be missing from \"not Ana's\"";
    queries::text_is_found_in_any_script_and_case, "a product called Ömer's X3 would not be found";
    queries::a_playbooks_own_fields_are_facts, "a playbook with many fields could not filter on its last ones";
    queries::a_field_may_change_its_type, "a field that became a number would break every list";
    queries::facts_replace_the_earlier_ones, "a lead would be listed in the stage that it has left";
    pages::records_come_in_the_order_asked_for, "a list would be out of order";
    pages::pages_follow_without_gap_or_repetition, "a campaign would miss a contact, or write to one twice";
    queries::a_kind_without_facts_may_be_selected, "contacts could not be exported";
    queries::the_journal_is_not_selected, "a mistake would read as an empty list";
    queries::a_count_is_a_selections_length, "a report would not add up to its list";
    queries::groups_come_in_order_the_missing_last, "a report would change from day to day";
    queries::a_total_may_be_zero, "a report would be empty instead of saying 0";
    pages::paging_beside_writes_misses_nothing_that_stays, "a campaign that takes an hour would skip contacts";
    races::paging_while_others_write_misses_nothing_that_stays, "a campaign would skip contacts while an import runs";
    sequences::any_filter_selects_what_it_matches, "a list would show other leads than the rule acts on";
    extremes::many_long_records_are_listed_and_counted, "a report would stop adding up as a dealer grows";
    extremes::a_fact_may_be_long, "a lead with a long note could not be written";
    extremes::numbers_are_exact_to_their_ends, "a large amount would be rounded";
    extremes::a_limit_may_be_boundless, "asking for everything would fail";
    journal::the_journal_is_read_by_cursor_without_gap, "a follower of the journal would miss what happened";
    journal::the_journal_keeps_the_order_of_versions, "a replayed lead would end in another state";
    journal::a_journal_is_its_tenants_own, "a dealer would read another dealer's history";
    races::a_follower_beside_writers_misses_nothing, "a follower of the journal would miss what was committed late";
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::store::{MemoryStore, Verdict};

    /// The last store that was made.
    #[derive(Default)]
    struct Memory(Mutex<MemoryStore>);

    #[async_trait]
    impl Subject for Memory {
        async fn fresh(&self) -> Arc<dyn Store> {
            let made = MemoryStore::default();
            *self.0.lock().unwrap() = made.clone();
            Arc::new(made)
        }

        async fn reopened(&self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            None
        }

        async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            Some(Arc::new(self.0.lock().unwrap().clone()))
        }
    }

    conformance_tests!(Memory::default(), pollster::block_on);

    /// One store for all promises.
    struct Used(MemoryStore);

    #[async_trait]
    impl Subject for Used {
        async fn fresh(&self) -> Arc<dyn Store> {
            Arc::new(self.0.clone())
        }

        async fn reopened(&self, _: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            None
        }

        async fn another(&self, _: &Arc<dyn Store>) -> Option<Arc<dyn Store>> {
            None
        }
    }

    /// Else nearly all promises would seem to be broken by the store.
    #[test]
    #[should_panic(expected = "each promise needs a new one")]
    fn a_subject_whose_store_is_not_fresh_is_told_so() {
        let used = Used(MemoryStore::default());
        pollster::block_on(async {
            let store = words::fresh(&used).await;
            let verdicts = store.commit(vec![words::change("a")]).await;
            assert_eq!(verdicts.unwrap(), [Verdict::Written]);
            words::fresh(&used).await;
        });
    }

    #[test]
    fn the_documentation_of_the_port_names_every_promise() {
        let port = include_str!("../store/mod.rs");
        for promise in all() {
            let name = format!("`{}`", promise.name);
            assert!(port.contains(&name), "{name} isn't named in the contract");
        }
        let named = |word: &&str| word.contains('_') && word.matches('_').count() > 2;
        let names: Vec<_> = all().map(|promise| promise.name).collect();
        for word in port
            .split('`')
            .filter(|word| !word.contains([' ', '\n']))
            .filter(named)
        {
            assert!(names.contains(&word), "{word} is no promise");
        }
    }
}
