//! From rows to commands, each at its own time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops;
use std::rc::Rc;

use chrono::{Months, NaiveDateTime, NaiveTime};
use leadkit::calendar::Zone;
use leadkit::decide::command::{Actor, AgentSetup, LeadOrder, Leaving, NewLead};
use leadkit::explain::local;
use leadkit::ids::{AgentId, CommandId};
use leadkit::playbook::Playbook;
use leadkit::time::Instant;
use leadkit::value::fold;
use smol_str::SmolStr;

use super::dates::OrderFault;
use super::fault::ValueFault;
use super::hints;
use super::map::{CommandMap, FileMap, Map, MapFault, Verb};
use super::quotes::Reply;
use super::range::{Bulk, Far, MOST_YEARS, Range};
use super::refused::{Because, Refused};
use super::row::{Moved, RowReading, formats, shortened};
use super::spellings::Spellings;
use super::table::{Row, Table, TakenIn};
use super::warnings::Warning;
use crate::progress::Bar;
use crate::{Asked, spell};

/// A command of a row.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// When it happened; `None` for agents who are there from the beginning.
    pub(super) at: Option<Instant>,
    /// The same as the file says it.
    pub(super) at_said: SmolStr,
    /// Where it stands.
    pub(super) place: Place,
    /// The lead's name in the files.
    pub(super) lead: Option<Rc<str>>,
    pub(super) id: CommandId,
    pub(super) by: Actor,
    pub(super) doing: Doing,
}

impl Planned {
    /// Whether it happened before the time at which a replay stops, if it does.
    pub(super) fn is_before(&self, until: Option<Instant>) -> bool {
        match (self.at, until) {
            (Some(at), Some(until)) => at < until,
            _ => true,
        }
    }
}

/// Where a command stands in the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) line: u64,
    pub(super) command: usize,
}

/// What a command does.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    SetUp(Box<AgentSetup>),
    Register(Box<NewLead>),
    Order(LeadOrder),
    Reply(Reply),
    Refer(AgentId),
    Leave(Box<Leaving>),
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) commands: Vec<Planned>,
    pub(super) refused: Vec<Refused>,
    pub(super) warnings: Vec<Warning>,
    pub(super) rows: u64,
    /// What rows took in of those that follow them, by the file and the line.
    pub(super) taken_in: BTreeMap<(String, u64), TakenIn>,
    /// The leads whose registration was refused, each with the row.
    pub(super) unregistered: BTreeMap<Rc<str>, Place>,
    /// The files in which something is known by the line of its row alone.
    pub(super) by_line: BTreeSet<usize>,
    /// That they are.
    pub(super) by_line_told: Vec<Warning>,
    /// The rows whose times no clock showed, by the file and the column.
    moved: BTreeMap<(usize, String), MovedRows>,
    /// Whom rows set up, as they write it, whatever becomes of the row.
    set_up: BTreeSet<String>,
    /// Who is there from the beginning, whatever the case of the id.
    agents: BTreeMap<SmolStr, FirstSetUp>,
    spellings: Spellings,
}

/// The row that sets an agent up.
#[derive(Debug)]
struct FirstSetUp {
    agent: AgentSetup,
    /// Where it stands, as people read it.
    place: String,
    /// Whether another row was told to say it otherwise.
    is_told: bool,
}

/// The rows that say a time that no clock showed.
#[derive(Debug)]
struct MovedRows {
    /// What the first of them says.
    said: String,
    /// What that is taken for.
    taken_for: NaiveDateTime,
    lines: BTreeSet<u64>,
}

/// The rows that a column puts far to one side of the history.
struct FarRows<'a> {
    why: Far<'a>,
    /// What the first of them says.
    first: &'a str,
    lines: BTreeSet<u64>,
}

impl FarRows<'_> {
    fn warning(&self, file: &FileMap, column: &str, zone: &Zone) -> Warning {
        let (first, count) = (shortened(self.first), self.lines.len());
        let why = self.why.told(count, zone);
        let message = match count {
            1 => format!("`{column}`: `{first}` {why}"),
            _ => format!("`{column}`: {count} rows, first `{first}`, {why}"),
        };
        Warning::of_lines(
            file.name.as_str(),
            &self.lines,
            message,
            Some(self.why.hint()),
        )
    }
}

