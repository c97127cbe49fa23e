//! Messages: queued with their slot in the contact's book, asked about again at hand-over,
//! and honest about what became of them (requirement Z2).

use smol_str::SmolStr;

use crate::decide::command::Fate;
use crate::decide::contacts::{Trail, change_contact, current};
use crate::decide::draft::Draft;
use crate::decide::refusal::Refusal;
use crate::decide::suppression::{suppressed_since, suppression};
use crate::decide::{Stop, Woken};
use crate::email::Email;
use crate::gate::{Asked, Verdict, gate, hindrance, room_for};
use crate::ids::{AgentId, ContactId, Id, MessageId, Name};
use crate::mailer::{Mailbox, Outcome, Outgoing};
use crate::playbook::CapRule;
use crate::playbook::rule::Send;
use crate::record::contact::{Identity, MessageBook};
use crate::record::journal::Event;
use crate::record::message::{Class, DropReason, Message, OnOwnerChange, Recipient, Sender, State};
use crate::record::{Agent, Contact, History, Lead};
use crate::render::{Cast, context};
use crate::store::Key;
use crate::time::{Elapsed, Instant};
use crate::told::with_its_source;

/// How long a worker has to hand a message over before the outcome counts as unknown.
const HAND_OVER_TIME: Elapsed = Elapsed::seconds(120);
/// For how long a message in the name of who left waits for the lead's new owner; then it goes in the
/// organisation's name.
const HEIR_IN: Elapsed = Elapsed::days(1);
/// How long it is until it is asked again whether there is one.
const ASKED_AGAIN_IN: Elapsed = Elapsed::minutes(1);
/// How long a message is tried again before it is given up.
const RETRY_FOR: Elapsed = Elapsed::days(2);

/// What is said of a hand-over of which nothing was heard.
const NOTHING_HEARD: &str = "nothing was heard of it: its worker was stopped, or lost the store";

/// Queues a message to the contact, or puts on record why not.
pub(crate) fn send(draft: &mut Draft<'_>, lead: &mut Lead, send: &Send) -> Result<(), Stop> {
    let Some(contact) = current(draft, lead.contact.id)? else {
        return Ok(());
    };
    let now = draft.now;
    let sender = match (send.as_owner, lead.owner_id()) {
        (true, Some(owner)) => Sender::Owner(owner.clone()),
        _ => Sender::Organisation,
    };
    let expires_at = send
        .expires_after
        .and_then(|after| now.checked_add_signed(after));
    let id = MessageId(draft.new_id("message"));
    let cap = draft
        .playbook
        .cap
        .filter(|_| send.class == Class::Marketing);
    let slot = cap.map_or(Ok(now), |rule| room_for(id, &contact, rule, now));
    let hindered = hindrance(send.class, lead, &contact);
    let not_before = match (hindered, slot) {
        (Some(because), _) | (None, Err(because)) => return not_queued(draft, lead, send, because),
        (None, Ok(at)) if expires_at.is_some_and(|expires_at| expires_at <= at) => {
            return not_queued(draft, lead, send, DropReason::Expired);
        }
        (None, Ok(at)) => at,
    };
    let to = Recipient::Contact(contact.id);
    let template = send.template.clone();
    let message = Message {
        class: send.class,
        on_owner_change: send.on_owner_change,
        channel: send.channel.clone(),
        expires_at,
        ..blank(draft, id, lead, to, template, sender, not_before)
    };
    if let Some(rule) = cap {
        take_slot(draft, contact, rule, id, not_before);
    }
    queue(draft, message, not_before);
    Ok(())
}

/// Takes a message's slot in the contact's book, or moves it.
fn take_slot(
    draft: &mut Draft<'_>,
    mut contact: Contact,
    rule: CapRule,
    id: MessageId,
    at: Instant,
) {
    contact.book.take(rule.cap, id, at, draft.now);
    draft.put(Key::contact(draft.tenant, contact.id), contact, None);
}

fn not_queued(
    draft: &mut Draft<'_>,
    lead: &Lead,
    send: &Send,
    because: DropReason,
) -> Result<(), Stop> {
    draft.happened(Event::NotQueued {
        lead: lead.id,
        template: send.template.clone(),
        because,
    });
    Ok(())
}

