//! `Dial` without `c(…)` sends the telephone's own codec, under the kind of 8 kHz audio.

use audiosocket_interop::asterisk::Asterisk;
use audiosocket_interop::audio::{Noise, assert_is_piece};
use audiosocket_interop::recorder::{Answer, Recorder};
use audiosocket_interop::sip::{Codec, Phones};
use audiosocket_interop::wire::{AUDIO, Listener};
use audiosocket_testing::transcript::Record;
use uuid::Uuid;

const SECOND: usize = 8000;

#[test]
fn alaw_arrives_whole() {
    arrives_whole_on_the_wire(Codec::Alaw);
    arrives_whole_in_on_audio(Codec::Alaw);
}

#[test]
fn ulaw_arrives_whole() {
    arrives_whole_on_the_wire(Codec::Ulaw);
    arrives_whole_in_on_audio(Codec::Ulaw);
}

/// The test without the library. It shows whether a change in Asterisk is the cause of a failure.
fn arrives_whole_on_the_wire(codec: Codec) {
    let listener = Listener::bind();
    says_to(codec, listener.port(), |uuid| {
        let mut leg = listener.accept(uuid);
        let mut heard = Vec::new();
        while let Some((kind, payload)) = leg.read() {
            assert_eq!(kind, AUDIO);
            heard.push(payload);
        }
        heard
    });
}

fn arrives_whole_in_on_audio(codec: Codec) {
    let server = Recorder::start(Answer::Silence);
    says_to(codec, server.port(), |uuid| {
        let mut heard = Vec::new();
        let mut entries = server.finish(1);
        let last = entries.pop().expect("the end");
        assert!(matches!(last.record, Record::End(_)), "{last}");
        for entry in entries {
            assert_eq!(entry.uuid, Some(uuid));
            match entry.record {
                Record::Audio(_, payload) => heard.push(payload),
                other => panic!("{other}"),
            }
        }
        heard
    });
}

/// A telephone sends three seconds of noise. `hear` returns the received payloads.
fn says_to(codec: Codec, port: u16, hear: impl FnOnce(Uuid) -> Vec<Vec<u8>>) {
    let asterisk = Asterisk::take();
    let uuid = Uuid::new_v4();
    let said = Noise::new(711).bytes(3 * SECOND);
    let phone = Phones::dial(1, 1, &format!("raw-{uuid}-{port:05}"), codec, &said);
    let heard = hear(uuid);
    // SIPp sends 20 ms per packet.
    assert!(heard.iter().all(|payload| payload.len() == 160));
    assert_is_piece(&said, &heard.concat(), 5 * SECOND / 2);
    let outcome = phone.wait();
    assert_eq!((outcome.successful, outcome.failed), (1, 0));
    asterisk.wait_until_idle();
    asterisk.assert_no_complaints(&[]);
}
