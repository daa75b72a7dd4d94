//! The safe decoder: reads a pickle into inert values. Nothing is looked up, called or run.
//!
//! A pickle is a program for a machine with a stack. Only these operations are known. Each is in a
//! reply that a real server sends; every other one ends the decoding.
//!
//! | operations | what they make | why they are needed |
//! |---|---|---|
//! | `(` `t` `)` `.` | a mark, a tuple of all above it, the empty tuple, the end | every message is a tuple |
//! | `N` `K` `M` `J` `I` | None, numbers of 1, 2 and 4 bytes, booleans as a line of text | numbers of messages, flags, results |
//! | `U` `T` | byte strings with a length of 1 or 4 bytes | names, snapshot codes, challenges |
//! | `}` `u` `s` | a dictionary | the list of extension methods, the state of an exception |
//! | `c` `R` | a class by its name, an instance of it | exceptions |
//! | `o` `i` `b` | an instance of an old class, and its state | exceptions of Python 2.4 and earlier |
//! | `X` | a text | a code that somebody entered as Unicode; Python 3 |
//! | `\x80` `C` `\x85` `\x86` `\x87` `\x88` `\x89` | the number of the protocol, bytes, tuples of 1 to 3, booleans | ZEO 4 on Python 3 |
//!
//! Operations that read values back from a memo are refused: they allow a short pickle to stand for
//! a huge value. Each operation makes at most one value, and their number is limited, so memory and
//! nesting are limited, too. Texts are not copied.

use dsnap_engine::limits::MAX_PICKLE_OPERATIONS;

/// A value of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'p> {
    None,
    Number(i64),
    Text(&'p [u8]),
    Tuple(Vec<Value<'p>>),
    /// Keys and values by turns.
    Dictionary(Vec<Value<'p>>),
    /// The name of a class, without its module.
    Class(&'p [u8]),
    /// What an instance was made from, and its state: class, arguments, state.
    Instance(Vec<Value<'p>>),
}

/// The bytes are not a pickle of the known operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The machine that reads one pickle.
#[derive(Debug)]
pub(crate) struct Decoder<'p> {
    rest: &'p [u8],
    stack: Vec<Value<'p>>,
    marks: Vec<usize>,
    operations: usize,
}

impl<'p> Decoder<'p> {
    /// Begins with a pickle.
    pub(crate) fn new(pickle: &'p [u8]) -> Self {
        Self { rest: pickle, stack: Vec::new(), marks: Vec::new(), operations: 0 }
    }

    /// Reads until the first tuple has this many items, and returns them. The rest stays unread.
    ///
    /// # Errors
    ///
    /// The pickle does not begin in this way.
    pub(crate) fn begin(&mut self, items: usize) -> Result<&[Value<'p>], Unreadable> {
        while self.marks != [0] || self.stack.len() != items {
            if self.step()? {
                return Err(Unreadable);
            }
        }
        Ok(&self.stack)
    }

    /// Reads the rest, and returns the one value that the pickle stands for.
    ///
    /// # Errors
    ///
    /// The pickle has other operations, too many of them, or another end.
    pub(crate) fn finish(mut self) -> Result<Value<'p>, Unreadable> {
        while !self.step()? {}
        match (self.stack.pop(), &self.stack[..], &self.marks[..], self.rest) {
            (Some(value), [], [], []) => Ok(value),
            _ => Err(Unreadable),
        }
    }

    /// Does one operation; true at the end.
    fn step(&mut self) -> Result<bool, Unreadable> {
        self.operations += 1;
        if self.operations > MAX_PICKLE_OPERATIONS {
            return Err(Unreadable);
        }
        match self.take(1)?[0] {
            b'.' => return Ok(true),
            b'(' => self.marks.push(self.stack.len()),
            0x80 => drop(self.take(1)?),
            b'u' => self.above_mark().and_then(|items| self.fill(items))?,
            b's' => self.top(2).and_then(|items| self.fill(items))?,
            operation => {
                let value = self.value(operation)?;
                self.stack.push(value);
            }
        }
        Ok(false)
    }

    fn value(&mut self, operation: u8) -> Result<Value<'p>, Unreadable> {
        Ok(match operation {
            b'N' => Value::None,
            b'K' => Value::Number(self.number(1)?),
            b'M' => Value::Number(self.number(2)?),
            b'J' => Value::Number(i64::from(self.number(4)? as i32)),
            b'I' => Value::Number(parse(self.line()?)?),
            0x88 => Value::Number(1),
            0x89 => Value::Number(0),
            b'U' | b'C' => self.text(1)?,
            b'T' | b'X' => self.text(4)?,
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.above_mark()?),
            0x85..=0x87 => Value::Tuple(self.top(usize::from(operation - 0x84))?),
            b'}' => Value::Dictionary(Vec::new()),
            b'c' => self.class()?,
            b'i' => {
                let class = self.class()?;
                Value::Instance([vec![class], self.above_mark()?].concat())
            }
            b'o' => Value::Instance(self.above_mark()?),
            b'R' | b'b' => Value::Instance(self.top(2)?),
            _ => return Err(Unreadable),
        })
    }

    /// Takes so many bytes off the pickle.
    fn take(&mut self, count: usize) -> Result<&'p [u8], Unreadable> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a number of so many bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<i64, Unreadable> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | i64::from(*byte)))
    }

    /// Takes a text that begins with its length.
    fn text(&mut self, length_bytes: usize) -> Result<Value<'p>, Unreadable> {
        let length = usize::try_from(self.number(length_bytes)?).map_err(|_| Unreadable)?;
        self.take(length).map(Value::Text)
    }

    /// Takes a line, without its end.
    fn line(&mut self) -> Result<&'p [u8], Unreadable> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(Unreadable)?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    /// Takes the two lines that name a class.
    fn class(&mut self) -> Result<Value<'p>, Unreadable> {
        self.line()?;
        self.line().map(Value::Class)
    }

    /// Takes the values above the last mark off the stack, and the mark.
    fn above_mark(&mut self) -> Result<Vec<Value<'p>>, Unreadable> {
        let mark = self.marks.pop().ok_or(Unreadable)?;
        Ok(self.stack.split_off(mark))
    }

    /// Takes so many values off the stack. None of them is below the last mark.
    fn top(&mut self, count: usize) -> Result<Vec<Value<'p>>, Unreadable> {
        let base = self.marks.last().copied().unwrap_or(0);
        let begin = self.stack.len().checked_sub(count).filter(|begin| *begin >= base);
        Ok(self.stack.split_off(begin.ok_or(Unreadable)?))
    }

    /// Adds keys and values to the dictionary on top of the stack.
    fn fill(&mut self, items: Vec<Value<'p>>) -> Result<(), Unreadable> {
        match self.top(1)?.pop() {
            Some(Value::Dictionary(mut all)) if items.len().is_multiple_of(2) => {
                all.extend(items);
                self.stack.push(Value::Dictionary(all));
                Ok(())
            }
            _ => Err(Unreadable),
        }
    }
}

fn parse(digits: &[u8]) -> Result<i64, Unreadable> {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Unreadable)
}

#[cfg(test)]
mod tests;
