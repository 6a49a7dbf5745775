//! Converts the Rust examples of the workspace's README from tokio to threads.

use std::path::PathBuf;
use std::{env, fs};

/// All differences between the two versions.
const REPLACEMENTS: [(&str, &str); 4] = [
    ("audiosocket_tokio", "audiosocket_blocking"),
    (".await", ""),
    ("async ", ""),
    ("#[tokio::main]\n", ""),
];

fn main() {
    const README: &str = "../README.md";
    println!("cargo::rerun-if-changed={README}");
    let readme = fs::read_to_string(README).expect("the workspace has a README");
    let mut modules = String::new();
    let mut mains = Vec::new();
    let blocks = readme.split("```rust").skip(1);
    for (number, block) in blocks.enumerate() {
        let (_attributes, rest) = block.split_once('\n').expect("a block has lines");
        let (code, _) = rest.split_once("```").expect("a block ends");
        let code = REPLACEMENTS
            .iter()
            .fold(code.to_owned(), |code, (from, to)| code.replace(from, to));
        modules += &format!(
            "mod example_{number} {{\n{code}\npub(super) const MAIN: super::Main = main;\n}}\n"
        );
        mains.push(format!("example_{number}::MAIN"));
    }
    let len = mains.len();
    let mains = mains.join(", ");
    let file = format!("{modules}\nconst MAINS: [Main; {len}] = [{mains}];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("readme_on_threads.rs"), file).expect("cargo's directory is writable");
}
