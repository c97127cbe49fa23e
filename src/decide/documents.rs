//! Documents: attached by reference, in versions (requirement M12).

use smol_str::{SmolStr, format_smolstr};

use crate::decide::Stop;
use crate::decide::command::NewDocument;
use crate::decide::draft::Draft;
use crate::decide::life::{begin_anew, touch};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::rule::Anchor;
use crate::record::Lead;
use crate::record::document::{Document, Documents};
use crate::record::journal::Event;

/// Attaches a document, or a new version of it. The very file that is the current version already is
/// refused: it would begin anew whatever counts from the document.
pub(crate) fn attach(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    kind: &Name,
    new: &NewDocument,
) -> Result<(), Stop> {
    let playbook = draft.playbook;
    if playbook.document(kind).is_none() {
        let known = playbook.documents.iter().map(|spec| &spec.name);
        return Err(Refusal::unknown("document", kind, known).into());
    }
    check(new)?;
    let current = lead.document(kind);
    if let Some(current) = current {
        is_another(draft, kind, current, new)?;
    }
    let version = current.map_or(0, |current| current.version);
    let version = version.saturating_add(1);
    let document = Document {
        version,
        name: new.name.clone(),
        uri: new.uri.clone(),
        sha256: new.sha256,
        media_type: new.media_type.clone(),
        attached: draft.moment(),
        attached_by: format_smolstr!("{}", draft.actor),
    };
    let of_kind = of_kind(lead, kind);
    of_kind.versions.push(document);
    let too_many = of_kind.versions.len();
    let too_many = too_many.saturating_sub(Documents::MOST_VERSIONS);
    of_kind.versions.drain(..too_many);
    begin_anew(draft, lead, &Anchor::Attached(kind.clone()));
    touch(draft, lead);
    draft.happened(Event::DocumentAttached {
        lead: lead.id,
        kind: kind.clone(),
        version,
        sha256: new.sha256,
    });
    Ok(())
}

/// Refuses what is missing, or too long to be kept; all of it at once.
fn check(new: &NewDocument) -> Result<(), Refusal> {
    let mut gaps = Gaps::default();
    for (input, text, most_bytes) in [
        ("name", &new.name, Document::LONGEST_NAME),
        ("uri", &new.uri, Document::LONGEST_URI),
    ] {
        if is_blank(text) {
            gaps.add(input, Problem::Missing);
        }
        gaps.add_too_long(input, Some(text), most_bytes);
    }
    let media_type = new.media_type.as_ref().map(SmolStr::as_str);
    gaps.add_too_long("media-type", media_type, Document::LONGEST_MEDIA_TYPE);
    gaps.told()
}

/// Refuses the current version once more, and what is reported late of a time before it.
fn is_another(
    draft: &Draft<'_>,
    kind: &Name,
    current: &Document,
    new: &NewDocument,
) -> Result<(), Refusal> {
    let version = current.version;
    if current.sha256 == new.sha256 && current.uri == new.uri {
        let document = kind.clone();
        return Err(Refusal::AttachedAlready { document, version });
    }
    if draft.happened_at < draft.now && current.attached.at > draft.happened_at {
        return Err(Refusal::Overtaken {
            what: "document",
            is: format_smolstr!("{kind}, version {version}"),
            since: current.attached.at,
        });
    }
    Ok(())
}

/// The documents of a kind, of which there may have been none.
fn of_kind<'l>(lead: &'l mut Lead, kind: &Name) -> &'l mut Documents {
    let place = lead.documents.iter().position(|of| of.kind == *kind);
    let place = place.unwrap_or_else(|| {
        let (kind, versions) = (kind.clone(), Vec::new());
        lead.documents.push(Documents { kind, versions });
        lead.documents.len() - 1
    });
    &mut lead.documents[place]
}
