//! Possible duplicates that are none: a person looks at two contacts, and says that they are two persons.

use super::*;

async fn distinguish(world: &World, one: &Lead, other: &Lead) -> Result<(), Error> {
    let asked = world.tenant().distinguish(one.contact.id, other.contact.id);
    asked.by(Actor::host("desk")).await
}

/// Who is distinct from a contact, or stands for who is.
pub(crate) async fn from(world: &World, id: ContactId) -> Vec<ContactId> {
    let mut distinct = contact(world, id).await.distinct;
    for id in &mut distinct {
        while let Some(into) = contact(world, *id).await.merged_into {
            *id = into;
        }
    }
    distinct
}

/// Says of a lead's contact that it is none of its possible duplicates.
pub(crate) async fn from_all_duplicates(world: &World, id: LeadId) {
    let mut one = lead(world, id).await.contact.id;
    while let Some(into) = contact(world, one).await.merged_into {
        one = into;
    }
    for other in world.tenant().duplicates(one).await.unwrap() {
        let asked = world.tenant().distinguish(one, other.contact.id);
        asked.by(Actor::host("desk")).await.unwrap();
    }
}

async fn duplicates(world: &World, of: &Lead) -> Vec<ContactId> {
    let found = world.tenant().duplicates(of.contact.id).await.unwrap();
    found.into_iter().map(|found| found.contact.id).collect()
}

fn at_one_number(name: &str) -> NewLead {
    named(name).phone("600 100 200")
}

#[test]
fn two_who_share_a_number_and_are_two_persons_are_told_no_more() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        assert!(lead(&world, a.id).await.contact.possible_duplicate);
        distinguish(&world, &b, &a).await.unwrap();
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, []);
            assert!(!lead(&world, one.id).await.contact.possible_duplicate);
            let told = world.tenant().explain(one.id).await.unwrap().to_string();
            let (b, a) = (b.contact.id, a.contact.id);
            let said = format!("the contacts {b} and {a} are two persons");
            assert!(told.contains(&said), "{told}");
        }
        // Not when one of them registers again, or has the number anew.
        let again = register(&world, at_one_number("bea")).await;
        assert!(!again.contact.possible_duplicate);
        correct_phone(&world, b.id, "600 300 400").await;
        correct_phone(&world, b.id, "600 100 200").await;
        assert_eq!(duplicates(&world, &b).await, []);
    });
}

#[test]
fn who_comes_by_their_number_is_a_possible_duplicate_of_both() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        let c = register(&world, at_one_number("carla")).await;
        // The others know of each other by the first: one of them is distinct from it, and not from the other.
        distinguish(&world, &a, &b).await.unwrap();
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
        let d = register(&world, at_one_number("dora")).await;
        let mut expected = vec![a.contact.id, b.contact.id];
        let mut found = duplicates(&world, &d).await;
        found.retain(|id| expected.contains(id));
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        // And when the first gives the number up, the others go on being told of who shares it.
        correct_phone(&world, a.id, "600 300 400").await;
        assert_eq!(duplicates(&world, &a).await, []);
        let e = register(&world, at_one_number("eva")).await;
        assert!(!duplicates(&world, &e).await.is_empty());
    });
}

#[test]
fn who_alone_shares_a_number_with_one_that_it_is_distinct_from_takes_it_over() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        distinguish(&world, &a, &b).await.unwrap();
        correct_phone(&world, a.id, "600 300 400").await;
        let c = register(&world, at_one_number("carla")).await;
        assert_eq!(duplicates(&world, &c).await, [b.contact.id]);
        let by_phone = register(&world, NewLead::new("bea").phone("600 100 200")).await;
        assert_eq!(by_phone.contact.id, b.contact.id);
    });
}

#[test]
fn who_is_distinct_from_one_is_distinct_from_who_that_one_is() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let c = register(&world, at_one_number("carla")).await;
        let b = register(&world, named("bea")).await;
        distinguish(&world, &a, &c).await.unwrap();
        merge(&world, &b, &a).await.unwrap();
        assert_eq!(duplicates(&world, &b).await, []);
        correct_phone(&world, c.id, "600 300 400").await;
        correct_phone(&world, c.id, "600 100 200").await;
        assert_eq!(duplicates(&world, &c).await, []);
        unmerge(&world, &a).await.unwrap();
        assert_eq!(contact(&world, b.contact.id).await.distinct, []);
        for one in [&a, &b, &c] {
            assert_eq!(duplicates(&world, one).await, []);
        }
    });
}

