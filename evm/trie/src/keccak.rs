//! Keccak-256 of many messages: eight at a time where the processor has AVX-512, else one by one.
//!
//! Hashing is most of what a root costs, and a block's nodes of one height do not depend on each other.

use alloy_primitives::{B256, keccak256};

/// Whether this processor hashes many messages faster than each alone.
#[must_use]
pub fn hashes_many_at_once() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The hash of each message, in order.
#[must_use]
pub fn keccak256_each(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(target_arch = "x86_64")]
    if messages.len() > 1 && hashes_many_at_once() {
        return eight::keccak256_each(messages);
    }
    messages.iter().map(keccak256).collect()
}

/// Eight sponges side by side: word `i` of all eight states is one register.
#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "an instruction set is there or not at run time; four times as fast"
)]
mod eight {
    use std::arch::x86_64::{
        __m512i, _mm512_rolv_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
        _mm512_ternarylogic_epi64, _mm512_xor_si512,
    };

    use alloy_primitives::B256;

    /// Sponges.
    const LANES: usize = 8;
    /// Bytes absorbed between two permutations (FIPS 202, capacity 512).
    const RATE: usize = 136;
    /// `a ^ b ^ c` and `a ^ (!b & c)` as truth tables of `ternarylogic`.
    const XOR3: i32 = 0x96;
    const CHI: i32 = 0xd2;

    /// Rotations of the words, word `x + 5 y` at that index.
    const ROTATIONS: [i64; 25] = [
        0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56,
        14,
    ];

    const ROUND_CONSTANTS: [u64; 24] = [
        0x0000_0000_0000_0001,
        0x0000_0000_0000_8082,
        0x8000_0000_0000_808a,
        0x8000_0000_8000_8000,
        0x0000_0000_0000_808b,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8009,
        0x0000_0000_0000_008a,
        0x0000_0000_0000_0088,
        0x0000_0000_8000_8009,
        0x0000_0000_8000_000a,
        0x0000_0000_8000_808b,
        0x8000_0000_0000_008b,
        0x8000_0000_0000_8089,
        0x8000_0000_0000_8003,
        0x8000_0000_0000_8002,
        0x8000_0000_0000_0080,
        0x0000_0000_0000_800a,
        0x8000_0000_8000_000a,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8080,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8008,
    ];

    /// Word `i` of the state of each sponge.
    #[repr(align(64))]
    struct States([[u64; LANES]; 25]);

    /// What a sponge is at work on: the message's index and the bytes absorbed.
    #[derive(Clone, Copy)]
    struct Job {
        message: usize,
        absorbed: usize,
    }

    pub(super) fn keccak256_each(messages: &[&[u8]]) -> Vec<B256> {
        let mut hashes = vec![B256::ZERO; messages.len()];
        let mut states = States([[0; LANES]; 25]);
        let mut next = 0..messages.len();
        let mut jobs: [Option<Job>; LANES] =
            std::array::from_fn(|_| next.next().map(|message| Job { message, absorbed: 0 }));
        while jobs.iter().any(Option::is_some) {
            for (lane, job) in jobs.iter_mut().enumerate() {
                let Some(job) = job else { continue };
                let rest = &messages[job.message][job.absorbed..];
                if rest.len() >= RATE {
                    absorb(&mut states, lane, &rest[..RATE]);
                } else {
                    let mut last = [0; RATE];
                    last[..rest.len()].copy_from_slice(rest);
                    last[rest.len()] = 0x01; // Keccak's padding, not SHA-3's.
                    last[RATE - 1] |= 0x80;
                    absorb(&mut states, lane, &last);
                }
                job.absorbed += RATE;
            }
            // SAFETY: the caller has asked the processor for AVX-512F.
            unsafe { permute(&mut states) };
            for (lane, job) in jobs.iter_mut().enumerate() {
                let Some(done) = job.filter(|job| job.absorbed > messages[job.message].len())
                else {
                    continue;
                };
                for (word, out) in hashes[done.message].chunks_exact_mut(8).enumerate() {
                    out.copy_from_slice(&states.0[word][lane].to_le_bytes());
                }
                states.0.iter_mut().for_each(|word| word[lane] = 0);
                *job = next.next().map(|message| Job { message, absorbed: 0 });
            }
        }
        hashes
    }

    fn absorb(states: &mut States, lane: usize, block: &[u8]) {
        for (word, bytes) in states.0.iter_mut().zip(block.chunks_exact(8)) {
            let bytes: [u8; 8] = bytes.try_into().unwrap_or_default(); // Always 8.
            word[lane] ^= u64::from_le_bytes(bytes);
        }
    }

    /// Keccak-f[1600] on all eight states (FIPS 202, 3.2 and 3.3).
    #[target_feature(enable = "avx512f")]
    fn permute(states: &mut States) {
        let words = &mut states.0;
        // SAFETY: both are 64 bytes without padding, and any bits are valid in both.
        let load =
            |word: &[u64; LANES]| unsafe { std::mem::transmute::<[u64; LANES], __m512i>(*word) };
        let mut a = [_mm512_setzero_si512(); 25];
        for (register, word) in a.iter_mut().zip(words.iter()) {
            *register = load(word);
        }
        for constant in ROUND_CONSTANTS {
            // Theta.
            let mut c = [_mm512_setzero_si512(); 5];
            for x in 0..5 {
                let three = _mm512_ternarylogic_epi64::<XOR3>(a[x], a[x + 5], a[x + 10]);
                c[x] = _mm512_ternarylogic_epi64::<XOR3>(three, a[x + 15], a[x + 20]);
            }
            for x in 0..5 {
                let rotated = _mm512_rolv_epi64(c[(x + 1) % 5], _mm512_set1_epi64(1));
                for y in 0..5 {
                    a[x + 5 * y] =
                        _mm512_ternarylogic_epi64::<XOR3>(a[x + 5 * y], c[(x + 4) % 5], rotated);
                }
            }
            // Rho and pi.
            let mut b = [_mm512_setzero_si512(); 25];
            for x in 0..5 {
                for y in 0..5 {
                    let from = x + 5 * y;
                    b[y + 5 * ((2 * x + 3 * y) % 5)] =
                        _mm512_rolv_epi64(a[from], _mm512_set1_epi64(ROTATIONS[from]));
                }
            }
            // Chi.
            for y in 0..5 {
                for x in 0..5 {
                    let row = 5 * y;
                    a[row + x] = _mm512_ternarylogic_epi64::<CHI>(
                        b[row + x],
                        b[row + (x + 1) % 5],
                        b[row + (x + 2) % 5],
                    );
                }
            }
            // Iota.
            a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(constant.cast_signed()));
        }
        for (register, word) in a.iter().zip(words.iter_mut()) {
            // SAFETY: as above.
            *word = unsafe { std::mem::transmute::<__m512i, [u64; LANES]>(*register) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_hash_as_one_does() {
        // Every length around the ends of blocks, in a mix of lengths, from none to more than the lanes.
        let bytes: Vec<u8> = (0..700_u16).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        for count in 0..20 {
            for length in 0..bytes.len() {
                let ends = (0..count).map(|i| (length + i * 61) % bytes.len());
                let messages: Vec<_> = ends.map(|end| &bytes[end / 2..end]).collect();
                let expected: Vec<_> = messages.iter().map(keccak256).collect();
                assert_eq!(keccak256_each(&messages), expected, "{count} from {length}");
            }
        }
    }
}
