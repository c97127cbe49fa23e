//! What is wrong with a template is found when the playbook is read, and not by the customer whose
//! message never goes.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

mod shop;

use leadkit::playbook::Playbook;
use leadkit::playbook::load::Folder;
use shop::{folder, play, read};

/// The shop with this as its template `hello`.
fn shop_with(template: &str) -> Folder {
    let mut folder = folder("", "");
    folder.templates[0].1 = template.into();
    folder
}

/// The only fault of a template: its place, what it is, and how to mend it.
fn fault_of(template: &str) -> String {
    let faults = Playbook::read(&shop_with(template)).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{template}: {faults:#?}");
    faults[0].to_string()
}

fn fault_of_body(body: &str) -> String {
    let whole = fault_of(&format!("Subject: Hello\n\nDear customer,\n{body}\n"));
    let place = "templates/hello.txt:4:";
    let told = whole.strip_prefix(place);
    told.unwrap_or_else(|| panic!("{body} is on line 4: {whole}"))
        .into()
}

#[test]
fn what_a_template_can_never_do_is_a_fault_with_its_place() {
    let never = [
        (
            "Hi {{ city|uper }}",
            "12: there is no filter `uper` (did you mean `upper`?)",
        ),
        (
            "{% if city is blank %}Hi{% endif %}",
            "15: there is no test `blank` (known: defined, divisibleby, endingwith, even, in, none, \
             number, odd, startingwith, string, undefined)",
        ),
        (
            "It is {{ now() }}",
            "10: there is no function `now` (known: dict, namespace, range)",
        ),
        (
            "{% include 'hello.txt' %}",
            "4: the template can't be read: `include` speaks of another template, and each stands by \
             itself (write here what the other one says)",
        ),
        (
            "{% from 'hello.txt' import x %}",
            "4: the template can't be read: `from` speaks of another template, and each stands by \
             itself (write here what the other one says)",
        ),
        (
            "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
            "23: the template can't be rendered: it calls itself, or goes deeper, without end",
        ),
        (
            "{{ 1//0 }}",
            "4: the template can't be rendered: unable to calculate 1 // 0",
        ),
        (
            "{% for i in range(999) %}{% for j in range(999) %}{% endfor %}{% endfor %}",
            "1: the template can't be rendered: it takes more work than a message can (a loop that \
             goes on for too long)",
        ),
        (
            "Hi {{ contact.name",
            "4: the template can't be read: `{{` is not closed (close it with `}}`)",
        ),
    ];
    for (body, told) in never {
        assert_eq!(fault_of_body(body), told, "{body}");
    }
    // It is the whole text that is too long.
    assert_eq!(
        fault_of("Subject: Hello\n\nDear customer,\n{{ 'x' * 2000000 }}\n"),
        "templates/hello.txt:3:1: the template can't be rendered: the text is longer than a message \
         can be"
    );
}

/// What follows a half-closed tag was never meant for it, and is not what is wrong.
#[test]
fn a_tag_that_lacks_a_brace_is_told_as_that() {
    for (body, told) in [
        (
            "¿Qué tal la prueba del {{ city }?",
            "32: `}}` is missing behind `city` (write `}}` for `}`)",
        ),
        (
            "¡Hola {{ contact.name }! ¿Qué tal en {{ city }}?",
            "23: `}}` is missing behind `contact.name` (write `}}` for `}`)",
        ),
        (
            "{% if city }Hi{% endif %}",
            "12: `%}` is missing behind `city` (write `%}` for `}`)",
        ),
    ] {
        let (place, why) = told.split_once(": ").unwrap();
        let wanted = format!("{place}: the template can't be read: {why}");
        assert_eq!(fault_of_body(body), wanted, "{body}");
    }
}

/// What the template engine says of tokens nobody understands who writes mails.
#[test]
fn a_template_that_can_not_be_read_is_told_in_the_words_of_who_writes_it() {
    let slips = [
        (
            "{% if city %}Hi",
            "4: `if` is not closed (close it with `{% endif %}`)",
        ),
        (
            "Hi{% endif %}",
            "6: `endif` belongs to no `if` (open it with `{% if .. %}`, or leave it out)",
        ),
        (
            "{% for c in city %}x{% endif %}",
            "24: `endif` stands where `for` is to be closed (write `{% endfor %}`)",
        ),
        (
            "{% if city %}a{% else if owner.name %}b{% endif %}",
            "18: `else` means nothing (write `{% elif .. %}` for `else if`)",
        ),
        (
            "{% if city = 'Quito' %}x{% endif %}",
            "12: `=` means nothing (write `==`)",
        ),
        (
            "{% if city == \"Quito %}x{% endif %}",
            "15: a text is not closed (close it with `\"`)",
        ),
        (
            "{% if city == “Quito” %}x{% endif %}",
            "15: `“` is no quote here (write `\"`)",
        ),
        (
            "{% if city && delivery %}x{% endif %}",
            "12: `&&` means nothing (write `and`)",
        ),
        (
            "{% if !city %}x{% endif %}",
            "7: `!` means nothing (write `not`)",
        ),
        (
            "{{ city|default('x' }}",
            "16: `(` is not closed (close it with `)`)",
        ),
        (
            "{{ city and {{ city }}",
            "1: `{{` is not closed (close it with `}}`)",
        ),
        (
            "{{ city }",
            "9: `}}` is missing behind `city` (write `}}` for `}`)",
        ),
        (
            "{{ }}",
            "1: it says nothing (say what is to be shown, or leave it out)",
        ),
        (
            "{{ if city }}x{{ endif }}",
            "4: `if` is a statement, and shows nothing (write `{% if .. %}`)",
        ),
        (
            "{# a note",
            "1: a comment is not closed (close it with `#}`)",
        ),
        (
            "{% raw %}{{",
            "4: `raw` is not closed (close it with `{% endraw %}`)",
        ),
        // Whatever else it is, it is told without the engine's words.
        (
            "{{ contact name }}",
            "12: a name stands where `}}` is expected",
        ),
        ("{% if %}x{% endif %}", "7: `%}` can't stand here"),
    ];
    for (body, told) in slips {
        let (column, why) = told.split_once(": ").unwrap();
        let wanted = format!("{column}: the template can't be read: {why}");
        assert_eq!(fault_of_body(body), wanted, "{body}");
    }
    for (body, told) in [
        (
            "{% iff city %}x{% endif %}",
            "there is no statement `iff` (did you mean `if`?)",
        ),
        (
            "{{ upper(city) }}",
            "there is no function `upper` (it is a filter: write `.. | upper`)",
        ),
        (
            "{{ city.upper() }}",
            "the template asks for `city.upper`, which no lead has (`upper` is a filter: write `city \
             | upper`)",
        ),
    ] {
        let fault = fault_of_body(body);
        assert!(fault.ends_with(told), "{body}: {fault}");
    }
}

/// What looks like a slip, and is none, is let pass.
#[test]
fn what_a_template_can_say_is_no_slip() {
    let fine = "Subject: a {{ city or 'b' }}\n\n{% if city != 'x' and (city == 'a' or not owner.name) %}\
        {{ city|default('&& ? “x” {%') }}{% elif city %}{% set x = 3 %}{{ x }}{% else %}{% for c in city %}\
        {{ c }}{% else %}no{% endfor %}{% endif %}{% raw %}{{ && {% endraw %}{# {{ #}";
    read(&shop_with(fine));
}

/// The faults of a shop with these rules and this as the text of its template, as they are told.
fn faults_with(rules: &str, body: &str) -> Vec<String> {
    let mut folder = folder(rules, "");
    folder.templates[0].1 = format!("Subject: Hello\n\n{body}\n");
    let faults = Playbook::read(&folder).err().map(|faults| faults.0);
    let faults = faults.into_iter().flatten();
    faults.map(|fault| fault.to_string()).collect()
}

/// The same, where this is done with the template.
fn faults_when(action: &str, body: &str) -> Vec<String> {
    let rule = format!("[[rule]]\nname = \"r\"\non = \"registered\"\ndo = [{action}]\n");
    faults_with(&rule, body)
}

const TO_CONTACT: &str = "{ send = \"hello\" }";
const TO_AGENT: &str = "{ notify = \"owner\", template = \"hello\" }";

#[test]
fn what_would_be_empty_whoever_reads_it_is_a_fault() {
    assert_eq!(
        faults_with("", "{{ appointment.day }}"),
        [
            "templates/hello.txt:3:4: no lead of this playbook has appointments, and \
             `appointment.day` would be empty (say with `[appointment.NAME]` which there are, or \
             leave it out)"
        ]
    );
    assert_eq!(
        faults_with("[appointment.visit]\n", "{{ appointment.day }}"),
        [""; 0]
    );
    let recipient = "{{ recipient.name }}";
    assert_eq!(
        faults_when(TO_CONTACT, recipient),
        [
            "templates/hello.txt:3:4: only the contact gets this message, and `recipient.name` would \
             be empty (`recipient` is an agent; who gets it is `contact`, as in `{{ contact.name }}`)"
        ]
    );
    assert_eq!(faults_when(TO_AGENT, recipient), [""; 0]);
    let both = format!("{TO_CONTACT}, {TO_AGENT}");
    assert_eq!(
        faults_when(&both, recipient),
        [
            "templates/hello.txt:3:4: the contact gets this message too, and `recipient.name` would be \
             empty (`recipient` is an agent: ask first, as in `{% if recipient.name %}..{% endif %}`, or \
             write a template for each)"
        ]
    );
    let asked_first = "{% if recipient.name %}{{ recipient.name }}{% else %}Hi{% endif %}";
    assert_eq!(faults_when(&both, asked_first), [""; 0]);
}

/// Templates write days as people of that language do, and compare what they would write.
#[test]
fn a_day_that_is_compared_as_no_template_writes_it_is_a_fault() {
    let faults = |asked: &str| {
        let mut folder = folder("", "");
        let zone = "zone     = ";
        let spanish = format!("locale = \"es-ES\"\n{zone}");
        folder.playbook = folder.playbook.replacen(zone, &spanish, 1);
        folder.templates[0].1 = format!("Subject: Hello\n\n{{% if {asked} %}}x{{% endif %}}\n");
        let faults = Playbook::read(&folder).err().map(|faults| faults.0);
        let faults = faults.into_iter().flatten();
        faults.map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        faults("birthday == '2026-03-10'"),
        [
            "templates/hello.txt:3:20: `birthday` is never \"2026-03-10\" (a template writes it in the \
             playbook's language: `10/03/2026`)"
        ]
    );
    assert_eq!(faults("birthday == '10/03/2026'"), [""; 0]);
}

#[test]
fn a_field_that_is_compared_with_what_it_never_is_is_a_fault() {
    let car = "[field.car]\ntype = \"choice\"\nof = [\"X1\", \"X3\"]\n";
    let faults = |asked: &str| faults_with(car, &format!("{{% if {asked} %}}x{{% endif %}}"));
    for (asked, fault) in [
        (
            "car == 'X9'",
            "15: `car` is never \"X9\" (did you mean `X1`?)",
        ),
        // Letter by letter, other than in conditions.
        (
            "car == \"x3\"",
            "15: `car` is never \"x3\" (did you mean `X3`?)",
        ),
        (
            "'Porsche' != car",
            "8: `car` is never \"Porsche\" (it is one of X1, X3)",
        ),
        (
            "car not in ['X1', 'Porsche']",
            "26: `car` is never \"Porsche\" (it is one of X1, X3)",
        ),
    ] {
        assert_eq!(faults(asked), [format!("templates/hello.txt:3:{fault}")]);
    }
    for fine in [
        "car == 'X1'",
        "car == ''",
        "car in ['X1']",
        "city == 'X9'",
        "car|lower == 'x1'",
    ] {
        assert_eq!(faults(fine), [""; 0], "{fine}");
    }
}

#[test]
fn a_branch_that_is_rarely_taken_is_looked_at_as_well() {
    let told = fault_of_body("{% if city == 'Quito' %}{{ city|shout }}{% endif %}");
    assert!(told.starts_with("33: there is no filter `shout`"), "{told}");
}

#[test]
fn a_template_is_tried_on_a_lead_of_which_little_is_known() {
    let told = fault_of_body("Your {{ city|first }}");
    assert!(
        told.starts_with("9: the template can't be rendered for a lead of which little is known"),
        "{told}"
    );
    assert!(told.contains("{% if city %}"), "{told}");
    read(&shop_with(
        "Subject: Hello\n\n{% if city %}{{ city|first }}{% endif %}{{ owner.name or 'us' }}\n",
    ));
}

#[test]
fn a_subject_says_something() {
    for subject in ["Subject:", "Subject:   ", "Subject: {{ '' }}"] {
        let told = fault_of(&format!("{subject}\n\nHello\n"));
        assert!(told.contains("the subject is empty"), "{subject}: {told}");
        assert!(told.starts_with("templates/hello.txt:1:"), "{told}");
    }
}

#[test]
fn the_line_of_a_fault_is_that_of_the_file() {
    // The subject says the same as the text, and stands before it.
    let told = fault_of("Subject: Hello {{ city }}\n\nHello {{ city }}\n{{ 1//0 }}\n");
    assert!(told.starts_with("templates/hello.txt:4:4: "), "{told}");
    let told = fault_of("Subject: {{ 1//0 }}\n\n{{ city }}\n");
    assert!(told.starts_with("templates/hello.txt:1:13: "), "{told}");
    let told = fault_of("Subject: the city\r\n\r\n{{ city }}\r\n{{ cty }}\r\n");
    assert!(told.starts_with("templates/hello.txt:4:4: "), "{told}");
}

#[test]
fn a_template_that_is_faulty_is_there_for_those_who_refer_to_it() {
    let rule = "[[rule]]\nname = \"r\"\non = \"registered\"\ndo = [{ send = \"hello\" }]\n";
    for template in ["No subject", "Subject: x\n\n{{ 1//0 }}", "Subject: x\n\n{{"] {
        let mut folder = folder(rule, "");
        folder.templates[0].1 = template.into();
        let faults = Playbook::read(&folder).unwrap_err().0;
        let files: Vec<&str> = faults.iter().map(|fault| &*fault.file).collect();
        assert_eq!(files, ["templates/hello.txt"], "{faults:#?}");
    }
}

#[test]
fn the_text_of_a_task_is_tried_as_well() {
    let task = |text: &str| format!("[task.write]\ntext = '{text}'\n");
    for (text, told, column) in [
        ("Write to {{ city|uper }}", "there is no filter `uper`", 26),
        ("Write {{ 1//0 }}", "unable to calculate 1 // 0", 18),
        (" ", "the text is empty", 8),
    ] {
        let faults = Playbook::read(&folder(&task(text), "")).unwrap_err().0;
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].kind.to_string().contains(told), "{}", faults[0]);
        assert_eq!(faults[0].column, column, "{}", faults[0]);
    }
}

