//! What all methods share: the context, block references, and a bound on heavy work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::B256;
use parking_lot::Mutex;
use qenex_exec::{ExecError, SealedBlock, Stop, TraceBounds};

use crate::{
    RpcConfig, RpcContext, admission::Admission, args::Args, development::CurrentChain,
    error::Failure, filters::Filters, lane::Lane,
};

/// Blocks this far below the head are in memory, decoded; older ones are read from disk.
const IN_MEMORY: u64 = 256;

/// Longest time a client may ask for a trace.
const MAX_TRACE_TIME: Duration = Duration::from_secs(60);

/// The state behind the methods.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) config: RpcConfig,
    pub(crate) context: Arc<RpcContext>,
    pub(crate) admission: Admission,
    pub(crate) filters: Filters,
    /// The last suggested priority fee, and the height it was made at.
    pub(crate) suggested_tip: Mutex<Option<(u64, u128)>>,
    heavy: Lane,
    traces: Lane,
}

impl Api {
    pub(crate) fn new(
        config: RpcConfig,
        context: Arc<RpcContext>,
        admission: Admission,
    ) -> std::io::Result<Self> {
        Ok(Self {
            filters: Filters::new(config.max_filters),
            heavy: Lane::start("rpc-heavy", config.max_heavy)?,
            traces: Lane::start("rpc-trace", config.max_traces)?,
            suggested_tip: Mutex::new(None),
            config,
            context,
            admission,
        })
    }

    pub(crate) fn chain(&self) -> CurrentChain<'_> {
        self.context.chain.now()
    }

    /// Height of the last final block.
    pub(crate) fn height(&self) -> u64 {
        self.chain().head().header.number
    }

    /// Runs heavy work on one of the few threads for it.
    pub(crate) async fn heavy<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.blocking(&self.heavy, work).await
    }

    /// Runs a call as heavy work, for as long as calls may take.
    #[expect(clippy::disallowed_methods, reason = "how long a client may keep a thread busy")]
    pub(crate) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, Stop<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let limit = Duration::from_millis(self.config.call_timeout_ms);
        self.heavy(move |api| {
            let started = Instant::now();
            work(api, &|| started.elapsed() >= limit).map_err(|failure| failure.timed(limit))
        })
        .await
    }

    /// Traces on a thread of which there are fewer still, within the bounds of a trace.
    #[expect(clippy::disallowed_methods, reason = "how long a client may keep a thread busy")]
    pub(crate) async fn trace<T: Send + 'static>(
        self: &Arc<Self>,
        timeout: Option<Duration>,
        work: impl FnOnce(&Self, TraceBounds<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let usual = Duration::from_millis(self.config.trace_timeout_ms);
        let limit = timeout.unwrap_or(usual).min(MAX_TRACE_TIME);
        let max_bytes = self.config.max_trace_bytes;
        self.blocking(&self.traces, move |api| {
            let started = Instant::now();
            let stop = || started.elapsed() >= limit;
            work(api, TraceBounds { stop: &stop, max_bytes })
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        lane: &Lane,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let api = Arc::clone(self);
        lane.run(move || work(&api)).await
    }

    /// Runs work on the state after a block: at once for the head, else as heavy work.
    pub(crate) async fn at<T: Send + 'static>(
        self: &Arc<Self>,
        number: u64,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        if number == self.height() { work(self) } else { self.heavy(work).await }
    }

    /// The height a block parameter names. Omitted: the head.
    pub(crate) fn resolve(&self, id: Option<BlockId>) -> Result<u64, Failure> {
        let number = match id {
            None => Some(self.height()),
            Some(BlockId::Number(tag)) => self.number(tag),
            Some(BlockId::Hash(hash)) => {
                self.block_by_hash(hash.block_hash)?.map(|block| block.header.number)
            }
        };
        number.ok_or_else(Failure::unknown_block)
    }

    /// The height a number or tag names, if there is such a block. All tags but `earliest` are the
    /// head: there is nothing after it that could be shown.
    pub(crate) fn number(&self, tag: BlockNumberOrTag) -> Option<u64> {
        match tag {
            BlockNumberOrTag::Number(number) => Some(number).filter(|n| *n <= self.height()),
            BlockNumberOrTag::Earliest => Some(0),
            _ => Some(self.height()),
        }
    }

    /// The height of the state parameter at `index`.
    pub(crate) fn state_arg(&self, args: &Args, index: usize) -> Result<u64, Failure> {
        // What nearly all ask for; to find out in general costs as much as the answer.
        if args.is_text(index, "latest") {
            return Ok(self.height());
        }
        self.resolve(args.optional(index)?)
    }

    /// The final block with this hash. While the node is still fetching old blocks, one that it does
    /// not know is no answer.
    pub(crate) fn block_by_hash(&self, hash: B256) -> Result<Option<Arc<SealedBlock>>, Failure> {
        match self.chain().block_by_hash(hash)? {
            None => self.nothing_missing().map(|()| None),
            found => Ok(found),
        }
    }

    /// The final block with this transaction, and the transaction's index; as
    /// [`Api::block_by_hash`], but for one that is in the pool.
    pub(crate) fn transaction(
        &self,
        hash: B256,
    ) -> Result<Option<(Arc<SealedBlock>, usize)>, Failure> {
        match self.chain().transaction(hash)? {
            None if self.context.pool.get(&hash).is_none() => self.nothing_missing().map(|()| None),
            found => Ok(found),
        }
    }

    fn nothing_missing(&self) -> Result<(), Failure> {
        let missing = self.chain().missing_blocks();
        if missing.is_empty() { Ok(()) } else { Err(ExecError::NotFetched { missing }.into()) }
    }

    /// A block by parameter, or none if there is no such block.
    pub(crate) async fn block(
        self: &Arc<Self>,
        id: BlockId,
    ) -> Result<Option<Arc<SealedBlock>>, Failure> {
        match id {
            BlockId::Hash(hash) => Ok(self.block_by_hash(hash.block_hash)?),
            BlockId::Number(tag) => match self.number(tag) {
                None => Ok(None),
                Some(number) if number.saturating_add(IN_MEMORY) > self.height() => {
                    Ok(self.chain().block(number)?)
                }
                Some(number) => self.heavy(move |api| Ok(api.chain().block(number)?)).await,
            },
        }
    }
}
