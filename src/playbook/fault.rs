//! What can be wrong with a playbook: every fault with its place, and what was probably meant.

use std::fmt;

use smol_str::SmolStr;

use crate::condition;
use crate::ids::Name;
use crate::letters;

/// Everything that is wrong with a playbook, in the order of files and lines. Never empty.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

/// How many, and then each on a line of its own.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the playbook has {} fault{plural}", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The file, relative to the playbook's folder; that folder, where it is not there.
    pub file: SmolStr,
    /// The line, from 1; 0 where a file can't be opened at all.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// Where in the file, in bytes.
    pub span: std::ops::Range<usize>,
    /// What is wrong.
    pub kind: FaultKind,
    /// What was probably meant, or how to mend it.
    pub hint: Option<SmolStr>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.kind)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What can be wrong at one place of a playbook.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The playbook's folder is not there.
    #[error("there is no such folder")]
    NoFolder,
    /// What should be the playbook's folder is a file.
    #[error("is a file, and no folder")]
    NotAFolder,
    /// A file that is needed can't be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// A file that is not read, since its name ends otherwise.
    #[error("is not read: its name does not end in `.{ending}`")]
    Misnamed {
        /// How it ought to end.
        ending: &'static str,
    },
    /// A file is larger than any honest one.
    #[error("is larger than {most_bytes} bytes")]
    TooLarge {
        /// The limit.
        most_bytes: usize,
    },
    /// A file in another encoding than UTF-8.
    #[error("this byte (0x{byte:02X}) is not UTF-8")]
    NotUtf8 {
        /// The first byte that can't be read.
        byte: u8,
    },
    /// A character that hides in a text, breaks a line of it, or turns its direction round.
    #[error("holds {}, which can't stand there", letters::told(*.character))]
    HiddenCharacter {
        /// The character.
        character: char,
    },
    /// It isn't TOML.
    #[error("{0}")]
    Syntax(SmolStr),
    /// A key that means nothing here.
    #[error("`{key}` means nothing in {section}")]
    UnknownKey {
        /// The key.
        key: SmolStr,
        /// Where.
        section: SmolStr,
    },
    /// Something that must be said isn't.
    #[error("{section} needs `{key}`")]
    MissingKey {
        /// The key.
        key: SmolStr,
        /// Where.
        section: SmolStr,
    },
    /// Something of the wrong type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What is wanted.
        expected: &'static str,
        /// What stands there.
        found: SmolStr,
    },
    /// A word that is none of those possible.
    #[error("`{word}` is none of {among}")]
    UnknownWord {
        /// The word.
        word: SmolStr,
        /// Those possible.
        among: SmolStr,
    },
    /// A name that isn't defined.
    #[error("there is no {sort} `{name}`")]
    UnknownName {
        /// Of what sort: a stage, a template.
        sort: &'static str,
        /// The name.
        name: SmolStr,
    },
    /// A name that is spoken of nowhere, where another is spoken of again and again that is not there.
    #[error(
        "nothing speaks of `{defined}`; `{meant}`, which is not there, is spoken of {count} times"
    )]
    SpokenOfOtherwise {
        /// The name as it is defined.
        defined: SmolStr,
        /// The name as it is spoken of.
        meant: SmolStr,
        /// How often.
        count: usize,
    },
    /// Nothing of a sort is there, and several are spoken of.
    #[error("there are no {sort}s, and there should be {named}")]
    NoneThere {
        /// Of what sort: a template.
        sort: &'static str,
        /// Those that are spoken of, or some of them.
        named: SmolStr,
    },
    /// A name of which there are several.
    #[error("which `{name}`?")]
    Ambiguous {
        /// The name.
        name: SmolStr,
    },
    /// A name that can't be one.
    #[error("`{name}` is no name for {sort}")]
    BadName {
        /// Of what sort.
        sort: &'static str,
        /// The name.
        name: SmolStr,
    },
    /// A name that is taken.
    #[error("the {sort} `{name}` is defined already")]
    DefinedTwice {
        /// Of what sort.
        sort: &'static str,
        /// The name.
        name: SmolStr,
    },
    /// A duration that can't be read.
    #[error("`{text}` is no duration")]
    BadDuration {
        /// The text.
        text: SmolStr,
    },
    /// A duration of a sort that can't stand here.
    #[error("`{text}` can't stand here: {why}")]
    UnfitDuration {
        /// The text.
        text: SmolStr,
        /// Why not.
        why: &'static str,
    },
    /// A number with a point before three digits, which may separate thousands.
    #[error("`{found}` reads in two ways")]
    ReadsInTwoWays {
        /// The number as it is written.
        found: SmolStr,
    },
    /// A number out of its range.
    #[error("{found} is out of range: {least} to {most}")]
    OutOfRange {
        /// What stands there.
        found: SmolStr,
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// Something wrong in a condition.
    #[error("in the condition: {0}")]
    Condition(condition::FaultKind),
    /// Something wrong with a calendar.
    #[error("{0}")]
    Calendar(SmolStr),
    /// Something wrong with a template.
    #[error("the template can't be read: {0}")]
    Template(SmolStr),
    /// A template that can be read, and can't be rendered.
    #[error("the template can't be rendered{for_whom}: {why}")]
    TemplateFails {
        /// For which leads: nothing, if for all.
        for_whom: &'static str,
        /// Why not.
        why: SmolStr,
    },
    /// A template says something that isn't there.
    #[error("the template asks for `{variable}`, which no lead has")]
    UnknownVariable {
        /// What it asks for.
        variable: SmolStr,
    },
    /// A template asks for a variable that has parts as if it were a text.
    #[error("the template asks for `{variable}` as a whole, which is no text")]
    WholeVariable {
        /// What it asks for.
        variable: SmolStr,
    },
    /// The text of a task asks for an agent, of whom it knows nothing.
    #[error("a task's text knows no agents, and `{variable}` would be empty")]
    NoAgentInTask {
        /// What it asks for.
        variable: SmolStr,
    },
    /// A text asks for what no lead of this playbook, or nobody who gets it, can have.
    #[error("{why}, and `{variable}` would be empty")]
    NeverFilled {
        /// Why not.
        why: &'static str,
        /// What it asks for.
        variable: SmolStr,
    },
    /// A template compares a field with a text that it never is: none of its choices, or a day that is written
    /// otherwise.
    #[error("`{field}` is never \"{text}\"")]
    NotAChoice {
        /// The field.
        field: Name,
        /// The text.
        text: SmolStr,
    },
    /// A variable in single braces, which is no variable then.
    #[error("`{{{variable}}}` would be shown as it stands")]
    SingleBraces {
        /// What stands in them.
        variable: SmolStr,
    },
    /// A link in a template whose scheme isn't safe.
    #[error("the template links to `{link}`; only https, http, mailto and tel links can be sent")]
    UnsafeLink {
        /// The link.
        link: SmolStr,
    },
    /// Something that must say something says nothing.
    #[error("{what} is empty")]
    Empty {
        /// What.
        what: &'static str,
    },
    /// The same twice in a list.
    #[error("`{word}` stands here twice")]
    SaidTwice {
        /// What.
        word: SmolStr,
    },
    /// A stage that no lead can come to.
    #[error("no lead can come to the stage `{stage}`")]
    UnreachableStage {
        /// The stage.
        stage: SmolStr,
    },
    /// A stage that no lead can leave and that is not final.
    #[error("no lead can leave the stage `{stage}`, and it is not final")]
    DeadEnd {
        /// The stage.
        stage: SmolStr,
    },
    /// Stages that lead to each other alone.
    #[error("no lead comes to an end from the stage `{stages}`")]
    RoundAndRound {
        /// The stages.
        stages: SmolStr,
    },
    /// Rules that would fire each other without end.
    #[error("the rules {cycle} start each other at once and without end")]
    RuleCycle {
        /// The rules, in the order in which they fire.
        cycle: SmolStr,
    },
    /// A rule that can never fire.
    #[error("the rule `{rule}` can never fire: {why}")]
    NeverFires {
        /// The rule.
        rule: SmolStr,
        /// Why not.
        why: &'static str,
    },
    /// A condition that can hold of nobody.
    #[error("{of} can never hold")]
    NeverHolds {
        /// Of what it is the condition.
        of: SmolStr,
    },
    /// A condition that holds whatever happens.
    #[error("{of} always holds")]
    AlwaysHolds {
        /// Of what it is the condition.
        of: SmolStr,
    },
    /// A route to which no lead comes.
    #[error("no lead takes this route: those before it take all")]
    NeverTaken,
    /// A rule that moves leads where no way leads.
    #[error("the rule `{rule}` moves leads to `{to}`, and no way leads there from {from}")]
    NoWay {
        /// The rule.
        rule: SmolStr,
        /// Where the leads are.
        from: SmolStr,
        /// Where it would move them.
        to: SmolStr,
    },
    /// A pool that chooses by conversion, where nobody can convert.
    #[error("the pool `{pool}` chooses by who won most, and no stage ends as `won`")]
    NoneWon {
        /// The pool.
        pool: SmolStr,
    },
    /// A rule that writes to the contact again and again, and nothing ends it.
    #[error("the rule `{rule}` writes to the contact again and again, without end")]
    WithoutEnd {
        /// The rule.
        rule: SmolStr,
    },
    /// A rule that writes to the contact more often than every hour.
    #[error("the rule `{rule}` writes to the contact every {every}")]
    TooOften {
        /// The rule.
        rule: SmolStr,
        /// Its period.
        every: SmolStr,
    },
    /// Something that is declared, and that nothing uses.
    #[error("{unused} the {sort} `{name}`")]
    Unused {
        /// Of what sort.
        sort: &'static str,
        /// Its name.
        name: SmolStr,
        /// What is not done with it: "nothing opens".
        unused: &'static str,
    },
    /// A role that is named among those who may do something, and may not.
    #[error("the role `{role}` is named here, and may not `{may_not}`")]
    Powerless {
        /// The role.
        role: Name,
        /// What it may not.
        may_not: SmolStr,
    },
    /// A role that may register leads, and may not tell a field without which none is registered.
    #[error("the role `{role}` may `register`, and not tell `{field}`, which is required")]
    ShutOut {
        /// The role.
        role: Name,
        /// The field.
        field: Name,
    },
    /// A stage in which a lead that nobody owns is looked after by no rule, as it is in others.
    #[error("no rule looks after a lead in `{stage}` that nobody owns, as `{rule}` does elsewhere")]
    Unminded {
        /// The stage.
        stage: Name,
        /// A rule that does so elsewhere.
        rule: Name,
    },
    /// A stage in which nothing may ever come due for an open lead.
    #[error(
        "an open lead in `{stage}` can go cold: no rule comes there again and again (`every`), \
         counted from `touched`, `entered` or a condition that asks for `now`"
    )]
    GoesCold {
        /// The stage, with its pipeline.
        stage: SmolStr,
    },
    /// A final stage that a law leaves out.
    #[error("the law `{law}` is asked of every end but `{stage}`")]
    OutsideLaw {
        /// The stage.
        stage: Name,
        /// The law.
        law: Name,
    },
    /// Two things that can't both be said.
    #[error("`{one}` and `{other}` can't both be said")]
    Contradiction {
        /// One.
        one: SmolStr,
        /// The other.
        other: SmolStr,
    },
    /// A condition asks for what it can't be asked for there.
    #[error("`{fact}` can't be asked for here: {why}")]
    UnfitFact {
        /// The fact.
        fact: SmolStr,
        /// Why not.
        why: &'static str,
    },
    /// More of something than a record can hold.
    #[error("there are {found} {sort}; there can be {most}")]
    TooMany {
        /// Of what.
        sort: &'static str,
        /// How many.
        found: usize,
        /// How many there can be.
        most: usize,
    },
    /// A scenario that can't be played.
    #[error("{0}")]
    Scenario(SmolStr),
}

