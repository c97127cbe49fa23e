//! What a pool's members are, turned over: for each role, city, zone, skill and calendar the members who
//! have it.
//!
//! A choice among a thousand agents begins with whole sets of them, and does not go to each agent's copy.
//! A roster is made of those copies alone, so it stays true while leads come and go; what changes with
//! each lead is not in it. [`Members`](super::members::Members) makes it anew when a copy changes.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::ids::Name;
use crate::playbook::people::AgentList;
use crate::record::agent::Absence;
use crate::record::compared::{Compared, ComparedList};
use crate::record::pool::Member;
use crate::time::Instant;

/// Who has what, by the members' places.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    available: MemberSet,
    roles: Having<Name>,
    cities: Having<Compared>,
    zones: Having<Compared>,
    skills: Having<Compared>,
    hours: Having<Option<Name>>,
    absences: Vec<(usize, Absence)>,
    /// Of each member.
    capacities: Vec<Option<u32>>,
    /// Of each member, as a number.
    teams: Vec<usize>,
    team_count: usize,
}

/// The members who have each of something. Looked up by key; its order decides nothing.
type Having<K> = FxHashMap<K, MemberSet>;

impl Roster {
    pub(crate) fn of(members: &[Member]) -> Self {
        let mut roster = Self::default();
        let mut teams: FxHashMap<Option<&Name>, usize> = FxHashMap::default();
        for (place, member) in members.iter().enumerate() {
            let copy = member.copy.as_ref();
            if copy.available {
                roster.available.add(place);
            }
            note(&mut roster.roles, &copy.role, place);
            note_all(&mut roster.cities, &copy.cities, place);
            note_all(&mut roster.zones, &copy.zones, place);
            note_all(&mut roster.skills, &copy.skills, place);
            note(&mut roster.hours, &copy.hours, place);
            let absences = copy.absences.iter();
            roster
                .absences
                .extend(absences.map(|absence| (place, *absence)));
            roster.capacities.push(copy.capacity);
            let next = teams.len();
            let team = *teams.entry(copy.team.as_ref()).or_insert(next);
            roster.teams.push(team);
        }
        roster.team_count = teams.len();
        roster
    }

    /// Who takes leads.
    pub(crate) fn available(&self) -> &MemberSet {
        &self.available
    }

    /// Who is of a role.
    pub(crate) fn of_role(&self, role: &Name) -> Option<&MemberSet> {
        self.roles.get(role)
    }

    /// Who has this in one of its lists.
    pub(crate) fn having(&self, list: AgentList, wanted: &Compared) -> Option<&MemberSet> {
        let having = match list {
            AgentList::Cities => &self.cities,
            AgentList::Zones => &self.zones,
            AgentList::Skills => &self.skills,
        };
        having.get(wanted)
    }

    /// Whose own hours are those of which calendar, in no order.
    pub(crate) fn by_hours(&self) -> impl Iterator<Item = (Option<&Name>, &MemberSet)> {
        let hours = self.hours.iter();
        hours.map(|(hours, members)| (hours.as_ref(), members))
    }

    /// Who is away at an instant; some more than once.
    pub(crate) fn away(&self, at: Instant) -> impl Iterator<Item = usize> {
        let absences = self.absences.iter();
        let away = absences.filter(move |(_, absence)| absence.covers(at));
        away.map(|(place, _)| *place)
    }

    /// The capacity of each member, where it has a number of its own.
    pub(crate) fn capacities(&self) -> &[Option<u32>] {
        &self.capacities
    }

    /// The team of each member, as a number below [`Roster::team_count`]; no team is one of them.
    pub(crate) fn teams(&self) -> &[usize] {
        &self.teams
    }

    pub(crate) fn team_count(&self) -> usize {
        self.team_count
    }
}

fn note<K: Clone + Eq + Hash>(having: &mut Having<K>, key: &K, place: usize) {
    match having.get_mut(key) {
        Some(members) => members.add(place),
        None => having.entry(key.clone()).or_default().add(place),
    }
}

fn note_all(having: &mut Having<Compared>, list: &ComparedList, place: usize) {
    list.iter().for_each(|text| note(having, text, place));
}

