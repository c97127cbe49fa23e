//! What becomes of a message when the server breaks at each step.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod server;

use std::time::Duration;

use leadkit::mailer::Outcome;
use leadkit_smtp::{Security, SmtpMailer, Timeouts};
use server::{
    Act, At, PATIENT, Server, hand_over, is_invalid, is_later, is_refused, is_unknown, message, say,
};

/// What a server that does this there makes of a message.
fn outcome(at: At, act: &Act) -> Outcome {
    let server = Server::that(at, act);
    let outcome = hand_over(&server.mailer(), &message());
    let is_taken = !server.seen().taken.is_empty();
    match outcome {
        Outcome::Accepted => assert!(is_taken, "{at:?} {act:?}"),
        Outcome::Later { .. } | Outcome::Refused { .. } => assert!(!is_taken, "{at:?} {act:?}"),
        Outcome::Unknown { .. } => {}
    }
    outcome
}

const BEFORE_THE_MESSAGE: [At; 2] = [At::Greeting, At::Ehlo];
const OF_THE_MESSAGE: [At; 4] = [At::Mail, At::Rcpt, At::Data, At::End];

#[test]
fn a_good_server_accepts() {
    let server = Server::good();
    assert_eq!(hand_over(&server.mailer(), &message()), Outcome::Accepted);
    let taken = &server.seen().taken;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].mail, "MAIL FROM:<ana@north.example>");
    assert_eq!(taken[0].rcpt, "RCPT TO:<luis@example.com>");
    assert_eq!(taken[0].bytes, leadkit_mime::eml(&message()));
}

#[test]
fn what_is_refused_of_the_message_is_refused_for_good() {
    for at in OF_THE_MESSAGE {
        for said in [
            "550 no",
            "550 5.3.4 too big for us",
            "554 5.0.0 no",
            "552 too large",
        ] {
            let outcome = outcome(at, &say(said));
            assert!(is_refused(&outcome), "{at:?} {said}: {outcome:?}");
            let Outcome::Refused { said: told, .. } = outcome else {
                unreachable!("asserted above");
            };
            assert!(told.contains(said), "{told}");
        }
    }
}

#[test]
fn an_address_is_invalid_only_where_the_server_says_so() {
    for at in [At::Rcpt, At::Data, At::End] {
        let outcome = outcome(
            at,
            &say("550-5.1.1 there is nobody\r\n550 5.1.1 of this name"),
        );
        assert!(is_invalid(&outcome), "{at:?}: {outcome:?}");
    }
    let of_the_sender = outcome(At::Mail, &say("550 5.1.1 no such sender"));
    assert!(is_refused(&of_the_sender), "{of_the_sender:?}");
}

#[test]
fn who_serves_nobody_or_not_us_is_tried_later() {
    for said in [
        "554 no service here",
        "550 go away",
        "521 no mail",
        "421 busy",
    ] {
        for at in BEFORE_THE_MESSAGE {
            assert!(is_later(&outcome(at, &say(said))), "{at:?} {said}");
        }
    }
    for said in [
        "530 5.7.0 must log in first",
        "503 5.5.1 bad sequence",
        "500 what?",
        "504 5.5.2 need a full name in EHLO",
    ] {
        for at in OF_THE_MESSAGE {
            assert!(is_later(&outcome(at, &say(said))), "{at:?} {said}");
        }
    }
}

/// What these replies make of a message at each of these steps.
fn each(steps: &[At], replies: &[&str], is_right: fn(&Outcome) -> bool) {
    for at in steps {
        for said in replies {
            let outcome = outcome(*at, &say(said));
            assert!(is_right(&outcome), "{at:?} {said}: {outcome:?}");
            let (Outcome::Later { said: told } | Outcome::Refused { said: told, .. }) = outcome
            else {
                panic!("{at:?} {said}: {outcome:?}");
            };
            assert!(told.contains(said), "{told}");
        }
    }
}

#[test]
fn a_server_that_relays_nothing_for_us_is_tried_later() {
    let denied = [
        "554 5.7.1 <luis@example.com>: Relay access denied",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    ];
    each(&[At::Rcpt, At::Data], &denied, is_later);
}

