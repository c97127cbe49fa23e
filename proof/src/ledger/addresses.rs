//! To whom a message may go, and in whose name, as it was when its hand-over was put on record.

use std::collections::BTreeSet;

use leadkit::ids::AgentId;
use leadkit::record::message::{Message, Recipient, Sender};
use leadkit::record::{Agent, Lead};
use leadkit::store::Key;
use smol_str::SmolStr;

use super::Ledger;

/// The addresses of a hand-over, as keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// That of the agent who is told, or of who stands for the lead's contact.
    pub to: Option<SmolStr>,
    /// Those of the organisation, under any of its playbooks, and that of the lead's owner, where it goes in the
    /// owner's name.
    pub from: BTreeSet<SmolStr>,
}

impl Ledger {
    /// The addresses that a message may have now.
    pub(super) fn addresses(&self, key: &Key) -> Addresses {
        let Some(message) = self.record::<Message>(key) else {
            return Addresses::default();
        };
        let lead = self.record::<Lead>(&Key::lead(&key.tenant, message.lead));
        let to = match &message.to {
            Recipient::Agent(agent) => self.address_of_agent(key, agent),
            Recipient::Contact(_) => {
                let contact = lead.and_then(|lead| self.stands_for(&key.tenant, lead.contact.id));
                contact.and_then(|contact| Some(contact.email.as_ref()?.key()))
            }
        };
        let books = self.books.of_tenant(&key.tenant).iter();
        let organisation = books.map(|book| book.organisation.email.key());
        let owner = lead.filter(|_| message.sender != Sender::Organisation);
        let owner = owner.and_then(Lead::owner_id);
        let owner = owner.and_then(|owner| self.address_of_agent(key, owner));
        let from = organisation.chain(owner).collect();
        Addresses { to, from }
    }

    fn address_of_agent(&self, of_tenant: &Key, agent: &AgentId) -> Option<SmolStr> {
        let agent = self.record::<Agent>(&Key::agent(&of_tenant.tenant, agent))?;
        Some(agent.email.key())
    }
}
