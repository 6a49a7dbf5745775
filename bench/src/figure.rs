use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// One thing that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What, on which runtime, under which load.
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    /// What it must not exceed; `None` if it is only told.
    pub(crate) at_most: Option<f64>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            unit,
            measured,
            at_most: None,
        }
    }

    pub(crate) fn at_most(mut self, bound: f64) -> Self {
        self.at_most = Some(bound);
        self
    }

    pub(crate) fn is_missed(&self) -> bool {
        !self.at_most.is_none_or(|bound| self.measured <= bound)
    }
}

/// In Markdown, for the README.
pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "measured", "at most", ""]);
    for figure in figures {
        let number = |number: f64| format!("{number:.2}");
        table.add_row([
            figure.what.clone(),
            number(figure.measured),
            figure.at_most.map(number).unwrap_or_default(),
            figure.unit.to_owned(),
        ]);
    }
    for index in [1, 2] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
