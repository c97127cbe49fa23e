//! The paper of a quote (requirement M11), read back: what stands on it, over how many pages, always alike.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use std::process::Command;
use std::sync::Arc;

use leadkit::decide::command::{Actor, AgentSetup, NewLead, NewQuote, NewQuoteLine};
use leadkit::playbook::Playbook;
use leadkit::record::{Agent, Lead};
use leadkit::scenario::World;
use leadkit::store::MemoryStore;
use leadkit_pdf::{Fonts, PaperSize, PdfError, QuotePaper};
use pollster::block_on;

const PLAYBOOK: &str = "../../playbooks/field-and-digital-sales";

/// A quote that was made for a lead, and who made it.
struct Made {
    playbook: Playbook,
    lead: Lead,
    agent: Agent,
}

impl Made {
    fn new(name: &str, quote: NewQuote) -> Self {
        block_on(async {
            let playbook = || Playbook::load(PLAYBOOK).unwrap();
            let start = "2026-03-10T10:00:00-05:00".parse().unwrap();
            let store = Arc::new(MemoryStore::default());
            let world = World::new(playbook(), store, start).unwrap();
            let tenant = world.tenant();
            let host = || Actor::host("test");
            let ana = AgentSetup::new("ana").name("Ana Torres").role("advisor");
            let mut ana = ana.email("ana@minegocio.example").cities(["Quito"]);
            ana.phone = Some("+593 99 111 1111".into());
            tenant.set_up(ana).by(host()).await.unwrap();
            let new = NewLead::new(name).email("luis@example.com").owner("ana");
            let lead = tenant.register(new).by(host()).await.unwrap();
            let lead = tenant.make_quote(lead.id, quote).by("ana").await.unwrap();
            let agent = tenant.agent(&"ana".into()).await.unwrap().unwrap();
            let playbook = playbook();
            Self {
                playbook,
                lead,
                agent,
            }
        })
    }

    fn paper(&self) -> QuotePaper<'_> {
        let quote = self.lead.quote().unwrap();
        QuotePaper::new(&self.playbook, &self.lead, quote).made_by(&self.agent)
    }
}

fn short() -> Made {
    let terminal = NewQuoteLine::of_product("terminal").quantity(2.into());
    let install = NewQuoteLine::new(
        "Instalación en el local, con cableado, pruebas de cobro y una visita de seguimiento a los treinta días",
        "60.00 USD".parse().unwrap(),
    );
    let quote = NewQuote::default()
        .line(terminal.discount("10 %".parse().unwrap()))
        .line(NewQuoteLine::of_product("subscription"))
        .line(install.tax("iva"))
        .line(NewQuoteLine::new("Guía impresa", "12.50 USD".parse().unwrap()).tax("exempt"));
    Made::new("Luis Núñez de la Peña", quote)
}

fn long() -> Made {
    let mut quote = NewQuote::default();
    for number in 1..=60 {
        let text = format!("Módulo {number}: configuração e formação à distância");
        let line = NewQuoteLine::new(text, "1234.56 USD".parse().unwrap());
        quote = quote.line(line.quantity("1.5".parse().unwrap()).tax("iva"));
    }
    Made::new(
        "João Conceição",
        quote.terms("Línea de condiciones. ".repeat(150)),
    )
}

/// The text of a PDF, page by page; nothing where there is no program that reads one.
fn pages(name: &str, pdf: &[u8]) -> Option<Vec<String>> {
    let file = format!("{}/{name}.pdf", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, pdf).unwrap();
    let read = Command::new("pdftotext")
        .args(["-layout", &file, "-"])
        .output();
    let Ok(read) = read else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "there is no pdftotext"
        );
        eprintln!("skipped: there is no pdftotext (poppler-utils)");
        return None;
    };
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let text = String::from_utf8(read.stdout).unwrap();
    let pages = text.split('\u{C}').filter(|page| !page.trim().is_empty());
    Some(pages.map(ToOwned::to_owned).collect())
}