#[test]
fn a_sender_that_is_not_ours_to_use_is_tried_later() {
    let not_ours = [
        "553 5.7.1 <ana@north.example>: Sender address rejected: not owned by user crm",
        "550 5.7.23 SPF validation failed",
        "550 5.7.27 the sender takes no mail",
    ];
    // Many servers keep what they have against the sender until they know the recipient.
    each(&[At::Mail, At::Rcpt], &not_ours, is_later);
}

#[test]
fn a_server_that_has_our_host_on_a_list_is_tried_later() {
    let listed = [
        "550 5.7.1 Service unavailable; client host [192.0.2.1] is listed",
        "550 5.7.25 no reverse name",
        "554 5.7.0 by policy",
    ];
    each(&[At::Mail, At::Rcpt, At::Data], &listed, is_later);
}

#[test]
fn a_login_whose_account_is_disabled_is_tried_later() {
    let disabled = ["525 5.7.13 account disabled", "550 5.7.13 account disabled"];
    each(&[At::Mail, At::Rcpt, At::Data], &disabled, is_later);
    let bare = ["525 account disabled", "523 encryption needed"];
    each(&OF_THE_MESSAGE, &bare, is_later);
}

#[test]
fn policy_that_is_surely_about_the_recipient_refuses() {
    let about_the_recipient = [
        "550 5.7.2 this list is for its members",
        "550 5.7.17 the mailbox is somebody else's now",
        "550 5.7.18 the domain is somebody else's now",
    ];
    each(&[At::Rcpt, At::Data], &about_the_recipient, is_refused);
    // Who has heard of no recipient means none.
    each(&[At::Mail], &about_the_recipient, is_later);
}

#[test]
fn policy_against_what_the_message_holds_refuses() {
    let against_it = [
        "550 5.7.1 spam",
        "554 sorry, a virus (#5.7.1)",
        "550 5.7.26 unauthenticated",
    ];
    each(&[At::End], &against_it, is_refused);
}

#[test]
fn who_is_busy_is_tried_later() {
    for at in BEFORE_THE_MESSAGE.into_iter().chain(OF_THE_MESSAGE) {
        for said in ["451 4.3.0 in a while", "450 5.1.1 odd", "421 closing"] {
            let outcome = outcome(at, &say(said));
            assert!(is_later(&outcome), "{at:?} {said}: {outcome:?}");
            let Outcome::Later { said: told } = outcome else {
                unreachable!("asserted above");
            };
            assert!(told.contains(said), "{told}");
        }
    }
}

#[test]
fn what_is_no_success_is_not_taken_for_one() {
    for at in [At::Greeting, At::Ehlo, At::Mail, At::Rcpt, At::Data] {
        for said in ["354 go on", "250 ok", "220 hi", "200 fine", "334 more"] {
            let is_right = matches!(
                (at, said),
                (At::Greeting, "220 hi")
                    | (At::Ehlo | At::Mail | At::Rcpt, "250 ok")
                    | (At::Data, "354 go on")
            );
            if !is_right {
                assert!(is_later(&outcome(at, &say(said))), "{at:?} {said}");
            }
        }
    }
    for said in ["354 go on", "334 more", "251 perhaps", "200 fine", "220 hi"] {
        let outcome = outcome(At::End, &say(said));
        assert!(is_unknown(&outcome), "{said}: {outcome:?}");
    }
}

#[test]
fn what_is_no_reply_breaks_the_session() {
    let endless = "250-and\r\n".repeat(10_000);
    let long = format!("250 {}", "x".repeat(100_000));
    for said in ["hello", "99", "250-a\r\n550 b", "\r\n", &endless, &long] {
        let act = say(said);
        for at in [At::Greeting, At::Ehlo, At::Mail, At::Rcpt, At::Data] {
            assert!(is_later(&outcome(at, &act)), "{at:?} {said:.20}");
        }
        assert!(is_unknown(&outcome(At::End, &act)), "{said:.20}");
    }
}

