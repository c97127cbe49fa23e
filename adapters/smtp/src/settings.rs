//! How a server is reached, and how long it is waited for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use smol_str::SmolStr;

use crate::line::after;

/// How long things may take.
///
/// The engine calls a mailer at the latest 40 seconds after it put the hand-over on record, and
/// takes the outcome for unknown after 100, so a call has 60 seconds or more. `whole` and `end`
/// together should stay below that, and do by default: 25 + 30.
///
/// ```
/// use std::time::Duration;
/// use leadkit_smtp::{Security, SmtpMailer, Timeouts};
///
/// let timeouts = Timeouts { reply: Duration::from_secs(5), ..Timeouts::default() };
/// let mailer = SmtpMailer::builder("relay.internal")
///     .security(Security::None)
///     .timeouts(timeouts)
///     .build()?;
/// # Ok::<(), leadkit_smtp::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, and for TLS. 10 seconds. Looking up the host's name is up to the
    /// system and takes what it takes.
    pub connect: Duration,
    /// For each reply, and for each 16 KiB of a message to be taken. 15 seconds.
    pub reply: Duration,
    /// For everything before the end of a message, its wait for a free connection included.
    /// What takes longer comes to [`Outcome::Later`](leadkit::mailer::Outcome::Later).
    /// 25 seconds.
    pub whole: Duration,
    /// For the reply to the end of a message. What takes longer is
    /// [`Outcome::Unknown`](leadkit::mailer::Outcome::Unknown): the server may be taking it.
    /// 30 seconds.
    pub end: Duration,
    /// How long a connection that nobody uses is kept. 30 seconds.
    pub idle: Duration,
    /// How long a server that couldn't be reached, or refused the login, is left in peace:
    /// meanwhile every message comes to `Later` at once. 10 seconds.
    pub pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(15),
            whole: Duration::from_secs(25),
            end: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            pause: Duration::from_secs(10),
        }
    }
}

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all: for a relay on the same machine or in the same trusted network.
    None,
    /// By TLS after STARTTLS; a server that doesn't offer it is not used. Port 587.
    StartTls,
    /// By TLS from the first byte. Port 465.
    Implicit,
}

impl Security {
    pub(crate) fn usual_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::StartTls => 587,
            Self::Implicit => 465,
        }
    }
}

/// A [`Security`] with what it takes.
#[derive(Debug)]
pub(crate) enum Encryption {
    None,
    StartTls(Tls),
    Implicit(Tls),
}

#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

/// Who we are for the server.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Everything that is known about a server beforehand.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) host: SmolStr,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<Credentials>,
    /// How we call ourselves; by our address if not at all.
    pub(crate) hello: Option<SmolStr>,
    pub(crate) timeouts: Timeouts,
}

impl Settings {
    /// The end of a step that begins now.
    pub(crate) fn by(&self, step: Duration, until: Instant) -> Instant {
        after(step).min(until)
    }
}
