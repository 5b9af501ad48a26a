//! Block building and execution with revm, and the chain of blocks they make.
