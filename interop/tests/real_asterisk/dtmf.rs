//! The keys of a caller arrive once and in order.

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::recorder::{Answer, Recorder};
use audiosocket_interop::wait_for;
use audiosocket_interop::wire::{AUDIO, DTMF, HANGUP, Listener};
use audiosocket_testing::transcript::Record;
use uuid::Uuid;

use crate::{app, dial};

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
