//! Recordings of real calls and on a real disk.

#![allow(clippy::unwrap_used, reason = "clippy does not count helpers as tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use audiosocket_proto::{Audio, SampleRate, SessionConfig, Timestamp, Transmit};
use audiosocket_record::{Codec, Gaps, Recorder, RecorderBuilder, Sides, TrackError};
use audiosocket_server::{CallDriver, Calls, Peer};
use audiosocket_tokio::Refusal;
use audiosocket_tokio::{Call, CallRequest, Callbacks, Handler, Response, Server, acceptor_fn};
use tokio::task::spawn_blocking;
use uuid::Uuid;

const UUID: Uuid = Uuid::from_bytes([0x42; 16]);

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn samples(file: &Path) -> Vec<i16> {
    let mut wav = hound::WavReader::open(file).unwrap();
    let samples = wav.samples().map(Result::unwrap).collect();
    let bytes = fs::metadata(file).unwrap().len();
    assert_eq!(bytes, 44 + 2 * u64::from(wav.duration()));
    samples
}

/// Places a call that sends its UUID and audio of 8 kHz. Returns all that the server sent.
fn call(addr: SocketAddr, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    let mut sent = [&[0x01, 0, 16][..], UUID.as_bytes()].concat();
    for payload in payloads {
        sent.extend([0x10, 0x01, 0x40]);
        sent.extend(payload);
    }
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    received
}

#[tokio::test]
async fn a_caller_is_recorded_while_the_handler_answers() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::in_directory(directory.path())
        .gaps(Gaps::Skip)
        .start()
        .unwrap();
    let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    let builder = Server::builder().bind("127.0.0.1:0");
    let server = builder.start(recorder.record(echo)).await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let serving = tokio::spawn(server.serve_forever());

    let voice: Vec<i16> = (0..16_000)
        .map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16 | 1)
        .collect();
    let payloads: Vec<Vec<u8>> = voice
        .chunks(160)
        .map(|frame| frame.iter().flat_map(|one| one.to_le_bytes()).collect())
        .collect();
    let sent = payloads.concat();
    let received = spawn_blocking(move || call(addr, &payloads)).await.unwrap();
    // The echo: all frames but those of silence, which keep a call going.
    let mut echoed = Vec::new();
    let mut rest = &received[..];
    while let [kind, high, low, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(u16::from_be_bytes([*high, *low]).into());
        if *kind == 0x10 && payload.iter().any(|byte| *byte != 0) {
            echoed.extend_from_slice(payload);
        }
        rest = tail;
    }
    assert!(echoed == sent);

    handle.shutdown(Duration::ZERO);
    serving.await.unwrap().unwrap();
    let stats = spawn_blocking(|| recorder.finish()).await.unwrap();
    assert_eq!((stats.started, stats.ended, stats.complete), (1, 1, 1));
    assert_eq!((stats.files, stats.failed, stats.lost_frames), (1, 0, 0));
    assert_eq!(stats.first_error, None);
    let [file] = &files(directory.path())[..] else {
        panic!("not one file");
    };
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with(&format!("-{UUID}.wav")), "{name}");
    assert!(samples(file) == voice);
}

#[tokio::test]
async fn a_call_that_the_handler_refuses_is_not_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = Recorder::in_directory(directory.path()).start().unwrap();
    let refuse = |_: &CallRequest<'_>| -> Result<Box<dyn Handler>, Refusal> {
        Err(Refusal::new("no calls today"))
    };
    let builder = Server::builder().bind("127.0.0.1:0");
    let server = builder.start(recorder.record(refuse)).await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let serving = tokio::spawn(server.serve_forever());
    let received = spawn_blocking(move || call(addr, &[])).await.unwrap();
    assert_eq!(received, [0, 0, 0], "a hangup");
    handle.shutdown(Duration::ZERO);
    serving.await.unwrap().unwrap();
    let stats = spawn_blocking(|| recorder.finish()).await.unwrap();
    assert_eq!(stats.started, 0);
    assert!(files(directory.path()).is_empty());
}

/// Records all calls into one file of this name, without gaps.
fn to_file(directory: &Path, name: &str) -> RecorderBuilder {
    let path = directory.join(name);
    Recorder::to_files(move |_| path.clone())
        .codec(Codec::Slin)
        .gaps(Gaps::Skip)
}

