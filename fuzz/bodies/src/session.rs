use arbitrary::{Arbitrary, Result, Unstructured};

use crate::model::Model;
use crate::op::{self, Op};

/// Applies a sequence of operations to a session, and checks after each one:
///
/// - No operation panics.
/// - The unsent bytes stay below their limit.
/// - The session sends the accepted frames in order, then the hangup, and nothing after it. Asterisk accepts all frames.
/// - The events match the frames that arrived. `Ended` is the last event, and comes exactly once.
/// - A deadline that is due changes the state. The session closes in a few steps.
pub fn session(data: &[u8]) {
    // A short input does not fail: missing bytes are zeros.
    let mut u = Unstructured::new(data);
    let Ok((mut model, restores)) = start(&mut u) else {
        return;
    };
    while !u.is_empty() {
        let Ok(op) = Op::arbitrary(&mut u) else { break };
        model.apply(&op);
        if restores {
            model.restore();
        }
    }
    model.finish();
}

/// Returns the session, and whether it is restored from a snapshot after each operation.
fn start(u: &mut Unstructured<'_>) -> Result<(Model, bool)> {
    let (config, start, with_uuid, restores) = op::setting(u)?;
    let mut model = Model::new(config, start);
    if with_uuid {
        model.begin();
    }
    Ok((model, restores))
}
