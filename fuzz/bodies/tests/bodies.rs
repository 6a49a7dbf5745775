//! The bodies of the fuzz targets, run without a fuzzer: on every seed and on generated inputs.

use std::path::Path;

use audiosocket_fuzz_bodies::{decode, seeds, session};
use proptest::prelude::*;

#[test]
fn the_seeds_are_those_that_the_captures_give() {
    let seeds = seeds::all();
    assert!(!seeds.is_empty());
    for (path, bytes) in &seeds {
        let committed = std::fs::read(seeds::folder().join(path));
        let committed = committed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(committed == *bytes, "{} is stale", path.display());
    }
    let bytes: usize = seeds.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 300_000, "a corpus of {bytes} bytes");
}

#[test]
fn decode_holds_for_every_seed() {
    assert!(run_corpus("decode", decode) >= 14);
}

#[test]
fn session_holds_for_every_seed() {
    assert!(run_corpus("session", session) >= 14);
}

/// Also runs what a fuzzer has added to the corpus since; tells how many there were.
fn run_corpus(target: &str, body: impl Fn(&[u8])) -> usize {
    let folder = seeds::folder().join(target);
    let files = std::fs::read_dir(&folder).expect("a corpus");
    let paths = files.map(|entry| entry.expect("an entry").path());
    paths.map(|path| body(&read(&path))).count()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn decode_holds_for_noise(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        decode(&data);
    }

    #[test]
    fn decode_holds_for_frames(
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

    /// The operations are bytes, so noise is a sequence of them.
    #[test]
    fn session_holds_for_noise(data in prop::collection::vec(any::<u8>(), 0..400)) {
        session(&data);
    }

    /// Small bytes make operations rarer that end everything, and calls longer.
    #[test]
    fn session_holds_for_long_calls(
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
                // Few bytes, of which not all are given: what follows is taken for them.
                0 => &[3, 0],
                _ => &[],
            });
        }
        session(&data);
    }
}
