#![doc = include_str!("../README.md")]

pub mod surface;

mod accept;
mod allow_list;
mod bare;
mod connection;
mod crowd;
mod keepalive;
mod line_budget;
mod options;
mod runtime;
mod scratch;
mod serving;
mod stagger;
mod watch;

pub use accept::AcceptErrors;
pub use allow_list::{AllowList, Allowed, ParseAllowListError};
pub use bare::{BareListener, BareStream};
pub use connection::Connection;
pub use crowd::Crowd;
pub use ipnet::IpNet;
pub use keepalive::Keepalive;
pub use line_budget::LineBudget;
pub use options::{Listening, ServerOptions};
pub use runtime::{Listener, Stream, Timer};
pub use scratch::leave_read_buffer;
pub use serving::{Serve, Serving};
