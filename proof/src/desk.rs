//! The desk: random commands by random actors, as a busy and careless organisation would send them.

use chrono::{Days, NaiveDate};
use leadkit::decide::command::{
    Actor, AgentSetup, Command, Completion, Fate, LeadOrder, NewLead, NewSweep, Waiting, What,
};
use leadkit::ids::{AgentId, MessageId, Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::pipeline::Field;
use leadkit::record::Lead;
use leadkit::time::Instant;
use leadkit::value::{Number, Value, ValueType};
use smol_str::{SmolStr, format_smolstr};

use crate::dice::Dice;

/// The people who work here.
pub const AGENTS: [&str; 8] = [
    "ana", "bea", "carla", "dora", "elsa", "sofia", "marco", "nora",
];
const CITIES: [&str; 3] = ["Quito", "Cuenca", "Loja"];
const ADDRESSES: [&str; 7] = [
    "luis@example.com",
    " Luis@Example.COM ",
    "eva@example.com",
    "eva@EXAMPLE.com",
    "rosa@example.net",
    "teo@bücher.example",
    "teo@xn--bcher-kva.example",
];
const REASONS: [&str; 3] = ["too dear", "", "bought elsewhere"];

/// What can be seen of an organisation by who sends it commands.
#[derive(Debug)]
pub struct View<'a> {
    /// The organisation.
    pub tenant: &'a Tenant,
    /// One of its playbooks.
    pub book: &'a Playbook,
    /// Its leads.
    pub leads: &'a [&'a Lead],
    /// Its messages.
    pub messages: &'a [MessageId],
    /// What the clock of whoever asks shows.
    pub now: Instant,
}

/// The first thing that an organisation does: it sets up its people.
#[must_use]
pub fn set_up(tenant: &Tenant, book: &Playbook, dice: &mut Dice) -> Vec<Command> {
    let agents = AGENTS.iter().enumerate();
    let commands = agents.map(|(place, agent)| {
        // Each role has somebody.
        let role = match book.roles.get(place) {
            Some(role) => role,
            None => dice.pick_in(&book.roles),
        };
        let mut setup = AgentSetup::new(*agent)
            .name(*agent)
            .email(format_smolstr!("{agent}@desk.example"))
            .role(role.name.clone())
            .cities(CITIES.iter().copied().filter(|_| !dice.one_in(3)));
        if dice.one_in(3) {
            setup = setup.capacity(u32::try_from(dice.below(6)).unwrap_or(1));
        }
        if dice.one_in(2) {
            setup = setup.team(dice.pick(&["north", "south"]));
        }
        by_host(tenant, What::SetUpAgent(Box::new(setup)))
    });
    commands.collect()
}

fn by_host(tenant: &Tenant, what: What) -> Command {
    Command {
        tenant: tenant.clone(),
        actor: Actor::host("desk"),
        happened_at: None,
        what,
    }
}

