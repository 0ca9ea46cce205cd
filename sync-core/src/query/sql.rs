//! A filter as SQL over the table `rows`. Never runs it, and never writes a value into the text.
//!
//! A condition of the text is true, or false or null: in `where` the last two are the same, and
//! indexes stay usable. Under `not` a `coalesce` makes them the same, so both back ends agree.

use super::dialect::{Dialect, Json, Param, Term, Typed};
use super::order;
use super::when::{Context, Interval, Span, sides};
use super::{Bound, Class, Condition, Filter, Holder, Page, Place, Pointed, Query, Scalar, Spot, Test, Walk};
use crate::id::{FieldName, KindName, RecordId};

/// A piece of SQL with what to bind: the first of `params` belongs to the compiler's `first_param`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sql {
    /// The text; placeholders first appear in ascending order.
    pub text: String,
    /// The values, in the order of their numbers.
    pub params: Vec<Param>,
}

/// Which linked records the caller may see: given the alias of `rows` and the kind, a condition on it.
/// Without it a filter such as `party.name` would answer questions about records that are out of sight.
pub type Visible<'a> = &'a dyn Fn(&str, &KindName, &mut Binds) -> String;

/// When a record was last changed as far as the caller sees it, as an expression: given the alias of `rows` and the kind, if
/// it is another than that of the outer statement. Without it the order of a list would tell of edits that are out of sight.
pub type Updated<'a> = &'a dyn Fn(&str, Option<&KindName>) -> String;

/// Whose are the tables beside `rows`: `links`, and `aliases`, by which what points at a record that another one stands for
/// points at that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// A phone's: of the one workspace that it holds.
    #[default]
    Phone,
    /// A server's: of every workspace. Its statements bind the workspace first, as `$1`.
    Server,
}

/// Compiles filters and queries.
///
/// The outer statement reads `rows` under `alias` and has restricted workspace and kind itself.
#[derive(Clone, Copy)]
pub struct Compiler<'a> {
    /// For which database.
    pub dialect: Dialect,
    /// When and where.
    pub context: Context,
    /// The number of the first placeholder that is free.
    pub first_param: usize,
    /// What the outer statement calls `rows`.
    pub alias: &'static str,
    /// Restricts the records that links lead to and come from.
    pub visible: Option<Visible<'a>>,
    /// When records were last changed, for somebody who sees only parts of them.
    pub updated: Option<Updated<'a>>,
    /// What else can be asked.
    pub tables: Tables,
    /// The kind of which a server's statement looks at all records: what points at them is gathered once, and not looked up
    /// for each, and so are those of some days.
    pub gathers: Option<&'a KindName>,
}

/// Parameters gathered while text is written.
#[derive(Debug)]
pub struct Binds {
    dialect: Dialect,
    first: usize,
    params: Vec<Param>,
}

impl Binds {
    /// Binds a value and answers its placeholder.
    pub fn add(&mut self, param: Param) -> String {
        let placeholder = self.dialect.placeholder(self.first + self.params.len(), &param);
        self.params.push(param);
        placeholder
    }

    pub(super) fn add_number(&mut self, number: f64) -> String {
        let placeholder = self.add(self.dialect.number(number));
        self.dialect.as_number(&placeholder)
    }

    fn add_scalar(&mut self, scalar: &Scalar) -> String {
        match scalar {
            Scalar::Text(text) => self.add(Param::Text(text.clone())),
            Scalar::Integer(number) => self.add(Param::Int(*number)),
            Scalar::Number(number) => self.add_number(*number),
            Scalar::Boolean(flag) => self.add(Param::Int(i64::from(*flag))),
            Scalar::Id(id) => self.add(Param::Blob(id.as_bytes().to_vec())),
        }
    }
}

impl<'a> Compiler<'a> {
    /// A compiler with placeholders from `$1` and the table called `rows`.
    pub fn new(dialect: Dialect, context: Context) -> Self {
        Self { dialect, context, first_param: 1, alias: "rows", visible: None, updated: None, tables: Tables::Phone, gathers: None }
    }

    /// The condition that a filter is.
    pub fn filter(&self, filter: &Filter) -> Sql {
        let mut writer = self.writer();
        let text = writer.filter(filter);
        Sql { text, params: writer.binds.params }
    }

