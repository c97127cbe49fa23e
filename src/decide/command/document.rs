//! Documents to attach: where they lie, and the hash of what they are.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::record::document::Sha256;

/// A document to attach. The file lies where the host keeps files; a lead knows where, and its hash.
///
/// ```
/// use leadkit::decide::command::NewDocument;
/// use leadkit::record::document::Sha256;
/// let hash: Sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?;
/// let contract = NewDocument::new("Contrato.pdf", "https://files.example/4711", hash)
///     .media_type("application/pdf");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewDocument {
    /// What the file is called.
    pub name: SmolStr,
    /// Where it lies.
    pub uri: SmolStr,
    /// The hash of its bytes.
    pub sha256: Sha256,
    /// What sort of file it is, as in `application/pdf`.
    pub media_type: Option<SmolStr>,
}

impl NewDocument {
    /// A file of this name, which lies there and has this hash.
    pub fn new(name: impl Into<SmolStr>, uri: impl Into<SmolStr>, sha256: Sha256) -> Self {
        Self {
            name: name.into(),
            uri: uri.into(),
            sha256,
            media_type: None,
        }
    }

    /// Of this sort.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<SmolStr>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }
}
