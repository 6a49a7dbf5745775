/// The cuts of a TCP stream: sizes of pieces. After the last size, the first one is next.
pub(crate) struct Cuts<'a> {
    sizes: &'a [u8],
}

impl<'a> Cuts<'a> {
    /// Removes the cuts from the front of `data`: a byte with their number, and a byte for each cut.
    pub(crate) fn split_first(data: &mut &'a [u8]) -> Self {
        let (count, rest) = data.split_first().unwrap_or((&0, &[]));
        let (sizes, rest) = rest.split_at(rest.len().min(usize::from(count % 16)));
        *data = rest;
        Self { sizes }
    }

    /// Returns `stream` in pieces. Without cuts, it is one piece.
    pub(crate) fn apply(&self, stream: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = stream;
        let mut sizes = self.sizes.iter().cycle();
        std::iter::from_fn(move || {
            let size = sizes.next().map_or(rest.len(), |byte| size(*byte));
            let (piece, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

/// Converts a byte to a size. Small sizes are exact, for cuts inside headers. Larger sizes have steps, up to 38 kB.
fn size(byte: u8) -> usize {
    match byte {
        0..0x80 => usize::from(byte) + 1,
        _ => usize::from(byte - 0x7f) * 300,
    }
}
