//! The known name that was meant: written a little differently, or most likely ("did you mean").

use leadkit::ids::Name;

/// The known name that is nearest to `name`, if one is near enough: one slip of the pen for every
/// three letters.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let mut near: Option<(usize, &str)> = None;
    for candidate in known {
        let other = candidate.to_lowercase();
        let bound = (wanted.chars().count().max(other.chars().count()) / 3).max(1);
        let distance = strsim::osa_distance(&wanted, &other);
        let is_nearer = near.is_none_or(|(best, _)| distance < best);
        if distance <= bound && is_nearer {
            near = Some((distance, candidate));
        }
    }
    near.map(|(_, candidate)| candidate)
}

/// `; did you mean ..?`, or what there is.
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
