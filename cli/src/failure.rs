//! Why a command could not do its work.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use leadkit::condition::ComputedFact;
use leadkit::ids::{LeadId, Name, Tenant};
use leadkit::playbook::fault::{Fault, FaultKind};
use leadkit::playbook::load::Folder;
use leadkit_sqlite::OpenError;
use leadkit_sqlite::rusqlite::{self, ErrorCode};
use serde_json::json;

use crate::database::{Place, Url};
use crate::replay::map::MapFault;
use crate::replay::table::TableFault;
use crate::report::counted;
use crate::snippets::{self, Style};

pub mod asked;

pub use asked::Asked;

/// Why a command could not do its work, and so what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no playbook where one should be.
    #[error("{}", no_playbook(.0))]
    NoPlaybook(PathBuf),
    /// The playbook, or its scenarios, have faults.
    #[error("{}: {}", .path.display(), counted(.faults.len() as u64, "fault"))]
    Faults {
        /// The playbook's folder.
        path: PathBuf,
        /// Its texts, as far as they could be read.
        folder: Box<Folder>,
        /// All that is wrong.
        faults: Vec<Fault>,
    },
    /// The map of a replay has faults.
    #[error("{}: {}", .path.display(), counted(.faults.len() as u64, "fault"))]
    Map {
        /// The map.
        path: PathBuf,
        /// Its text.
        text: String,
        /// All that is wrong.
        faults: Vec<MapFault>,
    },
    /// A file of a replay can't be read as a table.
    #[error("{}", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: TableFault,
    },
    /// A file can't be read or written.
    #[error("{}", unreadable(.path, .error))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database can't be opened.
    #[error("the database {} can't be opened: {}", .path.display(), unopened(.path, .error))]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        error: OpenError,
    },
    /// The database on a server can't be opened.
    #[error("the database {url} can't be opened")]
    Server {
        /// Which.
        url: Url,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database is damaged.
    #[error("the database {} is damaged: {why}. {TO_DO}", .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What could not be done, and why.
        why: String,
    },
    /// The database is not there.
    #[error("there is no database {}; `leadkit replay --db` makes one", .0.display())]
    NoDatabase(PathBuf),
    /// A replay can't go into a database that no replay made.
    #[error(
        "the database {} was not made by a replay; its leads may be real, and their messages would \
         count as sent without being sent. Name a file that is not there yet",
        .0.display()
    )]
    NotAReplay(PathBuf),
    /// A replay can't go into somebody else's database.
    #[error(
        "the database {} is none of leadkit's: no leads are kept in it. Name a file that is not there yet",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// The database holds nothing of this tenant.
    #[error("the database holds no leads of `{tenant}`; {}", say_which(.there))]
    NoSuchTenant {
        /// Who was asked for.
        tenant: Tenant,
        /// Whose leads it holds.
        there: Vec<String>,
    },
    /// The leads are under another playbook than the one that was given.
    #[error(
        "the leads of `{tenant}` are under another playbook, or another version of it, than this \
         one: its hash is {active}, not {given}. Give the folder as it was, or adopt this one: \
         `{adopt}` shows first what becomes of each stage. A history can also be replayed anew, into \
         another file"
    )]
    OtherPlaybook {
        /// Whose leads.
        tenant: Tenant,
        /// The playbook that is active there, by hash.
        active: Name,
        /// The one that was given.
        given: Name,
        /// The command that takes them over.
        adopt: String,
    },
    /// A lead is not under the active playbook yet.
    #[error(
        "the lead {lead} is still under a former playbook, {former}: the sweep that takes the leads \
         over has not come to it (`leadkit sweeps`), or it refused (`{adopt}` says why). Until then, \
         give the former folder"
    )]
    NotTakenOver {
        /// Which lead.
        lead: LeadId,
        /// The playbook that it is under, by hash.
        former: Name,
        /// The command that says why it refused.
        adopt: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] leadkit::engine::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] leadkit::store::StoreError),
    /// A condition has faults.
    #[error("the condition has {}", counted(.faults.len() as u64, "fault"))]
    Condition {
        /// As it was given.
        text: String,
        /// All that is wrong with it.
        faults: Vec<leadkit::condition::Fault>,
    },
    /// A condition asks for a fact that stores don't keep, and so can't filter by.
    #[error("{fact}")]
    Computed {
        /// As it was given.
        text: String,
        /// The fact, and the term that asks for it.
        fact: ComputedFact,
        /// What can be asked instead.
        hint: Option<&'static str>,
    },
    /// Something that was asked for is not there, not to be told from others, or not said as it must be.
    #[error(transparent)]
    Asked(#[from] Asked),
}

