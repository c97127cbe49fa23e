//! What a requirement rests on, taken out of the text of a playbook, as whoever writes playbooks would.

use leadkit::playbook::load::Folder;

/// A change of a playbook: the requirement that is broken by it, what it means, and how it is made.
pub(crate) struct Change(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) How,
);

/// How a playbook is changed.
pub(crate) enum How {
    /// Without the section of this header, or the rule of this name.
    Without(&'static str),
    /// With the second text in the place of the first, which stands there once.
    Instead(&'static str, &'static str),
    /// In all these ways: whatever carries the requirement beside another.
    All(&'static [Self]),
}

impl How {
    fn change(&self, playbook: &str) -> String {
        match self {
            Self::Without(section) => without(playbook, section),
            Self::Instead(text, other) => {
                assert_eq!(playbook.matches(text).count(), 1, "{text}");
                playbook.replace(text, other)
            }
            Self::All(hows) => {
                let changed = hows.iter();
                changed.fold(playbook.into(), |changed, how| how.change(&changed))
            }
        }
    }
}

impl Change {
    /// The playbook with this change.
    pub(crate) fn made_in(&self, folder: &Folder) -> Folder {
        let mut changed = folder.clone();
        changed.playbook = self.2.change(&folder.playbook);
        changed
    }
}

fn without(playbook: &str, section: &str) -> String {
    let sections: Vec<&str> = playbook.split_inclusive("\n\n").collect();
    let is_meant = |text: &&&str| {
        let mut lines = text.lines();
        lines.any(|line| {
            let is_header = line.split(']').next() == section.strip_suffix(']');
            is_header || is_name(line, section)
        })
    };
    assert_eq!(sections.iter().filter(is_meant).count(), 1, "{section}");
    let rest = sections.iter().filter(|section| !is_meant(section));
    rest.copied().collect()
}

/// `name = "welcome"`, however it is aligned.
fn is_name(line: &str, name: &str) -> bool {
    let said = line.split_once('=').filter(|(key, _)| key.trim() == "name");
    said.is_some_and(|(_, value)| value.trim().trim_matches('"') == name)
}
