//! Frames that TCP does not cut, although it sends them again.

use std::io;

use socket2::SockRef;

/// The most bytes that fit one TCP segment on nearly all networks: IPv6 in a tunnel, with the longest options of TCP.
const SEGMENT: usize = 1300;

/// Returns the length of the first frames that fit one segment together. Returns the length of the first frame if that one
/// does not fit. `frames` must begin with a frame.
pub(crate) fn first_segment(frames: &[u8]) -> usize {
    let mut end = 0;
    while let Some([_, len @ ..]) = frames[end..].first_chunk::<3>() {
        let next = end + 3 + usize::from(u16::from_be_bytes(*len));
        if next > frames.len() || (end > 0 && next > SEGMENT) {
            break;
        }
        end = next;
    }
    end
}

/// Sends whole frames on a TCP connection, and returns the number of bytes that the kernel took. Linux never joins them with
/// later bytes in one segment, also when it sends them again after a loss (`MSG_EOR`).
///
/// # Errors
///
/// The errors of `send(2)`.
pub fn send_frames<'a>(socket: impl Into<SockRef<'a>>, frames: &[u8]) -> io::Result<usize> {
    socket.into().send_with_flags(frames, FLAGS)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const FLAGS: i32 = nix::libc::MSG_EOR | nix::libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FLAGS: i32 = 0;

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
        assert_eq!(first_segment(&frames(&[320; 9])), 4 * 323);
        assert_eq!(first_segment(&frames(&[640; 9])), 2 * 643);
        assert_eq!(first_segment(&frames(&[960; 9])), 963);
        assert_eq!(first_segment(&frames(&[640])), 643);
        assert_eq!(first_segment(&frames(&[0])), 3);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_alone() {
        assert_eq!(first_segment(&frames(&[1920, 10])), 1923);
        assert_eq!(first_segment(&frames(&[10, 1920])), 13);
    }
}
