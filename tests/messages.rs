//! What becomes of messages between the rule that queues them and the mailer.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::clock::{Clock as _, VirtualClock};
use leadkit::decide::command::{Actor, AgentSetup, Fate, NewLead};
use leadkit::engine::{Engine, Error};
use leadkit::faults::{FaultyMailer, MailerFault, Plan};
use leadkit::ids::Name;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::record::contact::MessageBook;
use leadkit::record::message::{DropReason, State};
use leadkit::scenario::World;
use leadkit::store::{MemoryStore, Order};
use leadkit::time::Elapsed;
use pollster::block_on;
use shop::{at, folder, play, read};

// ------------------------------------------------------------------ addresses

/// Nobody looks for what is wrong with an address that is not there.
#[test]
fn a_message_to_whom_has_no_address_says_that_it_is_not_there() {
    play(
        r#"
[[rule]]
name = "greets"
on   = "registered"
do   = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "nothing is there"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", phone = "600 100 200" }
expect   = { dropped = { hello = "no-address" } }
"#,
    );
}

// ------------------------------------------------------------------ another owner

/// The cap makes the second message wait until Wednesday; on Tuesday the owner changes.
const SLOW: &str = r#"
[cap]
messages = 1
within   = "2 days"
"#;

const BEA: &str = r#"
[[agent]]
id    = "bea"
name  = "Bea"
email = "bea@example.com"
role  = "seller"
"#;

/// Two rules send the same template, and only one of them says `drop`.
#[test]
fn each_message_keeps_what_its_own_rule_says_of_a_new_owner() {
    play(
        &format!(
            "{SLOW}{}",
            r#"
[[rule]]
name = "goes-on"
on   = "registered"
do   = [{ send = "hello" }, { send = "hello" }]

[[rule]]
name = "is-dropped"
on   = "entered talking"
do   = [{ send = "hello", on-owner-change = "drop" }]
"#
        ),
        &format!(
            "{BEA}{}",
            r#"
[[scenario]]
name  = "the owner changes while they wait"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }
expect   = { mailed = ["hello"], mailed-as = "ana" }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
at       = "2026-03-03T10:00:00+01:00"
reassign = { to = "bea" }

[[scenario.step]]                           # of a rule that lets the new owner take it over
at     = "2026-03-04T10:00:00+01:00"
expect = { mailed = ["hello"], mailed-as = "bea" }

[[scenario.step]]                           # of one that does not
at     = "2026-03-06T10:00:00+01:00"
expect = { mailed = [], dropped = { hello = "owner-changed" } }
"#
        ),
    );
}

#[test]
fn a_message_that_a_choice_or_a_fallback_sends_is_dropped_too_if_it_says_so() {
    play(
        &format!(
            "{SLOW}{}",
            r#"
[pool.nobody]
members = 'role == "nobody"'

[role.nobody]
may = []

[task.decide]
text = "Decide"

[task.decide.choices]
write = { do = [{ send = "hello", on-owner-change = "drop" }] }

[[rule]]
name = "first"
on   = "registered"
do   = [{ send = "hello" }, { task = "decide" }]

[[rule]]
name = "fallback"
on   = "entered talking"
do   = [{ assign = "nobody", then = { send = "hello", on-owner-change = "drop" } }]
"#
        ),
        &format!(
            "{BEA}{}",
            r#"
[[scenario]]
name  = "the owner changes while the message of a choice waits"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }
expect   = { mailed = ["hello"] }

[[scenario.step]]
complete = { task = "decide", choice = "write" }

[[scenario.step]]
reassign = { to = "bea" }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
expect = { mailed = [], dropped = { hello = "owner-changed" } }

[[scenario]]
name  = "the owner changes while the message of a fallback waits"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", owner = "ana" }
expect   = { mailed = ["hello"] }

[[scenario.step]]
move = { to = "talking" }

[[scenario.step]]
reassign = { to = "bea" }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
expect = { mailed = [], dropped = { hello = "owner-changed" } }
"#
        ),
    );
}

// ------------------------------------------------------------------ channels

/// Sends by SMS only if nobody can have the lead.
const BY_SMS: &str = r#"
[pool.all]
members = 'role == "seller"'

[[rule]]
name = "assign"
on   = "registered"
do   = [{ assign = "all", then = { assign = "all", then = { send = "hello", channel = "sms" } } }]
"#;

