//! The setters of every adapter's `ServerBuilder`, written once: its fields `config` and `source` hold
//! what they set.

/// Setters for whatever a server listens on: they set a field `config`, a
/// [`ServerConfig`](crate::io::ServerConfig).
#[doc(hidden)]
#[macro_export]
macro_rules! server_builder_setters {
    () => {
        /// Sets which connections the server takes. Replaces what [`limits`](Self::limits),
        /// [`allow_list`](Self::allow_list), [`expected_calls`](Self::expected_calls) and
        /// [`admit_peer`](Self::admit_peer) set.
        #[must_use]
        pub fn admission(mut self, admission: impl Into<$crate::Admission>) -> Self {
            self.config.admission = admission.into();
            self
        }

        /// Sets how many connections the server takes.
        #[must_use]
        pub fn limits(mut self, limits: $crate::Limits) -> Self {
            self.config.admission = self.config.admission.limits(limits);
            self
        }

        /// Refuses peers that are not on this list.
        #[must_use]
        pub fn allow_list(mut self, list: $crate::AllowList) -> Self {
            self.config.admission = self.config.admission.allow_list(list);
            self
        }

        /// Refuses calls that were not announced to `calls`. The metadata of a call is then on the call, by a
        /// method `metadata`.
        #[must_use]
        pub fn expected_calls<M>(mut self, calls: &$crate::ExpectedCalls<M>) -> Self
        where
            M: ::std::marker::Send + ::std::marker::Sync + 'static,
        {
            self.config.admission = self.config.admission.expected_calls(calls);
            self
        }

        /// Refuses peers for which `check` returns an error. It runs once for each connection that the allow
        /// list allows, before anything is read. It runs where connections are accepted: a check that blocks
        /// delays all later connections.
        #[must_use]
        pub fn admit_peer<F>(mut self, check: F) -> Self
        where
            F: Fn(&$crate::Peer) -> ::std::result::Result<(), $crate::Refusal>
                + ::std::marker::Send
                + ::std::marker::Sync
                + 'static,
        {
            self.config.admission = self.config.admission.admit_peer(check);
            self
        }

        /// Sets the deadlines and bounds of each call.
        #[must_use]
        pub fn session(mut self, session: $crate::io::SessionConfig) -> Self {
            self.config.session = session;
            self
        }

        /// Sets how many bytes of events may wait for [`IncomingCall::next`](crate::IncomingCall::next) on
        /// one call; each event takes 64 beside its audio. Default: 128 KiB, about seven seconds at
        /// 8 kHz.
        ///
        /// Beyond it the oldest audio is dropped, and [`CallEvent::Lagged`](crate::CallEvent::Lagged) says
        /// how much. If no audio waits, the call is hung up.
        #[must_use]
        pub fn event_queue(mut self, bytes: usize) -> Self {
            self.config.event_queue = Some(bytes);
            self
        }

        /// Sets how many calls may wait for [`Server::accept`](crate::Server::accept); further calls are
        /// refused. Default: 1,024, twice the 500 calls that one Asterisk may place at once.
        #[must_use]
        pub fn accept_queue(mut self, calls: usize) -> Self {
            self.config.accept_queue = Some(calls);
            self
        }
    };
}

