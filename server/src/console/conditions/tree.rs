//! Conditions as they are drawn: lines, groups of lines, and lines about the records that point here.

use askama::Template;
use serde_json::Value as Json;
use sync_core::query::Offer;

use super::one::{self, Controls};
use super::sent::{self, MORE, OF, lines, loose, loose_line};
use super::together::Together;
use super::words::describe;
use super::{Ground, held};
use crate::console::desk::Desk;
use crate::console::links::ids_in;
use crate::console::typed::Typed;
use crate::console::words::Words;
use crate::error::Error;

/// So many conditions that each offers only the fields that stand beside its own.
const SOME: usize = 5;

/// So many that each is about the field that it is about: another one is a line more.
const MANY: usize = 10;

/// Groups within groups that are drawn: more is nothing that people read.
const DEEP_MAX: usize = 3;

/// Conditions that are put together.
#[derive(Debug, Clone, Template)]
#[template(path = "condition_group.html")]
pub struct Group {
    /// What its controls' names begin with.
    name: String,
    /// The ways to put them together, and whether chosen; none where one alone stands.
    ways: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<Line>,
    /// Whether it is the whole: it ends with a line for one more.
    is_whole: bool,
    /// What it is about, if it is about records that point here.
    about: Option<String>,
    /// Whether a group may be put into it.
    nests: bool,
    words: Words,
}

/// `condition_group.html` escapes every text it is given.
impl askama::filters::HtmlSafe for Group {}

/// A condition, or a group of them.
#[derive(Debug, Clone)]
struct Line {
    name: String,
    body: Body,
    /// Whether it is there already: it can be taken out.
    is_there: bool,
    problem: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    /// As controls; the field for which they were drawn; what holds of the records that point here.
    Controls(Controls, String, Option<Group>),
    /// More lines.
    Group(Group),
    /// What no form shows: in words, and as it is.
    Said(String, String),
}

/// What a group within conditions is most often: the other way round.
fn other(around: &Typed) -> Together {
    if Together::of(around.one("match")) == Together::All { Together::Any } else { Together::All }
}

/// How conditions are drawn.
pub struct Drawing<'a> {
    /// Who reads them.
    pub desk: &'a Desk,
    /// Whether what is wrong is said.
    pub tells: bool,
    /// Whether conditions get lines of their own: not when they are many.
    pub expands: bool,
    /// How many there are: the more, the fewer fields each offers instead of its own. All of them are some 10 KB.
    pub weight: usize,
}

/// Where lines stand.
#[derive(Clone, Copy)]
struct Place<'a> {
    ground: &'a Ground<'a>,
    all: &'a [Offer<'a>],
    deep: usize,
}

