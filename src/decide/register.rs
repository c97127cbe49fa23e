//! Taking a lead in: what must be said, whose contact it is, where it goes and to whom.

use smol_str::SmolStr;

use crate::decide::command::NewLead;
use crate::decide::contacts::{LONGEST_NAME, add_open_lead, check_phone, phone_in, renew_copies};
use crate::decide::draft::Draft;
use crate::decide::fields::accept;
use crate::decide::life::settle;
use crate::decide::ownership::{self, Heir};
use crate::decide::permit::{acting_agent, permit_agent};
use crate::decide::refusal::{Gap, Gaps, Problem, Refusal};
use crate::decide::{Stop, appointments, laws, waits};
use crate::email::Email;
use crate::ids::{ContactId, LeadId, Name};
use crate::letters::is_blank;
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::people::Permission;
use crate::playbook::pipeline::Route;
use crate::record::contact::{Contact, ContactPart, MessageBook, dialled};
use crate::record::fields::Fields;
use crate::record::journal::Event;
use crate::record::lead::{Attempts, Because, ContactCopy, Moment, ToldAt, Wait};
use crate::record::{Agent, Claim, History, Lead};
use crate::store::Key;
use crate::value::{Value, folded_eq};

/// The lead that a registration makes, by its command: the same command, the same lead.
#[must_use]
fn lead_id(command: &crate::ids::CommandId, now: crate::time::Instant) -> LeadId {
    LeadId(crate::ids::Id::derived(now, command, "lead", 0))
}

pub(crate) fn register(draft: &mut Draft<'_>, new: &NewLead) -> Result<(), Stop> {
    let said = check(draft, new)?;
    let registrar = acting_agent(draft)?;
    let mut contact = contact_of(draft, new, &said)?;
    let mut lead = blank(draft, new, said, &contact, registrar.as_deref());
    let playbook = draft.playbook;
    let route = playbook.routes.iter().find(|route| {
        let facts = LeadFacts {
            playbook,
            lead: &lead,
        };
        route
            .only_if
            .as_ref()
            .is_none_or(|condition| condition.holds(&facts, draft.now))
    });
    enter(draft, &mut lead, route)?;
    draft.happened(Event::Registered {
        lead: lead.id,
        source: lead.source.clone(),
        into: (lead.pipeline.clone(), lead.stage.clone()),
    });
    let what = differences(&contact, new);
    if !what.is_empty() {
        draft.happened(Event::ContactDiffers {
            lead: lead.id,
            what,
        });
    }
    find_owner(draft, &mut lead, new, registrar.as_deref(), route)?;
    book(draft, &mut lead, new, registrar.as_deref())?;
    ownership::take_claims(draft, &mut lead)?;
    add_open_lead(&mut contact, lead.id)?;
    draft.put(Key::contact(draft.tenant, contact.id), contact, None);
    laws::allow_entry(draft, &lead)?;
    settle(draft, &mut lead);
    draft.put_lead(lead);
    Ok(())
}

/// Books the appointments that a lead comes with, for whoever may book.
fn book(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    new: &NewLead,
    registrar: Option<&Agent>,
) -> Result<(), Stop> {
    if let Some(registrar) = registrar.filter(|_| !new.appointments.is_empty()) {
        permit_agent(draft, registrar, Permission::Appointment)?;
    }
    for (kind, at) in &new.appointments {
        appointments::book(draft, lead, kind, *at, None)?;
    }
    Ok(())
}

/// What was said, checked.
struct Said {
    email: Option<Email>,
    fields: Fields,
    wait: Option<Wait>,
}

