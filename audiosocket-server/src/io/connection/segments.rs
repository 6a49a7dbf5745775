//! Frames that TCP does not cut, although it sends them again.

use std::io;

use socket2::SockRef;

use crate::call::outbound::SEGMENT;

/// Returns the first whole frames that fit one segment together, or the first frame alone if it does not fit. `frames` are
/// whole frames.
pub(crate) fn first_segment(frames: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some([_, len @ ..]) = frames[end..].first_chunk::<3>() {
        let next = end + 3 + usize::from(u16::from_be_bytes(*len));
        if end > 0 && next > SEGMENT {
            break;
        }
        end = next.min(frames.len());
    }
    &frames[..end]
}

/// Sends whole frames on a non-blocking TCP connection, and returns the number of bytes that the kernel took. Linux then
/// never joins them with later bytes in one segment, also when it sends them again after a loss (`MSG_EOR`).
///
/// Returns `None` if the socket is full, and on other systems.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn send_frames<'a>(socket: impl Into<SockRef<'a>>, frames: &[u8]) -> Option<io::Result<usize>> {
    use rustix::io::Errno;
    use rustix::net::{SendFlags, send};

    match send(
        &*socket.into(),
        frames,
        SendFlags::EOR | SendFlags::NOSIGNAL,
    ) {
        Err(Errno::AGAIN) => None,
        sent => Some(sent.map_err(io::Error::from)),
    }
}

/// Returns `None`, because this system has no such function.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn send_frames<'a>(_: impl Into<SockRef<'a>>, _: &[u8]) -> Option<io::Result<usize>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(payloads: &[usize]) -> Vec<u8> {
        let frame = |len: &usize| {
            let [high, low] = u16::try_from(*len).unwrap().to_be_bytes();
            [vec![0x10, high, low], vec![1; *len]].concat()
        };
        payloads.iter().flat_map(frame).collect()
    }

    #[test]
    fn a_segment_has_as_many_whole_frames_as_fit() {
        assert_eq!(first_segment(&frames(&[320; 9])).len(), 4 * 323);
        assert_eq!(first_segment(&frames(&[640; 9])).len(), 2 * 643);
        assert_eq!(first_segment(&frames(&[960; 9])).len(), 963);
        assert_eq!(first_segment(&frames(&[640])).len(), 643);
        assert_eq!(first_segment(&frames(&[0])).len(), 3);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_alone() {
        assert_eq!(first_segment(&frames(&[1920, 10])).len(), 1923);
        assert_eq!(first_segment(&frames(&[10, 1920])).len(), 13);
    }
}