/// What a template is tried on has all that there is when it is sent, and nothing else.
#[test]
fn a_template_may_ask_for_all_that_is_known_and_goes_out_with_it() {
    let all = "Subject: {{ contact.name }}\n\n{{ contact.email }}{{ contact.phone }}{{ owner.name }}\
        {{ owner.email }}{{ owner.phone }}{{ earlier_owner.name }}{{ earlier_owner.email }}\
        {{ earlier_owner.phone }}{{ organisation.name }}\
        {{ organisation.email }}{{ lead.id }}{{ lead.stage }}{{ lead.source }}{{ city }}\
        {{ delivery }}{{ birthday }}";
    let rule = "[[rule]]\nname = \"r\"\non = \"registered\"\n\
        do = [{ send = \"hello\", as = \"organisation\" }]\n";
    let scenario = r#"
[[scenario]]
name  = "a lead gets it"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = { ref = "luis", name = "Luis Vera", email = "luis@example.com" }
expect   = { mailed = ["hello"] }
"#;
    shop::play_folder(&Folder {
        templates: vec![("templates/hello.txt".into(), all.into())],
        ..folder(rule, scenario)
    });
    play(rule, scenario);
}

#[test]
fn a_day_and_a_time_are_written_as_the_playbooks_country_does_by_its_clocks() {
    let rule = r#"
[task.drive]
text = "Hand over on {{ delivery }}, born on {{ birthday }}"

[[rule]]
name = "drive"
on   = "registered"
do   = [{ task = "drive" }, { send = "hello", as = "organisation" }]
"#;
    for (locale, day, born) in [
        ("es-ES", "14/03/2026 00:30", "05/11/1980"),
        ("en-US", "03/14/2026 12:30 AM", "11/05/1980"),
        ("ja", "2026-03-14 00:30", "1980-11-05"),
    ] {
        let scenario = format!(
            r#"
[[scenario]]
name  = "a lead with a day and a time"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis Vera", email = "luis@example.com", delivery = 2026-03-13T23:30:00Z, birthday = 1980-11-05 }}
expect   = {{ mailed = ["hello"], mail-says = "On {day}, and {born}.", tasks = ["drive"], history = "Hand over on {day}, born on {born}" }}
"#
        );
        let mut folder = folder(rule, &scenario);
        let zone = "zone     = \"Europe/Madrid\"\n";
        let locale = format!("{zone}locale   = \"{locale}\"\n");
        folder.playbook = folder.playbook.replacen(zone, &locale, 1);
        folder.templates[0].1 = "Subject: Hello\n\nOn {{ delivery }}, and {{ birthday }}.\n".into();
        shop::play_folder(&folder);
    }
}