/// Queues a message to an agent. One decision tells nobody the same twice: not the owner who is in the team
/// that is told, too.
pub(crate) fn notify(draft: &mut Draft<'_>, lead: &Lead, agent: AgentId, template: &Name) {
    let told = draft.events().iter().any(|event| match event {
        Event::Queued {
            lead: of,
            template: from,
            to: Recipient::Agent(to),
            ..
        } => (*of, from, to) == (lead.id, template, &agent),
        _ => false,
    });
    if told {
        return;
    }
    let now = draft.now;
    let id = MessageId(draft.new_id("message"));
    let message = blank(
        draft,
        id,
        lead,
        Recipient::Agent(agent),
        template.clone(),
        Sender::Organisation,
        now,
    );
    queue(draft, message, now);
}

/// An alert by e-mail: what messages are if nothing else is said.
fn blank(
    draft: &Draft<'_>,
    id: MessageId,
    lead: &Lead,
    to: Recipient,
    template: Name,
    sender: Sender,
    not_before: Instant,
) -> Message {
    Message {
        id,
        playbook: draft.playbook.hash.clone(),
        template,
        lead: lead.id,
        to,
        sender,
        on_owner_change: OnOwnerChange::NewOwner,
        class: Class::Alert,
        channel: Name::from("email"),
        queued_by: draft.command,
        queued_at: draft.now,
        expires_at: None,
        state: State::Queued { not_before },
        state_since: draft.now,
        attempts: 0,
        first_tried_at: None,
        error: None,
        trouble: None,
        history: History::default(),
    }
}

fn queue(draft: &mut Draft<'_>, message: Message, not_before: Instant) {
    draft.happened(Event::Queued {
        message: message.id,
        lead: message.lead,
        template: message.template.clone(),
        to: message.to.clone(),
        not_before,
    });
    put(draft, message);
}

fn put(draft: &mut Draft<'_>, message: Message) {
    let wakes_at = message.wakes_at();
    draft.put(Key::message(draft.tenant, message.id), message, wakes_at);
}

fn come_to(draft: &mut Draft<'_>, message: &mut Message, state: State) {
    let because = match state {
        State::Dropped(because) => Some(because),
        _ => None,
    };
    draft.happened(Event::MessageIs {
        message: message.id,
        state: state.as_str().into(),
        because,
    });
    if matches!(state, State::Accepted | State::Delivered) {
        message.error = None;
    }
    message.state = state;
    message.state_since = draft.now;
    message.trouble = None;
}

/// A message's time has come: hand it over, or find its last hand-over in doubt.
pub(crate) fn wake(draft: &mut Draft<'_>, id: MessageId) -> Result<Option<Outgoing>, Stop> {
    let Some(mut message) = draft.read::<Message>(&Key::message(draft.tenant, id))? else {
        return Ok(None);
    };
    if message
        .wakes_at()
        .is_none_or(|wakes_at| wakes_at > draft.now)
    {
        return Ok(None);
    }
    if let State::HandingOver { .. } = message.state {
        message.error = Some(SmolStr::new_static(NOTHING_HEARD));
        outcome_unknown(draft, &mut message);
        put(draft, message);
        return Ok(None);
    }
    begin_hand_over(draft, message)
}

/// Nobody knows whether the last hand-over went through: marketing is never handed over again,
/// an alert is.
fn outcome_unknown(draft: &mut Draft<'_>, message: &mut Message) {
    let state = match message.class {
        Class::Marketing => State::InDoubt,
        Class::Alert => retry_state(message, draft.now),
    };
    come_to(draft, message, state);
}

/// Later, each time a little more; given up when it has been tried for [`RETRY_FOR`]. What waited
/// before it was tried, for the cap or because the process was down, does not count; and one try
/// is not enough, whose worker died and left it for days.
fn retry_state(message: &Message, now: Instant) -> State {
    let minutes = 1_i64 << message.attempts.clamp(1, 7).saturating_sub(1);
    let at = now
        .checked_add_signed(Elapsed::minutes(minutes))
        .unwrap_or(now);
    let since = message.first_tried_at.unwrap_or(now);
    let gives_up_at = since.checked_add_signed(RETRY_FOR).unwrap_or(at);
    match at > gives_up_at && message.attempts > 1 {
        true => State::Dropped(DropReason::Expired),
        false => State::ToRetry { at },
    }
}