/// What to do about a database that is damaged.
const TO_DO: &str = "Put its last backup in its place, or replay its history anew into another file; what can \
                     still be read of it, `sqlite3 FILE .recover` writes as SQL";

fn no_playbook(path: &Path) -> String {
    const IS: &str = "a playbook is a folder with a playbook.toml in it";
    let shown = path.display();
    if path.is_dir() {
        return format!("there is no playbook in {shown}; {IS}");
    }
    if !path.exists() {
        return format!("there is no folder {shown}");
    }
    let folder = path.parent().filter(|_| path.ends_with("playbook.toml"));
    match folder {
        Some(folder) if folder.as_os_str().is_empty() => {
            format!("{shown} is a file; give its folder: .")
        }
        Some(folder) => format!("{shown} is a file; give its folder: {}", folder.display()),
        None => format!("{shown} is a file; {IS}"),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("there is no file {path}"),
        ErrorKind::InvalidData => format!("{path} is not UTF-8"),
        _ => format!("{path} can't be read: {error}"),
    }
}

/// Why a database can't be opened, and what to do about it.
fn unopened(path: &Path, error: &OpenError) -> String {
    let error = error.why();
    let OpenError::Sqlite(error) = error else {
        return chain(error);
    };
    if path.is_dir() {
        return "it is a folder".into();
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        return format!("there is no folder {}", folder.display());
    }
    if let Some(why) = why_unread(path) {
        return format!("it can't be read: {why}");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is no SQLite database".into(),
        Some(ErrorCode::DatabaseCorrupt) => format!("it is damaged ({error}). {TO_DO}"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "it and its folder can't be written, and SQLite keeps its log beside it".into()
        }
        _ => error.to_string(),
    }
}

/// Why a file that is there can't be read, before anybody asks what is in it.
fn why_unread(path: &Path) -> Option<ErrorKind> {
    let kind = File::open(path).err()?.kind();
    (kind != ErrorKind::NotFound).then_some(kind)
}

fn say_which(tenants: &[String]) -> String {
    match tenants {
        [] => "nobody's are in it".into(),
        tenants => format!("say whose: --tenant {}", tenants.join(", or --tenant ")),
    }
}

fn did_you_mean(fault: &leadkit::condition::Fault) -> Option<String> {
    let hint = fault.hint.as_ref();
    hint.map(|hint| format!("did you mean `{hint}`?"))
}

fn is_unreadable_playbook(fault: &Fault) -> bool {
    let is_unreadable = matches!(
        fault.kind,
        FaultKind::Unreadable(_) | FaultKind::TooLarge { .. }
    );
    is_unreadable && fault.file == "playbook.toml"
}

/// Whether SQLite says that a file is damaged.
fn is_damage(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_it = error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code)
        .is_some_and(|code| code == ErrorCode::DatabaseCorrupt);
    is_it || error.source().is_some_and(is_damage)
}

/// How far scenarios were checked, where their playbook is not whole.
#[derive(Clone, Copy)]
enum OfScenarios {
    Unchecked,
    CheckedInPart,
}

impl OfScenarios {
    fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::CheckedInPart => "checked-in-part",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Unchecked => "the scenarios were not checked yet",
            Self::CheckedInPart => "the scenarios were checked as far as the playbook can be read",
        }
    }
}

/// Nothing, where all of them were, or there are none.
fn checked_of_scenarios(folder: &Folder, faults: &[Fault]) -> Option<OfScenarios> {
    if folder.playbook.is_empty() {
        return Some(OfScenarios::Unchecked);
    }
    let is_of_playbook = |fault: &Fault| !fault.file.starts_with("scenarios");
    let is_in_part = !folder.scenarios.is_empty() && faults.iter().any(is_of_playbook);
    is_in_part.then_some(OfScenarios::CheckedInPart)
}

impl Failure {
    /// The same, of a database in this place.
    pub(crate) fn in_place(self, place: &Place) -> Self {
        match place {
            Place::File(path) => self.in_file(path),
            Place::Server(_) => self,
        }
    }

