//! Documents in scenarios: attached in a step.

use smol_str::{SmolStr, format_smolstr};

use crate::decide::command::NewDocument;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};
use crate::record::document::Sha256;

/// `name = "Contrato.pdf", uri = "https://..", sha256 = ".."`; what isn't said is made up.
pub(super) fn read_new(section: &mut Section<'_>) -> NewDocument {
    let text = |node: Option<Node<'_>>| node.and_then(|node| node.text().map(SmolStr::from));
    let name = text(section.optional("name")).unwrap_or_else(|| "document.pdf".into());
    let uri = text(section.optional("uri"));
    let hash = section.optional("sha256");
    let hash = hash.and_then(|node| sha256(&node));
    let media_type = text(section.optional("media-type"));
    NewDocument {
        uri: uri.unwrap_or_else(|| format_smolstr!("file:{name}")),
        name,
        sha256: hash.unwrap_or(Sha256([0; 32])),
        media_type,
    }
}

fn sha256(node: &Node<'_>) -> Option<Sha256> {
    let text = node.text()?;
    let hash = text.parse();
    if hash.is_err() {
        let (expected, found) = ("64 hexadecimal digits", format_smolstr!("`{text}`"));
        node.fault(FaultKind::WrongType { expected, found }, None);
    }
    hash.ok()
}
