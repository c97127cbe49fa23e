//! Links to a quote that a customer can be given: signed, and good until they expire (requirement M11).
//!
//! Whoever holds the link may see that version of that quote, and nobody can make one that was not
//! given to him. It holds no personal data. Key, time and the address of the host's page are
//! arguments: a host makes a link when it sends a quote, and verifies what its page is asked for.
//!
//! Opening a link shows the quote. It must not accept it: programs that look through mail open every
//! link. Acceptance is a form that is sent.
//!
//! ```
//! use leadkit::ids::{LeadId, Tenant};
//! use leadkit::link::{LinkKey, QuoteLink};
//! # fn main_(key: LinkKey, lead: LeadId, now: leadkit::time::Instant) -> Result<(), Box<dyn std::error::Error>> {
//! let quito = Tenant::from("quito");
//! let link = QuoteLink { tenant: quito.clone(), lead, version: 2, expires_at: now + leadkit::time::Elapsed::days(15) };
//! let address = link.sign(&key, "https://quotes.example/q");
//! let token = address.rsplit('/').next().unwrap_or_default();
//! assert_eq!(QuoteLink::verify(token, &key, &quito, now)?, link);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ids::{LeadId, Tenant};
use crate::time::Instant;

/// What a link leads to, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteLink {
    /// Whose quote.
    pub tenant: Tenant,
    /// Of which lead.
    pub lead: LeadId,
    /// Which version.
    pub version: u32,
    /// From when on it leads nowhere; whole seconds count.
    pub expires_at: Instant,
}

/// What links are signed with: a secret of the host's.
#[derive(Clone)]
pub struct LinkKey(Hmac<Sha256>);

/// A key that could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key has {found} bytes; make one of {least} or more, at random", least = LinkKey::LEAST_BYTES)]
pub struct ShortKey {
    /// How many bytes it has.
    pub found: usize,
}

impl LinkKey {
    /// How long a key must be.
    pub const LEAST_BYTES: usize = 32;

    /// The key of these bytes, which must be random.
    ///
    /// # Errors
    /// When there are fewer than [`LinkKey::LEAST_BYTES`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, ShortKey> {
        let secret = secret.as_ref();
        let short = ShortKey {
            found: secret.len(),
        };
        if secret.len() < Self::LEAST_BYTES {
            return Err(short);
        }
        Hmac::new_from_slice(secret).map(Self).map_err(|_| short)
    }
}

/// Shows nothing of the key.
impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(..)")
    }
}

/// Why a link leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It was not made with this key for this tenant, or something of it was changed.
    #[error("the link is not valid; ask for it to be sent again")]
    NotSigned,
    /// Its time is over.
    #[error("the link expired at {0}; ask for a new one")]
    Expired(Instant),
}

/// How much of a signature stands in a link, in bytes.
const SIGNATURE_BYTES: usize = 16;
/// Tells these signatures from others that a host makes with the same key.
const PURPOSE: &[u8] = b"leadkit quote link 1";

impl QuoteLink {
    /// The address under which the quote can be seen: the host's page, and the signed token behind it.
    #[must_use]
    pub fn sign(&self, key: &LinkKey, page: &str) -> String {
        let mut address = format!("{}/{}.", page.trim_end_matches('/'), self.said());
        let signature = self.signature(key).finalize().into_bytes();
        for byte in &signature[..SIGNATURE_BYTES] {
            // Writing into a text does not fail.
            let _ = write!(address, "{byte:02x}");
        }
        address
    }

    /// What a token of a tenant's page leads to, if it was signed with this key and has not expired.
    ///
    /// # Errors
    /// [`LinkError::NotSigned`], also for what is no token at all, and [`LinkError::Expired`].
    pub fn verify(
        token: &str,
        key: &LinkKey,
        tenant: &Tenant,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let (link, signature) = Self::read(token, tenant).ok_or(LinkError::NotSigned)?;
        // Compared in constant time: how long it takes tells nothing of how much was right.
        let mac = link.signature(key);
        mac.verify_truncated_left(&signature)
            .map_err(|_| LinkError::NotSigned)?;
        match now < link.expires_at {
            true => Ok(link),
            false => Err(LinkError::Expired(link.expires_at)),
        }
    }

    /// What stands in a token before its signature. The tenant does not: its page knows it.
    fn said(&self) -> String {
        let second = self.expires_at.timestamp();
        format!("{}.{}.{second}", self.lead, self.version)
    }

    fn signature(&self, key: &LinkKey) -> Hmac<Sha256> {
        let mut mac = key.0.clone();
        let parts: [&[u8]; 5] = [
            PURPOSE,
            self.tenant.as_str().as_bytes(),
            self.lead.0.as_bytes(),
            &self.version.to_be_bytes(),
            &self.expires_at.timestamp().to_be_bytes(),
        ];
        for part in parts {
            // Each with its length, so that no two lists of parts run together.
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            mac.update(&length.to_be_bytes());
            mac.update(part);
        }
        mac
    }

    fn read(token: &str, tenant: &Tenant) -> Option<(Self, [u8; SIGNATURE_BYTES])> {
        let (said, signature) = token.rsplit_once('.')?;
        let mut parts = said.split('.');
        let (lead, version, second) = (parts.next()?, parts.next()?, parts.next()?);
        let link = Self {
            tenant: tenant.clone(),
            lead: lead.parse().ok()?,
            version: version.parse().ok()?,
            expires_at: Instant::from_timestamp(second.parse().ok()?, 0)?,
        };
        // Each link has one token: what else reads as the same one was changed.
        let signature = bytes_of(signature).filter(|_| link.said() == said)?;
        Some((link, signature))
    }
}

/// The bytes that are written as two small hexadecimal digits each.
fn bytes_of(hex: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    if hex.len() != 2 * SIGNATURE_BYTES || !hex.bytes().all(is_digit) {
        return None;
    }
    let mut bytes = [0; SIGNATURE_BYTES];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}
