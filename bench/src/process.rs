use std::fs;
use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// What a process has of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    /// Memory that is the process's and resident, in bytes.
    pub(crate) resident: u64,
}

impl Usage {
    /// What the process has now.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
            threads: status(pid, "Threads:")?,
            resident: status(pid, "VmRSS:")? * 1024,
        })
    }

    /// Whether this is no more than `before`. Memory aside, of which the allocator keeps some.
    pub(crate) fn is_back_to(&self, before: Self) -> bool {
        self.descriptors <= before.descriptors && self.threads <= before.threads
    }

    /// Of each the more.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            resident: self.resident.max(other.resident),
        }
    }
}

/// The most that was ever resident of the process, in bytes.
pub(crate) fn most_resident(pid: u32) -> io::Result<u64> {
    Ok(status(pid, "VmHWM:")? * 1024)
}

fn status(pid: u32, name: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no {name} in /proc")))
}

/// Lets this process have as many descriptors as the system allows.
pub(crate) fn raise_descriptors() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
