//! The files of a playbook, read from disk: the one place in this crate that does.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::str::Utf8Chunk;

use smol_str::{SmolStr, format_smolstr};
use toml::de::{DeTable, DeValue};

use crate::ids::{Name, hash128};
use crate::playbook::fault::{Fault, FaultKind, Faults};

/// The texts of a playbook, by their paths within its folder.
///
/// A host that has no file system fills it by hand, for instance with `include_str!`.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// `playbook.toml`.
    pub playbook: String,
    /// Files of `templates/`: path and text.
    pub templates: Vec<(SmolStr, String)>,
    /// Files of `holidays/`: path and text.
    pub holidays: Vec<(SmolStr, String)>,
    /// Files of `scenarios/`: path and text.
    pub scenarios: Vec<(SmolStr, String)>,
}

impl Folder {
    /// How large one file can be.
    pub const LARGEST_FILE_BYTES: usize = 4 * 1024 * 1024;
    /// How many files one of the folders can have.
    pub const MOST_FILES: usize = 1_000;

    /// Reads the files of a playbook.
    ///
    /// # Errors
    /// Those files that can't be opened, that are too large or no UTF-8.
    pub fn load(folder: &Path) -> Result<Self, Faults> {
        match Self::load_what_can_be(folder) {
            (read, faults) if faults.is_empty() => Ok(read),
            (_, faults) => Err(Faults(faults)),
        }
    }

    /// Reads those files of a playbook that can be read, and tells what is wrong with the others:
    /// for whoever wants to know everything at once.
    #[must_use]
    pub fn load_what_can_be(folder: &Path) -> (Self, Vec<Fault>) {
        if !folder.is_dir() {
            return (Self::default(), vec![no_folder(folder)]);
        }
        let reading = Reading {
            folder,
            faults: RefCell::new(Vec::new()),
        };
        let playbook = reading.file("playbook.toml").unwrap_or_default();
        let read = Self {
            playbook,
            templates: reading.files("templates", &["txt", "html"]),
            holidays: reading.files("holidays", &["csv"]),
            scenarios: reading.files("scenarios", &["toml"]),
        };
        (read, reading.faults.into_inner())
    }

    /// What tells this playbook from a changed one: what `playbook.toml`, read as this table,
    /// means, and the other files letter by letter. Comments and blanks don't count, and neither do
    /// scenarios: they decide nothing. What the host registered is code, which is not looked into: the
    /// host gives it a version, where it changes.
    pub(crate) fn hash(&self, playbook: &DeTable<'_>, host_version: &str) -> Name {
        let mut meaning = Vec::new();
        write_table(playbook, &mut meaning);
        let mut parts = vec![meaning.as_slice()];
        for (path, text) in self.templates.iter().chain(&self.holidays) {
            parts.push(path.as_bytes());
            parts.push(without_bom(text).as_bytes());
        }
        // Alone, where what stands before comes in pairs.
        if !host_version.is_empty() {
            parts.push(host_version.as_bytes());
        }
        let hash = u128::from_be_bytes(hash128(&parts));
        // Eighty bits: enough to tell playbooks apart, short enough to be held in place.
        Name::from(format!("{:020x}", hash >> 48))
    }
}

/// A text without the mark that some editors put before it.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

fn no_folder(path: &Path) -> Fault {
    let kind = match path.exists() {
        true => FaultKind::NotAFolder,
        false => FaultKind::NoFolder,
    };
    Fault {
        file: path.display().to_string().into(),
        line: 0,
        column: 0,
        span: 0..0,
        kind,
        hint: Some("a playbook is a folder with a playbook.toml in it".into()),
    }
}

/// Writes what a table means, so that no two meanings are written alike. Its keys stand in the order
/// of the file, which is that of rules, routes and pools.
fn write_table(table: &DeTable<'_>, out: &mut Vec<u8>) {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    out.push(b'{');
    for (key, value) in entries {
        write_text(b'k', key.get_ref(), out);
        write_value(value.get_ref(), out);
    }
    out.push(b'}');
}

fn write_value(value: &DeValue<'_>, out: &mut Vec<u8>) {
    match value {
        DeValue::String(text) => write_text(b's', text, out),
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            let number = i64::from_str_radix(digits, integer.radix());
            write_text(
                b'i',
                &number.map_or_else(|_| digits.into(), |n| n.to_string()),
                out,
            );
        }
        DeValue::Float(float) => write_text(b'f', float.as_str(), out),
        DeValue::Boolean(value) => out.push(if *value { b'+' } else { b'-' }),
        DeValue::Datetime(datetime) => write_text(b't', &datetime.to_string(), out),
        DeValue::Array(values) => {
            out.push(b'[');
            for value in values.iter() {
                write_value(value.get_ref(), out);
            }
            out.push(b']');
        }
        DeValue::Table(table) => write_table(table, out),
    }
}

