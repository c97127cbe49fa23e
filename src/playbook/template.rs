//! Templates: the texts of messages and tasks, checked when the playbook is read.
//!
//! A message is `templates/NAME.txt`, whose first line is `Subject: ...`, and, if there is one,
//! `templates/NAME.html`. Both are rendered at hand-over from the records as they are then; a
//! variable is named like the fact (`{{ contact.name }}`, `{{ car }}`, `{{ owner.name }}`).
//! Rendering is bounded in time (fuel) and in size, HTML is escaped, and a variable that has no
//! value renders as nothing only where the template asks for it with `default`.

use std::fmt;
use std::io;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use smol_str::{SmolStr, format_smolstr};

use crate::ids::Name;

/// How much work one rendering may take.
const FUEL: u64 = 100_000;
/// How long a rendered text can be, in bytes.
const LONGEST: usize = 1024 * 1024;

/// The templates of a playbook.
pub struct Templates {
    environment: Environment<'static>,
    names: Vec<Name>,
}

/// A message, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The HTML, if the template has any.
    pub html: Option<String>,
}

/// Why a template could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The playbook has no such template.
    #[error("there is no template `{0}`")]
    Unknown(Name),
    /// A variable made a link whose scheme can't be sent.
    #[error("the template `{name}` would link to `{link}`")]
    UnsafeLink {
        /// Which.
        name: Name,
        /// The link.
        link: SmolStr,
    },
    /// The template failed: a variable without a value, too much work, too long a text.
    #[error("the template `{name}` could not be rendered")]
    Failed {
        /// Which.
        name: Name,
        /// What lies beneath.
        #[source]
        source: minijinja::Error,
    },
}

impl Templates {
    /// The filters that hints name; there are more.
    pub(crate) const FILTERS: &'static [&'static str] = &[
        "abs",
        "capitalize",
        "default",
        "first",
        "float",
        "format",
        "int",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "replace",
        "reverse",
        "round",
        "safe",
        "sort",
        "split",
        "string",
        "title",
        "trim",
        "upper",
    ];
    /// The tests that hints name; there are more.
    pub(crate) const TESTS: &'static [&'static str] = &[
        "defined",
        "divisibleby",
        "endingwith",
        "even",
        "in",
        "none",
        "number",
        "odd",
        "startingwith",
        "string",
        "undefined",
    ];
    /// The functions.
    pub(crate) const FUNCTIONS: &'static [&'static str] = &["dict", "namespace", "range"];

    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        // Errors know their places all the same; with it they would hold what people's names are.
        environment.set_debug(false);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "html")) => AutoEscape::Html,
            _ => AutoEscape::None,
        });
        Self {
            environment,
            names: Vec::new(),
        }
    }

    /// Adds a part of a template (`late.txt`, `late.html`, `late.subject`).
    pub(crate) fn add(&mut self, part: String, source: String) -> Result<(), minijinja::Error> {
        self.environment.add_template_owned(part, source)
    }

    pub(crate) fn add_name(&mut self, name: Name) {
        self.names.push(name);
    }

    /// The variables that a part asks for, as dotted names.
    pub(crate) fn variables(&self, part: &str) -> Vec<String> {
        let Ok(template) = self.environment.get_template(part) else {
            return Vec::new();
        };
        let mut variables: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        variables.retain(|variable| {
            !self
                .environment
                .globals()
                .any(|(global, _)| global == variable)
        });
        variables.sort_unstable();
        variables
    }

    /// Whether templates can use a filter of this name.
    pub(crate) fn has_filter(&self, name: &str) -> bool {
        self.knows("filter", name)
    }

    /// Whether templates can use a test of this name (`is odd`).
    pub(crate) fn has_test(&self, name: &str) -> bool {
        self.knows("test", name)
    }

    fn knows(&self, sort: &str, name: &str) -> bool {
        let mut state = self.environment.empty_state();
        let known = state.perform_test(sort, &[Value::from(name)]);
        known.unwrap_or(false)
    }

    /// Whether templates can call a function of this name.
    #[cfg(test)]
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.environment.globals().any(|(known, _)| known == name)
    }

    /// Whether there is a template of this name.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// The names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter()
    }

    /// Renders a message.
    ///
    /// # Errors
    /// [`RenderError`], for an unknown template, or a variable that has no value.
    pub fn render(&self, name: &Name, context: &Value) -> Result<Rendered, RenderError> {
        if !self.has(name) {
            return Err(RenderError::Unknown(name.clone()));
        }
        let subject = self.render_part(name, "subject", context)?;
        let has_html = self
            .environment
            .get_template(&format!("{name}.html"))
            .is_ok();
        let html = match has_html {
            true => Some(self.render_part(name, "html", context)?),
            false => None,
        };
        if let Some(link) = html
            .as_deref()
            .map(unsafe_links)
            .unwrap_or_default()
            .first()
        {
            let (name, link) = (name.clone(), SmolStr::from(*link));
            return Err(RenderError::UnsafeLink { name, link });
        }
        Ok(Rendered {
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            text: self.render_part(name, "txt", context)?,
            html,
        })
    }

    /// Renders the text of a task.
    ///
    /// # Errors
    /// As [`Templates::render`].
    pub fn render_task(&self, task: &Name, context: &Value) -> Result<String, RenderError> {
        self.render_part(task, "task", context)
    }

    fn render_part(&self, name: &Name, part: &str, context: &Value) -> Result<String, RenderError> {
        let rendered = self.try_part(&format!("{name}.{part}"), context);
        rendered.map_err(|source| RenderError::Failed {
            name: name.clone(),
            source,
        })
    }

    /// Renders a part of a template (`late.txt`, `late.html`, `late.subject`), within the bounds of
    /// every rendering.
    pub(crate) fn try_part(&self, part: &str, context: &Value) -> Result<String, minijinja::Error> {
        let template = self.environment.get_template(part)?;
        let mut out = Bounded { text: Vec::new() };
        template.render_captured_to(context.clone(), &mut out)?;
        Ok(String::from_utf8_lossy(&out.text).into_owned())
    }
}

