//! Texts that are compared again and again: an assignment holds what a lead asks for against the lists of
//! each of a thousand agents.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::value::fold;

/// A text as texts are compared, folded and without surrounding blanks, beside its first eight bytes as a
/// number: two texts mostly differ there, and that is seen at once.
#[derive(Clone, PartialEq, Eq)]
pub struct Compared {
    beginning: u64,
    text: SmolStr,
}

impl Compared {
    /// A text of one of an agent's lists, or of the field of a lead that is matched with it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::from_compared(compared_text(text))
    }

    fn from_compared(text: SmolStr) -> Self {
        let beginning = beginning(&text);
        Self { beginning, text }
    }

    /// Whether two are the same text.
    #[inline]
    fn is(&self, other: &Self) -> bool {
        self.beginning == other.beginning && {
            let (one, other) = (self.text.as_bytes(), other.text.as_bytes());
            // Of the same length and no longer than what was compared, they are the same.
            one.len() == other.len() && (one.len() <= size_of::<u64>() || one == other)
        }
    }
}

impl Hash for Compared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A text as texts are compared: folded, and without surrounding blanks.
#[must_use]
pub fn compared_text(text: &str) -> SmolStr {
    fold(text.trim())
}

/// One of an agent's lists, as its texts are compared, in order and each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ComparedList(Vec<Compared>);

impl ComparedList {
    /// The list of these texts.
    #[must_use]
    pub fn of(texts: &[SmolStr]) -> Self {
        let mut compared: Vec<Compared> = texts.iter().map(|text| Compared::of(text)).collect();
        compared.sort_unstable_by(|one, other| one.text.cmp(&other.text));
        compared.dedup();
        Self(compared)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Compared> {
        self.0.iter()
    }

    /// Whether a text is among them.
    #[must_use]
    #[inline]
    pub fn has(&self, wanted: &Compared) -> bool {
        match self.0.len() {
            // Few are found sooner by looking at each.
            ..32 => self.0.iter().any(|known| known.is(wanted)),
            _ => {
                let found = self
                    .0
                    .binary_search_by(|known| known.text.cmp(&wanted.text));
                found.is_ok()
            }
        }
    }
}

impl fmt::Debug for ComparedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for ComparedList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|compared| &compared.text))
    }
}

impl<'de> Deserialize<'de> for ComparedList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<SmolStr>::deserialize(deserializer)?;
        let compared = texts.into_iter().map(Compared::from_compared);
        Ok(Self(compared.collect()))
    }
}

/// A text's first eight bytes as a number; of one that is shorter all of them, and zeros.
#[inline]
fn beginning(text: &str) -> u64 {
    let bytes = text.as_bytes();
    if let Some(first) = bytes.first_chunk() {
        return u64::from_le_bytes(*first);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // Both halves are read at once; where they overlap they say the same.
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (bytes.len() - size_of::<u32>()));
    }
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_in_every_byte() {
        for length in 0..20 {
            let text: String = ('a'..='z').take(length).collect();
            let list = ComparedList::of(&[text.as_str().into(), "other".into()]);
            assert!(list.has(&Compared::of(&format!(" {} ", text.to_uppercase()))));
            assert!(!list.has(&Compared::of(&format!("{text}a"))));
            assert!(!list.has(&Compared::of(&format!("{text}\0"))));
            for place in 0..length {
                let mut other = text.clone();
                other.replace_range(place..=place, "0");
                assert!(!list.has(&Compared::of(&other)), "{text} and {other}");
            }
        }
    }

    #[test]
    fn a_beginning_is_the_first_eight_bytes_and_zeros_behind_a_short_text() {
        for length in 0..12 {
            let text: String = ('a'..='z').take(length).collect();
            let mut bytes = [0; 8];
            let count = length.min(bytes.len());
            bytes[..count].copy_from_slice(&text.as_bytes()[..count]);
            assert_eq!(beginning(&text), u64::from_le_bytes(bytes), "{text}");
        }
    }

    #[test]
    fn a_text_is_found_in_a_short_list_and_in_a_long_one() {
        for count in [1, 2, 31, 32, 200] {
            let towns: Vec<SmolStr> = (0..count).map(|n| format!("Town {n}").into()).collect();
            let list = ComparedList::of(&towns);
            assert!(towns.iter().all(|town| list.has(&Compared::of(town))));
            assert!(!list.has(&Compared::of("Town")));
            assert!(!list.has(&Compared::of(&format!("Town {count}"))));
        }
    }
}
