//! Quotes: versions, validity, acceptance, what conditions and rules know of them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead, NewQuote, NewQuoteLine};
use leadkit::decide::refusal::Refusal;
use leadkit::engine::{Engine, Error};
use leadkit::ids::LeadId;
use leadkit::money::Money;
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::FaultKind;
use leadkit::record::{Lead, Quote};
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit::time::Elapsed;
use pollster::block_on;
use shop::{at, folder, play, read};

/// Taxes, a product, and ways that ask for a quote.
const PRICES: &str = r#"
[tax]
iva    = { rate = "15 %", label = "IVA" }
exempt = "0 %"

[product.terminal]
label = "Terminal de pago"
price = "49.00 USD"
tax   = "iva"

[quote]
valid  = "10 days"
prefix = "COT-"

[need]
quote    = { if = 'quote is present', text = "Make a quote" }
accepted = { if = 'quote.accepted', text = "The customer's acceptance" }

[pipeline.deals]
start = "offer"

[pipeline.deals.stage]
offer = { to = { sold = ["quote", "accepted"] } }
sold  = { final = "won", to = ["offer"] }

[[route]]
to = "deals.offer"
"#;

#[test]
fn a_quote_is_added_up_superseded_and_accepted_on_its_last_day() {
    play(
        PRICES,
        r#"
[[scenario]]
name  = "from the first quote to the sale"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }
expect   = { quote = { is = "none" } }

[[scenario.step]]
move   = { to = "sold", by = "ana" }
expect = { refused = ["quote", "accepted"] }

[[scenario.step]]                           # 2 x 49.00 less 10 % is 88.20; with 50.00 and the tax on both
quote  = { by = "ana", lines = [{ product = "terminal", quantity = 2, discount = "10 %" }, { text = "Instalación", unit-price = "50.00 USD", tax = "iva" }] }
expect = { quote = { version = 1, total = "158.93 USD", valid-until = 2026-03-12, is = "open" }, history = "158.93 USD, valid through 2026-03-12" }

[[scenario.step]]
move   = { to = "sold", by = "ana" }
expect = { refused = ["accepted"] }

[[scenario.step]]                           # the customer wants one more; the first version is out
at     = "2026-03-04T09:00:00+01:00"
quote  = { by = "ana", lines = [{ product = "terminal", quantity = 3 }], valid-until = 2026-03-06 }
expect = { quote = { version = 2, total = "169.05 USD", valid-until = 2026-03-06, is = "open" } }

[[scenario.step]]
accept = { version = 1, by = "ana" }
expect = { refused = ["not-the-current-quote"], refusal-says = "is 2, and not 1" }

[[scenario.step]]                           # late on the last day
at     = "2026-03-06T23:59:59+01:00"
accept = { version = 2, by = "ana" }
expect = { quote = { is = "accepted" }, count = { 'quote.accepted and quote.total == 169.05' = 1 } }

[[scenario.step]]
decline = { version = 2, by = "ana" }
expect  = { refused = ["quote-replied"], refusal-says = "is accepted already" }

[[scenario.step]]
move   = { to = "sold", by = "ana" }
expect = { outcome = "won" }

[[scenario]]
name  = "a quote that is no longer valid can be declined, and not accepted"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
accept = { version = 1, by = "ana" }
expect = { refused = ["no-quote"] }

[[scenario.step]]
quote = { by = "ana", lines = [{ product = "terminal" }], valid-days = 0 }

[[scenario.step]]
at     = "2026-03-03T00:00:00+01:00"
accept = { version = 1, by = "ana" }
expect = { refused = ["quote-expired"], refusal-says = "valid through 2026-03-02" }

[[scenario.step]]
decline = { version = 1, reason = "Too dear", by = "ana" }
expect  = { quote = { is = "declined" }, history = "Too dear" }

[[scenario.step]]                           # a new version asks anew
quote  = { by = "ana", lines = [{ product = "terminal", discount = "20 %" }] }
expect = { quote = { version = 2, total = "45.08 USD", is = "open" } }

[[scenario]]
name  = "what was said in time counts, also if it is told late"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
quote = { by = "ana", lines = [{ product = "terminal" }], valid-days = 1 }

[[scenario.step]]                           # it was not there yet
accept = { version = 1, by = "ana", happened-at = "2026-03-02T09:00:00+01:00" }
expect = { refused = ["overtaken"] }

[[scenario.step]]
at     = "2026-03-05T10:00:00+01:00"
accept = { version = 1, by = "ana", happened-at = "2026-03-03T18:00:00+01:00" }
expect = { quote = { is = "accepted" } }
"#,
    );
}

