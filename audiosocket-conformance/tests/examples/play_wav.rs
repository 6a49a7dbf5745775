use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use audiosocket_proto::Uuid;

use crate::caller::Caller;
use crate::program;
use crate::sound::{noise, sounds};

in_each_adapter!(
    a_file_is_heard_sample_for_sample
    without_a_file_there_is_a_tone
    a_file_that_cannot_be_played_is_said_to_be
);

fn a_file_is_heard_sample_for_sample(prefix: &str) {
    let prompt = noise(8_100, 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prompt.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    wav.write(&prompt).unwrap();
    wav.finish().unwrap();

    let program = program::start(&format!("{prefix}play_wav"), &[path.to_str().unwrap()]);
    let calls = [SampleRate::Hz8000, SampleRate::Hz16000].map(|rate| {
        let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), rate);
        caller.say(&[0; 320]);
        caller
    });
    for caller in calls {
        let heard = caller.listen_to_the_end();
        let begin = heard.iter().position(|sample| *sample != 0).unwrap();
        let (heard, padding) = heard[begin..].split_at(prompt.len());
        assert!(heard == prompt);
        assert_eq!(padding, [0; 60], "to the end of the last frame");
        program.wait_for_line(": hung up by this side").unwrap();
    }
}

fn without_a_file_there_is_a_tone(prefix: &str) {
    let program = program::start(&format!("{prefix}play_wav"), &[]);
    let caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    let heard = sounds(&caller.listen_to_the_end());
    let [tone] = heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!((tone.ms, tone.hz), (2_000, 440));
}

fn a_file_that_cannot_be_played_is_said_to_be(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prompt.wav");
    std::fs::write(&path, b"RIFF").unwrap();
    let error = program::fails(&format!("{prefix}play_wav"), &[path.to_str().unwrap()]);
    assert!(error.contains("Truncated"), "{error}");
}
