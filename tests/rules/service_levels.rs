//! Whole histories of service levels, with pauses, as other systems' suites tell them; see README.md
//! beside this file. Each is lived through by the engine, event by event.

use std::collections::BTreeMap;

use leadkit::agenda::{agenda, task_due_at};
use leadkit::calendar::Calendar;
use leadkit::decide::command::NewLead;
use leadkit::playbook::delay::Delay;
use leadkit::playbook::load::Folder;
use leadkit::playbook::pipeline::TaskSpec;
use leadkit::record::lead::Task;
use leadkit::time::Instant;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Deserialize)]
struct History {
    id: String,
    hours: String,
    #[serde(default)]
    holidays: Vec<String>,
    response: Response,
    resolution: Option<i64>,
    /// Whether each message of the customer wants a response.
    #[serde(default)]
    rolling: bool,
    steps: Vec<Step>,
}

/// Minutes: one number, or one for each priority.
#[derive(Deserialize)]
#[serde(untagged)]
enum Response {
    Within(i64),
    ByPriority(BTreeMap<String, i64>),
}

#[derive(Deserialize)]
struct Step {
    at: Instant,
    is: String,
    priority: Option<String>,
    respond_by: Option<Instant>,
    #[serde(default)]
    then: BTreeMap<String, Value>,
}

/// What is not said is of this priority.
const USUAL: &str = "Medium";

#[test]
fn every_history_of_other_suites_comes_out_as_they_tell() {
    let histories: Vec<History> = include_str!("service_levels.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(histories.len(), 19);
    let expected = histories.iter().flat_map(|history| &history.steps);
    assert_eq!(expected.map(|step| step.then.len()).sum::<usize>(), 40);
    let failed: Vec<String> = histories.iter().flat_map(live_through).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What did not come out as it is told.
fn live_through(history: &History) -> Vec<String> {
    pollster::block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let playbook = read(&history.playbook());
        let mut world = World::new(playbook, store, history.steps[0].at).expect("a world");
        let mut unmet = Vec::new();
        for step in &history.steps {
            world.advance_to(step.at).await.expect("time passes");
            happen(&mut world, step).await;
            let lead = world.lead("it").await.expect("the lead");
            let seen = Seen {
                history,
                playbook: world.playbook(),
                lead: &lead,
            };
            for (what, wanted) in &step.then {
                let found = seen.fact(what);
                if found != *wanted {
                    let (id, at) = (&history.id, step.at);
                    unmet.push(format!(
                        "{id} at {at}: {what}: expected {wanted}, found {found}"
                    ));
                }
            }
        }
        unmet
    })
}

async fn happen(world: &mut World, step: &Step) {
    if step.is == "created" {
        let priority = step.priority.as_deref().unwrap_or(USUAL);
        let mut new = NewLead::new("It").field("priority", priority);
        if let Some(respond_by) = step.respond_by {
            new = new.field("respond_by", respond_by);
        }
        let registered = world.register("it", new, desk()).await;
        registered.expect("a lead");
        return;
    }
    let lead = world.lead_id("it").expect("a lead");
    let tenant = world.tenant();
    let asked = match step.is.as_str() {
        "reply" | "reply-and-pause" => tenant.reached(lead),
        "customer-writes" => tenant.answered(lead),
        "resumed" => tenant.release(lead, "customer-is-asked"),
        "resolved" => tenant.move_to(lead, "resolved"),
        "closed" => tenant.close(lead, "closed", "as agreed"),
        "looked-at" => return,
        other => panic!("{other}"),
    };
    asked.by(desk()).await.expect(&step.is);
    if step.is == "reply-and-pause" {
        let held = tenant.hold(lead, "customer-is-asked").by(desk()).await;
        held.expect("a hold");
    }
}

const SUPPORT: &str = r#"
[hold]
customer-is-asked = {}

[field]
priority        = { type = "choice", of = ["High", "Medium"] }
respond_by      = { type = "instant" }
response_late   = { type = "bool" }
resolution_late = { type = "bool" }

[pipeline.support]
start = "open"

[pipeline.support.stage]
open     = { to = { resolved = [] } }
resolved = { to = { closed = [] } }
closed   = { final = "closed" }

[[route]]
to = "support.open"

# What was agreed with the customer takes the place of what is usual.
[[rule]]
name   = "agreed"
on     = "field respond_by"
unless = 'attempts.total >= 1'
do     = [{ set = "response_late", to = true }]
"#;

impl History {
    fn playbook(&self) -> Folder {
        Folder {
            playbook: format!("{}{}", shop::PREMISES, self.rules()),
            ..folder("", "")
        }
    }

