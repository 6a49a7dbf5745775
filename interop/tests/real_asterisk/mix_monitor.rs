//! A recording of both sides is as long and as aligned as Asterisk's own recording of the call.

use std::fs;
use std::path::Path;
use std::time::Duration;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE, remove_if_there};
use audiosocket_interop::audio::{Noise, samples, write_wav};
use audiosocket_interop::program::Server;
use audiosocket_interop::wait_for;
use uuid::Uuid;

use crate::app;

const RATE: usize = 8000;

/// A frame of 20 ms.
const FRAME: i64 = 160;

/// The audio that is compared at one place.
const WINDOW: usize = RATE / 8;

/// The largest offset between the two recordings that is searched. They start at different times.
const SEARCHED: i64 = RATE as i64 / 2;

/// The length of the call in seconds: `AUDIOSOCKET_CALL_SECONDS`, or 15.
fn call_seconds() -> usize {
    let seconds = std::env::var("AUDIOSOCKET_CALL_SECONDS").ok();
    seconds.map_or(15, |seconds| seconds.parse().expect("a number of seconds"))
}

/// The caller and the server send different noise. Asterisk records the caller's channel with `MixMonitor`, the program
/// with `--record`. Each side has the same offset between both recordings in each second of the call.
///
/// A frame of the server that leaves late is a step of the offset: Asterisk's recorder adds it without the gap before it.
#[test]
fn both_sides_are_recorded_as_mix_monitor_records_them() {
    let seconds = call_seconds();
    let calls = (0..5).map(|_| recorded_call(seconds));
    // Many late frames are many steps. A machine that is busy for a part of the call makes them late.
    let (mut offsets, late) = calls
        .flatten()
        .find(|(offsets, late)| {
            let is_moved = offsets.iter().any(|offsets| spread(offsets) > FRAME);
            !is_moved || *late <= seconds as u64 / 60
        })
        .expect("in one call of five, this machine and Asterisk's recorder kept up");
    let steps = remove_steps(&mut offsets[1]);
    let between = offsets[0].iter().zip(&offsets[1]);
    let between: Vec<i64> = between.map(|(caller, server)| caller - server).collect();
    let [caller, server] = &offsets;
    for (name, offsets) in [
        ("caller", caller),
        ("server", server),
        ("between", &between),
    ] {
        println!(
            "{name}: offset {:.1} ms, spread {:.2} ms, at {} places of {seconds} s",
            ms(offsets[0]),
            ms(spread(offsets)),
            offsets.len(),
        );
        assert!(spread(offsets) <= FRAME, "{name}: {offsets:?}");
    }
    println!("{steps} steps of the server, {late} frames late");
    assert!(steps <= late, "{steps} steps, {late} frames late");
}

/// Removes steps of more than half a frame. Returns their number.
fn remove_steps(offsets: &mut [i64]) -> u64 {
    let (mut steps, mut sum) = (0, 0);
    for at in 1..offsets.len() {
        offsets[at] -= sum;
        let step = offsets[at] - offsets[at - 1];
        if step.abs() > FRAME / 2 {
            steps += 1;
            sum += step;
            offsets[at] -= step;
        }
    }
    steps
}

fn spread(offsets: &[i64]) -> i64 {
    let (least, most) = (offsets.iter().min(), offsets.iter().max());
    most.zip(least).map_or(0, |(most, least)| most - least)
}

fn ms(samples: i64) -> f64 {
    samples as f64 * 1000.0 / RATE as f64
}

