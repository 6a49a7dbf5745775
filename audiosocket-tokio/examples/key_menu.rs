//! A key menu (IVR): a prompt, keys, a number of several digits, and a goodbye.
//!
//! Key 1 asks for a number of up to four digits; `#` or a pause of three seconds ends the number. Key 2 plays the
//! opening hours. After a wrong key, or five seconds without a key, the caller hears the menu again, three times in all.
//! A key stops the prompt that plays.
//!
//! The menu is a WAV file, if there is an argument for it. Every other text is beeps, one for each word.
//!
//! ```sh
//! espeak-ng -w menu.wav "Press 1 to enter a number. Press 2 for the opening hours."
//! cargo run -p audiosocket-tokio --example key_menu -- 127.0.0.1:9092 menu.wav
//! # Without a phone, in another terminal: a call that presses keys: 1 for the first question, 42 and # for the second.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --dtmf '142#' --expect any --duration 10s
//! ```

mod shutdown;
mod synthesiser;

use std::error::Error;
use std::time::Duration;

use audiosocket_media::Prompt;
use audiosocket_tokio::{AudioBuf, CallEvent, IncomingCall, SendError, Server};
use synthesiser::synthesise;
use tokio::time::{Instant, timeout_at};

/// How long the caller has for the first key, from the end of the prompt.
const FIRST_KEY: Duration = Duration::from_secs(5);

/// How long the caller has for each further key of a number.
const NEXT_KEY: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:9092".into());
    let menu = args.next().map(Prompt::open).transpose()?;

    let server = Server::bind(addr).await?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {}", server.local_addrs()[0]);
    Ok(server
        .serve_calls(move |call| talk(call, menu.clone()))
        .await?)
}

/// Returns [`SendError::NoCall`] if the caller hangs up before the goodbye.
async fn talk(mut call: IncomingCall, menu: Option<Prompt>) -> Result<(), SendError> {
    call.wait_sample_rate(Duration::from_millis(200)).await;
    let rate = call.answer_rate();
    let menu = match menu {
        Some(menu) => menu.at(rate),
        None => synthesise("Press 1 to enter a number, 2 for the opening hours", rate),
    };
    for _ in 0..3 {
        match ask(&mut call, menu.clone(), 1).await?.as_str() {
            "1" => {
                let number = ask(&mut call, synthesise("Enter your number", rate), 4).await?;
                println!("{}: entered {number:?}", call.uuid());
                let digits = number.split("").collect::<Vec<_>>().join(" ");
                return part(call, synthesise(&format!("You entered {digits}"), rate)).await;
            }
            "2" => return part(call, synthesise("We are open from nine to five", rate)).await,
            "" => {}
            _ => {
                call.play(synthesise("Wrong key", rate)).await?;
                call.played().await;
            }
        }
    }
    println!("{}: chose nothing", call.uuid());
    part(call, synthesise("Goodbye", rate)).await
}

/// Plays a question and returns the answer: up to `len` keys, without the `#` that ends a shorter answer. The answer is
/// empty if no key comes in time.
async fn ask(call: &mut IncomingCall, question: AudioBuf, len: usize) -> Result<String, SendError> {
    let mut keys = String::new();
    let mut deadline = Instant::now() + question.duration() + FIRST_KEY;
    call.play(question).await?;
    while keys.len() < len {
        // A deadline for all events until the next key. The caller's audio is fifty events per second, so a timeout
        // for one event would never pass.
        match timeout_at(deadline, call.next()).await {
            Ok(Some(CallEvent::Dtmf(key))) => {
                call.clear();
                if key.as_char() == '#' {
                    break;
                }
                keys.push(key.as_char());
                deadline = Instant::now() + NEXT_KEY;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Err(SendError::NoCall),
            Err(_) => break,
        }
    }
    Ok(keys)
}

/// Plays the last audio, and hangs up.
async fn part(mut call: IncomingCall, last: AudioBuf) -> Result<(), SendError> {
    call.play(last).await?;
    call.hangup_after_playout();
    // Dropping the call hangs up at once. So the task keeps the call until its last event.
    while call.next().await.is_some() {}
    Ok(())
}
