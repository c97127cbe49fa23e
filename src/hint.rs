//! "Did you mean": the known name that is nearest to one that is not known. For whoever tells people of
//! names, so that all of leadkit guesses alike.

/// The known name that was most likely meant by `name`, if any is near enough.
///
/// First one that other programs call so: `sent` for `mailed`, `status` for `stage`.
///
/// Near enough is one slip of the pen (a letter too many, too few, another, two swapped) for
/// every three letters of the longer name; upper and lower case do not count. Failing that, it
/// is the one known name of which `name` is the last part: `email` for `contact.email`.
///
/// ```
/// use leadkit::hint::nearest;
/// assert_eq!(nearest("no-anwser", ["new", "no-answer"]), Some("no-answer"));
/// assert_eq!(nearest("wheelbase", ["new", "no-answer"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(same) = synonym(name, &known) {
        return Some(same);
    }
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let mut near: Option<(usize, &str)> = None;
    let mut ending: Option<&str> = None;
    let mut endings = 0;
    for candidate in known {
        let other = candidate.to_lowercase();
        let other_length = other.chars().count();
        let bound = (length.max(other_length) / 3).max(1);
        if length.abs_diff(other_length) <= bound {
            let distance = strsim::osa_distance(&wanted, &other);
            if distance <= bound && near.is_none_or(|(best, _)| distance < best) {
                near = Some((distance, candidate));
            }
        }
        if other
            .strip_suffix(&*wanted)
            .is_some_and(|rest| rest.ends_with('.'))
        {
            ending = Some(candidate);
            endings += 1;
        }
    }
    match near {
        Some((_, candidate)) => Some(candidate),
        None => ending.filter(|_| endings == 1),
    }
}

/// The day of `31/12/2026`, as most of the world writes it; nothing, where it could be another day too.
pub(crate) fn day_meant(text: &str) -> Option<chrono::NaiveDate> {
    let parts = text.split(['/', '.', '-']).map(|part| part.parse().ok());
    let parts: Vec<u32> = parts.collect::<Option<_>>()?;
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if *year > 999 => (year, month, day),
        // A year of two digits could be of any century.
        [day, month, year] if *day > 12 && *year > 999 => (year, month, day),
        [month, day, year] if *day > 12 && *year > 999 => (year, month, day),
        _ => return None,
    };
    chrono::NaiveDate::from_ymd_opt(i32::try_from(*year).ok()?, *month, *day)
}

