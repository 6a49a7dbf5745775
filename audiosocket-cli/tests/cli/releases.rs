//! Every command of `audiosocket serve` with a caller that behaves like each release of Asterisk.

use std::net::SocketAddr;
use std::time::Duration;

use audiosocket_testing::asterisk::AsteriskRelease;
use audiosocket_testing::load::{Expect, LoadTest, Report};

use crate::process::{ServeProcess, audiosocket};

/// The first releases with a change to AudioSocket, and releases before the first change.
const RELEASES: [&str; 20] = [
    "18.0", "19.8", "20.13", "20.14", "20.15", "20.17", "20.19", "20.20", "21.9", "21.10", "21.12",
    "22.4", "22.5", "22.7", "22.9", "22.10", "23.0", "23.1", "23.3", "23.4",
];

/// Speech of 4.6 s, at 8 kHz.
const SPEECH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../audiosocket-media/tests/speech/auth-incorrect.wav"
);

const SHORT: Duration = Duration::from_secs(1);

/// Starts `audiosocket serve` with these arguments.
fn server(args: &[&str]) -> ServeProcess {
    let mut command = audiosocket(["serve"].into_iter().chain(args.iter().copied()));
    let path = std::env::var("PATH").unwrap();
    let stand_ins = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-ins");
    command.env("PATH", format!("{stand_ins}:{path}"));
    ServeProcess::run(command, 1)
}

/// Places a call as each release, all at once. Returns the reports.
fn call_as_each_release(
    addr: SocketAddr,
    mode: impl Fn(LoadTest) -> LoadTest,
) -> Vec<(&'static str, Report)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let local = tokio::task::LocalSet::new();
        let calls: Vec<_> = RELEASES
            .iter()
            .map(|release| {
                let asterisk: AsteriskRelease = release.parse().unwrap();
                let test = LoadTest::new(addr.to_string()).asterisk(asterisk);
                let test = mode(test.duration(SHORT).require_hangup(true));
                (*release, local.spawn_local(test.run()))
            })
            .collect();
        let mut reports = Vec::new();
        local
            .run_until(async {
                for (release, call) in calls {
                    reports.push((release, call.await.unwrap().unwrap()));
                }
            })
            .await;
        reports
    })
}

fn assert_each_release_is_served(args: &[&str], mode: impl Fn(LoadTest) -> LoadTest) {
    let server = server(args);
    for (release, report) in call_as_each_release(server.addr(), mode) {
        assert!(report.ok, "{args:?} as {release}: {report:?}");
    }
    server.terminate();
}

#[test]
fn each_release_gets_an_echo() {
    let late = Duration::from_secs(60);
    assert_each_release_is_served(&["echo"], |test| test.linger(late));
}

#[test]
fn each_release_can_be_recorded() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_each_release_is_served(&["record", path], LoadTest::quiet);
}

#[test]
fn each_release_hears_a_file_and_then_a_hangup() {
    let minute = Duration::from_secs(60);
    let play = ["play", SPEECH, "--rate", "slin"];
    assert_each_release_is_served(&play, |test| {
        test.expect(Expect::Any).quiet().duration(minute)
    });
}

#[test]
fn each_release_hears_the_bot() {
    let bot = ["bot", "--rate", "slin"];
    assert_each_release_is_served(&bot, |test| test.expect(Expect::Any).quiet());
}
