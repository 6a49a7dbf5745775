//! The pages of the guide that have Rust code, which is compiled as doc tests. The guide includes the other pages
//! with code from the crates, whose doc tests compile them.

#[doc = include_str!("../../docs/src/barge-in.md")]
struct BargeInPage;

#[doc = include_str!("../../docs/src/keys.md")]
struct Keys;

#[doc = include_str!("../../docs/src/recording.md")]
struct Recording;

#[doc = include_str!("../../docs/src/testing.md")]
struct Testing;

#[doc = include_str!("../../docs/src/voice-bot.md")]
struct VoiceBot;
