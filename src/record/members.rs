//! A pool's members, and what is kept beside them so that a choice is made fast.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::AgentId;
use crate::record::pool::Member;
use crate::record::roster::Roster;
use crate::record::workload::Tally;

/// What changes of a member with the leads that come and go.
#[derive(Debug)]
pub struct Figures<'a> {
    /// As [`Member::load`].
    pub load: &'a mut u32,
    /// As [`Member::tally`].
    pub tally: &'a mut Tally,
    /// As [`Member::credit`].
    pub credit: &'a mut i64,
}

/// The members of a pool, in the order of their ids.
///
/// Read as a slice. Who is in it and what is known of each changes by [`put`](Self::put),
/// [`remove`](Self::remove) and `extend` alone, and each of them forgets what was prepared for choosing. What
/// changes with every lead changes by [`figures`](Self::figures), and nothing that is prepared depends on it.
#[derive(Clone, Default)]
pub struct Members {
    list: Vec<Member>,
    /// Made when it is first asked for; copies of a pool share it.
    roster: OnceLock<Arc<Roster>>,
}

impl Members {
    /// As [`Pool::place_of`](super::Pool::place_of).
    pub(crate) fn place_of(&self, agent: &AgentId) -> Result<usize, usize> {
        self.list.binary_search_by(|member| member.agent.cmp(agent))
    }

    /// Puts a member where its id belongs, in the place of what is known under this id.
    pub fn put(&mut self, member: Member) {
        let place = self.place_of(&member.agent);
        let list = self.changing();
        match place {
            Ok(place) => list[place] = member,
            Err(place) => list.insert(place, member),
        }
    }

    /// Takes an agent out; tells what was known of it, if it was a member.
    pub fn remove(&mut self, agent: &AgentId) -> Option<Member> {
        let place = self.place_of(agent).ok()?;
        Some(self.changing().remove(place))
    }

    /// What changes of the member at a place with the leads that come and go; nothing, if nobody is there.
    pub fn figures(&mut self, place: usize) -> Option<Figures<'_>> {
        let Member {
            agent: _,
            copy: _,
            load,
            tally,
            credit,
        } = self.list.get_mut(place)?;
        Some(Figures {
            load,
            tally,
            credit,
        })
    }

    /// Who has what, of these members.
    pub(crate) fn roster(&self) -> &Roster {
        self.roster.get_or_init(|| Arc::new(Roster::of(&self.list)))
    }

    /// The list, to be changed: what was made of it is forgotten.
    fn changing(&mut self) -> &mut Vec<Member> {
        self.roster.take();
        &mut self.list
    }
}

impl Deref for Members {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.list
    }
}

impl Extend<Member> for Members {
    fn extend<T: IntoIterator<Item = Member>>(&mut self, members: T) {
        let list = self.changing();
        list.extend(members);
        // Of two with one id, the later.
        list.reverse();
        list.sort_by(|one, other| one.agent.cmp(&other.agent));
        list.dedup_by(|one, other| one.agent == other.agent);
    }
}

impl FromIterator<Member> for Members {
    fn from_iter<T: IntoIterator<Item = Member>>(members: T) -> Self {
        let mut all = Self::default();
        all.extend(members);
        all
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl fmt::Debug for Members {
    /// As a list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            list: Vec::deserialize(deserializer)?,
            roster: OnceLock::new(),
        })
    }
}
