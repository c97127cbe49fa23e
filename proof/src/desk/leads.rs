//! What is asked about leads: taking them in, and whatever is done with them.

use leadkit::decide::command::{Completion, LeadOrder, NewLead, Waiting};
use leadkit::ids::{AgentId, Name};
use leadkit::playbook::pipeline::Field;
use leadkit::record::Lead;
use leadkit::value::{Number, Value, ValueType};
use smol_str::{SmolStr, format_smolstr};

use super::contacts::{address, correction, phone, tax_number};
use super::{AGENTS, CITIES, View};
use crate::dice::Dice;

const REASONS: [&str; 3] = ["too dear", "", "bought elsewhere"];

impl View<'_> {
    pub(super) fn new_lead(&self, dice: &mut Dice) -> NewLead {
        let number = dice.below(1_000);
        let mut new = NewLead::new(format_smolstr!("Luis Vera {number}"));
        let has_email = !dice.one_in(6);
        if has_email {
            new = new.email(address(self.tenant, dice));
        }
        if dice.one_in(if has_email { 3 } else { 2 }) {
            new = new.phone(phone(dice));
        }
        if let Some(source) = dice.any(&self.book.sources) {
            new = new.source(source.name.clone());
        }
        if let Some(group) = dice.any(&self.book.waits)
            && dice.one_in(2)
        {
            new = new.wait(group.name.clone());
            if dice.one_in(2) {
                let days = dice.between(0, 200);
                new = new.wait_days(u32::try_from(days).unwrap_or(1));
            }
        }
        if dice.one_in(8) {
            new = new.owner(dice.pick(&AGENTS));
        }
        let codes = self.agents.iter();
        let codes: Vec<_> = codes
            .filter_map(|agent| agent.referral_code.as_ref())
            .collect();
        if let Some(code) = dice.any(&codes)
            && dice.one_in(4)
        {
            new = new.referral(code.as_str());
        }
        if let Some(spec) = dice.any(&self.book.appointments)
            && dice.one_in(10)
        {
            new = new.appointment(spec.name.clone(), self.soon(dice));
        }
        for field in &self.book.fields {
            if (field.required && !dice.one_in(20)) || dice.one_in(2) {
                new = new.field(field.name.clone(), self.value(field, dice));
            }
        }
        new
    }

    fn value(&self, field: &Field, dice: &mut Dice) -> Value {
        if let Some(choice) = dice.any(&field.choices) {
            return Value::Text(choice.clone());
        }
        if let Some(kinds) = &field.tax_numbers {
            return Value::Text(tax_number(kinds, dice));
        }
        match field.value_type {
            ValueType::Bool => Value::Bool(dice.one_in(2)),
            ValueType::Number => Value::Number(Number::from(u32::from(dice.one_in(2)) * 3)),
            ValueType::Text => Value::Text((dice.pick(&CITIES)).into()),
            ValueType::Date => Value::Date(self.day(dice)),
            ValueType::Instant => Value::Instant(self.soon(dice)),
        }
    }

    pub(super) fn order(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        match dice.below(56) {
            0..=6 => LeadOrder::Attempt {
                reached: dice.one_in(3),
            },
            7..=9 => LeadOrder::Answered,
            10..=19 => self.movement(lead, dice),
            20 | 21 => self.closing(lead, dice),
            22 | 23 => LeadOrder::Reopen {
                stage: self.stage(lead, dice),
                wait: self.waiting(dice),
            },
            24 | 25 => match dice.any(&self.book.pools) {
                Some(pool) => LeadOrder::Assign {
                    pool: pool.name.clone(),
                },
                None => LeadOrder::Answered,
            },
            26 | 27 => LeadOrder::Reassign {
                to: AgentId::from(dice.pick(&AGENTS)),
            },
            28 | 29 => match dice.any(&self.book.holds) {
                Some(hold) if lead.running_hold(hold).is_some() => {
                    LeadOrder::Release { hold: hold.clone() }
                }
                Some(hold) => LeadOrder::Hold { hold: hold.clone() },
                None => LeadOrder::Answered,
            },
            30..=32 => LeadOrder::SetFields {
                fields: self.fields(dice),
            },
            33..=35 => self.completion(lead, dice),
            36 => LeadOrder::Unsubscribe,
            37 => LeadOrder::Retry,
            38 => LeadOrder::FollowOwner,
            39..=41 => LeadOrder::CorrectContact(correction(dice)),
            42 | 43 => LeadOrder::GiveEmail {
                email: address(self.tenant, dice),
            },
            44..=49 => self.appointment(lead, dice).unwrap_or(LeadOrder::Answered),
            50 | 51 => self.document(dice).unwrap_or(LeadOrder::Answered),
            52..=54 => self.quote(lead, dice),
            _ => self.activity(dice),
        }
    }

    /// An activity, mostly with the fields that it asks for.
    pub(super) fn activity(&self, dice: &mut Dice) -> LeadOrder {
        let Some(spec) = dice.any(&self.book.activities) else {
            return LeadOrder::Answered;
        };
        let asked = spec.asks.iter().filter_map(|name| self.book.field(name));
        let asked = asked.filter(|_| !dice.one_in(8)).collect::<Vec<_>>();
        let fields = asked.into_iter();
        LeadOrder::Record {
            activity: spec.name.clone(),
            fields: fields
                .map(|field| (field.name.clone(), Some(self.value(field, dice))))
                .collect(),
        }
    }

    /// Some stage: more often one that the lead can go to.
    fn stage(&self, lead: &Lead, dice: &mut Dice) -> Name {
        let stage = self.book.stage(&lead.pipeline, &lead.stage);
        let ways = stage.map_or(&[][..], |stage| &stage.ways);
        if let Some(way) = dice.any(ways)
            && !dice.one_in(6)
        {
            return way.to.clone();
        }
        let pipelines = self.book.pipelines.iter();
        let stages: Vec<&Name> = pipelines
            .flat_map(|pipeline| pipeline.stages.iter().map(|stage| &stage.name))
            .collect();
        dice.pick(&stages).clone()
    }

    fn movement(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        let stage = self.stage(lead, dice);
        let reason = dice
            .one_in(2)
            .then(|| SmolStr::new_static(dice.pick(&REASONS)));
        let wait = self.waiting(dice);
        LeadOrder::MoveTo {
            stage,
            reason,
            wait,
        }
    }

    fn waiting(&self, dice: &mut Dice) -> Option<Waiting> {
        let group = dice.any(&self.book.waits)?;
        dice.one_in(3).then(|| Waiting::new(group.name.clone()))
    }

    fn closing(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        let stage = self.stage(lead, dice);
        let reason = Some(SmolStr::new_static(dice.pick(&REASONS)));
        LeadOrder::Close { stage, reason }
    }

    pub(super) fn fields(&self, dice: &mut Dice) -> Vec<(Name, Option<Value>)> {
        let mut set = Vec::new();
        for field in &self.book.fields {
            if dice.one_in(3) {
                let value = (!dice.one_in(5)).then(|| self.value(field, dice));
                set.push((field.name.clone(), value));
            }
        }
        set
    }

    fn completion(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        let open: Vec<&Name> = lead
            .tasks
            .iter()
            .filter(|task| task.ended.is_none())
            .map(|task| &task.name)
            .collect();
        let specs = &self.book.tasks;
        let task = dice.any(&open).map(|task| Name::clone(task));
        let task = task.or_else(|| dice.any(specs).map(|spec| spec.name.clone()));
        let task = task.unwrap_or_else(|| Name::from("nothing"));
        let choices = self.book.task(&task).map(|spec| spec.choices.as_slice());
        let choice = dice.any(choices.unwrap_or_default());
        let choice = choice.map(|choice| choice.name.clone());
        let mut completion = Completion::new(task);
        completion.choice = choice;
        LeadOrder::Complete(Box::new(completion))
    }
}
