//! Durations on the command line: `5s`, `500ms`, `1m 30s`.

use std::time::Duration;

/// No duration that makes sense here is longer; without a bound, sums of time could overflow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 5s, 500ms or 1m30s"))?;
    if duration > LONGEST {
        return Err("longer than a week".to_owned());
    }
    Ok(duration)
}

/// As [`parse`], but not zero.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err("must be more than zero".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_needed_and_bounds_kept() {
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert!(parse("5").unwrap_err().contains("5s, 500ms"));
        assert!(parse("8days").is_err());
        assert!(parse("99999999999999999999s").is_err());
        assert!(parse_positive("0ms").is_err());
    }
}
