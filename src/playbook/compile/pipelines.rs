//! `[pipeline.*]`, `[need.*]`, `[[route]]`, `[base.*]` and `[wait.*]`.

use smol_str::{SmolStr, format_smolstr};

use super::{Names, label_of};
use crate::condition::{Condition, FactInfo};
use crate::facts::LeadFact;
use crate::hint::nearest;
use crate::ids::Name;
use crate::letters::is_blank;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::{
    Base, HoldsPlace, Need, Pipeline, Route, Stage, UniquePart, WaitGroup, Way,
};
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::StageRef;

/// Finds the names of all stages, and which are final or waited in.
pub(super) fn find_stages(root: &mut Section<'_>, names: &mut Names) {
    for (pipeline, mut section) in root.sections("pipeline") {
        let Some(stages) = section.optional("stage").and_then(|node| node.section()) else {
            continue;
        };
        // Also those whose names are none: whoever goes there made no second mistake.
        for (stage, node) in stages.keyed() {
            let at = StageRef {
                pipeline: pipeline.clone(),
                stage: Name::from(stage),
            };
            if let Some(mut section) = node.is_table().then(|| node.section()).flatten() {
                if let Some(node) = section.optional("final") {
                    names.final_stages.push(at.clone());
                    let text = node.is_text().then(|| node.text()).flatten();
                    // Whoever asks for what was meant made no second mistake.
                    let meant = text.and_then(meant_outcome);
                    names.outcomes.extend(text.map(SmolStr::from));
                    names.outcomes.extend(meant.map(SmolStr::from));
                }
                // Also where the word is none: that is told there, and is no second mistake.
                if section
                    .optional("waits")
                    .is_some_and(|node| !node.is_false())
                {
                    names.waiting_stages.push(at.clone());
                }
            }
            names.stages.push(at);
        }
    }
}

impl Names {
    /// The stage that a text names: `lost`, or `sales.lost` where several pipelines have one.
    pub(super) fn stage(&self, node: &Node<'_>, within: Option<&Name>) -> Option<StageRef> {
        self.stage_named(node, node.text()?, within)
    }

    pub(super) fn stage_named(
        &self,
        node: &Node<'_>,
        text: &str,
        within: Option<&Name>,
    ) -> Option<StageRef> {
        let found: Vec<&StageRef> = match text.split_once('.') {
            Some((pipeline, stage)) => self
                .stages
                .iter()
                .filter(|at| at.pipeline == *pipeline && at.stage == *stage)
                .collect(),
            None => {
                let fits = |at: &&StageRef| within.is_none_or(|pipeline| at.pipeline == *pipeline);
                self.stages
                    .iter()
                    .filter(fits)
                    .filter(|at| at.stage == *text)
                    .collect()
            }
        };
        match found.as_slice() {
            [at] if within.is_some_and(|within| at.pipeline != *within) => {
                self.no_stage(node, text, within);
                None
            }
            [at] => Some((*at).clone()),
            [] => {
                self.no_stage(node, text, within);
                None
            }
            [one, other, ..] => {
                let (one, other) = (format_smolstr!("{one}"), format_smolstr!("{other}"));
                let hint = format_smolstr!(
                    "several pipelines have this stage: write `{one}` or `{other}`"
                );
                node.fault(FaultKind::Ambiguous { name: text.into() }, Some(hint));
                None
            }
        }
    }

    /// Says that there is no such stage, and what was probably meant.
    fn no_stage(&self, node: &Node<'_>, text: &str, within: Option<&Name>) {
        let elsewhere = self.stages.iter().find(|at| match text.split_once('.') {
            Some((pipeline, stage)) => at.pipeline == *pipeline && at.stage == *stage,
            None => at.stage == *text,
        });
        if let (Some(at), Some(within)) = (elsewhere, within) {
            let kind = FaultKind::UnknownName {
                sort: "stage",
                name: text.into(),
            };
            let hint = format_smolstr!("it is one of `{}`, not of `{within}`", at.pipeline);
            return node.fault(kind, Some(hint));
        }
        if text.contains('.') {
            let whole: Vec<String> = self.stages.iter().map(ToString::to_string).collect();
            return node.unknown("stage", text, whole.iter().map(String::as_str));
        }
        let here = |at: &&StageRef| within.is_none_or(|pipeline| at.pipeline == *pipeline);
        let known = self.stages.iter().filter(here);
        node.unknown("stage", text, known.map(|at| at.stage.as_str()));
    }

    pub(super) fn is_final(&self, at: &StageRef) -> bool {
        self.final_stages.contains(at)
    }
}

