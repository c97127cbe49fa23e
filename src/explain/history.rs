//! The history: each event of the journal as a line.

use smol_str::{SmolStr, format_smolstr};

use super::{Line, Telling};
use crate::agenda::counts;
use crate::ids::{Id, Name};
use crate::playbook::rule::Anchor;
use crate::record::Quote;
use crate::record::contact::ContactPart;
use crate::record::journal::{Event, JournalEntry};
use crate::record::lead::{Closed, How};
use crate::record::message::{DropReason, Message, Recipient};
use crate::record::pool::{PassedOver, Reasons};
use crate::time::Instant;
use crate::told::shortened;
use crate::value::ValueRef;

/// What stands before the number of an occurrence.
pub(super) const NUMBERED: &str = " (no. ";
/// What stands before an instant at which something is, or was, due.
pub(super) const DUE: &str = ", due ";

/// What a line says, and why, where there is more to say.
type Told = Option<(SmolStr, Option<SmolStr>)>;

impl Telling<'_> {
    /// In the order in which it happened; what happened at one instant, as it was recorded.
    pub(super) fn history(&self) -> Vec<Line> {
        let mut entries = Vec::with_capacity(self.past.entries.len());
        let mut recorded = Instant::MIN_UTC;
        for entry in &self.past.entries {
            // A clock that jumped back changes no order.
            recorded = recorded.max(entry.at);
            entries.push((entry.happened_at.unwrap_or(recorded), entry));
        }
        entries.sort_by_key(|(happened, _)| *happened);
        let registration = (self.past.older > 0).then(|| self.registration());
        let lines = entries.into_iter().flat_map(|(_, entry)| self.entry(entry));
        registration.into_iter().chain(lines).collect()
    }

    /// How the lead came, as far as the lead itself knows: its entry is too old to be told.
    fn registration(&self) -> Line {
        let registered = self.lead.registered;
        let is_late = registered.at != registered.recorded;
        let by = self.lead.registered_by.as_ref();
        Line {
            at: self.local(registered.recorded),
            happened_at: is_late.then(|| self.local(registered.at)),
            who: by.map(|by| by.as_str().into()).unwrap_or_default(),
            what: told_registered(self.lead.source.as_ref()),
            why: None,
        }
    }

    fn entry(&self, entry: &JournalEntry) -> Vec<Line> {
        let lines = entry.events.iter().filter_map(|event| {
            let told = self.of_lead(event);
            let told = told.or_else(|| self.of_quotes(event));
            let told = told.or_else(|| self.of_referrals(event));
            let told = told.or_else(|| self.of_work(event));
            let told = told.or_else(|| self.of_tasks(event));
            let told = told.or_else(|| self.of_contact(event));
            let told = told.or_else(|| self.of_rules(event, entry.at));
            let told = told.or_else(|| self.of_messages(event, entry.at));
            let (what, why) = told.or_else(|| self.of_failures(event, entry.at))?;
            Some(Line {
                at: self.local(entry.at),
                happened_at: entry.happened_at.map(|at| self.local(at)),
                who: format_smolstr!("{}", entry.actor),
                what,
                why,
            })
        });
        lines.collect()
    }

    /// What an event says of the lead; nothing for events about other leads.
    fn of_lead(&self, event: &Event) -> Told {
        let id = self.lead.id;
        let plain = |text: SmolStr| Some((text, None));
        match event {
            Event::Registered { lead, source, into } if *lead == id => {
                let registered = told_registered(source.as_ref());
                plain(format_smolstr!("{registered} into {}.{}", into.0, into.1))
            }
            Event::Assigned {
                lead,
                to,
                from,
                reasons,
            } if *lead == id => {
                let from = from
                    .as_ref()
                    .map(|from| format!(", before {from}"))
                    .unwrap_or_default();
                Some((
                    format_smolstr!("assigned to {to}{from}"),
                    reasons.as_deref().map(told_reasons),
                ))
            }
            Event::GivenUp { lead, from } if *lead == id => Some((
                "nobody's now".into(),
                Some(format_smolstr!("{from} left, and nobody could take it")),
            )),
            Event::NobodyEligible { lead, reasons } if *lead == id => Some((
                format_smolstr!("nobody in the pool {} could have it", reasons.pool),
                Some(told_reasons(reasons)),
            )),
            Event::HeirPassedOver { lead, heir, why } if *lead == id => Some((
                format_smolstr!("{heir} could not succeed the owner"),
                Some(format_smolstr!("{heir} {}", told_passed(*why))),
            )),
            Event::Attempted { lead, reached } if *lead == id => {
                plain(SmolStr::new_static(if *reached {
                    "contact reached"
                } else {
                    "contact tried, no answer"
                }))
            }
            Event::Answered { lead } if *lead == id => plain("the contact answered".into()),
            Event::Recorded { lead, activity } if *lead == id => {
                plain(format_smolstr!("recorded: {activity}"))
            }
            Event::Moved { lead, from, to } if *lead == id => {
                plain(format_smolstr!("moved from {} to {}", from.1, to.1))
            }
            Event::WaitSet {
                lead,
                group,
                wait_days,
            } if *lead == id => plain(format_smolstr!("waits in {group}, {wait_days} days")),
            Event::Closed {
                lead,
                outcome,
                number,
            } if *lead == id => {
                let why = self.reason_of_end(*number);
                Some((format_smolstr!("closed: {outcome}"), why.cloned()))
            }
            Event::Reopened { lead } if *lead == id => plain("reopened".into()),
            Event::Held { lead, hold } if *lead == id => plain(format_smolstr!("held: {hold}")),
            Event::Released { lead, hold } if *lead == id => {
                plain(format_smolstr!("released: {hold}"))
            }
            Event::FieldsSet { lead, fields } if *lead == id => {
                let values = self.values_set(event, fields);
                let fields: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
                Some((format_smolstr!("set {}", fields.join(", ")), values))
            }
            Event::Flagged { lead, flag } if *lead == id => {
                plain(format_smolstr!("flagged: {}", flag.as_str()))
            }
            Event::LeadAdopted { lead, playbook } if *lead == id => {
                plain(format_smolstr!("taken over by playbook {playbook}"))
            }
            Event::OwnerFollowed { lead } if *lead == id => {
                plain("owner's role and team renewed".into())
            }
            _ => None,
        }
    }

    /// What fields were set to. What people type stands on the lead and never in the journal, so this is known
    /// of what was set last; of what it was before, it is not.
    fn values_set(&self, event: &Event, fields: &[Name]) -> Option<SmolStr> {
        let events = self.past.entries.iter().flat_map(|entry| &entry.events);
        let mut later = events.skip_while(|other| !std::ptr::eq(*other, event));
        later.next();
        let later: Vec<&Name> = later
            .filter_map(|other| match other {
                Event::FieldsSet { lead, fields } if *lead == self.lead.id => Some(fields),
                _ => None,
            })
            .flatten()
            .collect();
        let last = fields.iter().filter(|field| !later.contains(field));
        let told: Vec<String> = last
            .map(|field| match self.lead.fields.value(field) {
                Some(ValueRef::Instant(at)) => format!("{field} = {}", self.local(at)),
                Some(value) => format!("{field} = {}", shortened(&value.to_string())),
                None => format!("{field} taken away"),
            })
            .collect();
        (!told.is_empty()).then(|| told.join(", ").into())
    }

    fn of_quotes(&self, event: &Event) -> Told {
        match event {
            Event::QuoteMade { lead, version } if *lead == self.lead.id => {
                let quote = self.quote(*version);
                let told = quote.map(|quote| {
                    let total = self.playbook.quoting.amount(quote.total);
                    let last_day = quote.last_day(&self.playbook.zone);
                    format_smolstr!("{}: {total}, valid through {last_day}", quote.number)
                });
                Some((format_smolstr!("quote made, version {version}"), told))
            }
            Event::QuoteReplied {
                lead,
                version,
                says,
            } if *lead == self.lead.id => {
                let reply = self.quote(*version).and_then(|quote| quote.reply.as_ref());
                let why = reply.and_then(|reply| reply.reason.clone());
                let says = says.as_str();
                Some((format_smolstr!("quote {says}, version {version}"), why))
            }
            _ => None,
        }
    }

    fn of_referrals(&self, event: &Event) -> Told {
        match event {
            Event::Referred { lead, by, code } if *lead == self.lead.id => Some((
                format_smolstr!("referred by {by}"),
                Some(format_smolstr!("the code {code}")),
            )),
            Event::Rewarded {
                lead,
                referrer,
                amount,
            } if *lead == self.lead.id => {
                let amount = self.playbook.quoting.amount(*amount);
                Some((format_smolstr!("{referrer} rewarded with {amount}"), None))
            }
            _ => None,
        }
    }

    fn of_work(&self, event: &Event) -> Told {
        let id = self.lead.id;
        let label = |kind: &Name| SmolStr::from(self.playbook.appointment_label(kind));
        match event {
            Event::AppointmentBooked {
                lead,
                kind,
                at,
                with,
                ..
            } if *lead == id => {
                let with = with.as_ref().map(|with| format_smolstr!("with {with}"));
                let (label, at) = (label(kind), self.local(*at));
                Some((format_smolstr!("{label} booked for {at}"), with))
            }
            Event::AppointmentMoved { lead, kind, to, .. } if *lead == id => {
                let (label, to) = (label(kind), self.local(*to));
                Some((format_smolstr!("{label} moved to {to}"), None))
            }
            Event::AppointmentEnded {
                lead, kind, how, ..
            } if *lead == id => {
                let label = label(kind);
                Some((format_smolstr!("{label} {}", how.as_str()), None))
            }
            Event::VisitRecorded {
                zone,
                week,
                visit,
                result,
                lead: Some(lead),
            } if *lead == id => {
                let told = format_smolstr!("came of the visit {visit} in {zone}, {week}");
                let spec = self.playbook.visits.as_ref();
                let label = spec.and_then(|spec| Some(spec.result(result)?.label.clone()));
                Some((told, label))
            }
            Event::FeedbackGiven { lead, kind, number } if *lead == id => {
                let mut of_kind = self.lead.appointments.iter();
                let of_kind = of_kind.find(|of| of.kind == *kind);
                let mut kept = of_kind.into_iter().flat_map(|of| &of.latest);
                let kept = kept.find(|one| one.number == *number);
                let says = kept.and_then(|one| Some(one.feedback.as_ref()?.says.clone()));
                Some((format_smolstr!("feedback given on {}", label(kind)), says))
            }
            Event::DocumentAttached {
                lead,
                kind,
                version,
                ..
            } if *lead == id => {
                let label = self.playbook.document_label(kind);
                let told = format_smolstr!("attached: {label}, version {version}");
                let mut of_kind = self.lead.documents.iter();
                let of_kind = of_kind.find(|of| of.kind == *kind);
                let mut kept = of_kind.into_iter().flat_map(|of| &of.versions);
                let kept = kept.find(|one| one.version == *version);
                Some((told, kept.map(|one| one.name.clone())))
            }
            Event::ErrandLeft { lead, action, .. } if *lead == id => {
                Some((format_smolstr!("errand left for the host: {action}"), None))
            }
            _ => None,
        }
    }

    /// A version of the quote, as long as it is kept.
    fn quote(&self, version: u32) -> Option<&Quote> {
        let mut quotes = self.lead.quotes.iter();
        quotes.find(|quote| quote.version == version)
    }

    fn of_tasks(&self, event: &Event) -> Told {
        let id = self.lead.id;
        let plain = |text: SmolStr| Some((text, None));
        match event {
            Event::TaskOpened { lead, task, due_at } if *lead == id => {
                let due = due_at
                    .map(|due_at| format!("{DUE}{}", self.local(due_at)))
                    .unwrap_or_default();
                plain(format_smolstr!("task opened: {task}{due}"))
            }
            Event::TaskEnded {
                lead,
                task,
                how,
                kept,
                choice,
            } if *lead == id => {
                let how = match (how, kept) {
                    (How::Done, true) => "done",
                    (How::Done, false) => "done late",
                    (How::Missed, _) => "missed",
                    (How::Dropped, _) => "dropped",
                };
                let choice = choice
                    .as_ref()
                    .map(|choice| format!(": {choice}"))
                    .unwrap_or_default();
                plain(format_smolstr!("task {how}: {task}{choice}"))
            }
            _ => None,
        }
    }

    /// Why it came to this end, of all that it had.
    fn reason_of_end(&self, number: u32) -> Option<&SmolStr> {
        let lead = self.lead;
        let is_last = |closed: &&Closed| closed.number == number;
        if lead.closed.as_ref().filter(is_last).is_some() {
            return lead.reason.as_ref();
        }
        let earlier = &lead.earlier_reasons;
        let found = earlier.iter().find(|earlier| earlier.number == number)?;
        Some(&found.reason)
    }

    fn of_contact(&self, event: &Event) -> Told {
        let id = self.lead.id;
        let plain = |text: SmolStr| Some((text, None));
        match event {
            Event::ContactDiffers { lead, what } if *lead == id => plain(format_smolstr!(
                "registered with another {} than the contact is known by",
                parts(what, " and another ")
            )),
            Event::OtherEmailGiven { lead } if *lead == id => {
                plain("another e-mail address was given than the contact is known by".into())
            }
            Event::ContactLearned { lead, what } if *lead == id => plain(format_smolstr!(
                "the contact's {} became known",
                parts(what, " and ")
            )),
            Event::ContactCorrected { lead, what } if *lead == id => plain(format_smolstr!(
                "corrected: the contact's {}",
                parts(what, " and ")
            )),
            Event::DuplicateFound {
                lead,
                other,
                shares,
            } if *lead == id => {
                let shares: Vec<&str> = shares.iter().map(|sort| sort.as_str()).collect();
                plain(format_smolstr!(
                    "possibly the same person as contact {other}: the same {}",
                    shares.join(" and ")
                ))
            }
            Event::ContactsMerged { into, from } => {
                plain(format_smolstr!("contact {from} was merged into {into}"))
            }
            Event::ContactUnmerged { from, contact } => plain(format_smolstr!(
                "contact {contact} was parted from {from} again"
            )),
            Event::ContactsDistinct { one, other } => plain(format_smolstr!(
                "the contacts {one} and {other} are two persons"
            )),
            Event::Unsubscribed { .. } => plain("the contact unsubscribed".into()),
            Event::EmailInvalid { .. } => plain("mail to the contact comes back for good".into()),
            _ => None,
        }
    }

    fn of_rules(&self, event: &Event, at: Instant) -> Told {
        let id = self.lead.id;
        match event {
            Event::Fired {
                lead,
                rule,
                fingerprint,
                number,
                due_at,
                ..
            } if *lead == id => {
                // What fired before its rule was changed did not fire because of what it says now.
                let as_it_was = self.playbook.rule(rule);
                let as_it_was = as_it_was.filter(|rule| rule.fingerprint == *fingerprint);
                if let Some(law) = self.playbook.law_of_rule(rule) {
                    let told = format_smolstr!("the law {} is broken", law.name);
                    return Some((told, as_it_was.map(|_| law.text.clone())));
                }
                let nth = number.map(|number| format!("{NUMBERED}{number})"));
                let nth = nth.unwrap_or_default();
                let told = format_smolstr!("rule {rule} fired{nth}{}", self.due(*due_at, at));
                let counted = as_it_was.map(|rule| match rule.anchor {
                    Anchor::Turns(_) => counts(rule, self.lead),
                    _ => format!("on {}", counts(rule, self.lead)),
                });
                Some((told, counted.map(SmolStr::from)))
            }
            Event::Skipped {
                lead,
                rule,
                due_at,
                because,
            } if *lead == id => {
                let told = format_smolstr!("rule {rule} skipped{}", self.due(*due_at, at));
                Some((told, Some(format_smolstr!("did not hold: {because}"))))
            }
            Event::ActionRefused {
                lead,
                rule,
                action,
                missing,
            } if *lead == id => {
                let missing: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
                Some((
                    format_smolstr!("rule {rule} could not {action}"),
                    Some(missing.join(", ").into()),
                ))
            }
            _ => None,
        }
    }

    /// When it was due, if that was not now.
    fn due(&self, due_at: Instant, at: Instant) -> String {
        let due_at = self.local(due_at);
        if due_at == self.local(at) {
            String::new()
        } else {
            format!("{DUE}{due_at}")
        }
    }

    /// What became of the messages that the lead queued: their own decisions.
    fn of_messages(&self, event: &Event, at: Instant) -> Told {
        let id = self.lead.id;
        match event {
            Event::Queued {
                lead,
                template,
                to,
                not_before,
                ..
            } if *lead == id => {
                let name = named(template, to);
                let why = (*not_before > at)
                    .then(|| format_smolstr!("not before {}", self.local(*not_before)));
                Some((format_smolstr!("{name}: queued"), why))
            }
            Event::NotQueued {
                lead,
                template,
                because,
            } if *lead == id => {
                let because = because.as_str();
                let told = format_smolstr!("message {template} not sent: {because}");
                Some((told, None))
            }
            Event::NobodyToNotify {
                lead,
                template,
                whom,
            } if *lead == id => {
                let told = format_smolstr!("message {template} told nobody");
                let refers = self.playbook.referring.is_some();
                Some((told, Some(nobody(whom, refers))))
            }
            Event::NotAllNotified {
                lead,
                template,
                told,
                left_out,
                ..
            } if *lead == id => {
                let what =
                    format_smolstr!("message {template} told {told}, and left out {left_out}");
                let why = format_smolstr!("one notice tells {told} at most");
                Some((what, Some(why)))
            }
            Event::MessageIs {
                message,
                state,
                because,
            } => {
                let message = self.message(message.0)?;
                let name = named(&message.template, &message.to);
                let told = match because {
                    Some(because) => format_smolstr!("{name}: dropped, {}", because.as_str()),
                    None => format_smolstr!("{name}: {}", told_state(state)),
                };
                // Only what the last hand-over said is kept.
                let is_last = message.state_since == at && message.state.as_str() == state;
                let tells_why = match because {
                    Some(because) => *because == DropReason::Expired,
                    None => state != "queued",
                };
                let said = message.error.clone().filter(|_| is_last && tells_why);
                Some((told, said))
            }
            _ => None,
        }
    }

    /// What went wrong with the clock of the lead, or of one of its messages.
    fn of_failures(&self, event: &Event, at: Instant) -> Told {
        let (record, what) = match event {
            Event::Failed { record, failures } => {
                (record, format_smolstr!("failed, {failures} in a row"))
            }
            Event::SetAside { record } => (record, "set aside".into()),
            Event::Retried { record } => (record, "tried again".into()),
            _ => return None,
        };
        let (what, trouble) = if *record == self.lead.id.0 {
            (what, self.lead.trouble.as_ref())
        } else {
            let message = self.message(*record)?;
            let name = named(&message.template, &message.to);
            (format_smolstr!("{name}: {what}"), message.trouble.as_ref())
        };
        // Only what the last failure said is kept.
        let is_failure = matches!(event, Event::Failed { .. });
        let is_last = is_failure && self.last_failure(*record) == Some(at);
        let said = trouble.filter(|_| is_last);
        Some((what, said.map(|trouble| trouble.error.clone())))
    }

    fn last_failure(&self, of: Id) -> Option<Instant> {
        let is_failure =
            |event: &Event| matches!(event, Event::Failed { record, .. } if *record == of);
        let mut newest = self.past.entries.iter().rev();
        let last = newest.find(|entry| entry.events.iter().any(is_failure))?;
        Some(last.at)
    }

    fn message(&self, id: Id) -> Option<&Message> {
        let messages = &self.past.messages;
        messages.iter().find(|message| message.id.0 == id)
    }
}

