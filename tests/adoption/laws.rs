//! What a changed playbook's laws do to leads that are there already.

use super::*;

/// The shop, where whoever is `served` was talked to.
fn lawful(law: &str) -> Arc<Playbook> {
    let stages = r#"
[pipeline.sales.stage]
new    = { to = ["served"] }
served = { to = ["new"] }
"#;
    let city = "[field.city]\ntype = \"text\"\n";
    with_template(&format!("{SHOP}{city}{stages}{law}"), HELLO)
}

fn mapped() -> Vec<StageMapping> {
    ["talking", "lost"]
        .map(|from| StageMapping::new(("sales", from), ("sales", "served")))
        .into()
}

#[test]
fn a_lead_that_is_mapped_into_a_stage_whose_law_it_breaks_stays_under_its_playbook() {
    let one = shop("");
    let entering = r#"
[law.talked]
entering = "served"
if       = 'was_in("served") and came_from == "new" and attempts.total > 0'
text     = "Talk first"
"#;
    let two = lawful(entering);
    block_on(async {
        let world = World::new();
        let engine = world.engine(&[&one]);
        let host = || Actor::host("test");
        let mut ids = Vec::new();
        for name in ["Luis", "Eva"] {
            let new = NewLead::new(name).email(format!("{name}@example.com"));
            let lead = engine.tenant(TENANT).register(new).by(host()).await;
            let id = lead.unwrap().id;
            let shop = engine.tenant(TENANT);
            shop.move_to(id, "talking").by(host()).await.unwrap();
            ids.push(id);
        }
        let shop = engine.tenant(TENANT);
        shop.tried(ids[0]).by(host()).await.unwrap();
        let engine = world.engine(&[&one, &two]);
        let stages = vec![mapped().remove(0)];
        engine
            .tenant(TENANT)
            .adopt(stages)
            .by(host())
            .await
            .unwrap();
        engine.tick().await.unwrap();
        let stage_of = |id: LeadId| {
            let leads = block_on(leads(&engine));
            let lead = leads.into_iter().find(|lead| lead.id == id).unwrap();
            (lead.playbook == two.hash, lead.stage)
        };
        assert_eq!(stage_of(ids[0]), (true, "served".into()));
        assert_eq!(stage_of(ids[1]), (false, "talking".into()));
        let sweep = world.sweep(world.tenant().await.sweep.unwrap()).await;
        assert_eq!(sweep.refused, 1);
    });
}

#[test]
fn a_lead_that_stays_where_a_new_law_is_broken_is_taken_over_and_told_of() {
    let one = shop("");
    let standing = r#"
[law.city]
stage  = "new"
if     = 'city is present'
text   = "The city"
broken = [{ send = "hello" }]
"#;
    let two = lawful(standing);
    block_on(async {
        let world = World::new();
        register(&world.engine(&[&one])).await;
        let engine = world.engine(&[&one, &two]);
        world.adopt(&engine).await;
        engine.tick().await.unwrap();
        let lead = leads(&engine).await.remove(0);
        assert_eq!(lead.playbook, two.hash);
        assert_eq!(world.messages(), 1);
    });
}
