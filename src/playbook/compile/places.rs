//! Where things stand in the file, for what is found only when all of it has been read.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};

use crate::ids::Name;
use crate::playbook::read::{Node, Section};

/// The places of a playbook's parts, by paths like `need.reason.if`. A rule is `rule.NAME`, the third
/// route `route.2`, and a stage `stage.PIPELINE.NAME`.
pub(super) struct Places(Vec<(SmolStr, Range<usize>)>);

/// The sections that become rules.
const OF_RULES: [&str; 5] = ["rule", "sla", "ageing", "wait", "reminder"];

/// The sections whose names are spoken of, beside those.
const NAMED: [&str; 6] = ["activity", "field", "task", "need", "pool", "calendar"];

impl Places {
    pub(super) fn of(root: &mut Section<'_>) -> Self {
        let mut places = Self(Vec::new());
        for (pipeline, mut section) in root.sections("pipeline") {
            let stages = section.optional("stage").and_then(|node| node.section());
            for (stage, node) in stages.iter().flat_map(Section::keyed) {
                let path = format_smolstr!("stage.{pipeline}.{stage}");
                places.add_with_parts(&path, &node, node.key_span());
            }
        }
        for (place, node) in listed(root, "route").iter().enumerate() {
            places.add_with_parts(&format!("route.{place}"), node, node.span());
        }
        for node in listed(root, "rule") {
            let section = node.is_table().then(|| node.section()).flatten();
            let name = section.and_then(|mut section| section.optional("name")?.text());
            if let Some(name) = name {
                places.add_with_parts(&format!("rule.{name}"), &node, node.span());
            }
        }
        for section in NAMED.into_iter().chain(OF_RULES).filter(|of| *of != "rule") {
            let all = root.optional(section);
            let all = all.filter(Node::is_table).and_then(|node| node.section());
            for (name, node) in all.iter().flat_map(Section::keyed) {
                let place = match OF_RULES.contains(&section) {
                    true => node.span(),
                    false => node.key_span(),
                };
                places.add_with_parts(&format!("{section}.{name}"), &node, place);
            }
        }
        places
    }

    fn add(&mut self, path: impl Into<SmolStr>, place: Range<usize>) {
        self.0.push((path.into(), place));
    }

    /// Adds the place of a table, and of what stands under its keys.
    fn add_with_parts(&mut self, path: &str, node: &Node<'_>, place: Range<usize>) {
        self.add(path, place);
        let section = node.is_table().then(|| node.section()).flatten();
        for (key, node) in section.iter().flat_map(Section::keyed) {
            self.add(format!("{path}.{key}"), node.span());
        }
    }

    fn find(&self, path: &str) -> Option<Range<usize>> {
        let found = self.0.iter().find(|(known, _)| known == path);
        found.map(|(_, place)| place.clone())
    }

    pub(super) fn is_there(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The place of this path, or of what it is a part of.
    pub(super) fn at(&self, path: &str) -> Range<usize> {
        let mut path = path;
        loop {
            if let Some(place) = self.find(path) {
                return place;
            }
            match path.rsplit_once('.') {
                Some((whole, _)) => path = whole,
                None => return 0..0,
            }
        }
    }

    pub(super) fn stage(&self, pipeline: &Name, stage: &Name) -> Range<usize> {
        self.at(&format!("stage.{pipeline}.{stage}"))
    }

    /// The place of a rule, or of the short form that it was read from (`first-contact.late`).
    pub(super) fn rule(&self, rule: &Name) -> Range<usize> {
        self.part_of_rule(rule, &[]).1
    }

    /// The first of these keys that a rule has, and its place; that of the rule, if it has none.
    pub(super) fn part_of_rule(
        &self,
        rule: &Name,
        keys: &[&'static str],
    ) -> (Option<&'static str>, Range<usize>) {
        let short = rule.as_str().split('.').next().unwrap_or_default();
        let paths = OF_RULES.iter().map(|section| format!("{section}.{short}"));
        let Some(path) = paths.into_iter().find(|path| self.find(path).is_some()) else {
            return (None, 0..0);
        };
        let mut parts = keys
            .iter()
            .filter_map(|key| Some((Some(*key), self.find(&format!("{path}.{key}"))?)));
        parts.next().unwrap_or_else(|| (None, self.at(&path)))
    }
}

fn listed<'s>(root: &mut Section<'s>, key: &'static str) -> Vec<Node<'s>> {
    let node = root.optional(key);
    node.map(|node| node.list()).unwrap_or_default()
}
