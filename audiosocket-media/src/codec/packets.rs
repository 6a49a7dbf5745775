use super::Codec;

/// The bytes of G.711 in 5 ms. A frame has 10 ms or more.
const G711_UNIT: usize = 40;

/// The bytes of slin at 8 kHz in 5 ms.
const SLIN_UNIT: usize = 80;

/// Shorter frames are not audio of a call.
const SHORTEST: usize = 20;

/// The frame of GSM 06.10 as RTP carries it (RFC 3551), and its first four bits.
const GSM_FRAME: usize = 33;
const GSM_SIGNATURE: u8 = 0xd;

/// What the lengths of the frames say, and their first bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Packets {
    frames: u32,
    /// Frames whose length is not usual for G.711, and for slin.
    not_g711: u32,
    not_slin: u32,
    /// The same without frames that are shorter than those of any codec.
    not_short_slin: u32,
    /// Frames whose length is not usual for slin in 20 ms or more.
    not_long_slin: u32,
    /// Frames of GSM, and frames that cannot be GSM.
    gsm: u32,
    not_gsm: u32,
    /// Frames whose length is a multiple of this, and the other ones.
    of_10: u32,
    of_38: u32,
    of_50: u32,
    /// Frames that are as long as the frame before.
    same_length: u32,
    /// Frames whose first five bits are those of the frame before.
    same_start: u32,
    last: Option<(usize, u8)>,
}

impl Packets {
    pub(super) fn push(&mut self, payload: &[u8]) {
        let (len, Some(first)) = (payload.len(), payload.first()) else {
            return;
        };
        self.frames += 1;
        let usual = |unit: usize| len.is_multiple_of(unit) && len >= 2 * unit;
        self.not_g711 += u32::from(!usual(G711_UNIT));
        self.not_slin += u32::from(!usual(SLIN_UNIT));
        self.not_short_slin += u32::from(!usual(SLIN_UNIT) && len >= SHORTEST);
        self.not_long_slin += u32::from(!usual(SLIN_UNIT) || len < 4 * SLIN_UNIT);
        let blocks = payload.chunks(GSM_FRAME);
        let mut starts = blocks.map(|block| (block.len(), block[0] >> 4));
        if starts.all(|start| start == (GSM_FRAME, GSM_SIGNATURE)) {
            self.gsm += (len / GSM_FRAME) as u32;
        } else {
            self.not_gsm += 1;
        }
        self.of_10 += u32::from(len.is_multiple_of(10) && len <= 60);
        self.of_38 += u32::from(len.is_multiple_of(38));
        self.of_50 += u32::from(len.is_multiple_of(50));
        if let Some((last_len, last_first)) = self.last {
            self.same_length += u32::from(last_len == len);
            self.same_start += u32::from(last_first >> 3 == first >> 3);
        }
        self.last = Some((len, *first));
    }

    /// How many frames came.
    pub(super) fn frames(&self) -> u32 {
        self.frames
    }

    /// Frames whose length is not usual for G.711, nor for G.722 and G.726.
    pub(super) fn not_g711(&self) -> u32 {
        self.not_g711
    }

    /// Frames whose length is not usual for slin.
    pub(super) fn not_slin(&self) -> u32 {
        self.not_slin
    }

    /// Whether all frames are as long as slin, or shorter than frames of any codec.
    pub(super) fn can_be_slin(&self) -> bool {
        self.not_short_slin == 0
    }

    /// Whether all frames are as long as slin in 20 ms or more. Compressed audio of that length is
    /// rare: 64 kbit/s in 40 ms.
    pub(super) fn are_long_slin(&self) -> bool {
        self.not_long_slin == 0
    }

    /// Whether all frames are GSM: each of four has one chance in 16 to be so by accident.
    pub(super) fn is_gsm(&self) -> bool {
        self.gsm >= 4 && self.not_gsm == 0
    }

    /// The likeliest codec of audio that is neither linear nor G.711 nor ADPCM.
    pub(super) fn likely(&self) -> Codec {
        let all = |count: u32| count == self.frames;
        let all_but_first = |count: u32| count + 1 >= self.frames;
        // Most of them: the start is that of the mode, and a mode seldom changes.
        let steady_start = 4 * (self.same_start + 1) >= 3 * self.frames;
        if self.is_gsm() {
            return Codec::Gsm;
        }
        match () {
            () if steady_start && all_but_first(self.same_length) && self.not_g711 > 0 => {
                Codec::Speex
            }
            () if all(self.of_38) || all(self.of_50) => Codec::Ilbc,
            () if all(self.of_10) => Codec::G729,
            () if steady_start => Codec::Opus,
            () => Codec::Unknown,
        }
    }
}
