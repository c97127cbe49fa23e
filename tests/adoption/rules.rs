//! What a changed playbook does to the clocks of leads in flight.

use super::*;

// ------------------------------------------------------------------ fingerprints

fn fingerprint(text: &str, rule: &str) -> leadkit::playbook::fingerprint::Fingerprint {
    shop(text).rule(&Name::from(rule)).unwrap().fingerprint
}

#[test]
fn a_fingerprint_tells_whatever_moves_a_rule_in_time_and_nothing_else() {
    let rule = |change: (&str, &str)| {
        let text = r#"
[calendar.night]
weekly = { mon-fri = ["19:00-23:00"] }

[[rule]]
name       = "chase"
on         = "registered"
after      = "2 days"
every      = "3 days"
at-most    = 5
stage      = "new"
until      = 'answered'
stopped-by = ["parked"]
late-start = "fire"
calendar   = "office"
if         = 'attempts.total < 3'
do         = [{ send = "hello" }]
"#;
        let (from, to) = change;
        assert!(from.is_empty() || text.contains(from), "{from}");
        fingerprint(&text.replacen(from, to, 1), "chase")
    };
    let as_it_is = rule(("", ""));
    for change in [
        (r#"on         = "registered""#, r#"on         = "assigned""#),
        (r#"after      = "2 days""#, r#"after      = "3 days""#),
        (r#"every      = "3 days""#, r#"every      = "4 days""#),
        ("at-most    = 5", "at-most    = 6"),
        (r#"stage      = "new""#, r#"stage      = "talking""#),
        (
            r#"until      = 'answered'"#,
            "until      = 'attempts.total > 1'",
        ),
        (r#"["parked"]"#, "[]"),
        (r#"late-start = "fire""#, r#"late-start = "3 days""#),
        (r#"calendar   = "office""#, r#"calendar   = "night""#),
    ] {
        assert_ne!(rule(change), as_it_is, "{change:?}");
    }
    for change in [
        (r#"if         = 'attempts.total < 3'"#, ""),
        (r#"[{ send = "hello" }]"#, r#"[{ move = "talking" }]"#),
        ("19:00", "20:00"),
    ] {
        assert_eq!(rule(change), as_it_is, "{change:?}");
    }
}

#[test]
fn what_moves_the_deadline_of_a_task_moves_the_rules_that_count_from_it() {
    let late = |within: &str| {
        let sla = format!(
            r#"
[sla.first-contact]
on     = "registered"
within = "{within}"
done   = 'stage != "new"'
task   = "Call"
late   = [{{ send = "hello" }}]
"#
        );
        fingerprint(&sla, "first-contact.late")
    };
    assert_eq!(late("4 business hours"), late("4 business hours"));
    assert_ne!(late("4 business hours"), late("1 business hour"));
}

// ------------------------------------------------------------------ what is told of the past

#[test]
fn what_fired_before_a_rule_changed_is_not_told_by_what_the_rule_says_now() {
    let every = |period: &str| {
        let when =
            format!("on = \"registered\"\nafter = \"{period}\"\nevery = \"{period}\"\nat-most = 4");
        shop(&writes("chase", &when))
    };
    let (three, two, without) = (every("3 days"), every("2 days"), shop(""));
    let told = async |world: &World, engine: &Engine, lead: LeadId| {
        let told = engine.tenant(TENANT).explain(lead).await.unwrap();
        let fired = told.history.into_iter();
        let fired = fired.filter(|line| line.what.starts_with("rule chase fired"));
        let said = fired.map(|line| (line.at.to_utc() - world.start, line.what, line.why));
        said.collect::<Vec<_>>()
    };
    let said = |day, number, why: Option<&str>| {
        let what = format!("rule chase fired (no. {number})");
        (Elapsed::days(day), what.into(), why.map(Into::into))
    };
    let (of_three, of_two) = (
        "on registered + 3 days, every 3 days",
        "on registered + 2 days, every 2 days",
    );
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&three]);
        let lead = register(&engine).await;
        world.live_to_day(&engine, 5).await;
        let fired = [said(3, 1, Some(of_three))];
        assert_eq!(told(&world, &engine, lead).await, fired);
        // Changed: what the journal has of it, and no reason that was none then.
        let engine = world.engine(&[&three, &two]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 7).await;
        let fired = [said(3, 1, None), said(6, 3, Some(of_two))];
        assert_eq!(told(&world, &engine, lead).await, fired);
        // Taken away.
        let engine = world.engine(&[&three, &two, &without]);
        world.adopt(&engine).await;
        let fired = [said(3, 1, None), said(6, 3, None)];
        assert_eq!(told(&world, &engine, lead).await, fired);
        // And back as it was at first.
        let engine = world.engine(&[&three, &two, &without, &three]);
        world.adopt(&engine).await;
        let fired = [said(3, 1, Some(of_three)), said(6, 3, None)];
        assert_eq!(told(&world, &engine, lead).await, fired);
    });
}

// ------------------------------------------------------------------ rules that change in flight

#[test]
fn a_wait_that_is_shortened_sends_nothing_to_those_in_between() {
    let thirty = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"30 days\"",
    ));
    for (late, expected) in [("", [0, 0]), ("\nlate-start = \"fire\"", [1, 1])] {
        let when = format!("on = \"registered\"\nafter = \"10 days\"{late}");
        let ten = shop(&writes("check-in", &when));
        block_on(async {
            let world = World::new();
            register(&world.engine(&[&thirty])).await;
            world.live_to_day(&world.engine(&[&thirty]), 20).await;
            let engine = world.engine(&[&thirty, &ten]);
            world.adopt(&engine).await;
            assert_eq!(world.messages(), expected[0]);
            world.live_to_day(&engine, 60).await;
            assert_eq!(world.messages(), expected[1]);
            world.assert_clocks(&ten).await;
        });
    }
}

/// What is told late is done late; but a rule that is new has nothing to make up for.
#[test]
fn a_new_rule_does_nothing_for_what_was_before_it() {
    let before = shop("");
    let after = shop(
        "[[rule]]\nname = \"ask\"\non = \"answered\"\ndo = [{ task = \"ask\" }]\n\n\
         [task.ask]\ntext = \"Ask\"\n",
    );
    let open = async |engine: &Engine, lead: LeadId| {
        let lead = engine.tenant(TENANT).lead(lead).await.unwrap().unwrap();
        lead.tasks.len()
    };
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&before]);
        let told_before = register(&engine).await;
        let told_after = register(&engine).await;
        let desk = || Actor::host("test");
        let answered = engine.tenant(TENANT).answered(told_before).by(desk());
        answered.await.unwrap();
        world.live_to_day(&engine, 2).await;
        let engine = world.engine(&[&before, &after]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 3).await;
        assert_eq!(open(&engine, told_before).await, 0);
        // An answer of the first day, which is told now that there is the rule.
        let answered = engine.tenant(TENANT).answered(told_after).by(desk());
        let happened = world.start + Elapsed::days(1);
        answered.happened_at(happened).await.unwrap();
        assert_eq!(open(&engine, told_after).await, 1);
    });
}

