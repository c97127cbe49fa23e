//! The fields of leads: their types, and what a text of them can be.

use smol_str::{SmolStr, format_smolstr};

use super::{Names, label_of, names_of};
use crate::condition::Condition;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::{Field, Fixed};
use crate::playbook::read::{Node, Section, did_you_mean, is_name, list_of, parts_of_list};
use crate::playbook::variables::parts_of;
use crate::tax_number::TaxNumberKinds;
use crate::value::{ValueType, folded_eq};

/// The fields, and the names of those that are there and can't be read.
pub(super) fn read(root: &mut Section<'_>, roles: &[Name]) -> (Vec<Field>, Vec<Name>) {
    let mut fields = Vec::new();
    let mut faulty = names_of(root, "field");
    for (name, mut section) in root.sections("field") {
        let node = section.required("type");
        let value_type = node.as_ref().and_then(|node| node.word(Field::TYPES));
        let word = node.filter(Node::is_text).and_then(|node| node.text());
        let texts = match (word, value_type) {
            (Some(Field::CHOICE), _) => choices(&mut section).map(Texts::Among),
            (Some(Field::TAX_NUMBER), _) => tax_numbers(&mut section).map(Texts::TaxNumbers),
            (_, Some(_)) => Some(Texts::Any),
            (_, None) => {
                // Of what it is a choice, or whom it names, is no second mistake.
                section.optional("of");
                section.optional("identifies");
                None
            }
        };
        if texts.is_some() {
            faulty.retain(|known| *known != name);
        }
        let required = section.optional("required");
        let required = required.and_then(|node| node.bool()).unwrap_or(false);
        // A condition asks for other fields: it is read when all are known.
        let fixed = section.optional("fixed").filter(|node| !is_condition(node));
        let fixed = match fixed.and_then(|node| node.bool()) {
            Some(true) => Fixed::FromRegistration,
            Some(false) | None => Fixed::Never,
        };
        let by = section.optional("by").map(|node| node.list());
        let by = by.unwrap_or_default();
        let by = by.iter().filter_map(|node| node.known("role", roles));
        let by = by.collect();
        let identifies = match word {
            Some(Field::TAX_NUMBER) => section.optional("identifies"),
            _ => None,
        };
        let identifies = identifies.and_then(|node| node.bool());
        let label = label_of(&mut section, &name);
        check_name(&section, &name);
        section.finish();
        let (choices, tax_numbers) = match texts {
            Some(Texts::Among(choices)) => (choices, None),
            Some(Texts::TaxNumbers(kinds)) => (Vec::new(), Some(kinds)),
            Some(Texts::Any) | None => (Vec::new(), None),
        };
        let identifies = identifies.unwrap_or_else(|| tax_numbers.is_some());
        fields.push(Field {
            name,
            label,
            value_type: value_type.unwrap_or(ValueType::Text),
            choices,
            tax_numbers,
            required,
            fixed,
            by,
            identifies,
        });
    }
    (fields, faulty)
}

/// Whether a text is one: a word for true or false is a flag in quotes.
fn is_condition(node: &Node<'_>) -> bool {
    let is_flag = |text: &str| matches!(text.trim(), "true" | "false" | "yes" | "no");
    node.is_text() && !node.text().is_some_and(is_flag)
}

/// While what is so fields are changed no more, where a condition says it.
pub(super) fn read_fixed(root: &mut Section<'_>, names: &Names) -> Vec<(Name, Condition)> {
    let sections = root.sections("field").into_iter();
    let fixed = sections.filter_map(|(name, mut section)| {
        let node = section.optional("fixed").filter(is_condition)?;
        let condition = node.condition(&names.lead_catalogue())?;
        Some((name, condition))
    });
    fixed.collect()
}

/// The fields, with the conditions by which they are fixed.
pub(super) fn with_fixed(mut fields: Vec<Field>, fixed: Vec<(Name, Condition)>) -> Vec<Field> {
    for (name, condition) in fixed {
        if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
            field.fixed = Fixed::While(condition);
        }
    }
    fields
}

/// What a text can be.
enum Texts {
    Any,
    Among(Vec<SmolStr>),
    TaxNumbers(TaxNumberKinds),
}

