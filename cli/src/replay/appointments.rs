//! Appointments in rows: booked, moved, what became of them, and what is said of them afterwards.

use leadkit::decide::command::LeadOrder;
use leadkit::ids::{AgentId, Name};
use leadkit::record::appointment::Became;
use leadkit::time::Instant;

use super::dates;
use super::fault::ValueFault;
use super::map::{CommandMap, Text, Verb};
use super::row::{RowReading, named};

impl RowReading<'_> {
    /// What a row does with an appointment, or says of it.
    pub(super) fn of_appointment(&self, command: &CommandMap) -> Result<LeadOrder, ValueFault> {
        let kinds = self.playbook.appointments.iter();
        let mut kinds = kinds.map(|spec| (&spec.name, spec.label.as_str()));
        let said = self.needed(command, "appointment")?;
        let appointment = named("appointment", &said, &mut kinds)?;
        let how = match command.verb {
            Verb::Book => {
                return Ok(LeadOrder::Book {
                    appointment,
                    at: self.time_of(command, "at")?,
                    with: self.said(command, "with").map(AgentId::from),
                });
            }
            Verb::Rebook => {
                let to = self.time_of(command, "to")?;
                return Ok(LeadOrder::MoveAppointment { appointment, to });
            }
            Verb::Held => Became::Held,
            Verb::NoShow => Became::Missed,
            Verb::Cancel => Became::Cancelled,
            _ => {
                let says = self.needed(command, "says")?.into();
                return Ok(LeadOrder::GiveFeedback { appointment, says });
            }
        };
        Ok(LeadOrder::EndAppointment { appointment, how })
    }

    /// What a lead comes with. Where the row says no time, it comes without.
    pub(super) fn booked(&self, command: &CommandMap) -> Result<Vec<(Name, Instant)>, ValueFault> {
        let mut booked = Vec::new();
        for (kind, text) in &command.appointments {
            if let Some(said) = self.text(text) {
                booked.push((kind.clone(), self.time(kind.as_str(), text, &said)?));
            }
        }
        Ok(booked)
    }

    fn time_of(&self, command: &CommandMap, name: &str) -> Result<Instant, ValueFault> {
        let said = self.needed(command, name)?;
        match command.text(name) {
            Some(text) => self.time(name, text, &said),
            None => Err(ValueFault::Empty(name.into())),
        }
    }

    fn time(&self, of: &str, text: &Text, said: &str) -> Result<Instant, ValueFault> {
        let at = dates::instant(said, self.format(text), &self.map.zone);
        at.map_err(|fault| ValueFault::unfit(of, said, fault))
    }
}
