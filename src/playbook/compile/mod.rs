//! From the text of a playbook to the compiled one, collecting every fault on the way.
//!
//! First everything that has a name is found (`Names`), then everything that refers to names is
//! read, so that a playbook can say things in any order. What is faulty is left out and read on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::calendar::{Calendar, Zone};
use crate::email::Email;
use crate::facts::LeadFact;
use crate::ids::Name;
use crate::money::Currency;
use crate::phone::Dialling;
use crate::playbook::catalogue::{Asked, BuiltInCatalogue, LeadCatalogue};
use crate::playbook::fault::{Fault, FaultKind, Faults};
use crate::playbook::host::Host;
use crate::playbook::load::{Folder, without_bom};
use crate::playbook::lookup::{Rules, Tasks};
use crate::playbook::people::Team;
use crate::playbook::pipeline::{Field, Source};
use crate::playbook::read::{
    Mended, Node, Section, Source as File, drop_echoes, drop_echoes_of_headings,
    drop_echoes_of_names, tell_misspelled_once, tell_once_that_none_is_there,
};
use crate::playbook::rule::{BusinessTime, NamedCalendar, StageRef};
use crate::playbook::work::DocumentSpec;
use crate::playbook::{CapRule, Organisation, Playbook};
use crate::record::contact::Cap;

mod actions;
mod calendars;
mod check;
mod codes;
mod cold;
mod course;
mod cycles;
mod fields;
mod host;
mod insistent;
mod laws;
mod leads;
mod left_out;
mod never;
mod parts;
mod people;
mod pipelines;
mod places;
mod powerless;
mod pricing;
mod rules;
mod samples;
mod tags;
mod tasks;
mod templates;
mod unreadable;
mod unused;
mod work;

pub(super) fn compile(folder: &Folder, host: &Host) -> Result<Playbook, Faults> {
    match compile_what_can_be(folder, host) {
        (Some(playbook), faults) if faults.is_empty() => Ok(playbook),
        (_, faults) => Err(Faults(faults)),
    }
}

/// The playbook as far as it can be read, beside all its faults: whatever is faulty is not in it.
pub(super) fn compile_what_can_be(folder: &Folder, host: &Host) -> (Option<Playbook>, Vec<Fault>) {
    let faults = RefCell::new(Vec::new());
    let text = without_bom(&folder.playbook);
    let file = File::new("playbook.toml", text, &faults);
    let mended = Mended::of(&file);
    let file = file.mended(&mended);
    let table = file.table();
    let root = Section::new(&file, table.get_ref(), 0..0, SmolStr::default());
    let hash = folder.hash(table.get_ref(), &host.version);
    let warnings = RefCell::new(Vec::new());
    let aside = File::new("playbook.toml", text, &warnings).mended(&mended);
    let playbook = compile_root((folder, host), hash, &faults, root, &aside);
    let mut faults = faults.into_inner();
    match playbook {
        Some(playbook) if faults.is_empty() => {
            let mut warnings = warnings.into_inner();
            sort(&mut warnings);
            let goes_cold = |fault: &Fault| matches!(fault.kind, FaultKind::GoesCold { .. });
            let (cold, warnings) = warnings.into_iter().partition(goes_cold);
            let playbook = Playbook {
                warnings,
                cold,
                ..playbook
            };
            (Some(playbook), faults)
        }
        playbook => {
            drop_echoes_of_names(&mut faults);
            drop_echoes_of_headings(&mended, &mut faults);
            tell_misspelled_once("playbook.toml", text, &mended, &mut faults);
            drop_echoes("playbook.toml", text, &mended, &mut faults);
            if folder.templates.is_empty() {
                let hint = "each stands in a file of its own, `templates/NAME.txt`";
                tell_once_that_none_is_there(("template", "templates"), hint, &mut faults);
            }
            sort(&mut faults);
            (playbook, faults)
        }
    }
}

