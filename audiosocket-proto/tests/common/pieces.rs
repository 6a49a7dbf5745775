//! Cuts a stream into pieces, as TCP may do.

/// Cuts `stream` into pieces of `sizes`, which repeat. A size of zero counts as one.
pub(crate) fn cut<'a>(stream: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    let mut sizes = sizes.iter().copied().cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        Some(piece)
    })
}
