//! What a server sends, byte for byte as it was recorded: pickles of protocol 1 without a memo.

use super::version::ZeoVersion;

/// The flag of a reply that is a result.
const RESULT: i64 = 0;
/// The flag of a reply that is an exception, from ZEO 5 on.
const EXCEPTION: i64 = 2;

/// The bytes of a value.
pub(super) type Pickle = Vec<u8>;

pub(super) fn none() -> Pickle {
    b"N".to_vec()
}

/// Encodes a truth value as Python 2 does.
pub(super) fn truth(value: bool) -> Pickle {
    if value { b"I01\n".to_vec() } else { b"I00\n".to_vec() }
}

/// Encodes a number in the shortest form.
pub(super) fn number(value: i64) -> Pickle {
    match (u8::try_from(value), u16::try_from(value), i32::try_from(value)) {
        (Ok(byte), ..) => vec![b'K', byte],
        (_, Ok(short), _) => [b"M", &short.to_le_bytes()[..]].concat(),
        (_, _, Ok(word)) => [b"J", &word.to_le_bytes()[..]].concat(),
        _ => format!("I{value}\n").into_bytes(),
    }
}

/// Encodes a byte string.
pub(super) fn bytes(value: &[u8]) -> Pickle {
    match u8::try_from(value.len()) {
        Ok(length) => [&[b'U', length], value].concat(),
        Err(_) => [b"T", &length_of(value)[..], value].concat(),
    }
}

/// Encodes a string of characters.
pub(super) fn unicode(text: &str) -> Pickle {
    [b"X", &length_of(text.as_bytes())[..], text.as_bytes()].concat()
}

/// Returns the four bytes of a length.
fn length_of(value: &[u8]) -> [u8; 4] {
    u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes()
}

pub(super) fn text(value: &str) -> Pickle {
    bytes(value.as_bytes())
}

pub(super) fn tuple(items: &[Pickle]) -> Pickle {
    if items.is_empty() { b")".to_vec() } else { [b"(", &items.concat()[..], b"t"].concat() }
}

pub(super) fn list(items: &[Pickle]) -> Pickle {
    match items {
        [] => b"]".to_vec(),
        [item] => [b"]", &item[..], b"a"].concat(),
        items => [b"](", &items.concat()[..], b"e"].concat(),
    }
}

pub(super) fn dictionary(entries: &[(&str, Pickle)]) -> Pickle {
    let written = entries.iter().map(|(key, value)| [text(key), value.clone()].concat());
    let written: Vec<_> = written.collect();
    match &written[..] {
        [] => b"}".to_vec(),
        [entry] => [b"}", &entry[..], b"s"].concat(),
        entries => [b"}(", &entries.concat()[..], b"u"].concat(),
    }
}

/// Encodes the reply to the call with this number.
pub(super) fn reply(number_of_call: i64, result: &[u8]) -> Pickle {
    message(number_of_call, false, ".reply", result)
}

/// Encodes a message that wants no answer.
pub(super) fn one_way(number: i64, name: &str, arguments: &[u8]) -> Pickle {
    message(number, true, name, arguments)
}

fn message(of: i64, one_way: bool, name: &str, arguments: &[u8]) -> Pickle {
    let flag = number(one_way.into());
    [b"(", &number(of)[..], &flag, &text(name), arguments, b"t."].concat()
}

/// A class, as a pickle names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
}

impl Class {
    pub(super) const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name }
    }

    fn pickle(self) -> Pickle {
        format!("c{}\n{}\n", self.module, self.name).into_bytes()
    }

    /// Tells whether an exception of the class is a ZODB exception, whose state has a dictionary.
    fn is_of_zodb(self) -> bool {
        matches!(self.module, "ZODB.POSException" | "DirectoryStorage.utils" | "ZEO.Exceptions")
    }
}

/// The form of an exception in a reply, which depends on the generation of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExceptionForm {
    /// 3.3 to 3.7: the class, and then a class with an instance.
    Nested,
    /// 3.8: ZODB exceptions have a message besides their arguments.
    WithMessage,
    /// 3.9 to 4.3.
    WithArguments,
    /// A classic class of Python 2.4 and older.
    Classic,
    /// ZEO 4 with Python 3.
    Python3,
    /// ZEO 5 and later: the name of the class, and no class.
    Zeo5,
}

impl ExceptionForm {
    pub(super) fn of(version: ZeoVersion) -> Self {
        match version {
            ZeoVersion::Z303 => Self::Nested,
            ZeoVersion::Z308 => Self::WithMessage,
            ZeoVersion::Z5 | ZeoVersion::M5 => Self::Zeo5,
            _ => Self::WithArguments,
        }
    }
}