pub(super) fn read_needs(root: &mut Section<'_>, names: &Names) -> Vec<Need> {
    let mut needs = Vec::new();
    for (name, mut section) in root.sections("need") {
        let condition = need_of(&name, &mut section, names);
        let text = section.required("text").and_then(|node| asked_for(&node));
        section.finish();
        if let (Some(condition), Some(text)) = (condition, text) {
            needs.push(Need {
                name,
                condition,
                text: text.into(),
            });
        }
    }
    needs
}

/// What people are told who have not done what is asked: it is all that they see.
pub(super) fn asked_for<'s>(node: &Node<'s>) -> Option<&'s str> {
    let text = node.text()?;
    if is_blank(text) {
        let hint = "say what is to be done".into();
        node.fault(FaultKind::Empty { what: "the text" }, Some(hint));
    }
    Some(text)
}

/// What a need asks: its `if`, or the host's guard of its name.
fn need_of(name: &Name, section: &mut Section<'_>, names: &Names) -> Option<Condition> {
    let guard = names.host.guard(name.as_str());
    match (section.optional("if"), guard) {
        (Some(node), None) => node.condition(&names.lead_catalogue()),
        (Some(node), Some(_)) => {
            let (sort, name) = ("guard", name.as_str().into());
            let hint = "the host registered a guard of this name: give the need another, or leave \
                        its `if` to the guard";
            node.fault(FaultKind::DefinedTwice { sort, name }, Some(hint.into()));
            None
        }
        (None, Some(_)) => names.asks(name),
        (None, None) => {
            let hint = names.guards_that_there_are();
            section.missing("if", Some(hint));
            None
        }
    }
}

pub(super) fn read_pipelines(root: &mut Section<'_>, names: &Names) -> Vec<Pipeline> {
    let mut pipelines = Vec::new();
    for (name, mut section) in root.sections("pipeline") {
        let label = label_of(&mut section, &name);
        let start = section.optional("start");
        if start.is_none() {
            let others = names.pipelines.iter().filter(|other| **other != name);
            let meant = nearest(name.as_str(), others.map(Name::as_str));
            let hint =
                meant.map(|meant| format_smolstr!("did you mean `[pipeline.{meant}.stage]`?"));
            section.missing("start", hint);
        }
        let start = start.and_then(|node| names.stage(&node, Some(&name)));
        let mut stages = Vec::new();
        if let Some(mut all) = section.required("stage").and_then(|node| node.section()) {
            for (stage, node) in all.entries("a stage") {
                stages.extend(read_stage(stage, &node, &name, names));
            }
        }
        finish(section, &name);
        if let Some(start) = start {
            pipelines.push(Pipeline {
                name,
                label,
                start: start.stage,
                stages,
            });
        }
    }
    if pipelines.is_empty() {
        root.required("pipeline");
    }
    pipelines
}

/// Reports what means nothing in a pipeline; a table there is meant to be a stage.
fn finish(section: Section<'_>, pipeline: &Name) {
    let tables = section.keyed().into_iter();
    let tables: Vec<String> = tables
        .filter_map(|(key, node)| node.is_table().then_some(key))
        .collect();
    section.finish_with(|key| {
        let is_table = tables.iter().any(|table| table == key);
        let is_slip = nearest(key, ["stage"]).is_some();
        // A pipeline that is called so is a name that was forgotten.
        let (pipeline, stage) = match pipeline.as_str() {
            "stage" | "stages" => ("NAME", key),
            name => (name, key),
        };
        let heading = format_smolstr!("write `[pipeline.{pipeline}.stage.{stage}]`");
        (is_table && !is_slip).then_some(heading)
    });
}

fn read_stage(name: Name, node: &Node<'_>, pipeline: &Name, names: &Names) -> Option<Stage> {
    let mut section = node.section()?;
    let label = label_of(&mut section, &name);
    let ways = section
        .optional("to")
        .map(|node| read_ways(&node, pipeline, names))
        .unwrap_or_default();
    let by = roles(section.optional("by"), names);
    let entered_by = roles(section.optional("entered-by"), names);
    let outcome = section.optional("final").and_then(|node| outcome(&node));
    let assign = section.optional("assign");
    if let Some(node) = assign.as_ref().filter(|_| outcome.is_some()) {
        let (one, other) = ("assign".into(), "final".into());
        let hint = "where leads end, nobody has to work on them";
        node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
    }
    let waits = section
        .optional("waits")
        .and_then(|node| node.bool())
        .unwrap_or(false);
    section.finish();
    Some(Stage {
        name,
        label,
        ways,
        by,
        entered_by,
        outcome,
        assign: assign.and_then(|node| node.known("pool", &names.pools)),
        waits,
    })
}

