//! The laws: what must be so of every record, whatever happened.

use leadkit::agenda;
use leadkit::decide::playbook_of;
use leadkit::ids::{AgentId, Id, Name};
use leadkit::playbook::Playbook;
use leadkit::playbook::catalogue::LeadFacts;
use leadkit::playbook::pipeline::{Base, HoldsPlace, UniquePart};
use leadkit::record::contact::Claim;
use leadkit::record::lead::Closed;
use leadkit::record::message::{Class, Message, Recipient};
use leadkit::record::{Agent, Contact, Lead, Record, Workload};
use leadkit::store::{Key, Kind, Wakes};
use leadkit::time::Instant;
use leadkit::value::fold;
use smol_str::SmolStr;

use super::{Held, Ledger};

/// In which lane a record waits: that of its playbook, messages and sweeps beside leads.
fn lane(record: &Record) -> Option<Name> {
    let hash = playbook_of(record)?;
    let mark = match record {
        Record::Message(_) => "m:",
        Record::Sweep(_) => "s:",
        _ => "",
    };
    Some(Name::from(format!("{mark}{hash}").as_str()))
}

impl Ledger {
    /// Holds a record to the laws, and those around it that a change of it concerns.
    pub(super) fn hold_to_laws(&mut self, key: &Key) {
        let Some(held) = self.records.get(key).cloned() else {
            return;
        };
        self.check_clock(key, &held);
        self.check_chain(key, &held);
        match &held.record {
            Record::Lead(lead) => {
                self.check_lead(key, lead);
                self.check_claims(key, lead);
                if let Some(owner) = lead.owner_id() {
                    self.check_load(key, owner);
                }
            }
            Record::Message(message) => self.check_message(key, message),
            Record::Contact(contact) => self.check_contact(key, contact),
            Record::Claim(claim) => self.check_claim(key, claim),
            Record::Agent(agent) => {
                self.check_load(key, &agent.id);
                self.check_groups(key, agent);
            }
            Record::Pool(pool) => {
                let agents = pool.members.iter().map(|member| member.agent.clone());
                for agent in agents.collect::<Vec<_>>() {
                    self.check_load(key, &agent);
                    self.check_is_there(key, &agent);
                }
            }
            Record::Group(group) => {
                for agent in &group.members {
                    self.check_is_there(key, agent);
                }
            }
            Record::VisitPlan(plan) => self.check_plan(key, plan),
            Record::Tenant(_) | Record::Sweep(_) | Record::Workload(_) => {}
        }
    }

    fn check_clock(&mut self, key: &Key, held: &Held) {
        let computed: Option<Instant> = match &held.record {
            Record::Lead(lead) => match self.books.get(&lead.playbook) {
                Some(book) => agenda::wakes_at(book, lead),
                None => {
                    let what = format!("its playbook {} is none of this run", lead.playbook);
                    return self.find("everything can be read", what, Some(key));
                }
            },
            Record::Message(message) => message.wakes_at(),
            Record::Sweep(sweep) => sweep.wakes_at(),
            _ => None,
        };
        let computed = computed.zip(lane(&held.record));
        let computed = computed.map(|(at, lane)| Wakes { at, lane });
        if computed != held.wakes {
            let what = format!("{key:?} wakes {:?}, computed is {computed:?}", held.wakes);
            self.find("stored clocks are the computed ones", what, Some(key));
        }
    }

    /// A record whose history is a chain has an entry for each time it was written.
    fn check_chain(&mut self, key: &Key, held: &Held) {
        let history = match &held.record {
            Record::Lead(lead) => lead.history,
            Record::Agent(agent) => agent.history,
            Record::Message(message) => message.history,
            Record::Sweep(sweep) => sweep.history,
            Record::Tenant(tenant) => tenant.history,
            Record::VisitPlan(plan) => plan.history,
            _ => return,
        };
        if history.length != held.version.count() {
            let length = history.length;
            let what = format!("{key:?} is {:?} and has {length} entries", held.version);
            self.find("histories are complete", what, Some(key));
        }
        let last = history.last;
        let chain = self.chains.get(&(key.tenant.clone(), key.id)).copied();
        let ought = last.map(|last| (last, u64::from(held.version.count())));
        if chain != ought {
            let what = format!("{key:?} ends with {ought:?}, its history with {chain:?}");
            self.find("histories are complete", what, Some(key));
        }
    }

