//! Documents in rows. What a history no longer knows of a file is made up, as in scenarios: nobody looks for
//! the file in a rehearsal.

use leadkit::decide::command::{LeadOrder, NewDocument};
use leadkit::record::document::Sha256;
use smol_str::{SmolStr, format_smolstr};

use super::fault::{Unfit, ValueFault};
use super::map::CommandMap;
use super::row::{RowReading, named};

impl RowReading<'_> {
    /// The document that a row attaches.
    pub(super) fn document(&self, command: &CommandMap) -> Result<LeadOrder, ValueFault> {
        let kinds = self.playbook.documents.iter();
        let mut kinds = kinds.map(|spec| (&spec.name, spec.label.as_str()));
        let document = named("document", &self.needed(command, "document")?, &mut kinds)?;
        let said = |name: &str| self.said(command, name).map(SmolStr::from);
        let name = SmolStr::from(self.needed(command, "name")?);
        let sha256 = said("sha256").map(|text| {
            let hash = text.parse::<Sha256>();
            hash.map_err(|_| ValueFault::unfit("sha256", &text, Unfit::NoHash))
        });
        let file = NewDocument {
            uri: said("uri").unwrap_or_else(|| format_smolstr!("file:{name}")),
            name,
            sha256: sha256.transpose()?.unwrap_or(Sha256([0; 32])),
            media_type: said("media-type"),
        };
        let file = Box::new(file);
        Ok(LeadOrder::Attach { document, file })
    }
}
