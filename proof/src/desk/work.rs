//! What is done for a lead beside talking: appointments, documents, quotes.

use leadkit::decide::command::{LeadOrder, NewDocument, NewQuote, NewQuoteLine};
use leadkit::ids::{AgentId, Name};
use leadkit::record::Lead;
use leadkit::record::appointment::Became;
use leadkit::record::document::Sha256;
use leadkit::time::Elapsed;
use smol_str::{SmolStr, format_smolstr};

use super::{AGENTS, View};
use crate::dice::Dice;

impl View<'_> {
    /// An order about an appointment; `None`, where the playbook has none.
    pub(super) fn appointment(&self, lead: &Lead, dice: &mut Dice) -> Option<LeadOrder> {
        let spec = dice.any(&self.book.appointments)?;
        let appointment = spec.name.clone();
        let is_open = lead.appointment(&appointment).is_some();
        let choice = dice.below(10);
        Some(match (choice, is_open) {
            (0..=1, true) | (2, false) => LeadOrder::MoveAppointment {
                appointment,
                to: self.soon(dice),
            },
            (2..=6, true) | (3, false) => LeadOrder::EndAppointment {
                appointment,
                how: dice.pick(&[
                    Became::Held,
                    Became::Held,
                    Became::Missed,
                    Became::Cancelled,
                ]),
            },
            (7..=8, _) => LeadOrder::GiveFeedback {
                appointment,
                says: SmolStr::new_static(dice.pick(&["good", "bad", ""])),
            },
            _ => LeadOrder::Book {
                appointment,
                // Often so soon that what becomes of it can be told.
                at: match dice.one_in(2) {
                    true => self.now + Elapsed::minutes(dice.between(0, 300)),
                    false => self.soon(dice),
                },
                with: dice.one_in(3).then(|| AgentId::from(dice.pick(&AGENTS))),
            },
        })
    }

    /// A document; `None`, where the playbook has none.
    pub(super) fn document(&self, dice: &mut Dice) -> Option<LeadOrder> {
        let document = dice.any(&self.book.documents)?.name.clone();
        // Few files, so that one comes again.
        let file = dice.below(4);
        let sha256: Sha256 = format!("{file:064x}").parse().ok()?;
        let uri = format_smolstr!("https://files.example/{file}");
        let file = Box::new(NewDocument::new("Contrato.pdf", uri, sha256));
        Some(LeadOrder::Attach { document, file })
    }

    /// A quote, or what is said to one.
    pub(super) fn quote(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        let current = lead.quotes.last().map_or(1, |quote| quote.version);
        // Now and then another version than the one that counts.
        let version = current.saturating_sub(u32::from(dice.one_in(6)));
        match (dice.below(6), lead.quotes.last()) {
            (0..=1, Some(_)) | (0, None) => LeadOrder::AcceptQuote { version },
            (2..=3, Some(_)) => LeadOrder::DeclineQuote {
                version,
                reason: dice.one_in(2).then(|| "too dear".into()),
            },
            _ => LeadOrder::MakeQuote(Box::new(self.new_quote(dice))),
        }
    }

    fn new_quote(&self, dice: &mut Dice) -> NewQuote {
        let mut quote = NewQuote::default();
        for _ in 0..dice.between(0, 3) {
            let product = dice.any(&self.book.products);
            let product = product.map_or_else(|| Name::from("car"), |known| known.name.clone());
            let many = u32::try_from(dice.below(4)).unwrap_or(1);
            quote = quote.line(NewQuoteLine::of_product(product).quantity(many.into()));
        }
        match dice.one_in(2) {
            true => quote.valid_for_days(u32::try_from(dice.below(20)).unwrap_or(1)),
            false => quote,
        }
    }
}
