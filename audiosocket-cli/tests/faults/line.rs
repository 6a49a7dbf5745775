//! Programs at the ends of a line with faults.

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use audiosocket_network_faults::{FAR, Line};

use super::process::{ServeProcess, audiosocket};

/// Starts programs at the ends of a line.
pub(crate) trait Programs {
    /// Starts an echo server at the far end. With port 0 the system chooses the port.
    fn serve(&self, runtime: &str, port: u16, args: &[&str]) -> ServeProcess;

    /// Calls `server` from the near end.
    fn call(&self, server: SocketAddr, args: &[&str]) -> Child;
}

impl Programs for Line {
    fn serve(&self, runtime: &str, port: u16, args: &[&str]) -> ServeProcess {
        let listen = format!("{FAR}:{port}");
        let server = ["serve", "echo", "--runtime", runtime, "--listen", &listen];
        // The machine can be busy.
        let patient = ["--uuid-timeout", "1h"];
        let server = server.into_iter().chain(patient);
        let server = audiosocket(server.chain(args.iter().copied()));
        ServeProcess::run_as_is(self.far.within(&server), 1)
    }

    fn call(&self, server: SocketAddr, args: &[&str]) -> Child {
        let server = server.to_string();
        let call = ["call", &server, "--json"];
        let patient = ["--echo-timeout", "60s", "--connect-timeout", "60s"];
        let call = call.into_iter().chain(patient);
        let call = audiosocket(call.chain(args.iter().copied()));
        let mut call = self.near.within(&call);
        call.stdout(Stdio::piped()).stderr(Stdio::piped());
        call.spawn().unwrap()
    }
}
