//! What comes in one batch, before any rule could fire: none of what is promised is lost by that.

use std::sync::Arc;

use leadkit::decide::command::{Actor, Command, LeadOrder, NewDocument, What};
use leadkit::ids::{CommandId, Name, Tenant};
use leadkit::record::Lead;
use leadkit::record::document::Sha256;
use leadkit::scenario::{self, World};
use leadkit::store::{MemoryStore, Store};
use leadkit::time::Elapsed;
use leadkit::value::Value;

use super::{SALES, folder, read, scenarios};

/// A referred lead of ana's that stands in the contract; its signature is the last step of this scenario.
const UNSIGNED: &str = "a sale that is told a day late is rewarded all the same";

fn recorded(activity: &str, fields: &[(&str, Value)]) -> LeadOrder {
    let fields = fields.iter().cloned();
    LeadOrder::Record {
        activity: Name::from(activity),
        fields: fields
            .map(|(name, value)| (Name::from(name), Some(value)))
            .collect(),
    }
}

/// What becomes of the lead when all this happens to it at once, and which mails go.
fn lead_after(orders: Vec<LeadOrder>) -> (Lead, World) {
    let folder = folder(SALES);
    let playbook = Arc::new(read(&folder));
    let mut all = scenarios(&folder).into_iter();
    let mut unsigned = all
        .find(|scenario| scenario.name == UNSIGNED)
        .expect(UNSIGNED);
    unsigned.steps.pop();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    pollster::block_on(async {
        let played = scenario::run(&playbook, &unsigned, store.clone()).await;
        assert!(played.failure.is_none(), "{:?}", played.failure);
        let mut world =
            World::new(playbook, store, unsigned.start + Elapsed::minutes(1)).expect("a world");
        for agent in unsigned.agents {
            let set_up = world.set_up(agent, Actor::host("test")).await;
            set_up.expect("an agent");
        }
        let leads = world
            .tenant()
            .leads("open", Default::default(), None, 2)
            .await;
        let lead = leads.expect("leads").records.remove(0).id;
        let asked = orders.into_iter().enumerate().map(|(nth, order)| {
            let command = Command {
                tenant: Tenant::from("world"),
                actor: Actor::host("import"),
                happened_at: None,
                what: What::Lead { lead, order },
            };
            (Some(CommandId::of(&format!("at once, {nth}"))), command)
        });
        let answers = world.engine().execute_all(asked.collect()).await;
        for answer in answers.expect("answers") {
            answer.expect("carried out");
        }
        world.tick().await.expect("a tick");
        let lead = world.tenant().lead(lead).await.expect("read");
        (lead.expect("the lead"), world)
    })
}

#[test]
fn m5_m13_who_signs_and_goes_on_at_once_is_rewarded_and_told_of() {
    let contract = NewDocument::new("Contrato.pdf", "file:contrato", Sha256([1; 32]));
    let (lead, world) = lead_after(vec![
        LeadOrder::Attach {
            document: Name::from("contract"),
            file: Box::new(contract),
        },
        recorded("invoiced", &[("invoice_number", Value::from("001-1"))]),
        recorded("collected", &[("collected_amount", Value::from(207))]),
        recorded("contract-signed", &[]),
        LeadOrder::MoveTo {
            stage: Name::from("implementation"),
            reason: None,
            wait: None,
        },
    ]);
    assert_eq!(lead.stage, "implementation");
    assert!(lead.reward().is_some());
    let subjects = |whose| -> Vec<String> {
        let mails = world.mailbox(whose).into_iter();
        mails
            .map(|mail| mail.rendered.subject.to_string())
            .collect()
    };
    assert_eq!(subjects("rita").len(), 1, "{:?}", subjects("rita"));
    assert_eq!(subjects("ana").len(), 1, "{:?}", subjects("ana"));
}

#[test]
fn m5_who_signs_and_is_lost_at_once_is_rewarded_once() {
    let (lead, world) = lead_after(vec![
        recorded("contract-signed", &[]),
        LeadOrder::Close {
            stage: Name::from("lost"),
            reason: Some("Cerró el negocio".into()),
        },
    ]);
    assert!(!lead.is_open());
    assert!(lead.reward().is_some());
    assert_eq!(world.mailbox("rita").len(), 1);
}
