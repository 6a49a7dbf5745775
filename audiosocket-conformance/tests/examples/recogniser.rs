use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{is_silent_for, noise, sounds, words_after};

#[test]
fn the_text_of_each_caller_comes_back_into_the_call() {
    let program = program::start("recogniser", &[]);
    for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
        let uuid = Uuid::from_u128(rate.hz().into());
        let mut caller = Caller::call(program.addr(), uuid, rate);
        // All audio comes at once. It has 95 pieces, and the channel to the recogniser has room for 100.
        let [before, speech, after] = [4, 10, 5].map(|tenths| rate.hz() as usize * tenths / 10);
        caller.say(&[vec![0; before], noise(speech, 1), vec![0; after]].concat());
        let line = program
            .wait_for_line(&format!("{uuid}: recognised "))
            .unwrap();
        assert!(line.ends_with("\"speech from 0.40 s to 1.40 s\""), "{line}");
        let words = words_after(&line, ": recognised ");
        caller.listen_until(|heard| sounds(heard).len() >= words && is_silent_for(heard, 500));
        assert_eq!(sounds(&caller.heard).len(), words);
        caller.hang_up();
        let end = format!("{uuid}: closed by the peer, 0 pieces dropped");
        program.wait_for_line(&end).unwrap();
    }
}
