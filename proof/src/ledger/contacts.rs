//! Contacts: by what they are known, who is possibly the same person, and what merges may do. Who is
//! possibly whom the ledger computes itself, from all contacts.

use std::collections::{BTreeMap, BTreeSet};

use leadkit::ids::{ContactId, LeadId, Tenant};
use leadkit::playbook::Playbook;
use leadkit::record::contact::{Claim, Identity, IdentitySort};
use leadkit::record::journal::Event;
use leadkit::record::lead::ContactCopy;
use leadkit::record::{Contact, Lead, Record, TenantRecord};
use leadkit::store::{Key, Version};
use leadkit::time::Instant;
use leadkit::value::ValueRef;

use super::{Held, Ledger};

/// Two contacts as they were before one was merged into the other, and the versions of all since then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Merge {
    into: Contact,
    from: Contact,
    since: BTreeMap<ContactId, Version>,
}

impl Ledger {
    /// The contact that stands for one: itself, or the one that it was merged into.
    pub(super) fn stands_for(&self, tenant: &Tenant, id: ContactId) -> Option<&Contact> {
        let mut seen = BTreeSet::new();
        let mut id = id;
        while seen.insert(id) {
            let contact: &Contact = self.record(&Key::contact(tenant, id))?;
            match contact.merged_into {
                Some(into) => id = into,
                None => return Some(contact),
            }
        }
        None
    }

    /// Those who stand for themselves.
    fn living(&self, tenant: &Tenant) -> Vec<&Contact> {
        let ids = self.contacts.get(tenant).into_iter().flatten();
        let contacts = ids.filter_map(|id| self.record::<Contact>(&Key::contact(tenant, *id)));
        contacts
            .filter(|contact| contact.merged_into.is_none())
            .collect()
    }

    fn active_book(&self, tenant: &Tenant) -> Option<&Playbook> {
        let record: &TenantRecord = self.record(&Key::tenant(tenant))?;
        self.books.get(&record.playbook).map(|book| &**book)
    }

    /// Notes a contact that there is.
    pub(super) fn note_contact(&mut self, key: &Key) {
        let Some(contact) = self.record::<Contact>(key).cloned() else {
            return;
        };
        let of_tenant = self.contacts.entry(key.tenant.clone()).or_default();
        of_tenant.insert(contact.id);
        if contact.unsubscribed_at.is_some() {
            let unwanted = addresses(&contact).map(Claim::to_suppression);
            let unwanted = unwanted.map(|id| Key::claim(&key.tenant, id));
            self.unwanted.extend(unwanted);
        }
        if contact.duplicates.len() >= Contact::MOST_DUPLICATES {
            self.crowded.insert((key.tenant.clone(), contact.id));
        }
    }

    /// Whether a contact had so many possible duplicates some time that it may have forgotten one.
    fn is_crowded(&self, tenant: &Tenant, contact: &Contact) -> bool {
        !self.is_whole || self.crowded.contains(&(tenant.clone(), contact.id))
    }

    /// Whether some contact had so many possible duplicates some time that it may have forgotten one.
    fn may_have_forgotten(&self, tenant: &Tenant) -> bool {
        !self.is_whole || self.crowded.iter().any(|(of, _)| of == tenant)
    }

