//! The pickles of clients, decoded into inert values.
//!
//! A client's message consists of strings, numbers, tuples and dictionaries. Nothing is looked up in
//! the memo, because ZEO switches it off. Everything else is refused: a message that cannot be decoded
//! ends the connection, as in a real server. Crates for pickles also use the memo, so that a short
//! message can need any amount of memory.
//!
//! Servers on Python 2.7 refuse protocol 3 and its byte strings, too.

use std::fmt;

/// How many values a message may contain; a call has about ten. This bounds the nesting, too.
const MAX_VALUES: usize = 1000;

/// A protocol of pickles, by its number. Each one has all instructions of the earlier ones.
pub(super) type Protocol = u8;

/// The newest protocol of Python 2.7.
pub(super) const PYTHON_2: Protocol = 2;
/// The newest protocol that ZEO 5 and later are sent. It adds a type for bytes.
pub(super) const PYTHON_3: Protocol = 3;

/// A value in a message.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Number(i64),
    Bytes(Vec<u8>),
    Unicode(String),
    /// A tuple or a list.
    Items(Vec<Value>),
    /// A value without a meaning for this server, such as a dictionary or a fraction.
    Other,
}

/// A call of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: i64,
    pub(super) one_way: bool,
    pub(super) name: String,
    pub(super) arguments: Vec<Value>,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Unicode(text) => write!(f, "{text:?}"),
            Self::Items(items) => f.debug_list().entries(items).finish(),
            Self::Other => f.write_str("?"),
        }
    }
}

impl Value {
    /// Returns an identifier of an object or of a transaction.
    pub(super) fn identifier(&self) -> Option<[u8; 8]> {
        match self {
            Self::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// Returns a string of either kind, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Unicode(text) => Some(text),
            _ => None,
        }
    }

    /// Tells whether Python takes the value for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::None | Self::Number(0) => false,
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::Unicode(text) => !text.is_empty(),
            Self::Items(items) => !items.is_empty(),
            _ => true,
        }
    }
}

impl Call {
    /// Decodes a message for a server that understands pickles up to `newest`.
    pub(super) fn of(message: &[u8], newest: Protocol) -> Option<Self> {
        let Value::Items(parts) = decode(message, newest)? else { return None };
        let [Value::Number(number), flag, name, Value::Items(arguments)] = &parts[..] else {
            // The replies with which clients keep a connection alive have no arguments.
            return Self::keeping_alive(&parts);
        };
        let (one_way, name) = (flag.is_true(), name.text()?.to_owned());
        Some(Self { number: *number, one_way, name, arguments: arguments.clone() })
    }

    fn keeping_alive(parts: &[Value]) -> Option<Self> {
        let [Value::Number(number), _, name, Value::None] = parts else { return None };
        let name = name.text()?.to_owned();
        Some(Self { number: *number, one_way: true, name, arguments: Vec::new() })
    }
}

/// Decodes the one value of a pickle.
fn decode(pickle: &[u8], newest: Protocol) -> Option<Value> {
    let mut machine = Machine { rest: pickle, newest, stack: Vec::new(), values: 0 };
    while machine.step()? {}
    machine.stack.pop()?.value()
}

/// What can be on the stack.
enum Item {
    Mark,
    Value(Value),
}

impl Item {
    fn value(self) -> Option<Value> {
        match self {
            Self::Mark => None,
            Self::Value(value) => Some(value),
        }
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    newest: Protocol,
    stack: Vec<Item>,
    values: usize,
}

impl Machine<'_> {
    /// Executes one instruction; false at the end. `None` means that the pickle is refused.
    fn step(&mut self) -> Option<bool> {
        let code = self.take(1)?[0];
        match code {
            b'.' => return Some(false),
            b'(' => self.stack.push(Item::Mark),
            b'\x80' => self.begin()?,
            // Places in the memo, which nothing looks at.
            b'q' => drop(self.take(1)?),
            b'r' => drop(self.take(4)?),
            b't' | b'l' => self.collect()?,
            b'd' => self.collapse()?,
            b'u' | b'e' => self.extend()?,
            b's' | b'a' => self.append(if code == b's' { 2 } else { 1 })?,
            b'\x85'..=b'\x87' => self.collect_last(usize::from(code - 0x84))?,
            _ => {
                let value = self.simple(code)?;
                self.push(value)?;
            }
        }
        Some(true)
    }

