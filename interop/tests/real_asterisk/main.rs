//! Calls from a real Asterisk; see `interop/README.md`.

mod audio;
mod barge_in;
mod codecs;
mod dtmf;
mod expected_calls;
mod hangup;
mod load;
mod mix_monitor;
mod play;
mod several_servers;

use uuid::Uuid;

/// The dialplan's `AudioSocket()` application, to a server on `port`.
fn app(uuid: Uuid, port: u16) -> String {
    format!("{}@audiosocket", app_extension(uuid, port))
}

/// The dialplan's `Dial(AudioSocket/…/c(codec))`, to a server on `port`.
fn dial(uuid: Uuid, port: u16, codec: &str) -> String {
    format!("{}@audiosocket", dial_extension(uuid, port, codec))
}

fn app_extension(uuid: Uuid, port: u16) -> String {
    format!("app-{uuid}-{port:05}")
}

fn dial_extension(uuid: Uuid, port: u16, codec: &str) -> String {
    format!("dial-{uuid}-{port:05}-{codec}")
}
