//! Fields that are tax numbers: set, compared, shown, and what is said where they are none.

use std::sync::Arc;

use leadkit::clock::VirtualClock;
use leadkit::decide::command::{Actor, AgentSetup, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use leadkit::store::MemoryStore;
use leadkit::value::Value;

use super::shop::{at, folder, play, read};

const FIELDS: &str = r#"
[field.ruc]
type = "tax-number"
of   = "EC"

[field.brazilian]
type = "tax-number"
of   = ["BR-CNPJ", "BR-CPF"]
"#;

#[test]
fn it_is_kept_compact_however_it_is_written_and_refused_where_it_is_none() {
    let compared = r#"
[need]
one-of-ours = { if = 'ruc in ["1760001550001", "1792060346-001"]', text = "One of ours" }

[[rule]]
name = "known"
when = 'ruc == "1792060346-001"'
do   = [{ set = "brazilian", to = "16.727.230/0001-97" }]
"#;
    play(
        &[FIELDS, compared].concat(),
        r#"
[[scenario]]
name  = "numbers"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", ruc = "1792060346" }
expect   = { refused = ["ruc"], refusal-says = "ruc: is no RUC: it has 10 characters, and not 13" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", ruc = " 1792060346-001" }
expect   = { fields = { ruc = "1792060346001", brazilian = "16727230000197" } }

[[scenario.step]]
expect = { fields = { ruc = "1792060346-001" }, count = { 'ruc == "1792060346 001"' = 1, 'ruc != "1792060346-001"' = 0 } }

[[scenario.step]]
set    = { brazilian = "390.533.447-50" }
expect = { refused = ["brazilian"], refusal-says = "is no CPF: its check digit or letter does not fit", fields = { brazilian = "16727230000197" } }

[[scenario.step]]
set    = { brazilian = "390.533.447-05" }
expect = { fields = { brazilian = "39053344705" } }

[[scenario.step]]
set    = { ruc = 1792060346001 }
expect = { refused = ["ruc"], refusal-says = "must be text" }
"#,
    );
}

#[test]
fn templates_see_it_as_people_write_it() {
    let mut shop = folder(
        &[
            FIELDS,
            "[[rule]]\nname = \"hello\"\non = \"registered\"\ndo = [{ send = \"hello\" }]\n",
        ]
        .concat(),
        r#"
[[scenario]]
name  = "a mail"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis", email = "luis@example.com", brazilian = "39053344705" }
expect   = { mailed = ["hello"], mail-says = "Your CPF is 390.533.447-05." }
"#,
    );
    let hello = "Subject: Hello\n\nYour CPF is {{ brazilian }}.\n";
    shop.templates = vec![("templates/hello.txt".into(), hello.into())];
    super::shop::play_folder(&shop);
}

#[test]
fn counted_by_number_the_groups_have_it_as_it_is_kept() {
    let field = "[field.nif]\ntype = \"tax-number\"\nof = \"ES\"\n";
    let clock = VirtualClock::at(at("2026-03-02T10:00:00+01:00"));
    let engine = Engine::builder(MemoryStore::default())
        .playbook("shop", read(&folder(field, "")))
        .mailer("email", MemoryMailer::default())
        .clock(clock)
        .build()
        .unwrap();
    let shop = engine.tenant("shop");
    let counted = pollster::block_on(async {
        let ana = AgentSetup::new("ana").name("Ana").role("seller");
        let desk = || Actor::host("desk");
        shop.set_up(ana.email("ana@example.com"))
            .by(desk())
            .await
            .unwrap();
        let luis = NewLead::new("Luis").field("nif", "x-2482300w");
        shop.register(luis).by(desk()).await.unwrap();
        shop.count("open", &["nif"]).await.unwrap()
    });
    assert_eq!(counted[0].values, [Some(Value::from("X2482300W"))]);
}

fn told(folder: &Folder) -> Vec<String> {
    let faults = Playbook::read(folder).unwrap_err().0;
    let told = faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{}; {hint}", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

#[test]
fn each_slip_is_one_fault_that_says_how_to_mend_it() {
    let field = |said: &str| format!("[field.ruc]\ntype = \"tax-number\"\n{said}\n");
    let rule = |when: &str, to: &str| {
        let asked = format!("[[rule]]\nname = \"r\"\nwhen = 'ruc == \"{when}\"'\n");
        format!(
            "{}{asked}do = [{{ set = \"ruc\", to = \"{to}\" }}]\n",
            field("of = \"EC\"")
        )
    };
    let (right, wrong) = ("1792060346001", "1792060346");
    for (slip, fault) in [
        (
            field(""),
            "[field.ruc] needs `of`; say whose it is, as in `of = \"EC\"` or `of = [\"BR-CNPJ\", \"BR-CPF\"]`",
        ),
        (
            field("of = []"),
            "`of` is empty; say whose it is, as in `of = \"EC\"` or `of = [\"BR-CNPJ\", \"BR-CPF\"]`",
        ),
        (
            field("of = \"EQ\""),
            "there is no kind of tax number `EQ`; did you mean `EC`?",
        ),
        (
            field("of = \"RUC\""),
            "there is no kind of tax number `RUC`; did you mean `EC`?",
        ),
        (
            field("of = \"BR-CNJP\""),
            "there is no kind of tax number `BR-CNJP`; did you mean `BR-CNPJ`?",
        ),
        (
            field("of = [\"BR\", \"BR-CPF\"]"),
            "`BR-CPF` stands here twice; once is enough",
        ),
        (
            field("of = \"EQ\"") + "[need]\nit = { if = 'ruc == \"1\"', text = \"It\" }\n",
            "there is no kind of tax number `EQ`; did you mean `EC`?",
        ),
        (
            rule(wrong, right),
            "in the condition: `ruc` is never \"1792060346\": no RUC: it has 10 characters, and not 13",
        ),
        (
            rule(right, wrong),
            "expected a value of this field, found `1792060346`; no RUC: it has 10 characters, and not 13",
        ),
        (
            "[field.ruc]\ntype = \"ruc\"\nof = \"EC\"\n".into(),
            "`ruc` is none of text, choice, tax-number, number, bool, date, instant; did you mean `tax-number`?",
        ),
    ] {
        assert_eq!(told(&folder(&slip, "")), [fault], "{slip}");
    }
    let playbook = Arc::new(read(&folder(&rule("1792060346-001", right), "")));
    assert_eq!(
        playbook.field(&"ruc".into()).unwrap().type_word(),
        "tax-number"
    );
}
