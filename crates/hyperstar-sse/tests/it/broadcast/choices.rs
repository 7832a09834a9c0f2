//! Where the choices of a schedule come from: a seed, or the bytes that a fuzzer tries.

/// Numbers to choose by. The same source gives the same numbers.
pub(crate) struct Choices<'a> {
    source: Source<'a>,
}

enum Source<'a> {
    Seed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Choices<'a> {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self {
            source: Source::Seed(seed),
        }
    }

    /// Bytes, and then zeros.
    #[allow(dead_code, reason = "for fuzzers")]
    pub(crate) fn of_bytes(bytes: &'a [u8]) -> Self {
        Self {
            source: Source::Bytes(bytes),
        }
    }

    /// Whether all bytes are used up; a seed never is.
    pub(crate) fn are_used_up(&self) -> bool {
        matches!(self.source, Source::Bytes([]))
    }

    /// Some 16 bits of bytes, or 64 of a seed (splitmix64).
    pub(crate) fn any(&mut self) -> u64 {
        match &mut self.source {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }
            Source::Bytes(bytes) => {
                let mut taken = 0;
                for _ in 0..2 {
                    if let [first, rest @ ..] = bytes {
                        taken = taken << 8 | u64::from(*first);
                        *bytes = rest;
                    }
                }
                taken
            }
        }
    }

    /// A number below `end`; fuzzers give one byte for a small choice.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if let Source::Bytes(bytes) = &mut self.source
            && end <= 256
        {
            let [first, rest @ ..] = bytes else {
                return 0;
            };
            let first = usize::from(*first);
            *bytes = rest;
            return first % end.max(1);
        }
        // Below `end`, so it fits.
        (self.any() % end.max(1) as u64) as usize
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
