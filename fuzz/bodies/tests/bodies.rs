//! Runs the code of the fuzz targets on the corpus and on generated inputs.

use std::path::Path;

use audiosocket_fuzz_bodies::{
    adapter, decode, differential, file, playout, proxy, seeds, session,
};
use proptest::prelude::*;

#[test]
fn the_seeds_are_up_to_date() {
    let seeds = seeds::all();
    assert!(!seeds.is_empty());
    for (path, bytes) in &seeds {
        let committed = std::fs::read(seeds::folder().join(path));
        let committed = committed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            committed == *bytes,
            "{} is out of date; run the example `seeds`",
            path.display()
        );
    }
    let bytes: usize = seeds.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(
        bytes < 160_000,
        "the seeds have {bytes} bytes, which is too much for the repository"
    );
}

#[test]
fn decode_passes_on_the_corpus() {
    assert!(run_corpus("decode", decode) >= 14);
}

#[test]
fn session_passes_on_the_corpus() {
    assert!(run_corpus("session", session) >= 14);
}

#[test]
fn differential_passes_on_the_corpus() {
    assert!(run_corpus("differential", differential) >= 28);
}

#[test]
fn file_passes_on_the_corpus() {
    assert!(run_corpus("file", file) >= 14);
}

#[cfg(unix)]
#[test]
fn state_passes_on_the_corpus() {
    assert!(run_corpus("state", audiosocket_fuzz_bodies::state) >= 4);
}

#[test]
fn playout_passes_on_the_corpus() {
    assert!(run_corpus("playout", playout) >= 14);
}

#[test]
fn proxy_passes_on_the_corpus() {
    assert!(run_corpus("proxy", proxy) >= 14);
}

#[test]
fn adapter_passes_on_the_corpus() {
    assert!(run_corpus("adapter", adapter) >= 14);
}

/// Runs `body` on every file of the corpus. Returns the number of files, without the files that a fuzzer added.
fn run_corpus(target: &str, body: impl Fn(&[u8])) -> usize {
    let folder = seeds::folder().join(target);
    let files = std::fs::read_dir(&folder).expect("the corpus is readable");
    let paths = files.map(|entry| entry.expect("the entry is readable").path());
    paths
        .inspect(|path| body(&read(path)))
        .filter(|path| is_in_the_repository(path))
        .count()
}

/// The others are in `fuzz/.gitignore`, and a new clone does not have them.
fn is_in_the_repository(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("seed-") || name.starts_with("found-"))
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn decode_passes_on_random_bytes(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        decode(&data);
    }

    #[test]
    fn decode_passes_on_frames(
        cuts in prop::collection::vec(any::<u8>(), 0..16),
        frames in prop::collection::vec((any::<u8>(), prop_oneof![0..8_usize, 0..1000_usize]), 0..12),
        missing in 0..20_usize,
    ) {
        let mut data = vec![cuts.len() as u8];
        data.extend(&cuts);
        for (kind, len) in frames {
            data.extend([kind, (len >> 8) as u8, len as u8]);
            data.resize(data.len() + len, kind);
        }
        let len = data.len().saturating_sub(missing).max(1 + cuts.len());
        data.truncate(len);
        decode(&data);
    }

    /// Most headers are valid, except for one byte.
    #[test]
    fn proxy_passes_on_almost_valid_headers(
        cuts in prop::collection::vec(any::<u8>(), 0..16),
        is_text: bool,
        change in prop::option::of((0..60_usize, any::<u8>())),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let header: &[u8] = match is_text {
            true => b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n",
            false => b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\xc6\x33\x64\x01\x9c\x40\x23\x84\x04\0\0",
        };
        let mut stream = [header, b"\x01\0\x10sixteen bytes !!", &rest].concat();
        if let Some((at, byte)) = change {
            let at = at % stream.len();
            stream[at] = byte;
        }
        let mut data = vec![cuts.len() as u8];
        data.extend(cuts);
        data.extend(stream);
        proxy(&data);
    }

    #[test]
    fn file_passes_on_random_bytes(
        data in prop::collection::vec(any::<u8>(), 0..400),
        is_wav: bool,
    ) {
        let start: &[u8] = if is_wav { b"\0RIFF\xff\xff\xff\xffWAVE" } else { &[] };
        file(&[start, &data].concat());
    }

    #[test]
    fn playout_passes_on_random_bytes(data in prop::collection::vec(any::<u8>(), 0..400)) {
        playout(&data);
    }

    /// Every sequence of bytes is a sequence of operations.
    #[test]
    fn session_passes_on_random_bytes(data in prop::collection::vec(any::<u8>(), 0..400)) {
        session(&data);
    }

    /// Most codes are small, so that few operations end the call.
    #[test]
    fn session_passes_on_long_calls(
        config in prop::array::uniform6(any::<u8>()),
        ops in prop::collection::vec(
            prop_oneof![8 => (1..4_u8).boxed(), 1 => (0..12_u8).boxed()].prop_flat_map(|code| {
                let args = prop_oneof![
                    prop::array::uniform3(any::<u8>()),
                    (0x10..0x19_u8, any::<u8>()).prop_map(|(kind, len)| [kind, len, 0]),
                ];
                (Just(code), args)
            }),
            0..200,
        ),
    ) {
        let mut data = config.to_vec();
        data[5] &= 0xfe;
        for (code, args) in ops {
            data.push(code);
            data.extend(match code {
                1 | 2 => &args[..],
                3 | 4 => &args[1..],
                // Three bytes are announced, and the next operations are read as these bytes.
                0 => &[3, 0],
                _ => &[],
            });
        }
        session(&data);
    }
}

