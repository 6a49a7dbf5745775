use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audiosocket_media::{SampleRate, wav};
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program::{self, assert_ends, terminate, terminate_at_once};
use crate::harness::sound::noise;

in_each_adapter!(
    each_call_has_its_own_file
    a_second_call_with_the_same_uuid_has_another_file
    two_signals_finish_the_file_of_an_open_call
);

fn each_call_has_its_own_file(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let recordings = directory.path().join("made/by/the/example");
    let program = program::start(&format!("{prefix}record"), &[recordings.to_str().unwrap()]);
    let rates = [SampleRate::Hz8000, SampleRate::Hz16000];
    let said = |rate: SampleRate| noise(rate.hz() as usize * 5 / 2, rate.hz());
    for rate in rates {
        let mut caller = Caller::call(program.addr(), Uuid::from_u128(rate.hz().into()), rate);
        caller.say(&said(rate));
        caller.press("5");
        caller.hang_up();
    }
    terminate(&program);
    program.wait_for_line("recorded 2 calls, 0 failed").unwrap();
    assert_ends(program);
    for rate in rates {
        let [file] = &files(&recordings, Uuid::from_u128(rate.hz().into()))[..] else {
            panic!("one file at {rate}");
        };
        assert!(recorded(file, rate) == said(rate), "at {rate}");
    }
}

fn a_second_call_with_the_same_uuid_has_another_file(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let program = program::start(&format!("{prefix}record"), &[path]);
    let (uuid, rate) = (Uuid::from_u128(7), SampleRate::Hz8000);
    for seed in [1, 2] {
        let mut caller = Caller::call(program.addr(), uuid, rate);
        caller.say(&noise(8_000, seed));
        caller.hang_up();
    }
    terminate(&program);
    assert_ends(program);
    let files = files(directory.path(), uuid);
    let mut recorded: Vec<_> = files.iter().map(|file| recorded(file, rate)).collect();
    let mut said = [noise(8_000, 1), noise(8_000, 2)];
    recorded.sort();
    said.sort();
    assert!(recorded == said, "{files:?}");
}

fn two_signals_finish_the_file_of_an_open_call(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let program = program::start(&format!("{prefix}record"), &[path]);
    let (uuid, rate) = (Uuid::from_u128(1), SampleRate::Hz8000);
    let mut caller = Caller::call(program.addr(), uuid, rate);
    caller.hear_back(&noise(20_000, 1));
    terminate_at_once(&program);
    caller.listen_to_the_hangup();
    drop(caller);
    assert_ends(program);

    let file = files(directory.path(), uuid).pop().unwrap();
    let bytes = fs::read(&file).unwrap();
    let length_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(
        length_at(4),
        bytes.len() - 8,
        "the length of the RIFF chunk"
    );
    assert_eq!(length_at(40), bytes.len() - 44, "the length of the audio");
    assert!(recorded(&file, rate) == noise(20_000, 1));
}

/// The files of one call.
fn files(directory: &Path, uuid: Uuid) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let of_call = |path: &PathBuf| path.to_str().unwrap().contains(&uuid.to_string());
    paths.filter(of_call).collect()
}

/// The samples of a file without the silence around them. A recording has silence for a time without audio.
fn recorded(path: &Path, rate: SampleRate) -> Vec<i16> {
    let samples = wav::read_file(path, rate, Duration::from_secs(60)).unwrap();
    let first = samples.iter().position(|sample| *sample != 0).unwrap();
    let last = samples.iter().rposition(|sample| *sample != 0).unwrap();
    samples[first..=last].to_vec()
}
