//! A Markdown page, as far as the rules read it: tables, and paragraphs by their first words.

/// A table: the heading above it, its columns, and its rows.
#[derive(Debug)]
pub(super) struct Table {
    /// The nearest heading that begins with `##`, without the `##`.
    pub(super) section: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug)]
pub(super) struct Row {
    /// From 1.
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

impl Row {
    /// The text of a cell; empty where the row is too short.
    pub(super) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    /// What stands in backticks in a cell.
    pub(super) fn quoted(&self, column: usize) -> Vec<&str> {
        quoted(self.cell(column))
    }
}

/// What stands in backticks.
pub(super) fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Reads all tables of a page.
pub(super) fn tables(page: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut is_inside = false;
    for (line, section, text) in lines(page) {
        let Some(cells) = cells(text) else {
            is_inside = false;
            continue;
        };
        match tables.last_mut().filter(|_| is_inside) {
            Some(_) if cells.iter().all(|cell| is_rule(cell)) => {}
            Some(table) => table.rows.push(Row { line, cells }),
            None => {
                let section = section.to_owned();
                tables.push(Table { section, columns: cells, rows: Vec::new() });
            }
        }
        is_inside = true;
    }
    tables
}

/// Finds the paragraph of a section that begins with these words: its first line and its text.
pub(super) fn paragraph(page: &str, section: &str, begin: &str) -> Option<(usize, String)> {
    let from_it =
        lines(page).skip_while(|(_, of, text)| *of != section || !text.starts_with(begin));
    let lines = from_it.take_while(|(_, _, text)| !text.trim().is_empty());
    let lines: Vec<(usize, &str)> = lines.map(|(line, _, text)| (line, text)).collect();
    let (first, _) = lines.first()?;
    Some((*first, lines.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(" ")))
}

/// The lines of a page: number, section, text.
fn lines(page: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    page.lines().zip(1..).scan("", |section, (text, line)| {
        if let Some(heading) = text.strip_prefix("## ") {
            *section = heading.trim();
        }
        Some((line, *section, text))
    })
}

/// Splits a line of a table into its cells.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?;
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// Whether a cell is part of the line between the columns' names and the rows.
fn is_rule(cell: &str) -> bool {
    cell.contains('-') && cell.chars().all(|c| "-:".contains(c))
}