    /// The same, of a database in this file: SQLite does not say which is damaged.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        let (Self::Store(store) | Self::Engine(leadkit::engine::Error::Store(store))) = &self
        else {
            return self;
        };
        match is_damage(store) {
            true => Self::Damaged {
                path: path.to_owned(),
                why: chain(store),
            },
            false => self,
        }
    }

    /// 1 when something is wrong with what was given to be checked, 2 when nothing could be done.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // Without a readable playbook.toml there is nothing to find faults with.
            Self::Faults { faults, .. } if faults.iter().any(is_unreadable_playbook) => 2,
            Self::Faults { .. } => 1,
            _ => 2,
        }
    }

    /// A short stable name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoPlaybook(_) => "no-playbook",
            Self::Faults { .. } => "playbook-faults",
            Self::Map { .. } => "map-faults",
            Self::Table { .. } => "unreadable-table",
            Self::File { .. } => "unreadable-file",
            Self::Database { .. } | Self::Server { .. } | Self::NoDatabase(_) => "no-database",
            Self::NotAReplay(_) | Self::NotOurs(_) => "not-a-replay",
            Self::Damaged { .. } => "damaged-database",
            Self::NoSuchTenant { .. } => "no-such-tenant",
            Self::OtherPlaybook { .. } | Self::NotTakenOver { .. } => "other-playbook",
            Self::Condition { .. }
            | Self::Computed { .. }
            | Self::Engine(leadkit::engine::Error::Condition(_)) => "condition-faults",
            Self::Engine(leadkit::engine::Error::Refused(_)) => "refused",
            Self::Engine(_) => "engine",
            Self::Store(_) => "store",
            Self::Asked(asked) => asked.kind(),
        }
    }

    /// For people, with the lines that are wrong.
    #[must_use]
    pub fn told(&self, style: Style) -> String {
        match self {
            Self::Faults {
                path,
                folder,
                faults,
            } => {
                let told = snippets::told(path, folder, faults, style);
                match checked_of_scenarios(folder, faults) {
                    Some(checked) => format!("{told}{self}; {}", checked.told()),
                    None => format!("{told}{self}"),
                }
            }
            Self::Map { path, text, faults } => {
                let told: String = faults
                    .iter()
                    .map(|fault| format!("{}\n\n", fault.told(path, text, style)))
                    .collect();
                format!("{told}{self}")
            }
            Self::Condition { text, faults } => {
                let told: Vec<String> = faults
                    .iter()
                    .map(|fault| {
                        let hint = did_you_mean(fault);
                        let place = snippets::Placed {
                            path: Path::new("condition"),
                            text,
                            span: fault.at.clone(),
                            message: &fault.kind.to_string(),
                            hint: hint.as_deref(),
                        };
                        snippets::placed(&place, style)
                    })
                    .collect();
                told.join("\n\n")
            }
            Self::Computed { text, fact, hint } => {
                let place = snippets::Placed {
                    path: Path::new("condition"),
                    text,
                    span: fact.at.clone(),
                    message: &self.to_string(),
                    hint: *hint,
                };
                snippets::placed(&place, style)
            }
            Self::Asked(asked) => snippets::titled(&chain(self), asked.hint().as_deref(), style),
            _ => snippets::titled(&chain(self), None, style),
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut error = json!({ "kind": self.kind(), "message": chain(self) });
        match self {
            Self::Faults {
                path,
                folder,
                faults,
            } => {
                error["faults"] = json!(snippets::listed(path, folder, faults));
                if let Some(checked) = checked_of_scenarios(folder, faults) {
                    error["scenarios"] = json!(checked.word());
                }
            }
            Self::Map { path, text, faults } => {
                let listed: Vec<_> = faults.iter().map(|fault| fault.json(path, text)).collect();
                error["faults"] = json!(listed);
            }
            Self::Condition { faults, .. } => {
                let listed = faults.iter().map(|fault| {
                    json!({
                        "from": fault.at.start,
                        "to": fault.at.end,
                        "message": fault.kind.to_string(),
                        "hint": did_you_mean(fault),
                    })
                });
                error["faults"] = listed.collect();
            }
            Self::Computed { fact, hint, .. } => {
                let (from, to) = (fact.at.start, fact.at.end);
                let message = fact.to_string();
                let fault = json!({ "from": from, "to": to, "message": message, "hint": hint });
                error["faults"] = json!([fault]);
            }
            Self::Engine(leadkit::engine::Error::Refused(refusal)) => {
                error["code"] = json!(refusal.code());
            }
            Self::Asked(asked) => {
                error["hint"] = json!(asked.hint());
                if let Asked::SeveralLeads { leads, more, .. } = asked {
                    error["leads"] = json!(leads);
                    error["more"] = json!(more);
                }
            }
            _ => {}
        }
        json!({ "error": error })
    }
}

/// An error with everything beneath it, but for what says the same once more, as SQLite does.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error.to_string();
    let mut told = last.clone();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        let said = source.to_string();
        if !said.ends_with(&last) {
            told.push_str(": ");
            told.push_str(&said);
        }
        last = said;
        beneath = source.source();
    }
    told
}
