//! What the operating system says of a process.

use std::path::Path;

/// Memory and time of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory, MiB.
    pub rss_mib: f64,
    /// Peak of resident memory, MiB.
    pub peak_mib: f64,
    /// Processor time, milliseconds.
    pub cpu_ms: f64,
}

/// The usage of a process; zeros where the system does not tell.
pub fn usage(pid: u32) -> Usage {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces; what follows the last bracket does not. Ticks are 10 ms.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    Usage { rss_mib: kib("VmRSS") / 1024.0, peak_mib: kib("VmHWM") / 1024.0, cpu_ms: (ticks(11) + ticks(12)) * 10.0 }
}

/// Bytes of all files in a folder and below.
pub fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { disk_bytes(&entry.path()) } else { entry.metadata().map_or(0, |meta| meta.len()) }).sum()
}
