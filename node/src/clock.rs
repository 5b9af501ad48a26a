//! The node's two clocks: the only place that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use qenex_consensus::Tick;

/// Milliseconds since the Unix epoch, for block times. Never decides about safety.
#[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The monotonic clock that timers run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Monotonic(Instant);

impl Monotonic {
    /// A clock that begins now.
    #[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub(crate) fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long it has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// How long until `at`; zero if that has passed.
    pub(crate) fn until(&self, at: Tick) -> Duration {
        Duration::from_millis(at.0).saturating_sub(self.0.elapsed())
    }
}
