//! Assignment: who gets a lead, and why (requirement M2).
//!
//! A pure function of the pool's record. It is deterministic (the same history gives the same
//! owner), nobody unavailable, away or full ever gets a lead, and the reasons come with the choice.

use std::cmp::Reverse;

use crate::ids::{AgentId, Name};
use crate::playbook::people::{AgentList, Choose, PoolSpec};
use crate::record::compared::Compared;
use crate::record::fields::Fields;
use crate::record::pool::{Member, PassedOver, Pool, Ranked, Reasons};
use crate::record::roster::MemberSet;
use crate::record::workload::Counts;
use crate::time::Instant;

/// What assignment must know of a lead.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// What the agent must have, as [`wanted`] tells it of a lead.
    pub wanted: Vec<(AgentList, Option<Compared>)>,
    /// Roles whose agents own no leads.
    pub not_owning: &'a [Name],
    /// Agents who had the lead before and are not to have it again.
    pub not: &'a [AgentId],
    /// Agents who already hold the contact in their base, in the order of their ids.
    pub holders: &'a [AgentId],
}

/// What a pool asks its members for, of a lead with these fields: for each of its lists what must
/// be in it. A lead that does not say it is nobody's.
#[must_use]
pub fn wanted(spec: &PoolSpec, fields: &Fields) -> Vec<(AgentList, Option<Compared>)> {
    let matches = spec.matches.iter();
    matches
        .map(|matched| (matched.list, matched.wanted(fields)))
        .collect()
}

/// What a pool says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The place of the chosen member, if anybody is eligible.
    pub chosen: Option<usize>,
    /// Why.
    pub reasons: Reasons,
    /// The turn that the chosen one takes, where the pool goes by turns.
    pub turn: Option<Turn>,
}

/// A turn: who takes it, and whose turn it could have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The place of the member who takes it.
    taken_by: usize,
    /// The place of everybody who was eligible, and the share of each in this turn.
    shares: Vec<(usize, i64)>,
}

/// What a turn is worth: a lead. What members are owed is counted in parts of it, so that it means as many
/// leads when conversions have changed.
pub const TURN: i64 = 1 << 30;

/// Lets a pool choose an owner.
///
/// - Passed over, with the reason: who is of a role that owns no leads, unavailable, away, not at
///   work where the pool asks for it, of another city or zone, without the skill, full, had the lead
///   before, or holds the contact already.
/// - Conversion is won leads over received ones in the pool's window, shrunk towards the team's
///   mean by the pool's number of pseudo-leads, so that two leads of two won don't beat seventy
///   of a hundred.
/// - `best`: the highest conversion, then the smallest load, then the id. `weighted`: smooth
///   weighted turns by conversion. `evenly`: turns. The pool's record says which: it is as the
///   active playbook wants it, also for a lead that an earlier one still decides.
#[must_use]
pub fn choose(spec: &PoolSpec, pool: &Pool, question: &Question<'_>, now: Instant) -> Answer {
    let eligible = eligible(spec, pool, question, now);
    let means = Means::of(pool, now);
    let mut first = First::default();
    let mut shares = Vec::new();
    if pool.choose == Choose::Best {
        for place in eligible.iter() {
            first.meet(Candidate {
                place,
                rank: i64::from(means.shrunk(spec, place)),
                load: pool.members[place].load,
            });
        }
    } else {
        shares = shares_of_a_turn(spec, pool.choose, &eligible, &means);
        for (place, share) in &shares {
            let member = &pool.members[*place];
            first.meet(Candidate {
                place: *place,
                rank: member.credit.saturating_add(*share),
                load: member.load,
            });
        }
    }
    let ranked = first.candidates.iter().map(|candidate| {
        let member = &pool.members[candidate.place];
        Ranked {
            agent: member.agent.clone(),
            conversion_permille: means.shrunk(spec, candidate.place),
            load: member.load,
            capacity: member.copy.capacity.unwrap_or(spec.capacity),
        }
    });
    let reasons = Reasons {
        pool: spec.name.clone(),
        ranked: ranked.collect(),
        eligible: u32::try_from(eligible.len()).unwrap_or(u32::MAX),
        passed_over: passed_over(spec, pool, question, &eligible, now),
    };
    let chosen = first.candidates.first().map(|candidate| candidate.place);
    let taken_by = chosen.filter(|_| pool.choose != Choose::Best);
    Answer {
        chosen,
        reasons,
        turn: taken_by.map(|taken_by| Turn { taken_by, shares }),
    }
}

