//! Reports as PDF: titles, numbers, bars and tables on A4, in English and Chinese.
//!
//! Chinese is set in the font that every reader brings for Adobe's GB1 characters, so a report is a few
//! kilobytes and no font is shipped. Decides where things stand; `write` knows the format.

mod write;

use write::{Colour, Document, GREY, INK, SOFT, Sheet, width};

/// What stands below one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// What it is of.
    pub title: String,
    /// What is measured.
    pub caption: String,
    /// All together.
    pub total: String,
    /// Names of the series, if there are several.
    pub series: Vec<String>,
    /// What it shows.
    pub body: Body,
}

/// What a section shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing but its total.
    Number,
    /// A name, the length of each series' bar from 0 to 1, and what it comes to.
    Bars(Vec<(String, Vec<f64>, String)>),
    /// Heads and rows of texts; and whether each column holds numbers.
    Table(Vec<String>, Vec<bool>, Vec<Vec<String>>),
}

/// The edge of a page, in points.
const MARGIN: f64 = 48.0;

/// A line of text.
const LINE: f64 = 15.0;

/// How large ordinary text is.
const SIZE: f64 = 9.5;

/// How much of the width names may take.
const NAMES: f64 = 0.3;

/// How much of the width numbers take.
const VALUES: f64 = 0.22;

/// The colours of series: those of the console in the light.
const SERIES: [Colour; 8] = [
    (0.04, 0.40, 0.33),
    (0.77, 0.45, 0.10),
    (0.12, 0.35, 0.58),
    (0.60, 0.23, 0.42),
    (0.37, 0.49, 0.12),
    (0.48, 0.31, 0.69),
    (0.71, 0.28, 0.18),
    (0.25, 0.50, 0.55),
];

/// A report: its title, what stands below it (when, for whom), its sections.
pub fn report(title: &str, about: &str, sections: &[Section]) -> Vec<u8> {
    let mut paper = Paper { document: Document::new(title), sheet: Sheet::default(), y: 0.0 };
    paper.turn();
    paper.text(MARGIN, 18.0, INK, title);
    paper.down(24.0);
    paper.text(MARGIN, SIZE, SOFT, about);
    paper.down(26.0);
    sections.iter().for_each(|section| paper.section(section));
    paper.finish()
}

struct Paper {
    document: Document,
    sheet: Sheet,
    /// Where the next line stands, from the bottom.
    y: f64,
}

impl Paper {
    fn turn(&mut self) {
        let full = std::mem::take(&mut self.sheet);
        if !full.is_empty() {
            self.document.add(full);
        }
        self.y = Sheet::HEIGHT - MARGIN - LINE;
    }

    /// Goes on below; on another page if there is no room for so much.
    fn down(&mut self, points: f64) {
        self.y -= points;
        if self.y < MARGIN {
            self.turn();
        }
    }

