//! The keys that a caller presses.

use audiosocket_interop::asterisk::{Asterisk, CALLER_HUNG_UP, ECHO_CAME_LATE};
use audiosocket_interop::recorder::{Answer, Recorder, Told};
use audiosocket_interop::wait_for;
use audiosocket_interop::wire::{AUDIO, DTMF, HANGUP, Listener};
use uuid::Uuid;

use crate::{app, dial};

/// What `dtmf@caller` presses, before a tone.
const KEYS: &str = "15*D#";

/// A second of the tone: a key told twice would be told within it.
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

/// What Asterisk sends, without the library, so that a change in Asterisk is not taken for a fault
/// of the library.
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
        let told = server.told(uuid);
        let is_key = |told: &Told| matches!(told, Told::Key(_));
        let last_key = told.iter().rposition(is_key)?;
        let keys = told.iter().filter(|told| is_key(told)).count();
        (keys >= KEYS.len() && told.len() - last_key > TONE).then_some(())
    });
    asterisk.rx("channel request hangup all");
    let told = server.finish(1);
    let keys = told.iter().filter_map(|(call, told)| match told {
        Told::Key(key) if *call == Some(uuid) => Some(*key),
        _ => None,
    });
    assert_eq!(keys.collect::<String>(), KEYS);
    asterisk.wait_until_idle();
    // The server sends silence, which can cross the hangup as an echo can.
    asterisk.assert_no_complaints(&[CALLER_HUNG_UP, ECHO_CAME_LATE]);
}
