//! What ARCHITECTURE.md says about rooms, under the heading `Rooms`.
//!
//! The table `room | what is in it | may use` has a row for each room. A paragraph that begins
//! `Single files:` names the modules that every room may use and that use no room. The table
//! `exception | why` is optional: each row allows one more edge, such as
//! `` `conf/plan` → `run` ``.

use std::collections::BTreeMap;

use super::super::Finding;
use super::super::markdown::{Row, Table, paragraph, quoted, tables};
use super::PAGE;

const SECTION: &str = "Rooms";
const ROOMS: [&str; 3] = ["room", "what is in it", "may use"];
const SINGLE_FILES: &str = "Single files:";
const EXCEPTIONS: [&str; 2] = ["exception", "why"];

/// The rooms, and which may use which.
#[derive(Debug, Default)]
pub(super) struct Plan {
    rooms: BTreeMap<String, Room>,
    pub(super) exceptions: Vec<Exception>,
}

#[derive(Debug)]
struct Room {
    /// The line of the page that describes it.
    line: usize,
    /// It is a single file: every room may use it, and it uses no room.
    is_single_file: bool,
    may_use: Vec<String>,
}

/// An edge that the table of rooms does not allow, and that is needed all the same.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) line: usize,
    from: Vec<String>,
    to: Vec<String>,
}

impl Plan {
    /// Reads the plan from the page; none if the page has no section for it.
    pub(super) fn read(page: &str) -> Result<Option<Self>, Vec<Finding>> {
        if !page.lines().any(|line| line.trim_end() == format!("## {SECTION}")) {
            return Ok(None);
        }
        let mut plan = Self::default();
        let mut findings = plan.fill(page);
        if findings.is_empty() {
            findings = plan.contradictions();
        }
        if findings.is_empty() { Ok(Some(plan)) } else { Err(findings) }
    }

    /// Takes over the rows of the tables; the findings are those it cannot read.
    fn fill(&mut self, page: &str) -> Vec<Finding> {
        let tables = tables(page).into_iter().filter(|table| table.section == SECTION);
        let tables: Vec<Table> = tables.collect();
        let rooms = rows(&tables, &ROOMS).map(|row| self.add_room(row));
        let mut findings: Vec<Finding> = rooms.filter_map(Result::err).collect();
        let exceptions = rows(&tables, &EXCEPTIONS).map(|row| self.add_exception(row));
        findings.extend(exceptions.filter_map(Result::err));
        if self.rooms.is_empty() && findings.is_empty() {
            let cure = format!("add a table `{}` under `## {SECTION}`", ROOMS.join(" | "));
            findings.push(Finding::new(PAGE, 0, cure));
        }
        if let Some((line, text)) = paragraph(page, SECTION, SINGLE_FILES) {
            self.add_single_files(line, &text);
        }
        findings
    }

    fn add_room(&mut self, row: &Row) -> Result<(), Finding> {
        let names = row.cell(2).split(',').map(|text| text.trim().trim_matches('`'));
        let may_use: Vec<String> = names.filter(|name| *name != "–").map(name).collect();
        if may_use.iter().any(String::is_empty) {
            let cure = "name the rooms that it may use, or write `–` for none";
            return Err(Finding::new(PAGE, row.line, cure));
        }
        let names = row.quoted(0);
        if names.is_empty() {
            return Err(Finding::new(PAGE, row.line, "name the room in backticks"));
        }
        for name in names.into_iter().map(name) {
            let (line, may_use) = (row.line, may_use.clone());
            self.rooms.insert(name, Room { line, is_single_file: false, may_use });
        }
        Ok(())
    }

    fn add_single_files(&mut self, line: usize, text: &str) {
        for name in quoted(text).into_iter().map(name) {
            let file = Room { line, is_single_file: true, may_use: Vec::new() };
            self.rooms.insert(name, file);
        }
    }

    fn add_exception(&mut self, row: &Row) -> Result<(), Finding> {
        self.exceptions.push(Exception::read(row)?);
        Ok(())
    }

    /// Finds what cannot be meant: unknown names, and rooms that may use each other in a circle.
    fn contradictions(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, room) in &self.rooms {
            let unknown = room.may_use.iter().filter(|used| !self.rooms.contains_key(*used));
            findings.extend(unknown.map(|used| {
                Finding::new(PAGE, room.line, format!("`{used}` has no row in this table"))
            }));
            if self.leads_to(name, name, self.rooms.len()) {
                let cure = format!("`{name}` may use itself in a circle: remove one of the edges");
                findings.push(Finding::new(PAGE, room.line, cure));
            }
        }
        findings
    }

    fn leads_to(&self, from: &str, to: &str, steps: usize) -> bool {
        let used = self.rooms.get(from).filter(|_| steps > 0).map(|room| &room.may_use);
        used.into_iter().flatten().any(|next| next == to || self.leads_to(next, to, steps - 1))
    }

    /// The rooms and single files, and the line that names each.
    pub(super) fn names(&self) -> BTreeMap<&str, usize> {
        self.rooms.iter().map(|(name, room)| (name.as_str(), room.line)).collect()
    }

    /// Whether the table of rooms allows an edge. Unknown names are reported elsewhere.
    pub(super) fn allows(&self, from: &str, to: &str) -> bool {
        let (Some(from), Some(target)) = (self.rooms.get(from), self.rooms.get(to)) else {
            return true;
        };
        target.is_single_file || from.may_use.iter().any(|used| used == to)
    }
}

impl Exception {
    fn read(row: &Row) -> Result<Self, Finding> {
        let [from, to] = row.quoted(0)[..] else {
            let cure = "write the exception as `room/file` → `room/file`";
            return Err(Finding::new(PAGE, row.line, cure));
        };
        if row.cell(1).is_empty() {
            return Err(Finding::new(PAGE, row.line, "say why this exception is needed"));
        }
        let path = |text: &str| name(text).split('/').map(str::to_owned).collect();
        Ok(Self { line: row.line, from: path(from), to: path(to) })
    }

    /// Whether it allows an edge between two modules, given by their paths.
    pub(super) fn covers(&self, from: &[String], to: &[String]) -> bool {
        from.starts_with(&self.from) && to.starts_with(&self.to)
    }
}

fn rows<'t>(tables: &'t [Table], columns: &[&str]) -> impl Iterator<Item = &'t Row> {
    tables.iter().filter(move |table| table.columns == columns).flat_map(|table| &table.rows)
}

/// The name of a room or file: `run` for `run.rs` and for `run/`.
fn name(text: &str) -> String {
    text.trim_end_matches('/').trim_end_matches(".rs").to_owned()
}
