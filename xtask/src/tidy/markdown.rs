//! Tables of a Markdown page, as far as the rules read them.

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
    let (mut section, mut inside) = (String::new(), false);
    for (index, text) in page.lines().enumerate() {
        if let Some(heading) = text.strip_prefix("## ") {
            section = heading.trim().to_owned();
        }
        let cells = cells(text);
        match (&cells, tables.last_mut()) {
            (None, _) => {}
            (Some(cells), Some(table)) if inside => {
                if !cells.iter().all(|cell| is_rule(cell)) {
                    table.rows.push(Row { line: index + 1, cells: cells.clone() });
                }
            }
            (Some(columns), _) => {
                let (section, columns) = (section.clone(), columns.clone());
                tables.push(Table { section, columns, rows: Vec::new() });
            }
        }
        inside = cells.is_some();
    }
    tables
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
