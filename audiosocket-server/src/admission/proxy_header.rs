//! The header of the PROXY protocol, in which a proxy reports the address of its client.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};

/// The longest header that the server accepts, in bytes. HAProxy sends some hundred at most, with all its options.
const MAX_LEN: usize = 2048;

/// The longest header of version 1, in bytes, by the specification of the protocol.
const MAX_V1_LEN: usize = 107;

/// The start of a header of version 1, and of version 2.
const SIGNATURES: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

/// The options are read and dropped.
const CONFIG: ParseConfig = ParseConfig {
    include_tlvs: false,
    allow_v1: true,
    allow_v2: true,
};

/// The party that a connection through a proxy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxySource {
    Client(SocketAddr),
    /// The proxy connected for itself, to check the server (`LOCAL`), or it has no address (`UNKNOWN`).
    Proxy,
}

/// Decodes the header at the start of a connection. The header may arrive in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyHeaderDecoder {
    /// The bytes of an incomplete header.
    received: Vec<u8>,
}

impl ProxyHeaderDecoder {
    /// Takes the header off `bytes`. Returns `None` while it is incomplete, and then takes all bytes.
    pub(crate) fn decode(
        &mut self,
        bytes: &mut &[u8],
    ) -> Result<Option<ProxySource>, ProxyHeaderError> {
        let known = self.received.len();
        let room = bytes.len().min(MAX_LEN - known);
        self.received.extend_from_slice(&bytes[..room]);
        if !agrees_with_a_signature(&self.received) {
            return Err(ProxyHeaderError::Missing);
        }
        let is_v1 = self.received.starts_with(SIGNATURES[0]);
        let max_len = if is_v1 { MAX_V1_LEN } else { MAX_LEN };
        // The parser finds the end of a longer header of version 1 only if it has come.
        let header = &self.received[..self.received.len().min(max_len)];
        match ProxyHeader::parse(header, CONFIG) {
            Ok((header, len)) => {
                let taken = len.saturating_sub(known).min(bytes.len());
                *bytes = &bytes[taken..];
                let address = header.proxied_address();
                let client = address.map(|address| ProxySource::Client(address.source));
                Ok(Some(client.unwrap_or(ProxySource::Proxy)))
            }
            Err(proxy_header::Error::BufferTooShort) if header.len() < max_len => {
                *bytes = &[];
                Ok(None)
            }
            Err(proxy_header::Error::BufferTooShort) if !is_v1 => Err(ProxyHeaderError::TooLong),
            Err(_) => Err(ProxyHeaderError::Malformed),
        }
    }

    /// Returns whether a part of the header has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        !self.received.is_empty()
    }
}

/// Returns whether these first bytes of a connection are those of a header. Five bytes suffice. A frame of AudioSocket
/// with these bytes would be of an unknown kind.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.len() >= 5 && agrees_with_a_signature(bytes)
}

fn agrees_with_a_signature(bytes: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| {
        let len = signature.len().min(bytes.len());
        signature[..len] == bytes[..len]
    })
}

/// Why a connection was refused because of the PROXY protocol. See
/// [`Admission::proxy_protocol`](crate::Admission::proxy_protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// A peer that is not one of the proxies sent a header.
    NotAProxy,
    /// A proxy sent no header.
    Missing,
    /// The connection ended inside the header, or the header did not arrive within
    /// [`uuid_timeout`](audiosocket_proto::SessionConfig::uuid_timeout).
    Incomplete,
    /// The header is longer than 2,048 bytes.
    TooLong,
    /// The header is not valid.
    Malformed,
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAProxy => {
                "a PROXY header from an address that is not one of the proxies; \
                 if it is your proxy, add it to proxy-protocol"
            }
            Self::Missing => {
                "no PROXY header from a proxy; set send-proxy-v2 in the proxy, \
                 or remove its address from proxy-protocol"
            }
            Self::Incomplete => {
                "no complete PROXY header from a proxy in time; set send-proxy-v2 in the proxy, \
                 or remove its address from proxy-protocol"
            }
            Self::TooLong => {
                "a PROXY header of more than 2,048 bytes; \
                 remove options from proxy-v2-options in the proxy"
            }
            Self::Malformed => "a malformed PROXY header; set send-proxy-v2 in the proxy",
        })
    }
}