/// Checks everything that was said; everything that is wrong is told at once.
fn check(draft: &Draft<'_>, new: &NewLead) -> Result<Said, Stop> {
    let mut gaps = Gaps::default();
    if is_blank(&new.name) {
        gaps.add("name", Problem::Missing);
    }
    gaps.add_too_long("name", Some(&new.name), LONGEST_NAME);
    gaps.add_too_long("phone", new.phone.as_deref(), LONGEST_NAME);
    check_phone(new.phone.as_deref(), &mut gaps);
    let typed = new.email.as_ref().filter(|email| !email.trim().is_empty());
    let email = typed.map(|email| email.parse::<Email>());
    if matches!(email, Some(Err(_))) {
        gaps.add("email", Problem::NotAnEmail);
    }
    if let Some(source) = new
        .source
        .as_ref()
        .filter(|source| draft.playbook.source(source).is_none())
    {
        let known = draft.playbook.sources.iter();
        let known = known.map(|source| source.name.as_str());
        gaps.add("source", Problem::unknown(source.as_str(), known));
    }
    let mut fields = Fields::default();
    for (name, value) in &new.fields {
        match accept(draft, name, Some(value)) {
            Ok(value) => fields.set(name.clone(), value),
            Err(problem) => gaps.add(name.as_str(), problem),
        }
    }
    for field in draft.playbook.fields.iter().filter(|field| field.required) {
        if !new.fields.iter().any(|(name, _)| *name == field.name) {
            gaps.add(field.name.as_str(), Problem::Missing);
        }
    }
    let wait = waits::accept(draft, new.wait.as_ref(), new.wait_days);
    let wait = wait.unwrap_or_else(|wrong| {
        gaps.add(wrong.input.as_str(), wrong.problem);
        None
    });
    gaps.told()?;
    Ok(Said {
        email: email.and_then(Result::ok),
        fields,
        wait,
    })
}

/// The contact behind a lead: known by the e-mail address, else by the phone number; or new.
fn contact_of(draft: &mut Draft<'_>, new: &NewLead, said: &Said) -> Result<Contact, Stop> {
    let phone = new.phone.as_deref().and_then(phone_in);
    let claim = match (&said.email, phone) {
        (Some(email), _) => Some(Claim::to_email(email)),
        (None, Some(phone)) => Some(Claim::to_phone(phone)),
        (None, None) => None,
    };
    let claim = claim.map(|id| Key::claim(draft.tenant, id));
    if let Some(mut known) = known_by(draft, claim.as_ref())? {
        if let (None, Some(phone)) = (&known.phone, phone) {
            known.phone = Some(phone.into());
            let learned = |lead| Event::ContactLearned {
                lead,
                what: vec![ContactPart::Phone],
            };
            renew_copies(draft, &known, None, Some(&learned))?;
        }
        return Ok(known);
    }
    let id = ContactId(draft.new_id("contact"));
    if let Some(key) = claim {
        draft.put(key, Claim::Contact(id), None);
    }
    let key = Key::contact(draft.tenant, id);
    draft.need([key.clone()])?;
    draft.read::<Contact>(&key)?;
    Ok(Contact {
        id,
        name: new.name.trim().into(),
        email: said.email.clone(),
        phone: phone.map(SmolStr::from),
        unsubscribed_at: None,
        email_invalid_at: None,
        leads: Vec::new(),
        book: MessageBook::default(),
    })
}

/// What a registration says otherwise than what is known of its contact. Nothing that is known is
/// overwritten: who types a name is not always who bears it.
fn differences(contact: &Contact, new: &NewLead) -> Vec<ContactPart> {
    let name = !folded_eq(&contact.name, new.name.trim());
    let phones = contact.phone.as_deref().zip(new.phone.as_deref());
    let phone = phones.is_some_and(|(known, said)| {
        let said = dialled(said);
        !said.is_empty() && dialled(known) != said
    });
    let parts = [(name, ContactPart::Name), (phone, ContactPart::Phone)];
    let differing = parts.into_iter().filter(|(differs, _)| *differs);
    differing.map(|(_, part)| part).collect()
}

/// The contact that holds this claim to an identity.
fn known_by(draft: &mut Draft<'_>, claim: Option<&Key>) -> Result<Option<Contact>, Stop> {
    let holder = match claim {
        Some(key) => draft.read::<Claim>(key)?,
        None => None,
    };
    match holder {
        Some(Claim::Contact(id)) => draft.read::<Contact>(&Key::contact(draft.tenant, id)),
        _ => Ok(None),
    }
}

