//! Connections that are used again, or are not; TLS and logging in.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod server;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use leadkit::mailer::{Mailer as _, Outcome};
use leadkit_smtp::{Security, SmtpMailer, Timeouts};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use server::{
    Act, At, PATIENT, Server, ServerTls, hand_over, is_invalid, is_later, is_refused, is_unknown,
    mailbox, message, say,
};

// ------------------------------------------------------------------ many on one connection

#[test]
fn one_after_the_other_goes_over_one_connection() {
    let server = Server::good();
    let mailer = server.mailer();
    for _ in 0..20 {
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    }
    let seen = server.seen();
    assert_eq!((seen.connections, seen.taken.len()), (1, 20));
}

#[test]
fn one_bad_recipient_among_many_stops_nobody() {
    let server = Server::new(|asked| match asked.at == At::Rcpt {
        true if asked.command.contains("<bad@") => say("550 5.1.1 nobody of this name"),
        true if asked.command.contains("<busy@") => say("450 4.2.1 in a while"),
        _ => Act::Usual,
    });
    let mailer = server.mailer();
    for n in 0..30 {
        let mut message = message();
        let name = match n % 10 {
            3 => "bad",
            7 => "busy",
            _ => "good",
        };
        message.to = mailbox("", &format!("{name}@n{n}.example"));
        let outcome = hand_over(&mailer, &message);
        match name {
            "bad" => assert!(is_invalid(&outcome), "{n}: {outcome:?}"),
            "busy" => assert!(is_later(&outcome), "{n}: {outcome:?}"),
            _ => assert_eq!(outcome, Outcome::Accepted, "{n}"),
        }
    }
    let seen = server.seen();
    assert_eq!((seen.connections, seen.taken.len()), (1, 24));
    let reset = seen.commands.iter().filter(|c| *c == "RSET").count();
    assert_eq!(reset, 6);
    for taken in &seen.taken {
        assert!(taken.rcpt.starts_with("RCPT TO:<good@"), "{}", taken.rcpt);
    }
}

#[test]
fn what_a_server_says_too_late_is_not_taken_for_the_answer_to_the_next() {
    // It answers the first message's end when the second one is begun, with what would make
    // that one accepted.
    let (late, answers) = mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let server = Server::new(move |asked| {
        if asked.at == At::End && asked.message == 1 {
            // Until the mailer has given up.
            let _ = answers.lock().unwrap().recv();
            return say("250 taken\r\n250 ok\r\n250 ok");
        }
        match asked.at {
            At::Rcpt if asked.message == 2 => say("550 5.1.1 nobody"),
            _ => Act::Usual,
        }
    });
    let timeouts = Timeouts {
        end: Duration::from_millis(300),
        ..PATIENT
    };
    let mailer = server.mailer_with(timeouts);
    assert!(is_unknown(&hand_over(&mailer, &message())));
    late.send(()).unwrap();
    assert!(is_invalid(&hand_over(&mailer, &message())));
    assert_eq!(server.seen().connections, 2);
}

#[test]
fn times_without_end_are_waited_for_and_end_no_thread() {
    let timeouts = Timeouts {
        connect: Duration::MAX,
        reply: Duration::MAX,
        whole: Duration::MAX,
        end: Duration::MAX,
        idle: Duration::MAX,
        pause: Duration::MAX,
    };
    let server = Server::good();
    let one = server.builder(Security::None).connections(1);
    let mailer = one.timeouts(timeouts).build().unwrap();
    for _ in 0..2 {
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    }
    assert_eq!(server.seen().connections, 1);
}

#[test]
fn a_server_that_answers_more_than_it_was_asked_is_called_anew() {
    let server = Server::that_once(At::End, &say("250 taken\r\n250 and more"));
    let mailer = server.mailer();
    assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    assert_eq!(server.seen().connections, 2);

    // An answer to the end before the end counts for nothing.
    let early = Server::that(At::Data, &say("354 go on\r\n250 taken"));
    assert!(is_later(&hand_over(&early.mailer(), &message())));
    assert!(early.seen().taken.is_empty());
}

