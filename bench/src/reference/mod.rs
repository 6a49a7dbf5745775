//! Echoes to compare with: no limits, no deadlines, no logging, nothing but the echo.

mod epoll;
mod frames;
mod lean_tokio;
mod naive_tokio;
mod on_tokio;
mod timed_tokio;

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use clap::ValueEnum;

/// As many connections may wait to be accepted as those of `audiosocket serve`.
const BACKLOG: i32 = 1024;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Reference {
    /// One thread and its epoll: the least that Linux asks for
    Epoll,
    /// The least that tokio asks for: one read and one write for each wake-up of a task
    LeanTokio,
    /// The same with a timeout for each call, on the multi-thread runtime with one worker
    TimedTokio,
    /// As one writes it with tokio: a header, a payload, an answer
    NaiveTokio,
}

impl Reference {
    /// Serves until the process is ended.
    pub(crate) fn serve(self) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Again, as the standard library lets but 128 wait.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        match self {
            Self::Epoll => epoll::serve(&listener),
            Self::LeanTokio => lean_tokio::serve(listener),
            Self::TimedTokio => timed_tokio::serve(listener),
            Self::NaiveTokio => naive_tokio::serve(listener),
        }
    }
}