    fn check_lead(&mut self, key: &Key, lead: &Lead) {
        let tally = self.leads.entry(key.clone()).or_default().clone();
        let mut unlike = Vec::new();
        let mut compare = |what: &str, is: String, told: String| {
            if is != told {
                unlike.push(format!("{what} is {is}, its history tells {told}"));
            }
        };
        compare("registered", "1".into(), tally.registered.to_string());
        if let Some((pipeline, stage)) = &tally.stage {
            let is = format!("{}.{}", lead.pipeline, lead.stage);
            compare("stage", is, format!("{pipeline}.{stage}"));
        }
        if let Some(closed) = tally.closed {
            compare("closed", (!lead.is_open()).to_string(), closed.to_string());
        }
        let owner = |owner: Option<&AgentId>| format!("{owner:?}");
        compare("owner", owner(lead.owner_id()), owner(tally.owner.as_ref()));
        let tried = (lead.attempts.reached, lead.attempts.unanswered);
        compare(
            "attempts",
            format!("{tried:?}"),
            format!("{:?}", (tally.reached, tally.unanswered)),
        );
        for activity in &lead.activities {
            let told = tally.activities.get(&activity.kind).copied();
            let told = told.unwrap_or_default();
            let what = format!("activity {}", activity.kind);
            compare(&what, activity.count.to_string(), told.to_string());
        }
        let open = |name: &Name| {
            let tasks = lead.tasks.iter();
            tasks
                .filter(|task| task.ended.is_none() && task.name == *name)
                .count()
        };
        for (task, told) in &tally.tasks {
            compare(
                &format!("open tasks {task}"),
                open(task).to_string(),
                told.to_string(),
            );
            if open(task) > 1 {
                compare("open tasks", open(task).to_string(), "at most 1".into());
            }
        }
        let holds: Vec<&Name> = lead
            .holds
            .iter()
            .filter(|hold| hold.until.is_none())
            .map(|hold| &hold.name)
            .collect();
        for hold in &tally.holds {
            let is = holds.contains(&hold).to_string();
            compare(&format!("held by {hold}"), is, "true".into());
        }
        compare(
            "holds",
            holds.len().to_string(),
            tally.holds.len().to_string(),
        );
        unlike.extend(tally.work.unlike(lead));
        for what in unlike {
            self.find("the journal tells what is so", what, Some(key));
        }
        self.check_contact_copy(key, lead);
    }

    /// An open lead is on its contact's list, a closed one is not.
    fn check_contact_copy(&mut self, key: &Key, lead: &Lead) {
        let contact_key = Key::contact(&key.tenant, lead.contact.id);
        let Some(contact) = self.record::<Contact>(&contact_key) else {
            let what = format!("the contact {} is not there", lead.contact.id);
            return self.find("leads have contacts", what, Some(key));
        };
        let times = contact
            .leads
            .iter()
            .filter(|open| **open == lead.id)
            .count();
        if times != usize::from(lead.is_open()) {
            let what = format!("it is {times} times on the list of its contact's open leads");
            self.find("contacts know their open leads", what, Some(key));
        }
    }

    /// Each place that an open lead needs is held by it alone. One that ended before there was a base may
    /// have come too late to it.
    fn check_claims(&mut self, key: &Key, lead: &Lead) {
        let Some(book) = self.books.get(&lead.playbook).cloned() else {
            return;
        };
        let mut wanted = claims_of(&book, lead);
        let mut claims = lead.claims.clone();
        wanted.sort_unstable();
        claims.sort_unstable();
        if !lead.is_open() {
            wanted.retain(|claim| claims.contains(claim));
        }
        if wanted != claims {
            let what = format!("it needs the claims {wanted:?} and has {claims:?}");
            self.find("claims are held once", what, Some(key));
        }
        for claim in claims {
            let claim = Key::claim(&key.tenant, claim);
            let holder = self.record::<Claim>(&claim).cloned();
            if holder != Some(Claim::Lead(lead.id)) {
                let what = format!("its claim {} is held by {holder:?}", claim.id);
                self.find("claims are held once", what, Some(key));
            }
        }
    }

    fn check_claim(&mut self, key: &Key, claim: &Claim) {
        let (about, is_right) = match claim {
            Claim::Lead(lead) => {
                let about = Key::lead(&key.tenant, *lead);
                let lead = self.record::<Lead>(&about);
                let is_right = lead.is_some_and(|lead| lead.claims.contains(&key.id));
                (about, is_right)
            }
            Claim::Contact(contact) => return self.check_named(key, *contact),
            Claim::Suppressed { .. } => return self.check_suppression(key),
            Claim::Agent(agent) => {
                let about = Key::agent(&key.tenant, agent);
                let agent = self.record::<Agent>(&about);
                let code = agent.and_then(|agent| agent.referral_code.as_ref());
                let is_right = code.is_some_and(|code| Claim::to_code(code) == key.id);
                (about, is_right)
            }
        };
        if !is_right {
            let what = format!("{claim:?} holds the claim {} and does not know", key.id);
            self.find("claims are held once", what, Some(&about));
        }
    }

    /// Who left is in no pool and no group.
    fn check_is_there(&mut self, place: &Key, agent: &AgentId) {
        let agent = self.record::<Agent>(&Key::agent(&place.tenant, agent));
        if let Some(gone) = agent.filter(|agent| agent.left_at.is_some()) {
            let what = format!("{} is in {place:?}", gone.id);
            self.find("who left is gone", what, None);
        }
    }

