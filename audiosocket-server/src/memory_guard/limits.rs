//! The memory limits of this process: its cgroups and `ulimit -v`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

/// The size of the buffer for `memory.stat`, which is shorter.
const STAT_LEN: usize = 8192;

/// The size of the buffer for a file with a number or a line of numbers.
const LINE_LEN: usize = 128;

/// In version 1 of cgroups, no limit is the number 0x7fff_ffff_ffff_f000.
const LARGER_THAN_ANY_MEMORY: u64 = 1 << 62;

/// A limit is near when at most this many reserves are left.
const NEAR_RESERVES: f64 = 4.0;

/// The smallest reserve, in bytes.
const MIN_RESERVE: u64 = 16 << 20;

/// The usage of one memory limit, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) used: u64,
    pub(super) max: u64,
    /// The name of the limit, for the log.
    pub(super) limit: &'static str,
}

impl Usage {
    /// Returns how many times the reserve is left. The reserve is memory for the open calls: a tenth of the limit, and at
    /// least 16 MiB. A call takes more memory while it talks than at its start.
    pub(super) fn reserves_left(self) -> f64 {
        let reserve = (self.max / 10).max(MIN_RESERVE);
        self.max.saturating_sub(self.used) as f64 / reserve as f64
    }

    /// Returns whether the limit is near.
    pub(super) fn is_near(self) -> bool {
        self.reserves_left() <= NEAR_RESERVES
    }
}

/// The limits that bound the memory of this process. The files are opened once. Reading them allocates nothing.
#[derive(Debug)]
pub(super) struct MemoryLimits {
    /// `/proc/self/statm`. Without it, `ulimit -v` is not watched.
    statm: Option<File>,
    /// The cgroup of the process and its parents.
    cgroups: Vec<Cgroup>,
}

impl MemoryLimits {
    pub(super) fn of_this_process() -> Self {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self {
            statm: File::open("/proc/self/statm").ok(),
            cgroups: cgroups_of(&cgroups, Path::new("/sys/fs/cgroup")),
        }
    }

    /// Returns the usage of the limit that is nearest, or `None` if there is no limit.
    pub(super) fn nearest(&self) -> Option<Usage> {
        let cgroups = self.cgroups.iter().filter_map(Cgroup::usage);
        cgroups
            .chain(self.address_space())
            .min_by(|a, b| a.reserves_left().total_cmp(&b.reserves_left()))
    }

    fn address_space(&self) -> Option<Usage> {
        let max = max_address_space()?;
        let pages = read_number(self.statm.as_ref()?)?;
        Some(Usage {
            used: pages.saturating_mul(page_size() as u64),
            max,
            limit: "RLIMIT_AS",
        })
    }
}

/// Returns the limit of `ulimit -v` in bytes, if one is set.
pub(super) fn max_address_space() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// A cgroup that has a memory limit, or can get one while the process runs.
#[derive(Debug)]
struct Cgroup {
    max: File,
    current: File,
    stat: File,
    version: &'static Version,
}

