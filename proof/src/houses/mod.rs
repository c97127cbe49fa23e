//! The organisations that a run is about: their playbooks, and how those change.
//!
//! A house is a playbook and what becomes of it later: variations of some that ship with leadkit,
//! and small ones of random rules that use every verb of the language.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadkit::decide::command::StageMapping;
use leadkit::ids::{Name, Tenant};
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::record::contact::Cap;

use crate::dice::Dice;

mod more;
mod small;

/// An organisation and the versions of its playbook, the oldest first.
#[derive(Clone, Debug)]
pub struct House {
    /// Its name.
    pub tenant: Tenant,
    /// Its playbook as it was, and as it becomes.
    pub versions: Vec<Arc<Playbook>>,
    /// Where leads go whose stage a later version no longer has.
    pub stages: Vec<StageMapping>,
}

/// Every playbook of a run.
#[derive(Clone, Debug, Default)]
pub struct Books {
    by_hash: BTreeMap<Name, Arc<Playbook>>,
    of_tenant: BTreeMap<Tenant, Vec<Arc<Playbook>>>,
}

impl Books {
    /// The playbooks of these houses.
    #[must_use]
    pub fn of(houses: &[House]) -> Self {
        let mut books = Self::default();
        for house in houses {
            let versions = house.versions.iter();
            let by_hash = versions.map(|book| (book.hash.clone(), Arc::clone(book)));
            books.by_hash.extend(by_hash);
            let of_tenant = books.of_tenant.entry(house.tenant.clone()).or_default();
            of_tenant.extend(house.versions.iter().cloned());
        }
        books
    }

    /// One of them, for what is the same under all.
    #[must_use]
    pub fn any(&self) -> Option<&Arc<Playbook>> {
        self.by_hash.values().next()
    }

    /// Those of an organisation, the oldest first.
    #[must_use]
    pub fn of_tenant(&self, tenant: &Tenant) -> &[Arc<Playbook>] {
        self.of_tenant.get(tenant).map_or(&[], Vec::as_slice)
    }

    /// The cap of an organisation, which lasts over all versions.
    #[must_use]
    pub fn cap(&self, tenant: &Tenant) -> Option<Cap> {
        let book = self.of_tenant(tenant).first()?;
        book.cap.map(|rule| rule.cap)
    }

    /// The playbook of this hash.
    #[must_use]
    pub fn get(&self, hash: &Name) -> Option<&Arc<Playbook>> {
        self.by_hash.get(hash)
    }
}

impl House {
    /// A house with so many versions of its playbook.
    ///
    /// # Panics
    /// When the playbook that was made can't be read: a fault of this program.
    #[must_use]
    pub fn build(tenant: &str, versions: usize, dice: &mut Dice) -> Self {
        let (folders, stages) = match dice.below(7) {
            0 => (vary(&FIELD_AND_DIGITAL_SALES, versions, dice), Vec::new()),
            1 => (vary(&DEFERRED_FOLLOW_UP, versions, dice), Vec::new()),
            2 => (vary(&DEALERSHIP_TEAMS, versions, dice), Vec::new()),
            3 => (vary(&PLATFORM_ONBOARDING, versions, dice), Vec::new()),
            _ => small::folders(versions, dice),
        };
        let folders: Vec<Folder> = folders
            .into_iter()
            .map(|folder| Folder {
                playbook: with_address_of(tenant, &folder.playbook),
                ..folder
            })
            .collect();
        Self::read(tenant, &folders, stages)
    }

    fn read(tenant: &str, folders: &[Folder], stages: Vec<StageMapping>) -> Self {
        let mut versions: Vec<Arc<Playbook>> = Vec::new();
        for folder in folders {
            match Playbook::read(folder) {
                // Chance may give the same version twice.
                Ok(book) if versions.iter().any(|known| known.hash == book.hash) => {}
                Ok(book) => versions.push(Arc::new(book)),
                Err(faults) => panic!("{faults}\n{}", folder.playbook),
            }
        }
        Self {
            tenant: Tenant::from(tenant),
            versions,
            stages,
        }
    }
}

/// A playbook that ships with leadkit, and what may vary in it: for each text of its file, what it
/// may be instead.
struct Shipped {
    playbook: &'static str,
    templates: &'static [(&'static str, &'static str)],
    holidays: &'static [(&'static str, &'static str)],
    /// What is the same in all versions.
    lasting: &'static [(&'static str, &'static [&'static str])],
    /// What differs from version to version.
    changing: &'static [(&'static str, &'static [&'static str])],
}

