//! Which playbook decides, and sweeps that can't go on.

use std::task::Poll;

use super::*;

// ------------------------------------------------------------------ which playbook decides

#[test]
fn a_message_of_a_playbook_that_nobody_knows_goes_under_the_active_one() {
    let one = shop(&writes("welcome", "on = \"registered\""));
    let (two, three) = (
        shop("[activity]\nvisit = {}"),
        shop("[activity]\ncall = {}"),
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        // Who knows neither its playbook nor the active one leaves it alone, and says so.
        let stranger = world.engine(&[&three]);
        let ticked = stranger.tick().await.unwrap();
        assert!(
            ticked
                .left
                .iter()
                .any(|left| matches!(left.because, Error::UnknownPlaybook(_)))
        );
        world.clock.advance(Elapsed::minutes(2));
        stranger.tick().await.unwrap();
        assert_eq!(world.messages(), 0);

        let engine = world.engine(&[&two]);
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        world.clock.advance(Elapsed::minutes(2));
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        let message = &engine
            .tenant(TENANT)
            .messages("", None, 10)
            .await
            .unwrap()
            .whole()
            .unwrap()[0];
        assert_eq!(message.playbook, two.hash);
        assert_eq!(message.state.as_str(), "accepted");
        world.assert_clocks(&two).await;
    });
}

/// A host with a scheduler of its own ticks in parts, and it may be overtaken by an adoption: then
/// it leaves what it stood in for to those who know the active playbook now, at once.
#[test]
fn who_no_longer_knows_the_active_playbook_leaves_former_messages_to_who_does() {
    let one = shop(&writes("welcome", "on = \"registered\""));
    let (two, three) = (
        shop("[activity]\nvisit = {}"),
        shop("[activity]\ncall = {}"),
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        register(&engine).await;
        let eva = NewLead::new("Eva").email("eva@example.com");
        let registered = engine.tenant(TENANT).register(eva);
        registered.by(Actor::host("test")).await.unwrap();

        let overtaken = world.engine(&[&two]);
        let adopts = overtaken.tenant(TENANT).adopt(Vec::new());
        adopts.by(Actor::host("test")).await.unwrap();
        let mut ticked = Ticked::default();
        while ticked.handed_over == 0 && overtaken.tick_up_to(&mut ticked, 1).await.unwrap() > 0 {}
        assert_eq!(ticked.handed_over, 1);

        let engine = world.engine(&[&three]);
        let adopts = engine.tenant(TENANT).adopt(Vec::new());
        adopts.by(Actor::host("test")).await.unwrap();
        let ticked = overtaken.tick().await.unwrap();
        assert!(ticked.failures.is_empty(), "{ticked:?}");
        assert!(!ticked.left.is_empty());
        assert_eq!(ticked.handed_over, 0);
        let ticked = engine.tick().await.unwrap();
        assert_eq!(ticked.handed_over, 1);
    });
}

#[test]
fn former_messages_go_though_more_of_the_workers_own_is_always_due() {
    let writes = writes("welcome", "on = \"registered\"");
    let (one, two) = (
        shop(&writes),
        shop(&format!("{writes}[activity]\nvisit = {{}}")),
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&two]);
        let shop = engine.tenant(TENANT);
        let adopts = shop.adopt(Vec::new()).by(Actor::host("test"));
        adopts.await.unwrap();
        world.clock.advance(Elapsed::minutes(1));
        for n in 0..8 {
            let eva = NewLead::new("Eva").email(format!("eva{n}@example.com"));
            shop.register(eva).by(Actor::host("test")).await.unwrap();
        }
        let mut ticked = Ticked::default();
        for _ in 0..4 {
            assert_eq!(engine.tick_up_to(&mut ticked, 1).await.unwrap(), 1);
        }
        let sent = shop.messages(r#"state == "accepted""#, None, 10).await;
        let sent = sent.unwrap().whole().unwrap();
        let asked_for = world.clock.now() - Elapsed::minutes(1);
        assert!(sent.iter().any(|message| message.queued_at == asked_for));
    });
}

