//! How the house is built: what stands where, and how long what answers a request may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sync_core::schema::Schema;

/// Lines of a function that answers a request: it takes apart what came, calls one that knows the matter, and answers.
const HANDLER_LINES: usize = 30;

/// Handlers that are known today are well above: fewer found means that this looks in the wrong place.
const HANDLERS_LEAST: usize = 150;

/// The kinds that people work with. The others are what the system itself is worked with: views, roles, rules and the like.
const WORKED_WITH: [&str; 11] =
    ["party", "deal", "activity", "offer", "payment", "product", "asset", "campaign", "case", "article", "goal"];

/// Sources that name a kind, which ones, and why. Everything else learns of kinds from their files: this list only shrinks.
const NAMING: [(&str, &[&str], &str); 14] = [
    ("server/src/console/collisions.rs", &["offer"], "a collision is one of quotes"),
    ("server/src/console/desk.rs", &["party"], "the icon of the page of teams"),
    ("server/src/demo/stage.rs", &["party", "product"], "a story to be shown"),
    ("server/src/demo/story.rs", &["activity", "offer", "party", "product"], "a story to be shown"),
    ("server/src/jobs/handover.rs", &["party"], "what goes over follows a customer"),
    ("server/src/jobs/import/demo.rs", &["offer", "party"], "a file to be shown"),
    ("server/src/jobs/import/unpack/cards.rs", &["party"], "a card of an address book is a customer"),
    ("server/src/reading/collisions.rs", &["party", "product"], "a collision is one of quotes, for a customer, about a product"),
    ("server/src/ready/sample.rs", &["activity", "case", "deal", "party"], "a firm to be looked around in"),
    ("sync-core/src/actions/cards.rs", &["party"], "a card of an address book tells where somebody works"),
    ("sync-core/src/actions/next.rs", &["activity"], "what is to be done next is an activity"),
    ("sync-core/src/actions/packages.rs", &["product"], "a package is a product that is made of others"),
    ("sync-core/src/actions/quotes.rs", &["offer", "party", "product"], "quotes that contradict each other"),
    ("sync-core/src/schema/builtin.rs", &["activity"], "activities may be about a workspace's own kinds"),
];

/// A source with what is compiled for users: no tests, no comments.
struct Source {
    path: PathBuf,
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    sources_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn sources_in(folder: PathBuf) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.extension().and_then(|name| name.to_str()) {
                _ if entry.is_dir() => folders.push(entry),
                Some("rs") => found.push(source(entry)),
                _ => {}
            }
        }
    }
    found
}

fn source(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect();
    Source { path, lines }
}

impl Source {
    /// `people` of `people.rs` and of `people/mod.rs`.
    fn module(&self) -> &str {
        let stem = self.path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if stem == "mod" { self.folder() } else { stem }
    }

    fn folder(&self) -> &str {
        self.path.parent().and_then(|folder| folder.file_name()?.to_str()).unwrap_or_default()
    }

    /// The lines of a function that stands in this file itself.
    fn function(&self, name: &str) -> Option<usize> {
        let heads = ["pub async fn ", "pub fn ", "async fn ", "fn "].map(|start| format!("{start}{name}("));
        let begins = |line: &String| heads.iter().any(|head| line.starts_with(head.as_str()));
        let start = self.lines.iter().position(begins)?;
        self.lines[start..].iter().position(|line| line == "}").map(|end| end + 1)
    }

    /// What this file routes to: the module, if it is another one, and the function.
    fn handlers(&self) -> Vec<(String, String)> {
        let line = |line: &String| {
            let after = ["get(", "post(", "put(", "patch(", "delete(", "any("].into_iter().flat_map(|word| line.split(word).skip(1));
            let path = after.filter_map(|rest| rest.split(')').next());
            let name = |path: &&str| !path.is_empty() && path.chars().all(|char| char.is_ascii_lowercase() || "_:".contains(char));
            path.filter(name).map(str::to_owned).collect::<Vec<_>>()
        };
        let routes = self.lines.iter().filter(|line| line.contains(".route(") || line.trim_start().starts_with("get("));
        let apart = |path: String| {
            let mut parts: Vec<&str> = path.split("::").collect();
            let function = parts.pop().unwrap_or_default().to_owned();
            (parts.pop().unwrap_or(self.module()).to_owned(), function)
        };
        routes.flat_map(line).map(apart).collect()
    }
}

