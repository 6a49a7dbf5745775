#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| audiosocket_fuzz_bodies::state(data));
