//! From tokens to a tree of terms, none of which has been looked up yet. A term that cannot be
//! read is skipped up to the next `and`, `or`, `implies` or closing parenthesis.

use chrono::NaiveDate;
use smol_str::{SmolStr, format_smolstr};

use super::fault::{Expected, Fault, FaultKind, Span, excerpt};
use super::lex::{Token, lex, quoted, well_formed};
use super::{Comparison, Condition};
use crate::time::Instant;
use crate::value::Number;

/// A condition as it was written.
#[derive(Debug)]
pub(super) enum Ast {
    Term(Term),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    /// Something about which a fault has been reported.
    Bad,
}

#[derive(Debug)]
pub(super) struct Term {
    pub(super) at: Span,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Bare(Operand),
    /// An operand after which nothing could be read; a fault says why.
    Unread(Operand),
    Compare {
        left: Operand,
        op: Comparison,
        negated: bool,
        op_at: Span,
        right: Operand,
    },
    In {
        left: Operand,
        negated: bool,
        list: Vec<Operand>,
    },
    IsMissing {
        left: Operand,
        negated: bool,
    },
}

#[derive(Debug)]
pub(super) struct Operand {
    pub(super) at: Span,
    pub(super) kind: OperandKind,
}

#[derive(Debug)]
pub(super) enum OperandKind {
    Fact {
        name: Span,
        argument: Option<(SmolStr, Span)>,
    },
    Text(SmolStr),
    Number(Number),
    Bool(bool),
    Date(NaiveDate),
    Instant(Instant),
    /// `now`, moved by so many microseconds.
    Now(i64),
    /// Something about which a fault has been reported.
    Bad,
}

