//! What a server gets: the envelope and the message, as somebody else's software reads them.

mod server;

use leadkit::mailer::{Outcome, Outgoing};
use leadkit::record::message::Class;
use mail_parser::{Addr, Address, Message, MessageParser};
use server::{
    Act, At, Server, Strict, Taken, hand_over, is_invalid, is_refused, mailbox, message, say,
};

/// What a server that keeps to the protocol got of it.
fn taken(message: &Outgoing) -> Taken {
    let server = Strict::start();
    assert_eq!(hand_over(&server.mailer(), message), Outcome::Accepted);
    let mut taken = server.taken();
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

fn parsed(taken: &Taken) -> Message<'_> {
    MessageParser::default()
        .parse(&taken.bytes)
        .expect("a message")
}

fn only<'m>(address: Option<&'m Address<'m>>) -> &'m Addr<'m> {
    match address.and_then(Address::as_list) {
        Some([one]) => one,
        other => panic!("not one address: {other:?}"),
    }
}

#[test]
fn sender_reply_to_and_the_envelope_are_the_owners() {
    let taken = taken(&message());
    assert_eq!(taken.mail, "ana@north.example");
    assert_eq!(taken.rcpt, "luis@example.com");
    let parsed = parsed(&taken);
    for sender in [parsed.from(), parsed.reply_to()] {
        assert_eq!(only(sender).address(), Some("ana@north.example"));
        assert_eq!(only(sender).name(), Some("Ana Núñez"));
    }
    assert_eq!(only(parsed.to()).address(), Some("luis@example.com"));
    assert_eq!(parsed.message_id(), Some(message().message_id.as_str()));
    assert_eq!(parsed.subject(), Some("Your test drive"));
    assert_eq!(
        parsed.body_text(0).as_deref(),
        Some("See you at nine.\r\n\r\nAna\r\n")
    );
    assert_eq!(
        parsed.body_html(0).as_deref(),
        Some("<p>See you at <b>nine</b>.</p>")
    );
}

#[test]
fn a_message_that_comes_again_has_the_same_message_id() {
    let server = Strict::start();
    let mailer = server.mailer();
    let mut again = message();
    again.class = Class::Alert;
    assert_eq!(hand_over(&mailer, &again), Outcome::Accepted);
    again.attempt = 2;
    again.from = mailbox("Bea", "bea@north.example");
    assert_eq!(hand_over(&mailer, &again), Outcome::Accepted);
    let [first, second] = &server.taken()[..] else {
        panic!("not two");
    };
    assert_eq!(parsed(first).message_id(), parsed(second).message_id());
    assert_eq!(second.mail, "bea@north.example");
}

#[test]
fn nothing_in_a_name_a_subject_or_a_text_becomes_a_header_or_a_command() {
    for attack in [
        "Ana\r\nBcc: x@evil.example",
        "Ana\nBcc: x@evil.example",
        "Ana\rBcc: x@evil.example",
        "Ana\r\n.\r\nRSET\r\nMAIL FROM:<x@evil.example>\r\n",
        "Ana\n.\nQUIT\n",
        "Ana\r.\rQUIT\r",
        "\r\n.\r\n",
        "\0",
        "Ana\" <x@evil.example>, \"",
    ] {
        let mut message = message();
        message.from.name = attack.into();
        message.to.name = attack.into();
        message.rendered.subject = attack.into();
        message.rendered.text = attack.into();
        message.rendered.html = Some(attack.into());
        message.message_id = format!("1@north.example>{attack}").into();
        let server = Strict::start();
        let mailer = server.mailer();
        // One behind the other: what would be a command would be heard by now.
        for _ in 0..2 {
            assert_eq!(
                hand_over(&mailer, &message),
                Outcome::Accepted,
                "{attack:?}"
            );
        }
        let all = server.taken();
        assert_eq!(all.len(), 2, "{attack:?}");
        for taken in &all {
            assert_eq!(
                (taken.mail.as_str(), taken.rcpt.as_str()),
                ("ana@north.example", "luis@example.com"),
                "{attack:?}"
            );
            let parsed = parsed(taken);
            assert!(parsed.bcc().is_none(), "{attack:?}");
            assert_eq!(only(parsed.from()).address(), Some("ana@north.example"));
            assert_eq!(only(parsed.to()).address(), Some("luis@example.com"));
            assert_eq!(parsed.parts.len(), 3, "{attack:?}");
        }
    }
}

