//! A text as a square that phones scan.

/// A QR code as an SVG image: `square.html` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Square {
    /// Its dark squares, as a path.
    pub path: String,
    /// Its width in squares, with the margin that scanners need.
    pub size: i32,
}

impl Square {
    /// The square of a text; none where the text is too long for one.
    pub fn of(text: &str) -> Option<Self> {
        const MARGIN: i32 = 4;
        let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium).ok()?;
        let size = code.size();
        let dark = (0..size).flat_map(|y| (0..size).map(move |x| (x, y))).filter(|(x, y)| code.get_module(*x, *y));
        let path = dark.map(|(x, y)| format!("M{},{}h1v1h-1z", x + MARGIN, y + MARGIN)).collect();
        Some(Self { path, size: size + 2 * MARGIN })
    }
}