macro_rules! shipped {
    ($book:literal, $($file:literal),+) => {
        &[$(($file, include_str!(concat!("../../../playbooks/", $book, "/", $file)))),+]
    };
}

static FIELD_AND_DIGITAL_SALES: Shipped = Shipped {
    playbook: include_str!("../../../playbooks/field-and-digital-sales/playbook.toml"),
    templates: shipped!(
        "field-and-digital-sales",
        "templates/collected.txt",
        "templates/contract-late.txt",
        "templates/held.txt",
        "templates/late.txt",
        "templates/not-renewed.txt",
        "templates/quiet.txt",
        "templates/referred-lead-buys.txt",
        "templates/unowned.txt"
    ),
    holidays: shipped!("field-and-digital-sales", "holidays/ec.csv"),
    lasting: &[],
    changing: &[
        (
            "within     = \"4 business hours\"",
            &["within = \"30 minutes\"", "within = \"2 days\""],
        ),
        (
            "choose   = \"best\"",
            &["choose = \"weighted\"", "choose = \"evenly\""],
        ),
        ("capacity = 40", &["capacity = 1", "capacity = 3"]),
        (
            "at-most = 2",
            &["at-most = 0", "at-most = 1", "at-most = 9"],
        ),
        (
            "after      = \"2 days\"",
            &["after = \"3 business hours\"", "after = \"1 month\""],
        ),
        (
            "every      = \"1 business hour\"",
            &["every = \"2 business days\"", "every = \"6 hours\""],
        ),
        ("outlives-lead = true", &["outlives-lead = false"]),
    ],
};

static DEFERRED_FOLLOW_UP: Shipped = Shipped {
    playbook: include_str!("../../../playbooks/deferred-follow-up/playbook.toml"),
    templates: shipped!(
        "deferred-follow-up",
        "templates/held.txt",
        "templates/late.txt",
        "templates/not-taken-up.txt",
        "templates/quiet.txt",
        "templates/still-interested.txt",
        "templates/unowned.txt",
        "templates/we-meet-again.html",
        "templates/we-meet-again.txt"
    ),
    holidays: shipped!("deferred-follow-up", "holidays/mx.csv"),
    lasting: &[
        ("messages = 3", &["messages = 1", "messages = 2"]),
        ("within   = \"30 days\"", &["within = \"7 days\""]),
        ("above    = \"defer\"", &["above = \"drop\""]),
    ],
    changing: &[
        (
            "every = { after = \"90 days\"",
            &[
                "every = { after = \"2 days\"",
                "every = { after = \"1 month\"",
            ],
        ),
        (
            "least = \"90 days\"",
            &["least = \"1 days\"", "least = \"10 days\""],
        ),
        ("late-start = \"3 days\"", &["late-start = \"fire\""]),
        (
            "as = \"owner\"",
            &[
                "as = \"owner\", on-owner-change = \"drop\"",
                "as = \"organisation\"",
                "as = \"owner\", expires = \"2 days\"",
            ],
        ),
        (
            "within = \"1 business hour\"",
            &["within = \"1 business day\"", "within = \"5 minutes\""],
        ),
    ],
};

static DEALERSHIP_TEAMS: Shipped = Shipped {
    playbook: include_str!("../../../playbooks/dealership-teams/playbook.toml"),
    templates: shipped!(
        "dealership-teams",
        "templates/feedback-missing.txt",
        "templates/feedback.txt",
        "templates/held.txt",
        "templates/late.txt",
        "templates/not-accepted.txt",
        "templates/nurture.txt",
        "templates/quiet.txt",
        "templates/reserved-without-owner.txt",
        "templates/unowned.txt",
        "templates/visit-missed.txt",
        "templates/visit-not-told.txt",
        "templates/visit-tomorrow.txt"
    ),
    holidays: shipped!("dealership-teams", "holidays/es.csv"),
    lasting: &[
        ("messages = 2", &["messages = 1"]),
        ("above    = \"defer\"", &["above = \"drop\""]),
    ],
    changing: &[
        ("capacity = 40", &["capacity = 1", "capacity = 3"]),
        (
            "choose   = \"evenly\"",
            &["choose = \"weighted\"", "choose = \"best\""],
        ),
        (
            "within   = \"30 business minutes\"",
            &["within = \"1 second\"", "within = \"2 days\""],
        ),
        (
            "after = \"1 day before\"",
            &["after = \"1 hour before\"", "after = \"3 days before\""],
        ),
        ("at-most = 3", &["at-most = 1"]),
        (
            "every = \"30 days\"",
            &["every = \"2 days\"", "every = \"1 month\""],
        ),
    ],
};

