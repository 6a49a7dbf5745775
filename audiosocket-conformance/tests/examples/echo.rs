use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;
use audiosocket_testing::process::Signal;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::caller::Caller;
use crate::harness::program::{self, assert_ends, terminate};
use crate::harness::sound::noise;

in_each_adapter!(callers_hear_themselves_until_the_second_signal);

fn callers_hear_themselves_until_the_second_signal(prefix: &str) {
    echo_until_the_second_signal(&format!("{prefix}echo"));
}

#[test]
fn callers_hear_themselves_on_async_std() {
    echo_until_the_second_signal("async_std_echo");
}

#[test]
fn callers_hear_themselves_in_an_event_loop_with_mio() {
    echo_until_the_second_signal("mio");
}

fn echo_until_the_second_signal(name: &str) {
    let program = program::start(name, &[]);
    let mut callers = [1, 2]
        .map(|number| Caller::call(program.addr(), Uuid::from_u128(number), SampleRate::Hz8000));
    for (caller, seed) in callers.iter_mut().zip(1..) {
        caller.hear_back(&noise(16_000, seed));
    }
    program.signal(Signal::INT).unwrap();
    callers[0].hear_back(&noise(1_600, 3));
    terminate(&program);
    for caller in &mut callers {
        caller.listen_to_the_hangup();
    }
    drop(callers);
    assert_ends(program);
}

/// The callers without a place wait until another call ends.
#[test]
fn mio_serves_more_callers_than_it_has_descriptors() {
    let program = program::start("mio", &[]);
    let pid = Pid::from_raw(program.id().try_into().unwrap());
    let limit = Rlimit {
        current: Some(40),
        maximum: Some(40),
    };
    prlimit(pid, Resource::Nofile, limit).unwrap();
    let output = program::call(program.addr(), &["--calls", "100", "--duration", "1s"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn both_ends_of_a_call_run_in_memory() {
    let output = program::run("in_memory");
    assert!(output.status.success(), "{output:?}");
}
