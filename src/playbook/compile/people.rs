//! `[role.*]` and `[pool.*]`.

use super::{Names, label_of};
use crate::playbook::fault::FaultKind;
use crate::playbook::people::{Choose, Over, Permission, PoolSpec, Role};
use crate::playbook::read::{Node, Section};
use crate::time::Elapsed;

pub(super) fn read_roles(root: &mut Section<'_>) -> Vec<Role> {
    let mut roles = Vec::new();
    for (name, mut section) in root.sections("role") {
        let label = label_of(&mut section, &name);
        let may = section
            .required("may")
            .map(|node| permissions(&node))
            .unwrap_or_default();
        let over = section
            .optional("over")
            .and_then(|node| node.word(Over::WORDS));
        let owns = section.optional("owns").and_then(|node| node.bool());
        section.finish();
        roles.push(Role {
            name,
            label,
            may,
            over: over.unwrap_or(Over::All),
            owns: owns.unwrap_or(true),
        });
    }
    roles
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

pub(super) fn read_pools(root: &mut Section<'_>, names: &Names) -> Vec<PoolSpec> {
    let mut pools = Vec::new();
    for (name, mut section) in root.sections("pool") {
        let members = section
            .required("members")
            .and_then(|node| node.condition(&names.agent_catalogue()));
        let match_city = section.optional("match").and_then(|node| {
            let text = node.text()?;
            let field = names.fields.iter().find(|field| field.name == *text);
            if field.is_none() {
                node.unknown(
                    "field",
                    text,
                    names.fields.iter().map(|field| field.name.as_str()),
                );
            }
            Some(field?.name.clone())
        });
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
            match_city,
            choose: choose.unwrap_or(Choose::Best),
            over: over.unwrap_or(Elapsed::days(180)),
            prior: prior.unwrap_or(10),
            capacity: capacity.unwrap_or(50),
        });
    }
    pools
}
