//! The Rust examples of the README, converted from tokio to threads by `build.rs`. The test is that they
//! compile.

#![allow(
    clippy::needless_pass_by_value,
    reason = "the original async functions own their arguments"
)]

type Main = fn() -> std::io::Result<()>;

include!(concat!(env!("OUT_DIR"), "/readme_on_threads.rs"));

#[test]
fn both_examples_of_the_readme_compile_on_threads() {
    assert_eq!(MAINS.len(), 2);
}
