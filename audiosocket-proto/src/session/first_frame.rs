use crate::{FrameKind, Header, PeerError};

/// Returns why a connection that begins with this header is not a call.
pub(super) fn uuid_error(header: Header) -> Option<PeerError> {
    match (header.kind, header.len) {
        (FrameKind::UUID, 16) => None,
        (FrameKind::UUID, len) => Some(PeerError::UuidLength { len: len.into() }),
        (kind, _) => Some(PeerError::UuidExpected { kind }),
    }
}
