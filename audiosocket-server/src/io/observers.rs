use tracing::Span;

use crate::io::blocked_handler::BlockedHandlerWatch;

/// What observes a connection. In a box of its own, since most often there is none.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// The span of the connection, if its level is enabled.
    pub(crate) span: Option<Span>,
    /// A warning while the handler blocks, if the server asked for it.
    pub(crate) watch: Option<BlockedHandlerWatch>,
}
