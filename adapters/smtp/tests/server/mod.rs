//! SMTP servers on loopback: one that breaks where a test wants it, and one that keeps to the
//! protocol.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use leadkit::ids::{MessageId, Tenant};
use leadkit::mailer::{Mailbox, Mailer as _, Outcome, Outgoing};
use leadkit::playbook::template::Rendered;
use leadkit::record::message::Class;
use leadkit_smtp::{Security, SmtpMailer, SmtpMailerBuilder, Timeouts};
use mailin::{Action, Handler, Response, SessionBuilder, response};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Long enough for a machine with other things to do, and no pause after a failure.
pub(crate) const PATIENT: Timeouts = Timeouts {
    connect: std::time::Duration::from_secs(20),
    reply: std::time::Duration::from_secs(20),
    whole: std::time::Duration::from_secs(40),
    end: std::time::Duration::from_secs(20),
    idle: std::time::Duration::from_secs(60),
    pause: std::time::Duration::ZERO,
};

pub(crate) fn mailbox(name: &str, email: &str) -> Mailbox {
    Mailbox {
        name: name.into(),
        email: email.parse().expect("an address"),
    }
}

pub(crate) fn message() -> Outgoing {
    let id = "019cc3f6-3740-7cc3-98c4-dc0c0c07398f";
    Outgoing {
        tenant: Tenant::from("north"),
        id: MessageId(id.parse().expect("an id")),
        attempt: 1,
        message_id: format!("{id}@north.example").into(),
        template: "your-test-drive".into(),
        from: mailbox("Ana Núñez", "ana@north.example"),
        to: mailbox("Luis Vera", "luis@example.com"),
        class: Class::Marketing,
        rendered: Rendered {
            subject: "Your test drive".into(),
            text: "See you at nine.\n\nAna\n".into(),
            html: Some("<p>See you at <b>nine</b>.</p>".into()),
        },
        at: "2026-03-06T16:30:00Z".parse().expect("an instant"),
    }
}

pub(crate) fn hand_over(mailer: &SmtpMailer, message: &Outgoing) -> Outcome {
    pollster::block_on(mailer.hand_over(message))
}

pub(crate) fn is_later(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Later { .. })
}

pub(crate) fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. })
}

/// Refused for good, which says nothing about the address.
pub(crate) fn is_refused(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Refused {
            address_invalid: false,
            ..
        }
    )
}

/// Refused for good, since there is no such address.
pub(crate) fn is_invalid(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Refused {
            address_invalid: true,
            ..
        }
    )
}

// ------------------------------------------------------------------ one that breaks

/// Where in a session a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After 354, before it reads the message.
    Body,
    /// After the dot.
    End,
    Rset,
    Other,
}

/// What a server is asked, and when.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: At,
    /// The first is 1.
    pub(crate) connection: usize,
    /// How many messages were begun on all connections, this one included.
    pub(crate) message: usize,
    pub(crate) command: String,
}

/// What a server does about it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Says this; lines are parted by CR LF, and the last one is ended.
    Say(Vec<u8>),
    /// Says this when the client has begun to send what follows.
    Interrupt(Vec<u8>),
    /// What a good server does.
    Usual,
    HangUp,
    /// Says nothing more, and waits until the client hangs up.
    Silence,
    /// Says a good answer a byte at a time, too slowly.
    Drip,
}

pub(crate) fn say(text: &str) -> Act {
    Act::Say(text.into())
}

/// A message that a server took.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) mail: String,
    pub(crate) rcpt: String,
    /// As it is meant: without the dots that were doubled.
    pub(crate) bytes: Vec<u8>,
}

/// What a server has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) messages: usize,
    /// Every line that it read outside messages.
    pub(crate) commands: Vec<String>,
    /// The messages to which it said 250.
    pub(crate) taken: Vec<Taken>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    open: Open,
}

/// The connections that are open, by their number.
type Open = Arc<Mutex<BTreeMap<usize, TcpStream>>>;

type Script = Arc<dyn Fn(&Asked) -> Act + Send + Sync>;

/// How a server does TLS.
#[derive(Clone)]
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) is_implicit: bool,
}

