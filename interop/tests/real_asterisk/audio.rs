//! The echo server sends back the audio of the caller.

use std::fs;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE, remove_if_there};
use audiosocket_interop::audio::{Noise, assert_is_piece, samples};
use audiosocket_interop::program::Server;
use audiosocket_interop::wire::{AUDIO, Clock, HANGUP, Listener};
use audiosocket_interop::{wait_for, wire};
use uuid::Uuid;

use crate::{app, dial};

#[test]
fn application_echoes_every_sample() {
    caller_hears_what_it_says(app);
}

#[test]
fn dial_echoes_every_sample() {
    caller_hears_what_it_says(|uuid, port| dial(uuid, port, "slin"));
}

const SECOND: usize = 8000;

/// A caller inside Asterisk sends five seconds at 8 kHz. Asterisk records both directions.
fn caller_hears_what_it_says(extension: impl Fn(Uuid, u16) -> String) {
    let server = Server::echo();
    let speech = Noise::new(8000).bytes(5 * SECOND * 2);
    let [said, heard] = (0..5)
        .find_map(|_| record_call(&server, &extension, &speech))
        .expect("the recorder kept up in one call of five");
    // The first check shows that the recorder works. The two recordings are not compared, because one
    // can start a frame before the other.
    let speech = samples(&speech);
    assert_is_piece(&speech, &said, 4 * SECOND);
    assert_is_piece(&speech, &heard, 4 * SECOND);
}

/// Returns the recordings of both directions of one call. Returns `None` if the recorder lost audio. It
/// does that when one direction is 100 ms ahead of the other, as on a busy machine.
fn record_call(
    server: &Server,
    extension: impl Fn(Uuid, u16) -> String,
    speech: &[u8],
) -> Option<[Vec<i16>; 2]> {
    let asterisk = Asterisk::take();
    asterisk.rx("core set debug 4 audiohook.c");
    fs::write(asterisk.audio_file("speech.sln"), speech).expect("the speech is written");
    let recordings = ["said.sln", "heard.sln"].map(|name| asterisk.audio_file(name));
    recordings.iter().for_each(|file| remove_if_there(file));

    let uuid = Uuid::new_v4();
    let extension = extension(uuid, server.port());
    asterisk.call(&format!("Local/{extension}"), "speak@caller");
    server.wait_for_end(uuid).assert_lossless();
    asterisk.wait_for_log("End MixMonitor Recording");
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);

    // The recorder fills gaps with silence. The speech has no zero.
    let recorded = recordings.map(|file| {
        let recording = samples(&fs::read(file).expect("a recording"));
        recording.into_iter().filter(|s| *s != 0).collect()
    });
    // The first frame of each direction flushes an empty buffer.
    let flushes = asterisk.log().matches("Flushing audiohook").count();
    (flushes <= 2).then_some(recorded)
}

#[test]
fn every_rate_comes_back_byte_for_byte() {
    let server = Server::echo();
    let rates = [
        ("slin", 8_000),
        ("slin12", 12_000),
        ("slin16", 16_000),
        ("slin24", 24_000),
        ("slin32", 32_000),
        ("slin44", 44_100),
        ("slin48", 48_000),
        ("slin96", 96_000),
        ("slin192", 192_000),
    ];
    for (kind, (codec, rate)) in (AUDIO..).zip(rates) {
        println!("{codec}");
        comes_back_byte_for_byte(&server, codec, kind, rate / 50 * 2);
    }
}

/// Two seconds with AudioSocket on both legs, so that Asterisk does not convert the audio. This test is
/// the caller.
fn comes_back_byte_for_byte(server: &Server, codec: &str, kind: u8, frame_size: usize) {
    const FRAMES: usize = 100;
    let asterisk = Asterisk::take();
    let listener = Listener::bind();
    let [caller, callee] = [Uuid::new_v4(), Uuid::new_v4()];
    let channel = format!(
        "AudioSocket/127.0.0.1:{}/{caller}/c({codec})",
        listener.port()
    );
    asterisk.call(&channel, &dial(callee, server.port(), codec));

    let mut leg = listener.accept(caller);
    let mut ears = leg.other_end();
    let (echoes, heard) = std::sync::mpsc::channel();
    let listening = std::thread::spawn(move || {
        while let Some(frame) = ears.read() {
            let _ = echoes.send(frame);
        }
    });
    let mut clock = Clock::new();
    // Asterisk loses audio before it has joined both legs. So the test sends silence until some comes
    // back.
    let silence = vec![0; frame_size];
    wait_for("the first echo", || {
        clock.tick();
        leg.write(kind, &silence);
        heard.try_recv().ok()
    });
    let mut noise = Noise::new(u64::from(kind));
    let said: Vec<wire::Frame> = (0..FRAMES)
        .map(|_| (kind, noise.bytes(frame_size)))
        .collect();
    for (kind, payload) in &said {
        clock.tick();
        leg.write(*kind, payload);
    }
    let echo: Vec<wire::Frame> = (0..FRAMES)
        .scan(true, |leading, _| {
            loop {
                let frame = heard.recv_timeout(audiosocket_interop::PATIENCE).ok()?;
                *leading &= frame.1 == silence;
                if !*leading {
                    return Some(frame);
                }
            }
        })
        .collect();
    assert_eq!(echo.len(), FRAMES, "frames that came back at {codec}");
    let wrong = (0..FRAMES).find(|n| said[*n] != echo[*n]);
    assert!(
        wrong.is_none(),
        "at {codec}, frame {wrong:?} of kind {:#04x} and {} bytes came back as kind {:#04x} and {} bytes",
        kind,
        frame_size,
        echo[wrong.unwrap_or(0)].0,
        echo[wrong.unwrap_or(0)].1.len(),
    );

    leg.write(HANGUP, &[]);
    listening
        .join()
        .expect("Asterisk closes the connection after a whole frame");
    server.wait_for_end(callee).assert_lossless();
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);
}