/// What is called otherwise elsewhere, and its names here, of which the first that is known counts.
const SYNONYMS: &[(&[&str], &[&str])] = &[
    (
        &["sent", "mail", "mails", "email-sent", "messages"],
        &["mailed", "accepted"],
    ),
    (
        &["alerted", "told", "notifications", "notify"],
        &["notified"],
    ),
    (&["error", "refusal", "denied", "rejected"], &["refused"]),
    (
        &[
            "status", "state", "phase", "step", "etapa", "fase", "estado",
        ],
        &["stage"],
    ),
    (
        &[
            "agent",
            "seller",
            "advisor",
            "salesperson",
            "assignee",
            "assigned-to",
        ],
        &["owner", "for"],
    ),
    (&["who"], &["for", "by"]),
    (&["title", "caption", "display-name"], &["label"]),
    (&["description", "message"], &["text"]),
    (&["deadline", "due", "due-in", "timeout"], &["within"]),
    (&["actions", "action", "then"], &["do"]),
    (&["trigger", "event", "start-on"], &["on"]),
    (&["condition", "where", "only-if"], &["if"]),
    (&["timezone", "time-zone", "tz"], &["zone"]),
    (&["language", "lang"], &["locale"]),
    (&["repeat", "interval", "period"], &["every"]),
    (
        &["max", "maximum", "limit", "times"],
        &["at-most", "most", "capacity"],
    ),
    (&["min", "minimum"], &["least"]),
    (&["delay", "wait-for"], &["after"]),
    (&["outcome", "end", "ends"], &["final"]),
    (&["next", "transitions", "goes-to"], &["to"]),
    (&["values", "options", "enum", "choices"], &["of"]),
    (&["mandatory", "obligatory"], &["required"]),
    (&["permissions", "can", "rights"], &["may"]),
    (&["hours", "week", "days"], &["weekly"]),
    (&["string", "str", "varchar"], &["text"]),
    (&["pick", "enum", "select", "list"], &["choice"]),
    (
        &[
            "tax-id", "tax_id", "tax", "vat", "ruc", "rfc", "cnpj", "cpf", "nif",
        ],
        &["tax-number"],
    ),
    (&["ruc", "ecuador"], &["EC"]),
    (&["cedula", "cédula"], &["EC-CEDULA"]),
    (&["rfc", "mexico", "méxico"], &["MX"]),
    (&["brazil", "brasil"], &["BR"]),
    (&["cnpj"], &["BR-CNPJ"]),
    (&["cpf"], &["BR-CPF"]),
    (&["nif", "spain", "españa"], &["ES"]),
    (&["dni"], &["ES-DNI"]),
    (&["nie"], &["ES-NIE"]),
    (&["cif"], &["ES-CIF"]),
    (&["boolean", "flag"], &["bool"]),
    (
        &["integer", "int", "float", "decimal", "money"],
        &["number"],
    ),
    (&["datetime", "timestamp", "time"], &["instant"]),
    (
        &["created", "created_at", "created-at"],
        &["registered", "registered_at"],
    ),
    (
        &["last_contact", "last_activity", "updated_at"],
        &["touched_at"],
    ),
    (&["contacted", "called"], &["attempted", "tried", "reached"]),
    (
        &["contactado", "contatado", "atendido"],
        &["reached", "contacted"],
    ),
    (&["respondido", "contestado"], &["answered"]),
    (&["nuevo", "novo"], &["new"]),
    (
        &["presupuesto", "orçamento", "orcamento"],
        &["budget", "quote"],
    ),
    (&["replied", "responded"], &["answered"]),
    (
        &["nombre", "nombres", "nome", "full-name", "full_name"],
        &["name"],
    ),
    (
        &["mail", "correo", "e-mail", "email-address", "email_address"],
        &["email"],
    ),
    (
        &[
            "telefono",
            "teléfono",
            "telefone",
            "celular",
            "mobile",
            "tel",
        ],
        &["phone"],
    ),
    (&["origen", "origem", "fuente", "origin"], &["source"]),
    (&["vendedor", "asesor", "consultor"], &["owner"]),
    (&["ciudad", "cidade"], &["city"]),
];

/// The known name of what is called `name` elsewhere.
fn synonym<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let rows = SYNONYMS
        .iter()
        .filter(|(others, _)| others.contains(&&*name));
    let mut ours = rows.flat_map(|(_, ours)| *ours);
    ours.find_map(|one| known.iter().find(|known| *known == one).copied())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_other_programs_call_otherwise_is_found_if_it_is_there() {
        let expected = ["silent", "mailed", "notified", "stage"];
        assert_eq!(nearest("sent", expected), Some("mailed"));
        assert_eq!(nearest("status", expected), Some("stage"));
        assert_eq!(nearest("sent", ["silent"]), Some("silent"));
        assert_eq!(nearest("pick", ["text", "choice"]), Some("choice"));
    }

    const KNOWN: [&str; 5] = [
        "product",
        "contact.email",
        "contact.phone",
        "owner",
        "agent.phone",
    ];

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        for (slip, meant) in [
            ("prodct", "product"),
            ("Product", "product"),
            ("contact.emial", "contact.email"),
            ("ownr", "owner"),
        ] {
            assert_eq!(nearest(slip, KNOWN), Some(meant));
        }
    }

    #[test]
    fn the_last_part_of_a_name_finds_it_unless_two_names_share_it() {
        assert_eq!(nearest("email", KNOWN), Some("contact.email"));
        assert_eq!(nearest("phone", KNOWN), None);
    }

    #[test]
    fn what_is_far_from_every_name_gets_no_hint() {
        assert_eq!(nearest("wheelbase", KNOWN), None);
        assert_eq!(nearest("", KNOWN), None);
        assert_eq!(nearest("x", []), None);
    }
}
