use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use procfs::ProcResult;
use procfs::process::{Process, Status, Task};
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
        let process = process(pid)?;
        let status = process.status().map_err(io::Error::other)?;
        Ok(Self {
            descriptors: process.fd_count().map_err(io::Error::other)? as u64,
            threads: status.threads,
            resident: kilobytes(status.vmrss)?,
        })
    }

    /// Whether this is no more than `most` in anything.
    pub(crate) fn is_within(&self, most: Self) -> bool {
        self.descriptors <= most.descriptors
            && self.threads <= most.threads
            && self.resident <= most.resident
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
    kilobytes(status(pid)?.vmhwm)
}

/// Processor time of all threads that the process has or had.
pub(crate) fn processor_time(pid: u32) -> io::Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid as i32))?;
    Ok(clock.now()?.into())
}

/// The same of this process.
pub(crate) fn own_processor_time() -> io::Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// Whether each thread of the process has a tracer.
pub(crate) fn is_traced(pid: u32) -> io::Result<bool> {
    let tasks = process(pid)?.tasks().map_err(io::Error::other)?;
    let traced = |task: ProcResult<Task>| Ok(task?.status()?.tracerpid != 0);
    let all: ProcResult<Vec<_>> = tasks.map(traced).collect();
    Ok(all
        .map_err(io::Error::other)?
        .into_iter()
        .all(|traced| traced))
}

fn status(pid: u32) -> io::Result<Status> {
    process(pid)?.status().map_err(io::Error::other)
}

fn process(pid: u32) -> io::Result<Process> {
    Process::new(pid as i32).map_err(io::Error::other)
}

fn kilobytes(of_process: Option<u64>) -> io::Result<u64> {
    let gone = || io::Error::other("the process has ended");
    of_process
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(gone)
}

/// Lets this process have as many descriptors as the system allows.
pub(crate) fn raise_descriptors() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
