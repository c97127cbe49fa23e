//! From terms as they were written to tests of known facts: names are looked up, types must
//! agree, literals are folded and placed in time. Nothing is left to find out at evaluation.

use smol_str::{SmolStr, ToSmolStr};

use super::eval::{Known, Literal, Node, Test, TestKind};
use super::fault::{Fault, FaultKind, Span};
use super::lex::quoted;
use super::parse::{Ast, Body, Operand, OperandKind, Term};
use super::{Catalogue, Comparison, FactInfo, Unresolved, micros};
use crate::hint::nearest;
use crate::value::{Value, ValueRef, ValueType, fold};

/// What `ast` compiles to; it means nothing if there are faults.
pub(super) fn check(
    ast: Ast,
    source: &str,
    catalogue: &dyn Catalogue,
    faults: &mut Vec<Fault>,
) -> Checked {
    let mut checker = Checker {
        source,
        catalogue,
        names: None,
        facts: Vec::new(),
        tests: Vec::new(),
        faults,
        rests_on_faults: false,
    };
    let root = checker.node(ast);
    Checked {
        rests_on_faults: checker.rests_on_faults,
        root,
        tests: checker.tests,
        facts: checker.facts,
    }
}

pub(super) struct Checked {
    /// Whether a fact is faulty where it is defined.
    pub(super) rests_on_faults: bool,
    pub(super) root: Node,
    pub(super) tests: Vec<Test>,
    pub(super) facts: Vec<FactInfo>,
}

struct Checker<'c> {
    source: &'c str,
    catalogue: &'c dyn Catalogue,
    names: Option<Vec<SmolStr>>,
    facts: Vec<FactInfo>,
    tests: Vec<Test>,
    faults: &'c mut Vec<Fault>,
    rests_on_faults: bool,
}

/// An operand whose type is known.
enum Typed {
    Fact(FactInfo),
    Literal(Value),
    Now(i64),
}

impl Typed {
    fn value_type(&self) -> ValueType {
        match self {
            Self::Fact(info) => info.value_type,
            Self::Literal(value) => value.value_type(),
            Self::Now(_) => ValueType::Instant,
        }
    }
}

/// A literal that fits the fact beside it.
enum Constant {
    /// Folded.
    Text(Box<str>),
    Other(Literal),
}

impl Constant {
    fn compared(self, fact: Known, op: Comparison) -> TestKind {
        match self {
            Self::Text(text) => TestKind::IsText {
                fact,
                texts: [text].into(),
            },
            Self::Other(with) => TestKind::Compares { fact, op, with },
        }
    }
}