#[test]
fn what_a_server_says_of_its_own_accord_is_not_taken_for_an_answer() {
    for text in ["250 and more", "421 4.4.2 idle too long", "nothing of SMTP"] {
        let server = Server::good();
        let mailer = server.mailer();
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
        server.blurt_out(text);
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted, "{text}");
        let seen = server.seen();
        // The second message was begun on the new connection alone.
        let counts = (seen.connections, seen.messages, seen.taken.len());
        assert_eq!(counts, (2, 2, 2), "{text}");
    }
}

#[test]
fn an_answer_that_comes_amid_the_message_is_none_to_its_end() {
    // So large that the last of it can't be sent before the server has said it.
    let mut message = message();
    message.rendered.text = "See you at nine.\n".repeat(1 << 20);
    let amid = |asked: &server::Asked| match asked.at {
        At::Body => Act::Interrupt(b"250 taken".into()),
        _ => Act::Usual,
    };
    let server = Server::new(amid);
    let outcome = hand_over(&server.mailer(), &message);
    assert!(is_later(&outcome), "{outcome:?}");
    assert!(server.seen().taken.is_empty());

    let (tls, pem) = tls_of("localhost", true);
    let server = Server::with_tls(tls, amid);
    let mailer = server.builder(Security::Implicit).trust_only(pem);
    let outcome = hand_over(&mailer.build().unwrap(), &message);
    assert!(is_later(&outcome), "inside TLS: {outcome:?}");
    assert!(server.seen().taken.is_empty());
}

#[test]
fn a_connection_that_the_server_ended_meanwhile_costs_nothing() {
    for act in [
        Act::HangUp,
        say("421 4.4.2 idle too long"),
        say("451 4.7.0 too many messages in this session"),
    ] {
        let server = Server::new(move |asked| {
            match asked.at == At::Mail && asked.message == 2 && asked.connection == 1 {
                true => act.clone(),
                false => Act::Usual,
            }
        });
        let mailer = server.mailer();
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
        let seen = server.seen();
        assert_eq!((seen.connections, seen.taken.len()), (2, 2));
    }
}

#[test]
fn after_any_doubt_a_connection_is_given_up() {
    for (at, act) in [
        (At::End, say("354 go on")),
        (At::End, say("421 closing")),
        (At::End, Act::HangUp),
        (At::Rcpt, say("503 bad sequence")),
        (At::Mail, say("550 5.7.1 listed")),
        (At::Rcpt, say("554 5.7.1 relay access denied")),
        (At::Data, say("250 ok")),
        (At::Rset, say("500 what?")),
    ] {
        let act_once = Arc::new(std::sync::Mutex::new(Some(act.clone())));
        let server = Server::new(move |asked| {
            // So that there is something to reset.
            if at == At::Rset && asked.at == At::Rcpt && asked.message == 1 {
                return say("450 4.2.1 in a while");
            }
            match asked.at == at {
                true => act_once.lock().unwrap().take().unwrap_or(Act::Usual),
                false => Act::Usual,
            }
        });
        let mailer = server.mailer();
        assert_ne!(hand_over(&mailer, &message()), Outcome::Accepted, "{act:?}");
        assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted, "{act:?}");
        let seen = server.seen();
        assert_eq!(
            (seen.connections, seen.taken.len()),
            (2, 1),
            "{at:?} {act:?}"
        );
    }
}

#[test]
fn many_at_once_share_the_connections_there_may_be() {
    let server = Server::good();
    let mailer = server
        .builder(Security::None)
        .connections(3)
        .build()
        .unwrap();
    let all: Vec<_> = (0..60)
        .map(|n| {
            let mailer = mailer.clone();
            std::thread::spawn(move || {
                let mut message = message();
                message.to = mailbox("", &format!("n{n}@example.com"));
                hand_over(&mailer, &message)
            })
        })
        .collect();
    for one in all {
        assert_eq!(one.join().unwrap(), Outcome::Accepted);
    }
    let seen = server.seen();
    assert_eq!(seen.taken.len(), 60);
    assert!(seen.connections <= 3, "{}", seen.connections);
}