    /// A query's condition, with its place among the pages, and its order.
    pub fn page(&self, query: &Query) -> Page {
        let mut writer = self.writer();
        let mut text = writer.filter(&query.filter);
        let order = order::sql(self, &query.order_by);
        if let Some(cursor) = &query.after {
            text = format!("{text} and {}", order::after(&order, &query.order_by, cursor, &mut writer.binds));
        }
        let condition = Sql { text, params: writer.binds.params };
        Page { condition, order: order::text(&order, query.order_by.direction), limit: query.max_size }
    }

    /// What stands at a place of the record, or of the one that it links to, as an expression: to group by.
    pub fn placed(&self, place: &Place) -> Sql {
        let mut writer = self.writer();
        let text = match &place.walk {
            None => self.value(&place.spot),
            Some(walk) => writer.there(walk, &place.spot),
        };
        Sql { text, params: writer.binds.params }
    }

    /// A value of the record itself as an expression, null where there is none: to group by, to add up.
    pub fn value(&self, spot: &Spot) -> String {
        self.value_of(self.alias, None, spot)
    }

    fn value_of(&self, row: &str, kind: Option<&KindName>, spot: &Spot) -> String {
        match &spot.holder {
            Holder::Id => format!("{row}.record"),
            Holder::Archived => format!("{row}.archived"),
            Holder::CreatedAt => format!("{row}.created_at"),
            Holder::UpdatedAt => self.updated_at(row, kind),
            Holder::Value { facet, path, column } => {
                self.dialect.only(&self.dialect.json(&self.dialect.holding(row, *facet, column.as_deref()), path), spot.class)
            }
            Holder::Each { .. } => "null".to_owned(),
        }
    }

    pub(super) fn updated_at(&self, row: &str, kind: Option<&KindName>) -> String {
        self.updated.map_or_else(|| format!("{row}.updated_at"), |updated| updated(row, kind))
    }

    /// What an index must be over so that it finds records by a value. With an empty `alias`, as indexes are written.
    pub fn indexed(&self, spot: &Spot) -> Vec<String> {
        let value = self.value(spot);
        match spot.class {
            Class::Text if matches!(spot.holder, Holder::Value { .. }) => vec![self.dialect.folded(&value), value],
            _ => vec![value],
        }
    }

    /// What an index must be over so that it has records in the order of a value: the same but for texts with keys and for
    /// choices.
    pub fn ordered(&self, spot: &Spot) -> Vec<String> {
        let value = self.value(spot);
        if spot.is_led() { vec![order::leading(self.dialect, self.alias, spot, &value), value] } else { vec![value] }
    }

    /// What a link says, or the record that stands for that: so that both count as one. On a server `$1` is the workspace.
    /// `stood_for`: what else is asked of the line of `aliases`, `a`, that says so.
    pub fn standing(&self, link: &str, stood_for: &str) -> String {
        let ours = if self.tables == Tables::Server { "a.workspace = $1 and " } else { "" };
        let (record, survivor) = (self.dialect.record_of(link), self.dialect.text_of("a.survivor"));
        format!("coalesce((select {survivor} from aliases a where {ours}a.record = {record}{stood_for}), {link})")
    }

    fn writer(&self) -> Writer<'a> {
        let binds = Binds { dialect: self.dialect, first: self.first_param, params: Vec::new() };
        Writer { compiler: *self, row: self.alias.to_owned(), kind: None, binds, aliases: 0 }
    }
}

struct Writer<'a> {
    compiler: Compiler<'a>,
    /// What conditions are about: an alias of `rows`.
    row: String,
    /// Their kind, if it is another than that of the outer statement.
    kind: Option<KindName>,
    binds: Binds,
    aliases: usize,
}