/// A lead of which everything is known but where it goes and to whom.
fn blank(
    draft: &Draft<'_>,
    new: &NewLead,
    said: Said,
    contact: &Contact,
    registrar: Option<&Agent>,
) -> Lead {
    let moment = draft.moment();
    let dated = said
        .fields
        .iter()
        .filter(|(_, value)| matches!(value, Value::Date(_) | Value::Instant(_)));
    let dates_told = dated
        .map(|(name, _)| (name.clone(), ToldAt(draft.now)))
        .collect();
    Lead {
        id: lead_id(&draft.command, draft.now),
        playbook: draft.playbook.hash.clone(),
        contact: ContactCopy::of(contact),
        pipeline: Name::from(""),
        stage: Name::from(""),
        entered: moment,
        came_from: None,
        stays: Vec::new(),
        wait: said.wait,
        source: new.source.clone(),
        registered: moment,
        opened: moment,
        touched: Moment::now(draft.now),
        registered_by: registrar.map(|agent| agent.id.clone()),
        owner: None,
        earlier_owners: Vec::new(),
        earlier_team: None,
        reassignments: 0,
        attempts: Attempts::default(),
        answered: None,
        activities: Vec::new(),
        fields: said.fields,
        dates_told,
        reason: None,
        closed: None,
        ends: 0,
        earlier_reasons: Vec::new(),
        quotes: Vec::new(),
        appointments: Vec::new(),
        documents: Vec::new(),
        holds: Vec::new(),
        tasks: Vec::new(),
        fired: Vec::new(),
        rules_told: Vec::new(),
        since: Vec::new(),
        claims: Vec::new(),
        flags: Vec::new(),
        trouble: None,
        settled_at: draft.now,
        history: History::default(),
    }
}

/// Puts a lead where its route says; where leads wait, a wait group must be said.
fn enter(draft: &Draft<'_>, lead: &mut Lead, route: Option<&Route>) -> Result<(), Stop> {
    let playbook = draft.playbook;
    let (pipeline, stage) = match (route, playbook.pipelines.first()) {
        (Some(route), _) => (&route.to.pipeline, &route.to.stage),
        (None, Some(first)) => (&first.name, &first.start),
        (None, None) => return Err(Refusal::NoSuchRecord("pipeline").into()),
    };
    lead.enter(pipeline, stage, draft.moment());
    lead.entered = draft.moment();
    let waits = playbook
        .stage(pipeline, stage)
        .is_some_and(|stage| stage.waits);
    if waits && lead.wait.is_none() {
        let gap = Gap {
            input: Name::from("wait"),
            problem: Problem::Missing,
        };
        return Err(Refusal::Incomplete(vec![gap]).into());
    }
    Ok(())
}

/// Who owns the lead: whoever is named, the agent who registers it (M4), or whom the route's
/// pool chooses (M2). That a pool finds nobody is no reason to lose a lead.
fn find_owner(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    new: &NewLead,
    registrar: Option<&Agent>,
    route: Option<&Route>,
) -> Result<(), Stop> {
    if let Some(named) = &new.owner {
        // Who takes a lead in for somebody else gives it away.
        if let Some(registrar) = registrar.filter(|registrar| registrar.id != *named) {
            permit_agent(draft, registrar, Permission::Reassign)?;
        }
        let Some(agent) = draft.read::<Agent>(&Key::agent(draft.tenant, named))? else {
            return Err(Refusal::NoSuchAgent(named.clone()).into());
        };
        if agent.left_at.is_some() {
            return Err(Refusal::HasLeft(agent.id).into());
        }
        let by = smol_str::format_smolstr!("{}", draft.actor);
        return ownership::hand_over(draft, lead, Heir::from(&agent), Because::GivenBy(by));
    }
    let owns = |agent: &&Agent| {
        let role = draft.playbook.role(&agent.role);
        agent.left_at.is_none() && role.is_none_or(|role| role.owns)
    };
    if let Some(agent) = registrar.filter(owns) {
        return ownership::hand_over(draft, lead, Heir::from(agent), Because::RegisteredIt);
    }
    let pool = route.and_then(|route| route.assign.as_ref());
    let Some(spec) = pool.and_then(|pool| draft.playbook.pool(pool)) else {
        return Ok(());
    };
    let (heir, reasons) = ownership::let_choose(draft, lead, spec, &[])?;
    match heir {
        Some(heir) => ownership::hand_over(draft, lead, heir, Because::Chosen(reasons.into())),
        None => {
            draft.happened(Event::NobodyEligible {
                lead: lead.id,
                reasons,
            });
            Ok(())
        }
    }
}