#[test]
fn a_future_that_is_dropped_leaves_the_connection_in_step() {
    let (reached, is_there) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Server::new(move |asked| {
        if asked.message == 1 && asked.at == At::End {
            let _ = reached.send(());
            let _ = wait.lock().unwrap().recv();
        }
        match asked.message == 2 && asked.at == At::Rcpt {
            true => say("550 5.1.1 nobody"),
            false => Act::Usual,
        }
    });
    let mailer = server
        .builder(Security::None)
        .connections(1)
        .build()
        .unwrap();
    let (first, second) = (message(), message());
    let mut given_up = mailer.hand_over(&first);
    let waker = std::task::Waker::noop();
    let polled = given_up
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    is_there.recv().unwrap();
    drop(given_up);
    // Another that nobody waits for is not begun at all.
    let mut never = mailer.hand_over(&first);
    let polled = never
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    drop(never);
    go.send(()).unwrap();
    assert!(is_invalid(&hand_over(&mailer, &second)));
    let seen = server.seen();
    assert_eq!(
        (seen.connections, seen.messages, seen.taken.len()),
        (1, 2, 1)
    );
}

#[test]
fn a_server_that_cannot_be_used_is_left_in_peace_for_a_while() {
    let server = Server::that(At::Auth, &say("535 5.7.8 wrong password"));
    let builder = server.builder(Security::None).credentials("ana", "wrong");
    let mailer = builder
        .timeouts(Timeouts {
            pause: Duration::from_secs(600),
            ..PATIENT
        })
        .build()
        .unwrap();
    for _ in 0..10 {
        let outcome = hand_over(&mailer, &message());
        let Outcome::Later { said } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(said, "AUTH: 535 5.7.8 wrong password");
    }
    assert_eq!(server.seen().connections, 1);
}

#[test]
fn it_takes_leave_of_a_server_that_is_not_needed_any_more() {
    let (quits, quit) = mpsc::channel();
    let server = Server::new(move |asked| {
        if asked.command == "QUIT" {
            let _ = quits.send(asked.connection);
        }
        Act::Usual
    });
    let timeouts = Timeouts {
        idle: Duration::from_millis(100),
        ..PATIENT
    };
    let mailer = server.mailer_with(timeouts);
    assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    assert_eq!(quit.recv_timeout(PATIENT.reply), Ok(1));

    let mailer = server.mailer();
    assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
    drop(mailer);
    assert_eq!(quit.recv_timeout(PATIENT.reply), Ok(2));
}

// ------------------------------------------------------------------ logging in

fn logs_in(offers: &'static str) -> (Outcome, Vec<String>) {
    let server = Server::new(move |asked| match (asked.at, asked.command.as_str()) {
        (At::Ehlo, _) => say(&format!("250-server.example\r\n250 {offers}")),
        // Username: and Password:
        (At::Auth, "AUTH LOGIN") => say("334 VXNlcm5hbWU6"),
        (At::Other, "YW5h") => say("334 UGFzc3dvcmQ6"),
        (At::Other, "cMOkc3M=") => say("235 welcome"),
        _ => Act::Usual,
    });
    let mailer = server
        .builder(Security::None)
        .credentials("ana", "päss")
        .build()
        .unwrap();
    let outcome = hand_over(&mailer, &message());
    (outcome, server.seen().commands)
}

#[test]
fn it_logs_in_by_what_the_server_offers() {
    let (outcome, commands) = logs_in("AUTH LOGIN PLAIN");
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(commands[1], "AUTH PLAIN AGFuYQBww6Rzcw==");
    let (outcome, commands) = logs_in("auth cram-md5 login");
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(commands[1..4], ["AUTH LOGIN", "YW5h", "cMOkc3M="]);
    let (outcome, commands) = logs_in("AUTH CRAM-MD5");
    assert!(is_later(&outcome), "{outcome:?}");
    assert_eq!(commands.len(), 1);
}

#[test]
fn a_login_that_fails_in_any_way_is_later() {
    for said in ["535 no", "454 not now", "334 more", "250 ok", "500 what?"] {
        let server = Server::that(At::Auth, &say(said));
        let builder = server.builder(Security::None).credentials("ana", "secret");
        let outcome = hand_over(&builder.build().unwrap(), &message());
        assert!(is_later(&outcome), "{said}: {outcome:?}");
        assert_eq!(server.seen().messages, 0);
    }
}

// ------------------------------------------------------------------ TLS

/// What a server of this name shows, and the certificate that a client must trust for it.
fn tls_of(name: &str, is_implicit: bool) -> (ServerTls, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let tls = ServerTls {
        config,
        is_implicit,
    };
    (tls, cert.pem())
}

