//! When rules are due: business hours, local days, elapsed time.

use super::*;

/// Frappe CRM: a lead of Saturday 15:00 with four business hours is due on Tuesday.
#[test]
fn four_business_hours_from_saturday_afternoon_end_on_monday_at_one() {
    play(
        r#"
[sla.first-contact]
on     = "registered"
within = "4 business hours"
done   = 'stage != "new"'
task   = "First contact"
"#,
        r#"
[[scenario]]
name  = "a lead of Saturday afternoon"
start = "2026-03-07T15:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-03-09T13:00:00+01:00" } }

[[scenario]]
name  = "over the weekend on which the clocks go forward"
start = "2026-03-27T16:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-03-30T12:00:00+02:00" } }

[[scenario]]
name  = "over the weekend on which they go back"
start = "2026-10-23T16:00:00+02:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { due = { first-contact = "2026-10-26T12:00:00+01:00" } }
"#,
    );
}

/// Dittofeed: an hour off across a change of the clocks.
#[test]
fn a_day_ends_at_the_same_local_time_and_24_hours_do_not() {
    play(
        r#"
[[rule]]
name  = "a-day"
on    = "registered"
after = "1 day"
do    = [{ send = "hello" }]

[[rule]]
name  = "24-hours"
on    = "registered"
after = "24 hours"
do    = [{ task = "call" }]
"#,
        r#"
[[scenario]]
name  = "the night on which the clocks go forward"
start = "2026-03-28T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-03-29T10:00:00+02:00"
expect = { mailed = ["hello"], tasks = [], next-at = "2026-03-29T11:00:00+02:00" }

[[scenario.step]]
at     = "2026-03-29T11:00:00+02:00"
expect = { tasks = ["call"], nothing-due = true }

[[scenario]]
name  = "half past two does not exist that night: it comes once, an hour later"
start = "2026-03-28T02:30:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-03-29T03:29:59+02:00"
expect = { mailed = [] }

[[scenario.step]]
at     = "2026-03-29T03:30:00+02:00"
expect = { mailed = ["hello"], tasks = ["call"], nothing-due = true }

[[scenario]]
name  = "half past two comes twice in autumn, and the message once"
start = "2026-10-24T02:30:00+02:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
at     = "2026-10-25T02:30:00+02:00"
expect = { mailed = ["hello"] }

[[scenario.step]]
at     = "2026-10-25T12:00:00+01:00"
expect = { mailed = [], nothing-due = true }
"#,
    );
}
