//! A change is written whole, once, on what it read, or not at all.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::condition::{FactName, Filter};
use crate::ids::Tenant;
use crate::store::{Count, Counted, JournalCursor, Kind, Loaded, Select, StoreErrorKind, Verdict};

const WRITTEN: Option<Verdict> = Some(Verdict::Written);

pub(super) async fn a_change_that_moved_leaves_no_trace(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let first = change("a").and(put(lead(1), 0, b"one").waking(at(50)).with("stage", "new"));
    let _ = commit(&store, first).await?;
    let late = change("b")
        .and(put(lead(2), 0, b"two").waking(at(1)).with("stage", "new"))
        .and(put(lead(1), 0, b"late").waking(at(1)).with("stage", "late"));
    let verdict = commit(&store, late).await?;
    same("the verdict", verdict, Some(Verdict::Moved(vec![lead(1)])))?;
    let found = store.load(&[lead(1), lead(2)]).await?;
    same(
        "the records",
        found,
        vec![loaded(1, b"one"), Loaded::absent()],
    )?;
    let journal = store.journal(&acme(), JournalCursor(0), 10).await?;
    same("the entries", journal.len(), 1)?;
    same("the next clock", next_due(&store).await?, Some(at(50)))?;
    let all = selected(&store, leads(Filter::Constant(true))).await?;
    same("the leads", all, vec![id(1)])?;
    // Its command was not used up.
    let again = change("b").and(put(lead(1), 1, b"again"));
    same(
        "the command, decided again",
        commit(&store, again).await?,
        WRITTEN,
    )
}

pub(super) async fn a_change_that_fails_takes_no_other_down(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let verdicts = store
        .commit(vec![
            change("a").and(put(lead(1), 0, b"one")),
            change("b").and(put(lead(2), 7, b"two")),
            change("c").and(put(lead(3), 0, b"three")),
        ])
        .await?;
    let moved = Verdict::Moved(vec![lead(2)]);
    same(
        "the verdicts",
        verdicts,
        vec![Verdict::Written, moved, Verdict::Written],
    )?;
    let found = store.load(&[lead(1), lead(2), lead(3)]).await?;
    let wanted = vec![loaded(1, b"one"), Loaded::absent(), loaded(1, b"three")];
    same("the records", found, wanted)
}

pub(super) async fn a_command_acts_once(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = || change("a").and(put(lead(1), 0, b"one"));
    same("the first time", commit(&store, write()).await?, WRITTEN)?;
    let repeated = change("a").and(put(lead(2), 0, b"two"));
    for again in [write(), repeated] {
        same(
            "a repetition",
            commit(&store, again).await?,
            Some(Verdict::AlreadyDone),
        )?;
    }
    let found = store.load(&[lead(1), lead(2)]).await?;
    same(
        "the records",
        found,
        vec![loaded(1, b"one"), Loaded::absent()],
    )
}

pub(super) async fn a_command_acts_once_within_a_batch(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let verdicts = store
        .commit(vec![
            change("a").and(put(lead(1), 0, b"one")),
            change("a").and(put(lead(2), 0, b"two")),
            change("a").and(put(lead(1), 0, b"one")),
        ])
        .await?;
    let done = Verdict::AlreadyDone;
    same(
        "the verdicts",
        verdicts,
        vec![Verdict::Written, done.clone(), done],
    )?;
    same(
        "what a repetition put",
        load(&store, lead(2)).await?,
        Loaded::absent(),
    )?;
    let journal = store.journal(&acme(), JournalCursor(0), 10).await?;
    same("the entries", journal.len(), 1)
}

pub(super) async fn a_command_of_another_tenant_is_another_command(
    subject: &dyn Subject,
) -> Outcome {
    let store = fresh(subject).await;
    let zenith = Tenant::from("zenith");
    same("ours", commit(&store, change("a")).await?, WRITTEN)?;
    same(
        "theirs",
        commit(&store, change_of(&zenith, "a")).await?,
        WRITTEN,
    )
}

