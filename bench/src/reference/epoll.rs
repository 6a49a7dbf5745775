use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use audiosocket_proto::Decoder;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::frames;

const LISTENER: u64 = u64::MAX;

/// How many connections are told of at once.
const EVENTS: usize = 1024;

/// One read and one write for each wake-up of a connection, however many frames there are; both
/// buffers are all connections'.
struct Echo {
    epoll: OwnedFd,
    /// By the number that their events have.
    calls: Vec<Option<Call>>,
    free: Vec<u64>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Call {
    stream: TcpStream,
    decoder: Decoder,
    /// What the kernel did not take; nothing is read until it has.
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
                number => echo.attend(number),
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

    /// The connection can be read, or written if something is unsent; or it is over.
    fn attend(&mut self, number: u64) {
        let Some(call) = &mut self.calls[number as usize] else {
            return;
        };
        let was_full = !call.unsent.is_empty();
        let attended = if was_full {
            call.write_on()
        } else {
            call.read(&mut self.input, &mut self.output)
        };
        let is_full = !call.unsent.is_empty();
        let over = !matches!(attended, Ok(true));
        if over {
            // Closing it takes it out of the epoll.
            self.calls[number as usize] = None;
            self.free.push(number);
        } else if was_full != is_full {
            let interest = if is_full {
                EventFlags::OUT
            } else {
                EventFlags::IN
            };
            // Of what is registered, this does not fail.
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
    /// Says whether it goes on.
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
