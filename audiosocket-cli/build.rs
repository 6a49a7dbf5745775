//! Tells the allocator how it is to behave, wherever the program is built and run.

fn main() {
    println!("cargo::rerun-if-changed=src/jemalloc.c");
    #[cfg(feature = "jemalloc")]
    {
        // A static library from which nothing is asked for would be left out.
        cc::Build::new()
            .file("src/jemalloc.c")
            .cargo_metadata(false)
            .compile("audiosocket_jemalloc");
        let dir = std::env::var("OUT_DIR").unwrap_or_default();
        println!("cargo::rustc-link-search=native={dir}");
        println!("cargo::rustc-link-lib=static:+whole-archive=audiosocket_jemalloc");
    }
}
