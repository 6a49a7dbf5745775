use arbitrary::{Arbitrary, Result, Unstructured};

use crate::model::Model;
use crate::op::{self, Op};

/// What no sequence of operations may bring about:
///
/// - a panic; more unsent bytes than allowed; other frames than those that Asterisk accepts;
/// - bytes other than those of the frames that were accepted, in their order, then the hangup, and
///   nothing after it;
/// - no `Ended`, or two, or an event after it; events that do not match the frames that came;
/// - a deadline that is due and changes nothing; a session that does not close in a few steps.
pub fn session(data: &[u8]) {
    // Too few bytes read as zeros, so this does not fail on short input.
    let mut u = Unstructured::new(data);
    let Ok(mut model) = start(&mut u) else { return };
    while !u.is_empty() {
        let Ok(op) = Op::arbitrary(&mut u) else { break };
        model.apply(&op);
    }
    model.finish();
}

fn start(u: &mut Unstructured<'_>) -> Result<Model> {
    let (config, start, with_uuid) = op::setting(u)?;
    let mut model = Model::new(config, start);
    if with_uuid {
        model.begin();
    }
    Ok(model)
}
