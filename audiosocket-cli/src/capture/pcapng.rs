//! A pcapng file of one connection. Its packets are made from the bytes of the call: a TCP connection that loses nothing.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audiosocket_tokio::stats::CallSide;
use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

/// The most bytes of a call in one packet. An IP packet has 65,535 bytes at most.
const MAX_SEGMENT: usize = 32 * 1024;

const TTL: u8 = 64;
const WINDOW: u16 = 65_535;

/// Timestamps count nanoseconds: 10^-9 s.
const NANOSECONDS: u8 = 9;

pub(super) struct PcapngFile {
    writer: PcapNgWriter<BufWriter<File>>,
    caller: Endpoint,
    server: Endpoint,
    /// A packet under construction.
    packet: Vec<u8>,
}

/// One end of the connection.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    addr: SocketAddr,
    /// The sequence number of the next byte.
    next: u32,
}

/// What a packet is, besides an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TcpSegment<'a> {
    /// The first packet, which acknowledges nothing.
    Syn,
    SynAck,
    Ack,
    Data(&'a [u8]),
    Fin,
}

impl PcapngFile {
    /// Writes the start of the file, and the handshake of the connection.
    pub(super) fn new(
        file: File,
        at: SystemTime,
        caller: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<Self> {
        let mut writer = PcapNgWriter::new(BufWriter::new(file)).map_err(io_error)?;
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 0,
            options: vec![InterfaceDescriptionOption::IfTsResol(NANOSECONDS)],
        };
        writer.write_pcapng_block(interface).map_err(io_error)?;
        let endpoint = |addr| Endpoint { addr, next: 1 };
        let mut file = Self {
            writer,
            caller: endpoint(caller),
            server: endpoint(server),
            packet: Vec::new(),
        };
        file.put(CallSide::Caller, at, TcpSegment::Syn)?;
        file.put(CallSide::Server, at, TcpSegment::SynAck)?;
        file.put(CallSide::Caller, at, TcpSegment::Ack)?;
        file.writer.get_mut().flush()?;
        Ok(file)
    }

    pub(super) fn write(&mut self, side: CallSide, at: SystemTime, bytes: &[u8]) -> io::Result<()> {
        for segment in bytes.chunks(MAX_SEGMENT) {
            self.put(side, at, TcpSegment::Data(segment))?;
        }
        // So the file is whole if the program is killed, and an error of the disk is an error here.
        self.writer.get_mut().flush()
    }

    pub(super) fn half_close(&mut self, side: CallSide, at: SystemTime) -> io::Result<()> {
        self.put(side, at, TcpSegment::Fin)?;
        self.writer.get_mut().flush()
    }

    /// Appends a packet of one side.
    fn put(&mut self, side: CallSide, at: SystemTime, segment: TcpSegment<'_>) -> io::Result<()> {
        let (from, to) = match side {
            CallSide::Caller => (&mut self.caller, self.server),
            CallSide::Server => (&mut self.server, self.caller),
        };
        self.packet.clear();
        let tcp = tcp_between(from.addr, to.addr, from.next);
        let tcp = match segment {
            TcpSegment::Syn => tcp.syn(),
            TcpSegment::SynAck => tcp.syn().ack(to.next),
            TcpSegment::Ack => tcp.ack(to.next),
            TcpSegment::Data(_) => tcp.psh().ack(to.next),
            TcpSegment::Fin => tcp.fin().ack(to.next),
        };
        let (payload, len): (&[u8], u32) = match segment {
            TcpSegment::Data(bytes) => (bytes, bytes.len() as u32),
            TcpSegment::Ack => (&[], 0),
            // SYN and FIN take a sequence number.
            TcpSegment::Syn | TcpSegment::SynAck | TcpSegment::Fin => (&[], 1),
        };
        from.next = from.next.wrapping_add(len);
        tcp.write(&mut self.packet, payload)
            .map_err(io::Error::other)?;
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO),
            original_len: self.packet.len() as u32,
            data: self.packet.as_slice().into(),
            options: Vec::new(),
        };
        self.writer
            .write_pcapng_block(block)
            .map_err(io_error)
            .map(drop)
    }
}

/// Shows the ends of the connection.
impl fmt::Debug for PcapngFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapngFile")
            .field("caller", &self.caller)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Begins a packet. Two addresses of different families are both written as IPv6.
