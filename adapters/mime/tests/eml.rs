//! What messages become: as bytes, and as a mail program reads them.

use leadkit::ids::{MessageId, Tenant};
use leadkit::mailer::{Mailbox, Outgoing};
use leadkit::playbook::template::Rendered;
use leadkit::record::message::Class;
use leadkit::time::Instant;
use mail_parser::{Addr, Address, Message, MessageParser, MimeHeaders as _};
use proptest::prelude::*;

fn mailbox(name: &str, email: &str) -> Mailbox {
    Mailbox {
        name: name.into(),
        email: email.parse().expect("an address"),
    }
}

fn message() -> Outgoing {
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
            html: None,
        },
        at: "2026-03-06T16:30:00.25Z".parse().expect("an instant"),
    }
}

fn eml(message: &Outgoing) -> String {
    String::from_utf8(leadkit_mime::eml(message)).expect("UTF-8")
}

fn parsed(eml: &str) -> Message<'_> {
    MessageParser::default()
        .parse(eml.as_bytes())
        .expect("a message")
}

fn only<'m>(address: Option<&'m Address<'m>>) -> &'m Addr<'m> {
    match address.and_then(Address::as_list) {
        Some([one]) => one,
        other => panic!("not one address: {other:?}"),
    }
}

/// The names of the headers before the body, in order.
fn headers(eml: &str) -> Vec<&str> {
    let (head, _) = eml.split_once("\r\n\r\n").expect("a body");
    head.split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split_once(':').expect("a header").0)
        .collect()
}

