//! Runs a program on Linux and on the model.
fn main() {}
