//! Quotes: made in versions, accepted or declined (requirements M11 and M12).

use chrono::{Days, NaiveDate, NaiveTime};
use smol_str::{SmolStr, format_smolstr};

use crate::decide::Stop;
use crate::decide::command::{NewQuote, NewQuoteLine, Validity};
use crate::decide::draft::Draft;
use crate::decide::life::{begin_anew, touch, touch_as_of_then};
use crate::decide::refusal::{Gaps, Problem, Refusal};
use crate::ids::Name;
use crate::letters::is_blank;
use crate::money::{Money, MoneyError, Rate};
use crate::playbook::Playbook;
use crate::playbook::pricing::Quoting;
use crate::playbook::rule::Anchor;
use crate::record::Lead;
use crate::record::journal::Event;
use crate::record::quote::{Quote, QuoteLine, Reply, Says, Sums, TaxOfLine};
use crate::time::Instant;
use crate::value::Number;

/// Makes a quote, or a new version of it which takes the place of the one before.
pub(crate) fn make(draft: &mut Draft<'_>, lead: &mut Lead, new: &NewQuote) -> Result<(), Stop> {
    few(new)?;
    if let Some(quote) = lead.quote() {
        is_not_newer(draft, quote)?;
    }
    let quote = drawn_up(draft, lead, new)?;
    let version = quote.version;
    lead.quotes.push(quote);
    let too_many = lead.quotes.len().saturating_sub(Lead::MOST_QUOTES);
    lead.quotes.drain(..too_many);
    for anchor in [Anchor::Quoted, Anchor::QuoteExpires, Anchor::Accepted] {
        begin_anew(draft, lead, &anchor);
    }
    touch(draft, lead);
    let lead = lead.id;
    draft.happened(Event::QuoteMade { lead, version });
    Ok(())
}

/// Refuses more lines than a quote can have.
pub(crate) fn few(new: &NewQuote) -> Result<(), Refusal> {
    let (sort, most) = ("lines in a quote", Quote::MOST_LINES);
    if new.lines.len() > most {
        return Err(Refusal::TooMany { sort, most });
    }
    Ok(())
}

/// Refuses what is reported late of a quote that was made after it.
fn is_not_newer(draft: &Draft<'_>, quote: &Quote) -> Result<(), Refusal> {
    let is_late = draft.happened_at < draft.now;
    if !is_late || quote.made.at <= draft.happened_at {
        return Ok(());
    }
    Err(Refusal::Overtaken {
        what: "quote",
        is: quote.number.clone(),
        since: quote.made.at,
    })
}

/// The quote as it is asked for, or all that is wrong with it.
fn drawn_up(draft: &Draft<'_>, lead: &Lead, new: &NewQuote) -> Result<Quote, Refusal> {
    let playbook = draft.playbook;
    let quoting = &playbook.quoting;
    let mut gaps = Gaps::default();
    let lines = priced(playbook, &new.lines, &mut gaps);
    let terms = new.terms.as_ref().or(quoting.terms.as_ref());
    let terms = terms.filter(|terms| !is_blank(terms));
    gaps.add_too_long("terms", terms.map(SmolStr::as_str), Quote::LONGEST_TERMS);
    let Some(valid_until) = valid_until(draft, new.validity, &mut gaps) else {
        return Err(gaps.refusal());
    };
    gaps.told()?;
    let taxed: Vec<(Money, Option<TaxOfLine>)> = lines
        .iter()
        .map(|(line, tax)| (line.net, tax.clone()))
        .collect();
    let sums = Sums::of(&taxed, playbook.currency, quoting.rounding);
    let sums = sums.map_err(|error| Gaps::one("lines", unfit(&error)))?;
    let version = lead.quote().map_or(0, |last| last.version);
    let version = version.saturating_add(1);
    Ok(Quote {
        version,
        number: Quote::number_of(&quoting.prefix, lead.id, version),
        made: draft.moment(),
        made_by: format_smolstr!("{}", draft.actor),
        valid_until,
        lines: lines.into_iter().map(|(line, _)| line).collect(),
        net: sums.net,
        taxes: sums.taxes,
        total: sums.total,
        terms: terms.cloned(),
        reply: None,
    })
}

