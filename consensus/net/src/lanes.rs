//! The streams: for each peer and lane one we write and one we read.
//!
//! Each side opens the streams it writes and accepts those it reads, so that who dialled does not
//! matter. A writer waits for a connection, opens its stream, waits for the greeting, and then
//! moves frames from queue to stream until the stream breaks; then it begins again. A frame that
//! was being written when the stream broke is written again on the next one.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use alloy_primitives::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{Stream, StreamProtocol};
use libp2p_stream::{Control, IncomingStreams, OpenStreamError};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::frame::{self, FrameError, HELLO};
use crate::limits::{OPEN_TIMEOUT, REOPEN_PAUSE, REQUEST_TIMEOUT, REQUESTS_AT_ONCE};
use crate::requests::{self, Kind};
use crate::shared::{Lane, Peer, Shared};
use crate::{Class, NetEvent, RequestError};

/// What a task of a lane needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: mpsc::Sender<NetEvent>,
}

/// Writes one lane to one peer, for ever.
pub(crate) async fn write(
    context: Context,
    index: u16,
    lane: Lane,
    protocol: StreamProtocol,
    mut control: Control,
) {
    let Some(peer) = context.shared.peers.get(&index) else { return };
    let mut link = peer.link.subscribe();
    let mut in_hand = None;
    while link.wait_for(|up| *up).await.is_ok() {
        match timeout(OPEN_TIMEOUT, open(&mut control, peer, protocol.clone())).await {
            Ok(Ok(stream)) => {
                if lane == Lane::Vote {
                    peer.set_connected(true);
                    let _ = context.events.send(NetEvent::Connected(index)).await;
                }
                pump(&context.shared, peer, lane, stream, &mut in_hand).await;
                if lane == Lane::Vote {
                    peer.set_connected(false);
                    context.shared.open.lost(index);
                    let _ = context.events.send(NetEvent::Disconnected(index)).await;
                }
                if lane == Lane::Sync {
                    // Nobody waits for these any more.
                    in_hand = None;
                    peer.queue(lane).clear();
                }
            }
            Ok(Err(OpenError::OtherProtocol)) => {
                context.shared.offence(index, &"it does not speak this chain's protocol");
            }
            Ok(Err(OpenError::Io(error))) => {
                tracing::debug!(validator = index, ?lane, %error, "cannot open a stream");
            }
            Err(_) => tracing::debug!(validator = index, ?lane, "opening a stream takes too long"),
        }
        sleep(REOPEN_PAUSE).await;
    }
}

enum OpenError {
    OtherProtocol,
    Io(io::Error),
}

async fn open(
    control: &mut Control,
    peer: &Peer,
    protocol: StreamProtocol,
) -> Result<Stream, OpenError> {
    let mut stream = control.open_stream(peer.id, protocol).await.map_err(|e| match e {
        OpenStreamError::UnsupportedProtocol(_) => OpenError::OtherProtocol,
        OpenStreamError::Io(error) => OpenError::Io(error),
        other => OpenError::Io(io::Error::other(other)),
    })?;
    let mut hello = [0];
    stream.read_exact(&mut hello).await.map_err(OpenError::Io)?;
    if hello == [HELLO] { Ok(stream) } else { Err(OpenError::OtherProtocol) }
}

/// Moves frames from the queue to the stream until it breaks.
async fn pump(
    shared: &Shared,
    peer: &Peer,
    lane: Lane,
    stream: Stream,
    in_hand: &mut Option<Bytes>,
) {
    let (mut reader, mut writer) = stream.split();
    let counters = shared.lane_counters(lane);
    let writing = async {
        loop {
            let next = match in_hand.take() {
                Some(frame) => frame,
                None => peer.queue(lane).pop().await,
            };
            let frame = in_hand.insert(next);
            frame::write(&mut writer, frame).await?;
            counters.frames_out.add(1);
            counters.bytes_out.add(frame.len());
            *in_hand = None;
        }
    };
    // The reader of our stream says nothing after its greeting; an end or an error is its end.
    let mut nothing = [0];
    let broken = reader.read(&mut nothing);
    tokio::select! {
        result = writing => {
            let result: io::Result<()> = result;
            tracing::debug!(validator = peer.index, ?lane, ?result, "stream broke");
        }
        result = broken => {
            tracing::debug!(validator = peer.index, ?lane, ?result, "stream ended");
        }
    }
}

