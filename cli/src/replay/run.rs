//! Carrying out what was planned, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use leadkit::calendar::Zone;
use leadkit::clock::{Clock, VirtualClock};
use leadkit::decide::command::{Actor, Command, NewLead, What};
use leadkit::decide::refusal::{Problem, Refusal};
use leadkit::engine::{Answer, Engine, Error};
use leadkit::explain::local;
use leadkit::ids::{AgentId, CommandId, ContactId, LeadId, Tenant};
use leadkit::playbook::Playbook;
use leadkit::record::contact::ContactPart;
use leadkit::record::journal::{Asked, Event, JournalEntry};
use leadkit::record::stored;
use leadkit::record::{Agent, Lead};
use leadkit::store::{JournalCursor, Key};
use leadkit::time::Instant;
use serde::Serialize;

use super::contacts::ContactDiffers;
use super::hints;
use super::map::Map;
use super::names::Earlier;
use super::plan::{Doing, Place, Plan, Planned};
use super::refused::{self, Because, Refused};
use super::row::shortened;
use crate::progress::{Bar, Progress};
use crate::{Failure, database};

/// How many commands are carried out, and journal entries read, at once.
const BATCH: usize = 500;

/// What a run did.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) done: u64,
    pub(super) done_before: u64,
    /// The rows of which something was carried out: the file, and the line.
    pub(super) rows_done: BTreeSet<(usize, u64)>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) messages: u64,
    pub(super) refused: Vec<Refused>,
    pub(super) contacts_differ: Vec<ContactDiffers>,
    pub(super) not_permitted: NotPermittedBy,
    pub(super) stopped_at: Option<Instant>,
    /// The rows that say something else than when they were carried out: the file, and the line.
    pub(super) said_otherwise: BTreeSet<(usize, u64)>,
    /// How many entries the journal had before.
    pub(super) entries_before: u64,
}

/// A command that happened after the time at which a replay stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The file, as the map names it.
    pub file: String,
    /// The line on which its row begins.
    pub line: u64,
    /// The command.
    pub command: String,
}

/// Somebody whose role may not do what the rows say that they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotPermitted {
    /// Who.
    pub actor: String,
    /// What they may not do, in the playbook's word; in others, what it says of the lead's owner.
    pub may_not: String,
    /// The roles that may.
    pub who_may: Vec<String>,
    /// How many commands were refused for it.
    pub commands: u64,
}

/// The same, by who may not do what.
type NotPermittedBy = BTreeMap<(String, String), NotPermitted>;

/// What a database has lived through already.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The commands in its journal.
    done: BTreeMap<CommandId, Done>,
    /// The leads that commands registered.
    leads: BTreeMap<CommandId, LeadId>,
    /// What those said otherwise of somebody who was known already.
    pub(super) differs: BTreeMap<CommandId, Vec<ContactPart>>,
    /// How many entries the journal has.
    pub(super) entries: u64,
}

/// What was asked when a command was carried out, and when that was.
#[derive(Clone, Copy, Debug)]
struct Done {
    at: Instant,
    happened_at: Option<Instant>,
    asked: Option<Asked>,
}

impl Done {
    fn of(entry: &JournalEntry) -> Self {
        Self {
            at: entry.at,
            happened_at: entry.happened_at,
            asked: entry.asked,
        }
    }
}

impl Past {
    /// Whether a command registered a lead.
    pub(super) fn registered(&self, command: CommandId) -> bool {
        self.leads.contains_key(&command)
    }

