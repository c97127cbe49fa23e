//! Mail that goes to files, with a log of every hand-over that outlasts the process.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use leadkit::ids::{MessageId, Tenant};
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use leadkit::record::message::Class;
use leadkit::time::Instant;
use leadkit_maildir::MaildirMailer;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::dice::Dice;
use crate::post::Dial;

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
enum Line {
    Begin {
        tenant: Tenant,
        message: MessageId,
        attempt: u32,
        is_alert: bool,
        from: SmolStr,
        to: SmolStr,
        at: Instant,
    },
    End {
        message: MessageId,
        attempt: u32,
        outcome: Outcome,
    },
}

/// A mailer that writes to a folder, and to its log before and after. Now and then the server is
/// busy, refuses, or says nothing, as follows from the message's id.
#[derive(Clone, Debug)]
pub struct Outbox {
    maildir: MaildirMailer,
    log: Arc<Mutex<File>>,
    is_moody: bool,
}

impl Outbox {
    /// Opens the folder and a new log.
    ///
    /// # Errors
    /// What goes wrong with the files.
    pub fn open(folder: &Path, incarnation: u64, is_moody: bool) -> Result<Self, String> {
        let maildir = MaildirMailer::open(super::mail(folder));
        let maildir = maildir.map_err(|error| format!("{error:?}"))?;
        let path = super::logs(folder).join(super::log_name(incarnation).as_str());
        let log = OpenOptions::new().create(true).append(true).open(path);
        let log = log.map_err(|error| format!("the log of hand-overs: {error}"))?;
        Ok(Self {
            maildir,
            log: Arc::new(Mutex::new(log)),
            is_moody,
        })
    }

    /// Writes a line, and does not go on before it is on the disk.
    fn write(&self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_all(text.as_bytes())?;
        log.sync_data()
    }

    async fn outcome(&self, message: &Outgoing) -> Outcome {
        let id = u128::from_be_bytes(*message.id.0.as_bytes());
        let low = u64::try_from(id & u128::from(u64::MAX)).unwrap_or(0);
        let mut dice = Dice::of(low, message.attempt.into());
        let said = || "so it was drawn".into();
        match dice.below(12) {
            0 if self.is_moody => Outcome::Later { said: said() },
            1 if self.is_moody => Outcome::Unknown { said: said() },
            2 if self.is_moody => {
                self.maildir.hand_over(message).await;
                Outcome::Unknown { said: said() }
            }
            3 if self.is_moody => Outcome::Refused {
                said: said(),
                address_invalid: false,
            },
            _ => self.maildir.hand_over(message).await,
        }
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        let begin = Line::Begin {
            tenant: message.tenant.clone(),
            message: message.id,
            attempt: message.attempt,
            is_alert: message.class == Class::Alert,
            from: message.from.email.key(),
            to: message.to.email.key(),
            at: message.at,
        };
        // What can't be written down is not handed over.
        if let Err(error) = self.write(&begin) {
            let outcome = Outcome::Later {
                said: smol_str::format_smolstr!("the log: {error}"),
            };
            // The line may be there all the same; then this one should be, too.
            let _ = self.write(&Line::End {
                message: message.id,
                attempt: message.attempt,
                outcome: outcome.clone(),
            });
            return outcome;
        }
        let outcome = self.outcome(message).await;
        let end = Line::End {
            message: message.id,
            attempt: message.attempt,
            outcome: outcome.clone(),
        };
        // Who reads the log takes what has no end for unknown.
        match self.write(&end) {
            Ok(()) => outcome,
            Err(error) => Outcome::Unknown {
                said: smol_str::format_smolstr!("the log: {error}"),
            },
        }
    }
}

/// Reads the logs of a folder: every hand-over, those of one message in the order of its attempts.
///
/// # Errors
/// When they can't be read.
pub(super) fn dials(folder: &Path) -> Result<Vec<Dial>, String> {
    let told = |error: std::io::Error| format!("the logs of hand-overs: {error}");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(super::logs(folder)).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    let mut dials: Vec<Dial> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).map_err(told)?;
        // A line that was cut off by the end of its process was not written.
        for line in text.split_inclusive('\n').filter(|l| l.ends_with('\n')) {
            let line = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
            match line {
                Line::Begin {
                    tenant,
                    message,
                    attempt,
                    is_alert,
                    from,
                    to,
                    at,
                } => dials.push(Dial {
                    contact: None,
                    tenant,
                    message,
                    attempt,
                    class: if is_alert {
                        Class::Alert
                    } else {
                        Class::Marketing
                    },
                    from,
                    to,
                    at,
                    outcome: None,
                }),
                Line::End {
                    message,
                    attempt,
                    outcome,
                } => {
                    let mut begun = dials.iter_mut().rev();
                    let dial = begun.find(|dial| {
                        (dial.message, dial.attempt) == (message, attempt) && dial.outcome.is_none()
                    });
                    if let Some(dial) = dial {
                        dial.outcome = Some(outcome);
                    }
                }
            }
        }
    }
    dials.sort_by_key(|dial| dial.attempt);
    Ok(dials)
}
