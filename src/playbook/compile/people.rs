//! `[team.*]`, `[role.*]` and `[pool.*]`.

use smol_str::format_smolstr;

use super::{Names, label_of};
use crate::ids::Name;
use crate::playbook::fault::FaultKind;
use crate::playbook::people::{
    AgentList, Choose, Detail, Match, Over, Permission, PoolSpec, Referring, Role, Team,
};
use crate::playbook::read::{Node, Section};
use crate::time::Elapsed;
use crate::value::ValueType;

pub(super) fn read_teams(root: &mut Section<'_>) -> Vec<Team> {
    let mut teams = Vec::new();
    for (name, mut section) in root.sections("team") {
        let label = label_of(&mut section, &name);
        section.finish();
        teams.push(Team { name, label });
    }
    teams
}

pub(super) fn read_roles(root: &mut Section<'_>, names: &Names) -> Vec<Role> {
    let mut roles = Vec::new();
    for (name, mut section) in root.sections("role") {
        let label = label_of(&mut section, &name);
        let may = section
            .required("may")
            .map(|node| permissions(&node))
            .unwrap_or_default();
        let over = section.optional("over");
        let over = over.and_then(|node| over_leads(&node, names));
        let needs = section.optional("needs").map(|node| node.list());
        let needs = needs.unwrap_or_default();
        let needs = needs.iter().filter_map(|node| node.word(Detail::WORDS));
        let owns = section.optional("owns").and_then(|node| node.bool());
        section.finish();
        roles.push(Role {
            name,
            label,
            may,
            over: over.unwrap_or(Over::All),
            owns: owns.unwrap_or(true),
            needs: needs.collect(),
        });
    }
    roles
}

/// `over = "team"`, or what agent and lead have in common: `over = { zones = "zone" }`.
fn over_leads(node: &Node<'_>, names: &Names) -> Option<Over> {
    if !node.is_text() {
        return Some(Over::Matching(matches(node, names)));
    }
    let list = node.text().and_then(|text| {
        let mut lists = AgentList::WORDS.iter().map(|(word, _)| *word);
        lists.find(|list| *list == text || SINGULAR.contains(&(text, list)))
    });
    if let (Some(list), Some(word)) = (list, node.text()) {
        let kind = FaultKind::UnknownWord {
            word: word.into(),
            among: "own, team, all".into(),
        };
        let hint =
            format_smolstr!("name the lead's field, as in `over = {{ {list} = \"FIELD\" }}`");
        node.fault(kind, Some(hint));
        return None;
    }
    node.word(&[("own", Over::Own), ("team", Over::Team), ("all", Over::All)])
}

/// One of each list, as people may write it for the list.
const SINGULAR: [(&str, &str); 3] = [("city", "cities"), ("zone", "zones"), ("skill", "skills")];

/// `match = { cities = "city", skills = "product" }`: the agent's list, and the lead's field. A
/// field alone is matched with the cities.
fn matches(node: &Node<'_>, names: &Names) -> Vec<Match> {
    if node.is_text() {
        let field = text_field(node, names);
        let list = AgentList::Cities;
        return field
            .map(|field| Match { list, field })
            .into_iter()
            .collect();
    }
    let Some(mut section) = node.section() else {
        return Vec::new();
    };
    let mut matches = Vec::new();
    for (word, list) in AgentList::WORDS {
        let field = section.optional(word);
        let field = field.and_then(|node| text_field(&node, names));
        matches.extend(field.map(|field| Match { list: *list, field }));
    }
    section.finish();
    matches
}

/// A field of the lead that is a text, or a choice among texts.
pub(super) fn text_field(node: &Node<'_>, names: &Names) -> Option<Name> {
    let text = node.text()?;
    let Some(field) = names.fields.iter().find(|field| field.name == *text) else {
        let known = names.fields.iter().map(|field| field.name.as_str());
        node.unknown("field", text, known);
        return None;
    };
    if names.faulty_fields.contains(&field.name) {
        return None;
    }
    if field.value_type != ValueType::Text {
        let expected = "a field that is a text or a choice";
        let found = format_smolstr!("{}", field.value_type);
        node.fault(FaultKind::WrongType { expected, found }, None);
        return None;
    }
    Some(field.name.clone())
}

fn permissions(node: &Node<'_>) -> Vec<Permission> {
    let words: Vec<_> = Permission::ALL
        .iter()
        .map(|permission| (permission.word(), *permission))
        .collect();
    let mut may = Vec::new();
    for node in node.list() {
        if node.is_text() && node.text() == Some("*") {
            may.extend_from_slice(Permission::ALL);
        } else {
            may.extend(permission(&node, &words));
        }
    }
    may
}

fn permission(node: &Node<'_>, words: &[(&'static str, Permission)]) -> Option<Permission> {
    let text = node.text()?;
    if matches!(
        text,
        "all" | "any" | "everything" | "todo" | "all-permissions"
    ) {
        let words = words.iter().map(|(word, _)| *word);
        let kind = FaultKind::UnknownWord {
            word: text.into(),
            among: words.collect::<Vec<_>>().join(", ").into(),
        };
        node.fault(kind, Some("did you mean `*`?".into()));
        return None;
    }
    node.word(words)
}

/// `[referral]`: that leads are referred.
pub(super) fn read_referring(root: &mut Section<'_>, names: &Names) -> Option<Referring> {
    let mut section = root.optional("referral")?.section()?;
    let (least, most) = (*Referring::LETTERS.start(), *Referring::LETTERS.end());
    let letters = section.optional("letters");
    let letters = letters.and_then(|node| node.count(least..most + 1));
    let source = section.optional("source");
    let sources = || names.sources.iter().map(|source| &source.name);
    let source = source.and_then(|node| node.known("source", sources()));
    section.finish();
    Some(Referring {
        letters: letters.unwrap_or(6),
        source,
    })
}

pub(super) fn read_pools(root: &mut Section<'_>, names: &Names) -> Vec<PoolSpec> {
    let mut pools = Vec::new();
    for (name, mut section) in root.sections("pool") {
        let members = section
            .required("members")
            .and_then(|node| node.condition(&names.agent_catalogue()));
        let matched = section.optional("match");
        let matched = matched.map(|node| matches(&node, names));
        let only = section.optional("only");
        let at_work = only.and_then(|node| node.word(&[("at-work", ())]));
        let choose = section
            .optional("choose")
            .and_then(|node| node.word(Choose::WORDS));
        let over = section.optional("over").and_then(|node| {
            let over = node.elapsed()?;
            if over < Elapsed::days(1) || over > Elapsed::days(3_660) {
                node.unfit(
                    "a window of conversion is between a day and ten years",
                    None,
                );
            }
            Some(over)
        });
        let prior = section
            .optional("prior")
            .and_then(|node| node.count(0..100_001));
        let capacity = section
            .optional("capacity")
            .and_then(|node| node.count(0..1_000_001));
        section.finish();
        let Some(members) = members else {
            continue;
        };
        pools.push(PoolSpec {
            name,
            members,
            matches: matched.unwrap_or_default(),
            at_work: at_work.map(|()| names.hours_of_agents()),
            choose: choose.unwrap_or(Choose::Best),
            over: over.unwrap_or(Elapsed::days(180)),
            prior: prior.unwrap_or(10),
            capacity: capacity.unwrap_or(50),
        });
    }
    pools
}
