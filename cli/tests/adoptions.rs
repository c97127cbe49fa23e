//! A changed playbook: what becomes of the leads is shown, and then done (requirement Z10).

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod rehearsal;
mod shop;
mod told;

use std::sync::Arc;

use leadkit::decide::command::{Actor, NewLead};
use leadkit::engine::Engine;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::Key;
use leadkit_sqlite::SqliteStore;
use pollster::block_on;
use rehearsal::Rehearsal;
use shop::PLAYBOOK;
use told::{damage, leadkit, write};

const BY: [&str; 2] = ["--by", "host:it-desk"];

/// The stage `talking` is called `in-talks`, and leads that lie there for two days are told of.
fn changed() -> String {
    let playbook = PLAYBOOK.replace("talking", "in-talks");
    format!(
        "{playbook}\n[[rule]]\nname = \"quiet\"\non = \"entered\"\nstage = \"in-talks\"\n\
         after = \"2 days\"\ndo = [{{ notify = \"manager\", template = \"late\" }}]\n"
    )
}

fn rehearsal() -> Rehearsal {
    let late = "Subject: Late\n\n{{ contact.name }}\n";
    let changed = changed();
    let files = [
        ("changed/playbook.toml", changed.as_str()),
        ("changed/templates/late.txt", late),
    ];
    Rehearsal::until("2026-03-05", &files)
}

#[test]
fn whoever_looks_under_a_changed_playbook_is_told_how_to_adopt_it() {
    let rehearsal = rehearsal();
    for command in ["leads", "messages", "sweeps", "set-aside"] {
        let told = rehearsal.under("changed", command, &[]);
        assert_eq!(told.code, 2, "{command}");
        let how = format!(
            "`leadkit adopt {} --db {} --by WHO`",
            rehearsal.folder.path("changed"),
            rehearsal.db
        );
        assert!(told.err.contains(&how), "{command}: {}", told.err);
    }
    let email = ["--email", "luis@example.com", "--json"];
    let told = rehearsal.under("changed", "explain", &email);
    assert_eq!(told.json()["error"]["kind"], "other-playbook");
}

#[test]
fn an_adoption_is_refused_while_leads_would_have_no_stage() {
    let rehearsal = rehearsal();
    let told = rehearsal.under("changed", "adopt", &[&BY[..], &["--yes"]].concat());
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    for said in [" ?  ", "would vanish: sales.talking", "--map"] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let wrong = ["--map", "sales.talkin=sales.in-talks"];
    let told = rehearsal.under("changed", "adopt", &[&BY[..], &wrong].concat());
    assert_eq!(told.code, 2);
    for said in [
        "no lead is in sales.talkin\n",
        "did you mean `sales.talking`?",
    ] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
    let told = rehearsal.under("changed", "adopt", &["--by", "ana"]);
    assert!(told.err.contains("may not adopt"), "{}", told.err);
    // Nothing has changed.
    assert_eq!(rehearsal.run("leads", &[]).code, 0);
}

