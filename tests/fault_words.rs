//! Each word of a fault plan does what it says, to stores and to mailers: whoever tests a host with
//! them relies on what did happen behind the failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use futures::future::join;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::faults::{Call, FaultyMailer, FaultyStore, MailerFault, Plan, StoreFault};
use leadkit::ids::{CommandId, Id, MessageId};
use leadkit::mailer::{Mailbox, Mailer, MemoryMailer, Outcome, Outgoing};
use leadkit::playbook::template::Rendered;
use leadkit::record::message::Class;
use leadkit::store::{
    Changes, Key, Kind, MemoryStore, Put, Store, StoreError, StoreErrorKind, Verdict, Version,
};
use leadkit::time::{Elapsed, Instant};
use pollster::block_on;

const A_WHILE: Elapsed = Elapsed::minutes(3);

fn key() -> Key {
    key_of("record")
}

fn key_of(name: &str) -> Key {
    Key {
        id: Id::named("a", name),
        kind: Kind::Lead,
        tenant: "shop".into(),
    }
}

fn writes() -> Vec<Changes> {
    vec![write(key(), "write")]
}

fn write(key: Key, command: &str) -> Changes {
    let put = Put {
        key,
        read: Version::ABSENT,
        makes: Version::ABSENT.next(),
        body: Some(b"written".to_vec()),
        wakes: None,
        facts: Vec::new(),
    };
    Changes {
        tenant: "shop".into(),
        command: CommandId::of(command),
        checks: Vec::new(),
        puts: vec![put],
        journal: Vec::new(),
    }
}

/// A store that fails at the first commit, what it wraps, and its clock.
fn store(fault: StoreFault) -> (FaultyStore, MemoryStore, VirtualClock) {
    let kept = MemoryStore::default();
    let clock = VirtualClock::at(Instant::UNIX_EPOCH);
    let plan = Plan::new().on(Call::Commit, 1, fault);
    let store = FaultyStore::new(kept.clone(), plan).clock(clock.clone());
    (store, kept, clock)
}

fn is_written(kept: &MemoryStore) -> bool {
    are_written(kept, &[key()]) == [true]
}

fn are_written(kept: &MemoryStore, keys: &[Key]) -> Vec<bool> {
    let loaded = block_on(kept.load(keys)).unwrap();
    loaded.iter().map(|loaded| loaded.body.is_some()).collect()
}

fn kind(answer: Result<Vec<Verdict>, StoreError>) -> StoreErrorKind {
    answer.unwrap_err().kind
}

#[test]
fn a_store_that_fails_before_wrote_nothing_and_one_that_fails_after_wrote() {
    for (fault, wrote) in [(StoreFault::Before, false), (StoreFault::After, true)] {
        let (store, kept, _) = store(fault);
        let answer = block_on(store.commit(writes()));
        assert_eq!(kind(answer), StoreErrorKind::Unavailable, "{fault:?}");
        assert_eq!(is_written(&kept), wrote, "{fault:?}");
        // It failed once.
        let verdict = if wrote {
            Verdict::AlreadyDone
        } else {
            Verdict::Written
        };
        assert_eq!(block_on(store.commit(writes())).unwrap(), [verdict]);
        assert_eq!(store.calls(), [Call::Commit, Call::Commit]);
        assert_eq!(store.struck().len(), 1);
    }
}

#[test]
fn a_store_that_fails_midway_wrote_the_first_half_of_a_batch() {
    let names = ["one", "two", "three", "four", "five"];
    let keys = names.map(key_of);
    for (many, written) in [(1, 0), (2, 1), (5, 2)] {
        let (store, kept, _) = store(StoreFault::Midway);
        let batch = || (0..many).map(|place| write(keys[place].clone(), names[place]));
        let answer = block_on(store.commit(batch().collect()));
        assert_eq!(kind(answer), StoreErrorKind::Unavailable);
        let ought: Vec<bool> = (0..many).map(|place| place < written).collect();
        assert_eq!(are_written(&kept, &keys[..many]), ought);
        // Sent again, each is there once.
        let again = block_on(store.commit(batch().collect())).unwrap();
        let done = again.iter().filter(|one| **one == Verdict::AlreadyDone);
        assert_eq!(done.count(), written);
        assert_eq!(are_written(&kept, &keys[..many]), vec![true; many]);
        assert_eq!(store.struck().len(), 1);
    }
}

#[test]
fn a_call_that_can_not_be_done_by_half_fails_before() {
    let kept = MemoryStore::default();
    let plan = Plan::new().at(1, StoreFault::Midway);
    let answer = block_on(FaultyStore::new(kept, plan).load(&[key()]));
    assert_eq!(answer.unwrap_err().kind, StoreErrorKind::Unavailable);
}

