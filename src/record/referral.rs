//! Referrals: the code with which somebody refers, and what a lead keeps of who referred it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::{AgentId, CommandId, Name, hash128};
use crate::letters::{unmistakable, unmistakable_in};
use crate::money::Money;
use crate::record::lead::Moment;

/// A referral code: a few letters and digits of which nobody takes one for another.
///
/// However it is typed, it reads as the same one: in small letters, with spaces or hyphens, `O` for `0`.
///
/// ```
/// use leadkit::record::referral::ReferralCode;
/// let code: ReferralCode = "7k3-mop".parse()?;
/// assert_eq!(code.as_str(), "7K3M0P");
/// # Ok::<(), leadkit::record::referral::NotACode>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReferralCode(SmolStr);

/// A text that is no referral code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a referral code is of letters and digits, at most {most}", most = ReferralCode::MOST_LETTERS)]
pub struct NotACode;

impl ReferralCode {
    /// How many letters a code can have.
    pub const MOST_LETTERS: u32 = 12;

    /// The `nth` code that a command draws: the same command, the same codes.
    #[must_use]
    pub fn drawn(command: CommandId, nth: u32, letters: u32) -> Self {
        let parts: [&[u8]; 3] = [b"referral code", command.0.as_bytes(), &nth.to_le_bytes()];
        let bits = u128::from_be_bytes(hash128(&parts));
        Self(unmistakable(bits, letters.min(Self::MOST_LETTERS)).into())
    }

    /// The same, as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReferralCode {
    type Err = NotACode;

    fn from_str(said: &str) -> Result<Self, NotACode> {
        let said = said.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let letters: Option<String> = said.map(unmistakable_in).collect();
        let letters = letters.ok_or(NotACode)?;
        match u32::try_from(letters.len()) {
            Ok(1..=Self::MOST_LETTERS) => Ok(Self(letters.into())),
            _ => Err(NotACode),
        }
    }
}

impl fmt::Display for ReferralCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who referred a lead, and what that was rewarded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// Who.
    pub referrer: AgentId,
    /// The role of that agent when the lead was registered.
    pub role: Name,
    /// With which code.
    pub code: ReferralCode,
    /// The reward: one for the lead, whatever becomes of it afterwards.
    pub reward: Option<Reward>,
}

/// What a referral was rewarded with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// How much.
    pub amount: Money,
    /// When it was recorded.
    pub at: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_command_draws_the_same_codes_each_time_and_each_another_one() {
        let command = CommandId::of("rita asks");
        let code = ReferralCode::drawn(command, 0, 6);
        assert_eq!(code, ReferralCode::drawn(command, 0, 6));
        assert_ne!(code, ReferralCode::drawn(command, 1, 6));
        assert_ne!(code, ReferralCode::drawn(CommandId::of("raul asks"), 0, 6));
    }

    #[test]
    fn what_is_none_is_no_code() {
        for text in ["", " - ", "7K3M0PU", "7K3M0P7K3M0P7", "ñ", "7K3.0P"] {
            assert_eq!(text.parse::<ReferralCode>(), Err(NotACode), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_code_reads_as_it_is_however_it_is_typed(text in "[a-z]{1,20}", letters in 1..=12_u32) {
            let code = ReferralCode::drawn(CommandId::of(&text), 0, letters);
            prop_assert_eq!(code.as_str().len(), letters as usize);
            let (small, mistaken) = (code.as_str().to_lowercase(), code.as_str().replace('0', "O"));
            let (mistaken, apart) = (mistaken.replace('1', "l"), format!(" {}-", code.as_str()));
            for typed in [small, mistaken, apart] {
                prop_assert_eq!(typed.parse(), Ok(code.clone()));
            }
        }
    }
}