    fn room(&mut self, points: f64) {
        if self.y - points < MARGIN {
            self.turn();
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.turn();
        self.document.finish()
    }

    fn text(&mut self, x: f64, size: f64, colour: Colour, text: &str) {
        self.sheet.text(x, self.y, size, colour, text);
    }

    fn section(&mut self, section: &Section) {
        self.room(LINE * 5.0);
        self.text(MARGIN, 12.0, INK, &section.title);
        self.down(LINE);
        if !section.caption.is_empty() {
            self.text(MARGIN, SIZE, SOFT, &section.caption);
            self.down(LINE + 2.0);
        }
        if !section.total.is_empty() {
            self.down(4.0);
            self.text(MARGIN, 16.0, INK, &section.total);
            self.down(LINE + 3.0);
        }
        self.legend(&section.series);
        match &section.body {
            Body::Number => {}
            Body::Bars(bars) => bars.iter().for_each(|(name, parts, value)| self.bar(name, parts, value)),
            Body::Table(heads, numbers, rows) => self.table(heads, numbers, rows),
        }
        self.down(LINE);
    }

    fn legend(&mut self, series: &[String]) {
        let mut x = MARGIN;
        for (at, name) in series.iter().enumerate() {
            let wide = width(name, SIZE) + 26.0;
            if x + wide > Sheet::WIDTH - MARGIN {
                x = MARGIN;
                self.down(LINE);
            }
            self.sheet.bar(x, self.y - 1.0, 8.0, 8.0, SERIES[at % SERIES.len()]);
            self.text(x + 12.0, SIZE, INK, name);
            x += wide;
        }
        if !series.is_empty() {
            self.down(LINE + 4.0);
        }
    }

    fn bar(&mut self, name: &str, parts: &[f64], value: &str) {
        let all = Sheet::WIDTH - 2.0 * MARGIN;
        let (left, room) = (MARGIN + all * NAMES, all * (1.0 - NAMES - VALUES));
        self.text(MARGIN, SIZE, INK, &cut(name, all * NAMES - 8.0));
        let mut x = left;
        for (at, part) in parts.iter().enumerate() {
            let wide = room * part.clamp(0.0, 1.0);
            self.sheet.bar(x, self.y - 2.0, wide, 10.0, SERIES[at % SERIES.len()]);
            x += wide;
        }
        self.right(Sheet::WIDTH - MARGIN, value);
        self.down(LINE);
    }

    fn right(&mut self, x: f64, text: &str) {
        self.text(x - width(text, SIZE), SIZE, INK, text);
    }

    fn table(&mut self, heads: &[String], numbers: &[bool], rows: &[Vec<String>]) {
        let wide = (Sheet::WIDTH - 2.0 * MARGIN) / heads.len().max(1) as f64;
        let line = |paper: &mut Self, cells: &[String], colour: Colour| {
            for (at, cell) in cells.iter().enumerate() {
                let (left, cell) = (MARGIN + wide * at as f64, cut(cell, wide - 6.0));
                let is_number = numbers.get(at).copied().unwrap_or_default();
                let x = if is_number { left + wide - 6.0 - width(&cell, SIZE) } else { left };
                paper.text(x, SIZE, colour, &cell);
            }
            paper.down(LINE);
        };
        line(self, heads, SOFT);
        for row in rows {
            self.sheet.bar(MARGIN, self.y + LINE - 4.0, Sheet::WIDTH - 2.0 * MARGIN, 0.5, GREY);
            line(self, row, INK);
        }
    }
}

/// A text as long as there is room for.
fn cut(text: &str, room: f64) -> String {
    let one: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if width(&one, SIZE) <= room {
        return one;
    }
    let mut short = String::new();
    for letter in one.chars() {
        short.push(letter);
        if width(&short, SIZE) + width("…", SIZE) > room {
            short.pop();
            break;
        }
    }
    format!("{short}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_on_on_further_pages_and_every_place_in_the_file_is_right() {
        let rows = (0..120).map(|n| vec![format!("佳美 {n}"), format!("{n}.00")]).collect();
        let table = Body::Table(vec!["客户".to_owned(), "Amount".to_owned()], vec![false, true], rows);
        let bars = Body::Bars(vec![("方案报价".to_owned(), vec![0.5, 0.25], "¥1,200".to_owned())]);
        let section =
            |body| Section { title: "销售".to_owned(), caption: String::new(), total: "¥9".to_owned(), series: Vec::new(), body };
        let bytes = report("销售看板 Sales", "2026-05-03", &[section(bars), section(table)]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.starts_with("%PDF-1.5") && text.trim_end().ends_with("%%EOF"));
        assert_eq!(text.matches("/Type /Page ").count(), 3, "120 rows and what stands before");
        let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(bytes[start..].starts_with(b"xref"));
        let places: Vec<usize> = text[text.rfind("xref\n0 ").unwrap()..]
            .lines()
            .filter(|line| line.ends_with(" 00000 n "))
            .map(|line| line[..10].parse().unwrap())
            .collect();
        for (at, place) in places.iter().enumerate() {
            assert!(bytes[*place..].starts_with(format!("{} 0 obj", at + 1).as_bytes()), "object {}", at + 1);
        }
    }

    #[test]
    fn long_names_end_where_there_is_no_more_room() {
        assert_eq!(cut("佳美", 100.0), "佳美");
        let short = cut(&"佳".repeat(99), 100.0);
        assert!(short.ends_with('…') && width(&short, SIZE) <= 100.0 + SIZE, "{short}");
        assert_eq!(cut("a\nb", 100.0), "a b");
    }
}
