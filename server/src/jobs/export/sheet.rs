//! Records of one kind as a file: CSV for people and spreadsheets, JSON Lines for programs.

use std::io::Write;

use serde_json::Value as Json;
use sync_core::record::fields::ARCHIVED;
use sync_core::schema::{Field, Kind, Merge};

use crate::jobs::cell::{guarded, parts_of, texts_of};
use crate::projection;
use crate::store::records::RecordRow;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header, and a row for each record.
    Csv,
    /// A JSON object for each record.
    Json,
}

/// A file of records.
pub enum Sheet<W: Write> {
    /// As CSV.
    Csv {
        /// The file.
        writer: Box<csv::Writer<W>>,
        /// The columns' fields.
        fields: Vec<Field>,
        /// Whether formulas are left as they are.
        is_raw: bool,
    },
    /// As JSON Lines.
    Json(W),
}

impl<W: Write> Sheet<W> {
    /// Begins a file.
    pub fn new(format: Format, kind: &Kind, is_raw: bool, out: W) -> std::io::Result<Self> {
        if format == Format::Json {
            return Ok(Sheet::Json(out));
        }
        let mut writer = csv::Writer::from_writer(out);
        let fields: Vec<Field> = kind.fields.iter().filter(|field| field.merge != Merge::Derived).cloned().collect();
        writer.write_record(["id", ARCHIVED].map(str::to_owned).into_iter().chain(fields.iter().flat_map(columns)))?;
        Ok(Sheet::Csv { writer: Box::new(writer), fields, is_raw })
    }

    /// Writes a record.
    pub fn write(&mut self, row: &RecordRow) -> std::io::Result<()> {
        match self {
            Sheet::Json(out) => writeln!(out, "{}", object(row)),
            Sheet::Csv { writer, fields, is_raw } => {
                let values = projection::values(row);
                let archived = if row.archived { "true" } else { "" };
                let mut cells = vec![row.record.to_string(), archived.to_owned()];
                for field in fields {
                    let texts = texts_of(field, values.get(&*field.name)).into_iter();
                    // A number is no formula, whatever sign it has: sums in a spreadsheet go on working.
                    let is_plain = |text: &str| *is_raw || text.parse::<f64>().is_ok();
                    cells.extend(texts.map(|text| if is_plain(&text) { text } else { guarded(text) }));
                }
                Ok(writer.write_record(cells)?)
            }
        }
    }

    /// Ends the file.
    pub fn finish(&mut self) -> std::io::Result<()> {
        match self {
            Sheet::Csv { writer, .. } => writer.flush(),
            Sheet::Json(out) => out.flush(),
        }
    }
}

/// The columns of a field: its name, or one for each part.
fn columns(field: &Field) -> Vec<String> {
    let parts = if field.items.is_empty() { parts_of(&field.value) } else { &[] };
    match parts {
        [] => vec![field.name.to_string()],
        parts => parts.iter().map(|part| format!("{}.{part}", field.name)).collect(),
    }
}

/// A record as one object.
pub fn object(row: &RecordRow) -> Json {
    let mut object = projection::values(row);
    object.insert("id".to_owned(), Json::from(row.record.to_string()));
    object.insert("kind".to_owned(), Json::from(row.kind.as_str()));
    Json::Object(object)
}
