//! Explaining: a lead's history (who, what, when, why), what is due next, and for each rule that
//! could apply, how it stands and why (requirement Z3).
//!
//! Explanations show personal values, so they are for people who may see the lead, not for logs.

mod history;
mod left;
mod page;

use chrono::{FixedOffset, Offset as _, SubsecRound as _, Utc};
use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use self::left::Left;
use crate::agenda::{Happens, Standing, agenda, counts, is_in_scope, standing, task_due_at};
use crate::calendar::Zone;
use crate::condition::Condition;
use crate::playbook::Playbook;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::rule::{Action, Anchor, OnHandOver, Rule, SetTo, Whom};
use crate::record::journal::JournalEntry;
use crate::record::lead::{Assignee, Fired, Lead, Trouble};
use crate::record::message::Message;
use crate::time::{Instant, LocalTime};

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
    /// What stops its clock, if the last rule failed.
    pub trouble: Option<ClockTrouble>,
    /// The zone in which times are told.
    pub zone: SmolStr,
    /// How many entries of its history are older than what is told; if any, the registration is told
    /// all the same.
    pub older: u32,
    /// What happened, in the order in which it did.
    pub history: Vec<Line>,
    /// Open tasks, the one that is due first at the beginning.
    pub tasks: Vec<OpenTask>,
    /// What is due, the earliest first.
    pub next: Vec<Next>,
    /// How each rule stands.
    pub rules: Vec<RuleStanding>,
    /// What the last hand-over was to the rules that are for the lead where it is.
    pub handed_over: Option<HandedOver>,
}

/// What stops a lead's clock: a rule failed.
#[derive(Clone, Debug, Serialize)]
pub struct ClockTrouble {
    /// How often in a row.
    pub failures: u32,
    /// What it said the last time.
    pub error: SmolStr,
    /// When it is tried again; never, once the lead is set aside, until somebody retries it.
    pub retry_at: Option<LocalTime>,
}

/// What a hand-over was to the times that ran.
#[derive(Clone, Debug, Serialize)]
pub struct HandedOver {
    /// When the lead came to its owner, from another.
    pub at: LocalTime,
    /// Who held it before.
    pub from: SmolStr,
    /// The rules whose time began anew.
    pub restarted: Vec<SmolStr>,
    /// Those whose time went on.
    pub went_on: Vec<SmolStr>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// When it was decided.
    pub at: LocalTime,
    /// When it happened, if it was reported late.
    pub happened_at: Option<LocalTime>,
    /// Who did it.
    pub who: SmolStr,
    /// What happened.
    pub what: SmolStr,
    /// Why, where there is more to say.
    pub why: Option<SmolStr>,
}

impl Line {
    /// When it happened, whenever it was reported.
    #[must_use]
    pub fn when(&self) -> LocalTime {
        self.happened_at.unwrap_or(self.at)
    }
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
    pub due_at: Option<LocalTime>,
    /// How much time is left, in the time in which the deadline counts, or by how much it is over:
    /// `1 business hour 20 minutes left`, `overdue by 2 days`.
    pub left: Option<SmolStr>,
    /// The same in seconds, of open time where it counts in business hours or days; negative when it is over.
    pub left_seconds: Option<i64>,
    /// Whether that time is over.
    pub is_overdue: bool,
}

/// Something that is due.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    /// When.
    pub at: LocalTime,
    /// Which rule; which task, where time alone completes one.
    pub name: SmolStr,
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
    /// How it stands, in a word for programs: `due`, `out-of-scope`, `not-yet`, `held`, `over`,
    /// `fired`, `skipped` (its time came, and its `if` did not hold), `too-late`, `never`, or `set-aside`
    /// (it would be due, if its lead were not set aside).
    pub state: &'static str,
    /// How it stands, and why.
    pub standing: SmolStr,
    /// What becomes of its time when the lead comes to another owner, in a word for programs:
    /// `restarts`, `restarts-with-team`, `counts-anew` (in the new owner's hours) or `goes-on`.
    pub on_hand_over: &'static str,
}

/// What a lead lived through, as far as it is told.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The newest entries of the lead's history and of its messages', the oldest first.
    pub entries: Vec<JournalEntry>,
    /// The messages that they queued, as they are now.
    pub messages: Vec<Message>,
    /// How many entries of the lead's are older.
    pub older: u32,
}

impl Past {
    /// How many entries of a lead's history are told, if nothing else is said.
    pub const NEWEST: u32 = 200;
}

/// Explains a lead.
#[must_use]
pub fn explain(playbook: &Playbook, lead: &Lead, past: Past, now: Instant) -> Explanation {
    let telling = Telling {
        playbook,
        lead,
        past: &past,
        now,
    };
    Explanation {
        lead: format_smolstr!("{}", lead.id),
        contact: lead.contact.name.clone(),
        stage: format_smolstr!("{}.{}", lead.pipeline, lead.stage),
        owner: lead.owner_id().map(|owner| owner.as_str().into()),
        trouble: telling.trouble(),
        zone: playbook.zone.name().into(),
        older: past.older,
        history: telling.history(),
        tasks: telling.tasks(),
        next: telling.next(),
        rules: playbook
            .rules
            .iter()
            .map(|rule| telling.rule(rule))
            .collect(),
        handed_over: telling.handed_over(),
    }
}

