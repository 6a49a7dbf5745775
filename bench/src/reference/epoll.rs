use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use audiosocket_proto::Decoder;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::frames;

const LISTENER: u64 = u64::MAX;

/// The maximum number of events of one wait.
const EVENTS: usize = 1024;

/// Makes one read and one write for each wake-up of a connection. All connections share both buffers.
struct Echo {
    epoll: OwnedFd,
    /// The index is the number in the events.
    calls: Vec<Option<Call>>,
    free: Vec<u64>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Call {
    stream: TcpStream,
    decoder: Decoder,
    /// Bytes that the kernel did not take. Nothing is read before it has taken them.
    unsent: Vec<u8>,
}

pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    let mut echo = Echo {
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        calls: Vec::new(),
        free: Vec::new(),
        input: vec![0; 64 * 1024],
        output: Vec::with_capacity(64 * 1024),
    };
    epoll::add(
        &echo.epoll,
        listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        match epoll::wait(&echo.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER => echo.accept(listener)?,
                number => echo.handle(number),
            }
        }
    }
}

impl Echo {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let number = self.free.pop().unwrap_or_else(|| {
                self.calls.push(None);
                self.calls.len() as u64 - 1
            });
            epoll::add(
                &self.epoll,
                &stream,
                EventData::new_u64(number),
                EventFlags::IN,
            )?;
            self.calls[number as usize] = Some(Call {
                stream,
                decoder: Decoder::new(),
                unsent: Vec::new(),
            });
        }
    }

    /// Handles an event: the connection can be read, or written if there are unsent bytes.
    fn handle(&mut self, number: u64) {
        let Some(call) = &mut self.calls[number as usize] else {
            return;
        };
        let was_full = !call.unsent.is_empty();
        let handled = if was_full {
            call.write_on()
        } else {
            call.read(&mut self.input, &mut self.output)
        };
        let is_full = !call.unsent.is_empty();
        let over = !matches!(handled, Ok(true));
        if over {
            // Closing the socket removes it from the epoll.
            self.calls[number as usize] = None;
            self.free.push(number);
        } else if was_full != is_full {
            let interest = if is_full {
                EventFlags::OUT
            } else {
                EventFlags::IN
            };
            // This does not fail for a registered socket.
            let _ = epoll::modify(
                &self.epoll,
                &call.stream,
                EventData::new_u64(number),
                interest,
            );
        }
    }
}

impl Call {
    /// Returns whether the connection stays open.
    fn read(&mut self, input: &mut [u8], output: &mut Vec<u8>) -> io::Result<bool> {
        let read = match self.stream.read(input) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            read => read?,
        };
        frames::echo(&mut self.decoder, &input[..read], output)?;
        if !output.is_empty() {
            let written = self.write(output)?;
            self.unsent.extend_from_slice(&output[written..]);
        }
        Ok(read > 0)
    }

    fn write_on(&mut self) -> io::Result<bool> {
        let unsent = std::mem::take(&mut self.unsent);
        let written = self.write(&unsent)?;
        self.unsent.extend_from_slice(&unsent[written..]);
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        frames::written(self.stream.write(bytes))
    }
}
