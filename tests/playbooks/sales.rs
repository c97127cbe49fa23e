//! What carries the requirements of `field-and-digital-sales` from the customer's yes on.

use super::changes::Change;
use super::changes::How::{Instead, Without};

#[rustfmt::skip]
pub(crate) const CHANGES: &[Change] = &[
    Change("M12", "no RUC", Instead(r#"["quote", "accepted", "ruc", "#, r#"["quote", "accepted", "#)),
    Change("M12", "no person", Instead(r#""contact-person", "email", "#, r#""email", "#)),
    Change("M12", "no e-mail address", Instead(r#""email", "phone", "#, r#""phone", "#)),
    Change("M12", "no phone", Instead(r#""phone", "conditions""#, r#""conditions""#)),
    Change("M12", "no conditions", Instead(r#""phone", "conditions"]"#, r#""phone"]"#)),
    Change("M12", "no yes to the last version", Instead(r#"to    = { contract = ["quote", "accepted","#, r#"to    = { contract = ["quote","#)),
    Change("M12", "any number is a RUC", Instead(r#"type = "tax-number", of = "EC""#, r#"type = "text""#)),
    Change("M12", "a way around the acceptance", Instead(r#"to    = { proposal = ["quote"], lost"#, r#"to    = { proposal = ["quote"], contract = [], lost"#)),
    Change("M12", "nobody makes the contract", Instead(r#"do         = [{ task = "make-contract" }]"#, r#"do         = [{ notify = "administration", template = "contract-late" }]"#)),
    Change("M12", "a contract is signed that isn't there", Instead(r#"if = 'attached_at("contract") >= entered_at("contract")', text"#, r#"if = 'open', text"#)),
    Change("M12", "attached is signed", Instead(r#"implementation = ["contract", "signed", "#, r#"implementation = ["contract", "#)),
    Change("M12", "a contract that isn't made is noticed by nobody", Without("contract-late")),
    Change("M10", "advisors send to remarketing", Instead(r#"label = "Para remarketing", by = ["supervisor", "sales-manager"]"#, r#"label = "Para remarketing""#)),
    Change("M13", "the signature opens nothing", Without("contract-signed")),
    Change("M13", "anybody does it", Instead("al asesor\"\nfor    = \"administration\"", "al asesor\"")),
    Change("M13", "within a day", Instead("al asesor\"\nfor    = \"administration\"\nwithin = \"1 business hour\"", "al asesor\"\nfor    = \"administration\"\nwithin = \"1 business day\"")),
    Change("M13", "anybody records the invoice", Instead(r#"asks = ["invoice_number"], by = ["administration"]"#, r#"asks = ["invoice_number"]"#)),
    Change("M13", "the invoice has no number", Instead(r#"asks = ["invoice_number"], "#, "")),
    Change("M13", "invoiced is paid", Instead(r#" and recorded_at("collected") >= entered_at'"#, "'")),
    Change("M13", "no implementation", Instead(r#"[{ move = "implementation" }, { notify = "owner", template = "collected" }]"#, r#"[{ notify = "owner", template = "collected" }]"#)),
    Change("M13", "the advisor is not told", Instead(r#"[{ move = "implementation" }, { notify = "owner", template = "collected" }]"#, r#"[{ move = "implementation" }]"#)),
    Change("M13", "an invoice that isn't made is noticed by nobody", Without("invoice-late")),
    Change("M14", "nothing is to be done", Instead(r#"do         = [{ task = "implement" }]"#, r#"do         = [{ notify = "owner", template = "collected" }]"#)),
    Change("M14", "only the advisor does it", Instead(r#"do = [{ task = "implement-for-advisor" }]"#, r#"do = [{ task = "implement" }]"#)),
    Change("M14", "no training", Instead(r#"customer = ["trained", "#, r#"customer = ["#)),
    Change("M14", "nothing is set up", Instead(r#""set-up", "acceptance-act"]"#, r#""acceptance-act"]"#)),
    Change("M14", "no signed act", Instead(r#""set-up", "acceptance-act"]"#, r#""set-up"]"#)),
    Change("M14", "supervisors, who own leads too, can't bring it", Instead(r#""quote", "attach", "unsubscribe", "back-date", "plan-visits"]"#, r#""quote", "unsubscribe", "back-date", "plan-visits"]"#)),
    Change("M15", "the period never ends", Without("first-period")),
    Change("M15", "a customer whose advisor left is nobody's", Without("customer-of-nobody")),
    Change("M15", "a year from when it is told", Instead(r#"to = "entered_at + 1 year""#, r#"to = "now + 1 year""#)),
    Change("M15", "nobody renews", Without("[reminder.renewal]")),
    Change("M15", "a week before", Instead(r#"["30 days before"]"#, r#"["7 days before"]"#)),
    Change("M15", "once only", Instead(r#"do = [{ set = "period_end", to = "period_end + 12 months" }]"#, "do = []")),
    Change("M15", "a renewal that nobody asks for is noticed by nobody", Without("not-asked-for-renewal")),
    Change("M17", "a customer is no sale", Instead("label = \"CLIENTE\"\nfinal = \"won\"", "label = \"CLIENTE\"\nfinal = \"kept\"")),
];
