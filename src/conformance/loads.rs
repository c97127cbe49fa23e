//! What is loaded is what was written.

use super::words::*;
use super::{Outcome, Subject, same};
use crate::ids::{CommandId, Tenant};
use crate::store::{Key, Kind, Loaded, Verdict};

const MIB: usize = 1 << 20;

pub(super) async fn answers_come_in_the_order_of_the_keys(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let write = change("a")
        .and(put(lead(1), 0, b"one"))
        .and(put(lead(2), 0, b"two"));
    let _ = commit(&store, write).await?;
    let keys = [lead(2), lead(3), lead(1), lead(2)];
    let wanted = vec![
        loaded(1, b"two"),
        Loaded::absent(),
        loaded(1, b"one"),
        loaded(1, b"two"),
    ];
    same("what is loaded", store.load(&keys).await?, wanted)
}

pub(super) async fn an_absent_record_has_version_0(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    for kind in Kind::ALL {
        let found = load(&store, key(&acme(), kind, 1)).await?;
        same("a record that was never written", found, Loaded::absent())?;
    }
    Ok(())
}

pub(super) async fn a_body_is_kept_byte_for_byte(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies: [&[u8]; 4] = [b"", b"\0", &every_byte, "Ünïcødé \u{1f697}".as_bytes()];
    for (number, body) in (0..).zip(bodies) {
        let write = change(&format!("write {number}")).and(put(lead(number), 0, body));
        let _ = commit(&store, write).await?;
        same(
            "the body",
            load(&store, lead(number)).await?,
            loaded(1, body),
        )?;
    }
    Ok(())
}

pub(super) async fn the_largest_body_is_kept(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let body: Vec<u8> = (0..MIB).map(|place| (place % 251) as u8).collect();
    let mut write = change("a").and(put(lead(1), 0, &body));
    write.journal.clone_from(&body);
    let _ = commit(&store, write).await?;
    same(
        "the body of 1 MiB",
        load(&store, lead(1)).await?,
        loaded(1, &body),
    )?;
    let entry = load(&store, entry_of("a")).await?;
    same("the entry of 1 MiB", entry, loaded(1, &body))
}

pub(super) async fn the_version_is_the_one_put(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let mut read = 0;
    for makes in [1, 7, 3, 1 << 32 | 4, i64::MAX.unsigned_abs()] {
        let write = change(&format!("write {makes}")).and(put(lead(1), read, b"").making(makes));
        same(
            "a write",
            commit(&store, write).await?,
            Some(Verdict::Written),
        )?;
        let found = load(&store, lead(1)).await?;
        same("the record", found, loaded(makes, b""))?;
        read = makes;
    }
    Ok(())
}

pub(super) async fn kinds_and_tenants_are_kept_apart(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let zenith = Tenant::from("zenith");
    let contact = key(&acme(), Kind::Contact, 1);
    let theirs = key(&zenith, Kind::Lead, 1);
    let ours = change("a")
        .and(put(lead(1), 0, b"lead"))
        .and(put(contact.clone(), 0, b"contact"));
    let others = change_of(&zenith, "a").and(put(theirs.clone(), 0, b"theirs"));
    let verdicts = store.commit(vec![ours, others]).await?;
    same(
        "the verdicts",
        verdicts,
        vec![Verdict::Written, Verdict::Written],
    )?;
    let found = store.load(&[lead(1), contact, theirs]).await?;
    let wanted = vec![
        loaded(1, b"lead"),
        loaded(1, b"contact"),
        loaded(1, b"theirs"),
    ];
    same("what is loaded", found, wanted)
}

pub(super) async fn tenants_of_any_name_are_kept_apart(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    let names = [
        "", " ", "a", "A", "á", "a\u{301}", "a ", "'; --", "車", "a\0b", "a\0c",
    ];
    for name in names {
        let tenant = Tenant::from(name);
        let write =
            change_of(&tenant, "a").and(put(key(&tenant, Kind::Lead, 1), 0, name.as_bytes()));
        same(
            "a write",
            commit(&store, write).await?,
            Some(Verdict::Written),
        )?;
    }
    for name in names {
        let found = load(&store, key(&Tenant::from(name), Kind::Lead, 1)).await?;
        same("the tenant's record", found, loaded(1, name.as_bytes()))?;
    }
    Ok(())
}

pub(super) async fn a_journal_entry_is_loaded_by_its_command(subject: &dyn Subject) -> Outcome {
    let store = fresh(subject).await;
    same(
        "an entry before its command",
        load(&store, entry_of("a")).await?,
        Loaded::absent(),
    )?;
    let _ = commit(&store, change("a")).await?;
    same(
        "the entry",
        load(&store, entry_of("a")).await?,
        loaded(1, b"a"),
    )?;
    let zenith = Tenant::from("zenith");
    let theirs = Key {
        tenant: zenith,
        ..entry_of("a")
    };
    same(
        "another tenant's entry",
        load(&store, theirs).await?,
        Loaded::absent(),
    )
}

fn entry_of(command: &str) -> Key {
    Key {
        id: CommandId::of(command).0,
        kind: Kind::Journal,
        tenant: acme(),
    }
}
