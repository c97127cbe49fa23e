//! An explanation as a page of text.

use std::fmt;

use super::history::{DUE, NUMBERED};
use super::{ClockTrouble, Explanation, Line};

/// How long a line is before its reason goes to the next, in characters.
const WIDTH: usize = 120;
/// How wide the column of actors is at most.
const MOST_WHO: usize = 32;

/// For people, what happens again and again told once; `{:#}` tells each time.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("nobody");
        writeln!(
            f,
            "{}: {}, owned by {owner} ({}; times in {})",
            self.contact, self.stage, self.lead, self.zone
        )?;
        self.trouble(f)?;
        self.history(f)?;
        self.tasks(f)?;
        self.rules(f)?;
        self.handed_over(f)
    }
}

impl Explanation {
    fn trouble(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(trouble) = &self.trouble else {
            return Ok(());
        };
        let times = match trouble.failures {
            1 => "once".to_owned(),
            failures => format!("{failures} times"),
        };
        let error = &trouble.error;
        match &trouble.retry_at {
            None => writeln!(f, "Set aside until it is retried: failed {times}: {error}"),
            Some(retry_at) => writeln!(f, "Failed {times}, tried again {retry_at}: {error}"),
        }
    }

    /// Each instant once, who acts once as long as it is the same, and once what happens again and again.
    fn history(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nHistory")?;
        let whos = self.history.iter().map(|line| line.who.chars().count());
        let who_width = whos.max().unwrap_or(0).min(MOST_WHO);
        // The registration is told in any case, and stands before what is not.
        let known = usize::from(self.older > 0).min(self.history.len());
        let (registration, newest) = self.history.split_at(known);
        instant(f, registration, who_width)?;
        match self.older {
            0 => {}
            1 => writeln!(f, "  (1 older entry is not told)")?,
            older => writeln!(f, "  ({older} older entries are not told)")?,
        }
        let same_time = |one: &Line, next: &Line| one.when() == next.when();
        let instants: Vec<&[Line]> = newest.chunk_by(same_time).collect();
        let folds = !f.alternate();
        for same in instants.chunk_by(|one, next| folds && is_repeated(one, next)) {
            let [first, again @ ..] = same else { continue };
            instant(f, first, who_width)?;
            let Some(last) = again.last().and_then(|last| last.first()) else {
                continue;
            };
            let often = match again.len() {
                1 => "again".to_owned(),
                count => format!("{count} times more, until"),
            };
            let (last, margin) = (last.when(), "");
            writeln!(
                f,
                "  {margin:<26}  {margin:<who_width$}  ... the same {often} {last}"
            )?;
        }
        Ok(())
    }

    fn handed_over(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(handed_over) = &self.handed_over else {
            return Ok(());
        };
        writeln!(
            f,
            "\nHanded over from {} {}",
            handed_over.from, handed_over.at
        )?;
        let told = [
            ("began anew", &handed_over.restarted),
            ("went on", &handed_over.went_on),
        ];
        for (what, rules) in told.into_iter().filter(|(_, rules)| !rules.is_empty()) {
            writeln!(f, "  {what:<26}  {}", rules.join(", "))?;
        }
        Ok(())
    }

    fn tasks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tasks.is_empty() {
            writeln!(f, "\nOpen tasks")?;
        }
        for task in &self.tasks {
            let due = task.due_at.map(|due_at| due_at.to_string());
            let due = due.as_deref().unwrap_or("no deadline");
            let (assignee, text) = (&task.assignee, &task.text);
            let left = task.left.as_ref().map(|left| format!(", {left}"));
            let left = left.unwrap_or_default();
            writeln!(
                f,
                "  {due:<26}  {assignee:<24}  {text} ({}{left})",
                task.task
            )?;
        }
        Ok(())
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_set_aside = |trouble: &ClockTrouble| trouble.retry_at.is_none();
        if !self.trouble.as_ref().is_some_and(is_set_aside) {
            writeln!(f, "\nDue next")?;
            if self.next.is_empty() {
                writeln!(f, "  nothing")?;
            }
        }
        for next in &self.next {
            let at = next.at.to_string();
            writeln!(f, "  {at:<26}  {:<24}  {}", next.name, next.what)?;
        }
        if !self.rules.is_empty() {
            writeln!(f, "\nRules")?;
        }
        for rule in &self.rules {
            let mark = if rule.is_due { '*' } else { ' ' };
            writeln!(f, "  {mark} {:<30} {}", rule.rule, rule.standing)?;
        }
        Ok(())
    }
}

/// What happened at one instant.
fn instant(f: &mut fmt::Formatter<'_>, lines: &[Line], who_width: usize) -> fmt::Result {
    let mut before: Option<&Line> = None;
    let folds = !f.alternate();
    for same in lines.chunk_by(|one, next| folds && is_same(one, next)) {
        let [line, again @ ..] = same else { continue };
        let same_who = before.is_some_and(|before| before.who == line.who);
        let same_telling = before.is_some_and(|before| before.at == line.at);
        let at = match before {
            Some(_) => String::new(),
            None => line.when().to_string(),
        };
        let who = if same_who { "" } else { &line.who };
        let margin = format!("  {at:<26}  {who:<who_width$}  ");
        let mut told = line.what.to_string();
        if !again.is_empty() {
            told.push_str(&format!(" ({} times)", same.len()));
        }
        if line.happened_at.is_some() && !same_telling {
            told.push_str(&format!(" (told {})", line.at));
        }
        let length = |text: &str| text.chars().count();
        match &line.why {
            None => writeln!(f, "{margin}{told}")?,
            Some(why) if length(&margin) + length(&told) + length(why) < WIDTH => {
                writeln!(f, "{margin}{told} [{why}]")?;
            }
            Some(why) => {
                let under = length(&margin) + 2;
                writeln!(f, "{margin}{told}\n{:under$}[{why}]", "")?;
            }
        }
        before = Some(line);
    }
    Ok(())
}

/// Whether two lines of an instant say the same.
fn is_same(one: &Line, other: &Line) -> bool {
    one.at == other.at && one.who == other.who && one.what == other.what && one.why == other.why
}

/// Whether at two instants the same happened: nobody told it late, and no line says anything else but
/// for how often and until when.
fn is_repeated(one: &[Line], other: &[Line]) -> bool {
    let pairs = || one.iter().zip(other);
    let in_time = |line: &Line| line.happened_at.is_none();
    one.len() == other.len() && pairs().all(|(a, b)| in_time(a) && in_time(b) && is_again(a, b))
}

fn is_again(one: &Line, other: &Line) -> bool {
    one.who == other.who && one.why == other.why && uncounted(&one.what) == uncounted(&other.what)
}

/// What a line says, without the number of an occurrence and a deadline, which no two have in common.
fn uncounted(what: &str) -> &str {
    let ends = [NUMBERED, DUE].map(|end| what.find(end));
    let end = ends.into_iter().flatten().min();
    &what[..end.unwrap_or(what.len())]
}