/// The hand for messages looks into lanes that it was not begun with, as the one for leads does.
#[test]
fn a_worker_that_runs_hands_over_messages_of_former_playbooks() {
    let one = shop(&writes("welcome", "on = \"registered\""));
    let two = shop("[activity]\nvisit = {}");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&two]);
        let adopts = engine.tenant(TENANT).adopt(Vec::new());
        adopts.by(Actor::host("test")).await.unwrap();
        let over = world.clock.now() + Elapsed::minutes(2);
        let clock = world.clock.clone();
        let is_over = std::future::poll_fn(move |context| {
            context.waker().wake_by_ref();
            match clock.now() >= over {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        engine.run(is_over).await.unwrap();
        assert_eq!(world.messages(), 1);
    });
}

#[test]
fn a_lead_waits_for_its_own_playbook_or_to_be_taken_over() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&two]);
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        let tried = engine
            .tenant(TENANT)
            .tried(lead)
            .by(Actor::host("test"))
            .await;
        assert!(matches!(tried, Err(Error::UnknownPlaybook(hash)) if hash == one.hash));
        engine.tick().await.unwrap();
        engine
            .tenant(TENANT)
            .tried(lead)
            .by(Actor::host("test"))
            .await
            .unwrap();
    });
}

#[test]
fn a_sweep_that_comes_again_outlives_its_playbook() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let lead = register(&engine).await;
        let sweep = engine
            .tenant(TENANT)
            .sweep(weekly("open"))
            .by(Actor::host("test"))
            .await
            .unwrap();
        world.live_to_day(&engine, 1).await;
        let engine = world.engine(&[&two]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 15).await;
        let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.attempts.total(), 3);
        assert_eq!(world.sweep(sweep.sweep.unwrap()).await.playbook, two.hash);
    });
}

#[test]
fn an_adoption_is_decided_by_the_playbook_that_it_names() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let adoption = Adoption {
            playbook: two.hash.clone(),
            stages: Vec::new(),
            occupied: None,
        };
        let command = |what| Command {
            tenant: TENANT.into(),
            actor: Actor::host("test"),
            happened_at: None,
            what,
        };
        let adopt = command(What::Adopt(Box::new(adoption)));
        let refused = world.engine(&[&one]).execute(None, adopt.clone()).await;
        assert!(matches!(refused, Err(Error::UnknownPlaybook(hash)) if hash == two.hash));
        // It is not the engine's current one that counts.
        let engine = world.engine(&[&two, &one]);
        engine.execute(None, adopt).await.unwrap();
        assert_eq!(world.tenant().await.playbook, two.hash);
        // And no lead comes under a playbook that is not the active one.
        let back = LeadOrder::Adopt {
            playbook: one.hash.clone(),
            stages: Vec::new(),
        };
        let order = command(What::Lead { lead, order: back });
        assert_eq!(code(engine.execute(None, order).await), "not-active");
    });
}

#[test]
fn whoever_adopts_in_whatever_way_lets_no_occupied_stage_vanish() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one, &two]);
        let lead = register(&world.engine(&[&one])).await;
        let by_hand = world.engine(&[&one]);
        let moved = by_hand.tenant(TENANT).move_to(lead, "talking");
        moved.by(Actor::host("test")).await.unwrap();
        let mut adoption = Adoption {
            playbook: two.hash.clone(),
            stages: Vec::new(),
            occupied: None,
        };
        let command = |adoption: &Adoption| Command {
            tenant: TENANT.into(),
            actor: Actor::host("test"),
            happened_at: None,
            what: What::Adopt(Box::new(adoption.clone())),
        };
        // The engine counts the stages itself, whatever the host says of them.
        let refused = engine.execute(None, command(&adoption)).await;
        assert_eq!(code(refused), "stages-vanish");
        adoption.occupied = Some(Vec::new());
        let refused = engine.execute(None, command(&adoption)).await;
        assert_eq!(code(refused), "stages-vanish");
        // Where there is no engine to count them, they must be said.
        adoption.occupied = None;
        let now = world.clock.now();
        let id = CommandId::of("adopt");
        let refused = decide(&two, &Records::new(), id, &command(&adoption), now);
        let not_counted = Stop::Refused(Box::new(Refusal::NotCounted));
        assert_eq!(refused, Err(not_counted));
        let mut occupied = engine.tenant(TENANT).occupied_stages().await.unwrap();
        assert_eq!(occupied.pop(), Some(("sales".into(), "talking".into())));
    });
}

