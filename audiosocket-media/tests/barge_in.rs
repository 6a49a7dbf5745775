//! Barge-in: what interrupts and what does not, counted for a few calls of each case. The example `barge_in_table` counts
//! many more.

#[path = "../examples/barge_in_table/scene.rs"]
mod scene;
#[path = "../examples/barge_in_table/sounds.rs"]
mod sounds;

use std::path::Path;
use std::time::{Duration, Instant};

use audiosocket_media::barge_in::{
    BargeIn, BargeInEvent, BargeInOptions, Interrupters, PlayedAudio,
};
use audiosocket_media::file::AudioReader;
use audiosocket_media::{Resampler, SampleRate};
use audiosocket_proto::AudioBuf;
use scene::{Echo, Line, Scene, bounds};
use sounds::{Random, TONES, at_level, samples};

const RATE: SampleRate = SampleRate::Hz8000;
const FRAME: Duration = Duration::from_millis(20);

/// An event, and the end of its frame in milliseconds.
type Report = (BargeInEvent, u64);

/// Runs a scene at `rate`.
fn run(scene: &Scene, options: BargeInOptions, rate: SampleRate) -> (Vec<Report>, BargeIn) {
    let mut barge_in = BargeIn::new(options);
    let (mut events, mut reports) = (Vec::new(), Vec::new());
    let start = Instant::now();
    let caller = at_rate(&scene.caller, rate);
    let len = rate.samples_in(FRAME) as usize;
    let frames = scene.played.chunks(160).zip(caller.chunks(len));
    for (number, (played, caller)) in (1..).zip(frames) {
        let at = start + FRAME * number;
        barge_in.played(AudioBuf::from_samples(RATE, played).as_audio(), at);
        barge_in.push(rate, caller, at, &mut events);
        reports.extend(
            events
                .drain(..)
                .map(|event| (event, u64::from(number) * 20)),
        );
    }
    (reports, barge_in)
}

fn at_rate(samples: &[i16], rate: SampleRate) -> Vec<i16> {
    let (mut resampler, mut wide) = (Resampler::new(RATE, rate), Vec::new());
    resampler.push(samples, &mut wide);
    resampler.finish(&mut wide);
    wide
}

fn interruption(reports: &[Report]) -> Option<u64> {
    let found = reports
        .iter()
        .find(|(event, _)| *event == BargeInEvent::Interrupted);
    found.map(|(_, at)| *at)
}

/// How many of the scenes were interrupted.
fn interrupted(scenes: impl Iterator<Item = Scene>) -> usize {
    let is_interrupted =
        |scene: &Scene| interruption(&run(scene, BargeInOptions::default(), RATE).0).is_some();
    scenes.filter(is_interrupted).count()
}

/// The prompt: 4.6 s.
fn prompt() -> Vec<f32> {
    read(Path::new("auth-incorrect.wav"))
}

/// What the callers say: see `tests/speech`.
fn callers() -> Vec<Vec<f32>> {
    let names = [
        "espeak.en-gb+m7.003",
        "espeak.en-us+f3.005",
        "flite.awb.005",
    ];
    names
        .map(|name| read(&Path::new("callers").join(format!("{name}.wav"))))
        .to_vec()
}

fn read(path: &Path) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/speech")
        .join(path);
    let file = AudioReader::open(path);
    let samples = file.and_then(|mut file| file.read_all(RATE, Duration::from_secs(10)));
    let samples = samples.expect("speech");
    samples.iter().map(|at| f32::from(*at) / 32_768.0).collect()
}

/// A call in which the caller makes a sound at 1.5 s, while the prompt is played.
fn call(seed: u64, sound: &[f32], echo: Option<Echo>) -> Scene {
    let prompt = prompt();
    let line = Line {
        random: Random::new(seed),
        prompt: &prompt[..samples(3.5)],
        prompt_level: -20.0,
        echo,
    };
    line.scene(sound, samples(1.5), None)
}

/// A call in which the caller speaks.
fn speech(seed: u64, voice: &[f32], level: f32, echo: Option<Echo>) -> Scene {
    let voice = at_level(voice.to_vec(), level);
    let (start, end) = bounds(&voice);
    let mut scene = call(seed, &voice[..end], echo);
    scene.speech = Some((samples(1.5) + start, samples(1.5) + end));
    scene
}

#[test]
fn the_echo_of_the_prompt_does_not_interrupt() {
    let echoes = [
        (20, -10.0),
        (60, -15.0),
        (150, -10.0),
        (150, -25.0),
        (450, -10.0),
        (600, -20.0),
    ];
    let calls = (0..).zip(echoes).map(|(seed, (milliseconds, level))| {
        call(
            seed,
            &[],
            Some(Echo {
                milliseconds,
                level,
            }),
        )
    });
    assert_eq!(interrupted(calls), 0);
}

