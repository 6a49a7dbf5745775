//! The runtimes of `audiosocket serve`.

/// Runs each test on every runtime that the program has.
macro_rules! on_every_runtime {
    ($($test:ident),* $(,)?) => {
        on_every_runtime!(@ tokio $($test)*);
        on_every_runtime!(@ smol $($test)*);
        on_every_runtime!(@ blocking $($test)*);
    };
    (@ $runtime:ident $($test:ident)*) => {
        mod $runtime { $(#[test] fn $test() { super::$test(stringify!($runtime)); })* }
    };
}