/// In the order of files and places; what was found twice at one place is told once.
fn sort(faults: &mut Vec<Fault>) {
    let is_main = |fault: &Fault| fault.file != "playbook.toml";
    faults.sort_by(|a, b| {
        (is_main(a), &a.file, a.span.start).cmp(&(is_main(b), &b.file, b.span.start))
    });
    let mut told: Vec<Fault> = Vec::with_capacity(faults.len());
    for fault in faults.drain(..) {
        if !told.contains(&fault) {
            told.push(fault);
        }
    }
    *faults = told;
}

/// What the playbook says about itself.
struct Head<'s> {
    id: Option<Name>,
    label: Option<SmolStr>,
    zone: Zone,
    locale: SmolStr,
    currency: Currency,
    country: Option<&'static Dialling>,
    /// The name of the calendar, where it stands.
    calendar: Option<Node<'s>>,
}

/// Everything that has a name, and the language of conditions that follows from it.
pub(super) struct Names {
    zone: Zone,
    locale: SmolStr,
    currency: Currency,
    default_calendar: NamedCalendar,
    calendars: Vec<NamedCalendar>,
    roles: Vec<Name>,
    /// Whether leads can be referred.
    refers: bool,
    teams: Vec<Team>,
    sources: Vec<Source>,
    fields: Vec<Field>,
    /// Fields that are there and can't be read: whoever speaks of one made no second mistake.
    faulty_fields: Vec<Name>,
    activities: Vec<Name>,
    appointments: Vec<Name>,
    documents: Vec<DocumentSpec>,
    holds: Vec<Name>,
    waits: Vec<Name>,
    pools: Vec<Name>,
    needs: Vec<Name>,
    laws_that_stand: Vec<Name>,
    tasks: Vec<Name>,
    templates: Vec<Name>,
    uses: samples::Uses,
    pipelines: Vec<Name>,
    stages: Vec<StageRef>,
    final_stages: Vec<StageRef>,
    outcomes: Vec<SmolStr>,
    waiting_stages: Vec<StageRef>,
    choices: Vec<(LeadFact, Arc<[SmolStr]>)>,
    host: Host,
}

impl Names {
    fn lead_catalogue(&self) -> LeadCatalogue<'_> {
        LeadCatalogue {
            zone: &self.zone,
            fields: &self.fields,
            faulty_fields: &self.faulty_fields,
            activities: self.activities.iter().collect(),
            appointments: self.appointments.iter().collect(),
            documents: self.documents.iter().map(|spec| &spec.name).collect(),
            stages: &self.stages,
            laws: &self.laws_that_stand,
            host: &self.host.facts,
            asked: Asked::Once,
            choices: &self.choices,
        }
    }

    /// What a condition may speak of that is waited for: all of which it is known when it turns.
    fn catalogue_of_waiting(&self) -> LeadCatalogue<'_> {
        LeadCatalogue {
            asked: Asked::UntilItTurns,
            ..self.lead_catalogue()
        }
    }

    /// What laws may speak of: all but whether laws are broken, which follows from them. Whether one is
    /// broken is waited for.
    fn catalogue_of_laws(&self) -> LeadCatalogue<'_> {
        LeadCatalogue {
            laws: &[],
            ..self.catalogue_of_waiting()
        }
    }

    fn agent_catalogue(&self) -> BuiltInCatalogue<'_> {
        let teams = self.teams.iter().map(|team| &team.name);
        BuiltInCatalogue::of_agents(&self.zone, &self.roles, teams)
    }

    /// The hours of the agent whom something is about; of who has none, the playbook's own.
    fn hours_of_agents(&self) -> BusinessTime {
        let all = self.calendars.iter().cloned().collect();
        BusinessTime::of_agents(all, self.default_calendar.clone())
    }
}

