//! WAV files, built chunk by chunk.

/// Returns a `fmt ` chunk without its header.
pub(crate) fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let bytes_per_second = rate * u32::from(block);
    let mut chunk = Vec::new();
    chunk.extend(tag.to_le_bytes());
    chunk.extend(channels.to_le_bytes());
    chunk.extend(rate.to_le_bytes());
    chunk.extend(bytes_per_second.to_le_bytes());
    chunk.extend(block.to_le_bytes());
    chunk.extend(bits.to_le_bytes());
    chunk
}

/// Returns a chunk with its header and its pad byte.
pub(crate) fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = id.to_vec();
    chunk.extend((body.len() as u32).to_le_bytes());
    chunk.extend(body);
    if body.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

/// Returns a file with the right RIFF size.
pub(crate) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [&b"WAVE"[..], &chunks.concat()].concat();
    chunk(b"RIFF", &body)
}

/// Returns a file with a format and audio.
pub(crate) fn wav(format: &[u8], data: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", format), chunk(b"data", data)])
}

/// Returns samples as slin.
pub(crate) fn slin(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}
