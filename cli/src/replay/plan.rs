//! From rows to commands, each at its own time.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use leadkit::decide::command::{Actor, AgentSetup, LeadOrder, NewLead};
use leadkit::ids::CommandId;
use leadkit::playbook::Playbook;
use leadkit::time::Instant;
use serde::Serialize;
use smol_str::SmolStr;

use super::dates::OrderFault;
use super::map::{CommandMap, FileMap, Map, Test, Verb};
use super::range::Range;
use super::row::{RowReading, formats, shortened};
use super::table::{Row, Table};

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
}

/// A row, or a command of a row, that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file, as the map names it.
    pub file: String,
    /// The line on which the row begins.
    pub line: u64,
    /// The command, unless the whole row could not be read.
    pub command: Option<String>,
    /// A short stable name of the reason.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) commands: Vec<Planned>,
    pub(super) refused: Vec<Refused>,
    pub(super) rows: u64,
    agents: BTreeSet<String>,
}

impl Plan {
    /// Adds what a file says.
    pub(super) fn add(
        &mut self,
        place: usize,
        map: &FileMap,
        table: &Table,
        playbook: &Playbook,
    ) -> Result<(), Vec<OrderFault>> {
        self.rows += (table.rows.len() + table.refused.len()) as u64;
        for bad in &table.refused {
            self.refused.push(Refused {
                file: map.name.clone(),
                line: bad.line,
                command: None,
                code: "unreadable-row".into(),
                reason: bad.fault.to_string(),
            });
        }
        let formats = formats(map, table, playbook)?;
        let mut keys: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &table.rows {
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
                    let column = map.key.as_deref().unwrap_or_default();
                    let reason = format!("the row has nothing in `{column}`, which names it");
                    self.refuse_row(map, row, "no-key", reason);
                    continue;
                }
                Some(key) => match keys.insert(key, row.line) {
                    None => key.to_owned(),
                    Some(line) => {
                        keys.insert(key, line);
                        let reason = format!("`{key}` stands on line {line} already");
                        self.refuse_row(map, row, "key-twice", reason);
                        continue;
                    }
                },
            };
            for (number, command) in map.commands.iter().enumerate() {
                let place = Place {
                    file: place,
                    line: row.line,
                    command: number,
                };
                self.add_command(place, &reading, command, &key);
            }
        }
        Ok(())
    }

    fn refuse_row(&mut self, map: &FileMap, row: &Row, code: &str, reason: String) {
        self.refused.push(Refused {
            file: map.name.clone(),
            line: row.line,
            command: None,
            code: code.into(),
            reason,
        });
    }

    fn add_command(
        &mut self,
        place: Place,
        reading: &RowReading<'_>,
        command: &CommandMap,
        key: &str,
    ) {
        let holds = |test: &Test| reading.holds(test);
        if !command.only_if.iter().all(holds) || command.unless.iter().any(holds) {
            return;
        }
        let mut row_key = key;
        let agent = command.text("id").and_then(|text| reading.text(text));
        if command.verb == Verb::SetUp && command.at.is_none() {
            // Who is there from the beginning is set up once, by the first row that says so.
            let Some(agent) = &agent else {
                return;
            };
            if !self.agents.insert(agent.clone()) {
                return;
            }
            row_key = agent;
        }
        let planned = reading.planned(place, command, row_key);
        match planned {
            Ok(planned) => self.commands.push(planned),
            Err(reason) => self.refused.push(Refused {
                file: reading.map.name.clone(),
                line: reading.row.line,
                command: Some(command.name.clone()),
                code: "unreadable-value".into(),
                reason,
            }),
        }
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
            self.refused.push(Refused {
                file: file.name.clone(),
                line: planned.place.line,
                command: Some(command.name.clone()),
                code: "far-away".into(),
                reason: format!("`{column}`: `{}` {why}", shortened(&planned.at_said)),
            });
        }
    }

    /// Puts the commands into the order in which they are carried out: agents who are there from
    /// the beginning, then by time, file, line.
    pub(super) fn sort(&mut self) {
        self.commands
            .sort_by(|a, b| (a.at, &a.place).cmp(&(b.at, &b.place)));
    }
}