impl View<'_> {
    /// Some command.
    #[must_use]
    pub fn command(&self, dice: &mut Dice) -> Command {
        let lead = self.any_lead(dice);
        let what = match (dice.below(100), lead) {
            (0..=3, _) => What::SetUpAgent(Box::new(self.change_agent(dice))),
            (4..=6, _) => What::StartSweep(Box::new(self.sweep(dice))),
            (7..=12, _) if !self.messages.is_empty() => What::SettleMessage {
                message: dice.pick(self.messages),
                fate: dice.pick(&[
                    Fate::Accepted,
                    Fate::Delivered,
                    Fate::SendAgain,
                    Fate::Withdrawn,
                    Fate::Retry,
                ]),
            },
            (13..=34, _) | (_, None) => What::Register(Box::new(self.new_lead(dice))),
            (_, Some(lead)) => What::Lead {
                lead: lead.id,
                order: self.order(lead, dice),
            },
        };
        let owner = lead.and_then(Lead::owner_id);
        let actor = match (dice.below(6), owner) {
            (0, Some(owner)) => Actor::Agent(owner.clone()),
            (1, _) => Actor::agent(dice.pick(&AGENTS)),
            (2, _) => Actor::import(dice.pick(&AGENTS)),
            _ => Actor::host("desk"),
        };
        let happened_at = dice.one_in(5).then(|| {
            let ago = dice.seconds(0, 40 * 24 * 3_600);
            self.now.checked_sub_signed(ago).unwrap_or(self.now)
        });
        Command {
            tenant: self.tenant.clone(),
            actor,
            happened_at,
            what,
        }
    }

    fn change_agent(&self, dice: &mut Dice) -> AgentSetup {
        let setup = AgentSetup::new(dice.pick(&AGENTS));
        match dice.below(5) {
            0 => setup.available(dice.one_in(2)),
            1 => setup.capacity(u32::try_from(dice.below(9)).unwrap_or(1)),
            2 => setup.team(dice.pick(&["north", "south"])),
            3 => setup.role(dice.pick_in(&self.book.roles).name.clone()),
            _ => setup.cities(CITIES.iter().copied().filter(|_| !dice.one_in(2))),
        }
    }

    /// Some lead, an open one rather than a closed one.
    fn any_lead(&self, dice: &mut Dice) -> Option<&Lead> {
        let first = dice.any(self.leads)?;
        let second = dice.any(self.leads)?;
        Some(if first.is_open() { first } else { second })
    }

    fn new_lead(&self, dice: &mut Dice) -> NewLead {
        let number = dice.below(1_000);
        let mut new = NewLead::new(format_smolstr!("Luis Vera {number}"));
        if !dice.one_in(6) {
            new = new.email(dice.pick(&ADDRESSES));
        } else if dice.one_in(2) {
            new = new.phone("+593 99 123 4567");
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
            return Value::Text(kinds.example().into());
        }
        match field.value_type {
            ValueType::Bool => Value::Bool(dice.one_in(2)),
            ValueType::Number => Value::Number(Number::from(u32::from(dice.one_in(2)) * 3)),
            ValueType::Text => Value::Text((dice.pick(&CITIES)).into()),
            ValueType::Date => Value::Date(self.day(dice)),
            ValueType::Instant => Value::Instant(self.soon(dice)),
        }
    }

    fn day(&self, dice: &mut Dice) -> NaiveDate {
        let today = self.now.date_naive();
        let days = Days::new(u64::try_from(dice.between(0, 40)).unwrap_or(0));
        let moved = match dice.one_in(4) {
            true => today.checked_sub_days(days),
            false => today.checked_add_days(days),
        };
        moved.unwrap_or(today)
    }

    fn soon(&self, dice: &mut Dice) -> Instant {
        let by = dice.seconds(-86_400, 10 * 86_400);
        self.now.checked_add_signed(by).unwrap_or(self.now)
    }

    fn order(&self, lead: &Lead, dice: &mut Dice) -> LeadOrder {
        match dice.below(40) {
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
            _ => match dice.any(&self.book.activities) {
                Some(activity) => LeadOrder::Record {
                    activity: activity.name.clone(),
                    fields: Vec::new(),
                },
                None => LeadOrder::Answered,
            },
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

    fn fields(&self, dice: &mut Dice) -> Vec<(Name, Option<Value>)> {
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

    fn sweep(&self, dice: &mut Dice) -> NewSweep {
        let audience = dice.pick(&[
            "open",
            "not open",
            "attempts.total < 2",
            "contact.unsubscribed",
            "owner is missing",
            "registered_at < now - 3d",
            "open and reassignments == 0",
        ]);
        let order = match dice.below(6) {
            0 => LeadOrder::Answered,
            1 => LeadOrder::Attempt { reached: false },
            2 => LeadOrder::Reassign {
                to: AgentId::from(dice.pick(&AGENTS)),
            },
            3 => LeadOrder::SetFields {
                fields: self.fields(dice),
            },
            4 => match dice.any(&self.book.holds) {
                Some(hold) => LeadOrder::Hold { hold: hold.clone() },
                None => LeadOrder::Answered,
            },
            _ => match dice.any(&self.book.activities) {
                Some(activity) => LeadOrder::Record {
                    activity: activity.name.clone(),
                    fields: Vec::new(),
                },
                None => LeadOrder::Answered,
            },
        };
        NewSweep {
            name: Name::from(dice.pick(&["spring", "recall"])),
            audience: audience.into(),
            order,
            starts_at: dice.one_in(2).then(|| self.soon(dice)),
            every_days: dice
                .one_in(4)
                .then(|| u32::try_from(dice.between(1, 30)).unwrap_or(1)),
        }
    }
}