/// A text that refuses to grow beyond [`LONGEST`].
struct Bounded {
    text: Vec<u8>,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("the text is longer than a message can be"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Templates").field(&self.names).finish()
    }
}

/// A minijinja error in one line, with what lies beneath it.
pub(crate) fn told(error: &minijinja::Error) -> SmolStr {
    match error.kind() {
        ErrorKind::OutOfFuel => {
            return "it takes more work than a message can (a loop that goes on for too long)"
                .into();
        }
        ErrorKind::WriteFailure => return "the text is longer than a message can be".into(),
        ErrorKind::UndefinedError => {
            let told = error.detail().map(SmolStr::from);
            return told.unwrap_or_else(|| "it asks for something that has no value".into());
        }
        _ => {}
    }
    match error.detail() {
        Some(detail) if detail.contains("recursion limit") => {
            "it calls itself, or goes deeper, without end".into()
        }
        Some(detail) if detail.ends_with("is not callable") => {
            "it calls what is no function".into()
        }
        Some(detail) if detail.contains("operator on unsupported types") => {
            let sign = detail.split_whitespace().nth(3).unwrap_or_default();
            format_smolstr!("`{sign}` can't reckon with what stands beside it, which is no number")
        }
        Some(detail) => detail.into(),
        None => error.kind().to_string().into(),
    }
}

/// The links of an HTML template (`href` and `src`) whose scheme can't be sent.
pub(crate) fn unsafe_links(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let lower = html.to_ascii_lowercase();
    for attribute in ["href", "src"] {
        for (place, _) in lower.match_indices(attribute) {
            let rest = &html[place + attribute.len()..];
            let Some(value) = rest.trim_start().strip_prefix('=') else {
                continue;
            };
            let value = value
                .trim_start()
                .trim_start_matches(['"', '\''])
                .trim_start();
            let end = value.find(['"', '\'', '>', ' ']).unwrap_or(value.len());
            let link = &value[..end];
            let scheme = link
                .split_once(':')
                .map(|(scheme, _)| scheme.to_ascii_lowercase());
            let is_safe = match scheme.as_deref() {
                None => true,
                Some("https" | "http" | "mailto" | "tel") => true,
                // A variable decides: its value is checked when it is rendered.
                Some(other) => other.starts_with("{{"),
            };
            if !is_safe {
                found.push(link);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn templates(parts: &[(&str, &str)]) -> Templates {
        let mut templates = Templates::new();
        for (part, source) in parts {
            templates.add((*part).into(), (*source).into()).unwrap();
        }
        templates.add_name(Name::from("hello"));
        templates
    }

    #[test]
    fn html_is_escaped_and_a_subject_is_one_line() {
        let hello = templates(&[
            ("hello.subject", "Hi {{ contact.name }}"),
            ("hello.txt", "Hi {{ contact.name }}"),
            ("hello.html", "<p>{{ contact.name }}</p>"),
        ]);
        let context = context! { contact => context! { name => "A<b>\r\nBcc: x@y.z" } };
        let rendered = hello.render(&Name::from("hello"), &context).unwrap();
        assert_eq!(rendered.subject, "Hi A<b> Bcc: x@y.z");
        assert_eq!(rendered.html.unwrap(), "<p>A&lt;b&gt;\r\nBcc: x@y.z</p>");
    }

    #[test]
    fn a_missing_value_endless_work_and_endless_text_are_errors() {
        let endless =
            "{% for i in range(9999) %}{% for i in range(9999) %}x{% endfor %}{% endfor %}";
        let long = "{{ contact.name * 2000000 }}";
        for source in ["{{ contact.shoe_size }}", endless, long] {
            let hello = templates(&[("hello.subject", ""), ("hello.txt", source)]);
            let context = context! { contact => context! { name => "x" } };
            assert!(
                hello.render(&Name::from("hello"), &context).is_err(),
                "{source}"
            );
        }
    }

    #[test]
    fn a_script_is_no_link() {
        let html =
            r#"<a href="https://x.y"><a HREF = 'javascript:alert(1)'><img src="{{ art }}:x">"#;
        assert_eq!(unsafe_links(html), ["javascript:alert(1)"]);
    }
}