fn compile_root(
    (folder, host): (&Folder, &Host),
    hash: Name,
    faults: &RefCell<Vec<Fault>>,
    mut root: Section<'_>,
    aside: &File<'_>,
) -> Option<Playbook> {
    let head = read_head(&mut root);
    root.check_letters();
    let (templates, template_names) = templates::read(folder, faults);
    let (calendars, written_in) = calendars::read(&mut root, folder, &head.zone);
    let default_calendar = calendars::default(&head, &calendars);
    let role_names = names_of(&mut root, "role");
    let (fields, faulty_fields) = fields::read(&mut root, &role_names);
    let calendars = (calendars, default_calendar);
    let fields = (fields, faulty_fields);
    let mut names = find_names(&mut root, (&head, host), calendars, fields, template_names);
    pipelines::find_stages(&mut root, &mut names);
    names.choices = choices_of(&names);
    host::check(&names, root.source);
    let activities = work::read_activities(&mut root, &names);
    let visits = work::read_visits(&mut root, &names);
    let fixed = fields::read_fixed(&mut root, &names);
    let hold_labels = read_labels(&mut root, "hold");

    let organisation = read_organisation(&mut root);
    let cap = read_cap(&mut root);
    let taxes = pricing::read_taxes(&mut root);
    let products = pricing::read_products(&mut root, &taxes, head.currency);
    let quoting = pricing::read_quoting(&mut root);
    let roles = people::read_roles(&mut root, &names);
    let referring = people::read_referring(&mut root, &names);
    let pools = people::read_pools(&mut root, &names);
    let mut needs = pipelines::read_needs(&mut root, &names);
    let pipelines = pipelines::read_pipelines(&mut root, &names);
    host::add_guards_as_needs(&mut needs, &pipelines, &names);
    let routes = pipelines::read_routes(&mut root, &names);
    let bases = pipelines::read_bases(&mut root, &names);
    let waits = pipelines::read_waits(&mut root, &names);
    let mut templates = templates;
    let laws = laws::read(&mut root, &names);
    let (tasks, rules, appointments) = rules::read(&mut root, &names, &laws, &mut templates);
    // Where nothing of a playbook is there, it is not the templates that are wrong.
    if !(names.fields.is_empty() && names.pipelines.is_empty()) {
        templates::check(&templates, folder, faults, &names);
    }
    let places = places::Places::of(&mut root);
    let calendar = names.default_calendar.name.clone();
    let rules = Rules::new(rules, &laws);
    let file = root.source;
    let of_stage = "a stage stands in its pipeline: `[pipeline.NAME.stage.STAGE]`";
    root.finish_with(|key| matches!(key, "stage" | "stages").then(|| of_stage.into()));

    // What is missing has its fault; the rest is checked all the same.
    let id = head.id.unwrap_or_else(|| Name::from("nameless"));
    let playbook = Playbook {
        hash,
        id,
        label: head.label.unwrap_or_default(),
        zone: head.zone,
        locale: head.locale,
        currency: head.currency,
        country: head.country,
        calendar: names.default_calendar.calendar.clone(),
        calendars: names.calendars,
        organisation: organisation.or_else(nobody)?,
        roles,
        referring,
        teams: names.teams,
        sources: names.sources,
        fields: fields::with_fixed(names.fields, fixed),
        activities,
        appointments,
        documents: names.documents,
        visits,
        holds: names.holds,
        waits,
        pools,
        bases,
        needs,
        laws,
        pipelines,
        routes,
        tasks: Tasks::new(tasks),
        rules,
        templates,
        taxes,
        products,
        quoting,
        cap,
        choices: names.choices,
        stages: names.stages,
        laws_that_stand: names.laws_that_stand,
        hold_labels,
        host: names.host,
        warnings: Vec::new(),
        cold: Vec::new(),
        written_in,
    };
    check::check(&playbook, file, &places);
    if faults.borrow().is_empty() {
        check::warn(&playbook, folder, &calendar, aside, &places);
    }
    Some(playbook)
}

