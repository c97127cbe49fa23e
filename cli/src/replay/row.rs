//! From a row to a command: which cells say what, and what the playbook calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use leadkit::decide::command::{
    Actor, AgentSetup, Capacity, Completion, LeadOrder, Leaving, NewLead, Waiting,
};
use leadkit::ids::{CommandId, Name};
use leadkit::playbook::Playbook;
use leadkit::playbook::pipeline::Field;
use leadkit::record::quote::Says;
use leadkit::time::Instant;
use leadkit::told::shortened_to;
use leadkit::value::{Value, ValueType, folded_eq};
use smol_str::SmolStr;

use super::dates::{self, DateFault, Format, OrderFault};
use super::map::{CommandMap, FileMap, Must, Part, Test, Text, Verb};
use super::numbers::{self, NumberFault};
use super::plan::{Doing, Place, Planned};
use super::table::{Row, Table};
use crate::spell::as_known;

/// How dates are written in each column that is read as a date, as far as that must be known.
pub(super) fn formats<'m>(
    map: &'m FileMap,
    table: &Table,
    playbook: &Playbook,
) -> Result<BTreeMap<&'m str, Format>, Vec<OrderFault>> {
    let mut columns: BTreeSet<&str> = BTreeSet::new();
    for command in &map.commands {
        columns.extend(command.at.as_deref());
        for (name, text) in &command.says {
            let field = playbook.field(&Name::from(name.as_str()));
            let is_dated = field.is_some_and(|field| {
                matches!(field.value_type, ValueType::Date | ValueType::Instant)
            });
            if is_dated && command.verb.says_fields() {
                columns.extend(text.columns());
            }
        }
    }
    let (mut formats, mut faults) = (BTreeMap::new(), Vec::new());
    for column in columns {
        let found = match (map.dates.get(column), table.column(column)) {
            (Some(format), _) => Ok(Some(*format)),
            (None, Some(place)) => {
                let cells = table.rows.iter();
                let cells = cells.map(|row| (row.line, row.cells[place].as_str()));
                dates::find_order(column, cells)
            }
            (None, None) => Ok(None),
        };
        match found {
            Ok(format) => formats.extend(format.map(|format| (column, format))),
            Err(fault) => faults.push(fault),
        }
    }
    match faults.is_empty() {
        true => Ok(formats),
        false => Err(faults),
    }
}

/// A row, its file, and what is known of both.
pub(super) struct RowReading<'a> {
    pub(super) map: &'a FileMap,
    pub(super) table: &'a Table,
    pub(super) row: &'a Row,
    pub(super) formats: &'a BTreeMap<&'a str, Format>,
    pub(super) playbook: &'a Playbook,
}

