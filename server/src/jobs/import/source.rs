//! A file that is brought in: looked through once before anything is written, then read row by row.
//!
//! Never knows a kind: it answers cells, or JSON objects, with the line they came from.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::PathBuf;

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use sync_core::schema::Label;

use super::ImportError;
use crate::jobs::cell::label;

/// A cell longer than this is no cell: somewhere before it a quotation mark is never closed.
const CELL_MAX_BYTES: usize = 1024 * 1024;
/// The column that says which card of its file a row was: people count those, not our rows. Nobody calls a column so.
pub const CARD_COLUMN: &str = "#card";
/// How much is read at once.
const BUFFER_BYTES: usize = 256 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file; JSON Lines when its name ends in `.jsonl`, else CSV.
    File(PathBuf),
    /// A file that came from elsewhere, by what it was called there.
    Upload(String, PathBuf),
    /// Bytes that are part of the program, as CSV.
    Embedded(&'static str, &'static [u8]),
}

/// What a first look at a source tells.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Its rows, without the header.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub hash: [u8; 32],
    /// The header's cells; none in JSON Lines.
    pub header: Vec<String>,
    /// Whether any row holds something in each column; none in JSON Lines.
    pub filled: Vec<bool>,
    /// What stands between cells.
    pub delimiter: u8,
}

impl Survey {
    fn of_objects(rows: u64, hash: [u8; 32]) -> Self {
        Self { rows, hash, header: Vec::new(), filled: Vec::new(), delimiter: b',' }
    }
}

/// What a row holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Cells, as many as the header has.
    Cells(Vec<String>),
    /// An object.
    Object(Map<String, Json>),
    /// It cannot be read.
    Broken(Vec<String>, Label),
}

/// A row and the line on which it begins, or the card that it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Counted from one.
    pub line: u64,
    /// What it holds.
    pub content: Content,
}