    pub(super) fn check_contact(&mut self, key: &Key, contact: &Contact) {
        let tenant = &key.tenant;
        self.check_suppressed(tenant, contact);
        for taken in &contact.taken {
            let from = self.record::<Contact>(&Key::contact(tenant, taken.from));
            if from.and_then(|from| from.merged_into) != Some(contact.id) {
                let what = format!(
                    "{} has taken {}, which is not merged",
                    contact.id, taken.from
                );
                self.find("merged contacts are stood for", what, None);
            }
        }
        // Whoever was merged stays as it was; another contact stands for both.
        if let Some(into) = contact.merged_into {
            let stands_for = self.record::<Contact>(&Key::contact(tenant, into));
            let taken = stands_for.map(|into| into.taken.iter());
            if !taken.is_some_and(|mut taken| taken.any(|taken| taken.from == contact.id)) {
                let what = format!("{} was merged into {into}, which doesn't know", contact.id);
                self.find("merged contacts are stood for", what, None);
            }
            if self.stands_for(tenant, contact.id).is_none() {
                let what = format!("nobody stands for {}", contact.id);
                self.find("merged contacts are stood for", what, None);
            }
            return;
        }
        for open in &contact.leads {
            let lead = Key::lead(tenant, *open);
            let is_open = self
                .record::<Lead>(&lead)
                .is_some_and(|lead| lead.is_open() && lead.contact.id == contact.id);
            if !is_open {
                let what = format!("{} lists it as open", contact.id);
                self.find("contacts know their open leads", what, Some(&lead));
            }
        }
        self.check_identities(tenant, contact);
        self.check_duplicates(tenant, contact);
    }

    /// Whatever names a contact is among its identities, and each of these names one contact.
    fn check_identities(&mut self, tenant: &Tenant, contact: &Contact) {
        let mut wrong = Vec::new();
        for identity in &contact.identities {
            let claim = self.record::<Claim>(&Key::claim(tenant, identity.claim));
            let holder = match claim {
                Some(Claim::Contact(holder)) => self.stands_for(tenant, *holder),
                _ => None,
            };
            // Whoever gave it up hands it on to those whom it knows, and may have forgotten this one.
            let is_given_up = holder.is_none() && self.may_have_forgotten(tenant);
            if !is_given_up && !holder.is_some_and(|holder| holder.identities.contains(identity)) {
                wrong.push(format!("{identity:?}, which names {holder:?}"));
            }
        }
        let mut known: Vec<Identity> = contact.email.iter().map(Identity::email).collect();
        if let Some(book) = self.active_book(tenant) {
            let phone = contact.phone.as_deref();
            known.extend(phone.and_then(|phone| Identity::phone(phone, book.country)));
        }
        for lead in &contact.leads {
            known.extend(self.tax_numbers(tenant, *lead));
        }
        let is_full = contact.identities.len() >= Contact::MOST_IDENTITIES;
        let missing = known
            .iter()
            .filter(|known| !is_full && !contact.identities.contains(known));
        wrong.extend(missing.map(|known| format!("{known:?}, by which it is not known")));
        for what in wrong {
            let what = format!("{} of {tenant} has {what}: {contact:?}", contact.id);
            self.find("an identity names one contact", what, None);
        }
    }

    /// The tax numbers that a lead says.
    fn tax_numbers(&self, tenant: &Tenant, lead: LeadId) -> Vec<Identity> {
        let Some(lead) = self.record::<Lead>(&Key::lead(tenant, lead)) else {
            return Vec::new();
        };
        let Some(book) = self.books.get(&lead.playbook) else {
            return Vec::new();
        };
        let identifying = book.fields.iter().filter(|field| field.identifies);
        let numbers = identifying.filter_map(|field| match lead.fields.value(&field.name)? {
            ValueRef::Text(number) => Some(Identity::tax_number(number)),
            _ => None,
        });
        numbers.collect()
    }

    /// The contact that holds the claim to this names it.
    pub(super) fn check_named(&mut self, key: &Key, holder: ContactId) {
        let contact = self.stands_for(&key.tenant, holder).cloned();
        let is_right = contact.as_ref().is_some_and(|contact| {
            let mut identities = contact.identities.iter();
            identities.any(|identity| identity.claim == key.id)
        });
        if !is_right {
            let what = format!("{} names {holder}, which is not known by it", key.id);
            self.find("an identity names one contact", what, None);
        }
        if let Some(contact) = contact {
            self.check_duplicates(&key.tenant, &contact);
        }
    }

