use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

/// Room for what the kernel writes into any of the files.
const FILE: usize = 8192;

/// How much is used of a limit, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) used: u64,
    pub(super) max: u64,
    /// Its name, for the log.
    pub(super) limit: &'static str,
}

/// What is left for the calls that there are, at the least: they take more when they are talked on
/// than when they begin.
const RESERVE: u64 = 16 << 20;

impl Filled {
    /// Whether there is too little left for another call.
    pub(super) fn is_full(self) -> bool {
        self.left_beside(self.reserve()) == 0
    }

    /// Whether half of what is kept for the calls that there are is gone.
    pub(super) fn is_brimful(self) -> bool {
        self.left_beside(self.reserve() / 2) == 0
    }

    /// Whether there is enough left, even if there was too little before.
    pub(super) fn has_room(self) -> bool {
        self.left_beside(self.reserve() / 2 * 3) > 0
    }

    /// Whether there is so much left that it need not be watched closely.
    pub(super) fn has_plenty(self) -> bool {
        self.left_beside(self.reserve() * 4) > 0
    }

    /// What is kept for the calls that there are.
    fn reserve(self) -> u64 {
        (self.max / 10).max(RESERVE)
    }

    fn left_beside(self, reserve: u64) -> u64 {
        self.max.saturating_sub(self.used.saturating_add(reserve))
    }
}

/// `ulimit -v`, in bytes.
pub(super) fn max_address_space() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// What bounds the memory of this process, looked up once. Reading takes no memory.
#[derive(Debug)]
pub(super) struct Limits {
    /// `/proc/self/statm`; where there is none, `ulimit -v` is not watched.
    address_space: Option<File>,
    /// The process's own cgroup and those around it.
    cgroups: Vec<Cgroup>,
}

impl Limits {
    pub(super) fn of_this_process() -> Self {
        let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self {
            address_space: File::open("/proc/self/statm").ok(),
            cgroups: cgroups_of(&cgroups, Path::new("/sys/fs/cgroup")),
        }
    }

    /// The limit that is nearest, if there is any.
    pub(super) fn fullest(&self) -> Option<Filled> {
        let cgroups = self.cgroups.iter().filter_map(Cgroup::filled);
        cgroups
            .chain(self.address_space())
            .min_by_key(|filled| filled.left_beside(filled.reserve()))
    }

    fn address_space(&self) -> Option<Filled> {
        let max = max_address_space()?;
        let mut buffer = [0; FILE];
        let text = read(self.address_space.as_ref()?, &mut buffer)?;
        let pages: u64 = text.split(' ').next()?.parse().ok()?;
        Some(Filled {
            used: pages.saturating_mul(page_size() as u64),
            max,
            limit: "RLIMIT_AS",
        })
    }
}

/// A cgroup that has a limit of memory, or may be given one.
#[derive(Debug)]
struct Cgroup {
    max: File,
    current: File,
    stat: File,
    version: &'static Version,
}

/// What differs between the two versions of cgroups.
#[derive(Debug)]
struct Version {
    /// Which of the fields of `/proc/self/cgroup` name the hierarchy of memory, and where that is.
    controllers: &'static str,
    mounted: &'static str,
    max: &'static str,
    current: &'static str,
    /// The page cache, in `memory.stat`: the kernel takes it back when it needs it. Whoever records
    /// fills a cgroup with it.
    cache: [&'static str; 2],
}

const VERSIONS: [Version; 2] = [
    Version {
        controllers: "",
        mounted: "",
        max: "memory.max",
        current: "memory.current",
        cache: ["inactive_file", "active_file"],
    },
    Version {
        controllers: "memory",
        mounted: "memory",
        max: "memory.limit_in_bytes",
        current: "memory.usage_in_bytes",
        cache: ["total_inactive_file", "total_active_file"],
    },
];

/// The cgroups that `/proc/self/cgroup` tells of and that have files below `mounted`. Inside a
/// container the path may be one that only the host has; its own cgroup is then the root.
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