/// Accepts one lane's streams from all peers, for ever. A peer's newer stream replaces its older.
pub(crate) async fn accept(context: Context, lane: Lane, mut incoming: IncomingStreams) {
    let mut tasks = JoinSet::new();
    let mut current: BTreeMap<u16, AbortHandle> = BTreeMap::new();
    loop {
        tokio::select! {
            stream = incoming.next() => {
                let Some((id, stream)) = stream else { return };
                // The swarm refuses unlisted peers; this is the second lock on the same door.
                let Some(peer) = context.shared.peer_of(&id) else { continue };
                let task = tasks.spawn(read(context.clone(), peer.index, lane, stream));
                if let Some(older) = current.insert(peer.index, task) {
                    older.abort();
                }
            }
            Some(_) = tasks.join_next() => (),
        }
    }
}

/// Reads one stream until it ends or breaks the protocol.
async fn read(context: Context, index: u16, lane: Lane, mut stream: Stream) {
    let answering = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
    let mut answers = JoinSet::new();
    let greeted = async {
        stream.write_all(&[HELLO]).await?;
        stream.flush().await
    };
    if greeted.await.is_err() {
        return;
    }
    loop {
        let bytes = match frame::read(&mut stream, lane.max_frame()).await {
            Ok(bytes) => bytes,
            Err(error @ FrameError::BadLength { .. }) => {
                return context.shared.offence(index, &error);
            }
            Err(FrameError::Io(error)) => {
                tracing::debug!(validator = index, ?lane, %error, "stream ended");
                return;
            }
        };
        let counters = context.shared.lane_counters(lane);
        counters.frames_in.add(1);
        counters.bytes_in.add(bytes.len());
        while answers.try_join_next().is_some() {}
        let event = match lane {
            Lane::Vote => NetEvent::Message { from: index, class: Class::Vote, bytes },
            Lane::Block => NetEvent::Message { from: index, class: Class::Block, bytes },
            Lane::Sync => match sync(&context, index, &bytes, &answering, &mut answers) {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(Malformed) => return context.shared.offence(index, &"no sync frame"),
            },
        };
        // Waiting here holds the sender back by way of QUIC's flow control.
        if context.events.send(event).await.is_err() {
            return;
        }
    }
}

/// Not a sync frame.
struct Malformed;

/// Takes a sync frame; answers with the event to raise, if it is a question.
fn sync(
    context: &Context,
    from: u16,
    bytes: &Bytes,
    answering: &Arc<Semaphore>,
    answers: &mut JoinSet<()>,
) -> Result<Option<NetEvent>, Malformed> {
    let (kind, id, bytes) = requests::decode(bytes).ok_or(Malformed)?;
    match kind {
        Kind::Response => context.shared.open.answer(from, id, Ok(bytes)),
        Kind::Refusal => {
            context.shared.open.answer(from, id, Err(RequestError::Refused { by: from }));
        }
        Kind::Request => {
            let Ok(permit) = Arc::clone(answering).try_acquire_owned() else {
                respond(&context.shared, from, id, None);
                return Ok(None);
            };
            let (reply, answer) = oneshot::channel::<Bytes>();
            let shared = Arc::clone(&context.shared);
            answers.spawn(async move {
                let answer = timeout(REQUEST_TIMEOUT, answer).await;
                respond(&shared, from, id, answer.ok().and_then(Result::ok));
                drop(permit);
            });
            return Ok(Some(NetEvent::Request { from, bytes, reply }));
        }
    }
    Ok(None)
}

fn respond(shared: &Shared, to: u16, id: u64, answer: Option<Bytes>) {
    let Some(peer) = shared.peers.get(&to) else { return };
    let frame = match answer {
        Some(body) if body.len() <= crate::limits::MAX_SYNC_MESSAGE => {
            requests::encode(Kind::Response, id, &body)
        }
        Some(body) => {
            tracing::error!(bytes = body.len(), "an answer is longer than the protocol allows");
            requests::encode(Kind::Refusal, id, &[])
        }
        None => requests::encode(Kind::Refusal, id, &[]),
    };
    shared.push(peer, Lane::Sync, frame);
}