#[test]
fn who_is_distinct_from_one_knows_it_no_more_when_that_one_stands_for_a_duplicate() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        distinguish(&world, &a, &b).await.unwrap();
        let c = register(&world, at_one_number("carla")).await;
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
        merge(&world, &a, &c).await.unwrap();
        for one in [&a, &b] {
            assert_eq!(duplicates(&world, one).await, []);
            assert!(!lead(&world, one.id).await.contact.possible_duplicate);
        }
        unmerge(&world, &c).await.unwrap();
        assert_eq!(duplicates(&world, &a).await, [c.contact.id]);
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
        assert!(lead(&world, b.id).await.contact.possible_duplicate);
    });
}

#[test]
fn what_is_said_while_one_stands_for_both_is_said_of_both() {
    block_on(async {
        let world = world("");
        let b = register(&world, named("bea")).await;
        let a = register(&world, at_one_number("ana")).await;
        let c = register(&world, at_one_number("carla")).await;
        merge(&world, &b, &a).await.unwrap();
        distinguish(&world, &b, &c).await.unwrap();
        unmerge(&world, &a).await.unwrap();
        for one in [&a, &b, &c] {
            assert_eq!(duplicates(&world, one).await, []);
        }
        assert_eq!(from(&world, a.contact.id).await, [c.contact.id]);
    });
}

#[test]
fn two_who_were_held_for_two_persons_can_be_merged_and_are_two_again_when_parted() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        distinguish(&world, &a, &b).await.unwrap();
        let before = (
            contact(&world, a.contact.id).await,
            contact(&world, b.contact.id).await,
        );
        merge(&world, &a, &b).await.unwrap();
        assert_eq!(from(&world, a.contact.id).await, []);
        unmerge(&world, &b).await.unwrap();
        let after = (
            contact(&world, a.contact.id).await,
            contact(&world, b.contact.id).await,
        );
        assert_eq!(after, before);
    });
}

#[test]
fn that_two_are_two_is_refused_where_it_says_nothing_or_without_the_permission() {
    block_on(async {
        let world = world("[role.clerk]\nmay = [\"register\"]\n");
        let clerk = AgentSetup::new("eva").name("Eva").email("eva@example.com");
        let clerk = world.tenant().set_up(clerk.role("clerk"));
        clerk.by(Actor::host("desk")).await.unwrap();
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        let c = register(&world, named("carla")).await;
        assert_eq!(code(distinguish(&world, &a, &a).await), "same-contact");
        assert_eq!(code(distinguish(&world, &a, &c).await), "nothing-shared");
        let asked = world.tenant().distinguish(a.contact.id, b.contact.id);
        assert_eq!(code(asked.by("eva").await), "not-permitted");
        assert_eq!(duplicates(&world, &a).await, [b.contact.id]);
        distinguish(&world, &a, &b).await.unwrap();
        assert_eq!(code(distinguish(&world, &b, &a).await), "distinct-already");
        merge(&world, &a, &c).await.unwrap();
        assert_eq!(code(distinguish(&world, &c, &b).await), "merged");
    });
}

#[test]
fn a_number_that_sixty_four_persons_share_stops_nobody() {
    block_on(async {
        let world = world(BASE);
        let at_one_number = |name: &str| at_one_number(name).field("city", "Quito");
        let first = register(&world, at_one_number("ana")).await;
        let mut all = Vec::new();
        for n in 0..64 {
            let one = register(&world, at_one_number(&format!("person{n}"))).await;
            distinguish(&world, &first, &one).await.unwrap();
            all.push(one);
        }
        let last = register(&world, at_one_number("zoe")).await;
        let told = duplicates(&world, &last).await;
        assert_eq!(told.len(), Contact::MOST_DUPLICATES);
        assert!(told.contains(&first.contact.id));
        // No more persons can be told from the first one.
        let refused = distinguish(&world, &first, &last).await;
        assert_eq!(code(refused), "too-many");
        distinguish(&world, &last, &all[63]).await.unwrap();
        let told = duplicates(&world, &all[63]).await;
        assert!(!told.contains(&last.contact.id));
        // One of the others takes the number over, and they go on being told of each other.
        correct_phone(&world, first.id, "600 300 400").await;
        assert_eq!(duplicates(&world, &first).await, []);
        let by_number = NewLead::new("somebody").phone("600 100 200");
        let heir = register(&world, by_number.field("city", "Loja")).await;
        let mut others = all.iter().chain([&last]);
        assert!(others.any(|one| one.contact.id == heir.contact.id));
        for one in all.iter().chain([&last]) {
            assert!(!duplicates(&world, one).await.is_empty());
        }
    });
}

