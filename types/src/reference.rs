//! Client references: a payer's own name of a payment, 128 bits, unique per account for ever.

use alloy_primitives::{FixedBytes, hex, keccak256};

/// The client reference of a text: the bytes of a UUID or of 32 hexadecimal digits (with or without
/// 0x), else the first half of keccak256 of the text.
pub fn client_reference(text: &str) -> FixedBytes<16> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_uuid = digits.len() == 36
        && digits
            .bytes()
            .enumerate()
            .all(|(index, byte)| (byte == b'-') == matches!(index, 8 | 13 | 18 | 23));
    let digits = if is_uuid { digits.replace('-', "") } else { digits.to_owned() };
    let mut reference = [0_u8; 16];
    if digits.len() == 32 && hex::decode_to_slice(&digits, &mut reference).is_ok() {
        return reference.into();
    }
    let hash = keccak256(text.as_bytes());
    hash.first_chunk::<16>().copied().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_own_bytes_and_any_other_text_is_hashed() {
        let bytes: FixedBytes<16> = "0x8e03978e40d543e8bc936894a57f9324".parse().unwrap();
        for text in ["8E03978E-40D5-43E8-BC93-6894A57F9324", "0x8e03978e40d543e8bc936894a57f9324"] {
            assert_eq!(client_reference(text), bytes, "{text}");
        }
        // Also what looks like digits after a second 0x, and dashes in other places.
        for text in
            ["", "order-4711", "0x0x8e03978e40d543e8bc936894a57f", "8e03978e-40d543e8-bc93-"]
        {
            let hash = FixedBytes::<16>::from_slice(&keccak256(text)[..16]);
            assert_eq!(client_reference(text), hash, "{text}");
        }
    }
}
