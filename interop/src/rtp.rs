//! The RTP side of a telephone, with the time of each packet.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::sip::Codec;

/// The duration of the audio in a packet.
pub const PTIME: Duration = Duration::from_millis(20);

/// A UDP port on loopback that sends and receives audio. [`Phones::ring`](crate::sip::Phones::ring) makes
/// the call.
#[derive(Debug)]
pub struct Telephone {
    socket: UdpSocket,
    codec: Codec,
}

/// The packets of a call.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Conversation {
    /// When each packet was sent.
    pub said: Vec<Instant>,
    /// The received packets with their times.
    pub heard: Vec<(Instant, Vec<u8>)>,
}

impl Telephone {
    /// Returns a telephone on a port that the system chooses.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        Self { socket, codec }
    }

    /// Returns the port that Asterisk sends audio to.
    ///
    /// # Panics
    /// If the socket has no address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("a local address").port()
    }

    /// Sends `audio`, 20 ms per packet. It starts `delay` after the first received packet, because that
    /// packet has the address. Receives until all audio is sent.
    ///
    /// # Panics
    /// If no packet arrives, or a packet that is no RTP of the telephone's codec.
    #[must_use]
    pub fn talk(&self, delay: Duration, audio: &[u8]) -> Conversation {
        let mut packets = audio.chunks(160);
        self.converse(delay, |_| packets.next().map(<[u8]>::to_vec))
    }

    /// The same, with the audio that `say` makes for each packet from the conversation so far. Ends when that
    /// returns `None`.
    ///
    /// # Panics
    /// As [`talk`](Self::talk).
    #[must_use]
    pub fn converse(
        &self,
        delay: Duration,
        mut say: impl FnMut(&Conversation) -> Option<Vec<u8>>,
    ) -> Conversation {
        let mut conversation = Conversation::default();
        let begin = Instant::now();
        while conversation.heard.is_empty() {
            assert!(begin.elapsed() < PATIENCE, "Asterisk sends no RTP");
            self.listen(Instant::now() + PTIME, &mut conversation);
        }
        let begin = Instant::now() + delay;
        for number in 0_u16.. {
            self.listen(begin + u32::from(number) * PTIME, &mut conversation);
            let Some(payload) = say(&conversation) else {
                break;
            };
            let packet = self.codec.rtp(number, &payload);
            conversation.said.push(Instant::now());
            self.socket.send(&packet).expect("Asterisk to listen");
        }
        conversation
    }

    fn listen(&self, until: Instant, conversation: &mut Conversation) {
        let mut packet = [0; 1500];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.socket.set_read_timeout(Some(left)).expect("a time");
            match self.socket.recv_from(&mut packet) {
                Ok((length, from)) => {
                    let audio = self.codec.audio_in(&packet[..length]).to_vec();
                    if conversation.heard.is_empty() {
                        self.socket.connect(from).expect("an address");
                    }
                    conversation.heard.push((Instant::now(), audio));
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("receiving RTP: {error}"),
            }
        }
    }
}

impl Codec {
    /// One packet of a stream of packets of 160 samples.
    pub(crate) fn rtp(self, number: u16, payload: &[u8]) -> Vec<u8> {
        let (payload_type, _) = self.in_sdp();
        let mut packet = vec![0x80, payload_type];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 1]);
        packet.extend(payload);
        packet
    }

    /// Returns the payload. Asterisk sends no padding, no extensions and no contributing sources.
    fn audio_in(self, packet: &[u8]) -> &[u8] {
        let (payload_type, _) = self.in_sdp();
        match packet {
            // The highest bit marks the start of speech.
            [0x80, kind, ..] if kind & 0x7f == payload_type && packet.len() > 12 => &packet[12..],
            _ => panic!("a packet is no RTP of {self:?}: {packet:02x?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_receives_the_audio_of_another() {
        let [one, other] = [Codec::Alaw; 2].map(Telephone::new);
        let addr = ("127.0.0.1", other.port());
        one.socket
            .send_to(&Codec::Alaw.rtp(0, b"hello"), addr)
            .unwrap();
        let said = other.talk(Duration::ZERO, &[b'a'; 320]);
        assert_eq!(said.said.len(), 2);
        assert_eq!(said.heard[0].1, b"hello");
        assert!(said.said[1] - said.heard[0].0 >= PTIME);
        let heard = one.talk(Duration::ZERO, &[]);
        assert_eq!(heard.heard[0].1, [b'a'; 160]);
    }
}
