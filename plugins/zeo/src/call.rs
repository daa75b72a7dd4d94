//! What is sent: one call, written as a pickle that every server reads.
//!
//! A message is the tuple `(number, flag, name, arguments)`. Flag 0 asks for a reply. Old servers do
//! arithmetic on it, so it is a number and not a boolean. Servers on Python 2 refuse pickle
//! protocol 3 and later, so this is protocol 1.

/// An argument of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument<'a> {
    /// A byte string.
    Text(&'a [u8]),
    /// The number 1, which every server takes for true.
    True,
    /// One argument that is a tuple of byte strings.
    Texts(&'a [&'a [u8]]),
}

/// Writes a call.
pub(crate) fn write(number: i32, name: &str, arguments: &[Argument<'_>]) -> Vec<u8> {
    let mut pickle = b"(J".to_vec();
    pickle.extend(number.to_le_bytes());
    pickle.extend(b"K\0");
    write_text(&mut pickle, name.as_bytes());
    if arguments.is_empty() {
        pickle.push(b')');
    } else {
        pickle.push(b'(');
        arguments.iter().for_each(|argument| write_argument(&mut pickle, *argument));
        pickle.push(b't');
    }
    pickle.extend(b"t.");
    pickle
}

fn write_argument(pickle: &mut Vec<u8>, argument: Argument<'_>) {
    match argument {
        Argument::Text(text) => write_text(pickle, text),
        Argument::True => pickle.extend(b"K\x01"),
        Argument::Texts(texts) => {
            pickle.push(b'(');
            texts.iter().for_each(|text| write_text(pickle, text));
            pickle.push(b't');
        }
    }
}

fn write_text(pickle: &mut Vec<u8>, text: &[u8]) {
    match (u8::try_from(text.len()), u32::try_from(text.len())) {
        (Ok(length), _) => pickle.extend([b'U', length]),
        (_, length) => {
            pickle.push(b'T');
            // No word of a line is longer than its file.
            pickle.extend(length.unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    pickle.extend(text);
}

#[cfg(test)]
mod tests {
    use super::Argument::{Text, Texts, True};
    use super::*;

    #[test]
    fn the_calls_are_written_as_a_real_client_writes_them() {
        for (name, arguments, pickle) in [
            ("getAuthProtocol", &[][..], &b"(J\x03\0\0\0K\0U\x0fgetAuthProtocol)t."[..]),
            ("register", &[Text(b"1"), True], b"(J\x03\0\0\0K\0U\x08register(U\x011K\x01tt."),
            ("getExtensionMethods", &[], b"(J\x03\0\0\0K\0U\x13getExtensionMethods)t."),
            (
                "enter_snapshot",
                &[Text(b"host-123")],
                b"(J\x03\0\0\0K\0U\x0eenter_snapshot(U\x08host-123tt.",
            ),
            ("get_snapshot_code", &[], b"(J\x03\0\0\0K\0U\x11get_snapshot_code)t."),
            (
                "leave_snapshot",
                &[Text(b"host-123")],
                b"(J\x03\0\0\0K\0U\x0eleave_snapshot(U\x08host-123tt.",
            ),
            (
                "auth_response",
                &[Texts(&[b"u", b"c", b"r"])],
                b"(J\x03\0\0\0K\0U\x0dauth_response((U\x01uU\x01cU\x01rttt.",
            ),
        ] {
            assert_eq!(write(3, name, arguments), pickle, "{name}");
        }
    }

    #[test]
    fn a_text_of_more_than_255_bytes_has_a_length_of_four_bytes() {
        let text = [b'x'; 256];
        let pickle = write(1, "f", &[Text(&text)]);
        assert!(pickle.starts_with(b"(J\x01\0\0\0K\0U\x01f(T\0\x01\0\0xx"));
    }
}
