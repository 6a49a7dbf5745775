//! The caller gets each sample of a played recording.

use std::fs;
use std::path::Path;
use std::time::Duration;

use audiosocket_interop::asterisk::{Asterisk, remove_if_there};
use audiosocket_interop::audio::{assert_is_piece, samples, write_wav};
use audiosocket_interop::program::Server;
use audiosocket_interop::wire::Listener;
use audiosocket_media::{Resampler, SampleRate};
use uuid::Uuid;

use crate::{app_extension, dial_extension};

#[test]
fn application_plays_every_sample() {
    let at_once = Duration::ZERO;
    caller_hears_speech(SampleRate::Hz8000, at_once, app_extension);
    // The application receives any rate, although it sends 8 kHz.
    caller_hears_speech(SampleRate::Hz16000, at_once, app_extension);
}

/// `Dial` loses audio before it has joined both legs: the first 20 ms in about half of the calls, and the
/// first 180 ms in one of a hundred calls (22.10.1). So there is silence before the speech.
#[test]
fn dial_plays_every_sample() {
    let lead = Duration::from_secs(1);
    let dial = |codec| move |uuid, port| dial_extension(uuid, port, codec);
    caller_hears_speech(SampleRate::Hz8000, lead, dial("slin"));
    caller_hears_speech(SampleRate::Hz16000, lead, dial("slin16"));
}

/// Plays speech of `rate` to a caller, after silence of the length `lead`. The channel of the caller has
/// that rate, so Asterisk does not convert the audio.
fn caller_hears_speech(rate: SampleRate, lead: Duration, extension: impl Fn(Uuid, u16) -> String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("speech.wav");
    let mut speech = vec![0; rate.hz() as usize * lead.as_millis() as usize / 1000];
    speech.extend(recording(rate));
    write_wav(&file, rate.hz(), &speech);
    // The caller sends no audio, so the program would play at 8 kHz.
    let server = Server::play(&["--rate", rate.format_name()], &file);
    let recorded = (0..5)
        .find_map(|_| {
            let call = call(&server, rate, &extension);
            assert_is_piece(sound(&speech), sound(&call.heard), sound(&speech).len());
            call.recorded
        })
        .expect("the recorder kept up in one call of five");
    // The recorder may miss the last frames of a call only.
    let (recorded, speech) = (sound(&recorded), sound(&speech));
    let frame = rate.hz() as usize / 50;
    let recordable = &speech[..recorded.len().min(speech.len())];
    assert_is_piece(recordable, recorded, speech.len() - 2 * frame);
}

struct Call {
    /// The audio that the caller received.
    heard: Vec<i16>,
    /// Asterisk's recording. `None` if its recorder lost audio, as on a busy machine.
    recorded: Option<Vec<i16>>,
}

fn call(server: &Server, rate: SampleRate, extension: impl Fn(Uuid, u16) -> String) -> Call {
    let asterisk = Asterisk::take();
    asterisk.rx("core set debug 4 audiohook.c");
    let (khz, file, codec) = match rate {
        SampleRate::Hz8000 => (8, "heard.sln", "slin"),
        _ => (16, "heard.sln16", "slin16"),
    };
    let recording = asterisk.audio_file(file);
    remove_if_there(&recording);

    let listener = Listener::bind();
    let [caller, callee] = [Uuid::new_v4(), Uuid::new_v4()];
    let channel = format!(
        "AudioSocket/127.0.0.1:{}/{caller}/c({codec})",
        listener.port()
    );
    let extension = extension(callee, server.port());
    asterisk.call(&channel, &format!("{khz}-{extension}@recorded"));
    let mut leg = listener.accept(caller);
    let mut heard = Vec::new();
    while let Some((_, payload)) = leg.read() {
        heard.extend(payload);
    }
    let end = server.wait_for_end(callee);
    assert_eq!((end.dropped, end.exceptions), (0, 0), "{end:?}");
    asterisk.wait_for_log("End MixMonitor Recording");
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);

    // The first frame flushes an empty buffer.
    let flushes = asterisk.log().matches("Flushing audiohook").count();
    let recorded = samples(&fs::read(&recording).expect("a recording"));
    Call {
        heard: samples(&heard),
        recorded: (flushes <= 1).then_some(recorded),
    }
}

/// The audio without the silence before and after it.
fn sound(audio: &[i16]) -> &[i16] {
    let is_sound = |sample: &i16| *sample != 0;
    let start = audio.iter().position(is_sound).unwrap_or(audio.len());
    let end = audio
        .iter()
        .rposition(is_sound)
        .map_or(start, |last| last + 1);
    &audio[start..end]
}

/// Real speech: see `audiosocket-media/tests/speech`.
fn recording(rate: SampleRate) -> Vec<i16> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../audiosocket-media/tests/speech/auth-incorrect.wav");
    let mut reader = hound::WavReader::open(file).expect("the recording");
    let speech: Result<Vec<_>, _> = reader.samples().collect();
    let mut resampler = Resampler::new(SampleRate::Hz8000, rate);
    let mut resampled = Vec::new();
    resampler.push(&speech.expect("16 bits"), &mut resampled);
    resampler.finish(&mut resampled);
    resampled
}
