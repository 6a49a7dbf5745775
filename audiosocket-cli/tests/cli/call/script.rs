//! What `audiosocket call` sends beside its audio, and when.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;

use tempfile::TempDir;

use crate::process::{args, call};
use crate::server::{Frame, is_audio, read_frame, serve, serve_recorded_echo, write_frame};

/// Starts an echo server that also returns all frames of its callers, and ends them with an empty one.
fn serve_recorded() -> (SocketAddr, mpsc::Receiver<Frame>) {
    let (frames, received) = mpsc::channel();
    let addr = serve(move |mut stream| {
        while let Ok(frame) = read_frame(&mut stream) {
            if is_audio(&frame) && !frame.1.is_empty() {
                // The caller may have hung up after the frame.
                let _ = write_frame(&mut stream, frame.0, &frame.1);
            }
            frames.send(frame).map_err(io::Error::other)?;
        }
        frames.send((0x00, Vec::new())).map_err(io::Error::other)
    });
    (addr, received)
}

/// Calls with these options. Returns the report and all frames of the caller.
#[track_caller]
fn sent(options: &str) -> (crate::process::Report, Vec<Frame>) {
    let (server, received) = serve_recorded();
    let report = call(server, &args(options));
    assert_eq!(report.code, 0, "{options}: {}", report.figures);
    let frames = received.iter().take_while(|frame| frame.0 != 0x00);
    (report, frames.collect())
}

fn is_silence((_, payload): &Frame) -> bool {
    payload.iter().all(|byte| *byte == 0)
}

#[test]
fn a_law_and_mu_law_are_sent_as_8_khz_with_a_byte_for_each_sample() {
    for codec in ["alaw", "ulaw"] {
        let options = format!("--codec {codec} --ptime 30 --duration 300ms");
        let (report, frames) = sent(&options);
        assert_eq!(report.figures["expect"], "any");
        let audio: Vec<_> = frames.iter().filter(|frame| is_audio(frame)).collect();
        assert_eq!(audio.len(), 10);
        assert!(
            audio
                .iter()
                .all(|(kind, audio)| (*kind, audio.len()) == (0x10, 240))
        );
    }
}

#[test]
fn keys_errors_and_a_second_uuid_are_sent_at_their_times() {
    let (report, frames) =
        sent("--dtmf 1 --dtmf-at 200ms:5# --error-at 100ms:4 --uuid-at 300ms --duration 400ms");
    let mut audio = 0;
    let mut others = Vec::new();
    for (kind, payload) in &frames {
        match kind {
            0x10 => audio += 1,
            _ => others.push((*kind, payload.clone(), audio / 5)),
        }
    }
    assert_eq!(audio, 20);
    let [first, second] = [0, 5].map(|index| others[index].1.clone());
    assert_eq!((others[0].0, others[5].0), (0x01, 0x01));
    assert!(
        first
            .iter()
            .zip(&second)
            .all(|(first, second)| first ^ second == 0xff)
    );
    assert_eq!(
        others[1..5],
        [
            (0x03, b"1".to_vec(), 0),
            (0xff, vec![4], 1),
            (0x03, b"5".to_vec(), 2),
            (0x03, b"#".to_vec(), 2),
        ]
    );
    assert_eq!(report.count("/digits_sent"), 3);
}

#[test]
fn no_audio_is_sent_on_hold_and_the_audio_then_continues() {
    let (report, _) = sent("--hold 200ms-800ms --duration 1s");
    assert_eq!(report.count("/frames/sent"), 20);
    assert_eq!(report.count("/frames/echoed"), 20);
}

#[test]
fn a_burst_at_the_start_is_a_part_of_the_audio() {
    let (report, _) = sent("--start-burst 5 --duration 300ms");
    assert_eq!(report.count("/frames/echoed"), 15);
}

#[test]
fn a_caller_speaks_at_a_time_and_is_silent_before() {
    let (_, frames) = sent("--say-at 200ms --duration 1s");
    let audio: Vec<_> = frames.iter().filter(|frame| is_audio(frame)).collect();
    assert_eq!(audio.len(), 50);
    assert!(audio[..10].iter().all(|frame| is_silence(frame)));
    assert!(!audio[10..].iter().any(|frame| is_silence(frame)));
}

#[test]
fn keys_in_band_are_tones() {
    let (report, frames) = sent("--dtmf 5 --dtmf-at 300ms:* --inband-keys --duration 600ms");
    assert_eq!(report.count("/digits_sent"), 2);
    assert!(frames[1..].iter().all(is_audio));
    let silent: Vec<_> = frames[1..].iter().map(is_silence).collect();
    // 100 ms of tones, 100 ms of silence.
    let tones = |from: usize| silent[from..from + 5] == [false; 5];
    assert!(tones(0) && tones(15), "{silent:?}");
    assert_eq!(silent.iter().filter(|silent| !**silent).count(), 10);
}

#[test]
fn a_captured_stream_is_sent_again() {
    let uuid: Vec<u8> = (1..=16).collect();
    let frames: Vec<Frame> = vec![
        (0x01, uuid),
        (0x10, vec![7; 320]),
        (0x03, b"5".to_vec()),
        (0x10, vec![8; 480]),
        (0x12, vec![9; 640]),
        (0xff, vec![4]),
        (0x10, vec![]),
        (0x10, vec![6; 320]),
    ];
    let mut capture = Vec::new();
    for (kind, payload) in &frames {
        capture.push(*kind);
        capture.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        capture.extend(payload);
    }
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("capture.bin");
    std::fs::write(&file, capture).unwrap();
    let (server, received) = serve_recorded();
    let report = call(server, &["--replay", file.to_str().unwrap()]);
    assert_eq!(report.code, 0, "{}", report.figures);
    assert_eq!(
        (report.count("/frames/sent"), report.count("/digits_sent")),
        (5, 1)
    );
    let replayed: Vec<_> = received
        .iter()
        .take_while(|frame| frame.0 != 0x00)
        .collect();
    assert_eq!(replayed, frames);
}

#[test]
fn a_capture_of_asterisk_is_sent_whole() {
    let capture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../audiosocket-proto/captures/app-dtmf.bin"
    );
    let (_, frames) = sent(&format!("--replay {capture}"));
    let sent: Vec<u8> = frames
        .iter()
        .flat_map(|(kind, payload)| {
            let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
            [&[*kind, high, low], &payload[..]].concat()
        })
        .collect();
    assert_eq!(sent, std::fs::read(capture).unwrap());
}

#[test]
fn an_old_release_sends_no_keys_of_a_script() {
    let (server, _received) = serve_recorded_echo();
    let options = args("--dtmf-at 100ms:5 --duration 200ms --asterisk 20.12");
    let report = call(server, &options);
    assert_eq!((report.code, report.count("/digits_sent")), (0, 0));
}
