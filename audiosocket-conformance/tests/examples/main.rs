//! The examples, each started as a process. A client in the place of Asterisk calls it, and checks the audio that the
//! caller hears and the lines that the program prints. `.ci/examples` builds the examples and runs these tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// The same tests for the example of each adapter. The names of the examples differ in a prefix.
macro_rules! in_each_adapter {
    ($($test:ident)*) => {
        in_each_adapter!(tokio "": $($test)*);
        in_each_adapter!(smol "smol_": $($test)*);
        in_each_adapter!(blocking "blocking_": $($test)*);
    };
    ($adapter:ident $prefix:literal: $($test:ident)*) => {
        mod $adapter {
            $(
                #[test]
                fn $test() {
                    super::$test($prefix);
                }
            )*
        }
    };
}

mod bot;
mod echo;
mod expected_calls;
mod handler;
mod harness;
mod key_menu;
mod play_wav;
mod recogniser;
mod record;
mod stop;
mod stunnel;
mod thinking;
mod tls;
mod unix;
