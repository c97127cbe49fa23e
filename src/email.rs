//! E-mail addresses: when one is valid, and when two are the same (requirement F6).

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize};
use smol_str::{SmolStr, format_smolstr};
use unicode_normalization::UnicodeNormalization;

use crate::told::shortened_to;

/// A valid e-mail address, as it was given but for surrounding blanks, and composed (NFC).
///
/// ```
/// use leadkit::email::Email;
/// let given: Email = " Luis.Vera@Example.com ".parse()?;
/// assert_eq!(given.as_str(), "Luis.Vera@Example.com");
/// assert_eq!(given.key(), "luis.vera@example.com");
/// # Ok::<(), leadkit::email::InvalidEmail>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(SmolStr);

/// What comes from outside, in a form that people read (JSON, TOML), is parsed. What comes back
/// from a store, in postcard, was parsed when it was taken in: it is not asked again, so that a
/// lead stays readable when the rules for new addresses become stricter.
impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let comes_from_outside = deserializer.is_human_readable();
        let text = SmolStr::deserialize(deserializer)?;
        match comes_from_outside {
            true => text.parse().map_err(serde::de::Error::custom),
            false => Ok(Self(text)),
        }
    }
}

/// A text that is no e-mail address that mail can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no e-mail address")]
pub struct InvalidEmail {
    text: SmolStr,
}

impl Email {
    /// The longest address that SMTP carries (RFC 5321, 4.5.3.1.3), in bytes.
    pub const LONGEST: usize = 254;

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two addresses the same: lower case throughout, the domain in its ASCII form.
    /// Dots and plus-tags are kept apart.
    #[must_use]
    pub fn key(&self) -> SmolStr {
        let local: SmolStr = self.local().chars().flat_map(char::to_lowercase).collect();
        format_smolstr!("{local}@{}", self.domain_ascii())
    }

    /// The part before the `@`, as it was given.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The domain in the form in which mail servers know it: ASCII, lower case.
    #[must_use]
    pub fn domain_ascii(&self) -> SmolStr {
        let domain = self.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        // A valid address has such a form; that was asked when it was read.
        to_ascii(domain).unwrap_or_else(|| domain.into())
    }

    /// How this very address may be written, but for capitals: as it was given, and with its domain in
    /// ASCII or in the letters that stand for it. For looking up what somebody else wrote down.
    ///
    /// ```
    /// use leadkit::email::Email;
    /// let given: Email = "ana@xn--mller-kva.example".parse()?;
    /// assert_eq!(given.spellings(), ["ana@xn--mller-kva.example", "ana@müller.example"]);
    /// # Ok::<(), leadkit::email::InvalidEmail>(())
    /// ```
    #[must_use]
    pub fn spellings(&self) -> Vec<SmolStr> {
        let mut spellings = vec![self.0.clone()];
        let ascii = self.domain_ascii();
        // A domain in other letters has a part that begins so.
        if ascii.contains("xn--") {
            let letters = Uts46::new().to_unicode(ascii.as_bytes(), PUNCTUATION, Hyphens::Allow);
            for domain in [ascii.as_str(), &letters.0] {
                let spelling = format_smolstr!("{}@{domain}", self.local());
                if !spellings.contains(&spelling) {
                    spellings.push(spelling);
                }
            }
        }
        spellings
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let given = text.trim();
        if is_plain(given) {
            return Ok(Self(given.into()));
        }
        let composed: SmolStr = given.nfc().take(Self::LONGEST + 1).collect();
        if is_sendable(&composed) {
            Ok(Self(composed))
        } else {
            Err(InvalidEmail {
                // An error shows what it was given, but not ten megabytes of it.
                text: shortened_to(given, 80),
            })
        }
    }
}

/// Whether an address is of the plain sort that nearly all are of: letters, digits and the usual
/// marks in ASCII. Those are sendable, and composed; the whole check takes many times as long,
/// and imports are large.
fn is_plain(text: &str) -> bool {
    const LONGEST_PART: usize = 64;
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
        !atom.is_empty() && atom.bytes().all(fits)
    };
    // Two hyphens may announce a domain in another script.
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.len() < LONGEST_PART
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.contains("--")
    };
    let Some((_, last)) = domain.rsplit_once('.') else {
        return false;
    };
    text.len() <= Email::LONGEST
        && local.len() <= LONGEST_PART
        && local.split('.').all(is_atom)
        && domain.split('.').all(is_label)
        && last.len() > 1
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_sendable(text: &str) -> bool {
    let options = Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    let Some((_, domain)) = text.rsplit_once('@') else {
        return false;
    };
    text.len() <= Email::LONGEST
        && !text.contains(char::is_control)
        && EmailAddress::parse_with_options(text, options).is_ok()
        && to_ascii(domain).is_some()
}

