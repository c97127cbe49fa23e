//! A message as the bytes that mail programs and servers read (RFC 5322, MIME).
//!
//! The mailers share it, so that mail looks the same in a file as it does at the recipient's.
//!
//! ```
//! use leadkit::ids::{CommandId, Id, MessageId, Tenant};
//! use leadkit::mailer::{Mailbox, Outgoing};
//! use leadkit::playbook::template::Rendered;
//! use leadkit::record::message::Class;
//!
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
//! let eml = String::from_utf8(leadkit_mime::eml(&message))?;
//! assert!(eml.contains("\r\nTo: \"Luis Vera\" <luis@example.com>\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a message holds
//!
//! From and Reply-To (the sender), To, Subject, Date (the instant of the hand-over) and
//! Message-ID ([`Outgoing::message_id`]); for an alert, `Auto-Submitted: auto-generated`
//! (RFC 3834). The text and, if there is one, the HTML, as `multipart/alternative`.
//!
//! - Control characters become blanks, and blanks around names and subjects go: no text can
//!   begin a header of its own. Line breaks and tabs in the text and the HTML stay.
//! - Domains are written in ASCII (`münchen.example` as `xn--mnchen-3ya.example`). Everything
//!   else before the body is ASCII too, but for an address whose part before the `@` is not
//!   (RFC 6532).
//! - Every line ends in CR LF, the last one too, and none is longer than 78 bytes, or than its
//!   address.
//! - A text without HTML has a line break added at its end.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use email_encoding::headers::writer::EmailWriter;
use email_encoding::headers::{quoted_string, rfc2047};
use leadkit::email::Email;
use leadkit::mailer::{Mailbox, Outgoing};
use leadkit::record::message::Class;
use leadkit::time::Instant;
use lettre::message::header::{Date, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0};
use lettre::message::{MultiPart, SinglePart};

/// How long a line should be at most (RFC 5322, 2.1.1; RFC 2047, 2), in bytes.
const LINE: usize = 76;
/// The longest name that is written as it is, in bytes: it fits its line.
const LONGEST_PLAIN_NAME: usize = 40;
/// The last second that a Date header holds, since 1970: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The message, from its first header to its last line.
///
/// No clock and no chance: the same message gives the same bytes.
#[must_use]
pub fn eml(message: &Outgoing) -> Vec<u8> {
    let sender = address(&message.from.email);
    let recipient = address(&message.to.email);

    let mut headers = Headers::new();
    headers.insert_raw(mailbox("From", &message.from, &sender));
    headers.insert_raw(mailbox("Reply-To", &message.from, &sender));
    headers.insert_raw(mailbox("To", &message.to, &recipient));
    headers.insert_raw(subject(&message.rendered.subject));
    headers.set(date(message.at));
    let message_id = format!("<{}>", one_word(&message.message_id));
    headers.insert_raw(encoded("Message-ID", |w| w.write_str(&message_id)));
    if message.class == Class::Alert {
        headers.insert_raw(encoded("Auto-Submitted", |w| w.write_str("auto-generated")));
    }
    headers.set(MIME_VERSION_1_0);

    let mut eml = headers.to_string().into_bytes();
    eml.extend(parts(message));
    eml
}

/// The text and the HTML, with the headers that tell about them.
fn parts(message: &Outgoing) -> Vec<u8> {
    let text = lines(&message.rendered.text);
    let Some(html) = &message.rendered.html else {
        return SinglePart::plain(text).formatted();
    };
    let html = lines(html);
    MultiPart::alternative()
        .boundary(boundary(message, &[&text, &html]))
        .singlepart(SinglePart::plain(text))
        .singlepart(SinglePart::html(html))
        .formatted()
}

/// A line that none of the parts holds. (Encoding a part can't put it there.)
fn boundary(message: &Outgoing, parts: &[&str]) -> String {
    let mut boundary = format!("leadkit-{}", message.id);
    let mut attempt = 0_u64;
    while parts.iter().any(|part| part.contains(&boundary)) {
        attempt += 1;
        boundary = format!("leadkit-{}-{attempt}", message.id);
    }
    boundary
}

/// The address as it stands in the headers, and in an envelope: its domain in ASCII.
///
/// ```
/// let email = "info@autohaus-münchen.example".parse()?;
/// assert_eq!(leadkit_mime::address(&email), "info@xn--autohaus-mnchen-8vb.example");
/// # Ok::<(), leadkit::email::InvalidEmail>(())
/// ```
#[must_use]
pub fn address(email: &Email) -> String {
    format!("{}@{}", email.local(), email.domain_ascii())
}

fn mailbox(header: &'static str, mailbox: &Mailbox, address: &str) -> HeaderValue {
    let name = one_line(&mailbox.name);
    encoded(header, |w| {
        if name.is_empty() {
            return w.write_str(address);
        }
        if name.len() <= LONGEST_PLAIN_NAME {
            quoted_string::encode(&name, w)?;
        } else {
            rfc2047::encode(&name, w)?;
        }
        if w.line_len() + " <>".len() + address.len() > LINE {
            w.new_line()?;
        }
        write!(w, " <{address}>")
    })
}

/// As it is if it fits its line and is plain, and otherwise wholly encoded: then nothing in it
/// can be taken for anything else, and folding loses nothing.
fn subject(subject: &str) -> HeaderValue {
    let subject = one_line(subject);
    encoded("Subject", |w| {
        let is_plain = subject.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && w.line_len() + subject.len() <= LINE
            && !subject.contains("=?");
        if is_plain {
            w.write_str(&subject)
        } else {
            rfc2047::encode(&subject, w)
        }
    })
}

/// The header that `write` writes.
fn encoded(
    header: &'static str,
    write: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result,
) -> HeaderValue {
    let mut value = String::new();
    let mut writer = EmailWriter::new(&mut value, header.len() + ": ".len(), 0, false);
    // A `String` takes everything.
    let _ = write(&mut writer);
    drop(writer);
    let name = HeaderName::new_from_ascii_str(header);
    HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

/// The nearest instant that the header can tell.
fn date(at: Instant) -> Date {
    let second = at.timestamp().clamp(0, LAST_SECOND).unsigned_abs();
    Date::new(SystemTime::UNIX_EPOCH + Duration::from_secs(second))
}

/// The text without control characters and the blanks around it.
fn one_line(text: &str) -> String {
    let blanked = text.replace(char::is_control, " ");
    blanked.trim_matches(' ').into()
}

/// The text without blanks and control characters, and without what would end it.
fn one_word(text: &str) -> String {
    text.replace(
        |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>',
        "",
    )
}

/// The text without control characters but tabs and line breaks, which become all alike.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace(|c: char| c.is_control() && c != '\n' && c != '\t', " ")
        .replace('\n', "\r\n")
}