impl<'a> RowReading<'a> {
    /// The cell as it stands, or nothing where it means nothing.
    pub(super) fn cell(&self, column: &str) -> &'a str {
        let Some(place) = self.table.column(column) else {
            return "";
        };
        let cell = self.row.cells.get(place).map_or("", String::as_str);
        self.map.cell(cell)
    }

    /// The cell as the playbook says it.
    fn meant(&self, column: &str) -> &str {
        let cell = self.cell(column);
        let values = self.map.values.get(column);
        let meant = values.and_then(|values| {
            let mut known = values.iter();
            known.find(|(from, _)| folded_eq(from, cell))
        });
        meant.map_or(cell, |(_, to)| to)
    }

    /// Whether a command is one of this row's. Of an agent who is there from the beginning, only who is
    /// named can be set up.
    pub(super) fn is(&self, command: &CommandMap) -> bool {
        let holds = |test: &Test| self.holds(test);
        let is_asked_for = command.only_if.iter().all(holds) && !command.unless.iter().any(holds);
        let names_nobody = || command.sets_up_at_once() && self.said(command, "id").is_none();
        is_asked_for && !names_nobody()
    }

    /// The commands that are this row's, each with its place.
    pub(super) fn commands(&self, file: usize) -> impl Iterator<Item = (Place, &'a CommandMap)> {
        let commands = self.map.commands.iter().enumerate();
        let commands = commands.filter(|(_, command)| self.is(command));
        let line = self.row.line;
        commands.map(move |(command_number, command)| {
            let place = Place {
                file,
                line,
                command: command_number,
            };
            (place, command)
        })
    }

    /// The lead that a command is about, as the files name it.
    pub(super) fn lead(&self, command: &CommandMap) -> Option<Rc<str>> {
        let lead = command.lead.as_ref().map(|column| self.cell(column))?;
        (!lead.is_empty()).then(|| Rc::from(lead))
    }

    fn holds(&self, test: &Test) -> bool {
        let cell = self.cell(&test.column);
        match &test.must {
            Must::Present => !cell.is_empty(),
            Must::Among(among) => among.iter().any(|one| folded_eq(one, cell)),
        }
    }

    /// A text with its cells; `None` when all of them are empty.
    pub(super) fn text(&self, text: &Text) -> Option<String> {
        let mut filled = String::new();
        let (mut columns, mut empty) = (0, 0);
        for part in &text.0 {
            match part {
                Part::Plain(plain) => filled.push_str(plain),
                Part::Column(column) => {
                    let cell = self.meant(column);
                    columns += 1;
                    empty += usize::from(cell.is_empty());
                    filled.push_str(cell);
                }
            }
        }
        let filled = filled.trim();
        let says_nothing = filled.is_empty() || (columns > 0 && columns == empty);
        (!says_nothing).then(|| filled.to_owned())
    }

    pub(super) fn planned(
        &self,
        place: Place,
        command: &CommandMap,
        key: &str,
    ) -> Result<Planned, String> {
        let (at, at_said) = match &command.at {
            None => (None, SmolStr::default()),
            Some(column) => (Some(self.instant(column)?), self.cell(column).into()),
        };
        let lead = self.lead(command);
        if let (Some(column), None) = (&command.lead, &lead) {
            return Err(format!("the row names no lead: `{column}` is empty"));
        }
        let by = command.by.as_ref().and_then(|by| self.text(by));
        let by = by
            .as_deref()
            .map_or_else(|| Actor::host("replay"), Actor::said);
        let id = format!(
            "replay\u{1f}{}\u{1f}{key}\u{1f}{}",
            self.map.name, command.name
        );
        Ok(Planned {
            at,
            at_said,
            place,
            lead,
            id: CommandId::of(&id),
            by,
            doing: self.doing(command)?,
        })
    }

    fn instant(&self, column: &str) -> Result<Instant, String> {
        let cell = self.cell(column);
        let format = self.formats.get(column).copied();
        match dates::instant(cell, format, &self.map.zone) {
            Ok(at) => Ok(at),
            Err(_) if cell.is_empty() => Err(format!("`{column}` is empty, and says when")),
            Err(fault) => Err(format!("`{column}`: `{}` {fault}", shortened(cell))),
        }
    }

    pub(super) fn said(&self, command: &CommandMap, name: &str) -> Option<String> {
        self.text(command.text(name)?)
    }

    fn needed(&self, command: &CommandMap, name: &str) -> Result<String, String> {
        let said = self.said(command, name);
        said.ok_or_else(|| format!("`{name}` is empty"))
    }

    pub(super) fn number(&self, command: &CommandMap, name: &str) -> Result<Option<u32>, String> {
        match self.said(command, name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => {
                    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
                    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
                    let what = match text.starts_with('-') {
                        _ if !is_whole || digits.is_empty() => "is no whole number",
                        true => "is below zero",
                        false => "is too large",
                    };
                    Err(format!("`{name}`: `{}` {what}", shortened(&text)))
                }
            },
        }
    }

    pub(super) fn doing(&self, command: &CommandMap) -> Result<Doing, String> {
        let playbook = self.playbook;
        let needed = |name: &str| self.needed(command, name);
        let stages = || {
            let stages = playbook
                .pipelines
                .iter()
                .flat_map(|pipeline| &pipeline.stages);
            stages.map(|stage| &stage.name)
        };
        let named = |name: &str, known: &mut dyn Iterator<Item = &Name>| {
            needed(name).map(|text| as_known(&text, known))
        };
        let reason = || self.said(command, "reason").map(Into::into);
        Ok(Doing::Order(match command.verb {
            Verb::SetUp => return self.agent(command),
            Verb::Leave => return self.leaving(command),
            Verb::Accept => return self.reply(command, Says::Yes),
            Verb::Decline => return self.reply(command, Says::No),
            Verb::Quote => LeadOrder::MakeQuote(Box::new(self.quote(command)?)),
            Verb::Register => return self.new_lead(command),
            Verb::Tried => LeadOrder::Attempt { reached: false },
            Verb::Reached => LeadOrder::Attempt { reached: true },
            Verb::Answered => LeadOrder::Answered,
            Verb::Record => LeadOrder::Record {
                activity: named(
                    "activity",
                    &mut playbook.activities.iter().map(|spec| &spec.name),
                )?,
                fields: self.values(command)?,
            },
            Verb::Assign => LeadOrder::Assign {
                pool: named("pool", &mut playbook.pools.iter().map(|pool| &pool.name))?,
            },
            Verb::Reassign => LeadOrder::Reassign {
                to: needed("to")?.into(),
            },
            Verb::Move => LeadOrder::MoveTo {
                stage: named("to", &mut stages())?,
                reason: reason(),
                wait: self.waiting(command)?,
            },
            Verb::Close => LeadOrder::Close {
                stage: named("as", &mut stages())?,
                reason: reason(),
            },
            Verb::Reopen => LeadOrder::Reopen {
                stage: named("to", &mut stages())?,
                wait: self.waiting(command)?,
            },
            Verb::Hold => LeadOrder::Hold {
                hold: named("as", &mut playbook.holds.iter())?,
            },
            Verb::Release => LeadOrder::Release {
                hold: named("from", &mut playbook.holds.iter())?,
            },
            Verb::Set => LeadOrder::SetFields {
                fields: self.values(command)?,
            },
            Verb::Complete => LeadOrder::Complete(Box::new(Completion {
                fields: self.values(command)?,
                reason: reason(),
                task: named("task", &mut playbook.tasks.iter().map(|task| &task.name))?,
                choice: self.said(command, "choice").map(|choice| {
                    let tasks = playbook.tasks.iter();
                    let mut choices = tasks.flat_map(|task| &task.choices);
                    as_known(&choice, &mut choices.by_ref().map(|choice| &choice.name))
                }),
            })),
            Verb::Unsubscribe => LeadOrder::Unsubscribe,
        }))
    }

    /// The wait group to which a lead moves.
    fn waiting(&self, command: &CommandMap) -> Result<Option<Waiting>, String> {
        let wait_days = self.number(command, "wait-days")?;
        let group = self.said(command, "wait");
        Ok(group.map(|group| Waiting {
            group: self.wait_named(&group),
            wait_days,
        }))
    }

    fn wait_named(&self, text: &str) -> Name {
        let mut waits = self.playbook.waits.iter().map(|wait| &wait.name);
        as_known(text, &mut waits)
    }

    fn agent(&self, command: &CommandMap) -> Result<Doing, String> {
        let said = |name: &str| self.said(command, name).map(Into::into);
        let role = self.said(command, "role");
        let roles = || self.playbook.roles.iter().map(|role| &role.name);
        let listed = |name: &str| self.said(command, name).map(|said| listed(&said));
        let available = match self.said(command, "available") {
            None => None,
            Some(text) => Some(truth(&text).ok_or_else(|| {
                format!("`available`: `{}` is neither yes nor no", shortened(&text))
            })?),
        };
        Ok(Doing::SetUp(Box::new(AgentSetup {
            agent: self.needed(command, "id")?.into(),
            name: said("name"),
            email: said("email"),
            phone: said("phone"),
            role: role.map(|role| as_known(&role, &mut roles())),
            team: self.said(command, "team").map(Name::from),
            cities: listed("cities"),
            zones: listed("zones"),
            skills: listed("skills"),
            hours: self.said(command, "hours").map(Name::from),
            absences: None,
            capacity: self.number(command, "capacity")?.map(Capacity::Own),
            available,
        })))
    }

    /// Who leaves, and which pool or agent takes the leads over.
    fn leaving(&self, command: &CommandMap) -> Result<Doing, String> {
        let heir = |text: String| {
            let mut pools = self.playbook.pools.iter().map(|pool| &pool.name);
            as_known(&text, &mut pools)
        };
        let to = heir(self.needed(command, "to")?);
        let leaving = Leaving::new(self.needed(command, "agent")?, to);
        let otherwise = self.said(command, "else").map(heir);
        Ok(Doing::Leave(Box::new(Leaving {
            otherwise,
            ..leaving
        })))
    }

    fn new_lead(&self, command: &CommandMap) -> Result<Doing, String> {
        let said = |name: &str| self.said(command, name).map(Into::into);
        let sources = || self.playbook.sources.iter().map(|source| &source.name);
        let source = self.said(command, "source");
        let wait = self.said(command, "wait");
        Ok(Doing::Register(Box::new(NewLead {
            name: self.said(command, "name").unwrap_or_default().into(),
            email: said("email"),
            phone: said("phone"),
            source: source.map(|source| as_known(&source, &mut sources())),
            wait: wait.map(|wait| self.wait_named(&wait)),
            wait_days: self.number(command, "wait-days")?,
            owner: self.said(command, "owner").map(Into::into),
            // Codes are drawn when agents ask for them: those of a history are nobody's here.
            referral: None,
            fields: self.fields(command)?,
        })))
    }

    /// The playbook's fields that a command says, as an order sets them.
    fn values(&self, command: &CommandMap) -> Result<Vec<(Name, Option<Value>)>, String> {
        let fields = self.fields(command)?.into_iter();
        Ok(fields.map(|(name, value)| (name, Some(value))).collect())
    }

    /// The playbook's fields that a command says.
    fn fields(&self, command: &CommandMap) -> Result<Vec<(Name, Value)>, String> {
        let mut fields = Vec::new();
        for (name, text) in &command.says {
            let own = command.verb.needs().iter().chain(command.verb.may());
            if own.into_iter().any(|own| own == name) {
                continue;
            }
            let name = Name::from(name.as_str());
            let Some(field) = self.playbook.field(&name) else {
                continue;
            };
            if let Some(said) = self.text(text) {
                fields.push((name, self.value(field, text, &said)?));
            }
        }
        Ok(fields)
    }

    fn value(&self, field: &Field, text: &Text, said: &str) -> Result<Value, String> {
        let mut formats = text.columns().filter_map(|column| self.formats.get(column));
        let format = formats.next().copied();
        let refused = |fault: &dyn std::fmt::Display| {
            format!("`{}`: `{}` {fault}", field.name, shortened(said))
        };
        let value = match field.value_type {
            ValueType::Text => Some(Value::Text(said.into())),
            ValueType::Number => match numbers::number(said, self.map.decimal) {
                Ok(number) => Some(Value::Number(number)),
                Err(NumberFault::NotANumber) => None,
                Err(fault) => return Err(refused(&fault)),
            },
            ValueType::Bool => truth(said).map(Value::Bool),
            ValueType::Date => match dates::date(said, format) {
                Ok(date) => Some(Value::Date(date)),
                Err(DateFault::NotADate) => None,
                Err(fault) => return Err(refused(&fault)),
            },
            ValueType::Instant => match dates::instant(said, format, &self.map.zone) {
                Ok(at) => Some(Value::Instant(at)),
                Err(DateFault::NotADate) => None,
                Err(fault) => return Err(refused(&fault)),
            },
        };
        value.ok_or_else(|| refused(&format_args!("is not {}", field.value_type)))
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "si" | "sí" | "sim" | "x" => Some(true),
        "false" | "no" | "n" | "0" | "não" | "nao" => Some(false),
        _ => None,
    }
}

/// The beginning of a long cell.
pub(super) fn shortened(cell: &str) -> SmolStr {
    shortened_to(cell, 60)
}

/// Several texts in one cell: `Quito|Cuenca`.
fn listed(said: &str) -> Vec<SmolStr> {
    let parts = said.split([',', ';', '|']).map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(Into::into).collect()
}