impl FaultKind {
    /// A short stable name of the kind, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFolder | Self::NotAFolder => "no-folder",
            Self::Unreadable(_) => "unreadable",
            Self::Misnamed { .. } => "misnamed",
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::HiddenCharacter { .. } => "hidden-character",
            Self::Syntax(_) => "syntax",
            Self::UnknownKey { .. } => "unknown-key",
            Self::MissingKey { .. } => "missing-key",
            Self::WrongType { .. } => "wrong-type",
            Self::UnknownWord { .. } => "unknown-word",
            Self::UnknownName { .. } => "unknown-name",
            Self::SpokenOfOtherwise { .. } => "spoken-of-otherwise",
            Self::NoneThere { .. } => "none-there",
            Self::Ambiguous { .. } => "ambiguous",
            Self::BadName { .. } => "bad-name",
            Self::DefinedTwice { .. } => "defined-twice",
            Self::BadDuration { .. } => "bad-duration",
            Self::UnfitDuration { .. } => "unfit-duration",
            Self::ReadsInTwoWays { .. } => "reads-in-two-ways",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Condition(_) => "condition",
            Self::Calendar(_) => "calendar",
            Self::Template(_) => "template",
            Self::TemplateFails { .. } => "template-fails",
            Self::UnknownVariable { .. } => "unknown-variable",
            Self::WholeVariable { .. } => "whole-variable",
            Self::NoAgentInTask { .. } => "no-agent-in-task",
            Self::NeverFilled { .. } => "never-filled",
            Self::NotAChoice { .. } => "not-a-choice",
            Self::SingleBraces { .. } => "single-braces",
            Self::UnsafeLink { .. } => "unsafe-link",
            Self::Empty { .. } => "empty",
            Self::SaidTwice { .. } => "said-twice",
            Self::UnreachableStage { .. } => "unreachable-stage",
            Self::DeadEnd { .. } => "dead-end",
            Self::RoundAndRound { .. } => "round-and-round",
            Self::RuleCycle { .. } => "rule-cycle",
            Self::NeverFires { .. } => "never-fires",
            Self::NeverHolds { .. } => "never-holds",
            Self::AlwaysHolds { .. } => "always-holds",
            Self::NeverTaken => "never-taken",
            Self::NoWay { .. } => "no-way",
            Self::NoneWon { .. } => "none-won",
            Self::WithoutEnd { .. } => "without-end",
            Self::TooOften { .. } => "too-often",
            Self::Unused { .. } => "unused",
            Self::Powerless { .. } => "powerless",
            Self::ShutOut { .. } => "shut-out",
            Self::Unminded { .. } => "unminded",
            Self::GoesCold { .. } => "goes-cold",
            Self::OutsideLaw { .. } => "outside-law",
            Self::Contradiction { .. } => "contradiction",
            Self::UnfitFact { .. } => "unfit-fact",
            Self::TooMany { .. } => "too-many",
            Self::Scenario(_) => "scenario",
        }
    }
}
