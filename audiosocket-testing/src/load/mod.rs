//! A load generator: many callers against one server.
//!
//! Each caller of a [`LoadTest`] connects, sends its UUID and its digits, and sends audio in real
//! time. By default that is noise in which every frame is unique, so that the test recognizes each
//! frame in the echo, however the server cuts it. The caller then waits for outstanding echoes and
//! hangs up as Asterisk does: it closes the connection.
//!
//! As on Asterisk, a call ends when the server sends anything but a hangup or audio of at least one
//! byte, and when a write finds the connection full because the server does not read. Such a call
//! has failed.
//!
//! The [`Report`] has the results: failed calls, lost frames, latency, jitter, and what a frame costs
//! the server. It implements serde's `Serialize` and `Deserialize`.
//!
//! ```
//! use std::time::Duration;
//!
//! use audiosocket_testing::load::LoadTest;
//! # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # // A server that echoes all that comes after the UUID.
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let server = listener.local_addr()?.to_string();
//! # tokio::spawn(async move {
//! #     while let Ok((mut stream, _)) = listener.accept().await {
//! #         tokio::spawn(async move {
//! #             let (mut reader, mut writer) = stream.split();
//! #             reader.read_exact(&mut [0; 19]).await?;
//! #             tokio::io::copy(&mut reader, &mut writer).await
//! #         });
//! #     }
//! # });
//! let report = LoadTest::new(server)
//!     .calls(3)
//!     .duration(Duration::from_millis(100))
//!     .run()
//!     .await?;
//! assert!(report.ok, "{:?}", report.failures);
//! assert_eq!((report.calls.completed, report.frames.echoed), (3, 15));
//! # Ok(())
//! # }
//! ```

mod builder;
mod call;
mod config;
mod progress;
mod report;
mod run;
mod run_context;
mod rx;
#[cfg(unix)]
mod self_latency;
mod signal;
mod stats;
mod tap;
mod timer;

pub use builder::LoadTest;
pub use config::{ConfigError, Expect, LoadError, LoadMode};
pub use progress::Progress;
pub use report::{
    BargeInReport, Bottleneck, CallTotals, DriftRange, FailureGroup, FrameTotals, HangupTotals,
    JitterReport, Report, ServerCost,
};
pub use stats::Quantiles;
pub use tap::CallTap;
