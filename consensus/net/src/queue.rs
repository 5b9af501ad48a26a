//! The bounded queue of frames that wait for one stream.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use alloy_primitives::Bytes;
use tokio::sync::Notify;

/// What gives way when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The oldest frames: in consensus, later messages make earlier ones stale.
    DropOldest,
    /// The new frame: somebody waits for its answer and can be told at once.
    RefuseNew,
}

/// Frames from any task to the one that writes the stream.
#[derive(Debug)]
pub(crate) struct Queue {
    frames: Mutex<Frames>,
    ready: Notify,
    max_frames: usize,
    max_bytes: usize,
    when_full: WhenFull,
}

#[derive(Debug, Default)]
struct Frames {
    list: VecDeque<Bytes>,
    bytes: usize,
}

impl Frames {
    fn pop(&mut self) -> Option<Bytes> {
        let frame = self.list.pop_front()?;
        self.bytes = self.bytes.saturating_sub(frame.len());
        Some(frame)
    }
}

impl Queue {
    pub(crate) fn new(max_frames: usize, max_bytes: usize, when_full: WhenFull) -> Self {
        Self { frames: Mutex::default(), ready: Notify::new(), max_frames, max_bytes, when_full }
    }

    /// Adds a frame, never waiting. Answers how many frames were given up for it, itself included.
    pub(crate) fn push(&self, frame: Bytes) -> usize {
        let mut dropped = 0_usize;
        {
            let mut frames = self.lock();
            let bytes = frames.bytes.saturating_add(frame.len());
            let full = frames.list.len() >= self.max_frames || bytes > self.max_bytes;
            if full && self.when_full == WhenFull::RefuseNew {
                return 1;
            }
            frames.bytes = bytes;
            frames.list.push_back(frame);
            // One frame always stays, even one above the bound by itself.
            while frames.list.len() > 1
                && (frames.list.len() > self.max_frames || frames.bytes > self.max_bytes)
            {
                frames.pop();
                dropped = dropped.saturating_add(1);
            }
        }
        self.ready.notify_one();
        dropped
    }

    /// Takes the oldest frame, waiting for one. There is one taker at a time.
    pub(crate) async fn pop(&self) -> Bytes {
        loop {
            if let Some(frame) = self.try_pop() {
                return frame;
            }
            self.ready.notified().await;
        }
    }

    /// Forgets all frames.
    pub(crate) fn clear(&self) {
        *self.lock() = Frames::default();
    }

    fn try_pop(&self) -> Option<Bytes> {
        self.lock().pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Frames> {
        // No code that holds the lock can panic half-way through a change.
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    fn rest(queue: &Queue) -> Vec<u8> {
        std::iter::from_fn(|| queue.try_pop()).map(|frame| frame[0]).collect()
    }

    #[test]
    fn a_full_queue_keeps_the_newest() {
        let queue = Queue::new(3, 1_000, WhenFull::DropOldest);
        let dropped: usize = (0..10).map(|byte| queue.push(frame(byte, 1))).sum();
        assert_eq!((dropped, rest(&queue)), (7, vec![7, 8, 9]));
    }

    #[test]
    fn bytes_are_bounded_too_but_one_frame_stays() {
        let queue = Queue::new(100, 10, WhenFull::DropOldest);
        assert_eq!(queue.push(frame(1, 5)), 0);
        assert_eq!(queue.push(frame(2, 5)), 0);
        assert_eq!(queue.push(frame(3, 6)), 2);
        assert_eq!(queue.push(frame(4, 99)), 1);
        assert_eq!(rest(&queue), [4]);
        assert_eq!(queue.push(frame(5, 10)), 0);
        assert_eq!(rest(&queue), [5]);
    }

    #[test]
    fn a_refusing_queue_keeps_the_oldest() {
        let queue = Queue::new(2, 10, WhenFull::RefuseNew);
        assert_eq!([1, 2, 3].map(|byte| queue.push(frame(byte, 4))), [0, 0, 1]);
        assert_eq!(rest(&queue), [1, 2]);
        queue.push(frame(4, 1));
        queue.clear();
        assert_eq!(rest(&queue), []);
    }

    #[tokio::test]
    async fn a_waiting_taker_is_woken() {
        let queue = std::sync::Arc::new(Queue::new(2, 10, WhenFull::DropOldest));
        let taker = tokio::spawn({
            let queue = queue.clone();
            async move { queue.pop().await }
        });
        tokio::task::yield_now().await;
        queue.push(frame(7, 1));
        assert_eq!(taker.await.unwrap(), frame(7, 1));
    }
}