/// Setters for a server on TCP: they set a field `source`, a
/// [`ListenOptions`](crate::io::ListenOptions).
#[doc(hidden)]
#[macro_export]
macro_rules! tcp_builder_setters {
    () => {
        /// Listens on an address, such as `"127.0.0.1:9092"`; on each one, if it is a name that stands for
        /// several. May be called again for more addresses. Port 0 lets the system choose.
        ///
        /// An IPv6 address takes IPv6 connections only, so that `0.0.0.0:9092` and `[::]:9092` go
        /// together.
        #[must_use]
        pub fn bind(mut self, addr: impl Into<$crate::io::ListenAddr>) -> Self {
            self.source.addrs.push(addr.into());
            self
        }

        /// Listens on a socket that is bound and listens already, such as one from systemd. May be called
        /// again for more sockets.
        #[must_use]
        pub fn listener(mut self, listener: ::std::net::TcpListener) -> Self {
            self.source.listeners.push(listener);
            self
        }

        /// Sets how many connections the kernel may hold that have not been accepted. Default: 1024. The
        /// kernel may have a lower limit (`net.core.somaxconn`).
        #[must_use]
        pub fn backlog(mut self, connections: i32) -> Self {
            self.source.backlog = connections;
            self
        }

        /// Sets whether several processes or sockets may listen on the same address (`SO_REUSEPORT`). The
        /// kernel spreads connections among them. Default: off. An error on systems without it.
        #[must_use]
        pub fn reuse_port(mut self, reuse_port: bool) -> Self {
            self.source.reuse_port = reuse_port;
            self
        }

        /// Sets how the kernel finds dead peers; `None` leaves that to the system. Default:
        /// [`Keepalive::default`](crate::config::Keepalive).
        #[must_use]
        pub fn keepalive(
            mut self,
            keepalive: impl Into<::std::option::Option<$crate::io::Keepalive>>,
        ) -> Self {
            self.source.tcp.keepalive = keepalive.into();
            self
        }

        /// Sets how many bytes the kernel takes for a peer that does not read them (`SO_SNDBUF`); `None`
        /// leaves that to the system. Default: 128 KiB, seven seconds of 8 kHz audio. Linux counts its own
        /// bookkeeping too, for which it doubles the number, and has a limit of its own
        /// (`net.core.wmem_max`).
        ///
        /// Audio in the kernel cannot be taken back. By itself Linux takes up to 4 MB for each connection
        /// (`net.ipv4.tcp_wmem`), a minute and a half of 8 kHz audio, and more than the machine has if
        /// enough peers stop reading. Set more for a path so long that more has to be on its way at once,
        /// such as 192 kHz audio on a quarter of a second.
        #[must_use]
        pub fn send_buffer(mut self, bytes: impl Into<::std::option::Option<usize>>) -> Self {
            self.source.tcp.send_buffer = bytes.into();
            self
        }
    };
}

/// Setters for a server whose calls share threads.
#[doc(hidden)]
#[macro_export]
macro_rules! shared_thread_setters {
    () => {
        /// Sets whether to log a warning while a handler blocks its thread for more than 500 ms. Default:
        /// off. When on, each poll of a call stores two numbers more, and the process has one more thread.
        #[must_use]
        pub fn blocked_handler_warning(mut self, warn: bool) -> Self {
            self.config.blocked_handler_warning = warn;
            self
        }
    };
}

/// The setter of the wake interval: it sets a field `wake_interval`.
#[cfg(feature = "batch")]
#[doc(hidden)]
#[macro_export]
macro_rules! wake_interval_setter {
    () => {
        /// Polls all calls together at this interval, instead of each one when it has something to do.
        /// Default: `None`, at once.
        ///
        /// Most of what a busy server costs is the kernel's waking it, which then happens once for many
        /// frames; a server with few calls is woken more often than before. Each frame waits for the
        /// interval at most, so that a telephone call does not notice 1 ms to 5 ms. Deadlines are met at
        /// the next poll: played audio leaves on its schedule, each frame up to the interval late, and the
        /// delays do not add up. What a [`CallHandle`](crate::CallHandle) asks for is done at once.
        ///
        /// It is an error to start a server with an interval of zero, or of half a
        /// [ptime](crate::config::Ptime) or longer. A runtime that counts in milliseconds takes a shorter
        /// interval for one.
        #[must_use]
        pub fn wake_interval(
            mut self,
            interval: impl Into<::std::option::Option<::std::time::Duration>>,
        ) -> Self {
            self.wake_interval = interval.into();
            self
        }
    };
}
