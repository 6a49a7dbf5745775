use tracing::Span;

use crate::io::blocked_handler::BlockedHandlerWatch;

/// Observers of a connection. In a box, since most connections have none.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// The tracing span of the connection, if its level is enabled.
    pub(crate) span: Option<Span>,
    /// The warning while the handler blocks, if the server has turned it on.
    pub(crate) watch: Option<BlockedHandlerWatch>,
}
