//! "Did you mean": the known name that is nearest to one that is not known.

/// The known name that was most likely meant by `name`, if any is near enough.
///
/// Near enough is one slip of the pen (a letter too many, too few, another, two swapped) for
/// every three letters of the longer name; upper and lower case do not count. Failing that, it
/// is the one known name of which `name` is the last part: `email` for `contact.email`.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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

#[cfg(test)]
mod tests {
    use super::nearest;

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
