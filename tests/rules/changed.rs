//! Leads under a playbook that changes.

use super::*;

/// The same for what a new service level or a new condition over time would have done.
#[test]
fn a_changed_playbook_takes_no_lead_away_whose_time_was_over_before_it() {
    let rules = r#"
[sla.first-contact]
on     = "registered"
within = "4 business hours"
done   = 'stage != "new"'
task   = "First contact"
late   = [{ send = "hello" }]

[[rule]]
name = "silent"
when = 'attempted_at < now - 2d or attempted_at is missing'
do   = [{ send = "hello" }]
"#;

    assert_eq!(messages_by_day("", rules), [0; 20]);
    // What it does to a lead that comes later is another matter.
    assert_eq!(messages_by_day(rules, rules)[0], 2);
}

/// What a playbook that is adopted after ten days does to a lead of the first day, until the
/// thirtieth: how many messages the contact has, day by day.
fn messages_after_adoption(late: &str) -> Vec<usize> {
    let rule = format!(
        r#"
[[rule]]
name  = "welcome"
on    = "registered"
after = "5 days"
{late}
do    = [{{ send = "hello" }}]

[[rule]]
name  = "check-in"
on    = "registered"
after = "20 days"
do    = [{{ send = "hello" }}]
"#
    );
    messages_by_day("", &rule)
}

fn messages_by_day(old: &str, new: &str) -> Vec<usize> {
    let (old, new) = (read(&folder(old, "")), read(&folder(new, "")));
    let (old, new) = (Arc::new(old), Arc::new(new));
    let start = at("2026-03-02T10:00:00+01:00");
    pollster::block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let (clock, mailer) = (VirtualClock::at(start), MemoryMailer::default());
        let engine = |playbooks: &[&Arc<Playbook>]| {
            let mut builder = Engine::builder_on(store.clone())
                .clock(clock.clone())
                .mailer("email", mailer.clone())
                .seed(0);
            for playbook in playbooks {
                builder = builder.playbook("shop", (*playbook).clone());
            }
            builder.build().expect("an engine")
        };
        let before = engine(&[&old]);
        let luis = NewLead::new("Luis").email("luis@example.com");
        let lead = before
            .tenant("shop")
            .register(luis)
            .by(desk())
            .await
            .expect("a lead");
        let ten_days = start + Elapsed::days(10);
        before
            .live_until(&clock, ten_days, |_, _| {})
            .await
            .expect("time");
        drop(before);

        let after = engine(&[&old, &new]);
        after
            .tenant("shop")
            .adopt(Vec::new())
            .by(desk())
            .await
            .expect("adopted");
        let mut messages = Vec::new();
        for day in 10..30 {
            let until = start + Elapsed::days(day);
            after
                .live_until(&clock, until, |_, _| {})
                .await
                .expect("time");
            after.tick().await.expect("a tick");
            messages.push(mailer.mailbox("luis@example.com").len());
        }
        let lead = after.tenant("shop").lead(lead.id).await.expect("a store");
        assert_eq!(lead.expect("the lead").playbook, new.hash);
        messages
    })
}

/// Several peers: an automation that is published again sends its whole backlog at once.
#[test]
fn a_changed_playbook_sends_no_backlog_unless_it_says_so() {
    let skipped = messages_after_adoption("");
    assert_eq!(skipped[..10], [0; 10]);
    assert_eq!(skipped[10..], [1; 10], "what is still ahead comes");

    let fired = messages_after_adoption(r#"late-start = "fire""#);
    assert_eq!(fired[..10], [1; 10]);
    assert_eq!(fired[10..], [2; 10]);

    let spread = messages_after_adoption(r#"late-start = "6 days""#);
    assert_eq!(spread[0], 0, "not at once");
    assert_eq!(spread[6], 1, "within six days");
    assert_eq!(spread[19], 2);
}

/// A CRM that writes all its fields again and again must not make us forget.
#[test]
fn a_date_that_is_told_again_is_no_news() {
    let folder = folder(
        "[reminder.tomorrow]\nof = \"delivery\"\nat = [\"1 day before\"]\ndo = [{ send = \"hello\", class = \"alert\" }]\n",
        "",
    );
    let playbook = Arc::new(read(&folder));
    pollster::block_on(async {
        let clock = VirtualClock::at(at("2026-03-02T09:00:00Z"));
        let engine = Engine::builder(MemoryStore::default())
            .playbook("shop", playbook)
            .mailer("email", MemoryMailer::default())
            .clock(clock.clone())
            .build()
            .unwrap();
        let shop = engine.tenant("shop");
        let delivery = at("2026-03-03T10:00:00Z");
        let luis = NewLead::new("Luis")
            .email("luis@example.com")
            .field("delivery", delivery);
        let lead = shop.register(luis).by(desk()).await.unwrap();
        // The reminder is due at ten, and the process is down until half past.
        clock.advance(Elapsed::minutes(90));
        shop.set(lead.id, "delivery", delivery)
            .by(desk())
            .await
            .unwrap();
        engine.tick().await.unwrap();
        let messages = shop.messages("", None, 10).await.unwrap().whole().unwrap();
        assert_eq!(messages.len(), 1);
    });
}
