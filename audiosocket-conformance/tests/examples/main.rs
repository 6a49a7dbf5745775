//! The examples of the adapters, each as the program that it is, called by a stand-in for Asterisk:
//! what the caller hears, and what the program says. `.ci/examples` builds them and runs this.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// The same tests for the example of each adapter, whose names differ by what is before them.
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
mod caller;
mod certificates;
mod expected_calls;
mod ivr;
mod play_wav;
mod program;
mod record;
mod sound;
mod stunnel;
mod tls;
mod unix;