#[test]
fn a_wait_that_is_shortened_in_time_ends_when_it_says_now() {
    let thirty = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"30 days\"",
    ));
    let ten = shop(&writes(
        "check-in",
        "on = \"registered\"\nafter = \"10 days\"",
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&thirty])).await;
        world.live_to_day(&world.engine(&[&thirty]), 5).await;
        let engine = world.engine(&[&thirty, &ten]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 9).await;
        assert_eq!(world.messages(), 0);
        world.live_to_day(&engine, 10).await;
        assert_eq!(world.messages(), 1);
        world.live_to_day(&engine, 60).await;
        assert_eq!(world.messages(), 1);
    });
}

#[test]
fn what_fired_once_does_not_fire_again_because_its_rule_changed_or_went_and_came_back() {
    let late = "\nlate-start = \"fire\"";
    let first = shop(&writes(
        "check-in",
        &format!("on = \"registered\"\nafter = \"3 days\"{late}"),
    ));
    let longer = shop(&writes(
        "check-in",
        &format!("on = \"registered\"\nafter = \"9 days\"{late}"),
    ));
    let without = shop("");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&first])).await;
        world.live_to_day(&world.engine(&[&first]), 5).await;
        assert_eq!(world.messages(), 1);
        let playbooks = [&first, &longer, &without, &first];
        for known in 2..=playbooks.len() {
            let engine = world.engine(&playbooks[..known]);
            world.adopt(&engine).await;
            let day = 5 + i64::try_from(known).unwrap();
            world.live_to_day(&engine, day).await;
        }
        world.live_to_day(&world.engine(&playbooks), 60).await;
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&first).await;
    });
}