/// A message, to people: what it says and to whom.
fn named(template: &Name, to: &Recipient) -> SmolStr {
    match to {
        Recipient::Contact(_) => format_smolstr!("message {template} to the contact"),
        Recipient::Agent(agent) => format_smolstr!("message {template} to {agent}"),
    }
}

/// Why there was nobody to be told.
fn nobody(whom: &str, refers: bool) -> SmolStr {
    match (whom, whom.strip_prefix("team:")) {
        ("owner", _) => "nobody owns the lead".into(),
        ("referrer", _) if refers => "nobody who is there referred it".into(),
        (_, Some(team)) => format_smolstr!("nobody is in the team {team}"),
        (role, None) => format_smolstr!("nobody has the role {role}"),
    }
}

fn told_registered(source: Option<&Name>) -> SmolStr {
    match source {
        Some(source) => format_smolstr!("registered from {source}"),
        None => SmolStr::new_static("registered"),
    }
}

fn told_state(state: &str) -> &str {
    match state {
        "queued" => "waits for its turn",
        "handing-over" => "handed over",
        "to-retry" => "to be tried again later",
        "in-doubt" => "in doubt, nobody knows whether it arrived",
        known => known,
    }
}

fn parts(what: &[ContactPart], between: &str) -> String {
    let words: Vec<&str> = what.iter().map(|part| part.as_str()).collect();
    words.join(between)
}

