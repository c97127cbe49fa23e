//! Documents of a lead, by reference: where each version lies, and the hash of what it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::ids::Name;
use crate::record::lead::Moment;

/// The documents of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Documents {
    /// The kind, as the playbook names it.
    pub kind: Name,
    /// Its versions, the current one last. At most [`Documents::MOST_VERSIONS`]: the first ones are
    /// forgotten.
    pub versions: Vec<Document>,
}

/// A version of a document. The file itself lies where the host keeps files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Which version, from 1.
    pub version: u32,
    /// What the file is called.
    pub name: SmolStr,
    /// Where it lies.
    pub uri: SmolStr,
    /// The hash of its bytes.
    pub sha256: Sha256,
    /// What sort of file it is, as in `application/pdf`.
    pub media_type: Option<SmolStr>,
    /// When it was attached.
    pub attached: Moment,
    /// Who attached it.
    pub attached_by: SmolStr,
}

impl Documents {
    /// How many versions are kept.
    pub const MOST_VERSIONS: usize = 8;

    /// The current version.
    #[must_use]
    pub fn current(&self) -> Option<&Document> {
        self.versions.last()
    }
}

impl Document {
    /// How long a name can be, in bytes.
    pub const LONGEST_NAME: usize = 256;
    /// How long an address can be, in bytes.
    pub const LONGEST_URI: usize = 2048;
    /// How long a media type can be, in bytes.
    pub const LONGEST_MEDIA_TYPE: usize = 127;
}

/// The SHA-256 of a file's bytes, said and shown in hexadecimal digits.
///
/// ```
/// use leadkit::record::document::Sha256;
/// let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let hash: Sha256 = of_nothing.parse()?;
/// assert_eq!(hash.to_string(), of_nothing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sha256(pub [u8; 32]);

/// Why a text is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits, as sha256sum writes it")]
pub struct NotASha256;

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotASha256);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotASha256)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotASha256)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}
