//! `templates/`: each message's subject, text and HTML, and the variables that they ask for.

use std::cell::RefCell;
use std::ops::Range;

use smol_str::SmolStr;

use crate::ids::Name;
use crate::playbook::fault::{Fault, FaultKind};
use crate::playbook::load::Folder;
use crate::playbook::pipeline::Field;
use crate::playbook::read::{Source, did_you_mean, is_name};
use crate::playbook::template::{Templates, told, unsafe_links};

pub(super) fn read(folder: &Folder, faults: &RefCell<Vec<Fault>>) -> Templates {
    let mut templates = Templates::new();
    for (path, text) in &folder.templates {
        let file = Source {
            file: path.clone(),
            text,
            faults,
        };
        let Some((name, ending)) = name_of(path) else {
            continue;
        };
        if !is_name(name) {
            file.fault(
                0..0,
                FaultKind::BadName {
                    sort: "a template",
                    name: name.into(),
                },
                None,
            );
            continue;
        }
        if ending == "html" {
            add_html(&mut templates, &file, name, folder);
        } else {
            add_text(&mut templates, &file, name);
        }
    }
    templates
}

/// `templates/late.txt` is the text of `late`.
fn name_of(path: &str) -> Option<(&str, &str)> {
    path.rsplit('/').next()?.rsplit_once('.')
}

fn add_text(templates: &mut Templates, file: &Source<'_>, name: &str) {
    let (first, body) = file.text.split_once('\n').unwrap_or((file.text, ""));
    let Some(subject) = first.strip_prefix("Subject:") else {
        let hint = Some("the first line of a message is `Subject: ...`".into());
        let kind = FaultKind::MissingKey {
            key: "Subject:".into(),
            section: file.file.clone(),
        };
        file.fault(0..first.len(), kind, hint);
        return;
    };
    let body = body
        .strip_prefix('\n')
        .or_else(|| body.strip_prefix("\r\n"))
        .unwrap_or(body);
    add(templates, file, name, "subject", subject.trim());
    add(templates, file, name, "txt", body);
    templates.add_name(Name::from(name));
}

fn add_html(templates: &mut Templates, file: &Source<'_>, name: &str, folder: &Folder) {
    let text = format!("templates/{name}.txt");
    if !folder.templates.iter().any(|(path, _)| *path == text) {
        let hint = Some("every message has a text; HTML is beside it".into());
        file.fault(
            0..0,
            FaultKind::UnknownName {
                sort: "file",
                name: text.into(),
            },
            hint,
        );
    }
    for link in unsafe_links(file.text) {
        let start = link.as_ptr() as usize - file.text.as_ptr() as usize;
        let kind = FaultKind::UnsafeLink { link: link.into() };
        file.fault(start..start + link.len(), kind, None);
    }
    add(templates, file, name, "html", file.text);
}

fn add(templates: &mut Templates, file: &Source<'_>, name: &str, part: &str, source: &str) {
    let Err(error) = templates.add(format!("{name}.{part}"), source.to_owned()) else {
        return;
    };
    // The parts of a file follow each other in it, so a line of a part is further down the file.
    let part_starts = file.text.find(source).unwrap_or(0);
    let lines_before = file.text[..part_starts].matches('\n').count();
    let line = error.line().unwrap_or(1) + lines_before;
    file.fault(
        line_span(file.text, line),
        FaultKind::Template(told(&error)),
        None,
    );
}

fn line_span(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n').map_or(0, |newline| newline + 1);
    }
    let end = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    start..end
}

/// The variables that every template may ask for; fields come beside them.
const VARIABLES: [&str; 22] = [
    "contact",
    "contact.name",
    "contact.email",
    "contact.phone",
    "owner",
    "owner.name",
    "owner.email",
    "owner.phone",
    "earlier_owner",
    "earlier_owner.name",
    "earlier_owner.email",
    "earlier_owner.phone",
    "recipient",
    "recipient.name",
    "recipient.email",
    "organisation",
    "organisation.name",
    "organisation.email",
    "lead",
    "lead.id",
    "lead.stage",
    "lead.source",
];

/// Reports variables that no lead has, at their first place in the file.
pub(super) fn check_variables(
    templates: &Templates,
    folder: &Folder,
    faults: &RefCell<Vec<Fault>>,
    fields: &[Field],
) {
    for (path, text) in &folder.templates {
        let Some((name, ending)) = name_of(path) else {
            continue;
        };
        let file = Source {
            file: path.clone(),
            text,
            faults,
        };
        let parts: &[&str] = if ending == "html" {
            &["html"]
        } else {
            &["subject", "txt"]
        };
        for part in parts {
            for variable in unknown_variables(templates, &format!("{name}.{part}"), fields) {
                let start = text.find(&variable).unwrap_or(0);
                let hint = near(&variable, fields);
                let kind = FaultKind::UnknownVariable {
                    variable: variable.as_str().into(),
                };
                file.fault(start..start + variable.len(), kind, hint);
            }
        }
    }
}

pub(super) fn unknown_variables(
    templates: &Templates,
    part: &str,
    fields: &[Field],
) -> Vec<String> {
    let mut variables = templates.variables(part);
    variables.retain(|variable| {
        !VARIABLES.contains(&variable.as_str())
            && !fields.iter().any(|field| field.name == *variable.as_str())
    });
    variables
}

pub(super) fn near(variable: &str, fields: &[Field]) -> Option<SmolStr> {
    let fields = fields.iter().map(|field| field.name.as_str());
    did_you_mean(variable, VARIABLES.into_iter().chain(fields))
}