#[test]
fn a_message_about_a_referred_lead_may_name_its_referrer_the_code_and_the_reward() {
    let rules = r#"
[referral]

[[rule]]
name = "bought"
on   = "entered talking"
do   = [{ notify = "seller", template = "hello" }]

[[rule]]
name = "reward"
on   = "registered"
if   = 'referrer is present'
do   = [{ reward = "20.00 USD" }]
"#;
    let scenario = r#"
[[agent]]
id    = "rita"
name  = "Rita"
email = "rita@example.com"
phone = "+34 600 111 222"
role  = "seller"

[[scenario]]
name  = "a lead of rita's, and one that nobody referred"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
refer = { by = "rita" }

[[scenario.step]]
register = { ref = "luis", name = "Luis", referral = "rita", owner = "ana" }

[[scenario.step]]
move   = { to = "talking" }
expect = { mail-says = "Rita rita@example.com +34 600 111 222 by a code 20.00 USD" }

[[scenario.step]]
register = { ref = "eva", name = "Eva", owner = "ana" }

[[scenario.step]]
move   = { to = "talking" }
expect = { mail-says = "By nobody." }
"#;
    let text = "Subject: Bought\n\n{% if referrer.name %}{{ referrer.name }} {{ referrer.email }} \
        {{ referrer.phone }} by {{ 'a code' if lead.referral_code|length >= 6 }} {{ lead.reward }}\
        {% else %}By nobody.{% endif %}\n";
    let mut folder = folder(rules, scenario);
    folder.templates[0].1 = text.into();
    shop::play_folder(&folder);
}

