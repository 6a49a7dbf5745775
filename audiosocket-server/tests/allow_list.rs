//! The allow list.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::{
    Admission, AllowList, CallDriver, Callbacks, Calls, IpNet, Peer, Refusal,
};
use proptest::prelude::*;

const HANGUP: Transmit<'_> = Transmit::Bytes(&[0, 0, 0]);
const UUID_FRAME: &[u8] = b"\x01\x00\x10sixteen bytes !!";

fn list(text: &str) -> AllowList {
    text.parse().unwrap()
}

fn peer(addr: &str) -> Peer {
    SocketAddr::new(addr.parse().unwrap(), 40_000).into()
}

fn callbacks() -> Callbacks {
    Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {})
}

/// A connection from `peer` to a server with this admission.
fn connect(admission: Admission, peer: Peer) -> CallDriver<Callbacks> {
    let (acceptor, calls) = (Arc::new(callbacks()), Calls::new(admission));
    let config = SessionConfig::default();
    CallDriver::new(acceptor, peer, config, &calls, Timestamp::ZERO)
}

fn allowing(list: AllowList) -> Admission {
    Admission::new().allow_list(list)
}

#[test]
fn networks_and_addresses_of_both_families() {
    let list = list("10.0.0.0/8, 192.0.2.7,2001:db8::/32 ,::1,203.0.113.64/26");
    for allowed in [
        "10.0.0.0",
        "10.255.255.255",
        "192.0.2.7",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "::1",
        "203.0.113.64",
        "203.0.113.127",
    ] {
        assert!(list.allows(&peer(allowed)), "{allowed}");
    }
    for refused in [
        "9.255.255.255",
        "11.0.0.0",
        "192.0.2.6",
        "192.0.2.8",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "::2",
        "203.0.113.63",
        "203.0.113.128",
        "0.0.0.0",
        // Not the same as `::ffff:10.0.0.1`.
        "::10.0.0.1",
    ] {
        assert!(!list.allows(&peer(refused)), "{refused}");
    }
}

#[test]
fn an_ipv4_address_in_ipv6_is_the_ipv4_address() {
    let four = list("10.0.0.0/8");
    assert!(four.allows(&peer("::ffff:10.0.0.1")));
    assert!(!four.allows(&peer("::ffff:11.0.0.1")));

    for text in ["::ffff:10.0.0.0/104", "::ffff:a00:0/104"] {
        let mapped = list(text);
        assert_eq!(mapped, four);
        assert!(mapped.allows(&peer("10.1.2.3")));
        assert!(mapped.allows(&peer("::ffff:10.1.2.3")));
    }
    assert_eq!(list("::ffff:192.0.2.7"), list("192.0.2.7"));

    let six = list("::/0");
    assert!(six.allows(&peer("2001:db8::1")));
    assert!(!six.allows(&peer("10.0.0.1")));
    assert!(!six.allows(&peer("::ffff:10.0.0.1")));
    let everyone = list("0.0.0.0/0,::/0");
    for addr in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
        assert!(everyone.allows(&peer(addr)));
    }
}

#[test]
fn a_peer_without_an_address_is_refused_by_default() {
    let list = list("0.0.0.0/0,::/0");
    let pipe = Peer::from("/run/audiosocket");
    assert!(!list.allows(&pipe));
    assert!(!list.allows(&Peer::from("10.0.0.1:40000")), "only a name");
    assert!(list.clone().named(true).allows(&pipe));
    let refused = connect(allowing(list), pipe);
    let reason = "it has a name and no address, and the allow list has addresses only";
    assert_eq!(refused.refusal(), Some(&Refusal::new(reason)));
}

#[test]
fn an_empty_list_allows_no_peer() {
    let none: AllowList = [].into_iter().collect();
    assert!(!none.allows(&peer("127.0.0.1")));
    assert!(!none.allows(&Peer::from("pipe")));
    assert_eq!(none, AllowList::default());
}

#[test]
fn text_that_is_not_a_network_is_an_error() {
    for text in [
        "",
        " ",
        ",",
        "10.0.0.0/8,",
        "10.0.0.0/33",
        "2001:db8::/129",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0",
        "10.0.0.0/8 192.0.2.0/24",
        "localhost",
        "010.0.0.0/8",
        "fe80::1%eth0",
    ] {
        let error = text.parse::<AllowList>().unwrap_err().to_string();
        assert!(
            error.ends_with(
                " is not an IP address or a network: write, for example, 192.0.2.7 or 192.0.2.0/24"
            ),
            "{error}"
        );
    }
    let error = "\u{1b}[2J".parse::<AllowList>().unwrap_err().to_string();
    assert!(
        error.starts_with("\"\\u{1b}[2J\" is not an IP address"),
        "{error}"
    );
}