/// Everything that has a name, but for stages, which are found in pipelines.
fn find_names(
    root: &mut Section<'_>,
    (head, host): (&Head<'_>, &Host),
    (calendars, default_calendar): (Vec<NamedCalendar>, NamedCalendar),
    (fields, faulty_fields): (Vec<Field>, Vec<Name>),
    templates: Vec<Name>,
) -> Names {
    Names {
        zone: head.zone.clone(),
        locale: head.locale.clone(),
        currency: head.currency,
        default_calendar,
        calendars,
        roles: names_of(root, "role"),
        refers: root.optional("referral").is_some(),
        teams: people::read_teams(root),
        sources: read_sources(root),
        fields,
        faulty_fields,
        activities: names_of(root, "activity"),
        appointments: names_of(root, "appointment"),
        documents: work::read_documents(root),
        holds: names_of(root, "hold"),
        waits: names_of(root, "wait"),
        pools: names_of(root, "pool"),
        needs: host::with_guards(names_of(root, "need"), host),
        laws_that_stand: laws::that_stand(root),
        tasks: tasks::names(root),
        templates,
        uses: samples::Uses::default(),
        pipelines: names_of(root, "pipeline"),
        stages: Vec::new(),
        final_stages: Vec::new(),
        outcomes: Vec::new(),
        waiting_stages: Vec::new(),
        choices: Vec::new(),
        host: host.clone(),
    }
}

fn read_head<'s>(root: &mut Section<'s>) -> Head<'s> {
    let mut head = Head {
        id: None,
        label: None,
        zone: Zone::utc(),
        locale: "en".into(),
        currency: Currency::USD,
        country: None,
        calendar: None,
    };
    let Some(mut section) = root.required("playbook").and_then(|node| node.section()) else {
        return head;
    };
    if let Some(node) = section.required("id") {
        head.id = node.text().and_then(|text| {
            if crate::playbook::read::is_name(text) {
                return Some(Name::from(text));
            }
            node.fault(
                FaultKind::BadName {
                    sort: "a playbook",
                    name: text.into(),
                },
                Some(crate::playbook::read::name_for(text)),
            );
            None
        });
    }
    head.label = section
        .optional("label")
        .and_then(|node| Some(node.text()?.into()));
    if let Some(zone) = section.required("zone").and_then(|node| read_zone(&node)) {
        head.zone = zone;
    }
    let locale = section.optional("locale");
    if let Some(locale) = locale.and_then(|node| codes::locale(&node)) {
        head.locale = locale;
    }
    let currency = section.optional("currency");
    if let Some(currency) = currency.and_then(|node| codes::currency(&node)) {
        head.currency = currency;
    }
    head.country = section
        .optional("country")
        .and_then(|node| codes::country(&node));
    head.calendar = section.required("calendar");
    section.finish();
    head
}

fn read_zone(node: &Node<'_>) -> Option<Zone> {
    let text = node.text()?;
    match text.parse::<Zone>() {
        Ok(zone) => Some(zone),
        Err(unknown) => {
            let nearest = unknown.nearest.first();
            let hint = nearest.map(|near| smol_str::format_smolstr!("did you mean `{near}`?"));
            // `Etc/GMT-5` lies east of Greenwich, and is never meant.
            let is_offset =
                text.contains(['+', '-']) && text.contains(|c: char| c.is_ascii_digit());
            let place = "name the zone by a place in it, as in `America/Guayaquil`";
            let hint = match is_offset {
                true => Some(place.into()),
                false => hint.or_else(|| Some(place.into())),
            };
            let name = text.into();
            node.fault(
                FaultKind::UnknownName {
                    sort: "time zone",
                    name,
                },
                hint,
            );
            None
        }
    }
}

fn names_of(root: &mut Section<'_>, section: &'static str) -> Vec<Name> {
    let Some(all) = root.optional(section).and_then(|node| node.section()) else {
        return Vec::new();
    };
    // Also what is no name: that is told where it stands, and whoever refers to it means it.
    let names = all.keyed().into_iter().map(|(name, _)| Name::from(name));
    names.collect()
}

/// Sections in which a name has nothing but a label.
fn read_labels(root: &mut Section<'_>, section: &'static str) -> BTreeMap<Name, SmolStr> {
    let mut labels = BTreeMap::new();
    for (name, mut section) in root.sections(section) {
        let label = label_of(&mut section, &name);
        section.finish();
        labels.insert(name, label);
    }
    labels
}