#[test]
fn a_channel_that_only_a_fallback_sends_over_needs_its_mailer() {
    let playbook = read(&folder(BY_SMS, ""));
    assert_eq!(playbook.channels(), [Name::from("sms")]);
    let engine = Engine::builder(MemoryStore::default())
        .playbook("shop", playbook)
        .mailer("email", MemoryMailer::default())
        .build();
    assert!(matches!(engine, Err(Error::NoMailer(channel)) if channel == *"sms"));
}

/// The leads that it clocked are not taken over yet, and their messages still go.
#[test]
fn an_earlier_playbooks_channels_need_their_mailers_too() {
    let (earlier, current) = (read(&folder(BY_SMS, "")), read(&folder("", "")));
    let engine = Engine::builder(MemoryStore::default())
        .playbook("shop", earlier)
        .playbook("shop", current)
        .mailer("email", MemoryMailer::default())
        .build();
    assert!(matches!(engine, Err(Error::NoMailer(channel)) if channel == *"sms"));
}

/// A worker serves what an earlier playbook left behind, which it was never given; that one's channel
/// is for a worker who has a mailer for it, and what goes over it waits for that.
#[test]
fn a_channel_without_a_mailer_is_left_to_a_worker_who_has_one() {
    const TEXTS: &str = r#"
[[rule]]
name = "greet"
on   = "registered"
do   = [{ send = "hello", channel = "sms" }]
"#;
    let earlier = Arc::new(read(&folder(TEXTS, "")));
    let current = Arc::new(read(&folder("", "")));
    let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
    let store = MemoryStore::default();
    let sms = MemoryMailer::default();
    let worker = |playbooks: Vec<&Arc<Playbook>>| {
        let mut builder = Engine::builder(store.clone())
            .mailer("email", MemoryMailer::default())
            .clock(clock.clone());
        if playbooks.len() > 1 {
            builder = builder.mailer("sms", sms.clone());
        }
        for playbook in playbooks {
            builder = builder.playbook("shop", playbook.clone());
        }
        builder.build().unwrap()
    };
    let knows_both = worker(vec![&earlier, &current]);
    let knows_one = worker(vec![&current]);
    block_on(async {
        let first = Engine::builder(store.clone())
            .playbook("shop", earlier.clone())
            .mailer("sms", sms.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        let new = NewLead::new("Luis").email("luis@example.com");
        let host = Actor::host("test");
        let shop = first.tenant("shop");
        shop.register(new).by(host.clone()).await.unwrap();
        let shop = knows_both.tenant("shop");
        shop.adopt(Vec::new()).by(host).await.unwrap();
        // As if the message waited: nobody has ticked yet, but for the adoption.
        for _ in 0..3 {
            let ticked = knows_one.tick().await.unwrap();
            let no_mailer =
                |error: &Error| matches!(error, Error::NoMailer(name) if *name == *"sms");
            let failures = ticked.failures.iter();
            assert_eq!(failures.filter(|(_, error)| no_mailer(error)).count(), 1);
            clock.advance(Elapsed::days(2));
        }
        assert_eq!(sms.messages().len(), 0);
        assert!(knows_both.tick().await.unwrap().failures.is_empty());
        assert_eq!(sms.messages().len(), 1);
    });
}

// ------------------------------------------------------------------ the cap and the end

/// The first one may go at once, the second a week later: by then it is no longer wanted, and must
/// not hold the place of a third, which is.
#[test]
fn what_would_expire_before_its_turn_is_dropped_at_once_and_holds_no_place() {
    play(
        r#"
[cap]
messages = 1
within   = "7 days"
above    = "defer"

[[rule]]
name = "twice"
on   = "registered"
do   = [{ send = "hello" }, { send = "hello", expires = "2 days" }]

[[rule]]
name  = "later"
on    = "registered"
after = "1 day"
do    = [{ send = "hello" }]
"#,
        r#"
[[scenario]]
name  = "the third has the second place"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }
expect   = { mailed = ["hello"], dropped = { hello = "expired" } }

[[scenario.step]]
at     = "2026-03-09T10:00:01+01:00"
expect = { mailed = ["hello"] }
"#,
    );
}

// ------------------------------------------------------------------ the book is full