/// The first of those who were met, in order: so many as are told. The order of the others is
/// nobody's business, and to put a thousand in order takes longer than all the rest.
#[derive(Default)]
struct First {
    candidates: Vec<Candidate>,
}

impl First {
    #[inline]
    fn meet(&mut self, candidate: Candidate) {
        // Most come behind all who are told.
        let last = self.candidates.get(Reasons::MOST - 1);
        if last.is_none_or(|last| candidate.order() < last.order()) {
            self.take_in(candidate);
        }
    }

    fn take_in(&mut self, candidate: Candidate) {
        self.candidates.truncate(Reasons::MOST - 1);
        let order = candidate.order();
        let place = self
            .candidates
            .partition_point(|known| known.order() < order);
        self.candidates.insert(place, candidate);
    }
}

/// Takes the turn of a weighted or even pool: everybody who could have had the lead is owed
/// their share of it, and who got it pays the whole. So over time each gets their share, and a new
/// agent begins with nothing owed.
///
/// The pool must be the one that gave the answer.
pub fn take_turn(pool: &mut Pool, answer: &Answer) {
    let Some(turn) = &answer.turn else {
        return;
    };
    let mut sum = 0;
    for (place, share) in &turn.shares {
        sum += share;
        if let Some(figures) = pool.members.figures(*place) {
            *figures.credit = figures.credit.saturating_add(*share);
        }
    }
    if let Some(figures) = pool.members.figures(turn.taken_by) {
        *figures.credit = figures.credit.saturating_sub(sum);
    }
}

/// What everybody who could have the lead is owed of its turn: a turn is worth the same whatever the
/// weights are, and is parted by them.
fn shares_of_a_turn(
    spec: &PoolSpec,
    choose: Choose,
    eligible: &MemberSet,
    means: &Means<'_>,
) -> Vec<(usize, i64)> {
    let mut shares = Vec::with_capacity(eligible.len());
    shares.extend(eligible.iter().map(|place| match choose {
        // Nobody starves: who never won anything still has a weight.
        Choose::Weighted => (place, i64::from(means.shrunk(spec, place)).max(1)),
        Choose::Best | Choose::Evenly => (place, 1),
    }));
    let sum = shares.iter().map(|(_, weight)| weight).sum::<i64>().max(1);
    let part = (TURN / sum).max(1);
    shares.iter_mut().for_each(|(_, share)| *share *= part);
    shares
}

/// Everybody who could have the lead: those whom nothing hinders, found as whole sets.
fn eligible(spec: &PoolSpec, pool: &Pool, question: &Question<'_>, now: Instant) -> MemberSet {
    let nobody = MemberSet::default();
    let roster = pool.members.roster();
    let mut eligible = roster.available().clone();
    for role in question.not_owning {
        eligible.remove_all(roster.of_role(role).unwrap_or(&nobody));
    }
    for (list, wanted) in &question.wanted {
        let having = wanted.as_ref();
        let having = having.and_then(|wanted| roster.having(*list, wanted));
        eligible.keep(having.unwrap_or(&nobody));
    }
    if let Some(hours) = &spec.at_work {
        for (own, members) in roster.by_hours() {
            if !hours.of_agent(own).is_open(now) {
                eligible.remove_all(members);
            }
        }
    }
    roster.away(now).for_each(|place| eligible.remove(place));
    for agent in question.not.iter().chain(question.holders) {
        if let Ok(place) = pool.place_of(agent) {
            eligible.remove(place);
        }
    }
    let capacities = roster.capacities();
    eligible.retain(|place| pool.members[place].load < capacities[place].unwrap_or(spec.capacity));
    eligible
}