/// An instant as it is in a zone, to the second: `2026-03-06 16:30:00 -05:00`.
#[must_use]
pub fn local(zone: &Zone, at: Instant) -> LocalTime {
    let ahead = zone.to_local(at).signed_duration_since(at.naive_utc());
    let seconds = i32::try_from(ahead.num_seconds()).ok();
    let offset = seconds.and_then(FixedOffset::east_opt);
    let offset = offset.unwrap_or_else(|| Utc.fix());
    at.with_timezone(&offset).trunc_subsecs(0)
}

struct Telling<'a> {
    playbook: &'a Playbook,
    lead: &'a Lead,
    past: &'a Past,
    now: Instant,
}

impl Telling<'_> {
    fn local(&self, at: Instant) -> LocalTime {
        local(&self.playbook.zone, at)
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        let trouble = self.lead.trouble.as_ref()?;
        Some(ClockTrouble {
            failures: trouble.failures,
            error: trouble.error.clone(),
            retry_at: trouble.retry_at.map(|retry_at| self.local(retry_at)),
        })
    }

    fn is_set_aside(&self) -> bool {
        let trouble = self.lead.trouble.as_ref();
        trouble.is_some_and(Trouble::is_set_aside)
    }

    fn tasks(&self) -> Vec<OpenTask> {
        let open = self.lead.tasks.iter().filter(|task| task.ended.is_none());
        let told = open.map(|task| {
            let spec = self.playbook.task(&task.name);
            let due_at = spec.and_then(|spec| task_due_at(spec, task, self.lead).ok().flatten());
            let text =
                spec.and_then(|spec| crate::render::task_text(self.playbook, self.lead, spec).ok());
            let left = spec.zip(due_at);
            let left = left.map(|(spec, due_at)| Left::until(due_at, spec, self.lead, self.now));
            OpenTask {
                task: task.name.as_str().into(),
                text: text.unwrap_or_default().into(),
                assignee: match &task.assignee {
                    Assignee::Owner => self
                        .lead
                        .owner_id()
                        .map_or_else(|| "owner".into(), |owner| owner.as_str().into()),
                    assignee => format_smolstr!("{assignee}"),
                },
                due_at: due_at.map(|due_at| self.local(due_at)),
                left: left.map(|left| format_smolstr!("{left}")),
                left_seconds: left.map(Left::seconds),
                is_overdue: due_at.is_some_and(|due_at| due_at < self.now),
            }
        });
        let mut told: Vec<OpenTask> = told.collect();
        told.sort_by_key(|task| (task.due_at.is_none(), task.due_at));
        told
    }

    /// Nothing happens to a lead that is set aside, and nothing to one that failed before it is tried again.
    fn next(&self) -> Vec<Next> {
        if self.is_set_aside() {
            return Vec::new();
        }
        let trouble = self.lead.trouble.as_ref();
        let retry_at = trouble.and_then(|trouble| trouble.retry_at);
        let items = agenda(self.playbook, self.lead)
            .into_iter()
            .map(|item| Next {
                at: self.local(retry_at.map_or(item.due_at, |retry_at| item.due_at.max(retry_at))),
                name: item.name().as_str().into(),
                what: match item.what {
                    Happens::Turns(_) => "its condition turns".into(),
                    Happens::Fires { rule, .. } => told_actions(&rule.actions),
                    Happens::Completes(_) => "the task is done".into(),
                },
            });
        items.collect()
    }

    fn rule(&self, rule: &Rule) -> RuleStanding {
        let found = standing(self.playbook, self.lead, rule);
        let waits = matches!(found, Standing::Due(_)) && self.is_set_aside();
        let told = match found {
            Standing::Due(item) if waits => format_smolstr!(
                "set aside: would be due {} = {}",
                self.local(item.due_at),
                counts(rule, self.lead)
            ),
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
            Standing::NoAnchor => self.not_yet(&rule.anchor),
            Standing::Held => {
                let holds: Vec<&str> = self
                    .lead
                    .holds
                    .iter()
                    .filter(|hold| hold.until.is_none() && rule.stopped_by.covers(&hold.name))
                    .map(|hold| hold.name.as_str())
                    .collect();
                format_smolstr!("stopped by {}", holds.join(", "))
            }
            Standing::Over(until) => format_smolstr!("over: {until}"),
            Standing::Fired(fired) => self.fired(rule, fired),
            Standing::TooLate(due_at) => {
                format_smolstr!("was due {}, before it was recorded", self.local(due_at))
            }
            Standing::Never(error) => format_smolstr!("never: {error}"),
        };
        RuleStanding {
            rule: rule.name.as_str().into(),
            is_due: matches!(found, Standing::Due(_)) && !waits,
            state: if waits { "set-aside" } else { state(found) },
            standing: told,
            on_hand_over: self.playbook.on_hand_over(rule).as_str(),
        }
    }

    fn handed_over(&self) -> Option<HandedOver> {
        let from = self.lead.earlier_owners.last()?;
        let owner = self.lead.owner.as_ref()?;
        let came_to_team = owner.team_since == owner.assigned;
        let rules = self.playbook.rules.iter();
        let (restarted, went_on): (Vec<&Rule>, Vec<&Rule>) = rules
            .filter(|rule| is_in_scope(rule, self.lead))
            .partition(|rule| match self.playbook.on_hand_over(rule) {
                OnHandOver::Restarts => true,
                OnHandOver::RestartsWithTeam => came_to_team,
                OnHandOver::CountsAnew | OnHandOver::GoesOn => false,
            });
        let names = |rules: Vec<&Rule>| {
            let names = rules.into_iter().map(|rule| rule.name.as_str().into());
            names.collect()
        };
        Some(HandedOver {
            at: self.local(owner.assigned.at),
            from: from.as_str().into(),
            restarted: names(restarted),
            went_on: names(went_on),
        })
    }

    /// That its time came, and whether it did anything then.
    fn fired(&self, rule: &Rule, fired: &Fired) -> SmolStr {
        let at = self.local(fired.at);
        match &rule.only_if {
            Some(condition) if fired.was_skipped => {
                format_smolstr!("skipped {at}: {condition} did not hold")
            }
            _ if fired.was_skipped => format_smolstr!("skipped {at}"),
            _ => format_smolstr!("fired {at}"),
        }
    }

    /// That what a rule counts from has not happened.
    fn not_yet(&self, anchor: &Anchor) -> SmolStr {
        match anchor {
            Anchor::Turns(condition) => match self.in_the_way(condition, self.now) {
                Some(failing) => format_smolstr!("not so yet: {failing}"),
                None => format_smolstr!("so by now, and not noticed yet: {condition}"),
            },
            Anchor::Field(field) => format_smolstr!("{field} is not set"),
            Anchor::Overdue(task) if self.lead.open_task(task).is_none() => {
                format_smolstr!("task {task} is not open")
            }
            Anchor::Overdue(task) => format_smolstr!("task {task} has no deadline now"),
            Anchor::Assigned => "nobody owns it yet".into(),
            Anchor::QuoteExpires => "no quote waits for a reply".into(),
            Anchor::Appointment(kind) => format_smolstr!("no appointment {kind} is booked"),
            Anchor::Attached(kind) => format_smolstr!("no document {kind} is attached"),
            Anchor::AppointmentEnded(kind, how) => {
                format_smolstr!("no appointment {kind} was {} yet", how.as_str())
            }
            Anchor::Feedback(kind) => format_smolstr!("nothing was said of an appointment {kind}"),
            anchor => format_smolstr!("not {anchor} yet"),
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
        match self.in_the_way(condition, at) {
            Some(failing) => format!("; will be skipped as things are: {failing}"),
            None => format!("; if {condition} (holds so far)"),
        }
    }

    /// The terms of a condition that stand in its way at an instant, and what they saw; nothing, if it
    /// holds.
    fn in_the_way(&self, condition: &Condition, at: Instant) -> Option<String> {
        let facts = LeadFacts {
            playbook: self.playbook,
            lead: self.lead,
            now: at,
        };
        if condition.holds(&facts, at) {
            return None;
        }
        let terms = condition.why(&facts, at);
        let failing: Vec<String> = terms
            .iter()
            .filter(|term| term.held != term.wanted)
            .map(|term| term.written(|at| format_smolstr!("{}", self.local(at))))
            .collect();
        Some(failing.join("; "))
    }
}

