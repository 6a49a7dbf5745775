//! Durations on the command line: `5s`, `500ms`, `1m 30s`.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest duration. Without a bound, sums of durations could overflow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 5s, 500ms or 1m30s"))?;
    if duration > LONGEST {
        return Err("longer than a week, the longest that is possible".to_owned());
    }
    Ok(duration)
}

/// Parses a duration that is not zero.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("must be more than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses a duration, or a range of durations: `1s-60s`. Neither end is zero.
pub(crate) fn parse_range(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let (shortest, longest) = text.split_once('-').unwrap_or((text, text));
    let range = parse_positive(shortest)?..=parse_positive(longest)?;
    if range.is_empty() {
        return Err("the range ends before it starts; write it like 1s-60s".to_owned());
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit_and_has_a_longest_value() {
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert!(parse("5").unwrap_err().contains("5s, 500ms"));
        assert!(parse("8days").is_err());
        assert!(parse("99999999999999999999s").is_err());
        assert!(parse_positive("0ms").is_err());
    }

    #[test]
    fn a_range_goes_from_the_shortest_to_the_longest() {
        let second = Duration::from_secs(1);
        assert_eq!(parse_range("1s"), Ok(second..=second));
        assert_eq!(parse_range("1s-1m30s"), Ok(second..=90 * second));
        assert_eq!(parse_range("1s - 1s"), Ok(second..=second));
        for wrong in ["2s-1s", "0s-1s", "1s-", "-1s", "1s-2s-3s", "1s-9days"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