/// The end of the last day on which the quote can be accepted.
fn valid_until(draft: &Draft<'_>, validity: Option<Validity>, gaps: &mut Gaps) -> Option<Instant> {
    let zone = &draft.playbook.zone;
    let today = zone.to_local(draft.happened_at).date();
    let within = |days: u32| today.checked_add_days(Days::new(days.into()));
    let furthest = within(Quoting::MOST_DAYS)?;
    let last = match validity {
        None => within(draft.playbook.quoting.valid_days)?,
        Some(Validity::Days(days)) => within(days).unwrap_or(NaiveDate::MAX),
        Some(Validity::Through(date)) => date,
    };
    if !(today..=furthest).contains(&last) {
        let expected = format_smolstr!("a day from {today} to {furthest}");
        gaps.add("valid", Problem::Unfit { expected });
        return None;
    }
    let end = last.checked_add_days(Days::new(1))?;
    Some(zone.from_local(end.and_time(NaiveTime::MIN)))
}

/// The lines as they come to stand in a quote, each with the tax on it.
fn priced(
    playbook: &Playbook,
    lines: &[NewQuoteLine],
    gaps: &mut Gaps,
) -> Vec<(QuoteLine, Option<TaxOfLine>)> {
    if lines.is_empty() {
        gaps.add("lines", Problem::Missing);
    }
    let numbered = lines.iter().zip(1..);
    let priced = numbered.filter_map(|(line, number)| {
        let mut pricing = Pricing {
            playbook,
            number,
            gaps,
        };
        pricing.line(line)
    });
    priced.collect()
}

/// One line in the making.
struct Pricing<'a> {
    playbook: &'a Playbook,
    /// Which line, from 1.
    number: usize,
    gaps: &'a mut Gaps,
}

impl Pricing<'_> {
    fn add(&mut self, part: &str, problem: Problem) {
        let input = format_smolstr!("lines.{}.{part}", self.number);
        self.gaps.add(&input, problem);
    }

    fn missing<T>(&mut self, part: &str, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.add(part, Problem::Missing);
        }
        found
    }

    /// The line, with what its product says where nothing else is said.
    fn line(&mut self, line: &NewQuoteLine) -> Option<(QuoteLine, Option<TaxOfLine>)> {
        let playbook = self.playbook;
        let product = match &line.product {
            None => None,
            Some(name) => match playbook.product(name) {
                Some(product) => Some(product),
                None => {
                    let known = playbook.products.iter().map(|product| &product.name);
                    self.add("product", unknown(name, known));
                    return None;
                }
            },
        };
        let text = line.text.as_ref().filter(|text| !is_blank(text));
        let text = text.or_else(|| product.map(|product| &product.label));
        let text = self.missing("text", text);
        if text.is_some_and(|text| text.len() > Quote::LONGEST_TEXT) {
            let most_bytes = Quote::LONGEST_TEXT;
            self.add("text", Problem::TooLong { most_bytes });
        }
        let price = line.unit_price.or_else(|| Some(product?.price));
        let price = self.missing("unit-price", price);
        let tax = line.tax.as_ref().or_else(|| product?.tax.as_ref());
        let tax = self.tax(tax);
        let net = self.net(line, price?);
        let line = QuoteLine {
            text: text?.clone(),
            product: line.product.clone(),
            quantity: line.quantity,
            unit_price: price?,
            discount: line.discount,
            net: net?,
            tax: tax.as_ref().map(|(name, ..)| name.clone()),
        };
        Some((line, tax))
    }

    /// What the line comes to.
    fn net(&mut self, line: &NewQuoteLine, price: Money) -> Option<Money> {
        let currency = self.playbook.currency;
        if price.currency() != currency || price.minor() < 0 {
            let expected = format_smolstr!("an amount in {currency}, and not below zero");
            self.add("unit-price", Problem::Unfit { expected });
            return None;
        }
        if line.quantity <= Number::default() {
            let expected = "more than 0".into();
            self.add("quantity", Problem::Unfit { expected });
            return None;
        }
        if line.discount > Rate::ALL {
            let expected = format_smolstr!("at most {}", Rate::ALL);
            self.add("discount", Problem::Unfit { expected });
            return None;
        }
        match price.times(line.quantity, line.discount) {
            Ok(net) => Some(net),
            Err(error) => {
                self.add("unit-price", unfit(&error));
                None
            }
        }
    }

    /// The tax on the line. Where the playbook names taxes, each line says which: that nothing is to
    /// be paid is a tax of 0 %, and no forgotten one.
    fn tax(&mut self, tax: Option<&Name>) -> Option<TaxOfLine> {
        let taxes = &self.playbook.taxes;
        let Some(name) = tax else {
            if !taxes.is_empty() {
                self.add("tax", Problem::Missing);
            }
            return None;
        };
        let Some(tax) = self.playbook.tax(name) else {
            self.add("tax", unknown(name, taxes.iter().map(|tax| &tax.name)));
            return None;
        };
        Some((tax.name.clone(), tax.label.clone(), tax.rate))
    }
}

