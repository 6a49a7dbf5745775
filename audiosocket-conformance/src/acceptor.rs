use std::panic::resume_unwind;

use audiosocket_proto::Audio;
use audiosocket_server::{Call, Refusal, Response};
use audiosocket_testing::transcript::{Answers, Entry, Record, TranscriptAcceptor};

use crate::frames::speech;
use crate::transcript::{Transcripts, digest, name};
use crate::{orders, playing};

/// The acceptor of all cases. It records each callback. The text of the UUID names the call:
///
/// | name | effect |
/// |---|---|
/// | `refuse` | the call is refused |
/// | `greet`, `greet by playing` | audio is sent, or played, at the start |
/// | `hang up at start`, `hang up at mark`, `hang up on error` | the callback hangs up |
/// | `speak at end`, `play at end` | the last callback tries to send, or to play |
/// | `answer keys` | `*` is answered with audio and `#` with a hangup |
/// | `note shutdown`, `end at shutdown` | `on_shutdown` is recorded, or hangs up |
/// | `observe sent` | the frames that the call sends are recorded after its end |
/// | `record drop` | the drop of the handler is recorded |
/// | `panic in accept`, … `start`, `dtmf`, `mark`, `ignored`, `error`, `end`, `drop` | that callback panics |
///
/// An [order](orders) at the start of the audio selects the answer. Other audio is echoed.
pub(crate) type ScriptedAcceptor = TranscriptAcceptor<Answers>;

pub(crate) fn scripted(transcripts: &Transcripts) -> ScriptedAcceptor {
    let (counts, notes, answer_notes) = (
        transcripts.clone(),
        transcripts.clone(),
        transcripts.clone(),
    );
    let answers = Answers::new()
        .accept(|request| match &*name(request.uuid) {
            "refuse" => Err(Refusal::new("as asked")),
            _ => Ok(()),
        })
        .on_audio(move |call, audio| {
            orders::obey(call, audio, |call, line| answer_notes.note(call, line))
        })
        .on_dtmf(|call, digit| match (digit.as_char(), &*name(call.uuid())) {
            ('*', "answer keys") => b"star"[..].into(),
            ('#', "answer keys") => Response::Hangup,
            _ => Response::Nothing,
        });
    TranscriptAcceptor::new(answers)
        .record_into(transcripts.entries())
        .keep_if(move |entry| is_recorded(entry, &counts))
        .on_entry(panic_as_named)
        .in_call(move |call, record| act_as_named(call, record, &notes))
}

fn is_recorded(entry: &Entry, transcripts: &Transcripts) -> bool {
    match &entry.record {
        Record::Audio(_, payload) if orders::is_unrecorded(payload) => {
            let peer = entry.peer.as_ref().and_then(|peer| peer.socket_addr());
            transcripts.count_unrecorded(peer.unwrap());
            false
        }
        Record::Drop => entry.uuid.is_some_and(|uuid| name(uuid) == "record drop"),
        Record::Shutdown => entry.uuid.is_some_and(|uuid| name(uuid) == "note shutdown"),
        _ => true,
    }
}

fn panic_as_named(entry: &Entry) {
    let callback = match &entry.record {
        // A peer without a call has no name. The acceptor panics if the first frame of such a peer has this kind.
        Record::NoCall(error) if error.contains("kind 0x50") => panic("no call"),
        Record::Accept(_) => "accept",
        Record::Start => "start",
        Record::Dtmf(_) => "dtmf",
        Record::Mark(..) => "mark",
        Record::Ignored(..) => "ignored",
        Record::Exception(_) => "error",
        Record::End(_) => "end",
        Record::Drop => "drop",
        _ => return,
    };
    let name = entry.uuid.map(name).unwrap_or_default();
    if name.strip_prefix("panic in ") == Some(callback) {
        panic(callback);
    }
}

fn act_as_named(call: &mut Call<'_>, record: &Record, transcripts: &Transcripts) {
    match (record, &*name(call.uuid())) {
        (Record::Start, "greet") => call
            .send(Audio::new(Default::default(), b"welcome"))
            .unwrap(),
        (Record::Start, "greet by playing") => {
            call.try_play((Default::default(), speech(700))).unwrap();
        }
        (Record::Start, "hang up at start")
        | (Record::Mark(..), "hang up at mark")
        | (Record::Exception(_), "hang up on error")
        | (Record::Shutdown, "end at shutdown") => call.hangup(),
        (Record::Start, "observe sent") => {
            let sent = transcripts.sent(call);
            call.observe_sent(move |frame| {
                let way = if frame.on_schedule { "played" } else { "sent" };
                let rate = frame.audio.rate().format_name();
                let line = format!("{way} {rate} {}", digest(frame.audio.payload()));
                sent.lock().unwrap().push(line);
            });
        }
        (Record::End(_), "observe sent") => {
            let lines = std::mem::take(&mut *transcripts.sent(call).lock().unwrap());
            lines
                .into_iter()
                .for_each(|line| transcripts.note(call, line));
        }
        (Record::End(_), "speak at end") => {
            let result = call.send(Audio::new(Default::default(), b"too late"));
            transcripts.note(call, orders::outcome(result));
            call.hangup();
        }
        (Record::End(_), "play at end") => {
            let note = |call: &Call<'_>, line| transcripts.note(call, line);
            let result = call.try_play((Default::default(), b"too late".to_vec()));
            playing::note(call, result, note);
            let result = call.mark(1);
            playing::note(call, result, note);
            call.hangup_after_playout();
        }
        _ => {}
    }
}

/// Panics without the panic hook, which would print to the output of cases that pass.
pub(crate) fn panic(callback: &'static str) -> ! {
    resume_unwind(Box::new(callback))
}
