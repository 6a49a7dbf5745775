//! Live calls that move to another process. You need this module to replace the process of a server without an end of its
//! calls. `audiosocket serve --upgrade-socket` does this.
//!
//! A call moves as a [`CallSnapshot`] and the descriptor of its socket:
//!
//! 1. The old process calls [`hand_over`] for the [open calls](crate::ServerHandle::open_calls). Each call whose handler
//!    [agrees](crate::Handler::hand_over) stops at once: its connection reads and writes nothing.
//! 2. The old process sends the [offered calls](HandoverBatch::calls) to the new one. You choose the way, such as a Unix socket.
//! 3. The new process makes connections from them, without any effect, and says for which of them it succeeded.
//! 4. The old process [commits](HandoverBatch::commit), and then asks the new one to serve them. All other calls go on in
//!    the old process, as if nothing had happened.
//!
//! At each point, one process owns the call. If the new process crashes or is too slow before step 4, the old one drops the
//! batch, and all calls go on there.

mod driver;
pub(crate) mod offers;
mod request;
mod snapshot;

pub use offers::OfferedCall;
pub use request::{HandoverBatch, hand_over};
pub use snapshot::{CallSnapshot, SnapshotError};