impl Server {
    pub(crate) fn new(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script))
    }

    pub(crate) fn with_tls(
        tls: ServerTls,
        script: impl Fn(&Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(tls), Arc::new(script))
    }

    /// One that does this whenever it gets there, and is good otherwise.
    pub(crate) fn that(at: At, act: &Act) -> Self {
        let act = act.clone();
        Self::new(move |asked| {
            if asked.at == at {
                act.clone()
            } else {
                Act::Usual
            }
        })
    }

    /// One that does this the first time it gets there, and is good otherwise.
    pub(crate) fn that_once(at: At, act: &Act) -> Self {
        let act = Mutex::new(Some(act.clone()));
        Self::new(move |asked| match asked.at == at {
            true => act.lock().unwrap().take().unwrap_or(Act::Usual),
            false => Act::Usual,
        })
    }

    pub(crate) fn good() -> Self {
        Self::new(|_| Act::Usual)
    }

    fn start(tls: Option<ServerTls>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let open = Open::default();
        let (shared, opened) = (Arc::clone(&seen), Arc::clone(&open));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let connection = {
                    let mut seen = shared.lock().unwrap();
                    seen.connections += 1;
                    seen.connections
                };
                let peer = Peer {
                    seen: Arc::clone(&shared),
                    script: Arc::clone(&script),
                    tls: tls.clone(),
                    open: Arc::clone(&opened),
                    connection,
                };
                let socket = socket.unwrap();
                socket.set_nodelay(true).unwrap();
                let handle = socket.try_clone().unwrap();
                opened.lock().unwrap().insert(connection, handle);
                std::thread::spawn(move || peer.serve(socket));
            }
        });
        Self { port, seen, open }
    }

    /// Says something on its last connection, in the clear and of its own accord.
    pub(crate) fn blurt_out(&self, text: &str) {
        let open = self.open.lock().unwrap();
        let (_, mut socket) = open.last_key_value().unwrap();
        socket.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// A mailer on it, without TLS.
    pub(crate) fn mailer(&self) -> SmtpMailer {
        self.builder(Security::None).build().unwrap()
    }

    pub(crate) fn mailer_with(&self, timeouts: Timeouts) -> SmtpMailer {
        self.builder(Security::None)
            .timeouts(timeouts)
            .build()
            .unwrap()
    }

    pub(crate) fn builder(&self, security: Security) -> SmtpMailerBuilder {
        SmtpMailer::builder("localhost")
            .port(self.port)
            .security(security)
            .timeouts(PATIENT)
    }
}