impl Writer<'_> {
    fn filter(&mut self, filter: &Filter) -> String {
        if let Some(text) = self.gathered(filter) {
            return text;
        }
        match filter {
            Filter::All(inner) => self.joined(inner, " and ", "1 = 1"),
            Filter::Any(inner) => self.joined(inner, " or ", "1 = 0"),
            Filter::Not(inner) => match self.absent(inner) {
                Some(text) => text,
                None => format!("(not coalesce({}, false))", self.filter(inner)),
            },
            Filter::Is(condition) => self.condition(condition),
            Filter::Pointed(pointed) => self.pointed(pointed),
        }
    }

    /// That a value is missing, in the words of the index that has it: `not (... is not null)` is found by none.
    fn absent(&self, filter: &Filter) -> Option<String> {
        let Filter::Is(Condition { place: Place { walk: None, spot }, test: Test::Present }) = filter else { return None };
        let Holder::Value { facet, path, column } = &spot.holder else { return None };
        if matches!(spot.class, Class::DayOrMoment | Class::Geo | Class::Opaque) {
            return None;
        }
        let dialect = self.compiler.dialect;
        let value = dialect.only(&dialect.json(&dialect.holding(&self.row, *facet, column.as_deref()), path), spot.class);
        Some(format!("({} is null)", if spot.class == Class::Text { dialect.folded(&value) } else { value }))
    }

    fn joined(&mut self, filters: &[Filter], between: &str, none: &str) -> String {
        let parts: Vec<String> = filters.iter().map(|filter| self.filter(filter)).collect();
        if parts.is_empty() { format!("({none})") } else { format!("({})", parts.join(between)) }
    }

    /// What takes place at some time by whichever of several dates: each of them has an index, which an `or` of them would leave
    /// aside.
    fn gathered(&mut self, filter: &Filter) -> Option<String> {
        let kind = self.compiler.gathers.filter(|_| self.compiler.tables == Tables::Server && self.kind.is_none())?;
        let dates = dates(filter).filter(|dates| dates.len() > 1)?;
        let found = self.alias('i');
        let one = |Condition { place, test }: &Condition| {
            let holds = self.spot(&found, None, &place.spot, test);
            format!(
                "select {found}.record from rows {found} where {found}.workspace = $1 and {found}.kind = '{kind}' \
                 and {found}.archived in (0, 1) and {holds}"
            )
        };
        let those: Vec<String> = dates.iter().map(one).collect();
        Some(format!("({}.record in ({}))", self.row, those.join(" union all ")))
    }

    fn alias(&mut self, letter: char) -> String {
        self.aliases += 1;
        format!("{letter}{}", self.aliases)
    }

    fn condition(&mut self, condition: &Condition) -> String {
        let Condition { place: Place { walk, spot }, test } = condition;
        match walk {
            None => self.spot(&self.row.clone(), self.kind.clone().as_ref(), spot, test),
            Some(walk) => self.linked(walk, spot, test),
        }
    }

    fn linked(&mut self, Walk { via, kind }: &Walk, spot: &Spot, test: &Test) -> String {
        let (outer, linked) = (self.row.clone(), self.alias('l'));
        let record = self.link(&outer, via, kind);
        let visible = self.compiler.visible.map(|visible| format!(" and {}", visible(&linked, kind, &mut self.binds))).unwrap_or_default();
        let holds = self.spot(&linked, Some(kind), spot, test);
        let is_kind = format!("{} = '{kind}'", self.compiler.dialect.aside(&format!("{linked}.kind")));
        format!(
            "exists (select 1 from rows {linked} where {linked}.workspace = {outer}.workspace and {linked}.record {record} \
             and {is_kind}{visible} and {holds})"
        )
    }

    /// What stands in the record that a link leads to.
    fn there(&mut self, Walk { via, kind }: &Walk, spot: &Spot) -> String {
        let (outer, linked) = (self.row.clone(), self.alias('l'));
        let record = self.link(&outer, via, kind);
        let visible = self.compiler.visible.map(|visible| format!(" and {}", visible(&linked, kind, &mut self.binds))).unwrap_or_default();
        let value = self.compiler.value_of(&linked, Some(kind), spot);
        let is_kind = format!("{} = '{kind}'", self.compiler.dialect.aside(&format!("{linked}.kind")));
        format!(
            "(select {value} from rows {linked} where {linked}.workspace = {outer}.workspace and {linked}.record {record} \
             and {is_kind}{visible})"
        )
    }

    /// Found by the links that lead here, never by reading a kind: a cross join is made in the order in which it is
    /// written, or SQLite would rather read all records of the last days for each record that is asked about.
    fn pointed(&mut self, pointed: &Pointed) -> String {
        let Pointed { kind, filter, least, .. } = pointed;
        let (link, source) = (self.alias('k'), self.alias('p'));
        let visible = self.compiler.visible.map(|visible| format!(" and {}", visible(&source, kind, &mut self.binds))).unwrap_or_default();
        let (outer, outer_kind) = (std::mem::replace(&mut self.row, source.clone()), self.kind.replace(kind.clone()));
        let holds = self.filter(filter);
        self.row.clone_from(&outer);
        self.kind = outer_kind;
        if self.compiler.gathers.is_some() && self.compiler.tables == Tables::Server {
            // Nothing of the outer statement stands in it, or SQLite would gather them for each record again.
            let hits = self.alias('h');
            let those = format!(
                "with {hits} as materialized (select {link}.source as source, {link}.target as target from rows {source} \
                 cross join links {link} where {source}.workspace = $1 and {source}.kind = '{kind}' and {source}.archived = 0{visible} and {holds} and {link}.workspace = $1 and {link}.source = {source}.record and {link}.role = '{}')",
                pointed.role()
            );
            // What leads to one that another stands for leads to both.
            let behind = format!("from {hits} cross join aliases a on a.workspace = $1 and a.record = {hits}.target");
            return match *least {
                ..=1 => format!("({outer}.record in ({those} select target from {hits} union all select a.survivor {behind}))"),
                _ => format!(
                    "({outer}.record in ({those} select target from (select target, source from {hits} \
                     union select a.survivor, {hits}.source {behind}) group by target having count(*) >= {least}))"
                ),
            };
        }
        let (ours, ours_too) = (self.ours(&link, &outer), self.ours("a", &outer));
        let (of_kind, role) = (self.compiler.dialect.aside(&format!("{source}.kind")), pointed.role());
        let those = format!(
            "from links {link} cross join rows {source} where {source}.workspace = {outer}.workspace \
             and {source}.record = {link}.source and {ours}{link}.role = '{role}' and {of_kind} = '{kind}' and {source}.archived = 0{visible} and {holds} and {link}.target"
        );
        let here = format!("{those} = {outer}.record");
        let behind = format!("{those} in (select a.record from aliases a where {ours_too}a.survivor = {outer}.record)");
        if *least <= 1 {
            return format!("({})", [here, behind].map(|those| format!("exists (select 1 {those})")).join(" or "));
        }
        let each = [here, behind].map(|those| format!("select {link}.source {those}"));
        format!("(select count(*) from ({}) found) >= {least}", each.join(" union "))
    }

    /// `= the id that the link holds`, or `in (those that it holds)`.
    fn link(&mut self, outer: &str, via: &Spot, kind: &KindName) -> String {
        let dialect = self.compiler.dialect;
        match &via.holder {
            Holder::Value { facet, path, column } => {
                let id = dialect.json(&dialect.holding(outer, *facet, column.as_deref()), path);
                let Typed { value, guard } = dialect.typed(&id, Class::Link);
                format!("= {} and {guard}", self.standing(outer, &dialect.record_of(&value), kind))
            }
            Holder::Each { facet, field, path } => {
                let element = self.alias('e');
                let (table, array) = dialect.each(&dialect.facet(outer, *facet), field, &element);
                let Typed { value, guard } = dialect.typed(&dialect.element(&element, path), Class::Link);
                format!("in (select {} from {table} where {array} and {guard})", self.standing(outer, &dialect.record_of(&value), kind))
            }
            // The schema knows no link there; no id is in no set.
            Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => "is null".to_owned(),
        }
    }

    /// That a row of a table beside `rows` is of the same workspace, where there are several.
    fn ours(&self, alias: &str, outer: &str) -> String {
        match self.compiler.tables {
            Tables::Phone => String::new(),
            Tables::Server => format!("{alias}.workspace = {outer}.workspace and "),
        }
    }

    /// The record of a kind that stands for one, which is mostly itself: where another one does that is out of sight, too.
    fn standing(&mut self, outer: &str, record: &str, kind: &KindName) -> String {
        let ours = self.ours("a", outer);
        let stood_for = self.compiler.visible.map(|visible| {
            let survivor = self.alias('s');
            let visible = visible(&survivor, kind, &mut self.binds);
            format!(
                " and exists (select 1 from rows {survivor} where {survivor}.workspace = {outer}.workspace \
                 and {survivor}.record = a.survivor and {visible})"
            )
        });
        let stood_for = stood_for.unwrap_or_default();
        format!("coalesce((select a.survivor from aliases a where {ours}a.record = {record}{stood_for}), {record})")
    }

    /// Whether a link holds one of some records, or one that another of them stands for. Both sides ask for the
    /// same expression, so that an index of it serves either.
    fn among_links(&mut self, value: &str, wanted: &[Scalar]) -> String {
        let itself = self.among(value, wanted);
        let id = |scalar: &Scalar| if let Scalar::Text(id) = scalar { id.parse::<RecordId>().ok() } else { None };
        let survivors: Vec<Scalar> = wanted.iter().filter_map(id).map(Scalar::Id).collect();
        if survivors.is_empty() {
            return format!("({itself})");
        }
        // Bound and not named by a row: so it is asked once for the whole statement.
        let ours = if self.compiler.tables == Tables::Server { "a.workspace = $1 and " } else { "" };
        let survives = self.among("a.survivor", &survivors);
        let merged = self.compiler.dialect.text_of("a.record");
        format!("({itself} or {value} in (select {merged} from aliases a where {ours}{survives}))")
    }

    fn spot(&mut self, row: &str, kind: Option<&KindName>, spot: &Spot, test: &Test) -> String {
        let dialect = self.compiler.dialect;
        match &spot.holder {
            Holder::Id => self.id(row, test),
            Holder::Archived => archived(row, test),
            Holder::CreatedAt => self.moment_column(&format!("{row}.created_at"), test),
            Holder::UpdatedAt => self.moment_column(&self.compiler.updated_at(row, kind), test),
            Holder::Value { facet, path, column } => {
                let holding = dialect.holding(row, *facet, column.as_deref());
                self.holds(path, |path| dialect.json(&holding, path), spot, test)
            }
            Holder::Each { facet, field, path } => {
                let element = self.alias('e');
                let (table, array) = dialect.each(&dialect.facet(row, *facet), field, &element);
                let holds = self.holds(path, |path| dialect.element(&element, path), spot, test);
                format!("exists (select 1 from {table} where {array} and {holds})")
            }
        }
    }

    fn id(&mut self, row: &str, test: &Test) -> String {
        match test {
            Test::Present => "(1 = 1)".to_owned(),
            Test::OneOf(ids) => self.among(&format!("{row}.record"), ids),
            Test::Range { .. } | Test::Text(..) | Test::When(_) | Test::Near(_) => "(1 = 0)".to_owned(),
        }
    }

    fn moment_column(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Present => format!("{column} is not null"),
            Test::When(spans) => self.any_span(spans, |writer, interval| writer.moments(column, interval)),
            Test::OneOf(_) | Test::Range { .. } | Test::Text(..) | Test::Near(_) => "(1 = 0)".to_owned(),
        }
    }

    /// A test of what stands at a path; one of a place is of its two parts.
    fn holds(&mut self, path: &[FieldName], at: impl Fn(&[FieldName]) -> Json, spot: &Spot, test: &Test) -> String {
        let Test::Near(near) = test else { return self.json(&at(path), spot, test) };
        let dialect = self.compiler.dialect;
        let part = |name: &str| {
            let path: Vec<FieldName> = path.iter().cloned().chain(name.parse()).collect();
            dialect.only(&at(&path), Class::Number)
        };
        let (lat, lon) = (part("lat"), part("lon"));
        let mut bind = |term| match term {
            Term::Exact(number) => self.binds.add(Param::Float(number)),
            Term::AsInRows(number) => self.binds.add_number(number),
        };
        dialect.near([&lat, &lon], &mut bind, near)
    }

    fn json(&mut self, json: &Json, spot: &Spot, test: &Test) -> String {
        let (dialect, class) = (self.compiler.dialect, spot.class);
        let value = dialect.only(json, class);
        let there = format!("({value} is not null)");
        let value = if class == Class::Text { dialect.folded(&value) } else { value };
        match test {
            Test::Present if class == Class::DayOrMoment => format!("({there} or {} is not null)", dialect.only(json, Class::Day)),
            Test::Present => there,
            Test::OneOf(scalars) if spot.merges => self.among_links(&value, scalars),
            Test::OneOf(scalars) => format!("({})", self.among(&value, scalars)),
            Test::Range { from, until } => {
                let from = from.as_ref().map(|bound| self.bound(&value, ">", bound));
                let until = until.as_ref().map(|bound| self.bound(&value, "<", bound));
                let parts: Vec<String> = from.into_iter().chain(until).collect();
                if parts.is_empty() { there } else { format!("({})", parts.join(" and ")) }
            }
            Test::Text(_, wanted) if wanted.is_empty() => there,
            Test::Text(how, wanted) => {
                let wanted = self.binds.add(Param::Text(wanted.clone()));
                format!("({})", dialect.has(&value, *how, &wanted))
            }
            Test::When(spans) => self.any_span(spans, |writer, interval| writer.times(json, class, interval)),
            // Asked of the parts, above.
            Test::Near(_) => "(1 = 0)".to_owned(),
        }
    }

    fn among(&mut self, value: &str, scalars: &[Scalar]) -> String {
        let bound: Vec<String> = scalars.iter().map(|scalar| self.binds.add_scalar(scalar)).collect();
        match bound.as_slice() {
            [one] => format!("{value} = {one}"),
            many => format!("{value} in ({})", many.join(", ")),
        }
    }

    fn bound(&mut self, value: &str, sign: &str, Bound { value: limit, inclusive }: &Bound) -> String {
        let limit = self.binds.add_scalar(limit);
        format!("{value} {sign}{} {limit}", if *inclusive { "=" } else { "" })
    }

    fn any_span(&mut self, spans: &[Span], mut one: impl FnMut(&mut Self, &Interval) -> String) -> String {
        let context = self.compiler.context;
        let parts: Vec<String> = spans.iter().map(|span| one(self, &span.interval(&context))).collect();
        format!("({})", parts.join(" or "))
    }

    fn times(&mut self, json: &Json, class: Class, interval: &Interval) -> String {
        let dialect = self.compiler.dialect;
        let (days, moments) = sides(class);
        let day = days.then(|| {
            let (from, until) = interval.days.clone();
            self.between(&dialect.only(json, Class::Day), from.map(Param::Text), until.map(Param::Text))
        });
        let moment = moments.then(|| self.moments(&dialect.only(json, Class::Moment), interval));
        let parts: Vec<String> = day.into_iter().chain(moment).collect();
        format!("({})", parts.join(" or "))
    }

    fn moments(&mut self, value: &str, interval: &Interval) -> String {
        let (from, until) = interval.moments;
        self.between(value, from.map(Param::Int), until.map(Param::Int))
    }

    fn between(&mut self, value: &str, from: Option<Param>, until: Option<Param>) -> String {
        let from = from.map(|from| format!("{value} >= {}", self.binds.add(from)));
        let until = until.map(|until| format!("{value} < {}", self.binds.add(until)));
        let parts: Vec<String> = from.into_iter().chain(until).collect();
        if parts.is_empty() { format!("{value} is not null") } else { parts.join(" and ") }
    }
}