#[test]
fn the_echo_of_the_prompt_does_not_interrupt_after_a_tone() {
    let prompt = prompt();
    let tone = at_level(sounds::tone(&[1_000.0], 0.2, 2.0, samples(2.0)), -16.0);
    let delays = [20, 40, 80, 150, 300, 450, 600];
    let calls = (0..).zip(delays).map(|(seed, milliseconds)| {
        let line = Line {
            random: Random::new(seed),
            prompt: &prompt[..samples(3.5)],
            prompt_level: -20.0,
            echo: Some(Echo {
                milliseconds,
                level: -20.0,
            }),
        };
        line.scene(&tone, 0, None)
    });
    assert_eq!(interrupted(calls), 0);
}

#[test]
fn noise_hum_tones_and_keys_do_not_interrupt() {
    let (len, random) = (samples(2.0), &mut Random::new(1));
    let mut sounds = vec![
        at_level(sounds::white(random, len), -30.0),
        at_level(sounds::pink(random, len), -30.0),
        at_level(sounds::hum(random, 50.0, len), -20.0),
        at_level(sounds::keys(random, len), -18.0),
    ];
    // Dial, ringback and busy tones, and those of a fax.
    let tones = [1, 2, 5, 8, 9].map(|at| TONES[at]);
    sounds.extend(tones.map(|(_, hz, on, off)| at_level(sounds::tone(hz, on, off, len), -18.0)));
    let calls = (0..)
        .zip(sounds)
        .map(|(seed, sound)| call(seed, &sound, None));
    assert_eq!(interrupted(calls), 0);
}

#[test]
fn a_slam_and_a_cough_pause_the_bot_at_once_and_it_plays_on() {
    let random = &mut Random::new(2);
    let sounds = [
        at_level(sounds::slam(random), -12.0),
        at_level(sounds::cough(random), -20.0),
    ];
    for (seed, sound) in (0..).zip(sounds) {
        let scene = call(seed, &sound, None);
        let (reports, _) = run(&scene, BargeInOptions::default(), RATE);
        let [
            (BargeInEvent::Suspected, start),
            (BargeInEvent::Dismissed, end),
        ] = reports[..]
        else {
            panic!("{reports:?}");
        };
        assert!((1_500..=1_560).contains(&start), "{start}");
        assert!(end <= start + 700, "{start}, {end}");
    }
}

