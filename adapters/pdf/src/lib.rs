//! A quote as PDF: the paper that a customer gets (requirement M11).
//!
//! ```no_run
//! use leadkit::playbook::Playbook;
//! use leadkit::record::{Agent, Lead};
//! use leadkit_pdf::QuotePaper;
//! # fn main_(playbook: &Playbook, lead: &Lead, ana: &Agent) -> Result<(), Box<dyn std::error::Error>> {
//! if let Some(quote) = lead.quote() {
//!     let pdf = QuotePaper::new(playbook, lead, quote).made_by(ana).to_pdf()?;
//!     std::fs::write(format!("{}.pdf", quote.number), pdf)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What stands on it is the playbook's: `[quote.labels]`, its way of writing amounts, its terms. Long
//! texts wrap, many lines go over pages. The same quote gives the same bytes, on every machine.
//!
//! Letters are those of Noto Sans for Latin, Greek and Cyrillic, which comes with the crate. Text is set
//! letter by letter, from left to right: scripts that need more (Arabic, Devanagari) can't be set, also
//! not with fonts of the host's own ([`QuotePaper::fonts`]).

use leadkit::playbook::Playbook;
use leadkit::record::{Agent, Lead, Quote};

mod draw;
mod flow;
mod font;
mod paper;

pub use font::Fonts;

/// A quote that is to be put on paper.
#[derive(Clone, Debug)]
pub struct QuotePaper<'a> {
    playbook: &'a Playbook,
    lead: &'a Lead,
    quote: &'a Quote,
    made_by: Option<&'a Agent>,
    size: PaperSize,
    fonts: Fonts,
}

/// How large the paper is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaperSize {
    /// 210 by 297 millimetres: the default.
    #[default]
    A4,
    /// 8.5 by 11 inches, as in Mexico and the United States.
    Letter,
}

impl PaperSize {
    /// Width and height, in points.
    fn points(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.0, 842.0),
            Self::Letter => (612.0, 792.0),
        }
    }
}

/// Why there is no paper.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PdfError {
    /// A text holds a letter that the fonts don't have. A box in its place would go to a customer.
    #[error("the fonts have no letter {letter:?} (U+{:04X}); give fonts that do", u32::from(*.letter))]
    NoSuchLetter {
        /// The first one.
        letter: char,
    },
    /// Bytes that are no font, or no complete one.
    #[error("these bytes are no font that can be read")]
    NotAFont,
    /// The PDF could not be written.
    #[error("the PDF could not be written: {0}")]
    Unwritten(String),
}

impl<'a> QuotePaper<'a> {
    /// A version of a lead's quote.
    #[must_use]
    pub fn new(playbook: &'a Playbook, lead: &'a Lead, quote: &'a Quote) -> Self {
        Self {
            playbook,
            lead,
            quote,
            made_by: None,
            size: PaperSize::default(),
            fonts: Fonts::default(),
        }
    }

    /// Whom the customer can ask.
    #[must_use]
    pub fn made_by(mut self, agent: &'a Agent) -> Self {
        self.made_by = Some(agent);
        self
    }

    /// On paper of another size.
    #[must_use]
    pub fn size(mut self, size: PaperSize) -> Self {
        self.size = size;
        self
    }

    /// In other fonts.
    #[must_use]
    pub fn fonts(mut self, fonts: Fonts) -> Self {
        self.fonts = fonts;
        self
    }

    /// The bytes of the PDF.
    ///
    /// # Errors
    /// When a letter is missing in the fonts, or they are none.
    pub fn to_pdf(&self) -> Result<Vec<u8>, PdfError> {
        let faces = self.fonts.faces()?;
        let pages = paper::set(self, &faces)?;
        draw::draw(self, &faces, &pages)
    }
}
