//! What somebody sees of a list as a file: CSV, or a workbook whose numbers and days are numbers and days.
//!
//! Unlike the sheet of an export it holds what is shown, in the reader's words; it is not for bringing back everything.

use std::collections::HashSet;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::jobs::cell::guarded;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// An amount: its decimal digits, how many of them are decimals, its currency.
    Amount(String, usize, String),
    /// A day, `2026-05-03`.
    Day(String),
}

/// Heads and rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What it is of.
    pub title: String,
    /// The columns.
    pub heads: Vec<String>,
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// Excel's own limit of a sheet's name.
const SHEET_NAME_MAX: usize = 31;

impl Cell {
    /// As people read it; in a file that a spreadsheet opens, `csv` keeps texts from being formulas.
    pub fn shown(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Amount(digits, _, currency) => format!("{digits} {currency}"),
            Cell::Day(day) => day.clone(),
        }
    }

    fn text(&self) -> String {
        match self {
            Cell::Text(text) => guarded(text.clone()),
            Cell::Empty | Cell::Number(_) | Cell::Amount(..) | Cell::Day(_) => self.shown(),
        }
    }
}

/// As CSV in UTF-8, with the mark that makes Excel read it as such.
///
/// # Errors
/// When memory is written in vain, which it is not.
pub fn csv(table: &Table) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(&table.heads)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(Cell::text))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Several as CSV, each below its title and with an empty line behind it.
///
/// # Errors
/// As [`csv()`].
pub fn csv_of(tables: &[Table]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer("\u{feff}".as_bytes().to_vec());
    for (at, table) in tables.iter().enumerate() {
        if at > 0 {
            // A line without a field is none to a writer of CSV: one empty field is.
            writer.write_record([""])?;
        }
        writer.write_record([guarded(table.title.clone())])?;
        writer.write_record(&table.heads)?;
        for row in &table.rows {
            writer.write_record(row.iter().map(Cell::text))?;
        }
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// As a workbook, each table on a sheet of its own.
///
/// # Errors
/// When it is larger than Excel takes.
pub fn xlsx(tables: &[Table]) -> Result<Vec<u8>, XlsxError> {
    let (mut book, mut used) = (Workbook::new(), HashSet::new());
    for table in tables {
        let sheet = book.add_worksheet();
        sheet.set_name(name_unlike(&mut used, &sheet_name(&table.title)))?;
        fill(sheet, table)?;
    }
    book.save_to_buffer()
}

fn fill(sheet: &mut Worksheet, table: &Table) -> Result<(), XlsxError> {
    let (bold, day) = (Format::new().set_bold(), Format::new().set_num_format("yyyy-mm-dd"));
    for (column, head) in (0..).zip(&table.heads) {
        sheet.write_with_format(0, column, head, &bold)?;
    }
    for (line, row) in (1..).zip(&table.rows) {
        for (column, cell) in (0..).zip(row) {
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => drop(sheet.write_string(line, column, cut(text))?),
                Cell::Number(number) => drop(sheet.write_number(line, column, *number)?),
                Cell::Amount(digits, decimals, currency) => {
                    let format = Format::new().set_num_format(format!("#,##0{} \"{currency}\"", fraction(*decimals)));
                    sheet.write_number_with_format(line, column, digits.parse::<f64>().unwrap_or_default(), &format)?;
                }
                Cell::Day(text) => match rust_xlsxwriter::ExcelDateTime::parse_from_str(text) {
                    Ok(date) => drop(sheet.write_datetime_with_format(line, column, &date, &day)?),
                    Err(_) => drop(sheet.write_string(line, column, text)?),
                },
            }
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    sheet.autofit();
    Ok(())
}

fn fraction(decimals: usize) -> String {
    if decimals == 0 { String::new() } else { format!(".{}", "0".repeat(decimals)) }
}

/// Excel takes so many characters in a cell.
fn cut(text: &str) -> String {
    const CELL_MAX: usize = 32_767;
    text.chars().take(CELL_MAX).collect()
}

fn sheet_name(title: &str) -> String {
    let name: String = title.chars().filter(|letter| !"[]:*?/\\'".contains(*letter)).take(SHEET_NAME_MAX).collect();
    if name.trim().is_empty() { "Rapport".to_owned() } else { name }
}

/// A name that no other sheet has: Excel takes capitals for small letters there. The second gets a number, cut to fit.
fn name_unlike(used: &mut HashSet<String>, name: &str) -> String {
    let numbered = (2..).map(|number| {
        let end = format!(" {number}");
        name.chars().take(SHEET_NAME_MAX - end.chars().count()).chain(end.chars()).collect()
    });
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name: &String| used.insert(name.to_lowercase())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use calamine::{Data, Reader, Xlsx};

    use super::*;

    fn table() -> Table {
        let amount = Cell::Amount("2900.00".to_owned(), 2, "CNY".to_owned());
        Table {
            title: "客户/2026".to_owned(),
            heads: vec!["名称".to_owned(), "金额".to_owned(), "日期".to_owned()],
            rows: vec![
                vec![Cell::Text("佳美, \"办公\"".to_owned()), amount, Cell::Day("2026-05-03".to_owned())],
                vec![Cell::Text("=1+1".to_owned()), Cell::Number(-2.5), Cell::Empty],
            ],
        }
    }

    #[test]
    fn a_workbook_holds_numbers_as_numbers_and_days_as_days() {
        let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx(&[table()]).unwrap())).unwrap();
        let range = book.worksheet_range("客户2026").unwrap();
        let at = |row, column| range.get_value((row, column)).cloned();
        assert_eq!(at(0, 0), Some(Data::String("名称".to_owned())));
        assert_eq!(at(1, 1), Some(Data::Float(2900.0)));
        assert!(matches!(at(1, 2), Some(Data::DateTime(day)) if day.as_f64() == 46145.0), "{:?}", at(1, 2));
        assert_eq!(at(2, 0), Some(Data::String("=1+1".to_owned())), "a text, never a formula");
    }

    #[test]
    fn sheets_that_are_called_alike_get_a_number() {
        let called = |title: &str| Table { title: title.to_owned(), ..table() };
        let long = "a".repeat(40);
        let tables = ["By stage", "by Stage", "BY/STAGE", "by stage", &long, &long.to_uppercase()].map(called);
        let book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx(&tables).unwrap())).unwrap();
        let (cut, second) = ("a".repeat(31), format!("{} 2", "A".repeat(29)));
        assert_eq!(book.sheet_names(), ["By stage", "by Stage 2", "BYSTAGE", "by stage 3", &cut, &second]);
    }

    #[test]
    fn a_spreadsheet_runs_nothing_of_a_csv_file() {
        let text = String::from_utf8(csv(&table()).unwrap()).unwrap();
        assert_eq!(text, "\u{feff}名称,金额,日期\n\"佳美, \"\"办公\"\"\",2900.00 CNY,2026-05-03\n'=1+1,-2.5,\n");
    }
}
