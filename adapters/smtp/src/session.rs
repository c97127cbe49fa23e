//! A session with a server: greeting, TLS, login, and handing over one message after the other.

use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use leadkit::mailer::Outcome;
use smol_str::{SmolStr, format_smolstr};

use crate::line::{Broken, Line, after, now};
use crate::reply::{Reply, Step};
use crate::settings::{Credentials, Encryption, Settings};

/// How much of a message is sent at once: each such block has the time of a reply.
const BLOCK: usize = 16 * 1024;

/// A message as a server is told it.
#[derive(Debug)]
pub(crate) struct Mail {
    /// In whose name, with the domain in ASCII.
    pub(crate) sender: String,
    /// To whom, with the domain in ASCII.
    pub(crate) recipient: String,
    /// Everything from the first header on. Each line ends in CR LF.
    pub(crate) eml: Vec<u8>,
}

impl Mail {
    /// Whether an address can't be told without SMTPUTF8 (RFC 6531).
    fn needs_utf8(&self) -> bool {
        !self.sender.is_ascii() || !self.recipient.is_ascii()
    }
}

/// What the server offers.
#[derive(Clone, Copy, Debug, Default)]
struct Offers {
    start_tls: bool,
    smtp_utf8: bool,
    eight_bit: bool,
    auth_plain: bool,
    auth_login: bool,
}

/// A session, ready for a message.
#[derive(Debug)]
pub(crate) struct Session {
    line: Line,
    offers: Offers,
    /// Whether it has handed over, or tried to, a message before.
    is_used: bool,
    /// Whether the server still has a part of the last message in mind.
    needs_reset: bool,
    /// When it was last used.
    pub(crate) used_at: Instant,
}

/// What became of a message on a session.
pub(crate) enum Handed {
    /// This, and the session goes on.
    Done(Outcome, Session),
    /// This, and the session is at an end.
    Last(Outcome),
    /// The message was not begun, since the session had ended or will: a new one may do.
    Stale,
}

/// Why a session could not be begun: in words, for nothing else can be done with it.
pub(crate) type NoSession = SmolStr;

impl Session {
    /// Calls the server and gets ready.
    pub(crate) fn begin(settings: &Settings, until: Instant) -> Result<Self, NoSession> {
        let connected_by = settings.by(settings.timeouts.connect, until);
        let broken = |doing: &'static str| move |broken| format_smolstr!("{doing}: {broken}");
        let mut line = Line::dial(&settings.host, settings.port, connected_by)
            .map_err(broken("connecting"))?;
        if let Encryption::Implicit(tls) = &settings.encryption {
            line = line
                .encrypt(tls.name.clone(), tls.config.clone(), connected_by)
                .map_err(broken("TLS"))?;
        }
        let by = settings.by(settings.timeouts.reply, until);
        let greeting = line.reply(by).map_err(broken("greeting"))?;
        expect(&greeting, 220, "greeting")?;
        let mut offers = hello(&mut line, settings, until)?;
        if let Encryption::StartTls(tls) = &settings.encryption {
            if !offers.start_tls {
                return Err("STARTTLS: the server offers no TLS".into());
            }
            let by = settings.by(settings.timeouts.reply, until);
            let reply = line.ask("STARTTLS", by).map_err(broken("STARTTLS"))?;
            expect(&reply, 220, "STARTTLS")?;
            let by = settings.by(settings.timeouts.connect, until);
            line = line
                .encrypt(tls.name.clone(), tls.config.clone(), by)
                .map_err(broken("TLS"))?;
            // What was offered in the clear counts no more (RFC 3207, 4.2).
            offers = hello(&mut line, settings, until)?;
        }
        let mut session = Self {
            line,
            offers,
            is_used: false,
            needs_reset: false,
            used_at: now(),
        };
        if let Some(credentials) = &settings.credentials {
            session.log_in(credentials, settings, until)?;
        }
        Ok(session)
    }

