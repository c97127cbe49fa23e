//! Putting a mailer together, from calls or from a URL.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use smol_str::SmolStr;
use url::Url;

use crate::SmtpMailer;
use crate::crew::Crew;
use crate::settings::{Credentials, Encryption, Security, Settings, Timeouts, Tls};

/// The longest name by which we call ourselves (RFC 5321, 4.5.3.1.2), in bytes.
const LONGEST_NAME: usize = 255;
/// The most connections at once.
const MOST_CONNECTIONS: usize = 64;

/// Why a mailer could not be built. None of them shows a password.
///
/// ```
/// use leadkit_smtp::{BuildError, SmtpMailer};
///
/// let error = SmtpMailer::from_url("smtp://ana:secret@mail.example?tls=none").unwrap_err();
/// assert!(matches!(error, BuildError::PasswordInTheClear));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// It is no URL.
    #[error("the mail server's URL can't be read")]
    Url(#[source] url::ParseError),
    /// It is another sort of URL.
    #[error("the mail server's URL begins with `{0}`, not with `smtp` or `smtps`")]
    Scheme(SmolStr),
    /// The URL says something that a mail server has not.
    #[error("the mail server's URL has a path or a fragment")]
    Path,
    /// The URL asks for something unknown, or can't have what it asks for.
    #[error("the mail server's URL can't have `{name}={value}`")]
    Parameter {
        /// What it sets.
        name: SmolStr,
        /// To what.
        value: SmolStr,
    },
    /// There is no host, or it is no name in ASCII and no address.
    #[error("the mail server's host is no host name")]
    Host,
    /// The name by which we would call ourselves is none.
    #[error("the name for EHLO is no host name")]
    Hello,
    /// The user or the password can't be told to a server.
    #[error("the user or the password holds what can't be told to a server")]
    Credentials,
    /// A password would travel without TLS to another machine.
    #[error("a password goes over TLS only, or to this very machine")]
    PasswordInTheClear,
    /// No connection at all, or far too many.
    #[error("there can be 1 to {MOST_CONNECTIONS} connections, not {0}")]
    Connections(usize),
    /// The certificates to trust can't be read, or there are none.
    #[error("the certificates to trust can't be read")]
    Certificates(#[source] PemError),
    /// TLS can't be used, for instance for want of any certificate to trust.
    #[error("TLS can't be used")]
    Tls(#[source] rustls::Error),
    /// No thread could be started.
    #[error("a thread could not be started")]
    Thread(#[source] io::Error),
}

/// Puts a mailer together. See [`SmtpMailer::builder`].
#[derive(Debug)]
#[must_use]
pub struct SmtpMailerBuilder {
    host: SmolStr,
    port: Option<u16>,
    security: Security,
    credentials: Option<Credentials>,
    hello: Option<SmolStr>,
    trusted: Option<Vec<u8>>,
    timeouts: Timeouts,
    connections: usize,
}

impl SmtpMailerBuilder {
    pub(crate) fn new(host: SmolStr) -> Self {
        Self {
            host,
            port: None,
            security: Security::StartTls,
            credentials: None,
            hello: None,
            trusted: None,
            timeouts: Timeouts::default(),
            connections: 4,
        }
    }

    /// Reads `smtp://user:password@host:port?tls=…`.
    pub(crate) fn from_url(text: &str) -> Result<Self, BuildError> {
        let url = Url::parse(text).map_err(BuildError::Url)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(BuildError::Host)?;
        let mut builder = Self::new(host.into());
        builder.security = match url.scheme() {
            "smtp" => Security::StartTls,
            "smtps" => Security::Implicit,
            other => return Err(BuildError::Scheme(other.into())),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(BuildError::Path);
        }
        for (name, value) in url.query_pairs() {
            builder = builder.set(&name, &value)?;
        }
        builder.port = url.port();
        if !url.username().is_empty() || url.password().is_some() {
            let user = decoded(url.username())?;
            let password = decoded(url.password().unwrap_or_default())?;
            builder = builder.credentials(user, password);
        }
        Ok(builder)
    }

    fn set(mut self, name: &str, value: &str) -> Result<Self, BuildError> {
        let wrong = || BuildError::Parameter {
            name: name.into(),
            value: value.into(),
        };
        match (name, value, self.security) {
            ("tls", "required", Security::StartTls) | ("tls", "implicit", Security::Implicit) => {}
            ("tls", "none", Security::StartTls) => self.security = Security::None,
            ("hello", name, _) => self.hello = Some(name.into()),
            ("connections", number, _) => {
                self.connections = number.parse().map_err(|_| wrong())?;
            }
            _ => return Err(wrong()),
        }
        Ok(self)
    }

    /// On this port in place of the usual one: 587 for STARTTLS, 465 for TLS from the first
    /// byte, 25 for none.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// With the way to the server protected so. [`Security::StartTls`] if nothing is said.
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Logging in (PLAIN or LOGIN, what the server offers). A password goes over TLS only, or to
    /// this very machine.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials {
            user: user.into(),
            password: password.into(),
        });
        self
    }

    /// Calling ourselves so in EHLO: the full name of this machine. If nothing is said, we say
    /// our address, which some servers don't like.
    pub fn hello(mut self, name: impl Into<SmolStr>) -> Self {
        self.hello = Some(name.into());
        self
    }

    /// Trusting these certificates (PEM) and no others. If nothing is said, the system's are
    /// trusted.
    pub fn trust_only(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trusted = Some(pem.into());
        self
    }

    /// Waiting so long.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// On at most so many connections at once, 1 to 64, each with a thread. 4 if nothing is
    /// said. Messages that come one after the other need only one.
    pub fn connections(mut self, number: usize) -> Self {
        self.connections = number;
        self
    }

    /// The mailer. It calls nobody yet.
    ///
    /// # Errors
    /// [`BuildError`], when something that was said can't be.
    pub fn build(self) -> Result<SmtpMailer, BuildError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = host.parse().ok();
        if address.is_none() && !is_name(host) {
            return Err(BuildError::Host);
        }
        if self.hello.as_deref().is_some_and(|name| !is_hello(name)) {
            return Err(BuildError::Hello);
        }
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(BuildError::Connections(self.connections));
        }
        if let Some(Credentials { user, password }) = &self.credentials {
            let is_here = address.map_or(host == "localhost", |address| address.is_loopback());
            if self.security == Security::None && !is_here {
                return Err(BuildError::PasswordInTheClear);
            }
            if user.is_empty() || user.contains('\0') || password.contains('\0') {
                return Err(BuildError::Credentials);
            }
        }
        let tls = || -> Result<Tls, BuildError> {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| BuildError::Host)?;
            let config = Arc::new(client_config(self.trusted.as_deref())?);
            Ok(Tls { name, config })
        };
        let settings = Settings {
            host: host.into(),
            port: self.port.unwrap_or_else(|| self.security.usual_port()),
            encryption: match self.security {
                Security::None => Encryption::None,
                Security::StartTls => Encryption::StartTls(tls()?),
                Security::Implicit => Encryption::Implicit(tls()?),
            },
            credentials: self.credentials,
            hello: self.hello,
            timeouts: self.timeouts,
        };
        let (jobs, crew) = Crew::start(settings, self.connections).map_err(BuildError::Thread)?;
        Ok(SmtpMailer { jobs, crew })
    }
}

