//! The port to storage: what leadkit keeps, and what it asks of whoever keeps it.
//!
//! A [`Store`] knows keys, versions, clocks (`wakes_at`), lanes and stored facts, and nothing of
//! the domain: a record's body is opaque bytes that the core wrote. Correctness rests on three
//! things (the third design idea): **versions** (a change is written only if what it read has
//! not moved), **command ids** (the journal is unique on them, so a repeat changes nothing) and
//! **leases** (which only spare work: a lost or doubled lease never doubles an effect).
//!
//! [`MemoryStore`] is the reference, `leadkit-sqlite` the embedded default, `leadkit-postgres` the
//! one for many workers.
//! The suite that all pass is `leadkit::conformance`, behind the cargo feature `conformance`;
//! where a contract below names `some_promise`, the promise of that name proves it.

use async_trait::async_trait;

use crate::facts;
use crate::ids::{CommandId, Id, Tenant};
use crate::time::Instant;

mod changes;
mod clocks;
mod error;
mod memory;
mod query;

pub use changes::{Changes, Check, Put, StoredFact, Verdict, Version};
pub use clocks::{Due, Lane, Lanes, Lease, NextDue, Rounds, Wakes};
pub use error::{Misuse, StoreError, StoreErrorKind};
pub use memory::MemoryStore;
pub use query::{Count, Counted, Cursor, Order, Page, Select};

/// What sort of record a key names. Stores may keep kinds apart; they give them no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The tenant itself: which playbook is active.
    Tenant = 1,
    /// A lead. Has stored facts.
    Lead = 2,
    /// A contact: the person behind one or more leads.
    Contact = 3,
    /// An agent. Has stored facts.
    Agent = 4,
    /// The agents of one role or team.
    Group = 5,
    /// The agents among whom leads are assigned, with their shares.
    Pool = 6,
    /// A unique claim and who holds it.
    Claim = 7,
    /// A message on its way. Has stored facts.
    Message = 8,
    /// A command that is carried out on many leads, page by page. Has stored facts.
    Sweep = 9,
    /// One command's journal entry. Written only through [`Changes::journal`], and read with
    /// [`Store::load`] under the command's id, at version 1.
    Journal = 10,
    /// What an agent has on hand: its open leads, and what became of those that it had.
    Workload = 11,
    /// The visits that are planned in a zone for a week.
    VisitPlan = 12,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 12] = [
        Self::Tenant,
        Self::Lead,
        Self::Contact,
        Self::Agent,
        Self::Group,
        Self::Pool,
        Self::Claim,
        Self::Message,
        Self::Sweep,
        Self::Journal,
        Self::Workload,
        Self::VisitPlan,
    ];

    /// The number under which stores keep it; never reused.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether records of this kind have stored facts. Others may be selected and counted all
    /// the same: every fact is missing there.
    #[must_use]
    pub fn has_facts(self) -> bool {
        !facts::built_in(self).is_empty()
    }
}

/// Names one record of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which record; unique within tenant and kind.
    pub id: Id,
    /// What sort of record.
    pub kind: Kind,
    /// Whose record.
    pub tenant: Tenant,
}

/// What a store holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its version, [`Version::ABSENT`] when there is none.
    pub version: Version,
    /// Its bytes, as they were put.
    pub body: Option<Vec<u8>>,
}

impl Loaded {
    /// The answer for a record that isn't there.
    #[must_use]
    pub const fn absent() -> Self {
        Self {
            version: Version::ABSENT,
            body: None,
        }
    }
}

/// A place in a tenant's journal. Everything written later has a larger one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalCursor(pub u64);

/// One command's entry in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its place.
    pub cursor: JournalCursor,
    /// The command.
    pub command: CommandId,
    /// Its bytes, as they were committed.
    pub body: Vec<u8>,
}