struct Peer {
    seen: Arc<Mutex<Seen>>,
    script: Script,
    tls: Option<ServerTls>,
    open: Open,
    connection: usize,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Peer {
    /// Until either side hangs up; how it ends is for the client to find out.
    fn serve(&self, socket: TcpStream) {
        let _ = self.session(socket);
        self.open.lock().unwrap().remove(&self.connection);
    }

    fn encrypted(&self, socket: TcpStream) -> Wire {
        let config = Arc::clone(&self.tls.as_ref().unwrap().config);
        let connection = ServerConnection::new(config).unwrap();
        Wire::Tls(Box::new(StreamOwned::new(connection, socket)))
    }

    fn session(&self, socket: TcpStream) -> io::Result<()> {
        let is_implicit = self.tls.as_ref().is_some_and(|tls| tls.is_implicit);
        let mut wire = BufReader::new(match is_implicit {
            true => self.encrypted(socket),
            false => Wire::Plain(socket),
        });
        let (mut mail, mut rcpt) = (String::new(), String::new());
        self.act(&mut wire, At::Greeting, "", "220 server.example ready")?;
        loop {
            let mut line = Vec::new();
            if wire.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            let (at, usual) = match verb {
                "EHLO" => (At::Ehlo, self.offers(&wire)),
                "STARTTLS" => (At::StartTls, "220 go".into()),
                "AUTH" => (At::Auth, "235 welcome".into()),
                "MAIL" => (At::Mail, "250 ok".into()),
                "RCPT" => (At::Rcpt, "250 ok".into()),
                "DATA" => (At::Data, "354 go on".into()),
                "RSET" => (At::Rset, "250 ok".into()),
                "QUIT" => (At::Other, "221 bye".into()),
                _ => (At::Other, "500 what?".to_owned()),
            };
            {
                let mut seen = self.seen.lock().unwrap();
                seen.commands.push(line.clone());
                seen.messages += usize::from(at == At::Mail);
            }
            let said = self.act(&mut wire, at, &line, &usual)?;
            match at {
                At::Mail => mail = line,
                At::Rcpt => rcpt = line,
                At::StartTls if said.starts_with(b"220") => {
                    let Wire::Plain(socket) = wire.into_inner() else {
                        return Ok(());
                    };
                    wire = BufReader::new(self.encrypted(socket));
                }
                At::Data if said.starts_with(b"354") => {
                    self.act(&mut wire, At::Body, "", "")?;
                    let bytes = read_message(&mut wire)?;
                    // On record before it is said: who hears it may look at once.
                    let (mail, rcpt) = (mail.clone(), rcpt.clone());
                    let taken = Taken { mail, rcpt, bytes };
                    let record = |said: &[u8]| {
                        if said.starts_with(b"250") {
                            self.seen.lock().unwrap().taken.push(taken);
                        }
                    };
                    self.act_on(&mut wire, At::End, "", "250 taken", record)?;
                }
                _ => {}
            }
        }
    }

    fn offers(&self, wire: &BufReader<Wire>) -> String {
        match (wire.get_ref(), &self.tls) {
            (Wire::Plain(_), Some(_)) => "250-server.example\r\n250 STARTTLS".into(),
            _ => "250-server.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".into(),
        }
    }

    /// Does what the script says, and returns what was said.
    fn act(
        &self,
        wire: &mut BufReader<Wire>,
        at: At,
        command: &str,
        usual: &str,
    ) -> io::Result<Vec<u8>> {
        self.act_on(wire, at, command, usual, |_| {})
    }

    /// The same; `before` hears first what will be said.
    fn act_on(
        &self,
        wire: &mut BufReader<Wire>,
        at: At,
        command: &str,
        usual: &str,
        before: impl FnOnce(&[u8]),
    ) -> io::Result<Vec<u8>> {
        let asked = Asked {
            at,
            connection: self.connection,
            message: self.seen.lock().unwrap().messages,
            command: command.into(),
        };
        let said = match (self.script)(&asked) {
            Act::Usual => usual.as_bytes().to_vec(),
            Act::Say(said) => said,
            Act::Interrupt(said) => {
                wire.fill_buf()?;
                said
            }
            Act::HangUp => return Err(io::ErrorKind::Other.into()),
            Act::Silence => {
                io::copy(wire, &mut io::sink())?;
                return Err(io::ErrorKind::Other.into());
            }
            Act::Drip => {
                for byte in usual.bytes().cycle() {
                    wire.get_mut().write_all(&[byte])?;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                return Ok(Vec::new());
            }
        };
        before(&said);
        if !said.is_empty() {
            wire.get_mut().write_all(&[&said[..], b"\r\n"].concat())?;
            wire.get_mut().flush()?;
        }
        match said.starts_with(b"421") {
            true => Err(io::ErrorKind::Other.into()),
            false => Ok(said),
        }
    }
}

fn read_message(wire: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = Vec::new();
        if wire.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.as_slice() {
            b".\r\n" => return Ok(bytes),
            [b'.', rest @ ..] => bytes.extend(rest),
            line => bytes.extend(line),
        }
    }
}

// ------------------------------------------------------------------ one that keeps to it

/// A server that speaks the protocol by somebody else's understanding of it, and knows no
/// `nobody@`.
pub(crate) struct Strict {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
}

#[derive(Clone, Default)]
struct Desk {
    taken: Arc<Mutex<Vec<Taken>>>,
    mail: String,
    rcpt: String,
    bytes: Vec<u8>,
}

impl Handler for Desk {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.mail = from.into();
        self.bytes.clear();
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.rcpt = to.into();
        match to.starts_with("nobody@") {
            true => Response::custom(550, "5.1.1 there is nobody of this name".into()),
            false => response::OK,
        }
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.bytes.extend(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.taken.lock().unwrap().push(Taken {
            mail: self.mail.clone(),
            rcpt: self.rcpt.clone(),
            bytes: std::mem::take(&mut self.bytes),
        });
        response::OK
    }
}

impl Strict {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let desk = Desk::default();
        let taken = Arc::clone(&desk.taken);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, desk) = (socket.unwrap(), desk.clone());
                socket.set_nodelay(true).unwrap();
                // How a session ends is for the client to find out.
                std::thread::spawn(move || drop(strict_session(&socket, desk)));
            }
        });
        Self { port, taken }
    }

    pub(crate) fn mailer(&self) -> SmtpMailer {
        SmtpMailer::from_url(&format!(
            "smtp://localhost:{}?tls=none&hello=crm.example",
            self.port
        ))
        .unwrap()
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

fn strict_session(socket: &TcpStream, desk: Desk) -> io::Result<()> {
    let mut session = SessionBuilder::new("strict.example").build(socket.peer_addr()?.ip(), desk);
    let say = |response: &Response| {
        let mut said = Vec::new();
        response.write_to(&mut said)?;
        (&*socket).write_all(&said)
    };
    say(&session.greeting())?;
    let mut reader = BufReader::new(socket);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let response = session.process(&line);
        line.clear();
        if response.action != Action::NoReply {
            say(&response)?;
        }
        if response.action == Action::Close {
            break;
        }
    }
    Ok(())
}