    fn rules(&self) -> String {
        let holidays = serde_json::to_string(&self.holidays).expect("texts");
        let mut rules = format!(
            "{SUPPORT}\n[calendar.support]\nzone = \"UTC\"\nweekly = {{ mon-fri = [\"{}\"] }}\nholidays = {holidays}\n",
            self.hours
        );
        let mut level = |name: &str, on: &str, minutes: i64, done: &str, only_if: &str| {
            let sort = name.split('-').next().unwrap_or(name);
            rules.push_str(&format!(
                "\n[sla.{name}]\non = \"{on}\"\nif = '{only_if}'\nwithin = \"{minutes} business minutes\"\ncalendar = \"support\"\ndone = '{done} or stage != \"open\"'\ntask = \"{name}\"\nlate = [{{ set = \"{sort}_late\", to = true }}]\n"
            ));
        };
        let by_priority = match &self.response {
            Response::Within(minutes) => vec![(USUAL.to_owned(), *minutes)],
            Response::ByPriority(all) => all.clone().into_iter().collect(),
        };
        for (priority, minutes) in by_priority {
            let name = format!("response-{}", priority.to_lowercase());
            let only_if = format!("respond_by is missing and priority == \"{priority}\"");
            level(
                &name,
                "registered",
                minutes,
                "attempts.total >= 1",
                &only_if,
            );
            if self.rolling {
                let done = "attempted_at > answered_at";
                level(
                    &format!("{name}-again"),
                    "answered",
                    minutes,
                    done,
                    &only_if,
                );
            }
        }
        if let Some(minutes) = self.resolution {
            let always = "priority is present";
            level(
                "resolution",
                "registered",
                minutes,
                "stage == \"resolved\"",
                always,
            );
        }
        rules
    }
}

/// A lead at a time, in the words of those suites.
struct Seen<'a> {
    history: &'a History,
    playbook: &'a Playbook,
    lead: &'a Lead,
}

impl Seen<'_> {
    fn fact(&self, what: &str) -> Value {
        match what {
            "status" => json!(self.status()),
            "response_due" => json!(self.due("response").or_else(|| self.agreed())),
            "resolution_due" => json!(self.due("resolution")),
            "response_late" => json!(self.is_late("response")),
            "response_late_s" => json!(self.late("response")),
            "resolution_late_s" => json!(self.late("resolution")),
            "response_s" => json!(self.spent(self.last("response").expect("one"))),
            "resolution_s" => json!(self.spent(self.last("resolution").expect("one"))),
            "responses" => self
                .tasks("response")
                .map(|task| self.entry(task))
                .collect(),
            "held_s" => json!(self.held()),
            other => panic!("{other}"),
        }
    }

    fn status(&self) -> &'static str {
        let is_open = |level| self.last(level).is_some_and(|task| task.ended.is_none());
        let is_held = self.lead.holds.iter().any(|hold| hold.until.is_none());
        match () {
            () if self.is_late("response") || self.is_late("resolution") => "failed",
            () if is_held => "paused",
            () if is_open("response") => "first-response-due",
            () if is_open("resolution") => "resolution-due",
            () => "fulfilled",
        }
    }

    /// What the playbook's own action noted when the time was over.
    fn is_late(&self, level: &str) -> bool {
        let field = self
            .lead
            .fields
            .value(&format!("{level}_late").as_str().into());
        let late = field == Some(leadkit::value::ValueRef::Bool(true));
        let ended = self.tasks(level).filter_map(|task| task.ended.as_ref());
        for ended in ended {
            assert!(
                ended.kept() || late,
                "{}: missed unnoticed",
                self.history.id
            );
        }
        late
    }

    fn spec(&self, task: &Task) -> &TaskSpec {
        self.playbook.task(&task.name).expect("a task")
    }

    fn calendar(&self, task: &Task) -> &Calendar {
        self.spec(task).calendar.of_lead(self.lead)
    }

    fn tasks(&self, level: &str) -> impl Iterator<Item = &Task> {
        let tasks = self.lead.tasks.iter();
        tasks.filter(move |task| task.name.as_str().starts_with(level))
    }

    fn last(&self, level: &str) -> Option<&Task> {
        self.tasks(level).last()
    }

    fn due_of(&self, task: &Task) -> Option<Instant> {
        match &task.ended {
            Some(ended) => ended.due_at,
            None => task_due_at(self.spec(task), task, self.lead).expect("a time that comes"),
        }
    }

    fn due(&self, level: &str) -> Option<Instant> {
        self.last(level).and_then(|task| self.due_of(task))
    }

    /// Until when a response was agreed.
    fn agreed(&self) -> Option<Instant> {
        let due = agenda(self.playbook, self.lead);
        let agreed = due.iter().find(|item| item.name() == "agreed");
        agreed.map(|item| item.due_at)
    }

    /// The open time that a level took, without what was held, in seconds: what was given, less what was
    /// left of it.
    fn spent(&self, task: &Task) -> i64 {
        let Some(Delay::Business(given)) = self.spec(task).within else {
            panic!("{}: no open time", task.name);
        };
        let ended = task.ended.as_ref().expect("an end");
        let left = self
            .calendar(task)
            .between(ended.at, ended.due_at.expect("a deadline"));
        (given - left).num_seconds()
    }

    /// The open time behind the deadline, in seconds, if the level was missed.
    fn late(&self, level: &str) -> Option<i64> {
        let task = self.last(level)?;
        let missed = task.ended.as_ref().filter(|ended| !ended.kept())?;
        let late = self.calendar(task).between(missed.due_at?, missed.at);
        Some(late.num_seconds())
    }

    fn entry(&self, task: &Task) -> Value {
        let kept = task.ended.as_ref().is_some_and(|ended| ended.kept());
        json!([self.spent(task), if kept { "fulfilled" } else { "failed" }])
    }

    /// By how much open time a hold moved the deadline that is still open, in seconds.
    fn held(&self) -> i64 {
        let unheld = Lead {
            holds: Vec::new(),
            ..self.lead.clone()
        };
        let task = self.last("resolution").expect("a level");
        let without = task_due_at(self.spec(task), task, &unheld).expect("a time");
        let due = self.due_of(task).expect("a deadline");
        let held = self
            .calendar(task)
            .between(without.expect("a deadline"), due);
        held.num_seconds()
    }
}
