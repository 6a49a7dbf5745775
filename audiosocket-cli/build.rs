//! Tells the allocator how it is to behave, wherever the program is built and run.

fn main() {
    println!("cargo::rerun-if-changed=src/jemalloc.c");
    #[cfg(feature = "jemalloc")]
    cc::Build::new()
        .file("src/jemalloc.c")
        // Nothing is asked for from it by name, and it would be left out.
        .link_lib_modifier("+whole-archive")
        .compile("audiosocket_jemalloc");
}
