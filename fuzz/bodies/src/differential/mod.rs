//! The core beside a reference that shares nothing with it.

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::SessionConfig;

use crate::cuts::Cuts;
use crate::emitted::assert_asterisk_accepts;
use crate::op;
use naive::Offer;
use script::{Bounds, ClientStep, Step};

pub(crate) use script::codes;

mod codec;
mod naive;
mod real;
mod script;
mod spec;

/// Everything that can be seen of a call, on either side of it, is what a reference says that was
/// written from the description of the protocol alone: what is told, what is refused, how the call
/// ends, what is sent, when something is due. The reference knows all that will arrive before it
/// begins; the core gets it in pieces, of which it must not make a difference. Then what one side
/// sent is what the other is told.
///
/// The first byte says which side, and then come the cuts.
pub fn differential(data: &[u8]) {
    let (side, mut data) = data.split_first().unwrap_or((&0, &[]));
    let cuts = Cuts::split_first(&mut data);
    let mut u = Unstructured::new(data);
    // Too few bytes read as zeros, so this does not fail on short input.
    let _ = match side % 2 {
        0 => server(&mut u, &cuts),
        _ => client(&mut u, &cuts),
    };
}

fn server(u: &mut Unstructured<'_>, cuts: &Cuts<'_>) -> Result<()> {
    let (config, start, with_uuid) = op::setting(u)?;
    let steps = script::steps(u, with_uuid);
    for step in &steps {
        if let Step::Arrive(bytes) = step {
            codec::round_trip(bytes, cuts);
        }
    }
    let sent = compare_server(config, start, &steps, cuts);
    assert_asterisk_accepts(&sent);
    let heard = [ClientStep::Arrive(sent), ClientStep::Eof];
    compare_client([7; 16], spec::RATES[0], &heard, cuts);
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
    let told = [Step::Arrive(sent), Step::Eof];
    let told: Vec<Step> = told.into_iter().chain(script::closing()).collect();
    compare_server(SessionConfig::default(), 0, &told, cuts);
    Ok(())
}

/// Tells what the peer took.
fn compare_server(config: SessionConfig, start: u64, steps: &[Step], cuts: &Cuts<'_>) -> Vec<u8> {
    let expected = naive::server(Bounds::from(&config), start, steps);
    let last = expected.after.last().expect("steps");
    assert_eq!(last.offer, Offer::Close, "the reference itself");
    real::run_server(config, start, steps, cuts, &expected);
    expected.taken
}

/// Tells what the server took.
fn compare_client(uuid: [u8; 16], rate: u32, steps: &[ClientStep], cuts: &Cuts<'_>) -> Vec<u8> {
    let expected = naive::client(uuid, rate, steps);
    real::run_client(uuid, rate, steps, cuts, &expected);
    expected.taken
}