/// Who could not have the lead, and why: the first of them, so many as are told.
fn passed_over(
    spec: &PoolSpec,
    pool: &Pool,
    question: &Question<'_>,
    eligible: &MemberSet,
    now: Instant,
) -> Vec<(AgentId, PassedOver)> {
    let mut others = MemberSet::everybody(pool.members.len());
    others.remove_all(eligible);
    let told = others.iter().take(Reasons::MOST).filter_map(|place| {
        let member = &pool.members[place];
        let why = hindrance(spec, member, question, now)?;
        Some((member.agent.clone(), why))
    });
    told.collect()
}

/// Why a member can't have the lead: what [`eligible`] says of all of them, with the reason.
fn hindrance(
    spec: &PoolSpec,
    member: &Member,
    question: &Question<'_>,
    now: Instant,
) -> Option<PassedOver> {
    let copy = member.copy.as_ref();
    if question.not_owning.contains(&copy.role) {
        return Some(PassedOver::OwnsNoLeads);
    }
    if !copy.available {
        return Some(PassedOver::Unavailable);
    }
    if copy.is_away(now) {
        return Some(PassedOver::Absent);
    }
    for (list, wanted) in &question.wanted {
        if !wanted
            .as_ref()
            .is_some_and(|wanted| copy.has(*list, wanted))
        {
            return Some(match list {
                AgentList::Cities => PassedOver::OtherCity,
                AgentList::Zones => PassedOver::OtherZone,
                AgentList::Skills => PassedOver::LacksSkill,
            });
        }
    }
    let at_work = spec.at_work.as_ref();
    if at_work.is_some_and(|hours| !hours.of_agent(copy.hours.as_ref()).is_open(now)) {
        return Some(PassedOver::OffHours);
    }
    if member.load >= copy.capacity.unwrap_or(spec.capacity) {
        return Some(PassedOver::Full);
    }
    if question.not.contains(&member.agent) {
        return Some(PassedOver::HadItBefore);
    }
    if question.holders.binary_search(&member.agent).is_ok() {
        return Some(PassedOver::HoldsTheContact);
    }
    None
}

/// Somebody who could have the lead.
struct Candidate {
    place: usize,
    /// What is best first: the conversion, or what the agent is owed with this turn.
    rank: i64,
    load: u32,
}

impl Candidate {
    /// The best first; then who has the least on hand, then by id.
    fn order(&self) -> (Reverse<i64>, u32, usize) {
        (Reverse(self.rank), self.load, self.place)
    }
}

/// What became of each member's leads, and of each team's: all of its members' in the pool.
struct Means<'a> {
    members: &'a [Member],
    now_ms: i64,
    /// The team of each member.
    teams: &'a [usize],
    counts_of_teams: Vec<Counts>,
}

impl<'a> Means<'a> {
    fn of(pool: &'a Pool, now: Instant) -> Self {
        let (members, now_ms) = (&*pool.members, now.timestamp_millis());
        let roster = pool.members.roster();
        let mut counts_of_teams = vec![Counts::default(); roster.team_count()];
        for (member, team) in members.iter().zip(roster.teams()) {
            let counts = &mut counts_of_teams[*team];
            *counts = counts.plus(member.tally.counts_at(now_ms));
        }
        Self {
            members,
            now_ms,
            teams: roster.teams(),
            counts_of_teams,
        }
    }

    fn shrunk(&self, spec: &PoolSpec, place: usize) -> u32 {
        let own = self.members[place].tally.counts_at(self.now_ms);
        let team = self.counts_of_teams[self.teams[place]];
        conversion_permille(own, team, spec.prior)
    }
}

