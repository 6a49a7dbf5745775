/// How TCP cuts a stream: sizes of pieces, taken round and round.
pub(crate) struct Cuts<'a> {
    sizes: &'a [u8],
}

impl<'a> Cuts<'a> {
    /// Takes the cuts off the front of `data`: a byte that counts them, and a byte for each.
    pub(crate) fn split_first(data: &mut &'a [u8]) -> Self {
        let (count, rest) = data.split_first().unwrap_or((&0, &[]));
        let (sizes, rest) = rest.split_at(rest.len().min(usize::from(count % 16)));
        *data = rest;
        Self { sizes }
    }

    /// `stream` in pieces; in one if there are no cuts.
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

/// Small sizes one by one, for cuts inside headers, and bigger ones in steps, up to 38 kB.
fn size(byte: u8) -> usize {
    match byte {
        0..0x80 => usize::from(byte) + 1,
        _ => usize::from(byte - 0x7f) * 300,
    }
}
