//! How the house is built: what stands where, and how long what answers a request may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a function that answers a request: it takes apart what came, calls one that knows the matter, and answers.
const HANDLER_LINES: usize = 30;

/// Handlers that are known today are well above: fewer found means that this looks in the wrong place.
const HANDLERS_LEAST: usize = 150;

/// A source with what is compiled for users: no tests, no comments.
struct Source {
    path: PathBuf,
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
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
