//! Pages as PDF.

use chrono::{Datelike, NaiveDateTime, Timelike};
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::{Document, SerializeSettings};

use crate::flow::{Mark, Page};
use crate::font::{Faces, Ink};
use crate::{PdfError, QuotePaper};

pub(crate) fn draw(
    paper: &QuotePaper<'_>,
    faces: &Faces,
    pages: &[Page],
) -> Result<Vec<u8>, PdfError> {
    let settings = SerializeSettings {
        enable_tagging: false,
        ..SerializeSettings::default()
    };
    let mut document = Document::new_with(settings);
    document.set_metadata(metadata(paper));
    let (width, height) = paper.size.points();
    for page in pages {
        // The sizes of paper are sizes.
        let size = PageSettings::from_wh(width, height).unwrap_or_default();
        let mut leaf = document.start_page_with(size);
        let mut surface = leaf.surface();
        for mark in page {
            draw_mark(&mut surface, faces, mark)?;
        }
        surface.finish();
        leaf.finish();
    }
    let written = document.finish();
    written.map_err(|error| PdfError::Unwritten(error.to_string()))
}

/// The time is that of the quote, so that the same quote is the same file.
fn metadata(paper: &QuotePaper<'_>) -> Metadata {
    let quote = paper.quote;
    let labels = &paper.playbook.quoting.labels;
    Metadata::new()
        .title(format!("{} {}", labels.quote, quote.number))
        .authors(vec![paper.playbook.organisation.name.to_string()])
        .language(paper.playbook.locale.to_string())
        .document_id(quote.number.to_string())
        .creation_date(date_time(quote.made.at.naive_utc()))
}

fn date_time(at: NaiveDateTime) -> DateTime {
    let small = |part: u32| u8::try_from(part).unwrap_or(0);
    DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

const DARK: (u8, u8, u8) = (30, 34, 40);
const GREY: (u8, u8, u8) = (105, 112, 122);
const LINE: (u8, u8, u8) = (205, 210, 216);
const GROUND: (u8, u8, u8) = (241, 243, 245);

fn filled((red, green, blue): (u8, u8, u8)) -> Option<Fill> {
    let paint = rgb::Color::new(red, green, blue).into();
    Some(Fill {
        paint,
        ..Fill::default()
    })
}

fn draw_mark(surface: &mut Surface<'_>, faces: &Faces, mark: &Mark) -> Result<(), PdfError> {
    match mark {
        Mark::Text { x, y, style, text } => {
            let face = faces.of(*style);
            let ink = match style.ink {
                Ink::Dark => DARK,
                Ink::Grey => GREY,
            };
            surface.set_stroke(None);
            surface.set_fill(filled(ink));
            let (start, glyphs) = (Point::from_xy(*x, *y), face.glyphs(text)?);
            surface.draw_glyphs(start, &glyphs, face.font.clone(), text, style.size, false);
        }
        Mark::Rule { from, to, y } => {
            let (red, green, blue) = LINE;
            let mut path = PathBuilder::new();
            path.move_to(*from, *y);
            path.line_to(*to, *y);
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke {
                paint: rgb::Color::new(red, green, blue).into(),
                width: 0.6,
                ..Stroke::default()
            }));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Mark::Ground {
            x,
            y,
            width,
            height,
        } => {
            let mut path = PathBuilder::new();
            if let Some(area) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(area);
            }
            surface.set_stroke(None);
            surface.set_fill(filled(GROUND));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
    Ok(())
}