fn begin_hand_over(draft: &mut Draft<'_>, mut message: Message) -> Result<Option<Outgoing>, Stop> {
    let lead_key = Key::lead(draft.tenant, message.lead);
    let contact_key = match &message.to {
        Recipient::Contact(id) => Some(Key::contact(draft.tenant, *id)),
        Recipient::Agent(_) => None,
    };
    let is_to_contact = contact_key.is_some();
    draft.need([lead_key.clone()].into_iter().chain(contact_key))?;
    // Both are checked: a new owner or an unsubscribe that comes in between moves them, and the
    // gate is asked again.
    let lead = draft.read::<Lead>(&lead_key)?;
    let contact = match &lead {
        Some(lead) if is_to_contact => current(draft, lead.contact.id)?,
        _ => None,
    };
    if let Some(contact) = &contact {
        address(draft, &mut message, contact)?;
    }
    let mailed_to = contact.as_ref().and_then(|contact| contact.email.as_ref());
    let mailed_to = mailed_to.filter(|_| message.class == Class::Marketing);
    let cast = match &lead {
        Some(lead) => assemble(draft, lead, &message.to, mailed_to)?,
        None => Cast::default(),
    };
    let suppressed_since = match mailed_to {
        Some(email) => suppressed_since(draft, email)?,
        None => None,
    };
    let verdict = gate(Asked {
        message: &message,
        lead: lead.as_ref(),
        contact: contact.as_ref(),
        suppressed_since,
        cap: draft.playbook.cap,
        now: draft.now,
    });
    let (sender, lead) = match (verdict, lead) {
        (Verdict::Go { sender }, Some(lead)) => (sender, lead),
        (Verdict::Go { .. }, None) => return drop_it(draft, message, DropReason::Gone),
        (Verdict::Defer(at), _) => return defer(draft, message, contact, at),
        (Verdict::Drop(because), _) => return drop_it(draft, message, because),
    };
    if cast.recipient.as_ref().is_some_and(has_left) {
        return drop_it(draft, message, DropReason::Gone);
    }
    let sender_left_at = cast.owner.as_ref().filter(|_| sender.is_some());
    let sender_left_at = sender_left_at.and_then(|owner| owner.left_at);
    let sender = match sender_left_at {
        Some(left_at) if draft.now < left_at + HEIR_IN => {
            let not_before = draft.now + ASKED_AGAIN_IN;
            let contact = contact.filter(|_| message.class == Class::Marketing);
            return defer(draft, message, contact, not_before);
        }
        Some(_) => None,
        None => sender,
    };
    let Some(to) = recipient(&cast, contact.as_ref()) else {
        return drop_it(draft, message, DropReason::NoAddress);
    };
    let context = context(draft.playbook, &lead, &cast);
    let rendered = match draft.playbook.templates.render(&message.template, &context) {
        Ok(rendered) => rendered,
        Err(error) => {
            crate::decide::troubles::of_message(draft, &mut message, &with_its_source(&error), 1);
            put(draft, message);
            return Ok(None);
        }
    };
    let outgoing = Outgoing {
        tenant: draft.tenant.clone(),
        id: message.id,
        attempt: message.attempts.saturating_add(1),
        message_id: message_id(draft, message.id),
        template: message.template.clone(),
        from: from(draft, cast.owner.as_ref().filter(|_| sender.is_some())),
        to,
        class: message.class,
        rendered,
        at: draft.now,
    };
    // A message that goes late counts from when it goes.
    let cap = draft
        .playbook
        .cap
        .filter(|_| message.class == Class::Marketing);
    if let (Some(rule), Some(contact)) = (cap, contact) {
        take_slot(draft, contact, rule, message.id, draft.now);
    }
    message.attempts = message.attempts.saturating_add(1);
    // What an earlier attempt said is no word about this one.
    message.error = None;
    message.first_tried_at = message.first_tried_at.or(Some(draft.now));
    let deadline = draft
        .now
        .checked_add_signed(HAND_OVER_TIME)
        .unwrap_or(draft.now);
    come_to(draft, &mut message, State::HandingOver { deadline });
    put(draft, message);
    Ok(Some(outgoing))
}

/// A message goes to whoever is the lead's contact now: another than when it was queued, if contacts were
/// merged since or parted again. Whoever was to get it, and was merged perhaps, counts it no more.
fn address(draft: &mut Draft<'_>, message: &mut Message, to: &Contact) -> Result<(), Stop> {
    change_books(draft, message, Some(to.id), |book| book.release(message.id))?;
    if let Recipient::Contact(before) = &mut message.to {
        *before = to.id;
    }
    Ok(())
}

fn has_left(agent: &Agent) -> bool {
    agent.left_at.is_some()
}

