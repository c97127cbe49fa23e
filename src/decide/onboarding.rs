//! What is known of an agent: what is said, over what was. Everything that is missing or wrong is
//! told at once.

use smol_str::{SmolStr, format_smolstr};

use crate::decide::Stop;
use crate::decide::command::{AgentSetup, Capacity};
use crate::decide::contacts::check_phone;
use crate::decide::draft::Draft;
use crate::decide::refusal::{Gaps, Problem};
use crate::email::Email;
use crate::ids::{AgentId, Name};
use crate::letters::is_blank;
use crate::playbook::Playbook;
use crate::playbook::people::Detail;
use crate::record::Agent;
use crate::record::agent::Absence;
use crate::time::Instant;

/// How long a text about an agent can be, in bytes.
const LONGEST: usize = 256;
/// How many cities an agent can take leads of; and as many zones and skills.
const MOST_LISTED: usize = 500;

/// The agent as it is to be.
pub(crate) fn onboard(
    draft: &Draft<'_>,
    setup: &AgentSetup,
    id: AgentId,
    before: Option<&Agent>,
) -> Result<Agent, Stop> {
    let Said {
        name,
        email,
        role,
        details,
        gaps,
    } = Said::of(draft.playbook, setup, before, draft.now);
    match (name, email, role) {
        (Some(name), Some(email), Some(role)) if gaps.is_empty() => {
            let agent = before.cloned();
            let agent =
                agent.unwrap_or_else(|| Agent::new(id, name.clone(), email.clone(), role.clone()));
            Ok(details.on(Agent {
                name,
                email,
                role,
                // Who is set up again is back.
                left_at: None,
                ..agent
            }))
        }
        _ => Err(gaps.refusal().into()),
    }
}

/// Everything that is missing or wrong of somebody who is set up for the first time.
pub(crate) fn gaps_of_newcomer(playbook: &Playbook, setup: &AgentSetup, now: Instant) -> Gaps {
    Said::of(playbook, setup, None, now).gaps
}

/// What is said of an agent, over what was, and everything that is missing or wrong.
struct Said {
    name: Option<SmolStr>,
    email: Option<Email>,
    role: Option<Name>,
    details: Details,
    gaps: Gaps,
}

impl Said {
    fn of(playbook: &Playbook, setup: &AgentSetup, before: Option<&Agent>, now: Instant) -> Self {
        let mut gaps = Gaps::default();
        check_lengths(setup, &mut gaps);
        if setup.agent.trim().is_empty() {
            gaps.add("agent", Problem::Missing);
        }
        check_phone(setup.phone.as_deref(), &mut gaps);
        let name = setup.name.clone().filter(|name| !is_blank(name));
        let name = name.or_else(|| before.map(|agent| agent.name.clone()));
        if name.is_none() {
            gaps.add("name", Problem::Missing);
        }
        let email = email_of(setup, before, &mut gaps);
        let role = setup.role.as_ref();
        let role = role.or_else(|| before.map(|agent| &agent.role)).cloned();
        if role.is_none() {
            gaps.add("role", Problem::Missing);
        }
        let details = Details::of(setup, before, now);
        details.check(playbook, role.as_ref(), &mut gaps);
        Self {
            name,
            email,
            role,
            details,
            gaps,
        }
    }
}

fn email_of(setup: &AgentSetup, before: Option<&Agent>, gaps: &mut Gaps) -> Option<Email> {
    match setup.email.as_ref().map(|email| email.parse::<Email>()) {
        Some(Ok(email)) => return Some(email),
        Some(Err(_)) => gaps.add("email", Problem::NotAnEmail),
        None if before.is_none() => gaps.add("email", Problem::Missing),
        None => {}
    }
    before.map(|agent| agent.email.clone())
}

/// What can be known of an agent beside name, address and role.
struct Details {
    phone: Option<SmolStr>,
    team: Option<Name>,
    cities: Vec<SmolStr>,
    zones: Vec<SmolStr>,
    skills: Vec<SmolStr>,
    hours: Option<Name>,
    absences: Vec<Absence>,
    capacity: Option<u32>,
    available: bool,
}

