//! Writes the seed corpus of the fuzz targets.

use audiosocket_fuzz_bodies::seeds;

fn main() -> std::io::Result<()> {
    for (path, bytes) in seeds::all() {
        let path = seeds::folder().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