/// `10.0.0.1/8` would allow 16 million addresses where the author may have meant one.
#[test]
fn the_error_for_an_address_with_a_prefix_has_both_correct_forms() {
    let error = |text: &str| text.parse::<AllowList>().unwrap_err().to_string();
    assert_eq!(
        error("192.0.2.0/24,10.0.0.1/8"),
        "\"10.0.0.1/8\" can mean a network or one address: write 10.0.0.0/8 for the network, 10.0.0.1 \
         for the address"
    );
    assert!(error("2001:db8::1/32").contains("write 2001:db8::/32 for"));
}

#[test]
fn a_peer_outside_of_the_list_is_refused_before_the_uuid() {
    let mut stranger = connect(allowing(list("10.0.0.0/8")), peer("192.0.2.1"));
    let reason = Refusal::new("its address is not on the allow list");
    assert_eq!(stranger.refusal(), Some(&reason));
    assert_eq!(stranger.poll_transmit(), HANGUP);
    stranger.receive(Timestamp::ZERO, UUID_FRAME);
    assert_eq!(stranger.poll_transmit(), HANGUP);

    let mut friend = connect(allowing(list("10.0.0.0/8")), peer("10.0.0.1"));
    friend.receive(Timestamp::ZERO, UUID_FRAME);
    friend.receive(Timestamp::ZERO, b"\x10\x00\x02hi");
    assert_eq!(friend.refusal(), None);
    let Transmit::Bytes(bytes) = friend.poll_transmit() else {
        panic!("an echo");
    };
    assert!(bytes.ends_with(b"\x10\x00\x02hi"));
}

#[test]
fn the_applications_own_check_runs_for_allowed_peers_only() {
    let checked = Arc::new(AtomicUsize::new(0));
    let admission = || {
        let checked = Arc::clone(&checked);
        allowing(list("10.0.0.0/8")).admit_peer(move |_| {
            checked.fetch_add(1, Ordering::Relaxed);
            Err(Refusal::new("not by me"))
        })
    };
    drop(connect(admission(), peer("192.0.2.1")));
    assert_eq!(checked.load(Ordering::Relaxed), 0);
    let refused = connect(admission(), peer("10.0.0.1"));
    assert_eq!(checked.load(Ordering::Relaxed), 1);
    assert_eq!(refused.refusal(), Some(&Refusal::new("not by me")));
}

/// Returns whether the first bits are equal, bit by bit.
fn naive(network: &[u8], prefix: u8, addr: &[u8]) -> bool {
    let bit = |bytes: &[u8], bit: usize| bytes[bit / 8] >> (7 - bit % 8) & 1;
    network.len() == addr.len()
        && (0..usize::from(prefix)).all(|at| bit(network, at) == bit(addr, at))
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

proptest! {
    #[test]
    fn allows_as_the_naive_one(
        network: u32, addr_bits: u32, prefix in 0..=32_u8, same in 0..=32_u32, mapped: bool,
    ) {
        // An address that has some of its first bits in common with the network.
        let mask = u32::MAX.checked_shl(32 - same).unwrap_or(0);
        let addr = Ipv4Addr::from(network & mask | addr_bits & !mask);
        let network = IpNet::new(Ipv4Addr::from(network).into(), prefix).unwrap().trunc();
        let expected = naive(&octets(network.network()), prefix, &addr.octets());
        let addr = if mapped { addr.to_ipv6_mapped().into() } else { IpAddr::V4(addr) };
        let list: AllowList = network.to_string().parse().unwrap();
        prop_assert_eq!(list.allows(&SocketAddr::new(addr, 1).into()), expected);
    }

    #[test]
    fn allows_ipv6_as_the_naive_one(
        network: u128, addr_bits: u128, prefix in 0..=128_u8, same in 0..=128_u32,
    ) {
        let mask = u128::MAX.checked_shl(128 - same).unwrap_or(0);
        let addr = Ipv6Addr::from(network & mask | addr_bits & !mask);
        let network = IpNet::new(Ipv6Addr::from(network).into(), prefix).unwrap().trunc();
        let expected = naive(&octets(network.network()), prefix, &addr.octets());
        let list: AllowList = network.to_string().parse().unwrap();
        prop_assert_eq!(list.allows(&SocketAddr::new(addr.into(), 1).into()), expected);
    }

    #[test]
    fn no_text_panics(text in "[0-9a-f:./, ]{0,40}") {
        if let Ok(list) = text.parse::<AllowList>() {
            prop_assert!(!list.networks().is_empty());
        }
    }
}