#[test]
fn rules_count_from_a_quote_its_last_day_and_its_acceptance() {
    let rules = format!(
        "{PRICES}{}",
        r#"
[task.remind]
text = "Remind {{ contact.name }}: {{ quote.number }}, {{ quote.total }}, good until {{ quote.valid_until }}"

[task.prepare]
text = "Prepare what was sold"

[[rule]]
name  = "expires"
on    = "quote-expires"
after = "2 days before"
do    = [{ task = "remind" }]

[[rule]]
name  = "sent"
on    = "quoted"
do    = [{ send = "hello", as = "organisation" }]

[[rule]]
name  = "sold"
on    = "accepted"
do    = [{ task = "prepare" }]
"#
    );
    play(
        &rules,
        r#"
[[scenario]]
name  = "reminded two days before, once for each version"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com" }

[[scenario.step]]
quote  = { by = "ana", lines = [{ product = "terminal" }] }
expect = { mailed = ["hello"], next-at = "2026-03-11T00:00:00+01:00", tasks = [] }

[[scenario.step]]                           # a new version, valid for longer: the clock begins anew
quote  = { by = "ana", lines = [{ product = "terminal" }], valid-days = 11 }
expect = { mailed = ["hello"], next-at = "2026-03-12T00:00:00+01:00" }

[[scenario.step]]
at     = "2026-03-12T00:00:00+01:00"
expect = { tasks = ["remind"], nothing-due = true }

[[scenario.step]]
accept = { version = 2, by = "ana" }
expect = { tasks = ["remind", "prepare"] }

[[scenario]]
name  = "nobody is reminded of what was accepted"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis" }

[[scenario.step]]
quote  = { by = "ana", lines = [{ product = "terminal" }] }

[[scenario.step]]
accept = { version = 1, by = "ana" }
expect = { tasks = ["prepare"], nothing-due = true }
"#,
    );
}

struct Bench {
    world: World,
    lead: LeadId,
}

impl Bench {
    async fn new(rules: &str) -> Self {
        let store = Arc::new(MemoryStore::default());
        let playbook = read(&folder(rules, ""));
        let world = World::new(playbook, store, at("2026-03-02T10:00:00+01:00")).unwrap();
        let lead = world.tenant().register(NewLead::new("Luis"));
        let lead = lead.by(Actor::host("test")).await.unwrap().id;
        Self { world, lead }
    }

    async fn quote(&self, quote: NewQuote) -> Result<Lead, Error> {
        let asked = self.world.tenant().make_quote(self.lead, quote);
        asked.by(Actor::host("test")).await
    }

