//! Tables from the wild: CSV in whatever encoding and with whatever delimiter, row by row, where
//! a row that can't be trusted is reported with its line and never lost silently.

use std::borrow::Cow;
use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::spell;

mod fault;

pub use fault::{ColumnFault, RowFault, TableFault};

/// How large one cell can be, in bytes.
pub const LARGEST_CELL_BYTES: usize = 64 * 1024;
/// The delimiters that are tried when none is declared.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How many rows are looked at to find the delimiter.
const SAMPLE_ROWS: usize = 50;

/// How a file is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// What stands between cells; found out, if nothing is said.
    pub delimiter: Option<u8>,
    /// The encoding, by its WHATWG label; found out, if nothing is said.
    pub encoding: Option<&'a str>,
    /// The columns that are wanted. A row that has all of them is good.
    pub columns: &'a [&'a str],
    /// Those of them without which a row is none. The others may be missing at the end of a line, and
    /// are empty then.
    pub needed: &'a [&'a str],
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns, trimmed.
    pub headers: Vec<String>,
    /// The good rows.
    pub rows: Vec<Row>,
    /// The others.
    pub refused: Vec<BadRow>,
    /// The lines of the good rows that end before all columns that are wanted.
    pub ends_early: BTreeSet<u64>,
    /// The encoding that was found, or declared.
    pub encoding: &'static str,
    /// The delimiter that was found, or declared.
    pub delimiter: char,
}

/// A row, as wide as the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What it took in of the rows that follow it, if it did.
    pub taken_in: Option<TakenIn>,
    /// Its cells, trimmed.
    pub cells: Vec<String>,
}

/// What looks like other rows, and was read as a part of one, since a quote stands where none was
/// meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenIn {
    /// The line on which the row ends that took them in, from 1.
    pub last_line: u64,
    /// How many they seem to be.
    pub rows: u64,
}

/// A row that can't be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What it took in of the rows that follow it, if it did.
    pub taken_in: Option<TakenIn>,
    /// What is wrong with it.
    pub fault: RowFault,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// When it isn't one, or lacks a column that is wanted.
    pub fn read(bytes: &[u8], reading: &Reading<'_>) -> Result<Self, TableFault> {
        let Decoded {
            text,
            encoding,
            lost_some,
        } = decode(bytes, reading.encoding)?;
        let lost_from = lost_some.then(|| encoding.name());
        let text = one_newline(&text);
        let (said, text) = said_delimiter(&text);
        let delimiter = match reading.delimiter.or(said) {
            Some(delimiter) => delimiter,
            None => find_delimiter(text, reading.columns),
        };
        let mut records = records(text, delimiter, usize::MAX);
        // A line that says the delimiter is none of the table's, and is counted all the same.
        let lines_before = u64::from(said.is_some());
        records
            .iter_mut()
            .for_each(|record| record.line += lines_before);
        let mut records = records.into_iter();
        let Some(head) = records.next() else {
            return Err(TableFault::Empty);
        };
        let headers: Vec<String> = head
            .cells
            .iter()
            .map(|cell| cell.trim().to_owned())
            .collect();
        let fault = cell_fault(&head.cells, &headers, lost_from);
        if let Some(fault) = fault.or_else(|| head.unclosed()) {
            return Err(TableFault::Headers {
                line: head.line,
                fault,
            });
        }
        if headers.iter().all(String::is_empty) {
            return Err(TableFault::Empty);
        }
        let wanted = places(&headers, reading.columns)?;
        let mut table = Self {
            headers,
            rows: Vec::new(),
            refused: Vec::new(),
            ends_early: BTreeSet::new(),
            encoding: encoding.name(),
            delimiter: char::from(delimiter),
        };
        let needed = places(&table.headers, reading.needed)?;
        let wanted = Wanted {
            places: wanted,
            needed,
        };
        let records: Vec<RawRecord> = records.collect();
        let halves = halves(&records, table.headers.len(), &wanted.needed);
        for (place, record) in records.into_iter().enumerate() {
            let is_whole = !halves.contains(&place);
            let (line, found) = (record.line, record.cells.len());
            match row(&table.headers, &wanted, is_whole, lost_from, record) {
                Ok(row) => {
                    if row.is_some() && wanted.places.iter().any(|place| *place >= found) {
                        table.ends_early.insert(line);
                    }
                    table.rows.extend(row);
                }
                Err(bad) => table.refused.push(bad),
            }
        }
        Ok(table)
    }

    /// The rows that took others in, each by the line on which it begins.
    pub(super) fn taken_in(&self) -> impl Iterator<Item = (u64, TakenIn)> {
        let good = self.rows.iter().map(|row| (row.line, row.taken_in));
        let bad = self.refused.iter().map(|bad| (bad.line, bad.taken_in));
        let all = good.chain(bad);
        all.filter_map(|(line, taken_in)| Some((line, taken_in?)))
    }

    /// The place of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.headers.iter().position(|header| header == name)
    }
}