#[test]
fn everything_stands_on_the_paper_in_the_words_of_the_playbook() {
    let made = short();
    let pdf = made.paper().to_pdf().unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let Some(pages) = pages("short", &pdf) else {
        return;
    };
    assert_eq!(pages.len(), 1);
    let number = &made.lead.quote().unwrap().number;
    for said in [
        "Mi Negocio",
        "ventas@minegocio.example",
        "Cotización",
        number.as_str(),
        "Luis Núñez de la Peña",
        "luis@example.com",
        "10/03/2026",
        "25/03/2026",
        "Ana Torres",
        "+593 99 111 1111",
        "Terminal de cobro",
        "249,00",
        "10\u{A0}%",
        "448,20",
        "treinta días",
        "Subtotal",
        "700,70",
        "IVA 15\u{A0}% (688,20)",
        "103,23",
        "IVA tarifa cero 0\u{A0}%",
        "803,93 USD",
        "Condiciones",
        "Entrega en cinco días laborables",
        "Página 1 / 1",
    ] {
        let plain = |text: &str| text.replace('\u{A0}', " ");
        assert!(
            plain(&pages[0]).contains(&plain(said)),
            "{said} in:\n{}",
            pages[0]
        );
    }
}

#[test]
fn many_lines_go_over_pages_each_with_its_head() {
    let made = long();
    let pdf = made.paper().size(PaperSize::Letter).to_pdf().unwrap();
    let Some(pages) = pages("long", &pdf) else {
        return;
    };
    assert!(pages.len() > 2, "{} pages", pages.len());
    let all = pages.concat();
    for number in 1..=60 {
        assert!(
            all.contains(&format!("Módulo {number}: configuração e formação")),
            "{number}"
        );
    }
    for (page, number) in pages.iter().zip(1..) {
        let foot = format!("Página {number} / {}", pages.len());
        assert!(page.contains(&foot), "{foot} in:\n{page}");
        let has_lines = page.contains("Módulo");
        assert_eq!(page.contains("Precio unitario"), has_lines, "{page}");
    }
    assert!(all.contains("127.776,96 USD"), "{all}");
}

#[test]
fn wide_numbers_and_long_words_of_the_playbook_find_room() {
    let dear = "99000000000000.00 USD".parse().unwrap();
    let line = NewQuoteLine::new("Todo", dear)
        .tax("iva")
        .discount("12.5 %".parse().unwrap());
    let mut made = Made::new("Luis", NewQuote::default().line(line));
    let labels = &mut made.playbook.quoting.labels;
    labels.unit_price = "Precio por unidad, sin impuestos".into();
    labels.net = "Suma de todas las líneas antes de los impuestos que les tocan".into();
    let pdf = made.paper().to_pdf().unwrap();
    let Some(pages) = pages("wide", &pdf) else {
        return;
    };
    for said in [
        "99.000.000.000.000,00",
        "12,5",
        "86.625.000.000.000,00",
        "99.618.750.000.000,00 USD",
    ] {
        let alone = |word: &&str| {
            pages[0]
                .split(&[' ', '\n', '\u{A0}'][..])
                .any(|found| found == *word)
        };
        assert!(
            said.split(' ').all(|word| alone(&word)),
            "{said} in:\n{}",
            pages[0]
        );
    }
}

#[test]
fn the_same_quote_is_the_same_file() {
    let (one, other) = (short(), short());
    assert_eq!(
        one.paper().to_pdf().unwrap(),
        other.paper().to_pdf().unwrap()
    );
}

#[test]
fn no_box_stands_in_the_place_of_a_letter_and_bytes_that_are_no_font_are_refused() {
    let quote = || NewQuote::default().line(NewQuoteLine::of_product("terminal"));
    let made = Made::new("王小明", quote());
    let error = made.paper().to_pdf().unwrap_err();
    assert!(
        matches!(error, PdfError::NoSuchLetter { letter: '王' }),
        "{error}"
    );
    let made = Made::new("Luis", quote());
    let error = made
        .paper()
        .fonts(Fonts::new(*b"no font", *b"none"))
        .to_pdf();
    assert!(matches!(error, Err(PdfError::NotAFont)));
}

#[test]
fn texts_as_long_as_they_can_be_are_set() {
    let words = "palabra ".repeat(63);
    let (lines, word) = ("a\n".repeat(255), "x".repeat(512));
    let price = || "1.00 USD".parse().unwrap();
    let line = |text: &str| NewQuoteLine::new(text, price()).tax("iva");
    let quote = NewQuote::default()
        .line(line(&words))
        .line(line(&lines))
        .line(line(&word));
    let made = Made::new(&"Ana ".repeat(60), quote.terms("y".repeat(4096)));
    let pdf = made.paper().to_pdf().unwrap();
    let Some(pages) = pages("longest", &pdf) else {
        return;
    };
    let letters = |letter| pages.concat().matches(letter).count();
    assert!(letters('x') >= 512 && letters('y') >= 4096);
}