impl Checker<'_> {
    fn node(&mut self, ast: Ast) -> Node {
        match ast {
            Ast::Term(term) => self.term(term).unwrap_or_else(bad),
            Ast::Not(inner) => Node::Not(Box::new(self.node(*inner))),
            Ast::All(parts) => Node::All(parts.into_iter().map(|part| self.node(part)).collect()),
            Ast::Any(parts) => Node::Any(parts.into_iter().map(|part| self.node(part)).collect()),
            Ast::Bad => bad(),
        }
    }

    fn term(&mut self, term: Term) -> Option<Node> {
        let at = term.at;
        let (negated, kind) = match term.body {
            Body::Bare(operand) => return self.bare(operand, at),
            Body::Unread(operand) => {
                self.operand(operand)?;
                return None;
            }
            Body::Compare {
                left,
                op,
                negated,
                op_at,
                right,
            } => (
                negated,
                self.comparison(left, (op, op_at, negated), right, at)?,
            ),
            Body::In {
                left,
                negated,
                list,
            } => (negated, self.list(left, list)?),
            Body::IsMissing { left, negated } => {
                let info = self.subject(left)?;
                (negated, TestKind::IsMissing(self.known(&info)))
            }
        };
        Some(self.test(kind, negated, at))
    }

    fn test(&mut self, kind: TestKind, negated: bool, at: Span) -> Node {
        // There are at most as many tests as terms, so it fits.
        let place = u16::try_from(self.tests.len()).unwrap_or(u16::MAX);
        self.tests.push(Test::new(kind, negated, at));
        Node::Test(place)
    }

    fn bare(&mut self, operand: Operand, at: Span) -> Option<Node> {
        let operand_at = operand.at;
        let typed = self.operand(operand);
        if typed.is_none() {
            self.suggest_comparison(operand_at);
        }
        match typed? {
            Typed::Literal(Value::Bool(value)) => {
                Some(self.test(TestKind::Constant(value), false, at))
            }
            Typed::Fact(FactInfo {
                during: Some(during),
                ..
            }) => Some(self.during(&during, at)),
            Typed::Fact(info) if info.value_type == ValueType::Bool => {
                let kind = TestKind::IsTrue(self.known(&info));
                Some(self.test(kind, false, at))
            }
            other => {
                let value_type = other.value_type();
                self.fault(operand_at, FaultKind::NotACondition { value_type });
                None
            }
        }
    }

    /// `from <= now and until > now`, so that it is known when it turns.
    fn during(&mut self, [from, until]: &[FactInfo; 2], at: Span) -> Node {
        let mut compares = |info: &FactInfo, op, at| {
            let kind = TestKind::ComparesWithNow {
                fact: self.known(info),
                op,
                offset: 0,
            };
            self.test(kind, false, at)
        };
        let begun = compares(from, Comparison::AtMost, at);
        Node::All([begun, compares(until, Comparison::More, at)].into())
    }

    /// What was meant where something is compared with `present` or `missing`, which is no fact here.
    fn asks_presence(&self, right: &Operand, negated: bool) -> Option<&'static str> {
        let OperandKind::Fact {
            name,
            argument: None,
        } = &right.kind
        else {
            return None;
        };
        let name = name.of(self.source);
        let is_present = match name {
            "present" => !negated,
            "missing" => negated,
            _ => return None,
        };
        let unknown = self.catalogue.resolve(name, None);
        matches!(unknown, Err(Unresolved::UnknownName)).then_some(match is_present {
            true => "is present",
            false => "is missing",
        })
    }

    /// A question that is written as a comparison, whatever sign is in it.
    fn not_compared(
        &mut self,
        left: Operand,
        at: Span,
        name: Span,
        asks: &'static str,
    ) -> Option<TestKind> {
        let name = SmolStr::new(name.of(self.source));
        let is_within = |fault: &Fault| fault.at.start >= at.start && fault.at.end <= at.end;
        self.faults.retain(|fault| !is_within(fault));
        self.subject(left);
        let fault = Fault::new(at, FaultKind::NotCompared { name });
        self.faults.push(fault.hint(asks));
        None
    }

    fn comparison(
        &mut self,
        left: Operand,
        (op, op_at, negated): (Comparison, Span, bool),
        right: Operand,
        at: Span,
    ) -> Option<TestKind> {
        let (left_at, right_at) = (left.at, right.at);
        if let Some(asks) = self.asks_presence(&right, negated) {
            return self.not_compared(left, op_at.to(right_at), right_at, asks);
        }
        let (left, right) = (self.compared(left), self.compared(right));
        match (&left, &right) {
            (Some(Typed::Fact(info)), None) => self.suggest_quotes(right_at, info),
            (None, Some(Typed::Fact(info))) => self.suggest_quotes(left_at, info),
            _ => {}
        }
        let (left, right) = (left?, right?);
        match (left, right) {
            (Typed::Fact(left), Typed::Fact(right)) => {
                let types = (left.value_type, right.value_type);
                self.agree(types, at, None)?;
                self.ordered(left.value_type, op, op_at)?;
                Some(TestKind::Facts {
                    left: self.known(&left),
                    op,
                    right: self.known(&right),
                })
            }
            (Typed::Fact(info), Typed::Literal(value)) => {
                let with = self.literal(&info, value, right_at, false)?;
                self.ordered(info.value_type, op, op_at)?;
                Some(with.compared(self.known(&info), op))
            }
            (Typed::Literal(value), Typed::Fact(info)) => {
                let with = self.literal(&info, value, left_at, true)?;
                self.ordered(info.value_type, op, op_at)?;
                Some(with.compared(self.known(&info), op.mirrored()))
            }
            (Typed::Fact(info), Typed::Now(offset)) => {
                self.agree((info.value_type, ValueType::Instant), at, None)?;
                let fact = self.known(&info);
                Some(TestKind::ComparesWithNow { fact, op, offset })
            }
            (Typed::Now(offset), Typed::Fact(info)) => {
                self.agree((ValueType::Instant, info.value_type), at, None)?;
                let (fact, op) = (self.known(&info), op.mirrored());
                Some(TestKind::ComparesWithNow { fact, op, offset })
            }
            (Typed::Now(offset), Typed::Literal(value)) => {
                let instant = self.instant(value, right_at, false)?;
                Some(TestKind::Now {
                    offset,
                    op,
                    instant,
                })
            }
            (Typed::Literal(value), Typed::Now(offset)) => {
                let instant = self.instant(value, left_at, true)?;
                let op = op.mirrored();
                Some(TestKind::Now {
                    offset,
                    op,
                    instant,
                })
            }
            (Typed::Literal(_), Typed::Literal(_)) | (Typed::Now(_), Typed::Now(_)) => {
                self.fault(at, FaultKind::ComparesNothing);
                None
            }
        }
    }

    fn list(&mut self, left: Operand, list: Vec<Operand>) -> Option<TestKind> {
        let subject = self.subject(left);
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for item in list {
            let at = item.at;
            let (Some(info), Some(Typed::Literal(value))) = (&subject, self.operand(item)) else {
                continue;
            };
            match self.literal(info, value, at, false) {
                Some(Constant::Text(text)) => texts.push(text),
                Some(Constant::Other(literal)) => others.push(literal),
                None => {}
            }
        }
        let subject = subject?;
        let fact = self.known(&subject);
        Some(match subject.value_type {
            ValueType::Text => TestKind::IsText {
                fact,
                texts: texts.into(),
            },
            _ => TestKind::IsIn {
                fact,
                literals: others.into(),
            },
        })
    }

    fn known(&mut self, info: &FactInfo) -> Known {
        let id = info.id;
        let place = self.facts.iter().position(|known| known.id == id);
        let place = place.unwrap_or_else(|| {
            self.facts.push(info.clone());
            self.facts.len() - 1
        });
        // Two facts for each term at most, so it fits.
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        Known { id, place }
    }

    /// The fact about which `in` or `is` asks.
    fn subject(&mut self, operand: Operand) -> Option<FactInfo> {
        let at = operand.at;
        match self.compared(operand)? {
            Typed::Fact(info) => Some(info),
            Typed::Literal(_) | Typed::Now(_) => {
                self.fault(at, FaultKind::NotAFact);
                None
            }
        }
    }

    /// An operand of something else than itself: no fact that is true for a while.
    fn compared(&mut self, operand: Operand) -> Option<Typed> {
        let at = operand.at;
        let typed = self.operand(operand)?;
        if let Typed::Fact(info) = &typed {
            if info.during.is_some() {
                let name = info.name.as_str().into();
                self.fault(at, FaultKind::OnlyByItself { name });
                return None;
            }
        }
        Some(typed)
    }

    fn operand(&mut self, operand: Operand) -> Option<Typed> {
        Some(match operand.kind {
            OperandKind::Fact { name, argument } => Typed::Fact(self.fact(name, argument)?),
            OperandKind::Text(text) => Typed::Literal(Value::Text(text)),
            OperandKind::Number(number) => Typed::Literal(Value::Number(number)),
            OperandKind::Bool(value) => Typed::Literal(Value::Bool(value)),
            OperandKind::Date(date) => Typed::Literal(Value::Date(date)),
            OperandKind::Instant(instant) => Typed::Literal(Value::Instant(instant)),
            OperandKind::Now(offset) => Typed::Now(offset),
            OperandKind::Bad => return None,
        })
    }

    fn fact(&mut self, at: Span, argument: Option<(SmolStr, Span)>) -> Option<FactInfo> {
        let name = at.of(self.source);
        let text = argument.as_ref().map(|(text, _)| text.as_str());
        let unresolved = match self.catalogue.resolve(name, text) {
            Ok(info) => {
                return Some(info);
            }
            Err(Unresolved::FaultyFact) => {
                self.rests_on_faults = true;
                return None;
            }
            Err(unresolved) => unresolved,
        };
        let name = SmolStr::new(name);
        let whole = argument.as_ref().map_or(at, |(_, span)| Span {
            start: at.start,
            end: (span.end + 1).min(self.source.len()),
        });
        let fault = match (unresolved, argument) {
            (Unresolved::UnknownArgument { known }, Some((argument, argument_at))) => {
                let near = nearest(&argument, known.iter().map(SmolStr::as_str)).map(quoted);
                let kind = FaultKind::UnknownArgument { name, argument };
                Fault::new(argument_at, kind).maybe_hint(near)
            }
            (Unresolved::TakesNoArgument, _) => {
                let hint = name.clone();
                Fault::new(whole, FaultKind::TakesNoArgument { name }).hint(hint)
            }
            (Unresolved::NeedsArgument { known } | Unresolved::UnknownArgument { known }, None)
            | (Unresolved::NeedsArgument { known }, Some(_)) => {
                let such_as = known
                    .first()
                    .map(|first| SmolStr::from([&*name, "(", &*quoted(first), ")"].concat()));
                Fault::new(whole, FaultKind::NeedsArgument { name }).maybe_hint(such_as)
            }
            (Unresolved::NeverTurns, _) => Fault::new(whole, FaultKind::NeverTurns { name }),
            (Unresolved::UnknownName | Unresolved::FaultyFact, _) => {
                let catalogue = self.catalogue;
                let names = self.names.get_or_insert_with(|| catalogue.names());
                let near = nearest(&name, names.iter().map(SmolStr::as_str)).map(SmolStr::new);
                Fault::new(at, FaultKind::UnknownFact { name }).maybe_hint(near)
            }
        };
        self.faults.push(fault);
        None
    }

    /// `advisor` alone, where `role == "advisor"` is meant.
    fn suggest_comparison(&mut self, at: Span) {
        let catalogue = self.catalogue;
        let names = self.names.iter().flatten();
        let Some((name, hint)) = unknown_fact(self.faults, at) else {
            return;
        };
        let mut choosing = names.filter(|known| {
            let info = catalogue.resolve(known, None).ok();
            let choices = info.and_then(|info| info.choices);
            choices.is_some_and(|choices| choices.contains(name))
        });
        if let Some(of) = choosing.next() {
            *hint = Some([of, " == ", &*quoted(name)].concat().into());
        }
    }

    /// `city == Quito`: a word beside a text is most likely one that misses its quotes.
    fn suggest_quotes(&mut self, at: Span, beside: &FactInfo) {
        if beside.value_type != ValueType::Text {
            return;
        }
        let Some((name, hint)) = unknown_fact(self.faults, at) else {
            return;
        };
        let meant = match &beside.choices {
            Some(choices) => nearest(name, choices.iter().map(SmolStr::as_str)),
            None => Some(name.as_str()).filter(|_| hint.is_none()),
        };
        if let Some(meant) = meant {
            *hint = Some(quoted(meant));
        }
    }

    /// A literal to compare a fact with: of its type, and one of its choices.
    fn literal(
        &mut self,
        info: &FactInfo,
        value: Value,
        at: Span,
        literal_is_left: bool,
    ) -> Option<Constant> {
        if info.value_type == ValueType::Instant {
            let instant = self.instant(value, at, literal_is_left)?;
            return Some(Constant::Other(Literal::Instant(instant)));
        }
        let types = match literal_is_left {
            true => (value.value_type(), info.value_type),
            false => (info.value_type, value.value_type()),
        };
        self.agree(types, at, rewritten(&value, info.value_type))?;
        Some(Constant::Other(match value {
            Value::Text(text) => {
                self.choice(info, &text, at)?;
                let text = self.tax_number(info, text, at)?;
                return Some(Constant::Text(fold(&text).as_str().into()));
            }
            Value::Bool(value) => Literal::Bool(value),
            Value::Number(number) => Literal::Number(number),
            Value::Date(date) => Literal::Date(date),
            Value::Instant(instant) => Literal::Instant(micros(instant)),
        }))
    }

    /// A literal as an instant, in microseconds; a date is the start of its day.
    fn instant(&mut self, value: Value, at: Span, literal_is_left: bool) -> Option<i64> {
        match value {
            Value::Instant(instant) => Some(micros(instant)),
            Value::Date(date) => {
                let start = self.catalogue.start_of_day(date);
                if start.is_none() {
                    self.fault(at, FaultKind::NoSuchDay);
                }
                start.map(micros)
            }
            other => {
                let types = match literal_is_left {
                    true => (other.value_type(), ValueType::Instant),
                    false => (ValueType::Instant, other.value_type()),
                };
                self.agree(types, at, rewritten(&other, ValueType::Instant))?;
                None
            }
        }
    }

    fn choice(&mut self, info: &FactInfo, text: &str, at: Span) -> Option<()> {
        let Some(choices) = &info.choices else {
            return Some(());
        };
        let folded = fold(text);
        if choices.iter().any(|choice| fold(choice) == folded) {
            return Some(());
        }
        let near = nearest(text, choices.iter().map(SmolStr::as_str)).map(quoted);
        let kind = FaultKind::NotAChoice {
            fact: info.name.as_str().into(),
            text: text.into(),
            among: near.is_none().then(|| listed(choices)),
        };
        self.faults.push(Fault::new(at, kind).maybe_hint(near));
        None
    }

    /// The text in the form in which the fact is kept, if that is a tax number.
    fn tax_number(&mut self, info: &FactInfo, text: SmolStr, at: Span) -> Option<SmolStr> {
        let Some(kinds) = &info.tax_numbers else {
            return Some(text);
        };
        match kinds.parse(&text) {
            Ok(number) => Some(number.as_str().into()),
            Err(error) => {
                let fact = info.name.as_str().into();
                self.fault(at, FaultKind::NotATaxNumber { fact, text, error });
                None
            }
        }
    }

    fn agree(
        &mut self,
        (left, right): (ValueType, ValueType),
        at: Span,
        hint: Option<SmolStr>,
    ) -> Option<()> {
        if left == right {
            return Some(());
        }
        let fault = Fault::new(at, FaultKind::Mismatch { left, right });
        self.faults.push(fault.maybe_hint(hint));
        None
    }

    fn ordered(&mut self, value_type: ValueType, op: Comparison, at: Span) -> Option<()> {
        let has_order = match value_type {
            ValueType::Number | ValueType::Date | ValueType::Instant => true,
            ValueType::Bool | ValueType::Text => false,
        };
        if has_order || op == Comparison::Equal {
            return Some(());
        }
        self.fault(at, FaultKind::NoOrder { value_type });
        None
    }

    fn fault(&mut self, at: Span, kind: FaultKind) {
        self.faults.push(Fault::new(at, kind));
    }
}

