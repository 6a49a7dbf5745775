use std::task::Waker;

use audiosocket_media::Prompt;
use audiosocket_proto::{Decoder, MarkOutcome, Message, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{CallDriver, Calls};
use audiosocket_tokio::{CallRequest, Handler};

use super::*;

const RATE: SampleRate = SampleRate::Hz8000;

fn part(number: i16) -> AudioBuf {
    let first = 1 + number * 800;
    let samples: Vec<i16> = (first..first + 800).collect();
    AudioBuf::from_samples(RATE, &samples)
}

struct TestPlayer(SharedPlayer);

impl Handler for TestPlayer {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.0.start(call, RATE).unwrap();
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, _: MarkOutcome) {
        self.0.resume(call, mark).unwrap();
    }
}

#[test]
fn each_rate_has_the_same_samples_whether_it_is_converted_before_or_after_the_audio_arrives() {
    let parts: Vec<_> = (0..20).map(part).collect();
    let convert = |early: bool| {
        let audio = SharedAudio::new(RATE, [RATE, SampleRate::Hz12000]);
        for part in &parts {
            audio.add(part);
            if early {
                audio.prepare(SampleRate::Hz12000);
            }
        }
        audio.complete();
        audio.prepare(SampleRate::Hz12000);
        let converted = audio.lock(1);
        let samples = converted.parts.iter().flat_map(AudioBuf::samples);
        samples.collect::<Vec<_>>()
    };
    let all: Vec<_> = parts.iter().flat_map(AudioBuf::samples).collect();
    let wanted = Prompt::from_samples(RATE, all).at(SampleRate::Hz12000);
    let wanted: Vec<_> = wanted.samples().collect();
    assert_eq!(convert(false), wanted);
    assert_eq!(convert(true), wanted);
}

#[test]
fn a_long_file_is_cut_into_parts_that_share_its_memory() {
    let file = AudioBuf::from_samples(RATE, &[1; 50_001]);
    let audio = SharedAudio::new(RATE, [RATE]);
    audio.add(&file);
    audio.prepare(RATE);
    let parts = &audio.lock(0).parts;
    let mut at = 0;
    for part in parts {
        assert!(part.duration() <= LONGEST_PART);
        assert_eq!(part.bytes().as_ptr(), file.bytes()[at..].as_ptr());
        at += part.bytes().len();
    }
    assert_eq!((parts.len(), at), (4, 100_002));
}

/// The playout holds 1 s, and 4 s arrive at once. The call must play all of it, in virtual time.
#[test]
fn audio_that_arrives_faster_than_a_call_plays_is_played_completely() {
    let audio = Arc::new(SharedAudio::new(RATE, [RATE]));
    let shared = audio.clone();
    let acceptor =
        move |_: &CallRequest<'_>| Ok(TestPlayer(SharedPlayer::new(shared.clone(), false)));
    let config = SessionConfig::default().max_playout(Duration::from_secs(1));
    let (calls, mut now) = (Calls::default(), Timestamp::ZERO);
    let acceptor = Arc::new(acceptor);
    let mut driver = CallDriver::new(acceptor, "peer".into(), config, &calls, now);
    audio.add(&part(0));
    driver.receive(now, b"\x01\x00\x10sixteen bytes !!");
    for number in 1..=38 {
        audio.add(&part(number));
    }
    audio.complete();

    let mut sent = Vec::new();
    loop {
        driver.poll_commands(now, Waker::noop());
        match driver.poll_transmit() {
            Transmit::Bytes(bytes) => {
                let len = bytes.len();
                sent.extend_from_slice(bytes);
                driver.transmitted(now, len);
            }
            Transmit::Idle => {
                now = driver.poll_timeout().expect("a deadline").max(now);
                driver.handle_timeout(now);
            }
            _ => break,
        }
    }
    let (mut decoder, mut input) = (Decoder::new(), &sent[..]);
    let mut samples = Vec::new();
    while let Some(frame) = decoder.decode(&mut input) {
        if let Ok(Message::Audio(audio)) = Message::parse(frame) {
            audiosocket_media::pcm::from_slin(audio.payload(), &mut samples);
        }
    }
    samples.retain(|sample| *sample != 0);
    let expected: Vec<i16> = (0..=38)
        .flat_map(|number| part(number).samples().collect::<Vec<_>>())
        .collect();
    assert_eq!(samples, expected);
}
