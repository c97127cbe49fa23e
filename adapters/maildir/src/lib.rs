//! Mail to a folder: a [`Mailer`] that writes every message as one `.eml` file.
//!
//! For development and rehearsals (open the files in a mail program and see what customers
//! would have seen), for an archive, or for a relay that picks files up.
//!
//! ```
//! use leadkit::ids::{CommandId, Id, MessageId, Tenant};
//! use leadkit::mailer::{Mailbox, Mailer, Outcome, Outgoing};
//! use leadkit::playbook::template::Rendered;
//! use leadkit::record::message::Class;
//! use leadkit_maildir::MaildirMailer;
//!
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path().join("mail");
//! let mailer = MaildirMailer::open(folder)?;
//! let at = "2026-03-06T16:30:00Z".parse()?;
//! let message = Outgoing {
//!     tenant: Tenant::from("north"),
//!     id: MessageId(Id::derived(at, &CommandId::of("webhook 7"), "message", 0)),
//!     attempt: 1,
//!     message_id: "1@north.example".into(),
//!     template: "your-test-drive".into(),
//!     from: Mailbox { name: "Ana Núñez".into(), email: "ana@north.example".parse()? },
//!     to: Mailbox { name: "Luis Vera".into(), email: "luis@example.com".parse()? },
//!     class: Class::Marketing,
//!     rendered: Rendered {
//!         subject: "Your test drive".into(),
//!         text: "See you at nine.".into(),
//!         html: None,
//!     },
//!     at,
//! };
//! assert_eq!(pollster::block_on(mailer.hand_over(&message)), Outcome::Accepted);
//!
//! let eml = std::fs::read_to_string(mailer.path(&message.tenant, message.id))?;
//! assert!(eml.contains("Subject: Your test drive\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where a message lies
//!
//! In `FOLDER/TENANT/ID.eml`: its tenant and its id alone decide, so a message that is handed
//! over again makes no second file; the first stays as it is. Ids begin with their time, so
//! the files of a tenant sort by time. A tenant that is no safe file name is written in
//! another way, never the same for two tenants, see [`MaildirMailer::path`].
//!
//! A message is written under another name (it begins with a dot and ends in `.tmp`), synced,
//! and only then given its own: who reads the folder never sees half a message. If the process
//! dies meanwhile, such a file can stay behind; it can be deleted.
//!
//! What a file holds is what [`leadkit_mime`] makes of a message.
//!
//! # What it does not do
//!
//! It isn't the Maildir format of mail servers (`cur`, `new`, `tmp`), and never reads, lists or
//! deletes messages.
//!
//! It doesn't hand its work to another thread: [`hand_over`](Mailer::hand_over) writes and syncs
//! before it returns and so blocks the calling task, for some milliseconds on a common disk. A
//! host with much mail or a slow disk drives its outbox on a thread where that does no harm.

mod folder;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use leadkit::ids::{MessageId, Tenant};
use leadkit::mailer::{Mailer, Outcome, Outgoing};

use crate::folder::Fault;

/// A mailer that writes every message as one `.eml` file.
///
/// What becomes of a hand-over:
/// - [`Outcome::Accepted`]: the message is on the disk, under its own name and synced, from
///   this hand-over or an earlier one;
/// - [`Outcome::Later`]: there surely is no file of that name (the disk is full, the folder
///   gone or not writable);
/// - [`Outcome::Unknown`]: it may be there, but may not outlast a loss of power, or renaming it
///   failed in a way that doesn't tell. Handing it over again settles it and cannot double it.
///
/// It refuses nothing.
///
/// Any number of clones and processes can write to one folder.
///
/// ```
/// use leadkit_maildir::MaildirMailer;
///
/// # let temporary = tempfile::tempdir()?;
/// # let folder = temporary.path().join("mail");
/// let mailer = MaildirMailer::open(&folder)?;
/// assert!(folder.is_dir());
/// let channel: Box<dyn leadkit::mailer::Mailer> = Box::new(mailer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaildirMailer {
    folder: PathBuf,
}

/// Why a folder could not be opened.
///
/// ```
/// use leadkit_maildir::MaildirMailer;
///
/// # let temporary = tempfile::tempdir()?;
/// # let file = temporary.path().join("file");
/// std::fs::write(&file, "no folder")?;
/// let error = MaildirMailer::open(&file).unwrap_err();
/// assert_eq!(error.folder(), file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("`{}` can't be made a folder for mail", .folder.display())]
pub struct OpenError {
    folder: PathBuf,
    source: io::Error,
}

impl OpenError {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl MaildirMailer {
    /// Opens a folder, and makes it if it isn't there.
    ///
    /// Should the folder vanish later (a disk that is no longer mounted), it isn't made again:
    /// every hand-over then answers [`Outcome::Later`].
    ///
    /// # Errors
    /// [`OpenError`], if it isn't there and can't be made, or is no folder.
    ///
    /// ```
    /// # let temporary = tempfile::tempdir()?;
    /// # let folder = temporary.path().join("some/where/mail");
    /// let mailer = leadkit_maildir::MaildirMailer::open(&folder)?;
    /// assert_eq!(mailer.folder(), folder);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let failed = |source| OpenError {
            folder: folder.as_ref().into(),
            source,
        };
        let absolute = std::path::absolute(&folder).map_err(failed)?;
        folder::make(&absolute).map_err(failed)?;
        Ok(Self { folder: absolute })
    }

    /// The folder, as an absolute path.
    ///
    /// ```
    /// # let temporary = tempfile::tempdir()?;
    /// let mailer = leadkit_maildir::MaildirMailer::open(temporary.path())?;
    /// assert!(mailer.folder().is_absolute());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the message of this id lies, once it is handed over.
    ///
    /// In the name of the tenant's folder, every byte but `a-z`, `0-9` and `-` is written as
    /// `_` and two hexadecimal digits, so that it is safe on every file system, those that
    /// ignore case included. A name that a system reserves (`con`) has its first letter written
    /// so, a long one is cut and ends in a hash, and no name at all is `_`.
    ///
    /// ```
    /// use leadkit::ids::{Id, MessageId, Tenant};
    ///
    /// # let temporary = tempfile::tempdir()?;
    /// let mailer = leadkit_maildir::MaildirMailer::open(temporary.path())?;
    /// let id = MessageId("019cc3f6-3740-7cc3-98c4-dc0c0c07398f".parse()?);
    /// let path = mailer.path(&Tenant::from("north"), id);
    /// assert!(path.ends_with("north/019cc3f6-3740-7cc3-98c4-dc0c0c07398f.eml"));
    /// let path = mailer.path(&Tenant::from("../North"), id);
    /// assert!(path.ends_with("_2e_2e_2f_4eorth/019cc3f6-3740-7cc3-98c4-dc0c0c07398f.eml"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self, tenant: &Tenant, id: MessageId) -> PathBuf {
        let mut path = self.folder.join(folder::name_of(tenant));
        path.push(format!("{id}.eml"));
        path
    }
}

#[async_trait]
impl Mailer for MaildirMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        let eml = leadkit_mime::eml(message);
        match folder::write_once(&self.path(&message.tenant, message.id), &eml) {
            Ok(()) => Outcome::Accepted,
            Err(Fault::NotWritten(error)) => Outcome::Later {
                said: format!("the message was not written: {error}").into(),
            },
            Err(Fault::Unknown(error)) => Outcome::Unknown {
                said: format!("the message may not have been written: {error}").into(),
            },
        }
    }
}
