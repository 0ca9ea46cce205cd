//! How far a job is, on standard error: one line that changes at a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::jobs::Progress;

/// How often a terminal's line changes.
const AT_TERMINAL: Duration = Duration::from_millis(200);
/// How often a line is written where lines are kept.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Shows progress.
pub struct Bar {
    what: &'static str,
    started: Instant,
    shown: Instant,
    is_terminal: bool,
    is_open: bool,
}

impl Bar {
    /// For a job whose steps are called `what`.
    pub fn new(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, started: now, shown: now, is_terminal: std::io::stderr().is_terminal(), is_open: false }
    }

    /// Shows how far it is, unless that was shown a moment ago.
    pub fn show(&mut self, progress: Progress) {
        let every = if self.is_terminal { AT_TERMINAL } else { ELSEWHERE };
        let is_last = self.is_open && progress.done == progress.total;
        if self.shown.elapsed() < every && !is_last {
            return;
        }
        self.shown = Instant::now();
        self.is_open = true;
        let line = line(self.what, progress, self.started.elapsed());
        let mut out = std::io::stderr();
        // Nobody reads progress for its own sake: a closed pipe stops nothing.
        let _ = if self.is_terminal { write!(out, "\r{line}\x1b[K") } else { writeln!(out, "{line}") };
        let _ = out.flush();
    }

    /// Ends the line; answers the time that the job took.
    pub fn end(self) -> Duration {
        if self.is_open && self.is_terminal {
            eprintln!();
        }
        self.started.elapsed()
    }
}

fn line(what: &str, progress: Progress, elapsed: Duration) -> String {
    let percent = (progress.done * 100).checked_div(progress.total).unwrap_or(100);
    let rate = progress.done as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{} of {} {what}, {percent} %, {rate:.0} a second", progress.done, progress.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let shown = line("rows", Progress { done: 500, total: 2_000 }, Duration::from_secs(2));
        assert_eq!(shown, "500 of 2000 rows, 25 %, 250 a second");
        assert!(line("rows", Progress { done: 0, total: 0 }, Duration::ZERO).contains("100 %"));
    }
}
