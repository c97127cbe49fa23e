//! Renewals: dates that are reckoned, and the period that begins when a customer is renewed.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use shop::{folder, play};

const PERIODS: &str = r#"
[field.signed_at]
type = "instant"

[field.period_end]
type = "date"

[field.noted]
type = "date"

[pipeline.deals]
start = "offer"

[pipeline.deals.stage]
offer = { to = { sold = [] } }
sold  = { final = "won", to = ["offer"] }

[[route]]
to = "deals.offer"

[[rule]]
name = "first-period"
on   = "entered sold"
do   = [{ set = "period_end", to = "now + 1 year" }, { set = "noted", to = "signed_at - 1 month" }]

[task.renew]
text           = "Renew until {{ period_end }}"
outlives-lead  = true
choices        = { renewed = { do = { set = "period_end", to = "period_end + 12 months" } }, gone = {} }

[reminder.renewal]
stage = "sold"
of    = "period_end"
at    = ["30 days before"]
do    = { task = "renew" }
"#;

#[test]
fn the_next_period_begins_where_the_last_one_ends_when_it_is_renewed() {
    play(
        PERIODS,
        r#"
[[scenario]]
name  = "sold on a leap day, and renewed"
start = "2028-02-29T23:30:00+01:00"        # in London it is still Tuesday; the zone's day counts

[[scenario.step]]
register = { ref = "luis", name = "Luis", owner = "ana" }

[[scenario.step]]
move   = { to = "sold", by = "ana" }
expect = { fields = { period_end = 2029-02-28 }, next-at = "2029-01-29T00:00:00+01:00", history = "could not set [signed_at]" }

[[scenario.step]]
at     = "2029-01-29T00:00:00+01:00"
expect = { tasks = ["renew"] }

[[scenario.step]]
at       = "2029-02-10T10:00:00+01:00"
complete = { task = "renew", choice = "renewed", by = "ana" }
expect   = { fields = { period_end = 2030-02-28 }, next-at = "2030-01-29T00:00:00+01:00" }

[[scenario.step]]
at     = "2030-01-29T00:00:00+01:00"
expect = { tasks = ["renew"] }

[[scenario.step]]
complete = { task = "renew", choice = "gone", by = "ana" }
expect   = { nothing-due = true }
"#,
    );
}

#[test]
fn what_cannot_be_reckoned_is_a_fault() {
    for (to, hint) in [
        ("signed + 1 year", "did you mean `signed_at`?"),
        ("now + 2 hours", "as in `now + 1 year`"),
        ("now + 2 business days", "as in `now + 1 year`"),
        ("now + a year", "as in `now + 1 year`"),
        ("now + its own wait", "as in `now + 1 year`"),
    ] {
        let faulty = PERIODS.replace("now + 1 year", to);
        let faults = Playbook::read(&folder(&faulty, "")).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{to}: {faults:#?}");
        let told = faults[0].hint.as_deref().unwrap_or_default();
        assert!(told.starts_with(hint), "{to}: {told}");
    }
}
