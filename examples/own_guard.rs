//! A host with a guard, a fact and an action of its own, and a worker that carries out its errands.
//!
//! `cargo run --example own_guard`
//!
//! A deal is signed with a credit that was checked within ninety days, and then goes to the ERP. What is
//! asked for and what follows the playbook says; how a credit is judged, and how an ERP is told, only the
//! host knows.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::{Engine, Error as EngineError, TenantHandle};
use leadkit::ids::{CommandId, ErrandId};
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::Faults;
use leadkit::playbook::host::Effects;
use leadkit::playbook::load::Folder;
use leadkit::store::{JournalCursor, MemoryStore};
use leadkit::time::Elapsed;
use leadkit::value::{Number, ValueRef, ValueType};

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(sell(&mut io::stdout()))
}

async fn sell(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder(MemoryStore::default())
        .playbook("lender", playbook()?)
        .mailer("email", MemoryMailer::default())
        .clock(VirtualClock::at("2026-03-02T15:00:00Z".parse()?))
        .build()?;
    let lender = engine.tenant("lender");
    let ana = AgentSetup::new("ana")
        .name("Ana Torres")
        .email("ana@lender.example");
    lender
        .set_up(ana.role("seller"))
        .by(Actor::host("crm"))
        .await?;
    let luis = NewLead::new("Luis Vera")
        .field("amount", 9_000)
        .field("months", 36);
    let lead = lender.register(luis).by("ana").await?.id;

    // Nobody has checked yet, and the refusal says so in the playbook's words.
    match lender.move_to(lead, "signed").by("ana").await {
        Err(EngineError::Refused(refusal)) => {
            writeln!(out, "not yet: {}", refusal.told().join(", "))?
        }
        other => drop(other?),
    }
    // What comes from elsewhere the host writes into fields, where guards find it.
    let bureau = || Actor::host("bureau");
    let checked_at = engine.clock().now() - Elapsed::days(3);
    lender.set(lead, "credit", "ok").by(bureau()).await?;
    lender
        .set(lead, "checked_at", checked_at)
        .by(bureau())
        .await?;
    lender.move_to(lead, "signed").by("ana").await?;

    // The worker reads errands from where it stopped. Here it dies before it noted how far it came, and
    // so it gets them again: one order all the same.
    let mut erp = Erp::default();
    let mut noted = JournalCursor::default();
    carry_out(&lender, noted, &mut erp).await?;
    noted = carry_out(&lender, noted, &mut erp).await?;
    let (told, orders) = (erp.told, erp.orders.len());
    writeln!(out, "told the ERP {told} times of {orders} order")?;
    carry_out(&lender, noted, &mut erp).await?;
    writeln!(out, "and then {} times more\n", erp.told - told)?;
    write!(out, "{}", lender.explain(lead).await?)?;
    Ok(())
}

/// The playbook with what it names and the host alone can say.
///
/// All three see the lead and the time, and nothing else: no clock, no file, nothing random, since a
/// decision may be decided again. Whoever changes what one of them says changes the version, and has the
/// changed playbook adopted.
fn playbook() -> Result<Playbook, Faults> {
    let folder = Folder {
        playbook: PLAYBOOK.into(),
        ..Folder::default() // or `.load("playbooks/ours")`
    };
    Playbook::builder()
        .guard("credit-checked", |lead| {
            let checked = lead.instant("checked_at");
            lead.field("credit") == Some("ok")
                && checked.is_some_and(|at| lead.now() - at <= Elapsed::days(90))
        })
        .fact("instalment", ValueType::Number, |lead| {
            let months = lead.number("months").filter(|months| months.whole() > 0)?;
            let amount = lead.number("amount")?.ten_thousandths();
            let monthly = Number::from_ten_thousandths(amount / months.whole());
            Some(ValueRef::Number(monthly))
        })
        .action("push-to-erp", |_| Effects::errand().set("erp", "asked"))
        .version("2026-03")
        .read(&folder)
}

const PLAYBOOK: &str = r#"
[playbook]
id       = "lender"
zone     = "America/Guayaquil"
calendar = "office"

