//! Assignment: who gets a lead, and why (requirement M2).
//!
//! A pure function of the pool's record. It is deterministic (the same history gives the same
//! owner), nobody unavailable or full ever gets a lead, and the reasons come with the choice.

use std::cmp::Reverse;

use smol_str::SmolStr;

use crate::ids::{AgentId, Name};
use crate::playbook::people::{Choose, PoolSpec};
use crate::record::pool::{Member, PassedOver, Pool, Ranked, Reasons};
use crate::record::workload::Counts;
use crate::time::Instant;
use crate::value::fold;

/// What assignment must know of a lead.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// The lead's city, folded, where the pool goes by it.
    pub city: Option<SmolStr>,
    /// Agents who had the lead before and are not to have it again.
    pub not: &'a [AgentId],
    /// Agents who already hold the contact in their base, in the order of their ids.
    pub holders: &'a [AgentId],
}

/// What a pool says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The place of the chosen member, if anybody is eligible.
    pub chosen: Option<usize>,
    /// Why.
    pub reasons: Reasons,
}

/// Lets a pool choose an owner.
///
/// - Passed over, with the reason: who is unavailable, of another city, full, had the lead
///   before, or holds the contact already.
/// - Conversion is won leads over received ones in the pool's window, shrunk towards the team's
///   mean by the pool's number of pseudo-leads, so that two leads of two won don't beat seventy
///   of a hundred.
/// - `best`: the highest conversion, then the smallest load, then the id. `weighted`: smooth
///   weighted turns by conversion. `evenly`: turns. The pool's record says which: it is as the
///   active playbook wants it, also for a lead that an earlier one still decides.
#[must_use]
pub fn choose(spec: &PoolSpec, pool: &Pool, question: &Question<'_>, now: Instant) -> Answer {
    let mut passed_over = Vec::new();
    let mut eligible = Vec::new();
    let means = Means::of(pool, now);
    for (place, member) in pool.members.iter().enumerate() {
        match hindrance(spec, member, question) {
            // Of those who are passed over, only so many are told.
            Some(_) if passed_over.len() == Reasons::MOST => {}
            Some(why) => passed_over.push((member.agent.clone(), why)),
            None => eligible.push(Candidate::of(spec, pool.choose, place, member, &means)),
        }
    }
    match pool.choose {
        Choose::Best => eligible.sort_by_key(|candidate| {
            (
                Reverse(candidate.conversion_permille),
                candidate.load,
                candidate.place,
            )
        }),
        Choose::Weighted | Choose::Evenly => eligible.sort_by_key(|candidate| {
            (
                Reverse(candidate.credit + candidate.weight),
                candidate.load,
                candidate.place,
            )
        }),
    }
    let ranked = eligible.iter().take(Reasons::MOST).map(|candidate| Ranked {
        agent: pool.members[candidate.place].agent.clone(),
        conversion_permille: candidate.conversion_permille,
        load: candidate.load,
        capacity: candidate.capacity,
    });
    let reasons = Reasons {
        pool: spec.name.clone(),
        ranked: ranked.collect(),
        eligible: u32::try_from(eligible.len()).unwrap_or(u32::MAX),
        passed_over,
    };
    Answer {
        chosen: eligible.first().map(|candidate| candidate.place),
        reasons,
    }
}

/// Takes the turns of a weighted or even pool: everybody who could have had the lead is owed
/// their weight, and who got it pays the sum. So over time each gets their share, and a new
/// agent begins with nothing owed.
pub fn take_turn(
    spec: &PoolSpec,
    pool: &mut Pool,
    question: &Question<'_>,
    chosen: usize,
    now: Instant,
) {
    if pool.choose == Choose::Best {
        return;
    }
    let (means, choose) = (Means::of(pool, now), pool.choose);
    let weight = |(place, member): (usize, &Member)| match hindrance(spec, member, question) {
        Some(_) => 0,
        None => Candidate::of(spec, choose, place, member, &means).weight,
    };
    let weights: Vec<i64> = pool.members.iter().enumerate().map(weight).collect();
    let sum: i64 = weights.iter().sum();
    for (member, weight) in pool.members.iter_mut().zip(weights) {
        member.credit += weight;
    }
    if let Some(member) = pool.members.get_mut(chosen) {
        member.credit -= sum;
    }
}

/// What a round of turns counts, if one more than its members takes part: the sum of weights.
#[must_use]
pub fn round_with_newcomer(spec: &PoolSpec, pool: &Pool, now: Instant) -> i64 {
    let means = Means::of(pool, now);
    let members = pool.members.iter().enumerate();
    let weights = members
        .map(|(place, member)| Candidate::of(spec, pool.choose, place, member, &means).weight);
    let (sum, count) = (weights.sum::<i64>(), pool.members.len());
    let mean = sum / i64::try_from(count.max(1)).unwrap_or(i64::MAX);
    sum + mean
}