const MARKETING: [&str; 9] = [
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// What every mail program relies on.
fn assert_well_formed(eml: &str) {
    assert_eq!(
        eml.matches('\n').count(),
        eml.matches("\r\n").count(),
        "a bare line feed"
    );
    assert_eq!(
        eml.matches('\r').count(),
        eml.matches("\r\n").count(),
        "a bare carriage return"
    );
    assert!(!eml.contains('\0'));
    for line in eml.split("\r\n") {
        assert!(line.len() <= 78, "too long a line: {line}");
    }
}

#[test]
fn a_text_alone_is_one_part() {
    let expected = [
        "From: =?utf-8?b?QW5hIE7DusOxZXo=?= <ana@north.example>",
        "Reply-To: =?utf-8?b?QW5hIE7DusOxZXo=?= <ana@north.example>",
        "To: \"Luis Vera\" <luis@example.com>",
        "Subject: Your test drive",
        "Date: Fri, 06 Mar 2026 16:30:00 +0000",
        "Message-ID: <019cc3f6-3740-7cc3-98c4-dc0c0c07398f@north.example>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "See you at nine.",
        "",
        "Ana",
        "",
        "",
    ];
    assert_eq!(eml(&message()), expected.join("\r\n"));
}

#[test]
fn an_alert_with_html_is_two_alternatives_and_says_that_nobody_wrote_it() {
    let mut alert = message();
    alert.class = Class::Alert;
    alert.rendered = Rendered {
        subject: "Noch ohne Antwort: Lukas Müller 🚗".into(),
        text: "Lukas Müller wartet seit einer Stunde auf eine Antwort.\n".into(),
        html: Some("<p>Lukas Müller wartet seit <b>einer Stunde</b> auf eine Antwort.</p>".into()),
    };
    let expected = [
        "From: =?utf-8?b?QW5hIE7DusOxZXo=?= <ana@north.example>",
        "Reply-To: =?utf-8?b?QW5hIE7DusOxZXo=?= <ana@north.example>",
        "To: \"Luis Vera\" <luis@example.com>",
        "Subject: =?utf-8?b?Tm9jaCBvaG5lIEFudHdvcnQ6IEx1a2FzIE3DvGxsZXIg8J+alw==?=",
        "Date: Fri, 06 Mar 2026 16:30:00 +0000",
        "Message-ID: <019cc3f6-3740-7cc3-98c4-dc0c0c07398f@north.example>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        " boundary=\"leadkit-019cc3f6-3740-7cc3-98c4-dc0c0c07398f\"",
        "",
        "--leadkit-019cc3f6-3740-7cc3-98c4-dc0c0c07398f",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Lukas M=C3=BCller wartet seit einer Stunde auf eine Antwort.",
        "",
        "--leadkit-019cc3f6-3740-7cc3-98c4-dc0c0c07398f",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<p>Lukas M=C3=BCller wartet seit <b>einer Stunde</b> auf eine Antwort.</p>",
        "--leadkit-019cc3f6-3740-7cc3-98c4-dc0c0c07398f--",
        "",
    ];
    assert_eq!(eml(&alert), expected.join("\r\n"));
}

#[test]
fn nothing_in_a_name_or_a_subject_becomes_a_header() {
    for attack in [
        "Ana\r\nBcc: x@evil.example",
        "Ana\nBcc: x@evil.example",
        "Ana\rBcc: x@evil.example",
        "Ana\r\n\r\n<script>",
        "Ana\u{85}Bcc: x@evil.example",
        "Ana\u{2028}Bcc: x@evil.example",
        "\r\n",
        "\0",
        "Ana\" <x@evil.example>, \"",
        "Ana <x@evil.example>,",
        "Ana, x@evil.example",
        "Ana (",
        "Ana;:",
        "Ana\\",
        "=?utf-8?q?=0D=0ABcc:_x=40evil.example?=",
    ] {
        let mut message = message();
        message.from.name = attack.into();
        message.to.name = attack.into();
        message.rendered.subject = attack.into();
        let eml = eml(&message);
        assert_eq!(headers(&eml), MARKETING, "{attack:?}\n{eml}");
        assert_well_formed(&eml);
        let parsed = parsed(&eml);
        for (address, expected) in [
            (parsed.from(), "ana@north.example"),
            (parsed.reply_to(), "ana@north.example"),
            (parsed.to(), "luis@example.com"),
        ] {
            assert_eq!(only(address).address(), Some(expected), "{attack:?}\n{eml}");
        }
    }
}

#[test]
fn nothing_in_a_message_id_becomes_a_header() {
    let mut message = message();
    message.message_id = "1@north.example>\r\nBcc: <x@evil.example".into();
    let eml = eml(&message);
    assert_eq!(headers(&eml), MARKETING, "{eml}");
    assert_eq!(
        parsed(&eml).message_id(),
        Some("1@north.exampleBcc:x@evil.example")
    );
}

#[test]
fn a_subject_that_looks_encoded_is_read_as_it_is() {
    let mut message = message();
    message.rendered.subject = "=?utf-8?q?a?= =?utf-8?q?b?=".into();
    message.to.name = "=?utf-8?q?a?=".into();
    let eml = eml(&message);
    assert_eq!(parsed(&eml).subject(), Some("=?utf-8?q?a?= =?utf-8?q?b?="));
    assert_eq!(only(parsed(&eml).to()).name(), Some("=?utf-8?q?a?="));
}

#[test]
fn a_text_that_knows_the_boundary_does_not_end_its_part() {
    let mut message = message();
    let boundary = format!("--leadkit-{}", message.id);
    message.rendered.text = format!("{boundary}--\n{boundary}-1\n");
    message.rendered.html = Some(format!("{boundary}-2"));
    let eml = eml(&message);
    let parsed = parsed(&eml);
    assert_eq!(parsed.parts.len(), 3);
    assert_eq!(
        parsed.body_text(0).map(|text| text.replace("\r\n", "\n")),
        Some(message.rendered.text)
    );
}

#[test]
fn a_domain_is_written_in_ascii() {
    let mut message = message();
    message.from = mailbox("", "info@autohaus-münchen.example");
    message.to = mailbox("Ναυσικά", "nausika@παράδειγμα.example");
    let eml = eml(&message);
    assert!(eml.is_ascii());
    let parsed = parsed(&eml);
    assert_eq!(
        only(parsed.from()).address(),
        Some("info@xn--autohaus-mnchen-8vb.example")
    );
    assert_eq!(
        only(parsed.to()).address(),
        Some("nausika@xn--hxajbheg2az3al.example")
    );
    assert_eq!(only(parsed.to()).name(), Some("Ναυσικά"));
    assert_eq!(parsed.message_id(), Some(message.message_id.as_str()));
}

#[test]
fn nobody_without_a_name_gets_an_empty_one() {
    for nothing in ["", "   ", "\t\r\n"] {
        let mut message = message();
        message.to.name = nothing.into();
        let eml = eml(&message);
        assert!(eml.contains("\r\nTo: luis@example.com\r\n"), "{eml}");
        assert_eq!(only(parsed(&eml).to()).name(), None);
    }
}

#[test]
fn addresses_with_quotes_or_accents_before_the_at_are_kept() {
    for address in [
        "\"luis, vera\"@example.com",
        "\"a@b\"@example.com",
        "luís@example.com",
        "o'neil+x=1@example.com",
        "luis@my_host.example.com",
    ] {
        let mut message = message();
        message.to = mailbox("Luis", address);
        let eml = eml(&message);
        assert!(
            eml.contains(&format!("\r\nTo: Luis <{address}>\r\n")),
            "{eml}"
        );
    }
}

#[test]
fn instants_that_no_header_can_tell_are_no_panic() {
    for (at, told) in [
        (
            Instant::MIN_UTC,
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
        ),
        (
            Instant::MAX_UTC,
            "Date: Fri, 31 Dec 9999 23:59:59 +0000\r\n",
        ),
    ] {
        let mut message = message();
        message.at = at;
        assert!(eml(&message).contains(told));
    }
}

/// Texts as people and attackers write them: any characters, runs of blanks, marks of encoding,
/// and lengths that need folding.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ -~]{0,100}",
        "[a-z áßñ日本🚗\r\n\t=?_<>\",:;()@\\\\]{0,60}",
        "[x]{0,300}",
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn as_one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim_matches(' ').into()
}

