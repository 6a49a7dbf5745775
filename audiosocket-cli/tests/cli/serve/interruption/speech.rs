//! What is speech for `audiosocket serve play --barge-in`, and what is not.

use audiosocket_media::tones::{Country, ToneName};
use audiosocket_media::{Law, SampleRate};
use audiosocket_testing::load::synthesize_speech;
use audiosocket_testing::sounds::{cough, door_slam};
use tempfile::TempDir;

use super::{playing, recorded_speech};
use crate::listening::{ListeningCaller, slin};
use crate::process::ServeProcess;
use crate::serve::play::{self, noise, wav_file};

const RATE: SampleRate = SampleRate::Hz8000;

on_every_runtime! {
    a_caller_who_speaks_or_presses_a_key_receives_only_silence_after_it,
}

fn a_caller_who_speaks_or_presses_a_key_receives_only_silence_after_it(runtime: &str) {
    let directory = TempDir::new().unwrap();
    let path = wav_file(&directory, 8_000, 1, &noise(4_000));
    let server = play::playing(runtime, &path, &["--loop", "--barge-in"]);
    let a_law = |sample| vec![Law::A.encode_sample(sample)];
    let mu_law = |sample| vec![Law::Mu.encode_sample(sample)];
    let ways: [(Codec, bool); 4] = [(slin, false), (a_law, false), (mu_law, false), (slin, true)];
    std::thread::scope(|scope| {
        for (codec, by_key) in ways {
            let server = &server;
            scope.spawn(move || interrupt(server, codec, by_key));
        }
    });
    server.wait_for_log(4, "call ended");
    let log = server.terminate();
    let interrupted = log.lines().filter(|line| line.contains("interrupted"));
    assert_eq!(interrupted.count(), 4, "{log}");
}

type Codec = fn(i16) -> Vec<u8>;

fn interrupt(server: &ServeProcess, codec: Codec, by_key: bool) {
    let mut call = ListeningCaller::begin(server.addr(), 0x10);
    // The noise of a line does not interrupt.
    call.say(25, 100.0, codec);
    call.receive_sound(50);
    if by_key {
        call.press("#");
    } else {
        call.send_encoded(&synthesize_speech(RATE)[..8_000], codec);
    }
    call.receive_silence(50);
    call.hang_up();
}

/// Each sound comes in a call of its own, while people speak in the file. The echo of the file has a test in virtual time: on
/// a busy machine, frames leave late, and the echo of a phone would not follow them.
#[test]
fn a_door_a_cough_and_a_tone_do_not_interrupt_and_speech_does() {
    let directory = TempDir::new().unwrap();
    let file = wav_file(&directory, 8_000, 1, &recorded_speech("auth-incorrect.wav"));
    let server = playing(&file, &["--loop", "--barge-in"]);
    let ringback = Country::find("de").unwrap().tone(ToneName::Ringback);
    let sounds = [
        door_slam(RATE),
        cough(RATE),
        ringback.audio(RATE).samples().collect(),
    ];
    std::thread::scope(|scope| {
        for sound in sounds {
            let server = &server;
            scope.spawn(move || {
                let said = [&[0; 8_000][..], &sound, &[0; 8_000]].concat();
                let mut frames = said.chunks(160);
                let mut call = ListeningCaller::begin(server.addr(), 0x10);
                call.converse(|_| frames.next().map(<[i16]>::to_vec));
                call.receive_sound(50);
                call.hang_up();
            });
        }
    });
    assert_eq!(server.logged("interrupted"), 0);

    let said = recorded_speech("callers/flite.awb.005.wav");
    let mut frames = said.chunks(160);
    let mut call = ListeningCaller::begin(server.addr(), 0x10);
    call.receive_sound(25);
    call.converse(|_| frames.next().map(<[i16]>::to_vec));
    server.wait_for_log(1, "interrupted");
    call.receive_silence(100);
    call.hang_up();
    server.terminate();
}

/// Speech of 300 ms is not enough here. It ends in silence, or the phone sends nothing after it.
#[test]
fn playing_goes_on_at_the_sample_of_the_pause_if_it_was_no_speech() {
    let directory = TempDir::new().unwrap();
    let samples = noise(24_000);
    let file = wav_file(&directory, 8_000, 1, &samples);
    let server = playing(&file, &["--barge-in", "--least-speech", "2s"]);
    std::thread::scope(|scope| {
        for silence_after in [16_000, 0] {
            let (server, samples) = (&server, &samples);
            scope.spawn(move || {
                let mut call = ListeningCaller::begin_speaking(server.addr(), 0x10, 0x10);
                let speech = &recorded_speech("callers/flite.awb.005.wav")[..4_000];
                let said = [&[0; 4_000][..], speech, &vec![0; silence_after]].concat();
                let mut frames = said.chunks(160);
                call.converse(|_| frames.next().map(<[i16]>::to_vec));
                call.receive_to_the_end();
                assert_continues(&call.samples, samples);
                call.hang_up();
            });
        }
    });
    let log = server.terminate();
    assert!(!log.contains("interrupted"), "{log}");
    let paused = log.lines().filter(|line| line.contains("paused: "));
    assert!(paused.count() >= 2, "{log}");
}

/// Asserts that `received` is `file` with pauses. Before each pause come 5 ms that fade, and come again after it.
#[track_caller]
fn assert_continues(received: &[i16], file: &[i16]) {
    const FADE: usize = 40;
    let start = received.iter().position(|sample| *sample != 0).unwrap();
    let (mut rest, mut at, mut pauses) = (&received[start..], 0, 0);
    loop {
        let same = rest.iter().zip(&file[at..]);
        let len = same.take_while(|(one, other)| one == other).count();
        (rest, at) = (&rest[len..], at + len);
        if at == file.len() {
            break;
        }
        // The first of the samples that fade out is not changed.
        let silent = |piece: &[i16]| piece.iter().all(|sample| *sample == 0);
        let pause = (0..rest.len() - 80).find(|at| silent(&rest[*at..][..80]));
        let pause = pause.unwrap_or_else(|| panic!("a change at {at} of {}", file.len()));
        assert!(pause <= FADE, "{pause} other samples before a pause");
        let resumed = rest[pause..].iter().position(|sample| *sample != 0);
        let resumed = pause + resumed.expect("the rest of the file");
        // The fades hide how many samples the end of the first one has.
        let heard = &rest[resumed + FADE..][..160];
        let next = file[at..].windows(160).position(|piece| piece == heard);
        let next = next.expect("the file continues");
        assert!(next <= 2 * FADE, "{next} samples are missing");
        (rest, at, pauses) = (&rest[resumed + FADE..], at + next, pauses + 1);
    }
    assert!(pauses > 0, "no pause");
    assert!(rest.iter().all(|sample| *sample == 0));
}