impl Error for ProxyHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n";

    fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [SIGNATURES[1], &[0x20 | command, family], &len, payload].concat()
    }

    fn v2_ipv4(options: &[u8]) -> Vec<u8> {
        let addrs = [192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0x40, 0x23, 0x84];
        v2(1, 0x11, &[&addrs, options].concat())
    }

    /// Decodes `header` and a rest, in one piece and byte by byte.
    #[track_caller]
    fn assert_source(header: &[u8], expected: ProxySource) {
        let stream = [header, b"\x01\x00\x10rest"].concat();
        let mut bytes = &stream[..];
        let source = ProxyHeaderDecoder::default().decode(&mut bytes);
        assert_eq!(source, Ok(Some(expected)));
        assert_eq!(bytes, b"\x01\x00\x10rest");

        let mut decoder = ProxyHeaderDecoder::default();
        for (index, byte) in header.iter().enumerate() {
            let mut bytes = std::slice::from_ref(byte);
            let is_last = index == header.len() - 1;
            let source = decoder.decode(&mut bytes);
            assert_eq!(source, Ok(is_last.then_some(expected)), "byte {index}");
            assert!(bytes.is_empty());
        }
    }

    #[track_caller]
    fn assert_error(stream: &[u8], expected: ProxyHeaderError) {
        let mut bytes = stream;
        let error = ProxyHeaderDecoder::default().decode(&mut bytes);
        assert_eq!(error, Err(expected));
    }

    #[test]
    fn a_header_of_each_version_has_the_address_of_the_client() {
        let client = ProxySource::Client("192.0.2.7:40000".parse().unwrap());
        assert_source(V1, client);
        assert_source(&v2_ipv4(b""), client);
        assert_source(&v2_ipv4(&[0x04, 0, 3, 0, 0, 0]), client);
        let client = ProxySource::Client("[2001:db8::7]:40000".parse().unwrap());
        assert_source(b"PROXY TCP6 2001:db8::7 ::1 40000 9092\r\n", client);
        let mut addrs = [0; 36];
        addrs[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        addrs[15] = 7;
        addrs[32..34].copy_from_slice(&40000_u16.to_be_bytes());
        assert_source(&v2(1, 0x21, &addrs), client);
    }

    #[test]
    fn a_header_of_version_1_has_at_most_107_bytes() {
        let unknown = |len: usize| [b"PROXY UNKNOWN ", &vec![b'x'; len - 16][..], b"\r\n"].concat();
        assert_source(&unknown(107), ProxySource::Proxy);
        assert_error(&unknown(108), ProxyHeaderError::Malformed);
        assert_error(&unknown(108)[..107], ProxyHeaderError::Malformed);
    }

    #[test]
    fn a_header_without_an_address_is_from_the_proxy_itself() {
        assert_source(b"PROXY UNKNOWN\r\n", ProxySource::Proxy);
        assert_source(&v2(0, 0, b""), ProxySource::Proxy);
        assert_source(&v2(1, 0, b""), ProxySource::Proxy);
        assert_source(&v2(1, 0x31, &[b'x'; 216]), ProxySource::Proxy);
    }

    #[test]
    fn a_stream_without_a_header_is_an_error_at_its_first_byte() {
        assert_error(b"\x01", ProxyHeaderError::Missing);
        assert_error(b"\x01\x00\x10sixteen bytes !!", ProxyHeaderError::Missing);
        assert_error(b"PROXX", ProxyHeaderError::Missing);
        assert_error(b"\r\n\r\n\0\r\nQUIX", ProxyHeaderError::Missing);
    }

    #[test]
    fn a_malformed_header_is_an_error() {
        let malformed = [
            b"PROXY TCP4 192.0.2.700 198.51.100.1 40000 9092\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 198.51.100.1 400000 9092\r\n".to_vec(),
            b"PROXY TCP5 192.0.2.7 198.51.100.1 40000 9092\r\n".to_vec(),
            // An unknown command, an unknown family, and too few bytes of addresses.
            v2(7, 0x11, &[0; 12]),
            v2(1, 0x91, &[0; 12]),
            [v2(1, 0x11, &[0; 4]), vec![0; 12]].concat(),
        ];
        for header in malformed {
            assert_error(&header, ProxyHeaderError::Malformed);
        }
    }

    #[test]
    fn a_header_longer_than_the_limit_is_an_error_and_takes_no_more_memory() {
        let header = v2_ipv4(&[0; 4000]);
        let mut decoder = ProxyHeaderDecoder::default();
        let mut decoded = Ok(None);
        for piece in header.chunks(100) {
            let mut bytes = piece;
            decoded = decoder.decode(&mut bytes);
            assert!(decoder.received.len() <= MAX_LEN);
            if decoded.is_err() {
                break;
            }
        }
        assert_eq!(decoded, Err(ProxyHeaderError::TooLong));
    }

    #[test]
    fn five_bytes_of_a_header_are_recognised() {
        assert!(is_header(V1));
        assert!(is_header(b"PROXY"));
        assert!(is_header(&v2_ipv4(b"")));
        assert!(is_header(b"\r\n\r\n\0"));
        assert!(!is_header(b"PROX"));
        assert!(!is_header(b"\x01\x00\x10sixteen bytes !!"));
        assert!(!is_header(b"\r\n\r\nGET"));
    }
}