#[test]
fn a_store_whose_content_cannot_be_right_says_so_and_wrote_nothing() {
    let (store, kept, _) = store(StoreFault::Corrupt);
    let answer = block_on(store.commit(writes()));
    assert_eq!(kind(answer), StoreErrorKind::Corrupt);
    assert!(!is_written(&kept));
}

#[test]
fn a_store_whose_answer_is_lost_wrote_and_never_answers() {
    let (store, kept, _) = store(StoreFault::AnswerLost);
    assert!(store.commit(writes()).now_or_never().is_none());
    assert!(is_written(&kept));
    let again = block_on(store.commit(writes())).unwrap();
    assert_eq!(again, [Verdict::AlreadyDone]);
}

#[test]
fn a_store_that_is_slow_takes_its_time_and_others_run_meanwhile() {
    for by in [A_WHILE, Elapsed::zero()] {
        let (store, kept, clock) = store(StoreFault::Delay(by));
        let before = clock.now();
        let other_ran_before = AtomicBool::new(false);
        let other = async {
            other_ran_before.store(!is_written(&kept), Ordering::Relaxed);
        };
        let (answer, ()) = block_on(join(store.commit(writes()), other));
        assert_eq!(answer.unwrap(), [Verdict::Written]);
        assert_eq!(clock.now() - before, by);
        assert!(other_ran_before.load(Ordering::Relaxed), "{by}");
    }
}

#[test]
fn a_store_that_is_asked_twice_answers_as_the_second_time() {
    let (store, kept, _) = store(StoreFault::Repeat);
    let answer = block_on(store.commit(writes())).unwrap();
    assert_eq!(answer, [Verdict::AlreadyDone]);
    assert!(is_written(&kept));
}

/// A mailer that fails at the first message, what arrives, and its clock.
fn mailer(fault: MailerFault) -> (FaultyMailer, MemoryMailer, VirtualClock) {
    let arrived = MemoryMailer::default();
    let clock = VirtualClock::at(Instant::UNIX_EPOCH);
    let mailer = FaultyMailer::new(arrived.clone(), Plan::new().at(1, fault));
    (mailer.clock(clock.clone()), arrived, clock)
}

fn message() -> Outgoing {
    let somebody = |name: &str| Mailbox {
        name: name.into(),
        email: format!("{name}@example.com").parse().unwrap(),
    };
    Outgoing {
        tenant: "shop".into(),
        id: MessageId(Id::named("a", "message")),
        attempt: 1,
        message_id: "1@example.com".into(),
        template: "hello".into(),
        from: somebody("ana"),
        to: somebody("luis"),
        class: Class::Marketing,
        rendered: Rendered {
            subject: "Hello".into(),
            text: "Hello".into(),
            html: None,
        },
        at: Instant::UNIX_EPOCH,
    }
}

#[test]
fn a_mailer_tells_what_it_knows_and_keeps_what_truly_happened() {
    let refused = || Outcome::Refused {
        said: "550 no such user".into(),
        address_invalid: true,
    };
    for (fault, outcome, arrives) in [
        (MailerFault::Before, "later", 0),
        (MailerFault::After, "unknown", 1),
        (MailerFault::Delay(A_WHILE), "accepted", 1),
        (MailerFault::Repeat, "accepted", 2),
        (MailerFault::Says(refused()), "refused", 0),
    ] {
        let (mailer, arrived, clock) = mailer(fault.clone());
        let said = block_on(mailer.hand_over(&message()));
        let word = match &said {
            Outcome::Accepted => "accepted",
            Outcome::Refused { .. } => "refused",
            Outcome::Later { .. } => "later",
            Outcome::Unknown { .. } => "unknown",
        };
        assert_eq!(word, outcome, "{fault:?}");
        assert_eq!(arrived.messages().len(), arrives, "{fault:?}");
        let log = mailer.handed_over();
        assert_eq!(log.len(), 1, "{fault:?}");
        assert_eq!(log[0].times as usize, arrives, "{fault:?}");
        assert_eq!(log[0].outcome, Some(said), "{fault:?}");
        let took = clock.now() - Instant::UNIX_EPOCH;
        let slow = matches!(fault, MailerFault::Delay(_));
        assert_eq!(
            took,
            if slow { A_WHILE } else { Elapsed::zero() },
            "{fault:?}"
        );
        // It fails once.
        let next = block_on(mailer.hand_over(&message()));
        assert_eq!(next, Outcome::Accepted, "{fault:?}");
        assert_eq!(mailer.struck().len(), 1, "{fault:?}");
    }
}

#[test]
fn a_mailer_whose_answer_is_lost_handed_over_and_never_answers() {
    let (mailer, arrived, _) = mailer(MailerFault::AnswerLost);
    assert!(mailer.hand_over(&message()).now_or_never().is_none());
    assert_eq!(arrived.messages().len(), 1);
    let log = mailer.handed_over();
    assert_eq!((log[0].times, &log[0].outcome), (1, &None));
}
