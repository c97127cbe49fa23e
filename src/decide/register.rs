//! Taking a lead in: what must be said, whose contact it is, where it goes and to whom.

use smol_str::SmolStr;

use crate::decide::command::NewLead;
use crate::decide::contacts::{LONGEST_NAME, add_open_lead, check_phone, phone_in, renew_copies};
use crate::decide::draft::Draft;
use crate::decide::fields::{accept, permit_telling};
use crate::decide::ownership::{self, Heir};
use crate::decide::permit::{acting_agent, permit_actor};
use crate::decide::refusal::{Gap, Gaps, Problem, Refusal};
use crate::decide::settling::settle;
use crate::decide::{Stop, appointments, identities, laws, places, referrals, waits};
use crate::email::Email;
use crate::ids::{ContactId, Id, LeadId, Name};
use crate::letters::is_blank;
use crate::phone::{self, Dialling};
use crate::playbook::catalogue::LeadFacts;
use crate::playbook::people::Permission;
use crate::playbook::pipeline::Route;
use crate::record::contact::{Contact, ContactPart, Identity, IdentitySort, MessageBook};
use crate::record::fields::Fields;
use crate::record::journal::Event;
use crate::record::lead::{Attempts, Because, ContactCopy, Moment, ToldAt, Wait};
use crate::record::{Agent, History, Lead, Referral};
use crate::store::Key;
use crate::value::{Value, folded_eq};

/// The lead that a registration makes, by its command: the same command, the same lead.
fn lead_id(draft: &Draft<'_>) -> LeadId {
    LeadId(Id::derived(draft.now, &draft.command, "lead", 0))
}

/// The contact that a registration makes, if it knows none.
fn contact_id(draft: &Draft<'_>) -> ContactId {
    ContactId(Id::derived(draft.now, &draft.command, "contact", 0))
}

pub(crate) fn register(draft: &mut Draft<'_>, new: &NewLead) -> Result<(), Stop> {
    let registrar = acting_agent(draft)?;
    take_in(draft, new, registrar.as_deref()).map(drop)
}

