//! Whether a text folds to one that a condition compares with. The texts of a condition are folded when it
//! is read; those of a record are compared as they are.

use crate::value::folded_eq;

/// Whether `value` folds to `folded`.
///
/// Nearly all that conditions compare is short and ASCII. That is compared in place, eight bytes at once:
/// byte by byte it took longer than finding the fact.
#[inline]
pub(super) fn folds_to(value: &str, folded: &str) -> bool {
    let is_same = value.len() == folded.len() && lowers_to(value.as_bytes(), folded.as_bytes());
    is_same || folds_to_after_all(value, folded)
}

#[inline(never)]
fn folds_to_after_all(value: &str, folded: &str) -> bool {
    value.eq_ignore_ascii_case(folded) || (!value.is_ascii() && folded_eq(value, folded))
}

/// Whether two texts of one length are the same but for the capitals of ASCII in the first. Long ones are
/// left to others.
#[inline]
fn lowers_to(value: &[u8], folded: &[u8]) -> bool {
    match value.len() {
        0 => true,
        1..4 => lower(ends(value)) == ends(folded),
        4..8 => lower(halves(value)) == halves(folded),
        8..=16 => {
            let ([head, tail], folded) = (words(value), words(folded));
            [lower(head), lower(tail)] == folded
        }
        _ => false,
    }
}

/// A text of one to three bytes, in a word.
#[inline]
fn ends(text: &[u8]) -> u64 {
    u32::from_le_bytes([text[0], text[text.len() / 2], text[text.len() - 1], 0]).into()
}

/// A text of four to eight bytes, in a word: its end may overlap its beginning.
#[inline]
fn halves(text: &[u8]) -> u64 {
    let half = |half: Option<&[u8; 4]>| half.map_or(0, |half| u32::from_le_bytes(*half));
    u64::from(half(text.first_chunk())) | u64::from(half(text.last_chunk())) << 32
}

/// A text of eight to sixteen bytes, in two words: its end may overlap its beginning.
#[inline]
fn words(text: &[u8]) -> [u64; 2] {
    let word = |word: Option<&[u8; 8]>| word.map_or(0, |word| u64::from_le_bytes(*word));
    [word(text.first_chunk()), word(text.last_chunk())]
}

/// The capitals of ASCII in lower case, eight bytes at once.
#[inline]
fn lower(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    const HIGH: u64 = 0x80 * EACH;
    // The high bit of each sum says whether its byte is at least `A`, or beyond `Z`.
    let low = word & !HIGH;
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let beyond_z = low + (0x7f - b'Z' as u64) * EACH;
    let capitals = from_a & !beyond_z & !word & HIGH;
    word | capitals >> 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::fold;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_lowered_as_ascii_is() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = *b"@Az[`Z{a";
                bytes[place] = byte;
                let lowered = lower(u64::from_le_bytes(bytes)).to_le_bytes();
                assert_eq!(lowered, bytes.map(|byte| byte.to_ascii_lowercase()));
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_folds_to_another_when_it_is_that_one_folded(
            text in "[a-cA-CñÑ\u{212a} @\\[]{0,20}",
            other in "[a-cA-CñÑ\u{212a} @\\[]{0,20}",
        ) {
            let folded = fold(&text);
            prop_assert!(folds_to(&text, &folded));
            prop_assert!(folds_to(&text.to_ascii_uppercase(), &folded));
            prop_assert_eq!(folds_to(&other, &folded), fold(&other) == folded);
        }

        #[test]
        fn one_byte_makes_another_text(
            text in "[a-z]{1,20}",
            place in any::<prop::sample::Index>(),
            byte in b'a'..=b'z',
        ) {
            let mut changed = text.clone().into_bytes();
            changed[place.index(text.len())] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(folds_to(&changed, &text), changed == text);
            let longer = text.clone() + "a";
            prop_assert!(!folds_to(&longer, &text));
        }
    }
}
