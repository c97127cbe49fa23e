//! A playbook that is no TOML in places: quotes, keys and texts as people write them elsewhere. Each slip is
//! one fault, which says what to write, and all others are told beside it.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::{Playbook, slips};
use proptest::prelude::*;
use shop::folder;

/// All faults of the shop with these rules, as they are told.
fn told(rules: &str) -> Vec<String> {
    let faults = Playbook::read(&folder(rules, "")).unwrap_err().0;
    let told = faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{}; {hint}", fault.kind),
        None => fault.kind.to_string(),
    });
    told.collect()
}

fn each_is_told(slips: &[(&str, &str)]) {
    for (slip, wanted) in slips {
        assert_eq!(told(slip), [*wanted], "{slip}");
    }
}

fn rule(said: &str) -> String {
    format!("[[rule]]\nname = \"r\"\non = \"registered\"\n{said}\ndo = [{{ task = \"call\" }}]\n")
}

#[test]
fn a_text_with_quotes_in_it_is_told_in_those_that_it_needs() {
    let inside = |written: &str| format!("the quotes inside end this text; write `{written}`");
    let quito = inside("'city == \"Quito\"'");
    let need = |said: &str| format!("[need]\ntried = {{ if = {said}, text = \"Try\" }}\n");
    each_is_told(&[
        (&rule("if = \"city == \"Quito\"\""), &quito),
        (&rule("if = 'city == 'Quito''"), &quito),
        (&need("\"city == \"Quito\"\""), &quito),
        (
            &need("\"city in [\"Quito\", \"Loja\"]\""),
            &inside("'city in [\"Quito\", \"Loja\"]'"),
        ),
        ("[task.x]\ntext = 'It's time'\n", &inside("\"It's time\"")),
    ]);
    // Another slip on the line is told when this one is mended.
    each_is_told(&[(
        "[need]\ntried = { if = \"city == \"Quito\"\", text = Try }\n",
        &quito,
    )]);
    // What is meant is read: it has faults of its own.
    let two = told(&rule("if = \"cty == \"Quito\"\""));
    assert_eq!(two.len(), 2, "{two:?}");
    assert!(two[1].contains("there is no fact `cty`"), "{two:?}");
}

#[test]
fn a_comma_that_is_missing_in_a_list_or_table_is_one_fault() {
    let missing = |first: &str, second: &str| {
        format!("a comma is missing behind `{first}`; write `{first}, {second}`")
    };
    let choices = |said: &str| format!("[field.plan]\ntype = \"choice\"\nof = {said}\n");
    let need = |said: &str| format!("[need]\ntried = {{ {said} }}\n");
    let rule = |said: &str| rule("").replace("{ task = \"call\" }", said);
    let then_text = missing("'city == \"Quito\"'", "text");
    let then_action = missing("}", "{");
    each_is_told(&[
        (
            &choices("[\"oficina\" \"en línea\"]"),
            &missing("\"oficina\"", "\"en línea\""),
        ),
        (
            &choices("[\"oficina\"; \"en línea\"; \"feria\";]"),
            &missing("\"oficina\"", "\"en línea\""),
        ),
        (
            &choices("[\n  \"oficina\" \"en línea\",\n  \"feria\",\n]"),
            &missing("\"oficina\"", "\"en línea\""),
        ),
        (&need("if = 'city == \"Quito\"' text = \"Try\""), &then_text),
        (
            &need("if = 'city == \"Quito\"'; text = \"Try\""),
            &then_text,
        ),
        (
            &rule("{ task = \"call\" } { send = \"hello\" }"),
            &then_action,
        ),
        (
            &rule("{ task = \"call\" }{ send = \"hello\" }"),
            &then_action,
        ),
        (
            &rule("{ assign = \"all\", at-most = 3 not = \"earlier-owners\" }")
                .replace("[[rule]]", "[pool.all]\nmembers = 'available'\n\n[[rule]]"),
            &missing("3", "not"),
        ),
    ]);
    let lines = "[\n  \"oficina\", # in Quito\n  \"feria\"\n\n  \"en línea\",\n]";
    let above = "a comma is missing before `\"en línea\"`; write it behind the line above";
    each_is_told(&[(&choices(lines), above)]);
    let three = told(&choices("[\n  \"oficina\"\n  \"feria\"\n  \"en línea\"\n]"));
    assert_eq!(three.len(), 2, "each of them: {three:?}");
    assert_eq!(three[1], above);
    // What stands behind it is read.
    let two = told(&need("if = 'cty == \"Quito\"' text = \"Try\""));
    assert_eq!(two.len(), 2, "{two:?}");
    assert!(two[1].contains("there is no fact `cty`"), "{two:?}");
}