pub(super) async fn already_done_beats_moved(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"one"))).await?;
    let late = change("a").and(put(lead(1), 9, b"x")).if_still(lead(2), 9);
    let verdict = commit(&store, late.clone()).await?;
    same("alone", verdict, Some(Verdict::AlreadyDone))?;
    let within = store.commit(vec![change("b"), late.clone()]).await?;
    let both = vec![Verdict::Written, Verdict::AlreadyDone];
    same("in a batch", within, both)?;
    let moved = change("c").and(put(lead(1), 7, b"x"));
    let within = store.commit(vec![moved, late]).await?;
    let both = vec![Verdict::Moved(vec![lead(1)]), Verdict::AlreadyDone];
    same("in a batch where something moved", within, both)
}

pub(super) async fn moved_names_every_record_that_moved(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a").and(put(lead(1), 0, b"one"))).await?;
    let late = change("b")
        .and(put(lead(1), 0, b"x"))
        .and(put(lead(2), 1, b"x"))
        .and(put(lead(3), 0, b"x"))
        .if_still(lead(1), 5)
        .if_still(lead(4), 2)
        .if_still(lead(5), 0);
    let mut moved = match commit(&store, late).await? {
        Some(Verdict::Moved(keys)) => keys,
        other => return same("the verdict", other, Some(Verdict::Moved(vec![]))),
    };
    moved.sort();
    same("what moved", moved, vec![lead(1), lead(2), lead(4)])
}

pub(super) async fn a_check_guards_what_it_relied_on(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"one"))
        .if_still(lead(2), 0);
    same("while it is absent", commit(&store, write).await?, WRITTEN)?;
    let relying = |command: &str, version| change(command).if_still(lead(1), version);
    same(
        "while it is so",
        commit(&store, relying("b", 1)).await?,
        WRITTEN,
    )?;
    same(
        "checking it",
        load(&store, lead(1)).await?,
        loaded(1, b"one"),
    )?;
    let _ = commit(&store, change("c").and(put(lead(1), 1, b"two"))).await?;
    let moved = Some(Verdict::Moved(vec![lead(1)]));
    same(
        "when it has moved",
        commit(&store, relying("d", 1)).await?,
        moved.clone(),
    )?;
    let still_absent = change("e").and(put(lead(3), 0, b"x")).if_still(lead(1), 0);
    same(
        "when it is there",
        commit(&store, still_absent).await?,
        moved,
    )?;
    same(
        "what was put",
        load(&store, lead(3)).await?,
        Loaded::absent(),
    )
}

pub(super) async fn changes_build_on_earlier_ones_of_their_batch(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let verdicts = store
        .commit(vec![
            change("a").and(put(lead(1), 0, b"a").waking(at(9)).with("stage", "new")),
            change("b").and(put(lead(1), 1, b"b").waking(at(5)).with("stage", "won")),
            change("c").and(put(lead(2), 0, b"c")).if_still(lead(1), 2),
            change("d").and(put(lead(2), 1, b"").removed()),
            change("e").and(put(lead(2), 0, b"e")),
            change("f").and(put(lead(3), 0, b"f").making(7)),
            change("g").and(put(lead(3), 7, b"g").making(5)),
        ])
        .await?;
    same("the verdicts", verdicts, vec![Verdict::Written; 7])?;
    let found = store.load(&[lead(1), lead(2), lead(3)]).await?;
    let wanted = vec![loaded(2, b"b"), loaded(1, b"e"), loaded(5, b"g")];
    same("the records", found, wanted)?;
    same("the next clock", next_due(&store).await?, Some(at(5)))?;
    let entries = store.journal(&acme(), JournalCursor(0), 10).await?;
    same("the entries", entries.len(), 7)
}

pub(super) async fn changes_fall_with_earlier_ones(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let verdicts = store
        .commit(vec![
            change("a")
                .and(put(lead(1), 3, b"a"))
                .and(put(lead(2), 0, b"a")),
            change("b")
                .and(put(lead(2), 1, b"b"))
                .and(put(lead(3), 0, b"b")),
            change("c").if_still(lead(3), 1),
        ])
        .await?;
    let moved = |number| Verdict::Moved(vec![lead(number)]);
    same("the verdicts", verdicts, vec![moved(1), moved(2), moved(3)])?;
    let found = store.load(&[lead(1), lead(2), lead(3)]).await?;
    same("the records", found, vec![Loaded::absent(); 3])
}

