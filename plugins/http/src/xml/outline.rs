//! The structure of an XML-RPC response: whether it is one, and where its value is.
//!
//! The depth of the document is limited, because dxr reads values by recursion. A DTD is refused,
//! because no response needs one. Reading the value itself is left to dxr.

use dsnap_engine::limits::MAX_XML_DEPTH;
use quick_xml::Reader;
use quick_xml::events::Event;

/// The outline of a well-formed response.
pub(super) struct Outline<'t> {
    pub(super) is_fault: bool,
    /// The first outermost `<value>` element, with its tags.
    pub(super) value: Option<&'t str>,
}

impl<'t> Outline<'t> {
    /// Checks the structure of a document. Returns `None` if it is not one XML-RPC response.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut scanner = Scanner::default();
        loop {
            let at = position(&reader)?;
            match reader.read_event().ok()? {
                Event::Start(element) => scanner.start_element(element.name().as_ref(), at)?,
                Event::Empty(element) => {
                    scanner.start_element(element.name().as_ref(), at)?;
                    scanner.end_element(position(&reader)?);
                }
                Event::End(_) => scanner.end_element(position(&reader)?),
                Event::DocType(_) => return None,
                Event::Eof => break,
                _ => {}
            }
        }
        let is_complete = scanner.open_elements.is_empty();
        if !is_complete || scanner.roots != 1 || scanner.results != 1 {
            return None;
        }
        let range = scanner.value_begin.zip(scanner.value_end);
        let value = range.and_then(|(begin, end)| text.get(begin..end));
        Some(Self { is_fault: scanner.is_fault, value })
    }
}

/// What has been seen of a document so far.
#[derive(Default)]
struct Scanner {
    open_elements: Vec<String>,
    /// How many `methodResponse` elements there are.
    roots: usize,
    /// How many `params` and `fault` elements there are.
    results: usize,
    is_fault: bool,
    value_begin: Option<usize>,
    value_end: Option<usize>,
}

impl Scanner {
    /// Notes the start of an element. Returns `None` if a response cannot contain it there.
    fn start_element(&mut self, name: &str, at: usize) -> Option<()> {
        match (self.open_elements.len(), name) {
            (0, "methodResponse") => self.roots += 1,
            (0, _) => return None,
            (1, "params" | "fault") => {
                self.results += 1;
                self.is_fault |= name == "fault";
            }
            (depth, "value") if depth == self.value_depth() => {
                self.value_begin = self.value_begin.or(Some(at));
            }
            _ => {}
        }
        self.open_elements.push(name.to_owned());
        (self.open_elements.len() <= MAX_XML_DEPTH).then_some(())
    }

    fn end_element(&mut self, at: usize) {
        let closed = self.open_elements.pop();
        let is_value = closed.is_some_and(|name| name == "value");
        if is_value && self.open_elements.len() == self.value_depth() {
            self.value_end = self.value_end.or(Some(at));
        }
    }

    /// Returns the number of elements around the value: `fault`, or `params` and `param`, in
    /// `methodResponse`.
    fn value_depth(&self) -> usize {
        if self.is_fault { 2 } else { 3 }
    }
}

fn position(reader: &Reader<&[u8]>) -> Option<usize> {
    usize::try_from(reader.buffer_position()).ok()
}
