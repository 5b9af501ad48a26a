//! The machine: views, collectors, blocks and what to do next.

mod api;

pub use api::{
    Built, Config, FinalPoint, HaltReason, Input, Output, Purpose, Recovered, Target, VIEW_WINDOW,
    Window,
};

/// One validator's consensus.
#[derive(Debug)]
pub struct Core {
    out: Vec<Output>,
}

impl Core {
    /// A validator before its [`Input::Start`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        let _ = config;
        Self { out: Vec::new() }
    }

    /// Takes one input and answers with what is to be done, in order.
    #[must_use]
    pub fn step(&mut self, now: crate::Tick, input: Input) -> Vec<Output> {
        let _ = (now, input);
        core::mem::take(&mut self.out)
    }

    /// What the machine has use for: hand it to the verification pool after every step.
    #[must_use]
    pub fn window(&self) -> Window {
        Window::default()
    }

    /// An unfinalised block the machine holds: to serve peers that fetch it.
    #[must_use]
    pub fn block(&self, hash: &alloy_primitives::B256) -> Option<&crate::Block> {
        let _ = hash;
        None
    }

    /// The last final block.
    #[must_use]
    pub fn finalised(&self) -> FinalPoint {
        FinalPoint { height: 0, view: crate::View::ROOT, hash: alloy_primitives::B256::ZERO }
    }
}