    fn log_in(
        &mut self,
        credentials: &Credentials,
        settings: &Settings,
        until: Instant,
    ) -> Result<(), NoSession> {
        let Credentials { user, password } = credentials;
        let plain = format!("AUTH PLAIN {}", in_base64(&format!("\0{user}\0{password}")));
        let (user, password) = (in_base64(user), in_base64(password));
        let dialogue: &[(&str, u16)] = if self.offers.auth_plain {
            &[(&plain, 235)]
        } else if self.offers.auth_login {
            &[("AUTH LOGIN", 334), (&user, 334), (&password, 235)]
        } else {
            return Err("AUTH: the server offers neither PLAIN nor LOGIN".into());
        };
        for (said, hoped_for) in dialogue {
            let by = settings.by(settings.timeouts.reply, until);
            let reply = self.line.ask(said, by);
            let reply = reply.map_err(|broken| format_smolstr!("AUTH: {broken}"))?;
            expect(&reply, *hoped_for, "AUTH")?;
        }
        Ok(())
    }

    /// Hands one message over. All of it but the answer to its end has time until `until`.
    pub(crate) fn hand_over(mut self, mail: &Mail, settings: &Settings, until: Instant) -> Handed {
        if mail.needs_utf8() && !self.offers.smtp_utf8 {
            let refused = Outcome::Refused {
                said: "the server can't be told an address that isn't ASCII before the @".into(),
                address_invalid: false,
            };
            return Handed::Done(refused, self);
        }
        let was_used = std::mem::replace(&mut self.is_used, true);
        match self.begin_mail(mail, settings, until) {
            Ok(()) => {}
            // Servers end sessions that were idle, or have seen many messages.
            Err(Stop::Broken(_)) if was_used => return Handed::Stale,
            Err(Stop::Said(reply)) if was_used && reply.code / 100 != 5 => return Handed::Stale,
            Err(stop) => return self.stopped(stop, Step::Mail),
        }
        for step in [Step::Rcpt, Step::Data] {
            let asked = match step {
                Step::Rcpt => self.ask(&format!("RCPT TO:<{}>", mail.recipient), settings, until),
                _ => self.ask("DATA", settings, until),
            };
            let is_hoped_for = |code| match step {
                Step::Rcpt => matches!(code, 250..=252),
                _ => code == 354,
            };
            match asked {
                Ok(reply) if is_hoped_for(reply.code) => {}
                Ok(reply) => return self.stopped(Stop::Said(reply), step),
                Err(broken) => return self.stopped(Stop::Broken(broken), step),
            }
        }
        match self.send_text(&mail.eml, settings, until) {
            // Nothing has ended the message yet, so nobody can have taken it.
            Err(broken) => self.stopped(Stop::Broken(broken), Step::End),
            Ok(()) => self.end_text(settings),
        }
    }

    /// The first of a message's steps.
    fn begin_mail(&mut self, mail: &Mail, settings: &Settings, until: Instant) -> Result<(), Stop> {
        if self.needs_reset {
            let reply = self.ask("RSET", settings, until).map_err(Stop::Broken)?;
            if reply.code != 250 {
                return Err(Stop::Broken(Broken::Garbled));
            }
            self.needs_reset = false;
        }
        let mut command = format!("MAIL FROM:<{}>", mail.sender);
        if mail.needs_utf8() {
            command.push_str(" SMTPUTF8");
        }
        if self.offers.eight_bit && !mail.eml.is_ascii() {
            command.push_str(" BODY=8BITMIME");
        }
        let reply = self.ask(&command, settings, until).map_err(Stop::Broken)?;
        match reply.code {
            250 => Ok(()),
            _ => Err(Stop::Said(reply)),
        }
    }

    fn ask(&mut self, command: &str, settings: &Settings, until: Instant) -> Result<Reply, Broken> {
        let by = settings.by(settings.timeouts.reply, until);
        self.line.ask(command, by)
    }

    fn send_text(&mut self, eml: &[u8], settings: &Settings, until: Instant) -> Result<(), Broken> {
        for block in with_dots_doubled(eml).chunks(BLOCK) {
            let by = settings.by(settings.timeouts.reply, until);
            self.line.send(block, by)?;
        }
        // An answer before the question would be taken for the answer to it.
        self.line
            .expect_nothing(settings.by(settings.timeouts.reply, until))
    }