/// Keeps records, their clocks and the journal. See the [module](self) for the ideas.
///
/// Every method may be called from many tasks and threads at once, as all checks do that race. What
/// was opened once is a *handle*, with all its clones; a store may be opened more than once, in one
/// process or by many, and whatever is promised here is promised by all its handles together
/// (`what_one_handle_writes_all_find`), but for leases where [`due`](Self::due) says so. A
/// future that is dropped may or may not have had its effect, as after a crash, or have it a little
/// later; and whoever calls next finds the store as it should be
/// (`a_call_that_is_dropped_leaves_the_store_in_order`). Instants are kept to the microsecond.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Reads records, one answer for each key in the order of the keys.
    ///
    /// To be correct:
    /// - there is one answer for each key, in their order, however many there are and however large
    ///   (`answers_come_in_the_order_of_the_keys`, `many_keys_are_loaded_at_once`,
    ///   `many_large_bodies_are_read_at_once`, here and in the journal);
    /// - an absent record answers version 0 and no body (`an_absent_record_has_version_0`);
    /// - a body is byte for byte the one last written (`a_body_is_kept_byte_for_byte`,
    ///   `the_largest_body_is_kept`), its version the one that this write was to make
    ///   (`the_version_is_the_one_put`);
    /// - an id is any sixteen bytes (`ids_of_any_bytes_are_kept`), and the same one under another
    ///   kind or tenant is another record (`kinds_and_tenants_are_kept_apart`,
    ///   `tenants_of_any_name_are_kept_apart`);
    /// - a key of [`Kind::Journal`] answers the journal's entry of that command, version 1
    ///   (`a_journal_entry_is_loaded_by_its_command`).
    async fn load(&self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError>;

    /// Writes changes, one verdict for each in the order given.
    ///
    /// To be correct:
    /// - a change is atomic, and what isn't [`Verdict::Written`] left no trace
    ///   (`a_change_that_moved_leaves_no_trace`) and takes no other change of the batch down
    ///   (`a_change_that_fails_takes_no_other_down`);
    /// - a command already in the tenant's journal is [`Verdict::AlreadyDone`]
    ///   (`a_command_acts_once`, `a_command_acts_once_within_a_batch`,
    ///   `a_command_of_another_tenant_is_another_command`), whatever else the change says
    ///   (`already_done_beats_moved`); else a version that differs, of a put or a check, is
    ///   [`Verdict::Moved`] with all such keys, each once
    ///   (`moved_names_every_record_that_moved`, `a_check_guards_what_it_relied_on`);
    /// - of writers that read the same version one wins (`of_racing_writers_one_wins`,
    ///   `racing_writers_lose_no_write`), of those who found nothing too
    ///   (`a_claim_is_held_by_one`, `of_racing_claims_one_wins`), and of the same command twice
    ///   (`a_command_that_races_itself_acts_once`); none waits for another for ever
    ///   (`batches_that_cross_all_finish`);
    /// - a check holds until the change is written: of changes at the same instant that each rely on
    ///   what the other one writes, one is written at most
    ///   (`a_check_holds_until_the_change_is_written`). But what isn't there need not be held: where
    ///   each relies on the *absence* of what the other one makes, both may be written. So whatever
    ///   must be unique is put, and not only checked;
    /// - changes see the earlier ones of their batch, a write at the version that it makes
    ///   (`changes_build_on_earlier_ones_of_their_batch`, `changes_fall_with_earlier_ones`);
    /// - so every sequence of calls ends as it does in memory
    ///   (`any_sequence_ends_as_in_memory`), for each tenant by itself
    ///   (`tenants_never_see_each_other`), and however much is written at once
    ///   (`a_large_batch_is_written_whole`, `a_large_change_is_written_whole`);
    /// - a removed record is absent (version 0), without clock and facts
    ///   (`a_removed_record_is_gone`, `a_removed_record_may_come_back`), and removing what is
    ///   absent changes nothing (`removing_the_absent_changes_nothing`);
    /// - what is `Written` survives a crash of the process and of the machine
    ///   (`what_is_written_survives_reopening`, as far as a test can tell), and what is written
    ///   then follows it, in its versions and in the journal (`writing_goes_on_after_reopening`);
    /// - a change that [`Changes::check`] refuses is refused as [`StoreErrorKind::Invalid`], and
    ///   nothing of the batch is written (`another_tenants_key_is_refused`,
    ///   `a_journal_key_is_refused`, `putting_a_record_twice_is_refused`,
    ///   `facts_of_a_kind_without_facts_are_refused`);
    /// - a lease on a record ends when the record is written
    ///   (`a_lease_ends_when_the_record_is_written`), also while it is being given
    ///   (`a_write_beside_due_ends_the_lease`);
    /// - no changes are no error (`nothing_asked_is_nothing_done`).
    async fn commit(&self, changes: Vec<Changes>) -> Result<Vec<Verdict>, StoreError>;

    /// Leases up to `limit` records of these lanes that are due at `now`, the earliest first.
    ///
    /// To be correct:
    /// - a record is due when `wakes_at <= now` (`due_is_what_is_due_the_earliest_first`,
    ///   `a_new_clock_replaces_the_old`, `clocks_are_exact_in_every_year`) and no lease of it
    ///   runs at `now` (`a_lease_hides_a_record_until_it_ends`);
    /// - what is returned is leased until `lease_until`, judged by the `now` of each later call
    ///   alone (`leases_are_judged_by_the_passed_now`), so that workers who ask at once are given
    ///   different records (`racing_workers_share_what_is_due`): one whose clock is ahead may take
    ///   a record over too early, and ends no other lease
    ///   (`a_clock_that_is_ahead_ends_no_lease`), and one that is set back waits for none that was
    ///   given far ahead (`a_clock_that_is_set_back_ends_leases`, as [`Lease`] says it). A store may refuse a `now` that is far
    ///   off its own clock, as [`Misuse::OffClock`];
    /// - all handles know of a lease, or the one that gave it alone, if the store's documentation says
    ///   so (`leases_are_known_as_far_as_is_said`). Then workers of different handles are given the
    ///   same records, and those of one handle different ones; whoever commits second is told
    ///   [`Verdict::Moved`]. A write by another handle ends such a lease if it moves the clock, and
    ///   else need not;
    /// - what waits in other lanes is neither returned nor leased, and takes no room
    ///   (`other_lanes_are_left_to_others`), and there may be any number of lanes
    ///   (`many_lanes_are_served_at_once`); a write may put a record into another lane
    ///   (`a_record_may_change_its_lane`);
    /// - a page has no more than `limit` (`due_keeps_to_its_limit`), chosen from the tenants
    ///   in turn, of each the earliest in any of its lanes
    ///   (`a_tenants_lanes_are_gone_through_together`): they share a page
    ///   (`tenants_share_a_page_of_due_records`), none waits for another's backlog
    ///   (`no_tenant_waits_for_anothers_backlog`), and what is asked about other lanes between two
    ///   pages changes nothing ([`Rounds`]; `each_question_has_its_own_round`).
    async fn due(
        &self,
        lanes: &Lanes,
        now: Instant,
        limit: usize,
        lease_until: Instant,
    ) -> Result<Vec<Due>, StoreError>;

    /// Tells of every lane that has clocks when the next is due, in the order of the lanes.
    ///
    /// To be correct:
    /// - all lanes are told of, in order, and those without a clock are not
    ///   (`next_due_is_the_earliest_clock_of_each_lane`);
    /// - what is leased at `now` is not next, and neither lost: the end of the first lease is told
    ///   (`next_due_tells_leases_from_clocks`). A lease on what somebody else has written
    ///   meanwhile may be told of as well: it only makes a worker look once too often.
    async fn next_due(&self, now: Instant) -> Result<Vec<NextDue>, StoreError>;

    /// Reads one page of the keys that a filter lets through.
    ///
    /// To be correct:
    /// - the filter is evaluated as [`Filter::matches`](crate::condition::Filter::matches) does
    ///   (`every_operator_selects_what_the_filter_matches`,
    ///   `any_filter_selects_what_it_matches`), missing facts included
    ///   (`a_missing_fact_is_unequal_and_nothing_else`: a fact that nobody has, whatever its name, is no
    ///   error, and missing everywhere), text in any script
    ///   (`text_is_found_in_any_script_and_case`) and of any length (`a_fact_may_be_long`), and
    ///   numbers to the last of their four places (`numbers_are_exact_to_their_ends`);
    /// - a playbook's own fields are filtered like built-in facts, however many there are
    ///   (`a_playbooks_own_fields_are_facts`) and whatever type each record has them in
    ///   (`a_field_may_change_its_type`);
    /// - the facts are those last put (`facts_replace_the_earlier_ones`);
    /// - records come in the order asked for, those without the fact last, ties by id
    ///   (`records_come_in_the_order_asked_for`);
    /// - pages follow each other without gap or repetition for records that don't change
    ///   (`pages_follow_without_gap_or_repetition`), whatever becomes of others meanwhile
    ///   between two pages (`paging_beside_writes_misses_nothing_that_stays`) or during one
    ///   (`paging_while_others_write_misses_nothing_that_stays`); the last one, and one with a limit
    ///   of 0, has no `next`;
    /// - there may be no limit to speak of (`a_limit_may_be_boundless`), here and elsewhere, and as many
    ///   records, as long as they like (`many_long_records_are_listed_and_counted`);
    /// - a kind without stored facts may be selected as well
    ///   (`a_kind_without_facts_may_be_selected`); the journal may not
    ///   (`the_journal_is_not_selected`).
    async fn select(&self, select: &Select) -> Result<Page, StoreError>;

    /// Counts the records that a filter lets through, by group, the groups in the order of
    /// their values, missing ones last (`a_count_is_a_selections_length`,
    /// `groups_come_in_order_the_missing_last`). Without groups there is one total, 0 included
    /// (`a_total_may_be_zero`). However many there are, all are counted
    /// (`many_long_records_are_listed_and_counted`), and a fact that nobody has is missing everywhere,
    /// as in [`select`](Self::select).
    async fn count(&self, count: &Count) -> Result<Vec<Counted>, StoreError>;

    /// Reads a tenant's journal behind a cursor, in order, up to `limit` entries.
    ///
    /// To be correct:
    /// - a cursor never skips an entry, also one that is committed late
    ///   (`the_journal_is_read_by_cursor_without_gap`,
    ///   `a_follower_beside_writers_misses_nothing`);
    /// - entries that touch the same record come in the order of its versions
    ///   (`the_journal_keeps_the_order_of_versions`);
    /// - a tenant reads its own entries only (`a_journal_is_its_tenants_own`).
    async fn journal(
        &self,
        tenant: &Tenant,
        after: JournalCursor,
        limit: usize,
    ) -> Result<Vec<Journaled>, StoreError>;
}

/// A store inside a transaction of the host's: reads and writes one change, and commits nothing
/// itself. SQL adapters offer it beside [`Store`]. No promise of the suite is about it, since only an
/// adapter can begin a transaction of its database: each tests what is said here itself.
pub trait UnitOfWork {
    /// Reads records, as [`Store::load`] does.
    ///
    /// # Errors
    /// When the store fails.
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError>;

    /// Writes one change, as [`Store::commit`] does; what isn't [`Verdict::Written`] leaves the
    /// host's transaction as it was before the call.
    ///
    /// # Errors
    /// When the store fails.
    fn commit(&mut self, changes: &Changes) -> Result<Verdict, StoreError>;
}

/// A [`UnitOfWork`] whose transaction is awaited. Adapters test it themselves as well.
#[async_trait]
pub trait AsyncUnitOfWork: Send {
    /// Reads records, as [`Store::load`] does.
    async fn load(&mut self, keys: &[Key]) -> Result<Vec<Loaded>, StoreError>;

    /// Writes one change, as [`Store::commit`] does; what isn't [`Verdict::Written`] leaves the
    /// host's transaction as it was before the call.
    async fn commit(&mut self, changes: &Changes) -> Result<Verdict, StoreError>;
}
