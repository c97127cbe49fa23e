//! Small playbooks of random rules: every anchor, every verb, every setting of the language comes
//! up among them.

use std::fmt::Write as _;

use leadkit::decide::command::StageMapping;
use leadkit::playbook::Playbook;
use leadkit::playbook::fault::FaultKind;
use leadkit::playbook::load::Folder;

use super::more::More;
use crate::dice::Dice;

/// The folders of the versions of one small playbook, and where the leads of stages go that a
/// later version lacks.
pub(super) fn folders(versions: usize, dice: &mut Dice) -> (Vec<Folder>, Vec<StageMapping>) {
    let frame = Frame::draw(dice);
    let mut rules: Vec<String> = (0..dice.between(2, 7))
        .map(|number| rule(&format!("r{number}"), &frame.more, dice))
        .collect();
    let mut texts = Vec::new();
    for version in 0..versions {
        // The last version may have lost a stage.
        let has_extra = version == 0 || version + 1 < versions || frame.keeps_extra;
        texts.push(text(&frame, has_extra, &rules, dice));
        change(&mut rules, version, &frame.more, dice);
    }
    let folders = texts.into_iter().map(without_dead_rules);
    let mapping = StageMapping::new(("sale", "extra"), ("sale", "talking"));
    (folders.collect(), vec![mapping])
}

/// The folder of a playbook, without the rules of which chance made some that can never fire, or that
/// move leads where no way leads: those are faults.
fn without_dead_rules(playbook: String) -> Folder {
    let folder = folder(playbook);
    let faults = Playbook::read(&folder).err();
    let faults = faults.into_iter().flat_map(|faults| faults.0);
    let dead: Vec<String> = faults
        .filter_map(|fault| match fault.kind {
            FaultKind::NeverFires { rule, .. } | FaultKind::NoWay { rule, .. } => {
                Some(format!("name = \"{rule}\"\n"))
            }
            _ => None,
        })
        .collect();
    let rules = folder.playbook.split("[[rule]]\n");
    let is_alive = |rule: &&str| !dead.iter().any(|name| rule.starts_with(name.as_str()));
    let alive: Vec<&str> = rules.filter(is_alive).collect();
    self::folder(alive.join("[[rule]]\n"))
}

fn folder(playbook: String) -> Folder {
    Folder {
        playbook,
        templates: TEMPLATES
            .map(|(path, text)| (path.into(), text.to_owned()))
            .into(),
        ..Folder::default()
    }
}

/// Some rules go, some change, some come.
fn change(rules: &mut Vec<String>, version: usize, more: &More, dice: &mut Dice) {
    if dice.one_in(2) && !rules.is_empty() {
        let gone = dice.below(rules.len());
        rules.remove(gone);
    }
    for old in rules.iter_mut() {
        if dice.one_in(4) {
            let name = old.split('"').nth(1).unwrap_or("r").to_owned();
            *old = rule(&name, more, dice);
        }
    }
    for number in 0..dice.below(3) {
        rules.push(rule(&format!("n{version}-{number}"), more, dice));
    }
}

const TEMPLATES: [(&str, &str); 3] = [
    (
        "templates/offer.txt",
        "Subject: {{ contact.name }}, your {{ car or \"car\" }}\n\nDear {{ contact.name }}\n{{ owner.name or organisation.name }}\n",
    ),
    (
        "templates/note.txt",
        "Subject: {{ contact.name }}\n\n{{ recipient.name or \"Dear\" }}: see {{ lead.stage }}.\n",
    ),
    (
        // Runs out of fuel for hot leads: a message that can't be rendered. Nobody finds that out
        // beforehand, since the lead on which a playbook's templates are tried came from the web.
        "templates/heavy.txt",
        "Subject: Heavy\n\n{% if hot and lead.source != 'Web' %}{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}{% endif %}\n",
    ),
];

/// What lasts over all versions.
struct Frame {
    zone: &'static str,
    over: &'static str,
    choose: &'static str,
    capacity: i64,
    base: &'static str,
    cap: String,
    keeps_extra: bool,
    country: &'static str,
    more: More,
}

