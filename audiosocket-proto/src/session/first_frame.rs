use crate::{FrameKind, Header, PeerError};

/// Checks the first header of a connection. Returns an error if it is not that of a UUID.
pub(super) fn uuid_error(header: Header) -> Option<PeerError> {
    match (header.kind, header.len) {
        (FrameKind::UUID, 16) => None,
        (FrameKind::UUID, len) => Some(PeerError::UuidLength { len: len.into() }),
        (kind, _) => Some(PeerError::UuidExpected { kind }),
    }
}
