//! A host that gives its customers a quote as PDF: `playbooks/field-and-digital-sales` (requirement M11).
//!
//! `cargo run -p leadkit-pdf --example quote_on_paper [FOLDER]`
//!
//! To be copied: a store that keeps things in the place of the `MemoryStore`. Nothing keeps the paper: it can be
//! made again at any time, from the quote, and is the same to the byte.

use std::error::Error;
use std::path::{Path, PathBuf};

use leadkit::decide::command::{Actor, AgentSetup, NewLead, NewQuote, NewQuoteLine};
use leadkit::engine::Engine;
use leadkit::ids::AgentId;
use leadkit::mailer::MemoryMailer;
use leadkit::playbook::Playbook;
use leadkit::store::MemoryStore;
use leadkit_pdf::QuotePaper;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    let path = pollster::block_on(quote(&folder))?;
    println!("{}", path.display());
    Ok(())
}

/// Makes a quote for a lead, and its paper in this folder; tells where that lies.
async fn quote(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let engine = Engine::builder(MemoryStore::default())
        .playbook("quito", Playbook::load(PLAYBOOK)?)
        .mailer("email", MemoryMailer::default())
        .build()?;
    let quito = engine.tenant("quito");
    let ana = AgentSetup::new("ana").name("Ana Torres").role("advisor");
    let ana = ana.email("ana@minegocio.example").cities(["Quito"]);
    quito.set_up(ana).by(Actor::host("crm")).await?;

    // What ana offers: what the playbook sells, at its prices, the training at half of it.
    let luis = NewLead::new("Luis Vera").source("call");
    let lead = quito.register(luis).by("ana").await?;
    let training = NewQuoteLine::of_product("training").discount("50 %".parse()?);
    let offer = NewQuote::default()
        .line(NewQuoteLine::of_product("terminal").quantity(2.into()))
        .line(training);
    let lead = quito.make_quote(lead.id, offer).by("ana").await?;

    // The paper is the playbook's: its labels, its way of writing amounts, its terms.
    let playbook = Playbook::load(PLAYBOOK)?;
    let quote = lead.quote().ok_or("it was made")?;
    let ana = quito.agent(&AgentId::from("ana")).await?;
    let paper = QuotePaper::new(&playbook, &lead, quote);
    let paper = match &ana {
        Some(ana) => paper.made_by(ana),
        None => paper,
    };
    let path = folder.join(format!("{}.pdf", quote.number));
    std::fs::write(&path, paper.to_pdf()?)?;
    Ok(path)
}

const PLAYBOOK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../playbooks/field-and-digital-sales"
);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is a test")]
mod tests {
    #[test]
    fn the_paper_is_a_pdf_and_is_named_like_the_quote() {
        let folder = std::env::temp_dir().join(format!("quote-on-paper-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = pollster::block_on(super::quote(&folder)).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"%PDF"));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("COT-") && name.ends_with("-1.pdf"),
            "{name}"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