    async fn wrong_with(&self, quote: NewQuote) -> Vec<String> {
        match self.quote(quote).await {
            Err(Error::Refused(refusal)) => refusal.missing().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn all_that_is_wrong_with_a_quote_is_told_at_once() {
    block_on(async {
        let bench = Bench::new(PRICES).await;
        assert_eq!(bench.wrong_with(NewQuote::default()).await, ["lines"]);
        let terminal = || NewQuoteLine::of_product("terminal");
        let quote = NewQuote::default()
            .line(NewQuoteLine::of_product("terminl"))
            .line(terminal().quantity(0.into()))
            .line(terminal().discount("100.01 %".parse().unwrap()))
            .line(terminal().unit_price(money("49.00 EUR")))
            .line(terminal().unit_price(money("-1.00 USD")))
            .line(NewQuoteLine::new(" ", money("1.00 USD")))
            .line(terminal().tax("ivva"))
            .terms("x".repeat(Quote::LONGEST_TERMS + 1))
            .valid_for_days(3_651);
        let wrong = bench.wrong_with(quote).await;
        let expected = [
            "lines.1.product",
            "lines.2.quantity",
            "lines.3.discount",
            "lines.4.unit-price",
            "lines.5.unit-price",
            "lines.6.text",
            "lines.6.tax",
            "lines.7.tax",
            "terms",
            "valid",
        ];
        assert_eq!(wrong, expected);
        let yesterday = "2026-03-01".parse().unwrap();
        let past = NewQuote::default()
            .line(terminal())
            .valid_through(yesterday);
        assert_eq!(bench.wrong_with(past).await, ["valid"]);
        let dear = terminal().unit_price(money("100000000000000.00 USD"));
        let wrong = bench
            .wrong_with(NewQuote::default().line(dear.clone().quantity(2.into())))
            .await;
        assert_eq!(wrong, ["lines.1.unit-price"]);
        let wrong = bench
            .wrong_with(NewQuote::default().line(dear.clone()).line(dear))
            .await;
        assert_eq!(wrong, ["lines"]);
        let hidden = NewQuoteLine::new("Pay\u{202E}ment", money("1.00 USD")).tax("iva");
        let wrong = bench.wrong_with(NewQuote::default().line(hidden)).await;
        assert_eq!(wrong, ["lines.1.text"]);
    });
}

#[test]
fn a_quote_and_its_versions_are_bounded() {
    block_on(async {
        let bench = Bench::new(PRICES).await;
        let mut quote = NewQuote {
            lines: vec![NewQuoteLine::of_product("terminal"); Quote::MOST_LINES],
            ..NewQuote::default()
        };
        for version in 1..=10 {
            let lead = bench.quote(quote.clone()).await.unwrap();
            assert_eq!(lead.quote().unwrap().version, version);
            assert!(lead.quotes.len() <= Lead::MOST_QUOTES);
        }
        quote.lines.push(NewQuoteLine::of_product("terminal"));
        let refused = bench.quote(quote).await;
        assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.code() == "too-many"));
    });
}

#[test]
fn a_quote_stays_as_it_was_when_the_playbook_changes() {
    block_on(async {
        let store = Arc::new(MemoryStore::default());
        let engine = |playbooks: Vec<Playbook>| {
            let mut builder = Engine::builder_on(store.clone())
                .clock(VirtualClock::at(at("2026-03-02T10:00:00+01:00")))
                .seed(playbooks.len() as u64);
            for playbook in playbooks {
                builder = builder.playbook("shop", playbook);
            }
            builder.build().unwrap()
        };
        let before = || read(&folder(PRICES, ""));
        let raised = PRICES.replace("15 %", "21 %").replace("49.00", "59.00");
        let first = engine(vec![before()]);
        let shop = first.tenant("shop");
        let by = || Actor::host("test");
        let lead = shop.register(NewLead::new("Luis")).by(by()).await.unwrap();
        let terminal = || NewQuote::default().line(NewQuoteLine::of_product("terminal"));
        shop.make_quote(lead.id, terminal()).by(by()).await.unwrap();

        let second = engine(vec![before(), read(&folder(&raised, ""))]);
        let shop = second.tenant("shop");
        shop.adopt(Vec::new()).by(by()).await.unwrap();
        second.tick().await.unwrap();
        let lead = shop.lead(lead.id).await.unwrap().unwrap();
        assert_eq!(lead.quote().unwrap().total, money("56.35 USD"));
        let lead = shop.make_quote(lead.id, terminal()).by(by()).await.unwrap();
        assert_eq!(lead.quote().unwrap().total, money("71.39 USD"));
        assert_eq!(lead.quotes[0].total, money("56.35 USD"));
    });
}

#[test]
fn who_may_not_quote_neither_makes_nor_accepts_one() {
    block_on(async {
        let rules = format!("{PRICES}\n[role.caller]\nmay = [\"attempt\"]\n");
        let bench = Bench::new(&rules).await;
        let shop = bench.world.tenant();
        let setup = AgentSetup::new("eva")
            .name("Eva")
            .email("eva@example.com")
            .role("caller");
        shop.set_up(setup).by(Actor::host("test")).await.unwrap();
        let quote = || NewQuote::default().line(NewQuoteLine::of_product("terminal"));
        let refused = [
            shop.make_quote(bench.lead, quote()).by("eva").await,
            shop.accept_quote(bench.lead, 1).by("eva").await,
            shop.decline_quote(bench.lead, 1, "no").by("eva").await,
        ];
        for refused in refused {
            let Err(Error::Refused(refusal)) = refused else {
                panic!("{refused:?}");
            };
            assert!(matches!(refusal, Refusal::NotPermitted { .. }), "{refusal}");
        }
        let lead = bench.quote(quote()).await.unwrap();
        assert_eq!(lead.quote().unwrap().made_by, "host:test");
        bench
            .world
            .advance_to(bench.world.now() + Elapsed::days(1))
            .await
            .unwrap();
        let lead = shop
            .accept_quote(bench.lead, 1)
            .by(Actor::host("desk"))
            .await
            .unwrap();
        let reply = lead.quote().unwrap().reply.clone().unwrap();
        assert_eq!(
            (reply.recorded_by.as_str(), reply.at.at),
            ("host:desk", bench.world.now())
        );
    });
}

#[test]
fn faults_of_prices_are_told_with_a_hint() {
    for (good, bad, hint) in [
        ("\"0 %\"", "\"0,5%\"", "write `\"0.5 %\"`"),
        ("\"0 %\"", "\"15\"", "write `\"15 %\"`"),
        ("\"49.00 USD\"", "\"49.00\"", "write `\"49.00 USD\"`"),
        ("\"49.00 USD\"", "49.00", "write `\"49.00 USD\"`"),
        ("\"49.00 USD\"", "49", "write `\"49.00 USD\"`"),
        ("\"49.00 USD\"", "true", ""),
        ("\"49.00 USD\"", "\"49.00 EUR\"", "prices are in USD here"),
        ("tax   = \"iva\"", "tax   = \"ivva\"", "did you mean `iva`?"),
        (
            "prefix = \"COT-\"",
            "prefix = \"PRESUPUESTO-\"",
            "at most eight",
        ),
        ("valid  = ", "valld  = ", "did you mean `valid`?"),
    ] {
        assert!(PRICES.contains(good), "{good}");
        let folder = folder(&PRICES.replacen(good, bad, 1), "");
        let faults = Playbook::read(&folder).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{bad}: {faults:#?}");
        let told = faults[0].hint.clone().unwrap_or_default();
        assert!(told.contains(hint), "{bad}: {told}");
    }
    let untaxed = folder(&PRICES.replacen("tax   = \"iva\"\n", "", 1), "");
    let faults = Playbook::read(&untaxed).unwrap_err().0;
    assert!(matches!(&faults[0].kind, FaultKind::MissingKey { key, .. } if key == "tax"));
}
