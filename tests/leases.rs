//! Leases where the clocks of workers are apart.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::sync::Arc;

use leadkit::ids::{CommandId, Id, Name, Tenant};
use leadkit::store::{
    Changes, Key, Kind, Lane, Lanes, MemoryStore, Put, Store, Verdict, Version, Wakes,
};
use leadkit::time::Instant;
use leadkit_sqlite::{Options, SqliteStore};
use pollster::block_on;

fn at(seconds: i64) -> Instant {
    Instant::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn lane() -> Lane {
    Lane {
        tenant: Tenant::from("acme"),
        name: Name::from("a playbook"),
    }
}

/// A record that is due from the first second on.
fn due_record() -> Changes {
    let Lane { tenant, name } = lane();
    let key = Key {
        id: Id::named("lead", "one"),
        kind: Kind::Lead,
        tenant: tenant.clone(),
    };
    Changes {
        tenant,
        command: CommandId::of("one"),
        checks: Vec::new(),
        puts: vec![Put {
            key,
            read: Version::ABSENT,
            makes: Version::ABSENT.next(),
            body: Some(b"a lead".to_vec()),
            wakes: Some(Wakes {
                at: at(1),
                lane: name,
            }),
            facts: Vec::new(),
        }],
        journal: b"made".to_vec(),
    }
}

#[test]
fn a_worker_whose_clock_is_ahead_ends_no_lease_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        virtual_time: true,
        ..Options::default()
    };
    let file = SqliteStore::open_with(folder.path().join("leads.db"), &options).unwrap();
    let stores = [
        Arc::new(MemoryStore::default()) as Arc<dyn Store>,
        Arc::new(file),
    ];
    let lanes: Lanes = [lane()].into_iter().collect();
    for store in stores {
        block_on(async {
            let written = store.commit(vec![due_record()]).await.unwrap();
            assert_eq!(written, [Verdict::Written]);
            let due = async |now, limit| {
                let page = store.due(&lanes, at(now), limit, at(now + 60)).await;
                page.unwrap().len()
            };
            assert_eq!(due(10, 10).await, 1);
            // Two minutes ahead: it looks, and takes nothing.
            let ahead = store.next_due(at(140)).await.unwrap();
            assert_eq!((ahead[0].at, ahead[0].leased_until), (Some(at(1)), None));
            assert_eq!(due(140, 0).await, 0);
            assert_eq!(due(20, 10).await, 0, "{store:?}");
            let here = store.next_due(at(20)).await.unwrap();
            assert_eq!((here[0].at, here[0].leased_until), (None, Some(at(70))));
            assert_eq!(due(70, 10).await, 1, "when the lease has ended");
        });
    }
}