    /// `None` if it has no limit, or is gone.
    fn filled(&self) -> Option<Filled> {
        let mut buffer = [0; FILE];
        // "max" is no number; version 1 says so by one that no machine has.
        let max = read(&self.max, &mut buffer)?.trim().parse().ok()?;
        let current: u64 = read(&self.current, &mut buffer)?.trim().parse().ok()?;
        let stat = read(&self.stat, &mut buffer)?;
        let cache: u64 = self
            .version
            .cache
            .iter()
            .filter_map(|name| stat.lines().find_map(|line| line.strip_prefix(name)))
            .filter_map(|value| value.trim().parse::<u64>().ok())
            .sum();
        Some(Filled {
            used: current.saturating_sub(cache),
            max,
            limit: self.version.max,
        })
    }
}

fn read<'b>(file: &File, buffer: &'b mut [u8; FILE]) -> Option<&'b str> {
    let len = file.read_at(buffer, 0).ok()?;
    std::str::from_utf8(&buffer[..len]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the files of a cgroup.
    fn write(directory: &Path, files: [(&str, &str); 3]) {
        fs::create_dir_all(directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
    }

    fn filled(cgroups: &[Cgroup]) -> Vec<(u64, u64)> {
        let filled = cgroups.iter().filter_map(Cgroup::filled);
        filled.map(|filled| (filled.used, filled.max)).collect()
    }

    /// As a 6.18 kernel writes them.
    #[test]
    fn a_cgroup_of_version_2_is_as_full_as_it_is_without_page_cache() {
        let root = tempfile::tempdir().unwrap();
        let stat = "anon 4096\nfile 700\nkernel 90112\ninactive_anon 0\nactive_anon 4096\n\
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
        assert_eq!(filled(&cgroups), [(8300, 20_000)]);
        // The limit of its own, given while it runs.
        let own = "system.slice/audiosocket.service/memory.max";
        fs::write(root.path().join(own), "10000\n").unwrap();
        assert_eq!(filled(&cgroups), [(8300, 10_000), (8300, 20_000)]);
    }

    #[test]
    fn a_container_has_its_cgroup_at_the_root() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.max", "1000\n"),
            ("memory.current", "900\n"),
            ("memory.stat", ""),
        ];
        write(root.path(), files);
        for text in ["0::/\n", "0::/docker/5e0c\n", "0::/../../elsewhere\n"] {
            assert_eq!(
                filled(&cgroups_of(text, root.path())).last(),
                Some(&(900, 1000)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_cgroup_of_version_1_is_that_of_memory() {
        let root = tempfile::tempdir().unwrap();
        let stat = "cache 700\nrss 4096\ninactive_file 1\nactive_file 1\nhierarchical_memory_limit 5000\n\
                    total_cache 700\ntotal_inactive_file 500\ntotal_active_file 200\n";
        let files = [
            ("memory.limit_in_bytes", "5000\n"),
            ("memory.usage_in_bytes", "4500\n"),
            ("memory.stat", stat),
        ];
        write(&root.path().join("memory/calls"), files);
        let text = "9:name=systemd:/\n5:devices:/calls\n4:memory:/calls\n0::/\n";
        let cgroups = cgroups_of(text, root.path());
        assert_eq!(filled(&cgroups), [(3800, 5000)]);
    }

    #[test]
    fn without_cgroups_there_are_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            cgroups_of("0::/a/b\n4:memory:/\nnonsense\n", root.path()).len(),
            0
        );
        assert_eq!(cgroups_of("", root.path()).len(), 0);
    }

    #[test]
    fn a_tenth_is_kept_and_16_mib_at_least() {
        let filled = |used: u64, max: u64| Filled {
            used: used << 20,
            max: max << 20,
            limit: "",
        };
        assert!(!filled(899, 1000).is_full() && filled(900, 1000).is_full());
        assert!(filled(849, 1000).has_room() && !filled(850, 1000).has_room());
        assert!(filled(599, 1000).has_plenty() && !filled(600, 1000).has_plenty());
        assert!(!filled(83, 100).is_full() && filled(84, 100).is_full());
        assert!(filled(0, 16).is_full() && filled(100, 0).is_full());
        assert!(!filled(0, 1 << 43).is_full());
    }
}
