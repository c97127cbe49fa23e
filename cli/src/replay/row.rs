//! From a row to a command: which cells say what, and what the playbook calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chrono::NaiveDateTime;
use leadkit::decide::command::{
    Actor, AgentSetup, Capacity, Completion, Correction, LeadOrder, Leaving, NewLead, Waiting,
};
use leadkit::ids::{CommandId, Name};
use leadkit::playbook::Playbook;
use leadkit::playbook::pipeline::Field;
use leadkit::record::quote::Says;
use leadkit::time::Instant;
use leadkit::told::shortened_to;
use leadkit::value::{Value, ValueType, folded_eq};
use smol_str::SmolStr;

use super::amounts::{AmountFault, amount};
use super::dates::{self, DateFault, Format, OrderFault};
use super::fault::{Unfit, ValueFault};
use super::map::{CommandMap, FileMap, Must, Part, Test, Text, Verb};
use super::numbers::NumberFault;
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
        columns.extend(command.times().flat_map(Text::columns));
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
        let declared = map.dates.get(column).copied();
        let found = match table.column(column) {
            None => Ok(declared.flatten()),
            Some(place) => {
                let cells = table.rows.iter();
                let cells = cells.map(|row| (row.line, row.cells[place].as_str()));
                match declared {
                    Some(None) => Ok(None),
                    Some(Some(format)) => {
                        dates::hold_declared(column, format, cells).map(|()| Some(format))
                    }
                    None => dates::find_order(column, cells),
                }
            }
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
            known.find(|meaning| folded_eq(&meaning.cell, cell))
        });
        meant.map_or(cell, |meaning| &meaning.means)
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
    ) -> Result<Planned, ValueFault> {
        let (at, at_said) = match &command.at {
            None => (None, SmolStr::default()),
            Some(column) => (Some(self.instant(column)?), self.cell(column).into()),
        };
        let lead = self.lead(command);
        if let (Some(column), None) = (&command.lead, &lead) {
            return Err(ValueFault::NoLead(column.clone()));
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

    fn instant(&self, column: &str) -> Result<Instant, ValueFault> {
        let cell = self.cell(column);
        let format = self.formats.get(column).copied();
        match dates::instant(cell, format, &self.map.zone) {
            Ok(at) => Ok(at),
            Err(_) if cell.is_empty() => Err(ValueFault::NoTime(column.to_owned())),
            Err(fault) => Err(ValueFault::unfit(column, cell, fault)),
        }
    }

    pub(super) fn said(&self, command: &CommandMap, name: &str) -> Option<String> {
        self.text(command.text(name)?)
    }

    pub(super) fn needed(&self, command: &CommandMap, name: &str) -> Result<String, ValueFault> {
        let said = self.said(command, name);
        said.ok_or_else(|| ValueFault::Empty(name.into()))
    }

    pub(super) fn number(
        &self,
        command: &CommandMap,
        name: &str,
    ) -> Result<Option<u32>, ValueFault> {
        match self.said(command, name) {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => {
                    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
                    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
                    let why = match text.starts_with('-') {
                        _ if !is_whole || digits.is_empty() => Unfit::NotWhole,
                        true => Unfit::BelowZero,
                        false => Unfit::TooLarge,
                    };
                    Err(ValueFault::unfit(name, &text, why))
                }
            },
        }
    }

    pub(super) fn doing(&self, command: &CommandMap) -> Result<Doing, ValueFault> {
        let playbook = self.playbook;
        let needed = |name: &str| self.needed(command, name);
        let stages = || {
            let pipelines = playbook.pipelines.iter();
            let stages = pipelines.flat_map(|pipeline| &pipeline.stages);
            stages.map(|stage| (&stage.name, stage.label.as_str()))
        };
        let named = |name: &str, known: &mut dyn Iterator<Item = Labelled<'_>>| {
            named(name, &needed(name)?, known)
        };
        let holds = || {
            playbook
                .holds
                .iter()
                .map(|hold| (hold, playbook.hold_label(hold)))
        };
        let choices = || {
            let choices = playbook.tasks.iter().flat_map(|task| &task.choices);
            choices.map(|choice| (&choice.name, choice.label.as_str()))
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
                    &mut playbook
                        .activities
                        .iter()
                        .map(|spec| (&spec.name, spec.label.as_str())),
                )?,
                fields: self.values(command)?,
            },
            Verb::Assign => LeadOrder::Assign {
                pool: named(
                    "pool",
                    &mut playbook.pools.iter().map(|pool| unlabelled(&pool.name)),
                )?,
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
                hold: named("as", &mut holds())?,
            },
            Verb::Release => LeadOrder::Release {
                hold: named("from", &mut holds())?,
            },
            Verb::Set => LeadOrder::SetFields {
                fields: self.values(command)?,
            },
            Verb::Complete => LeadOrder::Complete(Box::new(Completion {
                fields: self.values(command)?,
                reason: reason(),
                task: named(
                    "task",
                    &mut playbook.tasks.iter().map(|task| unlabelled(&task.name)),
                )?,
                choice: self.maybe(command, "choice", &mut choices())?,
            })),
            Verb::Book
            | Verb::Rebook
            | Verb::Held
            | Verb::NoShow
            | Verb::Cancel
            | Verb::Feedback => self.of_appointment(command)?,
            Verb::Attach => self.document(command)?,
            Verb::Unsubscribe => LeadOrder::Unsubscribe,
            Verb::Correct => LeadOrder::CorrectContact(Correction {
                name: self.said(command, "name").map(Into::into),
                phone: self.said(command, "phone").map(Into::into),
            }),
            Verb::GiveEmail => LeadOrder::GiveEmail {
                email: needed("email")?.into(),
            },
            Verb::Refer => return Ok(Doing::Refer(needed("agent")?.into())),
        }))
    }

    /// The wait group to which a lead moves.
    fn waiting(&self, command: &CommandMap) -> Result<Option<Waiting>, ValueFault> {
        let wait_days = self.number(command, "wait-days")?;
        match (self.wait(command)?, wait_days) {
            (Some(group), wait_days) => Ok(Some(Waiting { group, wait_days })),
            (None, Some(days)) => {
                let days = days.to_string();
                Err(ValueFault::unfit("wait-days", &days, Unfit::NoWait))
            }
            (None, None) => Ok(None),
        }
    }

    fn wait(&self, command: &CommandMap) -> Result<Option<Name>, ValueFault> {
        let waits = self.playbook.waits.iter();
        let mut waits = waits.map(|wait| (&wait.name, wait.label.as_str()));
        self.maybe(command, "wait", &mut waits)
    }

    /// What a command may name of the playbook.
    fn maybe(
        &self,
        command: &CommandMap,
        name: &str,
        known: &mut dyn Iterator<Item = Labelled<'_>>,
    ) -> Result<Option<Name>, ValueFault> {
        let said = self.said(command, name);
        said.map(|text| named(name, &text, known)).transpose()
    }

    fn agent(&self, command: &CommandMap) -> Result<Doing, ValueFault> {
        let said = |name: &str| self.said(command, name).map(Into::into);
        let roles = self.playbook.roles.iter();
        let mut roles = roles.map(|role| (&role.name, role.label.as_str()));
        let teams = self.playbook.teams.iter();
        let mut teams = teams.map(|team| (&team.name, team.label.as_str()));
        let listed = |name: &str| self.said(command, name).map(|said| listed(&said));
        let available = match self.said(command, "available") {
            None => None,
            Some(text) => Some(
                truth(&text)
                    .ok_or_else(|| ValueFault::unfit("available", &text, Unfit::NotYesOrNo))?,
            ),
        };
        Ok(Doing::SetUp(Box::new(AgentSetup {
            agent: self.needed(command, "id")?.into(),
            name: said("name"),
            email: self
                .said(command, "email")
                .map(|said| address(&said).into()),
            phone: said("phone"),
            role: self.maybe(command, "role", &mut roles)?,
            team: self.maybe(command, "team", &mut teams)?,
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
    fn leaving(&self, command: &CommandMap) -> Result<Doing, ValueFault> {
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

    fn new_lead(&self, command: &CommandMap) -> Result<Doing, ValueFault> {
        let said = |name: &str| self.said(command, name).map(Into::into);
        let sources = self.playbook.sources.iter();
        let mut sources = sources.map(|source| (&source.name, source.label.as_str()));
        Ok(Doing::Register(Box::new(NewLead {
            name: self.said(command, "name").unwrap_or_default().into(),
            email: self
                .said(command, "email")
                .map(|said| address(&said).into()),
            phone: said("phone"),
            source: self.maybe(command, "source", &mut sources)?,
            wait: self.wait(command)?,
            wait_days: self.number(command, "wait-days")?,
            owner: self.said(command, "owner").map(Into::into),
            referral: said("referral"),
            fields: self.fields(command)?,
            appointments: self.booked(command)?,
        })))
    }

    /// The playbook's fields that a command says, as an order sets them.
    fn values(&self, command: &CommandMap) -> Result<Vec<(Name, Option<Value>)>, ValueFault> {
        let fields = self.fields(command)?.into_iter();
        Ok(fields.map(|(name, value)| (name, Some(value))).collect())
    }

    /// The playbook's fields that a command says.
    fn fields(&self, command: &CommandMap) -> Result<Vec<(Name, Value)>, ValueFault> {
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

    /// The times that a command says and no clock showed: for each the column, or the word of the command,
    /// what the row says and what it is taken for.
    pub(super) fn moved(&self, command: &CommandMap) -> Vec<Moved> {
        let zone = &self.map.zone;
        let moved = |of: &str, said: &str, format| {
            let (_, taken_for) = dates::moved(said, format, zone)?;
            Some(Moved {
                of: of.to_owned(),
                said: said.to_owned(),
                taken_for,
            })
        };
        let at = command.at.as_deref().and_then(|column| {
            let format = self.formats.get(column).copied();
            moved(column, self.cell(column), format)
        });
        let is_instant = |name: &str| {
            let field = self.playbook.field(&Name::from(name));
            field.is_some_and(|field| field.value_type == ValueType::Instant)
        };
        let fields = command
            .says
            .iter()
            .filter(|(name, _)| command.verb.says_fields() && is_instant(name));
        let texts = command.times().chain(fields.map(|(_, text)| text));
        let others = texts.filter_map(|text| {
            let of = text.columns().next()?;
            moved(of, &self.text(text)?, self.format(text))
        });
        at.into_iter().chain(others).collect()
    }

    /// How dates are written in the column of a text.
    pub(super) fn format(&self, text: &Text) -> Option<Format> {
        let mut formats = text.columns().filter_map(|column| self.formats.get(column));
        formats.next().copied()
    }

    fn value(&self, field: &Field, text: &Text, said: &str) -> Result<Value, ValueFault> {
        let format = self.format(text);
        let refused = |why: Unfit| ValueFault::unfit(field.name.as_str(), said, why);
        let value = match field.value_type {
            ValueType::Text => Some(Value::Text(said.into())),
            ValueType::Number => match amount(said, self.map.decimal, self.playbook.currency) {
                Ok(number) => Some(Value::Number(number)),
                Err(AmountFault::Number(NumberFault::NotANumber)) => None,
                Err(fault) => return Err(refused(fault.into())),
            },
            ValueType::Bool => truth(said).map(Value::Bool),
            ValueType::Date => match dates::date(said, format) {
                Ok(date) => Some(Value::Date(date)),
                Err(DateFault::NotADate) => None,
                Err(fault) => return Err(refused(fault.into())),
            },
            ValueType::Instant => match dates::instant(said, format, &self.map.zone) {
                Ok(at) => Some(Value::Instant(at)),
                Err(DateFault::NotADate) => None,
                Err(fault) => return Err(refused(fault.into())),
            },
        };
        value.ok_or_else(|| refused(Unfit::NotOfType(field.value_type)))
    }
}

/// A time that no clock showed, since it was put forward then.
pub(super) struct Moved {
    /// The column that says it.
    pub(super) of: String,
    /// What it says.
    pub(super) said: String,
    /// What it is taken for.
    pub(super) taken_for: NaiveDateTime,
}

/// A name of the playbook, with what people call it.
pub(super) type Labelled<'p> = (&'p Name, &'p str);

/// Something that has no label.
fn unlabelled(name: &Name) -> Labelled<'_> {
    (name, name.as_str())
}

/// The name that a text means. What means none is left as it stands, for the core to refuse; a label is
/// no name, since another thing may be called so tomorrow.
pub(super) fn named<'p>(
    of: &str,
    text: &str,
    known: &mut dyn Iterator<Item = Labelled<'p>>,
) -> Result<Name, ValueFault> {
    let known: Vec<Labelled<'p>> = known.collect();
    let name = as_known(text, &mut known.iter().map(|(name, _)| *name));
    let labelled = known.iter().find(|(_, label)| folded_eq(label, text));
    match labelled {
        Some((meant, _)) if known.iter().all(|(known, _)| **known != name) => {
            Err(ValueFault::unfit(of, text, Unfit::Label((*meant).clone())))
        }
        _ => Ok(name),
    }
}

/// The address of `Luis Vera <luis@example.com>`; the text as it stands, if it is not written so.
fn address(said: &str) -> &str {
    let bare = said.strip_suffix('>').and_then(|said| said.split_once('<'));
    match bare {
        Some((_, address)) if !address.contains(['<', '>']) => address.trim(),
        _ => said,
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
