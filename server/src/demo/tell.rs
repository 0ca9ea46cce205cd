//! How the story is told: plain lines, readable in any terminal.

use super::stage::{ACCOUNTS, PASSWORD};

/// Prints the story.
pub(super) struct Teller;

impl Teller {
    pub fn new() -> Self {
        Self
    }

    pub fn title(&self, text: &str) {
        println!("\n{text}\n{}", "=".repeat(text.chars().count()));
    }

    /// A new scene: when, and what.
    pub fn scene(&self, when: &str, what: &str) {
        println!("\n{when}  {what}");
    }

    /// Something somebody does or sees.
    pub fn line(&self, text: &str) {
        println!("       {text}");
    }

    /// A detail below a line.
    pub fn detail(&self, text: &str) {
        println!("         {text}");
    }

    pub fn invite(&self, address: &str) {
        self.title("The console is open");
        println!("  {address}");
        for (login, _, role, what) in ACCOUNTS {
            println!("  {login:<8} password {PASSWORD}   {role}: {what}");
        }
        println!("\n  Try: sign in as mei, open Disagreements (数据冲突) and decide; then open the customer and look at its history.");
        println!("  Ctrl-C ends the demo.");
    }
}

/// An amount in minor units, for people: 290000 is ¥2,900.00.
pub(super) fn yuan(minor: i64) -> String {
    let (whole, cents) = (minor / 100, minor % 100);
    let digits = whole.to_string();
    let grouped: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    format!("¥{}.{cents:02}", grouped.join(","))
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!([0, 270_000, 123_456_789].map(super::yuan), ["¥0.00", "¥2,700.00", "¥1,234,567.89"]);
    }
}
