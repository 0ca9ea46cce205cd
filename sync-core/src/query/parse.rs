//! From EspoCRM's `where` JSON to a [`Filter`], with everything checked against the schema.

use serde_json::{Map, Value};

use super::attribute::{Found, Pointer, places, pointer};
use super::error::{Hint, cut, shown};
use super::operator::{Does, OPERATORS, Operator, QUANTITIES, Quantity};
use super::when::{Day, Edge, Span, parse_moment};
use super::words::{Excess, Needed, Unfit};
use super::{
    Bound, Class, Condition, Filter, MAX_CONDITIONS, MAX_DAYS, MAX_DEPTH, MAX_LIST, MAX_POINTED, MAX_TEXT, MAX_WHERE, Near, Pointed,
    QueryError, Scalar, Test,
};
use crate::id::RecordId;
use crate::schema::{Kind, Schema};

const GROUPS: [&str; 3] = ["and", "or", "not"];

impl Filter {
    /// Reads a `where`: a JSON list of conditions that must all hold.
    ///
    /// # Errors
    /// [`QueryError`] names the attribute or operator that is wrong, and what would be right.
    pub fn parse(schema: &Schema, kind: &str, text: &str) -> Result<Filter, QueryError> {
        if text.len() > MAX_WHERE {
            return Err(QueryError::TooMuch { what: Excess::Where, limit: MAX_WHERE });
        }
        let value = serde_json::from_str(text).map_err(QueryError::not_json)?;
        Filter::from_json(schema, kind, &value)
    }

    /// As [`Filter::parse`], from JSON that is read already, as in a view's or a rule's definition.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn from_json(schema: &Schema, kind: &str, value: &Value) -> Result<Filter, QueryError> {
        let kind = find_kind(schema, kind)?;
        let mut parser = Parser { schema, kind, conditions: 0, is_pointing: false };
        match value {
            Value::Array(items) => parser.group(items, 0).map(Filter::All),
            _ => parser.filter(value, 0),
        }
    }
}

/// The kind that a query is about.
pub(super) fn find_kind<'s>(schema: &'s Schema, name: &str) -> Result<&'s Kind, QueryError> {
    let hint = || Hint::for_word(name, schema.kinds().map(|kind| &*kind.name));
    let kind = schema.kind(name).ok_or_else(|| QueryError::UnknownKind { kind: cut(name), hint: hint() })?;
    Ok(kind)
}

struct Parser<'s> {
    schema: &'s Schema,
    /// What conditions are about.
    kind: &'s Kind,
    conditions: usize,
    /// Whether it is about records that point at the record.
    is_pointing: bool,
}

impl<'s> Parser<'s> {
    fn group(&mut self, items: &[Value], depth: usize) -> Result<Vec<Filter>, QueryError> {
        if depth >= MAX_DEPTH {
            return Err(QueryError::TooMuch { what: Excess::Depth, limit: MAX_DEPTH });
        }
        items.iter().map(|item| self.filter(item, depth + 1)).collect()
    }