/// Two adoptions while nobody sweeps: the lead comes from the first playbook to the third.
#[test]
fn what_the_playbook_in_between_added_is_new_to_a_lead_that_never_saw_it() {
    let one = shop("");
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let two = shop(&welcome);
    let three = shop(&format!(
        "{welcome}{}",
        writes("later", "on = \"registered\"\nafter = \"40 days\"")
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.live_to_day(&world.engine(&[&one]), 10).await;
        let engine = world.engine(&[&one, &two]);
        engine
            .tenant(TENANT)
            .adopt(Vec::new())
            .by(Actor::host("test"))
            .await
            .unwrap();
        let engine = world.engine(&[&one, &two, &three]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 30).await;
        assert_eq!(
            world.messages(),
            0,
            "the welcome would have come eight days ago"
        );
        world.live_to_day(&engine, 60).await;
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&three).await;
    });
}

#[test]
fn a_rule_that_did_not_change_and_is_late_because_nobody_worked_still_fires() {
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let one = shop(&welcome);
    let two = shop(&format!(
        "{welcome}{}",
        writes("other", "on = \"registered\"\nafter = \"40 days\"")
    ));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.clock.advance(Elapsed::days(10));
        // One that knows the old playbook too would fire it before it takes the lead over.
        let engine = world.engine(&[&two]);
        world.adopt(&engine).await;
        world.clock.advance(Elapsed::minutes(2));
        engine.tick().await.unwrap();
        assert_eq!(world.messages(), 1);
        world.assert_clocks(&two).await;
    });
}

#[test]
fn to_a_lead_whose_playbook_is_forgotten_every_rule_is_new() {
    let welcome = writes("welcome", "on = \"registered\"\nafter = \"2 days\"");
    let ages: Vec<Arc<Playbook>> = (0..=TenantRecord::MOST_ADOPTED)
        .map(|n| {
            shop(&format!(
                "{welcome}{}",
                writes(
                    "other",
                    &format!("on = \"registered\"\nafter = \"{} days\"", 40 + n)
                )
            ))
        })
        .collect();
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&ages[0]])).await;
        world.clock.advance(Elapsed::days(10));
        let known: Vec<&Arc<Playbook>> = ages.iter().collect();
        for n in 1..ages.len() {
            let engine = world.engine(&known[..=n]);
            engine
                .tenant(TENANT)
                .adopt(Vec::new())
                .by(Actor::host("test"))
                .await
                .unwrap();
        }
        let tenant = world.tenant().await;
        assert_eq!(tenant.adopted.len(), TenantRecord::MOST_ADOPTED);
        assert!(tenant.adopted(&ages[0].hash).is_none());
        // Where its own playbook is not known any more it is taken over, not woken.
        let engine = world.engine(&known[ages.len() - 1..]);
        engine.tick().await.unwrap();
        world.live_to_day(&engine, 30).await;
        assert_eq!(world.messages(), 0);
        world.assert_clocks(ages.last().unwrap()).await;
    });
}

/// How many messages Luis has after each day, with a rule that comes every so often and whose
/// period changes on a day.
fn by_day(before: &str, after: &str, changes_on: i64, last: i64) -> Vec<usize> {
    let rule = |every: &str| {
        let when = format!("on = \"registered\"\nafter = \"{every}\"\nevery = \"{every}\"");
        shop(&writes("check-in", &when))
    };
    let (before, after) = (rule(before), rule(after));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&before])).await;
        let mut messages = Vec::new();
        for day in 0..=last {
            let engine = match day < changes_on {
                true => world.engine(&[&before]),
                false => world.engine(&[&before, &after]),
            };
            if day == changes_on {
                world.adopt(&engine).await;
            }
            world.live_to_day(&engine, day).await;
            messages.push(world.messages());
        }
        world.assert_clocks(&after).await;
        messages
    })
}

/// The days on which a message came.
fn days(messages: &[usize]) -> Vec<usize> {
    let pairs = messages.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| pair[1] > pair[0])
        .map(|(day, _)| day + 1)
        .collect()
}

#[test]
fn what_comes_again_and_again_keeps_to_its_new_period() {
    // What a shorter period would have done before now is not made up for.
    let shorter = by_day("30 days", "10 days", 55, 75);
    assert_eq!(days(&shorter), [30, 60, 70]);
    // And a longer one is not counted as if each time it fired had been one of its own.
    let longer = by_day("10 days", "30 days", 55, 100);
    assert_eq!(days(&longer), [10, 20, 30, 40, 50, 60, 90]);
}

