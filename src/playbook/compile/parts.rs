//! The parts that rules, their short forms and tasks have in common: where, from when, how often,
//! in whose time, under what condition.

use smol_str::format_smolstr;

use super::actions::Named;
use super::rules::Reader;
use crate::condition::Condition;
use crate::ids::Name;
use crate::playbook::delay::Delay;
use crate::playbook::fault::FaultKind;
use crate::playbook::pipeline::Whose;
use crate::playbook::read::{Node, Section};
use crate::playbook::rule::{
    Action, Anchor, BusinessTime, Late, Leads, Period, Scope, StageRef, StoppedBy,
};
use crate::record::appointment::Became;

impl Reader<'_> {
    /// `pipeline` and `stage`, of rules that count from what happens to leads that are open.
    pub(super) fn scope(&mut self, section: &mut Section<'_>) -> Scope {
        let place = self.place(section);
        self.scope_of(place, None)
    }

    /// Where a rule is for leads, and what it counts from: that may be what happens to closed ones.
    pub(super) fn scope_and_anchor(
        &mut self,
        section: &mut Section<'_>,
    ) -> (Scope, Option<Anchor>) {
        let mut place = self.place(section);
        let anchor = self.anchor(section, &mut place);
        let leads = anchor.as_ref().and_then(|anchor| self.leads_of(anchor));
        (self.scope_of(place, leads), anchor)
    }

    fn place<'s>(&self, section: &mut Section<'s>) -> Place<'s> {
        let pipeline = section
            .optional("pipeline")
            .and_then(|node| node.known("pipeline", &self.names.pipelines));
        let stage = section.optional("stage");
        let nodes = stage.as_ref().map(Node::list).unwrap_or_default();
        let stages = nodes
            .iter()
            .filter_map(|node| self.names.stage(node, pipeline.as_ref()))
            .collect();
        Place {
            pipeline,
            stage,
            stages,
        }
    }

    /// The leads for which something is that happens to others than open ones.
    fn leads_of(&self, anchor: &Anchor) -> Option<Leads> {
        let outlives = |task: &Name| {
            let mut specs = self.tasks.iter();
            specs.any(|spec| spec.name == *task && spec.outlives_lead)
        };
        match anchor {
            Anchor::Closed => Some(Leads::Closed),
            // It is asked for of leads that came to their end, too.
            Anchor::Feedback(_) => Some(Leads::All),
            Anchor::Overdue(task) if outlives(task) => Some(Leads::All),
            _ => None,
        }
    }

    /// The stages of a place in which such leads are. A pipeline that has none keeps all of its own, so
    /// that the rule can be told to be for none.
    fn scope_of(&self, place: Place<'_>, leads: Option<Leads>) -> Scope {
        let is_final = |at: &StageRef| self.names.is_final(at);
        let mut stages = place.stages;
        if let Some(pipeline) = place.pipeline.filter(|_| stages.is_empty()) {
            let all = self.names.stages.iter();
            stages = all.filter(|at| at.pipeline == pipeline).cloned().collect();
            let are_there = |at: &StageRef| match leads.unwrap_or(Leads::Open) {
                Leads::Open => !is_final(at),
                Leads::Closed => is_final(at),
                Leads::All => true,
            };
            if stages.iter().any(are_there) {
                stages.retain(are_there);
            }
        }
        let all_final = !stages.is_empty() && stages.iter().all(is_final);
        let leads = leads.unwrap_or(match all_final {
            true => Leads::Closed,
            false => Leads::Open,
        });
        Scope {
            stages,
            wait: None,
            leads,
        }
    }

    /// `on = "entered lost"`, or `when = 'condition'`.
    fn anchor(&mut self, section: &mut Section<'_>, place: &mut Place<'_>) -> Option<Anchor> {
        let when = section.optional("when");
        let on = section.optional("on");
        let node = match (on, when) {
            (Some(_), Some(node)) => {
                node.fault(
                    FaultKind::Contradiction {
                        one: "on".into(),
                        other: "when".into(),
                    },
                    None,
                );
                return None;
            }
            (None, Some(node)) => {
                return node
                    .condition(&self.names.catalogue_of_waiting())
                    .map(Anchor::Turns);
            }
            (None, None) => section.required_or("on", Some(WHAT_STARTS_IT))?,
            (Some(node), None) => node,
        };
        let text = node.text()?;
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest.trim()) {
            ("registered", "") => Some(Anchor::Registered),
            ("assigned", "") => Some(Anchor::Assigned),
            ("team", "") => Some(Anchor::Team),
            ("answered", "") => Some(Anchor::Answered),
            ("attempted", "") => Some(Anchor::Attempted),
            ("touched", "") => Some(Anchor::Touched),
            ("closed", "") => Some(Anchor::Closed),
            ("quoted", "") => Some(Anchor::Quoted),
            ("quote-expires", "") => Some(Anchor::QuoteExpires),
            ("accepted", "") => Some(Anchor::Accepted),
            ("entered", "") => Some(Anchor::Entered),
            ("entered", stage) => {
                let within = place.pipeline.as_ref();
                let at = self.names.stage_named(&node, stage, within)?;
                if let Some(node) = &place.stage {
                    let (one, other) = ("stage".into(), format_smolstr!("on = \"{text}\""));
                    let hint = "a rule that counts from where a lead enters is for leads there";
                    node.fault(FaultKind::Contradiction { one, other }, Some(hint.into()));
                }
                place.stages = vec![at];
                Some(Anchor::Entered)
            }
            ("appointment" | "held" | "missed" | "cancelled" | "attached", kind) => {
                self.anchor_of_work(&node, word, kind)
            }
            ("feedback", kind) => self.kind_of(&node, kind).map(Anchor::Feedback),
            ("field", field) => {
                let fields = &self.names.fields;
                let found = fields.iter().find(|known| known.name == *field);
                if found.is_none() {
                    node.unknown(
                        "field",
                        field,
                        fields.iter().map(|field| field.name.as_str()),
                    );
                }
                Some(Anchor::Field(found?.name.clone()))
            }
            ("overdue", task) => {
                let found = self.names.tasks.iter().find(|known| **known == *task);
                if found.is_none() {
                    node.unknown("task", task, self.names.tasks.iter().map(Name::as_str));
                }
                Some(Anchor::Overdue(found?.clone()))
            }
            _ => {
                let said = ANCHORS.map(|(word, of)| format!("{word} {of}"));
                let said = said.each_ref().map(|said| said.trim_end());
                let kind = FaultKind::UnknownWord {
                    word: text.into(),
                    among: said.join(", ").into(),
                };
                let words = ANCHORS.map(|(word, _)| word);
                // `on = "when assigned"`
                let mut said = std::iter::once(word).chain(rest.split(' '));
                let hint = said.find_map(|word| crate::playbook::read::did_you_mean(word, words));
                node.fault(kind, hint);
                None
            }
        }
    }

    /// `appointment KIND`, `held KIND`, `attached KIND`.
    fn anchor_of_work(&self, node: &Node<'_>, word: &str, kind: &str) -> Option<Anchor> {
        if word == "attached" {
            let known = || self.names.documents.iter().map(|spec| &spec.name);
            let found = known().find(|known| **known == *kind);
            if found.is_none() {
                node.unknown("document", kind, known().map(Name::as_str));
            }
            return found.cloned().map(Anchor::Attached);
        }
        let kind = self.kind_of(node, kind)?;
        let became = Became::WORDS.iter().find(|(known, _)| *known == word);
        Some(match became {
            Some((_, how)) => Anchor::AppointmentEnded(kind, *how),
            None => Anchor::Appointment(kind),
        })
    }

    /// The kind of appointment of this name.
    fn kind_of(&self, node: &Node<'_>, kind: &str) -> Option<Name> {
        let known = &self.names.appointments;
        let found = known.iter().find(|known| **known == *kind);
        if found.is_none() {
            node.unknown("appointment", kind, known.iter().map(Name::as_str));
        }
        found.cloned()
    }

    pub(super) fn dated_field(&self, node: &Node<'_>) -> Option<Name> {
        use crate::value::ValueType::{Date, Instant};
        let text = node.text()?;
        let fields = &self.names.fields;
        let Some(field) = fields.iter().find(|field| field.name == *text) else {
            node.unknown(
                "field",
                text,
                fields.iter().map(|field| field.name.as_str()),
            );
            return None;
        };
        if self.names.faulty_fields.contains(&field.name) {
            return None;
        }
        if !matches!(field.value_type, Date | Instant) {
            let found = format_smolstr!("{}", field.value_type);
            node.fault(
                FaultKind::WrongType {
                    expected: "a field that is a date or an instant",
                    found,
                },
                None,
            );
            return None;
        }
        Some(field.name.clone())
    }

    pub(super) fn period(&mut self, section: &mut Section<'_>) -> Option<Period> {
        let limit = section.optional("at-most");
        let every = section.optional("every");
        if limit.is_some() && every.is_none() {
            section.missing("every", Some(WHAT_COMES_AGAIN.into()));
        }
        let at_most = limit.and_then(|node| node.count(1..1_000_001));
        let length = every.and_then(|node| period_length(&node))?;
        Some(Period {
            length,
            first: 0,
            at_most,
        })
    }

    /// Dates come when they come; whatever else is stopped by every hold, if nothing is said.
    pub(super) fn stopped_by(
        &mut self,
        section: &mut Section<'_>,
        anchor: Option<&Anchor>,
    ) -> StoppedBy {
        let Some(node) = section.optional("stopped-by") else {
            return match anchor {
                Some(anchor) if anchor.is_a_date() => StoppedBy::Named(Vec::new()),
                _ => StoppedBy::Any,
            };
        };
        let nodes = node.list();
        StoppedBy::Named(
            nodes
                .iter()
                .filter_map(|node| node.known("hold", &self.names.holds))
                .collect(),
        )
    }

    /// `calendar = "office"`, or `"owner"`: the hours of whoever owns the lead.
    pub(super) fn calendar(&mut self, section: &mut Section<'_>) -> BusinessTime {
        let names = self.names;
        let Some(node) = section.optional("calendar") else {
            return BusinessTime::fixed(names.default_calendar.clone());
        };
        if node.is_text() && node.text() == Some(BusinessTime::OWNER) {
            return names.hours_of_agents();
        }
        let named = node.text().and_then(|text| {
            let found = names.calendars.iter().find(|known| known.name == *text);
            if found.is_none() {
                let known = names.calendars.iter().map(|known| known.name.as_str());
                let known = known.chain([BusinessTime::OWNER]);
                node.unknown("calendar", text, known);
            }
            found
        });
        BusinessTime::fixed(named.unwrap_or(&names.default_calendar).clone())
    }

    /// `if` and `unless` as one condition.
    pub(super) fn only_if(&mut self, section: &mut Section<'_>) -> Option<Condition> {
        let catalogue = self.names.lead_catalogue();
        let holds = section
            .optional("if")
            .and_then(|node| node.condition(&catalogue));
        let fails = section
            .optional("unless")
            .and_then(|node| node.condition(&catalogue));
        let text = match (holds, fails) {
            (holds, None) => return holds,
            (None, Some(fails)) => format!("not ({fails})"),
            (Some(holds), Some(fails)) => format!("({holds}) and not ({fails})"),
        };
        Condition::parse(&text, &catalogue).ok()
    }

    pub(super) fn until(&mut self, section: &mut Section<'_>) -> Option<Condition> {
        section
            .optional("until")?
            .condition(&self.names.catalogue_of_waiting())
    }

    /// `for = "owner"`, `"earlier-owner"`, `"earlier-owner:TEAM"`, a role, or `"team:NAME"`; the owner, if
    /// nothing is said.
    pub(super) fn whose(&self, section: &mut Section<'_>) -> Whose {
        let node = section.optional("for");
        let said = node.and_then(|node| match node.text()? {
            "owner" => Some(Whose::Owner),
            "earlier-owner" => Some(Whose::EarlierOwner(None)),
            text => Some(match self.names.named(&node, text)? {
                Named::Role(role) => Whose::Role(role),
                Named::Team(team) => Whose::Team(team),
                Named::EarlierOwner(team) => Whose::EarlierOwner(Some(team)),
            }),
        });
        said.unwrap_or(Whose::Owner)
    }

    /// `within`, a time in which something can be done.
    pub(super) fn deadline(&self, node: &Node<'_>) -> Option<Delay> {
        let within = node.forward_delay()?;
        if within.is_zero() {
            let hint =
                "at once is `1 business hour`, or `1 business day`: in no time nothing is done";
            node.unfit("it would be over at once", Some(hint.into()));
            return None;
        }
        Some(within)
    }

    /// What `key` says is to be done.
    pub(super) fn actions(&self, key: &'static str, section: &mut Section<'_>) -> Vec<Action> {
        let node = section.required(key);
        node.map(|node| self.names.actions(&node))
            .unwrap_or_default()
    }

    /// The same, where nothing need be said.
    pub(super) fn actions_if_any(
        &self,
        key: &'static str,
        section: &mut Section<'_>,
    ) -> Vec<Action> {
        let node = section.optional(key);
        node.map(|node| self.names.actions(&node))
            .unwrap_or_default()
    }
}

