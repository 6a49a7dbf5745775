//! Compiles the settings of jemalloc into the program.

fn main() {
    println!("cargo::rerun-if-changed=src/jemalloc.c");
    #[cfg(feature = "jemalloc")]
    cc::Build::new()
        .file("src/jemalloc.c")
        // No code refers to the setting, so the linker would leave it out.
        .link_lib_modifier("+whole-archive")
        .compile("audiosocket_jemalloc");
}
