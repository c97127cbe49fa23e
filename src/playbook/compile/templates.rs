//! `templates/`: each message's subject, text and HTML, and the variables that they ask for.

use std::cell::RefCell;
use std::ops::Range;

use chrono::NaiveDate;
use minijinja::Value as Jinja;
use smol_str::{SmolStr, format_smolstr};

use super::samples::{self, Use};
use super::{tags, unreadable};
use crate::ids::Name;
use crate::letters::hidden_in_text;
use crate::playbook::fault::{Fault, FaultKind};
use crate::playbook::load::{Folder, without_bom};
use crate::playbook::pipeline::Field;
use crate::playbook::read::{Source, did_you_mean, is_name, name_for};
use crate::playbook::template::{Templates, told, unsafe_links};
use crate::playbook::{variables, written};
use crate::value::ValueType;

/// The templates, as far as they can be read, and the names of all that there are files of: whoever
/// refers to a faulty one made no mistake.
pub(super) fn read(folder: &Folder, faults: &RefCell<Vec<Fault>>) -> (Templates, Vec<Name>) {
    let mut templates = Templates::new();
    let mut names = Vec::new();
    for (path, text) in &folder.templates {
        let file = Source::new(path.clone(), without_bom(text), faults);
        let Some((name, ending)) = name_of(path) else {
            continue;
        };
        names.push(Name::from(name));
        if !is_name(name) {
            let hint = Some(name_for(name));
            file.fault(
                0..0,
                FaultKind::BadName {
                    sort: "a template",
                    name: name.into(),
                },
                hint,
            );
            continue;
        }
        if let Some((at, character)) = hidden_in_text(file.text) {
            let kind = FaultKind::HiddenCharacter { character };
            file.fault(at..at + character.len_utf8(), kind, None);
        }
        if ending == "html" {
            check_html(&file, name, folder);
        }
        if let Some(parts) = parts_of(&file, ending) {
            for (part, source) in parts {
                add(&mut templates, &file, &format!("{name}.{part}"), source);
            }
            if ending != "html" {
                templates.add_name(Name::from(name));
            }
        } else {
            let hint = Some("the first line of a message is `Subject: ...`".into());
            let kind = FaultKind::MissingKey {
                key: "Subject:".into(),
                section: file.file.clone(),
            };
            file.fault(0..first_line(file.text).len(), kind, hint);
        }
    }
    names.dedup();
    (templates, names)
}

/// `templates/late.txt` is the text of `late`.
fn name_of(path: &str) -> Option<(&str, &str)> {
    path.rsplit('/').next()?.rsplit_once('.')
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The parts of a file, each a piece of its text; nothing, if a message has no subject.
fn parts_of<'t>(file: &Source<'t>, ending: &str) -> Option<Vec<(&'static str, &'t str)>> {
    if ending == "html" {
        return Some(vec![("html", file.text)]);
    }
    let (first, body) = file.text.split_once('\n').unwrap_or((file.text, ""));
    let subject = first.strip_prefix("Subject:")?;
    let body = body
        .strip_prefix('\n')
        .or_else(|| body.strip_prefix("\r\n"))
        .unwrap_or(body);
    Some(vec![("subject", subject.trim()), ("txt", body)])
}

fn check_html(file: &Source<'_>, name: &str, folder: &Folder) {
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
        let kind = FaultKind::UnsafeLink { link: link.into() };
        file.fault(place_in(file.text, link), kind, None);
    }
}

