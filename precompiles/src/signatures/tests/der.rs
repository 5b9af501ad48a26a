//! ECDSA signatures as authenticators and TLS libraries write them (DER), as `r ‖ s`: a client's step.

/// `r ‖ s`; `None` unless `der` is the one encoding of two numbers of at most 32 bytes.
pub(super) fn fixed(der: &[u8]) -> Option<[u8; 64]> {
    let (numbers, after) = element(der, 0x30)?;
    let (r, numbers) = element(numbers, 0x02)?;
    let (s, numbers) = element(numbers, 0x02)?;
    if !after.is_empty() || !numbers.is_empty() {
        return None;
    }
    let mut signature = [0; 64];
    let (left, right) = signature.split_at_mut(32);
    write(r, left)?;
    write(s, right)?;
    Some(signature)
}

/// The content of the first element, which must have the tag, and what comes after it. Lengths above
/// 127 have another form, which two numbers of 33 bytes never need.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match bytes {
        [first, length @ ..0x80, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        _ => None,
    }
}

/// Writes a number of the shortest form, not negative, into 32 bytes.
fn write(number: &[u8], to: &mut [u8]) -> Option<()> {
    let digits = match number {
        [] | [0x80..=0xff, ..] | [0, ..0x80, ..] => return None,
        [0, digits @ ..] => digits,
        digits => digits,
    };
    let start = to.len().checked_sub(digits.len())?;
    to[start..].copy_from_slice(digits);
    Some(())
}

#[test]
fn one_signature_has_one_encoding() {
    let good = [&[0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01], &[5][..]].concat();
    let signature = fixed(&good).unwrap();
    assert_eq!((signature[31], signature[63]), (0x80, 5));
    assert_eq!(signature.iter().filter(|byte| **byte != 0).count(), 2);
    for (place, byte) in [(0, 0x31), (1, 6), (1, 8), (2, 3), (3, 1), (5, 0x7f), (8, 0x85)] {
        let mut bad = good.clone();
        bad[place] = byte;
        assert_eq!(fixed(&bad), None, "{place}");
    }
    assert_eq!(fixed(&[&good[..], &[0]].concat()), None);
    assert_eq!(fixed(&[]), None);
}