pub(super) async fn a_removed_record_is_gone(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = put(lead(1), 0, b"one").waking(at(5)).with("stage", "new");
    let _ = commit(&store, change("a").and(write)).await?;
    // A removal's clock and facts mean nothing.
    let removal = put(lead(1), 1, b"")
        .removed()
        .waking(at(3))
        .with("stage", "x");
    same(
        "the removal",
        commit(&store, change("b").and(removal)).await?,
        WRITTEN,
    )?;
    same("the record", load(&store, lead(1)).await?, Loaded::absent())?;
    same("its clock", next_due(&store).await?, None)?;
    same("what is due", due(&store, 100, 10, 200).await?, vec![])?;
    let all = selected(&store, leads(Filter::Constant(true))).await?;
    same("the leads", all, vec![])
}

pub(super) async fn a_removed_record_may_come_back(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = put(lead(1), 0, b"one").waking(at(5)).with("stage", "new");
    let _ = commit(&store, change("a").and(write)).await?;
    let _ = commit(&store, change("b").and(put(lead(1), 1, b"").removed())).await?;
    let back = change("c").and(put(lead(1), 0, b"back"));
    same("the verdict", commit(&store, back).await?, WRITTEN)?;
    same(
        "the record",
        load(&store, lead(1)).await?,
        loaded(1, b"back"),
    )?;
    same("its clock", next_due(&store).await?, None)?;
    let unstaged = leads(Filter::IsMissing(FactName::new("stage")));
    same(
        "its stage is gone",
        selected(&store, unstaged).await?,
        vec![id(1)],
    )
}

pub(super) async fn removing_the_absent_changes_nothing(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let removal = |command: &str, read| change(command).and(put(lead(1), read, b"").removed());
    same(
        "the verdict",
        commit(&store, removal("a", 0)).await?,
        WRITTEN,
    )?;
    same("the record", load(&store, lead(1)).await?, Loaded::absent())?;
    let moved = Some(Verdict::Moved(vec![lead(1)]));
    same(
        "if it was thought there",
        commit(&store, removal("b", 1)).await?,
        moved,
    )
}

pub(super) async fn another_tenants_key_is_refused(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let theirs = || key(&Tenant::from("zenith"), Kind::Lead, 1);
    for wrong in [
        change("b").and(put(theirs(), 0, b"x")),
        change("c").if_still(theirs(), 0),
    ] {
        let batch = vec![change("a").and(put(lead(1), 0, b"x")), wrong];
        let refused = failure(store.commit(batch).await);
        same("the failure", refused, Some(StoreErrorKind::Invalid))?;
    }
    let found = store.load(&[theirs(), lead(1)]).await?;
    same("the records", found, vec![Loaded::absent(); 2])
}

pub(super) async fn a_journal_key_is_refused(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let _ = commit(&store, change("a")).await?;
    let entry = || key(&acme(), Kind::Journal, 1);
    for wrong in [
        change("b").and(put(entry(), 0, b"x")),
        change("c").if_still(entry(), 0),
    ] {
        let refused = failure(store.commit(vec![change("d"), wrong]).await);
        same("the failure", refused, Some(StoreErrorKind::Invalid))?;
    }
    let entries = store.journal(&acme(), JournalCursor(0), 10).await?;
    same("the entries", entries.len(), 1)
}

pub(super) async fn putting_a_record_twice_is_refused(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let twice = change("a")
        .and(put(lead(1), 0, b"x"))
        .and(put(lead(1), 1, b"y"));
    let refused = failure(commit(&store, twice).await);
    same("the failure", refused, Some(StoreErrorKind::Invalid))?;
    same("the record", load(&store, lead(1)).await?, Loaded::absent())
}

pub(super) async fn facts_of_a_kind_without_facts_are_refused(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let contact = key(&acme(), Kind::Contact, 1);
    let wrong = change("a").and(put(contact, 0, b"x").with("stage", "new"));
    let refused = failure(commit(&store, wrong).await);
    same("the failure", refused, Some(StoreErrorKind::Invalid))
}

pub(super) async fn nothing_asked_is_nothing_done(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    same("no changes", store.commit(Vec::new()).await?, vec![])?;
    same("no keys", store.load(&[]).await?, vec![])?;
    same(
        "a page without room",
        due(&store, 100, 0, 200).await?,
        vec![],
    )?;
    let entries = store.journal(&acme(), JournalCursor(0), 0).await?;
    same("no entries", entries.len(), 0)
}