#[test]
fn a_quote_that_is_missing_before_other_texts_is_one_fault() {
    let behind = |text: &str| format!("the quote behind `{text}` is missing; write `\"{text}\"`");
    let before = |text: &str| format!("the quote before `{text}` is missing; write `\"{text}\"`");
    let choices = |said: &str| format!("[field.plan]\ntype = \"choice\"\nof = {said}\n");
    let rule = |said: &str| rule("").replace("{ task = \"call\" }", said);
    each_is_told(&[
        (
            "[role.boss]\nmay = [\"complete\", \"attach, \"set\"]\n",
            &behind("attach"),
        ),
        (
            &rule("{ send = \"hello, as = \"owner\" }"),
            &behind("hello"),
        ),
        (
            &rule("{ send = \"hello\", as = owner\", class = \"alert\" }"),
            &before("owner"),
        ),
        (
            &choices("[\"oficina\", feria\", \"en línea\"]"),
            &before("feria"),
        ),
        (&choices("[oficina\", \"en línea\"]"), &before("oficina")),
        (
            &choices("['oficina', 'feria, 'en línea']"),
            "the quote behind `feria` is missing; write `'feria'`",
        ),
        (
            &choices("[\"oficina, \"feria, \"en línea\"]"),
            &behind("oficina"),
        ),
        (
            &choices("[\"en línea, o por teléfono, \"feria\"]"),
            &behind("en línea, o por teléfono"),
        ),
        // At the end of a line it is plain where it goes.
        (
            &choices("[\"oficina\", \"feria]"),
            "this text is not closed; a quote is missing behind it",
        ),
        // What has quotes inside lacks none.
        (
            &choices("[\"Say \"hello\" to her\", \"feria\"]"),
            "the quotes inside end this text; write `'Say \"hello\" to her'`",
        ),
    ]);
}