#[test]
fn a_rule_whose_condition_stays_knows_since_when_it_is_true() {
    let rule = |condition: &str, after: &str| {
        shop(&writes(
            "silent",
            &format!("when = '{condition}'\nafter = \"{after}\""),
        ))
    };
    let silent = "attempts.total == 0";
    let old = rule(silent, "30 days");
    let cases = [
        // Counted from day 0, when it came true.
        (rule(silent, "25 days"), 25),
        // Of another condition it is known from day 15 on, when the lead was last looked at.
        (rule("attempts.total < 2", "10 days"), 25),
    ];
    for (new, comes_on) in &cases {
        block_on(async {
            let world = World::new();
            let engine = world.engine(&[&old]);
            let lead = register(&engine).await;
            world.live_to_day(&engine, 15).await;
            engine
                .tenant(TENANT)
                .answered(lead)
                .by(Actor::host("test"))
                .await
                .unwrap();
            world.live_to_day(&engine, 20).await;
            let engine = world.engine(&[&old, new]);
            world.adopt(&engine).await;
            world.live_to_day(&engine, comes_on - 1).await;
            assert_eq!(world.messages(), 0);
            world.live_to_day(&engine, *comes_on).await;
            assert_eq!(world.messages(), 1);
            world.live_to_day(&engine, 80).await;
            assert_eq!(world.messages(), 1);
            world.assert_clocks(new).await;
        });
    }
    // That a new condition has been true all the time is no backlog of today's.
    let now = rule("attempts.total < 3", "0 hours");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&old])).await;
        world.live_to_day(&world.engine(&[&old]), 20).await;
        let engine = world.engine(&[&old, &now]);
        world.adopt(&engine).await;
        world.live_to_day(&engine, 80).await;
        assert_eq!(world.messages(), 0);
        world.assert_clocks(&now).await;
    });
}

#[test]
fn a_lead_that_is_mapped_to_a_stage_gets_no_backlog_of_its_rules() {
    let chase = writes("chase", "on = \"entered talking\"\nafter = \"2 days\"");
    let (one, two) = (
        shop(&chase),
        with_template(
            &format!(
                "{SHOP}{chase}\n[pipeline.sales.stage]\nfresh = {{ to = {{ talking = [] }} }}\ntalking = {{ to = {{ lost = [] }} }}\nlost = {{ final = \"lost\", to = [] }}\n"
            )
            .replace("start = \"new\"", "start = \"fresh\"")
            .replace("sales.new", "sales.fresh"),
            HELLO,
        ),
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        world.live_to_day(&world.engine(&[&one]), 50).await;
        let engine = world.engine(&[&one, &two]);
        let mapping = StageMapping::new(("sales", "new"), ("sales", "talking"));
        engine
            .tenant(TENANT)
            .adopt(vec![mapping])
            .by(Actor::host("test"))
            .await
            .unwrap();
        world.live_to_day(&engine, 51).await;
        assert_eq!(leads(&engine).await[0].stage, "talking");
        assert_eq!(world.messages(), 0);
        world.assert_clocks(&two).await;
    });
}

#[test]
fn a_task_that_the_playbook_no_longer_has_is_dropped() {
    let one = shop(
        "[task.call]\ntext = \"Call\"\n[[rule]]\nname = \"call\"\non = \"registered\"\ndo = [{ task = \"call\" }]",
    );
    let two = shop("");
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        world.adopt(&engine).await;
        let lead = leads(&engine).await.remove(0);
        assert_eq!(lead.tasks[0].ended.as_ref().unwrap().how, How::Dropped);
        assert_eq!(
            engine
                .tenant(TENANT)
                .count("tasks.open > 0", &[])
                .await
                .unwrap()[0]
                .count,
            0
        );
    });
}

// ------------------------------------------------------------------ stages that end otherwise

fn with_stages(stages: &str) -> Arc<Playbook> {
    with_template(&format!("{SHOP}\n[pipeline.sales.stage]\n{stages}"), HELLO)
}

fn mapping(from: &str, to: &str) -> StageMapping {
    StageMapping::new(("sales", from), ("sales", to))
}

