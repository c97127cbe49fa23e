//! Explaining: a lead's history (who, what, when, why), what is due next, and for each rule that
//! could apply, how it stands and why (requirement Z3).
//!
//! Explanations show personal values, so they are for people who may see the lead, not for logs.

use std::fmt;

use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use crate::agenda::{Happens, Standing, agenda, counts, standing, task_due_at};
use crate::calendar::Zone;
use crate::condition::Condition;
use crate::ids::{LeadId, MessageId};
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::{Action, Rule, Whom};
use crate::record::journal::{Event, JournalEntry};
use crate::record::lead::{Assignee, How, Lead};
use crate::record::message::{Message, Recipient, State};
use crate::record::pool::{PassedOver, Reasons};
use crate::time::Instant;

/// Everything there is to say about a lead.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Which lead.
    pub lead: SmolStr,
    /// The contact's name.
    pub contact: SmolStr,
    /// Where it is: pipeline and stage.
    pub stage: SmolStr,
    /// Who owns it.
    pub owner: Option<SmolStr>,
    /// The zone in which times are told.
    pub zone: SmolStr,
    /// What happened, the oldest first.
    pub history: Vec<Line>,
    /// Open tasks.
    pub tasks: Vec<OpenTask>,
    /// What is due, the earliest first.
    pub next: Vec<Next>,
    /// How each rule stands.
    pub rules: Vec<RuleStanding>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// When it was decided, in local time.
    pub at: SmolStr,
    /// When it happened, if it was reported late.
    pub happened_at: Option<SmolStr>,
    /// Who did it.
    pub who: SmolStr,
    /// What happened.
    pub what: SmolStr,
    /// Why, where there is more to say.
    pub why: Option<SmolStr>,
}

/// An open task.
#[derive(Clone, Debug, Serialize)]
pub struct OpenTask {
    /// Its name in the playbook.
    pub task: SmolStr,
    /// What it says.
    pub text: SmolStr,
    /// For whom.
    pub assignee: SmolStr,
    /// Until when.
    pub due_at: Option<SmolStr>,
}

/// Something that is due.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    /// When.
    pub at: SmolStr,
    /// Which rule.
    pub rule: SmolStr,
    /// What will happen.
    pub what: SmolStr,
}

/// How a rule stands with a lead.
#[derive(Clone, Debug, Serialize)]
pub struct RuleStanding {
    /// Which rule.
    pub rule: SmolStr,
    /// Whether it is due.
    pub is_due: bool,
    /// How it stands, and why.
    pub standing: SmolStr,
}

/// The messages that a history speaks of.
#[must_use]
pub fn messages_in(entries: &[JournalEntry], lead: LeadId) -> Vec<MessageId> {
    let events = entries.iter().flat_map(|entry| &entry.events);
    let queued = events.filter_map(|event| match event {
        Event::Queued {
            message, lead: of, ..
        } if *of == lead => Some(*message),
        _ => None,
    });
    queued.collect()
}

/// Explains a lead. `entries` are its history, the oldest first.
#[must_use]
pub fn explain(
    playbook: &Playbook,
    lead: &Lead,
    entries: Vec<JournalEntry>,
    messages: Vec<Message>,
    now: Instant,
) -> Explanation {
    let telling = Telling {
        playbook,
        lead,
        messages,
        now,
    };
    Explanation {
        lead: format_smolstr!("{}", lead.id),
        contact: lead.contact.name.clone(),
        stage: format_smolstr!("{}.{}", lead.pipeline, lead.stage),
        owner: lead.owner_id().map(|owner| owner.as_str().into()),
        zone: playbook.zone.name().into(),
        history: entries
            .iter()
            .flat_map(|entry| telling.entry(entry))
            .collect(),
        tasks: telling.tasks(),
        next: telling.next(),
        rules: playbook
            .rules
            .iter()
            .map(|rule| telling.rule(rule))
            .collect(),
    }
}

/// An instant as it is in a zone: `2026-03-06 16:30:00 -05:00`.
#[must_use]
pub fn local(zone: &Zone, at: Instant) -> SmolStr {
    let local = zone.to_local(at);
    let offset = local.signed_duration_since(at.naive_utc());
    let minutes = offset.num_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    format_smolstr!(
        "{} {sign}{hours:02}:{minutes:02}",
        local.format("%Y-%m-%d %H:%M:%S")
    )
}

