//! Varuna as proof system 1: its bytes, its verdicts, and what it answers to bytes that no prover
//! made.

mod golden;
mod mutations;
mod support;
mod verdicts;
