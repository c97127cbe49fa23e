//! What a server says, and what it means for a message.

use std::fmt;

use leadkit::mailer::Outcome;
use smol_str::{SmolStr, format_smolstr};

/// How much of what a server says is told on, in characters.
const TOLD: usize = 400;

/// A reply (RFC 5321, 4.2): a code and one line of text or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// The texts of its lines, without the code.
    pub(crate) lines: Vec<String>,
}

/// One line of a reply.
pub(crate) struct ReplyLine {
    pub(crate) code: u16,
    pub(crate) is_last: bool,
    pub(crate) text: String,
}

impl ReplyLine {
    /// Reads a line without its end. Texts in other encodings than UTF-8 are read as far as
    /// they can be: only codes decide.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !matches!(digits[0], b'2'..=b'5') || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let is_last = match rest.first() {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return None,
        };
        let code = digits
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned();
        Some(Self {
            code,
            is_last,
            text,
        })
    }
}

/// An enhanced status code (RFC 3463): class, subject, detail.
type Enhanced = (u16, u16, u16);

impl Reply {
    /// Whether the server will end the session, or what it says is about us and not about the
    /// message: it didn't understand us, we are not logged in, it relays nothing for us, it serves
    /// nobody. The next message would hear the same; a host that is set right is served again, by
    /// a session that begins after that.
    pub(crate) fn is_about_us(&self, step: Step) -> bool {
        let is_by_code = matches!(
            self.code,
            421 | 432 | 454 | 500 | 502 | 503 | 504 | 521 | 523 | 525 | 530 | 534 | 535 | 538
        );
        is_by_code || self.is_policy_against_us(step)
    }

    /// Whether security or policy (5.7.x; RFC 3463, 3.8) is against it before the server has seen
    /// more than its envelope. 5.7.1 is said of relaying, of a sender that isn't ours to use and of
    /// a host on a list, and by some of a recipient too: that one is tried in vain for a while,
    /// which costs less than the mail of everybody.
    fn is_policy_against_us(&self, step: Step) -> bool {
        let Some((5, 7, detail)) = self.enhanced() else {
            return false;
        };
        match step {
            Step::Mail => true,
            // A list that isn't open to all; a mailbox or a domain that is somebody else's now
            // (RFC 7293). A disabled account (5.7.13; RFC 5248, 2.4) is the one that logged in.
            Step::Rcpt | Step::Data => !matches!(detail, 2 | 17 | 18),
            Step::End => false,
        }
    }

    /// What a reply other than the one hoped for means before the server can have taken the
    /// message, or once it says that it hasn't.
    pub(crate) fn not_taken(&self, step: Step) -> Outcome {
        let said = self.told(step);
        if self.code / 100 != 5 || self.is_about_us(step) {
            return Outcome::Later { said };
        }
        Outcome::Refused {
            said,
            address_invalid: step != Step::Mail && self.says_no_such_mailbox(),
        }
    }

    /// Whether it says that the recipient's mailbox or domain does not exist. A bare 550 doesn't:
    /// it also means "no access" and "for policy reasons" (RFC 5321, 4.2.3). Nor does a mailbox
    /// that is full or disabled (5.2.x).
    fn says_no_such_mailbox(&self) -> bool {
        matches!(self.enhanced(), Some((5, 1, 1 | 2 | 3 | 6 | 10)))
    }

    /// The enhanced code that it begins with, or that it holds as `(#5.1.1)`.
    fn enhanced(&self) -> Option<Enhanced> {
        let first = self.lines.first()?.split(' ').next().and_then(enhanced);
        let marked = || {
            self.lines.iter().rev().find_map(|line| {
                let (_, rest) = line.split_once("(#")?;
                enhanced(rest.split_once(')')?.0)
            })
        };
        // It must agree with the code (RFC 2034, 4).
        first
            .or_else(marked)
            .filter(|(class, ..)| *class == self.code / 100)
    }

    /// It in one line, with the step that it answers.
    pub(crate) fn told(&self, step: Step) -> SmolStr {
        format_smolstr!("{step}: {}", self.one_line())
    }

    /// It in one line.
    pub(crate) fn one_line(&self) -> String {
        let text = format!("{} {}", self.code, self.lines.join(" "));
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        text.trim_end().chars().take(TOLD).map(visible).collect()
    }
}

fn enhanced(text: &str) -> Option<Enhanced> {
    let mut parts = text.split('.').map(|part| {
        let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    });
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) => {
            Some((class, subject, detail))
        }
        _ => None,
    }
}

/// A step of handing one message over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Mail,
    Rcpt,
    Data,
    /// The message and the dot that ends it.
    End,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::End => "the message's end",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        let lines = text.lines().map(Into::into).collect();
        Reply { code, lines }
    }

    #[test]
    fn only_a_code_that_says_so_makes_an_address_invalid() {
        let is_invalid = |code, text| {
            let is_invalid = Outcome::Refused {
                said: reply(code, text).told(Step::Rcpt),
                address_invalid: true,
            };
            reply(code, text).not_taken(Step::Rcpt) == is_invalid
        };
        for (code, text) in [
            (550, "5.1.1 <luis@example.com>: user unknown"),
            (550, "5.1.2 no such domain"),
            (501, "5.1.3 bad address syntax"),
            (550, "5.1.6 the mailbox has moved"),
            (556, "5.1.10 null MX"),
            (550, "sorry, no mailbox here by that name. (#5.1.1)"),
            (550, "no such user\nhere (#5.1.1)"),
        ] {
            assert!(is_invalid(code, text), "{text}");
        }
        for (code, text) in [
            (550, ""),
            (550, "user unknown"),
            (550, "5.7.1 your host is listed"),
            (554, "5.7.1 <luis@example.com>: relay access denied"),
            (552, "5.2.2 mailbox full"),
            (550, "5.2.1 mailbox disabled"),
            (550, "5.1.8 bad sender"),
            (550, "5.1.0 rejected"),
            (550, "2.1.1 odd"),
            (550, "5.1.1.1 odd"),
            (550, "5.1.+1 odd"),
            (550, "5.1.0001 odd"),
            (553, "sorry, not in my list of hosts (#5.7.1)"),
        ] {
            assert!(!is_invalid(code, text), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_the_sender_makes_no_recipient_invalid() {
        let refused = reply(550, "5.1.1 no such sender").not_taken(Step::Mail);
        let said = "MAIL: 550 5.1.1 no such sender".into();
        let expected = Outcome::Refused {
            said,
            address_invalid: false,
        };
        assert_eq!(refused, expected);
    }

    #[test]
    fn what_is_told_on_is_one_line_and_short() {
        let told = reply(550, &"a\tb\u{1b}[2J ".repeat(1_000)).told(Step::Rcpt);
        assert!(told.chars().count() < TOLD + 20);
        assert!(!told.contains(char::is_control));
    }

    #[test]
    fn lines_that_are_no_reply_are_not_taken_for_one() {
        for line in [
            "",
            "2",
            "25",
            "99 ",
            "abc hi",
            "250x",
            "150 hi",
            "650 hi",
            "+50 hi",
            "25\u{663} hi",
        ] {
            assert!(ReplyLine::parse(line.as_bytes()).is_none(), "{line}");
        }
        let bare = ReplyLine::parse(b"250").unwrap();
        assert!(bare.is_last && bare.code == 250 && bare.text.is_empty());
        let latin = ReplyLine::parse(b"550-buz\xf3n").unwrap();
        assert!(!latin.is_last && latin.code == 550);
    }
}
