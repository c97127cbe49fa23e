//! Lengths of time, as playbooks write them.

use smol_str::{SmolStr, format_smolstr};

use super::Node;
use crate::playbook::delay::{Delay, how_to_say, meant_by};
use crate::playbook::fault::FaultKind;
use crate::time::Elapsed;

impl Node<'_> {
    /// A duration that may also point backwards: `1 day before`.
    pub(crate) fn delay(&self) -> Option<Delay> {
        self.delay_meant(|meant| meant)
    }

    /// A duration; of one that can't be read, what was `meant` is told as it can stand here.
    fn delay_meant(&self, meant: fn(Delay) -> Delay) -> Option<Delay> {
        if let Some(number) = self.value.get_ref().as_integer() {
            let days = number.as_str().parse().ok().map(Delay::Days);
            let days = days.unwrap_or(Delay::Days(1));
            let hint = format_smolstr!("say of what: `\"{}\"`", meant(days));
            let (expected, found) = ("a duration in quotes", number.as_str().into());
            self.fault(FaultKind::WrongType { expected, found }, Some(hint));
            return None;
        }
        let text = self.text()?;
        let Some(delay) = Delay::parse(text) else {
            let hint = match meant_by(text).map(meant) {
                Some(_) if Delay::parse(&with_plain_spaces(text)).is_some() => {
                    "it holds a space that is none: write a plain one".into()
                }
                Some(meant) => format_smolstr!("did you mean `{meant}`?"),
                None => how_to_say(),
            };
            self.fault(FaultKind::BadDuration { text: text.into() }, Some(hint));
            return None;
        };
        if !delay.is_bounded() {
            let why = "it is longer than a hundred years";
            self.fault(
                FaultKind::UnfitDuration {
                    text: text.into(),
                    why,
                },
                None,
            );
            return None;
        }
        Some(delay)
    }

    /// A duration that points forwards.
    pub(crate) fn forward_delay(&self) -> Option<Delay> {
        let delay = self.delay_meant(Delay::forwards)?;
        if delay.is_negative() {
            let hint = format_smolstr!("write `{}`", delay.forwards());
            self.unfit("it must not point backwards", Some(hint));
            return None;
        }
        Some(delay)
    }

    /// A duration of some length, and not the lead's own; else this is why it can't stand here.
    pub(crate) fn length(&self, why: &'static str) -> Option<Delay> {
        let length = self.forward_delay()?;
        if length.is_zero() || length == Delay::OwnWait {
            self.unfit(why, None);
            return None;
        }
        Some(length)
    }

    /// A length of elapsed time that is some; for none, what to write instead.
    pub(crate) fn some_elapsed(&self, instead: &'static str) -> Option<Elapsed> {
        let elapsed = self.elapsed()?;
        if elapsed.is_zero() {
            self.unfit("it is no time at all", Some(instead.into()));
            return None;
        }
        Some(elapsed)
    }

    pub(crate) fn unfit(&self, why: &'static str, hint: Option<SmolStr>) {
        let text = self.text().unwrap_or_default().into();
        self.fault(FaultKind::UnfitDuration { text, why }, hint);
    }

    /// A length of elapsed time; days have 24 hours here.
    pub(crate) fn elapsed(&self) -> Option<Elapsed> {
        match self.forward_delay()? {
            Delay::Elapsed(time) => Some(time),
            Delay::Days(days) => Some(Elapsed::days(days.into())),
            other => {
                let hint = match other {
                    Delay::Months(months) => Some(days_for(months)),
                    Delay::Business(time) => {
                        let plain = Delay::Elapsed(time);
                        Some(format_smolstr!(
                            "write `{plain}`: time that passes, day and night"
                        ))
                    }
                    Delay::BusinessDays(days) => {
                        Some(format_smolstr!("write `{}`", Delay::Days(days)))
                    }
                    _ => None,
                };
                let why = "it must be plain time: seconds, minutes, hours, days or weeks";
                self.unfit(why, hint);
                None
            }
        }
    }

    /// A number of days.
    pub(crate) fn days(&self) -> Option<u32> {
        match self.forward_delay()? {
            Delay::Days(days) => u32::try_from(days).ok(),
            other => {
                let hint = match other {
                    Delay::Months(months) => days_for(months),
                    Delay::BusinessDays(days) => format_smolstr!("write `{}`", Delay::Days(days)),
                    _ => "write for instance `2 days` or `1 week`".into(),
                };
                self.unfit("it must be days or weeks", Some(hint));
                None
            }
        }
    }
}

/// A text with plain spaces in place of those of word processors.
fn with_plain_spaces(text: &str) -> String {
    text.replace(char::is_whitespace, " ")
}

/// A number of days that is about as long as some months.
fn days_for(months: i32) -> SmolStr {
    let days = Delay::Days(months.saturating_mul(30));
    format_smolstr!("months differ in length: write `{days}`")
}