#[test]
fn what_the_active_playbook_must_decide_is_told_to_who_does_not_know_it() {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.adopt(&world.engine(&[&one, &two])).await;
        let old = world.engine(&[&one]);
        let ana = AgentSetup::new("ana").name("Ana").email("ana@example.com");
        let set_up = old.tenant(TENANT).set_up(ana.role("seller"));
        let swept = old.tenant(TENANT).sweep(weekly("open"));
        let test = || Actor::host("test");
        for refused in [
            set_up.by(test()).await.map(drop),
            swept.by(test()).await.map(drop),
            old.tenant(TENANT)
                .register(luis())
                .by(test())
                .await
                .map(drop),
        ] {
            let Err(Error::NotAdopted { active, given }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((active, given), (two.hash.clone(), one.hash.clone()));
        }
    });
}

// ------------------------------------------------------------------ sweeps that can't go on

/// A lead that came to a stage which the new playbook lacks after the stages were counted: it
/// stays behind under the old one.
async fn left_behind(world: &World, one: &Arc<Playbook>, two: &Arc<Playbook>) -> LeadId {
    let lead = register(&world.engine(&[one])).await;
    let engine = world.engine(&[one, two]);
    let shop = engine.tenant(TENANT);
    let test = || Actor::host("test");
    shop.adopt(Vec::new()).by(test()).await.unwrap();
    shop.move_to(lead, "talking").by(test()).await.unwrap();
    engine.tick().await.unwrap();
    let left = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
    assert_eq!(left.playbook, one.hash);
    lead
}

fn without_talking() -> Arc<Playbook> {
    let stages = "\n[pipeline.sales.stage]\nnew = { to = { lost = [] } }\nlost = { final = \"lost\", to = [\"new\"] }\n";
    with_template(&format!("{SHOP}{stages}"), HELLO)
}

#[test]
fn a_page_with_a_lead_that_nobody_here_knows_is_left_to_others_and_no_lead_is_left_out() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        let lead = left_behind(&world, &one, &two).await;
        let ignorant = world.engine(&[&two]);
        let sweep = ignorant
            .tenant(TENANT)
            .sweep(weekly("open"))
            .by(Actor::host("test"))
            .await
            .unwrap();
        let sweep = sweep.sweep.unwrap();
        for _ in 0..5 {
            let ticked = ignorant.tick().await.unwrap();
            assert!(
                ticked
                    .failures
                    .iter()
                    .any(|(key, _)| key.kind == Kind::Sweep)
            );
            let swept = world.sweep(sweep).await;
            assert_eq!((swept.reached, swept.refused, swept.trouble), (0, 0, None));
            world.clock.advance(Elapsed::minutes(2));
        }
        let engine = world.engine(&[&one, &two]);
        engine.tick().await.unwrap();
        let swept = world.sweep(sweep).await;
        assert_eq!((swept.reached, swept.refused), (1, 0));
        let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
        assert_eq!(lead.attempts.total(), 1);
    });
}