/// Takes a lead in that this agent registers, or none. Whose lead it is follows from that agent; what
/// may be done beside is the actor's.
pub(crate) fn take_in(
    draft: &mut Draft<'_>,
    new: &NewLead,
    registrar: Option<&Agent>,
) -> Result<LeadId, Stop> {
    let said = check(draft, new)?;
    let named = identities_said(draft, new, &said);
    foresee(draft, new, &named)?;
    let mut contact = contact_of(draft, new, &said, named)?;
    let mut lead = blank(draft, said, &contact, registrar);
    let playbook = draft.playbook;
    let route = playbook.routes.iter().find(|route| {
        let facts = LeadFacts {
            playbook,
            lead: &lead,
            now: draft.now,
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
    if let Some(referral) = &lead.referral {
        draft.happened(Event::Referred {
            lead: lead.id,
            by: referral.referrer.clone(),
            code: referral.code.clone(),
        });
    }
    let what = differences(&contact, new, playbook.country);
    if !what.is_empty() {
        draft.happened(Event::ContactDiffers {
            lead: lead.id,
            what,
        });
    }
    find_owner(draft, &mut lead, new, registrar, route)?;
    book(draft, &mut lead, new)?;
    places::take(draft, &mut lead)?;
    add_open_lead(&mut contact, lead.id)?;
    draft.put(Key::contact(draft.tenant, contact.id), contact, None);
    laws::allow_entry(draft, &lead)?;
    settle(draft, &mut lead);
    let id = lead.id;
    draft.put_lead(lead);
    Ok(id)
}

/// Books the appointments that a lead comes with, for whoever may book.
fn book(draft: &mut Draft<'_>, lead: &mut Lead, new: &NewLead) -> Result<(), Stop> {
    if !new.appointments.is_empty() {
        permit_actor(draft, Permission::Appointment)?;
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
    source: Option<Name>,
    referral: Option<Referral>,
}

/// Checks everything that was said; everything that is wrong is told at once.
fn check(draft: &mut Draft<'_>, new: &NewLead) -> Result<Said, Stop> {
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
    let email = email.and_then(Result::ok);
    let referral = referrals::referral_of(draft, new, email.as_ref(), &mut gaps)?;
    gaps.told()?;
    for (name, _) in &new.fields {
        permit_telling(draft, name)?;
    }
    Ok(Said {
        email,
        fields,
        wait,
        source: source_of(draft, new, referral.as_ref()),
        referral,
    })
}

/// Where a lead comes from: what is said, or else what the playbook says of leads that are referred.
fn source_of(draft: &Draft<'_>, new: &NewLead, referral: Option<&Referral>) -> Option<Name> {
    let referring = draft
        .playbook
        .referring
        .as_ref()
        .filter(|_| referral.is_some());
    let of_referred = referring.and_then(|referring| referring.source.as_ref());
    new.source.as_ref().or(of_referred).cloned()
}

/// Asks for what most registrations read, in one go: else each thing would be found to be lacking by
/// itself, and all that comes before it be decided anew.
fn foresee(draft: &Draft<'_>, new: &NewLead, named: &[Identity]) -> Result<(), Stop> {
    let claims = named
        .iter()
        .map(|identity| Key::claim(draft.tenant, identity.claim));
    let contact = Key::contact(draft.tenant, contact_id(draft));
    let owner = new.owner.iter();
    let owner = owner.map(|owner| Key::agent(draft.tenant, owner));
    let routes = draft.playbook.routes.iter();
    let pools = routes.filter_map(|route| route.assign.as_ref());
    let pools = pools.filter(|_| new.owner.is_none());
    let pools = pools.map(|pool| Key::pool(draft.tenant, pool));
    draft.need(claims.chain([contact]).chain(owner).chain(pools))
}

/// The contact behind a lead, known by the strongest thing that is said and by that alone: the e-mail
/// address; the phone number, where there is none; a tax number, where there is neither. Or a new one.
/// What is said by which it was not known names it from now on.
fn contact_of(
    draft: &mut Draft<'_>,
    new: &NewLead,
    said: &Said,
    named: Vec<Identity>,
) -> Result<Contact, Stop> {
    let phone = new.phone.as_deref().and_then(phone_in);
    let lead = lead_id(draft);
    let known = match named.first() {
        Some(first) => identities::known_by(draft, *first)?,
        None => None,
    };
    let mut contact = match known {
        Some(known) => known,
        None => new_contact(draft, new, said)?,
    };
    let duplicates_before = contact.duplicates.clone();
    let learns_phone = contact.phone.is_none() && phone.is_some();
    if learns_phone {
        contact.phone = phone.map(SmolStr::from);
    }
    let known_phone = contact.phone.clone();
    for identity in named {
        // Another number than the one that is known is not the contact's.
        let is_other = identity.sort == IdentitySort::Phone
            && known_phone
                .as_deref()
                .and_then(|known| Identity::phone(known, draft.playbook.country))
                != Some(identity);
        if !is_other {
            identities::learn(draft, &mut contact, Some(identity), &[lead])?;
        }
    }
    let learned = |lead| Event::ContactLearned {
        lead,
        what: vec![ContactPart::Phone],
    };
    if learns_phone {
        renew_copies(draft, &contact, None, Some(&learned))?;
    } else if contact.duplicates != duplicates_before {
        renew_copies(draft, &contact, None, None)?;
    }
    Ok(contact)
}

/// By what a registration names its contact, the strongest first.
fn identities_said(draft: &Draft<'_>, new: &NewLead, said: &Said) -> Vec<Identity> {
    let playbook = draft.playbook;
    let email = said.email.as_ref().map(Identity::email);
    let phone = new.phone.as_deref().and_then(phone_in);
    let phone = phone.and_then(|phone| Identity::phone(phone, playbook.country));
    let tax_numbers = identities::tax_numbers_in(playbook, &said.fields);
    email.into_iter().chain(phone).chain(tax_numbers).collect()
}

fn new_contact(draft: &mut Draft<'_>, new: &NewLead, said: &Said) -> Result<Contact, Stop> {
    let id = contact_id(draft);
    draft.read::<Contact>(&Key::contact(draft.tenant, id))?;
    let phone = new.phone.as_deref().and_then(phone_in);
    Ok(Contact {
        id,
        name: new.name.trim().into(),
        email: said.email.clone(),
        phone: phone.map(SmolStr::from),
        unsubscribed_at: None,
        email_invalid_at: None,
        leads: Vec::new(),
        book: MessageBook::default(),
        identities: Vec::new(),
        duplicates: Vec::new(),
        keeping: Vec::new(),
        merged_into: None,
        taken: Vec::new(),
        distinct: Vec::new(),
    })
}

/// What a registration says otherwise than what is known of its contact. Nothing that is known is
/// overwritten: who types a name is not always who bears it.
fn differences(contact: &Contact, new: &NewLead, home: Option<&Dialling>) -> Vec<ContactPart> {
    let name = !folded_eq(&contact.name, new.name.trim());
    let phones = contact.phone.as_deref().zip(new.phone.as_deref());
    let phone = phones.is_some_and(|(known, said)| {
        let said = phone::key(said, home);
        said.is_some() && phone::key(known, home) != said
    });
    let parts = [(name, ContactPart::Name), (phone, ContactPart::Phone)];
    let differing = parts.into_iter().filter(|(differs, _)| *differs);
    differing.map(|(_, part)| part).collect()
}

/// A lead of which everything is known but where it goes and to whom.
fn blank(draft: &Draft<'_>, said: Said, contact: &Contact, registrar: Option<&Agent>) -> Lead {
    let moment = draft.moment();
    let dated = said
        .fields
        .iter()
        .filter(|(_, value)| matches!(value, Value::Date(_) | Value::Instant(_)));
    let dates_told = dated
        .map(|(name, _)| (name.clone(), ToldAt(draft.now)))
        .collect();
    Lead {
        id: lead_id(draft),
        playbook: draft.playbook.hash.clone(),
        contact: ContactCopy::of(contact),
        pipeline: Name::from(""),
        stage: Name::from(""),
        entered: moment,
        came_from: None,
        stays: Vec::new(),
        wait: said.wait,
        source: said.source,
        referral: said.referral,
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
    // Whoever registers a lead with the own code refers it, and keeps it not.
    let refers = |agent: &Agent| lead.referrer() == Some(&agent.id);
    let owns = |agent: &&Agent| {
        agent.left_at.is_none() && draft.playbook.can_own(&agent.role) && !refers(agent)
    };
    let owning = registrar.filter(owns);
    if let Some(named) = &new.owner {
        // Who takes a lead in for somebody else gives it away.
        if owning.is_none_or(|owning| owning.id != *named) {
            permit_actor(draft, Permission::Reassign)?;
        }
        let heir = ownership::named_heir(draft, named)?;
        let by = smol_str::format_smolstr!("{}", draft.actor);
        return ownership::hand_over(draft, lead, heir, Because::GivenBy(by));
    }
    if let Some(agent) = owning {
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
