//! The work that both sides do: one whole SLA fire per lead.
//!
//! Load the lead and its contact; write the lead (260 B and its facts) with a new clock, the
//! contact (300 B), a message (250 B and its facts) and the command's journal entry (160 B).

use leadkit::ids::{CommandId, Id, Tenant};
use leadkit::store::Lane;
use leadkit::time::{Elapsed, Instant};

pub(crate) const LEAD_BYTES: usize = 260;
pub(crate) const CONTACT_BYTES: usize = 300;
pub(crate) const MESSAGE_BYTES: usize = 250;
pub(crate) const ENTRY_BYTES: usize = 160;
/// How long until a lead that fired is due again.
pub(crate) const AGAIN_HOURS: i64 = 24;

pub(crate) fn tenant() -> Tenant {
    Tenant::from("acme")
}

/// The lane in which everything waits.
pub(crate) fn lane() -> Lane {
    Lane {
        tenant: tenant(),
        name: "lane".into(),
    }
}

/// When everything is due.
pub(crate) fn now() -> Instant {
    Instant::default() + Elapsed::days(20_000)
}

fn command(number: u32) -> CommandId {
    CommandId::following(
        now() - Elapsed::days(1),
        &[b"register", &number.to_le_bytes()],
    )
}

pub(crate) fn lead_id(number: u32) -> Id {
    Id::derived(registered_at(number), &command(number), "lead", 0)
}

pub(crate) fn contact_id(number: u32) -> Id {
    Id::derived(registered_at(number), &command(number), "contact", 0)
}

fn registered_at(number: u32) -> Instant {
    now() - Elapsed::days(2) + Elapsed::milliseconds(i64::from(number) * 50)
}

/// When the lead of this number is due first: in another order than it was registered.
pub(crate) fn wakes_at(number: u32) -> Instant {
    now() - Elapsed::milliseconds(i64::from(number.wrapping_mul(7_919) % 86_400_000))
}

/// A body of this length that begins with these bytes.
pub(crate) fn body(begins: &[u8], length: usize) -> Vec<u8> {
    let mut body = begins.to_vec();
    body.extend((body.len()..length).map(|place| (place * 31 % 251) as u8));
    body
}

/// A lead's body begins with its contact's id.
pub(crate) fn new_lead(number: u32) -> Vec<u8> {
    body(contact_id(number).as_bytes(), LEAD_BYTES)
}

pub(crate) fn contact_of(lead: &[u8]) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&lead[..16]);
    Id::from_bytes(id)
}

/// What the rule makes of a body: one byte counts how often it fired.
pub(crate) fn fired(mut body: Vec<u8>) -> Vec<u8> {
    body[20] = body[20].wrapping_add(1);
    body
}

/// The command that wakes a lead, and the message that it makes.
pub(crate) fn wake(lead: Id, at: Instant) -> (CommandId, Id) {
    let micros = at.timestamp_micros().to_le_bytes();
    let command = CommandId::following(now(), &[b"wake", lead.as_bytes(), &micros]);
    (command, Id::derived(now(), &command, "message", 0))
}

/// A fact as both sides write it: the raw side straight into its column.
#[derive(Clone, Copy)]
pub(crate) enum Fact<'a> {
    Text(&'static str, &'a str),
    Bool(&'static str, bool),
    Count(&'static str, i32),
    At(&'static str, Instant),
}

/// The facts of a lead: 24 built-in ones, and two fields of the playbook's own.
pub(crate) fn lead_facts<'a>(contact: &'a str, owner: &'a str, fires: i32) -> [Fact<'a>; 26] {
    use Fact::{At, Bool, Count, Text};
    [
        Text("pipeline", "sale"),
        Text("stage", "contacting"),
        Bool("open", true),
        Text("source", "facebook-form"),
        Text("source.kind", "digital"),
        Text("owner", owner),
        Text("owner.role", "consultant"),
        Text("owner.team", "quito-north"),
        At("registered_at", now() - Elapsed::days(2)),
        At("assigned_at", now()),
        At("entered_at", now() - Elapsed::days(2)),
        Bool("answered", false),
        Count("attempts.total", fires),
        Count("attempts.reached", 0),
        Count("attempts.unanswered", fires),
        Count("reassignments", fires),
        Bool("held", false),
        Bool("set_aside", false),
        Bool("flagged", false),
        Count("tasks.open", 1),
        Text("registered_by", contact),
        Text("contact.email", "luis.vera@example.com"),
        Bool("contact.unsubscribed", false),
        Text("playbook", "5be2c0a94f1d7733"),
        Text("product", "x3"),
        Text("group", "3-6m"),
    ]
}

/// The facts of a message.
pub(crate) fn message_facts<'a>(lead: &'a str, contact: &'a str) -> [Fact<'a>; 8] {
    use Fact::{At, Text};
    [
        Text("state", "queued"),
        Text("template", "first-contact-overdue"),
        Text("class", "alert"),
        Text("channel", "mail"),
        Text("lead", lead),
        Text("to", contact),
        Text("from", "bea"),
        At("queued_at", now()),
    ]
}

/// The owner after so many fires.
pub(crate) fn owner(fires: u8) -> &'static str {
    ["ana", "bea", "carla", "diego"][usize::from(fires % 4)]
}
