//! Files as people have them, made into what an import reads: workbooks, vCards, and CSV in the encoding of a Chinese Excel.

mod cards;

use std::io::Cursor;

use calamine::{Data, Reader, open_workbook_auto_from_rs};

use self::cards::cards;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It is no workbook.
    #[error("the workbook cannot be read")]
    Workbook(#[from] calamine::Error),
    /// It is a picture, a program, or anything else but text.
    #[error("the file is no text")]
    NoText,
    /// It has no sheet with rows.
    #[error("the file has no rows")]
    Empty,
    /// What was read cannot be written as CSV.
    #[error("the file cannot be made into CSV")]
    Csv(#[from] csv::Error),
}

/// The file as CSV in UTF-8, by what its name and its first bytes say.
///
/// # Errors
/// When it is no such file.
pub fn as_csv(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, BadFile> {
    let name = name.to_ascii_lowercase();
    let is_workbook = [".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"].iter().any(|end| name.ends_with(end)) || bytes.starts_with(b"PK\x03\x04");
    match () {
        () if is_workbook => workbook(bytes),
        () if name.ends_with(".vcf") || starts_with_card(&bytes) => cards(&text(&bytes)),
        () => Some(text(&bytes)).filter(|text| !text.contains('\0')).map(String::into_bytes).ok_or(BadFile::NoText),
    }
}

fn starts_with_card(bytes: &[u8]) -> bool {
    bytes.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"BEGIN:VCARD"))
}

/// As its mark says, or UTF-8, or what a Chinese Excel writes.
fn text(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, mark)) => encoding.decode(&bytes[mark..]).0.into_owned(),
        None => std::str::from_utf8(bytes).map_or_else(|_| encoding_rs::GB18030.decode(bytes).0.into_owned(), str::to_owned),
    }
}

/// The first sheet that has rows.
fn workbook(bytes: Vec<u8>) -> Result<Vec<u8>, BadFile> {
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes))?;
    let names = book.sheet_names();
    let range = names.iter().filter_map(|name| book.worksheet_range(name).ok()).find(|range| !range.is_empty()).ok_or(BadFile::Empty)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in range.rows() {
        writer.write_record(row.iter().map(cell))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}

fn cell(data: &Data) -> String {
    match data {
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Data::DateTime(moment) => day_or_moment(moment.as_f64()),
        Data::Empty | Data::Error(_) => String::new(),
        other => other.to_string(),
    }
}

/// A day as `2026-05-03`, a moment with its time on the clock of whoever wrote it; workbooks count days from the end of 1899.
fn day_or_moment(days: f64) -> String {
    // 1970 began on this one.
    const EPOCH_DAYS: f64 = 25_569.0;
    let seconds = ((days - EPOCH_DAYS) * 86_400.0).round();
    let moment = jiff::Timestamp::from_second(seconds as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime(if days.fract() == 0.0 { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_chinese_excel_writes_is_read() {
        let (bytes, ..) = encoding_rs::GB18030.encode("名称,行业\n佳美,办公\n");
        assert_eq!(as_csv("a.csv", bytes.into_owned()).unwrap(), "名称,行业\n佳美,办公\n".as_bytes());
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("a,b\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(as_csv("a.csv", wide).unwrap(), b"a,b\n");
    }

    #[test]
    fn workbooks_become_rows_with_days_as_days() {
        use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write(0, 0, "名称").unwrap().write(0, 1, "日期").unwrap().write(0, 2, "数量").unwrap();
        let day = ExcelDateTime::from_ymd(2026, 5, 3).unwrap();
        sheet.write(1, 0, "佳美").unwrap().write(1, 2, 12.0).unwrap();
        sheet.write_datetime_with_format(1, 1, &day, &Format::new().set_num_format("yyyy-mm-dd")).unwrap();
        let csv = as_csv("a.xlsx", book.save_to_buffer().unwrap()).unwrap();
        assert_eq!(String::from_utf8(csv).unwrap(), "名称,日期,数量\n佳美,2026-05-03,12\n");
        assert!(as_csv("a.xlsx", b"PK\x03\x04 no".to_vec()).is_err());
        assert!(matches!(as_csv("a.csv", b"\x89PNG\r\n\0\0IHDR".to_vec()), Err(BadFile::NoText)));
    }
}
