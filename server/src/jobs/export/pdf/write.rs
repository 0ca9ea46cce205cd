//! The format itself: objects, pages, two fonts. PDF 1.5, as ISO 32000 describes it.
//!
//! Latin letters are set in Helvetica, all others by their UTF-16 in `UniGB-UTF16-H`, a map that every
//! reader knows; both are found by searching and copying.

use std::fmt::Write;

/// Red, green, blue.
pub type Colour = (f64, f64, f64);

/// Ordinary text.
pub const INK: Colour = (0.09, 0.13, 0.11);

/// Less important text.
pub const SOFT: Colour = (0.34, 0.38, 0.36);

/// Lines.
pub const GREY: Colour = (0.87, 0.89, 0.87);

/// How wide Helvetica's letters from the space on are, in thousandths.
const HELVETICA: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278,
    278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722,
    667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556,
    556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Letters beyond ASCII that Helvetica has: their codes in `WinAnsiEncoding`, and how wide they are.
const BEYOND: [(char, u8, u16); 6] =
    [('¥', 0xA5, 556), ('€', 0x80, 556), ('£', 0xA3, 556), ('·', 0xB7, 278), ('…', 0x85, 1000), ('−', 0x2D, 333)];

/// A page's drawing.
#[derive(Debug, Default)]
pub struct Sheet(String);

impl Sheet {
    /// A4, in points.
    pub const WIDTH: f64 = 595.0;
    /// A4, in points.
    pub const HEIGHT: f64 = 842.0;

    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A filled rectangle.
    pub fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, (red, green, blue): Colour) {
        self.say(format_args!("{red:.2} {green:.2} {blue:.2} rg {x:.2} {y:.2} {width:.2} {height:.2} re f\n"));
    }

    /// A line of text.
    pub fn text(&mut self, x: f64, y: f64, size: f64, (red, green, blue): Colour, text: &str) {
        self.say(format_args!("BT {red:.2} {green:.2} {blue:.2} rg {x:.2} {y:.2} Td "));
        for (is_latin, run) in runs(text) {
            let codes: String = match is_latin {
                true => run.chars().filter_map(latin).map(|(code, _)| format!("{code:02X}")).collect(),
                false => run.encode_utf16().map(|unit| format!("{unit:04X}")).collect(),
            };
            self.say(format_args!("/{} {size:.1} Tf <{codes}> Tj ", if is_latin { "F1" } else { "F2" }));
        }
        self.say(format_args!("ET\n"));
    }

    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        self.0.write_fmt(what).expect("a string takes everything");
    }
}

/// The code and the width of a letter that Helvetica has.
fn latin(letter: char) -> Option<(u8, u16)> {
    let ascii = u8::try_from(letter).ok().filter(|code| (b' '..=b'~').contains(code));
    let known = ascii.map(|code| (code, HELVETICA[usize::from(code - b' ')]));
    known.or_else(|| BEYOND.iter().find(|(known, ..)| *known == letter).map(|(_, code, width)| (*code, *width)))
}

/// A text in pieces of one font each.
fn runs(text: &str) -> Vec<(bool, String)> {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for letter in text.chars() {
        let is_latin = latin(letter).is_some();
        match runs.last_mut() {
            Some((latin, run)) if *latin == is_latin => run.push(letter),
            _ => runs.push((is_latin, letter.to_string())),
        }
    }
    runs
}

/// How wide a text is, in points.
pub fn width(text: &str, size: f64) -> f64 {
    /// Every Chinese character is as wide as it is high.
    const SQUARE: u16 = 1000;
    let of = |letter: char| f64::from(latin(letter).map_or(SQUARE, |(_, width)| width));
    text.chars().map(of).sum::<f64>() * size / 1000.0
}

/// A document that pages are added to.
pub struct Document {
    title: String,
    pages: Vec<Sheet>,
}

/// The objects before the pages: catalogue, list of pages, facts, and the fonts.
const BEFORE: usize = 7;

impl Document {
    /// Begins.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), pages: Vec::new() }
    }

    /// Adds a page.
    pub fn add(&mut self, page: Sheet) {
        self.pages.push(page);
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        let kids: Vec<String> = (0..self.pages.len()).map(|at| format!("{} 0 R", BEFORE + 1 + at * 2)).collect();
        let title: String = self.title.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
        let mut objects = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len()),
            format!("<< /Title <FEFF{title}> /Producer (Rapport) >>"),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
            "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UTF16-H /DescendantFonts [6 0 R] >>".to_owned(),
            "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo \
             << /Registry (Adobe) /Ordering (GB1) /Supplement 5 >> /FontDescriptor 7 0 R /DW 1000 >>"
                .to_owned(),
            "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 \
             /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>"
                .to_owned(),
        ];
        for (at, Sheet(drawing)) in self.pages.iter().enumerate() {
            let content = BEFORE + 2 + at * 2;
            objects.push(format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents {content} 0 R \
                 /Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> >>",
                Sheet::WIDTH,
                Sheet::HEIGHT
            ));
            objects.push(format!("<< /Length {} >>\nstream\n{drawing}endstream", drawing.len()));
        }
        file(&objects)
    }
}

/// The objects one after the other, and where each begins.
fn file(objects: &[String]) -> Vec<u8> {
    let mut text = String::from("%PDF-1.5\n");
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(text.len());
        text.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let start = text.len();
    text.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    places.iter().for_each(|place| text.push_str(&format!("{place:010} 00000 n \n")));
    text.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R /Info 3 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    text.into_bytes()
}