/// A text behind its sort and its length.
fn write_text(sort: u8, text: &str, out: &mut Vec<u8>) {
    out.push(sort);
    out.extend(text.len().to_le_bytes());
    out.extend(text.as_bytes());
}

/// Whether a file's name has this ending.
fn ends_in(name: &str, ending: &str) -> bool {
    let stem = name.strip_suffix(ending);
    stem.is_some_and(|stem| stem.ends_with('.'))
}

/// The name that a file was probably meant to have, of which an editor made `.toml.txt`, behind an ending
/// that is not shown, or `.TOML`. What is called otherwise is meant to be something else.
fn renamed(name: &str, endings: &[&'static str]) -> Option<(&'static str, String)> {
    let lower = name.to_lowercase();
    let without = lower.strip_suffix(".txt").unwrap_or(&lower);
    let ending = endings.iter().find(|ending| ends_in(without, ending))?;
    let stem = name.get(..without.len() - ending.len())?;
    Some((ending, format!("{stem}{ending}")))
}

struct Reading<'a> {
    folder: &'a Path,
    faults: RefCell<Vec<Fault>>,
}

impl Reading<'_> {
    fn fault(&self, file: &str, kind: FaultKind, hint: Option<SmolStr>) {
        let file = file.into();
        self.faults.borrow_mut().push(Fault {
            file,
            line: 0,
            column: 0,
            span: 0..0,
            kind,
            hint,
        });
    }

    fn file(&self, path: &str) -> Option<String> {
        let file = self.folder.join(path);
        let size = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        if size > Folder::LARGEST_FILE_BYTES as u64 {
            let most_bytes = Folder::LARGEST_FILE_BYTES;
            self.fault(path, FaultKind::TooLarge { most_bytes }, None);
            return None;
        }
        match fs::read(&file) {
            Ok(bytes) => self.text(path, bytes),
            Err(error) => {
                let hint = match error.kind() {
                    ErrorKind::NotFound => {
                        Some("a playbook is a folder with a playbook.toml in it")
                    }
                    _ => None,
                };
                self.fault(
                    path,
                    FaultKind::Unreadable(error.kind()),
                    hint.map(SmolStr::from),
                );
                None
            }
        }
    }

    /// The text of a file. One in an older encoding is a fault, and is read on as Latin-1, so that
    /// whatever else is wrong with it is told as well.
    fn text(&self, path: &str, bytes: Vec<u8>) -> Option<String> {
        let error = match String::from_utf8(bytes) {
            Ok(text) if text.starts_with('\u{FEFF}') => return Some(without_bom(&text).to_owned()),
            Ok(text) => return Some(text),
            Err(error) => error,
        };
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let is_utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        let hint = match char::from(byte) {
            _ if is_utf16 => "the file is UTF-16; save it as UTF-8".into(),
            letter if letter.is_alphanumeric() => format_smolstr!(
                "save the file as UTF-8; if it is Latin-1 (Windows-1252), this is `{letter}`"
            ),
            _ => "save the file as UTF-8".into(),
        };
        let before = String::from_utf8_lossy(&bytes[..valid]);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let read = (!is_utf16).then(|| {
            let chunks = bytes.utf8_chunks();
            let read_on = |text: &mut String, chunk: Utf8Chunk<'_>| {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().copied().map(char::from));
            };
            chunks.fold(String::new(), |mut text, chunk| {
                read_on(&mut text, chunk);
                text
            })
        });
        self.faults.borrow_mut().push(Fault {
            file: path.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: valid..valid + usize::from(!is_utf16),
            kind: FaultKind::NotUtf8 { byte },
            hint: Some(hint),
        });
        read
    }

    /// The files of a sub-folder with one of these endings, in the order of their names. A folder
    /// that isn't there has none.
    fn files(&self, sub_folder: &str, endings: &[&'static str]) -> Vec<(SmolStr, String)> {
        let entries = match fs::read_dir(self.folder.join(sub_folder)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    self.fault(sub_folder, FaultKind::Unreadable(error.kind()), None);
                }
                return Vec::new();
            }
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut paths = Vec::new();
        for name in names {
            let path = format!("{sub_folder}/{name}");
            if endings.iter().any(|ending| ends_in(&name, ending)) {
                paths.push(path);
            } else if let Some((ending, right)) = renamed(&name, endings) {
                let hint = format_smolstr!("name it `{right}`");
                self.fault(&path, FaultKind::Misnamed { ending }, Some(hint));
            }
        }
        paths.sort_unstable();
        if paths.len() > Folder::MOST_FILES {
            let (found, most) = (paths.len(), Folder::MOST_FILES);
            self.fault(
                sub_folder,
                FaultKind::TooMany {
                    sort: "files",
                    found,
                    most,
                },
                None,
            );
            paths.truncate(most);
        }
        paths
            .iter()
            .filter_map(|path| Some((path.into(), self.file(path)?)))
            .collect()
    }
}