/// Where a piece of a text stands in it.
fn place_in(text: &str, piece: &str) -> Range<usize> {
    let start = (piece.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + piece.len()
}

fn add(templates: &mut Templates, file: &Source<'_>, part: &str, source: &str) {
    let start = place_in(file.text, source).start;
    for (place, kind, hint) in read_part(templates, part, source) {
        file.fault(start + place.start..start + place.end, kind, hint);
    }
}

/// Reads a part of a template, and says what is wrong with it.
pub(super) fn read_part(templates: &mut Templates, part: &str, source: &str) -> Vec<tags::Flaw> {
    let mut flaws = tags::flaws(source, templates);
    // A statement that there isn't is told already.
    let is_told = |(_, kind, _): &tags::Flaw| matches!(kind, FaultKind::Template(_));
    if let Err(error) = templates.add(part.to_owned(), source.to_owned()) {
        if !flaws.iter().any(is_told) {
            flaws.push(unread(source, &error));
        }
    }
    flaws
}

/// What is wrong with a template that can't be read.
fn unread(source: &str, error: &minijinja::Error) -> tags::Flaw {
    unreadable::reason(source).unwrap_or_else(|| {
        let kind = FaultKind::Template(unreadable::translated(&told(error)));
        (place_of_error(source, error), kind, None)
    })
}

/// Where in a template an error stands: what it is about, or its line.
fn place_of_error(source: &str, error: &minijinja::Error) -> Range<usize> {
    let range = error
        .range()
        .filter(|range| range.start < range.end && source.get(range.clone()).is_some());
    range.unwrap_or_else(|| line_span(source, error.line().unwrap_or(1)))
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

/// Reports what a part of a template asks for that is neither a variable nor a function, or that is never
/// there where it is read; and what has parts and is asked for as a whole: that would send a list, and be
/// there where nobody is.
pub(super) fn unknown_variables(
    templates: &Templates,
    part: &str,
    source: &str,
    names: &super::Names,
    uses: &[Use],
) -> Vec<tags::Flaw> {
    let never = |variable: &str| never_filled(variable, names, uses);
    let known = variables::names();
    let asked = templates.variables(part);
    let (empty, mut variables): (Vec<String>, Vec<String>) = asked
        .into_iter()
        .partition(|variable| never(variable).is_some());
    variables.retain(|variable| {
        let of_faulty = names
            .faulty_fields
            .iter()
            .any(|name| *name == *variable.as_str());
        !of_faulty
            && !known.contains(variable)
            && !names
                .fields
                .iter()
                .any(|field| field.name == *variable.as_str())
    });
    let flaws = variables.iter().map(|variable| {
        if let Some(flaw) = tags::no_function(source, variable) {
            return flaw;
        }
        let place = tags::place_of_variable(source, variable).unwrap_or(0..0);
        let mut parts = variables::parts_of(variable);
        parts.retain(|part| never(part).is_none());
        let variable = SmolStr::from(variable);
        if parts.is_empty() {
            let hint = filtered(&variable).or_else(|| near(&variable, &names.fields));
            return (place, FaultKind::UnknownVariable { variable }, hint);
        }
        let hint = format_smolstr!("say which part of it: {}", parts.join(", "));
        (place, FaultKind::WholeVariable { variable }, Some(hint))
    });
    let shown = variables_in_single_braces(source, &known, names);
    let empty = empty.iter().filter_map(|variable| {
        let (why, hint) = never(variable)?;
        let place = tags::place_of_variable(source, variable).unwrap_or(0..0);
        let variable = variable.into();
        let kind = FaultKind::NeverFilled { why, variable };
        Some((place, kind, Some(hint.into())))
    });
    let compared = names.fields.iter();
    let compared = compared.flat_map(|field| {
        let mut flaws = no_choices(source, field);
        flaws.extend(days_written_otherwise(source, field, &names.locale));
        flaws
    });
    let nameless = uses.contains(&Use::ToContact) && uses.contains(&Use::ToAgent);
    let nameless = nameless.then(|| tags::always_written(source, "recipient"));
    let nameless = nameless.into_iter().flatten().map(|(place, variable)| {
        let why = "the contact gets this message too";
        let hint = "`recipient` is an agent: ask first, as in `{% if recipient.name %}..{% endif %}`, \
            or write a template for each";
        let variable = variable.into();
        (place, FaultKind::NeverFilled { why, variable }, Some(hint.into()))
    });
    flaws
        .chain(shown)
        .chain(empty)
        .chain(compared)
        .chain(nameless)
        .collect()
}

/// Why a variable is empty wherever the text is read, and what to do about it.
fn never_filled(
    variable: &str,
    names: &super::Names,
    uses: &[Use],
) -> Option<(&'static str, &'static str)> {
    let object = variable.split('.').next().unwrap_or_default();
    if !names.refers && variables::is_of_referrals(variable) {
        return Some((
            "no lead of this playbook is referred",
            "say with `[referral]` that agents refer leads, or leave it out",
        ));
    }
    // With whom one is, a task can't say anyhow.
    let is_told = uses == [Use::Task] && variable == "appointment.with";
    if names.appointments.is_empty() && object == "appointment" && !is_told {
        return Some((
            "no lead of this playbook has appointments",
            "say with `[appointment.NAME]` which there are, or leave it out",
        ));
    }
    (uses == [Use::ToContact] && object == "recipient").then_some((
        "only the contact gets this message",
        "`recipient` is an agent; who gets it is `contact`, as in `{{ contact.name }}`",
    ))
}

/// The texts with which a part compares a field, and that are none of its choices: letter by letter, as
/// templates compare.
fn no_choices(source: &str, field: &Field) -> Vec<tags::Flaw> {
    if field.choices.is_empty() {
        return Vec::new();
    }
    let is_choice = |text: &str| text.is_empty() || field.choices.iter().any(|one| one == text);
    let mut texts = tags::compared_with(source, field.name.as_str());
    texts.retain(|(_, text)| !is_choice(text));
    let flaws = texts.into_iter().map(|(place, text)| {
        let choices = field.choices.iter().map(SmolStr::as_str);
        let hint = did_you_mean(text, choices.clone()).unwrap_or_else(|| {
            let choices: Vec<&str> = choices.collect();
            format_smolstr!("it is one of {}", choices.join(", "))
        });
        let (field, text) = (field.name.clone(), text.into());
        (place, FaultKind::NotAChoice { field, text }, Some(hint))
    });
    flaws.collect()
}

/// The days with which a part compares a field of days, and that templates write otherwise.
fn days_written_otherwise(source: &str, field: &Field, locale: &str) -> Vec<tags::Flaw> {
    if field.value_type != ValueType::Date {
        return Vec::new();
    }
    let texts = tags::compared_with(source, field.name.as_str()).into_iter();
    let flaws = texts.filter_map(|(place, text)| {
        let day: NaiveDate = text.parse().ok()?;
        let written = written::day(locale, day.into());
        let (field, text) = (field.name.clone(), SmolStr::from(text));
        let hint = format_smolstr!("a template writes it in the playbook's language: `{written}`");
        (written != text).then_some((place, FaultKind::NotAChoice { field, text }, Some(hint)))
    });
    flaws.collect()
}

/// `city.upper`, as other languages have it.
fn filtered(variable: &str) -> Option<SmolStr> {
    let (of, filter) = variable.rsplit_once('.')?;
    let is_filter = Templates::FILTERS.contains(&filter);
    is_filter.then(|| format_smolstr!("`{filter}` is a filter: write `{of} | {filter}`"))
}

/// Variables in single braces, which nobody means to be read as they stand.
fn variables_in_single_braces<'s>(
    source: &'s str,
    known: &'s [String],
    names: &'s super::Names,
) -> impl Iterator<Item = tags::Flaw> + 's {
    let is_variable = move |name: &str| {
        let is_field = || names.fields.iter().any(|field| field.name == *name);
        known.iter().any(|known| known == name) || is_field()
    };
    let braces = tags::single_braces(source).into_iter();
    let variables = braces.filter(move |(_, said)| is_variable(said));
    variables.map(|(place, said)| {
        let hint = format_smolstr!("write `{{{{ {said} }}}}`");
        let variable = said.into();
        (place, FaultKind::SingleBraces { variable }, Some(hint))
    })
}

