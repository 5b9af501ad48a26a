//! Frames on a stream: a length (u32, big-endian, not 0) and so many bytes.
//!
//! Who accepts a stream greets with one byte before anything else. Until the greeting has come the
//! opener sends nothing: a stream that was dropped on arrival would swallow its first frames.

use std::io;

use alloy_primitives::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The greeting.
pub(crate) const HELLO: u8 = 1;

/// Bytes for which room is made before any have come.
const FIRST_ROOM: usize = 64 * 1024;

/// Frames up to this long are written together with their length, in one piece.
const SMALL: usize = 16 * 1024;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The length breaks the protocol.
    #[error("a frame of {length} bytes, of {max} allowed")]
    BadLength { length: usize, max: usize },
    /// The stream ended or broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads one frame.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    max: usize,
) -> Result<Bytes, FrameError> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let announced = u32::from_be_bytes(head);
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length == 0 || length > max {
        return Err(FrameError::BadLength { length, max });
    }
    // Room grows with what really comes: a length alone costs its sender nothing.
    let mut bytes = Vec::with_capacity(length.min(FIRST_ROOM));
    stream.take(u64::from(announced)).read_to_end(&mut bytes).await?;
    if bytes.len() == length {
        Ok(bytes.into())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }
}

/// Writes one frame.
pub(crate) async fn write<S: AsyncWrite + Unpin>(stream: &mut S, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?.to_be_bytes();
    if frame.len() <= SMALL {
        stream.write_all(&[&length, frame].concat()).await?;
    } else {
        stream.write_all(&length).await?;
        stream.write_all(frame).await?;
    }
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        for length in [1, 2, SMALL, SMALL + 1, FIRST_ROOM + 1, 300_000] {
            let frame = vec![7; length];
            let mut wire = Cursor::new(Vec::new());
            write(&mut wire, &frame).await.unwrap();
            let mut wire = Cursor::new(wire.into_inner());
            assert_eq!(read(&mut wire, length).await.unwrap(), Bytes::from(frame));
        }
    }

    #[tokio::test]
    async fn lengths_are_judged_before_anything_is_read() {
        for (announced, max) in [(0_u32, 10), (11, 10), (u32::MAX, 10), (u32::MAX, 1 << 30)] {
            let mut wire = Cursor::new(announced.to_be_bytes().to_vec());
            let got = read(&mut wire, max).await;
            assert!(matches!(got, Err(FrameError::BadLength { .. })), "{announced} of {max}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_ends_early_is_an_error() {
        for wire in [vec![], vec![0], vec![0, 0, 0, 5], vec![0, 0, 0, 5, 1, 2, 3, 4]] {
            let got = read(&mut Cursor::new(wire), 10).await;
            assert!(matches!(got, Err(FrameError::Io(_))));
        }
    }
}
