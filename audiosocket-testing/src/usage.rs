//! The resources of a process: processor time, memory, descriptors and threads. Use it to check that a
//! server releases them, or to measure the cost of a call.
//!
//! Only Linux is supported. On other systems [`ObservedProcess::find`] returns an error.
//!
//! ```no_run
//! use audiosocket_testing::usage::ObservedProcess;
//!
//! # fn main() -> std::io::Result<()> {
//! let server = ObservedProcess::find(4711)?;
//! println!("{:?}, {:?}", server.cpu_time()?, server.usage()?);
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
pub use linux::{ObservedProcess, own_cpu_time};
#[cfg(not(target_os = "linux"))]
pub use unsupported::{ObservedProcess, own_cpu_time};

/// The resources of a process at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "users make limits of their own")]
pub struct ProcessUsage {
    /// The number of open file descriptors.
    pub descriptors: u64,
    /// The number of threads.
    pub threads: u64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
}

impl ProcessUsage {
    /// Returns whether no number exceeds that of `limit`.
    #[must_use]
    pub fn is_within(&self, limit: &Self) -> bool {
        self.descriptors <= limit.descriptors
            && self.threads <= limit.threads
            && self.resident_bytes <= limit.resident_bytes
    }

    /// Returns the maximum of each number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            resident_bytes: self.resident_bytes.max(other.resident_bytes),
        }
    }
}

/// The activity of the threads of a process since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// Processor time outside the kernel, in clock ticks.
    pub user_ticks: u64,
    /// Processor time in the kernel, in clock ticks.
    pub system_ticks: u64,
    /// The number of context switches of the current threads.
    pub context_switches: u64,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use nix::time::{ClockId, clock_getcpuclockid};
    use nix::unistd::Pid;
    use procfs::process::{Process, Status};
    use procfs::{ProcError, ProcResult};

    use super::{Activity, ProcessUsage};

    /// A process of this machine.
    #[derive(Debug)]
    pub struct ObservedProcess {
        process: Process,
        /// The processor time of all threads together, in nanoseconds. `/proc` has it only in clock
        /// ticks, or per thread and without the threads that have ended.
        clock: ClockId,
    }

    impl ObservedProcess {
        /// Finds the process with this id.
        ///
        /// # Errors
        ///
        /// If there is no such process, or if this user may not read its usage.
        pub fn find(pid: u32) -> io::Result<Self> {
            let missing = || io::Error::other("there is no process with this id");
            let pid = i32::try_from(pid).map_err(|_| missing())?;
            let process = Process::new(pid).map_err(to_io)?;
            let clock = clock_getcpuclockid(Pid::from_raw(pid))?;
            let found = Self { process, clock };
            found.cpu_time()?;
            found.usage()?;
            found.activity()?;
            Ok(found)
        }

        /// Returns the processor time of all threads, including threads that have ended.
        ///
        /// # Errors
        ///
        /// If the process has ended.
        pub fn cpu_time(&self) -> io::Result<Duration> {
            Ok(self.clock.now()?.into())
        }

        /// Returns the resources of the process now.
        ///
        /// # Errors
        ///
        /// If the process has ended.
        pub fn usage(&self) -> io::Result<ProcessUsage> {
            let status = self.status()?;
            Ok(ProcessUsage {
                descriptors: self.process.fd_count().map_err(to_io)? as u64,
                threads: status.threads,
                resident_bytes: bytes(status.vmrss)?,
            })
        }

        /// Returns the maximum of the resident memory since the start of the process, in bytes.
        ///
        /// # Errors
        ///
        /// If the process has ended.
        pub fn peak_resident_bytes(&self) -> io::Result<u64> {
            bytes(self.status()?.vmhwm)
        }

        /// Returns the activity of the threads. It reads one file for each thread.
        ///
        /// # Errors
        ///
        /// If the process has ended.
        pub fn activity(&self) -> io::Result<Activity> {
            self.read_activity().map_err(to_io)
        }

        fn read_activity(&self) -> ProcResult<Activity> {
            let mut context_switches = 0;
            for task in self.process.tasks()? {
                // A thread can end at any time.
                let Ok(status) = task.and_then(|task| task.status()) else {
                    continue;
                };
                let voluntary = status.voluntary_ctxt_switches.unwrap_or(0);
                context_switches += voluntary + status.nonvoluntary_ctxt_switches.unwrap_or(0);
            }
            let stat = self.process.stat()?;
            Ok(Activity {
                user_ticks: stat.utime,
                system_ticks: stat.stime,
                context_switches,
            })
        }

        fn status(&self) -> io::Result<Status> {
            self.process.status().map_err(to_io)
        }
    }

    /// Returns the processor time of all threads of this process.
    ///
    /// # Errors
    ///
    /// If the system has no such clock.
    pub fn own_cpu_time() -> io::Result<Duration> {
        Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
    }

    fn bytes(kilobytes: Option<u64>) -> io::Result<u64> {
        let ended = || io::Error::other("the process has ended");
        kilobytes
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(ended)
    }

    fn to_io(error: ProcError) -> io::Error {
        match error {
            ProcError::NotFound(_) => io::Error::other("there is no process with this id"),
            ProcError::PermissionDenied(_) => io::ErrorKind::PermissionDenied.into(),
            error => io::Error::other(error.to_string()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unsupported {
    use std::io;
    use std::time::Duration;

    use super::{Activity, ProcessUsage};

    /// A process of this machine. It has no value, because only Linux is supported.
    #[derive(Debug)]
    #[expect(clippy::exhaustive_enums, reason = "there is no value")]
    pub enum ObservedProcess {}

    #[expect(missing_docs, reason = "documented on Linux")]
    impl ObservedProcess {
        pub fn find(_pid: u32) -> io::Result<Self> {
            Err(unsupported())
        }

        pub fn cpu_time(&self) -> io::Result<Duration> {
            match *self {}
        }

        pub fn usage(&self) -> io::Result<ProcessUsage> {
            match *self {}
        }

        pub fn peak_resident_bytes(&self) -> io::Result<u64> {
            match *self {}
        }

        pub fn activity(&self) -> io::Result<Activity> {
            match *self {}
        }
    }

    /// Returns an error: only Linux is supported.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn own_cpu_time() -> io::Result<Duration> {
        Err(unsupported())
    }

    fn unsupported() -> io::Error {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "the usage of a process is only known on Linux",
        )
    }
}