    fn filter(&mut self, value: &Value, depth: usize) -> Result<Filter, QueryError> {
        let not_one = || QueryError::NotACondition { found: shown(value) };
        let object = value.as_object().ok_or_else(not_one)?;
        let word = object.get("type").and_then(Value::as_str).ok_or_else(not_one)?;
        if GROUPS.contains(&word) {
            let inner = object.get("value").and_then(Value::as_array).ok_or_else(not_one)?;
            let inner = self.group(inner, depth)?;
            // An empty `and` asks for nothing; an empty `or` would silently hide every record.
            return match word {
                "and" => Ok(Filter::All(inner)),
                _ if inner.is_empty() => Err(not_one()),
                "or" => Ok(Filter::Any(inner)),
                _ => Ok(Filter::Not(Box::new(Filter::All(inner)))),
            };
        }
        self.count()?;
        let attribute = || object.get("attribute").and_then(Value::as_str).ok_or_else(not_one);
        if let Some((word, quantity)) = QUANTITIES.iter().find(|(known, _)| *known == word) {
            return self.quantity(word, *quantity, attribute()?, object, depth);
        }
        let operator = Operator::named(word).ok_or_else(|| {
            let valid = OPERATORS.iter().map(|operator| operator.word).chain(QUANTITIES.map(|(word, _)| word)).chain(GROUPS);
            QueryError::UnknownOperator { operator: cut(word), hint: Hint::for_word(word, valid) }
        })?;
        let filter = self.positive(operator, attribute()?, object.get("value").unwrap_or(&Value::Null))?;
        // Negation stands outside of "any of them": `notEquals` on a set means that no element is equal.
        Ok(if operator.negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    /// So many records that point here, of which all of a list of conditions hold.
    fn quantity(
        &mut self,
        word: &'static str,
        quantity: Quantity,
        attribute: &str,
        object: &Map<String, Value>,
        depth: usize,
    ) -> Result<Filter, QueryError> {
        let bad = |expected, found: &Value| {
            let attribute = cut(attribute);
            QueryError::BadValue { attribute, operator: word, expected, found: shown(found), hint: Box::default() }
        };
        let unfit = |why| QueryError::UnfitAttribute { attribute: cut(attribute), why };
        let pointer = self.pointer(attribute)?.ok_or_else(|| unfit(Unfit::NoPointers))?;
        if !pointer.rest.is_empty() {
            return Err(unfit(Unfit::Values));
        }
        let count = |least| {
            let count = object.get("count").unwrap_or(&Value::Null);
            let number = count.as_u64().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| (least..=MAX_POINTED).contains(number)).ok_or_else(|| bad(Needed::Count, count))
        };
        let (least, negated) = match quantity {
            Quantity::Any => (1, false),
            Quantity::None => (1, true),
            Quantity::AtLeast => (count(1)?, false),
            Quantity::AtMost => (count(0)? + 1, true),
        };
        let filter = match object.get("value") {
            None | Some(Value::Null) => Filter::everything(),
            Some(Value::Array(items)) => self.among(&pointer, |parser| parser.group(items, depth).map(Filter::All))?,
            Some(other) => return Err(bad(Needed::Conditions, other)),
        };
        let filter = Filter::Pointed(Box::new(Pointed { kind: pointer.kind.name.clone(), via: pointer.via, filter, least }));
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    fn pointer<'a>(&self, attribute: &'a str) -> Result<Option<Pointer<'s, 'a>>, QueryError> {
        let Some(pointer) = pointer(self.schema, self.kind, attribute) else { return Ok(None) };
        if self.is_pointing {
            return Err(QueryError::UnfitAttribute { attribute: cut(attribute), why: Unfit::TwoSteps });
        }
        pointer.map(Some)
    }

    /// Reads something about the records that point here.
    fn among<T>(&mut self, pointer: &Pointer<'s, '_>, read: impl FnOnce(&mut Self) -> Result<T, QueryError>) -> Result<T, QueryError> {
        let here = std::mem::replace(&mut self.kind, pointer.kind);
        self.is_pointing = true;
        let done = read(self);
        (self.kind, self.is_pointing) = (here, false);
        done
    }

    fn count(&mut self) -> Result<(), QueryError> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(QueryError::TooMuch { what: Excess::Conditions, limit: MAX_CONDITIONS });
        }
        Ok(())
    }

    /// What an operator says of an attribute, before its negation.
    fn positive(&mut self, operator: &'static Operator, attribute: &str, value: &Value) -> Result<Filter, QueryError> {
        if let Some(pointer) = self.pointer(attribute)? {
            if pointer.rest.is_empty() {
                let hint = Hint::among(QUANTITIES.map(|(word, _)| word));
                let (operator, attribute) = (operator.word.to_owned(), cut(attribute));
                return Err(QueryError::UnfitOperator { operator, attribute, class: None, hint });
            }
            let filter = self.among(&pointer, |parser| parser.positive(operator, pointer.rest, value))?;
            return Ok(Filter::Pointed(Box::new(Pointed { kind: pointer.kind.name.clone(), via: pointer.via, filter, least: 1 })));
        }
        let mut alternatives = Vec::new();
        for found in places(self.schema, self.kind, attribute)? {
            if !alternatives.is_empty() {
                self.count()?;
            }
            let asked = Asked { operator, attribute, found };
            alternatives.push(asked.filter(value)?);
        }
        Ok(if alternatives.len() == 1 { alternatives.remove(0) } else { Filter::Any(alternatives) })
    }
}

