//! The line to a server: bytes with a deadline, replies, and never a reply too many.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::reply::{Reply, ReplyLine};

/// The longest line of a reply, in bytes. RFC 5321 allows 512; some say more.
const LONGEST_LINE: u64 = 4_096;
/// The most lines of a reply.
const MOST_LINES: usize = 128;

/// The time now, for deadlines of the network. No decision depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a server may take is measured where it is waited for"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// When so much time is over, and a century from now at the latest: a host may say that something
/// takes as long as it likes.
pub(crate) fn after(time: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now() + time.min(CENTURY)
}

/// Why a line can't be used any more. What was in flight is unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the server hung up")]
    Closed,
    #[error("the server took too long")]
    TimedOut,
    #[error("the server said what is no SMTP")]
    Garbled,
    #[error("the server said more than it was asked")]
    Unasked,
    #[error("{0}")]
    Failed(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a time-out of a socket is called depends on the system.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// A line to a server.
#[derive(Debug)]
pub(crate) struct Line {
    wire: BufReader<Wire>,
}

#[derive(Debug)]
enum Wire {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket on which everything must be done by a deadline, however many reads it takes: a
/// server that sends a byte now and then does not hold us.
#[derive(Debug)]
struct Timed {
    socket: TcpStream,
    until: Instant,
}

impl Line {
    /// Calls a server.
    pub(crate) fn dial(host: &str, port: u16, until: Instant) -> Result<Self, Broken> {
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
        let mut failed = Broken::Failed(io::Error::from(io::ErrorKind::HostUnreachable));
        for (tried, address) in addresses.iter().enumerate() {
            // One that doesn't answer leaves time for the others.
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match connect(address, left_until(until)? / left) {
                Ok(socket) => {
                    let wire = BufReader::new(Wire::Plain(Timed { socket, until }));
                    return Ok(Self { wire });
                }
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    }

    /// Makes it a TLS line.
    pub(crate) fn encrypt(
        mut self,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
        until: Instant,
    ) -> Result<Self, Broken> {
        // What was said before would be taken for said inside. What comes later is no TLS, and breaks
        // the handshake.
        self.expect_nothing(until)?;
        let Wire::Plain(mut timed) = self.wire.into_inner() else {
            return Err(Broken::Garbled);
        };
        timed.until = until;
        let failed = |error| Broken::Failed(io::Error::other(error));
        let tls = ClientConnection::new(config, name).map_err(failed)?;
        let mut stream = StreamOwned::new(tls, timed);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let wire = BufReader::new(Wire::Tls(Box::new(stream)));
        Ok(Self { wire })
    }

    /// Our own address, as the server may see it.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.wire.get_ref().timed().socket.local_addr()
    }

    /// Sends bytes, to the last.
    pub(crate) fn send(&mut self, bytes: &[u8], until: Instant) -> Result<(), Broken> {
        let wire = self.wire.get_mut();
        wire.timed_mut().until = until;
        wire.write_all(bytes)?;
        Ok(wire.flush()?)
    }

    /// Sends a command and reads its reply.
    pub(crate) fn ask(&mut self, command: &str, until: Instant) -> Result<Reply, Broken> {
        self.expect_nothing(until)?;
        self.send(format!("{command}\r\n").as_bytes(), until)?;
        self.reply(until)
    }

    /// A reply that nobody asked for would be taken for the next one's. Looks at what has come by now,
    /// and waits for nothing; finds a server that has hung up, too.
    pub(crate) fn expect_nothing(&mut self, until: Instant) -> Result<(), Broken> {
        self.wire.get_mut().timed_mut().until = until;
        self.set_waiting(false)?;
        let come = self.wire.fill_buf().map(<[u8]>::len);
        self.set_waiting(true)?;
        match come {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
            Ok(0) => Err(Broken::Closed),
            Ok(_) => Err(Broken::Unasked),
        }
    }

    /// Whether a read waits for what is yet to come.
    fn set_waiting(&self, waits: bool) -> io::Result<()> {
        let socket = &self.wire.get_ref().timed().socket;
        socket.set_nonblocking(!waits)
    }

    /// Reads a reply.
    pub(crate) fn reply(&mut self, until: Instant) -> Result<Reply, Broken> {
        self.wire.get_mut().timed_mut().until = until;
        let mut lines = Vec::new();
        let mut code = None;
        loop {
            let line = ReplyLine::parse(&self.read_line()?).ok_or(Broken::Garbled)?;
            if *code.get_or_insert(line.code) != line.code || lines.len() >= MOST_LINES {
                return Err(Broken::Garbled);
            }
            lines.push(line.text);
            if line.is_last {
                let code = line.code;
                return Ok(Reply { code, lines });
            }
        }
    }

    fn read_line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        let mut limited = (&mut self.wire).take(LONGEST_LINE);
        limited.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            let is_too_long = limited.limit() == 0;
            return Err(if is_too_long {
                Broken::Garbled
            } else {
                Broken::Closed
            });
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }
}

fn connect(address: &SocketAddr, within: Duration) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(address, within)?;
    // Commands are small and each is waited for.
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// How long there is left, never nothing: a socket takes no time-out of nothing.
fn left_until(until: Instant) -> io::Result<Duration> {
    match until.checked_duration_since(now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

impl Wire {
    fn timed(&self) -> &Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn timed_mut(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket
            .set_read_timeout(Some(left_until(self.until)?))?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket
            .set_write_timeout(Some(left_until(self.until)?))?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