/// A list of roles; empty, if nothing is said.
fn roles(node: Option<Node<'_>>, names: &Names) -> Vec<Name> {
    let said = node.map(|node| node.list()).unwrap_or_default();
    let known = said
        .iter()
        .filter_map(|node| node.known("role", &names.roles));
    known.collect()
}

/// How leads end in a final stage: `won`, `lost`, or a word of one's own that resembles neither.
fn outcome(node: &Node<'_>) -> Option<Name> {
    if !node.is_text() {
        let hint =
            "say how leads end here: `final = \"won\"`, `final = \"lost\"`, or a word of your own";
        node.expected_or("a text", Some(hint.into()));
        return None;
    }
    let text = node.text()?;
    if let Some(meant) = meant_outcome(text) {
        let (word, among) = (
            text.into(),
            "won, lost, or a word that resembles neither".into(),
        );
        let hint = format_smolstr!("did you mean `{meant}`?");
        node.fault(FaultKind::UnknownWord { word, among }, Some(hint));
    }
    Some(Name::from(text))
}

/// The outcome that a slip of the pen makes of this word.
fn meant_outcome(word: &str) -> Option<&'static str> {
    let meant = nearest(word, ["won", "lost"]);
    meant.filter(|meant| *meant != word)
}

/// `to = { lost = ["reason"] }`, or `to = ["lost"]` where nothing is needed.
fn read_ways(node: &Node<'_>, pipeline: &Name, names: &Names) -> Vec<Way> {
    if !node.is_table() {
        let stages = node.list();
        // A way to a stage that there isn't is a fault of the way, and the stage has one.
        let ways = stages.iter().filter_map(|node| {
            let _ = names.stage(node, Some(pipeline));
            Some(Way {
                to: Name::from(node.is_text().then(|| node.text()).flatten()?),
                needs: Vec::new(),
            })
        });
        return ways.collect();
    }
    let Some(section) = node.section() else {
        return Vec::new();
    };
    let mut ways = Vec::new();
    for (to, node) in section.keyed() {
        let needs = node
            .list()
            .iter()
            .filter_map(|node| node.known("need", &names.needs))
            .collect();
        let _ = names.stage_named(&node.at_its_key(), &to, Some(pipeline));
        let to = Name::from(to);
        ways.push(Way { to, needs });
    }
    ways
}

pub(super) fn read_routes(root: &mut Section<'_>, names: &Names) -> Vec<Route> {
    let mut routes = Vec::new();
    let nodes = root
        .required("route")
        .map(|node| node.list())
        .unwrap_or_default();
    for mut section in nodes.iter().filter_map(Node::section) {
        let only_if = section
            .optional("if")
            .and_then(|node| node.condition(&names.lead_catalogue()));
        let to = section
            .required("to")
            .and_then(|node| names.stage(&node, None));
        let assign = section
            .optional("assign")
            .and_then(|node| node.known("pool", &names.pools));
        section.finish();
        if let Some(to) = to {
            routes.push(Route {
                only_if,
                to,
                assign,
            });
        }
    }
    routes
}

pub(super) fn read_bases(root: &mut Section<'_>, names: &Names) -> Vec<Base> {
    let mut bases = Vec::new();
    for (name, mut section) in root.sections("base") {
        let pipelines = section
            .required("pipelines")
            .map(|node| node.list())
            .unwrap_or_default();
        let pipelines = pipelines
            .iter()
            .filter_map(|node| node.known("pipeline", &names.pipelines))
            .collect();
        let unique = section
            .required("unique")
            .map(|node| node.list())
            .unwrap_or_default();
        let holds = section.optional("holds");
        let holds = holds.and_then(|node| node.word(HoldsPlace::WORDS));
        let keeps = section.optional("keeps");
        let keeps = keeps.and_then(|node| kept_by(&node, names));
        let mut parts: Vec<UniquePart> = Vec::new();
        for node in &unique {
            match unique_part(node, names) {
                Some(part) if parts.contains(&part) => {
                    let word = part.as_str().into();
                    node.fault(FaultKind::SaidTwice { word }, Some("once is enough".into()));
                }
                part => parts.extend(part),
            }
        }
        section.finish();
        bases.push(Base {
            name,
            pipelines,
            unique: parts,
            holds: holds.unwrap_or_default(),
            keeps,
        });
    }
    bases
}

