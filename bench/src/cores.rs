use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores: one for the server, and one for its load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    allowed: CpuSet,
    server: usize,
    load: usize,
}

impl Cores {
    /// Finds the first two cores that this process may use. If there is only one, it is used for both.
    pub(crate) fn find() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().unwrap_or(0);
        let load = cores.next().unwrap_or_else(|| {
            eprintln!("there is only one core: the load takes time from the server");
            server
        });
        Ok(Self {
            allowed,
            server,
            load,
        })
    }

    /// Runs `start` on the server's core. Its threads and processes stay there.
    pub(crate) fn on_server<R>(&self, start: impl FnOnce() -> R) -> io::Result<R> {
        self.on(self.server, start)
    }

    /// Runs `start` on the other core.
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