[organisation]
name  = "Lender"
email = "sales@lender.example"

[calendar.office]
weekly = { mon-fri = ["09:00-18:00"] }

[role.seller]
may = ["*"]

[field]
amount     = { type = "number" }
months     = { type = "number" }
credit     = { type = "choice", of = ["ok", "bad"] }
checked_at = { type = "instant" }
erp        = { type = "choice", of = ["asked", "done"] }

[need.credit-checked]           # no `if`: the host's guard of this name
text = "A credit check of the last ninety days"

[pipeline.loans]
start = "offer"

[pipeline.loans.stage]
offer  = { to = { signed = ["credit-checked"], lost = [] } }
signed = { final = "won" }
lost   = { final = "lost" }

[[route]]
to = "loans.offer"

[[rule]]
name = "tell-the-erp"
on   = "entered signed"
if   = 'instalment >= 200'      # the host's fact
do   = { do = "push-to-erp" }   # the host's action
"#;

/// Another system. It knows each order by the errand, so that telling it twice makes no second one.
#[derive(Default)]
struct Erp {
    told: u32,
    orders: BTreeMap<ErrandId, String>,
}

/// Carries out what is to be done behind a cursor, and says where to go on. A host keeps that in its own
/// database.
async fn carry_out(
    lender: &TenantHandle<'_>,
    mut noted: JournalCursor,
    erp: &mut Erp,
) -> Result<JournalCursor, EngineError> {
    loop {
        let found = lender.errands(noted).await?;
        for errand in &found.errands {
            let Some(lead) = lender.lead(errand.lead).await? else {
                continue;
            };
            erp.told += 1;
            erp.orders.insert(errand.id, lead.contact.name.to_string());
            // Under an id of its own, so that this too takes effect once.
            let told = lender.set(lead.id, "erp", "done").by(Actor::host("erp"));
            told.id(CommandId::of(&format!("erp {}", errand.id)))
                .await?;
        }
        if found.errands.is_empty() {
            return Ok(found.cursor);
        }
        noted = found.cursor;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    use std::sync::Arc;

    use leadkit::scenario;
    use leadkit::store::Store;

    use super::*;

    #[test]
    fn a_refused_deal_is_signed_and_told_to_the_erp_once() {
        let mut out = Vec::new();
        pollster::block_on(sell(&mut out)).unwrap();
        let told = String::from_utf8(out).unwrap();
        for said in [
            "not yet: A credit check of the last ninety days\n",
            "told the ERP 2 times of 1 order\nand then 0 times more\n",
            "errand left for the host: push-to-erp",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }

    /// Scenarios of a playbook with a host's names are played in the host's tests.
    #[test]
    fn the_playbook_keeps_its_scenarios() {
        let playbook = Arc::new(playbook().unwrap());
        let folder = Folder {
            scenarios: vec![("scenarios/credit.toml".into(), SCENARIOS.into())],
            ..Folder::default() // or `Folder::load("playbooks/ours".as_ref())`
        };
        let scenarios = scenario::read_for(&playbook, &folder).unwrap();
        let report = pollster::block_on(scenario::run_all(&playbook, &scenarios, || {
            Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn Store>) })
        }));
        assert_eq!((report.passed(), report.failed()), (1, 0), "{report}");
    }

    const SCENARIOS: &str = r#"
[[scenario]]
name  = "an old check is none"
start = "2026-03-02T10:00:00-05:00"

[[scenario.agent]]
id    = "ana"
name  = "Ana Torres"
email = "ana@lender.example"
role  = "seller"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", amount = 9000, months = 36, credit = "ok", checked_at = 2025-11-01T10:00:00-05:00, by = "ana" }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { refused = ["credit-checked"] }

[[scenario.step]]
set = { checked_at = 2026-03-01T10:00:00-05:00, by = "ana" }

[[scenario.step]]
move   = { to = "signed", by = "ana" }
expect = { stage = "signed", fields = { erp = "asked" }, history = "errand left for the host: push-to-erp" }
"#;
}