/// Some of a pool's members, by their places.
///
/// Only the words are kept in which somebody is: each of five thousand agents can have five hundred
/// cities to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberSet {
    /// In order.
    words: Vec<Word>,
}

/// Sixty-four places, with a bit for each member who is in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    nth: usize,
    bits: u64,
}

impl Word {
    const PLACES: usize = u64::BITS as usize;

    fn of(place: usize) -> Self {
        Self {
            nth: place / Self::PLACES,
            bits: 1 << (place % Self::PLACES),
        }
    }

    fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.bits;
        std::iter::from_fn(move || {
            let place = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(self.nth * Self::PLACES + place)
        })
    }
}

impl MemberSet {
    /// Everybody, of so many.
    pub(crate) fn everybody(count: usize) -> Self {
        let words = (0..count.div_ceil(Word::PLACES)).map(|nth| Word {
            nth,
            bits: match count - nth * Word::PLACES {
                left @ ..Word::PLACES => (1 << left) - 1,
                _ => u64::MAX,
            },
        });
        Self {
            words: words.collect(),
        }
    }

    /// Adds somebody who stands behind all who are in it.
    fn add(&mut self, place: usize) {
        let word = Word::of(place);
        match self.words.last_mut() {
            Some(last) if last.nth == word.nth => last.bits |= word.bits,
            _ => self.words.push(word),
        }
    }

    pub(crate) fn remove(&mut self, place: usize) {
        let gone = Word::of(place);
        if let Ok(at) = self.words.binary_search_by_key(&gone.nth, |word| word.nth) {
            self.words[at].bits &= !gone.bits;
        }
    }

    /// Keeps who is in the other one, too.
    pub(crate) fn keep(&mut self, others: &Self) {
        self.each_with(others, |word, other| *word &= other);
    }

    /// Removes who is in the other one.
    pub(crate) fn remove_all(&mut self, others: &Self) {
        self.each_with(others, |word, other| *word &= !other);
    }

    fn each_with(&mut self, others: &Self, change: impl Fn(&mut u64, u64)) {
        let mut others = others.words.iter().peekable();
        for word in &mut self.words {
            while others.next_if(|other| other.nth < word.nth).is_some() {}
            let other = others.peek().filter(|other| other.nth == word.nth);
            change(&mut word.bits, other.map_or(0, |other| other.bits));
        }
    }

    /// Keeps those of whom this is true.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        for word in &mut self.words {
            let kept = word.places().filter(|place| is_kept(*place));
            word.bits = kept.fold(0, |bits, place| bits | Word::of(place).bits);
        }
    }

    /// The places, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().flat_map(|word| word.places())
    }

    pub(crate) fn len(&self) -> usize {
        let counts = self
            .words
            .iter()
            .map(|word| word.bits.count_ones() as usize);
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn places() -> impl Strategy<Value = BTreeSet<usize>> {
        prop::collection::btree_set(0_usize..400, 0..120)
    }

    fn set(places: &BTreeSet<usize>) -> MemberSet {
        let mut set = MemberSet::default();
        places.iter().for_each(|place| set.add(*place));
        set
    }

    fn read(set: &MemberSet) -> Vec<usize> {
        set.iter().collect()
    }

    proptest! {
        #[test]
        fn a_set_of_members_is_a_set(one in places(), other in places(), gone in 0_usize..400) {
            let mut kept = set(&one);
            prop_assert_eq!(read(&kept), Vec::from_iter(one.iter().copied()));
            prop_assert_eq!(kept.len(), one.len());
            kept.keep(&set(&other));
            prop_assert_eq!(read(&kept), Vec::from_iter(one.intersection(&other).copied()));

            let mut left = set(&one);
            left.remove_all(&set(&other));
            prop_assert_eq!(read(&left), Vec::from_iter(one.difference(&other).copied()));

            let mut but = set(&one);
            but.remove(gone);
            but.retain(|place| place % 3 != 0);
            let expected = one.iter().copied().filter(|place| *place != gone && place % 3 != 0);
            prop_assert_eq!(read(&but), Vec::from_iter(expected));
        }

        #[test]
        fn everybody_is_each_of_so_many(count in 0_usize..400) {
            prop_assert_eq!(read(&MemberSet::everybody(count)), Vec::from_iter(0..count));
        }
    }
}