impl Plan {
    /// Adds what a file says. The lines that match no command are the answer.
    pub(super) fn add(
        &mut self,
        place: usize,
        map: &FileMap,
        table: &Table,
        playbook: &Playbook,
        bar: &mut Bar,
    ) -> Result<Vec<u64>, Vec<OrderFault>> {
        self.rows += (table.rows.len() + table.refused.len()) as u64;
        for bad in &table.refused {
            let because = bad.fault.clone().into();
            let refused = Refused::new(&map.name, bad.line, None, &because);
            self.refused.push(refused);
        }
        let taken_in = table.taken_in();
        self.taken_in
            .extend(taken_in.map(|(line, taken_in)| ((map.name.clone(), line), taken_in)));
        let formats = formats(map, table, playbook)?;
        let mut keys: BTreeMap<&str, &Row> = BTreeMap::new();
        let mut passed_over = Vec::new();
        for row in &table.rows {
            bar.step(1);
            let reading = RowReading {
                map,
                table,
                row,
                formats: &formats,
                playbook,
            };
            let key = match map.key.as_deref().map(|column| reading.cell(column)) {
                None => format!("line {}", row.line),
                Some("") => {
                    let column = map.key.clone().unwrap_or_default();
                    self.refuse_row(place, &reading, &Because::NoKey { column });
                    continue;
                }
                Some(key) => match keys.get(key) {
                    None => {
                        keys.insert(key, row);
                        key.to_owned()
                    }
                    Some(first) => {
                        let (key, line) = (key.to_owned(), first.line);
                        let because = match first.cells == row.cells {
                            true => Because::SameRow { line },
                            false => Because::KeyTwice { key, line },
                        };
                        self.refuse_row(place, &reading, &because);
                        continue;
                    }
                },
            };
            let mut is_any = false;
            for (place, command) in reading.commands(place) {
                is_any = true;
                self.add_command(place, &reading, command, &key);
            }
            if !is_any {
                passed_over.push(row.line);
            }
        }
        Ok(passed_over)
    }

    fn refuse_row(&mut self, file: usize, reading: &RowReading<'_>, because: &Because) {
        for (place, command) in reading.commands(file) {
            self.note_unregistered(place, command, reading.lead(command));
        }
        let (file, line) = (&reading.map.name, reading.row.line);
        self.refused.push(Refused::new(file, line, None, because));
    }

    fn note_unregistered(&mut self, place: Place, command: &CommandMap, lead: Option<Rc<str>>) {
        if let (Verb::Register, Some(lead)) = (command.verb, lead) {
            self.unregistered.entry(lead).or_insert(place);
        }
    }

    fn add_command(
        &mut self,
        place: Place,
        reading: &RowReading<'_>,
        command: &CommandMap,
        key: &str,
    ) {
        let agent = reading.said(command, "id").map(SmolStr::from);
        if let (Verb::SetUp, Some(agent)) = (command.verb, &agent)
            && !self.set_up.contains(agent.as_str())
        {
            self.set_up.insert(agent.to_string());
        }
        let agent = agent.filter(|_| command.sets_up_at_once());
        if agent
            .as_ref()
            .is_some_and(|agent| self.agents.contains_key(&fold(agent)))
        {
            self.add_again(&place, reading, command);
            return;
        }
        let row_key = agent.as_deref().unwrap_or(key);
        if agent.is_none() && reading.map.key.is_none() {
            self.by_line.insert(place.file);
        }
        match reading.planned(place.clone(), command, row_key) {
            Ok(planned) => {
                if let Doing::SetUp(setup) = &planned.doing {
                    self.spellings.set_up(&setup.agent, &planned.place);
                }
                if let (Some(id), Doing::SetUp(setup)) = (agent, &planned.doing) {
                    let first = FirstSetUp {
                        agent: (**setup).clone(),
                        place: format!("{}:{}", reading.map.name, reading.row.line),
                        is_told: false,
                    };
                    self.agents.insert(fold(&id), first);
                }
                self.note_moved(&planned.place, reading, command);
                self.commands.push(planned);
            }
            Err(fault) => {
                self.note_unregistered(place, command, reading.lead(command));
                self.refuse_value(reading, command, fault);
            }
        }
    }

