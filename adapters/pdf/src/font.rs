//! Fonts: which letters there are, and how wide a text is.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use unicode_normalization::UnicodeNormalization;

use crate::PdfError;

/// A regular font and a bold one.
#[derive(Clone)]
pub struct Fonts {
    regular: Vec<u8>,
    bold: Vec<u8>,
}

impl Fonts {
    /// Fonts of the host's own: the bytes of two TrueType or OpenType files.
    #[must_use]
    pub fn new(regular: impl Into<Vec<u8>>, bold: impl Into<Vec<u8>>) -> Self {
        let (regular, bold) = (regular.into(), bold.into());
        Self { regular, bold }
    }

    pub(crate) fn faces(&self) -> Result<Faces, PdfError> {
        Ok(Faces {
            regular: Face::new(&self.regular)?,
            bold: Face::new(&self.bold)?,
        })
    }
}

/// Noto Sans.
impl Default for Fonts {
    fn default() -> Self {
        let regular: &[u8] = include_bytes!("../fonts/NotoSans-Regular.ttf");
        let bold: &[u8] = include_bytes!("../fonts/NotoSans-Bold.ttf");
        Self::new(regular, bold)
    }
}

/// Tells that there are fonts, and not their bytes.
impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fonts(..)")
    }
}

/// The fonts, read.
pub(crate) struct Faces {
    pub(crate) regular: Face,
    pub(crate) bold: Face,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) is_bold: bool,
    /// In points.
    pub(crate) size: f32,
    pub(crate) ink: Ink,
}

/// How dark a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// What is said.
    Dark,
    /// What stands beside it.
    Grey,
}

impl Style {
    /// From one line of it to the next.
    pub(crate) fn leading(self) -> f32 {
        (self.size * 1.4).round()
    }
}

impl Faces {
    pub(crate) fn of(&self, style: Style) -> &Face {
        match style.is_bold {
            true => &self.bold,
            false => &self.regular,
        }
    }
}

/// One font.
pub(crate) struct Face {
    pub(crate) font: Font,
    bytes: Vec<u8>,
}

/// A letter of a font.
struct Letter {
    glyph: skrifa::GlyphId,
    /// In the font's own units: a whole number, so that sums of widths are exact in any order.
    units: f32,
}

impl Face {
    fn new(bytes: &[u8]) -> Result<Self, PdfError> {
        let font = Font::new(bytes.to_vec().into(), 0).ok_or(PdfError::NotAFont)?;
        FontRef::new(bytes).map_err(|_| PdfError::NotAFont)?;
        let bytes = bytes.to_vec();
        Ok(Self { font, bytes })
    }

    /// The letters of a text, in order.
    fn letters(&self, text: &str) -> Result<Vec<(char, Letter)>, PdfError> {
        let font = FontRef::new(&self.bytes).map_err(|_| PdfError::NotAFont)?;
        let letters = font.charmap();
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let found = text.chars().map(|letter| {
            let missing = PdfError::NoSuchLetter { letter };
            let glyph = letters.map(letter).ok_or(missing)?;
            let units = metrics.advance_width(glyph).unwrap_or(0.0);
            Ok((letter, Letter { glyph, units }))
        });
        found.collect()
    }

    /// How wide a text is at a size, in points.
    pub(crate) fn width(&self, text: &str, size: f32) -> Result<f32, PdfError> {
        let letters = self.letters(text)?;
        let units = letters.iter().map(|(_, letter)| letter.units);
        Ok(self.points(units.sum(), size))
    }

    /// So many of the font's units at a size, in points.
    fn points(&self, units: f32, size: f32) -> f32 {
        units / self.font.units_per_em() * size
    }

    /// A text as it is drawn.
    pub(crate) fn glyphs(&self, text: &str) -> Result<Vec<KrillaGlyph>, PdfError> {
        let mut place = 0;
        let letters = self.letters(text)?.into_iter();
        let per_em = self.font.units_per_em();
        let glyphs = letters.map(|(letter, Letter { glyph, units })| {
            let begin = place;
            place += letter.len_utf8();
            let glyph = GlyphId::new(glyph.to_u32());
            KrillaGlyph::new(glyph, units / per_em, 0.0, 0.0, 0.0, begin..place, None)
        });
        Ok(glyphs.collect())
    }

    /// A text in lines that are no wider than this. A word that is wider is broken.
    pub(crate) fn wrapped(
        &self,
        text: &str,
        size: f32,
        width: f32,
    ) -> Result<Vec<String>, PdfError> {
        let mut lines = Vec::new();
        for paragraph in plain(text).split('\n') {
            let mut line = String::new();
            for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
                let longer = match line.as_str() {
                    "" => word.to_owned(),
                    line => format!("{line} {word}"),
                };
                if self.width(&longer, size)? <= width {
                    line = longer;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                let mut parts = self.broken(word, size, width)?;
                line = parts.pop().unwrap_or_default();
                lines.append(&mut parts);
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// A word in parts that are no wider than this; whole, if it isn't wider.
    fn broken(&self, word: &str, size: f32, width: f32) -> Result<Vec<String>, PdfError> {
        let mut parts = vec![String::new()];
        let mut used = 0.0;
        for (letter, Letter { units, .. }) in self.letters(word)? {
            used += units;
            if self.points(used, size) > width {
                parts.push(String::new());
                used = units;
            }
            if let Some(part) = parts.last_mut() {
                part.push(letter);
            }
        }
        parts.retain(|part| !part.is_empty());
        Ok(parts)
    }
}

/// A text as it is set: letters and their accents in one, tabs as blanks, and without the marks that
/// nobody sees.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let seen = text.nfc().filter_map(|letter| match letter {
        '\t' => Some(' '),
        '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{61C}' | '\u{200C}'..='\u{200F}' => None,
        letter => Some(letter),
    });
    seen.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

    use super::*;
    use proptest::prelude::*;

    fn face() -> Face {
        Fonts::default().faces().unwrap().regular
    }

    #[test]
    fn letters_of_spanish_portuguese_and_their_neighbours_are_there() {
        let face = face();
        for text in [
            "áéíóúüñ ÁÉÍÓÚÜÑ ¿¡ ºª «» “” ‘’ – — … • € ₲ ₡",
            "ãõâêôàç ÃÕÂÊÔÀÇ lh nh",
            "Œuvre ßẞ Łódź Žižek Åse İstanbul Nguyễn Ελένη Ольга",
            "1\u{A0}234,50 %",
        ] {
            assert!(face.width(text, 10.0).unwrap() > 0.0, "{text}");
        }
        let error = face.width("王", 10.0).unwrap_err();
        assert!(error.to_string().contains("U+738B"), "{error}");
    }

    #[test]
    fn an_accent_that_stands_by_itself_is_joined_to_its_letter() {
        assert_eq!(plain("Jose\u{301}\tPen\u{303}a\u{200D}"), "José Peña");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(text in "[a-zñ]{0,60}( [a-zñ]{1,12}){0,20}") {
            let face = face();
            let lines = face.wrapped(&text, 10.0, 120.0).unwrap();
            for line in &lines {
                prop_assert!(face.width(line, 10.0).unwrap() <= 120.0, "{line}");
            }
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
