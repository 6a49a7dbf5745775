use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{noise, sounds};

in_each_adapter!(
    the_caller_hears_every_sample_of_the_file
    the_file_is_played_at_the_rate_of_the_caller
    without_a_file_the_caller_hears_a_tone
    the_error_of_a_bad_file_has_the_path_and_what_to_do
);

fn the_caller_hears_every_sample_of_the_file(prefix: &str) {
    let prompt = noise(8_100, 1);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prompt.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    wav.write(&prompt).unwrap();
    wav.finish().unwrap();

    let program = program::start(&format!("{prefix}play_wav"), &[path.to_str().unwrap()]);
    // One caller sends audio, and the other does not.
    for audio in [&[0; 320][..], &[]] {
        let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
        if !audio.is_empty() {
            caller.say(audio);
        }
        let heard = caller.listen_to_the_end();
        let begin = heard.iter().position(|sample| *sample != 0).unwrap();
        let (heard, padding) = heard[begin..].split_at(prompt.len());
        assert!(heard == prompt);
        assert_eq!(padding, [0; 60], "to the end of the last frame");
        program.wait_for_line(": hung up by this side").unwrap();
    }
}

fn the_file_is_played_at_the_rate_of_the_caller(prefix: &str) {
    let program = program::start(&format!("{prefix}play_wav"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz16000);
    caller.say(&[0; 320]);
    caller.listen_to_the_hangup();
    assert_eq!(caller.heard_at, Some(SampleRate::Hz16000));
    let heard = sounds(&caller.heard);
    let [tone] = heard[..] else {
        panic!("one sound, not {heard:?}");
    };
    assert_eq!((tone.ms, tone.hz), (2_000, 440));
}

fn without_a_file_the_caller_hears_a_tone(prefix: &str) {
    let program = program::start(&format!("{prefix}play_wav"), &[]);
    let caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    let heard = sounds(&caller.listen_to_the_end());
    let [tone] = heard[..] else {
        panic!("one sound, not {heard:?}");
    };
    assert_eq!((tone.ms, tone.hz), (2_000, 440));
}

fn the_error_of_a_bad_file_has_the_path_and_what_to_do(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prompt.wav");
    for (bytes, remedy) in [(Some(b"RIFF"), "make it again"), (None, "espeak-ng -w")] {
        let _ = std::fs::remove_file(&path);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let path = path.to_str().unwrap();
        let error = program::fails(&format!("{prefix}play_wav"), &[path]);
        assert!(error.contains(path) && error.contains(remedy), "{error}");
    }
}
