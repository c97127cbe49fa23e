//! Activities that ask for fields: what is missing is told at once, and who may record them.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use shop::{folder, play};

const INVOICE: &str = r#"
[role.administration]
may = ["record"]

[field.invoice_number]
type = "text"

[field.invoice_amount]
type = "number"

[activity.call]

[activity.invoice]
label = "Invoice issued"
asks  = ["invoice_number", "invoice_amount"]
by    = ["administration"]
"#;

#[test]
fn an_invoice_is_recorded_with_its_number_and_amount_by_administration_alone() {
    play(
        INVOICE,
        r#"
[[agent]]
id    = "ada"
name  = "Ada"
email = "ada@example.com"
role  = "administration"

[[scenario]]
name  = "two invoices"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
record = { activity = "invoice", by = "ada" }
expect = { refused = ["invoice_number", "invoice_amount"] }

[[scenario.step]]                           # what is missing, what doesn't fit and what isn't asked for, at once
record = { activity = "invoice", invoice_amount = "much", city = "Quito", by = "ada" }
expect = { refused = ["invoice_number", "invoice_amount", "city"], refusal-says = "asked for: invoice_number, invoice_amount" }

[[scenario.step]]
record = { activity = "invoice", invoice_number = "F-1", invoice_amount = 115, by = "ana" }
expect = { refused = ["not-permitted"], refusal-says = "who may: administration" }

[[scenario.step]]
record = { activity = "call", city = "Quito", by = "ana" }
expect = { refused = ["city"], refusal-says = "asked for: nothing" }

[[scenario.step]]
record = { activity = "invoice", invoice_number = "F-1", invoice_amount = 115, by = "ada" }
expect = { fields = { invoice_number = "F-1", invoice_amount = 115 }, history = "set invoice_number, invoice_amount" }

[[scenario.step]]                           # a second one has a number of its own
record = { activity = "invoice", invoice_amount = 23, by = "ada" }
expect = { refused = ["invoice_number"] }

[[scenario.step]]
record = { activity = "invoice", invoice_number = "F-2", invoice_amount = 23, by = "ada" }
expect = { fields = { invoice_number = "F-2", invoice_amount = 23 } }
"#,
    );
}

#[test]
fn an_activity_asks_for_fields_that_there_are() {
    let faulty = INVOICE.replace("\"invoice_amount\"]", "\"invoice_amont\"]");
    let faults = Playbook::read(&folder(&faulty, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let hint = faults[0].hint.as_deref();
    assert_eq!(hint, Some("did you mean `invoice_amount`?"));
}
