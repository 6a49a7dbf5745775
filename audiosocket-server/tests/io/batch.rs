//! Connections that are polled together: real sockets, and a clock that only the test moves.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{Ptime, SampleRate, SessionConfig};
use audiosocket_server::io::{AcceptLoop, BatchPoller, ListenOptions, ServerConfig};
use audiosocket_server::{Acceptor, Call, CallHandle, CallRequest, Callbacks, Handler, Response};

use crate::rig::{AUDIO, CountingWaker, HANGUP, Lines, UUID, echo};
use crate::runtime::{FakeTimer, KernelListener, pass, timers_touched};

const INTERVAL: Duration = Duration::from_millis(2);

#[test]
fn a_batch_without_connections_sets_no_timer() {
    let mut server = Rig::new(echo(&Lines::default()));
    let before = timers_touched();
    server.poll();
    assert_eq!(timers_touched(), before);

    let caller = server.connect();
    server.look();
    let with_a_call = timers_touched();
    assert!(with_a_call > before);
    drop(caller);
    server.look_until(|server| server.open() == 0);
    let after = timers_touched();
    server.look();
    assert_eq!(timers_touched(), after);
}

#[test]
fn a_frame_waits_for_the_next_collection() {
    let lines = Lines::default();
    let mut server = Rig::new(echo(&lines));
    let mut callers = [server.call(), server.call()];
    server.look();
    for caller in &mut callers {
        caller.write_all(AUDIO).unwrap();
    }
    pass(INTERVAL - Duration::from_nanos(1));
    server.poll();
    assert_eq!(*lines.lock().unwrap(), [""; 0]);
    pass(Duration::from_nanos(1));
    server.look_until(|_| lines.lock().unwrap().len() == 2);
    for caller in &mut callers {
        assert_eq!(hear(caller, AUDIO.len()), AUDIO);
    }
}

/// The close arrives with the last frame, without another event.
#[test]
fn a_close_after_the_last_frame_ends_the_call() {
    let lines = Lines::default();
    let mut server = Rig::new(echo(&lines));
    let mut caller = server.call();
    caller.write_all(AUDIO).unwrap();
    drop(caller);
    server.look_until(|server| server.open() == 0);
    assert_eq!(*lines.lock().unwrap(), ["audio 4", "end"]);
}

/// A peer that does not read for some time gets all bytes when it reads again.
#[test]
fn bytes_that_do_not_fit_the_socket_leave_later() {
    let lines = Lines::default();
    let mut server = Rig::new(echo(&lines));
    let mut caller = server.call();
    caller.set_nonblocking(true).unwrap();
    let audio = [&b"\x10\xff\xfe"[..], &[7; 65_534]].concat();
    let (mut sent, mut took) = (0, Vec::new());
    // More than the buffers of the kernel hold.
    let all = audio.repeat(256);
    while sent < all.len() {
        match caller.write(&all[sent..]) {
            Ok(len) => sent += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                take_what_is_there(&mut caller, &mut took);
            }
            Err(error) => panic!("{error}"),
        }
        server.look();
    }
    server.look_until(|_| {
        take_what_is_there(&mut caller, &mut took);
        took.len() == all.len()
    });
    assert!(took == all);
}

#[test]
fn a_command_does_not_wait_for_the_interval() {
    let mut server = Rig::new(echo(&Lines::default()));
    let mut caller = server.call();
    server.look();
    server.poll();
    server.bell.wake_count();
    server.accept_loop.handle().calls().shut_down();
    assert_eq!(server.bell.wake_count(), 1);
    server.poll();
    assert_eq!(hear(&mut caller, HANGUP.len()), HANGUP);
}

/// This includes a connection that sends nothing.
#[test]
fn deadlines_are_met_at_the_next_collection() {
    let mut server = Rig::new(echo(&Lines::default()));
    let mut caller = server.connect();
    server.look();
    pass(SessionConfig::default().uuid_timeout - INTERVAL * 2);
    server.poll();
    caller.set_nonblocking(true).unwrap();
    let silent = caller.read(&mut [0]).unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::WouldBlock);
    caller.set_nonblocking(false).unwrap();
    pass(INTERVAL * 2);
    server.poll();
    assert_eq!(hear(&mut caller, HANGUP.len()), HANGUP);
}

/// Each frame leaves at the first collection after it is due. A late frame does not delay later frames.
#[test]
fn played_audio_keeps_its_schedule() {
    let player = Player::default();
    let mut server = Rig::new(player.clone());
    let _caller = server.call();
    let handle = player.handle.lock().unwrap().clone().unwrap();
    handle
        .try_play((SampleRate::Hz8000, vec![1; 320 * 100]))
        .unwrap();
    server.poll();
    let frames = || handle.stats().playout.frames;
    assert_eq!(frames(), 1, "the first frame leaves at once");
    // The 20 ms of a frame are no multiple of this interval.
    let step = Duration::from_millis(3);
    for looks in 1..=200 {
        pass(step);
        server.poll();
        assert_eq!(frames(), 1 + looks * 3 / 20, "after {looks} collections");
    }
    assert_eq!(handle.stats().playout.late, 0);
}

