//! `qenex dev` as a process: every method that only it has, what it refuses, and people's tools on it.

mod blocks;
mod clients;
mod harness;
mod state;
mod ways_back;