/// The differences between the two versions of cgroups.
#[derive(Debug)]
struct Version {
    /// The controller in `/proc/self/cgroup` that names the hierarchy of memory.
    controllers: &'static str,
    /// The directory of that hierarchy, below `/sys/fs/cgroup`.
    mounted: &'static str,
    max: &'static str,
    current: &'static str,
    /// The fields of `memory.stat` that are page cache. The kernel frees the page cache when it needs memory, and a
    /// process that writes files fills its cgroup with it. So it does not count as used.
    cache: [&'static str; 2],
    /// The field of `memory.stat` that is mapped page cache: the code of the program, above all. The kernel frees it too, and
    /// reads it from the disk when it runs again. Then the program hardly runs. So it counts as used.
    mapped: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version {
        controllers: "",
        mounted: "",
        max: "memory.max",
        current: "memory.current",
        cache: ["inactive_file", "active_file"],
        mapped: "file_mapped",
    },
    Version {
        controllers: "memory",
        mounted: "memory",
        max: "memory.limit_in_bytes",
        current: "memory.usage_in_bytes",
        cache: ["total_inactive_file", "total_active_file"],
        mapped: "total_mapped_file",
    },
];

/// Opens the cgroups that have files below `mounted`. `text` is the content of `/proc/self/cgroup`, which has their
/// names. In a container the path can be one that exists on the host only. Then the root is the cgroup of the
/// container.
fn cgroups_of(text: &str, mounted: &Path) -> Vec<Cgroup> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let version = VERSIONS.iter().find(|version| {
            controllers
                .split(',')
                .any(|name| name == version.controllers)
        });
        let Some(version) = version else { continue };
        let mut directory = PathBuf::from(path.trim_start_matches('/'));
        loop {
            let files = mounted.join(version.mounted).join(&directory);
            found.extend(Cgroup::open(&files, version));
            if !directory.pop() {
                break;
            }
        }
    }
    found
}

impl Cgroup {
    fn open(directory: &Path, version: &'static Version) -> io::Result<Self> {
        let open = |name| File::open(directory.join(name));
        Ok(Self {
            max: open(version.max)?,
            current: open(version.current)?,
            stat: open("memory.stat")?,
            version,
        })
    }

    /// Returns `None` if the cgroup has no limit, or was removed. The page cache counts as used until the limit is near: the
    /// kernel takes long to make `memory.stat`, and without it the limit is further away in any case.
    fn usage(&self) -> Option<Usage> {
        // Without a limit, version 2 has the word "max" here, and version 1 a number larger than any memory.
        let max = read_number(&self.max).filter(|max| *max < LARGER_THAN_ANY_MEMORY)?;
        let mut usage = Usage {
            used: read_number(&self.current)?,
            max,
            limit: self.version.max,
        };
        if usage.is_near() {
            usage.used = usage.used.saturating_sub(self.page_cache()?);
        }
        Some(usage)
    }

    /// Returns the page cache that the kernel can free without harm.
    fn page_cache(&self) -> Option<u64> {
        let mut buffer = [0; STAT_LEN];
        let len = self.stat.read_at(&mut buffer, 0).ok()?;
        let value = |name: &str| {
            let mut lines = buffer[..len].split(|byte| *byte == b'\n');
            lines.find_map(|line| number(line.strip_prefix(name.as_bytes())?.strip_prefix(b" ")?))
        };
        let cache = self.version.cache.map(|name| value(name).unwrap_or(0));
        let mapped = value(self.version.mapped).unwrap_or(0);
        Some(cache.iter().sum::<u64>().saturating_sub(mapped))
    }
}

/// Returns the number at the start of a file.
fn read_number(file: &File) -> Option<u64> {
    let mut buffer = [0; LINE_LEN];
    let len = file.read_at(&mut buffer, 0).ok()?;
    number(&buffer[..len])
}

