//! The rows that were left out, with the reason beside each: to be corrected and brought in again.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sync_core::schema::Label;

use super::ImportError;
use super::mapping::ERROR_COLUMN;
use super::source::{Content, Row, says_ragged};
use crate::jobs::cell::{guarded, unguarded};
use crate::language::Language;

/// Reasons that are kept for the report; the file has them all.
const REASONS_KEPT: usize = 20;

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its line in the file.
    pub line: u64,
    /// Why, for people.
    pub reason: Label,
}

enum Output {
    Csv(Box<csv::Writer<File>>),
    Json(BufWriter<File>),
}

/// Collects them.
pub struct Failures {
    /// Beside which file; without one nothing is written.
    beside: Option<PathBuf>,
    header: Vec<String>,
    language: Language,
    is_raw: bool,
    output: Option<(PathBuf, Output)>,
    /// Not written yet: others that stand before them may follow.
    held: Vec<(Row, String)>,
    /// How many there are.
    pub count: u64,
    /// The first of them, by where they stand.
    pub first: Vec<Failure>,
}

impl Failures {
    /// None so far. `is_raw`: cells that begin a formula are written as they came.
    pub fn new(beside: Option<PathBuf>, header: Vec<String>, language: Language, is_raw: bool) -> Self {
        Self { beside, header, language, is_raw, output: None, held: Vec::new(), count: 0, first: Vec::new() }
    }

    /// Notes a row.
    pub fn note(&mut self, row: &Row, reason: &Label) {
        self.count += 1;
        // Some rows of a batch fail at once, others when it is written: people read them as they stand in the file.
        let place = self.first.partition_point(|known| known.line <= row.line);
        if place < REASONS_KEPT {
            self.first.insert(place, Failure { line: row.line, reason: reason.clone() });
            self.first.truncate(REASONS_KEPT);
        }
        if self.beside.is_some() {
            self.held.push((row.clone(), self.language.of(&reason.en, &reason.zh).to_owned()));
        }
    }

    /// How many are held in memory.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Writes those that are held, as they stand in the file: no row before them is open any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn settle(&mut self) -> Result<(), ImportError> {
        let mut held = std::mem::take(&mut self.held);
        held.sort_by_key(|(row, _)| row.line);
        for (row, text) in &held {
            self.write(row, text)?;
        }
        Ok(())
    }

    fn write(&mut self, row: &Row, text: &str) -> Result<(), ImportError> {
        if let (Some(beside), None) = (&self.beside, &self.output) {
            self.output = Some(self.create(beside)?);
        }
        let Some((path, output)) = &mut self.output else { return Ok(()) };
        let written = match output {
            Output::Csv(writer) => writer.write_record(with_reason(row, &self.header, self.is_raw, text)).map_err(std::io::Error::from),
            Output::Json(writer) => writeln!(writer, "{}", object_with_reason(row, text)),
        };
        written.map_err(|source| ImportError::Failures { path: path.clone(), source })
    }

    /// Makes a file of a free name: none is ever overwritten.
    fn create(&self, beside: &Path) -> Result<(PathBuf, Output), ImportError> {
        let stem = beside.file_stem().map_or_else(|| "import".into(), |stem| stem.to_string_lossy().into_owned());
        let extension = if self.header.is_empty() { "jsonl" } else { "csv" };
        let mut number = 1;
        loop {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let path = beside.with_file_name(format!("{stem}.failed{suffix}.{extension}"));
            match File::create_new(&path) {
                Ok(file) if self.header.is_empty() => return Ok((path, Output::Json(BufWriter::new(file)))),
                Ok(file) => {
                    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                    let error_column = (!self.header.iter().any(|cell| cell == ERROR_COLUMN)).then_some(ERROR_COLUMN);
                    let written = writer.write_record(self.header.iter().map(String::as_str).chain(error_column));
                    written.map_err(|error| ImportError::Failures { path: path.clone(), source: error.into() })?;
                    return Ok((path, Output::Csv(Box::new(writer))));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(ImportError::Failures { path, source }),
            }
        }
    }

    /// Ends the file; answers where it is, if there is one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&mut self) -> Result<Option<PathBuf>, ImportError> {
        self.settle()?;
        let Some((path, output)) = &mut self.output else { return Ok(None) };
        let flushed = match output {
            Output::Csv(writer) => writer.flush(),
            Output::Json(writer) => writer.flush(),
        };
        flushed.map_err(|source| ImportError::Failures { path: path.clone(), source })?;
        Ok(Some(path.clone()))
    }
}

/// The cells as they came, then the reason. A row that has more or fewer cells than the header keeps those that it has:
/// it stays one that is refused until somebody has looked at it.
fn with_reason(row: &Row, header: &[String], is_raw: bool, reason: &str) -> Vec<String> {
    let mut cells = match &row.content {
        Content::Cells(cells) | Content::Broken(cells, _) => cells.clone(),
        Content::Object(_) => Vec::new(),
    };
    if !is_raw {
        cells = cells.iter().map(|cell| guarded(unguarded(cell).to_owned())).collect();
    }
    let place = header.iter().position(|cell| cell == ERROR_COLUMN);
    let is_ragged = cells.len() != header.len();
    match place {
        // What was refused before has its reason at its end, where the column is, too.
        Some(index) if is_ragged && index + 1 == header.len() => {
            cells.pop_if(|cell| says_ragged(cell));
            cells.push(reason.to_owned());
        }
        Some(index) => {
            if let Some(cell) = cells.get_mut(index) {
                reason.clone_into(cell);
            }
        }
        None => cells.push(reason.to_owned()),
    }
    cells
}

fn object_with_reason(row: &Row, reason: &str) -> Json {
    match &row.content {
        Content::Object(object) => {
            let mut object = object.clone();
            object.insert(ERROR_COLUMN.to_owned(), Json::from(reason));
            Json::Object(object)
        }
        Content::Cells(cells) | Content::Broken(cells, _) => serde_json::json!({"line": cells, "error": reason}),
    }
}
