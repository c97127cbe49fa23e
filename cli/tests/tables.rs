//! Tables from the wild: what is found out about them, and what is refused.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use std::path::{Path, PathBuf};

use leadkit_cli::replay::table::{Reading, RowFault, Table, TableFault};
use told::data;

fn read(bytes: &[u8]) -> Table {
    Table::read(
        bytes,
        &Reading {
            columns: &["id", "name"],
            needed: &["id", "name"],
            ..Reading::default()
        },
    )
    .unwrap()
}

fn names(table: &Table) -> Vec<&str> {
    table.rows.iter().map(|row| row.cells[1].as_str()).collect()
}

#[test]
fn encodings_and_delimiters_are_found_out() {
    let text = "id;name\r\n1;José\r\n2;Ñandú, el\r\n";
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let utf16 = |mark: &[u8], order: fn(u16) -> [u8; 2]| {
        let units = text.encode_utf16().flat_map(order);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    let files = [
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        latin,
        utf16(&[0xff, 0xfe], u16::to_le_bytes),
        utf16(&[0xfe, 0xff], u16::to_be_bytes),
        utf16(&[], u16::to_le_bytes),
        utf16(&[], u16::to_be_bytes),
    ];
    for file in files {
        let table = read(&file);
        assert_eq!(names(&table), ["José", "Ñandú, el"], "{}", table.encoding);
        assert_eq!(table.delimiter, ';');
        assert_eq!(table.rows[1].line, 3);
    }
    assert_eq!(read(b"id\tname\n1\ta,b;c\n").delimiter, '\t');
    assert_eq!(names(&read(b"id,name\r1,Ana\r2,Eva\r")), ["Ana", "Eva"]);
    let declared = Reading {
        encoding: Some("utf-9"),
        ..Reading::default()
    };
    assert!(matches!(
        Table::read(b"a", &declared),
        Err(TableFault::UnknownEncoding(_))
    ));
}

#[test]
fn a_row_that_can_not_be_trusted_is_refused_with_its_line() {
    let big = "x".repeat(10 << 20);
    let text = format!(
        "id,name\n1,Ana\n2,N\0UL\n3,{big}\n\n4,\"two\nlines\"\n5,Eva,,\n6,a,b\n7\n,\n8,Rosa\n"
    );
    let table = read(text.as_bytes());
    assert_eq!(names(&table), ["Ana", "two\nlines", "Eva", "Rosa"]);
    let refused: Vec<(u64, &RowFault)> = table
        .refused
        .iter()
        .map(|bad| (bad.line, &bad.fault))
        .collect();
    assert!(
        matches!(
            refused.as_slice(),
            [
                (3, RowFault::Nul { .. }),
                (
                    4,
                    RowFault::CellTooLarge {
                        bytes: 10_485_760,
                        ..
                    }
                ),
                (
                    9,
                    RowFault::TooLong {
                        found: 3,
                        wanted: 2
                    }
                ),
                (10, RowFault::TooShort { found: 1, .. }),
            ]
        ),
        "{:?}",
        refused.iter().map(|(line, _)| line).collect::<Vec<_>>()
    );
    let table = read(b"id,name\n1,Ana\n2,\"never closed\n3,Eva\n4,Rosa\n");
    assert_eq!(names(&table), ["Ana"]);
    assert_eq!(table.refused[0].line, 3);
    assert_eq!(table.refused[0].fault, RowFault::Unclosed { lines: 3 });
}

#[test]
fn what_is_no_text_in_its_encoding_is_refused_and_not_replaced() {
    let declared = |encoding| Reading {
        encoding: Some(encoding),
        columns: &["id", "name"],
        ..Reading::default()
    };
    let latin = b"id,name\n1,Ana\n2,Jos\xe9\n3,Eva\n";
    let table = Table::read(latin, &declared("utf-8")).unwrap();
    assert_eq!(names(&table), ["Ana", "Eva"]);
    assert_eq!(table.refused[0].line, 3);
    assert_eq!(
        table.refused[0].fault.to_string(),
        "the cell in `name` is not UTF-8; mend it, or say the encoding of the file"
    );
    let table = Table::read(latin, &declared("windows-1252")).unwrap();
    assert_eq!(names(&table), ["Ana", "José", "Eva"]);
    // Who wrote that sign meant it.
    let sign = "id,name\n1,\u{fffd}\n".as_bytes();
    assert_eq!(names(&read(sign)), ["\u{fffd}"]);
}

/// One row that another program wrote must not garble all other names.
#[test]
fn a_file_in_utf8_but_for_a_few_rows_is_read_as_that_and_these_are_refused() {
    let mixed = [
        "id,name\n1,José\n2,Peña\n3,".as_bytes(),
        b"Rosa\xe9\n4,",
        "Inés\n".as_bytes(),
    ]
    .concat();
    let table = read(&mixed);
    assert_eq!(table.encoding, "UTF-8");
    assert_eq!(names(&table), ["José", "Peña", "Inés"]);
    assert_eq!(table.refused.len(), 1);
    assert_eq!(table.refused[0].line, 4);
    // One that is in the older encoding throughout stays so.
    let older = read(b"id,name\n1,Jos\xe9\n2,Pe\xf1a\n3,In\xe9s\n");
    assert_eq!(names(&older), ["José", "Peña", "Inés"]);
}

#[test]
fn a_first_line_may_say_the_delimiter() {
    for first in ["sep=;\r\n", "\"sep=;\"\n", "SEP=;\n"] {
        let table = read(format!("{first}id;name\n1;\"Ana, Eva\"\n2\n").as_bytes());
        assert_eq!(names(&table), ["Ana, Eva"]);
        assert_eq!(table.delimiter, ';');
        assert_eq!((table.rows[0].line, table.refused[0].line), (3, 4));
    }
}

#[test]
fn of_several_columns_that_may_be_meant_all_are_named() {
    let reading = Reading {
        columns: &["email"],
        ..Reading::default()
    };
    let told = |head: &str| match Table::read(head.as_bytes(), &reading) {
        Err(TableFault::Columns(faults)) => faults[0].hint().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    let both = "did you mean `E-mail work` or `Email home`?";
    assert_eq!(told("id,E-mail work,Email home\n"), both);
    assert_eq!(told("id,Email\n"), "did you mean `Email`?");
}

#[test]
fn every_odd_file_of_other_parsers_suites_reads_or_is_refused() {
    let Some(data) = data("csv") else { return };
    let mut files = Vec::new();
    collect(&data, &mut files);
    assert!(files.len() > 30);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        match Table::read(&bytes, &Reading::default()) {
            Ok(table) => {
                for row in &table.rows {
                    assert_eq!(row.cells.len(), table.headers.len(), "{}", file.display());
                    assert!(row.line > 1, "{}", file.display());
                }
            }
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
    }
}

/// All files, whatever they are: a spreadsheet that is taken for CSV must not crash either.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn a_cell_that_goes_on_behind_its_quote_is_refused_with_its_line() {
    let file = "id,name\n1,\"Bar \"El Sol\"\n2,\"Bar \"\"El Sol\"\"\" \n3,5\" screen\n4,\"a, b\"\n";
    let table = read(file.as_bytes());
    assert_eq!(names(&table), ["Bar \"El Sol\"", "5\" screen", "a, b"]);
    let refused: Vec<_> = table
        .refused
        .iter()
        .map(|bad| (bad.line, &bad.fault))
        .collect();
    assert_eq!(refused, [(2, &RowFault::Misquoted)]);
}