fn unknown<'a>(name: &Name, known: impl Iterator<Item = &'a Name>) -> Problem {
    Problem::unknown(name.as_str(), known.map(Name::as_str))
}

/// Of amounts in one currency, none is wrong but for being too much.
fn unfit(error: &MoneyError) -> Problem {
    let expected = format_smolstr!("less: {error}");
    Problem::Unfit { expected }
}

/// Records that the customer accepted a version, which must be the current one and valid still.
pub(crate) fn accept(draft: &mut Draft<'_>, lead: &mut Lead, version: u32) -> Result<(), Stop> {
    let quote = open(draft, lead, version)?;
    if !quote.is_valid_at(draft.happened_at) {
        return Err(Refusal::QuoteExpired {
            number: quote.number.clone(),
            last_day: quote.last_day(&draft.playbook.zone),
        }
        .into());
    }
    reply(draft, lead, Says::Yes, None);
    Ok(())
}

/// Records that the customer declined a version, also one that is no longer valid.
pub(crate) fn decline(
    draft: &mut Draft<'_>,
    lead: &mut Lead,
    version: u32,
    reason: Option<&SmolStr>,
) -> Result<(), Stop> {
    open(draft, lead, version)?;
    let reason = reason.filter(|reason| !is_blank(reason));
    let mut gaps = Gaps::default();
    let reason_said = reason.map(SmolStr::as_str);
    gaps.add_too_long("reason", reason_said, Reply::LONGEST_REASON);
    gaps.told()?;
    reply(draft, lead, Says::No, reason);
    Ok(())
}

/// The current version, to which nothing has been said, if that is the one that is meant.
fn open<'l>(draft: &Draft<'_>, lead: &'l Lead, version: u32) -> Result<&'l Quote, Refusal> {
    let quote = lead.quote().ok_or(Refusal::NoQuote)?;
    if quote.version != version {
        let (asked, current) = (version, quote.version);
        return Err(Refusal::NotTheCurrentQuote { asked, current });
    }
    if let Some(reply) = &quote.reply {
        let (number, says) = (quote.number.clone(), reply.says);
        return Err(Refusal::QuoteReplied { number, says });
    }
    is_not_newer(draft, quote)?;
    Ok(quote)
}

fn reply(draft: &mut Draft<'_>, lead: &mut Lead, says: Says, reason: Option<&SmolStr>) {
    let reply = Reply {
        says,
        at: draft.moment(),
        recorded_by: format_smolstr!("{}", draft.actor),
        reason: reason.cloned(),
    };
    let Some(quote) = lead.quotes.last_mut() else {
        return;
    };
    quote.reply = Some(reply);
    let version = quote.version;
    if says == Says::Yes {
        begin_anew(draft, lead, &Anchor::Accepted);
    }
    touch_as_of_then(draft, lead);
    let lead = lead.id;
    draft.happened(Event::QuoteReplied {
        lead,
        version,
        says,
    });
}
