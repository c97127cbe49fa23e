//! What fails in a scenario beside its commands: rules, messages, sweeps. Nobody waits for these, so a
//! scenario that says nothing of them fails with them.

use smol_str::SmolStr;

use super::Step;
use super::expect::Expected;
use super::told::Told as _;
use super::world::World;
use crate::record::Lead;
use crate::record::message::Message;
use crate::store::{Key, Kind};

/// Something that failed while it was woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) key: Key,
    pub(super) error: SmolStr,
}

/// What of that a scenario knows of.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// What failed as it was expected, and a part of its error. It may fail so again: it is tried again
    /// by itself.
    expected: Vec<(Key, SmolStr)>,
}

impl Failures {
    /// What failed and was not expected, and what was expected to fail and did not.
    pub(super) fn unmet(
        &mut self,
        world: &World,
        step: &Step,
        leads: &[Lead],
        messages: &[Message],
    ) -> Vec<String> {
        let mut failed = world.take_failures();
        let tenant = world.tenant().name().clone();
        let leads = leads.iter().map(|lead| {
            let key = Key::lead(&tenant, lead.id);
            (key, lead.trouble.as_ref())
        });
        let of_messages = messages.iter().map(|message| {
            let key = Key::message(&tenant, message.id);
            (key, message.trouble.as_ref())
        });
        for (key, trouble) in leads.chain(of_messages) {
            failed.extend(trouble.map(|trouble| Failed {
                key,
                error: trouble.error.clone(),
            }));
        }
        let says = |failed: &Failed, part: &SmolStr| failed.error.contains(part.as_str());
        let mut unmet = Vec::new();
        for expected in &step.expected {
            let Expected::Fails(parts) = expected else {
                continue;
            };
            for part in parts {
                let meant = failed.iter().filter(|failed| says(failed, part));
                let known = self.expected.len();
                let meant = meant.map(|failed| (failed.key.clone(), part.clone()));
                self.expected.extend(meant);
                if self.expected.len() == known {
                    unmet.push(format!("should fail: {}", part.told()));
                }
            }
        }
        let is_surprise = |failed: &&Failed| {
            let mut expected = self.expected.iter();
            !expected.any(|(key, part)| *key == failed.key && says(failed, part))
        };
        for failed in failed.iter().filter(is_surprise) {
            let told = format!(
                "{} failed: {}",
                whose(world, failed, messages),
                failed.error
            );
            if !unmet.contains(&told) {
                unmet.push(told);
            }
        }
        unmet
    }
}

/// What failed, as a scenario knows it.
fn whose(world: &World, failed: &Failed, messages: &[Message]) -> String {
    let key = &failed.key;
    match key.kind {
        Kind::Message => {
            let mut messages = messages.iter();
            match messages.find(|message| message.id.0 == key.id) {
                Some(message) => format!("the message {}", message.template),
                None => "a message".into(),
            }
        }
        Kind::Sweep => "a sweep".into(),
        _ => match world.reference(key.id) {
            Some(reference) => format!("a rule of the lead {reference}"),
            None => "a rule of a lead".into(),
        },
    }
}