static PLATFORM_ONBOARDING: Shipped = Shipped {
    playbook: include_str!("../../../playbooks/platform-onboarding/playbook.toml"),
    templates: shipped!(
        "platform-onboarding",
        "templates/evaluation-begins.txt",
        "templates/evaluation-ends-soon.txt",
        "templates/evaluation-ends.txt",
        "templates/held.txt",
        "templates/new-lead.txt",
        "templates/older-than-15-days.txt",
        "templates/older-than-5-days.txt",
        "templates/presentation-fell-through.txt",
        "templates/presentation-not-told.txt",
        "templates/quiet.txt",
        "templates/store-in-evaluation.txt",
        "templates/welcome.txt",
        "templates/without-presentation.txt",
        "templates/without-responsible.txt"
    ),
    holidays: shipped!("platform-onboarding", "holidays/br.csv"),
    lasting: &[("holds     = \"won\"", &["holds     = \"open\""])],
    changing: &[
        (
            "after = [\"5 days\"]",
            &["after = [\"1 day\"]", "after = [\"8 days\"]"],
        ),
        (
            "at         = [\"3 days before\"]",
            &[
                "at         = [\"1 day before\"]",
                "at         = [\"10 days before\"]",
            ],
        ),
        (
            "to = \"entered_at + 15 days\"",
            &[
                "to = \"entered_at + 3 days\"",
                "to = \"entered_at + 1 month\"",
            ],
        ),
        (
            "every = \"90 days\"",
            &["every = \"2 days\"", "every = \"1 month\""],
        ),
        (
            "within = \"1 business day\"",
            &["within = \"1 business hour\"", "within = \"10 minutes\""],
        ),
    ],
};

/// The same playbook, with an address at which only this organisation is.
fn with_address_of(tenant: &str, playbook: &str) -> String {
    let lines = playbook.lines().map(|line| match line.split_once('@') {
        Some((before, after)) if before.starts_with("email = ") => {
            format!("{before}@{tenant}.{after}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn vary(shipped: &Shipped, versions: usize, dice: &mut Dice) -> Vec<Folder> {
    let lasting = replaced(shipped.playbook, shipped.lasting, dice);
    let texts = (0..versions).map(|_| replaced(&lasting, shipped.changing, dice));
    texts
        .map(|playbook| {
            let files = |files: &[(&str, &str)]| {
                let files = files.iter();
                files
                    .map(|(path, text)| ((*path).into(), (*text).to_owned()))
                    .collect()
            };
            Folder {
                playbook,
                templates: files(shipped.templates),
                holidays: files(shipped.holidays),
                scenarios: Vec::new(),
            }
        })
        .collect()
}

fn replaced(text: &str, choices: &[(&str, &[&str])], dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for (from, to) in choices {
        if dice.one_in(2) {
            text = text.replace(from, dice.pick(to));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_there() {
        for shipped in [
            &FIELD_AND_DIGITAL_SALES,
            &DEFERRED_FOLLOW_UP,
            &DEALERSHIP_TEAMS,
            &PLATFORM_ONBOARDING,
        ] {
            for (from, _) in shipped.lasting.iter().chain(shipped.changing) {
                assert!(shipped.playbook.contains(from), "{from}");
            }
        }
    }

    #[test]
    fn no_two_organisations_have_an_address_in_common() {
        for seed in 0..20 {
            for tenant in ["quito", "toluca"] {
                let house = House::build(tenant, 2, &mut Dice::of(seed, 0));
                for book in &house.versions {
                    let address = book.organisation.email.as_str();
                    assert!(address.contains(&format!("@{tenant}.")), "{address}");
                }
            }
        }
    }

    #[test]
    fn every_house_can_be_read_and_the_same_seed_builds_the_same() {
        for seed in 0..60 {
            let hashes = || {
                let house = House::build("quito", 3, &mut Dice::of(seed, 0));
                let versions = house.versions.iter();
                versions.map(|book| book.hash.clone()).collect::<Vec<_>>()
            };
            assert_eq!(hashes(), hashes());
        }
    }
}
