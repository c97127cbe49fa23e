//! What a playbook declares and nothing in it uses: probably a slip of the pen elsewhere, and no fault.
//!
//! Only of what nobody else can use. People record activities, set fields and hold leads, whatever the
//! rules say; and where a role was given leave to `assign`, they let pools choose.

use std::collections::BTreeSet;

use super::places::Places;
use crate::ids::Name;
use crate::playbook::Playbook;
use crate::playbook::fault::FaultKind;
use crate::playbook::load::Folder;
use crate::playbook::people::Permission;
use crate::playbook::pipeline::TaskSpec;
use crate::playbook::read::Source;
use crate::playbook::rule::{Action, BusinessTime};

/// Warns of what is declared in vain. `calendar` is the one that counts where none is named.
pub(super) fn warn(
    playbook: &Playbook,
    folder: &Folder,
    calendar: &Name,
    file: &Source<'_>,
    places: &Places,
) {
    let done = done(playbook);
    warn_of_tasks(playbook, &done, file, places);
    warn_of_needs(playbook, file, places);
    warn_of_pools(playbook, &done, file, places);
    warn_of_calendars(playbook, calendar, file, places);
    warn_of_templates(playbook, folder, &done, file);
    for (path, _) in &folder.holidays {
        if !folder.playbook.contains(path.as_str()) {
            let kind = unused("file", path, "no calendar has the holidays of");
            Source::new(path.clone(), "", file.faults).fault(0..0, kind, None);
        }
    }
}

fn unused(sort: &'static str, name: &str, unused: &'static str) -> FaultKind {
    let name = name.into();
    FaultKind::Unused { sort, name, unused }
}

fn warn_of_tasks(playbook: &Playbook, done: &[&Action], file: &Source<'_>, places: &Places) {
    let open = done.iter().filter_map(|action| match action {
        Action::Task(task) => Some(task),
        _ => None,
    });
    let open: BTreeSet<&Name> = open.collect();
    for task in playbook
        .tasks
        .iter()
        .filter(|task| !open.contains(&task.name))
    {
        let kind = unused("task", task.name.as_str(), "nothing opens");
        file.fault(places.at(&format!("task.{}", task.name)), kind, None);
    }
}

fn warn_of_needs(playbook: &Playbook, file: &Source<'_>, places: &Places) {
    let asked: BTreeSet<&Name> = playbook
        .pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.stages)
        .flat_map(|stage| &stage.ways)
        .flat_map(|way| &way.needs)
        .collect();
    for need in playbook
        .needs
        .iter()
        .filter(|need| !asked.contains(&need.name))
    {
        let kind = unused("need", need.name.as_str(), "no way asks for");
        file.fault(places.at(&format!("need.{}", need.name)), kind, None);
    }
}

fn warn_of_pools(playbook: &Playbook, done: &[&Action], file: &Source<'_>, places: &Places) {
    // A role that may do everything was not given leave to let pools choose.
    let people_choose =
        |may: &[Permission]| may.contains(&Permission::Assign) && may.len() < Permission::ALL.len();
    if playbook.roles.iter().any(|role| people_choose(&role.may)) {
        return;
    }
    let of_routes = playbook.routes.iter().map(|route| &route.assign);
    let stages = playbook.pipelines.iter().flat_map(|of| &of.stages);
    let of_places = of_routes.chain(stages.map(|stage| &stage.assign));
    let of_actions = done.iter().filter_map(|action| match action {
        Action::Assign(assign) => Some(&assign.pool),
        _ => None,
    });
    let used: BTreeSet<&Name> = of_places.flatten().chain(of_actions).collect();
    for pool in playbook
        .pools
        .iter()
        .filter(|pool| !used.contains(&pool.name))
    {
        let kind = unused("pool", pool.name.as_str(), "nothing assigns leads from");
        file.fault(places.at(&format!("pool.{}", pool.name)), kind, None);
    }
}

fn warn_of_calendars(playbook: &Playbook, calendar: &Name, file: &Source<'_>, places: &Places) {
    let of_rules = playbook.rules.iter().map(|rule| &rule.calendar);
    let of_tasks = playbook.tasks.iter().map(|task| &task.calendar);
    let of_pools = playbook
        .pools
        .iter()
        .filter_map(|pool| pool.at_work.as_ref());
    let times: Vec<&BusinessTime> = of_rules.chain(of_tasks).chain(of_pools).collect();
    // Where agents' own hours count, any calendar may be somebody's.
    if times.iter().any(|time| time.name() == BusinessTime::OWNER) {
        return;
    }
    let used: BTreeSet<&str> = times
        .iter()
        .map(|time| time.name())
        .chain([calendar.as_str()])
        .collect();
    for calendar in playbook
        .calendars
        .iter()
        .filter(|calendar| !used.contains(calendar.name.as_str()))
    {
        let kind = unused("calendar", calendar.name.as_str(), "nothing counts in");
        file.fault(
            places.at(&format!("calendar.{}", calendar.name)),
            kind,
            None,
        );
    }
}

fn warn_of_templates(playbook: &Playbook, folder: &Folder, done: &[&Action], file: &Source<'_>) {
    let sent: BTreeSet<&Name> = done
        .iter()
        .filter_map(|action| match action {
            Action::Send(send) => Some(&send.template),
            Action::Notify { template, .. } => Some(template),
            _ => None,
        })
        .collect();
    for template in playbook
        .templates
        .names()
        .filter(|name| !sent.contains(name))
    {
        let path = format!("templates/{template}.txt");
        let text = folder.templates.iter().find(|(known, _)| *known == path);
        let text = text.map_or("", |(_, text)| text.as_str());
        let kind = unused("template", template.as_str(), "nothing sends");
        let first_line = text.find(['\r', '\n']).unwrap_or(text.len());
        Source::new(path, text, file.faults).fault(0..first_line, kind, None);
    }
}

/// All that rules do, and what can be chosen in the tasks that are opened by that.
fn done(playbook: &Playbook) -> Vec<&Action> {
    let actions = playbook.rules.iter().flat_map(|rule| &rule.actions);
    let mut to_do: Vec<&Action> = actions.flat_map(Action::with_fallbacks).collect();
    let mut opened: BTreeSet<&Name> = BTreeSet::new();
    let mut done = Vec::new();
    while let Some(action) = to_do.pop() {
        done.push(action);
        let task: Option<&TaskSpec> = match action {
            Action::Task(task) if opened.insert(task) => playbook.task(task),
            _ => None,
        };
        let choices = task.into_iter().flat_map(|task| &task.choices);
        let actions = choices.flat_map(|choice| &choice.actions);
        to_do.extend(actions.flat_map(Action::with_fallbacks));
    }
    done
}
