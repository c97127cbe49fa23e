//! Tables, read key by key.

use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Node, Source, WHOLE, is_name, name_for};
use crate::hint::nearest;
use crate::ids::Name;
use crate::playbook::fault::FaultKind;

/// A table that is read key by key; what nobody asked for is a fault in the end.
pub(crate) struct Section<'s> {
    pub(crate) source: &'s Source<'s>,
    table: &'s DeTable<'s>,
    span: Range<usize>,
    pub(crate) path: SmolStr,
    asked: Vec<&'static str>,
    takes_all: bool,
}

impl<'s> Section<'s> {
    pub(crate) fn new(
        source: &'s Source<'s>,
        table: &'s DeTable<'s>,
        span: Range<usize>,
        path: SmolStr,
    ) -> Self {
        Self {
            source,
            table,
            span,
            path,
            asked: Vec::new(),
            takes_all: false,
        }
    }

    pub(crate) fn fault(&self, kind: FaultKind, hint: Option<SmolStr>) {
        self.source.fault(self.span.clone(), kind, hint);
    }

    fn child_path(&self, key: &str) -> SmolStr {
        match self.path.as_str() {
            "" => key.into(),
            path => format_smolstr!("{path}.{key}"),
        }
    }

    fn node(&self, key: &str, value: &'s Spanned<DeValue<'s>>) -> Node<'s> {
        let place = self.table.get_key_value(key).map(|(key, _)| key.span());
        Node {
            source: self.source,
            value,
            key: place,
            faulty_at_key: false,
            path: self.child_path(key),
        }
    }

    pub(crate) fn optional(&mut self, key: &'static str) -> Option<Node<'s>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some(self.node(key, value))
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Option<Node<'s>> {
        self.required_or(key, None)
    }

    /// The same; what could be said, if it isn't there.
    pub(crate) fn required_or(
        &mut self,
        key: &'static str,
        hint: Option<&'static str>,
    ) -> Option<Node<'s>> {
        let node = self.optional(key);
        if node.is_none() {
            self.missing(key, hint.map(SmolStr::from));
        }
        node
    }

    /// Says that a key is missing.
    pub(crate) fn missing(&self, key: &'static str, hint: Option<SmolStr>) {
        let section = self.said();
        let key = key.into();
        self.fault(FaultKind::MissingKey { key, section }, hint);
    }

    /// Reports what hides in any text of this table.
    pub(crate) fn check_letters(&self) {
        for (_, node) in self.keyed() {
            node.check_letters(false);
        }
    }

    fn said(&self) -> SmolStr {
        match self.path.as_str() {
            "" => WHOLE.into(),
            path => format_smolstr!("[{path}]"),
        }
    }

    /// Everything in this table, in the order of the file. Each key must be a name; what stands under one
    /// that is none is read all the same, since whoever refers to it means it.
    pub(crate) fn entries(&mut self, sort: &'static str) -> Vec<(Name, Node<'s>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let named = entries.into_iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            if !is_name(name) {
                let kind = FaultKind::BadName {
                    sort,
                    name: name.into(),
                };
                self.source.fault(key.span(), kind, Some(name_for(name)));
            }
            (Name::from(name), self.node(name, value))
        });
        named.collect()
    }

    /// Everything in this table under whatever keys, in the order of the file.
    pub(crate) fn keyed(&self) -> Vec<(String, Node<'s>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let keyed = entries.into_iter().map(|(key, value)| {
            let key = key.get_ref().as_ref();
            (key.to_owned(), self.node(key, value))
        });
        keyed.collect()
    }

    /// The tables of the section of this name, if it is there.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<(Name, Self)> {
        let Some(mut all) = self.optional(key).and_then(|node| node.section()) else {
            return Vec::new();
        };
        let entries = all.entries(key).into_iter();
        entries
            .filter_map(|(name, node)| Some((name, node.section()?)))
            .collect()
    }

    /// Where the value of a key stands; the whole, if nothing is said there.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        let value = self.table.get(key);
        value.map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// The keys that were asked for so far.
    pub(crate) fn asked(&self) -> &[&'static str] {
        &self.asked
    }

    /// The line on which it begins.
    pub(crate) fn line(&self) -> usize {
        self.source.place(self.span.start).0
    }

    /// Where it begins in what was read.
    pub(crate) fn start(&self) -> usize {
        self.span.start
    }

    /// Whatever nobody asked for so far; after this it counts as asked for.
    pub(crate) fn rest(&mut self) -> Vec<(String, Node<'s>)> {
        let mut rest = self.keyed();
        rest.retain(|(key, _)| !self.asked.contains(&key.as_str()));
        self.takes_all = true;
        rest
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        self.finish_or(None);
    }

    /// The same; with a hint for those that resemble none that was asked for.
    pub(crate) fn finish_or(self, otherwise: Option<SmolStr>) {
        self.finish_all(|_| None, otherwise);
    }

    /// The same; with a hint for some of them, before any other.
    pub(crate) fn finish_with(self, special: impl Fn(&str) -> Option<SmolStr>) {
        self.finish_all(special, None);
    }

    fn finish_all(self, special: impl Fn(&str) -> Option<SmolStr>, otherwise: Option<SmolStr>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.takes_all || self.asked.contains(&name) {
                continue;
            }
            let section = self.said();
            let near = nearest(name, self.asked.iter().copied());
            if let Some(meant) = near {
                self.is_not_missing(meant);
            }
            let hint = near.map(|near| format_smolstr!("did you mean `{near}`?"));
            let hint = special(name).or(hint).or_else(|| otherwise.clone());
            let hint = hint.or_else(|| self.known_keys());
            self.source.fault(
                key.span(),
                FaultKind::UnknownKey {
                    key: name.into(),
                    section,
                },
                hint,
            );
        }
    }
}

impl Section<'_> {
    /// What can be said here, if that is little.
    fn known_keys(&self) -> Option<SmolStr> {
        let is_few = (1..=12).contains(&self.asked.len());
        let mut asked = self.asked.clone();
        asked.sort_unstable();
        asked.dedup();
        is_few.then(|| format_smolstr!("known: {}", asked.join(", ")))
    }

    /// A key that is there under a slip of the pen is one fault, and not also missing.
    fn is_not_missing(&self, meant: &str) {
        let section = self.said();
        let place = self.source.in_the_file(self.span.clone());
        self.source.faults.borrow_mut().retain(|fault| {
            let FaultKind::MissingKey { key, section: at } = &fault.kind else {
                return true;
            };
            *key != meant || *at != section || fault.span != place
        });
    }
}
