//! Frames on a Unix stream socket: a `u32` length, that many bytes of postcard, descriptors beside the first byte.
//!
//! The same code serves blocking sockets (zygote, worker) and non-blocking ones (the server): [`Reader::read`] keeps what
//! it has when the socket has no more, and goes on at the next call.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{MAX_DESCRIPTORS, MAX_FRAME};

/// Encodes a message as one frame, or says that it is longer than a frame may be.
pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    frame = postcard::to_extend(message, frame).map_err(io::Error::other)?;
    let len = frame.len() - 4;
    if len > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("frame of {len} bytes exceeds {MAX_FRAME}"),
        ));
    }
    frame[..4].copy_from_slice(&(len as u32).to_le_bytes());
    Ok(frame)
}

/// Decodes the body of a frame; trailing bytes are an error, as both sides are built together.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(invalid(format!("{} bytes left over after the message", rest.len()))),
        Err(error) => Err(invalid(format!("undecodable message: {error}"))),
    }
}

/// Sends as much of `frame` as the socket takes and returns how much that was. The descriptors go with the first byte,
/// so pass them only with the start of a frame.
pub fn send_some(socket: BorrowedFd<'_>, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "too many descriptors for one frame",
        ));
    }
    // Without NOSIGNAL a worker that died would take the server with it by SIGPIPE.
    Ok(sendmsg(
        socket,
        &[IoSlice::new(frame)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?)
}

/// Sends one message on a blocking socket.
pub fn send<T: Serialize>(socket: BorrowedFd<'_>, message: &T, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let frame = encode(message)?;
    let mut sent = 0;
    while sent < frame.len() {
        let with = if sent == 0 { descriptors } else { &[] };
        match send_some(socket, &frame[sent..], with) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A received frame: its body, not yet decoded, and the descriptors that came with it.
#[derive(Debug)]
pub struct Frame {
    /// The postcard bytes.
    pub body: Vec<u8>,
    /// At most [`MAX_DESCRIPTORS`], all close-on-exec.
    pub descriptors: VecDeque<OwnedFd>,
}

/// Collects frames from a socket, however they arrive.
#[derive(Debug, Default)]
pub struct Reader {
    head: [u8; 4],
    n_head: usize,
    body: Vec<u8>,
    n_body: usize,
    descriptors: VecDeque<OwnedFd>,
}

impl Reader {
    /// Reads until one whole frame is there. Gives none at the end of the stream, `WouldBlock` when a non-blocking socket
    /// has no more for now, `UnexpectedEof` when the stream ends inside a frame and `InvalidData` past the caps.
    pub fn read(&mut self, socket: impl AsFd) -> io::Result<Option<Frame>> {
        let socket = socket.as_fd();
        while self.n_head < 4 {
            let mut head = self.head;
            let n = self.receive(socket, &mut head[self.n_head..])?;
            self.head = head;
            match (n, self.n_head) {
                (0, 0) => return Ok(None),
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (n, _) => self.n_head += n,
            }
            if self.n_head == 4 {
                let len = u32::from_le_bytes(self.head) as usize;
                if len > MAX_FRAME {
                    let reason = format!("announced a frame of {len} bytes, more than {MAX_FRAME}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
                self.body = vec![0; len];
                self.n_body = 0;
            }
        }
        while self.n_body < self.body.len() {
            let mut body = std::mem::take(&mut self.body);
            let received = self.receive(socket, &mut body[self.n_body..]);
            self.body = body;
            match received? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.n_body += n,
            }
        }
        self.n_head = 0;
        Ok(Some(Frame {
            body: std::mem::take(&mut self.body),
            descriptors: std::mem::take(&mut self.descriptors),
        }))
    }

    fn receive(&mut self, socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(
                socket,
                &mut [IoSliceMut::new(buffer)],
                &mut control,
                RecvFlags::CMSG_CLOEXEC,
            ) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                self.descriptors.extend(passed);
            }
        }
        if self.descriptors.len() > MAX_DESCRIPTORS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "more descriptors than a frame may carry",
            ));
        }
        Ok(received.bytes)
    }
}

/// Waits for one message on a blocking socket; none at the end of the stream.
pub fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(T, VecDeque<OwnedFd>)>> {
    match Reader::default().read(socket)? {
        None => Ok(None),
        Some(frame) => Ok(Some((decode(&frame.body)?, frame.descriptors))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::{Reader, decode, encode, receive, send};
    use crate::MAX_FRAME;

    #[test]
    fn a_message_and_its_descriptor_arrive_together() {
        let (left, right) = UnixStream::pair().unwrap();
        let (inner, mut outer) = UnixStream::pair().unwrap();
        send(left.as_fd(), &"hello".to_owned(), &[inner.as_fd()]).unwrap();
        let (text, mut descriptors) = receive::<String>(right.as_fd()).unwrap().unwrap();
        assert_eq!(text, "hello");
        outer.write_all(b"x").unwrap();
        let mut passed = UnixStream::from(descriptors.pop_front().unwrap());
        let mut byte = [0];
        std::io::Read::read_exact(&mut passed, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn a_frame_in_pieces_is_one_frame() {
        let (mut left, right) = UnixStream::pair().unwrap();
        right.set_nonblocking(true).unwrap();
        let frame = encode(&"in pieces".to_owned()).unwrap();
        let mut reader = Reader::default();
        for byte in &frame[..frame.len() - 1] {
            left.write_all(&[*byte]).unwrap();
            assert_eq!(reader.read(&right).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        }
        left.write_all(&frame[frame.len() - 1..]).unwrap();
        let whole = reader.read(&right).unwrap().unwrap();
        assert_eq!(decode::<String>(&whole.body).unwrap(), "in pieces");
    }

    #[test]
    fn lengths_past_the_cap_and_cut_frames_are_refused() {
        let (mut left, right) = UnixStream::pair().unwrap();
        left.write_all(&(MAX_FRAME as u32 + 1).to_le_bytes()).unwrap();
        assert_eq!(
            Reader::default().read(&right).unwrap_err().kind(),
            std::io::ErrorKind::InvalidData
        );
        let (mut left, right) = UnixStream::pair().unwrap();
        left.write_all(&[9, 0, 0, 0, 1]).unwrap();
        drop(left);
        assert_eq!(
            Reader::default().read(&right).unwrap_err().kind(),
            std::io::ErrorKind::UnexpectedEof
        );
        assert!(encode(&vec![0u8; MAX_FRAME + 1]).is_err());
        assert!(decode::<u8>(&[1, 2]).is_err());
    }
}
