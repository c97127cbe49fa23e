//! What templates can ask for, in one form for checking and for sending: what a template is tried on
//! is what it gets.

use minijinja::Value as Jinja;

use crate::value::{Number, ValueRef};

/// What a value is in a template.
pub(crate) fn shown(value: ValueRef<'_>) -> Jinja {
    match value {
        ValueRef::Bool(value) => Jinja::from(value),
        ValueRef::Number(number) => number_shown(number),
        other => Jinja::from(other.to_string()),
    }
}

/// A number to reckon with, which printed by itself is exactly what it was.
fn number_shown(number: Number) -> Jinja {
    if number.ten_thousandths() % 10_000 == 0 {
        return Jinja::from(number.whole());
    }
    let exact = number.to_string();
    // A fraction of more than fifteen digits is not always what its float prints. Then it stays a
    // text: reckoning with it fails and is seen, where a price that is a little off would not be.
    let float = exact.parse::<f64>().ok();
    match float.filter(|float| float.to_string() == exact) {
        Some(float) => Jinja::from(float),
        None => Jinja::from(exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_prints_exactly(count in -9_000_000_000_000_000_000..9_000_000_000_000_000_000_i64) {
            let number = Number::from_ten_thousandths(count);
            prop_assert_eq!(number_shown(number).to_string(), number.to_string());
        }

        #[test]
        fn what_cars_cost_can_be_reckoned_with(count in -1_000_000_000_000..1_000_000_000_000_i64) {
            let number = Number::from_ten_thousandths(count);
            prop_assert!(number_shown(number).is_number(), "{number}");
            prop_assert_eq!(number_shown(number).to_string(), number.to_string());
        }
    }
}
