//! A small shop: its playbook, and its leads in files.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "this is a test")]

use crate::told::{Told, leadkit, write};

pub(crate) const PLAYBOOK: &str = r#"
[playbook]
id       = "shop"
zone     = "America/Guayaquil"
calendar = "office"

[organisation]
name  = "Shop"
email = "shop@example.com"

[calendar.office]
weekly = { mon-fri = ["09:00-17:00"] }

[role.advisor]
may = ["attempt", "answered", "record", "move", "set"]

[role.manager]
may = ["*"]

[source]
web      = { kind = "digital" }
walk-in  = { kind = "physical" }

[field]
city   = { type = "text" }
budget = { type = "number" }
visit  = { type = "date" }
vip    = { type = "bool" }

[[route]]
to = "sales.new"

[need]
reason = { if = 'outcome.reason is present', text = "A reason" }

[pipeline.sales]
start = "new"

[pipeline.sales.stage]
new     = { to = { talking = [], lost = ["reason"] } }
talking = { to = { won = [], lost = ["reason"] } }
won     = { final = "won" }
lost    = { final = "lost" }

[sla.first-contact]
on     = "assigned"
within = "4 business hours"
done   = 'stage != "new"'
task   = "Call {{ contact.name }}"
late   = [{ notify = "manager", template = "late" }]
"#;

pub(crate) const MAP: &str = r#"
[[file]]
path = "agents.csv"

[[file.command]]
set-up = { id = "{id}", name = "{name}", email = "{id}@example.com", role = "{role}", cities = "{cities}" }

[[file]]
path  = "leads.csv"
key   = "id"
dates = { arrived = "dd-mm-yyyy", talked = "dd-mm-yyyy" }   # the others are found out

[[file.command]]
lead     = "id"
at       = "arrived"
register = { name = "{name}", email = "{email}", source = "{origin}", owner = "{advisor}", city = "{city}", budget = "{budget}", visit = "{visit}", vip = "{vip}" }

[[file.command]]
lead  = "id"
at    = "talked"
if    = "talked"
move  = { to = "talking", by = "{advisor}" }

[[file.command]]
lead   = "id"
at     = "ended"
if     = { end = ["won", "lost"] }
unless = { name = "Nobody" }
close  = { as = "{end}", reason = "{why}" }
"#;

pub(crate) const AGENTS: &str = "id,name,role,cities\nana,Ana Torres,advisor,Quito|Cuenca\nbea,Bea Molina,Advisor,\nmarco,Marco Paredes,manager,\n";

/// Three leads: one talked to in time and won, one too late, one never.
pub(crate) const LEADS: &str = "\
id;name;email;origin;advisor;city;budget;visit;vip;arrived;talked;ended;end;why
1;José Peña;jose@example.com;Web;ana;Quito;1.234,50;31-03-2026;sí;02-03-2026 10:00;02-03-2026 11:00;20-03-2026 12:00;won;
2;Luis Vera;luis@example.com;walk in;bea;Cuenca;;;no;02-03-2026 16:00;04-03-2026 10:00;;;
3;\"Díaz; Eva\";eva@example.com;web;ana;;900;;;06-03-2026 16:30;;;;
";

/// A folder with all that a replay needs.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        write(
            folder.0.path(),
            &[
                ("playbook/playbook.toml", PLAYBOOK),
                (
                    "playbook/templates/late.txt",
                    "Subject: Late\n\n{{ contact.name }}\n",
                ),
                ("map.toml", MAP),
                ("agents.csv", AGENTS),
                ("leads.csv", LEADS),
            ],
        );
        write(folder.0.path(), files);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn replay(&self, more: &[&str]) -> Told {
        let (playbook, map) = (self.path("playbook"), self.path("map.toml"));
        leadkit(["replay", &playbook, "--map", &map].iter().chain(more))
    }
}
