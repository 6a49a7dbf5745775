//! Echo servers to compare with. They have no limits, no deadlines and no log.

mod epoll;
mod frames;
mod tokio;

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use clap::ValueEnum;

/// The connections that may wait to be accepted, as with `audiosocket serve`.
const BACKLOG: i32 = 1024;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Reference {
    /// One thread and one epoll: the smallest cost on Linux
    Epoll,
    /// The smallest cost with tokio: one read and one write for each wake-up of a task
    LeanTokio,
    /// The same with a timeout for each call, on the multi-thread runtime with one worker
    TimedTokio,
    /// The obvious form with tokio: reads a header, reads a payload, writes an answer
    NaiveTokio,
}

impl Reference {
    /// Serves until the process ends.
    pub(crate) fn serve(self) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // The standard library has a backlog of 128. A second `listen` changes it.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        match self {
            Self::Epoll => epoll::serve(&listener),
            Self::LeanTokio => tokio::serve(&tokio::current_thread()?, listener, tokio::lean),
            Self::TimedTokio => tokio::serve(&tokio::one_worker()?, listener, tokio::timed),
            Self::NaiveTokio => tokio::serve(&tokio::current_thread()?, listener, tokio::naive),
        }
    }
}