fn hindrance(spec: &PoolSpec, member: &Member, question: &Question<'_>) -> Option<PassedOver> {
    if !member.available {
        return Some(PassedOver::Unavailable);
    }
    if spec.match_city.is_some() && !serves(member, question.city.as_ref()) {
        return Some(PassedOver::OtherCity);
    }
    if member.load >= member.capacity.unwrap_or(spec.capacity) {
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

fn serves(member: &Member, city: Option<&SmolStr>) -> bool {
    city.is_some_and(|city| member.cities.contains(city))
}

/// Cities compare folded and without surrounding blanks.
#[must_use]
pub fn city_key(city: &str) -> SmolStr {
    fold(city.trim())
}

struct Candidate {
    place: usize,
    conversion_permille: u32,
    load: u32,
    capacity: u32,
    weight: i64,
    credit: i64,
}

impl Candidate {
    fn of(
        spec: &PoolSpec,
        choose: Choose,
        place: usize,
        member: &Member,
        means: &Means<'_>,
    ) -> Self {
        let conversion_permille = means.shrunk(spec, place, member);
        let weight = match choose {
            Choose::Best => 0,
            // Nobody starves: who never won anything still has a weight.
            Choose::Weighted => i64::from(conversion_permille.max(1)),
            Choose::Evenly => 1,
        };
        Self {
            place,
            conversion_permille,
            load: member.load,
            capacity: member.capacity.unwrap_or(spec.capacity),
            weight,
            credit: member.credit,
        }
    }
}

/// What became of each member's leads, and of each team's: all of its members' in the pool.
struct Means<'a> {
    members: Vec<Counts>,
    teams: Vec<(Option<&'a Name>, Counts)>,
}

impl<'a> Means<'a> {
    fn of(pool: &'a Pool, now: Instant) -> Self {
        let mut members = Vec::with_capacity(pool.members.len());
        let mut teams: Vec<(Option<&Name>, Counts)> = Vec::new();
        for member in &pool.members {
            let team = member.team.as_ref();
            let counts = member.tally.counts(now);
            members.push(counts);
            let place = teams
                .iter()
                .position(|(known, _)| *known == team)
                .unwrap_or_else(|| {
                    teams.push((team, Counts::default()));
                    teams.len() - 1
                });
            teams[place].1 = teams[place].1.plus(counts);
        }
        Self { members, teams }
    }

    fn shrunk(&self, spec: &PoolSpec, place: usize, member: &Member) -> u32 {
        let team = member.team.as_ref();
        let of_team = self.teams.iter().find(|(known, _)| *known == team);
        let mean = of_team.map(|(_, counts)| *counts).unwrap_or_default();
        conversion_permille(self.members[place], mean, spec.prior)
    }
}

/// Won over received, in thousandths, as if `prior` more leads had come that converted like the
/// team's. Without any lead at all it is nothing.
#[must_use]
pub fn conversion_permille(own: Counts, team: Counts, prior: u32) -> u32 {
    // won + prior * team.won / team.received, over received + prior; kept in whole numbers.
    let team_received = u128::from(team.received.max(1));
    let won = u128::from(own.won) * team_received + u128::from(prior) * u128::from(team.won);
    let received = (u128::from(own.received) + u128::from(prior)) * team_received;
    if received == 0 {
        return 0;
    }
    u32::try_from(won * 1000 / received).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Zone;
    use crate::condition::Condition;
    use crate::ids::Name;
    use crate::playbook::catalogue::BuiltInCatalogue;
    use crate::record::workload::Tally;
    use crate::time::Elapsed;
    use proptest::prelude::*;

    fn now() -> Instant {
        Instant::UNIX_EPOCH + Elapsed::days(20_000)
    }

    fn spec(choose: Choose) -> PoolSpec {
        let zone = Zone::utc();
        let roles = [Name::from("advisor")];
        let catalogue = BuiltInCatalogue::of_agents(&zone, &roles);
        PoolSpec {
            name: Name::from("digital"),
            members: Condition::parse("available", &catalogue).unwrap(),
            match_city: None,
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
            role: "advisor".into(),
            team: None,
            cities: Vec::new().into(),
            capacity: None,
            available: true,
            load: 0,
            tally,
            credit: 0,
        }
    }

    fn pool(choose: Choose, members: Vec<Member>) -> Pool {
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
            let place = choose(&spec, &pool, &question, now()).chosen.unwrap();
            take_turn(&spec, &mut pool, &question, place, now());
            got[place] += 1;
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
                (member.available, member.load, member.capacity) = (available, load, Some(capacity));
                if had_it {
                    excluded.push(member.agent.clone());
                }
                pool.members.push(member);
            }
            for way in [Choose::Best, Choose::Weighted, Choose::Evenly] {
                let question = Question { not: &excluded, ..Question::default() };
                pool.choose = way;
                let answer = choose(&spec(way), &pool, &question, now());
                prop_assert_eq!(&answer, &choose(&spec(way), &pool, &question, now()));
                if let Some(place) = answer.chosen {
                    let chosen = &pool.members[place];
                    prop_assert!(chosen.available && chosen.load < chosen.capacity.unwrap());
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
                pool.members.iter().enumerate().map(|(place, member)| f64::from(means.shrunk(&spec, place, member).max(1))).collect();
            let sum: f64 = weights.iter().sum();
            let mut got = vec![0.0; weights.len()];
            for turn in 1..=200 {
                let place = choose(&spec, &pool, &question, now()).chosen.unwrap();
                take_turn(&spec, &mut pool, &question, place, now());
                got[place] += 1.0;
                for (got, weight) in got.iter().zip(&weights) {
                    let share = weight / sum * f64::from(turn);
                    prop_assert!((got - share).abs() <= 1.0 + 1e-9, "{got} of {share} after {turn}");
                }
            }
        }
    }
}