    /// Notes the times of a row that no clock showed.
    fn note_moved(&mut self, place: &Place, reading: &RowReading<'_>, command: &CommandMap) {
        for Moved {
            of,
            said,
            taken_for,
        } in reading.moved(command)
        {
            let rows = self.moved.entry((place.file, of));
            let rows = rows.or_insert_with(|| MovedRows {
                said,
                taken_for,
                lines: BTreeSet::new(),
            });
            rows.lines.insert(place.line);
        }
    }

    /// Warns of the times that no clock showed, once of each column.
    pub(super) fn warn_of_moved(&mut self, map: &Map) {
        let warnings = self.moved.iter().map(|((file, column), rows)| {
            let (said, taken_for) = (shortened(&rows.said), rows.taken_for);
            let message = match rows.lines.len() {
                1 => format!(
                    "`{column}`: no clock showed `{said}`, since clocks went forward then; it is taken for {taken_for}"
                ),
                count => format!(
                    "`{column}`: {count} rows, first `{said}`, say a time that no clock showed, since clocks went \
                     forward then; that one is taken for {taken_for}"
                ),
            };
            let hint = "was it written in another zone? zone = \"..\" of the file says in which".to_owned();
            let file = map.files[*file].name.as_str();
            Warning::of_lines(file, &rows.lines, message, Some(hint))
        });
        self.warnings.extend(warnings);
    }

    /// Another row about an agent who is there from the beginning: the first one counts.
    fn add_again(&mut self, place: &Place, reading: &RowReading<'_>, command: &CommandMap) {
        let setup = match reading.doing(command) {
            Ok(Doing::SetUp(setup)) => setup,
            Ok(_) => return,
            Err(fault) => return self.refuse_value(reading, command, fault),
        };
        self.spellings.set_up(&setup.agent, place);
        let first = self.agents.get_mut(&fold(&setup.agent));
        let says_otherwise = |first: &AgentSetup| {
            let agent = first.agent.clone();
            *first
                != AgentSetup {
                    agent,
                    ..(*setup).clone()
                }
        };
        let Some(first) = first.filter(|first| !first.is_told && says_otherwise(&first.agent))
        else {
            return;
        };
        first.is_told = true;
        let message = format!(
            "the agent `{}` is said otherwise in {}, which counts",
            setup.agent, first.place
        );
        let hint = "say with `at` when it changed, or mend one of the rows".to_owned();
        let (file, line) = (reading.map.name.as_str(), reading.row.line);
        let warning = Warning::of_line(file, line, message, Some(hint));
        self.warnings.push(warning);
    }

    fn refuse_value(&mut self, reading: &RowReading<'_>, command: &CommandMap, fault: ValueFault) {
        let (file, line) = (&reading.map.name, reading.row.line);
        let hint = hints::of_value(&fault, command);
        let refused = Refused::new(file, line, Some(&command.name), &fault.into());
        let hint = refused.hint.clone().or(hint);
        self.refused.push(Refused { hint, ..refused });
    }

    pub(super) fn sets_up_agents(&self) -> bool {
        !self.set_up.is_empty()
    }