/// Returns the offsets of the caller and of the server in each second of the call, and how many frames of the server left
/// late. Returns `None` if Asterisk's recorder lost audio.
fn recorded_call(seconds: usize) -> Option<([Vec<i64>; 2], u64)> {
    let asterisk = Asterisk::take();
    asterisk.rx("core set debug 4 audiohook.c");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let prompt = directory.path().join("prompt.wav");
    let noise = |seed, seconds: usize| samples(&Noise::new(seed).bytes(seconds * RATE * 2));
    write_wav(&prompt, RATE as u32, &noise(1, seconds));
    // The server ends the call, so the caller has more to say.
    let speech = Noise::new(2).bytes((seconds + 10) * RATE * 2);
    fs::write(asterisk.audio_file("speech.sln"), speech).expect("the speech is written");
    // `r` is what the channel of the caller received: the audio of the server.
    let of_asterisk = ["said.sln", "heard.sln"].map(|name| asterisk.audio_file(name));
    of_asterisk.iter().for_each(|file| remove_if_there(file));

    let recordings = directory.path().join("recordings");
    fs::create_dir(&recordings).expect("a directory");
    let path = recordings.to_str().expect("a path of ASCII");
    let server = Server::play(&["--rate", "slin", "--record", path], &prompt);
    let uuid = Uuid::new_v4();
    asterisk.call(
        &format!("Local/{}", app(uuid, server.port())),
        "speak@caller",
    );
    std::thread::sleep(Duration::from_secs(seconds as u64));
    let end = server.wait_for_end(uuid);
    assert_eq!((end.dropped, end.exceptions), (0, 0), "{end:?}");
    asterisk.wait_for_log("End MixMonitor Recording");
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
    wait_for("the recording to end", || {
        let is_end = |line: &String| line.contains(" INFO recorded ");
        server.log().iter().any(is_end).then_some(())
    });

    let ours = channels(&only_file(&recordings));
    let theirs = of_asterisk.map(|file| samples(&fs::read(file).expect("a recording")));
    // The first frame of each direction flushes an empty buffer.
    let flushes = asterisk.log().matches("Flushing audiohook").count();
    let offsets = [0, 1].map(|side| offsets(&ours[side], &theirs[side], seconds));
    println!(
        "{flushes} flushes of Asterisk's recorder, {} frames late",
        end.late
    );
    let [caller, server] = offsets;
    (flushes <= 2).then_some(([caller?, server?], end.late))
}

fn only_file(directory: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(directory).expect("the recordings");
    let files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    let [file] = &files[..] else {
        panic!("not one recording: {files:?}");
    };
    file.clone()
}

/// Returns the left and the right channel.
fn channels(file: &Path) -> [Vec<i16>; 2] {
    let mut reader = hound::WavReader::open(file).expect("a recording");
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate), (2, RATE as u32));
    let samples: Vec<i16> = reader
        .samples()
        .map(|sample| sample.expect("16 bits"))
        .collect();
    let pairs = samples.as_chunks::<2>().0;
    [0, 1].map(|channel| pairs.iter().map(|pair| pair[channel]).collect())
}

/// Returns the offsets of `theirs` to `ours`, in samples, in each second from the second one to the one before the last.
/// Returns `None` if a place of `ours` is not in `theirs`.
fn offsets(ours: &[i16], theirs: &[i16], seconds: usize) -> Option<Vec<i64>> {
    let places = (2..seconds - 1).map(|second| second * RATE);
    places.map(|place| offset(ours, theirs, place)).collect()
}

/// Returns the offset at which the cross-correlation is highest, if it is nearly that of equal audio.
fn offset(ours: &[i16], theirs: &[i16], place: usize) -> Option<i64> {
    let window = ours.get(place..place + WINDOW)?;
    let energy = correlation(window, window);
    let candidates = -SEARCHED..SEARCHED;
    let correlations = candidates.filter_map(|offset| {
        let start = usize::try_from(place as i64 + offset).ok()?;
        let other = theirs.get(start..start + WINDOW)?;
        Some((offset, correlation(window, other)))
    });
    let (offset, highest) = correlations.max_by_key(|(_, correlation)| *correlation)?;
    (highest > energy / 10 * 9).then_some(offset)
}

fn correlation(one: &[i16], other: &[i16]) -> i64 {
    let products = one.iter().zip(other);
    products
        .map(|(one, other)| i64::from(*one) * i64::from(*other))
        .sum()
}