/// The conditions of which one must hold, if each is about when something takes place and has a column of its own.
fn dates(filter: &Filter) -> Option<Vec<Condition>> {
    match filter {
        Filter::Any(any) => any.iter().map(dates).collect::<Option<Vec<_>>>().map(|dates| dates.concat()),
        Filter::Is(Condition { place: Place { walk: None, spot }, test: test @ Test::When(spans) }) if spans.len() == 1 => {
            let Holder::Value { column: Some(_), .. } = &spot.holder else { return None };
            let (days, moments) = sides(spot.class);
            let classes = [days.then_some(Class::Day), moments.then_some(Class::Moment)].into_iter().flatten();
            let of_class = |class| Condition { place: Spot { class, ..spot.clone() }.into(), test: test.clone() };
            Some(classes.map(of_class).collect())
        }
        _ => None,
    }
}

fn archived(row: &str, test: &Test) -> String {
    match test {
        Test::Present => "(1 = 1)".to_owned(),
        Test::OneOf(flags) => {
            let wanted = |flag: &Scalar| format!("{row}.archived = {}", u8::from(*flag == Scalar::Boolean(true)));
            format!("({})", flags.iter().map(wanted).collect::<Vec<_>>().join(" or "))
        }
        Test::Range { .. } | Test::Text(..) | Test::When(_) | Test::Near(_) => "(1 = 0)".to_owned(),
    }
}
