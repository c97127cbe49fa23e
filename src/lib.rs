//! An embeddable engine that follows every lead through.

pub mod time;
pub mod value;
