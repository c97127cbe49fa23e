//! What stands where on the paper of a quote.

use leadkit::money::Money;
use leadkit::playbook::pricing::{QuoteLabels, Quoting};
use leadkit::record::quote::{Quote, QuoteLine, QuoteTax};

use crate::flow::{At, Flow, MARGIN, Mark, Page};
use crate::font::{Faces, Ink, Style};
use crate::{PdfError, QuotePaper};

const TEXT: Style = style(false, 9.5, Ink::Dark);
const STRONG: Style = style(true, 9.5, Ink::Dark);
const LABEL: Style = style(false, 8.5, Ink::Grey);
const TITLE: Style = style(true, 18.0, Ink::Dark);
const NAME: Style = style(true, 14.0, Ink::Dark);
const TOTAL: Style = style(true, 12.0, Ink::Dark);

const fn style(is_bold: bool, size: f32, ink: Ink) -> Style {
    Style { is_bold, size, ink }
}

/// How far a row's text is from the lines around it.
const PAD: f32 = 5.0;
/// How wide the columns of numbers are at least: quantity, unit price, discount, amount.
const COLUMNS: [f32; 4] = [60.0, 85.0, 65.0, 90.0];
/// How far numbers are from the column before.
const GAP: f32 = 12.0;
/// How wide a name in the head can be, of the whole width.
const HALF: f32 = 0.55;

/// Sets a quote, page by page.
pub(crate) fn set(paper: &QuotePaper<'_>, faces: &Faces) -> Result<Vec<Page>, PdfError> {
    let quoting = &paper.playbook.quoting;
    let mut setting = Setting {
        flow: Flow::new(faces, paper.size.points()),
        quote: paper.quote,
        quoting,
        labels: &quoting.labels,
        columns: COLUMNS,
    };
    setting.measure()?;
    setting.head(paper)?;
    setting.people(paper)?;
    setting.table_head()?;
    for line in &paper.quote.lines {
        setting.row(line)?;
    }
    setting.sums()?;
    setting.terms()?;
    let mut flow = setting.flow;
    flow.number_pages(&quoting.labels.page, &paper.quote.number)?;
    Ok(flow.pages)
}

fn has_discount(line: &QuoteLine) -> bool {
    line.discount > leadkit::money::Rate::NONE
}

/// How high so many lines are.
fn height_of(lines: usize, style: Style) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * style.leading()
}

/// A quote that is being set.
struct Setting<'a> {
    flow: Flow<'a>,
    quote: &'a Quote,
    quoting: &'a Quoting,
    labels: &'a QuoteLabels,
    /// How wide each column of numbers is; nothing, of discounts if there are none.
    columns: [f32; 4],
}

