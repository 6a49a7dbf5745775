use std::fmt;

/// Limits on the number of connections of a server. Each limit bounds the cost of a flood. The defaults are far above
/// the load of one Asterisk. Compare the worst case below with the memory of the machine.
///
/// ```
/// # use audiosocket_server::Limits;
/// let limits = Limits::new().max_calls(500).max_pending(200);
/// assert_eq!(limits.max_calls, 500);
/// ```
///
/// # What a connection costs
///
/// A quiet connection takes about 2.5 kB and a descriptor. In `audiosocket-blocking` it takes about 20 kB, two
/// descriptors and a thread. A connection whose peer or handler behaves as badly as possible takes up to
///
/// - 64 KiB for a frame that the peer never finishes,
/// - [`max_unsent`](audiosocket_proto::SessionConfig::max_unsent), 128 KiB, for frames that the peer does not read,
/// - with [`incoming`](crate::incoming()), 128 KiB for events that the application does not take,
/// - in `audiosocket-blocking`, 128 KiB for frames that arrive while the handler blocks.
///
/// In all, this is 192 to 448 KiB. Add the audio that you play, and the buffers of the kernel: up to 256 KiB for sent
/// bytes (the send buffer of the adapters' servers) and the unread bytes of the peer (`net.ipv4.tcp_rmem`). A peer
/// alone can cause the first of these costs: 10,000 such calls take 640 MB. Lower `max_calls` on a machine with less
/// memory, and keep foreign peers out with an [allow list](crate::AllowList).
///
/// # What happens beyond a limit
///
/// Open calls go on in each case.
///
/// - While `max_calls` connections are open, the server [refuses](WhenFull::Refuse) connections: it closes its
///   listeners, and opens them again when a place is free. Asterisk then tries the next address of the server's name.
/// - Beyond the limits of connections without a UUID, the server accepts the connection and hangs up: it sends a hangup
///   frame, closes the connection a moment later, and [counts](crate::Calls::counters) it. If it closed its listeners
///   here, a few silent connections could keep all callers out.
///
/// The server also refuses connections while the application [refuses calls](crate::Calls::refuse_calls), while
/// [memory is short](crate::Calls::note_memory_short), and while fewer than 16 descriptors are left.
/// [`Calls::full`](crate::Calls::full) returns the reason.
///
/// ## Connections that the kernel has accepted
///
/// The kernel accepts connections before the server does. Near a limit, the server lowers the backlog of its listeners
/// to the number of free places. Linux then drops further connection requests. The peer repeats its request after a
/// second, and is accepted or refused then. Before it closes a listener, the server takes the connections that wait
/// there, and hangs up those beyond the limit. A connection that the kernel accepts at this moment is reset.
///
/// # When a place becomes free
///
/// A call counts until it ends. Its place is free before [`on_end`](crate::Handler::on_end) runs. If the server was full,
/// its accept loop opens the listeners a moment later. The connection itself stays open for its
/// [`linger`](audiosocket_proto::SessionConfig::linger), until the peer has read the hangup. Such connections
/// have a bound of their own: `max_calls`, or 256 if that is more. A connection beyond this bound closes at once,
/// and its hangup may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections, with a UUID or without. Default: 10,000, several times the load of one Asterisk. The
    /// system's limit on descriptors (`ulimit -n`) may be lower; new connections then wait in the kernel.
    pub max_calls: usize,
    /// Open connections without a UUID. Asterisk sends the UUID at once, so there are almost none in normal operation.
    /// Default: 8,192. Silent connections leave 1,808 of the default `max_calls` to calls.
    pub max_pending: usize,
    /// Open connections without a UUID from one IPv4 address, or from one IPv6 network of 64 bits. Default: 1,024,
    /// twice the 500 calls that an Asterisk places at once. An attacker needs eight addresses to reach
    /// the default `max_pending`. Behind a proxy all callers have the same address, unless the proxy
    /// [sends the address of its client](crate::Admission::proxy_protocol).
    pub max_pending_per_addr: usize,
    /// What the server does with a new connection while it has no place for it. Default: [`WhenFull::Refuse`].
    pub when_full: WhenFull,
}

/// What a server does with a new connection while it is full: it has [`max_calls`](Limits::max_calls) connections, too
/// few descriptors or too little memory, or the application [refuses calls](crate::Calls::refuse_calls).
///
/// Asterisk resolves the name of its server, and tries each address. It tries the next address if a connection is
/// refused, or if it takes two seconds. It does not try the next address after a connection that was accepted and then
/// closed (`res_audiosocket.c`; seen on Asterisk 22.10.1). So a call that meets a hangup is lost, even if another server
/// is idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Closes the listeners, so that the system refuses new connections. Opens them again when there is a place.
    ///
    /// This works on Linux, for sockets that the server bound itself. The server hangs up in other cases: on other systems,
    /// for a Unix socket, and for a listener of your own without `close`. It also hangs up for a socket that was given to
    /// the server, since such a socket may belong to other processes too.
    #[default]
    Refuse,
    /// Accepts the connection, sends a hangup frame, and closes it.
    HangUp,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`max_calls`](Self#structfield.max_calls).
    #[must_use]
    pub fn max_calls(mut self, connections: usize) -> Self {
        self.max_calls = connections;
        self
    }

    /// Sets [`max_pending`](Self#structfield.max_pending).
    #[must_use]
    pub fn max_pending(mut self, connections: usize) -> Self {
        self.max_pending = connections;
        self
    }

    /// Sets [`max_pending_per_addr`](Self#structfield.max_pending_per_addr).
    #[must_use]
    pub fn max_pending_per_addr(mut self, connections: usize) -> Self {
        self.max_pending_per_addr = connections;
        self
    }

    /// Sets [`when_full`](Self#structfield.when_full).
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_calls: 10_000,
            max_pending: 8_192,
            max_pending_per_addr: 1_024,
            when_full: WhenFull::Refuse,
        }
    }
}

/// The limit that refused a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitReached {
    /// [`Limits::max_calls`].
    Calls,
    /// [`Limits::max_pending`].
    Pending,
    /// [`Limits::max_pending_per_addr`].
    PendingFromAddr,
    /// The application [refuses calls](crate::Calls::refuse_calls) at present.
    Refusing,
    /// Memory is short: see [`Calls::note_memory_short`](crate::Calls::note_memory_short), which a `MemoryGuard` calls.
    Memory,
    /// The process has few descriptors left (`ulimit -n`). No connection is refused with this reason: the server closes
    /// its listeners.
    Descriptors,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "too many calls",
            Self::Pending => "too many connections without a UUID",
            Self::PendingFromAddr => "too many connections without a UUID from this address",
            Self::Refusing => "the application refuses calls at present",
            Self::Memory => "memory is short",
            Self::Descriptors => "too few descriptors are left",
        })
    }
}
