//! The length of an RSA key, read from its DER encoding.

/// The object identifier of RSA keys, `1.2.840.113549.1.1.1`.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Returns the length of an RSA key in bits, from a SubjectPublicKeyInfo; `None` for any other key.
pub(super) fn key_bits(subject_public_key_info: &[u8]) -> Option<usize> {
    let (info, _) = element(SEQUENCE, subject_public_key_info)?;
    let (algorithm, rest) = element(SEQUENCE, info)?;
    let (RSA_ENCRYPTION, _) = element(OBJECT_IDENTIFIER, algorithm)? else { return None };
    // The first byte of a bit string says how many bits of the last one are not used.
    let key = element(BIT_STRING, rest)?.0.strip_prefix(&[0])?;
    let (numbers, _) = element(SEQUENCE, key)?;
    let (modulus, _) = element(INTEGER, numbers)?;
    let significant = &modulus[modulus.iter().position(|byte| *byte != 0)?..];
    Some(significant.len() * 8 - significant[0].leading_zeros() as usize)
}

/// Reads an element with this tag. Returns its content and the bytes behind it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let length = match length {
            0..=0x7f => vec![length as u8],
            0x80..=0xff => vec![0x81, length as u8],
            _ => vec![0x82, (length >> 8) as u8, length as u8],
        };
        [&[tag], &*length, content].concat()
    }

    fn info(algorithm: &[u8], modulus: &[u8]) -> Vec<u8> {
        let numbers = [encode(INTEGER, modulus), encode(INTEGER, &[1, 0, 1])].concat();
        let key = [vec![0], encode(SEQUENCE, &numbers)].concat();
        let algorithm = encode(SEQUENCE, &encode(OBJECT_IDENTIFIER, algorithm));
        encode(SEQUENCE, &[algorithm, encode(BIT_STRING, &key)].concat())
    }

    #[test]
    fn the_length_of_an_rsa_key_is_that_of_its_modulus() {
        for (bytes, first, bits) in [(64, 0x80, 512), (128, 0xc0, 1024), (256, 0x40, 2047)] {
            let modulus = [vec![0, first], vec![7; bytes - 1]].concat();
            assert_eq!(key_bits(&info(RSA_ENCRYPTION, &modulus)), Some(bits));
        }
        assert_eq!(key_bits(&info(&[0x2a, 0x86, 0x48], &[0x80; 128])), None);
        assert_eq!(key_bits(&info(RSA_ENCRYPTION, &[0])), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
            at in 0..200_usize,
        ) {
            key_bits(&bytes);
            let mut info = info(RSA_ENCRYPTION, &[0x80; 128]);
            info.truncate(at);
            key_bits(&info);
        }
    }
}
