use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_proto::Uuid;

use crate::caller::Caller;
use crate::program;
use crate::sound::noise;

in_each_adapter!(
    each_call_is_in_a_file_of_its_own
    a_recording_is_not_overwritten
);

fn each_call_is_in_a_file_of_its_own(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let recordings = directory.path().join("made/by/it");
    let program = program::start(&format!("{prefix}record"), &[recordings.to_str().unwrap()]);
    let rates = [SampleRate::Hz8000, SampleRate::Hz16000];
    let mut calls = rates.map(|rate| {
        let uuid = Uuid::from_u128(rate.hz().into());
        (rate, uuid, Caller::call(program.addr(), uuid, rate))
    });
    let said = |rate: SampleRate| noise(rate.hz() as usize * 5 / 2, rate.hz());
    for (rate, _, caller) in &mut calls {
        caller.say(&said(*rate));
        caller.press("5");
    }
    for (rate, uuid, caller) in calls {
        drop(caller);
        program
            .wait_for_line(&format!("{uuid}: recorded 2.5s"))
            .unwrap();
        let path = recordings.join(format!("{uuid}.wav"));
        let recorded = AudioReader::open(path)
            .unwrap()
            .read_all(rate, Duration::from_secs(60))
            .unwrap();
        assert!(recorded == said(rate), "at {rate}");
    }
}

fn a_recording_is_not_overwritten(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let program = program::start(
        &format!("{prefix}record"),
        &[directory.path().to_str().unwrap()],
    );
    let (uuid, rate) = (Uuid::from_u128(7), SampleRate::Hz8000);
    let mut first = Caller::call(program.addr(), uuid, rate);
    first.say(&noise(160, 1));
    drop(first);
    program.wait_for_line("recorded 20ms").unwrap();

    let mut second = Caller::call(program.addr(), uuid, rate);
    second.say(&noise(160, 2));
    second.listen_to_the_end();
    program.wait_for_line(&format!("{uuid}: ")).unwrap();
    let path = directory.path().join(format!("{uuid}.wav"));
    let recorded = AudioReader::open(path)
        .unwrap()
        .read_all(rate, Duration::from_secs(60))
        .unwrap();
    assert!(recorded == noise(160, 1));
}