fn as_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_written_is_read(
        from in texts(),
        to in texts(),
        subject in texts(),
        text in texts(),
        html in prop::option::of(texts()),
    ) {
        let mut message = message();
        message.from.name = from.as_str().into();
        message.to.name = to.as_str().into();
        message.rendered = Rendered { subject, text, html };
        let eml = eml(&message);
        assert_well_formed(&eml);
        prop_assert!(eml.is_ascii());
        let expected_headers = if message.rendered.html.is_some() {
            &MARKETING[..8]
        } else {
            &MARKETING[..]
        };
        prop_assert_eq!(headers(&eml), expected_headers);

        let parsed = parsed(&eml);
        for (address, name, email) in [
            (parsed.from(), &from, "ana@north.example"),
            (parsed.reply_to(), &from, "ana@north.example"),
            (parsed.to(), &to, "luis@example.com"),
        ] {
            let address = only(address);
            prop_assert_eq!(address.address(), Some(email));
            prop_assert_eq!(address.name().map(Into::into), non_empty(as_one_line(name)), "{}", eml);
        }
        prop_assert_eq!(
            parsed.subject().map(Into::into),
            non_empty(as_one_line(&message.rendered.subject)),
            "{}", eml
        );

        let part = |index: usize, kind: &str| {
            let part = &parsed.parts[index];
            let content_type = part.content_type().expect("a content type");
            assert_eq!(content_type.subtype(), Some(kind));
            as_lines(part.text_contents().expect("a text"))
        };
        if let Some(html) = &message.rendered.html {
            prop_assert_eq!(parsed.parts.len(), 3);
            prop_assert_eq!(part(1, "plain"), as_lines(&message.rendered.text), "{}", eml);
            prop_assert_eq!(part(2, "html"), as_lines(html), "{}", eml);
        } else {
            let told = part(0, "plain");
            let text = as_lines(&message.rendered.text);
            // A single part ends with a line break of its own.
            prop_assert_eq!(told.trim_end_matches('\n'), text.trim_end_matches('\n'), "{}", eml);
        }
    }
}
