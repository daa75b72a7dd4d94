//! The operations one by one, and pickles that nobody writes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Value::{Class, Dictionary, Instance, None, Number, Text, Tuple};
use super::*;

fn decode(pickle: &[u8]) -> Result<Value<'_>, Unreadable> {
    Decoder::new(pickle).finish()
}

/// Every operation that is known.
const KNOWN: &[u8] = b"(t).NKMJIUT}uscRoibX\x80C\x85\x86\x87\x88\x89";

#[test]
fn every_known_operation_makes_an_inert_value() {
    let class = || Class(b"Error");
    for (pickle, value) in [
        (&b"N."[..], None),
        (b"K\xff.", Number(255)),
        (b"M\x01\x02.", Number(0x201)),
        (b"J\xff\xff\xff\xff.", Number(-1)),
        (b"I01\n.", Number(1)),
        (b"I00\n.", Number(0)),
        (b"\x80\x03\x88.", Number(1)),
        (b"\x89.", Number(0)),
        (b"U\x02ab.", Text(b"ab")),
        (b"T\x02\0\0\0ab.", Text(b"ab")),
        (b"X\x02\0\0\0ab.", Text(b"ab")),
        (b"C\x02ab.", Text(b"ab")),
        (b").", Tuple(vec![])),
        (b"(K\x01Nt.", Tuple(vec![Number(1), None])),
        (b"N\x85.", Tuple(vec![None])),
        (b"K\x01N\x86.", Tuple(vec![Number(1), None])),
        (b"K\x01K\x02N\x87.", Tuple(vec![Number(1), Number(2), None])),
        (b"}.", Dictionary(vec![])),
        (b"}(K\x01NK\x02Nu.", Dictionary(vec![Number(1), None, Number(2), None])),
        (b"}K\x01Ns.", Dictionary(vec![Number(1), None])),
        (b"cos\nError\n.", class()),
        (b"cos\nError\n)R.", Instance(vec![class(), Tuple(vec![])])),
        (b"(cos\nError\nNo.", Instance(vec![class(), None])),
        (b"(Nios\nError\n.", Instance(vec![class(), None])),
        (b"(cos\nError\no}b.", Instance(vec![Instance(vec![class()]), Dictionary(vec![])])),
    ] {
        assert_eq!(decode(pickle), Ok(value), "{}", pickle.escape_ascii());
    }
}

#[test]
fn every_other_operation_is_refused_wherever_it_stands() {
    for operation in (0..=255_u8).filter(|it| !KNOWN.contains(it)) {
        // Enough values and bytes for any operation, so that it fails for no other reason.
        let pickle = [b"(N}(NNN", &[operation][..], b"\0\0\0\0\0\0\0\0\n\n."].concat();
        let mut decoder = Decoder::new(&pickle);
        let steps: Vec<_> = (0..8).map(|_| decoder.step()).collect();
        assert_eq!(steps[..7], [Ok(false); 7]);
        assert_eq!(steps[7], Err(Unreadable), "{operation:#x}");
    }
}

#[test]
fn a_pickle_that_is_not_well_formed_is_refused() {
    for wrong in [
        &b""[..],
        b".",
        b"N",
        b"NN.",
        b"N.N",
        b"(N.",
        b"t.",
        b"u.",
        b"}(Nu.",
        b"N(NNu.",
        b"NNs.",
        b"}(NNs.",
        b"N(R.",
        b"NR.",
        b"N(\x85.",
        b"\x87.",
        b"NN(\x86t.",
        b"N(N\x86tR.",
        b"o.",
        b"ios\nError\n.",
        b"cos\nError.",
        b"Ix\n.",
        b"I99999999999999999999\n.",
        b"K",
        b"M\x01",
        b"\x80",
    ] {
        assert_eq!(decode(wrong), Err(Unreadable), "{}", wrong.escape_ascii());
    }
}

#[test]
fn a_length_beyond_the_end_is_refused() {
    for wrong in [&b"U\x03ab"[..], b"T\xff\xff\xff\xffab.", b"X\0\0\0\x80ab.", b"C\xffab."] {
        assert_eq!(decode(wrong), Err(Unreadable), "{}", wrong.escape_ascii());
    }
}

#[test]
fn the_number_of_operations_and_so_the_nesting_is_limited() {
    let nested = |depth: usize| [b")", &[0x85].repeat(depth)[..], b"."].concat();
    assert!(decode(&nested(MAX_PICKLE_OPERATIONS - 2)).is_ok());
    assert_eq!(decode(&nested(MAX_PICKLE_OPERATIONS - 1)), Err(Unreadable));
    assert_eq!(decode(&b"(".repeat(1 << 20)), Err(Unreadable));
}

#[test]
fn the_beginning_of_a_tuple_is_read_without_its_rest() {
    let pickle = b"(K\0K\x01U\x04infoh\0T\xff\xff\xff\xff";
    let mut decoder = Decoder::new(pickle);
    assert_eq!(decoder.begin(3), Ok(&[Number(0), Number(1), Text(b"info")][..]));
    for wrong in [&b"NNN"[..], b"(NN", b"(NNt.", b"N(NNN", b"((NNNt."] {
        assert_eq!(Decoder::new(wrong).begin(3), Err(Unreadable), "{}", wrong.escape_ascii());
    }
}

fn operation() -> impl Strategy<Value = Vec<u8>> {
    // Mostly operations that succeed, or the first one would end most pickles.
    const VALUES: [&[u8]; 6] = [b"N", b"K\x01", b"}", b")", b"U\x04args", b"cos\nError\n"];
    let value = select(&VALUES[..]);
    prop_oneof![
        8 => value.prop_map(<[u8]>::to_vec),
        4 => Just(b"(".to_vec()),
        4 => select(KNOWN).prop_map(|operation| vec![operation]),
        1 => vec(any::<u8>(), 0..6),
        1 => Just(b"(K\x03K\0U\x06.reply".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: Option::None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_value_or_refused(operations in vec(operation(), 0..80)) {
        let pickle = operations.concat();
        let _ = Decoder::new(&pickle).begin(3);
        if let Ok(value) = decode(&pickle) {
            // Nothing can come from elsewhere than the bytes.
            prop_assert!(texts(&value) <= pickle.len());
        }
    }
}

/// Adds up the lengths of all texts.
fn texts(value: &Value<'_>) -> usize {
    match value {
        None | Number(_) => 0,
        Text(text) | Class(text) => text.len(),
        Tuple(parts) | Dictionary(parts) | Instance(parts) => parts.iter().map(texts).sum(),
    }
}
