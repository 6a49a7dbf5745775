use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// One measured value.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// The name of the value, with the runtime and the load.
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    /// The minimum and the maximum, if `measured` is the median of several values.
    pub(crate) spread: Option<[f64; 2]>,
    /// The bound of the value. `None` if it has none.
    pub(crate) at_most: Option<f64>,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            unit,
            measured,
            spread: None,
            at_most: None,
        }
    }

    pub(crate) fn spread(mut self, min: f64, max: f64) -> Self {
        self.spread = Some([min, max]);
        self
    }

    pub(crate) fn at_most(self, bound: f64) -> Self {
        self.at_most_if(Some(bound))
    }

    pub(crate) fn at_most_if(mut self, bound: Option<f64>) -> Self {
        self.at_most = bound;
        self
    }

    pub(crate) fn is_missed(&self) -> bool {
        !self.at_most.is_none_or(|bound| self.measured <= bound)
    }
}

/// Returns a table in Markdown.
pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let several = figures.iter().any(|figure| figure.spread.is_some());
    let mut header = vec!["", "measured", "at most", ""];
    if several {
        header.insert(2, "min to max");
    }
    table.set_header(&header);
    for figure in figures {
        let number = |number: f64| match number.abs() {
            0.0 | 1.0.. => format!("{number:.2}"),
            _ => format!("{number:.3}"),
        };
        let spread = |[min, max]: [f64; 2]| format!("{} to {}", number(min), number(max));
        let mut row = vec![
            figure.what.clone(),
            number(figure.measured),
            figure.at_most.map(number).unwrap_or_default(),
            figure.unit.to_owned(),
        ];
        if several {
            row.insert(2, figure.spread.map(spread).unwrap_or_default());
        }
        table.add_row(row);
    }
    for index in 1..header.len() - 1 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
