//! Faults with the line they stand on, and a caret under the place.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use leadkit::playbook::fault::Fault;
use leadkit::playbook::load::Folder;
use serde::Serialize;

/// Whether faults are shown in colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// With them: for terminals.
    Coloured,
    /// Without.
    #[default]
    Plain,
}

impl Style {
    fn renderer(self) -> Renderer {
        match self {
            Self::Coloured => Renderer::styled(),
            Self::Plain => Renderer::plain(),
        }
    }
}

/// A fault as programs get it.
#[derive(Clone, Debug, Serialize)]
pub struct ToldFault {
    /// The file, as it can be opened from here.
    pub file: PathBuf,
    /// The line, from 1; 0 where a file can't be read at all.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// A short stable name of what is wrong.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// Something at a place of a text.
pub(crate) struct Placed<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
    pub(crate) span: Range<usize>,
    pub(crate) message: &'a str,
    pub(crate) hint: Option<&'a str>,
}

/// The place with its line and a caret.
pub(crate) fn placed(placed: &Placed<'_>, style: Style) -> String {
    let path = placed.path.display().to_string();
    let title = Level::ERROR.primary_title(placed.message);
    let mut group = if placed.text.is_empty() {
        title.element(Origin::path(path))
    } else {
        let span = on_one_line(placed.text, &placed.span);
        let annotation = AnnotationKind::Primary.span(span);
        let snippet = Snippet::source(placed.text).path(path);
        title.element(snippet.annotation(annotation))
    };
    if let Some(hint) = placed.hint {
        group = group.element(Level::HELP.message(hint));
    }
    let groups: &[Group<'_>] = &[group];
    style.renderer().render(groups)
}

/// A message without a place, and what was probably meant.
pub(crate) fn titled(message: &str, hint: Option<&str>, style: Style) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if let Some(hint) = hint {
        group = group.element(Level::HELP.message(hint));
    }
    style.renderer().render(&[group])
}

/// The part of a span that lies on its first line: a fault of a whole section points at its head.
fn on_one_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (boundary(span.start), boundary(span.end.max(span.start)));
    let line_end = text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |newline| start + newline);
    start..end.min(line_end).max(start)
}

/// The text in which a fault lies; empty for a file that can't be read.
fn text_of<'a>(folder: &'a Folder, file: &str) -> &'a str {
    if file == "playbook.toml" {
        return &folder.playbook;
    }
    let mut files = folder
        .templates
        .iter()
        .chain(&folder.holidays)
        .chain(&folder.scenarios);
    files
        .find(|(path, _)| path == file)
        .map_or("", |(_, text)| text)
}

/// A text in which places of files (`playbook.toml:12`) are written as they can be opened from here.
pub(crate) fn with_paths(path: &Path, folder: &[&str], text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, file)) = place_in(rest, folder) {
        told.push_str(&rest[..at]);
        told.push_str(&path.join(file).display().to_string());
        rest = &rest[at + file.len()..];
    }
    told.push_str(rest);
    told
}

/// The first place of a file in a text: where it begins, and the file.
fn place_in<'f>(text: &str, files: &[&'f str]) -> Option<(usize, &'f str)> {
    let places = files.iter().flat_map(|file| {
        let found = text.match_indices(file).filter(|(at, _)| {
            let behind = text[at + file.len()..].strip_prefix(':');
            let has_line =
                behind.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            let is_whole = text[..*at].chars().next_back();
            has_line && !is_whole.is_some_and(|c| c.is_alphanumeric() || "/\\-_.".contains(c))
        });
        found.map(|(at, _)| (at, *file))
    });
    places.min()
}

/// The files of a playbook of which faults can speak.
fn files_of(folder: &Folder) -> Vec<&str> {
    let files = folder.templates.iter().chain(&folder.holidays);
    let files = files
        .chain(&folder.scenarios)
        .map(|(path, _)| path.as_str());
    files.chain(["playbook.toml"]).collect()
}

/// All faults for people, each with its line.
#[must_use]
pub fn told(path: &Path, folder: &Folder, faults: &[Fault], style: Style) -> String {
    let mut text = String::new();
    let files = files_of(folder);
    for fault in faults {
        let hint = fault
            .hint
            .as_ref()
            .map(|hint| with_paths(path, &files, hint));
        let place = Placed {
            path: &path.join(&*fault.file),
            text: if fault.line == 0 {
                ""
            } else {
                text_of(folder, &fault.file)
            },
            span: fault.span.clone(),
            message: &with_paths(path, &files, &fault.kind.to_string()),
            hint: hint.as_deref(),
        };
        text.push_str(&placed(&place, style));
        text.push_str("\n\n");
    }
    text
}

/// All faults for programs.
#[must_use]
pub fn listed(path: &Path, folder: &Folder, faults: &[Fault]) -> Vec<ToldFault> {
    let files = files_of(folder);
    let told = faults.iter().map(|fault| ToldFault {
        file: path.join(&*fault.file),
        line: fault.line,
        column: fault.column,
        code: fault.kind.code(),
        message: with_paths(path, &files, &fault.kind.to_string()),
        hint: fault
            .hint
            .as_ref()
            .map(|hint| with_paths(path, &files, hint)),
    });
    told.collect()
}