    pub(super) async fn read(
        engine: &Engine,
        tenant: &Tenant,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let mut bar = Bar::of_unknown(progress, "reading what was done before");
        let mut past = Self::default();
        let mut after = JournalCursor::default();
        loop {
            let page = engine.store().journal(tenant, after, BATCH).await?;
            let Some(last) = page.last() else {
                return Ok(past);
            };
            after = last.cursor;
            bar.step(page.len());
            for journaled in page {
                past.entries += 1;
                let entry = stored::decode_entry(&journaled.body).map_err(|source| {
                    let key = Key::journal(tenant, journaled.command);
                    Error::Unreadable { key, source }
                })?;
                past.done.insert(journaled.command, Done::of(&entry));
                for event in entry.events {
                    match event {
                        Event::Registered { lead, .. } => {
                            past.leads.insert(journaled.command, lead);
                        }
                        Event::ContactDiffers { what, .. } => {
                            past.differs.insert(journaled.command, what);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

impl Ran {
    /// Counts a refusal, if it is for lack of permission.
    fn note_not_permitted(&mut self, refusal: &Refusal) {
        let (actor, may_not, who_may) = match refusal {
            Refusal::NotPermitted {
                actor,
                permission,
                who_may,
            } => (actor, permission.to_string(), who_may.as_slice()),
            Refusal::NotTheirs { actor, who_may, .. } => {
                let may_not = "act on leads of others".to_owned();
                (actor, may_not, who_may.as_slice())
            }
            _ => return,
        };
        let by = (actor.to_string(), may_not);
        let (actor, may_not) = by.clone();
        let refused = self
            .not_permitted
            .entry(by)
            .or_insert_with(|| NotPermitted {
                actor,
                may_not,
                who_may: who_may.iter().map(ToString::to_string).collect(),
                commands: 0,
            });
        refused.commands += 1;
    }
}

pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) clock: &'a VirtualClock,
    pub(super) tenant: &'a Tenant,
    pub(super) map: &'a Map,
    pub(super) playbook: &'a Playbook,
    pub(super) zone: &'a Zone,
    pub(super) past: Past,
    pub(super) earlier: Earlier,
    pub(super) bar: Bar,
}

/// Where a run is.
pub(super) struct State<'p> {
    pub(super) ran: Ran,
    leads: BTreeMap<Rc<str>, LeadId>,
    /// The rows that registered them.
    pub(super) rows: BTreeMap<LeadId, &'p Planned>,
    /// The first row of this run about each contact, as the contact is known.
    pub(super) contacts: BTreeMap<ContactId, &'p Planned>,
    /// The leads whose registration was refused, each with the row.
    unregistered: BTreeMap<Rc<str>, Place>,
    /// Commands on leads that are not registered yet, by the lead.
    waiting: BTreeMap<Rc<str>, Vec<&'p Planned>>,
    /// Commands of this instant that are still to come.
    queue: VecDeque<&'p Planned>,
    /// Commands that go together.
    wave: Vec<&'p Planned>,
    /// The leads that they are about.
    touched: BTreeSet<Rc<str>>,
}

impl Run<'_> {
    /// Carries out a sorted plan; `until` stops the clock before what happens then.
    pub(super) async fn run(
        &mut self,
        plan: &Plan,
        until: Option<Instant>,
    ) -> Result<Ran, Failure> {
        let mut state = State {
            ran: Ran {
                entries_before: self.past.entries,
                ..Ran::default()
            },
            leads: BTreeMap::new(),
            rows: BTreeMap::new(),
            contacts: BTreeMap::new(),
            unregistered: plan.unregistered.clone(),
            waiting: BTreeMap::new(),
            queue: VecDeque::new(),
            wave: Vec::new(),
            touched: BTreeSet::new(),
        };
        let is_in_time = |planned: &&Planned| planned.is_before(until);
        let (commands, later): (Vec<&Planned>, Vec<&Planned>) =
            plan.commands.iter().partition(is_in_time);
        let later = later.into_iter().map(|planned| self.left_out(planned));
        state.ran.left_out.extend(later);
        let mut next = 0;
        while next < commands.len() {
            let now = self
                .clock
                .now()
                .max(commands[next].at.unwrap_or(Instant::MIN_UTC));
            let mut end = next;
            while commands
                .get(end)
                .is_some_and(|planned| planned.at.is_none_or(|at| at <= now))
            {
                state.queue.push_back(commands[end]);
                end += 1;
            }
            self.live_until(now, &mut state.ran).await?;
            self.instant(&mut state).await?;
            self.bar.step(end - next);
            next = end;
        }
        if let Some(until) = until {
            self.live_until(until, &mut state.ran).await?;
        }
        self.leave_waiting(plan, until, &mut state);
        state.ran.stopped_at = Some(self.clock.now());
        Ok(state.ran)
    }

    /// What still waits for its lead: the lead comes later than the run goes, or not at all.
    fn leave_waiting(&self, plan: &Plan, until: Option<Instant>, state: &mut State<'_>) {
        let to_come: BTreeSet<&Rc<str>> = plan
            .commands
            .iter()
            .filter(|planned| matches!(planned.doing, Doing::Register(_)))
            .filter(|planned| !planned.is_before(until))
            .filter_map(|planned| planned.lead.as_ref())
            .collect();
        for (lead, waiting) in std::mem::take(&mut state.waiting) {
            for planned in waiting {
                if to_come.contains(&lead) {
                    state.ran.left_out.push(self.left_out(planned));
                    continue;
                }
                let lead = lead.clone();
                let because = match state.unregistered.get(&lead) {
                    Some(row) => Because::LeadRefused {
                        row: self.map.place(row),
                        lead,
                    },
                    None => Because::NoSuchLead(lead),
                };
                self.refuse(state, planned, &because);
            }
        }
    }

    fn left_out(&self, planned: &Planned) -> LeftOut {
        let file = &self.map.files[planned.place.file];
        LeftOut {
            file: file.name.clone(),
            line: planned.place.line,
            command: file.commands[planned.place.command].name.clone(),
        }
    }

    async fn live_until(&mut self, until: Instant, ran: &mut Ran) -> Result<(), Failure> {
        let (zone, bar) = (self.zone, &mut self.bar);
        let looked_at = |at, ticked: &leadkit::engine::Ticked| {
            ran.messages += ticked.handed_over;
            bar.lived(zone, at);
        };
        let lived = self.engine.live_until(self.clock, until, looked_at).await;
        self.bar.lived(zone, until);
        Ok(lived?)
    }

    /// Carries out the commands of one instant, in order, as many at a time as don't touch the
    /// same lead: what is due at once because of a command comes before the next on its lead.
    async fn instant(&self, state: &mut State<'_>) -> Result<(), Failure> {
        loop {
            let Some(planned) = state.queue.pop_front() else {
                if state.wave.is_empty() {
                    break;
                }
                self.flush(state).await?;
                continue;
            };
            if let Some(done) = self.past.done.get(&planned.id) {
                state.ran.done_before += 1;
                if self.says_otherwise(state, planned, done).await? {
                    let Place { file, line, .. } = planned.place;
                    state.ran.said_otherwise.insert((file, line));
                }
                if let Some(id) = self.past.leads.get(&planned.id) {
                    self.note_contact_of(state, planned, *id).await?;
                    registered(state, planned, *id);
                }
                continue;
            }
            if is_referred(planned) && state.wave.iter().any(|before| lets_refer(before)) {
                state.queue.push_front(planned);
                self.flush(state).await?;
                continue;
            }
            if let Some(lead) = &planned.lead {
                if state.touched.contains(lead) {
                    state.queue.push_front(planned);
                    self.flush(state).await?;
                    continue;
                }
                let is_known = state.leads.contains_key(lead);
                if !is_known && !matches!(planned.doing, Doing::Register(_)) {
                    state.waiting.entry(lead.clone()).or_default().push(planned);
                    continue;
                }
                if is_known && matches!(planned.doing, Doing::Register(_)) {
                    let because = Because::RegisteredAlready(lead.clone());
                    self.refuse(state, planned, &because);
                    continue;
                }
                if let (Some(file), false) = (self.earlier.get(&**lead), is_known) {
                    let because = Because::RegisteredEarlier {
                        lead: lead.clone(),
                        file: file.to_string(),
                        by_line: self.map.files[planned.place.file].key.is_none(),
                    };
                    self.refuse(state, planned, &because);
                    continue;
                }
                state.touched.insert(lead.clone());
            }
            state.wave.push(planned);
            if state.wave.len() >= BATCH {
                self.flush(state).await?;
            }
        }
        let ticked = self.engine.tick().await?;
        state.ran.messages += ticked.handed_over;
        Ok(())
    }

    async fn flush(&self, state: &mut State<'_>) -> Result<(), Failure> {
        let wave = std::mem::take(&mut state.wave);
        state.touched.clear();
        let now = self.clock.now();
        let (mut asked, mut commands) = (Vec::new(), Vec::new());
        for planned in wave {
            let Some(what) = self.what(state, planned).await? else {
                let lead = planned.lead.clone().unwrap_or_default();
                self.refuse(state, planned, &Because::NoSuchLead(lead));
                continue;
            };
            let happened_at = planned.at.filter(|at| *at < now);
            asked.push(planned);
            commands.push((Some(planned.id), self.command(planned, happened_at, what)));
        }
        let answers = self.engine.execute_all(commands).await?;
        for (planned, answer) in asked.into_iter().zip(answers) {
            self.note(state, planned, answer).await?;
        }
        Ok(())
    }

    fn command(&self, planned: &Planned, happened_at: Option<Instant>, what: What) -> Command {
        // What comes after its time is told by the files, whatever the agent's role may.
        let actor = match (&planned.by, happened_at) {
            (Actor::Agent(agent), Some(_)) => Actor::import(agent.clone()),
            (by, _) => by.clone(),
        };
        Command {
            tenant: self.tenant.clone(),
            actor,
            happened_at,
            what,
        }
    }

    /// Whether a row says something else than when it was carried out. A reply to a quote depends on the
    /// quote, which went on since; of it this is not known.
    async fn says_otherwise(
        &self,
        state: &State<'_>,
        planned: &Planned,
        done: &Done,
    ) -> Result<bool, Failure> {
        if matches!(planned.doing, Doing::Reply(_)) {
            return Ok(false);
        }
        let Some(what) = self.what(state, planned).await? else {
            return Ok(false);
        };
        let was_at = done.happened_at.unwrap_or(done.at);
        let happened_at = done.happened_at.and(planned.at);
        let asked = Asked::by(&self.command(planned, happened_at, what));
        Ok(planned.at.is_some_and(|at| at != was_at) || done.asked != Some(asked))
    }

    /// What a command does, now that all before it is done; nothing, where its lead is not there.
    async fn what(&self, state: &State<'_>, planned: &Planned) -> Result<Option<What>, Failure> {
        let lead = planned.lead.as_ref().and_then(|lead| state.leads.get(lead));
        Ok(match (&planned.doing, lead.copied()) {
            (Doing::SetUp(agent), _) => Some(What::SetUpAgent(agent.clone())),
            (Doing::Leave(leaving), _) => Some(What::Leave(leaving.clone())),
            (Doing::Register(lead), _) => Some(What::Register(self.with_code(lead).await?)),
            (Doing::Refer(agent), _) => {
                let agent = agent.clone();
                Some(What::TellReferralCode { agent })
            }
            (Doing::Order(_) | Doing::Reply(_), None) => None,
            (Doing::Order(order), Some(lead)) => {
                let order = order.clone();
                Some(What::Lead { lead, order })
            }
            (Doing::Reply(reply), Some(lead)) => {
                let key = Key::lead(self.tenant, lead);
                let record = database::record::<Lead>(self.engine, key).await?;
                let order = reply.order(record.as_ref());
                Some(What::Lead { lead, order })
            }
        })
    }

    /// A row says who referred a lead. Codes are drawn when agents ask for them, so what stood on paper is
    /// nobody's here; what names no agent stays as it is said.
    async fn with_code(&self, new: &NewLead) -> Result<Box<NewLead>, Failure> {
        let mut new = Box::new(new.clone());
        if let Some(said) = &new.referral {
            let key = Key::agent(self.tenant, &AgentId::from(said.clone()));
            let agent = database::record::<Agent>(self.engine, key).await?;
            let code = agent.and_then(|agent| agent.referral_code);
            new.referral = code.map(|code| code.as_str().into()).or(new.referral);
        }
        Ok(new)
    }

    async fn note<'p>(
        &self,
        state: &mut State<'p>,
        planned: &'p Planned,
        answer: Result<Answer, Error>,
    ) -> Result<(), Failure> {
        match answer {
            Ok(answer) => {
                state.ran.done += u64::from(!answer.already_done);
                state.ran.done_before += u64::from(answer.already_done);
                if !answer.already_done {
                    let Place { file, line, .. } = planned.place;
                    state.ran.rows_done.insert((file, line));
                }
                let registers = matches!(planned.doing, Doing::Register(_));
                if let (Some(lead), true) = (answer.lead, registers) {
                    let differs = answer.contact_differs.as_slice();
                    self.note_contact(state, planned, &lead, differs).await?;
                    registered(state, planned, lead.id);
                }
                Ok(())
            }
            Err(Error::Refused(refusal)) => {
                let because = Because::Decided {
                    code: refusal.code(),
                    told: self.told(state, planned, &refusal),
                    hint: hints::hint(
                        &refusal,
                        planned,
                        &self.map.files[planned.place.file],
                        self.playbook,
                    ),
                };
                state.ran.note_not_permitted(&refusal);
                self.refuse(state, planned, &because);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Why a row is refused, as whoever has the files reads it: with rows in place of ids, and times in
    /// the playbook's zone.
    fn told(&self, state: &State<'_>, planned: &Planned, refusal: &Refusal) -> String {
        match (refusal, &planned.doing) {
            (Refusal::AlreadyHeld { base, holder }, Doing::Register(new)) => {
                let who = new.email.as_ref().or(new.phone.as_ref());
                let who = who.unwrap_or(&new.name);
                let row = self.row_of(state, *holder);
                format!("{who} is already in the base `{base}`, with the {row}")
            }
            (Refusal::Incomplete(gaps), Doing::Register(_))
                if gaps.iter().any(|gap| gap.problem == Problem::NobodysCode) =>
            {
                format!(
                    "{refusal}; name the agent who referred it, after a row has said `refer` of that agent"
                )
            }
            (Refusal::Overtaken { what, is, since }, _) => {
                let since = local(self.zone, *since);
                format!("reported too late: since {since} the lead's {what} is {is}")
            }
            (Refusal::Incomplete(gaps), doing) => {
                let told = gaps.iter().map(|gap| match refused::said(gap, doing) {
                    Some(said) => format!("{}: `{}` {}", gap.input, shortened(said), gap.problem),
                    None => gap.to_string(),
                });
                let told: Vec<String> = told.collect();
                format!("cannot be taken in: {}", told.join(", "))
            }
            _ => refusal.to_string(),
        }
    }

    /// The row that registered a lead; its id, if none did.
    fn row_of(&self, state: &State<'_>, lead: LeadId) -> String {
        match state.rows.get(&lead) {
            Some(first) => {
                let name = first.lead.as_deref().unwrap_or_default();
                format!("lead `{name}` of {}", self.map.place(&first.place))
            }
            None => format!("lead {lead}"),
        }
    }

    fn refuse(&self, state: &mut State<'_>, planned: &Planned, because: &Because) {
        if let (Doing::Register(_), Some(lead)) = (&planned.doing, &planned.lead) {
            let unregistered = state.unregistered.entry(lead.clone());
            unregistered.or_insert_with(|| planned.place.clone());
        }
        let Place {
            file,
            line,
            command,
        } = planned.place;
        let file = &self.map.files[file];
        let command = Some(file.commands[command].name.as_str());
        let refused = Refused::new(&file.name, line, command, because);
        state.ran.refused.push(refused);
    }
}

/// Whether it is looked up with which code a lead comes, before that is registered.
fn is_referred(planned: &Planned) -> bool {
    matches!(&planned.doing, Doing::Register(new) if new.referral.is_some())
}

/// Whether an agent may have its code only behind this.
fn lets_refer(planned: &Planned) -> bool {
    matches!(planned.doing, Doing::Refer(_))
}

/// A lead is there: what waited for it comes next.
fn registered<'p>(state: &mut State<'p>, by: &'p Planned, id: LeadId) {
    let Some(lead) = &by.lead else {
        return;
    };
    state.rows.insert(id, by);
    state.leads.insert(lead.clone(), id);
    for planned in state.waiting.remove(lead).into_iter().flatten().rev() {
        state.queue.push_front(planned);
    }
}
