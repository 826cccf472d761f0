//! Who says that a type is an object promises what the compiler cannot see.

use axprocess::Object;

struct Mine;

impl Object for Mine {}

fn main() {}
