//! `cargo budgets`: see the library's `budgets`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::budgets::main()
}
