//! The load generator as a library: its report, its hooks, its errors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use audiosocket_proto::{Audio, SampleRate, Uuid};
use audiosocket_testing::load::{CallTap, ConfigError, Expect, LoadError, LoadTest, Report};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const SHORT: Duration = Duration::from_millis(200);

/// Starts a server that echoes all bytes after the UUID. Returns a test of it. The callers wait for late
/// echoes.
async fn echo() -> LoadTest {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                reader.read_exact(&mut [0; 19]).await?;
                copy(&mut reader, &mut writer).await
            });
        }
    });
    LoadTest::new(server)
        .duration(SHORT)
        .linger(Duration::from_secs(60))
}

#[tokio::test]
async fn a_report_keeps_its_values_in_json() {
    let test = echo().await.calls(3).seed(7).rate(SampleRate::Hz16000);
    let report = test.run().await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!((report.calls.placed, report.calls.completed), (3, 3));
    assert_eq!((report.frames.sent, report.frames.echoed), (30, 30));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rate"], "slin16");
    assert_eq!(json["expect"], "echo");
    assert!(json["jitter"]["jitter_us"]["p99"].is_u64());
    assert!(json["jitter"]["lateness_us"].is_object());
    assert!(json["jitter"]["drift_us"].is_object());
    assert!(json["jitter"]["final_drift_us"]["min"].is_i64());
    assert!(json["self_latency_us"].is_object());
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}

#[tokio::test]
async fn a_failed_call_is_in_the_report() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(&[0, 0, 0]).await?;
        // The client closes.
        stream.read_to_end(&mut Vec::new()).await
    });
    let uuid = Uuid::from_u128(7);
    let report = LoadTest::new(server).uuid(uuid).run().await.unwrap();
    assert!(!report.ok);
    assert_eq!((report.calls.failed, report.hangups.server), (1, 1));
    let failure = &report.failures[0];
    assert_eq!((failure.calls, failure.uuid), (1, uuid));
    assert_eq!(failure.reason, "the server hung up before the caller did");
}

#[tokio::test]
async fn calls_are_interrupted_when_stop_is_ready() {
    let (connected, mut connects) = mpsc::unbounded_channel();
    let test = echo().await.calls(1_000).calls_per_second(20.0);
    let test = test.duration(Duration::from_secs(3600)).tap(move |uuid| {
        let _ = connected.send(uuid);
        Tap::default()
    });
    let stop = async {
        connects.recv().await;
        connects.recv().await;
    };
    let report = test.run_until(stop).await.unwrap();
    assert!(!report.ok);
    assert_eq!(report.calls.interrupted, report.calls.placed);
    assert!((2..1_000).contains(&report.calls.placed));
}

/// The frames of one call: received, sent.
type Frames = [Vec<Vec<u8>>; 2];

#[derive(Clone, Default)]
struct Tap(Arc<Mutex<Frames>>);

impl CallTap for Tap {
    fn received(&mut self, audio: Audio<'_>, _at: Instant) {
        assert_eq!(audio.rate(), SampleRate::Hz8000);
        self.0.lock().unwrap()[0].push(audio.to_vec());
    }

    fn sent(&mut self, audio: Audio<'_>, _at: Instant) {
        self.0.lock().unwrap()[1].push(audio.to_vec());
    }
}

#[tokio::test]
async fn a_tap_gets_the_audio_in_both_directions() {
    let (tap, calls) = (Tap::default(), Arc::new(Mutex::new(Vec::new())));
    let test = echo().await.uuid(Uuid::from_u128(7)).tap({
        let (tap, calls) = (tap.clone(), Arc::clone(&calls));
        move |uuid| {
            calls.lock().unwrap().push(uuid);
            tap.clone()
        }
    });
    let report = test.run().await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(*calls.lock().unwrap(), [Uuid::from_u128(7)]);
    let [received, sent] = std::mem::take(&mut *tap.0.lock().unwrap());
    assert_eq!(sent.len(), 10);
    // The server can cut the stream differently.
    assert_eq!(received.concat(), sent.concat());
    assert_eq!(Arc::strong_count(&tap.0), 1, "the taps are dropped");
}

#[tokio::test]
async fn the_progress_ends_with_all_planned_frames() {
    let last = Arc::new(Mutex::new(None));
    let test = echo().await.calls(2).on_progress({
        let last = Arc::clone(&last);
        move |progress| *last.lock().unwrap() = Some(progress)
    });
    test.run().await.unwrap();
    let progress = last.lock().unwrap().unwrap();
    assert_eq!((progress.planned, progress.sent), (Some(20), 20));
    assert_eq!((progress.echoed, progress.calls), (20, 0));
}

#[tokio::test]
async fn invalid_options_are_errors_that_name_them() {
    let second = Duration::from_secs(1);
    let test = || LoadTest::new("127.0.0.1:9");
    for (test, problem) in [
        (test().calls(0), "`calls` is 0"),
        (test().calls_per_second(0.0), "`calls_per_second` is not"),
        (
            test().calls_per_second(f64::NAN),
            "`calls_per_second` is not",
        ),
        (test().calls(2).uuid(Uuid::from_u128(1)), "`uuid` names one"),
        (
            test().linger(Duration::MAX),
            "`linger` is longer than a week",
        ),
        (test().duration(Duration::MAX), "`duration` is longer than"),
        (test().barge_in_after(Duration::MAX), "`barge_in_after` is"),
        (test().ptime(Duration::ZERO), "`ptime` is too short"),
        (test().ptime(Duration::MAX), "`ptime` is longer than"),
        (test().ptime(60 * second), "`ptime` is too long"),
        (test().audio(Vec::new()), "`audio` has no samples"),
        (
            test().audio(vec![5; 99]).barge_in_after(second),
            "loud enough",
        ),
        (
            test().durations(second..=second / 2),
            "less than the minimum",
        ),
        (test().duration(second / 100), "shorter than one frame"),
        (
            test().barge_in_after(second).duration(second),
            "is over before",
        ),
        (
            test().barge_in_after(second).expect(Expect::Echo),
            "`expect` any",
        ),
        (test().quiet().audio(vec![9]), "sends no `audio`"),
        (
            test().closed_loop(NonZeroU32::MIN).expect(Expect::Any),
            "`expect` echo",
        ),
        (
            test().server_pid(1).duration(second),
            "`duration` is too short",
        ),
        (test().server_pid(u32::MAX), "`server_pid` 4294967295: "),
    ] {
        let error = test.run().await.unwrap_err();
        assert!(matches!(error, LoadError::Config(_)), "{error:?}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_an_io_error() {
    let error = LoadTest::new("no port").run().await.unwrap_err();
    assert!(matches!(error, LoadError::Io(_)), "{error:?}");
    assert!(error.to_string().starts_with("cannot resolve no port: "));
    let error = std::io::Error::from(LoadError::Config(ConfigError::NoCalls));
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