impl Source {
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            Source::Upload(name, _) => name.clone(),
            Source::Embedded(name, _) => (*name).to_owned(),
        }
    }

    /// Whether it is JSON Lines.
    pub fn is_json(&self) -> bool {
        matches!(self, Source::File(path) | Source::Upload(_, path) if path.extension().is_some_and(|extension| extension == "jsonl"))
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, ImportError> {
        match self {
            Source::File(path) | Source::Upload(_, path) => {
                let file = File::open(path).map_err(|source| ImportError::File { path: path.clone(), source })?;
                Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
            }
            Source::Embedded(_, bytes) => Ok(Box::new(Cursor::new(*bytes))),
        }
    }

    fn unreadable(&self, source: std::io::Error) -> ImportError {
        ImportError::File { path: PathBuf::from(self.name()), source }
    }

    /// Reads all of it once: nothing is written of a file that is not what it should be.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or has no rows.
    pub fn survey(&self) -> Result<Survey, ImportError> {
        let hash = self.check_bytes()?;
        if self.is_json() {
            let mut rows = 0;
            self.rows(&Survey::of_objects(0, hash))?.try_for_each(|row| row.map(|_| rows += 1))?;
            return Ok(Survey::of_objects(rows, hash));
        }
        let delimiter = self.delimiter()?;
        let mut reader = self.csv(delimiter)?;
        let mut record = csv::ByteRecord::new();
        let mut header: Option<Vec<String>> = None;
        let (mut rows, mut filled) = (0, Vec::new());
        while reader.read_byte_record(&mut record).map_err(|error| self.unreadable(error.into()))? {
            if record.iter().any(|cell| cell.len() > CELL_MAX_BYTES) {
                return Err(ImportError::OpenQuote { line: record.position().map_or(0, csv::Position::line) });
            }
            match header {
                None => {
                    filled = vec![false; record.len()];
                    header = Some(cells(&record));
                }
                Some(_) => {
                    rows += 1;
                    filled.iter_mut().zip(&record).for_each(|(filled, cell)| *filled |= !cell.is_empty());
                }
            }
        }
        let header = header.filter(|cells| cells.iter().any(|cell| !cell.is_empty())).ok_or(ImportError::Empty)?;
        Ok(Survey { rows, hash, header, filled, delimiter })
    }

    /// The hash of the bytes, once they are known to be UTF-8.
    fn check_bytes(&self) -> Result<[u8; 32], ImportError> {
        let mut reader = self.open()?;
        let (mut digest, mut buffer, mut kept) = (Sha256::new(), vec![0; BUFFER_BYTES], 0);
        let mut lines = 1;
        loop {
            let read = reader.read(&mut buffer[kept..]).map_err(|error| self.unreadable(error))?;
            digest.update(&buffer[kept..kept + read]);
            let bytes = &buffer[..kept + read];
            if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
                return Err(ImportError::Encoding { line: lines });
            }
            let valid = match std::str::from_utf8(bytes) {
                Ok(_) => bytes.len(),
                // A character may go on in the next block, but not beyond the end of the file.
                Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
                Err(error) => return Err(ImportError::Encoding { line: lines + newlines(&bytes[..error.valid_up_to()]) }),
            };
            lines += newlines(&bytes[..valid]);
            kept = bytes.len() - valid;
            if read == 0 {
                return Ok(digest.finalize().into());
            }
            buffer.copy_within(valid..valid + kept, 0);
        }
    }

    /// What most often stands in the first line.
    fn delimiter(&self) -> Result<u8, ImportError> {
        let mut start = vec![0; 64 * 1024];
        let read = self.open()?.read(&mut start).map_err(|error| self.unreadable(error))?;
        let line = start[..read].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
        // The first of equals: a comma unless another one is seen more often.
        Ok([b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b','))
    }

    fn csv(&self, delimiter: u8) -> Result<csv::Reader<Box<dyn Read + Send>>, ImportError> {
        Ok(csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(self.open()?))
    }

    /// Its rows, in order.
    ///
    /// # Errors
    /// When it cannot be opened any more.
    pub fn rows(&self, survey: &Survey) -> Result<Box<dyn Iterator<Item = Result<Row, ImportError>> + Send>, ImportError> {
        if self.is_json() {
            return self.objects();
        }
        let (name, width) = (self.name(), survey.header.len());
        let numbered = survey.header.iter().position(|cell| cell == CARD_COLUMN);
        let read = move |record: Result<csv::ByteRecord, csv::Error>| {
            let record = record.map_err(|error| ImportError::File { path: PathBuf::from(&name), source: error.into() })?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = cells(&record);
            let line = numbered.and_then(|index| cells.get(index)?.parse().ok()).unwrap_or(line);
            let content = if cells.len() == width { Content::Cells(cells) } else { ragged(cells, width) };
            Ok(Row { line, content })
        };
        Ok(Box::new(self.csv(survey.delimiter)?.into_byte_records().skip(1).map(read)))
    }

    fn objects(&self) -> Result<Box<dyn Iterator<Item = Result<Row, ImportError>> + Send>, ImportError> {
        let name = self.name();
        let lines = std::io::BufRead::lines(BufReader::new(self.open()?)).enumerate();
        let read = move |(index, line): (usize, std::io::Result<String>)| {
            let line = line.map_err(|source| ImportError::File { path: PathBuf::from(&name), source })?;
            let content = match serde_json::from_str(line.trim_start_matches('\u{feff}')) {
                Ok(object) => Content::Object(object),
                Err(error) => {
                    Content::Broken(vec![line], label(format!("expected a JSON object: {error}"), format!("应为 JSON 对象：{error}")))
                }
            };
            Ok(Row { line: index as u64 + 1, content })
        };
        let filled = |row: &(usize, std::io::Result<String>)| !matches!(&row.1, Ok(line) if line.trim().is_empty());
        Ok(Box::new(lines.filter(filled).map(read)))
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The cells as text; the bytes were found to be UTF-8 before.
fn cells(record: &csv::ByteRecord) -> Vec<String> {
    let text = |(index, cell): (usize, &[u8])| {
        let first = index == 0 && record.position().is_some_and(|position| position.byte() == 0);
        String::from_utf8_lossy(if first { cell.strip_prefix(BOM).unwrap_or(cell) } else { cell }).into_owned()
    };
    record.iter().enumerate().map(text).collect()
}

/// Whether a cell is what [`ragged`] said of its row before.
pub fn says_ragged(cell: &str) -> bool {
    let is_between = |start, middle| cell.starts_with(start) && cell.contains(middle);
    is_between("the row has ", " cells, the header has ") || is_between("该行有 ", " 个单元格，表头有 ")
}

fn ragged(cells: Vec<String>, width: usize) -> Content {
    let en = format!("the row has {} cells, the header has {width}", cells.len());
    let zh = format!("该行有 {} 个单元格，表头有 {width} 个", cells.len());
    Content::Broken(cells, label(en, zh))
}
