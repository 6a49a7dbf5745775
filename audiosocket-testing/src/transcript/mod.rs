//! Records of all callbacks of all calls. Use them to compare callbacks in a test, or to wait for one.
//!
//! [`TranscriptAcceptor`] wraps an acceptor and its handlers. The acceptor is your own, or an [`Answers`] made of
//! closures. Each callback becomes an [`Entry`] of a [`Transcript`] before the wrapped handler gets it.
//!
//! ```
//! use audiosocket_server::{CallDriver, Calls};
//! use audiosocket_proto::{SessionConfig, Timestamp};
//! use audiosocket_testing::transcript::{Answers, TranscriptAcceptor};
//!
//! let echo = Answers::new().on_audio(|_, audio| audio.into());
//! let acceptor = TranscriptAcceptor::new(echo);
//! let transcript = acceptor.transcript();
//!
//! // Use any adapter here. This is the core without sockets.
//! let (config, now) = (SessionConfig::default(), Timestamp::ZERO);
//! let mut driver = CallDriver::new(acceptor.into(), "peer".into(), config, &Calls::default(), now);
//! driver.receive(now, b"\x01\x00\x10sixteen bytes !!");
//! driver.receive(now, b"\x03\x00\x015");
//! driver.handle_eof(now);
//!
//! assert_eq!(
//!     transcript.lines(),
//!     [
//!         "accept 73697874-6565-6e20-6279-746573202121",
//!         "start",
//!         "dtmf 5",
//!         "end: closed by the peer",
//!         "drop",
//!     ]
//! );
//! ```

mod acceptor;
mod answers;
mod entries;
mod entry;
#[cfg(test)]
mod tests;

pub use self::acceptor::{TranscriptAcceptor, TranscriptHandler};
pub use self::answers::{Answering, Answers};
pub use self::entries::Transcript;
pub use self::entry::{Entry, Record};
