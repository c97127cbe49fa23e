//! The desk: random commands by random actors, as a busy and careless organisation would send them.

use chrono::{Days, NaiveDate};
use leadkit::decide::command::{Actor, AgentSetup, Command, Fate, LeadOrder, NewSweep, What};
use leadkit::ids::{AgentId, MessageId, Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::people::Detail;
use leadkit::record::visits::VisitPlan;
use leadkit::record::{Agent, Contact, Lead};
use leadkit::time::Instant;
use smol_str::format_smolstr;

use crate::dice::Dice;

mod contacts;
mod field;
mod leads;
mod people;
mod work;

pub use field::zones;

/// The people who work here.
pub const AGENTS: [&str; 8] = [
    "ana", "bea", "carla", "dora", "elsa", "sofia", "marco", "nora",
];
const CITIES: [&str; 3] = ["Quito", "Cuenca", "Loja"];

/// What can be seen of an organisation by who sends it commands.
#[derive(Debug)]
pub struct View<'a> {
    /// The organisation.
    pub tenant: &'a Tenant,
    /// One of its playbooks.
    pub book: &'a Playbook,
    /// Its leads.
    pub leads: &'a [&'a Lead],
    /// Its contacts, also those that were merged.
    pub contacts: &'a [&'a Contact],
    /// Its agents, also those who left.
    pub agents: &'a [&'a Agent],
    /// Its visit plans.
    pub plans: &'a [&'a VisitPlan],
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
            .email(format_smolstr!("{agent}@{tenant}.desk.example"))
            .role(role.name.clone())
            .cities(some_of(CITIES, role.needs.contains(&Detail::Cities), dice));
        if dice.one_in(3) {
            setup = setup.capacity(u32::try_from(dice.below(6)).unwrap_or(1));
        }
        if dice.one_in(2) || role.needs.contains(&Detail::Team) {
            setup = setup.team(people::team(book, dice));
        }
        setup = setup.zones(some_of(
            zones(book),
            role.needs.contains(&Detail::Zones),
            dice,
        ));
        Command {
            tenant: tenant.clone(),
            actor: Actor::host("desk"),
            happened_at: None,
            what: What::SetUpAgent(Box::new(setup)),
        }
    });
    commands.collect()
}

/// Some of these; at least the first, where one is needed.
fn some_of<T>(all: impl IntoIterator<Item = T>, is_needed: bool, dice: &mut Dice) -> Vec<T> {
    let all = all.into_iter().enumerate();
    let some = all.filter(|(place, _)| !dice.one_in(3) || (is_needed && *place == 0));
    some.map(|(_, one)| one).collect()
}

impl View<'_> {
    /// Some command.
    #[must_use]
    pub fn command(&self, dice: &mut Dice) -> Command {
        let lead = self.any_lead(dice);
        let what = match (dice.below(120), lead) {
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
            (100..=111, _) if !self.contacts.is_empty() => self.about_contacts(dice),
            (112, _) if dice.one_in(2) => What::Leave(Box::new(self.leaving(dice))),
            (113, _) => What::TellReferralCode {
                agent: AgentId::from(dice.pick(&AGENTS)),
            },
            (114..=119, _) => self.about_visits(dice),
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

    /// Some lead, an open one rather than a closed one.
    fn any_lead(&self, dice: &mut Dice) -> Option<&Lead> {
        let first = dice.any(self.leads)?;
        let second = dice.any(self.leads)?;
        Some(if first.is_open() { first } else { second })
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
            _ => self.activity(dice),
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