/// A record as it stands in the file.
struct RawRecord {
    line: u64,
    cells: Vec<String>,
    /// How many delimiters stand on each of its lines, quoted or not; nothing, if it has one line.
    delimiters: Vec<usize>,
    /// How many lines it took, if it ends the file inside a quote.
    unclosed_lines: Option<u64>,
    /// Whether a quoted cell goes on behind its quote.
    is_misquoted: bool,
}

impl RawRecord {
    fn unclosed(&self) -> Option<RowFault> {
        self.unclosed_lines
            .map(|lines| RowFault::Unclosed { lines })
    }

    /// What looks like rows behind its first line, where rows are as wide as that. The last line ends a
    /// cell of this row, so it is one by itself only if the first is one, too.
    fn taken_in(&self, width: usize) -> Option<TakenIn> {
        let between = width.saturating_sub(1);
        let [first, inner @ .., last] = self.delimiters.as_slice() else {
            return None;
        };
        let inner = inner.iter().filter(|count| **count == between).count();
        let is_last_one = *last == between && *first >= between;
        let rows = inner as u64 + u64::from(is_last_one);
        (between > 1 && rows > 0).then(|| TakenIn {
            last_line: self.line + self.delimiters.len() as u64 - 1,
            rows,
        })
    }
}

/// A file's text.
struct Decoded<'b> {
    text: Cow<'b, str>,
    encoding: &'static Encoding,
    /// Whether some bytes were no text; `U+FFFD` stands in their place.
    lost_some: bool,
}

fn decode<'b>(bytes: &'b [u8], declared: Option<&str>) -> Result<Decoded<'b>, TableFault> {
    let (encoding, mark) = match (Encoding::for_bom(bytes), declared) {
        (Some((encoding, mark)), _) => (encoding, mark),
        (None, Some(label)) => {
            let encoding = Encoding::for_label(label.trim().as_bytes());
            let unknown = || TableFault::UnknownEncoding(label.to_owned());
            (encoding.ok_or_else(unknown)?, 0)
        }
        (None, None) => (find_encoding(bytes), 0),
    };
    let (text, lost_some) = encoding.decode_without_bom_handling(&bytes[mark..]);
    Ok(Decoded {
        text,
        encoding,
        lost_some,
    })
}

/// UTF-16 without its mark has a NUL in every other place; what is UTF-8 is UTF-8; the rest is
/// guessed from the letters.
fn find_encoding(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(4_096)];
    let nuls = |odd: usize| {
        let places = sample.iter().enumerate();
        places
            .filter(|(place, byte)| place % 2 == odd && **byte == 0)
            .count()
    };
    let many = sample.len() * 2 / 5;
    if sample.len() >= 4 && nuls(1) > many {
        return UTF_16LE;
    }
    if sample.len() >= 4 && nuls(0) > many {
        return UTF_16BE;
    }
    if is_utf8_but_for_some_rows(bytes) {
        return UTF_8;
    }
    let mut detector = chardetng::EncodingDetector::new();
    detector.feed(bytes, true);
    detector.guess(None, false)
}

/// Whether there are at least as many letters that only UTF-8 writes so as places that are no UTF-8.
/// Read as anything else, one row from another program would garble the names of all others.
fn is_utf8_but_for_some_rows(bytes: &[u8]) -> bool {
    let (mut letters, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    letters >= broken
}

/// The delimiter that a spreadsheet's first line says, `sep=;`, and the text behind that line.
fn said_delimiter(text: &str) -> (Option<u8>, &str) {
    let said = || {
        let (line, rest) = text.split_once('\n')?;
        let said = line.trim_end_matches('\r').trim_matches('"');
        let sign = said
            .get(..4)?
            .eq_ignore_ascii_case("sep=")
            .then(|| &said[4..])?;
        match sign.as_bytes() {
            [sign] => Some((*sign, rest)),
            _ => None,
        }
    };
    match said() {
        Some((sign, rest)) => (Some(sign), rest),
        None => (None, text),
    }
}

/// Old Macs ended lines with a carriage return alone; lines are counted by newlines.
fn one_newline(text: &str) -> Cow<'_, str> {
    if text.contains('\n') || !text.contains('\r') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.replace('\r', "\n"))
    }
}

