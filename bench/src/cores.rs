use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores, one for the server and one for what loads it, so that neither takes the other's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    allowed: CpuSet,
    server: usize,
    load: usize,
}

impl Cores {
    /// The first two that this process may use. With one only, it serves for both.
    pub(crate) fn find() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().unwrap_or(0);
        let load = cores.next().unwrap_or_else(|| {
            eprintln!("one core only: server and load are in each other's way");
            server
        });
        Ok(Self {
            allowed,
            server,
            load,
        })
    }

    /// Runs `start` on the server's core; the threads and processes that it makes stay there.
    pub(crate) fn on_server<R>(&self, start: impl FnOnce() -> R) -> io::Result<R> {
        self.on(self.server, start)
    }

    /// The same on the other core.
    pub(crate) fn on_load<R>(&self, start: impl FnOnce() -> R) -> io::Result<R> {
        self.on(self.load, start)
    }

    fn on<R>(&self, core: usize, start: impl FnOnce() -> R) -> io::Result<R> {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set)?;
        let result = start();
        sched_setaffinity(None, &self.allowed)?;
        Ok(result)
    }
}
