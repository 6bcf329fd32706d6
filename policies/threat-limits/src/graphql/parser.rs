//! The grammar of queries of GraphQL (specification of October 2021, section 2), read for what is counted.

use super::lexer::{Lexer, Token};
use super::{Counts, Definition, Query};
use crate::config::GraphqlLimits;
use crate::wrong::Wrong;

/// Lists and objects within each other, and types in lists.
const VALUE_DEPTH_MAX: usize = 50;

/// A query that is being read. Depth is bounded, so that it can call itself.
pub(super) struct Parser<'t, 'l> {
    lexer: Lexer<'t>,
    token: Token<'t>,
    limits: &'l GraphqlLimits,
}

fn unexpected() -> Wrong {
    Wrong::form("the query is none of GraphQL's")
}

impl<'t, 'l> Parser<'t, 'l> {
    pub(super) fn new(text: &'t str, limits: &'l GraphqlLimits) -> Result<Self, Wrong> {
        let mut lexer = Lexer::new(text, limits.tokens);
        let token = lexer.next()?;
        Ok(Self { lexer, token, limits })
    }

    pub(super) fn query(mut self) -> Result<Query<'t>, Wrong> {
        let mut query = Query::default();
        while self.token != Token::End {
            // A description (specification of September 2025).
            if self.token == Token::Text {
                self.step()?;
                if self.token == Token::Sign(b'{') {
                    return Err(unexpected());
                }
            }
            match self.token {
                Token::Sign(b'{') => {
                    let mut definition = Definition::default();
                    self.selections(&mut definition, 1)?;
                    query.operations.push(definition);
                }
                Token::Name("query" | "mutation" | "subscription") => {
                    query.operations.push(self.operation()?);
                }
                Token::Name("fragment") => {
                    let (name, definition) = self.fragment()?;
                    if query.fragments.len() >= self.limits.fragments {
                        return Err(Wrong::bound("the query has too many fragments"));
                    }
                    if query.fragments.iter().any(|(known, _)| *known == name) {
                        return Err(Wrong::form("the query has a fragment twice"));
                    }
                    query.fragments.push((name, definition));
                }
                _ => return Err(unexpected()),
            }
        }
        if query.operations.is_empty() {
            return Err(Wrong::form("the query has no operation"));
        }
        Ok(query)
    }

    fn operation(&mut self) -> Result<Definition<'t>, Wrong> {
        let mut definition = Definition::default();
        self.step()?;
        if matches!(self.token, Token::Name(_)) {
            self.step()?;
        }
        if self.token == Token::Sign(b'(') {
            self.step()?;
            while self.token != Token::Sign(b')') {
                self.variable(&mut definition.counts)?;
            }
            self.step()?;
        }
        self.directives(&mut definition.counts)?;
        self.selections(&mut definition, 1)?;
        Ok(definition)
    }

    fn variable(&mut self, counts: &mut Counts) -> Result<(), Wrong> {
        if self.token == Token::Text {
            self.step()?;
        }
        self.sign(b'$')?;
        self.name()?;
        self.sign(b':')?;
        self.of_type(0)?;
        if self.token == Token::Sign(b'=') {
            self.step()?;
            self.value(0)?;
        }
        self.directives(counts)
    }

    fn of_type(&mut self, depth: usize) -> Result<(), Wrong> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Wrong::bound("the query has values that are nested too deep"));
        }
        if self.token == Token::Sign(b'[') {
            self.step()?;
            self.of_type(depth + 1)?;
            self.sign(b']')?;
        } else {
            self.name()?;
        }
        if self.token == Token::Sign(b'!') {
            self.step()?;
        }
        Ok(())
    }

    fn fragment(&mut self) -> Result<(&'t str, Definition<'t>), Wrong> {
        self.step()?;
        let name = self.name()?;
        if name == "on" || self.name()? != "on" {
            return Err(unexpected());
        }
        self.name()?;
        let mut definition = Definition::default();
        self.directives(&mut definition.counts)?;
        self.selections(&mut definition, 1)?;
        Ok((name, definition))
    }

    /// Reads `{ ... }`, whose fields stand in so many others, themselves counted.
    fn selections(&mut self, into: &mut Definition<'t>, depth: usize) -> Result<(), Wrong> {
        // Inline fragments are nested too, without a field.
        if depth > 2 * self.limits.depth + 1 {
            return Err(Wrong::bound("the query is nested too deep"));
        }
        self.sign(b'{')?;
        if self.token == Token::Sign(b'}') {
            return Err(unexpected());
        }
        while self.token != Token::Sign(b'}') {
            match self.token {
                Token::Spread => self.spread(into, depth)?,
                _ => self.field(into, depth)?,
            }
        }
        self.step()
    }

    fn field(&mut self, into: &mut Definition<'t>, depth: usize) -> Result<(), Wrong> {
        let mut name = self.name()?;
        if self.token == Token::Sign(b':') {
            self.step()?;
            name = self.name()?;
            into.counts.aliases = into.counts.aliases.saturating_add(1);
        }
        into.counts.fields = into.counts.fields.saturating_add(1);
        let fields_deep = into.fields_open + 1;
        into.counts.depth = into.counts.depth.max(fields_deep);
        if fields_deep == 1 {
            into.counts.root_fields = into.counts.root_fields.saturating_add(1);
        }
        into.counts.introspects |= matches!(name, "__schema" | "__type");
        if self.token == Token::Sign(b'(') {
            self.arguments()?;
        }
        self.directives(&mut into.counts)?;
        if self.token == Token::Sign(b'{') {
            into.fields_open += 1;
            self.selections(into, depth + 1)?;
            into.fields_open -= 1;
        }
        Ok(())
    }

    fn spread(&mut self, into: &mut Definition<'t>, depth: usize) -> Result<(), Wrong> {
        self.step()?;
        match self.token {
            Token::Name(name) if name != "on" => {
                self.step()?;
                into.spreads.push((name, into.fields_open));
                return self.directives(&mut into.counts);
            }
            Token::Name(_) => {
                self.step()?;
                self.name()?;
            }
            _ => {}
        }
        self.directives(&mut into.counts)?;
        self.selections(into, depth + 1)
    }

    fn directives(&mut self, counts: &mut Counts) -> Result<(), Wrong> {
        while self.token == Token::Sign(b'@') {
            self.step()?;
            self.name()?;
            counts.directives = counts.directives.saturating_add(1);
            if self.token == Token::Sign(b'(') {
                self.arguments()?;
            }
        }
        Ok(())
    }

    fn arguments(&mut self) -> Result<(), Wrong> {
        self.sign(b'(')?;
        if self.token == Token::Sign(b')') {
            return Err(unexpected());
        }
        while self.token != Token::Sign(b')') {
            self.name()?;
            self.sign(b':')?;
            self.value(0)?;
        }
        self.step()
    }

    fn value(&mut self, depth: usize) -> Result<(), Wrong> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Wrong::bound("the query has values that are nested too deep"));
        }
        match self.token {
            Token::Name(_) | Token::Number | Token::Text => self.step(),
            Token::Sign(b'$') => {
                self.step()?;
                self.name().map(|_| ())
            }
            Token::Sign(b'[') => {
                self.step()?;
                while self.token != Token::Sign(b']') {
                    self.value(depth + 1)?;
                }
                self.step()
            }
            Token::Sign(b'{') => {
                self.step()?;
                while self.token != Token::Sign(b'}') {
                    self.name()?;
                    self.sign(b':')?;
                    self.value(depth + 1)?;
                }
                self.step()
            }
            _ => Err(unexpected()),
        }
    }

    fn step(&mut self) -> Result<(), Wrong> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn sign(&mut self, sign: u8) -> Result<(), Wrong> {
        if self.token == Token::Sign(sign) { self.step() } else { Err(unexpected()) }
    }

    fn name(&mut self) -> Result<&'t str, Wrong> {
        let Token::Name(name) = self.token else { return Err(unexpected()) };
        self.step()?;
        Ok(name)
    }
}
