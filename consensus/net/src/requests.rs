//! Questions and answers on the sync stream.
//!
//! A sync frame is a kind (one byte), an id (u64, big-endian) and a body. The asker chooses the id;
//! an answer bears the id of its question. Ids are only ever compared with our own open questions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::Bytes;
use tokio::sync::oneshot;

use crate::RequestError;

/// Bytes of a sync frame before its body.
pub(crate) const HEAD: usize = 9;

/// What a sync frame is. The numbers are part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A question.
    Request = 0,
    /// Its answer.
    Response = 1,
    /// There will be no answer.
    Refusal = 2,
}

/// Makes a sync frame.
pub(crate) fn encode(kind: Kind, id: u64, body: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(HEAD.saturating_add(body.len()));
    frame.push(kind as u8);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(body);
    frame.into()
}

/// Reads a sync frame; `None` if it is none.
pub(crate) fn decode(frame: &Bytes) -> Option<(Kind, u64, Bytes)> {
    let (head, _) = frame.split_first_chunk::<HEAD>()?;
    let (kind, id) = head.split_first()?;
    let kind = match kind {
        0 => Kind::Request,
        1 => Kind::Response,
        2 => Kind::Refusal,
        _ => return None,
    };
    let id = u64::from_be_bytes(id.try_into().ok()?);
    Some((kind, id, frame.slice(HEAD..)))
}

type Answer = Result<Bytes, RequestError>;

/// Our questions that wait for answers.
#[derive(Debug, Default)]
pub(crate) struct Open {
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, (u16, oneshot::Sender<Answer>)>>,
}

impl Open {
    /// Opens a question to `peer`. Dropping the ticket closes it.
    pub(crate) fn ask(&self, peer: u16) -> (Ticket<'_>, oneshot::Receiver<Answer>) {
        let id = self.next.fetch_add(1, Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id, (peer, sender));
        (Ticket { open: self, id }, receiver)
    }

    /// Hands an answer of `peer` to whoever asked; one that nobody waits for is dropped.
    pub(crate) fn answer(&self, peer: u16, id: u64, answer: Answer) {
        let mut waiting = self.lock();
        // Only who was asked may answer.
        if waiting.get(&id).is_some_and(|(asked, _)| *asked == peer)
            && let Some((_, sender)) = waiting.remove(&id)
        {
            // The asker may have given up.
            let _ = sender.send(answer);
        }
    }

    /// Tells all who wait for `peer` that it is gone.
    pub(crate) fn lost(&self, peer: u16) {
        let gone = self.lock().extract_if(.., |_, (asked, _)| *asked == peer).collect::<Vec<_>>();
        for (_, (_, sender)) in gone {
            let _ = sender.send(Err(RequestError::NotConnected { to: peer }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (u16, oneshot::Sender<Answer>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open question.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    open: &'a Open,
    /// Its id on the wire.
    pub(crate) id: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.open.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_their_byte_form() {
        for kind in [Kind::Request, Kind::Response, Kind::Refusal] {
            for body in [&b""[..], b"body"] {
                let frame = encode(kind, 7 << 40, body);
                assert_eq!(decode(&frame), Some((kind, 7 << 40, Bytes::copy_from_slice(body))));
            }
        }
        for bad in [&[][..], &[0; 8], &[3; 9], &[255; 20]] {
            assert_eq!(decode(&Bytes::copy_from_slice(bad)), None);
        }
    }

    #[test]
    fn only_who_was_asked_may_answer_and_only_once() {
        let open = Open::default();
        let (ticket, mut receiver) = open.ask(3);
        open.answer(4, ticket.id, Ok(b"forged".into()));
        open.answer(3, ticket.id + 1, Ok(b"other".into()));
        assert!(receiver.try_recv().is_err());
        open.answer(3, ticket.id, Ok(b"right".into()));
        open.answer(3, ticket.id, Ok(b"again".into()));
        assert_eq!(receiver.try_recv().unwrap().unwrap(), Bytes::from(b"right"));
        drop(ticket);
        assert!(open.lock().is_empty());
    }

    #[test]
    fn a_lost_peer_answers_nothing_more() {
        let open = Open::default();
        let (_a, mut to_three) = open.ask(3);
        let (_b, mut to_four) = open.ask(4);
        open.lost(3);
        assert_eq!(to_three.try_recv().unwrap(), Err(RequestError::NotConnected { to: 3 }));
        assert!(to_four.try_recv().is_err());
    }
}