    /// Reads which protocol the pickle needs.
    fn begin(&mut self) -> Option<()> {
        let protocol = self.take(1)?[0];
        (protocol <= self.newest).then_some(())
    }

    /// Reads a value that does not consist of others.
    fn simple(&mut self, code: u8) -> Option<Value> {
        Some(match code {
            b'N' => Value::None,
            b')' | b']' => Value::Items(Vec::new()),
            b'}' => Value::Other,
            b'K' => self.number(1)?,
            b'M' => self.number(2)?,
            b'J' => Value::Number(i32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            b'I' | b'L' => self.line()?,
            b'\x88' => Value::Number(1),
            b'\x89' => Value::Number(0),
            b'U' => self.bytes(1)?,
            b'T' => self.bytes(4)?,
            b'X' => self.unicode()?,
            b'B' if self.newest >= PYTHON_3 => self.bytes(4)?,
            b'C' if self.newest >= PYTHON_3 => self.bytes(1)?,
            // A fraction, or a number of more than four bytes.
            b'G' => self.take(8).map(|_| Value::Other)?,
            b'\x8a' => self.bytes(1).map(|_| Value::Other)?,
            _ => return None,
        })
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads an unsigned number of so many bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Option<Value> {
        let digits = self.take(bytes)?;
        let number = digits.iter().rev().fold(0, |number, digit| number << 8 | i64::from(*digit));
        Some(Value::Number(number))
    }

    /// Reads a string whose length has so many bytes.
    fn bytes(&mut self, length: usize) -> Option<Value> {
        let Value::Number(length) = self.number(length)? else { return None };
        let bytes = self.take(usize::try_from(length).ok()?)?;
        Some(Value::Bytes(bytes.to_vec()))
    }

    /// Reads a string of characters, which is UTF-8.
    fn unicode(&mut self) -> Option<Value> {
        let Value::Bytes(bytes) = self.bytes(4)? else { return None };
        String::from_utf8(bytes).ok().map(Value::Unicode)
    }

    /// Reads a number or a truth value that is written as a line of text.
    fn line(&mut self) -> Option<Value> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let digits = std::str::from_utf8(self.take(end)?).ok()?.trim_end_matches('L').to_owned();
        self.take(1)?;
        Some(digits.parse().map_or(Value::Other, Value::Number))
    }

    fn push(&mut self, value: Value) -> Option<()> {
        self.values += 1;
        self.stack.push(Item::Value(value));
        (self.values <= MAX_VALUES).then_some(())
    }

    /// Takes the values above the last mark, and the mark.
    fn above_mark(&mut self) -> Option<Vec<Value>> {
        let mark = self.stack.iter().rposition(|item| matches!(item, Item::Mark))?;
        let values = self.stack.split_off(mark).into_iter().skip(1);
        values.map(Item::value).collect()
    }

    fn collect(&mut self) -> Option<()> {
        let items = self.above_mark()?;
        self.push(Value::Items(items))
    }

    fn collapse(&mut self) -> Option<()> {
        self.above_mark()?;
        self.push(Value::Other)
    }

    fn collect_last(&mut self, count: usize) -> Option<()> {
        let from = self.stack.len().checked_sub(count)?;
        let items = self.stack.split_off(from).into_iter().map(Item::value);
        let items = items.collect::<Option<_>>()?;
        self.push(Value::Items(items))
    }

    /// Adds the values above the last mark to the list or dictionary below it.
    fn extend(&mut self) -> Option<()> {
        let values = self.above_mark()?;
        self.add_to_last(values)
    }

    fn append(&mut self, count: usize) -> Option<()> {
        let from = self.stack.len().checked_sub(count)?;
        let values = self.stack.split_off(from).into_iter().map(Item::value);
        let values = values.collect::<Option<_>>()?;
        self.add_to_last(values)
    }

    fn add_to_last(&mut self, values: Vec<Value>) -> Option<()> {
        match self.stack.last_mut()? {
            Item::Value(Value::Items(items)) => items.extend(values),
            Item::Value(Value::Other) => {}
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Bytes(text.as_bytes().to_vec())
    }

    fn call(name: &str, arguments: Vec<Value>) -> Option<Call> {
        Some(Call { number: 3, one_way: false, name: name.to_owned(), arguments })
    }

    fn of_python_2(message: &[u8]) -> Option<Call> {
        Call::of(message, PYTHON_2)
    }

    #[test]
    fn the_calls_of_a_snapshot_client_are_decoded() {
        let none = of_python_2(b"(J\x03\0\0\0K\0U\x0fgetAuthProtocol)t.");
        assert_eq!(none, call("getAuthProtocol", vec![]));
        let register = of_python_2(b"(J\x03\0\0\0K\0U\x08register(U\x011K\x01tt.");
        assert_eq!(register, call("register", vec![text("1"), Value::Number(1)]));
        let enter = of_python_2(b"(J\x03\0\0\0K\0U\x0eenter_snapshot(U\x08host-123tt.");
        assert_eq!(enter, call("enter_snapshot", vec![text("host-123")]));
    }

    #[test]
    fn a_call_may_be_written_as_real_clients_write_it() {
        let call_of_python_2 = of_python_2(b"(K\x03I00\nU\x08register(U\x011I01\ntt.");
        assert_eq!(call_of_python_2, call("register", vec![text("1"), Value::Number(1)]));
        let tuple = of_python_2(b"(K\x03K\x00U\rauth_response((U\x01uU\x01cU\x01rttt.");
        let parts = Value::Items(vec![text("u"), text("c"), text("r")]);
        assert_eq!(tuple, call("auth_response", vec![parts]));
        let protocol_2 = of_python_2(b"\x80\x02(K\x03\x89U\x04ping(}X\x01\0\0\0aG12345678s]tt.");
        assert_eq!(protocol_2, call("ping", vec![Value::Other, Value::Items(vec![])]));
    }

    #[test]
    fn protocol_3_and_its_byte_strings_are_refused_by_python_2_only() {
        for message in [
            &b"\x80\x03(K\x03\x89X\x04\0\0\0pingX\x01\0\0\0a\x85t."[..],
            b"(K\x03\x89X\x04\0\0\0pingC\x01a\x85t.",
            b"(K\x03\x89X\x04\0\0\0pingB\x01\0\0\0a\x85t.",
        ] {
            assert_eq!(of_python_2(message), None, "{}", message.escape_ascii());
            let of_python_3 = Call::of(message, PYTHON_3).unwrap();
            assert_eq!(of_python_3.arguments[0].text(), Some("a"), "{}", message.escape_ascii());
        }
        assert_eq!(Call::of(b"\x80\x04(K\x03\x89X\x04\0\0\0ping)t.", PYTHON_3), None);
    }

    #[test]
    fn a_unicode_string_keeps_its_kind_and_must_be_utf_8() {
        let entered = of_python_2(b"(K\x03K\0U\x0eenter_snapshot(X\x01\0\0\0xtt.");
        assert_eq!(entered, call("enter_snapshot", vec![Value::Unicode("x".to_owned())]));
        assert_eq!(of_python_2(b"(K\x03K\0U\x0eenter_snapshot(X\x01\0\0\0\xfftt."), None);
    }

    #[test]
    fn a_reply_that_keeps_the_connection_alive_is_a_message_without_arguments() {
        let alive = of_python_2(b"(J\xff\xff\xff\xffK\x00U\x06.replyNt.").unwrap();
        assert_eq!((alive.number, alive.one_way, alive.name.as_str()), (-1, true, ".reply"));
    }

    #[test]
    fn classes_memos_and_incomplete_pickles_are_refused() {
        for message in [
            &b"cos\nsystem\n(U\x02lstR."[..],
            b"(J\x03\0\0\0K\0U\x04pingq\x00h\x00t.",
            b"(J\x03\0\0\0K\0U\x04ping)t",
            b"(J\x03\0\0\0K\0U\xffping)t.",
            b"(K\x03K\0U\x04ping.",
            b"t.",
            b".",
            b"\x86.",
            b"s.",
            b"",
        ] {
            assert_eq!(of_python_2(message), None, "{}", message.escape_ascii());
        }
    }
}