#[test]
fn a_playbook_in_which_nobody_refers_asks_for_no_referrer() {
    for variable in ["referrer.name", "lead.referral_code", "lead.reward"] {
        let mut mail = folder("", "");
        mail.templates[0].1 = format!("Subject: Hello\n\nBy {{{{ {variable} }}}}\n");
        let task = folder(
            &format!("[task.write]\ntext = 'Thank for {{{{ {variable} }}}}'\n"),
            "",
        );
        for folder in [mail, task] {
            let faults = Playbook::read(&folder).unwrap_err().0;
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let wanted = format!("no lead of this playbook is referred, and `{variable}` would be");
            assert!(told.iter().any(|told| told.contains(&wanted)), "{told:#?}");
            assert!(told[0].contains("[referral]"), "{told:#?}");
        }
    }
    // A task knows what its lead says of the referral, and no agent.
    let task = |text: &str| {
        folder(
            &format!("[referral]\n\n[task.write]\ntext = '{text}'\n"),
            "",
        )
    };
    read(&task(
        "Thank for {{ lead.referral_code }}, {{ lead.reward }}",
    ));
    let faults = Playbook::read(&task("Thank {{ referrer.name }}"))
        .unwrap_err()
        .0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0].kind.code(), "no-agent-in-task");
}

