//! The settings of the `ServerBuilder` of each adapter, as macros. They need the fields `config` and `source`.

/// Settings for all servers. They set the field `config`, a [`ServerConfig`](crate::io::ServerConfig).
#[doc(hidden)]
#[macro_export]
macro_rules! server_builder_setters {
    () => {
        /// Sets which connections the server admits. This replaces earlier settings of [`limits`](Self::limits),
        /// [`allow_list`](Self::allow_list), [`expected_calls`](Self::expected_calls),
        /// [`proxy_protocol`](Self::proxy_protocol) and [`admit_peer`](Self::admit_peer).
        #[must_use]
        pub fn admission(mut self, admission: impl Into<$crate::Admission>) -> Self {
            self.config.admission = admission.into();
            self
        }

        /// Sets how many connections the server admits.
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

        /// Refuses calls that were not announced to `calls`. The method `metadata` of an accepted call returns its
        /// metadata.
        #[must_use]
        pub fn expected_calls<M>(mut self, calls: &$crate::ExpectedCalls<M>) -> Self
        where
            M: ::std::marker::Send + ::std::marker::Sync + 'static,
        {
            self.config.admission = self.config.admission.expected_calls(calls);
            self
        }

        /// Sets the networks of proxies that send a header of the PROXY protocol (`send-proxy` or `send-proxy-v2` in HAProxy). The
        /// client of the proxy is then the peer of the call. Default: none. See
        /// [`Admission::proxy_protocol`](crate::admission::Admission::proxy_protocol).
        #[must_use]
        pub fn proxy_protocol(mut self, proxies: $crate::AllowList) -> Self {
            self.config.admission = self.config.admission.proxy_protocol(proxies);
            self
        }

        /// Refuses peers for which `check` returns an error. The check runs once for each connection that the allow list
        /// allows, before the server reads from the peer. It runs in the accept loop: a check that blocks delays all
        /// later connections.
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

        /// Sets the deadlines and limits of each call.
        #[must_use]
        pub fn session(mut self, session: $crate::io::SessionConfig) -> Self {
            self.config.session = session;
            self
        }

        /// Sets how many bytes of events may wait for [`IncomingCall::next`](crate::IncomingCall::next) on one call.
        /// Default: 128 KiB, about seven seconds at 8 kHz. Each event takes 64 bytes and its audio.
        ///
        /// Above this limit the oldest audio is dropped, and [`CallEvent::Lagged`](crate::CallEvent::Lagged) has the
        /// number of dropped frames. If no audio waits, the call is hung up.
        #[must_use]
        pub fn event_queue(mut self, bytes: usize) -> Self {
            self.config.event_queue = Some(bytes);
            self
        }

        /// Sets how many calls may wait for [`Server::accept`](crate::Server::accept). Further calls are refused.
        /// Default: 1,024, twice the 500 calls that one Asterisk may place at once.
        #[must_use]
        pub fn accept_queue(mut self, calls: usize) -> Self {
            self.config.accept_queue = Some(calls);
            self
        }
    };
}