fn records(text: &str, delimiter: u8, most: usize) -> Vec<RawRecord> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut record = ByteRecord::new();
    let (mut start, mut lines_before) = (0, 0);
    let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    while records.len() < most && reader.read_byte_record(&mut record).unwrap_or(false) {
        let end = usize::try_from(reader.position().byte()).unwrap_or(text.len());
        let raw = text.as_bytes().get(start..end).unwrap_or_default();
        // Blank lines before a record count to it; they have no cells.
        let blank = raw
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        let line = 1 + lines_before + newlines(&raw[..blank]);
        lines_before += newlines(raw);
        let quotes = raw.iter().filter(|byte| **byte == b'"').count();
        let is_last = end >= text.len();
        let lines = newlines(raw.get(blank..).unwrap_or_default().trim_ascii_end());
        let is_open = is_last && quotes % 2 == 1 && lines > 0;
        let cells = record.iter();
        let ends = raw.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        let all_lines =
            raw[blank..ends.map_or(blank, |last| last + 1)].split(|byte| *byte == b'\n');
        let count = |line: &[u8]| line.iter().filter(|byte| **byte == delimiter).count();
        records.push(RawRecord {
            line,
            delimiters: match lines {
                0 => Vec::new(),
                _ => all_lines.map(count).collect(),
            },
            cells: cells
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect(),
            unclosed_lines: is_open.then_some(lines + 1),
            is_misquoted: is_misquoted(&raw[blank..], delimiter),
        });
        start = end;
    }
    records
}

/// Whether a cell that begins with a quote goes on behind the one that ends it.
fn is_misquoted(raw: &[u8], delimiter: u8) -> bool {
    let mut rest = raw.trim_ascii_end();
    loop {
        if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            // A quote that is written twice is one of the cell's.
            let behind = loop {
                let Some(quote) = quoted.iter().position(|byte| *byte == b'"') else {
                    return false;
                };
                quoted = &quoted[quote + 1..];
                match quoted.strip_prefix(b"\"") {
                    Some(more) => quoted = more,
                    None => break quoted,
                }
            };
            let cell_ends = behind.iter().position(|byte| *byte != b' ');
            if cell_ends.is_some_and(|end| behind[end] != delimiter) {
                return true;
            }
            rest = behind;
        }
        match rest.iter().position(|byte| *byte == delimiter) {
            Some(end) => rest = &rest[end + 1..],
            None => return false,
        }
    }
}

/// The delimiter under which most of the wanted columns are there, then the one under which the
/// rows are as wide as the header.
fn find_delimiter(text: &str, columns: &[&str]) -> u8 {
    let score = |delimiter: u8| {
        let sample = records(text, delimiter, SAMPLE_ROWS);
        let Some(head) = sample.first() else {
            return (0, 0, 0);
        };
        let width = head.cells.len();
        let wanted = columns
            .iter()
            .filter(|column| head.cells.iter().any(|cell| cell.trim() == **column))
            .count();
        let alike = sample.iter().filter(|row| row.cells.len() == width).count();
        let alike = if width > 1 {
            alike * 1_000 / sample.len()
        } else {
            0
        };
        (wanted, alike, width)
    };
    let mut best = (DELIMITERS[0], score(DELIMITERS[0]));
    for delimiter in &DELIMITERS[1..] {
        let found = score(*delimiter);
        if found > best.1 {
            best = (*delimiter, found);
        }
    }
    best.0
}

/// Where the wanted columns are.
fn places(headers: &[String], columns: &[&str]) -> Result<Vec<usize>, TableFault> {
    let mut places = Vec::with_capacity(columns.len());
    let mut faults = Vec::new();
    for column in columns {
        let times = headers.iter().filter(|header| header == column).count();
        let place = headers.iter().position(|header| header == column);
        let column = (*column).to_owned();
        match place {
            Some(place) if times == 1 => places.push(place),
            Some(_) => faults.push(ColumnFault::Double { column, times }),
            None => {
                let hint = meant(&column, headers);
                faults.push(ColumnFault::Missing { column, hint });
            }
        }
    }
    match faults.is_empty() {
        true => Ok(places),
        false => Err(TableFault::Columns(faults)),
    }
}

