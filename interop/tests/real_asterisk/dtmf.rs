//! The keys of a caller arrive once and in order.

use std::time::Duration;

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::program::Server;
use audiosocket_interop::recorder::{Answer, Recorder};
use audiosocket_interop::rtp::Telephone;
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::tap::Tap;
use audiosocket_interop::wait_for;
use audiosocket_interop::wire::{AUDIO, DTMF, HANGUP, Listener};
use audiosocket_media::dtmf::{DtmfToneOptions, dtmf_tones};
use audiosocket_media::{Law, SampleRate};
use audiosocket_testing::transcript::Record;
use uuid::Uuid;

use crate::{app, app_extension, dial, dial_extension};

/// The keys of `dtmf@caller`. A tone follows them.
const KEYS: &str = "15*D#";

/// The frames in a second of the tone. A repeated key would arrive in this time.
const TONE: usize = 50;

#[test]
fn application_sends_each_key_once_in_order() {
    each_key_once_on_the_wire(app);
    each_key_once_in_on_dtmf(app);
}

#[test]
fn dial_sends_each_key_once_in_order() {
    each_key_once_on_the_wire(|uuid, port| dial(uuid, port, "slin"));
    each_key_once_in_on_dtmf(|uuid, port| dial(uuid, port, "slin"));
}

/// The test without the library. It shows whether a change in Asterisk is the cause of a failure.
fn each_key_once_on_the_wire(extension: impl FnOnce(Uuid, u16) -> String) {
    let asterisk = Asterisk::take();
    let listener = Listener::bind();
    let uuid = Uuid::new_v4();
    let extension = extension(uuid, listener.port());
    asterisk.call(&format!("Local/{extension}"), "dtmf@caller");
    let mut leg = listener.accept(uuid);
    let mut keys = Vec::new();
    let mut tone = 0;
    while tone < TONE {
        let (kind, payload) = leg.read().expect("the call goes on");
        match kind {
            DTMF => keys.extend(payload),
            AUDIO if keys.len() >= KEYS.len() => tone += 1,
            AUDIO => {}
            other => panic!("a frame of kind {other:#04x}"),
        }
    }
    assert_eq!(String::from_utf8_lossy(&keys), KEYS);
    leg.write(HANGUP, &[]);
    while leg.read().is_some() {}
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);
}

fn each_key_once_in_on_dtmf(extension: impl FnOnce(Uuid, u16) -> String) {
    let asterisk = Asterisk::take();
    let server = Recorder::start(Answer::Silence);
    let uuid = Uuid::new_v4();
    let extension = extension(uuid, server.port());
    asterisk.call(&format!("Local/{extension}"), "dtmf@caller");
    wait_for("the keys and the tone after them", || {
        let records = server.records(uuid);
        let is_key = |record: &Record| matches!(record, Record::Dtmf(_));
        let last_key = records.iter().rposition(is_key)?;
        let keys = records.iter().filter(|record| is_key(record)).count();
        (keys >= KEYS.len() && records.len() - last_key > TONE).then_some(())
    });
    asterisk.rx("channel request hangup all");
    let entries = server.finish(1);
    let keys = entries.iter().filter_map(|entry| match entry.record {
        Record::Dtmf(key) if entry.uuid == Some(uuid) => Some(key.as_char()),
        _ => None,
    });
    assert_eq!(keys.collect::<String>(), KEYS);
    asterisk.wait_until_idle();
    // The server sends silence, which can cross the hangup as an echo can.
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}

/// The telephones send the tones of keys as audio. Asterisk passes them on and sends no frames of keys, because its endpoint
/// expects events (RFC 4733). The first key interrupts the bot.
#[test]
fn the_bot_takes_keys_that_telephones_send_as_tones() {
    const TONES: &str = "1559#";
    let asterisk = Asterisk::take();
    let server = Server::bot(&["--key-timeout", "1m"]);
    let tap = Tap::before(server.port());
    let uuids = [Uuid::new_v4(), Uuid::new_v4()];
    let telephones = [Codec::Alaw; 2].map(Telephone::new);
    let lines = [
        app_extension(uuids[0], tap.port()),
        dial_extension(uuids[1], tap.port(), "slin"),
    ];
    let lines = lines.into_iter().zip(telephones.each_ref());
    let lines = lines.map(|(extension, telephone)| (extension, telephone.port()));
    let phones = Phones::ring(&lines.collect::<Vec<_>>(), Codec::Alaw, 5000);
    let keys = dtmf_tones(TONES, SampleRate::Hz8000, DtmfToneOptions::default()).expect("keys");
    // A second before the keys, and a second after them.
    let samples = [0; 8000].into_iter().chain(keys.samples());
    let samples = samples.chain([0; 8000]);
    let said: Vec<u8> = samples.map(|at| Law::A.encode_sample(at)).collect();
    std::thread::scope(|scope| {
        for telephone in &telephones {
            scope.spawn(|| {
                let conversation = telephone.talk(Duration::ZERO, &said);
                assert_eq!(conversation.said.len(), said.len().div_ceil(160));
            });
        }
    });
    assert_eq!(phones.wait().failed, 0);
    for uuid in uuids {
        let end = server.wait_for_end(uuid);
        assert_eq!((end.dropped, end.exceptions), (0, 0), "{end:?}");
        let uuid_text = uuid.to_string();
        let log = server.log();
        let pressed = log.iter().filter_map(|line| {
            let is_key = line.contains(&uuid_text) && line.contains("its tones came");
            let (_, digit) = line.split_once("digit=").filter(|_| is_key)?;
            digit.chars().next()
        });
        assert_eq!(pressed.collect::<String>(), TONES);
        let frames = tap.frames(uuid);
        assert!(frames.iter().all(|(_, (kind, _))| *kind == AUDIO));
    }
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}