/// Reads `source`, and whatever can still be read after each fault.
pub(super) fn parse(source: &str, faults: &mut Vec<Fault>) -> Ast {
    let tokens = lex(source, faults);
    let mut parser = Parser {
        source,
        tokens,
        position: 0,
        depth: 0,
        terms: 0,
        stopped: false,
        faults,
    };
    parser.whole()
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<(Token, Span)>,
    position: usize,
    depth: usize,
    terms: usize,
    stopped: bool,
    faults: &'s mut Vec<Fault>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Ast {
        let mut parts = vec![self.implication()];
        // Only a closing parenthesis too many leaves something to read.
        while *self.peek() != Token::End {
            self.unexpected(Expected::Operator);
            self.advance();
            if !self.at_end_of_term() {
                self.skip_term();
            }
            if matches!(self.peek(), Token::And | Token::Or | Token::Implies) {
                self.advance();
                parts.push(self.implication());
            }
        }
        one_or(Ast::All, parts)
    }

    fn implication(&mut self) -> Ast {
        let mut parts = vec![self.disjunction()];
        while self.eat(&Token::Implies) {
            parts.push(self.disjunction());
        }
        // a implies (b implies c) is: not a, or not b, or c
        let last = parts.pop().unwrap_or(Ast::Bad);
        let mut cases: Vec<Ast> = parts.into_iter().map(negate).collect();
        cases.push(last);
        one_or(Ast::Any, cases)
    }

    fn disjunction(&mut self) -> Ast {
        let mut parts = vec![self.conjunction()];
        while self.eat(&Token::Or) {
            parts.push(self.conjunction());
        }
        one_or(Ast::Any, parts)
    }

    fn conjunction(&mut self) -> Ast {
        let mut parts = Vec::new();
        loop {
            parts.push(self.negation());
            if !self.at_end_of_term() {
                let hint = operator_elsewhere(self.here().of(self.source));
                self.unexpected_but(Expected::Operator, hint.map(SmolStr::from));
                self.skip_term();
            }
            if !self.eat(&Token::And) {
                return one_or(Ast::All, parts);
            }
        }
    }

    fn negation(&mut self) -> Ast {
        let mut negated = false;
        while self.eat(&Token::Not) {
            negated = !negated;
        }
        let inner = match self.peek() {
            Token::Open => self.parenthesis(),
            _ => self.term(),
        };
        if negated { negate(inner) } else { inner }
    }

    fn parenthesis(&mut self) -> Ast {
        let open = self.advance();
        if self.depth == Condition::MAX_DEPTH {
            let limit = Condition::MAX_DEPTH;
            return self.stop(open, FaultKind::TooDeep { limit });
        }
        self.depth += 1;
        let inner = self.implication();
        self.depth -= 1;
        if !self.eat(&Token::Close) {
            self.fault(open, FaultKind::Unclosed { open: '(' });
        }
        inner
    }

    fn term(&mut self) -> Ast {
        if self.at_end_of_term() {
            self.unexpected(Expected::Term);
            return Ast::Bad;
        }
        if self.terms == Condition::MAX_TERMS {
            let limit = Condition::MAX_TERMS;
            return self.stop(self.here(), FaultKind::TooManyTerms { limit });
        }
        self.terms += 1;
        let start = self.here();
        let left = self.operand(Expected::Term);
        let body = match self.peek().clone() {
            Token::Compare(op) => self.comparison(left, op, false),
            Token::NotEqual => self.comparison(left, Comparison::Equal, true),
            Token::In => self.list(left, false),
            Token::Not => {
                self.advance();
                if *self.peek() == Token::In {
                    self.list(left, true)
                } else {
                    self.unexpected(Expected::In);
                    self.skip_term();
                    Body::Unread(left)
                }
            }
            Token::Is => self.presence(left),
            _ if self.at_end_of_term() => Body::Bare(left),
            _ => Body::Unread(left),
        };
        let at = start.to(self.before());
        Ast::Term(Term { at, body })
    }

    fn comparison(&mut self, left: Operand, op: Comparison, negated: bool) -> Body {
        let op_at = self.advance();
        let right = self.operand(Expected::Operand);
        let body = Body::Compare {
            left,
            op,
            negated,
            op_at,
            right,
        };
        if matches!(self.peek(), Token::Compare(_) | Token::NotEqual) {
            self.fault(self.here(), FaultKind::Chained);
            self.skip_term();
        }
        body
    }

    fn list(&mut self, left: Operand, negated: bool) -> Body {
        self.advance();
        let open = self.here();
        let mut list = Vec::new();
        if !self.eat(&Token::OpenList) {
            self.unexpected(Expected::List);
            self.skip_term();
            return Body::Unread(left);
        }
        loop {
            let item = self.operand(Expected::Literal);
            if matches!(item.kind, OperandKind::Fact { .. } | OperandKind::Now(_)) {
                let found = excerpt(item.at.of(self.source));
                let expected = Expected::Literal;
                let hint = matches!(item.kind, OperandKind::Fact { argument: None, .. })
                    .then(|| quoted(item.at.of(self.source)));
                let fault = Fault::new(item.at, FaultKind::Unexpected { found, expected });
                self.report(fault.maybe_hint(hint));
            } else {
                list.push(item);
            }
            if self.eat(&Token::Comma) {
                continue;
            }
            if self.eat(&Token::CloseList) {
                break;
            }
            if self.at_end_of_term() {
                self.fault(open, FaultKind::Unclosed { open: '[' });
                break;
            }
            self.unexpected(Expected::CommaOrEnd);
            self.skip_item();
            if !self.eat(&Token::Comma) {
                self.eat(&Token::CloseList);
                break;
            }
        }
        Body::In {
            left,
            negated,
            list,
        }
    }

    fn presence(&mut self, left: Operand) -> Body {
        self.advance();
        let negated = match (self.peek(), self.here().of(self.source)) {
            (Token::Name, "missing") => false,
            (Token::Name, "present") => true,
            _ => {
                self.unexpected(Expected::MissingOrPresent);
                self.skip_term();
                return Body::Unread(left);
            }
        };
        self.advance();
        Body::IsMissing { left, negated }
    }

    fn operand(&mut self, expected: Expected) -> Operand {
        let at = self.here();
        let kind = match self.peek().clone() {
            Token::Name => {
                self.advance();
                self.fact(at)
            }
            Token::Now => {
                self.advance();
                self.now()
            }
            Token::Minus => {
                self.advance();
                match *self.peek() {
                    Token::Number(number) => {
                        self.advance();
                        let count = number.ten_thousandths();
                        OperandKind::Number(Number::from_ten_thousandths(-count))
                    }
                    _ => {
                        self.unexpected(Expected::Literal);
                        self.skip_term();
                        OperandKind::Bad
                    }
                }
            }
            Token::Duration(_) => {
                self.advance();
                self.fault(at, FaultKind::OnlyNowMoves);
                OperandKind::Bad
            }
            other => match literal(other) {
                Some(kind) => {
                    self.advance();
                    kind
                }
                None => {
                    self.unexpected(expected);
                    if !self.at_end_of_operand() {
                        self.advance();
                    }
                    OperandKind::Bad
                }
            },
        };
        let operand = Operand {
            at: at.to(self.before()),
            kind,
        };
        self.moved(operand)
    }

    /// A duration after something else than `now`.
    fn moved(&mut self, operand: Operand) -> Operand {
        let sign_at = self.here();
        if !matches!(self.peek(), Token::Plus | Token::Minus)
            || !matches!(self.peek_next(), Token::Duration(_))
        {
            return operand;
        }
        self.advance();
        let duration_at = self.advance();
        self.fault(sign_at.to(duration_at), FaultKind::OnlyNowMoves);
        Operand {
            at: operand.at.to(duration_at),
            kind: OperandKind::Bad,
        }
    }

    fn fact(&mut self, name: Span) -> OperandKind {
        let adjacent = self.here().start == name.end;
        if *self.peek() != Token::Open || !adjacent {
            let argument = None;
            return OperandKind::Fact { name, argument };
        }
        let open = self.advance();
        let argument_at = self.here();
        let Token::Text(argument) = self.peek().clone() else {
            let word = matches!(self.peek(), Token::Name).then(|| argument_at.of(self.source));
            self.unexpected_but(Expected::Argument, word.map(quoted));
            if *self.peek() != Token::Close {
                self.skip_term();
            }
            self.eat(&Token::Close);
            return OperandKind::Bad;
        };
        self.advance();
        if self.at_end_of_term() && *self.peek() != Token::Close {
            self.fault(open, FaultKind::Unclosed { open: '(' });
            return OperandKind::Bad;
        }
        if !self.eat(&Token::Close) {
            self.unexpected(Expected::Argument);
            self.skip_term();
            self.eat(&Token::Close);
        }
        OperandKind::Fact {
            name,
            argument: Some((argument, argument_at)),
        }
    }

    fn now(&mut self) -> OperandKind {
        let sign = match self.peek() {
            Token::Plus => 1,
            Token::Minus => -1,
            _ => return OperandKind::Now(0),
        };
        self.advance();
        match *self.peek() {
            Token::Duration(length) => {
                self.advance();
                OperandKind::Now(sign * length)
            }
            _ => {
                self.no_duration();
                OperandKind::Bad
            }
        }
    }

    /// Something else where a duration should stand: `3 days`, in quotes or not, or `3`.
    fn no_duration(&mut self) {
        let at = self.here();
        let whole = match (self.peek(), self.peek_next()) {
            (Token::Number(_), Token::Name) => {
                let unit = self.tokens.get(self.position + 1);
                at.to(unit.map_or(at, |(_, at)| *at))
            }
            _ => at,
        };
        let said = whole.of(self.source).replace([' ', '"'], "");
        let is_number = said.bytes().all(|byte| byte.is_ascii_digit());
        let hint = match is_number && !said.is_empty() {
            true => Some(format_smolstr!("{said}d")),
            false => well_formed(&said),
        };
        self.unexpected_but(Expected::Duration, hint);
        if whole != at {
            self.advance();
        }
        if !self.at_end_of_operand() {
            self.advance();
        }
    }

    fn peek(&self) -> &Token {
        self.tokens
            .get(self.position)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn peek_next(&self) -> &Token {
        self.tokens
            .get(self.position + 1)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn here(&self) -> Span {
        let end = Span {
            start: self.source.len(),
            end: self.source.len(),
        };
        self.tokens.get(self.position).map_or(end, |(_, at)| *at)
    }

    /// The token that was read last.
    fn before(&self) -> Span {
        let index = self.position.saturating_sub(1);
        self.tokens
            .get(index)
            .map_or_else(|| self.here(), |(_, at)| *at)
    }

    fn advance(&mut self) -> Span {
        let at = self.here();
        if self.position + 1 < self.tokens.len() {
            self.position += 1;
        }
        at
    }

    fn eat(&mut self, token: &Token) -> bool {
        let eaten = self.peek() == token && *token != Token::End;
        if eaten {
            self.advance();
        }
        eaten
    }

    fn at_end_of_term(&self) -> bool {
        use Token::{And, Close, End, Implies, Or};
        matches!(self.peek(), And | Or | Implies | Close | End)
    }

    fn at_end_of_operand(&self) -> bool {
        use Token::{CloseList, Comma, Compare, In, Is, Not, NotEqual};
        let goes_on = matches!(
            self.peek(),
            Compare(_) | NotEqual | In | Is | Not | Comma | CloseList
        );
        goes_on || self.at_end_of_term()
    }

    fn skip_term(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Token::End => return,
                Token::Open => open += 1,
                Token::Close if open > 0 => open -= 1,
                _ if open == 0 && self.at_end_of_term() => return,
                _ => {}
            }
            self.advance();
        }
    }

    fn skip_item(&mut self) {
        while !self.at_end_of_term() && !matches!(self.peek(), Token::Comma | Token::CloseList) {
            self.advance();
        }
    }

    fn unexpected(&mut self, expected: Expected) {
        self.unexpected_but(expected, None);
    }

    fn unexpected_but(&mut self, expected: Expected, hint: Option<SmolStr>) {
        let before = self.tokens.get(self.position.wrapping_sub(1));
        if *self.peek() == Token::Bad || before.is_some_and(|(token, _)| *token == Token::Bad) {
            return; // it would be told twice
        }
        let at = self.here();
        let kind = match self.peek() {
            Token::End => FaultKind::Ends { expected },
            _ => FaultKind::Unexpected {
                found: excerpt(at.of(self.source)),
                expected,
            },
        };
        self.report(Fault::new(at, kind).maybe_hint(hint));
    }

    fn fault(&mut self, at: Span, kind: FaultKind) {
        self.report(Fault::new(at, kind));
    }

    fn report(&mut self, fault: Fault) {
        // What is wrong at one place is told once, by whoever saw it first.
        let told = self.faults.last().is_some_and(|last| last.at == fault.at);
        if !self.stopped && !told {
            self.faults.push(fault);
        }
    }

    /// Gives up: a limit is reached.
    fn stop(&mut self, at: Span, kind: FaultKind) -> Ast {
        self.fault(at, kind);
        self.stopped = true;
        self.position = self.tokens.len().saturating_sub(1);
        Ast::Bad
    }
}

fn literal(token: Token) -> Option<OperandKind> {
    Some(match token {
        Token::Text(text) => OperandKind::Text(text),
        Token::Number(number) => OperandKind::Number(number),
        Token::Date(date) => OperandKind::Date(date),
        Token::Instant(instant) => OperandKind::Instant(instant),
        Token::True => OperandKind::Bool(true),
        Token::False => OperandKind::Bool(false),
        _ => return None,
    })
}

/// What is written otherwise between two values, or two terms, in other languages.
fn operator_elsewhere(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "y" | "e" => Some("and"),
        "o" | "ou" => Some("or"),
        "contains" | "contiene" | "contém" | "like" | "equals" | "eq" | "es" | "igual" => {
            Some("==")
        }
        _ => None,
    }
}

fn negate(ast: Ast) -> Ast {
    Ast::Not(Box::new(ast))
}

fn one_or(many: fn(Vec<Ast>) -> Ast, mut parts: Vec<Ast>) -> Ast {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => Ast::Bad,
    }
}