/// Of which closed leads more keep their places. Nothing happens to a closed lead as time goes by, so nobody
/// would give back what time takes; nor what its contact, its owner or its tasks take.
fn kept_by(node: &Node<'_>, names: &Names) -> Option<Condition> {
    let condition = node.condition(&names.catalogue_of_laws())?;
    let hint = "ask for what was done, as in `activities(\"accredited\") >= 1`";
    if condition.is_about_time() {
        node.unfit("a place is not kept for a time", Some(hint.into()));
        return None;
    }
    // Every fact with a greater number is about a field, or about something that the playbook names.
    let built_in = |info: &FactInfo| LeadFact::numbered(info.id.0);
    let passes = |info: &&FactInfo| built_in(info).is_some_and(|fact| !lasts(fact));
    if let Some(info) = condition.facts().find(passes) {
        let (fact, why) = (info.name.as_str().into(), "it may change unnoticed");
        node.fault(FaultKind::UnfitFact { fact, why }, Some(hint.into()));
        return None;
    }
    Some(condition)
}

/// Whether a fact of a closed lead changes only by what is done with this lead.
fn lasts(fact: LeadFact) -> bool {
    use LeadFact as F;
    match fact {
        F::Pipeline | F::Stage | F::CameFrom | F::EnteredAt => true,
        F::Open | F::Outcome | F::Reason | F::OpenedAt | F::ClosedAt => true,
        F::Source | F::SourceKind | F::RegisteredBy | F::RegisteredAt => true,
        F::Attempts | F::Reached | F::Unanswered | F::AttemptsSinceOpened => true,
        F::AttemptedAt | F::ReachedAt | F::Answered | F::AnsweredAt => true,
        F::Quote | F::QuoteVersion | F::QuoteMadeAt | F::QuoteTotal | F::QuoteValidUntil => true,
        F::QuoteAccepted | F::QuoteAcceptedAt | F::QuoteDeclined => true,
        F::Referrer | F::ReferrerRole | F::Reward | F::RewardedAt => true,
        F::Owner | F::OwnerRole | F::OwnerTeam | F::TeamSince | F::EarlierTeam => false,
        F::AssignedAt | F::Reassignments | F::TouchedAt => false,
        F::Held | F::Wait | F::WaitDays | F::WaitsUntil | F::OpenTasks => false,
        F::SetAside | F::Flagged | F::Playbook => false,
        F::Email | F::Phone | F::ContactName => false,
        F::Unsubscribed | F::EmailInvalid | F::PossibleDuplicate => false,
    }
}

/// A fact that is part of what must be unique: one that every playbook has, or a field.
fn unique_part(node: &Node<'_>, names: &Names) -> Option<UniquePart> {
    let text = node.text()?;
    let fields = names.fields.iter().map(|field| field.name.as_str());
    if fields.clone().any(|field| field == text) {
        return Some(UniquePart::Field(text.into()));
    }
    if names.faulty_fields.iter().any(|field| *field == *text) {
        return None;
    }
    let is_word = UniquePart::WORDS.iter().any(|(word, _)| *word == text);
    if !is_word && nearest(text, fields.clone()).is_some() {
        node.unknown("field", text, fields);
        return None;
    }
    node.word(UniquePart::WORDS)
}

/// The bounds of the wait groups; what they do is read with the rules.
pub(super) fn read_waits(root: &mut Section<'_>, names: &Names) -> Vec<WaitGroup> {
    let mut waits = Vec::new();
    for (name, mut section) in root.sections("wait") {
        let label = label_of(&mut section, &name);
        if names.waiting_stages.is_empty() {
            let rule = SmolStr::from(name.as_str());
            let why = "no stage says `waits = true`, so nobody waits";
            section.fault(FaultKind::NeverFires { rule, why }, None);
        }
        let Some(node) = section.required("wait") else {
            continue;
        };
        let Some(mut bounds) = node.section() else {
            continue;
        };
        let least_days = bounds.required("least").and_then(|node| node.days());
        let default_days = bounds.optional("default").and_then(|node| node.days());
        let most_days = bounds.optional("most").and_then(|node| node.days());
        bounds.finish();
        let Some(least_days) = least_days else {
            continue;
        };
        let default_days = default_days.unwrap_or(least_days);
        let most = most_days.unwrap_or(u32::MAX);
        if least_days > most {
            let kind = FaultKind::Contradiction {
                one: format_smolstr!("least = {least_days} days"),
                other: format_smolstr!("most = {most} days"),
            };
            node.fault(kind, Some("least <= default <= most".into()));
        } else if !(least_days..=most).contains(&default_days) {
            let found = format_smolstr!("{default_days} days");
            let (least, most) = (least_days.into(), most_days.unwrap_or(36_600).into());
            node.fault(
                FaultKind::OutOfRange { found, least, most },
                Some("least <= default <= most".into()),
            );
        }
        waits.push(WaitGroup {
            name,
            label,
            least_days,
            default_days,
            most_days,
        });
    }
    waits
}
