//! Mail over SMTP: a [`Mailer`] that hands each message to a server and tells honestly what
//! became of it.
//!
//! ```no_run
//! use leadkit::engine::Engine;
//! use leadkit::store::MemoryStore;
//! use leadkit_smtp::SmtpMailer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mailer = SmtpMailer::from_url("smtp://user:password@mail.example:587?tls=required")?;
//! let engine = Engine::builder(MemoryStore::default())
//!     .mailer("email", mailer)
//!     .build()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What an outcome means
//!
//! | outcome | when |
//! |---|---|
//! | [`Accepted`](Outcome::Accepted) | the server answered 250, and nothing else, to the end of the message |
//! | [`Refused`](Outcome::Refused) | the server answered 5xx to the sender, the recipient, DATA or the message and that isn't about us, or an address can't be told to it |
//! | [`Later`](Outcome::Later) | the server can't have taken the message: it couldn't be reached, spoke no TLS, refused the login, answered 4xx or something about us, or the line broke before the end of the message was sent |
//! | [`Unknown`](Outcome::Unknown) | the end of the message was sent, or a part of it, and then the line broke, the time was up, or the server said what is neither for nor against |
//!
//! - **A refusal is about the message.** What a server says against *us* (at the greeting, to
//!   EHLO, STARTTLS or the login; later 421, 500, 502 to 504, 521 to 538) is `Later`:
//!   whoever mends a password must not find that a day's mail was given up meanwhile.
//! - **So is security or policy before the message was sent**: an enhanced code 5.7.x
//!   (RFC 3463, 3.8) in answer to the sender, the recipient or DATA, as in `554 5.7.1 Relay access
//!   denied`, `553 5.7.1 Sender address rejected` or `550 5.7.1 listed`. Surely about the recipient
//!   alone, and refused, are 5.7.2 (the list is not open to the sender), 5.7.17 and 5.7.18 (the
//!   mailbox or the domain is somebody else's now; RFC 7293). 5.7.13 is not: the account that is
//!   disabled is the one that logged in (RFC 5248, 2.4). In answer to the message 5.7.x is about
//!   the message. A server that tells no enhanced codes can't be told apart: its bare 550 refuses.
//! - **An address counts as invalid** only if the enhanced code says that there is no such mailbox
//!   or domain (5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10), and never in answer to the sender. A bare
//!   550 also means "no access" and "for policy reasons", so it doesn't.
//!
//! # Who it is from
//!
//! The sender of the envelope, From and Reply-To are [`Outgoing::from`]: the agent's own address.
//! So the server must let this login send in the name of every agent, and what comes back goes
//! to the agent. What else the message holds is told by [`leadkit_mime`].
//!
//! Domains are told in ASCII (`münchen.example` as `xn--mnchen-3ya.example`), which every server
//! understands. An address that isn't ASCII before the `@` needs a server that offers SMTPUTF8,
//! and is refused for good by others.
//!
//! # Threads and connections
//!
//! No runtime: a few threads ([`SmtpMailerBuilder::connections`]) talk to the server and answer
//! through futures. Connections are kept for the next message and given up at the least doubt.
//! Each step has its [time](Timeouts). A future of [`hand_over`](Mailer::hand_over) that is dropped
//! before its message is begun, as the engine drops it after a hundred seconds, sends nothing; if it
//! is dropped later, the message is handed over all the same, the connection stays in step, and only
//! who dropped it doesn't hear of it: don't put a shorter time around it.
//!
//! # What it does not do
//!
//! It doesn't sign (DKIM; that is the server's), pipeline, or look up MX records: it talks to the
//! one server it is given. It knows neither XOAUTH2 nor client certificates. It logs nothing.

mod build;
mod crew;
mod line;
mod reply;
mod session;
mod settings;

use std::sync::Arc;
use std::sync::mpsc::Sender;

use async_trait::async_trait;
use futures::channel::oneshot;
use leadkit::mailer::{Mailer, Outcome, Outgoing};
use smol_str::SmolStr;

use crate::crew::{Crew, Job};
use crate::line::after;
use crate::session::Mail;

pub use crate::build::{BuildError, SmtpMailerBuilder};
pub use crate::settings::{Security, Timeouts};

/// A mailer that speaks SMTP. Cheap to clone; clones share their connections.
///
/// When the last clone is dropped, its threads take leave of the server and end.
#[derive(Clone, Debug)]
pub struct SmtpMailer {
    jobs: Sender<Job>,
    crew: Arc<Crew>,
}

impl SmtpMailer {
    /// A mailer on the server of a URL.
    ///
    /// - `smtp://user:password@host:587`: TLS after STARTTLS, and no mail without it. The same
    ///   with `?tls=required`.
    /// - `smtps://user:password@host:465`: TLS from the first byte.
    /// - `smtp://host:25?tls=none`: no TLS. No password then, but to this very machine.
    ///
    /// Ports can be left out. User and password are percent-encoded where they hold `@`, `:`, `/`,
    /// `?`, `#` or `%`. `hello=NAME` says how we call ourselves, `connections=NUMBER` how many
    /// there are at most.
    ///
    /// # Errors
    /// [`BuildError`]. It never shows the password.
    ///
    /// ```
    /// use leadkit_smtp::SmtpMailer;
    ///
    /// let relay = SmtpMailer::from_url("smtp://127.0.0.1:2525?tls=none&hello=crm.example")?;
    /// # Ok::<(), leadkit_smtp::BuildError>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self, BuildError> {
        SmtpMailerBuilder::from_url(url)?.build()
    }

    /// Begins a mailer on this host.
    ///
    /// ```no_run
    /// use leadkit_smtp::{Security, SmtpMailer};
    ///
    /// let mailer = SmtpMailer::builder("mail.example")
    ///     .security(Security::Implicit)
    ///     .credentials("crm", "a password")
    ///     .hello("crm.north.example")
    ///     .build()?;
    /// # Ok::<(), leadkit_smtp::BuildError>(())
    /// ```
    pub fn builder(host: impl Into<SmolStr>) -> SmtpMailerBuilder {
        SmtpMailerBuilder::new(host.into())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn hand_over(&self, message: &Outgoing) -> Outcome {
        let mail = Mail {
            sender: leadkit_mime::address(&message.from.email),
            recipient: leadkit_mime::address(&message.to.email),
            eml: leadkit_mime::eml(message),
        };
        let (answer, answered) = oneshot::channel();
        let job = Job {
            mail,
            until: after(self.crew.settings.timeouts.whole),
            answer,
        };
        if self.jobs.send(job).is_err() {
            let said = SmolStr::new_static("the threads for mail are gone");
            return Outcome::Later { said };
        }
        answered.await.unwrap_or_else(|_| Outcome::Unknown {
            said: "the thread for mail is gone".into(),
        })
    }
}

/// The README's code is compiled: here, since it uses this crate, which the engine's own examples
/// need not wait for.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