#[test]
fn tls_from_the_first_byte_and_after_starttls() {
    for (is_implicit, security) in [(true, Security::Implicit), (false, Security::StartTls)] {
        let (tls, pem) = tls_of("localhost", is_implicit);
        let server = Server::with_tls(tls, |_| Act::Usual);
        let mailer = server
            .builder(security)
            .credentials("ana", "secret")
            .trust_only(pem)
            .build()
            .unwrap();
        for _ in 0..2 {
            assert_eq!(hand_over(&mailer, &message()), Outcome::Accepted);
        }
        let seen = server.seen();
        assert_eq!((seen.connections, seen.taken.len()), (1, 2));
        assert_eq!(seen.taken[0].bytes, leadkit_mime::eml(&message()));
    }
}

#[test]
fn nothing_is_said_to_a_server_that_cannot_be_trusted() {
    for (is_implicit, security) in [(true, Security::Implicit), (false, Security::StartTls)] {
        let (other_name, pem) = tls_of("other.example", is_implicit);
        let (unknown, _) = tls_of("localhost", is_implicit);
        for tls in [other_name, unknown] {
            let server = Server::with_tls(tls, |_| Act::Usual);
            let mailer = server.builder(security).credentials("ana", "secret");
            let outcome = hand_over(
                &mailer.trust_only(pem.as_str()).build().unwrap(),
                &message(),
            );
            assert!(is_later(&outcome), "{outcome:?}");
            let commands = server.seen().commands;
            assert!(
                commands
                    .iter()
                    .all(|command| command == "STARTTLS" || command.starts_with("EHLO")),
                "{commands:?}"
            );
        }
    }
}

#[test]
fn no_tls_no_mail_unless_it_was_asked_for() {
    let (_, pem) = tls_of("localhost", false);
    for act in [Act::Usual, say("250-server.example\r\n250 STARTTLS")] {
        // The second offers what it then refuses.
        let server = Server::new(move |asked| match asked.at {
            At::Ehlo => act.clone(),
            At::StartTls => say("454 4.7.0 not now"),
            _ => Act::Usual,
        });
        let mailer = server
            .builder(Security::StartTls)
            .credentials("ana", "secret")
            .trust_only(pem.as_str())
            .build()
            .unwrap();
        let outcome = hand_over(&mailer, &message());
        assert!(is_later(&outcome), "{outcome:?}");
        assert_eq!(server.seen().messages, 0);
        let told = server.seen().commands.join(" ");
        assert!(!told.contains("AUTH"), "{told}");
    }
}

#[test]
fn what_is_said_before_tls_counts_for_nothing_inside() {
    // Somebody in between adds answers before the line is encrypted.
    let (tls, pem) = tls_of("localhost", false);
    let server = Server::with_tls(tls, |asked| match asked.at {
        At::StartTls => say("220 go\r\n250-evil.example\r\n250 AUTH LOGIN\r\n334 VXNlcm5hbWU6"),
        _ => Act::Usual,
    });
    let mailer = server
        .builder(Security::StartTls)
        .credentials("ana", "secret")
        .trust_only(pem)
        .build()
        .unwrap();
    let outcome = hand_over(&mailer, &message());
    assert!(is_later(&outcome), "{outcome:?}");
    assert_eq!(server.seen().messages, 0);
}

#[test]
fn a_line_that_drops_inside_tls_is_known_for_what_it_is() {
    for (at, is_right) in [
        (At::Mail, is_later as fn(&Outcome) -> bool),
        (At::Data, is_later),
        (At::End, is_unknown),
    ] {
        let (tls, pem) = tls_of("localhost", true);
        let server = Server::with_tls(tls, move |asked| match asked.at == at {
            true => Act::HangUp,
            false => Act::Usual,
        });
        let mailer = server.builder(Security::Implicit).trust_only(pem);
        let outcome = hand_over(&mailer.build().unwrap(), &message());
        assert!(is_right(&outcome), "{at:?}: {outcome:?}");
    }
    let refused = Server::that(At::Rcpt, &say("550 5.2.1 disabled"));
    let mailer: SmtpMailer = refused.mailer();
    assert!(is_refused(&hand_over(&mailer, &message())));
}