/// Returns the number at the start of `text`, after spaces.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..len]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a directory with the files of a cgroup.
    fn write(directory: &Path, files: [(&str, &str); 3]) {
        fs::create_dir_all(directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    fn usages(cgroups: &[Cgroup]) -> Vec<(u64, u64)> {
        let usages = cgroups.iter().filter_map(Cgroup::usage);
        usages.map(|usage| (usage.used, usage.max)).collect()
    }

    /// The files of a 6.18 kernel.
    #[test]
    fn only_mapped_page_cache_counts_as_used_in_a_cgroup_of_version_2() {
        let root = tempfile::tempdir().unwrap();
        let stat = "anon 4096\nfile 700\nkernel 90112\nfile_mapped 50\ninactive_anon 0\nactive_anon 4096\n\
                    inactive_file 500\nactive_file 200\nunevictable 0\n";
        let files = [
            ("memory.max", "max\n"),
            ("memory.current", "9000\n"),
            ("memory.stat", stat),
        ];
        write(&root.path().join("system.slice/audiosocket.service"), files);
        let mut around = files;
        around[0].1 = "20000\n";
        write(&root.path().join("system.slice"), around);
        let text = "0::/system.slice/audiosocket.service\n";
        let cgroups = cgroups_of(text, root.path());
        assert_eq!(cgroups.len(), 2);
        assert_eq!(usages(&cgroups), [(8350, 20_000)]);
        // The cgroup gets a limit while the process runs.
        let own = "system.slice/audiosocket.service/memory.max";
        fs::write(root.path().join(own), "10000\n").unwrap();
        assert_eq!(usages(&cgroups), [(8350, 10_000), (8350, 20_000)]);
    }

    #[test]
    fn page_cache_is_subtracted_only_near_the_limit() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.max", "1000000000\n"),
            ("memory.current", "500000000\n"),
            ("memory.stat", "inactive_file 100000000\nactive_file 1\n"),
        ];
        write(root.path(), files);
        let cgroups = cgroups_of("0::/\n", root.path());
        assert_eq!(usages(&cgroups), [(500_000_000, 1_000_000_000)]);
        fs::write(root.path().join("memory.current"), "600000000\n").unwrap();
        assert_eq!(usages(&cgroups), [(499_999_999, 1_000_000_000)]);
    }

    #[test]
    fn the_cgroup_of_a_container_is_at_the_root() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.max", "1000\n"),
            ("memory.current", "900\n"),
            ("memory.stat", ""),
        ];
        write(root.path(), files);
        for text in ["0::/\n", "0::/docker/5e0c\n", "0::/../../elsewhere\n"] {
            assert_eq!(
                usages(&cgroups_of(text, root.path())).last(),
                Some(&(900, 1000)),
                "{text}"
            );
        }
    }

    #[test]
    fn version_1_uses_the_memory_controller() {
        let root = tempfile::tempdir().unwrap();
        let stat = "cache 700\nrss 4096\ninactive_file 1\nactive_file 1\nhierarchical_memory_limit 5000\n\
                    total_cache 700\ntotal_mapped_file 50\ntotal_inactive_file 500\ntotal_active_file 200\n";
        let files = [
            ("memory.limit_in_bytes", "5000\n"),
            ("memory.usage_in_bytes", "4500\n"),
            ("memory.stat", stat),
        ];
        write(&root.path().join("memory/calls"), files);
        let text = "9:name=systemd:/\n5:devices:/calls\n4:memory:/calls\n0::/\n";
        let cgroups = cgroups_of(text, root.path());
        assert_eq!(usages(&cgroups), [(3850, 5000)]);
        let max = root.path().join("memory/calls/memory.limit_in_bytes");
        fs::write(max, "9223372036854771712\n").unwrap();
        assert_eq!(usages(&cgroups), []);
    }

    #[test]
    fn no_cgroup_is_found_where_there_is_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            cgroups_of("0::/a/b\n4:memory:/\nnonsense\n", root.path()).len(),
            0
        );
        assert_eq!(cgroups_of("", root.path()).len(), 0);
    }

    #[test]
    fn the_reserve_is_a_tenth_and_at_least_16_mib() {
        let usage = |used: u64, max: u64| Usage {
            used: used << 20,
            max: max << 20,
            limit: "",
        };
        let left = |used: u64, max: u64| usage(used, max).reserves_left();
        assert!(left(899, 1000) > 1.0 && left(900, 1000) <= 1.0);
        assert!(left(849, 1000) > 1.5 && left(850, 1000) <= 1.5);
        assert!(left(599, 1000) > 4.0 && left(600, 1000) <= 4.0);
        assert!(left(83, 100) > 1.0 && left(84, 100) <= 1.0);
        assert!(left(0, 16) <= 1.0 && left(100, 0) <= 0.0);
        assert!(left(0, 1 << 43) > 1.0);
    }
}