/// The column that was probably meant; all of them, where there are several: `Email 1` and `Email 2`.
fn meant(column: &str, headers: &[String]) -> String {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(column);
    let holds_it = |header: &&String| !wanted.is_empty() && plain(header).contains(&wanted);
    let alike: Vec<String> = headers
        .iter()
        .filter(holds_it)
        .map(|header| format!("`{header}`"))
        .collect();
    if let [first @ .., last] = alike.as_slice()
        && !first.is_empty()
    {
        return format!("did you mean {} or {last}?", first.join(", "));
    }
    let known = headers.iter().map(String::as_str);
    spell::hint(column, known.filter(|header| !header.is_empty()))
}

fn cell_fault(
    cells: &[String],
    headers: &[String],
    lost_from: Option<&'static str>,
) -> Option<RowFault> {
    for (place, cell) in cells.iter().enumerate() {
        let column = || match headers.get(place) {
            Some(header) if header.len() <= 256 => header.clone(),
            _ => format!("column {}", place + 1),
        };
        if cell.len() > LARGEST_CELL_BYTES {
            let bytes = cell.len();
            return Some(RowFault::CellTooLarge {
                column: column(),
                bytes,
            });
        }
        if let Some(encoding) = lost_from.filter(|_| cell.contains('\u{fffd}')) {
            let column = column();
            return Some(RowFault::Undecodable { column, encoding });
        }
        if cell.contains('\0') {
            let column = column().replace('\0', "");
            return Some(RowFault::Nul { column });
        }
    }
    None
}

/// The records that an end of line makes two of one: their cells add up to those of a whole row and one
/// that is cut in two, and the second does not begin as the first does, with a number for a number.
fn halves(records: &[RawRecord], width: usize, needed: &[usize]) -> BTreeSet<usize> {
    let has_digit = |record: &RawRecord, place: usize| {
        let cell = record.cells.get(place);
        cell.map(|cell| cell.contains(|c: char| c.is_ascii_digit()))
    };
    let pairs = records.windows(2).enumerate();
    let halves = pairs.filter(|(_, pair)| {
        let [one, next] = pair else { return false };
        let begins_alike = needed.iter().all(|place| {
            let of_next = has_digit(next, *place);
            of_next.is_some() && of_next == has_digit(one, *place)
        });
        one.cells.len() + next.cells.len() == width + 1 && !begins_alike
    });
    halves.flat_map(|(place, _)| [place, place + 1]).collect()
}

/// Where the columns are that are wanted, and those that are needed.
struct Wanted {
    places: Vec<usize>,
    needed: Vec<usize>,
}

/// The row of a record; nothing for one without any text. Cells may be missing at its end, unless it is a
/// part of another one.
fn row(
    headers: &[String],
    wanted: &Wanted,
    is_whole: bool,
    lost_from: Option<&'static str>,
    record: RawRecord,
) -> Result<Option<Row>, BadRow> {
    let line = record.line;
    let taken_in = record.taken_in(headers.len());
    let refused = |fault| {
        Err(BadRow {
            line,
            taken_in,
            fault,
        })
    };
    if let Some(fault) = record.unclosed() {
        return refused(fault);
    }
    if record.is_misquoted {
        return refused(RowFault::Misquoted);
    }
    let mut cells = record.cells;
    if let Some(fault) = cell_fault(&cells, headers, lost_from) {
        return refused(fault);
    }
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(None);
    }
    let (found, width) = (cells.len(), headers.len());
    if cells.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
        return refused(RowFault::TooLong {
            found,
            wanted: width,
        });
    }
    let missing = wanted.places.iter().filter(|place| **place >= found);
    let mut missing: Vec<usize> = missing.copied().collect();
    let lacks = wanted.needed.iter().any(|place| *place >= found);
    if !missing.is_empty() && (lacks || !is_whole) {
        missing.sort_unstable();
        let columns = missing.iter().map(|place| headers[*place].clone());
        return refused(RowFault::TooShort {
            found,
            wanted: width,
            columns: columns.collect(),
        });
    }
    for cell in &mut cells {
        let trimmed = cell.trim();
        if trimmed.len() < cell.len() {
            *cell = trimmed.to_owned();
        }
    }
    cells.resize(width, String::new());
    Ok(Some(Row {
        line,
        taken_in,
        cells,
    }))
}