    /// The agents whom the map names in words of its own, and whom no row sets up, each with its place.
    pub(super) fn strangers<'m>(&self, map: &'m Map) -> Vec<(&'m str, ops::Range<usize>)> {
        let known: BTreeSet<SmolStr> = self.set_up.iter().map(|id| fold(id)).collect();
        let named = map.files.iter().flat_map(|file| &file.agents);
        let strangers = named.filter(|(id, _)| !known.contains(&fold(id)));
        strangers
            .map(|(id, span)| (id.as_str(), span.clone()))
            .collect()
    }

    /// That there is no such agent, and who was probably meant.
    pub(super) fn no_agent(&self, id: &str, span: ops::Range<usize>) -> MapFault {
        MapFault {
            span,
            message: format!("no row sets up an agent `{id}`"),
            hint: Some(match self.set_up.is_empty() {
                true => {
                    "say with set-up which agents there are; what no agent did is by \"host:..\""
                        .into()
                }
                false => spell::hint(id, self.set_up.iter().map(String::as_str)),
            }),
        }
    }

    /// Writes each agent as it is first set up, and warns of rows that write it otherwise.
    pub(super) fn write_agents_alike(&mut self, map: &Map) {
        for planned in &mut self.commands {
            self.spellings.write(planned);
        }
        self.warnings.extend(self.spellings.warnings(map));
    }

    /// Refuses the commands whose time lies outside of the history's.
    pub(super) fn refuse_far(&mut self, map: &Map, playbook: &Playbook) {
        let mut times: Vec<Instant> = self.commands.iter().filter_map(|one| one.at).collect();
        let Some(range) = Range::of(map, &playbook.zone, &mut times) else {
            return;
        };
        let commands = std::mem::take(&mut self.commands);
        for planned in commands {
            let Some(why) = planned.at.and_then(|at| range.refuses(at)) else {
                self.commands.push(planned);
                continue;
            };
            let file = &map.files[planned.place.file];
            let command = &file.commands[planned.place.command];
            let column = command.at.as_deref().unwrap_or_default();
            self.note_unregistered(planned.place.clone(), command, planned.lead);
            let because = Because::FarAway {
                column: column.to_owned(),
                said: shortened(&planned.at_said),
                why,
            };
            let (line, name) = (planned.place.line, Some(command.name.as_str()));
            let refused = Refused::new(&file.name, line, name, &because);
            self.refused.push(refused);
        }
    }

    /// Refuses to live on long after the last row, through years in which every rule comes to its time:
    /// most likely the year to stop at was mistyped. A map that says how far its history goes is believed.
    pub(super) fn must_not_live_too_long(
        &self,
        map: &Map,
        zone: &Zone,
        until: Instant,
    ) -> Result<(), Asked> {
        let Some(last) = self.commands.iter().filter_map(|one| one.at).max() else {
            return Ok(());
        };
        let years = Months::new(12 * MOST_YEARS);
        let farthest = zone.to_local(last).date().checked_add_months(years);
        let farthest = farthest.max(map.to).and_then(|day| day.succ_opt());
        let ends = farthest.map(|day| zone.from_local(day.and_time(NaiveTime::MIN)));
        match ends.is_some_and(|ends| until > ends) {
            true => Err(Asked::LivesTooLong {
                until: local(zone, until),
                last: local(zone, last),
            }),
            false => Ok(()),
        }
    }

    /// Warns where all rows that say a time come after the time to stop at. The commands are in their order.
    pub(super) fn warn_of_early_end(&mut self, map: &Map, zone: &Zone, until: Instant) {
        let first = self
            .commands
            .iter()
            .find_map(|one| Some((one, one.at?)))
            .filter(|(_, at)| *at >= until);
        let Some((first, at)) = first else {
            return;
        };
        let (until, at) = (local(zone, until), local(zone, at));
        let message = format!("--until {until} lies before this row, the first of all ({at})");
        let hint = "nothing that happened is carried out; name a later time".to_owned();
        let (file, line) = (map.files[first.place.file].name.as_str(), first.place.line);
        self.warnings
            .push(Warning::of_line(file, line, message, Some(hint)));
    }

    /// Warns of the rows that lie far from where most of the history lies: once of each column and
    /// side.
    pub(super) fn warn_of_far(&mut self, map: &Map, zone: &Zone) {
        let mut times: Vec<Instant> = self.commands.iter().filter_map(|one| one.at).collect();
        let Some(bulk) = Bulk::of(map, &mut times) else {
            return;
        };
        let mut far: BTreeMap<_, FarRows<'_>> = BTreeMap::new();
        for planned in &self.commands {
            let Some(why) = planned.at.and_then(|at| bulk.lacks(at)) else {
                continue;
            };
            let Place {
                file,
                line,
                command,
            } = planned.place;
            let column = map.files[file].commands[command].at.as_deref();
            let column = column.unwrap_or_default();
            let rows = far
                .entry((file, column, why.side()))
                .or_insert_with(|| FarRows {
                    why,
                    first: &planned.at_said,
                    lines: BTreeSet::new(),
                });
            rows.lines.insert(line);
        }
        let warnings = far.iter().map(|((file, column, _), rows)| {
            let file = &map.files[*file];
            rows.warning(file, column, zone)
        });
        self.warnings.extend(warnings);
    }

    /// Puts the commands into the order in which they are carried out: agents who are there from
    /// the beginning, and their codes; then by time, file, line.
    pub(super) fn sort(&mut self) {
        let follows =
            |planned: &Planned| planned.at.is_none() && matches!(planned.doing, Doing::Refer(_));
        self.commands
            .sort_by(|a, b| (a.at, follows(a), &a.place).cmp(&(b.at, follows(b), &b.place)));
    }
}
