//! Files as people have them, made into what an import reads: workbooks, vCards, and CSV in the encoding of a Chinese Excel.

use std::io::Cursor;

use calamine::{Data, Reader, open_workbook_auto_from_rs};
use serde_json::{Value as Json, json};

use super::source::CARD_COLUMN;
use crate::cards::ADDRESS;
use crate::jobs::cell::with_line;
use crate::lines::{parts, unguarded};

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

/// One row for each card, under the names of our own fields.
fn cards(text: &str) -> Result<Vec<u8>, BadFile> {
    let (mut card, mut cards): (Card, Vec<Card>) = (Card::default(), Vec::new());
    for line in unfolded(text) {
        match line.to_ascii_uppercase().as_str() {
            "BEGIN:VCARD" => card = Card::default(),
            "END:VCARD" => cards.push(Card { number: cards.len() + 1, ..std::mem::take(&mut card) }),
            _ => card.read(&line),
        }
    }
    if cards.is_empty() {
        return Err(BadFile::Empty);
    }
    // Companies come first: people find those whom they work for.
    cards.sort_by_key(Card::is_person);
    let rows: Vec<_> = cards.iter().map(Card::row).collect();
    // A column is there only if a card has something for it: not every role may write birthdays.
    let filled: Vec<usize> = (0..COLUMNS.len()).filter(|at| *at < ALWAYS || rows.iter().any(|row| !row[*at].is_empty())).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(filled.iter().map(|at| COLUMNS[*at]))?;
    for row in &rows {
        writer.write_record(filled.iter().map(|at| &row[*at]))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}

/// What a card has, under the names of our own fields. Whoever somebody works for is the one record of that name, the
/// one company if persons bear it, too, or the one of which nobody has said whether it is one, and stays text if there
/// is not exactly one.
const COLUMNS: [&str; 14] = [
    CARD_COLUMN,
    "name",
    "type",
    "phones",
    "emails",
    "addresses",
    "socials",
    "website",
    "external_id",
    "notes",
    "tags",
    "birthday",
    "relations.party:name[type=org]|notes",
    "relations.role",
];

/// The first columns are there in any case.
const ALWAYS: usize = 11;

/// Long lines go on behind a space; those that are written as quoted-printable, behind an equals sign.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(last) = lines.last_mut().filter(|last| last.ends_with('=') && is_quoted(parts(last, ':')[0])) {
            last.pop();
            last.push_str(line.trim_end());
            continue;
        }
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// Whether the head of a line says that its value is quoted-printable, as cards of version 2.1 write all but ASCII.
fn is_quoted(head: &str) -> bool {
    let says_so = |word: &str| ["QUOTED-PRINTABLE", "ENCODING=QUOTED-PRINTABLE"].iter().any(|known| word.eq_ignore_ascii_case(known));
    parts(head, ';').into_iter().skip(1).any(says_so)
}

/// A quoted-printable value in the charset that its head names, or in UTF-8, or in what Chinese phones write.
fn unquoted(head: &str, value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'=').and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            bytes.push(*first);
            rest = behind;
            continue;
        };
        // What is written so is no separator.
        if matches!(byte, b';' | b',') {
            bytes.push(b'\\');
        }
        bytes.push(byte);
        rest = &behind[2..];
    }
    let charset = parts(head, ';').into_iter().find_map(|word| {
        let (name, charset) = word.split_once('=')?;
        name.eq_ignore_ascii_case("CHARSET").then(|| encoding_rs::Encoding::for_label(charset.trim_matches('"').as_bytes())).flatten()
    });
    let decoded = charset.map_or_else(|| text(&bytes), |charset| charset.decode(&bytes).0.into_owned());
    decoded.replace("\r\n", "\n")
}

#[derive(Default)]
struct Card {
    /// Which one of its file it is: rows come in another order.
    number: usize,
    name: String,
    parts: String,
    organisation: String,
    /// The parts of the organisation, the smaller ones last.
    units: String,
    position: String,
    birthday: String,
    kind: String,
    phones: Vec<Json>,
    emails: Vec<Json>,
    addresses: Vec<Json>,
    socials: Vec<Json>,
    website: String,
    id: String,
    notes: String,
    tags: String,
}

impl Card {
    fn read(&mut self, line: &str) {
        let head = parts(line, ':')[0];
        let Some(value) = line.get(head.len() + 1..) else { return };
        let unquoted = is_quoted(head).then(|| unquoted(head, value));
        let value = unquoted.as_deref().unwrap_or(value);
        let mut words = parts(head, ';').into_iter();
        // `item1.TEL` is what some phones write.
        let name = words.next().unwrap_or_default().rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
        let label = words
            .filter_map(|word| word.strip_prefix("TYPE=").or_else(|| word.strip_prefix("type=")))
            .map(|word| word.trim_matches('"'))
            .collect::<Vec<_>>()
            .join(",");
        // Phones shout words such as CELL and WORK; what somebody wrote stays as it is.
        let label = if label.chars().any(char::is_lowercase) { label } else { label.to_lowercase() };
        let labelled = |part: &str, value: Json| {
            let mut row = json!({ "value": value });
            if !label.is_empty() {
                row[part] = json!(label);
            }
            row
        };
        let row = |value: Json| labelled("label", value);
        let text = plain(value);
        match &*name {
            "FN" => self.name = text,
            "N" => self.parts = name_of(value),
            "ORG" => {
                let mut names = parts(value, ';').into_iter().map(plain).filter(|name| !name.is_empty());
                self.organisation = names.next().unwrap_or_default();
                self.units = names.collect::<Vec<_>>().join(" ");
            }
            "TITLE" => self.position = text,
            "KIND" => self.kind = text.to_lowercase(),
            // Without a year (`--1031`) it is no day.
            "BDAY" if text.len() >= 8 && !text.starts_with('-') => self.birthday = text,
            "TEL" => self.phones.push(row(json!(text.trim_start_matches("tel:")))),
            "EMAIL" => self.emails.push(row(json!(text))),
            "ADR" => self.addresses.extend(address(value).map(row)),
            "X-SOCIALPROFILE" => self.socials.push(labelled("network", json!(text))),
            "URL" => self.website = text,
            "UID" => self.id = text,
            "NOTE" => self.notes = text,
            "CATEGORIES" => {
                let tags = parts(value, ',').into_iter().map(plain).filter(|tag| !tag.is_empty());
                self.tags = Json::from(tags.collect::<Vec<_>>()).to_string();
            }
            _ => {}
        }
    }