/// A rule that is faster than its cap: once an hour, and one message in thirty days may go.
#[test]
fn what_waits_for_the_cap_does_not_grow_without_end() {
    let rules = r#"
[cap]
messages = 1
within   = "30 days"
above    = "defer"

[[rule]]
name  = "hourly"
on    = "registered"
every = "1 hour"
do    = [{ send = "hello" }]
"#;
    block_on(async {
        let playbook = read(&folder(rules, ""));
        let store = Arc::new(MemoryStore::default());
        let start = at("2026-03-02T10:00:00+01:00");
        let world = World::new(playbook, store, start).unwrap();
        let tenant = world.tenant();
        let new = NewLead::new("Luis").email("luis@example.com");
        let lead = tenant
            .register(new)
            .by(Actor::host("test"))
            .await
            .unwrap()
            .id;
        world.advance_to(start + Elapsed::hours(300)).await.unwrap();
        let messages = tenant
            .messages("", None, 1_000)
            .await
            .unwrap()
            .whole()
            .unwrap();
        assert_eq!(messages.len(), MessageBook::MOST);
        let is_waiting = |state: &State| matches!(state, State::Queued { .. });
        let waiting = messages.iter().filter(|one| is_waiting(&one.state)).count();
        assert_eq!(waiting, MessageBook::MOST - 1);
        // What found no room is on record, each time.
        let told = tenant.explain(lead).await.unwrap();
        let cap = DropReason::Cap.as_str();
        let said = format!("message hello not sent: {cap}");
        let dropped = told.history.iter().filter(|line| line.what == said).count();
        assert_eq!(dropped, 301 - MessageBook::MOST);
        // And there is room again when the first one is thirty days old.
        world.advance_to(start + Elapsed::days(31)).await.unwrap();
        let leads = tenant
            .leads("", Order::Id, None, 10)
            .await
            .unwrap()
            .whole()
            .unwrap();
        assert_eq!(leads.len(), 1);
        let messages = tenant
            .messages("", None, 1_000)
            .await
            .unwrap()
            .whole()
            .unwrap();
        assert_eq!(messages.len(), MessageBook::MOST + 1);
    });
}

/// A shop whose first message arrives, without anybody knowing.
fn with_the_first_in_doubt(rules: &str) -> (Engine, VirtualClock, MemoryMailer) {
    let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
    let arrived = MemoryMailer::default();
    let plan = Plan::new().at(1, MailerFault::After);
    let engine = Engine::builder(MemoryStore::default())
        .playbook("shop", read(&folder(rules, "")))
        .mailer("email", FaultyMailer::new(arrived.clone(), plan))
        .clock(clock.clone())
        .build()
        .unwrap();
    (engine, clock, arrived)
}

/// Nobody knows whether the first one arrived; who withdraws it only says that it is not to be
/// sent again.
#[test]
fn a_message_in_doubt_that_is_withdrawn_still_counts_towards_the_cap() {
    let rules = r#"
[cap]
messages = 1
within   = "7 days"

[[rule]]
name  = "daily"
on    = "registered"
every = "1 day"
do    = [{ send = "hello" }]
"#;
    block_on(async {
        let (engine, clock, arrived) = with_the_first_in_doubt(rules);
        let start = clock.now();
        let shop = engine.tenant("shop");
        let new = NewLead::new("Luis").email("luis@example.com");
        shop.register(new).by(Actor::host("test")).await.unwrap();
        engine.tick().await.unwrap();
        let doubtful = shop.messages("state == \"in-doubt\"", None, 9).await;
        let doubtful = doubtful.unwrap().whole().unwrap().remove(0).id;
        let withdraw = shop.settle(doubtful, Fate::Withdrawn);
        withdraw.by(Actor::host("test")).await.unwrap();
        let until = start + Elapsed::days(6);
        engine.live_until(&clock, until, |_, _| {}).await.unwrap();
        assert_eq!(arrived.messages().len(), 1);
        let until = start + Elapsed::days(8);
        engine.live_until(&clock, until, |_, _| {}).await.unwrap();
        assert_eq!(arrived.messages().len(), 2);
    });
}