#[test]
fn an_adoption_is_shown_first_and_runs_to_its_end_in_a_rehearsal() {
    let rehearsal = rehearsal();
    let former = rehearsal.folder.path("playbook");
    let more = ["--map", "sales.talking=sales.in-talks", "--former", &former];
    let more = [&BY[..], &more].concat();
    let shown = rehearsal.under("changed", "adopt", &more);
    assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
    for said in [
        "sales.in-talks",
        "next step changes",
        "1 rule new, or at other times: quiet",
        "nothing is changed yet; --yes adopts it",
    ] {
        assert!(shown.out.contains(said), "{said}: {}", shown.out);
    }
    let json = |more: &[&str]| rehearsal.under("changed", "adopt", more).json();
    let shown = json(&[&more[..], &["--json", "--dry-run"]].concat());
    let stages = shown["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 1, "{shown:#}");
    assert_eq!(stages[0]["from"], "sales.talking");
    assert_eq!(stages[0]["to"], "sales.in-talks");
    // The other has been there for longer than two days: it is late, and told of no more.
    assert_eq!([&stages[0]["leads"], &stages[0]["next_changes"]], [2, 1]);
    assert!(shown["adopted"].is_null());
    assert_eq!(rehearsal.run("leads", &[]).code, 0);

    let done = json(&[&more[..], &["--json", "--yes"]].concat());
    assert_eq!(done["adopted"]["is_over"], true, "{done:#}");
    assert_eq!(done["adopted"]["reached"], 2);
    assert_eq!(done["rehearsal_at"], "2026-03-05T00:00:00-05:00");
    let moved = ["--where", r#"stage == "in-talks""#, "--json"];
    assert_eq!(
        rehearsal.under("changed", "leads", &moved).json()["count"],
        2
    );
    let told = rehearsal.under("changed", "adopt", &BY);
    assert!(
        told.out.contains("under this playbook already"),
        "{}",
        told.out
    );

    // The replay goes on under it.
    let map = rehearsal.folder.path("map.toml");
    let text = std::fs::read_to_string(&map)
        .unwrap()
        .replace("talking", "in-talks");
    write(rehearsal.folder.0.path(), &[("map.toml", &text)]);
    let on = ["--map", &map, "--until", "2026-04-10"];
    let told = rehearsal.under("changed", "replay", &on);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let fired = ["--where", r#"template == "late""#, "--json"];
    let sent = rehearsal.under("changed", "messages", &fired).json();
    assert!(sent["count"].as_u64() > Some(1), "{sent:#}");
}

/// A script that is run again must not fail where there is nothing left to do.
#[test]
fn the_same_adoption_again_says_that_it_is_adopted() {
    let rehearsal = rehearsal();
    let former = rehearsal.folder.path("playbook");
    let more = ["--map", "sales.talking=sales.in-talks", "--former", &former];
    let more = [&BY[..], &more, &["--yes"]].concat();
    for _ in 0..2 {
        let told = rehearsal.under("changed", "adopt", &more);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    }
    let told = rehearsal.under("changed", "adopt", &more);
    let said = "the leads are under this playbook already";
    assert!(told.out.contains(said), "{}", told.out);
}

/// Its rules and next steps would be told as those that the leads had.
#[test]
fn a_former_playbook_that_the_leads_are_not_under_is_refused() {
    let rehearsal = rehearsal();
    let changed = rehearsal.folder.path("changed");
    let more = [
        "--map",
        "sales.talking=sales.in-talks",
        "--former",
        &changed,
    ];
    let told = rehearsal.under("changed", "adopt", &[&BY[..], &more].concat());
    assert_eq!(told.code, 2, "{}", told.out);
    let hash = |name: &str| {
        let playbook = Playbook::load(rehearsal.folder.path(name)).unwrap();
        playbook.hash.to_string()
    };
    for said in ["--former", &hash("changed"), &hash("playbook")] {
        assert!(told.err.contains(said), "{said}: {}", told.err);
    }
}

/// There, workers may be at it, and only they know both playbooks.
#[test]
fn among_real_leads_an_adoption_is_left_to_the_workers() {
    let folder = shop::Folder::new(&[]);
    let late = "Subject: Late\n\n{{ contact.name }}\n";
    let changed = changed();
    let files = [
        ("changed/playbook.toml", changed.as_str()),
        ("changed/templates/late.txt", late),
    ];
    write(folder.0.path(), &files);
    let db = folder.path("leads.db");
    let playbook = |name: &str| Arc::new(Playbook::load(folder.path(name)).unwrap());
    let (former, changed) = (playbook("playbook"), playbook("changed"));
    let worker = |playbooks: &[&Arc<Playbook>]| {
        let builder = Engine::builder(SqliteStore::open(&db).unwrap());
        let builder = playbooks.iter().fold(builder, |builder, playbook| {
            builder.playbook("shop", (*playbook).clone())
        });
        builder
            .mailer("email", MemoryMailer::default())
            .build()
            .unwrap()
    };
    block_on(async {
        let engine = worker(&[&former]);
        let lead = NewLead::new("Luis").email("luis@example.com").source("web");
        let registered = engine.tenant("shop").register(lead).by(Actor::host("desk"));
        registered.await.unwrap();
    });
    let adopt = [
        "adopt",
        &folder.path("changed"),
        "--db",
        &db,
        "--by",
        "host:it-desk",
    ];
    let told = leadkit(adopt.iter().chain(&["--yes"]));
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(
        told.out.contains("the workers take the leads over"),
        "{}",
        told.out
    );
    let explain = [
        "explain",
        &folder.path("changed"),
        "--db",
        &db,
        "--find",
        "luis",
    ];
    let told = leadkit(explain);
    assert!(
        told.err.contains("still under a former playbook"),
        "{}",
        told.err
    );
    block_on(worker(&[&former, &changed]).tick()).unwrap();
    let told = leadkit(explain);
    assert_eq!(told.code, 0, "{}", told.err);
    let told = leadkit(adopt.iter().chain(&["--json"])).json();
    assert_eq!(told["is_adopted"], true, "{told:#}");
    assert!(told["rehearsal_at"].is_null());
}

#[test]
fn leads_that_would_break_a_new_law_are_told_before_the_adoption() {
    let standing = "\n[law.source]\nstage = \"talking\"\nif = 'source == \"radio\"'\ntext = \"From the radio\"\n";
    let entering = "\n[law.tried]\nentering = \"in-talks\"\nif = 'attempts.total > 1000'\ntext = \"A thousand tries\"\n";
    let source = "\n[source.radio]\nkind = \"other\"\n";
    let stays = format!("{PLAYBOOK}{source}{standing}");
    let comes = format!("{}{entering}", changed());
    let late = "Subject: Late\n\n{{ contact.name }}\n";
    let files = [
        ("stays/playbook.toml", stays.as_str()),
        ("stays/templates/late.txt", late),
        ("comes/playbook.toml", comes.as_str()),
        ("comes/templates/late.txt", late),
    ];
    let rehearsal = Rehearsal::until("2026-03-05", &files);
    let told = rehearsal.under("stays", "adopt", &BY);
    let said = "2 leads would stand where the law source is broken, for instance ";
    assert!(told.out.contains(said), "{}{}", told.out, told.err);

    let map = ["--map", "sales.talking=sales.in-talks"];
    let told = rehearsal.under("comes", "adopt", &[&BY[..], &map].concat());
    for said in ["2 leads refused, for instance ", "A thousand tries (tried)"] {
        assert!(told.out.contains(said), "{}{}", told.out, told.err);
    }
    // Of leads that stay where they are nobody knows when their next step would be: that is not none.
    let former = rehearsal.folder.path("playbook");
    let more = [&BY[..], &map, &["--former", &former, "--json"]].concat();
    let shown = rehearsal.under("comes", "adopt", &more).json();
    let refused = &shown["stages"][0];
    assert_eq!(refused["refused"], 2, "{shown:#}");
    assert!(refused["due_at_once"].is_null() && refused["next_changes"].is_null());
}

/// A contact's second lead is decided after the first, which changed what it finds.
#[test]
fn leads_of_one_contact_are_shown_as_they_will_be_decided() {
    let once =
        format!("{PLAYBOOK}\n[base.people]\npipelines = [\"sales\"]\nunique = [\"contact\"]\n");
    let again = "4;Luis Vera;luis@example.com;web;ana;;;;;04-03-2026 10:00;;;;\n";
    let late = "Subject: Late\n\n{{ contact.name }}\n";
    let leads = format!("{}{again}", shop::LEADS);
    let files = [
        ("once/playbook.toml", once.as_str()),
        ("once/templates/late.txt", late),
        ("leads.csv", &leads),
    ];
    let rehearsal = Rehearsal::until("2026-03-05", &files);
    let more = [&BY[..], &["--json"]].concat();
    let shown = rehearsal.under("once", "adopt", &more).json();
    assert_eq!(shown["refused"][0]["leads"], 1, "{shown:#}");
    let done = rehearsal.under("once", "adopt", &[&more[..], &["--yes"]].concat());
    let done = done.json();
    assert_eq!(done["adopted"]["reached"], 3, "{done:#}");
    assert_eq!(done["adopted"]["refused"], 1);
}

/// What it has of what the changed playbook knows no more nobody knows.
#[test]
fn an_agent_that_can_not_be_read_is_told_while_the_stages_are_still_to_be_mapped() {
    let rehearsal = rehearsal();
    damage(&rehearsal.db, &Key::agent(&"shop".into(), &"bea".into()));
    let told = rehearsal.under("changed", "adopt", &[&BY[..], &["--json"]].concat());
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    let shown = told.json();
    assert_eq!(shown["refusal"]["code"], "stages-vanish", "{shown:#}");
    assert_eq!(shown["unreadable"][0]["kind"], "agent", "{shown:#}");
}

/// An adoption that takes the role of half the staff away is none that anybody asks for.
#[test]
fn what_the_changed_playbook_knows_no_more_is_told_with_who_has_it() {
    let lost = PLAYBOOK
        .replace("[role.advisor]", "[role.seller]")
        .replace("budget = { type = \"number\" }\n", "")
        .replace(
            "visit  = { type = \"date\" }",
            "visit = { type = \"text\" }",
        )
        .replace(
            "city   = { type = \"text\" }",
            "city = { type = \"choice\", of = [\"Quito\", \"Loja\"] }",
        )
        .replace(
            "web      = { kind = \"digital\" }",
            "web = { kind = \"physical\" }",
        )
        .replace("walk-in  = { kind = \"physical\" }\n", "");
    let late = "Subject: Late\n\n{{ contact.name }}\n";
    let files = [
        ("lost/playbook.toml", lost.as_str()),
        ("lost/templates/late.txt", late),
    ];
    let rehearsal = Rehearsal::until("2026-04-01", &files);
    let former = rehearsal.folder.path("playbook");
    let more = [&BY[..], &["--former", &former]].concat();
    let told = rehearsal.under("lost", "adopt", &more);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for said in [
        "2 agents have the role advisor, which is gone: they may do nothing",
        "2 leads have a value of the field budget, which is gone: it stays on the lead",
        "1 lead has a value of the field visit, which is of another type: it stays as it is, and is not text",
        "1 lead has `Cuenca` in the field city, which is no choice any more",
        "1 lead has the source walk-in, which is gone",
        "2 leads have the source web, which is of another kind: it counts to the kind physical",
    ] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let json = rehearsal
        .under("lost", "adopt", &[&more[..], &["--json"]].concat())
        .json();
    let role = &json["unknown"][0];
    assert_eq!(
        (&role["what"], &role["agents"]),
        (&"role".into(), &2.into())
    );
    // What is told is so: the advisors may do nothing any more, and the leads keep what they have.
    let done = rehearsal.under("lost", "adopt", &[&BY[..], &["--yes"]].concat());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let leads = rehearsal.under("lost", "leads", &["--json"]).json();
    let cities = leads["leads"].as_array().unwrap().iter();
    let in_cuenca = cities.filter(|lead| lead["fields"]["city"] == "Cuenca");
    assert_eq!(in_cuenca.count(), 1, "{leads:#}");
}
