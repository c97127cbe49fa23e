//! An explanation as a page of text.

use std::fmt;

use super::{Explanation, Line};

/// How long a line is before its reason goes to the next, in characters.
const WIDTH: usize = 120;
/// How wide the column of actors is at most.
const MOST_WHO: usize = 32;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("nobody");
        writeln!(
            f,
            "{}: {}, owned by {owner} ({}; times in {})",
            self.contact, self.stage, self.lead, self.zone
        )?;
        self.history(f)?;
        self.tasks(f)?;
        self.rules(f)?;
        self.handed_over(f)
    }
}

impl Explanation {
    /// Each instant once, and who acts once as long as it is the same.
    fn history(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nHistory")?;
        match self.older {
            0 => {}
            1 => writeln!(f, "  (1 older entry is not told)")?,
            older => writeln!(f, "  ({older} older entries are not told)")?,
        }
        let whos = self.history.iter().map(|line| line.who.chars().count());
        let who_width = whos.max().unwrap_or(0).min(MOST_WHO);
        let mut before: Option<&Line> = None;
        for line in &self.history {
            let same_time = before.is_some_and(|before| before.at == line.at);
            let same_who = same_time && before.is_some_and(|before| before.who == line.who);
            let at = match same_time {
                true => String::new(),
                false => line.at.to_string(),
            };
            let who = if same_who { "" } else { &line.who };
            let margin = format!("  {at:<26}  {who:<who_width$}  ");
            let mut told = line.what.to_string();
            if let Some(happened_at) = &line.happened_at {
                told.push_str(&format!(" (happened {happened_at})"));
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

    fn handed_over(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(handed_over) = &self.handed_over else {
            return Ok(());
        };
        writeln!(
            f,
            "\nHanded over by {} {}",
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
            let overdue = if task.is_overdue { ", overdue" } else { "" };
            writeln!(
                f,
                "  {due:<26}  {assignee:<24}  {text} ({}{overdue})",
                task.task
            )?;
        }
        Ok(())
    }

    fn rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nDue next")?;
        if self.next.is_empty() {
            writeln!(f, "  nothing")?;
        }
        for next in &self.next {
            let at = next.at.to_string();
            writeln!(f, "  {at:<26}  {:<24}  {}", next.rule, next.what)?;
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