/// Where a rule says that it is for leads.
struct Place<'s> {
    pipeline: Option<Name>,
    /// What stands at `stage`.
    stage: Option<Node<'s>>,
    stages: Vec<StageRef>,
}

/// What is missing where a rule comes once and says how often it comes.
const WHAT_COMES_AGAIN: &str = "`at-most` counts how often it comes again, as in \
    `every = \"2 days\"`; without `every` it comes once each time it starts to count";

/// What is missing where nothing starts a rule.
const WHAT_STARTS_IT: &str = "say what it counts from: something that happens, as in \
    `on = \"assigned\"`, or a condition, as in `when = 'owner is missing'`; `after` is the time \
    from there";

/// What a rule can count from, and of what.
const ANCHORS: [(&str, &str); 19] = [
    ("registered", ""),
    ("assigned", ""),
    ("team", ""),
    ("entered", "STAGE"),
    ("answered", ""),
    ("attempted", ""),
    ("touched", ""),
    ("closed", ""),
    ("quoted", ""),
    ("quote-expires", ""),
    ("accepted", ""),
    ("appointment", "KIND"),
    ("held", "KIND"),
    ("missed", "KIND"),
    ("cancelled", "KIND"),
    ("feedback", "KIND"),
    ("attached", "KIND"),
    ("field", "NAME"),
    ("overdue", "TASK"),
];

/// What becomes of what was due before we were told; if nothing is said, this.
pub(super) fn late(section: &mut Section<'_>, otherwise: Late) -> Late {
    let Some(node) = section.optional("late-start") else {
        return otherwise;
    };
    match node.text() {
        Some("skip") | None => Late::Skip,
        Some("fire") => Late::Fire,
        Some(_) => node
            .some_elapsed("all of it at once is `fire`")
            .map_or(Late::Skip, Late::Spread),
    }
}

pub(super) fn period_length(node: &Node<'_>) -> Option<Delay> {
    node.length("a period must have a length of its own")
}