/// Settings for a server on TCP. They set the field `source`, a [`ListenOptions`](crate::io::ListenOptions).
#[doc(hidden)]
#[macro_export]
macro_rules! tcp_builder_setters {
    () => {
        /// Adds an address to listen on, such as `"127.0.0.1:9092"`. If it is a name for several addresses, the server
        /// listens on each of them. With port 0 the system chooses a port.
        ///
        /// An IPv6 address takes IPv6 connections only, so `0.0.0.0:9092` and `[::]:9092` can be used together.
        #[must_use]
        pub fn bind(mut self, addr: impl Into<$crate::io::ListenAddr>) -> Self {
            self.source.addrs.push(addr.into());
            self
        }

        /// Adds a socket that is bound and listens already, such as one from systemd.
        #[must_use]
        pub fn listener(mut self, listener: ::std::net::TcpListener) -> Self {
            self.source.listeners.push(listener);
            self
        }

        /// Sets how many connections may wait in the kernel until the server takes them. Default: 1024. The kernel may
        /// have a lower limit (`net.core.somaxconn`).
        #[must_use]
        pub fn backlog(mut self, connections: i32) -> Self {
            self.source.backlog = connections;
            self
        }

        /// Sets whether several processes or sockets may listen on the same address (`SO_REUSEPORT`). The kernel spreads
        /// connections among them. Default: off. The server does not start on systems without this option.
        #[must_use]
        pub fn reuse_port(mut self, reuse_port: bool) -> Self {
            self.source.reuse_port = reuse_port;
            self
        }

        /// Sets how the kernel finds dead peers. `None` keeps the settings of the system. Default:
        /// [`Keepalive::default`](crate::config::Keepalive).
        #[must_use]
        pub fn keepalive(
            mut self,
            keepalive: impl Into<::std::option::Option<$crate::io::Keepalive>>,
        ) -> Self {
            self.source.tcp.keepalive = keepalive.into();
            self
        }

        /// Sets the size of the send buffer in the kernel (`SO_SNDBUF`), in bytes. `None` keeps the setting of the
        /// system. Default: 128 KiB, seven seconds of 8 kHz audio. Linux doubles the number for its own data, and has a
        /// limit (`net.core.wmem_max`).
        ///
        /// Audio in the kernel cannot be cleared. With its own setting, Linux takes up to 4 MB for each connection
        /// (`net.ipv4.tcp_wmem`): 90 seconds of 8 kHz audio, and more than the memory of the machine if many peers stop
        /// reading. Set more for a long network path with much audio, such as 192 kHz over a round trip of 250 ms.
        #[must_use]
        pub fn send_buffer(mut self, bytes: impl Into<::std::option::Option<usize>>) -> Self {
            self.source.tcp.send_buffer = bytes.into();
            self
        }
    };
}

/// The setting for a server whose calls share threads.
#[doc(hidden)]
#[macro_export]
macro_rules! shared_thread_setters {
    () => {
        /// Sets whether the log has a warning while a handler blocks its thread for more than 500 ms. Default: off. When
        /// on, each poll of a call stores two more numbers, and the process has one more thread.
        #[must_use]
        pub fn blocked_handler_warning(mut self, warn: bool) -> Self {
            self.config.blocked_handler_warning = warn;
            self
        }
    };
}

/// The setting of TLS. It sets the field `config`.
#[cfg(feature = "tls")]
#[doc(hidden)]
#[macro_export]
macro_rules! tls_setter {
    () => {
        /// Serves TLS in place of plain TCP. Default: `None`, plain TCP.
        ///
        /// The handshake is part of the time for the UUID. A peer without TLS, or without a certificate that the
        /// configuration demands, is an exception of the acceptor. A header of the [PROXY protocol](Self::proxy_protocol) comes
        /// before the handshake.
        #[must_use]
        pub fn tls(
            mut self,
            config: impl ::std::convert::Into<::std::option::Option<$crate::io::TlsConfig>>,
        ) -> Self {
            self.config.tls = config.into();
            self
        }
    };
}

/// The setting of the wake interval. It sets the field `wake_interval`.
#[cfg(feature = "batch")]
#[doc(hidden)]
#[macro_export]
macro_rules! wake_interval_setter {
    () => {
        /// Sets an interval at which the server polls all calls together. Default: `None`, the server polls each call
        /// when it has work.
        ///
        /// Most of the cost of a busy server is the wake-ups by the kernel. With an interval there is one wake-up for
        /// many frames. A server with few calls gets more wake-ups than before.
        ///
        /// Each frame waits up to the interval, so 1 ms to 5 ms are useful for telephone calls. Deadlines are met at the
        /// next poll: played audio leaves on its schedule, each frame up to the interval late, and the delays do not add
        /// up. Commands of a [`CallHandle`](crate::CallHandle) act at once.
        ///
        /// The interval must be longer than zero and shorter than half a [ptime](crate::config::Ptime). Otherwise the
        /// server does not start. A runtime with a clock in milliseconds rounds it up to 1 ms.
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