/// Won over received, in thousandths, as if `prior` more leads had come that converted like the
/// team's. Without any lead at all it is nothing.
#[must_use]
pub fn conversion_permille(own: Counts, team: Counts, prior: u32) -> u32 {
    // won + prior * team.won / team.received, over received + prior; kept in whole numbers.
    let team_received = u64::from(team.received.max(1));
    let prior = u64::from(prior);
    let won = (u64::from(own.won) * team_received).checked_add(prior * u64::from(team.won));
    let received = (u64::from(own.received) + prior).checked_mul(team_received);
    let (Some(won), Some(received)) = (won.and_then(|won| won.checked_mul(1000)), received) else {
        return of_many(own, team, prior);
    };
    match received {
        0 => 0,
        received => u32::try_from(won / received).unwrap_or(u32::MAX),
    }
}

/// The same for numbers of leads that nobody has.
fn of_many(own: Counts, team: Counts, prior: u64) -> u32 {
    let team_received = u128::from(team.received.max(1));
    let won = u128::from(own.won) * team_received + u128::from(prior) * u128::from(team.won);
    let received = (u128::from(own.received) + u128::from(prior)) * team_received;
    match received {
        0 => 0,
        received => u32::try_from(won * 1000 / received).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::calendar::Zone;
    use crate::condition::Condition;
    use crate::ids::Name;
    use crate::playbook::catalogue::BuiltInCatalogue;
    use crate::record::Agent;
    use crate::record::pool::AgentCopy;
    use crate::record::workload::Tally;
    use crate::time::Elapsed;
    use proptest::prelude::*;

    fn now() -> Instant {
        Instant::UNIX_EPOCH + Elapsed::days(20_000)
    }

    fn spec(choose: Choose) -> PoolSpec {
        let zone = Zone::utc();
        let roles = [Name::from("advisor")];
        let catalogue = BuiltInCatalogue::of_agents(&zone, &roles, []);
        PoolSpec {
            name: Name::from("digital"),
            members: Condition::parse("available", &catalogue).unwrap(),
            matches: Vec::new(),
            at_work: None,
            choose,
            over: Elapsed::days(180),
            prior: 10,
            capacity: 40,
        }
    }

    fn member(agent: &str, received: u32, won: u32) -> Member {
        let mut tally = Tally::over(Elapsed::days(180));
        (0..received).for_each(|_| tally.receive(now()));
        (0..won).for_each(|_| tally.win(now()));
        Member {
            agent: agent.into(),
            copy: Arc::new(AgentCopy::of(&Agent::new(
                agent.into(),
                agent.into(),
                "anybody@example.com".parse().unwrap(),
                "advisor".into(),
            ))),
            load: 0,
            tally,
            credit: 0,
        }
    }

    fn pool(choose: Choose, members: Vec<Member>) -> Pool {
        let members = members.into_iter().collect();
        Pool { choose, members }
    }

    fn order(pool: &Pool) -> Vec<String> {
        let answer = choose(&spec(Choose::Best), pool, &Question::default(), now());
        answer
            .reasons
            .ranked
            .iter()
            .map(|ranked| ranked.agent.to_string())
            .collect()
    }

    #[test]
    fn two_leads_of_two_won_do_not_beat_seventy_of_a_hundred() {
        let members = vec![
            member("lucky", 2, 2),
            member("poor", 100, 10),
            member("steady", 100, 70),
        ];
        assert_eq!(
            order(&pool(Choose::Best, members)),
            ["steady", "lucky", "poor"]
        );
    }

    #[test]
    fn conversion_is_drawn_towards_the_teams_mean() {
        let team = Counts {
            received: 100,
            won: 40,
        };
        assert_eq!(conversion_permille(Counts::default(), team, 10), 400);
        assert_eq!(
            conversion_permille(
                Counts {
                    received: 10,
                    won: 10
                },
                team,
                10
            ),
            700
        );
        assert_eq!(
            conversion_permille(
                Counts {
                    received: 10,
                    won: 10
                },
                team,
                0
            ),
            1000
        );
        assert_eq!(
            conversion_permille(Counts::default(), Counts::default(), 0),
            0
        );
        // However many there are.
        let (received, won) = (u32::MAX, u32::MAX / 2);
        let many = Counts { received, won };
        assert_eq!(conversion_permille(many, many, u32::MAX), 499);
        assert_eq!(of_many(team, team, 10), conversion_permille(team, team, 10));
    }

    /// Odoo gives all thirty leads to the senior agent.
    #[test]
    fn weighted_leads_do_not_all_go_to_the_best() {
        let spec = spec(Choose::Weighted);
        let mut pool = pool(
            Choose::Weighted,
            vec![member("junior", 50, 10), member("senior", 50, 30)],
        );
        let mut got = [0, 0];
        for _ in 0..30 {
            let question = Question::default();
            let answer = choose(&spec, &pool, &question, now());
            take_turn(&mut pool, &answer);
            got[answer.chosen.unwrap()] += 1;
        }
        assert!(got[0] >= 8, "{got:?}");
        assert!(got[1] > got[0], "{got:?}");
    }

    proptest! {
        #[test]
        fn nobody_who_should_not_have_a_lead_gets_one(
            states in prop::collection::vec((any::<bool>(), 0u32..4, 0u32..4, any::<bool>()), 1..12),
        ) {
            let mut pool = Pool::default();
            let mut excluded = Vec::new();
            for (n, (available, load, capacity, had_it)) in states.into_iter().enumerate() {
                let mut member = member(&format!("agent-{n:02}"), 0, 0);
                let copy = Arc::make_mut(&mut member.copy);
                (copy.available, copy.capacity) = (available, Some(capacity));
                member.load = load;
                if had_it {
                    excluded.push(member.agent.clone());
                }
                pool.members.put(member);
            }
            for way in [Choose::Best, Choose::Weighted, Choose::Evenly] {
                let question = Question { not: &excluded, ..Question::default() };
                pool.choose = way;
                let answer = choose(&spec(way), &pool, &question, now());
                prop_assert_eq!(&answer, &choose(&spec(way), &pool, &question, now()));
                if let Some(place) = answer.chosen {
                    let chosen = &pool.members[place];
                    prop_assert!(chosen.copy.available && chosen.load < chosen.copy.capacity.unwrap());
                    prop_assert!(!excluded.contains(&chosen.agent));
                } else {
                    prop_assert_eq!(answer.reasons.eligible, 0);
                }
            }
        }

        #[test]
        fn over_many_turns_each_gets_a_share_within_the_largest_weight(
            records in prop::collection::vec((20u32..60, 1u32..20), 2..6),
        ) {
            let spec = spec(Choose::Weighted);
            let members = records.iter().enumerate();
            let mut pool =
                pool(Choose::Weighted, members.map(|(n, (received, won))| member(&format!("a{n}"), *received, *won)).collect());
            let question = Question::default();
            let means = Means::of(&pool, now());
            let weights: Vec<f64> =
                (0..pool.members.len()).map(|place| f64::from(means.shrunk(&spec, place).max(1))).collect();
            let sum: f64 = weights.iter().sum();
            let mut got = vec![0.0; weights.len()];
            for turn in 1..=200 {
                let answer = choose(&spec, &pool, &question, now());
                take_turn(&mut pool, &answer);
                got[answer.chosen.unwrap()] += 1.0;
                for (got, weight) in got.iter().zip(&weights) {
                    let share = weight / sum * f64::from(turn);
                    prop_assert!((got - share).abs() <= 1.0 + 1e-9, "{got} of {share} after {turn}");
                }
            }
        }
    }
}