impl Frame {
    fn draw(dice: &mut Dice) -> Self {
        let cap = match dice.below(4) {
            0 => String::new(),
            _ => format!(
                "[cap]\nmessages = {}\nwithin = \"{}\"\nabove = \"{}\"\n",
                dice.between(1, 3),
                dice.pick(&["1 hour", "2 days", "7 days", "30 days"]),
                dice.pick(&["defer", "drop"]),
            ),
        };
        Self {
            zone: dice.pick(&[
                "America/Mexico_City",
                "Europe/Madrid",
                "UTC",
                "America/Sao_Paulo",
                "Australia/Lord_Howe",
            ]),
            over: dice.pick(&["own", "team", "all"]),
            choose: dice.pick(&["best", "weighted", "evenly"]),
            capacity: dice.pick(&[1, 2, 5, 100]),
            base: dice.pick(&[
                "",
                "[base.one]\npipelines = [\"sale\"]\nunique = [\"contact.email\"]\n",
                "[base.one]\npipelines = [\"sale\", \"care\"]\nunique = [\"owner\", \"contact.email\"]\n",
                "[base.one]\npipelines = [\"sale\"]\nunique = [\"contact\"]\n[base.two]\npipelines = [\"sale\"]\nunique = [\"owner\", \"contact\"]\n",
            ]),
            cap,
            keeps_extra: dice.one_in(2),
            country: dice.pick(&["", "country = \"EC\"", "country = \"ES\""]),
            more: More::draw(dice),
        }
    }
}

#[expect(clippy::too_many_lines, reason = "they are the playbook's")]
fn text(frame: &Frame, has_extra: bool, rules: &[String], dice: &mut Dice) -> String {
    let Frame {
        zone,
        over,
        choose,
        capacity,
        base,
        cap,
        country,
        more,
        ..
    } = frame;
    let sections = more.sections();
    let refer = if more.refers { ", \"refer\"" } else { "" };
    let (extra, to_extra) = match has_extra {
        true => (
            "extra = { to = { talking = [], won = [] } }\n",
            ", extra = []",
        ),
        false => ("", ""),
    };
    let mut text = format!(
        r#"[playbook]
id = "small"
zone = "{zone}"
calendar = "office"
currency = "USD"
{country}

[organisation]
name = "Small"
email = "desk@small.example"

[calendar.office]
weekly = {{ mon-fri = ["09:00-13:00", "14:00-18:00"], sat = ["09:00-12:00"] }}

[role.seller]
may = ["register", "assign", "attempt", "answered", "record", "move", "reopen", "hold", "set", "complete", "unsubscribe", "correct-contact", "merge", "quote", "appointment", "attach"{refer}]
over = "{over}"

[role.clerk]
may = ["register", "attempt", "record"]
owns = false

[role.chief]
may = ["*"]

[source]
web = {{ kind = "digital" }}
walk-in = {{ kind = "physical" }}

[field]
city = {{ type = "text" }}
car = {{ type = "choice", of = ["X1", "X3"] }}
visit = {{ type = "date" }}
call_at = {{ type = "instant" }}
score = {{ type = "number" }}
hot = {{ type = "bool" }}
zone = {{ type = "choice", of = ["Norte", "Sur"] }}
ruc = {{ type = "tax-number", of = ["EC", "ES"] }}

[activity]
call = {{ label = "Call" }}
brochure = {{ label = "Brochure" }}

[hold]
asked = {{ label = "Asked" }}
legal = {{ label = "Legal" }}

[[route]]
if = 'wait is present'
to = "sale.waiting"

[[route]]
if = 'source == "walk-in"'
to = "care.kept"

[[route]]
to = "sale.new"
assign = "team"

[pool.team]
members = 'role == "seller"'
choose = "{choose}"
capacity = {capacity}

[pool.back]
members = 'role == "chief"'
choose = "evenly"
capacity = 1000

{base}
{cap}
{sections}
[need]
tried = {{ if = 'attempts.total >= 1', text = "Try first" }}
why = {{ if = 'outcome.reason is present', text = "Say why" }}

[pipeline.sale]
start = "new"

[pipeline.sale.stage]
new = {{ to = {{ talking = ["tried"], waiting = [], won = [], lost = ["why"] }} }}
talking = {{ to = {{ waiting = [], new = [], won = [], lost = ["why"]{to_extra} }} }}
waiting = {{ waits = true, to = {{ talking = [], lost = [] }} }}
{extra}won = {{ final = "won", to = [] }}
lost = {{ final = "lost", to = {{ new = [], talking = [] }} }}

[pipeline.care]
start = "kept"

[pipeline.care.stage]
kept = {{ to = {{ left = [] }} }}
left = {{ final = "lost", to = ["kept"] }}

[wait.soon]
wait = {{ least = "1 days", default = "5 days", most = "90 days" }}
first = [{{ send = "offer", as = "owner" }}, {{ task = "call-back" }}]
every = {{ after = "{every}", do = [{{ send = "offer", as = "organisation" }}] }}
until = 'answered_at >= entered_at'
late-start = "{late}"

[sla.first]
on = "assigned"
within = "{within}"
done = 'attempted_at >= assigned_at'
task = "Call {{{{ contact.name }}}}"
late = [{{ assign = "team", not = "earlier-owners", at-most = 2, then = {{ notify = "chief", template = "note" }} }}]

[task.call-back]
text = "Call back"
within = "1 business day"
done = 'answered_at >= entered_at'

[task.decide]
text = "Decide"
for = "chief"
within = "{within}"
outlives-lead = true

[task.decide.choices]
again = {{ label = "Again", do = [{{ move = "new" }}, {{ assign = "team", at-most = 3 }}] }}
drop = {{ label = "Drop", do = [{{ set = "score", to = 0 }}] }}

[reminder.visit]
of = "visit"
at = ["2 days before", "3 hours"]
do = [{{ send = "offer", class = "alert" }}]

[ageing.old]
after = ["5 days", "15 days"]
do = [{{ notify = "owner", template = "note" }}]

"#,
        every = dice.pick(&["1 days", "30 days", "6 hours"]),
        late = dice.pick(&["skip", "fire", "2 days"]),
        within = dice.pick(&[
            "15 business minutes",
            "4 hours",
            "1 business day",
            "1 second"
        ]),
    );
    for rule in rules {
        let _ = writeln!(text, "[[rule]]\n{rule}");
    }
    text
}