/// The first one may have arrived at Vera's, and the second one went to who stood for her.
#[test]
fn what_was_in_doubt_and_sent_again_after_a_merge_counts_towards_both_caps_when_they_are_parted() {
    let rules = r#"
[cap]
messages = 2
within   = "7 days"
above    = "defer"

[[rule]]
name = "hello"
on   = "registered"
if   = 'city == "Quito"'
do   = [{ send = "hello", class = "marketing" }]
"#;
    block_on(async {
        let (engine, clock, arrived) = with_the_first_in_doubt(rules);
        let start = clock.now();
        let shop = engine.tenant("shop");
        let desk = || Actor::host("desk");
        let named = |name: &str| NewLead::new(name).email(format!("{name}@example.com"));
        let from_quito = |name: &str| shop.register(named(name).field("city", "Quito"));
        let live_for = |days: i64| {
            let until = start + Elapsed::days(days) + Elapsed::hours(1);
            engine.live_until(&clock, until, |_, _| {})
        };
        let arrived_at = |address: &str| arrived.mailbox(address).len();
        let luis = shop.register(named("luis")).by(desk()).await.unwrap();
        let vera = from_quito("vera").by(desk()).await.unwrap();
        engine.tick().await.unwrap();
        let doubtful = shop.messages("state == \"in-doubt\"", None, 9).await;
        let doubtful = doubtful.unwrap().whole().unwrap().remove(0).id;
        live_for(1).await.unwrap();
        let merge = shop.merge(luis.contact.id, vera.contact.id);
        merge.by(desk()).await.unwrap();
        let again = shop.settle(doubtful, Fate::SendAgain);
        again.by(desk()).await.unwrap();
        live_for(2).await.unwrap();
        let part = shop.unmerge(vera.contact.id);
        part.by(desk()).await.unwrap();
        for name in ["luis", "luis", "vera", "vera"] {
            from_quito(name).by(desk()).await.unwrap();
        }
        live_for(7).await.unwrap();
        assert_eq!(arrived_at("vera@example.com"), 3);
        assert_eq!(arrived_at("luis@example.com"), 2);
        live_for(8).await.unwrap();
        assert_eq!(arrived_at("luis@example.com"), 3);
    });
}

#[test]
fn a_notice_to_more_than_fifty_agents_says_how_many_it_leaves_out() {
    let rules = "
[[rule]]
name = \"all\"
on   = \"registered\"
do   = [{ notify = \"seller\", template = \"hello\" }]
";
    let register = "
[[scenario]]
name  = \"everybody hears of it, as far as one notice goes\"
start = \"2026-03-02T10:00:00+01:00\"

[[scenario.step]]
register = { ref = \"luis\", name = \"Luis\" }
";
    for (sellers, expect) in [
        (
            52,
            "{ history = \"message hello told 50, and left out 2\", notified = [\"seller\"] }",
        ),
        (50, "{ silent = \"left out\", notified = [\"seller\"] }"),
    ] {
        let agents = (0..sellers).map(|number| {
            let id = format!("a{number:02}");
            shop::AGENTS.replace("ana", &id)
        });
        let agents: String = agents.collect();
        let mut folder = folder(rules, "");
        let text = format!("{agents}{register}expect = {expect}\n");
        folder.scenarios = vec![("scenarios/shop.toml".into(), text)];
        shop::play_folder(&folder);
    }
}

#[test]
fn who_is_told_the_same_for_two_reasons_at_once_is_told_once() {
    let rules = r#"
[[rule]]
name = "both"
on   = "registered"
do   = [{ notify = "owner", template = "hello" }, { notify = "seller", template = "hello" }]

[[rule]]
name  = "again"
on    = "registered"
after = "1 hour"
do    = [{ notify = "owner", template = "hello" }]
"#;
    let folder = folder(rules, "");
    block_on(async {
        let store = Arc::new(MemoryStore::default());
        let mut world = World::new(read(&folder), store, at("2026-03-02T10:00:00+01:00")).unwrap();
        for agent in ["ana", "bea"] {
            let email = format!("{agent}@example.com");
            let agent = AgentSetup::new(agent)
                .name(agent)
                .email(email)
                .role("seller");
            world.set_up(agent, Actor::host("test")).await.unwrap();
        }
        let lead = NewLead::new("Luis").owner("ana");
        world
            .register("luis", lead, Actor::host("test"))
            .await
            .unwrap();
        world.tick().await.unwrap();
        let mails = |world: &World| ["ana", "bea"].map(|agent| world.mailbox(agent).len());
        assert_eq!(mails(&world), [1, 1]);
        world
            .advance_to(at("2026-03-02T11:00:00+01:00"))
            .await
            .unwrap();
        assert_eq!(mails(&world), [2, 1]);
    });
}
