use crate::figure::Figure;

/// The median of what was measured, with the least and the most beside it; `None` of nothing.
pub(super) fn figure(what: String, mut values: Vec<f64>, unit: &'static str) -> Option<Figure> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Some(Figure::new(what, (low + high) / 2.0, unit).spread(least, most))
}

pub(super) fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}