/// Otherwise an overloaded server would poll its calls only, and accept no connection.
#[test]
fn other_tasks_run_if_the_work_takes_longer_than_the_interval() {
    let slow = Callbacks::new(
        |_, _, audio| {
            pass(INTERVAL * 2);
            audio.into()
        },
        |_, _, _| {},
    );
    let mut server = Rig::new(slow);
    let mut caller = server.call();
    caller.write_all(AUDIO).unwrap();
    server.bell.wake_count();
    server.look_until(|server| server.bell.wake_count() > 0);
    assert_eq!(hear(&mut caller, AUDIO.len()), AUDIO);
}

#[test]
fn a_wake_interval_is_more_than_zero_and_less_than_half_a_ptime() {
    let new = |interval| BatchPoller::<FakeTimer, Callbacks>::new(interval, Ptime::default());
    for interval in [Duration::ZERO, Duration::from_millis(10)] {
        let error = new(interval).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{interval:?}");
    }
    for interval in [Duration::from_nanos(1), Duration::from_nanos(9_999_999)] {
        new(interval).unwrap();
    }
}

fn hear(caller: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    caller.read_exact(&mut bytes).unwrap();
    bytes
}

fn take_what_is_there(caller: &mut TcpStream, took: &mut Vec<u8>) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(len) = caller.read(&mut buffer) {
        assert_ne!(len, 0, "the connection was closed");
        took.extend(&buffer[..len]);
    }
}

/// A server whose clock the test moves.
struct Rig<A: Acceptor> {
    accept_loop: AcceptLoop<KernelListener, FakeTimer, A>,
    batch: BatchPoller<FakeTimer, A>,
    addr: SocketAddr,
    bell: Arc<CountingWaker>,
}

impl<A: Acceptor> Rig<A> {
    fn new(acceptor: A) -> Self {
        let mut config = ServerConfig::default();
        config.session = config.session.fill_silence(false);
        config.session = config.session.max_unsent(usize::MAX);
        let mut options = ListenOptions::default();
        options.addrs.push("127.0.0.1:0".into());
        let sockets = options.listen_blocking().unwrap();
        let addr = sockets.local_addrs[0];
        let listener = KernelListener::new(sockets);
        Self {
            accept_loop: AcceptLoop::new(acceptor, [listener], &config),
            batch: BatchPoller::new(INTERVAL, config.session.ptime).unwrap(),
            addr,
            bell: Arc::default(),
        }
    }

    /// Returns a peer whose connection is accepted.
    fn connect(&mut self) -> TcpStream {
        let before = self.open();
        let caller = TcpStream::connect(self.addr).unwrap();
        caller
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        while self.open() == before {
            self.poll();
        }
        caller
    }

    /// Returns a peer with a call.
    fn call(&mut self) -> TcpStream {
        let mut caller = self.connect();
        let before = self.accept_loop.handle().counters().started;
        caller.write_all(UUID).unwrap();
        self.look_until(|server| server.accept_loop.handle().counters().started > before);
        caller
    }

    fn open(&self) -> usize {
        self.accept_loop.handle().calls().len()
    }

    /// Moves the clock by the interval, and polls.
    fn look(&mut self) {
        pass(INTERVAL);
        self.poll();
    }

    /// Polls until `is_there`. The kernel may deliver bytes a moment after they were sent.
    fn look_until(&mut self, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..1_000_000 {
            if holds(self) {
                return;
            }
            self.look();
        }
        panic!("the bytes did not arrive");
    }

    fn poll(&mut self) {
        let waker = Waker::from(self.bell.clone());
        let mut cx = Context::from_waker(&waker);
        let over = self.batch.poll_server(&mut self.accept_loop, &mut cx);
        assert!(over.is_pending());
    }
}

/// Gives the handles of its calls to the test.
#[derive(Clone, Default)]
struct Player {
    handle: Arc<Mutex<Option<CallHandle>>>,
}

impl Acceptor for Player {
    type Handler = Self;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self, audiosocket_server::Refusal> {
        Ok(self.clone())
    }
}

impl Handler for Player {
    fn on_start(&mut self, call: &mut Call<'_>) {
        *self.handle.lock().unwrap() = Some(call.handle());
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: audiosocket_proto::Audio<'a>) -> Response<'a> {
        Response::Nothing
    }
}
