//! The offsets of times in scenarios: where clocks change, one that is right in winter is an hour off in
//! summer, and the scenario plays all the same.

use chrono::{DateTime, FixedOffset};
use smol_str::format_smolstr;

use super::names::{keyed, text_of};
use super::told::moment;
use crate::calendar::Zone;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::read::{Node, Section};

/// Reports the times in a file whose offset is neither UTC's nor that which the playbook's zone, or one
/// of its calendars', has then.
pub(super) fn check(root: &Section<'_>, playbook: &Playbook) {
    let of_calendars = playbook.calendars.iter().map(|known| known.calendar.zone());
    let zones: Vec<&Zone> = std::iter::once(&playbook.zone)
        .chain(of_calendars)
        .collect();
    for (_, node) in root.keyed() {
        check_in(&node, &zones);
    }
}

fn check_in(node: &Node<'_>, zones: &[&Zone]) {
    for node in node.list() {
        let said = node.datetime().or_else(|| text_of(&node).map(String::from));
        let at = said.and_then(|said| DateTime::parse_from_rfc3339(&said).ok());
        if let Some(at) = at {
            check_one(&node, at, zones);
        }
        for (_, node) in keyed(&node) {
            check_in(&node, zones);
        }
    }
}

fn check_one(node: &Node<'_>, at: DateTime<FixedOffset>, zones: &[&Zone]) {
    let has = |zone: &&Zone| zone.to_local(at.to_utc()) == at.naive_local();
    let Some(zone) = zones.first().filter(|_| !zones.iter().any(has)) else {
        return;
    };
    if at.offset().local_minus_utc() == 0 {
        return;
    }
    let is = moment(zone, at.to_utc());
    let kind = FaultKind::Scenario(format_smolstr!("in {} it is {is} then", zone.name()));
    let meant = moment(zone, zone.from_local(at.naive_local()));
    let hint = format_smolstr!("write `{meant}`; or `{is}`, if the instant is right");
    node.fault(kind, Some(hint));
}
