//! Characters that no keyboard types into a name: those that hide in a list, break a line of it, or
//! turn its direction round. The one rule for what people type and for what playbooks say. And the
//! letters of which nobody takes one for another, for what people read out to each other.

use smol_str::{SmolStr, format_smolstr};

/// Letters and digits of which nobody takes one for another: no `O` beside `0`, no `I` or `L` beside `1`.
const UNMISTAKABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The last bits of a number in so many letters of which nobody takes one for another, five bits each.
pub(crate) fn unmistakable(bits: u128, count: u32) -> String {
    let letters = (0..count).rev().map(|place| {
        let five_bits = bits.checked_shr(5 * place).unwrap_or(0) & 31;
        char::from(UNMISTAKABLE[usize::try_from(five_bits).unwrap_or(0)])
    });
    letters.collect()
}

/// The letter that was meant, in whatever case; nothing, if none was.
pub(crate) fn unmistakable_in(said: char) -> Option<char> {
    let meant = match said.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let is_one = u8::try_from(meant).is_ok_and(|byte| UNMISTAKABLE.contains(&byte));
    is_one.then_some(meant)
}

/// A character that can't stand in a text, as people call it.
pub(crate) fn told(character: char) -> SmolStr {
    match character {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break".into(),
        '\t' => "a tab".into(),
        other => format_smolstr!("the character U+{:04X}", u32::from(other)),
    }
}

/// The first character that can't stand in a text of one line, and where.
pub(crate) fn hidden_in_line(text: &str) -> Option<(usize, char)> {
    if is_plain(text) {
        return None;
    }
    text.char_indices().find(|(_, c)| breaks_names(*c))
}

/// The first character that can't stand in a text of several lines, and where.
pub(crate) fn hidden_in_text(text: &str) -> Option<(usize, char)> {
    if is_plain(text) {
        return None;
    }
    let is_layout = |c| matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}');
    text.char_indices()
        .find(|(_, c)| breaks_names(*c) && !is_layout(*c))
}

/// Whether a text is letters and signs of ASCII alone, as most texts are.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Control characters, ends of lines, what overrides or embeds a direction of writing, and what
/// can't be seen. The plain marks of direction (U+200E, U+200F, U+061C) and the joiners (U+200C,
/// U+200D), which honest texts in many languages have, are none.
fn breaks_names(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(
            c,
            '\u{AD}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2065}'
                | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Whether nothing of a text can be seen.
pub(crate) fn is_blank(text: &str) -> bool {
    let unseen = |c| matches!(c, '\u{61C}' | '\u{200C}'..='\u{200F}');
    text.chars().all(|c| c.is_whitespace() || unseen(c))
}