#[test]
fn adopting_again_with_a_mapping_takes_over_who_was_left_behind() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        left_behind(&world, &one, &two).await;
        let engine = world.engine(&[&one, &two]);
        let before = world.tenant().await;
        // Asking again for the same changes nothing.
        let again = engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await;
        assert_eq!(code(again), "stages-vanish");
        let mapping = StageMapping::new(("sales", "talking"), ("sales", "new"));
        engine
            .tenant(TENANT)
            .adopt(vec![mapping])
            .by(Actor::host("test"))
            .await
            .unwrap();
        engine.tick().await.unwrap();
        world.assert_clocks(&two).await;
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        let after = world.tenant().await;
        assert_eq!(after.adopted.len(), before.adopted.len());
        assert_ne!(after.sweep, before.sweep);
    });
}

#[test]
fn adopting_again_takes_over_who_refused_and_could_be_taken_over_now() {
    let (one, two) = (shop(""), without_talking());
    block_on(async {
        let world = World::new();
        let lead = left_behind(&world, &one, &two).await;
        let engine = world.engine(&[&one, &two]);
        engine
            .tenant(TENANT)
            .move_to(lead, "new")
            .by(Actor::host("test"))
            .await
            .unwrap();
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        engine.tick().await.unwrap();
        world.assert_clocks(&two).await;
    });
}

#[test]
fn a_sweep_that_fails_three_times_is_set_aside_with_its_error_and_can_be_tried_again_or_cancelled()
{
    let (one, two) = (shop("[field]\ncar = { type = \"text\" }"), shop(""));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let lead = register(&engine).await;
        engine
            .tenant(TENANT)
            .set(lead, "car", "X3")
            .by(Actor::host("test"))
            .await
            .unwrap();
        let sweep = engine
            .tenant(TENANT)
            .sweep(weekly(r#"car == "X3""#))
            .by(Actor::host("test"))
            .await;
        let sweep = sweep.unwrap().sweep.unwrap();
        world.live_to_day(&engine, 1).await;
        let attempts = async |engine: &Engine| {
            let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
            lead.attempts.total()
        };
        assert_eq!(attempts(&engine).await, 1);
        // The changed playbook has no such field, and nobody knows the old one.
        let without = world.engine(&[&two]);
        world.adopt(&without).await;
        world.live_to_day(&without, 8).await;
        let unfinished = without
            .tenant(TENANT)
            .sweeps("not finished", None, 10)
            .await;
        let unfinished = unfinished.unwrap().whole().unwrap();
        assert_eq!(unfinished.len(), 1);
        assert_eq!(unfinished[0].id, sweep);
        let trouble = unfinished[0].trouble.clone().unwrap();
        assert!(trouble.is_set_aside());
        assert!(trouble.error.contains("`car`"), "{}", trouble.error);

        let ana = AgentSetup::new("ana")
            .name("Ana")
            .email("ana@example.com")
            .role("seller");
        without
            .tenant(TENANT)
            .set_up(ana)
            .by(Actor::host("test"))
            .await
            .unwrap();
        let shop = without.tenant(TENANT);
        assert_eq!(
            code(shop.retry_sweep(sweep).by("ana").await),
            "not-permitted"
        );
        assert_eq!(
            code(shop.cancel_sweep(sweep).by("ana").await),
            "not-permitted"
        );

        // Back under a playbook that has the field, it is tried again and goes well.
        let back = world.engine(&[&two, &one]);
        back.tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        world.live_to_day(&back, 9).await;
        assert_eq!(attempts(&back).await, 1);
        back.tenant(TENANT)
            .retry_sweep(sweep)
            .by(Actor::host("test"))
            .await
            .unwrap();
        back.tick().await.unwrap();
        assert_eq!(attempts(&back).await, 2);
        assert_eq!(
            code(
                back.tenant(TENANT)
                    .retry_sweep(sweep)
                    .by(Actor::host("test"))
                    .await
            ),
            "not-set-aside"
        );

        back.tenant(TENANT)
            .cancel_sweep(sweep)
            .by(Actor::host("test"))
            .await
            .unwrap();
        world.live_to_day(&back, 40).await;
        assert_eq!(attempts(&back).await, 2);
        assert_eq!(
            code(
                back.tenant(TENANT)
                    .cancel_sweep(sweep)
                    .by(Actor::host("test"))
                    .await
            ),
            "sweep-is-over"
        );
        let events = world.events().await;
        assert!(events.contains(&Event::Retried { record: sweep.0 }));
        assert!(events.contains(&Event::SweepCancelled { sweep }));
    });
}