/// Reports what a task's text asks of agents: it is one text for whoever has the task, now or later.
pub(super) fn agents_asked_for(templates: &Templates, part: &str, source: &str) -> Vec<tags::Flaw> {
    let variables = templates.variables(part).into_iter();
    let of_agents = variables.filter(|variable| {
        let object = variable.split('.').next().unwrap_or_default();
        variable == "appointment.with"
            || matches!(object, "owner" | "earlier_owner" | "referrer" | "recipient")
    });
    let flaws = of_agents.map(|variable| {
        let place = tags::place_of_variable(source, &variable).unwrap_or(0..0);
        let hint = "there are the fields, and the parts of `contact`, `lead`, `organisation`, \
            `quote` and `appointment`, as in `{{ contact.name }}`";
        let variable = variable.into();
        (
            place,
            FaultKind::NoAgentInTask { variable },
            Some(hint.into()),
        )
    });
    flaws.collect()
}

/// Whether a part asks for a field that can't be read: then nothing is known of how it renders.
pub(super) fn speaks_of_faulty(templates: &Templates, part: &str, names: &super::Names) -> bool {
    let mut variables = templates.variables(part).into_iter();
    variables.any(|variable| {
        let field = variable.split('.').next().unwrap_or_default();
        names.faulty_fields.iter().any(|name| *name == *field)
    })
}

