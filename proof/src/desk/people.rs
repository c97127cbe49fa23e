//! What is asked about agents: changes, absences, leaving.

use leadkit::decide::command::{AgentSetup, Leaving};
use leadkit::ids::Name;
use leadkit::playbook::Playbook;
use leadkit::time::Elapsed;
use smol_str::SmolStr;

use super::{AGENTS, CITIES, View, field};
use crate::dice::Dice;

/// A team of the playbook's, or one that it says nothing of.
pub(super) fn team(book: &Playbook, dice: &mut Dice) -> Name {
    match dice.any(&book.teams) {
        Some(team) => team.name.clone(),
        None => Name::from(dice.pick(&["north", "south"])),
    }
}

impl View<'_> {
    pub(super) fn change_agent(&self, dice: &mut Dice) -> AgentSetup {
        let setup = AgentSetup::new(dice.pick(&AGENTS));
        match dice.below(8) {
            0 => setup.available(dice.one_in(2)),
            1 => setup.capacity(u32::try_from(dice.below(9)).unwrap_or(1)),
            2 => setup.team(team(self.book, dice)),
            3 => setup.role(dice.pick_in(&self.book.roles).name.clone()),
            4 => self.absent(setup, dice),
            5 => setup.available(true).without_capacity(),
            6 => {
                let zones = field::zones(self.book).into_iter();
                setup.zones(zones.filter(|_| !dice.one_in(3)))
            }
            _ => setup.cities(CITIES.iter().copied().filter(|_| !dice.one_in(2))),
        }
    }

    /// Away for some time, which may be now; or for none, which can't be.
    fn absent(&self, setup: AgentSetup, dice: &mut Dice) -> AgentSetup {
        let from = self.soon(dice);
        let until = from + Elapsed::hours(dice.between(0, 200));
        setup.away(from, until)
    }

    pub(super) fn leaving(&self, dice: &mut Dice) -> Leaving {
        let mut leaving = Leaving::new(dice.pick(&AGENTS), self.heir(dice));
        if let Some(pipeline) = dice.any(&self.book.pipelines)
            && dice.one_in(3)
        {
            leaving = leaving.in_pipeline(pipeline.name.clone(), self.heir(dice));
        }
        match dice.one_in(2) {
            true => leaving.or_else(self.heir(dice)),
            false => leaving,
        }
    }

    /// A pool or an agent, perhaps the one who leaves or who left before.
    fn heir(&self, dice: &mut Dice) -> SmolStr {
        match dice.any(&self.book.pools) {
            Some(pool) if dice.one_in(2) => pool.name.as_str().into(),
            _ => dice.pick(&AGENTS).into(),
        }
    }
}