fn tcp_between(from: SocketAddr, to: SocketAddr, sequence: u32) -> PacketBuilderStep<TcpHeader> {
    let ip = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), TTL),
        (from, to) => PacketBuilder::ipv6(ipv6(from).octets(), ipv6(to).octets(), TTL),
    };
    ip.tcp(from.port(), to.port(), sequence, WINDOW)
}

fn ipv6(addr: IpAddr) -> Ipv6Addr {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped(),
        IpAddr::V6(addr) => addr,
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use etherparse::{SlicedPacket, TransportSlice};
    use pcap_file::pcapng::{Block, PcapNgReader};
    use tempfile::tempfile;

    use super::*;

    /// A packet as another program reads it.
    struct Packet {
        at: Duration,
        ports: (u16, u16),
        sequence: u32,
        acknowledged: u32,
        flags: String,
        payload: Vec<u8>,
    }

    fn read(mut file: File) -> Vec<Packet> {
        file.rewind().unwrap();
        let mut reader = PcapNgReader::new(file).unwrap();
        let mut packets = Vec::new();
        while let Some(block) = reader.next_block() {
            let Block::EnhancedPacket(block) = block.unwrap() else {
                continue;
            };
            let packet = SlicedPacket::from_ip(&block.data).unwrap();
            let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
                panic!("no TCP")
            };
            let flags = [
                (tcp.syn(), 'S'),
                (tcp.ack(), 'A'),
                (tcp.psh(), 'P'),
                (tcp.fin(), 'F'),
            ];
            let flags = flags
                .into_iter()
                .filter_map(|(set, flag)| set.then_some(flag));
            packets.push(Packet {
                at: block.timestamp,
                ports: (tcp.source_port(), tcp.destination_port()),
                sequence: tcp.sequence_number(),
                acknowledged: tcp.acknowledgment_number(),
                flags: flags.collect(),
                payload: tcp.payload().to_vec(),
            });
        }
        packets
    }

    fn captured(caller: &str, server: &str) -> Vec<Packet> {
        let file = tempfile().unwrap();
        let (caller, server) = (caller.parse().unwrap(), server.parse().unwrap());
        let at = |millis: u64| UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis);
        let copy = file.try_clone().unwrap();
        let mut capture = PcapngFile::new(copy, at(0), caller, server).unwrap();
        capture.write(CallSide::Caller, at(1), b"first").unwrap();
        capture
            .write(CallSide::Server, at(2), &[7; 70_000])
            .unwrap();
        capture.write(CallSide::Caller, at(3), b"second").unwrap();
        capture.half_close(CallSide::Caller, at(4)).unwrap();
        capture.half_close(CallSide::Server, at(5)).unwrap();
        drop(capture);
        read(file)
    }

    #[test]
    fn a_capture_is_a_whole_connection_of_ipv4_or_ipv6() {
        for (caller, server) in [
            ("192.0.2.1:40000", "192.0.2.2:9092"),
            ("[2001:db8::1]:40000", "[2001:db8::2]:9092"),
            ("192.0.2.1:40000", "[2001:db8::2]:9092"),
        ] {
            let packets = captured(caller, server);
            let flags: Vec<_> = packets.iter().map(|packet| &*packet.flags).collect();
            assert_eq!(
                flags,
                ["S", "SA", "A", "AP", "AP", "AP", "AP", "AP", "AF", "AF"]
            );
            let mut next = [(40_000, 1), (9_092, 1)];
            let mut bytes: [Vec<u8>; 2] = Default::default();
            for packet in &packets {
                let side = usize::from(packet.ports.0 == 9_092);
                assert_eq!(packet.ports, (next[side].0, next[1 - side].0));
                assert_eq!(packet.sequence, next[side].1);
                if packet.flags != "S" {
                    assert_eq!(packet.acknowledged, next[1 - side].1);
                }
                let takes_one = packet.flags.contains(['S', 'F']);
                next[side].1 += packet.payload.len() as u32 + u32::from(takes_one);
                bytes[side].extend(&packet.payload);
            }
            assert_eq!(bytes[0], b"firstsecond");
            assert_eq!(bytes[1], [7; 70_000]);
            let millis = packets
                .iter()
                .map(|it| it.at.as_millis() - 1_700_000_000_000);
            assert_eq!(millis.collect::<Vec<_>>(), [0, 0, 0, 1, 2, 2, 2, 3, 4, 5]);
        }
    }
}