/// A field is a fact and a variable beside others.
fn check_name(section: &Section<'_>, name: &Name) {
    if !is_name(name.as_str()) {
        return;
    }
    let is_taken = LeadFact::named(name.as_str()).is_some();
    let is_variable = !name.as_str().contains('-');
    if is_taken || !parts_of(name.as_str()).is_empty() {
        section.fault(
            FaultKind::DefinedTwice {
                sort: "fact",
                name: name.as_str().into(),
            },
            Some("choose another name".into()),
        );
    } else if !is_variable || name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        let hint = Some(
            "a field is also a variable in templates: use _ rather than -, and begin with a letter"
                .into(),
        );
        section.fault(
            FaultKind::BadName {
                sort: "a field",
                name: name.as_str().into(),
            },
            hint,
        );
    }
}

/// All that a choice can be: one at least, each once.
fn choices(section: &mut Section<'_>) -> Option<Vec<SmolStr>> {
    let hint = "say what it can be, as in `of = [\"small\", \"large\"]`";
    let mut choices: Vec<SmolStr> = Vec::new();
    let nodes = several(section, hint);
    let is_one = matches!(nodes.as_slice(), [one] if one.is_text());
    for node in nodes {
        let Some(text) = node.text() else {
            continue;
        };
        // A choice among one is none; what is said with commas is meant to be several.
        if let Some(parts) = parts_of_list(text).filter(|_| is_one) {
            let (expected, found) = ("several choices", format_smolstr!("one, `{text}`"));
            node.fault(
                FaultKind::WrongType { expected, found },
                Some(list_of(&parts)),
            );
            choices.extend(parts.into_iter().map(SmolStr::from));
            continue;
        }
        if is_blank(text) {
            node.fault(FaultKind::Empty { what: "a choice" }, None);
        } else if choices.iter().any(|choice| folded_eq(choice, text)) {
            said_twice(&node, text);
        }
        choices.push(text.into());
    }
    Some(choices).filter(|choices| !choices.is_empty())
}

/// Whose numbers a tax number can be: a country's, or of some kinds. None, if any is unknown: what is
/// compared with the field can't be told to be wrong then.
fn tax_numbers(section: &mut Section<'_>) -> Option<TaxNumberKinds> {
    let hint = "say whose it is, as in `of = \"EC\"` or `of = [\"BR-CNPJ\", \"BR-CPF\"]`";
    let mut all: Option<TaxNumberKinds> = None;
    let mut is_faulty = false;
    for node in several(section, hint) {
        let Some((word, kinds)) = kinds_of(&node) else {
            is_faulty = true;
            continue;
        };
        all = Some(match all {
            Some(so_far) => {
                if kinds.iter().all(|kind| so_far.contains(kind)) {
                    said_twice(&node, word);
                }
                kinds.iter().fold(so_far, TaxNumberKinds::or)
            }
            None => kinds,
        });
    }
    all.filter(|_| !is_faulty)
}

fn kinds_of<'s>(node: &Node<'s>) -> Option<(&'s str, TaxNumberKinds)> {
    let word = node.text()?;
    let kinds = TaxNumberKinds::named(word);
    if kinds.is_none() {
        let meant = TaxNumberKinds::meant_by(word);
        let known = || TaxNumberKinds::words().collect::<Vec<_>>().join(", ");
        let hint = match meant {
            Some(meant) => Some(format_smolstr!("did you mean `{meant}`?")),
            None => did_you_mean(word, TaxNumberKinds::words()),
        };
        let hint = hint.unwrap_or_else(|| format_smolstr!("known: {}", known()));
        let (sort, name) = ("kind of tax number", word.into());
        node.fault(FaultKind::UnknownName { sort, name }, Some(hint));
    }
    Some((word, kinds?))
}

/// What `of` says, one at least.
fn several<'s>(section: &mut Section<'s>, hint: &'static str) -> Vec<Node<'s>> {
    let Some(node) = section.required_or("of", Some(hint)) else {
        return Vec::new();
    };
    let nodes = node.list();
    if nodes.is_empty() {
        node.fault(FaultKind::Empty { what: "`of`" }, Some(hint.into()));
    }
    nodes
}

fn said_twice(node: &Node<'_>, word: &str) {
    let word = word.into();
    node.fault(FaultKind::SaidTwice { word }, Some("once is enough".into()));
}