#[test]
fn a_bot_that_pauses_and_plays_on_plays_everything_once() {
    let random = &mut Random::new(2);
    let scene = call(0, &at_level(sounds::slam(random), -12.0), None);
    let (mut barge_in, mut playing) = (BargeIn::new(BargeInOptions::default()), PlayedAudio::new());
    playing.queue(AudioBuf::from_samples(RATE, &scene.played));
    let mut depth = RATE.duration_of(scene.played.len() as u64);
    let (mut heard, mut events, mut paused) = (Vec::new(), Vec::new(), Vec::new());
    let (start, mut pauses) = (Instant::now(), 0);
    for (number, caller) in (1..).zip(scene.caller.chunks(160)) {
        depth = depth.saturating_sub(FRAME);
        for left in playing.left(depth) {
            heard.extend(left.samples());
            barge_in.played(left.as_audio(), start + FRAME * number);
        }
        barge_in.push(RATE, caller, start + FRAME * number, &mut events);
        for event in events.drain(..) {
            match event {
                BargeInEvent::Suspected => {
                    paused = playing.clear(depth);
                    depth = Duration::ZERO;
                    pauses += 1;
                }
                BargeInEvent::Dismissed => {
                    for piece in paused.drain(..) {
                        depth += piece.duration();
                        playing.queue(piece);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(pauses, 1);
    assert!(paused.is_empty(), "the bot plays on");
    assert!(heard.len() < scene.played.len(), "the pause took time");
    heard.extend(playing.clear(depth).iter().flat_map(AudioBuf::samples));
    assert_eq!(heard, scene.played);
}

#[test]
fn quiet_speech_interrupts() {
    let calls = (0..)
        .zip(callers())
        .map(|(seed, voice)| speech(seed, &voice, -42.0, None));
    assert_eq!(interrupted(calls), callers().len());
}

#[test]
fn a_bot_is_silent_soon_after_the_start_of_speech_and_stays_silent() {
    let echo = Echo {
        milliseconds: 150,
        level: -20.0,
    };
    for (seed, voice) in (0..).zip(callers()) {
        for echo in [None, Some(echo)] {
            let scene = speech(seed, &voice, -25.0, echo);
            let onset = scene.speech.expect("speech").0 as u64 / 8;
            let (reports, _) = run(&scene, BargeInOptions::default(), RATE);
            let cleared = reports
                .iter()
                .position(|(event, _)| matches!(event, BargeInEvent::SpeechStarted { .. }));
            let cleared = cleared.expect("speech");
            let (last, paused) = reports[cleared - 1];
            assert_eq!(last, BargeInEvent::Suspected, "{reports:?}");
            assert!(paused <= onset + 250, "{paused}, {onset}");
        }
    }
}

#[test]
fn speech_interrupts_within_400_ms_and_its_start_is_in_the_pre_roll() {
    let echo = Echo {
        milliseconds: 150,
        level: -20.0,
    };
    let (mut calls, mut in_time, mut with_start) = (0, 0, 0);
    for (seed, voice) in (0..).zip(callers()) {
        for (level, echo) in [(-20.0, None), (-20.0, Some(echo))] {
            let mut scene = speech(seed, &voice, level, echo);
            let (start, _) = scene.speech.expect("speech");
            // The call ends in the frame that interrupts, so that the pre-roll ends there too.
            let (reports, _) = run(&scene, BargeInOptions::default(), RATE);
            calls += 1;
            let Some(end) = interruption(&reports) else {
                continue;
            };
            let end = end as usize * 8;
            in_time += usize::from(end + 3_200 > start && end <= start + 3_200);
            scene.caller.truncate(end);
            let (_, barge_in) = run(&scene, BargeInOptions::default(), RATE);
            let pre_roll = barge_in.pre_roll();
            assert!(
                scene.caller.ends_with(&pre_roll),
                "the pre-roll is the latest audio"
            );
            with_start += usize::from(end - pre_roll.len() <= start);
        }
    }
    assert_eq!((in_time, with_start), (calls, calls));
}

fn voice() -> Vec<f32> {
    callers().swap_remove(1)
}

#[test]
fn speech_has_a_start_an_interruption_and_an_end_at_every_rate() {
    let scene = speech(1, &voice(), -20.0, None);
    let (start, end) = scene.speech.expect("speech");
    for rate in [
        SampleRate::Hz8000,
        SampleRate::Hz16000,
        SampleRate::Hz44100,
        SampleRate::Hz48000,
    ] {
        let (reports, _) = run(&scene, BargeInOptions::default(), rate);
        let events: Vec<_> = reports
            .iter()
            .map(|(event, _)| *event)
            .filter(|event| !matches!(event, BargeInEvent::Suspected | BargeInEvent::Dismissed))
            .collect();
        let [
            BargeInEvent::SpeechStarted { at: started, .. },
            BargeInEvent::Interrupted,
            BargeInEvent::SpeechEnded { at: ended, .. },
        ] = events[..]
        else {
            panic!("{rate}: {events:?}");
        };
        let ms = |position: usize| position as u64 / 8;
        assert!(
            (started.as_millis() as u64).abs_diff(ms(start)) <= 100,
            "{rate}: {started:?}"
        );
        assert!(
            (ended.as_millis() as u64).abs_diff(ms(end)) <= 200,
            "{rate}: {ended:?}"
        );
    }
}

#[test]
fn a_caller_speaks_from_the_start_of_speech_to_its_end() {
    let scene = speech(1, &voice(), -20.0, None);
    let (start, end) = scene.speech.expect("speech");
    let len = scene.caller.len();
    for (until, speaks) in [(start, false), (end, true), (len, false)] {
        let mut scene = scene.clone();
        scene.caller.truncate(until);
        let (_, barge_in) = run(&scene, BargeInOptions::default(), RATE);
        assert_eq!(barge_in.is_speaking(), speaks, "after {until} of {len}");
    }
}

#[test]
fn only_what_the_policy_names_interrupts() {
    let scene = speech(1, &voice(), -20.0, None);
    for (interrupters, by_speech, by_key) in [
        (Interrupters::Nothing, false, false),
        (Interrupters::Keys, false, true),
        (Interrupters::Speech, true, false),
        (Interrupters::Any, true, true),
    ] {
        let options = BargeInOptions::default().interrupters(interrupters);
        let (reports, barge_in) = run(&scene, options, RATE);
        assert_eq!(
            interruption(&reports).is_some(),
            by_speech,
            "{interrupters:?}"
        );
        assert_eq!(barge_in.key_interrupts(), by_key, "{interrupters:?}");
        let is_start = |report: &Report| matches!(report.0, BargeInEvent::SpeechStarted { .. });
        assert!(
            reports.iter().any(is_start),
            "speech is reported: {interrupters:?}"
        );
    }
}

#[test]
fn nothing_interrupts_in_the_protected_time_and_speech_that_goes_on_interrupts_after_it() {
    let scene = speech(1, &voice(), -20.0, None);
    let (start, end) = scene.speech.expect("speech");
    let middle = Duration::from_millis((start + end) as u64 / 16);
    let options = BargeInOptions::default().protect(middle);
    let (reports, _) = run(&scene, options, RATE);
    let at = interruption(&reports).expect("an interruption");
    let expected = middle.as_millis() as u64;
    assert!(
        (expected..expected + 60).contains(&at),
        "{at}, not {expected}"
    );
    let options = options.protect(Duration::from_secs(60));
    let (reports, barge_in) = run(&scene, options, RATE);
    assert_eq!(interruption(&reports), None);
    assert!(!barge_in.key_interrupts());
}
