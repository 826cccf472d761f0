//! `cargo bench`: see the library's `table`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::table::main()
}
