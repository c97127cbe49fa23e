//! Where a database is.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::Asked;

/// Where a database is, as somebody typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an SQLite file.
    File(PathBuf),
    /// On a PostgreSQL server.
    Server(Url),
}

impl Place {
    /// The file into which a replay goes.
    ///
    /// # Errors
    /// [`Asked::ReplayIntoServer`].
    pub fn to_replay_into(self) -> Result<PathBuf, Asked> {
        match self {
            Self::File(path) => Ok(path),
            Self::Server(url) => Err(Asked::ReplayIntoServer(url)),
        }
    }
}

impl From<OsString> for Place {
    fn from(typed: OsString) -> Self {
        match typed.to_str().filter(|typed| Url::is_one(typed)) {
            Some(url) => Self::Server(Url(url.to_owned())),
            None => Self::File(typed.into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => url.fmt(f),
        }
    }
}

/// The URL of a database on a PostgreSQL server. It is shown without what may be a password: by its
/// user, its host and its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

/// How the URLs of such databases begin.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

impl Url {
    fn is_one(typed: &str) -> bool {
        SCHEMES.iter().any(|scheme| typed.starts_with(scheme))
    }

    /// As it was typed, for whoever connects.
    #[cfg(feature = "postgres")]
    pub(super) fn with_password(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        write!(f, "{scheme}://")?;
        let without_parameters = |text| str::split(text, '?').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            // Nobody can tell where a password ends.
            Some((login, _)) if login.contains('?') => f.write_str(".."),
            Some((login, address)) => {
                let user = login.split([':', '@']).next().unwrap_or_default();
                write!(f, "{user}@{}", without_parameters(address))
            }
            None => f.write_str(without_parameters(rest)),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(typed: &str) -> String {
        Place::from(OsString::from(typed)).to_string()
    }

    #[test]
    fn a_url_is_shown_without_its_password_wherever_that_stands() {
        for (typed, told) in [
            (
                "postgres://crm:secret@db:5432/crm",
                "postgres://crm@db:5432/crm",
            ),
            (
                "postgresql://crm@db/crm?password=secret",
                "postgresql://crm@db/crm",
            ),
            (
                "postgres://db/crm?user=crm&password=secret",
                "postgres://db/crm",
            ),
            ("postgres://crm:p@secret@db/crm", "postgres://crm@db/crm"),
            ("postgres://crm:p?secret@db/crm", "postgres://.."),
            ("postgres://crm@db/crm?password=p@secret", "postgres://.."),
        ] {
            assert_eq!(shown(typed), told);
            let place = Place::from(OsString::from(typed));
            assert!(!format!("{place:?}").contains("secret"), "{place:?}");
        }
    }

    #[test]
    fn what_does_not_begin_like_a_url_is_a_file() {
        for typed in ["leads.db", "postgres", "./postgres://x", "/var/lib/leads"] {
            let place = Place::from(OsString::from(typed));
            assert_eq!(place, Place::File(PathBuf::from(typed)));
        }
    }
}