#[test]
fn a_track_is_written_to_its_path_and_overwrites_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = to_file(directory.path(), "call.wav").start().unwrap();
    let start = Instant::now();
    for (payload, frames) in [([1, 0], 500), ([2, 0], 3)] {
        let mut track = recorder.track(UUID).unwrap();
        for _ in 0..frames {
            track.write(start, Audio::new(SampleRate::Hz8000, &payload.repeat(160)));
        }
    }
    let stats = recorder.finish();
    assert_eq!((stats.started, stats.complete, stats.files), (2, 2, 2));
    assert_eq!(samples(&directory.path().join("call.wav")), [2; 480]);
    assert_eq!(files(directory.path()).len(), 1);
}

#[test]
fn a_file_that_cannot_be_created_is_a_failed_recording() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = to_file(directory.path(), "missing/call.wav")
        .start()
        .unwrap();
    let mut track = recorder.track(UUID).unwrap();
    let audio = Audio::new(SampleRate::Hz8000, &[1; 320]);
    track.write(Instant::now(), audio);
    drop(track);
    let stats = recorder.finish();
    assert_eq!((stats.ended, stats.failed, stats.complete), (1, 1, 0));
    assert_eq!(stats.lost_frames, 1);
    let error = stats.first_error.unwrap();
    let path = directory.path().join("missing/call.wav");
    assert!(
        error.starts_with(&format!("{}: ", path.display())),
        "{error}"
    );
}

#[test]
fn a_directory_that_does_not_exist_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = Recorder::in_directory(&missing).start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains(missing.to_str().unwrap()));
}

#[test]
fn shut_down_ends_recordings_and_refuses_new_ones() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = to_file(directory.path(), "call.wav").start().unwrap();
    let mut track = recorder.track(UUID).unwrap();
    let audio = [7, 0].repeat(160);
    track.write(Instant::now(), Audio::new(SampleRate::Hz8000, &audio));
    recorder.shut_down();
    while !recorder.is_finished() {
        std::thread::yield_now();
    }
    assert_eq!(samples(&directory.path().join("call.wav")), [7; 160]);
    let refused = recorder.track(UUID).unwrap_err();
    assert_eq!(refused, TrackError::RecorderEnded);
    assert_eq!(recorder.stats().complete, 1);
}

/// Plays five frames at the start. Clears them at the caller's third frame, and sends that frame back.
struct Interrupted(u32);

impl Handler for Interrupted {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let speech = [2, 0].repeat(160 * 5);
        call.try_play((SampleRate::Hz8000, speech)).unwrap();
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.0 += 1;
        if self.0 != 3 {
            return Response::Nothing;
        }
        call.clear();
        audio.into()
    }
}

#[test]
fn what_left_is_recorded_at_its_time_and_what_was_cleared_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let to = path.clone();
    let recorder = Recorder::to_files(move |_| to.clone())
        .codec(Codec::Slin)
        .sides(Sides::Stereo)
        .start()
        .unwrap();
    let acceptor = recorder.record(acceptor_fn(|_| Ok(Interrupted(0))));
    let mut now = Timestamp::ZERO;
    let config = SessionConfig::new().fill_silence(false);
    let mut call = CallDriver::new(
        Arc::new(acceptor),
        Peer::from("tester"),
        config,
        &Calls::default(),
        now,
    );
    let flush = |call: &mut CallDriver<_>, now| {
        while let Transmit::Bytes(bytes) = call.poll_transmit() {
            let written = bytes.len();
            call.transmitted(now, written);
        }
    };
    // The connection sends nothing for a second. The clock of this test goes on without it.
    now = now + Duration::from_secs(1);
    call.receive(now, &[&[0x01, 0, 16][..], UUID.as_bytes()].concat());
    flush(&mut call, now);
    for frame in 1..=10 {
        now = now + Duration::from_millis(20);
        call.receive(
            now,
            &[&[0x10, 0x01, 0x40][..], &[frame, 0].repeat(160)].concat(),
        );
        call.handle_timeout(now);
        flush(&mut call, now);
    }
    call.handle_eof(now);
    drop(call);
    assert_eq!(recorder.finish().complete, 1);

    let mut wav = hound::WavReader::open(&path).unwrap();
    assert_eq!(wav.spec().channels, 2);
    let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    let pairs = samples.as_chunks::<2>().0;
    let frames: Vec<[i16; 2]> = pairs.chunks(160).map(|frame| frame[0]).collect();
    assert!(
        pairs
            .chunks(160)
            .all(|frame| frame.iter().all(|pair| *pair == frame[0]))
    );
    // Frames left at 0, 20 and 40 ms. At 60 ms the rest was cleared, and a frame was sent.
    let caller = 1..=10;
    let server = [2, 2, 2, 3, 0, 0, 0, 0, 0, 0];
    let wanted: Vec<_> = caller.zip(server).map(<[i16; 2]>::from).collect();
    assert_eq!(frames, wanted);
}