#[test]
fn a_number_with_a_comma_is_told_alike_wherever_it_stands() {
    let point = |meant: &str| {
        let message = "nothing separates thousands here, and a point stands before a fraction";
        format!("{message}; write `{meant}`")
    };
    let fields = "[field.price]\ntype = \"number\"\n\n";
    let set = |to: &str| {
        let action = format!("{{ set = \"price\", to = {to} }}");
        format!(
            "{fields}{}",
            rule("").replace("{ task = \"call\" }", &action)
        )
    };
    for (said, meant) in [
        ("249,50", "249.50"),
        ("1.249,50", "1249.50"),
        ("1,249.50", "1249.50"),
        ("1.249,500", "1249.500"),
        ("1,249,500", "1249500"),
        ("-249,50", "-249.50"),
        ("0,125", "0.125"),
    ] {
        assert_eq!(told(&set(said)), [point(meant)], "{said}");
    }
    let two_ways = "this number reads in two ways; write `12500` or `12.5`";
    each_is_told(&[(&set("12,500"), two_ways)]);
    let scenario = |fields: &str| {
        let start = "name = \"s\"\nstart = \"2026-03-02T10:00:00+01:00\"\n";
        let step = format!("register = {{ name = \"Ana\", {fields} }}\n");
        format!("[[scenario]]\n{start}\n[[scenario.step]]\n{step}")
    };
    for (said, meant) in [
        ("fields = { price = 12,5 }", "12.5"),
        ("fields = { quantity = 2,5, price = 3 }", "2.5"),
        ("fields = { price = 249,50, by = \"otto\" }", "249.50"),
    ] {
        let text = scenario(said);
        let slips = slips(&text, &["scenario", "scenario.step"]);
        let told = slips.iter().map(|slip| slip.hint.as_deref().unwrap());
        let told: Vec<&str> = told.collect();
        assert_eq!(told, [format!("write `{meant}`")], "{said}");
        let faults = leadkit::scenario::read(&folder("", &text)).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{said}: {faults:#?}");
    }
}

#[test]
fn quotes_of_a_word_processor_are_told_as_ours() {
    let opens = |quote: char, written: &str| format!("`{quote}` opens no text; write `{written}`");
    let call = |text: &str| format!("[task.x]\ntext = {text}\n");
    each_is_told(&[
        (&call("“Call”"), &opens('“', "\"Call\"")),
        (&call("‘Call’"), &opens('‘', "\"Call\"")),
        (&call("«Call»"), &opens('«', "\"Call\"")),
        (&call("“L’agence”"), &opens('“', "\"L’agence\"")),
        (
            &call("\"Call”"),
            "this text is not closed with the quote that opens it; write `\"Call\"`",
        ),
        (
            &rule("if = “city == “Quito””"),
            &opens('“', "'city == \"Quito\"'"),
        ),
        (
            &rule("if = 'city == “Quito”'"),
            "in the condition: `“Quito”` is not part of the language; did you mean `\"Quito\"`?",
        ),
        (
            "[calendar.c]\nweekly = { mon = [“09:00-13:00”, “14:00-17:00”] }\n",
            &opens('“', "\"09:00-13:00\""),
        ),
    ]);
    // Inside of a text they are nobody's business.
    shop::read(&folder(&call("\"The “best” one, 'you' say\""), ""));
}

#[test]
fn a_name_that_is_none_is_one_fault_however_often_it_is_spoken_of() {
    let stage = |name: &str| {
        let hint = "small letters, digits and - or _: `negociacion`";
        format!("`{name}` is no name for a stage; {hint}")
    };
    for (name, way, spoken_of) in [
        ("Negociación", "Negociación", "Negociación"),
        ("Negociación", "negociacion", "negociacion"),
        ("Negociacion", "Negociación", "negociacion"),
        ("\"Negociación\"", "\"Negociación\"", "Negociación"),
    ] {
        let mut folder = folder(
            "[[rule]]\nname = \"r\"\non = \"entered talking\"\nif = 'city == \"x\" and was_in(\"talking\")'\n\
             do = [{ task = \"call\" }]\n",
            "",
        );
        folder.playbook = folder
            .playbook
            .replace("talking = {", &format!("{name} = {{"))
            .replace("talking = []", &format!("{way} = []"))
            .replace("entered talking", &format!("entered {spoken_of}"))
            .replace("\"talking\"", &format!("\"{spoken_of}\""));
        let faults = Playbook::read(&folder).unwrap_err().0;
        let told = faults.iter().map(|fault| {
            let hint = fault.hint.as_deref().unwrap_or_default();
            (
                format!("{}; {hint}", fault.kind),
                &folder.playbook[fault.span.clone()],
            )
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told, [(stage(name.trim_matches('"')), name)], "{spoken_of}");
    }
}

#[test]
fn every_sort_of_name_that_is_none_is_one_fault() {
    let told_as = |name: &str, sort: &str, meant: &str| {
        format!("`{name}` is no name for {sort}; small letters, digits and - or _: `{meant}`")
    };
    each_is_told(&[
        (
            "[task.close negotiation]\ntext = \"Close\"\n\n[[rule]]\nname = \"r\"\non = \"registered\"\n\
             do = [{ task = \"close-negotiation\" }]\n",
            &told_as("close negotiation", "task", "close-negotiation"),
        ),
        (
            "[source]\nredes sociales = { kind = \"digital\" }\n\n[[route]]\nif = 'source == \"redes-sociales\"'\n\
             to = \"new\"\n\n[[route]]\nto = \"talking\"\n",
            &told_as("redes sociales", "source", "redes-sociales"),
        ),
        (
            "[role.Gerente]\nmay = [\"*\"]\n\n[pool.all]\nmembers = 'role == \"gerente\"'\n",
            &told_as("Gerente", "role", "gerente"),
        ),
        (
            &format!(
                "[field.año]\ntype = \"number\"\n\n{}",
                rule("if = 'ano > 3'")
            ),
            &told_as("año", "field", "ano"),
        ),
    ]);
}

#[test]
fn a_day_in_another_language_is_told_as_ours() {
    for (day, meant) in [
        ("sábado", "sat"),
        ("miércoles", "wed"),
        ("terça", "tue"),
        ("lunes-viernes", "mon-fri"),
        ("domingo", "sun"),
        ("quarta-feira", "wed"),
        ("lunes a viernes", "mon-fri"),
        ("segunda-feira a sexta-feira", "mon-fri"),
        ("sábado y domingo", "sat,sun"),
    ] {
        let hours = format!("[calendar.c]\nweekly = {{ {day} = [\"09:00-13:00\"] }}\n");
        let wanted =
            format!("`{day}` is not a day; write mon, mon-fri or mon,wed; did you mean `{meant}`?");
        assert_eq!(told(&hours), [wanted]);
    }
}

#[test]
fn what_lacks_its_quotes_or_has_another_sign_is_told_as_it_is_written() {
    let task = |said: &str| format!("[task.x]\n{said}\n");
    let no_quotes = "this is a text, and stands in quotes";
    each_is_told(&[
        (
            &task("text = Call"),
            &format!("{no_quotes}; write `\"Call\"`"),
        ),
        (
            &task("text = {phone}"),
            &format!("{no_quotes}; write `\"{{phone}}\"`"),
        ),
        (
            "[need]\ntried = { if = ‘city == \"x\"’, text = {city} }\n",
            &format!("{no_quotes}; write `\"{{city}}\"`"),
        ),
        (
            &rule("after = 3 days"),
            &format!("{no_quotes}; write `\"3 days\"`"),
        ),
        (
            &task("text = talking"),
            &format!("{no_quotes}; write `\"talking\"`"),
        ),
        (
            &task("text = \"X\"\noutlives-lead = yes"),
            "this is neither true nor false; write `true`; a text stands in quotes",
        ),
        (
            &task("text ="),
            "nothing is said here; write a value behind `=`",
        ),
        (
            "[need]\ntried = if = 'city == \"x\"', text = \"Try\" }\n",
            "what is said of something stands in braces; write `{` before it, and `}` behind the last of them",
        ),
        (
            &rule("").replace(
                "{ task = \"call\" }",
                "{ set = \"birthday\", to = 2026-3-5 }",
            ),
            "this is no day or time as TOML writes it; write `2026-03-05`",
        ),
        (
            &task("text : \"Call\""),
            "a key and its value have `=` between them; write `text = \"Call\"`",
        ),
        (
            &task("text = \"See C:\\crm\""),
            "a backslash begins a sign of its own in these quotes; write `'See C:\\crm'`",
        ),
        (
            "[pool.p]\nmembers = 'available'\ncapacity = 1,000\n",
            "this number reads in two ways; write `1000` or `1.0`",
        ),
        (
            "[organisation]\n",
            "duplicate key; it is said in line 7 already: leave one of the two",
        ),
    ]);
}

#[test]
fn a_list_in_single_brackets_is_told_once() {
    let rule = "[rule]\nname = \"NAME\"\non = \"registered\"\ndo = [{ task = \"call\" }]\n\n";
    let rules: String = ["a", "b", "c"]
        .map(|name| rule.replace("NAME", name))
        .concat();
    let double =
        "this is one of several, and stands in double brackets; write `[[rule]]`, each time";
    assert_eq!(told(&rules), [double]);
}

#[test]
fn slips_of_other_files_than_playbooks_are_told_alike() {
    let text = "[file]\npath = \"a.csv\"\n\n[file]\npath = \"C:\\crm\\leads.csv\"\nby = {phone}\n";
    let told = slips(text, &["file"]);
    let told: Vec<_> = told
        .iter()
        .map(|slip| (&text[..slip.at.start], slip.hint.as_deref().unwrap()))
        .map(|(before, hint)| (before.matches('\n').count() + 1, hint))
        .collect();
    let wanted = [
        (1, "write `[[file]]`, each time"),
        (5, "write `'C:\\crm\\leads.csv'`"),
        (6, "write `\"{phone}\"`"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(slips("[[file]]\npath = 'C:\\crm'\n", &["file"]), []);
}

/// Many texts of which the last is not closed can be paired in more ways than anybody waits for.
#[test]
fn a_line_of_many_texts_is_told_at_once() {
    let texts = "\"a\", ".repeat(300);
    let line = format!("of = [{texts}\"b]\n");
    assert_eq!(slips(&line, &[]).len(), 1);
    let odd = format!("of = [{texts}\"b\" c \"d\", \"e]\n");
    assert_eq!(slips(&odd, &[]).len(), 1);
}

#[test]
fn lines_may_end_as_windows_ends_them() {
    let text = "[task.close deal]\r\ntext = “Close”\r\nif = \"city == \"Quito\"\"\r\npath = \"C:\\crm\"\r\nlast = \"x\r\n";
    let hints = slips(text, &[]);
    let hints: Vec<_> = hints
        .iter()
        .map(|slip| slip.hint.as_deref().unwrap())
        .collect();
    let wanted = [
        "small letters, digits and - or _: `close-deal`",
        "write `\"Close\"`",
        "write `'city == \"Quito\"'`",
        "write `'C:\\crm'`",
        "a quote is missing behind it",
    ];
    assert_eq!(hints, wanted);
}

proptest! {
    /// Whatever is written, reading it ends, and what is no TOML is told at a place of it.
    #[test]
    fn no_text_is_too_odd_to_be_told_of(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "[[", "{", "}", "=", "==", ":", ",", ".", "#", "\n", " ", "\"", "'", "“", "”", "’", "«",
                "\\", ";", "2,5", "rule", "sábado", "a b", "12.000", "0991", "2026-02-30", "25:00", "{phone}", "é", "\"\"\"",
            ]),
            0..40,
        )
    ) {
        let text = words.concat();
        let told = slips(&text, &["rule"]);
        for slip in &told {
            prop_assert!(text.get(slip.at.clone()).is_some(), "{text:?}: {slip:?}");
        }
        let is_toml = text.parse::<toml::Table>().is_ok();
        prop_assert_eq!(told.is_empty(), is_toml, "{:?}: {:?}", text, told);
    }
}
