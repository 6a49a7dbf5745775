//! A server in a cgroup with a memory limit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use audiosocket_network_faults::{unique, wrapped};
use rustix::fs::{Advice, fadvise};

use super::crowd::crowd_out;
use super::process::{ServeProcess, audiosocket, call};

as_root_on_every_runtime! {
    calls_are_refused_before_the_cgroup_is_full,
}

fn calls_are_refused_before_the_cgroup_is_full(runtime: &str) {
    let cgroup = Cgroup::new();
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    evict(Path::new(server.get_program()));
    let procs = cgroup.directory.join("cgroup.procs");
    let join = "echo $$ >\"$0\" && exec \"$@\"";
    let mut inside = Command::new("sh");
    inside.args(["-c", join]).arg(&procs);
    let server = ServeProcess::run(wrapped(inside, &server), 1);
    // Room for some hundred calls. With threads for each call, each has stacks.
    let room = if runtime == "blocking" {
        24 << 20
    } else {
        2 << 20
    };
    // After a call, the server has all memory that does not depend on the number of calls.
    assert_eq!(call(server.addr(), &["--duration", "100ms"]).code, 0);
    // The reserve for open calls is 16 MiB.
    let max = cgroup.used() + room + (16 << 20);
    fs::write(
        cgroup.file("memory.max", "memory.limit_in_bytes"),
        max.to_string(),
    )
    .unwrap();
    // The server without a limit examines its cgroup every 5 s.
    thread::sleep(Duration::from_secs(6));
    crowd_out(server);
}

/// Removes a file from the page cache. Then the program's own code takes memory of its cgroup, as in a new container.
fn evict(file: &Path) {
    let file = fs::File::open(file).unwrap();
    file.sync_all().unwrap();
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
}

/// A new cgroup, of the version whose memory controller this machine uses.
struct Cgroup {
    directory: PathBuf,
}

impl Cgroup {
    fn new() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let path_of = |name: &str| {
            own.lines().find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                let found = controllers.split(',').any(|other| other == name);
                found.then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let parent = match path_of("memory") {
            Some(path) => Path::new("/sys/fs/cgroup/memory").join(path),
            None => Path::new("/sys/fs/cgroup").join(path_of("").unwrap()),
        };
        let directory = parent.join(unique("audiosocket"));
        fs::create_dir(&directory).unwrap();
        let cgroup = Self { directory };
        if !cgroup.file("memory.max", "memory.limit_in_bytes").exists() {
            fs::write(parent.join("cgroup.subtree_control"), "+memory").unwrap();
        }
        cgroup
    }

    fn file(&self, version_2: &str, version_1: &str) -> PathBuf {
        let old = self.directory.join(version_1);
        if old.exists() {
            old
        } else {
            self.directory.join(version_2)
        }
    }

    /// The used memory without the page cache, since the kernel frees it. The code of the program is used: a server with a
    /// cold cache has read it into its own cgroup.
    fn used(&self) -> u64 {
        let used = fs::read_to_string(self.file("memory.current", "memory.usage_in_bytes"));
        let used: u64 = used.unwrap().trim().parse().unwrap();
        let stat = fs::read_to_string(self.directory.join("memory.stat")).unwrap();
        let value = |searched: &str| -> Option<u64> {
            let mut fields = stat.lines().filter_map(|line| line.split_once(' '));
            let (_, value) = fields.find(|(name, _)| *name == searched)?;
            Some(value.parse().unwrap())
        };
        let cache = value("inactive_file").unwrap() + value("active_file").unwrap();
        // The names of version 2 and of version 1.
        let mapped = value("file_mapped").or_else(|| value("mapped_file"));
        used - cache + mapped.unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process leaves the cgroup a moment after its end.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