#[test]
fn what_answers_a_request_is_at_most_thirty_lines() {
    let sources = sources();
    let handlers: BTreeSet<(String, String)> = sources.iter().flat_map(Source::handlers).collect();
    let lines = |(module, function): &(String, String)| {
        let here = sources.iter().filter(|source| source.module() == module || source.folder() == module);
        here.filter_map(|source| source.function(function)).max()
    };
    let known: Vec<_> = handlers.iter().filter_map(|handler| Some((handler, lines(handler)?))).collect();
    assert!(known.len() >= HANDLERS_LEAST, "only {} of {} are found", known.len(), handlers.len());
    let long: Vec<_> = known.iter().filter(|(_, lines)| *lines > HANDLER_LINES).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn sql_stands_only_in_the_store_and_html_only_in_templates() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut astray = Vec::new();
    for source in sources() {
        let path = source.path.strip_prefix(&root).unwrap();
        let is_sql = |line: &&String| {
            line.contains("sqlx") || ["\"select ", "\"insert into ", "\"update ", "\"delete from "].iter().any(|word| line.contains(word))
        };
        let is_html = |line: &&String| line.contains("</") || line.contains("/>");
        let sql = source.lines.iter().filter(is_sql).filter(|_| !path.starts_with("store"));
        let html = source.lines.iter().filter(is_html);
        astray.extend(sql.chain(html).map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    assert!(astray.is_empty(), "{}", astray.join("\n"));
}

/// The kinds that a source names: as a word of their own, or as where a path begins.
fn named(source: &Source) -> BTreeSet<&'static str> {
    let says = |kind: &str| {
        let starts = [format!("\"{kind}\""), format!("\"{kind}."), format!("\"{kind}:")];
        source.lines.iter().any(|line| starts.iter().any(|start| line.contains(start.as_str())))
    };
    WORKED_WITH.into_iter().filter(|kind| says(kind)).collect()
}

#[test]
fn a_built_in_kind_is_added_by_its_file_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_test = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let names = ["tests.rs", "_fuzz.rs", "agreement.rs", "examples.rs", "model.rs"];
        names.iter().any(|end| name.ends_with(end)) || path.components().any(|part| part.as_os_str() == "testing")
    };
    let mut found: Vec<(String, BTreeSet<&str>)> = Vec::new();
    for folder in ["server/src", "sync-core/src", "mobile-ffi/src"] {
        for source in sources_in(root.join(folder)).iter().filter(|source| !is_test(&source.path)) {
            let path = source.path.strip_prefix(&root).unwrap().display().to_string();
            found.push((path, named(source)));
        }
    }
    found.retain(|(_, kinds)| !kinds.is_empty());
    found.sort();
    let known: Vec<(String, BTreeSet<&str>)> =
        NAMING.iter().map(|(path, kinds, _)| ((*path).to_owned(), kinds.iter().copied().collect())).collect();
    assert_eq!(found, known, "what a kind is stands in sync-core/kinds; a source that has to know one says why above");
    let nowhere = WORKED_WITH.iter().filter(|kind| found.iter().all(|(_, kinds)| !kinds.contains(**kind)));
    assert_eq!(nowhere.collect::<Vec<_>>(), ["payment", "asset", "campaign", "article", "goal"].iter().collect::<Vec<_>>());
    for kind in WORKED_WITH {
        assert!(Schema::builtin().kind(kind).is_some_and(|kind| kind.menu.is_some()), "{kind} says itself where menus have it");
    }
}