/// What a fact can be, or the first of many.
fn listed(choices: &[SmolStr]) -> SmolStr {
    const MOST: usize = 12;
    let first = choices.iter().take(MOST).map(SmolStr::as_str);
    let mut told: Vec<&str> = first.collect();
    if choices.len() > MOST {
        told.push("..");
    }
    told.join(", ").into()
}

/// The name at this place, if there is no such fact, and what was probably meant by it.
fn unknown_fact(faults: &mut [Fault], at: Span) -> Option<(&SmolStr, &mut Option<SmolStr>)> {
    let Fault {
        at: told,
        kind,
        hint,
    } = faults.last_mut()?;
    match kind {
        FaultKind::UnknownFact { name } if *told == (at.start..at.end) => Some((name, hint)),
        _ => None,
    }
}

/// Stands for what could not be compiled; a fault says why.
fn bad() -> Node {
    Node::All([].into())
}

/// The literal `value` as it is written when it is of another type: `"3"` for `3`, or the reverse.
fn rewritten(value: &Value, wanted: ValueType) -> Option<SmolStr> {
    let Value::Text(text) = value else {
        return (wanted == ValueType::Text).then(|| quoted(&value.to_smolstr()));
    };
    let mut faults = Vec::new();
    let tokens = super::lex::lex(text, &mut faults);
    let value = match tokens.first() {
        Some((super::lex::Token::Number(number), _)) => ValueRef::Number(*number),
        Some((super::lex::Token::Date(date), _)) => ValueRef::Date(*date),
        Some((super::lex::Token::Instant(instant), _)) => ValueRef::Instant(*instant),
        Some((super::lex::Token::True, _)) => ValueRef::Bool(true),
        Some((super::lex::Token::False, _)) => ValueRef::Bool(false),
        _ => return None,
    };
    let fits = value.value_type() == wanted
        || (value.value_type() == ValueType::Date && wanted == ValueType::Instant);
    (fits && faults.is_empty() && tokens.len() == 2).then(|| value.to_smolstr())
}