/// What means something in a header and nothing in a domain. Some characters turn into several
/// in ASCII: `⑴` would begin a comment in brackets. Underscores occur.
const PUNCTUATION: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

fn to_ascii(domain: &str) -> Option<SmolStr> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        PUNCTUATION,
        Hyphens::Allow,
        DnsLength::Verify,
    );
    Some(ascii.ok()?.as_ref().into())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SmolStr {
        text.parse::<Email>().unwrap().key()
    }

    #[test]
    fn case_blanks_and_the_form_of_the_domain_make_no_difference() {
        assert_eq!(key("Ana@Example.COM"), key("  ana@example.com\t"));
        assert_eq!(key("ana@müller.example"), key("ANA@xn--mller-kva.example"));
        assert_eq!(key("josé@example.com"), key("JOSE\u{301}@example.com"));
    }

    #[test]
    fn a_domain_that_means_something_else_in_ascii_has_none() {
        assert_eq!(
            to_ascii("my_host.Müller.example").unwrap(),
            "my_host.xn--mller-kva.example"
        );
        for odd in [
            "example⑴.com",
            "㈠.com",
            "a＞.com",
            "a，b.com",
            "a\u{3000}b.com",
            "a..com",
        ] {
            assert_eq!(to_ascii(odd), None, "{odd}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_plain_address_would_pass_the_whole_check(
            text in "[a-z0-9A-Z._+-]{1,6}@([a-z0-9A-Z-]{1,5}\\.){0,3}[a-zA-Z0-9-]{1,4}"
        ) {
            let composed: SmolStr = text.nfc().collect();
            proptest::prop_assert!(!is_plain(&text) || is_sendable(&composed), "{text}");
            proptest::prop_assert!(!is_plain(&text) || composed == text);
        }
    }

    #[test]
    fn everyday_addresses_are_plain() {
        for text in ["ana@example.com", "luis.vera+x3@mail.autos-del-valle.mx"] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "ana@localhost",
            "ana@xn--mller-kva.example",
            "a..na@example.com",
            ".ana@example.com",
            "ana@-example.com",
            "ana@example.c0m",
            "josé@example.com",
        ] {
            assert!(!is_plain(text), "{text}");
        }
        let longest = |letters| format!("{}@example.com", "a".repeat(letters));
        assert!(is_plain(&longest(64)) && is_sendable(&longest(64)));
        assert!(!is_plain(&longest(65)));
    }

    #[test]
    fn dots_and_tags_do() {
        assert_ne!(key("a.na@example.com"), key("ana@example.com"));
        assert_ne!(key("ana+x3@example.com"), key("ana@example.com"));
    }

    #[test]
    fn an_address_from_outside_is_parsed_and_one_from_a_store_is_not_asked_again() {
        let from_outside = serde_json::from_str::<Email>(r#"" Ana@example.com ""#);
        assert_eq!(from_outside.unwrap().as_str(), "Ana@example.com");
        assert!(serde_json::from_str::<Email>(r#""no address""#).is_err());
        assert!(toml::from_str::<std::collections::BTreeMap<String, Email>>("a = 'b'").is_err());

        // As if an earlier version had taken it in.
        let once_fine = postcard::to_stdvec("ana@once-fine").unwrap();
        let read: Email = postcard::from_bytes(&once_fine).unwrap();
        assert_eq!(read.as_str(), "ana@once-fine");
        assert_eq!(read.key(), "ana@once-fine");
        assert_eq!(postcard::to_stdvec(&read).unwrap(), once_fine);
    }

    #[test]
    fn what_cannot_be_mailed_is_refused() {
        for text in [
            "",
            "ana",
            "ana@",
            "@example.com",
            "a b@example.com",
            "ana@localhost",
            "Ana <ana@example.com>",
            "ana@[127.0.0.1]",
            "ana@example⑴.com",
            "ana@㈠.com",
            "ana@example.com\r\nBcc: x@y.zz",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?} was taken");
        }
        let endless = format!("{}@example.com", "a".repeat(10_000_000));
        assert!(endless.parse::<Email>().unwrap_err().to_string().len() < 400);
    }
}