#[test]
fn a_message_that_was_set_aside_is_tried_again_when_its_text_is_mended() {
    let rule = writes("welcome", "on = \"registered\"");
    let text = format!("{SHOP}{STAGES}{rule}");
    let broken = "Subject: Hello\n\n{% if contact.name == 'Luis' %}{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}{% endif %}";
    let (broken, mended) = (with_template(&text, broken), with_template(&text, HELLO));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&broken]);
        register(&engine).await;
        world.live_to_day(&engine, 1).await;
        let engine = world.engine(&[&broken, &mended]);
        world.adopt(&engine).await;
        let shop = engine.tenant(TENANT);
        let message = shop
            .messages("", None, 10)
            .await
            .unwrap()
            .whole()
            .unwrap()
            .remove(0);
        assert!(message.trouble.unwrap().is_set_aside());
        assert_eq!(world.messages(), 0);
        shop.settle(message.id, Fate::Retry)
            .by(Actor::host("test"))
            .await
            .unwrap();
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        assert_eq!(
            code(
                shop.settle(message.id, Fate::Retry)
                    .by(Actor::host("test"))
                    .await
            ),
            "not-set-aside"
        );
    });
}

// ------------------------------------------------------------------ contacts with leads under two playbooks

/// A lead of a contact under a former playbook, and another one of the same contact under the active one.
async fn one_lead_of_each(world: &World) -> (Engine, LeadId, LeadId) {
    let (one, two) = (shop(""), shop("[activity]\nvisit = {}"));
    let former = register(&world.engine(&[&one])).await;
    let engine = world.engine(&[&one, &two]);
    let adopts = engine.tenant(TENANT).adopt(Vec::new());
    adopts.by(Actor::host("test")).await.unwrap();
    let active = register(&engine).await;
    (engine, former, active)
}

#[test]
fn what_is_corrected_on_a_former_lead_all_leads_of_the_contact_know_in_the_end() {
    block_on(async {
        let world = World::new();
        let (engine, former, active) = one_lead_of_each(&world).await;
        let correction = Correction::default().name("Luis Vera");
        let corrects = engine.tenant(TENANT).correct_contact(former, correction);
        corrects.by(Actor::host("test")).await.unwrap();
        engine.tick().await.unwrap();
        for lead in leads(&engine).await {
            assert_eq!(lead.contact.name, "Luis Vera", "{active}: {lead:?}");
        }
    });
}

#[test]
fn who_shares_something_with_an_active_lead_s_contact_says_so_when_its_own_lead_is_taken_over() {
    block_on(async {
        let world = World::new();
        let (engine, former, _) = one_lead_of_each(&world).await;
        let eva = NewLead::new("Eva").phone("600 100 200");
        let registered = engine.tenant(TENANT).register(eva);
        let eva = registered.by(Actor::host("test")).await.unwrap().id;
        let correct = || {
            let correction = Correction::default().phone("600 100 200");
            let corrects = engine.tenant(TENANT).correct_contact(former, correction);
            corrects.by(Actor::host("test"))
        };
        // The former playbook can't tell her lead of it, which will not be taken over any more.
        assert_eq!(code(correct().await), "not-active");
        engine.tick().await.unwrap();
        correct().await.unwrap();
        let tenant = engine.tenant(TENANT);
        let eva = tenant.lead(eva).await.unwrap().unwrap();
        assert!(eva.contact.possible_duplicate);
    });
}
