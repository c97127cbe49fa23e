//! Documents: attached by reference, in versions, and told to other systems by the journal.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::decide::command::{NewDocument, NewLead};
use leadkit::ids::Tenant;
use leadkit::record::document::{Documents, NotASha256, Sha256};
use leadkit::record::journal::Event;
use leadkit::record::stored;
use leadkit::scenario::World;
use leadkit::store::{JournalCursor, MemoryStore, Store};
use pollster::block_on;
use shop::{at, folder, play, read};

const CONTRACT: &str = r#"
[role.clerk]
may = ["register"]

[document.contract]
label = "Contrato"

[need]
contract = { if = 'documents("contract") >= 1', text = "The contract" }

[pipeline.deals]
start = "offer"

[pipeline.deals.stage]
offer  = { to = { signed = ["contract"] } }
signed = { final = "won", to = ["offer"] }

[[route]]
to = "deals.offer"

[[rule]]
name = "look"
on   = "attached contract"
do   = { task = "call" }
"#;

#[test]
fn a_new_version_takes_the_place_of_the_one_before_and_begins_its_clocks_anew() {
    play(
        CONTRACT,
        r#"
[[agent]]
id    = "ben"
name  = "Ben"
email = "ben@example.com"
role  = "clerk"

[[scenario]]
name  = "from no contract to its second version"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { documents = { contract = 0 } }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { refused = ["contract"] }

[[scenario.step]]
attach = { document = "contract", by = "ben" }
expect = { refused = ["not-permitted"] }

[[scenario.step]]
attach = { document = "contract", name = "", uri = "", by = "ana" }
expect = { refused = ["name", "uri"] }

[[scenario.step]]
attach = { document = "contrat", by = "ana" }
expect = { refused = ["unknown"], refusal-says = "did you mean `contract`?" }

[[scenario.step]]
attach = { document = "contract", name = "Contrato.pdf", by = "ana" }
expect = { documents = { contract = 1 }, tasks = ["call"], history = "attached: Contrato, version 1 [Contrato.pdf]" }

[[scenario.step]]
attach = { document = "contract", name = "Contrato.pdf", by = "ana" }
expect = { refused = ["attached-already"] }

[[scenario.step]]
complete = { task = "call", by = "ana" }

[[scenario.step]]                           # in the same instant
attach = { document = "contract", name = "Contrato 2.pdf", by = "ana" }
expect = { documents = { contract = 2 }, tasks = ["call"] }

[[scenario.step]]
at     = "2026-03-03T10:00:00+01:00"
attach = { document = "contract", name = "old.pdf", by = "import:ana", happened-at = "2026-03-01T10:00:00+01:00" }
expect = { refused = ["overtaken"] }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { outcome = "won" }
"#,
    );
}

#[test]
fn another_system_hears_of_a_contract_by_its_hash_and_of_no_person() {
    block_on(async {
        let playbook = Arc::new(read(&folder(CONTRACT, "")));
        let store = Arc::new(MemoryStore::default());
        let world = World::new(playbook, store.clone(), at("2026-03-02T10:00:00Z")).unwrap();
        let shop = world.tenant();
        let host = || leadkit::decide::command::Actor::host("desk");
        let lead = shop
            .register(NewLead::new("Luis"))
            .by(host())
            .await
            .unwrap();
        let hash = Sha256([7; 32]);
        for number in 1..=12 {
            let uri = format!("https://files.example/luis-vera/{number}");
            let file = NewDocument::new("Luis Vera.pdf", uri, hash);
            let attached = shop.attach(lead.id, "contract", file).by(host()).await;
            let documents = &attached.unwrap().documents[0];
            let kept = documents.versions.len();
            assert_eq!(kept, number.min(Documents::MOST_VERSIONS));
            assert_eq!(documents.current().unwrap().version as usize, number);
        }
        let tenant: Tenant = shop.name().clone();
        let entries = store
            .journal(&tenant, JournalCursor(0), 1000)
            .await
            .unwrap();
        let mut told = 0;
        for entry in entries {
            let text = String::from_utf8_lossy(&entry.body).into_owned();
            assert!(!text.contains("Vera") && !text.contains("vera"), "{text}");
            for event in stored::decode_entry(&entry.body).unwrap().events {
                if let Event::DocumentAttached { kind, sha256, .. } = event {
                    assert_eq!((kind.as_str(), sha256), ("contract", hash));
                    told += 1;
                }
            }
        }
        assert_eq!(told, 12);
    });
}

#[test]
fn a_hash_reads_as_it_prints_and_nothing_else_does() {
    let hash = Sha256([0xa7; 32]);
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!("A7".repeat(32).parse(), Ok(hash));
    for text in [
        "",
        "a7",
        &"a7".repeat(33),
        &"g7".repeat(32),
        &"é".repeat(32),
    ] {
        assert_eq!(text.parse::<Sha256>(), Err(NotASha256), "{text}");
    }
}