impl Drawing<'_> {
    /// All conditions about records of a kind.
    pub async fn whole(&self, ground: &Ground<'_>, name: &str, typed: &Typed) -> Result<Group, Error> {
        let all = one::offered(ground);
        self.group(Place { ground, all: &all, deep: 0 }, name.to_owned(), typed, None).await
    }

    /// The same while nobody knows the kind: what was sent is kept.
    pub fn unread(&self, name: &str, typed: &Typed) -> Group {
        let line = |(at, condition): (usize, Json)| Line {
            name: format!("{name}.{at}"),
            body: Body::Said(condition.to_string(), condition.to_string()),
            is_there: true,
            problem: None,
        };
        let lines: Vec<Line> = loose(typed).into_iter().enumerate().map(line).collect();
        let ways = self.ways(typed, lines.len() > 1);
        Group { name: name.to_owned(), ways, lines, is_whole: true, about: None, nests: false, words: self.desk.words }
    }

    fn ways(&self, typed: &Typed, is_choice: bool) -> Vec<(&'static str, &'static str, bool)> {
        let chosen = Together::of(typed.one("match"));
        let offered = Together::EVERY.map(|way| (way.word(), self.desk.words.say(way.key()), way == chosen));
        if is_choice || chosen != Together::All { offered.into() } else { Vec::new() }
    }

    async fn group(&self, place: Place<'_>, name: String, typed: &Typed, about: Option<String>) -> Result<Group, Error> {
        let (mut sent, is_whole, nests) = (lines(typed), place.deep == 0, place.deep < DEEP_MAX);
        let there = sent.len();
        match typed.one(MORE) {
            "group" if nests => sent.push(Typed::new(vec![("match".to_owned(), other(typed).word().to_owned())])),
            "line" => sent.push(Typed::default()),
            _ => {}
        }
        // A line for one more, where nobody asks for one.
        if is_whole || (sent.is_empty() && about.is_none()) {
            sent.push(Typed::default());
        }
        let mut drawn = Vec::new();
        for (at, line) in sent.into_iter().enumerate() {
            let is_new = !is_whole && line == Typed::default();
            drawn.push(Box::pin(self.line(place, format!("{name}.{at}"), line, is_new)).await?);
        }
        // A group is one by being put together in some way, also where one line stands.
        let ways = self.ways(typed, there > 0 || !is_whole && about.is_none());
        Ok(Group { name, ways, lines: drawn, is_whole, about, nests, words: self.desk.words })
    }

    async fn line(&self, place: Place<'_>, name: String, line: Typed, is_new: bool) -> Result<Line, Error> {
        let is_there = ["raw", "match", "attribute"].iter().any(|part| line.has(part));
        let (body, problem) = match self.unfolded(place, line).await? {
            Err(condition) => (Body::Said(self.said(place, &condition).await?, condition.to_string()), None),
            Ok(line) if sent::is_group(&line) => {
                let place = Place { deep: place.deep + 1, ..place };
                (Body::Group(self.group(place, name.clone(), &line, None).await?), None)
            }
            Ok(line) => self.controls(place, &name, line, is_new, is_there && self.tells).await?,
        };
        Ok(Line { name, body, is_there, problem })
    }

    /// A line as it is drawn: what groups and controls can hold is held by them.
    async fn unfolded(&self, place: Place<'_>, line: Typed) -> Result<Result<Typed, Json>, Error> {
        if !line.has("raw") {
            let is_drawn = sent::is_group(&line) || line.one("attribute").is_empty() || one::is_known(place.all, &line);
            return Ok(if is_drawn { Ok(line) } else { Err(loose_line(&line).unwrap_or_default()) });
        }
        let condition = loose_line(&line).unwrap_or_default();
        if !self.expands {
            return Ok(Err(condition));
        }
        let mut typed = Typed::default();
        if let Some((way, inner)) = Together::apart(&condition).filter(|_| place.deep < DEEP_MAX) {
            sent::fill(&mut typed, "", way, &inner);
            return Ok(Ok(typed));
        }
        let (bare, inner) = one::bared(place.all, &condition);
        let Some(held) = held(place.ground, place.all, &bare).await? else { return Ok(Err(condition)) };
        typed.extend(held);
        if !inner.is_empty() {
            let (way, inner) = Together::of_list(inner);
            sent::fill(&mut typed, &format!("{OF}."), way, &inner);
        }
        Ok(Ok(typed))
    }

    async fn controls(
        &self,
        place: Place<'_>,
        name: &str,
        line: Typed,
        is_new: bool,
        tells: bool,
    ) -> Result<(Body, Option<String>), Error> {
        let Place { ground, all, deep } = place;
        let problem = if tells { one::drawn(ground, all, &line).await?.err() } else { None };
        // What stood in the controls of another field says nothing about this one.
        let line = if one::is_drawn(&line) { line } else { line.only("attribute") };
        let mut controls = Controls::of(ground, all, format!("{name}."), &line).await?;
        controls.is_new = is_new;
        if self.weight >= SOME && !line.one("attribute").is_empty() {
            controls.attributes.retain(|(_, entries)| entries.iter().any(|(_, _, chosen)| *chosen));
        }
        if self.weight >= MANY && !line.one("attribute").is_empty() {
            controls.attributes.iter_mut().for_each(|(_, entries)| entries.retain(|(_, _, chosen)| *chosen));
        }
        let of = match one::pointing(ground, all, &line) {
            Some((there, all)) => {
                let about = self.desk.words.fill("filter.of", &[self.desk.words.label(&there.kind.plural)]);
                let place = Place { ground: &there, all: &all, deep: deep + 1 };
                Some(self.group(place, format!("{name}.{OF}"), &line.under(OF), Some(about)).await?)
            }
            None => None,
        };
        Ok((Body::Controls(controls, line.one("attribute").to_owned(), of), problem))
    }

    /// A condition in words.
    async fn said(&self, place: Place<'_>, condition: &Json) -> Result<String, Error> {
        let names = self.desk.reading.names_of(ids_in(condition)).await?;
        Ok(describe(place.ground, &self.desk.formatter(&names), place.all, condition))
    }
}