/// The people whom a message may speak of. What was said of the address is asked for with them, at once.
fn assemble(
    draft: &Draft<'_>,
    lead: &Lead,
    to: &Recipient,
    mailed_to: Option<&Email>,
) -> Result<Cast, Stop> {
    let recipient = match to {
        Recipient::Agent(agent) => Some(agent),
        Recipient::Contact(_) => None,
    };
    let earlier = lead.earlier_owners.last();
    let key = |agent: Option<&AgentId>| agent.map(|agent| Key::agent(draft.tenant, agent));
    let appointment = lead.next_appointment();
    let with = appointment.and_then(|(_, one)| one.with.as_ref());
    let keys = [
        key(lead.owner_id()),
        key(earlier),
        key(lead.referrer()),
        key(with),
        key(recipient),
    ];
    let said = mailed_to.map(|email| suppression(draft, Identity::email(email)));
    draft.need(keys.iter().flatten().cloned().chain(said))?;
    let load = |key: &Option<Key>| -> Result<Option<Agent>, Stop> {
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(draft.hint::<Agent>(key)?.cloned())
    };
    let [owner, earlier_owner, referrer, with, recipient] = &keys;
    Ok(Cast {
        owner: load(owner)?,
        earlier_owner: load(earlier_owner)?,
        referrer: load(referrer)?,
        with: load(with)?,
        recipient: load(recipient)?,
    })
}

fn recipient(cast: &Cast, contact: Option<&Contact>) -> Option<Mailbox> {
    match contact {
        Some(contact) => Some(Mailbox {
            name: contact.name.clone(),
            email: contact.email.clone()?,
        }),
        None => {
            let agent = cast.recipient.as_ref()?;
            Some(Mailbox {
                name: agent.name.clone(),
                email: agent.email.clone(),
            })
        }
    }
}

fn from(draft: &Draft<'_>, owner: Option<&Agent>) -> Mailbox {
    match owner {
        Some(agent) => Mailbox {
            name: agent.name.clone(),
            email: agent.email.clone(),
        },
        None => {
            let organisation = &draft.playbook.organisation;
            Mailbox {
                name: organisation.name.clone(),
                email: organisation.email.clone(),
            }
        }
    }
}

/// Made of what stays with the message, but for the domain: filters of spam expect that of the sender, and a message
/// keeps none.
fn message_id(draft: &Draft<'_>, id: MessageId) -> SmolStr {
    let tenant = Id::named("tenant", draft.tenant.as_str());
    let domain = draft.playbook.organisation.email.domain_ascii();
    smol_str::format_smolstr!("{id}.{tenant}@{domain}")
}

/// The cap was reached meanwhile: the message waits for its turn.
fn defer(
    draft: &mut Draft<'_>,
    mut message: Message,
    contact: Option<Contact>,
    not_before: Instant,
) -> Result<Option<Outgoing>, Stop> {
    if let (Some(contact), Some(rule)) = (contact, draft.playbook.cap) {
        take_slot(draft, contact, rule, message.id, not_before);
    }
    come_to(draft, &mut message, State::Queued { not_before });
    put(draft, message);
    Ok(None)
}

fn drop_it(
    draft: &mut Draft<'_>,
    mut message: Message,
    because: DropReason,
) -> Result<Option<Outgoing>, Stop> {
    release_slot(draft, &message)?;
    come_to(draft, &mut message, State::Dropped(because));
    put(draft, message);
    Ok(None)
}

/// What was not sent doesn't count towards the cap.
fn release_slot(draft: &mut Draft<'_>, message: &Message) -> Result<(), Stop> {
    change_books(draft, message, None, |book| book.release(message.id))
}

/// What may have arrived counts, even when it is sent again and this time withdrawn or refused.
fn leave_slot(draft: &mut Draft<'_>, message: &Message) -> Result<(), Stop> {
    change_books(draft, message, None, |book| book.leave(message.id))
}

/// Changes the book of a message's contact, and of all who stand for it: a contact that is parted again has
/// its own book as it is then. Those from `until` on are left as they are.
fn change_books(
    draft: &mut Draft<'_>,
    message: &Message,
    until: Option<ContactId>,
    change: impl Fn(&mut MessageBook),
) -> Result<(), Stop> {
    let Recipient::Contact(contact) = &message.to else {
        return Ok(());
    };
    if draft.playbook.cap.is_none() || message.class != Class::Marketing {
        return Ok(());
    }
    let mut next = Some(*contact);
    let mut trail = Trail::default();
    while let Some(id) = next.filter(|id| Some(*id) != until) {
        trail.pass(draft, id)?;
        let key = Key::contact(draft.tenant, id);
        let Some(mut contact) = draft.read::<Contact>(&key)? else {
            break;
        };
        next = contact.merged_into;
        change(&mut contact.book);
        draft.put(key, contact, None);
    }
    Ok(())
}

