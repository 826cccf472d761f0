//! What is between the host and the relations has no name outside: a hold of the lock, the world, an object's head.

use axprocess::{Head, Hold, World};

fn main() {}
