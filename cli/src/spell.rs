//! The known name that was meant: told as a hint, or written a little differently.

use leadkit::hint::nearest;
use leadkit::ids::Name;

/// `did you mean ..?`, or what there is.
#[must_use]
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let known: Vec<&str> = known.into_iter().collect();
            match known.as_slice() {
                [] => "there are none".into(),
                some => format!("there are: {}", some.join(", ")),
            }
        }
    }
}

/// The known name that a text means: case, spaces, `-` and `_` do not matter. The text as it stands,
/// if it means none.
#[must_use]
pub fn as_known(text: &str, known: &mut dyn Iterator<Item = &Name>) -> Name {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| !matches!(c, ' ' | '-' | '_'));
        letters.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(text);
    let mut same = known.filter(|name| plain(name.as_str()) == wanted);
    match same.next() {
        Some(name) => name.clone(),
        None => Name::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn what_other_programs_call_otherwise_is_found_in_maps_as_in_playbooks() {
        assert_eq!(hint("timezone", ["path", "zone"]), "did you mean `zone`?");
        assert_eq!(hint("wheelbase", ["path"]), "there are: path");
    }
}