    /// Two who share something know of each other, if one of them is named by it; nobody else does.
    fn check_duplicates(&mut self, tenant: &Tenant, contact: &Contact) {
        let mut wrong = Vec::new();
        let living = self.living(tenant);
        for other in living {
            if other.id == contact.id {
                continue;
            }
            let shared = self.shared(contact, other);
            let are_known = [(contact, other), (other, contact)]
                .map(|(one, other)| self.knows(tenant, one, other));
            let may_be = !shared.is_empty() && !self.are_distinct(tenant, contact, other);
            let forgets = [contact, other].map(|one| self.is_crowded(tenant, one));
            // Whoever forgot the other can't tell it that they share nothing any more.
            let are_let_go = are_known
                .iter()
                .zip(forgets)
                .any(|(known, forgets)| !known && forgets);
            if !may_be && are_known.contains(&true) && !are_let_go {
                wrong.push(format!("{are_known:?} with {other:?}, and are none"));
            }
            let names = |identity: &&Identity| {
                let claim = self.record::<Claim>(&Key::claim(tenant, identity.claim));
                let Some(Claim::Contact(holder)) = claim else {
                    return false;
                };
                let holder = self.stands_for(tenant, *holder).map(|holder| holder.id);
                holder == Some(contact.id) || holder == Some(other.id)
            };
            let must_be = may_be && shared.iter().any(names);
            let must_be = must_be || are_known.contains(&true);
            let lacks = are_known.iter().zip(forgets);
            if may_be && must_be && lacks.into_iter().any(|(known, forgets)| !known && !forgets) {
                wrong.push(format!(
                    "{are_known:?} with {other:?}, and share {shared:?}"
                ));
            }
        }
        for what in wrong {
            let what = format!("{contact:?} are possible duplicates {what}");
            let lead = contact.leads.first().map(|lead| Key::lead(tenant, *lead));
            self.find("possible duplicates know each other", what, lead.as_ref());
        }
    }

