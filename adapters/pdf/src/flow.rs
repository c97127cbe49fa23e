//! Pages in the making: marks at their places, and a new page where there is no more room.

use crate::PdfError;
use crate::font::{Faces, Ink, Style, plain};

/// Something that stands on a page. Places are in points from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    /// A text on a line of its own, by the left end of its base line.
    Text {
        x: f32,
        y: f32,
        style: Style,
        text: String,
    },
    /// A line across.
    Rule { from: f32, to: f32, y: f32 },
    /// A grey ground.
    Ground {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
    },
}

/// What stands on one page.
pub(crate) type Page = Vec<Mark>;

/// How far from the edges everything stands.
pub(crate) const MARGIN: f32 = 50.0;
/// How much of the foot is kept free for the page's number.
const FOOT: f32 = 30.0;

/// Where on a line a text stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// It begins here.
    From(f32),
    /// It ends here.
    To(f32),
}

/// The pages so far, and the place at which it goes on.
pub(crate) struct Flow<'f> {
    pub(crate) faces: &'f Faces,
    pub(crate) pages: Vec<Page>,
    pub(crate) y: f32,
    width: f32,
    height: f32,
}

impl<'f> Flow<'f> {
    pub(crate) fn new(faces: &'f Faces, (width, height): (f32, f32)) -> Self {
        Self {
            faces,
            pages: vec![Page::new()],
            y: MARGIN,
            width,
            height,
        }
    }

    /// Where the right margin begins.
    pub(crate) fn right(&self) -> f32 {
        self.width - MARGIN
    }

    /// The base line of a page's number.
    pub(crate) fn foot(&self) -> f32 {
        self.height - MARGIN + 10.0
    }

    /// Whether so much has room on this page.
    pub(crate) fn has_room(&self, height: f32) -> bool {
        self.y + height <= self.height - MARGIN - FOOT
    }

    /// Whether so much has room on a page of its own.
    pub(crate) fn fits_a_page(&self, height: f32) -> bool {
        MARGIN + height <= self.height - MARGIN - FOOT
    }

    pub(crate) fn begin_page(&mut self) {
        self.pages.push(Page::new());
        self.y = MARGIN;
    }

    /// Begins a page, if so much has no room on this one.
    pub(crate) fn make_room(&mut self, height: f32) {
        if !self.has_room(height) {
            self.begin_page();
        }
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// A text on the present line.
    pub(crate) fn text(&mut self, at: At, style: Style, text: &str) -> Result<(), PdfError> {
        let text = plain(text).replace('\n', " ");
        let x = match at {
            At::From(x) => x,
            At::To(x) => x - self.faces.of(style).width(&text, style.size)?,
        };
        let y = self.y + style.size;
        self.mark(Mark::Text { x, y, style, text });
        Ok(())
    }

    /// A line across at the present place.
    pub(crate) fn rule(&mut self) {
        let (from, to, y) = (MARGIN, self.right(), self.y);
        self.mark(Mark::Rule { from, to, y });
    }

    /// The number of each page, at its foot.
    pub(crate) fn number_pages(&mut self, label: &str, beside: &str) -> Result<(), PdfError> {
        const SMALL: Style = Style {
            is_bold: false,
            size: 8.0,
            ink: Ink::Grey,
        };
        let (right, y, of) = (self.right(), self.foot(), self.pages.len());
        let (label, beside) = (plain(label), plain(beside));
        let pages = self.pages.iter_mut().zip(1..);
        for (page, number) in pages {
            let text = format!("{label} {number} / {of}");
            let x = right - self.faces.of(SMALL).width(&text, SMALL.size)?;
            let style = SMALL;
            page.push(Mark::Text { x, y, style, text });
            let (x, text) = (MARGIN, beside.clone());
            page.push(Mark::Text { x, y, style, text });
        }
        Ok(())
    }
}
