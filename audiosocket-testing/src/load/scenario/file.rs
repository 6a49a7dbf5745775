//! A scenario in a TOML file.

mod steps;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use audiosocket_media::SampleRate;
use serde::Deserialize;
use toml::Spanned;

use super::Scenario;
use steps::{StepTable, StepsReader};

/// The error of a scenario file. The text names the file, the line and the remedy.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScenarioError {
    path: PathBuf,
    /// The line, from 1. `None` if the file cannot be read.
    line: Option<usize>,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioTable {
    name: Option<String>,
    steps: Vec<Spanned<StepTable>>,
}

impl Scenario {
    /// Reads a scenario file, for a test with this sample rate. The guide has the format, in "Testing your bot".
    ///
    /// The paths of audio files are relative to the directory of the scenario file. Audio files are held in memory, and are ten
    /// minutes long at most.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] if the file, or an audio file that it names, cannot be read, and for wrong, missing or unknown keys.
    pub fn read(path: impl AsRef<Path>, rate: SampleRate) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScenarioError::new(path, None, cannot_read(&error)))?;
        Self::parse(&text, path, rate)
    }

    fn parse(text: &str, path: &Path, rate: SampleRate) -> Result<Self, ScenarioError> {
        let at = |offset: Option<usize>, problem| {
            let line = offset.and_then(|offset| text.get(..offset));
            let line = line.map(|before| before.matches('\n').count() + 1);
            ScenarioError::new(path, line, problem)
        };
        let table: ScenarioTable = toml::from_str(text).map_err(|error| {
            let offset = error.span().map(|span| span.start);
            at(offset, error.message().to_owned())
        })?;
        let stem = path.file_stem().unwrap_or_default();
        let name = table
            .name
            .unwrap_or_else(|| stem.to_string_lossy().into_owned());
        let reader = StepsReader {
            directory: path.parent().unwrap_or_else(|| Path::new("")),
            rate,
        };
        let mut scenario = Self::new(name);
        for (index, step) in table.steps.into_iter().enumerate() {
            let offset = step.span().start;
            let step = reader.read(step.into_inner());
            let step =
                step.map_err(|problem| at(Some(offset), format!("step {}: {problem}", index + 1)))?;
            scenario = scenario.step(step.text, step.actions);
        }
        Ok(scenario)
    }
}

fn cannot_read(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "the file is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

impl ScenarioError {
    fn new(path: &Path, line: Option<usize>, problem: String) -> Self {
        Self {
            path: path.to_owned(),
            line,
            problem,
        }
    }

    /// Returns the line of the fault, from 1. `None` if the file cannot be read.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        write!(f, "{}", path.escape_debug())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        // The message of a parser can have several lines.
        write!(f, ": {}", self.problem.trim_end().replace('\n', "; "))
    }
}

impl std::error::Error for ScenarioError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse(text, Path::new("dir/bot.toml"), SampleRate::Hz8000)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_has_a_name_and_steps() {
        let scenario = parse("name = 'the menu'\nsteps = [{ wait = '2s' }]").unwrap();
        let wanted = Scenario::new("the menu").wait(Duration::from_secs(2));
        assert_eq!(scenario, wanted);
        assert_eq!(parse("steps = []").unwrap().name(), "bot");
    }

    #[test]
    fn each_kind_of_step_has_a_text() {
        for (step, text) in [
            ("{ say = 'speech', for = '1s' }", "say speech for 1s"),
            (
                "{ say = 'noise', background = true }",
                "start to say noise for 2s",
            ),
            (
                "{ say = 'tone', hz = 1000 }",
                "say a tone of 1000 Hz for 2s",
            ),
            ("{ key = '15#' }", "key 15#"),
            (
                "{ key = '*', gap = '1s', in_band = true }",
                "key * as tones",
            ),
            ("{ wait = '500ms' }", "wait 500ms"),
            ("{ hold = '5s' }", "hold 5s"),
            ("{ hold = '5s', background = true }", "start a hold of 5s"),
            ("{ error = 4 }", "error 4"),
            ("{ second_uuid = true }", "second UUID"),
            (
                "{ expect = 'audio', within = '3s' }",
                "expect audio within 3s",
            ),
            (
                "{ expect = 'tone', hz = 440, within = '3s', for = '1s' }",
                "expect a tone of 440 Hz within 3s, for 1s",
            ),
            (
                "{ expect = 'silence', within = '1s' }",
                "expect silence within 1s, for 500ms",
            ),
            (
                "{ expect = 'silence', for = '2s' }",
                "expect silence for 2s",
            ),
            (
                "{ expect = 'hangup', within = '1m' }",
                "expect a hangup within 60s",
            ),
            ("{ hang_up = true }", "hang up"),
        ] {
            let scenario = parse(&format!("steps = [{step}]")).unwrap();
            assert_eq!(scenario.steps()[0].text, text);
        }
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_remedy() {
        for (step, line, words) in [
            (
                "{ expct = 'audio' }",
                3,
                &["unknown field `expct`", "`expect`"][..],
            ),
            (
                "{ expect = 'sound', within = '1s' }",
                3,
                &["`sound`", "`audio`"],
            ),
            ("{ wait = '5' }", 3, &["5s, 500ms"]),
            ("{ wait = 5 }", 3, &["string"]),
            ("{ key = '1x' }", 3, &["'x'", "0-9 * # A-D"]),
            ("{ key = '' }", 3, &["no keys"]),
            ("{ within = '1s' }", 3, &["step 2", "`expect`"]),
            ("{ }", 3, &["step 2", "`say`"]),
            (
                "{ wait = '1s', hold = '1s' }",
                3,
                &["step 2", "`wait` and `hold`"],
            ),
            (
                "{ wait = '1s', for = '1s' }",
                3,
                &["step 2", "`for`", "`wait`"],
            ),
            ("{ expect = 'audio' }", 3, &["step 2", "within = \"3s\""]),
            (
                "{ expect = 'silence' }",
                3,
                &["step 2", "`within`", "`for`"],
            ),
            (
                "{ expect = 'tone', within = '1s' }",
                3,
                &["step 2", "hz = 440"],
            ),
            ("{ say = 'missing.wav' }", 3, &["step 2", "dir/missing.wav"]),
            ("{ say = 'tone', hz = 5000 }", 3, &["step 2", "4000"]),
            ("{ hang_up = false }", 3, &["step 2", "hang_up = true"]),
            ("{ wait = '1s'", 4, &[]),
        ] {
            let text = format!("steps = [\n  {{ wait = '1s' }},\n  {step}\n]");
            let error = parse(&text).unwrap_err();
            let place = format!("dir/bot.toml:{line}: ");
            assert!(error.starts_with(&place), "{step}: {error}");
            for word in words {
                assert!(error.contains(word), "{step}: {error}");
            }
            assert!(!error.contains('\n'), "{error}");
        }
        let error = parse("nme = 'x'\nsteps = []").unwrap_err();
        assert!(
            error.starts_with("dir/bot.toml:1: unknown field `nme`"),
            "{error}"
        );
        let error = parse("name = 'x'").unwrap_err();
        assert!(error.contains("missing field `steps`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error_with_its_name() {
        let error = Scenario::read("no/such.toml", SampleRate::Hz8000).unwrap_err();
        assert_eq!(error.line(), None);
        assert!(error.to_string().starts_with("no/such.toml: "), "{error}");
    }
}