struct Telling<'a> {
    playbook: &'a Playbook,
    lead: &'a Lead,
    messages: Vec<Message>,
    now: Instant,
}

impl Telling<'_> {
    fn local(&self, at: Instant) -> SmolStr {
        local(&self.playbook.zone, at)
    }

    fn entry(&self, entry: &JournalEntry) -> Vec<Line> {
        let lines = entry.events.iter().filter_map(|event| {
            let (what, why) = self.event(event)?;
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

    /// What an event says and why; nothing for events about other leads.
    fn event(&self, event: &Event) -> Option<(SmolStr, Option<SmolStr>)> {
        let id = self.lead.id;
        let plain = |text: SmolStr| Some((text, None));
        match event {
            Event::Registered { lead, source, into } if *lead == id => {
                let source = source
                    .as_ref()
                    .map(|source| format!(" from {source}"))
                    .unwrap_or_default();
                plain(format_smolstr!(
                    "registered{source} into {}.{}",
                    into.0,
                    into.1
                ))
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
            Event::NobodyEligible { lead, reasons } if *lead == id => Some((
                format_smolstr!("nobody in the pool {} could have it", reasons.pool),
                Some(told_reasons(reasons)),
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
            Event::Closed { lead, outcome } if *lead == id => {
                let why = self
                    .lead
                    .reason
                    .as_ref()
                    .filter(|_| self.lead.closed.is_some());
                Some((format_smolstr!("closed: {outcome}"), why.cloned()))
            }
            Event::Reopened { lead } if *lead == id => plain("reopened".into()),
            Event::Held { lead, hold } if *lead == id => plain(format_smolstr!("held: {hold}")),
            Event::Released { lead, hold } if *lead == id => {
                plain(format_smolstr!("released: {hold}"))
            }
            Event::FieldsSet { lead, fields } if *lead == id => {
                let fields: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
                plain(format_smolstr!("set {}", fields.join(", ")))
            }
            Event::TaskOpened { lead, task, due_at } if *lead == id => {
                let due = due_at
                    .map(|due_at| format!(", due {}", self.local(due_at)))
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
            _ => self.event_of_clockwork(event),
        }
    }

    fn event_of_clockwork(&self, event: &Event) -> Option<(SmolStr, Option<SmolStr>)> {
        let id = self.lead.id;
        let plain = |text: SmolStr| Some((text, None));
        match event {
            Event::Fired {
                lead,
                rule,
                occurrence,
                due_at,
            } if *lead == id => {
                let nth = if *occurrence > 0 {
                    format!(" (no. {occurrence})")
                } else {
                    String::new()
                };
                let why = self.playbook.rule(rule).map(|rule| counts(rule, self.lead));
                let due = self.local(*due_at);
                Some((
                    format_smolstr!("rule {rule} fired{nth}, due {due}"),
                    why.map(SmolStr::from),
                ))
            }
            Event::Skipped {
                lead,
                rule,
                due_at,
                because,
            } if *lead == id => {
                let due = self.local(*due_at);
                Some((
                    format_smolstr!("rule {rule} skipped, due {due}"),
                    Some(format_smolstr!("does not hold: {because}")),
                ))
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
            Event::Queued {
                message,
                lead,
                template,
                to,
                not_before,
            } if *lead == id => {
                let to = match to {
                    Recipient::Contact(_) => SmolStr::new_static("the contact"),
                    Recipient::Agent(agent) => agent.as_str().into(),
                };
                let after = if *not_before > self.now {
                    format!(", not before {}", self.local(*not_before))
                } else {
                    String::new()
                };
                let now_is = self
                    .messages
                    .iter()
                    .find(|known| known.id == *message)
                    .map(|known| self.fate(known));
                Some((format_smolstr!("message {template} to {to}{after}"), now_is))
            }
            Event::NotQueued {
                lead,
                template,
                because,
            } if *lead == id => plain(format_smolstr!(
                "message {template} not sent: {}",
                because.as_str()
            )),
            Event::Unsubscribed { .. } => plain("the contact unsubscribed".into()),
            Event::EmailInvalid { .. } => plain("mail to the contact comes back for good".into()),
            Event::Flagged { lead, flag } if *lead == id => {
                plain(format_smolstr!("flagged: {}", flag.as_str()))
            }
            Event::LeadAdopted { lead, playbook } if *lead == id => {
                plain(format_smolstr!("taken over by playbook {playbook}"))
            }
            Event::OwnerFollowed { lead } if *lead == id => {
                plain("owner's role and team renewed".into())
            }
            Event::Failed { record, failures } if *record == id.0 => {
                let error = self
                    .lead
                    .trouble
                    .as_ref()
                    .map(|trouble| trouble.error.clone());
                Some((format_smolstr!("failed, {failures} in a row"), error))
            }
            Event::SetAside { record } if *record == id.0 => plain("set aside".into()),
            Event::Retried { record } if *record == id.0 => plain("tried again".into()),
            _ => None,
        }
    }

    fn fate(&self, message: &Message) -> SmolStr {
        let since = self.local(message.state_since);
        match &message.state {
            State::Dropped(because) => format_smolstr!("dropped at {since}: {}", because.as_str()),
            state => match &message.error {
                Some(error) => format_smolstr!("{} at {since}: {error}", state.as_str()),
                None => format_smolstr!("{} at {since}", state.as_str()),
            },
        }
    }

    fn tasks(&self) -> Vec<OpenTask> {
        let open = self.lead.tasks.iter().filter(|task| task.ended.is_none());
        let told = open.map(|task| {
            let spec = self.playbook.task(&task.name);
            let due_at = spec.and_then(|spec| task_due_at(spec, task, self.lead).ok().flatten());
            let text =
                spec.and_then(|spec| crate::render::task_text(self.playbook, self.lead, spec).ok());
            OpenTask {
                task: task.name.as_str().into(),
                text: text.unwrap_or_default().into(),
                assignee: match &task.assignee {
                    Assignee::Owner => self
                        .lead
                        .owner_id()
                        .map_or_else(|| "owner".into(), |owner| owner.as_str().into()),
                    Assignee::Role(role) => role.as_str().into(),
                    Assignee::Agent(agent) => agent.as_str().into(),
                },
                due_at: due_at.map(|due_at| self.local(due_at)),
            }
        });
        told.collect()
    }

    fn next(&self) -> Vec<Next> {
        let items = agenda(self.playbook, self.lead)
            .into_iter()
            .map(|item| Next {
                at: self.local(item.due_at),
                rule: item.rule.name.as_str().into(),
                what: match item.what {
                    Happens::Turns => "its condition turns".into(),
                    Happens::Fires { .. } => told_actions(&item.rule.actions),
                },
            });
        items.collect()
    }

    fn rule(&self, rule: &Rule) -> RuleStanding {
        let found = standing(self.playbook, self.lead, rule);
        let told = match found {
            Standing::Due(item) => {
                let mut told = format!(
                    "due {} = {}",
                    self.local(item.due_at),
                    counts(rule, self.lead)
                );
                if let Some(condition) = &rule.only_if {
                    told.push_str(&self.told_condition(condition, item.due_at.max(self.now)));
                }
                told.into()
            }
            Standing::OutOfScope => self.out_of_scope(rule),
            Standing::NoAnchor => format_smolstr!("not {} yet", rule.anchor),
            Standing::Held => {
                let holds: Vec<&str> = self
                    .lead
                    .holds
                    .iter()
                    .filter(|hold| hold.until.is_none())
                    .map(|hold| hold.name.as_str())
                    .collect();
                format_smolstr!("stopped by {}", holds.join(", "))
            }
            Standing::Over(until) => format_smolstr!("over: {until}"),
            Standing::Fired(fired) => format_smolstr!("fired {}", self.local(fired.at)),
            Standing::TooLate(due_at) => {
                format_smolstr!("was due {}, before it was recorded", self.local(due_at))
            }
            Standing::Never(error) => format_smolstr!("never: {error}"),
        };
        RuleStanding {
            rule: rule.name.as_str().into(),
            is_due: matches!(found, Standing::Due(_)),
            standing: told,
        }
    }

    fn out_of_scope(&self, rule: &Rule) -> SmolStr {
        let scope = &rule.scope;
        let lead = self.lead;
        if !scope.stages.is_empty()
            && !scope
                .stages
                .iter()
                .any(|at| at.is(&lead.pipeline, &lead.stage))
        {
            let stages: Vec<String> = scope.stages.iter().map(ToString::to_string).collect();
            return format_smolstr!("only in {}", stages.join(", "));
        }
        match &scope.wait {
            Some(wait) if lead.wait.as_ref().map(|wait| &wait.group) != Some(wait) => {
                format_smolstr!("only in the wait group {wait}")
            }
            _ if lead.is_open() => "only for closed leads".into(),
            _ => "only for open leads".into(),
        }
    }

    /// Whether a condition holds at an instant, term by term where it does not.
    fn told_condition(&self, condition: &Condition, at: Instant) -> String {
        let facts = LeadFacts {
            playbook: self.playbook,
            lead: self.lead,
        };
        if condition.holds(&facts, at) {
            return format!("; if {condition} (holds so far)");
        }
        let terms = condition.why(&facts, at);
        let failing: Vec<String> = terms
            .iter()
            .filter(|term| term.held != term.wanted)
            .map(ToString::to_string)
            .collect();
        format!("; will be skipped as things are: {}", failing.join("; "))
    }
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
        PassedOver::Unavailable => "is unavailable",
        PassedOver::OtherCity => "serves other cities",
        PassedOver::Full => "is full",
        PassedOver::HadItBefore => "had it before",
        PassedOver::HoldsTheContact => "holds the contact already",
    }
}

/// What actions do, in a few words.
#[must_use]
pub fn told_actions(actions: &[Action]) -> SmolStr {
    let told: Vec<String> = actions.iter().map(told_action).collect();
    if told.is_empty() {
        "nothing".into()
    } else {
        told.join(", ").into()
    }
}

fn told_action(action: &Action) -> String {
    match action {
        Action::Send(send) => format!("send {}", send.template),
        Action::Notify {
            whom: Whom::Owner,
            template,
        } => format!("tell the owner: {template}"),
        Action::Notify { whom, template } => format!("tell {whom}: {template}"),
        Action::Task(task) => format!("task {task}"),
        Action::Assign(assign) => match &assign.then {
            Some(then) => format!("assign by {}, or else {}", assign.pool, told_action(then)),
            None => format!("assign by {}", assign.pool),
        },
        Action::Move { stage, .. } => format!("move to {stage}"),
        Action::Set { field, value } => format!("set {field} to {value}"),
    }
}

impl Explanation {
    /// How wide the names beside times are, and those of the rules.
    fn widths(&self) -> (usize, usize) {
        let widest = |names: &mut dyn Iterator<Item = &SmolStr>| {
            let widths = names.map(|name| name.chars().count());
            widths.max().unwrap_or(0)
        };
        let history = self.history.iter().map(|line| &line.who);
        let tasks = self.tasks.iter().map(|task| &task.assignee);
        let next = self.next.iter().map(|next| &next.rule);
        (
            widest(&mut history.chain(tasks).chain(next)),
            widest(&mut self.rules.iter().map(|rule| &rule.rule)),
        )
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("nobody");
        writeln!(
            f,
            "{}: {}, owned by {owner} ({}; times in {})",
            self.contact, self.stage, self.lead, self.zone
        )?;
        let (names, rules) = self.widths();
        writeln!(f, "\nHistory")?;
        for line in &self.history {
            write!(f, "  {}  {:<names$}  {}", line.at, line.who, line.what)?;
            if let Some(happened_at) = &line.happened_at {
                write!(f, " (happened {happened_at})")?;
            }
            match &line.why {
                Some(why) => writeln!(f, " [{why}]")?,
                None => writeln!(f)?,
            }
        }
        if !self.tasks.is_empty() {
            writeln!(f, "\nOpen tasks")?;
        }
        for task in &self.tasks {
            let due = task.due_at.as_deref().unwrap_or("no deadline");
            writeln!(
                f,
                "  {due}  {:<names$}  {} ({})",
                task.assignee, task.text, task.task
            )?;
        }
        writeln!(f, "\nDue next")?;
        if self.next.is_empty() {
            writeln!(f, "  nothing")?;
        }
        for next in &self.next {
            writeln!(f, "  {}  {:<names$}  {}", next.at, next.rule, next.what)?;
        }
        writeln!(f, "\nRules")?;
        for rule in &self.rules {
            let mark = if rule.is_due { '*' } else { ' ' };
            writeln!(f, "  {mark} {:<rules$}  {}", rule.rule, rule.standing)?;
        }
        Ok(())
    }
}
