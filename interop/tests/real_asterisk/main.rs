//! Calls from a real Asterisk; see `interop/README.md`.

mod audio;
mod codecs;
mod dtmf;
mod hangup;
mod load;

use uuid::Uuid;

/// The dialplan's `AudioSocket()` application, towards a server on `port`.
fn app(uuid: Uuid, port: u16) -> String {
    format!("app-{uuid}-{port:05}@audiosocket")
}

/// The dialplan's `Dial(AudioSocket/…/c(codec))`, towards a server on `port`.
fn dial(uuid: Uuid, port: u16, codec: &str) -> String {
    format!("dial-{uuid}-{port:05}-{codec}@audiosocket")
}
