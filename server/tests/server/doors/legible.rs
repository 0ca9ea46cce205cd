//! Everything legible in an answer, however it is packed: in what is not unpacked no canary is ever found.

use calamine::{Reader as _, Xlsx};
use rapport_server::jobs::export::pdf::{Body, Section, report};

use crate::harness::Answer;

/// Body and headers, with the texts of sheets, papers and calendars.
pub fn legible(answer: &Answer) -> String {
    let mut text = answer.text();
    for (name, value) in &answer.headers {
        text.push_str(&format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    match answer.header("content-type") {
        kind if kind.contains("spreadsheet") => text.push_str(&cells(&answer.body)),
        "application/pdf" => text.push_str(&written(&answer.body)),
        // Their lines are folded wherever they are long.
        kind if kind.starts_with("text/calendar") => text = text.replace("\r\n ", ""),
        _ => {}
    }
    text
}

fn cells(bytes: &[u8]) -> String {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let mut text = book.sheet_names().join("\n");
    for (_, sheet) in book.worksheets() {
        sheet.rows().for_each(|row| text.push_str(&format!("\n{row:?}")));
    }
    text
}

/// The texts of a PDF of ours: each line of it is pieces of codes, of one font each. One that is compressed would be read by
/// nobody here, and passes for nothing.
fn written(bytes: &[u8]) -> String {
    let file = String::from_utf8_lossy(bytes);
    assert!(!file.contains("/Filter"), "unpack what is compressed before it is looked through");
    let mut text = String::new();
    for line in file.split("BT ").skip(1).filter_map(|rest| rest.split_once("ET\n")).map(|(line, _)| line) {
        text.push('\n');
        let mut is_latin = true;
        for word in line.split(' ') {
            match word {
                "/F1" => is_latin = true,
                "/F2" => is_latin = false,
                _ => text.extend(word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).map(|codes| decoded(codes, is_latin))),
            }
        }
    }
    text
}

fn decoded(codes: &str, is_latin: bool) -> String {
    let digits = if is_latin { 2 } else { 4 };
    let code = |at: usize| u16::from_str_radix(&codes[at..at + digits], 16).unwrap();
    let units: Vec<u16> = (0..codes.len()).step_by(digits).map(code).collect();
    String::from_utf16(&units).unwrap()
}

#[test]
fn a_canary_on_paper_is_found_in_whatever_font_it_is_set() {
    let table = Body::Table(vec!["Name".to_owned()], vec![false], vec![vec!["the canary-7".to_owned()], vec!["金丝雀 x".to_owned()]]);
    let section =
        Section { title: "é-title".to_owned(), caption: String::new(), total: "¥9".to_owned(), series: Vec::new(), body: table };
    let bytes = report("report", "about", &[section]);
    let headers = reqwest::header::HeaderMap::from_iter([(reqwest::header::CONTENT_TYPE, "application/pdf".parse().unwrap())]);
    let answer = Answer { status: reqwest::StatusCode::OK, headers, body: bytes };
    assert!(!answer.text().contains("canary"), "it does not stand there as it is");
    for word in ["the canary-7", "金丝雀 x", "é-title", "report", "about"] {
        assert!(legible(&answer).contains(word), "{word} in {}", legible(&answer));
    }
}
