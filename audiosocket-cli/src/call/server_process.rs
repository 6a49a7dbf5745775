//! What the system knows of the server's process.

use std::time::Duration;

#[cfg(target_os = "linux")]
pub(super) use linux::ServerProcess;
#[cfg(not(target_os = "linux"))]
pub(super) use unknown::ServerProcess;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    /// Processor time of all its threads, also of those that have ended.
    pub(super) cpu: Duration,
    /// The same of this program.
    pub(super) own_cpu: Duration,
}

/// What is counted beside, not quite at the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    /// Of processor time, outside the kernel and in it.
    pub(super) user_ticks: u64,
    pub(super) system_ticks: u64,
    /// Of the threads that there are.
    pub(super) context_switches: u64,
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use nix::time::{ClockId, clock_getcpuclockid};
    use nix::unistd::Pid;
    use procfs::process::Process;
    use procfs::{ProcError, ProcResult, WithCurrentSystemInfo as _};

    use super::{Counters, Used};

    #[derive(Debug)]
    pub(in super::super) struct ServerProcess {
        process: Process,
        /// All threads at once, and to the nanosecond; `/proc` has each thread alone, loses those
        /// that have ended, and all of them only in ticks.
        clock: ClockId,
    }

    impl ServerProcess {
        /// # Errors
        ///
        /// If there is no such process, or what there is to know of it is not for this user.
        pub(in super::super) fn find(pid: i32) -> io::Result<Self> {
            let process = Process::new(pid).map_err(to_io)?;
            let clock = clock_getcpuclockid(Pid::from_raw(pid))?;
            let found = Self { process, clock };
            found.used()?;
            found.counters()?;
            Ok(found)
        }

        pub(in super::super) fn used(&self) -> io::Result<Used> {
            Ok(Used {
                cpu: Duration::from(self.clock.now()?),
                own_cpu: Duration::from(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?),
            })
        }

        pub(in super::super) fn counters(&self) -> io::Result<Counters> {
            self.count().map_err(to_io)
        }

        fn count(&self) -> ProcResult<Counters> {
            let mut context_switches = 0;
            for task in self.process.tasks()? {
                // One may end just now.
                let Ok(status) = task.and_then(|task| task.status()) else {
                    continue;
                };
                let voluntary = status.voluntary_ctxt_switches.unwrap_or(0);
                context_switches += voluntary + status.nonvoluntary_ctxt_switches.unwrap_or(0);
            }
            let stat = self.process.stat()?;
            Ok(Counters {
                user_ticks: stat.utime,
                system_ticks: stat.stime,
                context_switches,
                resident_bytes: stat.rss_bytes().get(),
                descriptors: self.process.fd_count()? as u64,
                threads: u64::try_from(stat.num_threads).unwrap_or(0),
            })
        }
    }

    fn to_io(error: ProcError) -> io::Error {
        match error {
            ProcError::NotFound(_) => io::Error::other("there is no such process"),
            ProcError::PermissionDenied(_) => io::ErrorKind::PermissionDenied.into(),
            error => io::Error::other(error.to_string()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unknown {
    use std::io;

    use super::{Counters, Used};

    #[derive(Debug)]
    pub(in super::super) enum ServerProcess {}

    impl ServerProcess {
        pub(in super::super) fn find(_: i32) -> io::Result<Self> {
            Err(io::Error::other("only Linux tells what a process uses"))
        }

        pub(in super::super) fn used(&self) -> io::Result<Used> {
            match *self {}
        }

        pub(in super::super) fn counters(&self) -> io::Result<Counters> {
            match *self {}
        }
    }
}