#[test]
fn a_mapping_neither_closes_leads_nor_reopens_them_nor_changes_how_they_ended() {
    let one = shop("");
    let two = with_stages(
        "new = { to = { lost = [], gone = [] } }\nlost = { final = \"lost\", to = [\"new\"] }\ngone = { final = \"gone\", to = [] }\n",
    );
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        let adopt = |from: &str, to: &str| {
            let stages = vec![mapping("talking", "new"), mapping(from, to)];
            engine.tenant(TENANT).adopt(stages).by(Actor::host("test"))
        };
        for (from, to) in [("new", "lost"), ("lost", "new"), ("lost", "gone")] {
            let Err(Error::Refused(refusal)) = adopt(from, to).await else {
                panic!("{from} was mapped to {to}");
            };
            assert_eq!(refusal.code(), "ends-differ");
            let told = refusal.to_string();
            for stage in [from, to] {
                assert!(told.contains(&format!("sales.{stage}")), "{told}");
            }
        }
        adopt("lost", "lost").await.unwrap();
    });
}

#[test]
fn a_lead_of_a_playbook_before_the_last_one_is_not_closed_by_a_mapping_either() {
    let one = shop("");
    let two = with_stages(
        "new = { to = { talked = [], lost = [] } }\ntalked = { final = \"talked\", to = [] }\nlost = { final = \"lost\", to = [] }\n",
    );
    block_on(async {
        let world = World::new();
        let lead = register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        let adopt = |stages| engine.tenant(TENANT).adopt(stages).by(Actor::host("test"));
        // Nobody has ticked since: the lead is still of the first playbook when its stage is
        // mapped, and of that one nothing is known.
        adopt(Vec::new()).await.unwrap();
        let answer = adopt(vec![mapping("new", "talked")]).await.unwrap();
        engine.tick().await.unwrap();
        let swept = world.sweep(world.tenant().await.sweep.unwrap()).await;
        assert_eq!((swept.reached, swept.refused), (1, 1), "{answer:?}");
        let found = leads(&engine).await.remove(0);
        assert_eq!((found.id, found.stage.as_str()), (lead, "new"));
        assert!(found.is_open());
        assert_eq!(found.playbook, one.hash);
    });
}

// ------------------------------------------------------------------ stages where leads wait

/// The shop with a stage in which leads wait.
fn with_parked(group: &str) -> Arc<Playbook> {
    let stages = "new = { to = { parked = [] } }\nparked = { waits = true, to = { new = [] } }\n";
    let wait = format!(
        "\n[wait.{group}]\nlabel = \"Later\"\nwait = {{ least = \"30 days\", default = \"30 days\" }}\nfirst = [{{ send = \"hello\" }}]\n"
    );
    with_template(
        &format!("{SHOP}\n[pipeline.sales.stage]\n{stages}{wait}"),
        HELLO,
    )
}

#[test]
fn a_lead_without_a_wait_group_comes_to_a_stage_where_leads_wait_only_with_one() {
    let (one, two) = (shop(""), with_parked("later"));
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        let adopt = |mapping| {
            let adoption = engine.tenant(TENANT).adopt(vec![mapping]);
            adoption.by(Actor::host("test"))
        };
        assert_eq!(code(adopt(mapping("new", "parked")).await), "nobody-waits");
        let unknown = mapping("new", "parked").wait(Waiting::new("latr"));
        assert_eq!(code(adopt(unknown).await), "incomplete");
        let later = mapping("new", "parked").wait(Waiting::new("later"));
        adopt(later).await.unwrap();
        engine.tick().await.unwrap();
        let lead = leads(&engine).await.remove(0);
        assert_eq!(lead.wait.as_ref().unwrap().group, "later");
        world.live_to_day(&engine, 31).await;
        assert_eq!(
            world.messages(),
            1,
            "the lead is contacted when its wait is over"
        );
        world.assert_clocks(&two).await;
    });
}

#[test]
fn a_lead_whose_wait_group_is_gone_stays_behind_until_it_is_said_where_it_waits() {
    let (one, two) = (with_parked("later"), with_parked("sooner"));
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let lead = register(&engine).await;
        let parked = engine
            .tenant(TENANT)
            .let_wait(lead, "parked", Waiting::new("later"));
        parked.by(Actor::host("test")).await.unwrap();
        let engine = world.engine(&[&one, &two]);
        world.adopt(&engine).await;
        assert_eq!(leads(&engine).await[0].playbook, one.hash);
        let sooner = mapping("parked", "parked").wait(Waiting::new("sooner"));
        let adopted = engine.tenant(TENANT).adopt(vec![sooner]);
        adopted.by(Actor::host("test")).await.unwrap();
        engine.tick().await.unwrap();
        let lead = leads(&engine).await.remove(0);
        assert_eq!(lead.playbook, two.hash);
        assert_eq!(lead.wait.as_ref().unwrap().group, "sooner");
        world.assert_clocks(&two).await;
    });
}