    fn check_groups(&mut self, key: &Key, agent: &Agent) {
        if agent.left_at.is_none() {
            return;
        }
        let has = |held: &Held| match &held.record {
            Record::Pool(pool) => pool.members.iter().any(|member| member.agent == agent.id),
            Record::Group(group) => group.members.contains(&agent.id),
            _ => false,
        };
        let places = self.records.iter();
        let places = places.filter(|(place, held)| place.tenant == key.tenant && has(held));
        let places: Vec<Key> = places.map(|(place, _)| place.clone()).collect();
        if !places.is_empty() {
            let what = format!("{} is in {places:?}", agent.id);
            self.find("who left is gone", what, None);
        }
    }

    /// What a pool believes of an agent's load is so.
    fn check_load(&mut self, about: &Key, agent: &AgentId) {
        let load = self.loads.get(&(about.tenant.clone(), agent.clone()));
        let load = load.copied().unwrap_or_default();
        let pools = self
            .records
            .iter()
            .filter(|(key, _)| key.kind == Kind::Pool && key.tenant == about.tenant);
        let key = Key::workload(&about.tenant, agent);
        let workload = self.record::<Workload>(&key);
        let known = workload.map_or(0, |workload| workload.load);
        let mut wrong = Vec::new();
        if known != load {
            wrong.push(format!(
                "{agent} holds {load} open leads, its workload {known}"
            ));
        }
        for (_, held) in pools {
            let Record::Pool(pool) = &held.record else {
                continue;
            };
            let member = pool.members.iter().find(|member| member.agent == *agent);
            if let Some(member) = member.filter(|member| member.load != load) {
                wrong.push(format!(
                    "{agent} holds {load} open leads, a pool believes {}",
                    member.load
                ));
            }
        }
        for what in wrong {
            self.find("loads are the open leads", what, Some(about));
        }
    }

    fn check_message(&mut self, key: &Key, message: &Message) {
        let tally = self.messages.entry(key.clone()).or_default().clone();
        let is = (1, message.state.as_str(), message.attempts);
        let told = (tally.queued, tally.state.as_str(), tally.attempts);
        if is != told {
            let what = format!("{key:?} is {is:?}, the journal tells {told:?}");
            self.find("the journal tells what is so", what, Some(key));
        }
    }

    /// Marketing goes to nobody who wants none, whose address is invalid or whose lead is closed.
    pub(super) fn may_be_handed_over(&mut self, key: &Key) {
        let Some(message) = self.record::<Message>(key).cloned() else {
            return;
        };
        let Recipient::Contact(contact) = &message.to else {
            return;
        };
        let contact = self.record::<Contact>(&Key::contact(&key.tenant, *contact));
        let lead = self.record::<Lead>(&Key::lead(&key.tenant, message.lead));
        let (Some(contact), Some(lead)) = (contact, lead) else {
            return self.find(
                "the gate is asked",
                format!("{key:?} goes to nobody"),
                Some(key),
            );
        };
        let invalid = contact.email_invalid_at.is_some() || contact.email.is_none();
        let unwanted = contact.unsubscribed_at.is_some()
            || !lead.is_open()
            || self.is_unwanted_at_address_of(&key.tenant, contact);
        if invalid || (unwanted && message.class == Class::Marketing) {
            let what = format!("{:?} goes to {contact:?}", message.template);
            self.find("the gate is asked", what, Some(key));
        }
    }
}

/// The places that a lead needs: while it is open, and longer where the base says so.
fn claims_of(book: &Playbook, lead: &Lead) -> Vec<Id> {
    let is_won = |closed: &Closed| closed.outcome == "won";
    let now = lead.settled_at;
    let facts = LeadFacts {
        playbook: book,
        lead,
        now,
    };
    let holds = |base: &&Base| match base.holds {
        _ if base
            .keeps
            .as_ref()
            .is_some_and(|kept| kept.holds(&facts, now)) =>
        {
            true
        }
        HoldsPlace::WhileOpen => lead.is_open(),
        HoldsPlace::IfWon => lead.closed.as_ref().is_none_or(is_won),
        HoldsPlace::ForGood => true,
    };
    let bases = book.bases.iter().filter(holds);
    let bases = bases.filter(|base| base.pipelines.contains(&lead.pipeline));
    let claims = bases.filter_map(|base| {
        let value = |part: &UniquePart| -> Option<SmolStr> {
            match part {
                UniquePart::Owner => Some(lead.owner_id()?.as_str().into()),
                UniquePart::Email => Some(lead.contact.email.as_ref()?.key()),
                UniquePart::Contact => Some(lead.contact.id.to_string().into()),
                UniquePart::Field(name) => {
                    let value = lead.fields.value(name)?;
                    Some(fold(&value.to_string()))
                }
            }
        };
        let values: Option<Vec<SmolStr>> = base.unique.iter().map(value).collect();
        Some(Claim::to_place(&base.name, &values?))
    });
    claims.collect()
}