fn told_reasons(reasons: &Reasons) -> SmolStr {
    let percent = |permille: u32| format!("{}.{} %", permille / 10, permille % 10);
    let ranked: Vec<String> = reasons
        .ranked
        .iter()
        .map(|ranked| {
            let conversion = percent(ranked.conversion_permille);
            format!(
                "{} {conversion}, {} of {} open",
                ranked.agent, ranked.load, ranked.capacity
            )
        })
        .collect();
    let passed: Vec<String> = reasons
        .passed_over
        .iter()
        .map(|(agent, why)| format!("{agent} {}", told_passed(*why)))
        .collect();
    let mut told = format!(
        "pool {}: {}",
        reasons.pool,
        if ranked.is_empty() {
            "nobody".into()
        } else {
            ranked.join("; ")
        }
    );
    if !passed.is_empty() {
        told.push_str(&format!("; passed over: {}", passed.join(", ")));
    }
    told.into()
}

fn told_passed(why: PassedOver) -> &'static str {
    match why {
        PassedOver::OwnsNoLeads => "is of a role that owns no leads",
        PassedOver::Unavailable => "is unavailable",
        PassedOver::Absent => "is away",
        PassedOver::OffHours => "is not at work now",
        PassedOver::OtherZone => "serves other zones",
        PassedOver::LacksSkill => "lacks the skill",
        PassedOver::OtherCity => "serves other cities",
        PassedOver::Full => "is full",
        PassedOver::HadItBefore => "had it before",
        PassedOver::HoldsTheContact => "holds the contact already",
    }
}