/// One operator on one place.
struct Asked<'s> {
    operator: &'static Operator,
    attribute: &'s str,
    found: Found<'s>,
}

impl Asked<'_> {
    fn filter(self, value: &Value) -> Result<Filter, QueryError> {
        self.fits()?;
        let test = match self.operator.does {
            Does::EveryElement => {
                let elements = self.list(value)?;
                let tests = elements.iter().map(|element| self.one_of(std::slice::from_ref(element)));
                return tests.map(|test| Ok(self.is(test?))).collect::<Result<_, _>>().map(Filter::All);
            }
            Does::Equal | Does::On => self.one_of(std::slice::from_ref(value))?,
            Does::OneOf | Does::AnyElement => self.one_of(self.list(value)?)?,
            Does::Linked => self.one_of(value.as_array().map_or(Ok(std::slice::from_ref(value)), |_| self.list(value))?)?,
            Does::Above { inclusive } => self.range(Some((value, inclusive)), None)?,
            Does::After => self.range(Some((value, false)), None)?,
            Does::Below { inclusive } => self.range(None, Some((value, inclusive)))?,
            Does::Before => self.range(None, Some((value, false)))?,
            Does::Between => match value.as_array().map(Vec::as_slice) {
                Some([from, until]) => self.range(Some((from, true)), Some((until, true)))?,
                _ => return Err(self.bad(Needed::Pair, value)),
            },
            Does::Find(how) => Test::Text(how, self.text(value)?.to_ascii_lowercase()),
            Does::Present => Test::Present,
            Does::True => Test::OneOf(vec![Scalar::Boolean(true)]),
            Does::Within(window) => Test::When(vec![Span::Relative(window)]),
            Does::Near => Test::Near(Near::read(value).ok_or_else(|| self.bad(Needed::Near, value))?),
            Does::Days(window) => Test::When(vec![Span::Relative(window(self.days(value)?))]),
        };
        Ok(self.is(test))
    }

    fn is(&self, test: Test) -> Filter {
        Filter::Is(Condition { place: self.found.place.clone(), test })
    }

    fn class(&self) -> Class {
        self.found.place.spot.class
    }

    fn fits(&self) -> Result<(), QueryError> {
        let spot = &self.found.place.spot;
        if self.operator.suits(spot) {
            return Ok(());
        }
        let valid = OPERATORS.iter().filter(|operator| operator.suits(spot)).map(|operator| operator.word);
        Err(QueryError::UnfitOperator {
            operator: self.operator.word.to_owned(),
            attribute: self.attribute.to_owned(),
            class: Some(spot.class),
            hint: Hint::among(valid),
        })
    }

    fn bad(&self, expected: Needed, found: &Value) -> QueryError {
        let (attribute, operator) = (self.attribute.to_owned(), self.operator.word);
        QueryError::BadValue { attribute, operator, expected, found: shown(found), hint: Box::default() }
    }

    fn list<'v>(&self, value: &'v Value) -> Result<&'v [Value], QueryError> {
        let list = value.as_array().filter(|list| !list.is_empty()).ok_or_else(|| self.bad(Needed::List, value))?;
        if list.len() > MAX_LIST {
            return Err(QueryError::TooMuch { what: Excess::List, limit: MAX_LIST });
        }
        Ok(list)
    }

    fn one_of(&self, values: &[Value]) -> Result<Test, QueryError> {
        if self.class().is_time() {
            let span = |value| self.edges(value).map(|(from, until)| Span::Fixed(Some(from), Some(until)));
            return values.iter().map(span).collect::<Result<_, _>>().map(Test::When);
        }
        values.iter().map(|value| self.scalar(value)).collect::<Result<_, _>>().map(Test::OneOf)
    }

    fn range(&self, from: Option<(&Value, bool)>, until: Option<(&Value, bool)>) -> Result<Test, QueryError> {
        if self.class().is_time() {
            let start = |(value, inclusive)| self.edges(value).map(|(start, end)| if inclusive { start } else { end });
            let end = |(value, inclusive)| self.edges(value).map(|(start, end)| if inclusive { end } else { start });
            let span = Span::Fixed(from.map(start).transpose()?, until.map(end).transpose()?);
            return Ok(Test::When(vec![span]));
        }
        let bound = |(value, inclusive)| self.scalar(value).map(|value| Bound { value, inclusive });
        Ok(Test::Range { from: from.map(bound).transpose()?, until: until.map(bound).transpose()? })
    }

    fn scalar(&self, value: &Value) -> Result<Scalar, QueryError> {
        match self.class() {
            Class::Text => self.text(value).map(|text| Scalar::Text(text.to_ascii_lowercase())),
            Class::Word => self.word(value),
            Class::Link => self.record(value).map(|id| Scalar::Text(id.to_string())),
            Class::Id => self.record(value).map(Scalar::Id),
            Class::Integer => value.as_i64().map(Scalar::Integer).ok_or_else(|| self.bad(Needed::Whole, value)),
            Class::Number => value.as_f64().map(Scalar::Number).ok_or_else(|| self.bad(Needed::Number, value)),
            Class::Boolean => value.as_bool().map(Scalar::Boolean).ok_or_else(|| self.bad(Needed::TrueOrFalse, value)),
            Class::Day | Class::Moment | Class::DayOrMoment | Class::Geo | Class::Opaque => Err(self.bad(Needed::OtherOperator, value)),
        }
    }

    fn text<'v>(&self, value: &'v Value) -> Result<&'v str, QueryError> {
        let text = value.as_str().ok_or_else(|| self.bad(Needed::Text, value))?;
        if text.len() > MAX_TEXT {
            return Err(QueryError::TooMuch { what: Excess::Text, limit: MAX_TEXT });
        }
        // PostgreSQL cannot hold it, and SQLite's functions stop at it.
        if text.contains('\0') { Err(self.bad(Needed::NoZero, value)) } else { Ok(text) }
    }

    fn word(&self, value: &Value) -> Result<Scalar, QueryError> {
        let word = self.text(value)?;
        let options = self.found.options;
        if options.is_empty() || options.iter().any(|option| option.value == word) {
            return Ok(Scalar::Text(word.to_owned()));
        }
        let hint = Box::new(Hint::for_word(word, options.iter().map(|option| &*option.value)));
        let (attribute, operator) = (self.attribute.to_owned(), self.operator.word);
        Err(QueryError::BadValue { attribute, operator, expected: Needed::Option, found: shown(value), hint })
    }

    fn record(&self, value: &Value) -> Result<RecordId, QueryError> {
        value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| self.bad(Needed::Record, value))
    }

    /// The two ends of the day or of the millisecond that a value names.
    fn edges(&self, value: &Value) -> Result<(Edge, Edge), QueryError> {
        if let Some(day) = value.as_str().and_then(Day::parse) {
            return Ok((Edge::Start(day), Edge::End(day)));
        }
        if self.class() == Class::Day {
            return Err(self.bad(Needed::Day, value));
        }
        let moment = value.as_i64().or_else(|| value.as_str().and_then(parse_moment));
        let moment = moment.ok_or_else(|| self.bad(Needed::Moment, value))?;
        Ok((Edge::At(moment), Edge::At(moment.saturating_add(1))))
    }

    fn days(&self, value: &Value) -> Result<i64, QueryError> {
        let days = value.as_i64().filter(|days| *days >= 0).ok_or_else(|| self.bad(Needed::Days, value))?;
        if days > MAX_DAYS { Err(QueryError::TooMuch { what: Excess::Days, limit: MAX_DAYS as usize }) } else { Ok(days) }
    }
}
