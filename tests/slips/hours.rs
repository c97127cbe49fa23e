//! Slips in what a calendar says.

use leadkit::playbook::Playbook;

use super::shop::folder;

/// The hint for hours that are said so.
fn hint_for_hours(days: &str, hours: &str) -> Option<String> {
    let mut folder = folder("", "");
    let ours = "weekly = { mon-fri = [\"09:00-17:00\"] }";
    let weekly = format!("weekly = {{ \"{days}\" = [\"{hours}\"] }}");
    folder.playbook = folder.playbook.replacen(ours, &weekly, 1);
    let faults = Playbook::read(&folder).unwrap_err().0;
    faults[0].hint.as_ref().map(ToString::to_string)
}

#[test]
fn days_in_spanish_and_portuguese_are_not_taken_for_others() {
    for (days, meant) in [
        ("lun", Some("mon")),
        ("jue", Some("thu")),
        ("mar", Some("tue")),
        ("lun-vie", Some("mon-fri")),
        ("sábado", Some("sat")),
        ("segunda-sexta", Some("mon-fri")),
        ("terça", Some("tue")),
        ("Monday", Some("mon")),
        ("mun", None),
    ] {
        let meant = meant.map(|meant| format!("did you mean `{meant}`?"));
        assert_eq!(hint_for_hours(days, "09:00-17:00"), meant, "{days}");
    }
}

#[test]
fn twelve_is_midnight_before_noon_and_noon_after() {
    for (hours, meant) in [
        ("12am-17:00", "00:00"),
        ("12pm-17:00", "12:00"),
        ("9am-17:00", "09:00"),
    ] {
        let meant = Some(format!("did you mean `{meant}`?"));
        assert_eq!(hint_for_hours("mon", hours), meant, "{hours}");
    }
}

#[test]
fn a_calendar_that_is_never_open_is_a_fault() {
    let faults = |weekly: &str| {
        let mut folder = folder("", "");
        let ours = "weekly = { mon-fri = [\"09:00-17:00\"] }";
        folder.playbook = folder.playbook.replacen(ours, weekly, 1);
        let faults = Playbook::read(&folder).err().into_iter();
        let told = faults.flat_map(|faults| faults.0);
        told.map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    let never = |place: &str| {
        let hint = "say when it is open: weekly = { mon-fri = [\"09:00-18:00\"] }";
        [format!("playbook.toml:{place}: it is never open ({hint})")]
    };
    assert_eq!(faults("weekly = { mon-fri = [] }"), never("12:10"));
    assert_eq!(faults("weekly = {}"), never("12:10"));
    assert_eq!(faults("dates = { 2026-12-24 = [] }"), never("11:1"));
    // It opens on some day, or what it says can't be read: which is said already.
    let fair = "dates = { 2026-12-24 = [\"09:00-13:00\"] }";
    assert_eq!(faults(fair), [""; 0]);
    assert_eq!(faults("weekly = { mon-fri = [900] }").len(), 1);
    // Nothing, or a day?
    let said = faults("weekly = { mon-fri = [\"09:00-09:00\"] }");
    let hint = "write `[]` for no time, and `00:00-24:00` for the whole day";
    let what = "`09:00-09:00` is no time at all, or a whole day";
    assert_eq!(said, [format!("playbook.toml:12:23: {what} ({hint})")]);
    for day in ["00:00-24:00", "00:00-00:00"] {
        let weekly = format!("weekly = {{ mon-fri = [\"{day}\"] }}");
        assert_eq!(faults(&weekly), [""; 0]);
    }
}