/// The provider is named, so that no other crate's choice of a default matters.
fn client_config(trusted: Option<&[u8]>) -> Result<ClientConfig, BuildError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?;
    let Some(pem) = trusted else {
        let builder = builder.with_platform_verifier().map_err(BuildError::Tls)?;
        return Ok(builder.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(BuildError::Certificates)?;
        roots.add(certificate).map_err(BuildError::Tls)?;
    }
    if roots.is_empty() {
        return Err(BuildError::Certificates(PemError::NoItemsFound));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn decoded(text: &str) -> Result<String, BuildError> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| BuildError::Credentials)?.into_owned())
}

/// A host's name in ASCII. Underscores occur inside organisations.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(fits)
}

/// A host's name or an address literal.
fn is_hello(text: &str) -> bool {
    let literal = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    literal.map_or_else(
        || is_name(text),
        |literal| {
            let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
            address.parse::<IpAddr>().is_ok()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (String, u16, Security, Option<(String, String)>) {
        let builder = SmtpMailerBuilder::from_url(url).unwrap();
        let port = builder
            .port
            .unwrap_or_else(|| builder.security.usual_port());
        let credentials = builder.credentials.map(|c| (c.user, c.password));
        (builder.host.into(), port, builder.security, credentials)
    }

    #[test]
    fn a_url_says_where_how_and_who() {
        let nobody = None;
        assert_eq!(
            read("smtp://mail.example"),
            (
                "mail.example".into(),
                587,
                Security::StartTls,
                nobody.clone()
            )
        );
        assert_eq!(
            read("smtp://mail.example:2525/?tls=required"),
            (
                "mail.example".into(),
                2525,
                Security::StartTls,
                nobody.clone()
            )
        );
        assert_eq!(
            read("smtps://mail.example"),
            (
                "mail.example".into(),
                465,
                Security::Implicit,
                nobody.clone()
            )
        );
        assert_eq!(
            read("smtp://[::1]?tls=none"),
            ("[::1]".into(), 25, Security::None, nobody)
        );
        let ana = Some(("ana@north.example".into(), "p@ss:ñ/?".into()));
        assert_eq!(
            read("smtps://ana%40north.example:p%40ss%3A%C3%B1%2F%3F@mail.example"),
            ("mail.example".into(), 465, Security::Implicit, ana)
        );
    }

    #[test]
    fn what_a_url_must_not_say_is_refused_and_shows_no_password() {
        for url in [
            "mail.example",
            "http://ana:secret@mail.example",
            "smtp://ana:secret@",
            "smtp://ana:secret@mail.example/path",
            "smtp://ana:secret@mail.example#part",
            "smtp://ana:secret@mail.example?tls=perhaps",
            "smtp://ana:secret@mail.example?tls=opportunistic",
            "smtp://ana:secret@mail.example?tls=none",
            "smtps://ana:secret@mail.example?tls=none",
            "smtp://ana:secret@mail.example?tsl=required",
            "smtp://ana:secret@mail.example?hello=a%0d%0aMAIL",
            "smtp://ana:secret@mail.example?connections=0",
            "smtp://ana:secret@mail.example?connections=9999",
            "smtp://ana:secret@mail.example?connections=some",
            "smtp://ana:secret%00@mail.example",
            "smtp://:secret@mail.example",
            "smtp://ana:secret%ff@mail.example",
            "smtp://ana:secret@m\u{fc}nchen.example",
        ] {
            let error = SmtpMailer::from_url(url).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_password_may_go_in_the_clear_to_this_machine_only() {
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let url = format!("smtp://ana:secret@{host}?tls=none");
            let mailer = SmtpMailer::from_url(&url).unwrap();
            assert!(!format!("{mailer:?}").contains("secret"));
        }
        for host in ["localhost.example", "10.0.0.1", "[fe80::1]"] {
            let url = format!("smtp://ana:secret@{host}?tls=none");
            let refused = SmtpMailer::from_url(&url);
            assert!(matches!(refused, Err(BuildError::PasswordInTheClear)));
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            let built = SmtpMailer::builder("mail.example").trust_only(pem).build();
            assert!(built.is_err(), "{pem}");
        }
    }
}