#[test]
fn an_address_that_would_be_a_command_is_none_at_all() {
    for attack in [
        "ana@north.example\r\nRCPT TO:<x@evil.example>",
        "ana@north.example>\r\nDATA\r\n",
        "ana\r\n@north.example",
        "\"ana\r\nQUIT\"@north.example",
    ] {
        let parsed = attack.parse::<leadkit::email::Email>();
        assert!(parsed.is_err(), "{attack:?}");
    }
    // What is an address, however odd, stays in its brackets.
    let mut odd = message();
    odd.to = mailbox("", "\"a>b\"@example.com");
    let server = Server::good();
    assert_eq!(hand_over(&server.mailer(), &odd), Outcome::Accepted);
    assert_eq!(server.seen().taken[0].rcpt, "RCPT TO:<\"a>b\"@example.com>");
}

#[test]
fn dots_and_long_lines_arrive_as_they_were_written() {
    for text in [
        ".\n",
        ".\n.\n..\n...\n",
        "a\n.\nb\n",
        ".a\n..b\n",
        &format!("{}\n.{}\n", "x".repeat(5_000), "y".repeat(5_000)),
        &"ñ".repeat(3_000),
        &".".repeat(3_000),
    ] {
        let mut message = message();
        message.rendered.text = text.into();
        message.rendered.html = Some(format!("<pre>\n{text}</pre>"));
        let taken = taken(&message);
        let parsed = parsed(&taken);
        let found = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        assert_eq!(found, text);
        let found = parsed.body_html(0).unwrap().replace("\r\n", "\n");
        assert_eq!(Some(found), message.rendered.html);
        let longest = taken.bytes.split(|b| *b == b'\n').map(<[u8]>::len).max();
        assert!(longest.unwrap() < 998);
    }
}

#[test]
fn non_ascii_names_and_domains_arrive_and_are_ascii_on_the_way() {
    let mut message = message();
    message.from = mailbox("Jörg Größe", "info@autohaus-münchen.example");
    message.to = mailbox("Ναυσικά 🚗", "nausika@παράδειγμα.example");
    message.rendered.subject = "Ihre Probefahrt: 試乗".into();
    let taken = taken(&message);
    assert!(taken.bytes.is_ascii());
    assert_eq!(taken.mail, "info@xn--autohaus-mnchen-8vb.example");
    assert_eq!(taken.rcpt, "nausika@xn--hxajbheg2az3al.example");
    let parsed = parsed(&taken);
    assert_eq!(only(parsed.from()).name(), Some("Jörg Größe"));
    assert_eq!(only(parsed.to()).name(), Some("Ναυσικά 🚗"));
    assert_eq!(parsed.subject(), Some("Ihre Probefahrt: 試乗"));
}

#[test]
fn an_address_that_is_not_ascii_goes_to_a_server_that_can_be_told() {
    let mut message = message();
    message.to = mailbox("José", "josé@münchen.example");
    let able = Server::that(
        At::Ehlo,
        &say("250-server.example\r\n250-8BITMIME\r\n250 SMTPUTF8"),
    );
    assert_eq!(hand_over(&able.mailer(), &message), Outcome::Accepted);
    let taken = &able.seen().taken[0];
    assert_eq!(
        taken.mail,
        "MAIL FROM:<ana@north.example> SMTPUTF8 BODY=8BITMIME"
    );
    assert_eq!(taken.rcpt, "RCPT TO:<josé@xn--mnchen-3ya.example>");
    assert_eq!(
        only(parsed(taken).to()).address(),
        Some("josé@xn--mnchen-3ya.example")
    );

    // Another can't be told, for good; that says nothing about the address, and the next
    // message goes over the same connection.
    let unable = Server::new(|_| Act::Usual);
    let mailer = unable.mailer();
    assert!(is_refused(&hand_over(&mailer, &message)));
    message.to = mailbox("Luis", "luis@münchen.example");
    assert_eq!(hand_over(&mailer, &message), Outcome::Accepted);
    let seen = unable.seen();
    assert_eq!((seen.connections, seen.messages), (1, 1));
    assert_eq!(seen.taken[0].mail, "MAIL FROM:<ana@north.example>");
}

#[test]
fn somebody_elses_server_refuses_who_is_not_there_and_takes_the_others() {
    let server = Strict::start();
    let mailer = server.mailer();
    let mut to_nobody = message();
    to_nobody.to = mailbox("", "nobody@example.com");
    for _ in 0..3 {
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
        assert!(is_invalid(&hand_over(&mailer, &to_nobody)));
    }
    assert_eq!(server.taken().len(), 3);
}