/// Checks what each template asks for, and renders those that are well so far for a sample lead.
pub(super) fn check(
    templates: &Templates,
    folder: &Folder,
    faults: &RefCell<Vec<Fault>>,
    names: &super::Names,
) {
    for (path, text) in &folder.templates {
        // What has no name that can be one is told, and was not read.
        let Some((name, ending)) = name_of(path).filter(|(name, _)| is_name(name)) else {
            continue;
        };
        let file = Source::new(path.clone(), without_bom(text), faults);
        for (part, source) in parts_of(&file, ending).unwrap_or_default() {
            let start = place_in(file.text, source).start;
            let report = |(place, kind, hint): tags::Flaw| {
                file.fault(start + place.start..start + place.end, kind, hint);
            };
            let whole = format!("{name}.{part}");
            let said = names.uses.said_of(name);
            let unknown = unknown_variables(templates, &whole, source, names, &said);
            unknown.into_iter().for_each(report);
            let here = start..=start + source.len();
            let is_of_it = |fault: &Fault| fault.file == *path && here.contains(&fault.span.start);
            let is_sound = !faults.borrow().iter().any(is_of_it);
            if is_sound && !speaks_of_faulty(templates, &whole, names) {
                let uses = names.uses.of(name);
                let failed = failure(templates, &whole, source, &names.fields, &uses);
                failed.into_iter().for_each(report);
            }
        }
    }
}

/// What goes wrong when a part is rendered: for a lead of which everything is known, or where it is
/// read, or for a lead of which only that is known which must be.
pub(super) fn failure(
    templates: &Templates,
    whole: &str,
    source: &str,
    fields: &[Field],
    uses: &[Use],
) -> Option<tags::Flaw> {
    let everything = samples::full(fields, Use::ToAgent);
    if whole.ends_with(".subject") {
        let subject = templates.try_part(whole, &everything[0]);
        if subject.is_ok_and(|subject| crate::letters::is_blank(&subject)) {
            let hint = Some("say in a few words what the message is about".into());
            let what = "the subject";
            return Some((0..source.len(), FaultKind::Empty { what }, hint));
        }
    }
    let tried = |context: &Jinja, for_whom: &'static str, hint: Option<&str>| {
        let hint = hint.map(SmolStr::from);
        flaw_for(templates, whole, source, context).map(|flaw| match flaw {
            Failed::Link(link) => (0..source.len(), FaultKind::UnsafeLink { link }, None),
            Failed::Fails(place, why) => (place, FaultKind::TemplateFails { for_whom, why }, hint),
        })
    };
    let first = everything.iter().find_map(|all| tried(all, "", None));
    let used = || {
        let mut uses = uses.iter().filter_map(|of| Some((of, without(*of)?)));
        uses.find_map(|(of, (for_whom, hint))| {
            let samples = samples::full(fields, *of);
            samples
                .iter()
                .find_map(|all| tried(all, for_whom, Some(hint)))
        })
    };
    let little = || {
        let hint = "what is not known of a lead is an empty text: ask first, as in \
            `{% if city %}..{% endif %}`";
        let for_whom = " for a lead of which little is known";
        let mut samples = uses.iter().map(|of| samples::sparse(fields, *of));
        samples.find_map(|sample| tried(&sample, for_whom, Some(hint)))
    };
    first.or_else(used).or_else(little)
}

/// What is not there where a text is read, even for a lead of which everything is known.
fn without(of: Use) -> Option<(&'static str, &'static str)> {
    match of {
        Use::ToAgent => None,
        Use::ToContact => Some((
            " for the contact",
            "`recipient` is the agent who gets a message, and empty for the contact, who is `contact`",
        )),
        Use::Task => Some((
            " in a task",
            "a task knows no agents: `owner`, `earlier_owner`, `referrer` and `recipient` are empty there",
        )),
    }
}

/// Why a part can't be sent.
enum Failed {
    /// It would link to this.
    Link(SmolStr),
    /// It can't be rendered: where, and why.
    Fails(Range<usize>, SmolStr),
}

fn flaw_for(templates: &Templates, whole: &str, source: &str, context: &Jinja) -> Option<Failed> {
    match templates.try_part(whole, context) {
        Ok(text) if whole.ends_with(".html") => {
            let links = unsafe_links(&text);
            links.first().map(|link| Failed::Link((*link).into()))
        }
        Ok(_) => None,
        Err(error) => Some(Failed::Fails(place_of_error(source, &error), told(&error))),
    }
}

fn near(variable: &str, fields: &[Field]) -> Option<SmolStr> {
    let fields = fields.iter().map(|field| field.name.as_str());
    let known = variables::names();
    did_you_mean(variable, known.iter().map(String::as_str).chain(fields))
}