#[test]
fn a_reply_in_another_encoding_is_a_reply() {
    let latin = Act::Say(b"550 5.1.1 no existe el buz\xf3n".to_vec());
    assert!(is_invalid(&outcome(At::Rcpt, &latin)));
    let latin = Act::Say(b"250 recibi\xf3".to_vec());
    assert_eq!(outcome(At::End, &latin), Outcome::Accepted);
}

#[test]
fn a_line_that_drops_before_the_end_is_later_and_after_it_unknown() {
    for at in [At::Greeting, At::Ehlo, At::Mail, At::Rcpt, At::Data] {
        assert!(is_later(&outcome(at, &Act::HangUp)), "{at:?}");
    }
    assert!(is_unknown(&outcome(At::End, &Act::HangUp)));
}

/// Too much to vanish in the buffers of a connection.
fn huge() -> leadkit::mailer::Outgoing {
    let mut huge = message();
    huge.rendered.text = "All work and no play.\n".repeat(300_000);
    huge.rendered.html = None;
    huge
}

#[test]
fn a_line_that_drops_amid_the_message_is_later() {
    let server = Server::that(At::Body, &Act::HangUp);
    let outcome = hand_over(&server.mailer(), &huge());
    assert!(is_later(&outcome), "{outcome:?}");
    assert!(server.seen().taken.is_empty());
}

#[test]
fn a_message_of_many_megabytes_arrives_whole() {
    let server = Server::good();
    assert_eq!(hand_over(&server.mailer(), &huge()), Outcome::Accepted);
    assert_eq!(server.seen().taken[0].bytes, leadkit_mime::eml(&huge()));
}

#[expect(clippy::disallowed_methods, reason = "how long a test waited")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

const SHORT: Duration = Duration::from_millis(700);

#[test]
fn a_reply_that_takes_too_long_before_the_end_is_later() {
    let timeouts = Timeouts {
        reply: SHORT,
        ..PATIENT
    };
    let takes_too_long = |at, act| {
        let server = Server::that(at, &act);
        let begun = now();
        let outcome = hand_over(&server.mailer_with(timeouts), &message());
        assert!(begun.elapsed() < PATIENT.reply, "{at:?} {act:?}");
        let Outcome::Later { said } = outcome else {
            panic!("{at:?} {act:?}: {outcome:?}");
        };
        assert!(said.contains("took too long"), "{said}");
    };
    std::thread::scope(|scope| {
        for at in [At::Greeting, At::Ehlo, At::Mail, At::Rcpt, At::Data] {
            for act in [Act::Silence, Act::Drip] {
                scope.spawn(move || takes_too_long(at, act));
            }
        }
    });
}

#[test]
fn a_reply_that_takes_too_long_after_the_end_is_unknown() {
    let timeouts = Timeouts {
        end: SHORT,
        ..PATIENT
    };
    for act in [Act::Silence, Act::Drip] {
        let server = Server::that(At::End, &act);
        let begun = now();
        let outcome = hand_over(&server.mailer_with(timeouts), &message());
        assert!(is_unknown(&outcome), "{act:?}: {outcome:?}");
        assert!(begun.elapsed() < PATIENT.end, "{act:?}");
    }
}

#[test]
fn steps_that_each_are_in_time_are_not_all_together() {
    let timeouts = Timeouts {
        whole: SHORT,
        ..PATIENT
    };
    let server = Server::that(At::Rcpt, &Act::Silence);
    let begun = now();
    let outcome = hand_over(&server.mailer_with(timeouts), &message());
    assert!(is_later(&outcome), "{outcome:?}");
    assert!(begun.elapsed() < PATIENT.reply);
}

#[test]
fn nobody_there_is_later() {
    // A port that was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mailer = SmtpMailer::builder("127.0.0.1")
        .port(port)
        .security(Security::None)
        .build()
        .unwrap();
    assert!(is_later(&hand_over(&mailer, &message())));
    let nowhere = SmtpMailer::builder("host.invalid")
        .security(Security::None)
        .build()
        .unwrap();
    assert!(is_later(&hand_over(&nowhere, &message())));
}