/// Encodes the reply to a call that raised an exception of a class, with one argument or none.
pub(super) fn exception(
    number_of_call: i64,
    form: ExceptionForm,
    class: Class,
    argument: Option<&[u8]>,
) -> Pickle {
    match form {
        ExceptionForm::Python3 => return of_python_3(number_of_call, class, argument),
        ExceptionForm::Zeo5 => return of_zeo_5(number_of_call, class, argument),
        _ => {}
    }
    let instance = instance(form, class, argument);
    let raised = tuple(&[class.pickle(), instance]);
    match form {
        ExceptionForm::Nested => reply(number_of_call, &tuple(&[class.pickle(), raised])),
        _ => reply(number_of_call, &raised),
    }
}

/// Encodes an exception itself.
fn instance(form: ExceptionForm, class: Class, argument: Option<&[u8]>) -> Pickle {
    let arguments = tuple(&argument.map(bytes).into_iter().collect::<Vec<_>>());
    match form {
        ExceptionForm::Nested => [&class.pickle()[..], &arguments, b"R"].concat(),
        ExceptionForm::Classic => {
            let state = dictionary(&[("args", arguments)]);
            [b"(", &class.pickle()[..], b"o", &state, b"b"].concat()
        }
        _ if class.is_of_zodb() => {
            let recon = Class::new("ZODB.POSException", "_recon").pickle();
            let mut state = vec![("args", arguments)];
            if form == ExceptionForm::WithMessage {
                state.insert(0, ("message", bytes(argument.unwrap_or_default())));
            }
            [&recon[..], &tuple(&[class.pickle(), dictionary(&state)]), b"R"].concat()
        }
        _ => [&class.pickle()[..], &arguments, b"R"].concat(),
    }
}

/// Encodes the reply that raises an exception with protocol 3, where words are text.
fn of_python_3(number_of_call: i64, class: Class, argument: Option<&[u8]>) -> Pickle {
    let arguments = arguments_of_python_3(argument);
    let instance = match class.is_of_zodb() {
        true => {
            let recon = Class::new("ZODB.POSException", "_recon").pickle();
            let state = [b"}", &unicode("args")[..], &arguments, b"s"].concat();
            [&recon[..], &class.pickle(), &state, b"\x86R"].concat()
        }
        false => [&class.pickle()[..], &arguments, b"R"].concat(),
    };
    reply_of_python_3(number_of_call, &[&class.pickle()[..], &instance, b"\x86"].concat())
}

/// Encodes the reply that raises an exception by the name of its class, as ZEO 5 and later do.
fn of_zeo_5(number_of_call: i64, class: Class, argument: Option<&[u8]>) -> Pickle {
    let module = if class.module == "exceptions" { "builtins" } else { class.module };
    let name = unicode(&format!("{module}.{}", class.name));
    let arguments = arguments_of_python_3(argument);
    let state = match class.is_of_zodb() {
        true => [b"}", &unicode("args")[..], &arguments, b"s"].concat(),
        false => arguments,
    };
    let raised = [&name[..], &state, b"\x86"].concat();
    message_of_python_3(number_of_call, EXCEPTION, &raised)
}

/// Encodes the arguments of an exception with protocol 3.
fn arguments_of_python_3(argument: Option<&[u8]>) -> Pickle {
    match argument {
        None => b")".to_vec(),
        Some(words) => [&unicode(&String::from_utf8_lossy(words))[..], b"\x85"].concat(),
    }
}

/// Encodes a reply with protocol 3.
pub(super) fn reply_of_python_3(number_of_call: i64, result: &[u8]) -> Pickle {
    message_of_python_3(number_of_call, RESULT, result)
}

/// Encodes an identifier with protocol 3.
pub(super) fn bytes_of_python_3(id: [u8; 8]) -> Pickle {
    [b"C\x08", &id[..]].concat()
}

fn message_of_python_3(number_of_call: i64, flag: i64, result: &[u8]) -> Pickle {
    let head = [number(number_of_call), number(flag), unicode(".reply")].concat();
    [b"\x80\x03(", &head[..], result, b"t."].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "(K\u{3}K\0X\u{6}\0\0\0.reply";

    /// Returns what raises an exception with one argument on Python 3, after the protocol.
    fn raised(class: Class) -> String {
        let pickle = exception(3, ExceptionForm::Python3, class, Some(b"words"));
        let rest = pickle.strip_prefix(b"\x80\x03").unwrap();
        // The short tuples are the only bytes that are not ASCII.
        rest.iter().copied().map(char::from).collect()
    }

    #[test]
    fn on_python_3_only_exceptions_of_zodb_are_made_from_a_state() {
        let lock_error = raised(Class::new("zc.lockfile", "LockError"));
        let class = "czc.lockfile\nLockError\n";
        let words = "X\u{5}\0\0\0words\u{85}";
        assert_eq!(lock_error, format!("{HEAD}{class}{class}{words}R\u{86}t."));
        let storage_error = raised(Class::new("DirectoryStorage.utils", "DirectoryStorageError"));
        let class = "cDirectoryStorage.utils\nDirectoryStorageError\n";
        let state = format!("}}X\u{4}\0\0\0args{words}s");
        let recon = "cZODB.POSException\n_recon\n";
        assert_eq!(storage_error, format!("{HEAD}{class}{recon}{class}{state}\u{86}R\u{86}t."));
    }
}