const CONDITIONS: [&str; 13] = [
    "attempts.total < 3",
    "owner is missing",
    "owner is present and not held",
    "hot",
    "score >= 3",
    "contact.unsubscribed",
    "answered_at >= entered_at",
    "entered_at < now - 3d",
    "registered_at > now - 20d",
    "attempted_at < now - 1d",
    "tasks.open >= 1",
    "source.kind == \"digital\" and activities(\"call\") < 2",
    "contact.possible_duplicate",
];

/// A rule of this name. One that moves, assigns or sets always waits, so that no two start each
/// other without end.
fn rule(name: &str, more: &More, dice: &mut Dice) -> String {
    let mut text = format!("name = \"{name}\"\n");
    let mut changes = false;
    let actions: Vec<String> = (0..dice.between(1, 3))
        .map(|_| action(&mut changes, more, dice))
        .collect();
    let is_dated = anchor(&mut text, more, dice);
    let delays: &[&str] = match (changes, is_dated) {
        (true, _) => &["2 hours", "1 days", "3 business hours", "40 days"],
        (false, true) => &["2 days before", "1 hour before", "0 hours", "1 month"],
        (false, false) => &["0 hours", "10 minutes", "1 business day", "1 month"],
    };
    let _ = writeln!(text, "after = \"{}\"", dice.pick(delays));
    if dice.one_in(3) {
        let every = dice.pick(&[
            "1 days",
            "5 hours",
            "2 business hours",
            "1 month",
            "20 minutes",
        ]);
        let _ = writeln!(text, "every = \"{every}\"");
        if dice.one_in(2) {
            let _ = writeln!(text, "at-most = {}", dice.between(1, 4));
        }
    }
    for (word, odds) in [("if", 3), ("unless", 5), ("until", 4)] {
        if dice.one_in(odds) {
            let _ = writeln!(text, "{word} = '{}'", condition(more, dice));
        }
    }
    if dice.one_in(4) {
        let holds = dice.pick(&["[]", "[\"asked\"]", "[\"asked\", \"legal\"]"]);
        let _ = writeln!(text, "stopped-by = {holds}");
    }
    if dice.one_in(2) {
        let late = dice.pick(&["fire", "skip", "3 days"]);
        let _ = writeln!(text, "late-start = \"{late}\"");
    }
    let _ = writeln!(text, "do = [{}]", actions.join(", "));
    text
}