proptest! {
    // Each case is slow: two calls, or a call and a slow model.
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The operations do not end the call, and most plays follow each other without a gap.
    #[test]
    fn playout_passes_on_long_calls(
        config in prop::array::uniform3(any::<u8>()),
        ops in prop::collection::vec(
            prop_oneof![
                6 => (0..2_u8, any::<u8>(), 0..8_u8).prop_map(|(rate, low, high)| vec![0, rate, low, high]),
                2 => Just(vec![1]),
                1 => Just(vec![2]),
                3 => (any::<u8>(), 0..20_u8).prop_map(|(low, high)| vec![4, low, high]),
                8 => (0..100_u8).prop_map(|late| vec![5, late]),
                3 => (6..8_u8, 0..2_u8).prop_map(|(code, drained)| vec![code, drained]),
                1 => (0..60_u8, 0..2_u8).prop_map(|(time, rate)| vec![8, time, rate]),
            ],
            0..200,
        ),
    ) {
        let mut data = config.to_vec();
        data.extend(ops.concat());
        playout(&data);
    }

    #[test]
    fn adapter_passes_on_random_bytes(data in prop::collection::vec(any::<u8>(), 0..400)) {
        adapter(&data);
    }

    /// Most steps do not end the call.
    #[test]
    fn adapter_passes_on_long_calls(
        config in prop::array::uniform6(any::<u8>()),
        answers in prop::collection::vec(prop_oneof![9 => 0x50..0xe0_u8, 1 => any::<u8>()], 0..31),
        steps in prop::collection::vec(
            prop_oneof![
                20 => arrivals(), 20 => takes(), 8 => waits(), 8 => plays(), 2 => troubles(),
                1 => ends(),
            ],
            0..80,
        ),
    ) {
        let mut data = config.to_vec();
        data[5] &= 0xfe;
        data.push(answers.len() as u8);
        data.extend(answers);
        data.extend(steps.concat());
        adapter(&data);
    }
}

/// Steps of a script for [`adapter`]: frames arrive.
fn arrivals() -> BoxedStrategy<Vec<u8>> {
    let kinds = prop_oneof![6 => 0x10..0x19_u8, 1 => any::<u8>(), 1 => Just(0x03)];
    (together(), 0..40_u8, kinds, any::<u8>(), 0..3_u8)
        .prop_map(|(together, count, kind, len, more)| vec![together | 1, count, kind, len, more])
        .boxed()
}

/// The peer reads, and writes are short.
fn takes() -> BoxedStrategy<Vec<u8>> {
    (together(), 2..4_u8, any::<u8>(), 0..16_u8)
        .prop_map(|(together, code, a, b)| vec![together | code, a, b])
        .boxed()
}

fn waits() -> BoxedStrategy<Vec<u8>> {
    let time = (any::<u8>(), 0..8_u8).prop_map(|(low, high)| vec![4, low, high]);
    prop_oneof![time, Just(vec![5]), Just(vec![6])].boxed()
}

/// Another task plays, marks and clears.
fn plays() -> BoxedStrategy<Vec<u8>> {
    let play = (together(), 0..9_u8, any::<u8>(), 0..4_u8)
        .prop_map(|(together, rate, low, high)| vec![together | 15, rate, low, high]);
    let rest = (together(), 16..18_u8).prop_map(|(together, code)| vec![together | code]);
    prop_oneof![3 => play, 2 => rest].boxed()
}

/// Streams hold bytes or stall, and calls are interrupted.
fn troubles() -> BoxedStrategy<Vec<u8>> {
    (11..15_u8, 0..2_u8)
        .prop_map(|(code, flag)| match code {
            11 | 12 => vec![code, 0],
            _ => vec![code, flag],
        })
        .boxed()
}

/// Commands, the end of the stream and errors.
fn ends() -> BoxedStrategy<Vec<u8>> {
    let codes = prop_oneof![7..13_u8, Just(18)];
    (together(), codes, any::<u8>())
        .prop_map(|(together, code, error)| match code {
            11 | 12 => vec![together | code, error],
            _ => vec![together | code],
        })
        .boxed()
}

fn together() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0), Just(0x80)]
}
