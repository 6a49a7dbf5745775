//! The load generator: many callers of one server. Use it to measure a server, or to test it under
//! load.
//!
//! Each caller of a [`LoadTest`] connects, sends its UUID and its digits, and sends audio in real
//! time. By default the audio is noise, and no two frames are equal. So the test finds each frame in
//! the echo, even if the server cuts the audio into other frames. After its last frame the caller
//! waits for outstanding echoes. Then it hangs up as Asterisk does: it closes the connection.
//!
//! A call ends as on Asterisk, and has failed then:
//!
//! - when the server sends a frame other than a hangup or audio of at least one byte;
//! - when a payload pauses for more than 5 ms;
//! - when a write would block because the server does not read.
//!
//! With [`LoadTest::asterisk`] it ends as on that release.
//!
//! The [`Report`] has the results: failed calls, lost frames, latency, jitter, and the cost of a frame
//! for the server. It implements serde's `Serialize` and `Deserialize`.
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
mod cue;
mod limits;
mod place_all;
mod progress;
mod report;
mod run;
mod rx;
mod scenario;
#[cfg(unix)]
mod self_latency;
mod signal;
mod stats;
mod tap;
mod timer;

pub use builder::LoadTest;
pub use config::{ConfigError, Expect, LoadError, LoadMode};
pub use cue::Cue;
pub use limits::AudioLimits;
pub use progress::Progress;
pub use report::{
    BargeInReport, Bottleneck, CallResult, CallTotals, DriftRange, ExceededLimit, FailureGroup,
    FrameTotals, HangupTotals, JitterReport, Report, ServerCost, StepResult,
};
#[cfg(feature = "toml")]
pub use scenario::ScenarioError;
pub use scenario::{Expectation, Scenario, synthesize_noise};
pub use signal::synthesize_speech;
pub use stats::Quantiles;
pub use tap::CallTap;
