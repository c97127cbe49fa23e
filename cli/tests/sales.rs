//! A history with sales, replayed through a playbook that asks for the quote and the customer's yes.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod told;

use told::{Told, leadkit, write};

const MAP: &str = r#"
[[file]]
path = "agents.csv"

[[file.command]]
set-up = { id = "{id}", name = "{id}", email = "{id}@example.com", role = "{role}", cities = "Quito", zones = "norte" }

[[file.command]]
at    = "left"
if    = "left"
leave = { agent = "{id}", to = "{heir}" }

[[file]]
path    = "deals.csv"
key     = "id"
decimal = ","

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", source = "web", city = "Quito", owner = "ana" }

[[file.command]]
lead    = "id"
at      = "reached"
reached = { by = "ana" }

[[file.command]]
name = "begin"
lead = "id"
at   = "reached"
move = { to = "in-progress", by = "ana" }

[[file.command]]
lead  = "id"
at    = "quoted"
quote = { by = "ana", valid_days = "{days}", lines = [
    { product = "{product}", quantity = "{quantity}", discount = "{discount}" },
    { text = "{extra}", unit-price = "{price}", tax = "iva" },
] }

[[file.command]]
name = "propose"
lead = "id"
at   = "quoted"
move = { to = "proposal", by = "ana" }

[[file.command]]
lead   = "id"
at     = "signed"
if     = "signed"
accept = { by = "ana" }

[[file.command]]
name = "accepted"
lead = "id"
at   = "signed"
if   = "signed"
move = { to = "accepted", by = "ana" }

[[file.command]]
lead    = "id"
at      = "declined"
if      = "declined"
decline = { by = "ana", reason = "Muy caro", version = "{version}" }
"#;

const AGENTS: &str = "id,role,left,heir\nana,advisor,2026-03-20 10:00,eva\neva,supervisor,,\n";

const DEALS: &str = "\
id;name;arrived;reached;quoted;days;product;quantity;discount;extra;price;signed;declined;version
1;Luis Vera;2026-03-10 10:00;2026-03-10 11:00;2026-03-10 12:00;30;terminal;2;10 %;Instalación;60,00 USD;2026-03-12 10:00;;
2;Rosa Paz;2026-03-10 10:00;2026-03-10 11:00;2026-03-10 12:00;;Subscription;;;;;;2026-03-12 10:00;1
3;Eva Díaz;2026-03-10 10:00;2026-03-10 11:00;2026-03-10 12:00;;terminal;two;;;;;;
";

struct Sales(tempfile::TempDir);

impl Sales {
    fn new(map: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let files = [
            ("map.toml", map),
            ("agents.csv", AGENTS),
            ("deals.csv", DEALS),
        ];
        write(folder.0.path(), &files);
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let playbook = "playbooks/field-and-digital-sales";
        leadkit([arguments[0], playbook].iter().chain(&arguments[1..]))
    }

    fn replay(&self) -> Told {
        let (map, db) = (self.path("map.toml"), self.path("sales.db"));
        let until = "2026-03-25";
        self.run(&[
            "replay", "--map", &map, "--db", &db, "--until", until, "--json",
        ])
    }
}

#[test]
fn a_deal_is_replayed_from_its_quote_to_its_acceptance() {
    let sales = Sales::new(MAP);
    let told = sales.replay();
    let replayed = told.json();
    let refused = replayed["refused"].as_array().unwrap();
    let refused: Vec<_> = refused
        .iter()
        .map(|row| {
            (
                row["line"].as_u64().unwrap(),
                row["reason"].as_str().unwrap(),
            )
        })
        .collect();
    // Without its quote the third comes no further.
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(
        refused[0],
        (
            4,
            "`quantity` of line 1 of the quote: `two` is not a number"
        )
    );

    let db = sales.path("sales.db");
    let explained = sales.run(&["explain", "--find", "Luis", "--db", &db]).out;
    // 2 x 249 less 10 % is 448.20, and 60: 508.20, and 15 % of that.
    for said in ["sales.accepted", "584,43 USD", "quote accepted, version 1"] {
        assert!(explained.contains(said), "{said}: {explained}");
    }
    let explained = sales.run(&["explain", "--find", "Rosa", "--db", &db]).out;
    for said in ["quote declined, version 1", "Muy caro"] {
        assert!(explained.contains(said), "{said}: {explained}");
    }
}

#[test]
fn who_leaves_hands_the_open_leads_over() {
    let sales = Sales::new(MAP);
    sales.replay();
    let db = sales.path("sales.db");
    let listed = sales.run(&[
        "leads",
        "--db",
        &db,
        "--where",
        "outcome is missing",
        "--json",
    ]);
    let listed = listed.json();
    let owners = listed["leads"].as_array().unwrap().iter();
    let owners: Vec<_> = owners.map(|lead| lead["owner"].clone()).collect();
    assert_eq!(owners, ["eva", "eva", "eva"]);
}

#[test]
fn what_a_map_says_wrong_of_a_quote_is_told_where_it_stands() {
    let map = MAP
        .replace("product = \"{product}\"", "product = \"terminl\"")
        .replace("unit-price =", "unit-prize =")
        .replace("tax = \"iva\"", "tax = \"vat\"");
    let told = Sales::new(&map).replay();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let said = told.out + &told.err;
    for wanted in [
        "the playbook has no product `terminl`",
        "a line of a quote knows no `unit-prize`",
        "did you mean `unit-price`?",
        "the playbook has no tax `vat`",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}
