//! What `cli/README.md` promises of the JSON that commands print, held against what they do print.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use chrono::DateTime;
use leadkit::calendar::Zone;
use serde_json::Value;

const PAGE: &str = include_str!("../../README.md");
/// The row of what every command prints where it could not do its work.
const FAILURE: &str = "any, on failure";

/// The members of an object, each with its own where the page says them; `?` is one that may be
/// missing.
#[derive(Clone, Debug, Default)]
struct Shape(BTreeMap<String, Member>);

#[derive(Clone, Debug, Default)]
struct Member {
    is_optional: bool,
    shape: Option<Shape>,
}

impl Shape {
    /// Reads `{name, other?, list: [{name}]}`, also as a list.
    fn parse(text: &mut Peekable<Chars<'_>>) -> Option<Self> {
        let is_list = text.next_if_eq(&'[').is_some();
        text.next_if_eq(&'{')?;
        let mut members = BTreeMap::new();
        loop {
            let mut name = String::new();
            while let Some(c) = text.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | ' ')) {
                name.push(c);
            }
            let mut member = Member {
                is_optional: text.next_if_eq(&'?').is_some(),
                shape: None,
            };
            if text.next_if_eq(&':').is_some() {
                text.next_if_eq(&' ');
                member.shape = Some(Self::parse(text)?);
            }
            members.insert(name.trim().to_owned(), member);
            match text.next()? {
                ',' => {}
                '}' => break,
                other => panic!("`{other}` after `{name}` on the page"),
            }
        }
        if is_list {
            text.next_if_eq(&']')?;
        }
        Some(Self(members))
    }
}

/// The table's rows: what they tell of, and its shapes.
fn rows() -> impl Iterator<Item = (&'static str, Vec<Shape>)> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter_map(|row| row.split_once(" | "));
    rows.map(|(of, told)| {
        let quoted = told.split('`').skip(1).step_by(2);
        let shapes = quoted.filter(|quoted| quoted.starts_with(['{', '[']));
        let shapes = shapes.map(|shape| {
            Shape::parse(&mut shape.chars().peekable())
                .unwrap_or_else(|| panic!("this is no shape: {shape}"))
        });
        (of, shapes.collect())
    })
}

/// The shape of what a command prints.
fn of_command(command: &str) -> Shape {
    let row = rows().find(|(of, _)| *of == format!("`{command}`"));
    let (_, shapes) = row.unwrap_or_else(|| panic!("cli/README.md lacks `{command}`"));
    shapes.into_iter().next().unwrap()
}

/// The shapes that have rows of their own: `figures` in it.
fn parts(command: &str) -> BTreeMap<String, Shape> {
    let mut parts = BTreeMap::new();
    let mut last = "";
    for (of, shapes) in rows() {
        let names = of.split('`').skip(1).step_by(2);
        if of.contains(" in them") || (of.contains(" in it") && last == command) {
            parts.extend(names.map(ToOwned::to_owned).zip(shapes));
        } else if !of.contains(" in it") {
            last = of.trim_matches('`');
        }
    }
    parts
}

fn compare(place: &str, json: &Value, shape: &Shape, parts: &BTreeMap<String, Shape>) {
    match json {
        Value::Array(all) => {
            for one in all {
                compare(place, one, shape, parts);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let place = format!("{place}.{name}");
                let member = shape.0.get(name);
                let member = member.unwrap_or_else(|| panic!("cli/README.md lacks `{place}`"));
                if let Some(shape) = member.shape.as_ref().or_else(|| parts.get(name)) {
                    compare(&place, value, shape, parts);
                }
            }
            for (name, member) in &shape.0 {
                let is_there = member.is_optional || members.contains_key(name);
                assert!(is_there, "`{place}` has no `{name}`, as cli/README.md says");
            }
        }
        _ => {}
    }
}

/// Fails where a command prints something else than the page says.
pub(crate) fn must_tell(arguments: &[String], json: &Value) {
    if let Some(kind) = json["error"]["kind"].as_str() {
        let (_, shapes) = rows().find(|(of, _)| *of == FAILURE).unwrap();
        compare("failure", json, &shapes[0], &BTreeMap::new());
        let kinds = PAGE.lines().find(|line| line.contains(FAILURE));
        let is_told = kinds.is_some_and(|line| line.contains(&format!("`{kind}`")));
        assert!(is_told, "cli/README.md lacks the kind `{kind}`");
        return;
    }
    let command = match arguments.iter().any(|argument| argument == "--count-by") {
        true => format!("{} --count-by", arguments[0]),
        false => arguments[0].clone(),
    };
    compare(&command, json, &of_command(&command), &parts(&command));
    let zone = json["zone"].as_str().map(|zone| zone.parse().unwrap());
    hold_times(&command, json, zone.as_ref());
}

/// Fails where a time is told otherwise than as RFC 3339 in the zone that is named.
fn hold_times(place: &str, json: &Value, zone: Option<&Zone>) {
    match json {
        Value::Array(all) => all.iter().for_each(|one| hold_times(place, one, zone)),
        Value::Object(members) => {
            for (name, value) in members {
                hold_times(&format!("{place}.{name}"), value, zone);
            }
        }
        Value::String(text) if is_time(text) => {
            let read = DateTime::parse_from_rfc3339(text).ok();
            let at = read.filter(|_| text.as_bytes()[10] == b'T');
            let at = at.unwrap_or_else(|| panic!("`{place}` is no RFC 3339: {text}"));
            let there = zone.map(|zone| zone.to_local(at.to_utc()));
            let is_there = there.is_none_or(|there| there == at.naive_local());
            assert!(
                is_there,
                "`{place}` is not in the zone that is named: {text}"
            );
        }
        Value::String(text) => {
            let mut before = text.match_indices(" UTC").map(|(at, _)| &text[..at]);
            let is_told = before.any(|before| before.ends_with(|c: char| c.is_ascii_digit()));
            assert!(!is_told, "`{place}` tells a time in UTC: {text}");
        }
        _ => {}
    }
}

/// Whether a text begins as `2026-03-06 16:` or `2026-03-06T16:` do.
fn is_time(text: &str) -> bool {
    let form = b"0000-00-00_00:";
    let fits = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'_' => matches!(byte, b' ' | b'T'),
        sign => byte == *sign,
    };
    text.len() > form.len() && text.bytes().zip(form).all(fits)
}