    fn shared<'c>(&self, one: &'c Contact, other: &Contact) -> Vec<&'c Identity> {
        let identities = one.identities.iter();
        identities
            .filter(|identity| other.identities.contains(identity))
            .collect()
    }

    /// Whether somebody to whom the address of a contact was given as well wants no marketing.
    pub(super) fn is_unwanted_at_address_of(&self, tenant: &Tenant, contact: &Contact) -> bool {
        let address = contact.email.as_ref().map(Identity::email);
        let suppression = address.map(Claim::to_suppression);
        suppression.is_some_and(|id| self.unwanted.contains(&Key::claim(tenant, id)))
    }

    /// Whoever wants no marketing has said so of the addresses, whoever has them then.
    fn check_suppressed(&mut self, tenant: &Tenant, contact: &Contact) {
        if contact.unsubscribed_at.is_none() {
            return;
        }
        for address in addresses(contact) {
            let key = Key::claim(tenant, Claim::to_suppression(address));
            if !matches!(self.record::<Claim>(&key), Some(Claim::Suppressed { .. })) {
                let what = format!("{address:?} is not, and {contact:?} wants none");
                self.find("unwanted addresses are suppressed", what, None);
            }
        }
    }

    /// Somebody who had this address wants no marketing.
    pub(super) fn check_suppression(&mut self, key: &Key) {
        if !self.unwanted.contains(key) {
            let what = format!("{} is, and everybody wants mail there", key.id);
            self.find("unwanted addresses are suppressed", what, None);
        }
    }

    fn knows(&self, tenant: &Tenant, one: &Contact, other: &Contact) -> bool {
        self.lists(tenant, &one.duplicates, other)
    }

    fn are_distinct(&self, tenant: &Tenant, one: &Contact, other: &Contact) -> bool {
        self.lists(tenant, &one.distinct, other) || self.lists(tenant, &other.distinct, one)
    }

    fn lists(&self, tenant: &Tenant, ids: &[ContactId], whom: &Contact) -> bool {
        ids.iter().any(|id| {
            let stands_for = self.stands_for(tenant, *id);
            stands_for.is_some_and(|contact| contact.id == whom.id)
        })
    }

    /// Takes over a merge, or that one is taken back, of records that were so before.
    pub(super) fn follow_merge(
        &mut self,
        tenant: &Tenant,
        event: &Event,
        before: &[(Key, Option<Held>)],
    ) {
        match event {
            Event::ContactsMerged { into, from } => self.merge(tenant, [*into, *from], before),
            Event::ContactUnmerged { from, contact } => {
                self.unmerge(tenant, [*from, *contact], before);
            }
            _ => {}
        }
    }

    fn merge(&mut self, tenant: &Tenant, ids: [ContactId; 2], before: &[(Key, Option<Held>)]) {
        let were = ids.map(|id| contact_in(before, &Key::contact(tenant, id)));
        let [Some((into, _)), Some((from, _))] = were else {
            let what = format!("{ids:?} are merged and were not written");
            return self.find("merges lose nothing", what, None);
        };
        let mut wrong = Vec::new();
        let stays = Contact {
            merged_into: Some(into.id),
            ..from.clone()
        };
        let keys = ids.map(|id| Key::contact(tenant, id));
        let [is_into, is_from] = keys.each_ref().map(|key| self.record::<Contact>(key));
        if is_from != Some(&stays) {
            wrong.push(format!("{from:?} became {is_from:?}"));
        }
        if let Some(both) = is_into {
            let slots = into.book.len() + from.book.len();
            let identities = into.identities.iter().chain(&from.identities);
            let has_all = identities
                .into_iter()
                .all(|one| both.identities.contains(one));
            let keeps = both.unsubscribed_at == unsubscribed_at([&into, &from]);
            if both.book.len() != slots || !has_all || !keeps {
                wrong.push(format!("{into:?} and {from:?} became {both:?}"));
            }
        }
        for lead in leads_of(&into).chain(leads_of(&from)) {
            let now = self.record::<Lead>(&Key::lead(tenant, lead));
            if now.map(|lead| lead.contact.id) != Some(into.id) {
                wrong.push(format!("lead {lead} did not come to {}", into.id));
            }
        }
        for what in wrong {
            self.find("merges lose nothing", what, None);
        }
        if self.crowded.contains(&(tenant.clone(), from.id)) {
            self.crowded.insert((tenant.clone(), into.id));
        }
        let all = self.contacts.get(tenant).into_iter().flatten();
        let since = all.map(|id| (*id, self.version_of(&Key::contact(tenant, *id))));
        let since = since.collect();
        let merged = (tenant.clone(), from.id);
        self.merges.insert(merged, Merge { into, from, since });
    }

    fn unmerge(&mut self, tenant: &Tenant, ids: [ContactId; 2], before: &[(Key, Option<Held>)]) {
        let [stood, contact] = ids;
        let Some(merge) = self.merges.remove(&(tenant.clone(), contact)) else {
            let what = format!("{contact} was merged into nobody and is parted from {stood}");
            return self.find("un-merging gives back what was taken", what, None);
        };
        for one in ids {
            if ids
                .iter()
                .any(|id| self.crowded.contains(&(tenant.clone(), *id)))
            {
                self.crowded.insert((tenant.clone(), one));
            }
        }
        let mut wrong = Vec::new();
        let keys = ids.map(|id| Key::contact(tenant, id));
        let now = keys.each_ref().map(|key| self.record::<Contact>(key));
        let is_untouched = |id: &ContactId| {
            let key = Key::contact(tenant, *id);
            let was = contact_in(before, &key).map(|(_, version)| version);
            let version = was.unwrap_or_else(|| self.version_of(&key));
            merge.since.get(id) == Some(&version)
        };
        let are_untouched = ids.iter().all(is_untouched);
        let were = [&merge.into, &merge.from];
        for (was, is) in were.into_iter().zip(now) {
            let is_all = is.is_some_and(|is| {
                let mut identities = was.identities.iter();
                // What a lead no longer says is not given back.
                identities
                    .all(|one| one.sort == IdentitySort::TaxNumber || is.identities.contains(one))
                    || !are_untouched
            });
            if !is_all || is.is_some_and(|is| is.merged_into.is_some()) {
                wrong.push(format!("{was:?} became {is:?}"));
            }
            for lead in leads_of(was) {
                let lead = self.record::<Lead>(&Key::lead(tenant, lead));
                if lead.map(|lead| lead.contact.id) != Some(was.id) {
                    wrong.push(format!("{lead:?} did not go back to {}", was.id));
                }
            }
            // To which nothing happened meanwhile is as it was, but that who wanted no mail still wants
            // none, whoever of the two it was, and that who learned something may share it.
            let was = Contact {
                unsubscribed_at: unsubscribed_at(were),
                ..was.clone()
            };
            let in_order = |contact: &Contact| {
                let mut contact = self.in_order(tenant, contact);
                contact.duplicates.retain(is_untouched);
                contact
            };
            if are_untouched && is.map(in_order) != Some(in_order(&was)) {
                wrong.push(format!("{was:?} is {is:?} again"));
            }
        }
        for what in wrong {
            self.find("un-merging gives back what was taken", what, None);
        }
    }

    /// A contact with its lists in one order, and whom it lists by who stands for them.
    fn in_order(&self, tenant: &Tenant, contact: &Contact) -> Contact {
        let mut contact = contact.clone();
        contact.leads.sort_unstable();
        contact.keeping.sort_unstable();
        contact.identities.sort_by_key(|identity| identity.claim);
        for list in [&mut contact.duplicates, &mut contact.distinct] {
            let living = list.iter().filter_map(|id| self.stands_for(tenant, *id));
            *list = living.map(|contact| contact.id).collect();
            list.sort_unstable();
            list.dedup();
        }
        contact
    }

    fn version_of(&self, key: &Key) -> Version {
        self.records
            .get(key)
            .map_or(Version::ABSENT, |held| held.version)
    }

    /// What open leads say of their contacts is so, once all are under one playbook.
    pub fn check_copies(&mut self) {
        let mut wrong = Vec::new();
        for (key, held) in &self.records {
            let Record::Lead(lead) = &held.record else {
                continue;
            };
            let active = self.active_book(&key.tenant).map(|book| &book.hash);
            let contact = self.stands_for(&key.tenant, lead.contact.id);
            // Whether mail comes back a message tells, whatever playbook serves it; the gate asks the
            // contact. That it is possibly known twice, a lead does not hear whose playbook was not the
            // active one then, and became that again before the lead was taken over.
            let copy = contact.map(|contact| ContactCopy {
                email_invalid: lead.contact.email_invalid,
                possible_duplicate: lead.contact.possible_duplicate,
                ..ContactCopy::of(contact)
            });
            if lead.is_open()
                && active == Some(&lead.playbook)
                && copy.as_ref() != Some(&lead.contact)
            {
                let what = format!("{:?}, the contact is {contact:?}", lead.contact);
                wrong.push((key.clone(), what));
            }
        }
        for (key, what) in wrong {
            self.find("leads know their contacts", what, Some(&key));
        }
    }
}

fn contact_in(before: &[(Key, Option<Held>)], key: &Key) -> Option<(Contact, Version)> {
    let (_, held) = before.iter().find(|(known, _)| known == key)?;
    match held {
        Some(Held {
            record: Record::Contact(contact),
            version,
            ..
        }) => Some((contact.clone(), *version)),
        _ => None,
    }
}

/// The e-mail addresses by which a contact is known, its own among them.
fn addresses(contact: &Contact) -> impl Iterator<Item = Identity> {
    let known = contact.identities.iter().copied();
    let known = known.filter(|identity| identity.sort == IdentitySort::Email);
    known.chain(contact.email.as_ref().map(Identity::email))
}

fn leads_of(contact: &Contact) -> impl Iterator<Item = LeadId> + use<> {
    let leads = contact.leads.iter().chain(&contact.keeping);
    leads.copied().collect::<Vec<_>>().into_iter()
}

fn unsubscribed_at(contacts: [&Contact; 2]) -> Option<Instant> {
    let instants = contacts.into_iter();
    instants.filter_map(|contact| contact.unsubscribed_at).min()
}