    /// The dot that ends the message. From here on the server may have taken it, whatever
    /// becomes of the line.
    fn end_text(mut self, settings: &Settings) -> Handed {
        let by = after(settings.timeouts.end);
        let sent = self.line.send(b".\r\n", by);
        let reply = match sent.and_then(|()| self.line.reply(by)) {
            Ok(reply) => reply,
            Err(broken) => {
                let said = format_smolstr!("{}: {broken}", Step::End);
                return Handed::Last(Outcome::Unknown { said });
            }
        };
        match reply.code {
            250 => self.go_on(Outcome::Accepted),
            400..=599 if reply.is_about_us(Step::End) => Handed::Last(reply.not_taken(Step::End)),
            400..=599 => {
                let outcome = reply.not_taken(Step::End);
                self.go_on(outcome)
            }
            // Not the code for it, and not one against it.
            _ => Handed::Last(Outcome::Unknown {
                said: reply.told(Step::End),
            }),
        }
    }

    /// The message can't go on; the server has not taken it.
    fn stopped(mut self, stop: Stop, step: Step) -> Handed {
        match stop {
            Stop::Broken(broken) => Handed::Last(later(step, &broken)),
            Stop::Said(reply) => {
                let outcome = reply.not_taken(step);
                // A code out of its turn: the next reply might be to anything. And what is set
                // right on a server often counts from the next session on.
                if reply.code < 400 || reply.is_about_us(step) {
                    return Handed::Last(outcome);
                }
                self.needs_reset = step != Step::Mail;
                self.go_on(outcome)
            }
        }
    }

    fn go_on(mut self, outcome: Outcome) -> Handed {
        self.used_at = now();
        Handed::Done(outcome, self)
    }

    /// Takes leave, without waiting for an answer.
    pub(crate) fn quit(mut self) {
        let soon = after(std::time::Duration::from_millis(100));
        // Who doesn't hear it finds the line closed.
        let _ = self.line.send(b"QUIT\r\n", soon);
    }
}

/// Why a message can't go on.
enum Stop {
    Said(Reply),
    Broken(Broken),
}

fn later(step: Step, broken: &Broken) -> Outcome {
    Outcome::Later {
        said: format_smolstr!("{step}: {broken}"),
    }
}

/// Only this very code will do: 3xx is no success where 250 is due.
fn expect(reply: &Reply, code: u16, doing: &str) -> Result<(), NoSession> {
    match reply.code == code {
        true => Ok(()),
        false => Err(format_smolstr!("{doing}: {}", reply.one_line())),
    }
}

/// Says who we are, and hears what the server offers.
fn hello(line: &mut Line, settings: &Settings, until: Instant) -> Result<Offers, NoSession> {
    let broken = |broken| format_smolstr!("EHLO: {broken}");
    let name = match &settings.hello {
        Some(name) => name.to_string(),
        // An address literal is what a client without a name of its own says (RFC 5321, 4.1.4).
        None => match line.local_address().map_err(|e| broken(e.into()))?.ip() {
            std::net::IpAddr::V4(address) => format!("[{address}]"),
            std::net::IpAddr::V6(address) => format!("[IPv6:{address}]"),
        },
    };
    let by = settings.by(settings.timeouts.reply, until);
    let reply = line.ask(&format!("EHLO {name}"), by).map_err(broken)?;
    expect(&reply, 250, "EHLO")?;
    let mut offers = Offers::default();
    for offered in reply.lines.iter().skip(1) {
        let mut words = offered.split_ascii_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("STARTTLS") => offers.start_tls = true,
            Some("SMTPUTF8") => offers.smtp_utf8 = true,
            Some("8BITMIME") => offers.eight_bit = true,
            Some("AUTH") => {
                for way in words {
                    offers.auth_plain |= way.eq_ignore_ascii_case("PLAIN");
                    offers.auth_login |= way.eq_ignore_ascii_case("LOGIN");
                }
            }
            _ => {}
        }
    }
    Ok(offers)
}

fn in_base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// A line that is a dot would end the message (RFC 5321, 4.5.2).
fn with_dots_doubled(eml: &[u8]) -> Vec<u8> {
    let mut doubled = Vec::with_capacity(eml.len() + 64);
    for line in eml.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            doubled.push(b'.');
        }
        doubled.extend_from_slice(line);
    }
    doubled
}