/// A worker heard what became of a hand-over.
pub(crate) fn handed_over(
    draft: &mut Draft<'_>,
    id: MessageId,
    attempt: u32,
    outcome: &Outcome,
) -> Result<Woken, Stop> {
    let Some(mut message) = draft.read::<Message>(&Key::message(draft.tenant, id))? else {
        return Ok(Woken::default());
    };
    // What is heard of an earlier attempt says nothing about this one.
    let is_asked = matches!(message.state, State::HandingOver { .. } | State::InDoubt);
    if !is_asked || message.attempts != attempt {
        return Ok(Woken::default());
    }
    match outcome {
        Outcome::Accepted => come_to(draft, &mut message, State::Accepted),
        Outcome::Refused {
            said,
            address_invalid,
        } => {
            message.error = Some(crate::told::shortened(said));
            release_slot(draft, &message)?;
            come_to(draft, &mut message, State::Refused);
            if *address_invalid {
                mark_invalid(draft, &message)?;
            }
        }
        Outcome::Later { said } => {
            message.error = Some(crate::told::shortened(said));
            let state = retry_state(&message, draft.now);
            if state.is_settled() {
                release_slot(draft, &message)?;
            }
            come_to(draft, &mut message, state);
        }
        Outcome::Unknown { said } => {
            message.error = Some(crate::told::shortened(said));
            outcome_unknown(draft, &mut message);
        }
    }
    put(draft, message);
    Ok(Woken::default())
}

/// Mail to this address comes back for good: nothing more goes there (requirement R8).
fn mark_invalid(draft: &mut Draft<'_>, message: &Message) -> Result<(), Stop> {
    if !matches!(message.to, Recipient::Contact(_)) {
        return Ok(());
    }
    let key = Key::lead(draft.tenant, message.lead);
    let Some(mut lead) = draft.read::<Box<Lead>>(&key)? else {
        return Ok(());
    };
    let at = draft.now;
    change_contact(draft, &mut lead, |contact| {
        contact.email_invalid_at.get_or_insert(at);
    })?;
    draft.happened(Event::EmailInvalid { lead: lead.id });
    if lead.playbook == draft.playbook.hash {
        crate::decide::settling::settle(draft, &mut lead);
        draft.put_lead(lead);
    }
    Ok(())
}

/// A person settles a message.
pub(crate) fn settle(draft: &mut Draft<'_>, id: MessageId, fate: Fate) -> Result<(), Stop> {
    let Some(mut message) = draft.read::<Message>(&Key::message(draft.tenant, id))? else {
        return Err(Refusal::NoSuchRecord("message").into());
    };
    if fate == Fate::Retry {
        if message.trouble.take().is_none() {
            return Err(Refusal::NotSetAside.into());
        }
        draft.happened(Event::Retried { record: id.0 });
        put(draft, message);
        return Ok(());
    }
    let is_in_doubt = message.state == State::InDoubt;
    let is_over = message.expires_at.is_some_and(|end| end <= draft.now);
    let was_not_taken = message.state == State::Refused
        || (message.state == State::Dropped(DropReason::Expired) && !is_over);
    let is_waiting = matches!(message.state, State::Queued { .. } | State::ToRetry { .. });
    let state = match fate {
        Fate::Accepted if is_in_doubt => State::Accepted,
        Fate::Delivered if is_in_doubt || message.state == State::Accepted => State::Delivered,
        Fate::SendAgain if is_in_doubt || was_not_taken || message.trouble.is_some() => {
            // It is tried for as long as the first time.
            message.first_tried_at = None;
            State::Queued {
                not_before: draft.now,
            }
        }
        Fate::Withdrawn if is_in_doubt || is_waiting => State::Dropped(DropReason::Withdrawn),
        _ => return Err(Refusal::Settled(message.state.as_str().into()).into()),
    };
    let may_have_arrived = is_in_doubt || matches!(message.state, State::HandingOver { .. });
    match state {
        State::Queued { .. } if may_have_arrived => leave_slot(draft, &message)?,
        State::Dropped(_) if !may_have_arrived => release_slot(draft, &message)?,
        _ => {}
    }
    come_to(draft, &mut message, state);
    put(draft, message);
    Ok(())
}
