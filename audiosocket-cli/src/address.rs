//! Addresses on the command line: `127.0.0.1:9092`, `[::1]:9092`, `voicebot:9092`.

/// Checks the form `HOST:PORT`. It does not resolve the name.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("expected HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_needed() {
        for good in ["127.0.0.1:0", "[::1]:9092", "voicebot.example:65535"] {
            assert_eq!(parse(good), Ok(good.to_owned()));
        }
        for bad in ["", "localhost", ":9092", "localhost:", "localhost:65536"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
