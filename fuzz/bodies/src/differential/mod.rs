//! Compares the core with a reference that shares no code with it.

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::SessionConfig;

use crate::cuts::Cuts;
use crate::emitted::assert_asterisk_accepts;
use crate::op;
use expected::Offer;
use script::{ClientStep, SessionLimits, Step};

pub(crate) use script::codes;

mod codec;
mod expected;
mod real;
mod script;
mod spec;

/// Compares everything that is visible of a call with a reference: the events, the refusals, the sent bytes, the deadlines
/// and the end. The reference is written from the description of the protocol.
///
/// The reference knows the whole stream in advance. The core gets it in pieces, and the cuts must not change the result.
/// At the end, the bytes that one side sent go to the other side, and its events are compared too.
///
/// The first byte selects the side: 0 for the server, 1 for Asterisk. Then the cuts follow.
pub fn differential(data: &[u8]) {
    let (side, mut data) = data.split_first().unwrap_or((&0, &[]));
    let cuts = Cuts::split_first(&mut data);
    let mut u = Unstructured::new(data);
    // A short input does not fail: missing bytes are zeros.
    let _ = match side % 2 {
        0 => server(&mut u, &cuts),
        _ => client(&mut u, &cuts),
    };
}

fn server(u: &mut Unstructured<'_>, cuts: &Cuts<'_>) -> Result<()> {
    let (config, start, with_uuid, _) = op::setting(u)?;
    let steps = script::steps(u, with_uuid);
    for step in &steps {
        if let Step::Arrive(bytes) = step {
            codec::round_trip(bytes, cuts);
        }
    }
    let sent = compare_server(config, start, &steps, cuts);
    assert_asterisk_accepts(&sent);
    let sent = [ClientStep::Arrive(sent), ClientStep::Eof];
    compare_client([7; 16], spec::RATES[0], &sent, cuts);
    Ok(())
}

fn client(u: &mut Unstructured<'_>, cuts: &Cuts<'_>) -> Result<()> {
    let uuid = <[u8; 16]>::arbitrary(u)?;
    let rate = spec::RATES[usize::from(u8::arbitrary(u)?) % spec::RATES.len()];
    let mut steps = Vec::new();
    while !u.is_empty() {
        let Ok(step) = ClientStep::arbitrary(u) else {
            break;
        };
        steps.push(step);
    }
    let sent = compare_client(uuid, rate, &steps, cuts);
    let sent = [Step::Arrive(sent), Step::Eof];
    let steps: Vec<Step> = sent.into_iter().chain(script::closing()).collect();
    compare_server(SessionConfig::default(), 0, &steps, cuts);
    Ok(())
}

/// Runs the steps on a server session. Returns the bytes that the peer read.
fn compare_server(config: SessionConfig, start: u64, steps: &[Step], cuts: &Cuts<'_>) -> Vec<u8> {
    let expected = expected::server(SessionLimits::from(&config), start, steps);
    let last = expected.after.last().expect("there is at least one step");
    assert_eq!(
        last.offer,
        Offer::Close,
        "the reference does not close the call"
    );
    real::run_server(config, start, steps, cuts, &expected);
    expected.taken
}

/// Runs the steps on a client session. Returns the bytes that the server read.
fn compare_client(uuid: [u8; 16], rate: u32, steps: &[ClientStep], cuts: &Cuts<'_>) -> Vec<u8> {
    let expected = expected::client(uuid, rate, steps);
    real::run_client(uuid, rate, steps, cuts, &expected);
    expected.taken
}