impl Setting<'_> {
    /// Who offers, and what the paper is.
    fn head(&mut self, paper: &QuotePaper<'_>) -> Result<(), PdfError> {
        let organisation = &paper.playbook.organisation;
        let (top, right) = (self.flow.y, self.flow.right());
        self.flow.text(At::To(right), TITLE, &self.labels.quote)?;
        self.flow.y += TITLE.leading();
        self.flow.text(At::To(right), STRONG, &self.quote.number)?;
        let below = self.flow.y + STRONG.leading();
        self.flow.y = top;
        let width = (right - MARGIN) * HALF;
        self.lines(MARGIN, width, NAME, &organisation.name)?;
        self.lines(MARGIN, width, LABEL, organisation.email.as_str())?;
        self.flow.y = self.flow.y.max(below) + 12.0;
        self.flow.rule();
        self.flow.y += 14.0;
        Ok(())
    }

    /// Whom it is for, when it was made, until when it is good, and whom to ask.
    fn people(&mut self, paper: &QuotePaper<'_>) -> Result<(), PdfError> {
        let contact = &paper.lead.contact;
        let (top, right) = (self.flow.y, self.flow.right());
        let middle = MARGIN + (right - MARGIN) * HALF;
        let width = middle - MARGIN - 15.0;
        self.lines(MARGIN, width, LABEL, &self.labels.customer)?;
        self.lines(MARGIN, width, STRONG, &contact.name)?;
        let email = contact.email.as_ref().map(|email| email.as_str());
        for known in [email, contact.phone.as_deref()].into_iter().flatten() {
            self.lines(MARGIN, width, TEXT, known)?;
        }
        let below = self.flow.y;
        self.flow.y = top;
        let zone = &paper.playbook.zone;
        let made = zone.to_local(self.quote.made.at).date();
        let last_day = self.quote.last_day(zone);
        for (label, day) in [
            (&self.labels.date, made),
            (&self.labels.valid_until, last_day),
        ] {
            self.beside(middle, label, &paper.playbook.written_day(day))?;
        }
        if let Some(agent) = paper.made_by {
            self.beside(middle, &self.labels.made_by, &agent.name)?;
            let phone = agent.phone.as_deref();
            for known in [Some(agent.email.as_str()), phone].into_iter().flatten() {
                self.beside(middle, "", known)?;
            }
        }
        self.flow.y = self.flow.y.max(below) + 18.0;
        Ok(())
    }

    /// A label, and what it is about behind it.
    fn beside(&mut self, x: f32, label: &str, text: &str) -> Result<(), PdfError> {
        let behind = x + 85.0;
        let top = self.flow.y;
        // On one base line.
        self.flow.y += TEXT.size - LABEL.size;
        self.lines(x, behind - x - 6.0, LABEL, label)?;
        let below = self.flow.y;
        self.flow.y = top;
        self.lines(behind, self.flow.right() - behind, TEXT, text)?;
        self.flow.y = self.flow.y.max(below);
        Ok(())
    }

    /// A text in as many lines as it takes, which stay on this page.
    fn lines(&mut self, x: f32, width: f32, style: Style, text: &str) -> Result<(), PdfError> {
        for line in self.flow.faces.of(style).wrapped(text, style.size, width)? {
            self.flow.text(At::From(x), style, &line)?;
            self.flow.y += style.leading();
        }
        Ok(())
    }

    /// Makes room for the widest number of each column.
    fn measure(&mut self) -> Result<(), PdfError> {
        for line in &self.quote.lines {
            for (place, number) in self.numbers(line).iter().enumerate() {
                let width = self.flow.faces.regular.width(number, TEXT.size)? + GAP;
                self.columns[place] = self.columns[place].max(width);
            }
        }
        if !self.quote.lines.iter().any(has_discount) {
            self.columns[2] = 0.0;
        }
        Ok(())
    }

    /// The right ends of the columns of numbers, each with its width.
    fn columns(&self) -> [(f32, f32); 4] {
        let mut end = self.flow.right() - PAD - self.columns.iter().sum::<f32>();
        self.columns.map(|width| {
            end += width;
            (end, width)
        })
    }

    /// How wide the texts of lines are.
    fn text_width(&self) -> f32 {
        let numbers: f32 = self.columns.iter().sum();
        self.flow.right() - MARGIN - numbers - 2.0 * PAD
    }

    /// What stands in the columns of numbers.
    fn numbers(&self, line: &QuoteLine) -> [String; 4] {
        let notation = self.quoting.notation;
        let discount = match has_discount(line) {
            true => self.told_rate(line.discount.in_percent()),
            false => String::new(),
        };
        [
            notation.number(line.quantity).into(),
            line.unit_price.written(notation).into(),
            discount,
            line.net.written(notation).into(),
        ]
    }

    fn table_head(&mut self) -> Result<(), PdfError> {
        let labels = self.labels;
        let heads = [
            &labels.quantity,
            &labels.unit_price,
            &labels.discount,
            &labels.amount,
        ];
        let face = self.flow.faces.of(STRONG);
        let mut wrapped = Vec::new();
        for ((end, width), head) in self.columns().into_iter().zip(heads) {
            if width > 0.0 {
                let head = face.wrapped(head, STRONG.size, width - GAP)?;
                wrapped.push((At::To(end), head));
            }
        }
        let text = face.wrapped(&labels.text, STRONG.size, self.text_width())?;
        wrapped.push((At::From(MARGIN + PAD), text));
        let rows = wrapped.iter().map(|(_, head)| head.len()).max();
        let height = height_of(rows.unwrap_or(1), STRONG) + 2.0 * PAD;
        let (x, y, width) = (MARGIN, self.flow.y, self.flow.right() - MARGIN);
        self.flow.mark(Mark::Ground {
            x,
            y,
            width,
            height,
        });
        for (at, head) in wrapped {
            self.flow.y = y + PAD;
            for line in head {
                self.flow.text(at, STRONG, &line)?;
                self.flow.y += STRONG.leading();
            }
        }
        self.flow.y = y + height;
        Ok(())
    }

    /// A line of the quote. It stays together, unless it is longer than a page.
    fn row(&mut self, line: &QuoteLine) -> Result<(), PdfError> {
        let face = self.flow.faces.of(TEXT);
        let texts = face.wrapped(&line.text, TEXT.size, self.text_width())?;
        let note = self.tax_of(line).map(|tax| self.told_tax(tax));
        let note_height = note.as_ref().map_or(0.0, |_| LABEL.leading());
        let height = height_of(texts.len(), TEXT) + note_height + 2.0 * PAD;
        let with_head = height + height_of(2, STRONG) + 2.0 * PAD;
        if !self.flow.has_room(height) && self.flow.fits_a_page(with_head) {
            self.flow.begin_page();
            self.table_head()?;
        }
        self.flow.y += PAD;
        for ((end, _), number) in self.columns().into_iter().zip(self.numbers(line)) {
            self.flow.text(At::To(end), TEXT, &number)?;
        }
        for text in texts {
            if !self.flow.has_room(TEXT.leading()) {
                self.flow.begin_page();
                self.table_head()?;
                self.flow.y += PAD;
            }
            self.flow.text(At::From(MARGIN + PAD), TEXT, &text)?;
            self.flow.y += TEXT.leading();
        }
        if let Some(note) = note {
            self.flow.text(At::From(MARGIN + PAD), LABEL, &note)?;
            self.flow.y += LABEL.leading();
        }
        self.flow.y += PAD;
        self.flow.rule();
        Ok(())
    }

    /// The tax on a line, where lines are taxed in different ways.
    fn tax_of(&self, line: &QuoteLine) -> Option<&QuoteTax> {
        let taxes = &self.quote.taxes;
        let mut taxes = taxes.iter().filter(|_| taxes.len() > 1);
        taxes.find(|tax| Some(&tax.tax) == line.tax.as_ref())
    }

    fn told_tax(&self, tax: &QuoteTax) -> String {
        format!("{} {}", tax.label, self.told_rate(tax.rate.in_percent()))
    }

    fn told_rate(&self, percent: leadkit::value::Number) -> String {
        format!("{}\u{A0}%", self.quoting.notation.number(percent))
    }

    /// What it comes to: without taxes, each tax with what it falls on, and all together.
    fn sums(&mut self) -> Result<(), PdfError> {
        let quote = self.quote;
        let height = height_of(quote.taxes.len() + 2, TEXT) + height_of(2, TOTAL) + 30.0;
        self.flow.make_room(height);
        self.flow.y += 10.0;
        self.sum(TEXT, &self.labels.net, &self.written(quote.net))?;
        for tax in &quote.taxes {
            let mut label = self.told_tax(tax);
            if quote.taxes.len() > 1 {
                label = format!("{label} ({})", self.written(tax.base));
            }
            self.sum(TEXT, &label, &self.written(tax.amount))?;
        }
        self.flow.y += 4.0;
        let (from, to, y) = (self.sums_from(), self.flow.right(), self.flow.y);
        self.flow.mark(Mark::Rule { from, to, y });
        self.flow.y += 6.0;
        let total = self.quoting.amount(quote.total);
        self.sum(TOTAL, &self.labels.total, &total)?;
        self.flow.y += 14.0;
        Ok(())
    }

    fn written(&self, money: Money) -> String {
        money.written(self.quoting.notation).into()
    }

    /// Where the sums begin.
    fn sums_from(&self) -> f32 {
        self.flow.right() - 250.0
    }

    fn sum(&mut self, style: Style, label: &str, amount: &str) -> Result<(), PdfError> {
        let (from, to) = (self.sums_from(), self.flow.right() - PAD);
        let amount_width = self.flow.faces.of(style).width(amount, style.size)?;
        self.flow.text(At::To(to), style, amount)?;
        self.lines(from, to - from - amount_width - GAP, style, label)?;
        self.flow.y += 2.0;
        Ok(())
    }

    fn terms(&mut self) -> Result<(), PdfError> {
        let Some(terms) = &self.quote.terms else {
            return Ok(());
        };
        let width = self.flow.right() - MARGIN;
        let lines = self.flow.faces.regular.wrapped(terms, TEXT.size, width)?;
        self.flow.make_room(STRONG.leading() + 2.0 * TEXT.leading());
        self.flow
            .text(At::From(MARGIN), STRONG, &self.labels.terms)?;
        self.flow.y += STRONG.leading() + 2.0;
        for line in lines {
            self.flow.make_room(TEXT.leading());
            self.flow.text(At::From(MARGIN), TEXT, &line)?;
            self.flow.y += TEXT.leading();
        }
        Ok(())
    }
}
