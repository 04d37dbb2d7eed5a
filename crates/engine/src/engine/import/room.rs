//! What the machine has left for an import: disk and memory, whatever bounds them.
//!
//! Memory is bounded by what the machine can free (`MemAvailable`), by the control group of a container or service, and by
//! the limits of the process (`ulimit -v`, `prlimit --as`); the least counts.

use std::fs;
use std::path::Path;

/// Bytes that must stay free on the disk when an import ends: for the log of the database, for thumbnails, for
/// whoever else writes there.
pub(super) const DISK_RESERVE: u64 = 200 << 20;

/// What there is, in bytes; nothing where the system does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct Room {
    /// Free on the disk of the data folder.
    pub(in crate::engine) disk: Option<u64>,
    /// Memory that this process may still take.
    pub(in crate::engine) memory: Option<u64>,
    /// Memory that it has: resident.
    pub(in crate::engine) resident: u64,
}

impl Room {
    /// What there is now, for a data folder.
    pub(in crate::engine) fn now(data: &Path) -> Self {
        Self { disk: disk_free(data), memory: memory_free(), resident: of_status("VmRSS:").unwrap_or(0) }
    }

    /// Why `disk` further bytes and a process of `memory` bytes do not fit, if they do not.
    pub(in crate::engine) fn lacks(&self, disk: u64, memory: u64) -> Option<String> {
        let disk = disk + DISK_RESERVE;
        if let Some(free) = self.disk.filter(|free| *free < disk) {
            return Some(format!(
                "the import needs {} free on the disk of the data folder ({} of them as a reserve) and there are {}",
                megabytes(disk),
                megabytes(DISK_RESERVE),
                megabytes(free)
            ));
        }
        let more = memory.saturating_sub(self.resident);
        if let Some(free) = self.memory.filter(|free| *free < more) {
            return Some(format!(
                "the import needs {} of memory, {} more than this process has, and {} are free for it",
                megabytes(memory),
                megabytes(more),
                megabytes(free)
            ));
        }
        None
    }
}

/// Bytes as people read them, in millions, rounded up.
pub(in crate::engine) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Bytes that can be written to the disk of a folder; nothing where the system does not say.
pub(in crate::engine) fn disk_free(folder: &Path) -> Option<u64> {
    let stats = rustix::fs::statvfs(folder).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}

/// Bytes that this process may still take; nothing where the system does not say.
fn memory_free() -> Option<u64> {
    [of_machine(), of_group(), of_address_space()].into_iter().flatten().min()
}

fn of_machine() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

fn of_status(field: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, field)
}

/// `Field:   123 kB` in bytes.
fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|number| number * 1024)
}

/// What the address space may still grow by (`RLIMIT_AS`).
fn of_address_space() -> Option<u64> {
    let limit = address_space(&fs::read_to_string("/proc/self/limits").ok()?)?;
    Some(limit.saturating_sub(of_status("VmSize:")?))
}

/// The soft limit of `Max address space` in `/proc/self/limits`; nothing when it is unlimited.
fn address_space(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max address space"))?.split_whitespace().next()?.parse().ok()
}

/// What the control group, and those above it, may still take: version 2, or 1.
fn of_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let number =
        |path: &Path, name: &str| -> Option<u64> { fs::read_to_string(path.join(name)).ok()?.trim().parse().ok() };
    let left = |folder: &Path, limit: &str, used: &str| {
        let used = number(folder, used)?;
        // Files that are kept in memory only because there is room do not count.
        let files = fs::read_to_string(folder.join("memory.stat")).ok().and_then(|text| inactive_files(&text));
        Some(number(folder, limit)?.saturating_sub(used.saturating_sub(files.unwrap_or(0))))
    };
    let mut least = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, limit, used) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
            _ => continue,
        };
        let inside = Path::new(root).join(path.trim_start_matches('/'));
        for folder in inside.ancestors().take_while(|folder| folder.starts_with(root)) {
            least = [least, left(folder, limit, used)].into_iter().flatten().min();
        }
    }
    least
}

fn inactive_files(stat: &str) -> Option<u64> {
    let value = |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value("total_inactive_file").or_else(|| value("inactive_file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        assert_eq!(kibibytes("MemTotal: 1 kB\nMemAvailable:   2048 kB\n", "MemAvailable:"), Some(2 << 20));
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax address space         1000000              unlimited            bytes\n";
        assert_eq!(address_space(limits), Some(1_000_000));
        assert_eq!(address_space(&limits.replace("1000000", "unlimited")), None);
        assert_eq!(inactive_files("anon 5\ninactive_file 77\n"), Some(77));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_says_something() {
        let room = Room::now(Path::new("/"));
        assert!(room.disk.is_some() && room.memory.is_some_and(|free| free > 0) && room.resident > 1 << 20, "{room:?}");
    }

    #[test]
    fn what_does_not_fit_is_said_with_figures() {
        let room = Room { disk: Some(DISK_RESERVE + 1_000), memory: Some(10 << 20), resident: 100 << 20 };
        assert_eq!(room.lacks(1_000, 110 << 20), None);
        assert!(room.lacks(1_001, 0).unwrap().contains("disk"));
        assert!(room.lacks(0, 111 << 20).unwrap().contains("memory"));
        assert_eq!(Room::default().lacks(u64::MAX / 2, 1), None, "what is not known does not stop an import");
    }
}
