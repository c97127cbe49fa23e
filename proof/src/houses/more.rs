//! What not every small organisation has: appointments, documents, quotes, referrals, visits.

use crate::dice::Dice;

/// Which of it an organisation has, in all versions of its playbook.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is there or not, whatever the others are"
)]
pub(super) struct More {
    meets: bool,
    files: bool,
    quotes: bool,
    pub(super) refers: bool,
    visits: bool,
}

impl More {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self {
            meets: dice.one_in(2),
            files: dice.one_in(2),
            quotes: dice.one_in(2),
            refers: dice.one_in(2),
            visits: dice.one_in(2),
        }
    }

    fn those_of(&self, of_each: [&'static [&'static str]; 4]) -> Vec<&'static str> {
        let has = [self.meets, self.files, self.quotes, self.refers];
        let had = has.into_iter().zip(of_each).filter(|(has, _)| *has);
        had.flat_map(|(_, texts)| texts).copied().collect()
    }

    /// What rules can count from.
    pub(super) fn anchors(&self) -> Vec<&'static str> {
        self.those_of([
            &[
                "on = \"appointment meeting\"",
                "on = \"held meeting\"",
                "on = \"missed meeting\"",
                "on = \"cancelled meeting\"",
                "on = \"overdue meeting-feedback\"",
            ],
            &["on = \"attached paper\""],
            &[
                "on = \"quoted\"",
                "on = \"quote-expires\"",
                "on = \"accepted\"",
            ],
            &[],
        ])
    }

    /// What rules can ask.
    pub(super) fn conditions(&self) -> Vec<&'static str> {
        self.those_of([
            &[
                "appointments_held(\"meeting\") >= 1",
                "appointment_at(\"meeting\") is present",
                "feedback_due(\"meeting\")",
            ],
            &["attached_at(\"paper\") < now - 1d"],
            &["quote.accepted", "quote.valid_until < now"],
            &["referrer is present and reward is missing"],
        ])
    }

    /// The sections of the playbook.
    pub(super) fn sections(&self) -> String {
        let visits = if self.visits { VISITS } else { "" };
        let sections = self.those_of([&[MEETINGS], &[PAPERS], &[QUOTES], &[REFERRALS]]);
        let sections = sections.into_iter().chain([visits]);
        sections.collect()
    }
}

const MEETINGS: &str = r#"
[appointment.meeting]
label = "Meeting"
lasts = "1 hour"
feedback = { for = "owner", within = "4 hours", of = ["good", "bad"] }
"#;

const PAPERS: &str = r#"
[document]
paper = { label = "Paper" }
photo = { label = "Photo" }
"#;

const QUOTES: &str = r#"
[tax]
vat = { rate = "15 %", label = "VAT" }

[product.car]
label = "Car"
price = "249.00 USD"
tax = "vat"

[quote]
valid = "5 days"
prefix = "Q-"
"#;

const REFERRALS: &str = r#"
[referral]
letters = 4
source = "web"
"#;

const VISITS: &str = r#"
[visits]
zone = "zone"
source = "walk-in"

[visits.result]
interested = { label = "Interested", register = true }
closed = { label = "Closed" }
"#;