fn state(standing: Standing<'_>) -> &'static str {
    match standing {
        Standing::Due(_) => "due",
        Standing::OutOfScope => "out-of-scope",
        Standing::NoAnchor => "not-yet",
        Standing::Held => "held",
        Standing::Over(_) => "over",
        Standing::Fired(Fired {
            was_skipped: true, ..
        }) => "skipped",
        Standing::Fired(_) => "fired",
        Standing::TooLate(_) => "too-late",
        Standing::Never(_) => "never",
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
        Action::Notify {
            whom: Whom::Referrer,
            template,
        } => format!("tell the referrer: {template}"),
        Action::Notify {
            whom: Whom::EarlierOwner(team),
            template,
        } => match team {
            Some(team) => format!("tell the earlier owner of {team}: {template}"),
            None => format!("tell the earlier owner: {template}"),
        },
        Action::Notify { whom, template } => format!("tell {whom}: {template}"),
        Action::Task(task) => format!("task {task}"),
        Action::Assign(assign) => match &assign.then {
            Some(then) => format!("assign by {}, or else {}", assign.pool, told_action(then)),
            None => format!("assign by {}", assign.pool),
        },
        Action::Move { stage, .. } => format!("move to {stage}"),
        Action::Set {
            field,
            to: SetTo::Nothing,
        } => format!("clear {field}"),
        Action::Set { field, to } => format!("set {field} to {to}"),
        Action::Host(action) => format!("the host's {action}"),
        Action::Reward(amount) => format!("reward the referrer with {amount}"),
    }
}