impl Details {
    fn of(setup: &AgentSetup, before: Option<&Agent>, now: Instant) -> Self {
        let listed = |said: &Option<Vec<SmolStr>>, known: fn(&Agent) -> &Vec<SmolStr>| {
            let said = said.as_ref().or_else(|| before.map(known));
            said.cloned().unwrap_or_default()
        };
        let team = setup.team.clone();
        let team = team.or_else(|| before?.team.clone());
        let hours = setup.hours.clone();
        let hours = hours.or_else(|| before?.hours.clone());
        let capacity = match setup.capacity {
            Some(Capacity::Own(leads)) => Some(leads),
            Some(Capacity::OfPool) => None,
            None => before.and_then(|before| before.capacity),
        };
        let available = setup.available;
        let available = available.or_else(|| Some(before?.available));
        let absences = setup.absences.clone();
        let absences = absences.or_else(|| Some(before?.absences.clone()));
        let mut absences = absences.unwrap_or_default();
        // What can't be is kept until it is told.
        absences.retain(|absence| absence.until > now || absence.until <= absence.from);
        absences.sort_unstable();
        absences.dedup();
        Self {
            phone: setup.phone.clone().or_else(|| before?.phone.clone()),
            team: team.filter(|team| !is_blank(team.as_str())),
            cities: listed(&setup.cities, |agent| &agent.cities),
            zones: listed(&setup.zones, |agent| &agent.zones),
            skills: listed(&setup.skills, |agent| &agent.skills),
            hours: hours.filter(|hours| !is_blank(hours.as_str())),
            absences,
            capacity,
            available: available.unwrap_or(true),
        }
    }

    fn on(self, agent: Agent) -> Agent {
        let Self {
            phone,
            team,
            cities,
            zones,
            skills,
            hours,
            absences,
            capacity,
            available,
        } = self;
        Agent {
            phone,
            team,
            cities,
            zones,
            skills,
            hours,
            absences,
            capacity,
            available,
            ..agent
        }
    }

    /// Tells what the playbook doesn't know, what can't be, and what the role asks for in vain.
    fn check(&self, playbook: &Playbook, role: Option<&Name>, gaps: &mut Gaps) {
        if let Some(role) = role {
            let known = playbook.roles.iter().map(|role| &role.name);
            check_known("role", role, known, gaps);
        }
        let teams = playbook.teams.iter().map(|team| &team.name);
        if let Some(team) = self.team.as_ref().filter(|_| !playbook.teams.is_empty()) {
            check_known("team", team, teams, gaps);
        }
        if let Some(hours) = &self.hours {
            let known = playbook.calendars.iter().map(|known| &known.name);
            check_known("hours", hours, known, gaps);
        }
        if self
            .absences
            .iter()
            .any(|absence| absence.until <= absence.from)
        {
            let expected = "from an instant until a later one".into();
            gaps.add("absences", Problem::Unfit { expected });
        }
        if self.absences.len() > Agent::MOST_ABSENCES {
            let most = Agent::MOST_ABSENCES;
            let expected = format_smolstr!("at most {most}");
            gaps.add("absences", Problem::Unfit { expected });
        }
        let role = role.and_then(|role| playbook.role(role));
        for detail in role.map(|role| role.needs.as_slice()).unwrap_or_default() {
            if !self.has(*detail) {
                gaps.add(detail.as_str(), Problem::Missing);
            }
        }
    }

    fn has(&self, detail: Detail) -> bool {
        match detail {
            Detail::Phone => self.phone.as_ref().is_some_and(|phone| !is_blank(phone)),
            Detail::Team => self.team.is_some(),
            Detail::Cities => !self.cities.is_empty(),
            Detail::Zones => !self.zones.is_empty(),
            Detail::Skills => !self.skills.is_empty(),
            Detail::Hours => self.hours.is_some(),
            Detail::Capacity => self.capacity.is_some(),
        }
    }
}

fn check_known<'a>(
    input: &str,
    name: &Name,
    known: impl Iterator<Item = &'a Name> + Clone,
    gaps: &mut Gaps,
) {
    if known.clone().any(|known| known == name) {
        return;
    }
    gaps.add(
        input,
        Problem::unknown(name.as_str(), known.map(Name::as_str)),
    );
}

fn check_lengths(setup: &AgentSetup, gaps: &mut Gaps) {
    for (input, text) in [
        ("agent", Some(setup.agent.as_str())),
        ("name", setup.name.as_deref()),
        ("phone", setup.phone.as_deref()),
        ("role", setup.role.as_ref().map(Name::as_str)),
        ("team", setup.team.as_ref().map(Name::as_str)),
        ("hours", setup.hours.as_ref().map(Name::as_str)),
    ] {
        gaps.add_too_long(input, text, LONGEST);
    }
    for (input, texts) in [
        ("cities", &setup.cities),
        ("zones", &setup.zones),
        ("skills", &setup.skills),
    ] {
        let texts = texts.as_deref().unwrap_or_default();
        let longest = texts.iter().max_by_key(|text| text.len());
        gaps.add_too_long(input, longest.map(SmolStr::as_str), LONGEST);
        if texts.len() > MOST_LISTED {
            let expected = format_smolstr!("at most {MOST_LISTED}");
            gaps.add(input, Problem::Unfit { expected });
        }
    }
}