#[test]
fn who_was_forgotten_is_told_no_more_of_one_with_whom_it_shares_nothing() {
    block_on(async {
        let world = world(BASE);
        let at_one_number = |name: &str| at_one_number(name).field("city", "Quito");
        let first = register(&world, at_one_number("ana")).await;
        let second = register(&world, at_one_number("bea")).await;
        for n in 0..Contact::MOST_DUPLICATES {
            let other = register(&world, at_one_number(&format!("person{n}"))).await;
            distinguish(&world, &second, &other).await.unwrap();
        }
        let known = contact(&world, first.contact.id).await.duplicates;
        assert!(!known.contains(&second.contact.id));
        assert_eq!(duplicates(&world, &second).await, [first.contact.id]);
        correct_phone(&world, first.id, "600 300 400").await;
        assert_eq!(duplicates(&world, &second).await, []);
    });
}

#[test]
fn a_duplicate_of_who_is_distinct_is_none_once_it_is_merged_and_is_one_again_when_it_is_parted() {
    block_on(async {
        let world = world("");
        let c = register(&world, at_one_number("carla")).await;
        let b = register(&world, at_one_number("bea")).await;
        let a = register(&world, at_one_number("ana")).await;
        distinguish(&world, &a, &c).await.unwrap();
        distinguish(&world, &a, &b).await.unwrap();
        assert_eq!(duplicates(&world, &c).await, [b.contact.id]);
        merge(&world, &a, &b).await.unwrap();
        for one in [&a, &b, &c] {
            assert_eq!(duplicates(&world, one).await, []);
            assert!(!lead(&world, one.id).await.contact.possible_duplicate);
        }
        let refused = distinguish(&world, &a, &c).await;
        assert_eq!(code(refused), "distinct-already");
        unmerge(&world, &b).await.unwrap();
        for (one, other) in [(&b, &c), (&c, &b)] {
            assert_eq!(duplicates(&world, one).await, [other.contact.id]);
            assert!(lead(&world, one.id).await.contact.possible_duplicate);
        }
        assert_eq!(duplicates(&world, &a).await, []);
    });
}

#[test]
fn who_is_distinct_from_one_that_was_merged_is_no_duplicate_of_the_survivor_by_another() {
    block_on(async {
        let world = world("");
        let d = register(&world, at_one_number("dora")).await;
        let d1 = register(&world, at_one_number("diana")).await;
        let b = register(&world, at_one_number("bea")).await;
        let a = register(&world, at_one_number("ana")).await;
        distinguish(&world, &a, &d1).await.unwrap();
        distinguish(&world, &b, &d1).await.unwrap();
        merge(&world, &d, &d1).await.unwrap();
        merge(&world, &a, &b).await.unwrap();
        for one in [&a, &d] {
            assert_eq!(duplicates(&world, one).await, []);
            assert!(!lead(&world, one.id).await.contact.possible_duplicate);
        }
    });
}

#[test]
fn what_is_asked_of_a_merged_contact_is_told_of_who_stands_for_it() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        merge(&world, &a, &b).await.unwrap();
        assert_eq!(duplicates(&world, &b).await, []);
        let c = register(&world, at_one_number("carla")).await;
        assert_eq!(duplicates(&world, &b).await, [c.contact.id]);
    });
}

/// Nobody who shares a number with the heir of a claim is told of those who are distinct from it.
#[test]
fn who_takes_a_number_over_is_not_told_of_whom_it_is_distinct_from() {
    block_on(async {
        let world = world("");
        let a = register(&world, at_one_number("ana")).await;
        let b = register(&world, at_one_number("bea")).await;
        let c = register(&world, at_one_number("carla")).await;
        distinguish(&world, &b, &c).await.unwrap();
        correct_phone(&world, a.id, "600 300 400").await;
        for (one, other) in [(&b, &c), (&c, &b)] {
            let told = world.tenant().explain(one.id).await.unwrap().to_string();
            let said = format!("possibly the same person as contact {}", other.contact.id);
            assert!(!told.contains(&said), "{told}");
        }
    });
}
