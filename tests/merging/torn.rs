//! Contacts that were read at different moments, while others merged them and took that back: a store
//! promises that each record is as it was at some moment, and not that all were so at once.

use std::sync::{Mutex, PoisonError};

use leadkit::store::Loaded;

use super::tapped::Tapped;
use super::*;

/// A world in which something is read once more as it was.
struct Torn {
    world: World,
    store: Arc<dyn Store>,
    late: Arc<Mutex<Option<(Key, Loaded)>>>,
}

fn torn_world() -> Torn {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let late: Arc<Mutex<Option<(Key, Loaded)>>> = Arc::default();
    let held = late.clone();
    let reads = move |key: &Key, loaded: Loaded| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.take_if(|(late, _)| late == key) {
            Some((_, late)) => late,
            None => loaded,
        }
    };
    let tapped = Arc::new(Tapped::reading(store.clone(), reads));
    let playbook = read(&folder("", ""));
    let world = World::new(playbook, tapped, at("2026-03-02T10:00:00+01:00"));
    Torn {
        world: world.unwrap(),
        store,
        late,
    }
}

impl Torn {
    async fn two(&self) -> [Lead; 2] {
        let one = register(&self.world, named("Luis")).await;
        [one, register(&self.world, named("Vera")).await]
    }

    async fn as_it_is(&self, lead: &Lead) -> (Key, Loaded) {
        let key = Key::contact(self.world.tenant().name(), lead.contact.id);
        let mut loaded = self.store.load(std::slice::from_ref(&key)).await.unwrap();
        (key, loaded.remove(0))
    }

    /// The next who reads it reads this.
    fn is_read_late(&self, was: (Key, Loaded)) {
        *self.late.lock().unwrap() = Some(was);
    }

    fn was_read(&self) -> bool {
        self.late.lock().unwrap().is_none()
    }
}

#[test]
fn who_is_read_as_it_stood_for_whom_it_was_merged_into_since_is_asked_for_anew() {
    block_on(async {
        let torn = torn_world();
        let [one, other] = torn.two().await;
        merge(&torn.world, &other, &one).await.unwrap();
        let was = torn.as_it_is(&other).await;
        unmerge(&torn.world, &one).await.unwrap();
        merge(&torn.world, &one, &other).await.unwrap();
        torn.is_read_late(was);
        let again = merge(&torn.world, &one, &other).await;
        assert!(torn.was_read());
        assert_eq!(code(again), "merged");
    });
}

#[test]
fn who_is_read_as_it_was_merged_into_whom_it_took_in_since_is_asked_for_anew() {
    block_on(async {
        let torn = torn_world();
        let [one, other] = torn.two().await;
        merge(&torn.world, &other, &one).await.unwrap();
        let was = torn.as_it_is(&one).await;
        unmerge(&torn.world, &one).await.unwrap();
        merge(&torn.world, &one, &other).await.unwrap();
        torn.is_read_late(was);
        correct_phone(&torn.world, other.id, "+52 55 1234 5678").await;
        assert!(torn.was_read());
        let phone = contact(&torn.world, one.contact.id).await.phone;
        assert_eq!(phone.as_deref(), Some("+52 55 1234 5678"));
    });
}
