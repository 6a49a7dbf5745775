//! The cases that every server of this workspace passes.
//!
//! A case sends bytes to a server and expects bytes from it. All cases use one handler. The bytes of
//! a case select the behaviour of the handler:
//!
//! 1. The sixteen bytes of the UUID are ASCII text, padded with spaces: the name of the call. With the
//!    name `greet` the handler sends audio in `on_start`. With `refuse` the acceptor refuses the call.
//!    With `panic in mark` the handler panics in `on_mark`. Other names, such as `echo`, have no effect.
//!    The module `acceptor` has all names.
//! 2. The first word of audio is an order: `hangup` hangs up, `many` sends a hundred frames, `panic`
//!    panics. The module `orders` has all orders.
//! 3. Orders about the playout have numbers: `play 500 7` plays a piece of 500 bytes and one of 7,
//!    `mark 1 2` sets two marks, `clear` clears. The module `playing` has these orders.
//! 4. Audio without an order is echoed.
//!
//! Each callback is recorded as one line, separately for each peer: `audio slin "play 500 7"`,
//! `mark 1: Played`, `end: closed by the peer`. A payload of more than 24 bytes is shown as its
//! length and a checksum. A case compares all lines of its connections.
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
