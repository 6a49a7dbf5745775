use crate::figure::Figure;

/// The median of the values, with the minimum and the maximum. `None` if there are no values.
pub(super) fn figure(what: String, values: Vec<f64>, unit: &'static str) -> Option<Figure> {
    let least = least(&values)?;
    let most = -self::least(&values.iter().map(|value| -value).collect::<Vec<_>>())?;
    Some(Figure::new(what, median(values)?, unit).spread(least, most))
}

/// The median of the finite values.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let low = values.get(values.len().checked_sub(1)? / 2)?;
    let high = values.get(values.len() / 2)?;
    Some((low + high) / 2.0)
}

pub(super) fn least(values: &[f64]) -> Option<f64> {
    let values = values.iter().copied().filter(|value| value.is_finite());
    values.min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_between_the_minimum_and_the_maximum() {
        let figure = figure("what".to_owned(), vec![4.0, 1.0, f64::NAN, 2.0, 3.0], "µs");
        let figure = figure.unwrap();
        assert_eq!((figure.measured, figure.spread), (2.5, Some([1.0, 4.0])));
        assert_eq!(median(vec![7.0]), Some(7.0));
    }

    #[test]
    fn without_values_there_is_no_figure() {
        assert!(figure("what".to_owned(), vec![f64::NAN], "µs").is_none());
        assert_eq!(median(Vec::new()), None);
    }
}
