use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::noise;

#[test]
fn keys_mute_the_echo_and_hang_up() {
    let program = program::start("handler", &[]);
    let uuid = Uuid::from_u128(1);
    let mut caller = Caller::call(program.addr(), uuid, SampleRate::Hz8000);
    program
        .wait_for_line(&format!("{uuid} from 127.0.0.1:"))
        .unwrap();
    caller.hear_back(&noise(160, 1));
    caller.press("*");
    caller.say(&noise(160, 2));
    caller.press("*");
    // The audio between the two keys does not come back.
    caller.hear_back(&noise(160, 3));
    caller.press("#");
    caller.listen_to_the_hangup();
    drop(caller);
    let line = program.wait_for_line("loudest sample").unwrap();
    assert!(
        line.contains(": hung up by this side, 3 frames, "),
        "{line}"
    );
}

#[test]
fn a_call_without_a_uuid_is_refused() {
    let program = program::start("handler", &[]);
    let caller = Caller::call(program.addr(), Uuid::nil(), SampleRate::Hz8000);
    assert_eq!(caller.listen_to_the_end(), []);
}
