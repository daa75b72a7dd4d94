//! Archives that nobody thought of: they are refused or unpacked, but never do harm.

use proptest::prelude::*;

use crate::testing::{a_replica, enter_with_replica};

const BLOCK: usize = 512;
/// Where the checksum of a header is.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Puts the right checksum into each block that could be a header.
fn with_checksums(archive: &mut [u8]) {
    for block in archive.chunks_exact_mut(BLOCK).filter(|block| block.iter().any(|it| *it != 0)) {
        block[CHECKSUM].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn arbitrary_bytes_are_refused_or_unpacked_inside(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        are_headers in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if are_headers {
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
            with_checksums(&mut bytes);
            bytes.extend([0; 2 * BLOCK]);
        }
        enter_with_replica(&bytes);
    }

    #[test]
    fn a_changed_archive_is_refused_or_unpacked_inside(
        changes in proptest::collection::vec((0..2 * BLOCK, any::<u8>()), 0..6),
        kind in prop::sample::select(b"\x000123456LKxgSVMND7".to_vec()),
        name in "(\\./|\\.\\./|/|A/|B/|config/|misc/|journal/|x|snapshot\\.conf|\\\\|){0,6}",
    ) {
        let mut archive = a_replica();
        archive[156] = kind;
        archive[..100].fill(0);
        archive[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        for (at, byte) in changes {
            archive[at] = byte;
        }
        with_checksums(&mut archive);
        enter_with_replica(&archive);
    }
}
