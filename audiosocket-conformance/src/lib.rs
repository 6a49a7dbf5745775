//! Scripts of bytes and expectations that every server of this workspace passes.
//!
//! A case is one call or more, written as bytes that go to a server and bytes that come back. The
//! server's handler is the same for all cases, and the bytes say what it does:
//!
//! 1. The sixteen bytes of the UUID are ASCII text, padded with spaces: the name of the call. The
//!    name `greet` makes the handler greet, `refuse` makes the acceptor refuse, `panic in mark`
//!    makes it panic in `on_mark`. Any other name, such as `echo`, has no effect. See `acceptor`.
//! 2. The first word of audio is an order: `hangup` hangs up, `many` sends a hundred frames,
//!    `panic` panics. See `orders`.
//! 3. Some orders are about the playout and take numbers: `play 500 7` plays a piece of 500 bytes
//!    and one of 7, `mark 1 2` sets two marks, `clear` clears. See `playing`.
//! 4. Audio that begins with no order is echoed.
//!
//! Each callback is recorded as one line, apart for each peer: `audio slin "play 500 7"`,
//! `mark 1: Played`, `end: closed by the peer`. A payload of more than 24 bytes appears as its
//! length and a checksum. A case compares the lines of its connections, whole.
//!
#![doc = include_str!("../README.md")]

#[cfg(test)]
mod acceptor;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod env;
#[cfg(test)]
mod frames;
#[cfg(doctest)]
mod guide;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod playing;
#[cfg(test)]
mod runner;
#[cfg(test)]
mod scripted_connection;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod transcript;

#[cfg(test)]
use runner::Runner;