pub(super) async fn a_claim_is_held_by_one(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let claim = || key(&acme(), Kind::Claim, 1);
    same(
        "a claim that nobody holds",
        load(&store, claim()).await?,
        Loaded::absent(),
    )?;
    let take = |command: &str, holder: &[u8]| change(command).and(put(claim(), 0, holder));
    same(
        "taking it",
        commit(&store, take("a", b"ana")).await?,
        WRITTEN,
    )?;
    let moved = Some(Verdict::Moved(vec![claim()]));
    same(
        "taking it from its holder",
        commit(&store, take("b", b"bea")).await?,
        moved.clone(),
    )?;
    same(
        "its holder",
        load(&store, claim()).await?,
        loaded(1, b"ana"),
    )?;
    // A lead that relies on the claim's being free falls with it.
    let relying = change("c").and(put(lead(1), 0, b"x")).if_still(claim(), 0);
    same("relying on it", commit(&store, relying).await?, moved)?;
    let release = change("d").and(put(claim(), 1, b"").removed());
    same("releasing it", commit(&store, release).await?, WRITTEN)?;
    same(
        "taking it then",
        commit(&store, take("e", b"bea")).await?,
        WRITTEN,
    )?;
    same(
        "its holder then",
        load(&store, claim()).await?,
        loaded(1, b"bea"),
    )
}

/// Requirement Z5.
pub(super) async fn tenants_never_see_each_other(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let zenith = Tenant::from("zenith");
    let tenants = [acme(), zenith];
    // The same keys, commands, fields and clocks; only the contents differ.
    for tenant in &tenants {
        let name = tenant.as_str();
        let mut write = change_of(tenant, "same").and(
            put(key(tenant, Kind::Lead, 1), 0, name.as_bytes())
                .waking(at(5))
                .with("stage", name)
                .with("city", name),
        );
        // What is unique is so within a tenant.
        write = write.and(put(key(tenant, Kind::Claim, 1), 0, name.as_bytes()));
        write.journal = name.as_bytes().to_vec();
        same("a write", commit(&store, write).await?, WRITTEN)?;
    }
    let gone = change("gone").and(put(lead(1), 1, b"").removed());
    let both = lanes_of(&["acme", "zenith"]);
    let served = due_in(&store, &both, 5, 10, 5).await?;
    same("whose leads are due", served.len(), 2)?;
    for tenant in &tenants {
        let name = tenant.as_str();
        let own = |filter| Select {
            tenant: tenant.clone(),
            ..leads(filter)
        };
        let found = load(&store, key(tenant, Kind::Lead, 1)).await?;
        same("the record", found, loaded(1, name.as_bytes()))?;
        let served = due_in(&store, &lanes_of(&[name]), 5, 10, 5).await?;
        same("what is due", served, vec![key(tenant, Kind::Lead, 1)])?;
        for fact in ["stage", "city"] {
            for other in &tenants {
                let having = Filter::In {
                    fact: FactName::new(fact),
                    values: vec![other.as_str().into()],
                };
                let found = selected(&store, own(having)).await?;
                same("who has it", found.len() == 1, other == tenant)?;
            }
        }
        let count = Count {
            tenant: tenant.clone(),
            kind: Kind::Lead,
            filter: Filter::Constant(true),
            by: vec!["city".into()],
        };
        let counted = store.count(&count).await?;
        let values = vec![Some(name.into())];
        same("the count", counted, vec![Counted { values, count: 1 }])?;
        let read = store.journal(tenant, JournalCursor(0), 10).await?;
        let bodies: Vec<_> = read.iter().map(|entry| &entry.body[..]).collect();
        same("the journal", bodies, vec![name.as_bytes()])?;
    }
    // What one does to its record leaves the other's alone.
    same("removing ours", commit(&store, gone).await?, WRITTEN)?;
    let theirs = key(&tenants[1], Kind::Lead, 1);
    same(
        "the other's record",
        load(&store, theirs.clone()).await?,
        loaded(1, b"zenith"),
    )?;
    same(
        "what is due now",
        due_in(&store, &both, 5, 10, 9).await?,
        vec![theirs],
    )
}
