//! The README's Rust examples, moved from tokio to threads as the README says: see `build.rs`. That they
//! compile is the test.

#![allow(
    clippy::needless_pass_by_value,
    reason = "async functions, from which these are derived, own their arguments"
)]

type Main = fn() -> std::io::Result<()>;

include!(concat!(env!("OUT_DIR"), "/readme_on_threads.rs"));

#[test]
fn both_examples_of_the_readme_compile_on_threads() {
    assert_eq!(MAINS.len(), 2);
}
