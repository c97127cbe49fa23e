//! Laws: what must hold of a lead that comes into a stage or leaves one, whatever the way.
//!
//! A law is asked of the lead as it would be after that: in its new stage, and closed or reopened, if
//! the move does so. Whoever lets a lead come into a stage asks here: moves of people and rules,
//! registrations, adoptions that map stages. So does whoever sets fields of a lead where it stands. What
//! happens can't be refused: a law that a lead comes to break by time, or by an event, refuses nothing,
//! and the rule that it was read into notes that.

use std::mem;

use crate::decide::draft::Draft;
use crate::decide::refusal::{Missing, Refusal};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::law::Law;
use crate::record::Lead;
use crate::record::fields::Fields;

/// Refuses a lead that comes into its stage without having moved there, if that would break a law.
pub(crate) fn allow_entry(draft: &Draft<'_>, lead: &Lead) -> Result<(), Refusal> {
    let broken = broken(draft, lead, |law| law.is_for_entering(lead));
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Refusal::Missing(broken)),
    }
}

/// The laws that a lead breaks by the move that brought it to its stage.
pub(crate) fn broken_by_move(draft: &Draft<'_>, lead: &Lead) -> Vec<Missing> {
    broken(draft, lead, |law| {
        law.is_for_entering(lead) || law.is_for_leaving(lead)
    })
}

/// The laws that a lead breaks where it stands: whoever changes it otherwise than by moving it must not
/// add to them.
pub(crate) fn broken_where_it_stands(draft: &Draft<'_>, lead: &Lead) -> Vec<Missing> {
    broken(draft, lead, |law| law.is_for_standing(lead))
}

/// Refuses fields by which a lead has come to break a law where it stands. What else became of it happened, and
/// is not refused: a law that it would break with its earlier fields, too, is not broken by these.
pub(crate) fn allow_fields(
    draft: &Draft<'_>,
    lead: &mut Lead,
    earlier: &Fields,
) -> Result<(), Refusal> {
    if lead.fields == *earlier {
        return Ok(());
    }
    let mut broken = broken_where_it_stands(draft, lead);
    if broken.is_empty() {
        return Ok(());
    }
    let fields = mem::replace(&mut lead.fields, earlier.clone());
    let broken_anyway = broken_where_it_stands(draft, lead);
    lead.fields = fields;
    broken.retain(|law| !broken_anyway.contains(law));
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Refusal::Missing(broken)),
    }
}

/// Judged as needs are: as of when it is said to have happened.
fn broken(draft: &Draft<'_>, lead: &Lead, is_asked: impl Fn(&Law) -> bool) -> Vec<Missing> {
    let (playbook, now) = (draft.playbook, draft.happened_at);
    let facts = LeadFacts {
        playbook,
        lead,
        now,
    };
    let asked = playbook.laws.iter().filter(|law| is_asked(law));
    let broken = asked.filter(|law| !law.condition.holds(&facts, now));
    let told = broken.map(|law| Missing {
        need: law.name.clone(),
        text: law.text.clone(),
    });
    told.collect()
}