/// What a rule counts from; whether that is a date.
fn anchor(text: &mut String, more: &More, dice: &mut Dice) -> bool {
    let mut anchors = vec![
        "on = \"registered\"",
        "on = \"assigned\"",
        "on = \"entered sale.new\"",
        "on = \"entered sale.lost\"",
        "on = \"entered\"",
        "on = \"answered\"",
        "on = \"attempted\"",
        "on = \"closed\"",
        "on = \"overdue first\"",
        "on = \"overdue decide\"",
        "on = \"overdue call-back\"",
        "when",
        "when",
        "on = \"field visit\"",
        "on = \"field call_at\"",
    ];
    anchors.extend(more.anchors());
    let chosen = dice.pick(&anchors);
    match chosen {
        "when" => {
            let _ = writeln!(text, "when = '{}'", condition(more, dice));
        }
        on => {
            let _ = writeln!(text, "{on}");
        }
    }
    if !chosen.contains("entered") && chosen != "on = \"closed\"" && dice.one_in(3) {
        let _ = writeln!(text, "pipeline = \"sale\"");
    }
    ["field", "appointment", "expires"]
        .iter()
        .any(|dated| chosen.contains(dated))
}

fn condition(more: &More, dice: &mut Dice) -> &'static str {
    let conditions: Vec<&str> = CONDITIONS
        .iter()
        .copied()
        .chain(more.conditions())
        .collect();
    dice.pick(&conditions)
}

fn action(changes: &mut bool, more: &More, dice: &mut Dice) -> String {
    if more.refers && dice.one_in(4) {
        return "{ reward = \"20.00 USD\" }".to_owned();
    }
    match dice.below(12) {
        0..=3 => {
            let template = dice.pick(&["offer", "offer", "offer", "heavy"]);
            let mut text = format!("{{ send = \"{template}\"");
            for (part, odds) in [
                ("as = \"organisation\"", 3),
                ("on-owner-change = \"drop\"", 4),
                ("class = \"alert\"", 4),
                ("expires = \"3 days\"", 4),
            ] {
                if dice.one_in(odds) {
                    let _ = write!(text, ", {part}");
                }
            }
            text + " }"
        }
        4 | 5 => format!(
            "{{ notify = \"{}\", template = \"note\" }}",
            dice.pick(&["owner", "chief", "seller", "team:north"])
        ),
        6 | 7 => format!("{{ task = \"{}\" }}", dice.pick(&["call-back", "decide"])),
        8 => {
            *changes = true;
            format!(
                "{{ assign = \"{}\", at-most = {}, then = {{ assign = \"back\", at-most = 9 }} }}",
                dice.pick(&["team", "team", "back"]),
                dice.between(0, 4)
            )
        }
        9 => {
            *changes = true;
            format!(
                "{{ move = \"{}\" }}",
                dice.pick(&["talking", "new", "waiting"])
            )
        }
        10 => {
            *changes = true;
            "{ close = \"lost\", reason = \"too old\" }".to_owned()
        }
        _ => {
            *changes = true;
            let set = dice.pick(&[
                "\"hot\", to = true",
                "\"hot\", to = false",
                "\"score\", to = 5",
                "\"visit\", to = 2026-05-01",
                "\"car\", to = \"X3\"",
            ]);
            format!("{{ set = {set} }}")
        }
    }
}
