//! Two-phase HotStuff BFT as a pure state machine.