/// The shop with a price in its leads, and what its mail says for a price of 24.5.
fn price_in(template: &str) -> Folder {
    let rule = "[[rule]]\nname = \"r\"\non = \"registered\"\n\
        do = [{ send = \"hello\", as = \"organisation\" }]\n";
    let mut folder = folder(rule, "");
    let price = "[field]\nprice = { type = \"number\" }\n";
    folder.playbook = folder.playbook.replacen("[field]\n", price, 1);
    folder.templates[0].1 = format!("Subject: Hello\n\n{template}\n");
    folder
}

#[test]
fn a_template_can_reckon_with_a_price_that_is_no_whole_number() {
    for (template, price, said) in [
        ("It is {{ price }}.", "24.5", "It is 24.5."),
        (
            "{% if price %}{{ price * 2 }} for two{% endif %}",
            "24.5",
            "49.0 for two",
        ),
        (
            "{% if price %}{{ price * 2 }} for two{% endif %}",
            "24",
            "48 for two",
        ),
        (
            "{% if price %}{{ (price * 1.16)|round(2) }}{% endif %}",
            "24.5",
            "28.42",
        ),
        (
            "{% if price and price > 20 %}dear{% endif %}",
            "24.5",
            "dear",
        ),
    ] {
        let scenario = format!(
            r#"
[[scenario]]
name  = "a lead gets it"
start = "2026-03-02T10:00:00+01:00"

[[scenario.step]]
register = {{ ref = "luis", name = "Luis Vera", email = "luis@example.com", price = {price} }}
expect   = {{ mailed = ["hello"], mail-says = "{said}" }}
"#
        );
        let mut folder = price_in(template);
        folder.scenarios[0].1.push_str(&scenario);
        shop::play_folder(&folder);
    }
}