    fn is_person(&self) -> bool {
        !self.parts.is_empty() && self.kind != "org"
    }

    fn row(&self) -> [String; COLUMNS.len()] {
        let is_person = self.is_person();
        let whole = format!("{} {}", self.organisation, self.units).trim().to_owned();
        let name = [&self.name, &self.parts, &whole].into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        let employer = Some(&self.organisation).filter(|employer| is_person && **employer != name).cloned().unwrap_or_default();
        let post = [&self.position, &self.units].into_iter().filter(|text| is_person && !text.is_empty());
        let post = post.map(String::as_str).collect::<Vec<_>>().join(", ");
        // A post with nobody is no relation.
        let (role, line) = if employer.is_empty() { (String::new(), post) } else { (post, String::new()) };
        let notes = if line.is_empty() { self.notes.clone() } else { with_line(&line, &self.notes) };
        let rows = |rows: &[Json]| if rows.is_empty() { String::new() } else { Json::from(rows.to_vec()).to_string() };
        let kind = if is_person { "person" } else { "org" }.to_owned();
        [
            self.number.to_string(),
            name,
            kind,
            rows(&self.phones),
            rows(&self.emails),
            rows(&self.addresses),
            rows(&self.socials),
            self.website.clone(),
            self.id.clone(),
            notes,
            self.tags.clone(),
            self.birthday.clone(),
            employer,
            role,
        ]
    }
}

/// Backslashes guard commas, semicolons and line ends.
fn plain(value: &str) -> String {
    unguarded(value).trim().to_owned()
}

/// Family name, given name: Chinese ones without a space, the family first.
fn name_of(value: &str) -> String {
    let all: Vec<String> = parts(value, ';').into_iter().map(plain).collect();
    let part = |index: usize| all.get(index).map(String::as_str).unwrap_or_default();
    let (family, given) = (part(0), part(1));
    let is_chinese = family.chars().chain(given.chars()).any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    if is_chinese { format!("{family}{given}") } else { format!("{given} {family}").trim().to_owned() }
}

fn address(value: &str) -> Option<Json> {
    let all: Vec<String> = parts(value, ';').into_iter().map(plain).collect();
    let part = |index: usize| all.get(index).filter(|part| !part.is_empty()).map(|part| json!(part));
    // A post box and an extension come before them.
    let fields = ADDRESS.iter().enumerate();
    let object: serde_json::Map<String, Json> = fields.filter_map(|(index, name)| Some(((*name).to_owned(), part(index + 2)?))).collect();
    (!object.is_empty()).then_some(Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_keep_every_number_and_address() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:王;芳;;;\r\nFN:王芳\r\nTEL;TYPE=CELL:+86 138 0000 0000\r\nTEL;TYPE=WORK:021-555\r\nitem1.EMAIL:w@x.cn\r\n\
                    ADR;TYPE=WORK:;;南京路 1;上海;;200000;中国\r\nNOTE:line one\\nline\r\n  two\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in
            ["王芳,person", "+86 138 0000 0000", "021-555", "w@x.cn", "南京路 1", "line one\nline two", "\"\"label\"\":\"\"cell\"\""]
        {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
    }

    #[test]
    fn cards_of_old_phones_are_read_in_the_charset_that_they_name() {
        let text = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=8B;=E8=8A=B3;;;\r\n\
                    NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=E4=BD=A0=E5=A5=BD=0D=0A=\r\na=3Bb\r\nTEL;CELL:138\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=GBK;QUOTED-PRINTABLE:=C0=EE=C3=F7\r\nN;CHARSET=GBK;QUOTED-PRINTABLE:=C0=EE;=C3=F7\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in ["1,王芳,person", "你好\na;b", "2,李明,person"] {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
        assert!(!csv.contains('='), "{csv}");
    }

    #[test]
    fn birthdays_and_posts_are_read_from_both_versions() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Li;Ann;;;\r\nFN:Ann Li\r\nORG:Cedar;Sales\r\nTITLE:Buyer\r\nBDAY:1985-10-31\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:individual\r\nN:Wu;Bo;;;\r\nFN:Bo Wu\r\nBDAY;VALUE=date:19900102\r\nTEL;VALUE=uri;TYPE=\"cell\":tel:+8613800000000\r\nEND:VCARD\r\n\
                    BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nN:Cedar;;;;\r\nFN:Cedar\r\nBDAY:--0203\r\nEND:VCARD\r\n";
        let csv = String::from_utf8(as_csv("a.vcf", text.as_bytes().to_vec()).unwrap()).unwrap();
        for part in [
            ",birthday,relations.party:name[type=org]|notes,relations.role\n3,Cedar,org",
            ",1985-10-31,Cedar,\"Buyer, Sales\"\n",
            ",19900102,,\n",
        ] {
            assert!(csv.contains(part), "{csv} lacks {part}");
        }
        assert!(!csv.contains("--0203") && csv.contains("+8613800000000"), "{csv}");
    }

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
