//! What holds for every snapshot code that comes from outside.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_code_is_a_word_of_printable_ascii(user in "(user/){0,2}", code in vec(prop_oneof![0x1f..0x80_u8, any::<u8>()], 0..70)) {
        let given = [user.as_bytes(), &code].concat();
        let Some(read) = Code::from_bytes(&given) else { return Ok(()) };
        prop_assert!((1..=MAX_CODE).contains(&read.as_str().len()));
        prop_assert!(read.as_str().bytes().all(|byte| (b'!'..=b'~').contains(&byte)), "{}", read);
        prop_assert!(given.ends_with(read.as_str().as_bytes()));
    }

    #[test]
    fn every_word_of_printable_ascii_is_a_code_with_and_without_user(code in "[!-~]{1,64}") {
        prop_assume!(!code.starts_with("user/"));
        let read = Code::from_bytes(code.as_bytes()).unwrap();
        prop_assert_eq!(read.as_str(), &code);
        prop_assert_eq!(Code::from_bytes(format!("user/{code}").as_bytes()), Some(read));
    }
}