#[test]
fn a_template_is_tried_on_numbers_with_a_fraction() {
    // What can be done with seven, and not with 24.5.
    let faults = Playbook::read(&price_in("{% if price %}{{ range(price) }}{% endif %}"));
    let faults = faults.unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0].kind.code(), "template-fails");
}

#[test]
fn a_person_is_asked_for_by_a_part() {
    for (body, told) in [
        (
            "{{ owner }}",
            "4: the template asks for `owner` as a whole, which is no text (say which part of it: \
             owner.name, owner.email, owner.phone)",
        ),
        (
            "{{ lead.id }}{% if lead %}{% endif %}",
            "20: the template asks for `lead` as a whole, which is no text (say which part of it: \
             lead.id, lead.stage, lead.source, lead.registered_day, lead.touched_day)",
        ),
    ] {
        assert_eq!(fault_of_body(body), told, "{body}");
    }
}

#[test]
fn a_template_is_tried_on_those_who_get_it() {
    let body = "{% if owner.name %}{{ recipient.name|first }}{% endif %}";
    let none: [&str; 0] = [];
    assert_eq!(faults_when(TO_AGENT, body), none);
    let told = faults_when(&format!("{TO_AGENT}, {TO_CONTACT}"), body);
    assert_eq!(told.len(), 1, "{told:?}");
    for said in [
        "can't be rendered for the contact",
        "`recipient` is the agent",
    ] {
        assert!(told[0].contains(said), "{told:?}");
    }
}

#[test]
fn a_task_is_tried_without_agents() {
    let task = "[task.write]\ntext = 'Write to {{ owner.name|first }}'\n";
    let faults = Playbook::read(&folder(task, "")).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let told = faults[0].to_string();
    assert!(told.contains("a task's text knows no agents"), "{told}");
}

#[test]
fn a_field_that_is_required_can_be_missing_in_a_lead_that_was_there_before() {
    let mut folder = shop_with("Subject: Hello\n\n{{ city|first }}\n");
    let required = "city        = { type = \"text\", required = true }";
    let optional = "city        = { type = \"text\" }";
    folder.playbook = folder.playbook.replacen(optional, required, 1);
    let faults = Playbook::read(&folder).unwrap_err().0;
    assert_eq!(faults.len(), 1, "{faults:#?}");
    let told = faults[0].to_string();
    assert!(told.contains("of which little is known"), "{told}");
}

#[test]
fn a_step_finds_what_was_written_in_whichever_of_its_mails_says_it() {
    let rules = r#"
[[rule]]
name = "both"
on   = "registered"
do   = [{ send = "hello", as = "organisation" }, { send = "bye", as = "organisation" }]
"#;
    let scenario = |said: &str| {
        format!(
            "[[scenario]]\nname = \"two mails\"\nstart = \"2026-03-02T10:00:00+01:00\"\n\n\
             [[scenario.step]]\nregister = {{ ref = \"luis\", name = \"Luis Vera\", email = \"luis@example.com\" }}\n\
             expect = {{ mailed = [\"hello\", \"bye\"], mail-says = {said} }}\n"
        )
    };
    let with_both = |said: &str| {
        let mut folder = folder(rules, &scenario(said));
        let bye = "Subject: Bye\n\nSee you.\n";
        folder
            .templates
            .push(("templates/bye.txt".into(), bye.into()));
        folder
    };
    for said in [
        "\"How are you?\"",
        "\"See you.\"",
        "[\"Hello Luis Vera\", \"Bye\"]",
    ] {
        shop::play_folder(&with_both(said));
    }
    let in_neither = shop::unmet(&with_both("[\"See you.\", \"Adieu\"]"));
    assert_eq!(in_neither.len(), 1, "{in_neither:#?}");
    for said in ["should say \"Adieu\"", "How are you?", "See you."] {
        assert!(in_neither[0].contains(said), "{in_neither:#?}");
    }
}