fn label_of(section: &mut Section<'_>, name: &Name) -> SmolStr {
    let label = section.optional("label").and_then(|node| node.text());
    label.unwrap_or(name.as_str()).into()
}

fn read_organisation(root: &mut Section<'_>) -> Option<Organisation> {
    let mut section = root.required("organisation")?.section()?;
    let name = section.required("name").and_then(|node| node.text());
    let email = section.required("email").and_then(|node| {
        let text = node.text()?;
        let email = text.parse::<Email>();
        if email.is_err() {
            let expected = "an e-mail address, as in `sales@example.com`";
            let found = smol_str::format_smolstr!("`{text}`");
            node.fault(FaultKind::WrongType { expected, found }, None);
        }
        email.ok()
    });
    section.finish();
    Some(Organisation {
        name: name?.into(),
        email: email?,
    })
}

/// What stands in the place of an organisation that can't be read.
fn nobody() -> Option<Organisation> {
    Some(Organisation {
        name: SmolStr::default(),
        email: "nobody@example.com".parse().ok()?,
    })
}

fn read_cap(root: &mut Section<'_>) -> Option<CapRule> {
    let mut section = root.optional("cap")?.section()?;
    let most = section
        .required("messages")
        .and_then(|node| node.count(1..Cap::HIGHEST + 1));
    let within = section
        .required("within")
        .and_then(|node| node.some_elapsed("write for instance `7 days`"));
    let defers = section
        .optional("above")
        .and_then(|node| node.word(&[("defer", true), ("drop", false)]));
    section.finish();
    Some(CapRule {
        cap: Cap {
            most: most?,
            within: within?,
        },
        defers: defers.unwrap_or(true),
    })
}

fn read_sources(root: &mut Section<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, mut section) in root.sections("source") {
        let kind = section
            .required("kind")
            .and_then(|node| node.text())
            .unwrap_or("other");
        let label = label_of(&mut section, &name);
        section.finish();
        sources.push(Source {
            kind: Name::from(kind),
            label,
            name,
        });
    }
    sources
}

/// The closed sets of the lead's text facts.
fn choices_of(names: &Names) -> Vec<(LeadFact, Arc<[SmolStr]>)> {
    let texts = |names: &[Name]| {
        names
            .iter()
            .map(|name| name.as_str().into())
            .collect::<Vec<SmolStr>>()
    };
    let mut stages: Vec<SmolStr> = names
        .stages
        .iter()
        .map(|at| at.stage.as_str().into())
        .collect();
    let mut kinds: Vec<SmolStr> = names
        .sources
        .iter()
        .map(|source| source.kind.as_str().into())
        .collect();
    let mut outcomes = names.outcomes.clone();
    outcomes.sort_unstable();
    outcomes.dedup();
    stages.sort_unstable();
    stages.dedup();
    kinds.sort_unstable();
    kinds.dedup();
    let sources: Vec<SmolStr> = names
        .sources
        .iter()
        .map(|source| source.name.as_str().into())
        .collect();
    let mut choices = vec![
        (LeadFact::CameFrom, stages.clone().into()),
        (LeadFact::Stage, stages.into()),
        (LeadFact::Pipeline, texts(&names.pipelines).into()),
        (LeadFact::Outcome, outcomes.into()),
        (LeadFact::Wait, texts(&names.waits).into()),
        (LeadFact::Source, sources.into()),
        (LeadFact::SourceKind, kinds.into()),
        (LeadFact::OwnerRole, texts(&names.roles).into()),
        (LeadFact::ReferrerRole, texts(&names.roles).into()),
    ];
    if !names.teams.is_empty() {
        let teams = names.teams.iter().map(|team| team.name.as_str().into());
        let teams: Arc<[SmolStr]> = teams.collect();
        choices.push((LeadFact::EarlierTeam, teams.clone()));
        choices.push((LeadFact::OwnerTeam, teams));
    }
    choices
}

/// A calendar that is open round the clock, in place of one that can't be read.
fn round_the_clock(zone: &Zone) -> Calendar {
    Calendar::round_the_clock(zone.clone())
}
